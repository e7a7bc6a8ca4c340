"""The hops from every row to each answer of a model."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.reach.hops import hop_distances
from graphseq.reach.probe.function import RowFunction


def hops_to_answers(function: RowFunction, outputs: Tensor | None = None, *, causal: bool = False) -> Tensor:
    """Compute the hops from every row to the row of each answer, (K, V); -1 where there is no path.

    Of an answer at a pair, they are the hops to its nearer end; of one of a whole sequence, the steps to its last.

    Args:
        function: a model on its data.
        outputs: the numbers of the answers, (K,); ``None`` for all.
        causal: hops along time past → future only.

    Raises:
        ValueError: answers of graphs that are no sequences, which are at no row.
    """
    at = function.output_rows
    if at is None:
        at = _last_steps(function)
    if outputs is not None:
        outputs = _checks.rows("outputs", outputs, at.shape[-1])
    rows = at if outputs is None else at[..., outputs.to(at.device)]
    if rows.dim() == 1:
        return hop_distances(function.graph, rows, causal=causal)
    far = function.num_rows
    ends = [hop_distances(function.graph, end, causal=causal) for end in rows]
    nearer = torch.minimum(*(torch.where(end < 0, far, end) for end in ends))
    return torch.where(nearer == far, -1, nearer)


def _last_steps(function: RowFunction) -> Tensor:
    """The last row of each sequence, (B,).

    Raises:
        ValueError: graphs, whose answers are at no row.
    """
    rows = function.source.rows
    if "T" in rows.layout:
        count = rows.sizes["T"]
        return torch.arange(function.num_outputs, device=function.graph_index.device) * count + count - 1
    inside = [name for name, place in function.places.items() if place.of == "rows"]
    part = f", such as that which ends with {inside[-1]!r}" if inside else ""
    raise ValueError(
        "hops are counted from the row of an answer, and the model pools all rows of a graph: influence(outputs=[0]) "
        "is the share of each row in an answer, range() the distance over which rows act together, and by_hop is of a "
        f"probe of the part before pooling{part}"
    )
