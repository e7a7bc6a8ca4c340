"""Small changes to the bytes of a file, drawn from a seed: what damage, bad exports and bad intentions do to it."""

from __future__ import annotations

import random
from collections.abc import Iterator

TOKENS = [
    *(b"nan", b"NaN", b"inf", b"-inf", b"1e400", b"-1", b"0", b"9" * 30, b"1_0", b"2.0", b"0x10", b"1e-400", b"true"),
    *(b"null", b"None", b'"', b"'", b",", b";", b"\t", b"\n", b"\r", b"\r\n", b"\n\n", b"#", b"%", b" ", b"\\", b"\0"),
    *(b"[", b"]", b"{", b"}", b"<", b">", b"&", b"&a;", b"/>", b"=", b":", b"(", b")", b"1" * 5000, b"(" * 3000),
    *(b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", "é".encode(), "日本".encode(), "\u202e".encode(), b"\x1b[31m", b"\xc3"),
    *(b"[[" * 500, b"$_$", b"..", b"/etc/passwd", b"2024-01-01", b"2024-13-01T25:00:00Z", b"\xed\xa0\x80", b"A" * 400),
]


def mutated(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Yield ``count`` changed versions of a file, always the same ones."""
    draw = random.Random(seed)  # noqa: S311
    for _ in range(count):
        changed = content
        for _ in range(draw.choice([1, 1, 1, 2, 5])):
            changed = _changed(changed, draw)
        yield changed


def _changed(content: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(content) + 1)
    end = min(len(content), at + draw.choice([1, 1, 3, 10, 40]))
    before, cut, after = content[:at], content[at:end], content[end:]
    lines, words = content.split(b"\n"), content.replace(b",", b" ").split() or [b""]
    one, two = (draw.randrange(len(lines)) for _ in range(2))
    swapped = [lines[two] if n == one else lines[one] if n == two else line for n, line in enumerate(lines)]
    repeated = [*lines[:one], *lines[one : one + 1] * draw.choice([0, 2, 3]), *lines[one + 1 :]]
    return draw.choice(
        [
            before + bytes([draw.randrange(256)]) + content[at + 1 :],
            before + after,
            before + cut + cut + after,
            before,
            b"\n".join(swapped),
            b"\n".join(repeated),
            content.replace(draw.choice(words), draw.choice(TOKENS), draw.choice([1, -1])),
            before + draw.choice(TOKENS) + cut + after,
        ]
    )
