"""The rows that answers need, marked for the answers that are asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import torch
from torch import Tensor

from graphseq.reach.diagnosis.rows import Rows

_MOST_ENTRIES = 2**24  # of the marks of some answers


class Needs:
    """The rows that each of K answers needs, as a table (K, V) of ``bool`` of which only some lines are made at a time.

    The whole table is K · V bytes, and the hops behind it eight times as many: 8 GB for 32 graphs of 1,000 nodes.

    Args:
        marks: gives the lines of some answers, (k,) → (k, V).
        count: K.
        num_rows: V.

    Example:
        >>> needs = Needs(lambda answers: torch.eye(3).bool()[answers], 3, 3)
        >>> needs[torch.tensor([2])].tolist()
        [[False, False, True]]
    """

    def __init__(self, marks: Callable[[Tensor], Tensor], count: int, num_rows: int) -> None:
        self._marks, self._count, self._num_rows = marks, count, num_rows

    def __getitem__(self, answers: Tensor) -> Tensor:
        return self._marks(answers)

    @cached_property
    def answers(self) -> Tensor:
        """The answers that need any row."""
        parts = few_at_a_time(self._count, self._num_rows)
        return torch.cat([answers[self[answers].any(dim=1)] for answers in parts])


Needed = Tensor | Needs  # both are asked for the lines of some answers: needed[answers]


def at(rows: Rows, hops: int, count: int) -> Needs:
    """The rows at a number of hops from each of ``count`` answers."""
    return Needs(lambda answers: rows.hops(answers) == hops, count, rows.count)


def that_need(needed: Needed) -> Tensor:
    """The numbers of the answers that need any row."""
    return needed.answers if isinstance(needed, Needs) else needed.any(dim=1).nonzero()[:, 0]


def few_at_a_time(count: int, num_rows: int) -> Iterator[Tensor]:
    """The numbers of ``count`` answers, as many at a time as have a table over all rows of moderate size."""
    return iter(torch.arange(count).split(max(1, _MOST_ENTRIES // max(num_rows, 1))))
