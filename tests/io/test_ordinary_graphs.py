"""Graph files as other programs write them: every attribute is read, or said not to be."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import networkx as nx
import pytest

from graphseq.io import PlainGraph, read_graph, read_temporal_json


def read(folder: Path, name: str, text: str, **options: object) -> PlainGraph:
    (folder / name).write_text(text, encoding="utf-8")
    return read_graph(folder / name, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("header", ["id_1,id_2", "u,v", "from_node,to_node", "citing,cited", "User A,User B"])
def test_an_own_header_over_numbers_is_a_header(tmp_path: Path, header: str) -> None:
    found = read(tmp_path, "a.csv", f"{header}\n1,2\n2,3\n")
    assert set(found.graph) == {"1", "2", "3"}
    assert found.notes == (f"line 1, '{header}', is read as a header",)


def test_names_that_are_also_headers_are_names_where_they_are_nodes(tmp_path: Path) -> None:
    assert set(read(tmp_path, "a.csv", "u,v\nv,w\n").graph) == {"u", "v", "w"}
    assert set(read(tmp_path, "a.txt", "n1 n2\nn3 n4\nn2 n3\n").graph) == {"n1", "n2", "n3", "n4"}
    assert set(read(tmp_path, "a.csv", "id_1,id_2\nann,bob\n").graph) == {"ann", "bob"}


def test_further_columns_are_said_and_the_weight_is_the_one_named(tmp_path: Path) -> None:
    text = ",source,target,kind,strength\n0,ann,bob,friend,2\n1,bob,cem,foe,3\n"
    found = read(tmp_path, "a.csv", text)
    assert not found.weighted
    assert found.notes[1] == (
        "columns that are not read: the one without a name, 'kind', 'strength'; weights are read from none of them: "
        "weight= names one"
    )
    assert set(read(tmp_path, "a.csv", text, weight="strength").graph.edges(data="weight")) == {
        ("ann", "bob", 2.0),
        ("bob", "cem", 3.0),
    }
    with pytest.raises(ValueError, match=r"there is no column weight='w' among"):
        read(tmp_path, "a.csv", text, weight="w")
    timed = read(tmp_path, "a.csv", "source,target,time\n1,2,100\n2,3,200\n")
    assert not timed.weighted
    assert "'time'" in timed.notes[1]
    assert (
        "the weights are those of the column 'strength'"
        in read(tmp_path, "a.csv", "source,target,strength\n1,2,100\n2,3,200\n").notes
    )


def test_semicolons_with_decimal_commas_and_no_header(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", "a;b;0,5\nb;c;1,25\n")
    assert set(found.graph.edges(data="weight")) == {("a", "b", 0.5), ("b", "c", 1.25)}
    assert found.notes == ("weights have decimal commas, such as 0,5",)
    with pytest.raises(ValueError, match="line 1: commas and semicolons in"):
        read(tmp_path, "a.csv", "Smith, J;Doe, A\n")


def test_a_name_that_begins_as_a_comment_does(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", "cats,dogs\n#cats,#dogs\n# a comment, of two\n#cats,cats\n")
    assert set(found.graph) == {"cats", "dogs", "#cats", "#dogs"}
    assert found.notes == (
        "line 2, '#cats,#dogs', is read as an edge, not as a comment",
        "line 3, '# a comment, of two', is read as a comment",
        "line 4, '#cats,cats', is read as an edge, not as a comment",
    )
    assert read(tmp_path, "a.csv", "#a,#b\nc,d\n").notes == ("line 1, '#a,#b', is read as a comment",)


def test_whole_numbers_and_missing_names_of_edge_lists(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", "1,2.0\n2,3.0\n")
    assert set(found.graph) == {"1", "2", "3"}
    assert found.notes == ("names that are whole numbers are read as such, 2.0 as 2",)
    for text in ("ann,bob\nann,nan\n", "ann,bob\nNone,bob\n"):
        with pytest.raises(ValueError, match="line 2: the name of a node is missing"):
            read(tmp_path, "a.csv", text)
    with pytest.raises(ValueError, match="line 2: 3 columns in 'ann,,0'"):
        read(tmp_path, "a.csv", "ann,bob,1\nann,,0\n")
    (tmp_path / "a.json").write_text('{"edges": [[2.0, 1], [2, 3]]}')
    assert set(read_graph(tmp_path / "a.json").graph) == {"1", "2", "3"}


def test_defaults_of_graphml_are_read(tmp_path: Path) -> None:
    text = """<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
      <key id="w" for="edge" attr.name="weight" attr.type="double"><default>2.5</default></key>
      <key id="c" for="edge" attr.name="colour" attr.type="string"/>
      <graph edgedefault="undirected"><node id="a"/><node id="b"/><node id="c"/>
      <edge source="a" target="b"/><edge source="b" target="c"><data key="w">1</data><data key="c">red</data></edge>
      </graph></graphml>"""
    found = read(tmp_path, "a.graphml", text)
    assert set(found.graph.edges(data="weight")) == {("a", "b", 2.5), ("b", "c", 1.0)}
    assert found.notes == (
        "edges without a weight of their own have the default, 2.5",
        "attributes of edges that are not read: colour; weight= names one that is the weight",
    )
    for encoding in ("utf9", "zlib"):
        with pytest.raises(ValueError, match=r"a.graphml(, line 1)?: not GraphML"):
            read(tmp_path, "a.graphml", f"<?xml version='1.0' encoding='{encoding}'?>\n{text}")


@pytest.mark.parametrize("directed", [False, True])
def test_gml_and_gexf_of_networkx_are_read_back(tmp_path: Path, directed: bool) -> None:
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_weighted_edges_from([("Ann", "Mr Hi", 2.0), ("Mr Hi", "Zoë", 0.5)])
    nx.write_gml(graph, tmp_path / "a.gml")
    nx.write_gexf(graph, tmp_path / "a.gexf")
    (tmp_path / "b.gml.gz").write_bytes(gzip.compress((tmp_path / "a.gml").read_bytes()))
    for name in ("a.gml", "a.gexf", "b.gml.gz"):
        found = read_graph(tmp_path / name)
        assert found.graph.is_directed() == directed
        assert set(found.graph.edges(data="weight")) == set(graph.edges(data="weight"))
        assert found.notes == ("nodes are named by their 'label'",)


def test_gml_without_labels_has_its_numbers(tmp_path: Path) -> None:
    text = "graph [ node [ id 1 ] node [ id 2 ] edge [ source 1 target 2 value 3 ] ]"
    found = read(tmp_path, "a.gml", text)
    assert set(found.graph) == {"1", "2"}
    assert found.notes == ("attributes of edges that are not read: value; weight= names one that is the weight",)
    assert set(read(tmp_path, "a.gml", text, weight="value").graph.edges(data="weight")) == {("1", "2", 3.0)}
    with pytest.raises(ValueError, match=r"no edge has the attribute weight='w'; there are value"):
        read(tmp_path, "a.gml", text, weight="w")


@pytest.mark.parametrize("name", ["a.graphml", "a.gexf"])
def test_entities_are_refused_before_they_expand(tmp_path: Path, name: str) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE g [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><graphml>&b;</graphml>'
    for encoding in ("utf-8", "utf-16"):
        (tmp_path / name).write_bytes(bomb.encode(encoding))
        with pytest.raises(ValueError, match=f"{name}: it defines entities"):
            read_graph(tmp_path / name)


def test_values_of_json_links_are_said_and_read_where_named(tmp_path: Path) -> None:
    data = {"nodes": [{"id": "a", "group": 1}, {"id": "b"}], "links": [{"source": "a", "target": "b", "value": 3}]}
    found = read(tmp_path, "a.json", json.dumps(data))
    assert found.notes == (
        "attributes of edges that are not read: value; weight= names one that is the weight",
        "attributes of nodes that are not read: group",
    )
    weighted = read(tmp_path, "a.json", json.dumps(data), weight="value")
    assert list(weighted.graph.edges(data="weight")) == [("a", "b", 3.0)]
    with pytest.raises(ValueError, match=r"no edge has the attribute weight='w'"):
        read(tmp_path, "a.json", json.dumps(data), weight="w")
    with pytest.raises(ValueError, match=r"a.json: an object has the key 'edges' twice"):
        read(tmp_path, "a.json", '{"edges": [["a", "b"]], "edges": []}')
    with pytest.raises(ValueError, match=r"a.json: Exceeds the limit"):
        read(tmp_path, "a.json", f'{{"edges": [["a", {"9" * 5000}]]}}')


def test_keys_of_temporal_json_are_read_or_said(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"edges": [[0, 1]], "edge_weight": [2], "FX": [[1, 2], [3, 4]], "unit": "K"}))
    data = read_temporal_json(path)
    assert data.graph.static_edge_weight.tolist() == [2]
    assert data.notes == ("a.json: keys that are not read: unit",)
    node = {"X": {"z": [1, 2], "y": [3, 4]}, "lon": 3}
    links = [{"source": "a", "target": "b", "value": 3}]
    nodes = [{"id": "a", **node}, {"id": "b", **node}]
    path.write_text(json.dumps({"directed": False, "nodes": nodes, "links": links}))
    data = read_temporal_json(path)
    assert data.channels == ("y", "z")
    assert data.graph.static_edge_index.tolist() == [[0, 1], [1, 0]]
    assert data.notes == ("a.json: nodes: keys that are not read: lon", "a.json: links: keys that are not read: value")


def test_a_frame_of_edges(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"source": [1.0, 2.0], "target": [2, 3], "weight": [0.5, 2], "kind": ["x", "y"]})
    found = read_graph(frame)
    assert set(found.graph.edges(data="weight")) == {("1", "2", 0.5), ("2", "3", 2.0)}
    assert "columns that are not read: 'kind'" in found.notes
    with pytest.raises(ValueError, match=r"the frame, row 1: the name of the source is missing"):
        read_graph(frame.assign(source=[1, None]))
    with pytest.raises(TypeError, match="source must be a file, a name or a data frame, got int"):
        read_graph(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "lines", ["id,from,to\n7,A,B\n8,B,C\n", "from,to,id\nA,B,7\nB,C,8\n", "when2,from,to\n7,A,B\n8,B,C\n"]
)
def test_numbers_of_edges_and_columns_before_the_source_are_no_weights(tmp_path: Path, lines: str) -> None:
    found = read(tmp_path, "a.csv", lines)
    assert set(found.graph.edges(data="weight")) == {("A", "B", None), ("B", "C", None)}
    assert any("columns that are not read" in note for note in found.notes)


def test_parallel_edges_of_a_gml_file_that_says_nothing_of_them_count_once(tmp_path: Path) -> None:
    path = tmp_path / "a.gml"
    edges = "edge [ source 1 target 2 value 3 ] edge [ source 2 target 1 value 4 ]"
    path.write_text(f'Creator "me [x]" graph [ node [ id 1 ] node [ id 2 ] {edges} ]')
    found = read_graph(path, weight="value")
    assert list(found.graph.edges(data="weight")) == [("1", "2", 4.0)]
    assert found.notes[-1].startswith("1 edge is listed more than once")


@pytest.mark.parametrize("beside", [True, False])
def test_a_file_of_several_graphs_is_refused(tmp_path: Path, beside: bool) -> None:
    inner = '<graph edgedefault="undirected"><node id="c"/><node id="d"/><edge source="c" target="d"/></graph>'
    within = "" if beside else f'<node id="e">{inner}</node>'
    outer = f'<graph edgedefault="undirected"><node id="a"/><node id="b"/>{within}<edge source="a" target="b"/></graph>'
    path = tmp_path / "a.graphml"
    path.write_text(
        f'<graphml xmlns="http://graphml.graphdrawing.org/xmlns">{outer}{inner if beside else ""}</graphml>'
    )
    with pytest.raises(ValueError, match=r"a.graphml holds 2 graphs, beside or within each other; it must hold one"):
        read_graph(path)


def test_lines_that_may_be_no_edges_and_weights_that_may_be_times_are_pointed_out(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("4 3\n0 1\n1 2\n2 3\n")
    (note,) = read_graph(path).notes
    assert note == "line 1, '4 3', is read as an edge; if it is the number of nodes and of edges, delete it"
    path.write_text("0 3\n0 1\n1 2\n2 3\n")
    assert read_graph(path).notes == ()
    for first in ("1082040961", "1082040961000"):
        path.write_text(f"1 2 {first}\n2 3 {first}\n")
        (note,) = read_graph(path).notes
        assert note.startswith(f"the third column is read as weights, such as {first}; if it is of times")
    path.write_text("%%MatrixMarket matrix coordinate real general\n3 3 2\n2 1 1\n3 2 1\n")
    with pytest.raises(ValueError, match=r"a.txt is a Matrix Market file; gs.from_graph reads it through scipy"):
        read_graph(path)
