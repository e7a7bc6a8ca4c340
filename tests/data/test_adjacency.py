"""Ã, Â and the sparse product against PyG, a loop in float64, and closed forms."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from matrices import F64, Edges, a_hat, a_tilde, dense, path, path_power
from strategies import WEIGHTS, edge_lists, index
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from graphseq.data.adjacency import Adjacency


@given(edge_lists())
def test_normalised_is_its_equation_in_a_loop(edges: Edges) -> None:
    np.testing.assert_allclose(dense(edges), a_hat(*edges), rtol=1e-14, atol=0)


@given(edge_lists())
def test_normalised_is_pyg_gcn_norm(edges: Edges) -> None:
    edge_index, weight, rows = edges
    weight = None if weight is None else weight.double()
    (source, reader), value = gcn_norm(edge_index, weight, rows, dtype=F64)
    summed = torch.zeros(rows, rows, dtype=F64).index_put_((reader, source), value, accumulate=True)
    np.testing.assert_allclose(dense(edges), summed.numpy(), rtol=1e-15, atol=0)


@given(edge_lists(values=WEIGHTS))
def test_normalised_in_float32_is_that_in_float64_rounded(edges: Edges) -> None:
    np.testing.assert_allclose(dense(edges, torch.float32), a_hat(*edges), rtol=1e-6, atol=0)


@given(edge_lists())
def test_pattern_is_where_a_tilde_is_not_zero(edges: Edges) -> None:
    assert np.array_equal(Adjacency(*edges).pattern.toarray(), a_tilde(*edges) != 0)


@given(edge_lists(values=WEIGHTS))
def test_pattern_is_where_a_hat_is_not_zero_when_weights_are_positive(edges: Edges) -> None:
    assert np.array_equal(Adjacency(*edges).pattern.toarray(), dense(edges) != 0)


@given(edge_lists())
def test_identity_is_when_there_is_no_edge_and_a_hat_is_then_the_identity(edges: Edges) -> None:
    adjacency = Adjacency(*edges)
    assert adjacency.is_identity == (edges[0].shape[1] == 0)
    assert not adjacency.is_identity or np.array_equal(dense(edges), np.eye(edges[2]))


def test_a_stored_self_loop_of_weight_zero_takes_the_added_one_away() -> None:
    pattern = Adjacency(index([(0, 0), (0, 1)]), torch.tensor([0.0, 2.0]), 2).pattern
    assert pattern.toarray().tolist() == [[False, False], [True, True]]


def test_an_edge_of_weight_zero_is_not_in_the_pattern() -> None:
    pattern = Adjacency(index([(0, 1), (1, 0)]), torch.tensor([0.0, 1.0]), 2).pattern
    assert pattern.toarray().tolist() == [[True, True], [False, True]]


def test_of_two_stored_self_loops_pattern_and_a_hat_read_the_same_one() -> None:
    edges = index([(0, 0), (0, 0)]), torch.tensor([1.0, 0.0]), 1
    assert dense(edges).tolist() == [[0.0]]
    assert Adjacency(*edges).pattern.toarray().tolist() == [[False]]


def test_a_row_reads_from_its_in_neighbours() -> None:
    assert Adjacency(index([(0, 1)]), None, 2).pattern.toarray().tolist() == [[True, False], [True, True]]


def test_a_hat_of_the_path_of_three() -> None:
    s = 6**-0.5
    np.testing.assert_allclose(dense(path(3)), [[1 / 2, s, 0], [s, 1 / 3, s], [0, s, 1 / 2]], rtol=1e-14)


def test_a_hat_of_a_weighted_directed_triangle() -> None:
    # Degrees 1 + 3 = 4, 1 and 1 + 8 = 9: what comes in, and the self-loop.
    edges = index([(1, 0), (0, 2), (1, 2)]), torch.tensor([3.0, 2.0, 6.0]), 3
    np.testing.assert_allclose(dense(edges), [[1 / 4, 3 / 2, 0], [0, 1, 0], [2 / 6, 6 / 3, 1 / 9]], rtol=1e-14)


@pytest.mark.parametrize("n", [2, 3, 4, 7, 20])
def test_nothing_crosses_a_path_in_fewer_layers_than_hops(n: int) -> None:
    assert all(path_power(n, layers)[0, n - 1] == 0 for layers in range(n - 1))


@pytest.mark.parametrize("n", [2, 3, 4, 7, 20])
def test_what_crosses_a_path_in_as_many_layers_as_hops(n: int) -> None:
    expected = 1 / 2 if n == 2 else 3.0 ** -(n - 3) / 6
    assert path_power(n, n - 1)[0, n - 1] == pytest.approx(expected, rel=1e-13)


def test_what_crosses_a_path_of_twenty() -> None:
    assert path_power(20, 19)[0, 19] == pytest.approx(1.29e-9, rel=2e-3)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_endless_layers_on_a_path_leave_the_degrees_alone(n: int) -> None:
    degree = np.array([2.0] + [3.0] * (n - 2) + [2.0])
    np.testing.assert_allclose(path_power(n, 4000), np.sqrt(np.outer(degree, degree)) / (3 * n - 2), rtol=1e-10)


def test_the_spectral_gap_of_a_path_is_about_pi_squared_over_three_n_squared() -> None:
    values = np.sort(np.linalg.eigvalsh(dense(path(100))))
    assert values[-1] - values[-2] == pytest.approx(math.pi**2 / 3e4, rel=0.03)


@pytest.mark.parametrize("n", [3, 4, 7])
def test_eigenvalues_of_a_ring(n: int) -> None:
    ring = index([(i, (i + 1) % n) for i in range(n)])
    found = np.linalg.eigvalsh(dense((torch.cat([ring, ring.flip(0)], dim=1), None, n)))
    expected = sorted((1 + 2 * math.cos(2 * math.pi * k / n)) / 3 for k in range(n))
    np.testing.assert_allclose(found, expected, atol=1e-13)


@pytest.mark.parametrize(("n", "layers"), [(2, 1), (3, 2), (4, 3), (4, 9), (6, 4), (6, 10)])
def test_what_crosses_a_directed_path_is_a_binomial_tail(n: int, layers: int) -> None:
    tail = sum(math.comb(layers, k) for k in range(n - 1, layers + 1)) / 2**layers
    assert path_power(n, layers, directed=True)[n - 1, 0] == pytest.approx(math.sqrt(2) * tail, rel=1e-13, abs=0)


def test_the_largest_eigenvalue_of_a_hat_is_one_on_a_connected_graph() -> None:
    graph = nx.karate_club_graph()
    pairs = [pair for a, b in graph.edges for pair in ((a, b), (b, a))]
    values = np.linalg.eigvalsh(dense((index(pairs), None, len(graph))))
    assert values[-1] == pytest.approx(1, abs=1e-13)
    assert values[-2] < 1
    assert values[0] > -1


def test_normalised_is_made_once_a_number_type() -> None:
    adjacency = Adjacency(*path(3))
    assert adjacency.normalised(F64) is adjacency.normalised(F64)
    assert adjacency.normalised(torch.float32) is not adjacency.normalised(F64)
    assert adjacency.normalised(torch.float32).csr.dtype == torch.float32
    assert adjacency.pattern is adjacency.pattern


def test_a_negative_weight_is_refused_and_its_place_named() -> None:
    adjacency = Adjacency(index([(0, 1), (1, 0)]), torch.tensor([1.0, -0.5]), 2)
    with pytest.raises(ValueError, match=r"edge_weight\[1\] is -0.5; the square root in Â needs weights of at least 0"):
        adjacency.normalised(F64)


def test_negative_weights_have_a_pattern() -> None:
    pattern = Adjacency(index([(0, 1)]), torch.tensor([-0.5]), 2).pattern
    assert pattern.toarray().tolist() == [[True, False], [True, True]]


def test_no_gradient_goes_into_the_weights() -> None:
    weight = torch.ones(2, requires_grad=True)
    assert not Adjacency(index([(0, 1), (1, 0)]), weight, 2).normalised(F64).csr.requires_grad
