"""Influence by hop and R, on the whole graph and, as PyG has it, on neighbourhoods that are cut out."""

from __future__ import annotations

import math

import networkx as nx
import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import GCNConv
from torch_geometric.utils import from_networkx, total_influence

from graphseq.reach.measures import distances, hop_influence, hop_influence_on_subgraphs, influence_range


class Stack(nn.Module):
    """GCN layers with a tanh between them."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(GCNConv(3, 3) for _ in range(layers))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for conv in self.convs:
            x = conv(x, edge_index).tanh()
        return x


def setting(layers: int) -> tuple[Stack, object]:
    torch.manual_seed(0)
    data = from_networkx(nx.convert_node_labels_to_integers(nx.grid_2d_graph(4, 5)))
    data.x = torch.randn(20, 3)
    return Stack(layers), data


def l1(model: nn.Module, data: object) -> Tensor:
    block = torch.autograd.functional.jacobian(lambda x: model(x, data.edge_index), data.x)
    return block.abs().sum(dim=(1, 3))


def test_sums_by_hop_and_their_means() -> None:
    influence = torch.tensor([[4.0, 2.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    hops = torch.tensor([[0, 1, 1, 2], [0, 1, 2, 3]])
    found = hop_influence(influence, hops)
    assert found.at.tolist() == [0, 1, 2, 3]
    assert found.value.tolist() == [2.5, 2.5, 0.5, 0.5]
    assert found.breadth == pytest.approx((0.5 + 1.5) / 2)
    assert hop_influence(influence, hops, normalize="self").value.tolist() == [1.0, 1.0, 0.2, 0.2]


def test_breadth_is_the_normalised_range_in_hops() -> None:
    model, data = setting(3)
    hops = distances(data)
    influence = l1(model, data)
    assert hop_influence(influence, hops).breadth == pytest.approx(influence_range(influence, hops).graph)


def test_no_path_has_a_place_of_its_own() -> None:
    found = hop_influence(torch.tensor([[2.0, 1.0, 3.0]]), torch.tensor([[0.0, 1.0, math.inf]]), normalize="self")
    assert (found.value.tolist(), found.no_path, found.breadth) == ([1.0, 0.5], 1.5, pytest.approx(1 / 3))


def test_own_nodes_without_influence_cannot_normalise() -> None:
    with pytest.raises(ValueError, match="divides by the influence of the own node, which is 0"):
        hop_influence(torch.tensor([[0.0, 1.0]]), torch.tensor([[0, 1]]), normalize="self")
    with pytest.raises(ValueError, match="normalize must be 'self' or None, got 'mean'"):
        hop_influence(torch.ones(1, 1), torch.zeros(1, 1), normalize="mean")  # type: ignore[arg-type]


@pytest.mark.parametrize("max_hops", [1, 2, 4])
def test_on_subgraphs_it_is_what_pyg_gives(max_hops: int) -> None:
    model, data = setting(2)
    expected, breadth = total_influence(model, data, max_hops=max_hops, num_samples=20)
    found = hop_influence_on_subgraphs(model, data, range(20), max_hops=max_hops, normalize="self")
    assert found.value.tolist() == pytest.approx(expected.tolist(), rel=1e-4)
    assert found.breadth == pytest.approx(breadth, rel=1e-4)


def test_cutting_overestimates_the_outermost_hop_and_a_wide_cut_does_not() -> None:
    model, data = setting(2)
    model, data.x = model.double(), data.x.double()
    whole = hop_influence(l1(model, data), distances(data), normalize="self")
    cut = hop_influence_on_subgraphs(model, data, range(20), max_hops=2, normalize="self")
    assert 1.15 < float(cut.value[2] / whole.value[2]) < 1.6
    wide = hop_influence_on_subgraphs(model, data, range(20), max_hops=7, normalize="self")
    torch.testing.assert_close(wide.value, whole.value)


def test_nodes_that_do_not_exist_are_refused() -> None:
    model, data = setting(1)
    with pytest.raises(ValueError, match="nodes must lie in 0 to 19, got 20"):
        hop_influence_on_subgraphs(model, data, [20], max_hops=1)
