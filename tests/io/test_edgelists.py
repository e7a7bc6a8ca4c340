"""Edge lists as people keep them: every form gives the same graph, and what is wrong is said with its line."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphseq.io import read_graph
from graphseq.io.graph_edgelist import parse_edge_list


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def edges(graph: nx.Graph) -> set[tuple[object, ...]]:
    return {(*sorted(edge[:2]), edge[2].get("weight")) for edge in graph.edges(data=True)}


PLAIN = {("16", "Ann", None), ("Ann", "Mr Hi", None)}
WEIGHTED = {("16", "Ann", 2.5), ("Ann", "Mr Hi", 1.0)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "Ann,Mr Hi\n16,Ann\n"),
        ("a.csv", "source,target\nAnn,Mr Hi\n16, Ann\n"),
        ("a.csv", 'Ann,"Mr Hi"\r\n16,Ann\r\n'),
        ("a.csv", "Ann;Mr Hi\n16;Ann\n"),
        ("a.csv", "\ufeffAnn,Mr Hi\n\n16,Ann,\n"),
        ("a.tsv", "Ann\tMr Hi\n16\tAnn\n"),
        ("a.txt", 'Ann "Mr Hi"\n16 Ann'),
        ("a.txt", '# a comment\n% another\n\n  Ann \t  "Mr Hi"  \n16\tAnn\n'),
        ("a.txt", "Ann, Mr Hi\n16, Ann\n"),
        ("a.edgelist", 'Ann "Mr Hi" {}\n16 Ann {}\n'),
        ("a", 'Ann "Mr Hi"\n16 Ann\n'),
        ("A.CSV", "From,To\nAnn,Mr Hi\n16,Ann\n"),
    ],
)
def test_one_graph_in_many_forms(name: str, text: str, tmp_path: Path) -> None:
    found = read_graph(write(tmp_path, name, text))
    assert edges(found.graph) == PLAIN
    assert not found.graph.is_directed()
    assert not found.weighted


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "source,target,weight\nAnn,Mr Hi,1\n16,Ann,2.5\n"),
        ("a.tsv", "Ann\tMr Hi\t1\n16\tAnn\t2.5\n"),
        ("a.txt", 'Ann "Mr Hi" 1e0\n16 Ann 2.5\n'),
        ("a.edgelist", "Ann \"Mr Hi\" {'weight': 1}\n16 Ann {'weight': 2.5, 'color': 'red and blue'}\n"),
    ],
)
def test_one_weighted_graph_in_many_forms(name: str, text: str, tmp_path: Path) -> None:
    found = read_graph(write(tmp_path, name, text))
    assert edges(found.graph) == WEIGHTED
    assert found.weighted


def test_what_networkx_writes_is_read_back(tmp_path: Path) -> None:
    club = nx.karate_club_graph()
    nx.write_edgelist(club, tmp_path / "a.edgelist")
    nx.write_weighted_edgelist(club, tmp_path / "b.txt")
    expected = {(*sorted((str(a), str(b))), float(data["weight"])) for a, b, data in club.edges(data=True)}
    assert edges(read_graph(tmp_path / "a.edgelist").graph) == expected
    assert edges(read_graph(tmp_path / "b.txt").graph) == expected


names = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=5).filter(
    lambda name: name[0] not in '#%{"' and "," not in name and ";" not in name and '"' not in name
)


@given(st.lists(st.tuples(names, names).filter(lambda pair: pair[0] != pair[1]), min_size=1, max_size=6))
def test_any_names_come_through_commas_tabs_and_blanks(pairs: list[tuple[str, str]]) -> None:
    for suffix, mark in ((".csv", ","), (".tsv", "\t"), (".txt", "  ")):
        text = "".join(f"{a}{mark}{b}\n" for a, b in pairs)
        listed, notes = parse_edge_list("f", text, suffix=suffix, directed=False)
        is_header = any("is read as a header" in note for note in notes)
        assert [edge[:2] for edge in listed.edges] == pairs[is_header:]
        assert not is_header or {*pairs[0]}.isdisjoint(name for pair in pairs[1:] for name in pair)


def test_a_header_is_taken_for_one_and_said_to_be(tmp_path: Path) -> None:
    found = read_graph(write(tmp_path, "a.csv", "# mine\nSource,Target,Weight\nA,B,1\n"))
    assert found.notes == ("line 2, 'Source,Target,Weight', is read as a header",)
    assert set(found.graph) == {"A", "B"}
    assert set(read_graph(write(tmp_path, "b.csv", "from,B\nA,to\n")).graph) == {"from", "to", "A", "B"}


def test_a_first_line_apart_from_all_others_is_pointed_out(tmp_path: Path) -> None:
    found = read_graph(write(tmp_path, "a.txt", "von,nach\nA,B\nB,C\n"))
    assert set(found.graph) == {"von", "nach", "A", "B", "C"}
    (note,) = found.notes
    assert note.startswith("line 1, 'von,nach', is read as an edge")
    assert note.endswith("if it is a header, delete it")
    assert set(read_graph(write(tmp_path, "d.csv", "von,nach\nA,B\nC,D\n")).graph) == {*"ABCD", "von", "nach"}
    assert read_graph(write(tmp_path, "b.csv", "A,B\nB,C\n")).notes == ()
    assert read_graph(write(tmp_path, "c.csv", "A,B\n")).notes == ()


def test_a_table_whose_first_line_alone_is_apart_has_a_header_as_pandas_has_it(tmp_path: Path) -> None:
    found = read_graph(write(tmp_path, "a.csv", "von,nach,kosten\nA,B,2\nB,C,3\n"))
    assert edges(found.graph) == {("A", "B", 2.0), ("B", "C", 3.0)}
    assert found.notes[0].startswith("line 1, 'von,nach,kosten', is read as a header")
    (note,) = read_graph(write(tmp_path, "b.csv", "von,nach\nA,B\nB,C\n")).notes
    assert note == (
        "line 1, 'von,nach', is read as a header, since its names occur in no other line; if it is an edge, write "
        "source,target above it"
    )
    as_edge = read_graph(write(tmp_path, "c.csv", "source,target\nvon,nach\nA,B\nB,C\n"))
    assert set(as_edge.graph) == {"von", "nach", "A", "B", "C"}
    assert set(read_graph(write(tmp_path, "d.csv", "D,E,2\nA,B,3\nB,C,3\n")).graph) == {*"ABCDE"}


@pytest.mark.parametrize("kind", ["Undirected", "Directed"])
def test_the_type_that_gephi_writes_says_whether_edges_are_directed(kind: str, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    text = f"Source,Target,Type,Id,Label,timeset,Weight\n2,1,{kind},0,,,2.5\n1,3,{kind},1,,,1\n"
    path = write(tmp_path, "a.csv", text)
    for found in (read_graph(path), read_graph(pandas.read_csv(path))):
        assert found.graph.is_directed() == (kind == "Directed")
        assert ("2", "1") in found.graph.edges
        assert {data["weight"] for *_, data in found.graph.edges(data=True)} == {2.5, 1}
        assert f"edges are {kind.lower()}, by the column 'Type'" in found.notes
        assert any("'Id', 'Label', 'timeset'" in note for note in found.notes)
    if kind == "Directed":
        assert read_graph(path, directed=True).graph.is_directed()
        path.write_text(text.replace("3,Directed", "3,undirected"))
        with pytest.raises(ValueError, match=r"a.csv: the column 'Type' has directed edges, line 2, and .*, line 3;"):
            read_graph(path)
    else:
        with pytest.raises(ValueError, match=r"directed=True, but the column 'Type' says that edges are undirected"):
            read_graph(path, directed=True)
    other = read_graph(write(tmp_path, "b.csv", "source,target,type\nA,B,friend\n"))
    assert other.notes[-1].startswith("columns that are not read: 'type'")


def test_a_frame_is_read_as_the_file_it_came_from(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    for text in (
        "source,target,w\nA,B,2\nB,C,3\n",
        "from,to\nA,B\nB,C\n",
        "id,src,dst,Weight,since\n7,A,B,2,1999\n8,B,C,3,2001\n",
        "source,weight,target\nA,2,B\nB,3,C\n",
        "source,target,time\nA,B,2\nB,C,3\n",
    ):
        path = write(tmp_path, "a.csv", text)
        of_file, of_frame = read_graph(path), read_graph(pandas.read_csv(path))
        assert dict(of_frame.graph.adj) == dict(of_file.graph.adj)
        assert of_frame.notes == of_file.notes[1:]  # which begin with the header
    with pytest.raises(ValueError, match=r"the frame has no columns of the ends of edges; it has age, city"):
        read_graph(pandas.DataFrame({"age": [1], "city": ["x"]}))


def test_the_separator_that_excel_writes_above_a_table_is_read(tmp_path: Path) -> None:
    found = read_graph(write(tmp_path, "a.csv", "sep=;\nsource;target;weight\nA;B;0,5\nB;C;2\n"))
    assert edges(found.graph) == {("A", "B", 0.5), ("B", "C", 2.0)}
    with pytest.raises(ValueError, match=r"a.csv, line 3: 1 column in 'A'"):
        read_graph(write(tmp_path, "a.csv", "sep=;\nsource;target\nA\n"))


def test_directed_is_as_asked(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "A,B\nB,A\nB,C\n")
    assert set(read_graph(path, directed=True).graph.edges) == {("A", "B"), ("B", "A"), ("B", "C")}
    assert read_graph(path, directed=True).notes == ()
    assert read_graph(path).notes == ("1 edge is listed more than once: it counts once",)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "A,B\nC\n", "a.csv, line 2: 1 column in 'C'; an edge is two names, and at most a weight"),
        ("a.csv", "A,B\n,C\n", "a.csv, line 2: 2 columns in ',C'"),
        ("a.csv", "A,B,1,x\n", "line 1: 4 columns"),
        ("a.txt", "A B\n\nMr Hi 16 2\n", "line 3: 4 columns in 'Mr Hi 16 2'.*a name with a blank in it needs double"),
        ("a.txt", "A B\nMr Hi Jo\n", "line 2: the weight 'Jo' is not a number; a name with a blank in it needs double"),
        ("a.txt", "A B x\n", "line 1: the weight 'x' is not a number"),
        ("a.txt", "A B {'weight': 'x'}\n", "line 1: the weight \"{'weight': 'x'}\" is not a number"),
        ("a.txt", "A B {oops}\n", "line 1: the weight '{oops}' is not a number"),
        ("a.txt", 'A "B\n', "line 1: .*a name in double quotes must end"),
        ("a.csv", "A,B,1\nC,D\n", "line 2: an edge without a weight, but line 1 has one; give one to every edge"),
        ("a.csv", "A,B,-1\n", "line 1: a weight must be a finite number of at least 0, got -1.0"),
        ("a.csv", "A,B,nan\n", "got nan"),
        ("a.csv", "A,B,inf\n", "got inf"),
        ("a.csv", "A,A\n", "no edge that joins two nodes .1 node."),
        ("a.csv", "A,B,0\n", "no edge that joins two nodes .2 nodes."),
        ("a.csv", "", "has no edges: it is empty, or all of it comments"),
        ("a.csv", "# A,B\n\n", "has no edges: it is empty, or all of it comments"),
        ("a.csv", b"A,B\nC,\xff\n", "a.csv is not utf-8: byte 0xff on line 2"),
        ("a.dot", "graph {}", r"\.dot is not a known format; there are \.txt, \.csv"),
    ],
)
def test_what_is_no_edge_list_is_refused_with_its_line(
    name: str, text: str | bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        read_graph(write(tmp_path, name, text))
