"""Bounds hold for every Jacobian, are met where they can be, and have their closed forms on paths."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import GCNConv
from torch_geometric.utils import from_networkx

from graphseq.reach import TooLargeError
from graphseq.reach.measures import (
    distances,
    message_passing_bound,
    operator,
    sensitivity,
    sensitivity_bound,
    weights_bound,
)
from graphseq.reach.theory import path_crossing

F64 = torch.float64
GRAPHS = [nx.path_graph(7), nx.barbell_graph(4, 1), nx.star_graph(5), nx.gnp_random_graph(9, 0.3, seed=2)]


def blocks(convs: list[GCNConv], graph: nx.Graph, activation: nn.Module) -> Tensor:
    """The Jacobian (V, C, V, F) of a stack of convolutions at random features."""
    index = from_networkx(graph).edge_index

    def run(x: Tensor) -> Tensor:
        for conv in convs:
            x = activation(conv(x, index))
        return x

    x = torch.randn(len(graph), convs[0].in_channels, dtype=F64)
    return torch.autograd.functional.jacobian(run, x)


@pytest.mark.parametrize("graph", GRAPHS, ids=str)
@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Tanh(), nn.Identity()], ids=repr)
def test_no_gcn_exceeds_the_bounds(graph: nx.Graph, activation: nn.Module) -> None:
    torch.manual_seed(0)
    convs = [GCNConv(3, 5).double(), GCNConv(5, 4).double(), GCNConv(4, 2).double()]
    weights = [conv.lin.weight.detach() for conv in convs]
    block = blocks(convs, graph, activation)
    frobenius = block.square().sum(dim=(1, 3)).sqrt()
    assert bool((frobenius <= weights_bound(graph, weights) + 1e-12).all())
    columns = block.abs().sum(dim=1).amax(dim=-1)  # the norm that the l1 norm induces
    largest = max(float(weight.abs().max()) for weight in weights)
    assert bool((columns <= sensitivity_bound(graph, 3, weight=largest, width=5) + 1e-12).all())


@pytest.mark.parametrize("graph", GRAPHS, ids=str)
def test_one_channel_without_activation_meets_them(graph: nx.Graph) -> None:
    convs = [GCNConv(1, 1, bias=False).double() for _ in range(3)]
    for conv in convs:
        conv.lin.weight.data.fill_(1.5)
    frobenius = blocks(convs, graph, nn.Identity())[:, 0, :, 0].abs()
    torch.testing.assert_close(weights_bound(graph, [conv.lin.weight for conv in convs]), frobenius)
    torch.testing.assert_close(sensitivity_bound(graph, 3, weight=1.5), frobenius)


def test_own_states_and_neighbours_have_their_weights() -> None:
    graph = nx.path_graph(4)
    s = 2.0 * torch.eye(4, dtype=F64) + 0.5 * torch.from_numpy(operator(graph, "mean").toarray())
    found = sensitivity_bound(graph, 3, own=2.0, neighbours=0.5, kind="mean", lipschitz=0.25, weight=2.0, width=3)
    torch.testing.assert_close(found, (0.25 * 2.0 * 3) ** 3 * torch.linalg.matrix_power(s, 3))


@pytest.mark.parametrize("n", [2, 3, 6])
def test_from_end_to_end_of_a_path(n: int) -> None:
    found = message_passing_bound(nx.path_graph(n), n - 1, alpha=2.0, beta=3.0)
    assert float(found[0, n - 1]) == pytest.approx(6.0 ** (n - 1) * path_crossing(n))
    is_at = distances(nx.path_graph(n)) == n - 1
    assert bool((found.isnan() == ~is_at).all())


def test_chosen_nodes_are_rows_of_the_whole() -> None:
    graph = GRAPHS[1]
    rows = torch.tensor([5, 0])
    torch.testing.assert_close(sensitivity_bound(graph, 4, nodes=rows), sensitivity_bound(graph, 4)[rows])


def test_what_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"alpha must be a finite number above 0, got 0"):
        message_passing_bound(GRAPHS[0], 2, alpha=0)
    with pytest.raises(ValueError, match="layers must be at most 10000, got 1000000"):
        sensitivity_bound(GRAPHS[0], 10**6)
    with pytest.raises(ValueError, match=r"weights must hold a matrix for each layer, got \[\]"):
        weights_bound(GRAPHS[0], [])
    with pytest.raises(TypeError, match="weights must be a list of tensors, one for each layer, got Tensor"):
        weights_bound(GRAPHS[0], torch.ones(2, 2))  # type: ignore[arg-type]
    monkeypatch.setattr(sensitivity, "MOST_ENTRIES", 48)
    with pytest.raises(TooLargeError, match="a table of 7 nodes by 7 has more than 48 entries; choose fewer"):
        sensitivity_bound(GRAPHS[0], 2)
