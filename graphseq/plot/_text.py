"""Names from data as they stand there: no mathematics between dollar signs, no characters without a shape."""

from __future__ import annotations

import re

from matplotlib import rcParams

_DOLLAR = re.compile(r"(?<!\\)\$")


def plain(name: object) -> str:
    r"""Return a name as matplotlib writes it literally: ``cost $_$`` is no formula, and a control character is escaped.

    A name that is plain stays as it is, so that it may come through here twice.

    Example:
        >>> plain("cost $_$"), plain("100%$"), plain("a\x1b[31m"), plain(plain("$"))
        ('cost \\$_\\$', '100%\\$', 'a\\x1b[31m', '\\$')
    """
    text = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in str(name)
    )
    return _DOLLAR.sub(r"\\$", text) if rcParams["text.parse_math"] else text
