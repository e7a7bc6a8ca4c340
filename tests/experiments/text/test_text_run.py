"""A training from settings to its folder: what is written, that a kill changes nothing, and what is refused."""

from __future__ import annotations

import csv
import json
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path

import children
import pytest
import torch
from texts import TEXT, TINY, source, tiny

import graphseq as gs
from graphseq import fit
from graphseq.experiments.text import models
from graphseq.experiments.text.report import Report, read
from graphseq.experiments.text.settings import Settings
from graphseq.experiments.text.train import train
from graphseq.experiments.text.trained import open_trained, read_config
from graphseq.tasks import Characters
from graphseq.text import evaluation
from graphseq.training.lr_schedule import Product, StepDecay

COMMAND = ["text", "train", "tiny.txt"]
FILES = [
    ".lock",
    "checkpoint.pt",
    "config.json",
    "curves.csv",
    "model.pt",
    "reports.csv",
    "reports.json",
    "results.json",
    "samples.txt",
]


def trained(
    out: Path, steps: int, settings: Settings = TINY, *, text: str = TEXT, resume: bool = False
) -> list[Report]:
    told: list[Report] = []
    train(settings, source(text), out, steps=steps, command=COMMAND, resume=resume, tell=told.append)
    return told


def but_times(folder: Path) -> dict[str, object]:
    """All that a training wrote but how long it took: weights, curves, reports, samples, results."""
    state = torch.load(folder / "checkpoint.pt")
    reports = [{key: value for key, value in asdict(one).items() if key != "seconds"} for one in read(folder)]
    results = json.loads((folder / "results.json").read_text())
    found = {name: value for name, value in results.items() if "second" not in name}
    weights = {name: value.tolist() for name, value in state["model"].items()}
    text = {name: (folder / name).read_text() for name in ("samples.txt", "curves.csv")}
    return {"weights": weights, "reports": reports, "results": found, **text}


def test_a_training_is_fit_and_everything_is_in_its_folder(tmp_path: Path) -> None:
    told = trained(tmp_path / "run", 10)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == FILES
    task, held = Characters.split(TEXT, 5, held_out=0.1)
    model = models.build(TINY, task.out_channels)
    history = fit(
        model,
        task,
        steps=10,
        batch_size=4,
        lr=2e-3,
        schedule=Product((StepDecay(0.96, 5000),)),
        clip=5,
        stop_threshold=None,
    )
    found = open_trained(tmp_path / "run")
    assert found.alphabet == tuple(" .ABabcd")
    assert found.settings == TINY
    assert found.history.loss == history.loss
    same = gs.load(tmp_path / "run" / "model.pt")
    for one, other, again in zip(found.model.parameters(), model.parameters(), same.parameters(), strict=True):
        assert torch.equal(one, other)
        assert torch.equal(one, again)
    assert [report.step for report in told] == [2, 4, 8, 10]
    assert told == read(tmp_path / "run")
    assert told[2].loss == pytest.approx(sum(history.loss[4:8]) / 4)
    assert told[2].accuracy == pytest.approx(sum(history.score[4:8]) / 4)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["bits_in_windows"] == pytest.approx(evaluation.windows(model.eval(), held.tokens, 5))
    assert results["bits_in_one_stream"] == pytest.approx(evaluation.stream(model, held.tokens))
    assert results["loss"] == told[-1].loss
    assert results["characters_per_second"] == pytest.approx(10 * 4 * 5 / results["seconds"])
    assert results["held_out_characters"] == 63
    with (tmp_path / "run" / "curves.csv").open() as file:
        assert [float(row["loss"]) for row in csv.DictReader(file)] == history.loss
    with (tmp_path / "run" / "reports.csv").open() as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == [2, 4, 8, 10]
    record = read_config(tmp_path / "run")
    assert record["command"] == "python -m graphseq text train tiny.txt"
    assert record["text"] == {"name": "tiny", "characters": 630, "sha256": source().sha256}


def test_samples_have_their_lengths_temperatures_and_first_characters(tmp_path: Path) -> None:
    told = trained(tmp_path / "run", 4, tiny(sample_first="cd", sample_temperatures=(0.0, 0.5, 2.0)))
    for report in told:
        kinds = [(sample.temperature, len(sample.text)) for sample in report.samples]
        assert kinds == [(t, n) for t in (0.0, 0.5, 2.0) for n in (3, 8)]
        assert len({sample.text[0] for sample in report.samples}) == 1
        assert report.samples[0].text[0] in "cd"
        assert report.samples[1].text.startswith(report.samples[0].text)  # greedy goes on as it began
    text = (tmp_path / "run" / "samples.txt").read_text()
    assert f"--- step 4, greedy, 8 characters, first {told[-1].samples[1].text[0]!r} ---\n" in text
    assert told[-1].samples[-1].text in text


@pytest.mark.parametrize("model", ["GCN", "GCN-LSTM", "GCN-LSTM-grown", "GRU", "RNN"])
def test_every_family_trains_reports_and_writes(model: str, tmp_path: Path) -> None:
    told = trained(tmp_path / "run", 3, tiny(model=model))
    assert [report.step for report in told] == [2, 3]
    stream = json.loads((tmp_path / "run" / "results.json").read_text())["bits_in_one_stream"]
    assert (stream is None) is (model in {"GCN", "GCN-LSTM-grown"})


def test_a_training_in_pieces_equals_an_unbroken_one(tmp_path: Path) -> None:
    settings = tiny(start="scaled", dropout=0.3, layers=2, warmup=3, cosine=11)
    trained(tmp_path / "whole", 11, settings)
    trained(tmp_path / "parts", 3, settings)
    trained(tmp_path / "parts", 5, settings, resume=True)
    told = trained(tmp_path / "parts", 11, settings, resume=True)
    assert [report.step for report in told] == [8, 11]
    # A run that was asked for fewer steps reports at its last as well.
    whole, parts = but_times(tmp_path / "whole"), but_times(tmp_path / "parts")
    assert whole["weights"] == parts["weights"]
    assert whole["curves.csv"] == parts["curves.csv"]
    assert whole["results"]["bits_in_windows"] == parts["results"]["bits_in_windows"]
    assert [report["step"] for report in parts["reports"]] == [2, 3, 4, 5, 8, 11]


def test_a_training_killed_at_any_moment_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    settings = tiny(every=15, at=(5,))
    trained(tmp_path / "whole", 60, settings)
    out, seen = tmp_path / "killed", []
    for after in (0.0, 0.02, 0.05):
        before = (out / "checkpoint.pt").stat().st_mtime_ns if (out / "checkpoint.pt").exists() else 0

        def written(before: int = before) -> bool:
            file = out / "checkpoint.pt"
            return file.exists() and file.stat().st_mtime_ns > before

        child = children.start(lambda: trained(out, 60, settings, resume=True))
        children.kill(child, after, once=written)
        seen.append(len(torch.load(out / "checkpoint.pt")["history"]["loss"]))
    assert seen == sorted(seen)
    trained(out, 60, settings, resume=True)
    assert but_times(out) == but_times(tmp_path / "whole")
    assert sorted(path.name for path in out.iterdir()) == FILES


def test_a_report_that_a_kill_prevented_is_made_on_resuming(tmp_path: Path) -> None:
    trained(tmp_path / "run", 8)
    before = but_times(tmp_path / "run")
    reports = json.loads((tmp_path / "run" / "reports.json").read_text())
    (tmp_path / "run" / "reports.json").write_text(json.dumps(reports[:-1]))
    told = trained(tmp_path / "run", 8, resume=True)
    assert [report.step for report in told] == [8]
    assert but_times(tmp_path / "run") == before


def test_resuming_what_is_done_changes_nothing(tmp_path: Path) -> None:
    trained(tmp_path / "run", 4)
    before = but_times(tmp_path / "run")
    assert trained(tmp_path / "run", 4, resume=True) == []
    assert but_times(tmp_path / "run") == before


def test_a_folder_that_another_process_trains_in_is_refused_and_left_alone(tmp_path: Path) -> None:
    out, seen = tmp_path / "run", tmp_path / "seen"
    tell_once = tmp_path / "told"

    def tell(_: Report) -> None:
        tell_once.touch()
        until = time.monotonic() + 20
        while not seen.exists() and time.monotonic() < until:
            time.sleep(0.01)

    child = children.start(lambda: train(TINY, source(TEXT), out, steps=10, command=COMMAND, tell=tell))
    until = time.monotonic() + 20
    while not tell_once.exists() and time.monotonic() < until:
        time.sleep(0.01)
    before = everything(out)
    for resume in (False, True):
        with pytest.raises(BlockingIOError, match="run is being written to by another process; name another out="):
            trained(out, 10, resume=resume)
    assert everything(out) == before
    seen.touch()
    assert children.wait(child) == 0
    trained(tmp_path / "alone", 10)
    assert but_times(out) == but_times(tmp_path / "alone")


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({}, FileExistsError, r"already holds a training; add resume=True to go on, or name another folder"),
        (
            {"resume": True, "text": TEXT + "x"},
            ValueError,
            "on another text: tiny, 630 characters, ",
        ),
        (
            {"resume": True, "settings": tiny(hidden=7)},
            ValueError,
            "holds a training with hidden = 6, now 7;",
        ),
        ({"resume": True, "steps": 3}, ValueError, "has taken 4 steps already; ask for steps= of no fewer"),
        ({"text": "Ab. " * 10}, ValueError, "held_out=0.1 of them and the rest must each hold a window of length=5"),
        (
            {"settings": tiny(sample_first="X")},
            ValueError,
            "sample_first holds",
        ),
        ({"settings": tiny(model="GCN", start="scaled")}, ValueError, "start 'scaled' is for RNN, GRU and LSTM"),
    ],
)
def test_what_is_refused_changes_nothing(change: dict[str, object], kind: type, message: str, tmp_path: Path) -> None:
    trained(tmp_path / "run", 4)
    before = everything(tmp_path)
    with pytest.raises(kind, match=message):
        trained(tmp_path / "run", **{"steps": 4, **change})
    assert everything(tmp_path) == before


def test_another_text_of_the_same_length_and_characters_is_another_text(tmp_path: Path) -> None:
    trained(tmp_path / "run", 4)
    with pytest.raises(ValueError, match="holds a training on another text"):
        trained(tmp_path / "run", 6, text=TEXT[1:] + TEXT[0], resume=True)


@pytest.mark.parametrize("text", [TEXT[1:] + TEXT[0], "The end, at last. " * 40])
def test_a_checkpoint_of_another_text_is_refused(text: str, tmp_path: Path) -> None:
    trained(tmp_path / "mine", 4)
    trained(tmp_path / "other", 4, text=text)
    shutil.copy(tmp_path / "other" / "checkpoint.pt", tmp_path / "mine" / "checkpoint.pt")
    before = everything(tmp_path)
    with pytest.raises(ValueError, match=r"checkpoint\.pt.*(another text|another run|those of one training)"):
        open_trained(tmp_path / "mine")
    with pytest.raises(ValueError, match="is of another run"):
        trained(tmp_path / "mine", 6, resume=True)
    assert everything(tmp_path) == before


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    trained(tmp_path / "mine", 2)
    trained(tmp_path / "other", 2, tiny(model="GRU"))
    shutil.copy(tmp_path / "other" / "checkpoint.pt", tmp_path / "mine" / "checkpoint.pt")
    with pytest.raises(ValueError, match="another run: model"):
        open_trained(tmp_path / "mine")


def test_a_checkpoint_that_was_cut_short_is_refused_and_kept(tmp_path: Path) -> None:
    trained(tmp_path / "run", 2)
    file = tmp_path / "run" / "checkpoint.pt"
    file.write_bytes(file.read_bytes()[:-100])
    before = everything(tmp_path)
    for again in (lambda: open_trained(tmp_path / "run"), lambda: trained(tmp_path / "run", 4, resume=True)):
        with pytest.raises(ValueError, match=r"checkpoint\.pt is not a whole checkpoint, it may have been cut short"):
            again()
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", "{}", r"config\.json is not the record of a training on a text"),
        ("config.json", '{"settings": 3', r"config\.json is not the record of a training on a text"),
        ("reports.json", "[{}]", r"reports\.json does not hold the reports of a training"),
    ],
)
def test_a_record_that_is_none_is_refused(name: str, content: str, message: str, tmp_path: Path) -> None:
    trained(tmp_path / "run", 2)
    (tmp_path / "run" / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        trained(tmp_path / "run", 4, resume=True)


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    with pytest.raises(FileExistsError, match="holds other files; name a new or empty folder"):
        trained(tmp_path, 2)
    assert everything(tmp_path) == {"precious": b"precious"}


def test_a_folder_without_a_training_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no training: there is no config\.json; text train FILE --out"):
        open_trained(tmp_path)
    trained(tmp_path / "run", 2)
    (tmp_path / "run" / "checkpoint.pt").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no checkpoint\.pt yet; go on with its training by resume=True"):
        open_trained(tmp_path / "run")


def test_tensorboard_that_is_not_there_is_said_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match=r"TensorBoard is not installed; .* pip install 'graphseq\[tensorboa"):
        train(TINY, source(), tmp_path / "run", steps=2, command=COMMAND, tensorboard=True)
    assert not (tmp_path / "run").exists()


def test_tensorboard_gets_every_step_and_every_sample_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is an extra: pip install 'graphseq[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415

    out = tmp_path / "run"
    for steps, resume in ((4, False), (6, True)):
        train(TINY, source(), out, steps=steps, command=COMMAND, resume=resume, tensorboard=True)
    events = EventAccumulator(str(out / "tensorboard"))
    events.Reload()
    history = open_trained(out).history
    loss = events.Scalars("train/loss")
    assert [event.step for event in loss] == [1, 2, 3, 4, 5, 6]
    assert [event.value for event in loss] == pytest.approx(history.loss)
    assert [event.step for event in events.Scalars("held out/bits a character")] == [2, 4, 6]


def test_a_model_with_dropout_is_loaded_as_it_was_trained(tmp_path: Path) -> None:
    trained(tmp_path / "run", 4, replace(TINY, dropout=0.5))
    graph = Characters(TEXT, 5).batch(2, torch.Generator().manual_seed(0))
    found = open_trained(tmp_path / "run").model(graph)
    assert torch.equal(gs.load(tmp_path / "run" / "model.pt")(graph), found)
