"""The hops from every row to each answer of a model."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.reach.hops import hop_distances
from graphseq.reach.probe.function import RowFunction


def hops_to_answers(function: RowFunction, outputs: Tensor | None = None, *, causal: bool = False) -> Tensor:
    """Compute the hops from every row to the row of each answer, (K, V); -1 where there is no path.

    Of an answer at a pair, they are the hops to its nearer end.

    Args:
        function: a model on its data.
        outputs: the numbers of the answers, (K,); ``None`` for all.
        causal: hops along time past → future only.

    Raises:
        ValueError: answers of graphs, which are at no row.
    """
    at = function.output_rows
    if at is None:
        raise ValueError("hops are counted from the row of an answer; model pools all rows of a graph")
    if outputs is not None:
        outputs = _checks.rows("outputs", outputs, at.shape[-1])
    rows = at if outputs is None else at[..., outputs.to(at.device)]
    if rows.dim() == 1:
        return hop_distances(function.graph, rows, causal=causal)
    far = function.num_rows
    ends = [hop_distances(function.graph, end, causal=causal) for end in rows]
    nearer = torch.minimum(*(torch.where(end < 0, far, end) for end in ends))
    return torch.where(nearer == far, -1, nearer)
