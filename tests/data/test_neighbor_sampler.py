"""Neighbourhoods cut out of a whole graph: the whole graph's output where whole, right in expectation where drawn."""

from __future__ import annotations

import copy
import pickle

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw, sequence
from strategies import dynamic_graphs
from torch import Tensor
from torch_geometric.nn import GCNConv as PlainGCNConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.typing import WITH_PYG_LIB, WITH_TORCH_SPARSE

import graphseq as gs
from graphseq import NeighborSampler, SpaceTimeGraph
from graphseq.nn import GCN


def static(graph: nx.Graph, seed: int = 0) -> SpaceTimeGraph:
    generator = torch.Generator().manual_seed(seed)
    return gs.from_graph(graph, x=torch.randn(len(graph), 2, generator=generator, dtype=torch.float64))


def with_loops() -> SpaceTimeGraph:
    """Weights, one edge twice, and self-loops: one of weight 0.5, and one of 0 at a row that nothing else leads to."""
    index = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 0, 2, 3, 3]])
    weight = torch.tensor([0.5, 2.0, 1.0, 0.5, 0.25, 0.0], dtype=torch.float64)
    nodes = torch.arange(5)
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return SpaceTimeGraph(x, nodes, torch.zeros_like(nodes), index, weight)


GRAPHS = {
    "path": lambda: sequence(0, 12),
    "grid": lambda: static(nx.convert_node_labels_to_integers(nx.grid_2d_graph(4, 5))),
    "regular": lambda: static(nx.random_regular_graph(3, 20, seed=0)),
    "power-law": lambda: static(nx.barabasi_albert_graph(30, 2, seed=0)),
    "dynamic": lambda: draw(0, nodes=6, times=5),
    "dynamic-directed-weighted": lambda: draw(1, nodes=6, times=5, directed=True, weighted=True),
    "signal": lambda: gs.from_signal(torch.randn(5, 4, 2).double(), torch.tensor([[0, 1, 2, 0], [1, 2, 3, 2]])),
    "loops": with_loops,
}
each_graph = pytest.mark.parametrize("name", GRAPHS)


def gcn(num_layers: int, channels: int = 2, causal: bool = False) -> GCN:
    torch.manual_seed(0)
    return GCN(channels, 5, num_layers, causal=causal).double()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def hat(graph: SpaceTimeGraph, causal: bool = False) -> Tensor:
    adjacency = graph.topology.spacetime(causal)
    return adjacency.normalised(torch.float64).csr.to_dense()


@each_graph
@pytest.mark.parametrize("num_layers", [1, 2, 3, 4])
@pytest.mark.parametrize("disjoint", [False, True])
def test_whole_neighbourhoods_give_the_output_of_the_whole_graph(name: str, num_layers: int, disjoint: bool) -> None:
    graph, encoder = GRAPHS[name](), gcn(num_layers)
    rows = torch.randperm(graph.num_rows, generator=seeded())[:4]
    near = NeighborSampler(graph, [-1] * num_layers)(rows, disjoint=disjoint)
    torch.testing.assert_close(encoder(near)[near.target_rows], encoder(graph)[rows], rtol=0, atol=1e-12)
    assert near.n_id[near.target_rows].tolist() == rows.tolist()
    assert near.num_graphs == (4 if disjoint else 1)


@given(graph=dynamic_graphs(channels=2), hops=st.integers(1, 4), causal=st.booleans(), data=st.data())
def test_that_holds_for_graphs_of_every_kind(
    graph: SpaceTimeGraph, hops: int, causal: bool, data: st.DataObject
) -> None:
    graph.x = graph.x.double()
    encoder, row = gcn(hops, causal=causal), data.draw(st.integers(0, graph.num_rows - 1))
    near = NeighborSampler(graph, [-1] * hops, causal=causal)(torch.tensor([row]))
    torch.testing.assert_close(encoder(near)[:1], encoder(graph)[[row]], rtol=0, atol=1e-10)


def test_one_hop_too_few_is_not_enough() -> None:
    graph, encoder = GRAPHS["path"](), gcn(3)
    near = NeighborSampler(graph, [-1, -1])(torch.tensor([6]))
    assert (encoder(near)[0] - encoder(graph)[6]).abs().max() > 1e-3


@pytest.mark.parametrize("direction", ["values", "gradients"])
def test_gradients_of_the_weights_are_those_of_the_whole_graph(direction: str) -> None:
    graph, rows, found = GRAPHS["dynamic-directed-weighted"](), torch.tensor([3, 1]), []
    for cut in (True, False):
        encoder = gcn(2)
        states = encoder(NeighborSampler(graph, [-1, -1])(rows))[:2] if cut else encoder(graph)[rows]
        states.square().sum().backward()
        found.append([states.detach()] if direction == "values" else [p.grad for p in encoder.parameters()])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_the_weights_carry_the_degrees_through_copies_pickles_and_batches_and_plain_pyg_reads_them() -> None:
    graph, conv = GRAPHS["power-law"](), PlainGCNConv(2, 3).double()
    sampler, rows = NeighborSampler(graph, [-1]), torch.tensor([0, 7])
    near, whole = sampler(rows, disjoint=True), graph.unroll()
    expected = conv(whole.x, whole.edge_index)[rows]
    for other in (near, copy.deepcopy(near), pickle.loads(pickle.dumps(near)), near.to("cpu")):  # noqa: S301
        plain = other.unroll()
        out = conv(plain.x, plain.edge_index, plain.edge_weight)[plain.target]
        torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)


@each_graph
@pytest.mark.parametrize("num_neighbors", [[1], [2, 1], [-1, 2, 1]])
def test_every_row_keeps_the_degree_that_it_has_in_the_whole_graph(name: str, num_neighbors: list[int]) -> None:
    graph = GRAPHS[name]()
    adjacency = graph.topology.spacetime()
    index, weight = adjacency.edge_index, adjacency.edge_weight
    whole = torch.zeros(graph.num_rows, dtype=torch.float64)
    ones = torch.ones(index.shape[1], dtype=torch.float64) if weight is None else weight
    own = index[0] == index[1]
    whole.index_add_(0, index[1], torch.where(own, 0, ones))
    loop = torch.ones_like(whole)
    loop[index[1, own]] = ones[own]
    near = NeighborSampler(graph, num_neighbors)(torch.arange(graph.num_rows)[:3], seeded())
    kept = torch.zeros(near.num_rows, dtype=torch.float64).index_add_(0, near.edge_index[1], near.edge_weight)
    torch.testing.assert_close(kept, (whole + loop)[near.n_id], rtol=0, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_what_is_drawn_is_right_on_average(weighted: bool) -> None:
    graph = draw(4, nodes=20, times=1, directed=True, weighted=weighted)
    sampler, row, rounds = NeighborSampler(graph, [3]), 2, 20_000
    # The same row so many times, each time with a draw of its own.
    near = sampler(torch.full((rounds,), row), seeded(), disjoint=True)
    index, value = gcn_norm(near.edge_index, near.edge_weight, near.num_rows)
    mine = near.target[index[1]]
    mean = torch.zeros(graph.num_rows, dtype=torch.float64).index_add_(0, near.n_id[index[0, mine]], value[mine])
    expected = hat(graph)[row]
    assert int((expected > 0).sum()) > 4, "the row has neighbours to draw from"
    torch.testing.assert_close(mean / rounds, expected, rtol=0, atol=0.01)


@given(size=st.integers(2, 40), number=st.integers(1, 12), seed=st.integers(0, 99), hops=st.integers(1, 3))
def test_a_row_takes_in_no_more_than_asked_for_and_no_edge_twice(size: int, number: int, seed: int, hops: int) -> None:
    graph = static(nx.complete_graph(size))
    near = NeighborSampler(graph, [number] * hops)(torch.tensor([0]), seeded(seed))
    others = near.edge_index[:, near.edge_index[0] != near.edge_index[1]]
    assert len(others.t().unique(dim=0)) == others.shape[1]
    taken = torch.bincount(others[1], minlength=near.num_rows)
    assert int(taken[0]) == min(number, size - 1)
    assert int(taken.max()) <= min(number, size - 1)
    assert near.num_rows <= min(size, sum(number**hop for hop in range(hops + 1)))


def test_a_draw_is_a_function_of_the_generators_state_alone() -> None:
    sampler = NeighborSampler(GRAPHS["power-law"](), [2, 2])
    rows, before = torch.tensor([0, 1]), torch.get_rng_state()
    one, again, other = (sampler(rows, seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(one.n_id, again.n_id)
    assert torch.equal(one.edge_index, again.edge_index)
    assert one.n_id.tolist() != other.n_id.tolist() or not torch.equal(one.edge_index, other.edge_index)
    assert torch.equal(torch.get_rng_state(), before)


def test_causal_neighbourhoods_hold_no_later_row() -> None:
    graph, encoder = GRAPHS["dynamic"](), gcn(3, causal=True)
    row = int(graph.time.argsort()[graph.num_rows // 2])
    near = NeighborSampler(graph, [-1] * 3, causal=True)(torch.tensor([row]))
    assert int(graph.time[near.n_id].max()) == int(graph.time[row])
    torch.testing.assert_close(encoder(near)[:1], encoder(graph)[[row]], rtol=0, atol=1e-12)


def test_tokens_are_cut_out_too_and_pieces_are_a_whole_pass() -> None:
    graph, encoder = gs.from_sequence(torch.arange(30) % 4), gcn(2, channels=4)
    sampler = NeighborSampler(graph, [-1, -1])
    states = torch.cat([encoder(piece)[piece.target_rows] for piece in sampler.pieces(7)])
    torch.testing.assert_close(states, encoder(graph), rtol=0, atol=1e-6)  # weights are float32 beside tokens


@pytest.mark.skipif(
    not (WITH_PYG_LIB or WITH_TORCH_SPARSE), reason="PyG's NeighborLoader needs pyg-lib or torch-sparse"
)
def test_pygs_loader_finds_the_same_rows_and_misses_the_degrees() -> None:
    from torch_geometric.loader import NeighborLoader  # noqa: PLC0415

    graph = GRAPHS["grid"]()
    (theirs,) = NeighborLoader(graph.unroll(), [-1, -1], batch_size=1, input_nodes=torch.tensor([7]))
    near = NeighborSampler(graph, [-1, -1])(torch.tensor([7]))
    assert sorted(theirs.n_id.tolist()) == sorted(near.n_id.tolist())
    plain = GRAPHS["grid"]().unroll()
    conv = PlainGCNConv(2, 3).double()
    expected = conv(plain.x, plain.edge_index)[7]
    torch.testing.assert_close(conv(near.x, near.edge_index, near.edge_weight)[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("num_neighbors", "kind", "message"),
    [
        ([], ValueError, r"a number for each hop.*got \[\]"),
        (5, ValueError, "a number for each hop.*got 5"),
        ([0], ValueError, "num_neighbors must be at least 1, got 0"),
        ([-2], ValueError, "num_neighbors must be at least 1, got -2"),
        ([1.5], TypeError, "num_neighbors must be an integer"),
    ],
)
def test_neighbours_that_are_no_numbers_are_refused(num_neighbors: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        NeighborSampler(GRAPHS["path"](), num_neighbors)  # type: ignore[arg-type]


def test_rows_that_cannot_be_asked_are_refused() -> None:
    sampler = NeighborSampler(GRAPHS["path"](), [-1])
    for rows in ([12], [-1], []):
        with pytest.raises(ValueError, match="rows must name rows 0 to 11, at least one"):
            sampler(torch.tensor(rows, dtype=torch.long))
    with pytest.raises(ValueError, match="at most once; disjoint=True takes a row twice"):
        sampler(torch.tensor([1, 1]))
    with pytest.raises(TypeError, match="rows must hold integers"):
        sampler(torch.tensor([1.0]))
    with pytest.raises(ValueError, match="generator must be given where neighbours are drawn"):
        NeighborSampler(GRAPHS["path"](), [1])(torch.tensor([1]))


def test_negative_weights_are_refused() -> None:
    graph = gs.from_graph(nx.Graph([(0, 1, {"weight": -0.5})]))
    with pytest.raises(ValueError, match=r"edge weights must be at least 0.*got -0\.5"):
        NeighborSampler(graph, [-1])
