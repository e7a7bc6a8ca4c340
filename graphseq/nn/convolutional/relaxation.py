"""Relaxation along edges to its fixed point: the cheapest of all paths that lead to a row, and where it began."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq._torch import compat
from graphseq._torch.precision import HALVES
from graphseq.data.adjacency import Adjacency


@dataclass(frozen=True)
class Edges:
    """The edges of a relaxation, sorted by the row that they lead to.

    Attributes:
        source: row at which each edge begins, (E,).
        reader: row to which it leads, (E,), ascending.
        length: its length, (E, 1), or ``None`` where each has the length 1.
        steps: edges of the longest path that may have to be followed; for a loop of constant length.
    """

    source: Tensor
    reader: Tensor
    length: Tensor | None
    steps: int


def edges_of(adjacency: Adjacency, steps: int) -> Edges:
    """The edges of an adjacency; one of weight a has the length 1/a, so that one of weight 0 is none.

    Raises:
        ValueError: a negative weight.
    """
    (source, reader), weight = adjacency.edge_index, adjacency.edge_weight
    order = reader.argsort(stable=True)
    if weight is not None:
        if bool((weight < 0).any()):
            position = int((weight < 0).nonzero()[0])
            raise ValueError(
                f"edge_weight[{position}] is {weight[position].item():g}; the length of an edge is 1/weight, "
                "which needs weights of at least 0"
            )
        order = order[weight[order] != 0]
        weight = weight[order][:, None]
    return Edges(source[order], reader[order], None if weight is None else 1 / weight, steps)


def relax(potential: Tensor, cost: Tensor, edges: Edges) -> Tensor:
    r"""The smallest sum of the potential of a row and the cost of a path from it, at each row and in each channel.

    .. math:: q_v = \min_u \big( p_u + w\, d(u, v) \big), \qquad
              \text{the fixed point of } q_v \leftarrow \min\big( q_v, \min_{(u, v)} q_u + w\, \ell_{uv} \big)

    d is the length of the shortest path from u to v. The iteration starts from q = p and ends when nothing changes,
    after as many steps as the cheapest paths have edges. Its result depends on no number of steps, so a graph of a
    batch has the values that it has alone.

    The gradient is that of the cheapest path: 1 in the potential of the row u at which it begins, and its length in
    w. It is neither attenuated nor amplified, however long the path is. It is computed without the steps: each row
    notes from which neighbour it was last improved, and doubling these pointers finds u and d(u, v) in log₂ steps.

    Args:
        potential: p, (V, H).
        cost: w of each channel, positive, (H,).
        edges: E edges.

    Returns:
        q, (V, H).

    Source: Bellman, *On a routing problem* (1958); in the algebra in which min is the sum and + the product it is the
    geometric series of the weighted adjacency matrix.

    Example:
        On a path of four rows, with a potential of 0 at the first and of 2 at the others:

        >>> path = Edges(torch.tensor([0, 1, 2]), torch.tensor([1, 2, 3]), None, 3)
        >>> relax(torch.tensor([[0.0], [2.0], [2.0], [2.0]]), torch.tensor([0.75]), path).flatten().tolist()
        [0.0, 0.75, 1.5, 2.0]
    """
    if potential.dtype in HALVES:
        potential, cost = potential.float(), cost.float()
    if not len(edges.source):
        return potential
    price = cost if edges.length is None else cost * edges.length
    if compat.transforms_active() or (edges.length is not None and edges.length.requires_grad):
        return _step_by_step(potential, price, edges)
    with torch.no_grad():
        root, length = _cheapest(potential, price, edges)
    return potential.gather(0, root) + cost * length


def _step(value: Tensor, price: Tensor, edges: Edges, index: Tensor) -> Tensor:
    return value.scatter_reduce(0, index, value.index_select(0, edges.source) + price, "amin")


def _step_by_step(potential: Tensor, price: Tensor, edges: Edges) -> Tensor:
    """The same as a fixed number of operations that torch differentiates, transforms and compiles by itself."""
    index, value = edges.reader[:, None].expand(-1, potential.shape[1]), potential
    for _ in range(edges.steps):
        value = _step(value, price, edges, index)
    return value


def _cheapest(potential: Tensor, price: Tensor, edges: Edges) -> tuple[Tensor, Tensor]:
    """The row at which the cheapest path to each row begins, and its length, both (V, H)."""
    index = edges.reader[:, None].expand(-1, potential.shape[1])
    value, steps = potential, 0
    improved = torch.zeros_like(potential, dtype=torch.int32)  # the last step at which there was a cheaper path
    while True:
        better = _step(value, price, edges, index)
        is_better = better < value
        if not bool(is_better.any()):
            break
        steps += 1
        improved.masked_fill_(is_better, steps)
        value = better
    return _followed(*_last_edges(value, price, edges, index, improved), steps)


def _last_edges(value: Tensor, price: Tensor, edges: Edges, index: Tensor, improved: Tensor) -> tuple[Tensor, Tensor]:
    """The row from which each row was improved, itself if from none, and the length of the edge between, (V, H).

    Of the edges whose sum is the row's value, the one whose own beginning was settled first is taken: it was settled
    before the row, so that no path is a circle.
    """
    count, none = len(edges.source), torch.iinfo(torch.int64).max
    rank = improved.index_select(0, edges.source).long() * count
    rank += torch.arange(count, device=rank.device)[:, None]
    is_last = value.index_select(0, edges.source) + price == value.index_select(0, edges.reader)
    rank.masked_fill_(~is_last, none)
    best = torch.full_like(improved, none, dtype=torch.int64).scatter_reduce(0, index, rank, "amin")
    edge, moved = best % count, improved > 0
    rows = torch.arange(len(value), device=value.device)[:, None]
    length = moved.to(value.dtype) if edges.length is None else edges.length[:, 0].to(value.dtype)[edge] * moved
    return torch.where(moved, edges.source[edge], rows), length


def _followed(parent: Tensor, length: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """The ends of chains of ``steps`` pointers at most, and their lengths, by doubling."""
    covered = 1
    while covered < steps:
        length = length + length.gather(0, parent)
        parent = parent.gather(0, parent)
        covered *= 2
    return parent, length
