"""The progress bars of the library, which the environment variable TQDM_DISABLE hides."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, Self

from tqdm.auto import tqdm


class Bar(AbstractContextManager[Any], Protocol):
    """A progress bar, as tqdm has it."""

    def update(self) -> object:
        """Count one more."""

    def set_postfix_str(self, s: str, refresh: bool = True) -> object:
        """Show a text behind the count."""


class _Hidden:
    """A bar that is not shown; one of tqdm's would begin a thread all the same."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def update(self) -> None:
        pass

    def set_postfix_str(self, s: str, refresh: bool = True) -> None:
        pass


def progress_bar(total: int, done: int, unit: str, *, shown: bool, terminal: bool = True) -> Bar:
    """Return a progress bar on stderr.

    Args:
        total: steps or runs in all.
        done: how many of them are done already.
        unit: what is counted, such as "step".
        shown: show it; else never.
        terminal: show it only where stderr is a terminal.
    """
    if not shown or os.environ.get("TQDM_DISABLE"):
        return _Hidden()
    bar: Bar = tqdm(total=total, initial=done, unit=unit, disable=None if terminal else False)
    return bar
