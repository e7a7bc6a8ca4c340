"""Learned edge weights: gradients through everything that is derived from a topology, and nothing of them is kept."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from matrices import F64
from strategies import edge_lists, index
from torch import Tensor
from torch_geometric.data import Batch
from torch_geometric.nn import GCNConv

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.data.adjacency import Adjacency, LearnedMatrix

EDGES = index([(0, 1), (1, 0), (1, 2), (2, 2)])


def weights() -> Tensor:
    return torch.tensor([0.5, 2.0, 1.5, 0.25], dtype=F64, requires_grad=True)


def static(weight: Tensor) -> SpaceTimeGraph:
    x = torch.linspace(-1, 1, 12, dtype=F64).view(2, 3, 2)
    return gs.from_signal(x, EDGES, weight)


def per_snapshot(weight: Tensor) -> SpaceTimeGraph:
    x = torch.linspace(-1, 1, 12, dtype=F64).view(6, 2)
    return SpaceTimeGraph(x, torch.arange(3).repeat(2), torch.arange(2).repeat_interleave(3), EDGES + 3, weight)


def gradient(weight: Tensor, out: Tensor) -> list[float]:
    number = torch.arange(1.0, out.numel() + 1, dtype=out.dtype).view_as(out)
    return torch.autograd.grad((out * number).sum(), weight)[0].tolist()


@given(edge_lists())
def test_the_gradient_is_that_of_gcn_norm(edges: tuple[Tensor, Tensor | None, int]) -> None:
    edge_index, _, rows = edges
    weight = torch.linspace(0.5, 2, edge_index.shape[1], dtype=F64).requires_grad_()
    x = torch.linspace(-1, 1, 2 * rows, dtype=F64).view(rows, 2)
    conv = GCNConv(2, 3).double()
    expected = gradient(weight, conv(x, edge_index, weight))
    matrix = Adjacency(edge_index, weight, rows).normalised(F64)
    torch.testing.assert_close(gradient(weight, conv.lin(matrix @ x)), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", [static, per_snapshot])
def test_a_gcn_has_the_gradient_of_pyg(make: Callable[[Tensor], SpaceTimeGraph]) -> None:
    weight, gcn = weights(), gs.nn.GCN(2, 4, num_layers=2).double()
    graph = make(weight)
    plain = graph.unroll()
    out = plain.x
    for number, conv in enumerate(gcn.convs):
        twin = GCNConv(conv.in_channels, conv.out_channels).double()
        twin.load_state_dict(conv.state_dict())
        out = twin(out.relu() if number else out, plain.edge_index, plain.edge_weight)
    torch.testing.assert_close(gradient(weight, gcn(graph)), gradient(weight, out), rtol=1e-12, atol=1e-13)
    for _ in range(2):  # nothing of the first pass is kept
        gradient(weight, gcn(graph))


@pytest.mark.parametrize(
    "read",
    [
        lambda graph: graph.topology.spatial.edge_weight,
        lambda graph: graph.topology.spacetime(causal=True).edge_weight,
        lambda graph: torch.cat([step.adjacency.edge_weight for step in graph.topology.steps]),
        lambda graph: graph.topology.sorted_by_time.spatial.edge_weight,
        lambda graph: graph.unroll().edge_weight,
        lambda graph: graph.snapshot(1).edge_weight,
        lambda graph: gs.transforms.to_undirected(graph).topology.spatial.edge_weight,
        lambda graph: gs.transforms.unroll_time(graph).edge_weight,
        lambda graph: Batch.from_data_list([graph, graph]).topology.spatial.edge_weight,
        lambda graph: copy.copy(graph).topology.spatial.edge_weight,
        lambda graph: graph.replace(x=graph.x + 1).topology.spatial.edge_weight,
    ],
)
@pytest.mark.parametrize("make", [static, per_snapshot])
def test_all_that_is_derived_has_a_gradient_every_time(
    make: Callable[[Tensor], SpaceTimeGraph], read: Callable[[SpaceTimeGraph], Tensor]
) -> None:
    weight = weights()
    graph = make(weight)
    read(graph)
    first, second = (torch.autograd.grad((read(graph) ** 2).sum(), weight)[0] for _ in range(2))
    assert first.any()
    assert torch.equal(first, second)


@pytest.mark.parametrize("make", [static, per_snapshot])
def test_a_step_of_the_weights_is_seen(make: Callable[[Tensor], SpaceTimeGraph]) -> None:
    weight, gcn = weights(), gs.nn.GCN(2, 4, num_layers=1).double()
    graph = make(weight)
    gcn(graph).sum().backward()
    with torch.no_grad():
        gcn(graph)
    weight.data.add_(1)  # as torch does not count it
    with torch.no_grad():
        assert torch.equal(gcn(graph), gcn(make(weight.detach().clone())))
    assert torch.allclose(gcn(graph), gcn(make(weight.detach().clone())), rtol=1e-12)


def test_weights_are_replaced_by_the_output_of_a_network() -> None:
    graph, weight = per_snapshot(torch.ones(4, dtype=F64)), weights()
    for _ in range(2):
        out = gs.nn.GCN(2, 4, num_layers=1).double()(graph.replace(edge_weight=weight.exp()))
        assert any(gradient(weight, out))
    static_weight = weights()
    replaced = static(torch.ones(4, dtype=F64)).replace(edge_weight=static_weight * 2)
    assert any(gradient(static_weight, replaced.topology.spatial.edge_weight))


def test_a_gradient_is_asked_for_only_where_it_is_recorded() -> None:
    adjacency = per_snapshot(weights()).topology.spatial
    assert adjacency.weights_need_grad
    assert isinstance(adjacency.normalised(F64), LearnedMatrix)
    with torch.no_grad():
        assert not adjacency.weights_need_grad
        assert not adjacency.normalised(F64).is_learned
    assert not per_snapshot(weights().detach()).topology.spatial.weights_need_grad


def test_a_tangent_of_the_weights_goes_through() -> None:
    weight, tangent = weights().detach(), torch.tensor([1.0, 0.0, -1.0, 2.0], dtype=F64)
    gcn = gs.nn.GCN(2, 4, num_layers=1).double()

    def out(values: Tensor) -> Tensor:
        return gcn(per_snapshot(torch.ones(4, dtype=F64)).replace(edge_weight=values))

    with torch.autograd.forward_ad.dual_level():
        dual = out(torch.autograd.forward_ad.make_dual(weight, tangent))
        forward = torch.autograd.forward_ad.unpack_dual(dual).tangent
    _, expected = torch.autograd.functional.jvp(out, weight, tangent)
    torch.testing.assert_close(forward, expected, rtol=1e-12, atol=1e-13)


def test_transpose_and_numbers_of_a_learned_matrix() -> None:
    weight = weights()
    matrix = per_snapshot(weight).topology.spatial.normalised(F64)
    dense = matrix @ torch.eye(6, dtype=F64)
    assert torch.equal(matrix.csr.to_dense(), dense)
    assert torch.equal(matrix.transpose @ torch.eye(6, dtype=F64), dense.t())
    assert torch.autograd.gradcheck(
        lambda w, x: per_snapshot(torch.ones(4, dtype=F64)).replace(edge_weight=w).topology.spatial.normalised(F64) @ x,
        (weight, torch.rand(6, 2, dtype=F64, requires_grad=True)),
    )


def test_what_keeps_a_graph_refuses_learned_weights() -> None:
    graph = static(weights()).replace(x=torch.rand(6, 2))
    for use in (
        lambda: gs.tasks.Forecasting(graph, lags=1),
        lambda: gs.tasks.GraphClassification([graph.replace(y=torch.zeros(1).long())], 2),
        lambda: gs.NeighborSampler(graph, [-1]),
    ):
        with pytest.raises(ValueError, match=r"has learned edge weights \(requires_grad\), which would change"):
            use()
