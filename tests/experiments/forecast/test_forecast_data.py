"""What a run works on: files read by what they are, scaled by the past alone, split by time."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import planted
import pytest
import torch

from graphseq.evaluation.predict import predict
from graphseq.experiments.forecast.data import checksums, load, prepare, targets
from graphseq.experiments.forecast.models import fitted
from graphseq.experiments.forecast.run import bound, errors, in_units
from graphseq.experiments.forecast.settings import Settings

SETTINGS = Settings(
    *("", None, None, "refuse", ("mean",), 2, (1,), 1, 0.5, 0.25, None, "file", 4, 5, 5, 4, 0.01, 0.0, False, 0.0, (0,))
)
EVENTS = "source,target,time\na,b,0\nb,c,1\na,b,11\na,c,12\nc,a,25\nb,a,31\nb,a,32\n"


def recorded(tmp_path: Path, times: int = 40) -> Settings:
    return replace(SETTINGS, file=str(planted.write_json(tmp_path / "ring.json", planted.signal(times))))


def test_parts_follow_each_other_in_time(tmp_path: Path) -> None:
    split = prepare(recorded(tmp_path)).split
    sizes = [len(part) for part in split]
    assert sizes == [15, 4, 19], "38 windows: 19 before the test, a quarter of them to validate"
    assert split.train.last < split.validation.first <= split.validation.last < split.test.first


def test_the_scale_knows_nothing_of_the_test(tmp_path: Path) -> None:
    settings = replace(recorded(tmp_path), scale="train")
    before, x = prepare(settings), planted.signal(40)
    first = before.split.test.first
    later = x.clone()
    later[first:] += 1000
    planted.write_json(Path(settings.file), later)
    after = prepare(settings)
    seen = [part.split.whole.windows(torch.arange(len(part.split.whole))) for part in (before, after)]
    assert torch.equal(seen[0].x, seen[1].x)
    mean, deviation = x[:first].mean(dim=0), x[:first].std(dim=0, correction=0)
    torch.testing.assert_close(before.split.train.recording.x.view(40, 5), (x - mean) / deviation)


def test_errors_are_in_the_units_of_the_file(tmp_path: Path) -> None:
    settings = replace(recorded(tmp_path), scale="train")
    prepared, x = prepare(settings), planted.signal(40)
    found = in_units(prepared, predict(fitted("persistence", prepared.split.whole), prepared.split.test))
    first = prepared.split.test.first
    apart = x[first:] - x[first - 1 : -1]
    assert errors(found)[0] == pytest.approx((float(apart.square().mean()), float(apart.abs().mean())), rel=1e-4)
    torch.testing.assert_close(found.y.view(-1, 5), x[first:])


def test_the_season_is_shown_beside_what_is_recorded(tmp_path: Path) -> None:
    x = prepare(replace(recorded(tmp_path), season=4.0)).split.train.recording.x.view(40, 5, 3)
    assert torch.equal(x[..., 0], planted.signal(40))
    torch.testing.assert_close(x[:4, 0, 1:], torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]]))


def test_observations_and_their_edges_are_read(tmp_path: Path) -> None:
    (tmp_path / "heat.csv").write_text("time,node,heat\n0,A,1\n0,B,2\n1,A,3\n1,B,4\n")
    (tmp_path / "edges.csv").write_text("source,target\nA,B\n")
    data = load(replace(SETTINGS, file=str(tmp_path / "heat.csv"), edges=str(tmp_path / "edges.csv")))
    assert data.graph.x.flatten().tolist() == [1, 2, 3, 4]
    assert data.graph.topology.spatial.edge_index.tolist() == [[0, 2], [1, 3]]


def test_events_become_what_was_sent_and_received_in_each_window(tmp_path: Path) -> None:
    (tmp_path / "mail.csv").write_text(EVENTS)
    data = load(replace(SETTINGS, file=str(tmp_path / "mail.csv"), window="10"))
    assert data.graph.x.view(4, 3, 2)[..., 0].tolist() == [[1, 1, 0], [2, 0, 0], [0, 0, 1], [0, 2, 0]]


def test_pooled_all_nodes_share_one_scale_of_the_past(tmp_path: Path) -> None:
    prepared = prepare(replace(recorded(tmp_path), scale="pooled"))
    x = prepared.data.graph.x[prepared.data.graph.time < prepared.split.whole.last + 1].double()
    assert prepared.scaler is not None
    assert prepared.scaler.mean.item() == pytest.approx(float(x.mean()))
    assert prepared.scaler.deviation.item() == pytest.approx(float(x.std(correction=0)))


def test_a_node_that_appears_late_shares_the_scale_of_all(tmp_path: Path) -> None:
    lines = [f"{t},{n},{t * 2 + n}" for t in range(8) for n in ((1, 2) if t > 5 else (1,))]
    (tmp_path / "late.csv").write_text("\n".join(["time,node,v", *lines]))
    (tmp_path / "edges.csv").write_text("source,target\n1,2\n")
    files = {"file": str(tmp_path / "late.csv"), "edges": str(tmp_path / "edges.csv")}
    prepared = prepare(replace(SETTINGS, **files, lags=1, scale="train", validation=0.5))
    assert prepared.scaler is not None
    assert prepared.scaler.per == "all"


def test_the_checksum_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert checksums(replace(SETTINGS, file=str(tmp_path / "a.csv"))) == {"file_sha256": known}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"file": "ring.txt"}, r"file must end in .json, .csv, .csv.gz, .h5 or .npz, or be one of chickenpox"),
        ({"file": "ring.json", "edges": "e.csv"}, "edges= goes with a table of observations"),
        ({"file": "chickenpox", "window": "7"}, "window= goes with a table of events"),
        ({"file": "a.csv", "window": "7", "edges": "e.csv"}, "edges= is for observations and window= for events"),
        ({"file": "a.csv"}, "a.csv is a table without columns 'time' and 'node'"),
        ({"file": "a.csv", "window": "7", "missing": "drop"}, 'missing="drop" is about observations'),
        ({"file": "a.csv", "window": "7x"}, "window must be a number above 0, or one with d, h, m or s"),
        ({"file": "a.csv", "window": "-1d"}, "window must be a number above 0"),
        ({"file": "a.csv", "window": "d"}, "window must be a number above 0"),
        ({"file": "chickenpox", "sort": True}, "sort= is about lines of a table, and chickenpox holds none"),
        ({"file": "a.json", "columns": ("v",)}, "columns= is about lines of a table, and a.json holds none"),
        ({"file": "a.csv", "window": "7", "node": "name"}, "node= is about observations, and a.csv holds none"),
        ({"file": "a.csv", "edges": "e.csv", "empty": "keep"}, "empty= is about events, and a.csv holds none"),
    ],
)
def test_flags_that_do_not_fit_the_file_are_refused(
    change: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ring.json", "a.csv", "a.json", "e.csv"):
        Path(name).touch()
    with pytest.raises(ValueError, match=message):
        load(replace(SETTINGS, **change))


def test_too_few_times_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^\S+ has 40 times; a window of lags=60"):
        prepare(replace(recorded(tmp_path), lags=60))


@pytest.mark.skipif(not os.environ.get("GRAPHSEQ_DATA"), reason="GRAPHSEQ_DATA names no folder of data")
def test_what_is_known_of_chickenpox() -> None:
    settings = replace(SETTINGS, file="chickenpox", lags=4, train=0.2, validation=0.2)
    prepared = prepare(settings)
    assert [len(part) for part in prepared.split] == [83, 20, 414]
    names = ("mean", "autoregression", "graph autoregression")
    found = [errors(predict(fitted(name, prepared.split.whole), prepared.split.test))[0][0] for name in names]
    assert found == pytest.approx([1.0069, 0.7044, 0.6997], abs=1e-4)
    assert bound(settings)[0].linear < 0.7044


def test_columns_of_other_names_and_lines_out_of_order_are_read_where_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "seen.csv").write_text("when,who,extra,v\n02.01.2024,A,7,3\n01.01.2024,A,8,1\n01.01.2024,B,9,2\n")
    (tmp_path / "edges.csv").write_text("from,to,strength\nA,B,4\n")
    settings = replace(SETTINGS, file=str(tmp_path / "seen.csv"), edges=str(tmp_path / "edges.csv"))
    names = {"time": "when", "node": "who", "edge_source": "from", "edge_target": "to", "edge_weight": "strength"}
    data = load(replace(settings, **names, columns=("v",), time_format="%d.%m.%Y", sort=True))
    assert (data.nodes, data.times, data.channels) == (("A", "B"), ("2024-01-01", "2024-01-02"), ("v",))
    assert data.graph.x.flatten().tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="Name the column by node="):
        load(replace(settings, time="when"))


@pytest.mark.parametrize("first", [0, 3600 * 24 * 19_000])
@pytest.mark.parametrize("step", [1, 3600])
def test_a_season_is_counted_in_steps_whatever_their_unit(tmp_path: Path, first: int, step: int) -> None:
    lines = "".join(f"{first + t * step},A,1\n" for t in range(40) if t != 7)
    (tmp_path / "heat.csv").write_text(f"time,node,v\n{lines}")
    (tmp_path / "edges.csv").write_text("source,target\n")
    settings = replace(SETTINGS, file=str(tmp_path / "heat.csv"), edges=str(tmp_path / "edges.csv"))
    x = prepare(replace(settings, season=24.0)).split.train.recording.x
    angle = torch.tensor([t for t in range(40) if t != 7]) * 2 * torch.pi / 24
    torch.testing.assert_close(x[:, 1:], torch.stack([angle.sin(), angle.cos()], dim=1), atol=1e-5, rtol=0)


def test_steps_of_no_common_length_are_counted(tmp_path: Path) -> None:
    lines = "".join(f"{1_700_000_000 + 3600 * t + t % 3},A,1\n" for t in range(40))
    (tmp_path / "heat.csv").write_text(f"time,node,v\n{lines}")
    (tmp_path / "edges.csv").write_text("source,target\n")
    settings = replace(SETTINGS, file=str(tmp_path / "heat.csv"), edges=str(tmp_path / "edges.csv"))
    x = prepare(replace(settings, season=4.0)).split.train.recording.x
    torch.testing.assert_close(x[:4, 1:], torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]]))


def test_what_is_forecast_is_named_and_comes_first(tmp_path: Path) -> None:
    (tmp_path / "heat.csv").write_text("time,node,heat,rain\n0,A,1,5\n0,B,2,6\n1,A,3,7\n1,B,4,8\n")
    (tmp_path / "edges.csv").write_text("source,target\nA,B\n")
    settings = replace(SETTINGS, file=str(tmp_path / "heat.csv"), edges=str(tmp_path / "edges.csv"))
    assert targets(load(settings), settings) == ("heat",)
    named = replace(settings, targets=("rain",))
    data = load(named)
    assert (data.channels, targets(data, named)) == (("rain", "heat"), ("rain",))
    assert data.graph.x.tolist() == [[5, 1], [6, 2], [7, 3], [8, 4]]
    with pytest.raises(
        ValueError, match=r"targets='rian' is no column of values of heat.csv, which has heat, rain; did"
    ):
        load(replace(settings, targets=("rian",)))
    with pytest.raises(ValueError, match="channels=3 and targets= both say how many"):
        load(replace(settings, targets=("rain",), channels=3))


def test_wide_tables_and_edges_given_once(tmp_path: Path) -> None:
    (tmp_path / "heat.csv").write_text("time,A,B\n0,1,2\n1,3,4\n")
    (tmp_path / "edges.csv").write_text("source,target\nA,B\n")
    settings = replace(SETTINGS, file=str(tmp_path / "heat.csv"), edges=str(tmp_path / "edges.csv"))
    data = load(replace(settings, wide=True, undirected=True))
    assert data.graph.x.flatten().tolist() == [1, 2, 3, 4]
    assert data.graph.static_edge_index.tolist() == [[0, 1], [1, 0]]
    for name in ("wide", "undirected", "bipartite"):
        with pytest.raises(ValueError, match=f"{name}= is about"):
            load(replace(SETTINGS, file="chickenpox", **{name: True}))


def test_events_can_leave_windows_empty(tmp_path: Path) -> None:
    (tmp_path / "mail.csv").write_text("source,target,time\na,b,0\nb,a,9\n")
    settings = replace(SETTINGS, file=str(tmp_path / "mail.csv"), window="2")
    with pytest.raises(ValueError, match='empty="keep"'):
        load(settings)
    assert load(replace(settings, empty="keep")).graph.topology.times.tolist() == [0, 1, 2, 3, 4]
