"""Selection: training as it always is, and the weights of the step that did best on the validation windows."""

from __future__ import annotations

from functools import partial

import planted
import pytest
import torch

import graphseq as gs
from graphseq.tasks.forecast import Forecasting
from graphseq.tasks.windows import Split
from graphseq.training.early_stopping import fit_with_validation, validation_loss

HOW = {"batch_size": 4, "optimizer": partial(torch.optim.AdamW, lr=0.1), "clip": 1.0, "seed": 3}


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
        gs.fit(other, split.train, steps=step, stop_threshold=None, **HOW)
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
    whole = gs.fit(fresh(), split.train, steps=11, stop_threshold=None, **HOW)
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
