"""The refusal of a value that is missing, which a caller with more remedies says in its own words."""

from __future__ import annotations

_ADVICE = '; fill it in, or read with missing="drop", which removes the node at that time'


class MissingValueError(ValueError):
    """A value that is missing where the reader was told to refuse that."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}{_ADVICE}")

    @property
    def what(self) -> str:
        """The place and the value, without advice."""
        return str(self).removesuffix(_ADVICE)
