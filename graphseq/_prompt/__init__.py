"""Results at the prompt: every field in a few characters, long tensors by their shape, first numbers and range."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

from graphseq._prompt.brief import brief

T = TypeVar("T")
_WIDTH = 100


def short_repr(cls: type[T]) -> type[T]:
    """Give a class of results, a dataclass or a named tuple, a ``repr`` of one line a field at most.

    Args:
        cls: its fields are shown by :func:`brief`, on one line where they fit; a text that is empty unless there is
            something to say is left out while it is.
    """

    def text(self: object) -> str:
        if isinstance(self, tuple):
            names: tuple[str, ...] = self._fields  # type: ignore[attr-defined]
        else:
            shown = (field for field in dataclasses.fields(self) if field.repr)  # type: ignore[arg-type]
            names = tuple(field.name for field in shown if field.default != "" or getattr(self, field.name))
        parts = [f"{name}={brief(getattr(self, name))}" for name in names]
        line = f"{type(self).__name__}({', '.join(parts)})"
        if len(line) <= _WIDTH:
            return line
        return "\n".join([f"{type(self).__name__}(", *(f"  {part}," for part in parts), ")"])

    cls.__repr__ = text  # type: ignore[method-assign]
    return cls
