"""Later data as the data that a forecaster was fitted to: its nodes and columns in their order, and its edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.experiments.forecast.settings import Settings
from graphseq.io import TemporalDataset


def as_fitted(later: TemporalDataset, fitted: TemporalDataset, settings: Settings) -> TemporalDataset:
    """Return later data with the nodes and columns of a recording, in their order there, whatever theirs is.

    Where missing values are masked or dropped, nodes of which the later data have nothing are nodes that are away.

    Args:
        later: data as they were read.
        fitted: the recording, in which missing values may be masked.
        settings: of the forecaster.

    Raises:
        ValueError: other nodes or columns.
    """
    channels = fitted.channels[:-1] if settings.missing == "mask" else fitted.channels
    if later.channels != channels:
        _check("channels", later.channels, channels, sorted(later.channels) == sorted(channels))
        order = [later.channels.index(name) for name in channels]
        later = replace(later, graph=later.graph.replace(x=later.graph.x[:, order]), channels=channels)
    if later.nodes != fitted.nodes:
        some_away = settings.missing != "refuse" and set(later.nodes) < set(fitted.nodes)
        _check("nodes", later.nodes, fitted.nodes, some_away or sorted(later.nodes) == sorted(fitted.nodes))
        number = {name: place for place, name in enumerate(fitted.nodes)}
        graph = _renumbered(later.graph, torch.tensor([number[name] for name in later.nodes]))
        later = replace(later, graph=graph, nodes=fitted.nodes)
    return later


def with_edges_of(later: TemporalDataset, fitted: TemporalDataset) -> TemporalDataset:
    """Return later data, which came without edges, with those of a recording.

    Raises:
        ValueError: the edges of the recording have times.
    """
    topology = fitted.graph.topology
    if topology.static_edge_index is None:
        if topology.spatial.edge_index.numel():
            raise ValueError(
                "edges= is missing: this Forecaster was fitted to edges that change with time; give those of data"
            )
        return later
    graph = SpaceTimeGraph(
        later.graph.x,
        later.graph.node,
        later.graph.time,
        static_edge_index=topology.static_edge_index,
        static_edge_weight=topology.static_edge_weight,
        static_edge_attr=topology.static_edge_attr,
    )
    return replace(later, graph=graph)


def _renumbered(graph: SpaceTimeGraph, number: Tensor) -> SpaceTimeGraph:
    """Return a recording with other numbers of its nodes, its rows in the order of time and node."""
    topology, node = graph.topology, number[graph.node]
    order = (torch.searchsorted(topology.times, graph.time) * (int(number.max()) + 1) + node).argsort()
    rows = (graph.x[order], node[order], graph.time[order])
    if topology.static_edge_index is not None:
        index = number[topology.static_edge_index]
        attr = topology.static_edge_attr
        weight = topology.static_edge_weight
        return SpaceTimeGraph(*rows, static_edge_index=index, static_edge_weight=weight, static_edge_attr=attr)
    spatial = topology.spatial
    return SpaceTimeGraph(*rows, order.argsort()[spatial.edge_index], spatial.edge_weight, edge_attr=spatial.edge_attr)


def _check(what: str, now: Sequence[str], then: Sequence[str], is_right: bool) -> None:
    if not is_right:
        raise ValueError(f"data has the {what} {_few(now)}; this Forecaster was fitted to {_few(then)}")


def _few(names: Sequence[str]) -> str:
    return f"{', '.join(names[:6])}{', …' if len(names) > 6 else ''} ({len(names)})"
