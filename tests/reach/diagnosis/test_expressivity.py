"""What message passing cannot tell apart, on graphs of which the colours are known."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from test_finding_words import curve, evidence
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import AddRandomWalkPE

import graphseq as gs
from graphseq.reach.diagnosis.expressivity import Ceiling, ceiling_of, return_probabilities
from graphseq.reach.diagnosis.judge import judge
from graphseq.reach.diagnosis.of_data import DataProblem
from graphseq.reach.diagnosis.problem import Request
from graphseq.reach.diagnosis.thresholds import Thresholds


def graph_of(graph: nx.Graph, y: int | list[float], x: Tensor | None = None) -> Data:
    edges = torch.tensor(list(graph.edges)).T
    n = graph.number_of_nodes()
    features = torch.ones(n, 1) if x is None else x
    return Data(x=features, edge_index=torch.cat([edges, edges.flip(0)], dim=1), y=torch.tensor(y).reshape(-1))


def rings(count: int) -> list[Data]:
    """A ring of 6, or two of 3."""
    two = nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))
    return [graph_of(two if k % 2 else nx.cycle_graph(6), k % 2) for k in range(count)]


class Pooled(torch.nn.Module):
    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.gin, self.lin = pyg.GIN(channels, 8, 2), torch.nn.Linear(8, 2)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        out: Tensor = self.lin(pyg.global_add_pool(self.gin(x, edge_index), batch))
        return out


def ceiling(graphs: list[Data], model: torch.nn.Module | None = None) -> Ceiling:
    torch.manual_seed(0)
    model = Pooled() if model is None else model
    found = ceiling_of(model, DataProblem(model, graphs, Request(loss=F.cross_entropy)))
    assert found is not None
    return found


def test_two_triangles_and_a_ring_of_six_are_told_apart_by_walks_alone() -> None:
    found = ceiling(rings(40))
    assert (found.score, found.with_walks, found.mixed, found.answers, found.is_blind) == (0.5, 1.0, 40, 40, True)
    told = ceiling([graph_of(nx.cycle_graph(6), 0) if k % 2 else graph_of(nx.path_graph(6), 1) for k in range(20)])
    assert (told.score, told.mixed) == (1.0, 0)


def test_the_return_probabilities_are_those_of_pyg() -> None:
    data = AddRandomWalkPE(walk_length=5)(graph_of(nx.karate_club_graph(), 0))
    problem = DataProblem(Pooled(), [data, data.clone()], Request(loss=F.cross_entropy))
    reads = problem.heldout()[0].rows.reads
    found = return_probabilities(reads, 5)
    np.testing.assert_allclose(found, data.random_walk_pe.numpy(), atol=1e-6)


def test_identical_inputs_with_two_answers_are_no_lack_of_expressivity() -> None:
    found = ceiling([graph_of(nx.cycle_graph(6), k % 2) for k in range(40)])
    assert found.score == 0.5
    assert found.with_walks < 0.51


def test_edge_features_and_a_model_that_sees_more_than_colours_are_no_blindness() -> None:
    graphs = rings(20)
    for number, graph in enumerate(graphs):
        graph.edge_attr = torch.full((12, 1), float(number % 2))
    assert ceiling(graphs).mixed == 0
    walks = [AddRandomWalkPE(walk_length=3, attr_name=None)(graph) for graph in rings(20)]
    assert ceiling(walks, Pooled(4)).mixed == 0
    assert not ceiling(rings(20), Numbered()).is_blind


class Numbered(Pooled):
    """A model that reads the order of the nodes."""

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        numbers = torch.arange(len(x), dtype=x.dtype)[:, None] / len(x)
        return super().forward(x + numbers, edge_index, batch)


def test_a_gin_that_is_asked_for_rings_is_told_so() -> None:
    torch.manual_seed(0)
    found = gs.diagnose(Pooled(), rings(120), loss=F.cross_entropy, steps=10)
    assert found.finding == "limited expressivity"
    assert "share their 1-WL colours" in found.sentences[1]
    assert found.advice[0].action == "features"
    assert "AddRandomWalkPE" in found.advice[0].text
    walks = [AddRandomWalkPE(walk_length=3, attr_name=None)(graph) for graph in rings(120)]
    assert gs.diagnose(Pooled(4), walks, loss=F.cross_entropy).finding in ("solved", "undertrained")


def test_triangles_at_nodes_are_bounded_by_colours_and_numbers_by_their_means() -> None:
    prism = nx.circular_ladder_graph(3)
    other = nx.complete_bipartite_graph(3, 3)  # 3-regular like the prism, without its triangles
    both = nx.disjoint_union(prism, other)
    y = [2.0 * t for t in nx.triangles(both).values()]
    data = graph_of(both, y)
    data.y = data.y[:, None]
    torch.manual_seed(0)
    model = pyg.GCN(1, 4, 2, 1)
    found = ceiling_of(model, DataProblem(model, data, Request(loss=F.mse_loss)))
    assert found is not None
    assert found.is_blind
    assert found.score == pytest.approx(0, abs=0.3)  # R² of one mean, of held-out answers' variance
    assert found.with_walks > 0.99


def test_only_a_model_as_good_as_its_ceiling_is_limited_by_it() -> None:
    t = Thresholds()
    low, high = curve(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1), curve(0.1, 0.3, 0.5, 0.6, 0.6, 0.6, 0.6)
    bound = Ceiling(0.6, 0.99, 50, 100, is_blind=True)
    assert judge(replace(evidence(high), ceiling=bound), t).finding == "limited expressivity"
    assert judge(replace(evidence(low), ceiling=replace(bound, is_blind=False)), t).finding == "inconclusive"
    faded = evidence(low, within_reach=0.2)
    assert judge(replace(faded, ceiling=bound), t).finding == "under-reaching"
