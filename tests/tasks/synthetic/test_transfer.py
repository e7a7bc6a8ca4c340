"""One item, carried from where it is shown to where it is asked."""

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw, seen

import graphseq as gs
from graphseq.nn import GCN, MLP, Model
from graphseq.tasks import Transfer
from graphseq.tasks.synthetic.shapes import SHAPES


def batch(task: Transfer, size: int = 4) -> gs.SpaceTimeGraph:
    return task.batch(size, torch.Generator().manual_seed(0))


def test_one_row_shows_the_class_and_all_others_are_zero() -> None:
    graph = batch(Transfer(3, num_classes=2), 2)
    a, b = graph.y.tolist()
    rows = [[float(a == 0), float(a == 1)], [0, 0], [0, 0], [float(b == 0), float(b == 1)], [0, 0], [0, 0]]
    assert graph.x.tolist() == rows
    assert graph.target.tolist() == [False, False, True, False, False, True]


@pytest.mark.parametrize(
    ("shape", "length", "rows"), [("path", 5, 5), ("ring", 5, 8), ("ring", 2, 2), ("tree", 4, 15), ("tree", 1, 1)]
)
def test_each_shape_has_the_rows_that_its_length_asks_for(shape: str, length: int, rows: int) -> None:
    task = Transfer(length, shape=shape)
    assert batch(task, 1).num_nodes == rows
    assert task.hops == length - 1


def test_a_ring_is_asked_across() -> None:
    graph = batch(Transfer(3, shape="ring"), 1)
    ring = {(0, 1), (1, 2), (2, 3), (3, 0), (1, 0), (2, 1), (3, 2), (0, 3)}
    assert set(map(tuple, graph.edge_index.t().tolist())) == ring
    assert graph.x.sum(1).tolist() == [1, 0, 0, 0]
    assert graph.target.tolist() == [False, False, True, False]


def test_a_tree_is_asked_at_its_root_for_what_a_leaf_showed() -> None:
    graph = batch(Transfer(3, shape="tree"), 1)
    way = nx.Graph(graph.edge_index.t().tolist())
    assert nx.is_isomorphic(way, nx.full_rary_tree(2, 7))
    source = int(graph.x.sum(1).nonzero())
    asked = int(graph.target_rows)
    assert (way.degree[source], way.degree[asked]) == (1, 2)


@given(nodes=st.integers(2, 8), seed=st.integers(0, 999), directed=st.booleans())
def test_on_a_graph_hops_is_networkxs_distance_or_the_way_is_refused(nodes: int, seed: int, directed: bool) -> None:
    graph = nx.gnp_random_graph(nodes, 0.3, seed=seed, directed=directed)
    if nx.has_path(graph, 0, nodes - 1):
        task = Transfer.on(gs.from_graph(graph), 0, nodes - 1)
        assert task.hops == nx.shortest_path_length(graph, 0, nodes - 1)
    else:
        with pytest.raises(ValueError, match="unreachable"):
            Transfer.on(gs.from_graph(graph), 0, nodes - 1)


@given(seed=st.integers(0, 999))
def test_on_a_graph_that_changes_the_way_leads_through_space_and_time(seed: int) -> None:
    graph = draw(seed)
    way = nx.DiGraph(graph.unroll().edge_index.t().tolist())
    others = sorted(set(nx.descendants(way, 0)) if 0 in way else set())
    for asked in others:
        assert Transfer.on(graph, 0, asked).hops == nx.shortest_path_length(way, 0, asked)


def test_on_a_graph_the_item_stands_at_the_source_row() -> None:
    task = Transfer.on(gs.from_graph(nx.star_graph(3)), source=3, asked=1, num_classes=4)
    graph = batch(task)
    assert task.hops == 2
    assert torch.equal(graph.x.view(4, 4, 4)[:, 3].argmax(1), graph.y)
    assert graph.target.view(4, 4).tolist() == [[False, True, False, False]] * 4


def test_a_graph_without_edges_is_unreachable() -> None:
    with pytest.raises(ValueError, match="asked row 1 is unreachable from source row 0"):
        Transfer.on(gs.from_graph(nx.empty_graph(2)), 0, 1)


def test_an_edge_of_weight_zero_is_no_way() -> None:
    graph = nx.cycle_graph(5)
    nx.set_edge_attributes(graph, {edge: float(edge != (0, 4)) for edge in graph.edges}, "weight")
    assert Transfer.on(gs.from_graph(graph), 0, 4).hops == 4


def test_an_edge_is_followed_the_way_it_points() -> None:
    one_way = gs.from_graph(nx.DiGraph([(0, 1)]))
    assert Transfer.on(one_way, 0, 1).hops == 1
    with pytest.raises(ValueError, match="unreachable"):
        Transfer.on(one_way, 1, 0)


@pytest.mark.parametrize(
    ("source", "asked", "error", "message"),
    [
        (3, 0, ValueError, "source must be one of the rows 0 to 2, got 3"),
        (0, 3, ValueError, "asked must be one of the rows 0 to 2, got 3"),
        (-1, 0, ValueError, "source must be at least 0, got -1"),
        (1, 1, ValueError, "source and asked are both row 1"),
        (0.5, 1, TypeError, "source must be an integer"),
    ],
)
def test_on_refuses_rows_that_make_no_task(source: int, asked: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Transfer.on(gs.from_graph(nx.path_graph(3)), source, asked)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 0}, "length must be at least 1, got 0"),
        ({"length": 1, "shape": "ring"}, "length must be at least 2, got 1"),
        ({"length": 21, "shape": "tree"}, "length must be at most 20 for a tree"),
        (
            {"length": 3, "shape": "star"},
            "shape must be one of barbell, caterpillar, clique path, crossed ring, grid, path, ring, tree; got 'star'",
        ),
        ({"length": 3, "num_classes": 1}, "num_classes must be at least 2, got 1"),
    ],
)
def test_refusals_name_the_argument(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Transfer(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("shape", ["path", "ring", "tree"])
def test_a_gcn_of_l_layers_reads_the_source_at_length_l_plus_one_and_never_beyond(num_layers: int, shape: str) -> None:
    torch.manual_seed(0)
    model = Model(GCN(3, 16, num_layers), 3).double()
    for length in range(2, num_layers + 4):
        graph = batch(Transfer(length, shape=shape, num_classes=3), 1)
        source = graph.x.abs().sum(1) > 0
        double = graph.replace(x=graph.x.double())
        assert bool(seen(model, double)[0][source]) is (length <= num_layers + 1)


def test_a_model_without_neighbours_gives_every_sample_the_same_answer() -> None:
    model = Model(MLP(10, 16), 10)
    out = model(batch(Transfer(4), 8))
    # Not bit by bit: the first rows of a product may be rounded otherwise than the last.
    torch.testing.assert_close(out, out[:1].expand(8, -1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("length", [4, 5, 6, 9])
def test_source_and_target_of_every_shape_are_length_minus_one_hops_apart(shape: str, length: int) -> None:
    graph = batch(Transfer(length, shape=shape), 1)
    whole = nx.Graph(graph.unroll().edge_index.t().tolist())
    assert nx.number_of_selfloops(whole) == 0
    assert nx.shortest_path_length(whole, int(graph.x.sum(1).nonzero()), int(graph.target_rows)) == length - 1


@pytest.mark.parametrize("shape", SHAPES)
def test_the_smallest_length_of_a_shape_is_made_and_the_next_below_refused(shape: str) -> None:
    smallest = SHAPES[shape][1]
    task = Transfer(smallest, shape=shape)
    assert task.hops_needed(batch(task, 2)).tolist() == [smallest - 1] * 2
    with pytest.raises(ValueError, match=f"length must be at least {smallest}"):
        Transfer(smallest - 1, shape=shape)


def test_shapes_are_those_of_their_names() -> None:
    def made(shape: str, length: int) -> nx.Graph:
        return nx.Graph(batch(Transfer(length, shape=shape), 1).unroll().edge_index.t().tolist())

    assert nx.is_isomorphic(made("clique path", 6), nx.lollipop_graph(4, 4))
    assert nx.is_isomorphic(made("barbell", 7), nx.barbell_graph(5, 3))
    assert nx.is_isomorphic(made("grid", 7), nx.grid_2d_graph(3, 5))
    assert nx.is_isomorphic(made("caterpillar", 2), nx.path_graph(4))
    # 0-1-2-3-4-5-0 with 1-4, 2-3 and 2-5: three hops either way, and crossed between
    crossed = nx.Graph([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (1, 4), (2, 5)])
    assert nx.is_isomorphic(made("crossed ring", 4), crossed)
