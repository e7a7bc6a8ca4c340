"""The parser of every command, the words that become values, and the flags that all commands have."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from graphseq._printable import printable
from graphseq.experiments.settings import MANY, Range

T = TypeVar("T", int, float)


class Parser(argparse.ArgumentParser):
    """A parser that refuses in one line, with the flag that is nearest to a misspelt one.

    Attributes:
        aliases: flags of arguments of the library that are called otherwise, by the argument.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.aliases: dict[str, str] = {}
        self._words: list[str] = []
        self.set_defaults(parser=self)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and end with status 2."""
        if message.startswith("the following arguments are required"):
            message += self._misspelt()
        elif message.startswith("argument COMMAND") and self._words[:1] and self._words[0].startswith("--"):
            message = (
                f"{self._words[0]} is before the command; flags follow it, as in graphseq COMMAND {self._words[0]}"
            )
        self.exit(2, f"{self.prog}: {printable(' '.join(message.split()))}\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse, and refuse what is not known here, under the name of this command."""
        self._words = [word for word in (args or ()) if isinstance(word, str)]
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._meant(unknown)}")
        return options, unknown

    def flags(self) -> dict[str, str]:
        """Return the flag of each argument: by the name of the setting, and by its own; FILE, say, of a positional."""
        found: dict[str, str] = {}
        for action in self._actions:
            flag = action.option_strings[-1] if action.option_strings else str(action.metavar)
            found |= {action.dest: flag, flag.lstrip("-").replace("-", "_"): flag}
        return found | self.aliases

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            raise argparse.ArgumentError(
                action, f"{error.message}{_nearest(value, list(action.choices or ()))}"
            ) from None

    def _misspelt(self) -> str:
        """Return a question on the first word that is none of the flags and may be meant for one that is required."""
        flags = [flag for action in self._actions for flag in action.option_strings]
        words = [word.partition("=")[0] for word in self._words if word.startswith("--")]
        unknown = [word for word in words if not any(flag.startswith(word) for flag in flags)]
        return f"; {unknown[0]} is not known here{_nearest(unknown[0], flags)}" if unknown else ""

    def _meant(self, words: Sequence[str]) -> str:
        word = next((word.partition("=")[0] for word in words if word.startswith("-")), "")
        return _nearest(word, [flag for action in self._actions for flag in action.option_strings])


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Help that names defaults, where there are any, and keeps the lines of examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n " in text:  # a list of examples
            return super()._fill_text(text, width, indent)
        parts = text.split("\n\n")
        return "\n\n".join(argparse.HelpFormatter._fill_text(self, part, width, indent) for part in parts)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default = action.default
        is_unset = action.required or default is None or isinstance(default, bool) or default in ("", (), [])
        if is_unset or "(default: " in (action.help or ""):
            return action.help
        if isinstance(default, list | tuple):
            words = " ".join(map(str, default)).replace("%", "%%")
            return f"{action.help} (default: {words})"
        return super()._get_help_string(action)


def add_output(parser: Parser) -> None:
    """Give ``parser`` the flags on what it prints, which all commands have."""
    parser.add_argument("--quiet", action="store_true", help="print results only: no progress, no comments")
    parser.add_argument("--json", action="store_true", help="print results as one JSON document")


def add_folder(parser: Parser, out: str, what: str) -> None:
    """Give ``parser`` the flags on its folder of results."""
    parser.add_argument("--out", type=Path, default=Path(out), metavar="FOLDER", help="folder of the results")
    parser.add_argument("--resume", action="store_true", help=f"go on with the {what} that FOLDER holds")


def add_jobs(parser: Parser, *, default: int | None = os.cpu_count() or 1, more: str = "") -> None:
    """Give ``parser`` the flag on the number of processes."""
    text = f"runs at a time, each in a process of one thread{more}"
    parser.add_argument("--jobs", type=whole(1), metavar="N", default=default, help=text)


def stopped(options: argparse.Namespace) -> str:
    """Return what a command with a folder of results says when interrupted."""
    return f"stopped; run the same command with --resume to go on (--out {options.out})"


def dashed(word: str) -> str:
    """Take ``--batch_size`` for ``--batch-size``."""
    if not word.startswith("--"):
        return word
    flag, equals, value = word.partition("=")
    return flag.replace("_", "-") + equals + value


def whole(least: int) -> Callable[[str], int]:
    """Return a function from words to whole numbers of at least ``least``."""
    return number(int, Range(least, MANY, includes_low=True, words=f"at least {least}"))


def seed(word: str) -> int:
    """Return the seed that a word spells, of any number of digits."""
    return number(int, Range(0, includes_low=True, words="at least 0"))(word)


def rate(word: str) -> float:
    """Return the number above 0 that a word spells."""
    return number(float, Range(0, words="a number above 0"))(word)


def share(word: str) -> float:
    """Return the share between 0 and 1 that a word spells."""
    return number(float, Range(0, 1, words="a share between 0 and 1"))(word)


def number(kind: Callable[[str], T], allowed: Range | None) -> Callable[[str], T]:
    """Return a function from words to numbers in a range.

    Args:
        kind: ``int`` or ``float``.
        allowed: the range; without it, all finite numbers.
    """
    any_number = "a whole number" if kind is int else "a number"

    def parse(word: str) -> T:
        try:
            if not word.isascii() or "_" in word:  # 1_000 and digits of other scripts are numbers to Python alone
                raise ValueError
            value = kind(word)
        except ValueError:
            words = any_number if kind is int or allowed is None else allowed.words
            raise argparse.ArgumentTypeError(f"must be {words}, got {word!r}") from None
        if allowed is not None and not allowed.holds(value):
            raise argparse.ArgumentTypeError(
                f"must be {allowed.words_for(value)}, got {value if kind is int else repr(word)}"
            )
        return value

    return parse


def address(word: str) -> str:
    """Return the address of a scheduler, or say that it is none."""
    host, _, port = word.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"must be an address such as tcp://10.0.0.1:8786, got {word!r}")
    return word


def choice(word: str, names: Sequence[str]) -> str:
    """Return the name that ``word`` spells, whatever its case, dashes and blanks; ``word`` itself where none is."""
    return next((name for name in names if _plain(name) == _plain(word)), word)


def distinct(flag: str, values: Sequence[Any]) -> tuple[Any, ...]:
    """Return ``values``, whole numbers in order of size, or say that one comes twice."""
    if len(set(values)) != len(values):
        raise ValueError(f"{flag} names a value twice: {' '.join(map(str, values))}")
    return tuple(sorted(values) if all(isinstance(value, int) for value in values) else values)


def device(name: str) -> str:
    """Return the name of a device that torch can compute on, or say why it cannot."""
    if name == "cpu":
        return name
    import torch  # noqa: PLC0415 - only another device needs it here

    try:
        kind = torch.device(name).type
    except RuntimeError:
        raise argparse.ArgumentTypeError(f"must be a torch device such as cpu or cuda:0, got {name!r}") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise argparse.ArgumentTypeError(f"no CUDA device is available here for {name}; use cpu")
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise argparse.ArgumentTypeError(f"torch cannot compute on {name}: {str(error).partition('.')[0]}") from None
    return name


def _nearest(word: object, names: Sequence[object]) -> str:
    """Return a question that names the one of ``names`` that is nearest to ``word``, or "" where none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a refusal needs it

    by_lower = {str(name).lower(): str(name) for name in names}
    near = get_close_matches(str(word).lower(), by_lower, n=1)
    return f"; did you mean {by_lower[near[0]]}?" if near else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", " ").replace("_", " ")
