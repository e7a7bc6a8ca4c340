"""The distance from the over-smoothed limit, against dense projections and powers of Â."""

import math

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import graphseq as gs
from graphseq.reach import distance_to_limit


def dense(graph: gs.SpaceTimeGraph, causal: bool = False) -> Tensor:
    eye = torch.eye(graph.num_rows, dtype=torch.float64)
    return graph.topology.spacetime(causal).normalised(torch.float64) @ eye


def test_on_a_path_of_three_it_is_the_share_outside_the_roots_of_the_degrees() -> None:
    path = gs.from_sequence(torch.zeros(3, 1))
    root = torch.tensor([2.0, 3.0, 2.0]).sqrt()[:, None]
    assert distance_to_limit(5 * root, path) == pytest.approx(0, abs=1e-12)
    assert distance_to_limit(torch.tensor([[1.0], [0.0], [-1.0]]), path) == 1
    assert distance_to_limit(torch.tensor([[1.0], [0.0], [0.0]]), path) == pytest.approx(1 - 2 / 7)
    assert distance_to_limit(1e-30 * torch.tensor([[1.0], [0.0], [0.0]]), path) == pytest.approx(1 - 2 / 7)


@given(seed=st.integers(0, 200), layers=st.integers(1, 12))
def test_layers_reduce_it_by_the_second_eigenvalue_to_zero_in_the_limit(seed: int, layers: int) -> None:
    graph = gs.from_graph(nx.gnp_random_graph(7, 0.35, seed=seed))
    h = torch.randn(7, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    a = dense(graph)
    values, vectors = torch.linalg.eigh(a)
    kept = vectors[:, values > 1 - 1e-9]
    paired = (a != 0).sum(1) > 1
    left = ((h - kept @ kept.T @ h)[paired]).square().sum() / h[paired].square().sum() if paired.any() else math.nan
    assert distance_to_limit(h, graph) == pytest.approx(float(left), rel=1e-9, abs=1e-12, nan_ok=True)
    if paired.any():
        second = float(values[values <= 1 - 1e-9].abs().max())
        once, later = (torch.linalg.matrix_power(a, power) @ h for power in (layers, layers + 1))
        away = [distance_to_limit(each, graph) * float(each[paired].square().sum()) for each in (once, later)]
        assert away[1] <= second**2 * away[0] + 1e-12


def test_components_have_limits_of_their_own_and_single_rows_do_not_count() -> None:
    graph = gs.from_graph(nx.Graph([(0, 1), (2, 3)]))
    assert distance_to_limit(torch.tensor([[1.0], [1.0], [-4.0], [-4.0]]), graph) == pytest.approx(0, abs=1e-12)
    lonely = nx.Graph([(0, 1)])
    lonely.add_node(2)
    assert distance_to_limit(torch.tensor([[1.0], [-1.0], [9.0]]), gs.from_graph(lonely)) == 1
    assert math.isnan(distance_to_limit(torch.ones(3, 1), gs.from_graph(nx.empty_graph(3))))
    assert math.isnan(distance_to_limit(torch.zeros(2, 1), gs.from_graph(nx.path_graph(2))))


def test_self_loops_that_are_there_already_count_once_and_weights_count() -> None:
    looped = gs.SpaceTimeGraph(
        torch.zeros(2, 1),
        torch.arange(2),
        torch.zeros(2, dtype=torch.long),
        torch.tensor([[0, 1, 0], [1, 0, 0]]),
        torch.tensor([2.0, 2.0, 5.0]),
    )
    root = torch.tensor([[7.0], [3.0]]).sqrt()
    assert distance_to_limit(root, looped) == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(dense(looped) @ root.double(), root.double())


def test_on_causal_edges_it_is_invariant_under_the_directed_operator() -> None:
    path = gs.from_sequence(torch.zeros(4, 1))
    kept = torch.tensor([[1.0], [2.0], [2.0], [2.0]], dtype=torch.float64).sqrt()
    torch.testing.assert_close(dense(path, causal=True) @ kept, kept)
    assert distance_to_limit(kept, path, causal=True) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("states", "error"),
    [
        (torch.zeros(2, 1), ValueError),
        (torch.zeros(3), ValueError),
        (torch.zeros(3, 1).long(), TypeError),
        ([1], TypeError),
    ],
    ids=str,
)
def test_states_that_do_not_fit_are_refused(states: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="states must"):
        distance_to_limit(states, gs.from_sequence(torch.zeros(3, 1)))  # type: ignore[arg-type]
