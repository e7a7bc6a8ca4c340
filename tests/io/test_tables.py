"""Observations in CSV, beside a list of edges: what they say, line by line."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import dynamic_graphs, gappy_signals, same_rows_and_edges

from graphseq import SpaceTimeGraph
from graphseq.io import TemporalDataset, read_observations

LINES = "time,node,heat,rain\n1,A,1,10\n1,B,2,20\n2,B,3,30\n5,A,4,40\n5,C,5,50\n"


def read(folder: Path, lines: str, edges: str | None = None, **options: Any) -> TemporalDataset:
    path, beside = folder / "seen.csv", folder / "edges.csv"
    path.write_text(lines, encoding="utf-8")
    if edges is None:
        return read_observations(path, **options)
    beside.write_text(edges, encoding="utf-8")
    return read_observations(path, beside, **options)


def test_a_line_is_a_row(tmp_path: Path) -> None:
    data = read(tmp_path, LINES)
    assert data.graph.x.tolist() == [[1, 10], [2, 20], [3, 30], [4, 40], [5, 50]]
    assert data.graph.x.dtype == torch.float32
    assert data.graph.node.tolist() == [0, 1, 1, 0, 2]
    assert data.graph.time.tolist() == [1, 1, 2, 5, 5]
    assert data.graph.topology.spatial.edge_index.shape == (2, 0)
    assert (data.nodes, data.times, data.channels) == (("A", "B", "C"), ("1", "2", "5"), ("heat", "rain"))


def test_edges_with_times_join_rows_of_that_time(tmp_path: Path) -> None:
    data = read(tmp_path, LINES, "time,source,target,weight\n5,C,A,0.5\n1,A,B,2\n1,A,A,1\n")
    assert data.graph.edge_index.tolist() == [[4, 0, 0], [3, 1, 0]]
    assert data.graph.edge_weight.tolist() == [0.5, 2, 1]


def test_edges_without_times_stay(tmp_path: Path) -> None:
    data = read(tmp_path, LINES, "source,target\nA,B\nC,A\n")
    assert data.graph.static_edge_index.tolist() == [[0, 2], [1, 0]]
    assert "static_edge_weight" not in data.graph
    assert data.graph.topology.spatial.edge_index.tolist() == [[0, 4], [1, 3]]


def test_columns_by_other_names_and_packed(tmp_path: Path) -> None:
    path, edges = tmp_path / "seen.csv.gz", tmp_path / "edges.tsv"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("t|who|a|b\n0|x, y|1|2\n0|ü|3|4\n")
    edges.write_text("t|from|to|w\n0|ü|x, y|7\n", encoding="utf-8")
    names = {"time": "t", "node": "who", "source": "from", "target": "to", "weight": "w"}
    data = read_observations(path, edges, **names, values=["b"], delimiter="|")
    assert (data.nodes, data.graph.x.tolist()) == (("x, y", "ü"), [[2], [4]])
    assert data.graph.edge_weight.tolist() == [7]
    assert data.graph.edge_index.tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("cells", "time_format", "shown"),
    [
        (("2024-01-31", "2024-02-29"), None, ("2024-01-31", "2024-02-29")),
        (("2024-01-31 06:30", "2024-01-31T18:00:00"), None, ("2024-01-31 06:30:00", "2024-01-31 18:00:00")),
        (("4/15/04 2:56 PM", "4/16/04 12:00 AM"), "%m/%d/%y %I:%M %p", ("2004-04-15 14:56:00", "2004-04-16 00:00:00")),
        (("0.5", "0.75"), None, ("0.5", "0.75")),
    ],
)
def test_dates_and_fractions_are_numbered_in_order(
    tmp_path: Path, cells: tuple[str, str], time_format: str | None, shown: tuple[str, str]
) -> None:
    lines = "time,node,v\n" + "".join(f"{cell},A,1\n{cell},B,1\n" for cell in cells)
    edges = f"source,target,time\nA,B,{cells[1]}\n"
    data = read(tmp_path, lines, edges, time_format=time_format)
    assert data.times == shown
    assert data.graph.time.tolist() == [0, 0, 1, 1]
    assert data.graph.edge_index.tolist() == [[2], [3]]


def test_lines_in_no_order_are_sorted_where_asked(tmp_path: Path) -> None:
    data = read(tmp_path, "time,node,v\n2,A,1\n1,B,2\n1,A,3\n", "source,target,time\nB,A,1\n", sort=True)
    assert data.graph.time.tolist() == [1, 1, 2]
    assert data.graph.x.flatten().tolist() == [2, 3, 1]
    assert data.nodes == ("B", "A")
    assert data.graph.edge_index.tolist() == [[0], [1]]


HOLED = "time,node,v\n0,A,1\n0,B,\n1,A,2\n1,B,3\n1,C,NaN\n"


def test_a_dropped_line_is_a_node_away_and_its_edges_with_it(tmp_path: Path) -> None:
    data = read(tmp_path, HOLED, "source,target,time\nA,B,0\nB,A,1\nC,A,1\nA,A,0\n", missing="drop")
    assert (data.nodes, data.graph.node.tolist(), data.graph.time.tolist()) == (("A", "B"), [0, 0, 1], [0, 1, 1])
    assert data.graph.edge_index.tolist() == [[2, 0], [1, 0]]
    still = read(tmp_path, HOLED, "source,target\nA,B\nC,A\n", missing="drop")
    assert still.graph.static_edge_index.tolist() == [[0], [1]]
    assert still.graph.topology.spatial.edge_index.tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("lines", "edges", "message"),
    [
        ("time,node,v\n1,A,1\n0,A,2\n", None, r"seen.csv, line 3: the time is before that of line 2; .*sort=True"),
        ("time,node,v\n1,A,1\n1,B,2\n1,A,2\n", None, r"line 4: node 'A' already has a line at that time, line 2"),
        (HOLED, None, r"line 3: v is missing; fill it in, or read with missing=\"drop\""),
        ("time,node,v\n1,A,many\n", None, r"line 2: v is 'many', which is not a number"),
        ("time,node,v\n1,A,inf\n", None, r"line 2: v is 'inf'; it must be finite"),
        ("time,node,v\n1,A\n", None, r"line 2 has 2 values for 3 columns \(time, node, v\)"),
        ('time,node,v\n1,"A\nB",1\n1,C,x\n', None, r"line 4: v is 'x'"),
        ("time,node,v\nsoon,A,1\n", None, r"line 2: the time is 'soon', which is not a number"),
        ("time,node,v\n,A,1\n", None, r"line 2: the time is missing"),
        ("time,node,v\n2024-01-01,A,1\n3,A,1\n", None, r"line 3: the time is '3', which is not an ISO date"),
        ("when,node,v\n1,A,1\n", None, r"no column 'time'; it has when, node, v. Name the column by time="),
        ("time,node,time\n", None, r"line 1: two columns are called 'time'"),
        ("time,node,v\n", None, r"seen.csv has no observations"),
        ("time,node\n1,A\n", None, r"seen.csv has no columns of values"),
        (LINES, "source,target,time\nA,B,1\nA,B,2\n", r"edges.csv, line 3: node 'A' has no line at time 2"),
        (LINES, "source,target,time\nA,B,3\n", r"edges.csv, line 2: node 'A' has no line at time 3"),
        (LINES, "source,target\nA,D\n", r"edges.csv, line 2: node 'D' is never observed$"),
        (LINES, "source,target\na,B\n", r"edges.csv, line 2: node 'a' is never observed; did you mean 'A'\?"),
        (LINES, "source,target,weight\nA,B,\n", r"edges.csv, line 2: the weight is missing"),
        (
            LINES,
            "source,target,time\nA,B,2024-01-01\n",
            r"line 2: the time is '2024-01-01'; it must be a number or a date",
        ),
        ("date,place,heat\n1,A,2\n", None, r"no columns 'node', 'time'; it has .* Name the columns by node= and time="),
        (LINES, "a,b\nA,B\n", r"edges.csv has no columns 'source', 'target'; .* by source= and target="),
        (LINES, "source,end\nA,B\n", r"edges.csv has no column 'target'; .* by target="),
    ],
)
def test_what_does_not_fit_is_refused_by_its_line(tmp_path: Path, lines: str, edges: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, lines, edges)


def test_a_date_of_another_format_and_other_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"line 2: the time is '15/4/04', which is not of time_format='%m/%d/%y'"):
        read(tmp_path, "time,node,v\n15/4/04,A,1\n", time_format="%m/%d/%y")
    (tmp_path / "seen.csv").write_bytes(b"time,node,v\n1,caf\xe9,1\n")
    with pytest.raises(ValueError, match=r"seen.csv is not utf-8"):
        read_observations(tmp_path / "seen.csv")
    with pytest.raises(ValueError, match=r"seen.csv has no line with all values"):
        read(tmp_path, "time,node,v\n1,A,\n", missing="drop")


def written(folder: Path, graph: SpaceTimeGraph) -> TemporalDataset:
    """``graph`` as two files, and read from them; nodes are named by their numbers."""
    order = graph.time.argsort(stable=True).tolist()
    rows = [(graph.time[v].item(), f"n{graph.node[v].item()}", *graph.x[v].tolist()) for v in order]
    width = graph.x.shape[1]
    lines = [("time", "node", *(f"x{f}" for f in range(width))), *rows]
    if "static_edge_index" in graph:
        index, weight = graph.static_edge_index, graph.get("static_edge_weight")
        ends = [(f"n{i}", f"n{j}") for i, j in index.t().tolist()]
        head: tuple[str, ...] = ("source", "target")
    else:
        index, weight = graph.edge_index, graph.get("edge_weight")
        ends = [(f"n{graph.node[a]}", f"n{graph.node[b]}", f"{graph.time[a]}") for a, b in index.t().tolist()]
        head = ("source", "target", "time")
    if weight is not None:
        head, ends = (*head, "weight"), [(*one, str(w)) for one, w in zip(ends, weight.tolist(), strict=True)]
    texts = ("\n".join(",".join(map(str, line)) for line in table) for table in (lines, [head, *ends]))
    return read(folder, *texts)


@given(graph=st.one_of(dynamic_graphs(channels=2), gappy_signals(channels=2)))
def test_a_graph_that_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, graph: SpaceTimeGraph) -> None:
    if "static_edge_index" in graph:
        seen = set(graph.node.tolist())
        among = torch.tensor(
            [i in seen and j in seen for i, j in graph.static_edge_index.t().tolist()], dtype=torch.bool
        )
        weight = graph.get("static_edge_weight")
        edges = {"static_edge_index": graph.static_edge_index[:, among]}
        weights = {} if weight is None else {"static_edge_weight": weight[among]}
        graph = SpaceTimeGraph(graph.x, graph.node, graph.time, **edges, **weights)
    data = written(tmp_path_factory.mktemp("tables"), graph)
    order = graph.time.argsort(stable=True)
    new = torch.empty_like(order)
    new[order] = torch.arange(len(order))
    node = torch.tensor([int(name[1:]) for name in data.nodes])[data.graph.node]
    read_back = SpaceTimeGraph(
        data.graph.x,
        node,
        data.graph.time,
        data.graph.topology.spatial.edge_index,
        data.graph.topology.spatial.edge_weight,
    )
    spatial = graph.topology.spatial
    expected = SpaceTimeGraph(
        graph.x[order], graph.node[order], graph.time[order], new[spatial.edge_index], spatial.edge_weight
    )
    assert same_rows_and_edges(read_back, expected)
    assert ("static_edge_index" in data.graph) == ("static_edge_index" in graph)
