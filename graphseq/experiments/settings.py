"""Settings of an experiment: a frozen dataclass, whose fields are also the flags of its command.

A field has an annotation from below, a default, and an entry in the "Attributes" section of its class, which is the
flag's help:

    hidden: Count = 128
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Annotated, Any, NamedTuple, Self, get_args, get_type_hints

MANY = 2**31
"""The least count that is a mistake, as for ``_checks.LARGEST``, which would load torch for a line of help."""


class Range(NamedTuple):
    """The numbers that a setting may be, with the words for them in an error message."""

    low: float
    high: float = math.inf
    includes_low: bool = False
    words: str = ""

    def holds(self, value: float) -> bool:
        """Return whether ``value`` is one of them; infinity and NaN never are."""
        return self.low < value < self.high or (self.includes_low and value == self.low)

    def words_for(self, value: object) -> str:
        """Return the words for what ``value``, which is none of them, should be."""
        is_many = self.high == MANY and isinstance(value, int) and value >= MANY
        return f"at most {MANY - 1:,}" if is_many else self.words


class Choices(NamedTuple):
    """The texts that a setting may be."""

    names: tuple[str, ...]


class Metavar(NamedTuple):
    """The name of a flag's value in its help."""

    name: str


Count = Annotated[int, Range(1, MANY, includes_low=True, words="at least 1"), Metavar("N")]
Layers = Annotated[int, Range(1, 10_001, includes_low=True, words="from 1 to 10,000"), Metavar("N")]
Steps = Annotated[int, Range(1, MANY, includes_low=True, words="at least 1"), Metavar("STEPS")]
StepsOr0 = Annotated[int, Range(0, MANY, includes_low=True, words="at least 0"), Metavar("STEPS")]
Seed = Annotated[int, Range(0, includes_low=True, words="at least 0"), Metavar("SEED")]
Positive = Annotated[float, Range(0, words="a number above 0"), Metavar("NUMBER")]
NotNegative = Annotated[float, Range(0, includes_low=True, words="a number of at least 0"), Metavar("NUMBER")]
Share = Annotated[float, Range(0, 1, words="a share between 0 and 1"), Metavar("SHARE")]
ShareOr0 = Annotated[
    float, Range(0, 1, includes_low=True, words="a share of at least 0 and less than 1"), Metavar("SHARE")
]
File = Annotated[str, Metavar("FILE")]
Device = Annotated[str, Metavar("DEVICE")]
"""The kinds of settings that several experiments have."""


@dataclass(frozen=True)
class BaseSettings:
    """Settings as plain data and back."""

    def to_json(self) -> dict[str, object]:
        """Return the settings as plain data, tuples as lists."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def defaults(cls) -> dict[str, object]:
        """Return the default of each setting that has one, as plain data.

        A record that was written before there was such a setting stands for a run with its default.
        """
        plain = {field.name: field.default for field in fields(cls) if field.default is not MISSING}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Return the settings that :meth:`to_json` turned into ``record``; what it lacks has its default.

        Raises:
            ValueError: a setting that is unknown, lacking, of another type than its default, where that is not None, or
                out of its range.
        """
        whole = {**cls.defaults(), **record}
        names = [field.name for field in fields(cls)]
        if set(whole) != set(names) or any(
            type(whole[key]) is not type(value) for key, value in cls.defaults().items() if value is not None
        ):
            raise ValueError(f"settings must hold {', '.join(names)}, each of its type")
        for key, hint in get_type_hints(cls, include_extras=True).items():
            _check_marks(key, hint, whole[key])
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in whole.items()})


def _check_marks(name: str, hint: Any, value: object) -> None:
    """Refuse a value outside the range or the choices that an annotation names.

    Raises:
        ValueError: the message names the setting.
    """
    for part in value if isinstance(value, list | tuple) else [value]:
        for mark in _marks(hint):
            if isinstance(mark, Range) and part is not None and not _is_in(mark, part):
                raise ValueError(f"{name} is {_came(part)}; it must be {mark.words_for(part)}")
            if isinstance(mark, Choices) and part not in mark.names:
                raise ValueError(f"{name} is {part!r}; it must be one of {', '.join(mark.names)}")


def _came(value: object) -> str:
    try:
        return f"{value!r:.80}"
    except ValueError:  # more digits than Python writes
        return "a number of thousands of digits"


def _marks(hint: Any) -> list[object]:
    """The marks of an annotation, of the entries of a tuple too."""
    own = list(getattr(hint, "__metadata__", ()))
    inner = [hint.__origin__] if own else list(get_args(hint))
    return [*own, *(mark for part in inner for mark in _marks(part))]


def _is_in(allowed: Range, value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and allowed.holds(value)
