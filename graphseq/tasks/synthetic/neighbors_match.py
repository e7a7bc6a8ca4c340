"""NeighborsMatch: a tree whose root selects one of all leaves; a test of capacity, not of distance."""

from __future__ import annotations

import torch

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.topology import Topology
from graphseq.tasks.synthetic.lookup import Lookup


class NeighborsMatch(Lookup):
    r"""Recall of the value of the one of :math:`2^r` leaves of a binary tree whose key the root has.

    Leaf i has a pair :math:`(k_i, v_i)`, keys in random order; the root has a query q, and its answer is
    :math:`y = v_i` with :math:`k_i = q`. Edges lead up only, so the query never reaches the leaves, and all
    :math:`2^r` pairs must pass through the two rows below the root: the distance is only r hops, but the amount of
    information grows exponentially (over-squashing).

    Args:
        depth: r, edges from the root to a leaf, 1 to 10.
        num_classes: C, the number of values; chance is 1/C. By default :math:`2^r`, as published.

    x is (V, 2^r + C): key and value, one-hot, side by side; y is (B,).

    Raises:
        ValueError: a depth outside 1 to 10, fewer than 2 classes.

    Source: the Tree-NeighborsMatch problem of Alon and Yahav, *On the Bottleneck of Graph Neural Networks and its
    Practical Implications* (2021). They report (Figure 3) that GCN and GIN no longer fit even the training set from
    r = 4 on. There the values of a tree are a permutation, so that other values carry information on the answer; here
    they are independent.

    Example:
        >>> import torch
        >>> task = NeighborsMatch(depth=1)
        >>> graph = task.batch(1, torch.Generator().manual_seed(0))
        >>> graph.edge_index.tolist()
        [[1, 2], [0, 0]]
        >>> graph.x.tolist(), graph.y.tolist()
        ([[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]], [0])
    """

    @checked_arguments
    def __init__(self, depth: int, *, num_classes: int | None = None) -> None:
        self.depth = _checks.layers("depth", depth, 1)
        if depth > 10:
            raise ValueError(f"depth must be at most 10, which is a tree of 2047 rows; got {depth}")
        leaves = 2**depth
        rows = torch.arange(2 * leaves - 1)  # breadth first: the children of row i are 2 i + 1 and 2 i + 2
        template = Topology(rows, torch.zeros_like(rows), torch.stack([rows[1:], (rows[1:] - 1) // 2]))
        super().__init__(
            template,
            items=rows[leaves - 1 :],
            query=0,
            target_row=0,
            hops=depth,
            num_classes=leaves if num_classes is None else num_classes,
        )
