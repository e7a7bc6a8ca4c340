"""Events in CSV: the windows that ``from_events`` makes of them, and what is refused by its line."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import torch

import graphseq as gs
from graphseq.io import TemporalDataset, read_events

LINES = "source,target,time,size\nann,bob,0,1\nann,bob,4,2\ncem,cem,5,4\nbob,ann,11,8\n"
DATED = "from,to,when\nann,bob,4/15/04 2:56 PM\nbob,cem,4/16/04 12:00 AM\nann,cem,4/18/04 1:00 AM\n"
COLUMNS = {"source": "from", "target": "to", "time": "when", "time_format": "%m/%d/%y %I:%M %p"}


def read(folder: Path, lines: str, window: float | timedelta = 10.0, **options: Any) -> TemporalDataset:
    path = folder / "events.csv"
    path.write_text(lines, encoding="utf-8")
    return read_events(path, window, **options)


def test_a_window_is_a_snapshot(tmp_path: Path) -> None:
    data = read(tmp_path, LINES, present="active")
    assert (data.nodes, data.times) == (("ann", "bob", "cem"), ("0", "10"))
    assert data.channels == ("sent", "received", "size sent", "size received")
    assert data.graph.x.tolist() == [[2, 0, 3, 0], [0, 2, 0, 3], [1, 1, 4, 4], [0, 1, 0, 8], [1, 0, 8, 0]]
    assert data.graph.x.dtype == torch.float32
    assert data.graph.edge_index.tolist() == [[0, 4], [1, 3]]
    assert data.graph.edge_weight.tolist() == [2, 1]


def test_it_is_what_from_events_makes_of_the_same_table(tmp_path: Path) -> None:
    table = torch.tensor([[0, 1, 0, 1], [0, 1, 4, 2], [2, 2, 5, 4], [1, 0, 11, 8]], dtype=torch.float32)
    for present in ("all", "since", "active"):
        expected = gs.from_events(table, 3.0, start=-1, present=present, empty="keep")
        graph = read(tmp_path, LINES, 3, start=-1, present=present, empty="keep").graph
        assert all(torch.equal(graph[key], expected[key]) for key in ("x", "node", "time", "edge_index", "edge_weight"))


def test_dates_are_read_by_their_format_and_windows_are_called_by_their_beginnings(tmp_path: Path) -> None:
    options = {**COLUMNS, "start": datetime(2004, 4, 15), "empty": "keep"}
    data = read(tmp_path, DATED, timedelta(days=1), **options)
    assert data.times == ("2004-04-15", "2004-04-16", "2004-04-17", "2004-04-18")
    assert data.graph.x[:, 0].tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0]
    seconds = read(tmp_path, DATED, 86400, **options)
    assert torch.equal(seconds.graph.x, data.graph.x)
    assert read(tmp_path, DATED, timedelta(days=2), **COLUMNS).times == ("2004-04-15 14:56:00", "2004-04-17 14:56:00")


def test_a_time_without_rows_has_no_name(tmp_path: Path) -> None:
    data = read(tmp_path, "source,target,time\na,b,0\na,b,25\n", empty="keep", present="active")
    assert (data.graph.time.tolist(), data.times) == ([0, 0, 2, 2], ("0", "20"))


def test_minutes_are_told_apart_long_after_1970(tmp_path: Path) -> None:
    lines = "source,target,time\n" + "".join(f"a,b,2024-06-01 00:{m:02}\n" for m in range(60))
    data = read(tmp_path, lines, timedelta(minutes=1))
    assert data.graph.edge_weight.tolist() == [1] * 60


def test_lines_in_no_order_are_sorted_where_asked(tmp_path: Path) -> None:
    lines = "source,target,time\na,b,12\nb,a,1\n"
    data = read(tmp_path, lines, sort=True)
    assert (data.nodes, data.times) == (("b", "a"), ("1", "11"))
    with pytest.raises(ValueError, match=r"events.csv, line 3: the time is before that of line 2"):
        read(tmp_path, lines)


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        ("source,target,time\n", {}, r"events.csv has no events"),
        (LINES, {"window": 2.0}, r"line 3: window 1, from 2 on, has no event before this one; .*empty=\"keep\""),
        (LINES, {"start": 2}, r"line 2: the event is before start=2"),
        (LINES, {"window": 0}, r"window must be a finite number above 0"),
        (LINES.replace("5,4", "5,"), {}, r"line 4: size is missing"),
        (LINES.replace("5,4", "5,x"), {}, r"line 4: size is 'x', which is not a number"),
        (LINES, {"source": "who"}, r"no column 'who'; it has source, target, time, size. Name the column by source="),
        (LINES, {"values": ["weight"]}, r"no column 'weight'; .* by values="),
        (
            DATED,
            {**COLUMNS, "window": timedelta(days=1)},
            r"line 4: window 1, from 2004-04-16 14:56:00 on, has no event",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_its_line(
    tmp_path: Path, lines: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, lines, **{"window": 10.0, **options})


def test_lengths_are_of_the_kind_of_the_times(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"window must be a number, as the times of the file are; got .*timedelta"):
        read(tmp_path, LINES, timedelta(days=1))
    with pytest.raises(TypeError, match=r"start must be a finite number, or a date or timedelta .* got 'today'"):
        read(tmp_path, LINES, start="today")
