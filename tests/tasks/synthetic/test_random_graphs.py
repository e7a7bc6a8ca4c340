"""Random graphs and the distances on them, held to networkx."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import graphseq as gs
from graphseq.baselines.constant import Constant
from graphseq.data.hops import dense_hops
from graphseq.nn import GCN, MLP, Model
from graphseq.tasks import Eccentricity, ShortestPaths
from graphseq.tasks.synthetic.random_graphs import draw_edges, draw_layers

KINDS = pytest.mark.parametrize("kind", [ShortestPaths, Eccentricity])
SIZES = {"length": st.integers(3, 7), "spare": st.integers(0, 6), "density": st.sampled_from([0, 0.1, 0.5, 1])}


def batch(task: ShortestPaths | Eccentricity, size: int = 4, seed: int = 0) -> gs.SpaceTimeGraph:
    return task.batch(size, torch.Generator().manual_seed(seed))


def each(task: ShortestPaths | Eccentricity, graph: gs.SpaceTimeGraph) -> list[nx.Graph]:
    """The graphs of a batch, their nodes numbered as its rows are."""
    whole = nx.DiGraph()
    whole.add_nodes_from(range(graph.num_nodes))
    whole.add_edges_from(graph.edge_index.t().tolist())
    assert all(whole.has_edge(b, a) for a, b in whole.edges)
    assert nx.number_of_selfloops(whole) == 0
    assert whole.number_of_edges() == graph.edge_index.shape[1]
    n = task.num_nodes
    return [whole.subgraph(range(start, start + n)).to_undirected() for start in range(0, graph.num_nodes, n)]


@given(**SIZES, seed=st.integers(0, 99))
def test_answers_are_networkxs_distances_from_the_marked_row(
    length: int, spare: int, density: float, seed: int
) -> None:
    task = ShortestPaths(length, num_nodes=length + spare, density=density)
    graph = batch(task, 4, seed)
    y = dict(zip(graph.target_rows.tolist(), graph.y[:, 0].tolist(), strict=True))
    for member in each(task, graph):
        (source,) = [row for row in member if graph.x[row] == 1]
        away = nx.single_source_shortest_path_length(member, source)
        assert away.pop(source) == 0
        assert away == {row: y[row] for row in member if row != source}
        assert max(away.values()) == task.hops == length - 1
        assert not graph.target[source]
    assert graph.x.sum() == 4


@given(**SIZES, seed=st.integers(0, 99))
def test_answers_are_networkxs_eccentricities(length: int, spare: int, density: float, seed: int) -> None:
    task = Eccentricity(length, num_nodes=length + spare, density=density)
    graph = batch(task, 4, seed)
    for member in each(task, graph):
        eccentricity = nx.eccentricity(member)
        assert eccentricity == {row: graph.y[row].item() for row in member}
        assert max(eccentricity.values()) == task.hops == length - 1
    assert graph.x.eq(1).all()
    assert graph.target.all()


@given(nodes=st.integers(1, 8), seed=st.integers(0, 999))
def test_distances_are_networkxs_or_there_is_no_way(nodes: int, seed: int) -> None:
    graphs = [nx.gnp_random_graph(nodes, 0.5, seed=seed + k) for k in range(3)]
    edges = torch.stack([torch.from_numpy(nx.to_numpy_array(graph)).bool() for graph in graphs])
    if all(nx.is_connected(graph) for graph in graphs):
        for graph, found in zip(graphs, dense_hops(edges), strict=True):
            expected = dict(nx.all_pairs_shortest_path_length(graph))
            assert found.tolist() == [[expected[i][j] for j in range(nodes)] for i in range(nodes)]
    else:
        with pytest.raises(ValueError, match="edges must make a graph connected"):
            dense_hops(edges)


def test_distances_on_a_path_of_four() -> None:
    edges = torch.zeros(1, 4, 4, dtype=torch.bool)
    for a, b in [(0, 1), (1, 2), (2, 3)]:
        edges[0, a, b] = edges[0, b, a] = True
    assert dense_hops(edges).tolist() == [[[0, 1, 2, 3], [1, 0, 1, 2], [2, 1, 0, 1], [3, 2, 1, 0]]]


@pytest.mark.parametrize(("ends", "lone"), [(False, {0}), (True, {0, 3})])
def test_layers_are_none_empty_and_those_of_one_node_as_said(ends: bool, lone: set[int]) -> None:
    layers = draw_layers(3000, 7, 3, torch.Generator().manual_seed(0), ends=ends)
    counts = torch.stack([(layers == layer).sum(dim=1) for layer in range(4)], dim=1)
    assert counts.min() == 1
    assert {layer for layer in range(4) if counts[:, layer].max() == 1} == lone
    others = counts.sum(dim=0)[[layer for layer in range(4) if layer not in lone]]
    assert stats.chisquare(others.numpy()).pvalue > 1e-3


def test_layers_stand_in_every_order_equally_often() -> None:
    layers = draw_layers(6000, 3, 2, torch.Generator().manual_seed(0), ends=True)
    orders = Counter(map(tuple, layers.tolist()))
    assert len(orders) == 6
    assert stats.chisquare(list(orders.values())).pvalue > 1e-3


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_density_is_the_share_of_further_edges_within_a_layer(density: float) -> None:
    layer = torch.tensor([[0, 1, 1, 1, 2]]).expand(4000, -1)  # rows of layer 1 have no edge but by density
    edges = draw_edges(layer, density, torch.Generator().manual_seed(0), ends=False)
    pairs = edges[:, [1, 1, 2], [2, 3, 3]].float()
    assert pairs.mean().item() == pytest.approx(density, abs=0.02)
    assert not edges[:, 0, 4].any()


@pytest.mark.parametrize("ends", [False, True])
def test_without_density_each_row_below_and_above_is_chosen_equally_often(ends: bool) -> None:
    layer = torch.tensor([[0, 1, 1, 2, 2, 3]]).expand(4000, -1)
    edges = draw_edges(layer, 0.0, torch.Generator().manual_seed(0), ends=ends)
    between = edges[:, 1:3, 3:5].float().mean(dim=0)
    # Two rows choose one of two below them; with ends two more choose one of two above: 1 - 1/2 or 1 - 1/4.
    torch.testing.assert_close(between, torch.full((2, 2), 0.75 if ends else 0.5), rtol=0, atol=0.03)
    assert ends == bool(edges[:, 1:3, 3:5].any(dim=2).all())


def test_trees_are_drawn_without_density_and_all_layers_are_joined_with_it() -> None:
    tree, full = (ShortestPaths(4, num_nodes=9, density=density) for density in (0, 1))
    assert all(nx.is_tree(member) for member in each(tree, batch(tree)))
    for member in each(full, batch(full)):
        away = nx.single_source_shortest_path_length(member, next(r for r in member if batch(full).x[r] == 1))
        assert all(member.has_edge(a, b) == (abs(away[a] - away[b]) <= 1) for a in away for b in away if a != b)


def test_distances_are_uniform_so_the_constant_is_known() -> None:
    task = ShortestPaths(6)
    assert stats.chisquare(batch(task, 1000).y[:, 0].long().bincount()[1:].numpy()).pvalue > 1e-3
    constant = Constant.of(task)
    assert constant.output.item() == pytest.approx(3, abs=0.05)
    found = gs.evaluate(constant, task)
    assert found.loss == pytest.approx((25 - 1) / 12, rel=0.03)
    assert found.score == pytest.approx(task.chance, abs=0.02)
    assert task.chance == 1 / 5


def test_chance_of_an_eccentricity_is_the_share_of_the_commonest() -> None:
    task = Eccentricity(5)
    counts = Counter(batch(task, 3000, seed=1).y[:, 0].tolist())
    assert set(counts) == {2, 3, 4}
    assert max(counts.values()) / counts.total() == pytest.approx(task.chance, abs=0.02)
    assert Eccentricity(5).chance == task.chance
    assert Eccentricity(3, num_nodes=3).chance == 2 / 3


def test_sources_are_the_marked_row_and_the_farthest_rows() -> None:
    paths = ShortestPaths(4, num_nodes=6)
    graph = batch(paths)
    for row, marks in zip(graph.target_rows.tolist(), paths.relevant_nodes(graph), strict=True):
        (source,) = marks.nonzero()[:, 0].tolist()
        assert graph.x[source] == 1
        assert source // 6 == row // 6
    farthest = Eccentricity(4, num_nodes=6)
    graph = batch(farthest)
    for start, member in enumerate(each(farthest, graph)):
        for row, away in nx.all_pairs_shortest_path_length(member):
            far = [other for other in member if away[other] == max(away.values())]
            assert farthest.relevant_nodes(graph)[row].nonzero()[:, 0].tolist() == far
        assert start * 6 in member


@KINDS
def test_graphs_of_a_batch_differ(kind: Callable[..., ShortestPaths | Eccentricity]) -> None:
    task = kind(5)
    drawn = [tuple(sorted(dict(member.degree).values())) for member in each(task, batch(task, 50))]
    assert len(set(drawn)) > 10


@KINDS
def test_a_model_without_neighbours_does_no_better_than_the_constant(
    kind: Callable[..., ShortestPaths | Eccentricity],
) -> None:
    task = kind(4, num_nodes=6)
    torch.manual_seed(0)
    model = Model(MLP(1, 16), 1)
    gs.fit(model, task, steps=300, batch_size=32, optimizer="Adam", lr=0.01)
    alone, constant = gs.evaluate(model, task, samples=500), gs.evaluate(Constant.of(task), task, samples=500)
    assert alone.loss == pytest.approx(constant.loss, rel=0.03)


def test_a_model_of_one_hop_tells_neighbours_of_the_marked_row_from_all_others() -> None:
    task = ShortestPaths(4, num_nodes=6)
    torch.manual_seed(0)
    model = Model(GCN(1, 32, 1), 1)
    gs.fit(model, task, steps=400, batch_size=32, optimizer="Adam", lr=0.01)
    graph = batch(task, 200)
    output, y = model(graph).detach()[:, 0], graph.y[:, 0]
    assert output[y == 1].mean() < 1.3
    # What is farther off it cannot tell apart: 2 and 3 look alike to it but for their degrees.
    assert abs(output[y == 2].mean() - output[y == 3].mean()) < 0.3


@KINDS
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"length": 2}, ValueError, "length must be at least 3, got 2"),
        ({"length": 5, "num_nodes": 4}, ValueError, "num_nodes must be at least 5, got 4"),
        ({"length": 5, "num_nodes": 8.0}, TypeError, "num_nodes must be an integer"),
        ({"length": 5, "density": -0.1}, ValueError, "density must lie between 0 and 1, got -0.1"),
        ({"length": 5, "density": float("nan")}, ValueError, "density must lie between 0 and 1, got nan"),
        ({"length": 5, "density": "0.1"}, TypeError, "density must be a number, got '0.1'"),
        ({"length": 5, "density": True}, TypeError, "density must be a number, got True"),
        ({"length": 5, "tolerance": 0.6}, ValueError, "tolerance must be at most 0.5, .* got 0.6"),
        ({"length": 5, "tolerance": 0}, ValueError, "tolerance must be a finite number above 0, got 0"),
    ],
)
def test_refusals_name_the_argument(
    kind: Callable[..., object], arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        kind(**arguments)
