"""Validation during training: no number of it changes, and the weights of the best step are kept."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import planted
import pytest
import torch

import graphseq as gs
from graphseq.tasks.forecast import Forecasting
from graphseq.tasks.windows import Split
from graphseq.training import EarlyStopping
from graphseq.training import early_stopping as stopping
from graphseq.training.early_stopping import fit_with_validation, validation_loss

HOW = {"stop_threshold": None, "batch_size": 4, "optimizer": partial(torch.optim.AdamW, lr=0.1), "clip": 1.0, "seed": 3}


@pytest.fixture
def split() -> Split[Forecasting]:
    graph = gs.from_signal(planted.signal(40)[..., None], torch.tensor(planted.ring(5)).t().contiguous())
    return Forecasting(graph, lags=2).split(0.5, 0.5)


def fresh() -> gs.nn.Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return gs.nn.Model(gs.nn.LSTM(1, 4), 1)


def test_the_weights_kept_are_those_of_the_least_validation_loss(split: Split[Forecasting]) -> None:
    model = fresh()
    found = fit_with_validation(model, split.train, split.validation, steps=25, every=4, **HOW)
    naive = {}
    for step in (4, 8, 12, 16, 20, 24, 25):
        other = fresh()
        gs.fit(other, split.train, steps=step, **HOW)
        with torch.no_grad():
            graph = split.validation.windows(torch.arange(len(split.validation)))
            naive[step] = float((other(graph) - graph.y).square().mean())
        if step == found.best_step:
            kept = other
    assert dict(found.curve) == pytest.approx(naive)
    assert found.best_step == min(naive, key=naive.get)
    assert found.best_step < 25, "the case says nothing where the last step is the best"
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), kept.parameters(), strict=True))
    assert validation_loss(model, split.validation) == found.validation_loss == dict(found.curve)[found.best_step]


def test_looking_changes_no_step(split: Split[Forecasting]) -> None:
    found = fit_with_validation(fresh(), split.train, split.validation, steps=11, every=3, **HOW)
    whole = gs.fit(fresh(), split.train, steps=11, **HOW)
    assert found.history.loss == whole.loss
    assert found.history.grad_norm == whole.grad_norm


@pytest.mark.parametrize(("steps", "every", "looks"), [(4, 2, [2, 4]), (5, 2, [2, 4, 5]), (3, 7, [3]), (1, 1, [1])])
def test_the_last_look_is_after_the_last_step(
    split: Split[Forecasting], steps: int, every: int, looks: list[int]
) -> None:
    found = fit_with_validation(fresh(), split.train, split.validation, steps=steps, every=every, **HOW)
    assert [step for step, _ in found.curve] == looks


@pytest.mark.parametrize("name", ["steps", "every"])
def test_no_steps_are_refused(split: Split[Forecasting], name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        fit_with_validation(fresh(), split.train, split.validation, **{"steps": 2, "every": 2, name: 0}, **HOW)


def test_graphs_of_a_data_set_are_selected_by_as_windows_are() -> None:
    graphs = [gs.from_sequence(torch.full((3, 1), float(n)), y=torch.tensor([n % 2])) for n in range(8)]
    train, validation = gs.tasks.GraphClassification(graphs, 2).folds(2, seed=0)[0]
    model = gs.nn.Model(gs.nn.LSTM(1, 4), 2, pool="mean")
    found = fit_with_validation(model, train, validation, steps=6, every=2, **HOW)
    whole = validation.graphs(torch.arange(len(validation)))
    with torch.no_grad():
        naive = torch.nn.functional.cross_entropy(model(whole), whole.y)
    assert found.validation_loss == pytest.approx(float(naive))
    assert found.validation_loss == min(loss for _, loss in found.curve)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Losses that the coming validations find, one after another."""
    losses: list[float] = []
    monkeypatch.setattr(stopping, "validation_loss", lambda model, task: losses.pop(0))
    return losses


NAN = float("nan")


@pytest.mark.parametrize(
    ("losses", "patience", "best", "steps"),
    [
        ([5, 4, 3, 2, 1], 1, 10, 10),
        ([3, 3, 9, 9, 9], 2, 2, 6),
        ([3, 4, 2, 4, 3], 2, 6, 10),
        ([3, 4, 2, 4, 3], 1, 2, 4),
        ([3, 4, 5, 6, 1], None, 10, 10),
        ([NAN, NAN, 5, NAN, 6], 2, 6, 10),
        ([NAN, NAN, NAN, 1, 1], 2, 2, 6),
    ],
)
def test_patience_counts_validations_without_a_new_best(
    split: Split[Forecasting], given: list[float], losses: list[float], patience: int | None, best: int, steps: int
) -> None:
    given.extend(losses)
    found = fit_with_validation(fresh(), split.train, split.validation, steps=10, every=2, patience=patience, **HOW)
    assert (found.best_step, found.history.steps) == (best, steps)
    if steps < 10:
        assert found.history.stopped_by == "EarlyStopping"


def test_a_training_in_pieces_keeps_the_best_weights_of_all_of_them(split: Split[Forecasting], tmp_path: Path) -> None:
    results = []
    for stops in ([25], [3, 9, 17, 25]):
        path = tmp_path / f"{len(stops)}.pt"
        for steps in stops:
            model, early = fresh(), EarlyStopping(split.validation, every=4, patience=3)
            files = {"checkpoint_path": path, "checkpoint_every": 5, "resume": True}
            history = gs.fit(model, split.train, steps=steps, callbacks=[early], **files, **HOW)
        last = torch.nn.utils.parameters_to_vector(model.parameters()).tolist()
        early.restore(model)
        best = torch.nn.utils.parameters_to_vector(model.parameters()).tolist()
        results.append((early.curve, early.best_step, history.loss, history.stopped_by, last, best))
    assert results[0] == results[1]
    assert results[0][1] < len(results[0][2]), "the case says nothing where the last step is the best"


def test_a_checkpoint_of_other_early_stopping_is_refused(split: Split[Forecasting], tmp_path: Path) -> None:
    def train(every: int, patience: int | None) -> None:
        early = EarlyStopping(split.validation, every=every, patience=patience)
        gs.fit(
            fresh(), split.train, steps=4, callbacks=[early], checkpoint_path=tmp_path / "run.pt", resume=True, **HOW
        )

    train(2, None)
    with pytest.raises(ValueError, match=r"run.pt is of another run: every of EarlyStopping was 2, now 3"):
        train(3, None)
    with pytest.raises(ValueError, match=r"patience of EarlyStopping was None, now 1"):
        train(2, 1)


def test_one_of_another_training_is_refused(split: Split[Forecasting]) -> None:
    early = EarlyStopping(split.validation, every=2)
    gs.fit(fresh(), split.train, steps=4, callbacks=[early], **HOW)
    with pytest.raises(ValueError, match="belongs to another training"):
        gs.fit(fresh(), split.train, steps=4, callbacks=[early], **HOW)


def test_there_is_nothing_to_restore_before_the_first_validation(split: Split[Forecasting]) -> None:
    early, model = EarlyStopping(split.validation, every=5), fresh()
    gs.fit(model, split.train, steps=4, callbacks=[early], **HOW)
    for ask in (lambda: early.restore(model), lambda: early.best_step, lambda: early.best_loss):
        with pytest.raises(ValueError, match="there was no validation yet: the first is after step 5"):
            ask()


def test_a_validation_set_that_is_none_is_refused(split: Split[Forecasting]) -> None:
    with pytest.raises(TypeError, match=r"validation must be a graphseq.tasks.Task, got Split"):
        EarlyStopping(split, every=2)
    with pytest.raises(ValueError, match="patience must be at least 1, got 0"):
        EarlyStopping(split.validation, every=2, patience=0)
