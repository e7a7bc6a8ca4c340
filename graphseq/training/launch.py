"""The environment that ``torchrun`` gives to each of the processes that it starts; nothing here loads torch."""

from __future__ import annotations

import os

_LEAST = {"WORLD_SIZE": 1, "RANK": 0, "MASTER_PORT": 0}


def launched() -> bool:
    """True where ``torchrun`` started this process as one of several; WORLD_SIZE may be empty, too, where it did not.

    Raises:
        ValueError: WORLD_SIZE is no number of processes.

    Example:
        >>> launched()
        False
    """
    return bool(os.environ.get("WORLD_SIZE")) and number("WORLD_SIZE") > 1


def number(name: str) -> int:
    """The value of one of the variables, a whole number.

    Raises:
        ValueError: it is something else.
    """
    word = os.environ[name]
    value = int(word) if word.strip().isascii() and word.strip().isdigit() else -1
    if value < _LEAST[name]:
        raise ValueError(
            f"the environment variable {name} must be a whole number of at least {_LEAST[name]}, as torchrun sets it, "
            f"got {word!r}; unset it to work in one process"
        )
    if name == "RANK" and value >= number("WORLD_SIZE"):
        raise ValueError(f"the environment variable RANK must be below WORLD_SIZE, {number('WORLD_SIZE')}; got {word}")
    return value
