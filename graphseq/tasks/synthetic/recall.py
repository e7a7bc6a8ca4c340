"""Recall: several items on a path, one of which the last row selects; a test of distance and capacity."""

from __future__ import annotations

import torch

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.tasks.base import path
from graphseq.tasks.synthetic.lookup import Lookup


class Recall(Lookup):
    r"""Recall of the value of the one of n items at the start of a sequence whose key its last row has.

    The first n rows have pairs :math:`(k_i, v_i)`, keys in random order; empty rows follow; the last row has a query q,
    and its answer is :math:`y = v_i` with :math:`k_i = q`. A model that reads the sequence forwards must remember all n
    items, n log₂ C bits, until the query; with m of them it is correct in :math:`\frac{m}{n} + \frac{n - m}{nC}` of all
    cases. ``hops`` is the distance of the first row, the farthest item; the nearest is n - 1 hops nearer.

    Args:
        length: T, the number of rows, at least n + 1.
        num_items: n. With one item this is :class:`Transfer` on a path, with a query without information.
        num_classes: C, the number of values; chance is 1/C.

    x is (V, n + C): key and value, one-hot, side by side; y is (B,).

    Raises:
        ValueError: fewer rows than the items and the query need, no items, fewer than 2 classes.

    Source: associative recall of Graves, Wayne and Danihelka, *Neural Turing Machines* (2014), with single keys and
    values for items, and a delay.

    Example:
        >>> import torch
        >>> task = Recall(length=4, num_items=2, num_classes=2)
        >>> graph = task.batch(1, torch.Generator().manual_seed(0))
        >>> graph.x.tolist(), graph.y.tolist()
        ([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]], [0])
        >>> task.relevant_nodes(graph).tolist(), task.memory_items(graph).tolist()
        ([[False, True, False, False]], [[True, True, False, False]])
    """

    @checked_arguments
    def __init__(self, length: int, *, num_items: int = 4, num_classes: int = 10) -> None:
        self.num_items = _checks.at_least("num_items", num_items, 1)
        self.length = _checks.at_least("length", length, num_items + 1)
        super().__init__(
            path(length)[0],
            items=torch.arange(num_items),
            query=length - 1,
            target_row=length - 1,
            hops=length - 1,
            num_classes=num_classes,
        )
