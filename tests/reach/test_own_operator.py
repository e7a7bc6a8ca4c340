"""Energies, quotients and limits of the operator that a model has: each goes to 0 under its own layers alone."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.nn import GATConv
from torch_geometric.utils import from_networkx

import graphseq as gs
from graphseq.reach import dirichlet_energy, distance_to_limit, rank_collapse, rayleigh_quotient
from graphseq.reach.limit import leading_eigenvectors
from graphseq.reach.measures import layer_operator, operator

F64 = torch.float64
WHEEL = nx.wheel_graph(9)


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def matrix(graph: nx.Graph, kind: str) -> Tensor:
    return torch.from_numpy(operator(graph, kind).toarray())


@pytest.mark.parametrize("kind", ["gcn", "walk", "mean", "unnormalised"])
def test_energies_and_quotients_are_traces(kind: str) -> None:
    graph = nx.gnp_random_graph(9, 0.4, seed=3)
    for i, (u, v) in enumerate(graph.edges):
        graph[u][v]["weight"] = 0.5 + i % 3
    h, a = randn(9, 4), torch.from_numpy(nx.to_numpy_array(graph))
    d = a.sum(dim=1)
    laplacian = torch.eye(9, dtype=F64) - matrix(graph, "gcn") if kind == "gcn" else d.diag() - a
    mass = {"gcn": torch.ones(9, dtype=F64), "unnormalised": torch.ones(9, dtype=F64), "walk": d + 1, "mean": d}[kind]
    energy = float((h.T @ laplacian @ h).trace())
    assert dirichlet_energy(h, graph, operator=kind) == pytest.approx(energy)
    quotient = energy / float((mass[:, None] * h.square()).sum())
    assert rayleigh_quotient(h, graph, operator=kind) == pytest.approx(quotient)
    assert rayleigh_quotient(h, gs.from_graph(graph), operator=kind) == pytest.approx(quotient)
    assert rayleigh_quotient(1e-30 * h, graph, operator=kind) == pytest.approx(quotient)


@pytest.mark.parametrize(("kind", "own"), [("gcn", "gcn"), ("walk", "walk"), ("walk", "unnormalised")])
def test_layers_smooth_to_the_limit_of_their_own_operator_and_to_no_other(kind: str, own: str) -> None:
    h = torch.linalg.matrix_power(matrix(WHEEL, kind), 200) @ randn(9, 3)
    other = "walk" if kind == "gcn" else "gcn"
    assert rayleigh_quotient(h, WHEEL, operator=own) < 1e-25
    assert rayleigh_quotient(h, WHEEL, operator=other) > 0.01
    assert distance_to_limit(h, WHEEL, operator="gcn" if kind == "gcn" else "walk") < 1e-25
    assert distance_to_limit(h, WHEEL, operator=other) > 0.01


def test_attention_smooths_to_a_constant() -> None:
    torch.manual_seed(0)
    conv = GATConv(4, 4, bias=False).double()
    conv.lin.weight.data = torch.eye(4, dtype=F64)
    index, h = from_networkx(WHEEL).edge_index, randn(9, 4)
    for _ in range(100):
        h = conv(h, index)
    h = h.detach()
    assert distance_to_limit(h, WHEEL, operator="walk") < 1e-20
    assert rank_collapse(h) < 1e-10
    assert distance_to_limit(h, WHEEL) > 0.01


def test_of_any_operator_it_is_the_leading_eigenvectors() -> None:
    s = randn(6, 6).abs()
    h = torch.linalg.matrix_power(s / torch.linalg.eigvals(s).abs().max(), 300) @ randn(6, 2)
    graph = nx.path_graph(6)
    assert distance_to_limit(h, graph, operator=s) < 1e-20
    assert distance_to_limit(randn(6, 2), graph, operator=s) > 0.1
    for kind in ("gcn", "walk"):
        h = randn(6, 3, seed=1)
        assert distance_to_limit(h, graph, operator=matrix(graph, kind)) == pytest.approx(
            distance_to_limit(h, graph, operator=kind)
        )


def test_rotations_and_several_components_lead_to_more_than_one_direction() -> None:
    turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.5]], dtype=F64)
    assert leading_eigenvectors(turn, 3).shape == (3, 2)
    assert distance_to_limit(torch.tensor([[1.0], [2.0], [0.0]]), nx.path_graph(3), operator=turn) == pytest.approx(
        0, abs=1e-20
    )
    parts = nx.disjoint_union(nx.path_graph(2), nx.path_graph(3))
    assert leading_eigenvectors(matrix(parts, "gcn"), 5).shape == (5, 2)


def test_the_operator_of_a_layer_is_found_from_its_jacobian() -> None:
    gcn = gs.nn.GCN(3, 5, num_layers=1).double()
    graph = gs.from_graph(WHEEL, x=randn(9, 3))
    block = torch.autograd.functional.jacobian(lambda x: gcn(graph.replace(x=x)), graph.x)
    found = layer_operator(block)
    assert found.share == pytest.approx(1)
    torch.testing.assert_close(found.operator, matrix(WHEEL, "gcn"))
    torch.testing.assert_close(found.weight, gcn.convs[0].lin.weight.detach().T)
    mixed = block + 0.1 * torch.randn(block.shape, dtype=F64, generator=torch.Generator().manual_seed(0))
    assert 0.3 < layer_operator(mixed).share < 0.99


def test_what_is_no_operator_is_refused() -> None:
    h, path = randn(3, 1), nx.path_graph(3)
    with pytest.raises(ValueError, match=r"operator must be floating, finite and \(3, 3\), got torch.float32 \(2, 2\)"):
        distance_to_limit(h, path, operator=torch.eye(2))
    with pytest.raises(ValueError, match="operator has no eigenvalue other than 0"):
        distance_to_limit(h, path, operator=torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    with pytest.raises(ValueError, match=r"operator must be one of gcn, mean, walk or a torch.Tensor; got 'gat'"):
        distance_to_limit(h, path, operator="gat")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="operator must be one of gcn, mean, unnormalised, walk; got 'sum'"):
        dirichlet_energy(h, path, operator="sum")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="jacobian is 0, so that the layer mixes no rows"):
        layer_operator(torch.zeros(2, 1, 2, 1))
    with pytest.raises(ValueError, match=r"jacobian must be floating and \(V, C, V, F\), got .* \(2, 1, 3, 1\)"):
        layer_operator(torch.zeros(2, 1, 3, 1))


def test_rank_collapse_is_the_distance_from_equal_rows() -> None:
    h = randn(5, 3)
    centred = h - h.mean(dim=0)
    assert rank_collapse(h) == pytest.approx(float(centred.norm() / h.norm()))
    best = min(
        float((h - torch.ones(5, 1, dtype=F64) @ (h.mean(dim=0, keepdim=True) + 0.1 * randn(1, 3, seed=s))).norm())
        for s in range(20)
    )
    assert rank_collapse(h) * float(h.norm()) <= best
    assert math.isnan(rank_collapse(torch.zeros(2, 2)))
    single = np.array([[1.0, 2.0]])
    assert rank_collapse(torch.from_numpy(single)) == 0.0
