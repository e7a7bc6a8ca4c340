"""A graph with some attributes replaced keeps all others, and refuses what does not fit its rows."""

from __future__ import annotations

import pytest
import torch
from randomgraphs import draw, join, sequence

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.data.topology import Topology


def everything() -> SpaceTimeGraph:
    """Two graphs with every attribute that the library knows, and three that it does not."""
    graph = join([draw(0), draw(1)])
    graph.y, graph.target = torch.arange(2), torch.arange(graph.num_rows) < 2
    graph.edge_label_index, graph.pair_features = torch.tensor([[0, 1], [2, 3]]), torch.ones(2, 4)
    graph.n_id, graph.node_names = torch.arange(graph.num_rows) + 100, ["a", "b"]
    graph.edge_attr = torch.ones(graph.edge_index.shape[1], 3)
    return graph


@pytest.mark.parametrize("key", ["x", "y", "target", "batch", "edge_label_index", "pair_features"])
def test_one_attribute_is_replaced_and_all_others_are_the_very_same(key: str) -> None:
    graph = everything()
    new = graph.replace(**{key: graph[key].clone()})
    gone = {"ptr"} if key == "batch" else set()
    assert set(new.keys()) == set(graph.keys()) - gone
    assert [name for name, value in new.to_dict().items() if value is not graph[name]] == [key]
    assert new.topology is graph.topology


def test_the_graph_itself_stays_as_it_was() -> None:
    graph = everything()
    before = dict(graph.to_dict())
    graph.replace(x=torch.zeros(graph.num_rows, 1), y=None, target=None)
    assert all(graph[key] is value for key, value in before.items())
    assert set(graph.keys()) == set(before)


def test_none_removes() -> None:
    new = everything().replace(y=None, target=None, edge_label_index=None)
    assert not {"y", "target", "edge_label_index"} & set(new.keys())
    assert "pair_features" in new


def test_another_topology_takes_the_attributes_of_the_old_edges_with_it() -> None:
    graph = everything()
    topology = Topology(graph.node, graph.time, graph.edge_index[:, :1])
    new = graph.replace(topology=topology)
    assert new.topology is topology
    assert new.edge_index.tolist() == graph.edge_index[:, :1].tolist()
    assert set(graph.keys()) - set(new.keys()) == {"edge_attr"}
    assert all(new[key] is graph[key] for key in ("edge_label_index", "pair_features", "n_id", "ptr", "node_names"))


def test_weights_of_edges_go_where_the_new_edges_have_none() -> None:
    graph = draw(0, weighted=True)
    assert "edge_weight" not in graph.replace(topology=Topology(graph.node, graph.time, graph.edge_index))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": torch.zeros(4, 1)}, "x has 4 rows for a graph of 3"),
        ({"x": torch.zeros(3)}, r"x must have shape \(V, F\), got \(3,\)"),
        ({"target": torch.zeros(4, dtype=torch.bool)}, r"target must be bool of shape \(3,\)"),
        ({"batch": torch.zeros(2, dtype=torch.long)}, r"batch must have shape \(3,\)"),
        ({"topology": sequence(0, 2).topology}, "topology has 2 rows for a graph of 3"),
        ({"y": torch.zeros(2)}, r"y must have one entry for each of 3 target rows, got \(2,\)"),
        ({"target": torch.tensor([True, True, False])}, r"y must have one entry for each of 2 target rows, got \(3,\)"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    graph = gs.from_sequence(torch.zeros(3, 1), y=torch.arange(3))
    with pytest.raises(ValueError, match=message):
        graph.replace(**changes)


def test_an_attribute_that_a_graph_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="taget"):
        sequence(0, 3).replace(taget=None)


def test_graph_index_is_the_graph_of_each_row() -> None:
    assert sequence(0, 3).graph_index.tolist() == [0, 0, 0]
    assert join([sequence(0, 3), sequence(1, 1), sequence(2, 2)]).graph_index.tolist() == [0, 0, 0, 1, 2, 2]


def test_the_unrolled_graph_keeps_what_is_asked() -> None:
    graph = everything()
    plain = graph.unroll()
    keys = ("x", "node", "time", "y", "target", "batch", "edge_label_index", "pair_features")
    assert all(plain[key] is graph[key] for key in keys)
    assert set(plain.keys()) == {*keys, "edge_index", "edge_attr"}
