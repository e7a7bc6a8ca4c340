"""Tables as spreadsheets, pandas and people write them: read as they are meant, with a note, or refused."""

from __future__ import annotations

import gzip
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphseq.io import TemporalDataset, read_events, read_graph, read_observations

LINES = "time,node,temp\n0,ann,20\n0,bob,10\n1,ann,21\n1,bob,11\n"
EDGES = "source,target\nann,bob\n"


def read(folder: Path, lines: str, edges: str | None = None, **options: Any) -> TemporalDataset:
    path, beside = folder / "seen.csv", folder / "edges.csv"
    path.write_text(lines, encoding="utf-8")
    if edges is not None:
        beside.write_text(edges, encoding="utf-8")
    return read_observations(path, None if edges is None else beside, **options)


def events(folder: Path, lines: str, window: Any, **options: Any) -> TemporalDataset:
    path = folder / "events.csv"
    path.write_text(lines, encoding="utf-8")
    return read_events(path, window, **options)


def same(data: TemporalDataset) -> None:
    assert (data.nodes, data.channels) == (("ann", "bob"), ("temp",))
    assert data.graph.x.flatten().tolist() == [20, 10, 21, 11]


@pytest.mark.parametrize("first", ["", "Unnamed: 0"])
def test_the_index_that_pandas_writes_is_no_channel_and_that_is_said(tmp_path: Path, first: str) -> None:
    lines = "".join(f"{first if not n else n + 7},{line}\n" for n, line in enumerate(LINES.splitlines()))
    data = read(tmp_path, lines, ",source,target\n3,ann,bob\n")
    same(data)
    assert data.notes[0].endswith("column 1, without a name, is not read: an index")
    assert data.graph.static_edge_index.tolist() == [[0], [1]]
    assert "without a name" in repr(data)


def test_another_column_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"seen.csv: column 4 has no name, and holds '2.5'; name it"):
        read(tmp_path, "time,node,temp,\n0,ann,1,2.5\n")
    same(read(tmp_path, LINES.replace("\n", ",\n")))


def test_blanks_around_cells_are_no_part_of_them(tmp_path: Path) -> None:
    same(read(tmp_path, LINES.replace(",", " , "), "source, target\nann, bob\n"))
    data = events(tmp_path, "source, target, time\nann, bob, 0\nbob, ann, 0\n", 1)
    assert data.nodes == ("ann", "bob")
    assert data.graph.x.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("missing", ["", "nan", "NaN", "None", "<NA>"])
def test_a_name_that_is_missing_is_refused_with_its_line(tmp_path: Path, missing: str) -> None:
    with pytest.raises(ValueError, match=r"seen.csv, line 3: the name of the node is missing"):
        read(tmp_path, LINES.replace("0,bob", f"0,{missing}"))
    with pytest.raises(ValueError, match=r"edges.csv, line 3: the name of the target is missing"):
        read(tmp_path, LINES, f"source,target\nann,bob\nbob,{missing}\n")
    with pytest.raises(ValueError, match=r"events.csv, line 2: the name of the source is missing"):
        events(tmp_path, f"source,target,time\n{missing},bob,0\n", 1)


def test_a_whole_number_is_one_name_with_a_fraction_or_without(tmp_path: Path) -> None:
    data = read(tmp_path, "time,node,temp\n0,1.0,20\n0,2.0,10\n1,1,21\n1,2,11\n", "source,target\n1,2.0\n")
    assert data.nodes == ("1", "2")
    assert data.graph.node.tolist() == [0, 1, 0, 1]
    assert data.graph.static_edge_index.tolist() == [[0], [1]]
    assert "names that are whole numbers are read as such, 1.0 as 1" in data.notes[0]
    assert read(tmp_path, "time,node,temp\n0,1.5,20\n0,007,2\n0,7,2\n").nodes == ("1.5", "007", "7")


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_the_separator_is_seen_from_the_first_line(tmp_path: Path, separator: str) -> None:
    same(read(tmp_path, LINES.replace(",", separator), EDGES.replace(",", separator)))


def test_decimal_commas_where_commas_do_not_separate(tmp_path: Path) -> None:
    data = read(tmp_path, "time;node;temp\n0;ann;20,5\n0;bob;-0,25\n")
    assert data.graph.x.flatten().tolist() == [20.5, -0.25]
    assert data.notes == (f"{tmp_path / 'seen.csv'}: numbers have decimal commas, such as 20,5",)
    with pytest.raises(ValueError, match=r"line 2: temp is '20,5'; where commas separate, numbers need a point"):
        read(tmp_path, 'time,node,temp\n0,ann,"20,5"\n')
    with pytest.raises(ValueError, match=r"line 2: temp is '1_000', which is not a number"):
        read(tmp_path, "time,node,temp\n0,ann,1_000\n")


def test_further_columns_of_edges_are_said_or_read_as_features(tmp_path: Path) -> None:
    edges = "id,source,target,kind,length,w\n0,ann,bob,road,1.5,7\n"
    data = read(tmp_path, LINES, edges)
    assert data.graph.static_edge_index.tolist() == [[0], [1]]
    assert data.notes[0].endswith(
        "edges are read without the columns 'id', 'kind', 'length', 'w', and weights from none: there is no 'weight'"
    )
    weighted = read(tmp_path, LINES, edges, weight="w", edge_attr=["length", "id"]).graph
    assert weighted.static_edge_weight.tolist() == [7]
    assert weighted.static_edge_attr.tolist() == [[1.5, 0]]
    timed = read(tmp_path, LINES, "source,target,time,length\nann,bob,1,3\n", edge_attr=["length"], undirected=True)
    assert (timed.graph.edge_index.tolist(), timed.graph.edge_attr.tolist()) == ([[2, 3], [3, 2]], [[3], [3]])
    with pytest.raises(ValueError, match=r"edges.csv, line 2: kind is 'road', which is not a number"):
        read(tmp_path, LINES, edges, edge_attr=["kind"])


def test_edges_that_are_given_once_lead_both_ways_where_asked(tmp_path: Path) -> None:
    data = read(tmp_path, LINES, "source,target,weight\nann,bob,2\nbob,bob,3\n", undirected=True)
    assert data.graph.static_edge_index.tolist() == [[0, 1, 1], [1, 1, 0]]
    assert data.graph.static_edge_weight.tolist() == [2, 3, 2]
    timed = read(tmp_path, LINES, "source,target,time\nann,bob,1\nbob,ann,1\n", undirected=True)
    assert timed.graph.edge_index.tolist() == [[2, 3], [3, 2]]
    with pytest.raises(ValueError, match=r"edges.csv, line 3: this edge is already on line 2 with other values"):
        read(tmp_path, LINES, "source,target,weight\nann,bob,2\nbob,ann,3\n", undirected=True)
    with pytest.raises(ValueError, match=r"undirected=True is about edges, and there are none"):
        read(tmp_path, LINES, undirected=True)


def test_edges_of_which_none_leads_back_and_those_listed_again_are_pointed_out(tmp_path: Path) -> None:
    lines = LINES + "1,cem,3\n"
    (note,) = read(tmp_path, lines, "source,target\nann,bob\nbob,cem\n").notes
    assert note.endswith("no edge leads back; undirected=True reads each in both directions")
    (note,) = read(tmp_path, lines, "source,target\nann,bob\nbob,ann\nbob,ann\n").notes
    assert note.endswith("1 edge is listed again, and counts again")


WIDE = "date,ann,bob\n2024-01-01,20,10\n2024-01-02,21,11\n"


def test_a_wide_table_is_the_long_one(tmp_path: Path) -> None:
    data = read(tmp_path, WIDE, EDGES, wide=True, time="date")
    assert data.channels == ("value",)
    assert data.times == ("2024-01-01", "2024-01-02")
    assert data.graph.x.flatten().tolist() == [20, 10, 21, 11]
    assert data.graph.node.tolist() == [0, 1, 0, 1]
    assert data.graph.time.tolist() == [0, 0, 1, 1]
    assert data.graph.static_edge_index.tolist() == [[0], [1]]
    indexed = read(tmp_path, WIDE.removeprefix("date"), wide=True)
    assert indexed.graph.x.tolist() == data.graph.x.tolist()
    assert indexed.notes[0].endswith("column 1, without a name, is read as the times")


def test_holes_and_doubles_of_a_wide_table(tmp_path: Path) -> None:
    holed = WIDE.replace(",11", ",")
    with pytest.raises(ValueError, match=r"seen.csv, line 3: bob is missing"):
        read(tmp_path, holed, wide=True, time="date")
    data = read(tmp_path, holed, wide=True, time="date", missing="drop")
    assert (data.graph.node.tolist(), data.graph.time.tolist()) == ([0, 1, 0], [0, 0, 1])
    with pytest.raises(ValueError, match=r"seen.csv, line 4: its time is that of line 3 as well; delete one of"):
        read(tmp_path, WIDE + "2024-01-02,1,2\n", wide=True, time="date")
    with pytest.raises(ValueError, match=r"no column 'node'; .* if each column is a node, read it with wide=True"):
        read(tmp_path, WIDE, time="date")
    with pytest.raises(ValueError, match=r"two columns are the node '1'"):
        read(tmp_path, "time,1,1.0\n0,2,3\n", wide=True)


def test_times_are_exact_integers_however_large(tmp_path: Path) -> None:
    first = 1_700_000_000_000_000_001
    data = read(tmp_path, f"time,node,temp\n{first},a,1\n{first + 1},a,2\n{first + 101},a,3\n")
    assert data.graph.time.tolist() == [first, first + 1, first + 101]
    assert data.times == (str(first), str(first + 1), str(first + 101))
    with pytest.raises(ValueError, match=r"line 2: the time is '9{25}'; it must be finite, and below"):
        read(tmp_path, f"time,node,temp\n{'9' * 25},a,1\n")
    with pytest.raises(ValueError, match=r"finer than a microsecond; give times in nanoseconds as whole numbers"):
        read(tmp_path, "time,node,temp\n2024-01-01T00:00:00.123456789,a,1\n")


def test_times_with_zones_are_compared_and_shown_in_utc(tmp_path: Path) -> None:
    lines = "time,node,temp\n2024-03-31T01:30:00+01:00,a,1\n2024-03-31T03:30:00+02:00,a,2\n"
    data = read(tmp_path, lines)
    assert data.times == ("2024-03-31 00:30:00", "2024-03-31 01:30:00")
    assert data.notes == ("times have zones, and are shown in UTC",)
    with pytest.raises(
        ValueError, match=r"line 3: the time is '2024-01-02', which has no time zone, unlike that of .*2"
    ):
        read(tmp_path, "time,node,temp\n2024-01-01T00:00+01:00,a,1\n2024-01-02,a,2\n")
    with pytest.raises(ValueError, match=r"line 2: the time is '1.2.2024'.*time_format='%d.%m.%Y' reads all"):
        read(tmp_path, "time,node,temp\n1.2.2024,a,1\n")


def test_every_window_of_a_tenth_holds_its_one_event(tmp_path: Path) -> None:
    lines = "source,target,time\n" + "".join(f"a,b,{n / 10:.1f}\n" for n in range(30))
    data = events(tmp_path, lines, 0.1, empty="keep")
    assert data.graph.edge_weight.tolist() == [1.0] * 30
    assert data.times == tuple(f"{n / 10:g}" for n in range(30))
    assert events(tmp_path, lines, np.float64(0.5)).graph.edge_weight.tolist() == [5.0] * 6
    assert events(tmp_path, lines, np.int64(1)).graph.edge_weight.tolist() == [10.0] * 3
    dated = "source,target,time\n" + "".join(f"a,b,2024-01-01T00:00:00.{n}\n" for n in range(10))
    assert events(tmp_path, dated, 0.1).graph.edge_weight.tolist() == [1.0] * 10


def test_two_kinds_of_nodes_are_kept_apart_where_asked(tmp_path: Path) -> None:
    lines = "user,item,time\n0,0,0\n1,0,0\n0,1,1\n"
    mixed = events(tmp_path, lines, 1, source="user", target="item")
    assert mixed.nodes == ("0", "1")
    assert "names in both 'user' and 'item' are taken for the same nodes, such as '0'; bipartite=True" in mixed.notes[0]
    apart = events(tmp_path, lines, 1, source="user", target="item", bipartite=True)
    assert apart.nodes == ("user 0", "item 0", "user 1", "item 1")
    assert apart.notes == ()
    assert apart.graph.x[:4].tolist() == [[1, 0], [0, 2], [1, 0], [0, 0]]


def test_windows_without_end_are_refused_before_they_are_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"window=1 makes 1,000,000,000,001 windows of 2 nodes, which is too much"):
        events(tmp_path, "source,target,time\na,b,0\na,b,1000000000000\n", 1, empty="keep")


def test_values_that_float32_does_not_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"values must be at most 3.4e\+38, which is what float32 holds; one is 1e\+39"
    ):
        read(tmp_path, "time,node,temp\n0,a,1e39\n")


def test_what_is_damaged_packed_without_bound_or_no_text_is_refused(tmp_path: Path) -> None:
    packed = tmp_path / "seen.csv.gz"
    whole = gzip.compress(LINES.encode())
    packed.write_bytes(whole)
    same(read_observations(packed))
    for damaged in (whole[:-9], whole[:20], LINES.encode(), whole[:12] + b"\xff" + whole[13:]):
        packed.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"seen.csv.gz is damaged, or is no .gz"):
            read_observations(packed)
    packed.write_bytes(gzip.compress(b"0" * 2**26))
    with pytest.raises(ValueError, match=r"seen.csv.gz has [\d,]+ bytes and unpacks to more than 33,554,432"):
        read_observations(packed)
    path = tmp_path / "seen.csv"
    for content, why in (
        (LINES.encode("utf-16"), "is not utf-8 but UTF-16"),
        (LINES.replace("ann", "a\0n").encode(), "line 2: a byte 0; is it a text?"),
        (LINES.replace("bob", "bób").encode("cp1252"), "is not utf-8: byte 0xf3 on line 3"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=why):
            read_observations(path)


def test_frames_pass_the_same_checks(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"time": [0, 0, 1, 1], "node": ["ann", "bob"] * 2, "temp": [20.0, 10.0, 21.0, 11.0]})
    same(read_observations(frame, pandas.DataFrame({"source": ["ann"], "target": ["bob"]})))
    same(read_observations(frame.set_index(["time", "node"])))
    days = pandas.to_datetime(["2024-01-01", "2024-01-02"])
    wide = pandas.DataFrame({"ann": [20.0, 21.0], "bob": [10.0, math.nan]}, index=days)
    data = read_observations(wide, wide=True, missing="drop")
    assert (data.times, data.graph.num_rows, data.name) == (("2024-01-01", "2024-01-02"), 3, "frame")
    with pytest.raises(ValueError, match=r"the frame, row 1: bob is missing"):
        read_observations(wide, wide=True)
    with pytest.raises(ValueError, match=r"the frame, row 2: node 'ann' already has a line at that time, row 0"):
        read_observations(frame.assign(time=0))
    with pytest.raises(ValueError, match=r"the frame, row 1: the name of the node is missing"):
        read_observations(frame.assign(node=["ann", None, "ann", "bob"]))
    assert read_events(frame.assign(source="a", target="b"), 1, values=["temp"]).channels[2] == "temp sent"
    with pytest.raises(TypeError, match="path must be a file or a data frame, got int"):
        read_observations(3)  # type: ignore[arg-type]


def test_frames_of_polars() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"time": [0, 0, 1, 1], "node": ["ann", "bob"] * 2, "temp": [20.0, 10.0, 21.0, 11.0]})
    same(read_observations(frame, polars.DataFrame({"source": ["ann"], "target": ["bob"]})))
    with pytest.raises(TypeError, match=r"a LazyFrame is not read yet; give its collect\(\)"):
        read_observations(frame.lazy())


class Columns:
    """The least that a frame is: names and columns, as pyarrow's and others' have them."""

    columns = ("time", "node", "temp")

    def __getitem__(self, name: str) -> np.ndarray:
        return {
            "time": np.array([0, 0, 1, 1]),
            "node": np.array(["ann", "bob"] * 2),
            "temp": np.array([20.0, 10, 21, 11]),
        }[name]


def test_any_frame_with_columns_by_name() -> None:
    same(read_observations(Columns()))


def test_a_point_of_thousands_beside_decimal_commas_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"line 2: v is '1\.234', but others of the column have decimal commas"):
        read(tmp_path, "time;node;v\n0;A;1.234\n0;B;1,5\n")
    data = read(tmp_path, "time;node;v\n0;A;1.25\n0;B;1,5\n")  # no thousands
    assert data.graph.x.flatten().tolist() == [1.25, 1.5]


def test_a_node_called_na_is_said(tmp_path: Path) -> None:
    data = read(tmp_path, "time,node,v\n0,NA,1\n0,B,2\n")
    assert data.nodes == ("NA", "B")
    assert data.notes[0].endswith("line 2: the name of the node is NA, which some programs write for a missing name")


def test_the_separator_that_excel_writes_above_a_table(tmp_path: Path) -> None:
    same(read(tmp_path, "sep=;\n" + LINES.replace(",", ";"), '"sep=;"\r\n' + EDGES.replace(",", ";")))
    with pytest.raises(ValueError, match=r"seen.csv, line 3: temp is 'hot', which is not a number"):
        read(tmp_path, "sep=;\ntime;node;temp\n0;ann;hot\n")
    with pytest.raises(ValueError, match=r"seen.csv, line 2: two columns are called 'temp'"):
        read(tmp_path, "sep=,\ntime,node,temp,temp\n0,ann,1,2\n")


def test_columns_are_found_in_other_capitals_where_there_is_one_such(tmp_path: Path) -> None:
    data = read(tmp_path, LINES.replace("time,node", "Time,NODE"), "Source,Target,Weight\nann,bob,2\n")
    same(data)
    assert data.graph.static_edge_weight.tolist() == [2]
    assert data.notes[0].endswith("names of columns in other capitals are found, such as 'NODE'")
    sent = events(tmp_path, "Source,Target,TIME,size\na,b,0,3\n", 1)
    assert sent.channels == ("sent", "received", "size sent", "size received")
    both = read(tmp_path, LINES, "source,target,weight,Weight\nann,bob,2,7\n")
    assert both.graph.static_edge_weight.tolist() == [2]
    with pytest.raises(ValueError, match=r"no column 'node'"):
        read(tmp_path, "time,Node,NODE,temp\n0,a,b,1\n")


def test_the_type_that_gephi_writes_says_whether_edges_lead_both_ways(tmp_path: Path) -> None:
    edges = "Source,Target,Type,Id,Label,Weight\nann,bob,{},0,,2\n"
    data = read(tmp_path, LINES, edges.format("Undirected"))
    assert data.graph.static_edge_index.tolist() == [[0, 1], [1, 0]]
    assert data.graph.static_edge_weight.tolist() == [2, 2]
    assert any(note.endswith("edges are undirected, by the column 'Type'") for note in data.notes)
    assert read(tmp_path, LINES, edges.format("Directed")).graph.static_edge_index.tolist() == [[0], [1]]
    with pytest.raises(ValueError, match=r"undirected=True, but the column 'Type' says that edges are directed"):
        read(tmp_path, LINES, edges.format("Directed"), undirected=True)
    with pytest.raises(ValueError, match=r"edges.csv: the column 'Type' has directed edges, line 3, and undirected"):
        read(tmp_path, LINES, edges.format("Undirected") + "bob,ann,Directed,1,,3\n")


def test_months_are_dates_and_dates_without_separators_are_pointed_out(tmp_path: Path) -> None:
    data = read(tmp_path, "time,node,temp\n2023-12,a,1\n2024-01,a,2\n2024-02-01,a,3\n")
    assert data.times == ("2023-12-01", "2024-01-01", "2024-02-01")
    assert data.graph.time.tolist() == [0, 1, 2]
    compact = "time,node,temp\n20240131,a,1\n20240201,a,2\n"
    data = read(tmp_path, compact)
    assert data.graph.time.tolist() == [20240131, 20240201]
    (note,) = data.notes
    assert note == "times are read as numbers, such as 20240131; if they are dates, time_format='%Y%m%d' reads them"
    dated = read(tmp_path, compact, time_format="%Y%m%d")
    assert (dated.times, dated.notes) == (("2024-01-31", "2024-02-01"), ())
    assert "time_format='%Y%m'" in read(tmp_path, "time,node,temp\n202312,a,1\n202401,a,2\n").notes[0]
    assert read(tmp_path, "time,node,temp\n20240131,a,1\n20240232,a,2\n").notes == ()
    assert read(tmp_path, "time,node,temp\n2023,a,1\n2024,a,2\n").notes == ()


def test_numbers_that_float32_does_not_tell_apart_are_pointed_out(tmp_path: Path) -> None:
    def notes(*numbers: str) -> tuple[str, ...]:
        return read(tmp_path, "time,node,temp\n" + "".join(f"{t},a,{n}\n" for t, n in enumerate(numbers))).notes

    (note,) = notes("16777217", "3")
    rounded = "numbers are rounded to the seven digits of float32, such as 16777217 to 16777216"
    assert note.endswith(f"seen.csv: temp: {rounded}")
    assert notes("16777216", "0.1", "20.123456789", "3e30") == ()
    (note,) = notes("1700000000.5", "1700000001.5")
    assert note.endswith("such as 1700000000.5 to 1700000000")
    assert notes("1e-60", "1")[0].endswith("such as 1e-60 to 0")
    assert notes("1013.25", "1013.26", "1013.31") == ()
    data = read(tmp_path, LINES, "source,target,weight,size\nann,bob,33554433,123456789\n", edge_attr=["size"])
    said = [note.rpartition(", such as ")[2] for note in data.notes]
    assert said == ["33554433 to 33554432", "123456789 to 123456792"]
    sent = events(tmp_path, "source,target,time,size\na,b,0,16777217\n", 1)
    assert sent.notes[0].endswith(f"events.csv: size: {rounded}")


def test_codes_for_missing_values_are_pointed_out_and_those_of_excel_are_missing(tmp_path: Path) -> None:
    data = read(tmp_path, LINES.replace("20", "-999").replace("11", "-999"))
    assert data.graph.x.flatten().tolist() == [-999, 10, 21, -999]
    assert data.notes[0].endswith(
        "seen.csv: temp: -999 occurs 2 times, far from all other values; if it stands for a missing value, leave the "
        "cells empty"
    )
    assert read(tmp_path, "time,node,temp\n0,a,-999\n1,a,-800\n").notes == ()
    assert read(tmp_path, LINES.replace("20", "#N/A"), missing="drop").graph.num_rows == 3
    with pytest.raises(
        ValueError, match=r"temp is '\?', which is not a number; if it stands for a missing value, leave"
    ):
        read(tmp_path, LINES.replace("20", "?"))


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        ("Ann", "ann", "'Ann' and 'ann'"),
        ("007", "7", "'007' and '7'"),
        ("caf\u00e9", "cafe\u0301", r"'caf\xe9' and 'cafe\u0301'"),
        ("a b", "a\u00a0b", r"'a b' and 'a\xa0b'"),
        ("ab", "a\u200bb", r"'ab' and 'a\u200bb'"),
    ],
)
def test_names_that_look_alike_are_pointed_out(tmp_path: Path, one: str, other: str, shown: str) -> None:
    data = read(tmp_path, f"time,node,temp\n0,{one},1\n0,{other},2\n")
    assert data.nodes == (one, other)
    assert data.notes == (f"names that look alike are different nodes, such as {shown}",)
    path = tmp_path / "a.csv"
    path.write_text(f"source,target\n{one},x\n{other},x\n", encoding="utf-8")
    plain = read_graph(path)
    assert plain.notes[-1] == data.notes[0]
    (cut,) = events(tmp_path, "source,target,time\n1.23E+15,b,0\n", 1).notes
    assert cut == "names are numbers that a spreadsheet may have cut, such as 1.23E+15: two may have become one"


@pytest.mark.parametrize(
    ("times", "note"),
    [
        ("0 1 2", None),
        ("0 1 2 9", "mostly 1 but 7 before 9"),
        ("2024-01-31 2024-02-29 2024-03-31", None),
        ("2023-01 2023-02 2023-03", None),
        ("2021-01-01 2022-01-01 2023-01-01 2024-01-01 2025-01-01", None),
        ("2024-01-01 2024-01-02 2024-01-03 2024-01-08", "mostly 1 day but 5 days before 2024-01-08"),
        (
            "2024-03-31T01:00 2024-03-31T03:00 2024-03-31T04:00 2024-03-31T05:00",
            "mostly 1:00:00 but 2:00:00 before 2024-03-31 03:00:00",
        ),
        ("2024-03-31T01:00+01:00 2024-03-31T03:00+02:00 2024-03-31T04:00+02:00", None),
        ("1 2 4 8", "as much as 4 before 8"),
        ("0.1 0.2 0.3", None),
    ],
)
def test_gaps_in_time_are_pointed_out_and_months_are_none(tmp_path: Path, times: str, note: str | None) -> None:
    lines = "".join(f"{time},a,{row}\n" for row, time in enumerate(times.split()))
    notes = [one for one in read(tmp_path, f"time,node,temp\n{lines}").notes if "zones" not in one]
    assert notes == ([] if note is None else [f"times are not equally far apart, {note}; each counts as one step"])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"PK\x03\x04....", "is a spreadsheet or an archive; save its table as CSV in UTF-8"),
        (gzip.compress(b"time,node,temp\n", mtime=0), "is packed; a packed file must be called .gz"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS, not the file itself"),
        (b"ARROW1..", "is a Feather file; read it by pandas or polars"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
        (b"\x93NUMPY\x01", "is an array of numpy; read it by numpy.load"),
        (b"\x80\x04\x95", "is a pickle, which may run code when it is read"),
        (b"BZh91AY", "is packed by bzip2; unpack it, or pack it as .gz"),
        (b"\x28\xb5\x2f\xfd", "is packed by zstd"),
        (b"<!DOCTYPE html><html>", "is a page of the web, not the file itself"),
        (b"PAR1....", "is a Parquet file; read it by pandas or polars, and give the frame"),
        (b"", "is empty; it must have the names of its columns in the first line"),
    ],
)
def test_what_is_no_table_is_said_to_be_what_it_is(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "seen.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"seen.csv {why}"):
        read_observations(path)


def test_blank_lines_above_the_names_and_marks_of_byte_order_are_no_part_of_a_table(tmp_path: Path) -> None:
    same(read(tmp_path, "\ufeff\ufeff\n\n" + LINES))
    with pytest.raises(ValueError, match=r"seen.csv, line 4: temp is 'hot'"):
        read(tmp_path, "\n\ntime,node,temp\n0,a,hot\n")


def test_windows_and_beginnings_of_numpy_are_taken(tmp_path: Path) -> None:
    lines = "source,target,time\na,b,2024-01-02\nb,a,2024-01-04\n"
    data = events(tmp_path, lines, np.timedelta64(2, "D"), start=np.datetime64("2024-01-01"))
    assert data.times == ("2024-01-01", "2024-01-03")
    with pytest.raises(TypeError, match=r"window must be a number, as the times of the file are"):
        events(tmp_path, "source,target,time\na,b,0\n", np.timedelta64(1, "D"))


@pytest.mark.parametrize(
    ("times", "advice"),
    [
        (("30.1.2023", "1.2.2023"), "time_format='%d.%m.%Y' reads all"),
        (("1/30/23", "2/1/23"), "time_format='%m/%d/%y' reads all"),
        (
            ("01/02/2023", "02/02/2023"),
            "time_format='%m/%d/%Y' or time_format='%d/%m/%Y' reads all, whichever is meant",
        ),
        (("1/30/2023 11:00 AM", "1/30/2023 1:00 PM"), "time_format='%m/%d/%Y %I:%M %p' reads all"),
        (("30 Jan 2023", "31 Jan 2023"), "time_format='%d %b %Y' reads all"),
        (("yesterday", "today"), "name the format of dates by time_format="),
    ],
)
def test_a_format_that_reads_all_dates_is_named(tmp_path: Path, times: tuple[str, str], advice: str) -> None:
    lines = "time,node,v\n" + "".join(f"{time},a,1\n" for time in times)
    with pytest.raises(
        ValueError, match=re.escape(f"is {times[0]!r}, which is not a number, and not an ISO date; {advice}")
    ):
        read(tmp_path, lines)
    if "reads" in advice:
        assert len(read(tmp_path, lines, time_format=advice.split("'")[1]).times) == 2


def test_a_format_that_does_not_read_all_dates_leads_to_one_that_does(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"line 2: .*not of time_format='%d/%m/%Y'; time_format='%m/%d/%Y' reads all"):
        read(tmp_path, "time,node,v\n01/30/2023,a,1\n", time_format="%d/%m/%Y")
    with pytest.raises(ValueError, match=r"line 3: the time is 'Total', .*; if the line sums up others, delete it"):
        read(tmp_path, "time,a\n2023-01-30,1\nTotal,1\n", wide=True)


def test_quarters_and_utc_are_dates(tmp_path: Path) -> None:
    assert read(tmp_path, "time,a\n2023Q4,1\n2024-Q1,2\n", wide=True).times == ("2023-10-01", "2024-01-01")
    hours = read(tmp_path, "time,a\n2024-03-31 01:00:00 UTC,1\n2024-03-31 02:00:00 UTC,2\n", wide=True)
    assert hours.times == ("2024-03-31 01:00:00", "2024-03-31 02:00:00")


def test_a_first_line_of_values_is_pointed_out(tmp_path: Path) -> None:
    for lines in ("2023-01-30,20.5,21.5\n2023-01-31,1,2\n", "2023-01-30,20.5,20.5\n2023-01-31,1,2\n"):
        with pytest.raises(ValueError, match="if line 1 holds values, put one with the names of the columns above it"):
            read(tmp_path, lines, wide=True)
    with pytest.raises(ValueError, match=r"no column 'time'; it has day, 1, 2. Name the column by time=$"):
        read(tmp_path, "day,1,2\n0,1,2\n", wide=True)


@pytest.mark.parametrize(
    ("cell", "advice"),
    [
        ("ok", "name the columns of nodes by values="),
        ('"1,234.5"', "write numbers without thousands separators"),
        ("1 234", "write numbers without thousands separators"),
        ("12.5%", "write numbers without units"),
        ("€12.50", "write numbers without units"),
    ],
)
def test_what_is_no_number_is_refused_with_what_to_do(tmp_path: Path, cell: str, advice: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{cell.strip(chr(34))!r}, which is not a number; {advice}")):
        read(tmp_path, f"time,a\n0,{cell}\n", wide=True)


def test_points_that_may_separate_thousands_are_pointed_out(tmp_path: Path) -> None:
    data = read(tmp_path, "time;a\n0;1.234\n1;20.500\n", wide=True)
    assert data.graph.x.flatten().tolist() == pytest.approx([1.234, 20.5])
    (note,) = data.notes
    assert note.endswith(
        "numbers are read with a decimal point, such as 1.234; if it separates thousands, write them without"
    )
    assert read(tmp_path, "time;a\n0;1.234\n1;20.5\n", wide=True).notes == ()
    assert read(tmp_path, "time,a\n0,1.234\n1,20.500\n", wide=True).notes == ()


def test_a_column_of_totals_is_pointed_out(tmp_path: Path) -> None:
    data = read(tmp_path, "time,a,b,all\n0,1.25,2.25,3.5\n1,4,,\n2,2,7.125,9.125\n", wide=True, missing="drop")
    assert data.nodes == ("a", "b", "all")
    assert data.notes[0].endswith(
        "the node 'all' is the sum of all others; if it is no node, name the others by values="
    )
    mean = read(tmp_path, "time,a,b,c\n0,1,3,2\n1,4,0,2\n2,2,8,5\n", wide=True)
    assert "the node 'c' is the mean of all others" in mean.notes[0]
    assert read(tmp_path, "time,a,b,c\n0,1,2,3\n1,4,0,4.1\n", wide=True).notes == ()


def test_periods_and_spans_of_pandas_are_times() -> None:
    pandas = pytest.importorskip("pandas")
    for frequency, times in (
        ("W", ("2024-01-01", "2024-01-08")),
        ("Q", ("2024-01-01", "2024-04-01")),
        ("Y", ("2024-01-01", "2025-01-01")),
    ):
        index = pandas.period_range("2024-01-01", periods=2, freq=frequency)
        assert read_observations(pandas.DataFrame({"a": [1.0, 2.0]}, index=index), wide=True).times == times
    spans = pandas.timedelta_range(0, periods=2, freq="h")
    assert read_observations(pandas.DataFrame({"a": [1.0, 2.0]}, index=spans), wide=True).times == ("0", "3600")
    with pytest.raises(
        ValueError, match=r"no column 'time'.*a column where it has a name, as by rename_axis\('time'\)"
    ):
        read_observations(pandas.DataFrame({"a": [1.0, 2.0]}), wide=True)
