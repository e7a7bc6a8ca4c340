"""The five recordings of ``recordings.py`` as published, with their edges, shuffled ones or none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

import graphseq as gs
from graphseq.tasks.windows import Split

TRAIN, VALIDATION = 0.8, 0.2


class Source(NamedTuple):
    """A recording and its windows."""

    title: str
    skipped: int  #: first times that are no answers, being the inputs of the published comparison's first window
    season: float  #: in steps
    counts: bool  #: values are counts, whose logarithm log(1 + y) is forecast; else they are standardised by node
    others: bool = False  #: beside y stand a count and a value that are inputs


SOURCES = {
    "chickenpox": Source("Chickenpox, Hungary", 8, 52.18, counts=False),
    "montevideo_bus": Source("Buses, Montevideo", 4, 24, counts=False),
    "twitter_tennis_rg17": Source("Tennis, Roland-Garros 2017", 0, 8, counts=True, others=True),
    "twitter_tennis_uo17": Source("Tennis, US Open 2017", 0, 8, counts=True, others=True),
    "england_covid": Source("Covid, England", 8, 7, counts=False),
}
LAGS = 8
INPUTS = ("own", "season", "mean")
EDGES = ("given", "shuffled", "none")


@dataclass(frozen=True)
class Recorded:
    """A recording, prepared.

    Attributes:
        graph: y first, then what else a row has; scaled as published.
        first_test: the index of the first time of the test part.
    """

    name: str
    graph: gs.SpaceTimeGraph
    first_test: int

    def task(self, inputs: str, edges: str = "given", seed: int = 0) -> gs.tasks.Forecasting:
        """Return all windows, with these inputs and edges."""
        graph = with_inputs(self.graph, inputs, SOURCES[self.name].season)
        return gs.tasks.Forecasting(with_edges(graph, edges, seed), lags=LAGS)

    def split(self, task: gs.tasks.Forecasting) -> Split[gs.tasks.Forecasting]:
        """Return the training, the validation and the test part; the test part is the published one."""
        before = task.between(None, self.first_test - 1)
        kept = int((1 - VALIDATION) * len(before))
        return Split(
            task.between(None, before.first + kept - 1),
            task.between(before.first + kept, self.first_test - 1),
            task.between(self.first_test, None),
        )


def recorded(name: str, folder: Path) -> Recorded:
    """Read a recording and scale it as the published loaders do, by all times, those of the test part included."""
    source = SOURCES[name]
    graph = gs.io.read_temporal_json(folder / f"{name}.json").graph
    y = graph.x[:, 0].double()
    if source.counts:
        others = [graph.x[:, 1].log1p(), graph.x[:, 2]] if source.others else []
        graph = graph.replace(x=torch.stack([y.log1p().float(), *others], dim=1))
    else:
        graph = graph.replace(x=standardised(y, graph.node)[:, None].float())
    answers = len(graph.topology.times) - source.skipped
    return Recorded(name, graph, source.skipped + int(TRAIN * answers))


def standardised(y: Tensor, node: Tensor) -> Tensor:
    """Return values less the mean of their node, over its standard deviation where that is not 0."""
    count = torch.bincount(node)
    mean = y.new_zeros(len(count)).index_add_(0, node, y) / count
    deviation = (y.new_zeros(len(count)).index_add_(0, node, (y - mean[node]).square()) / count).sqrt()
    return (y - mean[node]) / deviation.where(deviation > 0, 1)[node]


def with_inputs(graph: gs.SpaceTimeGraph, inputs: str, season: float) -> gs.SpaceTimeGraph:
    """Return the graph with the phase of the season, or with that and the mean of y over all nodes at each time."""
    if inputs == "own":
        return graph
    x = graph.x
    if inputs == "mean":
        times, moment = graph.time.unique(return_inverse=True)
        mean = x.new_zeros(len(times)).index_add_(0, moment, x[:, 0]) / torch.bincount(moment)
        x = torch.cat([x, mean[moment, None]], dim=1)
    return gs.add_seasonal_features(graph.replace(x=x), season)


def with_edges(graph: gs.SpaceTimeGraph, edges: str, seed: int) -> gs.SpaceTimeGraph:
    """Return the graph with its edges, with none, or between nodes that have changed places, the same at all times."""
    if edges == "given":
        return graph
    if edges == "none":
        return gs.SpaceTimeGraph(graph.x, graph.node, graph.time, static_edge_index=torch.empty(2, 0, dtype=torch.long))
    count = int(graph.node.max()) + 1
    place = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    topology = graph.topology
    if topology.static_edge_index is not None:
        moved = place[topology.static_edge_index]
        weight = topology.static_edge_weight
        return gs.SpaceTimeGraph(graph.x, graph.node, graph.time, static_edge_index=moved, static_edge_weight=weight)
    moment = torch.searchsorted(topology.times, graph.time)
    row = torch.empty(len(topology.times), count, dtype=torch.long)
    row[moment, graph.node] = torch.arange(graph.num_rows)
    index = row[moment[graph.edge_index], place[graph.node[graph.edge_index]]]
    return gs.SpaceTimeGraph(graph.x, graph.node, graph.time, index, graph.edge_weight)
