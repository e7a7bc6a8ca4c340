"""Recall: several items on one path, and only the last row says which of them was wanted. Distance and room at once."""

from __future__ import annotations

import torch

from graphseq import _checks
from graphseq.tasks.base import path
from graphseq.tasks.synthetic.lookup import Lookup


class Recall(Lookup):
    r"""Of n items at the start of a sequence, the value of the one whose key its last row shows.

    The first n rows show pairs :math:`(k_i, v_i)`, keys in random order; then come empty rows; the last row shows a
    query q and is asked for :math:`y = v_i` with :math:`k_i = q`. Whatever reads the sequence forwards must hold all n
    items, n log₂ C bits, until it learns which one was meant: with m of them it is right in :math:`\frac{m}{n} +
    \frac{n - m}{nC}` of all cases. ``hops`` is the farthest item's distance, the first row's; the nearest is n - 1
    hops nearer.

    Args:
        length: T, the rows, at least n + 1.
        num_items: n. With one item it is :class:`Transfer` on a path, with a query that says nothing new.
        num_classes: C, kinds of values; chance is one in so many.

    x is (V, n + C): key and value, one-hot, side by side; y is (B,).

    Raises:
        ValueError: fewer rows than the items and the query need, no item, fewer than 2 classes.

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

    def __init__(self, length: int, *, num_items: int = 4, num_classes: int = 10) -> None:
        self.num_items = _checks.at_least("num_items", num_items, 1)
        self.length = _checks.at_least("length", length, num_items + 1)
        super().__init__(
            path(length)[0],
            items=torch.arange(num_items),
            query=length - 1,
            asked=length - 1,
            hops=length - 1,
            num_classes=num_classes,
        )
