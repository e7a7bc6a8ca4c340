"""GraphML, JSON and names: what networkx writes is read back, and what is no graph is refused in words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import networkx as nx
import pytest

from graphseq.io import NAMES, Edge, Listed, named_graph, plain_graph, read_graph
from graphseq.io.graph_names import example


def sample(directed: bool = False) -> nx.Graph:
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_edge("C", 16, weight=2.0)
    graph.add_edge(16, "Mr Hi", weight=0.5)
    graph.add_node("alone")
    return graph


def as_said(graph: nx.Graph) -> tuple[bool, set[str], set[tuple[str, str, float]]]:
    pairs = ((str(a), str(b), data["weight"]) for a, b, data in graph.edges(data=True))
    if not graph.is_directed():
        pairs = ((*sorted(pair[:2]), pair[2]) for pair in pairs)
    return graph.is_directed(), {str(node) for node in graph}, set(pairs)


def write_json(path: Path, data: object) -> Path:
    path.write_text(json.dumps(data, default=str))
    return path


@pytest.mark.parametrize("directed", [False, True])
def test_what_networkx_writes_is_read_back_node_for_node(directed: bool, tmp_path: Path) -> None:
    graph = sample(directed)
    nx.write_graphml(graph, tmp_path / "a.graphml")
    write_json(tmp_path / "links.json", nx.node_link_data(graph, edges="links"))
    write_json(tmp_path / "edges.json", nx.node_link_data(graph, edges="edges"))
    write_json(tmp_path / "adjacency.json", nx.adjacency_data(graph))
    for name in ("a.graphml", "links.json", "edges.json", "adjacency.json"):
        assert as_said(read_graph(tmp_path / name).graph) == as_said(graph), name


@pytest.mark.parametrize("directed", [False, True])
def test_parallel_edges_of_networkx_become_one_and_are_said_to(directed: bool, tmp_path: Path) -> None:
    graph = nx.MultiDiGraph() if directed else nx.MultiGraph()
    graph.add_edges_from([("A", "B"), ("A", "B"), ("B", "C"), ("C", "C")])
    nx.write_graphml(graph, tmp_path / "a.graphml")
    write_json(tmp_path / "b.json", nx.node_link_data(graph, edges="links"))
    write_json(tmp_path / "c.json", nx.adjacency_data(graph))
    for name in ("a.graphml", "b.json", "c.json"):
        found = read_graph(tmp_path / name)
        assert sorted(found.graph.edges) == [("A", "B"), ("B", "C")]
        assert found.notes[-1].startswith("1 self-loop is removed: Ã = A + I")
    assert "1 edge is listed more than once: it counts once" in read_graph(tmp_path / "a.graphml").notes


def test_an_undirected_adjacency_lists_each_edge_twice_and_that_is_no_note(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", nx.adjacency_data(sample()))
    assert read_graph(tmp_path / "a.json").notes == ()


@pytest.mark.parametrize(
    "data",
    [
        {"edges": [["A", "B", 2], ["B", 3, 1.5]]},
        [["A", "B", 2], ["B", 3, 1.5]],
        {"nodes": ["A", "B", 3], "edges": [["A", "B", {"weight": 2}], ["B", 3, {"weight": 1.5}]]},
        {"links": [{"source": "A", "target": "B", "weight": 2}, {"source": "B", "target": 3, "weight": "1.5"}]},
    ],
)
def test_plain_json(data: object, tmp_path: Path) -> None:
    found = read_graph(write_json(tmp_path / "a.json", data)).graph
    assert as_said(found) == (False, {"A", "B", "3"}, {("A", "B", 2.0), ("3", "B", 1.5)})


def test_nodes_of_graphml_are_called_by_their_labels_where_all_have_one(tmp_path: Path) -> None:
    graph = nx.Graph([("n0", "n1"), ("n1", "n2")])
    nx.set_node_attributes(graph, {"n0": "Ann", "n1": "Bob", "n2": "Mr Hi"}, "label")
    nx.write_graphml(graph, tmp_path / "a.graphml")
    found = read_graph(tmp_path / "a.graphml")
    assert list(found.graph) == ["Ann", "Bob", "Mr Hi"]
    assert found.notes == ("nodes are named by their 'label'",)
    graph.nodes["n2"]["label"] = "Ann"
    nx.write_graphml(graph, tmp_path / "b.graphml")
    assert list(read_graph(tmp_path / "b.graphml").graph) == ["n0", "n1", "n2"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", '{"edges": [\n["A", "B"],\n]}', "a.json, line 3: not JSON: "),
        ("a.json", "", "a.json, line 1: not JSON: "),
        ("a.json", "7", "holds no graph; expected"),
        ("a.json", '{"graph": {}}', "holds no graph; expected"),
        ("a.json", '{"edges": [["A"]]}', r'edge 1: expected two names and at most a weight, got \["A"\]'),
        (
            "a.json",
            '{"edges": [["A", "B"], ["A", null]]}',
            "edge 2: the name of a node must be a text or a number, got null",
        ),
        ("a.json", '{"edges": [[["A"], "B"]]}', r'edge 1: the name of a node must be a text or a number, got \["A"\]'),
        ("a.json", '{"edges": [["A", "B"]], "directed": "yes"}', '"directed" must be true or false'),
        ("a.json", '{"edges": [["A", "B", true]]}', "edge 1: a weight must be a finite number of at least 0, got True"),
        ("a.json", '{"edges": [["A", "B", NaN]]}', "edge 1: a weight must be a finite number"),
        ("a.json", '{"edges": [["1", "B"], [1, "C"]]}', "two nodes named 1: '1' and 1; rename one"),
        ("a.json", '{"nodes": [{"name": "A"}], "links": []}', 'a node without an "id"'),
        ("a.json", '{"nodes": [{"id": 1}], "links": [{"source": 1, "target": 2}]}', "edge 1: it names 2, which is not"),
        ("a.json", '{"nodes": 3, "edges": []}', '"nodes" must be a list'),
        ("a.json", '{"nodes": [{"id": 1}], "adjacency": []}', '"adjacency" has 0 entries for 1 nodes'),
        ("a.json", '{"edges": []}', "no edge that joins two nodes .0 nodes."),
        ("a.json", "[" * 100_000, "nested too deep|no JSON"),
        ("a.graphml", "<graphml>\n<oops", "a.graphml, line 2: not GraphML: "),
        ("a.graphml", "", "line 1: not GraphML: no element found"),
        ("a.graphml", "<html/>", "a.graphml: not GraphML that networkx can read"),
    ],
)
def test_what_is_no_graph_is_refused(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_graph(tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_a_connected_graph(name: str) -> None:
    found = read_graph(example(name))
    assert nx.is_connected(found.graph)
    assert not found.notes


def test_names_give_the_graphs_of_networkx() -> None:
    club, expected = read_graph("karate_club").graph, nx.karate_club_graph()
    assert [str(node) for node in expected] == list(club)
    assert {(str(a), str(b), float(w)) for a, b, w in expected.edges(data="weight")} == set(club.edges(data="weight"))
    assert "Valjean" in read_graph("les_miserables").graph
    assert nx.is_isomorphic(read_graph("grid_5x4").graph, nx.grid_2d_graph(5, 4))
    assert len(read_graph("star_10").graph) == 10
    assert len(read_graph("binary_tree_3").graph) == 15
    assert named_graph("no_such_graph") is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("karate", "source 'karate' is neither a file nor the name of a graph; did you mean karate_club"),
        ("les_mis", "did you mean les_miserables"),
        ("path", "did you mean path_10"),
        ("zzz", "there are davis_southern_women, .*, path_N, cycle_N"),
        ("cycle_2", "cycle_2 is not a graph: cycle_N takes numbers of at least 3"),
        ("path_100001", "path_100001 is too large: path_N goes up to 100,000 nodes or edges"),
        ("binary_tree_999999999", "is too large"),
        ("complete_500", "is too large"),
        ("", "is neither a file nor the name of a graph"),
    ],
)
def test_a_name_that_is_none_is_refused_with_the_nearest(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, IsADirectoryError), match=message if name else "directory|no graph"):
        read_graph(name)


def test_a_file_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "friends.csv").write_text("A,B\n")
    with pytest.raises(ValueError, match=r"freinds\.csv: no such file; did you mean .*friends\.csv\?"):
        read_graph(tmp_path / "freinds.csv")
    with pytest.raises(ValueError, match=r"none/a\.csv: no such file$"):
        read_graph(tmp_path / "none" / "a.csv")
    with pytest.raises(IsADirectoryError):
        read_graph(tmp_path)
    os.symlink(tmp_path / "nowhere", tmp_path / "link.csv")
    with pytest.raises(FileNotFoundError):
        read_graph(tmp_path / "link.csv")


def test_only_an_edge_list_can_be_told_that_it_is_directed(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"edges": [["A", "B"]]})
    for source in (tmp_path / "a.json", "karate_club"):
        with pytest.raises(ValueError, match="states itself if it is directed"):
            read_graph(source, directed=True)


def test_of_several_weights_the_last_counts_and_nothing_travels_over_zero() -> None:
    edges = [Edge("A", "B", 1, "1"), Edge("B", "A", 3, "2"), Edge("B", "C", 0, "3"), Edge("D", "D", 2, "4")]
    found = plain_graph("mine", Listed(("Z",), edges, False))
    assert list(found.graph.edges(data=True)) == [("A", "B", {"weight": 3.0})]
    assert list(found.graph) == ["Z", "A", "B", "C", "D"]
    assert found.notes == (
        "1 edge is listed more than once: it counts once, with the last of its weights",
        "1 self-loop is removed: Ã = A + I has one at every row",
        "1 edge of weight 0 is removed",
    )
