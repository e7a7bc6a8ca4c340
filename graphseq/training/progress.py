"""The progress bars of the library: on a terminal only, and never where the environment has TQDM_DISABLE."""

from __future__ import annotations

import os

from tqdm.auto import tqdm


def progress_bar(total: int, done: int, unit: str, *, shown: bool) -> tqdm[None]:
    """Return a progress bar on stderr.

    Args:
        total: steps or runs in all.
        done: how many of them are done already.
        unit: what is counted, such as "step".
        shown: show it where stderr is a terminal; else never.
    """
    disable = None if shown and not os.environ.get("TQDM_DISABLE") else True
    return tqdm(total=total, initial=done, unit=unit, disable=disable)
