"""Associative recall on a star: one row receives all pairs at once, and the query later; a test of capacity."""

from __future__ import annotations

import torch

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.topology import Topology
from graphseq.tasks.synthetic.lookup import Lookup


class AssociativeRecall(Lookup):
    r"""Recall of the value of one of n neighbours of a row, whose key is given by a more distant query.

    Row 0, the centre, is the target. Its n neighbours have pairs :math:`(k_i, v_i)`, keys in random order; at the end
    of a chain of ``query_hops`` edges a row has the query q, and :math:`y = v_i` with :math:`k_i = q`. Edges lead to
    the centre only. A model of ``query_hops`` layers has all pairs at the centre before the query arrives, so the
    number of pairs that it can recall is the capacity of one state. Without the query, the best guess is the most
    frequent of the n values, which is correct more often than 1/C.

    Args:
        num_pairs: n.
        num_classes: C, the number of values; chance is 1/C. By default n, as published, and at least 2.
        query_hops: distance of the query from the centre; 0 for a query at the centre.

    x is (V, n + C): key and value, one-hot, side by side; y is (B,). V is n + 1 + ``query_hops`` for each graph.

    Raises:
        ValueError: no pairs, fewer than 2 classes, a distance below 0.

    Source: Neighbor Associative Recall of Blayney et al., *gLSTM: Mitigating Over-Squashing by Increasing Storage
    Capacity* (2025): ``query_hops=2`` and n + 3 rows.

    Example:
        >>> import torch
        >>> task = AssociativeRecall(num_pairs=2, query_hops=1)
        >>> graph = task.batch(1, torch.Generator().manual_seed(0))
        >>> graph.edge_index.tolist()
        [[1, 2, 3], [0, 0, 0]]
        >>> graph.x.tolist(), graph.y.tolist()
        ([[0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]], [0])
    """

    @checked_arguments
    def __init__(self, num_pairs: int, *, num_classes: int | None = None, query_hops: int = 2) -> None:
        self.num_pairs = _checks.at_least("num_pairs", num_pairs, 1)
        self.query_hops = _checks.layers("query_hops", query_hops, 0)
        rows = torch.arange(num_pairs + 1 + query_hops)
        reader = torch.where(rows <= num_pairs + 1, 0, rows - 1)
        super().__init__(
            Topology(rows, torch.zeros_like(rows), torch.stack([rows[1:], reader[1:]])),
            items=rows[1 : num_pairs + 1],
            query=num_pairs + query_hops if query_hops else 0,
            target_row=0,
            hops=max(1, query_hops),
            num_classes=max(2, num_pairs) if num_classes is None else num_classes,
        )

    @property
    def config(self) -> dict[str, object]:
        """Name, number of pairs and distance of the query."""
        return {**super().config, "query_hops": self.query_hops}
