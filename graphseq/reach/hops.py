"""How far apart rows are, in hops, in space alone and in time, and how far a model sees, from structure alone."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphseq import _checks, seeding
from graphseq.data import hops as data_hops
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.heads import RowHead
from graphseq.nn.model import Model
from graphseq.tasks.base import Task


def hop_distances(graph: SpaceTimeGraph, rows: Tensor, *, causal: bool = False) -> Tensor:
    """Hops of the space-time graph from every row to each of ``rows``, following its edges.

    Args:
        graph: V rows.
        rows: the rows asked, (K,).
        causal: along time past → future only.

    Returns:
        (K, V) of ``long``; -1 where there is no way. One row asked of a million takes a fraction of a second once the
        graph's topology has been prepared.

    Raises:
        ValueError: a row outside the graph.

    Example:
        >>> import graphseq as gs, torch
        >>> hop_distances(gs.from_sequence(torch.zeros(4, 1)), torch.tensor([3])).tolist()
        [[3, 2, 1, 0]]
    """
    return data_hops.hops_to(graph.topology, _rows(graph, rows), causal=causal)


def hops_from(graph: SpaceTimeGraph, source: int, *, causal: bool = False) -> Tensor:
    """Hops from row ``source`` to every row, along edges, (V,) of ``long``; -1 where there is no way."""
    return data_hops.hops_from(graph.topology, source, causal=causal)


def space_hops(graph: SpaceTimeGraph, rows: Tensor, *, causal: bool = False) -> Tensor:
    """The fewest *spatial* edges on any way from every row to each of ``rows``; steps along time cost nothing.

    With :func:`time_lags` it is the place of a row on the (lag × hop) grid. On a graph whose edges stay as they are it
    is the distance of the two nodes; where edges come and go, the way may wait for them.

    Args:
        graph: V rows.
        rows: the rows asked, (K,).
        causal: along time past → future only.

    Returns:
        (K, V) of ``long``; -1 where there is no way.

    Raises:
        ValueError: a row outside the graph.

    Example:
        >>> import graphseq as gs, torch
        >>> joined = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> signal = gs.from_signal(torch.zeros(2, 3, 1), joined)
        >>> space_hops(signal, torch.tensor([3])).tolist()  # node 0 at time 1
        [[0, 1, 2, 0, 1, 2]]
    """
    pattern = graph.topology.spacetime(causal).pattern.tocoo()
    time = graph.time.cpu().numpy()
    # One row joins another in space or along time, never both. A step along time costs less than 1/V, so that all
    # of a way's together are lost in rounding down.
    cost = np.where(time[pattern.row] == time[pattern.col], 1.0, 0.5 / max(graph.num_rows, 1))
    costs = sp.csr_array((cost, (pattern.row, pattern.col)), shape=pattern.shape)
    return data_hops.shortest_paths(costs, _rows(graph, rows), unweighted=False)


def time_lags(graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
    """How long before each of ``rows`` every row was observed, in the graph's units of time; negative where later.

    Args:
        graph: V rows.
        rows: the rows asked, (K,).

    Returns:
        (K, V) of ``long``: time of the asked row minus time of the other, whether or not they are joined.

    Raises:
        ValueError: a row outside the graph.

    Example:
        >>> import graphseq as gs, torch
        >>> time_lags(gs.from_sequence(torch.zeros(3, 1)), torch.tensor([1])).tolist()
        [[1, 0, -1]]
    """
    time: Tensor = graph.time.cpu()
    return time[_rows(graph, rows)][:, None] - time


def hops_reached(model: Model, task: Task) -> int:
    """The most hops from which an input can change an output of ``model`` on ``task``'s graphs.

    Raises:
        ValueError: the model gives one output a graph, which has no place to count hops from.

    Example:
        >>> import graphseq as gs
        >>> task = gs.tasks.Transfer(length=9)
        >>> hops_reached(gs.nn.Model(gs.nn.GCN(10, 4, num_layers=3), 10), task)
        3
    """
    graph = task.batch(1, torch.Generator().manual_seed(seeding.derive(0, seeding.BUILD)))
    if not isinstance(model.head, RowHead):
        raise ValueError("hops are counted from a row that is asked; this model pools all rows of a graph")
    hops = hop_distances(graph, graph.target_rows)
    return int(hops[model.reach(graph)].max())


def _rows(graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
    rows = _checks.is_tensor("rows", rows).cpu()
    if rows.dim() != 1 or (rows.numel() and (rows.is_floating_point() or rows.dtype == torch.bool)):
        raise ValueError(f"rows must be row numbers of shape (K,), got {rows.dtype} of shape {tuple(rows.shape)}")
    if len(rows) and (int(rows.min()) < 0 or int(rows.max()) >= graph.num_rows):
        raise ValueError(f"rows must lie in 0 to {graph.num_rows - 1}, got {rows.tolist()}")
    return rows.long()
