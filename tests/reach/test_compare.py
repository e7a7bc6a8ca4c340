"""The range of a comparison from a sample of answers: an estimate of that of all answers."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch import Tensor, nn

import graphseq as gs
from graphseq.reach import Probe, compare


def test_the_range_of_a_sample_estimates_that_of_all_answers() -> None:
    """A quarter of a sample are the answers with the most edges, here all hubs, which are a tenth of all answers."""
    torch.manual_seed(0)
    stars = nx.disjoint_union_all([nx.star_graph(9) for _ in range(6)])
    graph = gs.from_graph(stars, x=torch.randn(60, 2, dtype=torch.float64))
    model = gs.nn.GCN(2, 4, 1).double()
    each = Probe(model, graph).range().node
    found = compare(model, graph, graph, samples=24)
    assert found.range_before == found.range_after == pytest.approx(float(each.mean()), rel=1e-12)
    hub, leaf = each[0], each[1]
    assert abs(float(hub + 3 * leaf) / 4 - float(each.mean())) > 0.01  # the mean of the sample's


def test_all_answers_have_the_range_of_a_probe() -> None:
    torch.manual_seed(0)
    path = gs.from_graph(nx.path_graph(7), x=torch.randn(7, 2, dtype=torch.float64))
    further = gs.transforms.k_hop(path, 2)
    model = gs.nn.GCN(2, 4, 2).double()
    found = compare(model, path, further)
    assert found.range_before == pytest.approx(Probe(model, path).range().graph, rel=1e-12)
    assert found.range_after > found.range_before


def test_influence_that_is_not_finite_is_refused() -> None:
    class Root(nn.Module):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return x.abs().sqrt()  # whose derivative at 0 is infinite, and times 0 NaN

    graph = gs.from_graph(nx.path_graph(3), x=torch.tensor([[1.0], [0.0], [1.0]]))
    with pytest.raises(ValueError, match="the influence on answer 0 is not finite"):
        compare(Root(), graph, graph)
