"""What the flags of all commands share: how words become numbers, and how a refusal is one line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser that refuses in one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and end with status 2."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())}\n")


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Help that names defaults and keeps the lines of examples."""


def dashed(word: str) -> str:
    """Take ``--batch_size`` for ``--batch-size``."""
    if not word.startswith("--"):
        return word
    flag, equals, value = word.partition("=")
    return flag.replace("_", "-") + equals + value


def whole(least: int) -> Callable[[str], int]:
    """Words that are whole numbers of at least ``least``."""

    def whole(word: str) -> int:
        try:
            value = int(word)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a whole number, got {word!r}") from None
        if value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, got {value}")
        return value

    return whole


def rate(word: str) -> float:
    """A word that is a number above 0."""
    return _between(word, float("inf"), "a number above 0")


def at_least_0(word: str) -> float:
    """A word that is 0 or a number above it."""
    return 0.0 if word in {"0", "0.0"} else rate(word)


def share(word: str) -> float:
    """A word that is a share between 0 and 1."""
    return _between(word, 1.0, "a share between 0 and 1")


def share_or_0(word: str) -> float:
    """A word that is 0 or a share between 0 and 1."""
    return 0.0 if word in {"0", "0.0"} else share(word)


def distinct(name: str, values: Sequence[int]) -> tuple[int, ...]:
    """Return ``values`` in order, or say that one comes twice."""
    if len(set(values)) != len(values):
        raise ValueError(f"{name} names a value twice: {' '.join(map(str, values))}")
    return tuple(sorted(values))


def device(name: str) -> str:
    """Return the name of a device that torch can compute on, or say why it cannot."""
    if name == "cpu":
        return name
    import torch  # noqa: PLC0415 - only another device needs it here

    try:
        kind = torch.device(name).type
    except RuntimeError:
        raise ValueError(f"--device must be a torch device such as cpu or cuda:0, got {name!r}") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"--device {name}: no CUDA device is available here; use cpu")
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"--device {name}: torch cannot compute there: {str(error).partition('.')[0]}") from None
    return name


def _between(word: str, end: float, what: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not 0 < value < end:
        raise argparse.ArgumentTypeError(f"must be {what}, got {word!r}")
    return value
