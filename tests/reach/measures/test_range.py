"""Ranges of operators whose range is known, on rings, lines and grids, in hops and in resistance."""

from __future__ import annotations

import math

import networkx as nx
import pytest
import torch
from torch import Tensor

from graphseq.reach.measures import distances, influence_range, memory_horizon, pairwise_mixing

F64 = torch.float64


def rows_at(hops: Tensor, k: int) -> Tensor:
    """The mean of the nodes at exactly k hops, as a matrix."""
    at = (hops == k).double()
    return at / at.sum(dim=1, keepdim=True).clamp(min=1)


def rows_within(hops: Tensor, k: int) -> Tensor:
    return (hops <= k).double() / (hops <= k).sum(dim=1, keepdim=True)


def walk(graph: nx.Graph, steps: int) -> Tensor:
    a = torch.from_numpy(nx.to_numpy_array(graph)) + torch.eye(len(graph), dtype=F64)
    return torch.linalg.matrix_power(a / a.sum(dim=1, keepdim=True), steps)


GRAPHS = {
    "ring": nx.cycle_graph(21),
    "line": nx.path_graph(21),
    "grid": nx.convert_node_labels_to_integers(nx.grid_2d_graph(7, 7)),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("k", [0, 1, 3, 6])
def test_what_reads_nodes_at_k_hops_has_the_range_k(name: str, k: int) -> None:
    hops = distances(GRAPHS[name])
    found = influence_range(rows_at(hops, k), hops)
    assert found.node.tolist() == pytest.approx([k] * len(hops))
    assert found.graph == pytest.approx(k)
    assert found.no_path.tolist() == [0.0] * len(hops)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_what_reads_a_ball_on_a_ring(k: int) -> None:
    hops = distances(GRAPHS["ring"])
    assert influence_range(rows_within(hops, k), hops).graph == pytest.approx(k * (k + 1) / (2 * k + 1))


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_powers_of_the_walk_on_a_ring_have_the_mean_of_a_sum_of_steps(steps: int) -> None:
    shares = torch.tensor([1.0], dtype=F64)  # of the sum of steps -1, 0 and 1
    for _ in range(steps):
        shares = torch.nn.functional.conv1d(shares[None, None], torch.ones(1, 1, 3, dtype=F64) / 3, padding=2)[0, 0]
    mean = float((shares * torch.arange(-steps, steps + 1).abs()).sum())
    assert influence_range(walk(GRAPHS["ring"], steps), distances(GRAPHS["ring"])).graph == pytest.approx(mean)


@pytest.mark.parametrize("k", [1, 4])
def test_in_resistance_a_line_is_as_in_hops_and_a_ring_is_shorter(k: int) -> None:
    line, ring = distances(GRAPHS["line"]), distances(GRAPHS["ring"])
    assert influence_range(rows_at(line, k), distances(GRAPHS["line"], "resistance")).graph == pytest.approx(k)
    found = influence_range(rows_at(ring, k), distances(GRAPHS["ring"], "resistance")).graph
    assert found == pytest.approx(k * (21 - k) / 21)


def test_the_range_that_is_not_normalised_scales_with_the_output() -> None:
    hops = distances(GRAPHS["ring"])
    operator = 5 * rows_at(hops, 3)
    assert influence_range(operator, hops, normalize=False).graph == pytest.approx(15)
    assert influence_range(operator, hops).graph == pytest.approx(3)


def test_influence_without_a_path_is_left_out_and_said() -> None:
    found = influence_range(torch.tensor([[1.0, 1.0, 2.0]]), torch.tensor([[0.0, 2.0, math.inf]]))
    assert (found.node.tolist(), found.no_path.tolist()) == ([1.0], [0.5])
    with_minus_one = influence_range(torch.tensor([[1.0, 1.0, 2.0]]), torch.tensor([[0, 2, -1]]))
    assert torch.equal(with_minus_one.node, found.node)


def test_an_output_without_influence_has_no_range_and_is_not_in_the_mean() -> None:
    found = influence_range(torch.tensor([[0.0, 0.0], [0.0, 2.0]]), torch.tensor([[0, 1], [1, 3]]))
    assert math.isnan(found.node[0])
    assert (found.graph, found.no_path.tolist()) == (3.0, [0.0, 0.0])
    assert found.note == "1 of 2 outputs depend on no input: they have no range"
    assert "note='1 of 2 outputs" in repr(found)
    assert "note" not in repr(influence_range(torch.ones(1, 2), torch.tensor([[0, 1]])))
    apart = influence_range(torch.tensor([[0.0, 1.0]]), torch.tensor([[0, -1]]), normalize=False)
    assert apart.note == "1 of 1 depend only on nodes without a path to them: their range counts as 0"


def test_what_is_no_influence_is_refused() -> None:
    with pytest.raises(ValueError, match=r"influence\[0, 1\] is -1; an influence is a finite number from 0"):
        influence_range(torch.tensor([[1.0, -1.0]]), torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"influence\[0, 0\] is nan"):
        influence_range(torch.tensor([[math.nan]]), torch.zeros(1, 1))
    with pytest.raises(ValueError, match=r"must both be \(K, V\), one line for each output; got \(1, 2\) and \(2, 2\)"):
        influence_range(torch.ones(1, 2), torch.zeros(2, 2))
    with pytest.raises(TypeError, match=r"influence must be a torch.Tensor, got list"):
        influence_range([[1.0]], torch.zeros(1, 1))  # type: ignore[arg-type]


@pytest.mark.parametrize("k", [1, 3])
def test_the_hessian_range_of_products_and_of_squared_differences(k: int) -> None:
    """Products mix only pairs at k hops, squared differences also each node with itself, as much as with all others."""
    hops = distances(GRAPHS["ring"])
    operator = rows_at(hops, k)
    x = torch.randn(21, 1, dtype=F64, generator=torch.Generator().manual_seed(0))
    products = pairwise_mixing(lambda x: (operator * (x @ x.T)).sum(), x, reduce="sum")
    differences = pairwise_mixing(lambda x: (operator * (x - x.T).square()).sum(), x, reduce="sum")
    assert influence_range(products, hops).graph == pytest.approx(k)
    assert influence_range(differences, hops).graph == pytest.approx(k / 2)


def test_complex_numbers_are_refused() -> None:
    numbers = torch.ones(1, 2, dtype=torch.complex64)
    for name, call in (
        ("influence", lambda: influence_range(numbers, torch.ones(1, 2))),
        ("distances", lambda: influence_range(torch.ones(1, 2), numbers)),
        ("remaining", lambda: memory_horizon(numbers[0])),
    ):
        with pytest.raises(TypeError, match=f"{name} must hold real numbers, got dtype torch.complex64"):
            call()
