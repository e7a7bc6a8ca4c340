"""Folders in the form of the TU collection: a small one written by hand, and what can be wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import graphseq as gs
from graphseq.io import read_tu

# A path of three, and two nodes joined; labels 2, 4, 2 and 4, 5; classes -1 and 1.
SOUND = {
    "A": "1, 2\n2, 1\n2, 3\n3, 2\n4, 5\n5, 4\n",
    "graph_indicator": "1\n1\n1\n2\n2\n",
    "graph_labels": "1\n-1\n",
    "node_labels": "2\n4\n2\n4\n5\n",
    "edge_labels": "0\n0\n1\n1\n0\n0\n",
}


def write(folder: Path, **changed: str | None) -> Path:
    """The folder of the two graphs, with files changed or, by ``None``, left out."""
    folder = folder / "two"
    folder.mkdir()
    for part, text in {**SOUND, **changed}.items():
        if text is not None:
            (folder / f"two_{part}.txt").write_text(text)
    return folder


def test_two_graphs_are_read_to_the_last_edge(tmp_path: Path) -> None:
    folder = write(tmp_path)
    before = sorted(folder.iterdir())
    data = read_tu(folder)
    path, pair = data.graphs
    assert path.edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert pair.edge_index.tolist() == [[0, 1], [1, 0]]
    assert data.channels == ("label 2", "label 3", "label 4", "label 5")
    assert path.x.tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]]
    assert pair.x.tolist() == [[0, 0, 1, 0], [0, 0, 0, 1]]
    assert data.answers == ("-1", "1")
    assert (path.y.tolist(), pair.y.tolist()) == ([1], [0])
    assert (data.name, data.names, data.smiles) == ("two", ("1", "2"), ())
    assert sorted(folder.iterdir()) == before  # nothing is written into the folder of the data
    task = gs.tasks.GraphClassification(data.graphs, num_classes=2)
    assert task.graphs(torch.tensor([1, 0])).edge_index.tolist() == [[0, 1, 2, 3, 3, 4], [1, 0, 3, 2, 4, 3]]


def test_attributes_come_before_labels_and_numbers_before_classes(tmp_path: Path) -> None:
    data = read_tu(
        write(tmp_path, node_attributes="0.5\n1\n2\n3\n4\n", graph_attributes="0.25, 1\n-3, 2\n", node_labels=None)
    )
    assert data.channels == ("attribute 0",)
    assert data.graphs[1].x.tolist() == [[3.0], [4.0]]
    assert [graph.y.tolist() for graph in data.graphs] == [[[0.25, 1.0]], [[-3.0, 2.0]]]
    assert data.answers == ("attribute 0", "attribute 1")


def test_two_labels_a_node_are_two_blocks_of_columns(tmp_path: Path) -> None:
    data = read_tu(write(tmp_path, node_labels="0,7\n1,7\n0,8\n0,7\n0,7\n", node_attributes="9\n9\n9\n9\n9\n"))
    assert data.channels == ("attribute 0", "label 0: 0", "label 0: 1", "label 1: 7", "label 1: 8")
    assert data.graphs[0].x.tolist() == [[9, 1, 0, 1, 0], [9, 0, 1, 1, 0], [9, 1, 0, 0, 1]]


def test_without_features_and_answers(tmp_path: Path) -> None:
    data = read_tu(write(tmp_path, node_labels=None, graph_labels=None, edge_labels=None))
    assert data.channels == ("constant",)
    assert [graph.x.tolist() for graph in data.graphs] == [[[1.0]] * 3, [[1.0]] * 2]
    assert data.answers == ()
    assert all("y" not in graph for graph in data.graphs)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"A": "1, 2\n1, 6\n"}, "two_A.txt, line 2: edge 1, 6; nodes are numbered 1 to 5"),
        ({"A": "1, 2\n0, 1\n"}, "two_A.txt, line 2: edge 0, 1; nodes are numbered 1 to 5"),
        ({"A": "1, 2\n3, 4\n"}, "two_A.txt, line 2: edge 3, 4 joins graph 1 to graph 2"),
        ({"A": "1, 2\n2\n"}, "two_A.txt, line 2 has 1 numbers, but line 1 has 2"),
        ({"A": "1, b\n"}, "two_A.txt, line 1: '1, b' must hold integers"),
        ({"A": ""}, "two_A.txt must hold at least one edge in both directions; it has 0 lines"),
        ({"A": "1, 2\n2, 1"}, "two_A.txt: the last line has no end"),
        ({"node_attributes": "1\n1\n1\n1\n1"}, "two_node_attributes.txt: the last line has no end"),
        (
            {"graph_indicator": ""},
            "two_graph_indicator.txt must assign each node to one of two or more graphs; there are 0",
        ),
        ({"graph_indicator": "1\n1\n1\n1\n1\n"}, "to one of two or more graphs; there are 1"),
        ({"graph_indicator": "1\n1\n2\n1\n2\n"}, "two_graph_indicator.txt, line 4: graph 1 comes after graph 2"),
        ({"graph_indicator": "1\n1\n1\n3\n3\n"}, "two_graph_indicator.txt, line 4: graph 3 comes after graph 1"),
        ({"graph_indicator": "0\n0\n0\n1\n1\n"}, "two_graph_indicator.txt, line 1: graph 0 comes after graph 0"),
        ({"graph_labels": "1\n"}, "two_graph_labels.txt has 1 lines for 2 graphs"),
        ({"graph_labels": "1\nx\n"}, "two_graph_labels.txt, line 2: 'x' must hold integers"),
        ({"node_labels": "1\n1\n"}, "two_node_labels.txt has 2 lines for 5 nodes"),
        ({"graph_indicator": "1,1\n1,1\n"}, "two_graph_indicator.txt, line 1 has 2 integers; each line must have 1"),
        ({"node_labels": "1\n1\nC\n1\n1\n"}, "two_node_labels.txt, line 3: 'C' must hold integers"),
        ({"node_attributes": "1\n1\n?\n1\n1\n"}, "two_node_attributes.txt, line 3: '[?]' must hold numbers"),
        ({"edge_labels": "1\n"}, "two_edge_labels.txt has 1 lines for 6 edges"),
        ({"graph_attributes": "1\n"}, "two_graph_attributes.txt has 1 lines for 2 graphs"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_tu(write(tmp_path, **changed))


def test_a_file_or_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no two_A.txt in .*; give the folder with the files"):
        read_tu(write(tmp_path, A=None))
    with pytest.raises(FileNotFoundError, match=r"there is no nowhere_A.txt in .*nowhere"):
        read_tu(tmp_path / "nowhere")


def test_graphs_without_edges_are_kept_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "X_A.txt").write_text("2, 3\n3, 2\n")
    (tmp_path / "X_graph_indicator.txt").write_text("1\n2\n2\n3\n4\n")
    (tmp_path / "X_graph_labels.txt").write_text("0\n1\n0\n1\n")
    data = read_tu(tmp_path, "X")
    assert [graph.num_rows for graph in data.graphs] == [1, 2, 1, 1]
    assert [graph.edge_index.tolist() for graph in data.graphs] == [[[], []], [[0, 1], [1, 0]], [[], []], [[], []]]
    assert [int(graph.y) for graph in data.graphs] == [0, 1, 0, 1]
