"""Smoothness against literal numbers, the trace form, loops over pairs, and limits of linear layers."""

from __future__ import annotations

import math
from functools import partial

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from matrices import a_hat, a_tilde
from randomgraphs import draw, sequence
from strategies import edge_lists, features
from torch import Tensor

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.reach import dirichlet_energy, effective_rank, mad
from graphseq.reach.theory import stationary_weights

F64 = torch.float64


def graph_of(edge_index: Tensor, edge_weight: Tensor | None, rows: int) -> SpaceTimeGraph:
    nodes = torch.arange(rows)
    return SpaceTimeGraph(torch.zeros(rows, 1), nodes, torch.zeros_like(nodes), edge_index, edge_weight)


def of_networkx(graph: nx.Graph) -> SpaceTimeGraph:
    return gs.from_graph(graph, x=torch.zeros(len(graph), 1, dtype=F64))


def a_hat_of(graph: SpaceTimeGraph, causal: bool = False) -> Tensor:
    adjacency = graph.topology.spacetime(causal)
    return torch.from_numpy(a_hat(adjacency.edge_index, adjacency.edge_weight, graph.num_rows))


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


@st.composite
def to_undirected(draw: st.DrawFn) -> tuple[Tensor, Tensor | None, int]:
    """Edges both ways, of one weight each, and self-loops, some of weight 0."""
    edge_index, weight, rows = draw(edge_lists())
    loop = edge_index[0] == edge_index[1]
    both = torch.cat([edge_index, edge_index[:, ~loop].flip(0)], dim=1)
    return both, None if weight is None else torch.cat([weight, weight[~loop]]), rows


def test_three_rows_of_a_path_as_literal_numbers() -> None:
    path = gs.from_sequence(torch.zeros(3, 1))  # d̃ = 2, 3, 2
    states = torch.tensor([[2**0.5, 0.0], [0.0, 3**0.5], [0.0, 0.0]])  # over √d̃: (1, 0), (0, 1), (0, 0)
    assert dirichlet_energy(states, path) == pytest.approx(2 + 1)
    assert dirichlet_energy(states, path, relative=True) == pytest.approx(3 / 5)


@given(edges=to_undirected(), data=st.data())
def test_on_undirected_edges_it_is_the_trace(edges: tuple[Tensor, Tensor | None, int], data: st.DataObject) -> None:
    graph, h = graph_of(*edges), data.draw(features(edges[2])).double()
    h[torch.from_numpy(a_tilde(*edges).sum(1) == 0)] = 0.0  # such a row has no place on the graph
    expected = float(torch.trace(h.T @ (torch.eye(edges[2], dtype=F64) - torch.from_numpy(a_hat(*edges))) @ h))
    assert dirichlet_energy(h, graph) == pytest.approx(expected, abs=1e-9)


@given(edges=edge_lists(), data=st.data())
def test_on_any_edges_it_is_the_sum_over_them(edges: tuple[Tensor, Tensor | None, int], data: st.DataObject) -> None:
    h, a = data.draw(features(edges[2])).double().numpy(), a_tilde(*edges)
    degree, expected = a.sum(axis=1), 0.0
    for i, j in zip(*a.nonzero(), strict=True):
        if degree[j] > 0:
            expected += a[i, j] * ((h[i] / degree[i] ** 0.5 - h[j] / degree[j] ** 0.5) ** 2).sum() / 2
    assert dirichlet_energy(torch.from_numpy(h), graph_of(*edges)) == pytest.approx(expected, abs=1e-9)


def test_a_row_of_degree_zero_takes_no_part() -> None:
    edges = torch.tensor([[0, 0, 1], [0, 1, 2]]), torch.tensor([0.0, 1.0, 1.0]), 3  # nothing is told to row 0
    states = torch.tensor([[5.0], [2**0.5], [0.0]])  # d̃ = 0, 2, 2
    assert dirichlet_energy(states, graph_of(*edges)) == pytest.approx(1 / 2)


@given(edges=to_undirected(), data=st.data())
def test_the_relative_energy_stays_within_its_bound(
    edges: tuple[Tensor, Tensor | None, int], data: st.DataObject
) -> None:
    h, a = data.draw(features(edges[2])), a_tilde(*edges)
    degree = a.sum(axis=1)
    assume(bool(h.any()))
    bound = max(2 * (1 - own / d) for own, d in zip(a.diagonal(), degree, strict=True) if d > 0) if degree.any() else 0
    assert 0 <= dirichlet_energy(h, graph_of(*edges), relative=True) <= bound + 1e-12


@pytest.mark.parametrize(
    ("graph", "most"),
    [
        (nx.path_graph(2), 1),
        (nx.cycle_graph(6), 4 / 3),
        (nx.complete_bipartite_graph(3, 3), 3 / 2),
        (nx.complete_bipartite_graph(8, 8), 16 / 9),
    ],
    ids=["K2", "ring", "K33", "K88"],
)
def test_signs_that_alternate_reach_the_bound(graph: nx.Graph, most: float) -> None:
    side = nx.bipartite.color(graph)
    signs = torch.tensor([[1.0 - 2 * side[node]] for node in graph])
    assert dirichlet_energy(signs, of_networkx(graph), relative=True) == pytest.approx(most)


@pytest.mark.parametrize("rows", [2, 3, 10, 40])
def test_on_a_path_it_stays_below_four_thirds(rows: int) -> None:
    path = gs.from_sequence(torch.zeros(rows, 1))
    most = 1 - float(torch.linalg.eigvalsh(a_hat_of(path))[0])
    assert most < 4 / 3
    vector = torch.linalg.eigh(a_hat_of(path)).eigenvectors[:, :1]
    assert dirichlet_energy(vector, path, relative=True) == pytest.approx(most)


def test_the_energy_goes_to_zero_under_linear_layers_but_not_with_plain_degrees() -> None:
    star = nx.star_graph(4)
    graph, a = of_networkx(star), torch.from_numpy(nx.to_numpy_array(star))
    operator, plain = a_hat_of(graph), a.sum(1).rsqrt()
    h = randn(5, 3)
    seen = []
    for _ in range(60):
        h = operator @ h
        seen.append(dirichlet_energy(h, graph, relative=True))
    assert seen[:20] == sorted(seen[:20], reverse=True)
    assert max(seen[40:]) < 1e-12
    limit = stationary_weights((a + torch.eye(5)).sum(1)) @ randn(5, 3)
    torch.testing.assert_close(h, limit, rtol=0, atol=1e-9)
    by_plain_degrees = torch.trace(h.T @ (torch.eye(5, dtype=F64) - plain[:, None] * a * plain) @ h) / h.square().sum()
    assert by_plain_degrees > 0.01


def test_the_energy_goes_to_zero_under_causal_layers() -> None:
    graph, h = sequence(0, 5), randn(5, 2)
    operator = a_hat_of(graph, causal=True)
    start = dirichlet_energy(h, graph, causal=True, relative=True)
    h = torch.linalg.matrix_power(operator, 120) @ h
    assert dirichlet_energy(h, graph, causal=True, relative=True) < 1e-12 < start
    both = dirichlet_energy(h, graph, relative=True)
    assert both > 1e-3  # d̃ of the ends are others there


def test_on_directed_edges_the_trace_would_be_negative() -> None:
    graph = graph_of(torch.tensor([[0, 0, 0], [1, 2, 3]]), None, 4)  # one row read by three
    h = torch.tensor([[1.0], [1.0], [1.0], [1.0]], dtype=F64)
    assert float(torch.trace(h.T @ (torch.eye(4, dtype=F64) - a_hat_of(graph)) @ h)) < -0.1
    assert dirichlet_energy(h, graph) == pytest.approx(3 / 2 * (1 - 0.5**0.5) ** 2)


@pytest.mark.parametrize("size", [1e-30, 1e-300, 1e30])
@pytest.mark.parametrize(
    "measure", [partial(dirichlet_energy, relative=True), mad, lambda h, _: mad(h), lambda h, _: effective_rank(h)]
)
def test_the_scale_of_the_states_does_not_matter(size: float, measure: object) -> None:
    graph, h = draw(1), randn(draw(1).num_rows, 3)
    assert measure(h * size, graph) == pytest.approx(measure(h, graph), rel=1e-10)
    if 1e-38 < size < 1e38:
        assert measure((h * size).float(), graph) == pytest.approx(measure(h, graph), rel=1e-4)


def test_the_energy_grows_with_the_square_of_the_scale() -> None:
    graph, h = draw(1), randn(draw(1).num_rows, 3)
    found = dirichlet_energy((1e-30 * h).float(), graph)
    assert found == pytest.approx(1e-60 * dirichlet_energy(h, graph), rel=1e-5)


def test_states_that_are_all_zero_have_no_relative_size() -> None:
    path, zero = gs.from_sequence(torch.zeros(3, 1)), torch.zeros(3, 2)
    assert dirichlet_energy(zero, path) == 0
    for found in (dirichlet_energy(zero, path, relative=True), mad(zero), mad(zero, path), effective_rank(zero)):
        assert math.isnan(found)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_states_that_are_not_finite_give_nan(bad: float) -> None:
    path, states = gs.from_sequence(torch.zeros(3, 1)), torch.tensor([[1.0], [bad], [2.0]])
    for relative in (False, True):
        assert math.isnan(dirichlet_energy(states, path, relative=relative))
    for found in (mad(states), mad(states, path), effective_rank(states)):
        assert math.isnan(found)


def cosine_distance(a: np.ndarray, b: np.ndarray) -> float:
    return 1 - float(a @ b / ((a @ a) ** 0.5 * (b @ b) ** 0.5))


def mad_by_loops(h: np.ndarray, pairs: set[tuple[int, int]]) -> float:
    rows = []
    for i in range(len(h)):
        partners = [j for j in range(len(h)) if (i, j) in pairs and i != j and h[i].any() and h[j].any()]
        if partners:
            rows.append(np.mean([cosine_distance(h[i], h[j]) for j in partners]))
    return float(np.mean(rows)) if rows else math.nan


@given(edges=edge_lists(), data=st.data())
def test_mean_average_distance_is_that_of_loops(edges: tuple[Tensor, Tensor | None, int], data: st.DataObject) -> None:
    edge_index, _, rows = edges
    h = data.draw(features(rows))
    everyone = {(i, j) for i in range(rows) for j in range(rows)}
    reads = {(i, j) for i, j in zip(*a_tilde(*edges).nonzero(), strict=True)}
    array = h.double().numpy()
    assert mad(h) == pytest.approx(mad_by_loops(array, everyone), abs=1e-12, nan_ok=True)
    assert mad(h, graph_of(*edges)) == pytest.approx(mad_by_loops(array, reads), abs=1e-12, nan_ok=True)
    given_pairs = mad_by_loops(array, {(i, j) for i, j in edge_index.t().tolist()})
    assert mad(h, edge_index) == pytest.approx(given_pairs, abs=1e-12, nan_ok=True)


def test_pairs_with_a_row_that_is_zero_are_left_out() -> None:
    h = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert mad(h, torch.tensor([[0, 0, 1], [1, 2, 3]])) == 1  # of (0, 1), (0, 2) and (1, 3) only (0, 2) is left
    assert mad(h) == pytest.approx((1 + 2 + 1) / 3)


def test_distances_of_zero_count() -> None:
    h = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    assert mad(h) == pytest.approx(2 / 3)  # left out, as the paper has it, it would be 1
    assert mad(h, torch.tensor([[0, 2], [1, 3]])) == 0


def test_opposite_rows_are_two_apart_and_tiny_angles_are_not_lost() -> None:
    assert mad(torch.tensor([[1.0], [-3.0]])) == 2
    angle = 1e-10
    h = torch.tensor([[1.0, 0.0], [1.0, angle]], dtype=F64)
    assert mad(h) == pytest.approx(angle**2 / 2)
    assert mad(h, gs.from_sequence(torch.zeros(2, 1))) == pytest.approx(angle**2 / 2)


def test_linear_layers_take_mean_average_distance_and_rank_to_their_limits() -> None:
    graph = of_networkx(nx.cycle_graph(7))
    h = torch.linalg.matrix_power(a_hat_of(graph), 400) @ randn(7, 4)
    assert mad(h) < 1e-12
    assert mad(h, graph) < 1e-12
    assert effective_rank(h) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "rank"),
    [([5.0], 1), ([2.0, 2.0, 2.0], 3), ([1.0, 0.0], 1), ([3.0, 1.0], 4 / 3**0.75)],  # exp H(3/4, 1/4) = 4 / 3^(3/4)
)
def test_effective_rank_in_closed_form(values: list[float], rank: float) -> None:
    q, _ = torch.linalg.qr(randn(6, len(values)))
    r, _ = torch.linalg.qr(randn(4, len(values), seed=1))
    states = q @ torch.diag(torch.tensor(values, dtype=F64)) @ r.T
    assert effective_rank(states) == pytest.approx(rank)


@given(rows=st.integers(1, 5), data=st.data())
def test_effective_rank_lies_between_one_and_the_rank(rows: int, data: st.DataObject) -> None:
    h = data.draw(features(rows))
    assume(bool(h.any()))
    assert 1 - 1e-9 <= effective_rank(h) <= int(torch.linalg.matrix_rank(h.double())) + 1e-6


@pytest.mark.parametrize("measure", [mad, effective_rank, lambda h: dirichlet_energy(h, sequence(0, 3))])
@pytest.mark.parametrize(
    ("states", "kind", "message"),
    [
        ([[1.0]], TypeError, r"states must be a torch.Tensor, got list"),
        (torch.zeros(3, 2, dtype=torch.long), TypeError, "states must be floating, got torch.int64"),
        (torch.zeros(3), ValueError, r"states must be \(V, H\), one row at least, got \(3,\)"),
        (torch.zeros(0, 2), ValueError, r"one row at least, got \(0, 2\)"),
        (torch.zeros(3, 0), ValueError, r"one row at least, got \(3, 0\)"),
    ],
)
def test_other_inputs_than_states_are_refused(
    measure: object, states: object, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        measure(states)


def test_graphs_and_pairs_that_do_not_fit_are_refused() -> None:
    states = torch.ones(2, 1)
    for measure in (dirichlet_energy, mad):
        with pytest.raises(ValueError, match="states must have one row for each of the graph's 3, got 2"):
            measure(states, sequence(0, 3))
    with pytest.raises(ValueError, match=r"pairs\[:, 1\] is \(0, 2\), outside the 2 rows 0 to 1"):
        mad(states, torch.tensor([[0, 0], [1, 2]]))
    with pytest.raises(TypeError, match=r"pairs must be a graph, a tensor .* got list"):
        mad(states, [(0, 1)])
    negative = graph_of(torch.tensor([[0], [1]]), torch.tensor([-1.0]), 2)
    with pytest.raises(ValueError, match=r"edge_weight\[0\] is -1"):
        dirichlet_energy(states, negative)


def test_the_measures_leave_no_trace_of_a_gradient() -> None:
    graph = sequence(0, 3)
    h = randn(3, 2).requires_grad_()
    assert dirichlet_energy(h, graph) == dirichlet_energy(h.detach(), graph)
    assert mad(h) == mad(h.detach())
