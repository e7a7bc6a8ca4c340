"""History: read back as it was written, and never over another file unasked."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import graphseq as gs
from graphseq import History
from graphseq.training.history import machine

number = st.floats(allow_nan=False, width=64)
steps = st.lists(st.tuples(number, number, number, number), max_size=6)
in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def history_of(rows: list[tuple[float, float, float, float]]) -> History:
    history = History(config={"task": {"length": 3}, "text": "å"}, machine=machine(), seconds=1.5, solved=True)
    for row in rows:
        history.append(*row)
    return history


@in_one_folder
@given(rows=steps)
def test_json_gives_back_what_was_written(rows: list[tuple[float, float, float, float]], tmp_path: Path) -> None:
    history = history_of(rows)
    assert History.from_json(history.to_json(tmp_path / "h.json", overwrite=True)) == history


@in_one_folder
@given(rows=steps)
def test_csv_gives_back_what_was_written(rows: list[tuple[float, float, float, float]], tmp_path: Path) -> None:
    path = history_of(rows).to_csv(tmp_path / "h.csv", overwrite=True)
    with path.open(newline="") as file:
        head, *lines = csv.reader(file)
    assert head == ["step", "loss", "score", "grad_norm", "lr"]
    assert [tuple(map(float, line[1:])) for line in lines] == rows
    assert [line[0] for line in lines] == [str(step + 1) for step in range(len(rows))]


def test_a_real_run_is_read_back(tmp_path: Path) -> None:
    model = gs.nn.Model(gs.nn.GCNLSTM(10, 4), 10, transform=gs.transforms.grow)
    history = gs.fit(model, gs.tasks.Transfer(3), steps=3, batch_size=4, optimizer=torch.optim.Adam)
    assert History.from_json(history.to_json(tmp_path / "h.json")) == history


def test_recorded_gradients_are_read_back(tmp_path: Path) -> None:
    model = gs.nn.Model(gs.nn.GCN(10, 4, 1), 10)
    history = gs.fit(model, gs.tasks.Transfer(3), steps=3, batch_size=4, record_gradients=True)
    assert len(history.gradients) == 4
    assert History.from_json(history.to_json(tmp_path / "h.json")) == history


@pytest.mark.parametrize("gradients", [[], 3, {"weight": [1.0]}, {"weight": 3}, {"weight": "ab"}])
def test_gradients_that_are_no_curves_of_the_run_are_refused(gradients: object, tmp_path: Path) -> None:
    path = history_of([(1, 2, 3, 4), (1, 2, 3, 4)]).to_json(tmp_path / "h.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "gradients": gradients}))
    with pytest.raises(ValueError, match=r"h.json is not a history written by to_json"):
        History.from_json(path)


def test_one_written_before_gradients_were_kept_is_read(tmp_path: Path) -> None:
    path = history_of([(1, 2, 3, 4)]).to_json(tmp_path / "h.json")
    path.write_text(
        json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "gradients"})
    )
    assert History.from_json(path) == history_of([(1, 2, 3, 4)])


@pytest.mark.parametrize("write", [History.to_csv, History.to_json])
def test_a_file_that_is_there_is_replaced_only_when_asked(write: object, tmp_path: Path) -> None:
    path = tmp_path / "h"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="already there"):
        write(history_of([]), path)
    assert path.read_text() == "precious"
    write(history_of([]), path, overwrite=True)
    assert path.read_text() != "precious"


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"3", b"{}", b'{"loss": [1]}', b'{"losses": []}', b"\xff\xfe", b"step,loss\n1,2\n"]
)
def test_a_file_of_something_else_is_refused(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "h.json").write_bytes(raw)
    with pytest.raises(ValueError, match=r"h.json is not a history written by to_json"):
        History.from_json(tmp_path / "h.json")


def test_curves_of_different_lengths_are_refused(tmp_path: Path) -> None:
    path = history_of([(1, 2, 3, 4)]).to_json(tmp_path / "h.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "lr": []}))
    with pytest.raises(ValueError, match=r"h.json is not a history written by to_json"):
        History.from_json(path)


@pytest.mark.parametrize(("window", "score"), [(1, 0.5), (2, 0.75), (3, 2 / 3), (4, 0)])
def test_a_recent_score_is_a_mean_of_whole_windows_only(window: int, score: float) -> None:
    history = History()
    for value in (0.5, 1.0, 0.5):
        history.append(0, value, 0, 0)
    assert history.recent_score(window) == pytest.approx(score)


def test_a_history_is_shown_in_one_line_however_long_it_is() -> None:
    history = History(config={"text": "long" * 1000}, stopped_by="enough")
    assert repr(history) == "History(steps=0, solved=False, stopped_by='enough')"
    for _ in range(500):
        history.append(0.25, 0.5, 1, 0.1)
    assert repr(history) == "History(steps=500, loss=0.25, score=0.5, solved=False, stopped_by='enough')"


def test_the_machine_is_named() -> None:
    found = machine()
    assert found["torch"] == torch.__version__
    assert found["threads"] == torch.get_num_threads()
    assert found["device"] == "cpu"
