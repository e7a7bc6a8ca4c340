"""Relaxation against Dijkstra's algorithm, its gradient on long paths, and what layers with weights set by hand do."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.sparse import csgraph
from torch import Tensor

import graphseq as gs
from graphseq.nn import MinPlusGCN
from graphseq.nn.convolutional.closure import Closure
from graphseq.nn.convolutional.relaxation import Edges, _step_by_step, edges_of, relax
from graphseq.testing.graphs import jacobian_pattern, random_graph, with_features

F64 = torch.float64


def drawn(seed: int, rows: int = 40, share: float = 0.05) -> tuple[Edges, Tensor, Tensor, Tensor]:
    """Directed edges of random lengths, potentials, costs, and the lengths of all shortest paths."""
    generator = torch.Generator().manual_seed(seed)
    joined = (torch.rand(rows, rows, generator=generator) < share) & ~torch.eye(rows, dtype=torch.bool)
    source, reader = joined.nonzero().t()
    order = reader.argsort(stable=True)
    source, reader = source[order], reader[order]
    length = torch.rand(len(source), generator=generator, dtype=F64) + 0.5
    matrix = sp.csr_array((length.numpy(), (source.numpy(), reader.numpy())), shape=(rows, rows))
    distance = torch.from_numpy(csgraph.dijkstra(matrix))
    potential = 4 * torch.randn(rows, 7, generator=generator, dtype=F64)
    cost = torch.rand(7, generator=generator, dtype=F64)
    return Edges(source, reader, length[:, None], rows - 1), potential, cost, distance


@pytest.mark.parametrize("seed", range(5))
def test_a_relaxation_is_the_minimum_over_dijkstras_distances(seed: int) -> None:
    edges, potential, cost, distance = drawn(seed)
    expected = (potential[:, None] + cost * distance[:, :, None]).amin(0)
    torch.testing.assert_close(relax(potential, cost, edges), expected, rtol=0, atol=1e-12)
    assert bool((expected < potential).any())
    assert bool((expected == potential).any())


@pytest.mark.parametrize("seed", range(3))
def test_values_and_gradients_are_those_of_all_steps(seed: int) -> None:
    edges, potential, cost, _ = drawn(seed)
    found = []
    for function in (lambda p, w: relax(p, w, edges), lambda p, w: _step_by_step(p, w * edges.length, edges)):
        p, w = potential.clone().requires_grad_(), cost.clone().requires_grad_()
        out = function(p, w)
        direction = torch.linspace(-1, 1, out.numel(), dtype=F64).view_as(out)
        found.append((out, *torch.autograd.grad(out, (p, w), direction)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


def test_a_gradient_crosses_a_thousand_hops_unchanged() -> None:
    rows = torch.arange(1001)
    potential = torch.full((1001, 1), 100.0, dtype=F64)
    potential[0] = 0
    potential, cost = potential.requires_grad_(), torch.tensor([0.01], dtype=F64, requires_grad=True)
    last = relax(potential, cost, Edges(rows[:-1], rows[1:], None, 1000))[-1, 0]
    of_potential, of_cost = torch.autograd.grad(last, (potential, cost))
    assert of_potential.nonzero().tolist() == [[0, 0]]
    assert (last.item(), of_potential[0].item(), of_cost.item()) == (10.0, 1.0, 1000.0)


@pytest.mark.parametrize("seed", range(3))
def test_ties_and_rounding_lose_no_path(seed: int) -> None:
    """In float32, with costs near the spacing of the potentials, where improvements round to nothing."""
    graph = nx.random_regular_graph(3, 200, seed=seed)
    index = torch.tensor(list(nx.to_directed(graph).edges)).t()
    index = index[:, index[1].argsort(stable=True)]
    generator = torch.Generator().manual_seed(seed)
    potential = 1000 + (4 * torch.rand(200, 50, generator=generator)).round() / 2
    cost = torch.full((50,), 2e-4) * torch.rand(50, generator=generator)
    edges = Edges(index[0], index[1], None, 199)
    found = relax(potential, cost, edges)
    exact = _step_by_step(potential.double(), cost.double(), edges)
    assert float((found.double() - exact).abs().max()) < 3e-3  # twenty hops, of half a unit in the last place each


def test_an_edge_of_weight_zero_is_none_and_a_negative_one_is_refused() -> None:
    def graph(weight: float) -> gs.SpaceTimeGraph:
        return gs.SpaceTimeGraph(
            torch.eye(3, dtype=F64),
            torch.arange(3),
            torch.zeros(3, dtype=torch.long),
            torch.tensor([[0, 1], [1, 2]]),
            torch.tensor([1.0, weight], dtype=F64),
        )

    edges = edges_of(graph(0.0).topology.spacetime(), 2)
    assert (edges.source.tolist(), edges.reader.tolist()) == ([0], [1])
    encoder = MinPlusGCN(3, 4, 1).double()
    assert encoder.reach(graph(0.0), torch.tensor([2])).tolist() == [[False, False, True]]
    assert encoder.reach(graph(0.5), torch.tensor([2])).tolist() == [[True, True, True]]
    with pytest.raises(ValueError, match=r"edge_weight\[1\] is -1; the length of an edge is 1/weight"):
        encoder(graph(-1.0))


@pytest.mark.parametrize("directed", [False, True])
def test_a_closure_is_all_paths(directed: bool) -> None:
    graph = random_graph(3, directed=directed)
    pattern = graph.topology.spacetime(causal=directed).pattern
    full = torch.from_numpy(np.linalg.matrix_power(pattern.toarray().astype(int), graph.num_rows) > 0)
    closure = Closure(pattern, torch.device("cpu"))
    rows = torch.arange(graph.num_rows)
    assert torch.equal(closure.reach(rows), full)
    values = graph.x
    expected = torch.stack([values[line].mean(0) for line in full])
    torch.testing.assert_close(closure.mean(values), expected, rtol=0, atol=1e-12)
    assert torch.equal(closure.smallest(values), torch.stack([values[line].amin(0) for line in full]))
    assert closure.longest == int(full.sum(1).max()) - 1


def test_without_the_mean_the_rows_that_win_are_within_reach() -> None:
    """A derivative shows the winners alone; over many inputs every row within reach wins, and no other."""
    encoder, graph = MinPlusGCN(2, 8, 1, mean=False).double(), random_graph(1)
    generator = torch.Generator().manual_seed(0)
    seen = [
        jacobian_pattern(encoder, with_features(graph, torch.randn(graph.x.shape, generator=generator, dtype=F64)))
        for _ in range(60)
    ]
    assert torch.equal(encoder.reach(graph, torch.arange(graph.num_rows)), torch.stack(seen).any(0))


def set_by_hand(encoder: MinPlusGCN, potentials: list[Tensor], reads: list[Tensor]) -> MinPlusGCN:
    """Weights of an encoder of two channels and one feature, whose costs and gains are 1."""
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
        encoder.lin.weight[0, 0] = 1
        for block, potential, read in zip(encoder.blocks, potentials, reads, strict=True):
            block.potential.weight.copy_(potential)
            block.read.weight.copy_(read)
    return encoder


H, FAR, LARGEST = 0, 2, 6  # columns of what a layer of two channels reads: h, r, m, their largest, their smallest


def entries(*places: tuple[int, int, float], columns: int) -> Tensor:
    matrix = torch.zeros(2, columns, dtype=F64)
    for row, column, value in places:
        matrix[row, column] = value
    return matrix


def three_sweeps() -> MinPlusGCN:
    """From the row of the least input to the row a that is farthest from it, and from a to the farthest row b.

    Of rows equally far the one of the least input is taken: channel 0 keeps the input, channel 1 has distances.
    """
    encoder = MinPlusGCN(1, 2, 3, groups=1, mean=False).double()
    potentials = [
        entries((0, 0, 1e6), columns=2),
        entries((0, 1, -1e6), (0, 0, 1e5), columns=2),
        entries((0, 1, -1e6), (0, 0, 1e5), (1, 1, 1e3), columns=2),
    ]
    reads = [
        entries((1, FAR, 1.0), columns=8),
        entries((1, H + 1, -1.0), (1, FAR, 1.0), columns=8),
        entries((1, H + 1, -1.0), (1, LARGEST, 1.0), columns=8),
    ]
    return set_by_hand(encoder, potentials, reads)


@pytest.mark.parametrize("rows", [5, 20, 100])
def test_three_layers_can_be_the_eccentricity_of_every_tree(rows: int) -> None:
    for seed in range(5):
        graph = nx.random_labeled_tree(rows, seed=seed)
        x = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))[:, None].double() / rows
        farthest = nx.eccentricity(graph)
        expected = torch.tensor([farthest[row] for row in range(rows)], dtype=F64)
        found = three_sweeps()(gs.from_graph(graph, x=x))[:, 1]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_one_layer_can_be_the_distance_from_a_marked_row_at_any_distance() -> None:
    encoder = MinPlusGCN(1, 2, 1, groups=1, mean=False).double()
    set_by_hand(encoder, [entries((0, 0, -1e6), columns=2)], [entries((1, FAR, 1.0), columns=8)])
    out = encoder(gs.from_sequence(torch.eye(5000, dtype=F64)[:, :1]))[:, 1]
    torch.testing.assert_close(out, torch.arange(5000, dtype=F64), rtol=0, atol=1e-6)


def test_groups_must_divide_the_channels() -> None:
    with pytest.raises(ValueError, match="hidden_channels must be a multiple of groups=4, got 6"):
        MinPlusGCN(2, 6)


@pytest.mark.parametrize(
    ("kind", "name", "lost_from"), [(torch.bfloat16, "bfloat16", 16), (torch.float16, "float16", 128)]
)
def test_parameters_of_16_bits_are_refused_since_a_hop_would_be_rounded_away(
    kind: torch.dtype, name: str, lost_from: float
) -> None:
    hop = torch.tensor(1 / 32, dtype=kind)
    potential = torch.tensor([lost_from, lost_from / 4], dtype=kind)
    assert (potential + hop > potential).tolist() == [False, True]
    model = MinPlusGCN(2, 8, 1)
    assert float(model.blocks[0].log_gain.detach().exp().min()) + 1e-3 >= 64  # potentials are of this order and above
    with pytest.raises(ValueError, match=rf"MinPlusGCN has parameters in {name}, .*keep the parameters in float32"):
        model.to(kind)(gs.from_sequence(torch.rand(4, 2, dtype=kind)))
