"""Distances between rows, in hops, in spatial hops and in time, and the hops that a model reaches, from structure."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphseq import _checks, seeding
from graphseq._arguments import checked_arguments
from graphseq.data import hops as data_hops
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.heads import RowHead
from graphseq.nn.model import Model
from graphseq.tasks.base import Task


@checked_arguments
def hop_distances(graph: SpaceTimeGraph, rows: Tensor, *, causal: bool = False) -> Tensor:
    """Compute the hops from every row to each of ``rows`` along the edges of the space-time graph.

    Args:
        graph: V rows.
        rows: the target rows, (K,).
        causal: along time past → future only.

    Returns:
        (K, V) of ``long``; -1 where there is no path. One target among a million rows takes a fraction of a second
        once the graph's topology is prepared.

    Raises:
        ValueError: a row outside the graph.

    Example:
        >>> import graphseq as gs, torch
        >>> hop_distances(gs.from_sequence(torch.zeros(4, 1)), torch.tensor([3])).tolist()
        [[3, 2, 1, 0]]
    """
    return data_hops.hops_to(graph.topology, _rows(graph, rows), causal=causal)


def hops_from(graph: SpaceTimeGraph, source: int, *, causal: bool = False) -> Tensor:
    """Compute the hops from row ``source`` to every row, along edges, (V,) of ``long``; -1 where there is no path."""
    return data_hops.hops_from(graph.topology, source, causal=causal)


@checked_arguments
def space_hops(graph: SpaceTimeGraph, rows: Tensor, *, causal: bool = False) -> Tensor:
    """Compute the fewest *spatial* edges on any path from every row to each of ``rows``; temporal edges count 0.

    With :func:`time_lags` it gives the position of a row on the (lag × hop) grid. On static edges it is the distance of
    the two nodes; on dynamic edges a path may wait at a node until an edge appears.

    Args:
        graph: V rows.
        rows: the target rows, (K,).
        causal: along time past → future only.

    Returns:
        (K, V) of ``long``; -1 where there is no path.

    Raises:
        ValueError: a row outside the graph.

    Example:
        >>> import graphseq as gs, torch
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> signal = gs.from_signal(torch.zeros(2, 3, 1), edge_index)
        >>> space_hops(signal, torch.tensor([3])).tolist()  # node 0 at time 1
        [[0, 1, 2, 0, 1, 2]]
    """
    pattern = graph.topology.spacetime(causal).pattern.tocoo()
    time = graph.time.cpu().numpy()
    # An edge is either spatial or temporal. A temporal one costs less than 1/V, so that those of a path together are
    # removed by rounding down.
    cost = np.where(time[pattern.row] == time[pattern.col], 1.0, 0.5 / max(graph.num_rows, 1))
    costs = sp.csr_array((cost, (pattern.row, pattern.col)), shape=pattern.shape)
    return data_hops.shortest_paths(costs, _rows(graph, rows), unweighted=False)


@checked_arguments
def time_lags(graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
    """Compute the time lag from every row to each of ``rows``, in the graph's units of time; negative for later rows.

    Args:
        graph: V rows.
        rows: the target rows, (K,).

    Returns:
        (K, V) of ``long``: time of the target minus time of the row, whether or not a path joins them.

    Raises:
        ValueError: a row outside the graph.

    Example:
        >>> import graphseq as gs, torch
        >>> time_lags(gs.from_sequence(torch.zeros(3, 1)), torch.tensor([1])).tolist()
        [[1, 0, -1]]
    """
    time: Tensor = graph.time.cpu()
    return time[_rows(graph, rows)][:, None] - time


@checked_arguments
def hops_reached(model: Model, task: Task) -> int:
    """Compute the most hops from which an input can change an output of ``model`` on the graphs of ``task``.

    Args:
        model: an encoder and a head with one output a row.
        task: the task, of which one graph is drawn.

    Raises:
        ValueError: the model has one output a graph, so that there is no target row to count hops from.

    Example:
        >>> import graphseq as gs
        >>> task = gs.tasks.Transfer(length=9)
        >>> hops_reached(gs.nn.Model(gs.nn.GCN(10, 4, num_layers=3), 10), task)
        3
    """
    graph = task.batch(1, torch.Generator().manual_seed(seeding.derive(0, seeding.BUILD)))
    if not isinstance(model.head, RowHead):
        raise ValueError("hops are counted from a target row; model pools all rows of a graph")
    hops = hop_distances(graph, graph.target_rows)
    return int(hops[model.reach(graph)].max())


def _rows(graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
    rows = _checks.is_tensor("rows", rows).cpu()
    if rows.dim() != 1 or (
        rows.numel() and (rows.is_floating_point() or rows.is_complex() or rows.dtype == torch.bool)
    ):
        raise ValueError(f"rows must be row numbers of shape (K,), got {rows.dtype} of shape {tuple(rows.shape)}")
    if len(rows) and (int(rows.min()) < 0 or int(rows.max()) >= graph.num_rows):
        raise ValueError(f"rows must lie in 0 to {graph.num_rows - 1}, got {rows.tolist()}")
    return rows.long()
