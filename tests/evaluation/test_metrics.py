"""Metrics: closed forms, what they refuse, and the curves that training keeps of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from trained import but_seconds, dropping, mlp, same, weights

import graphseq as gs
from graphseq import History, fit, seeding
from graphseq.evaluation.metrics import METRICS, Accumulating, accuracy, by_name, mae, measure, mse, r2
from graphseq.tasks import Adding, Transfer


class MeanMargin:
    """A metric in the way of torchmetrics: it gathers batches, gives one number, and forgets."""

    def __init__(self) -> None:
        self.reset()

    def update(self, output: Tensor, y: Tensor) -> None:
        top = output.topk(2, dim=1).values
        self.total += float((top[:, 0] - top[:, 1]).sum())
        self.count += len(y)

    def compute(self) -> Tensor:
        return torch.tensor(self.total / self.count)

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def __call__(self, output: Tensor, y: Tensor) -> Tensor:
        self.update(output, y)
        return self.compute()


def margin(output: Tensor, y: Tensor) -> Tensor:
    top = output.topk(2, dim=1).values
    return (top[:, 0] - top[:, 1]).mean()


OUTPUT, Y = torch.tensor([[1.0, 2.0], [4.0, 0.0], [1.0, 1.0]]), torch.tensor([[1.0, 0.0], [2.0, 1.0], [3.0, 2.0]])


def test_errors_by_hand() -> None:
    assert mse(OUTPUT, Y) == pytest.approx((0 + 4 + 4 + 1 + 4 + 1) / 6)
    assert mae(OUTPUT, Y) == pytest.approx((0 + 2 + 2 + 1 + 2 + 1) / 6)
    assert r2(OUTPUT, Y) == pytest.approx(((1 - 8 / 2) + (1 - 6 / 2)) / 2)
    assert accuracy(OUTPUT, torch.tensor([1, 0, 1])) == pytest.approx(2 / 3)


def test_r2_of_the_mean_is_0_of_the_answers_1_and_of_one_answer_not_a_number() -> None:
    assert r2(Y.mean(dim=0).expand(3, 2), Y) == pytest.approx(0)
    assert r2(Y, Y) == 1
    assert math.isnan(r2(torch.ones(2, 1), torch.ones(2, 1)))


def test_average_precision_of_pairs_of_outputs() -> None:
    output, y = torch.tensor([[0.0, 0.9], [0.0, 0.8], [0.1, 0.8]]), torch.tensor([1, 0, 1])
    assert METRICS["average_precision"](output, y) == pytest.approx(5 / 6)
    assert math.isnan(METRICS["average_precision"](output, torch.zeros(3)))


@pytest.mark.parametrize("name", ["mse", "mae", "r2", "accuracy", "average_precision"])
def test_nothing_is_broadcast(name: str) -> None:
    with pytest.raises(ValueError, match=rf"metric {name} cannot judge output \(3, 1\) against y \(2,\): {name} takes"):
        measure(by_name([name]), torch.zeros(3, 1), torch.zeros(2))


@pytest.mark.parametrize(
    ("metrics", "kind", "message"),
    [
        ("mse", TypeError, "metrics must be a sequence of names and functions .*, got 'mse'|got 'mse'"),
        ([3], TypeError, r"metrics\[0\] must be a name or a function of \(output, y\), got 3"),
        (["mse", "rmse"], ValueError, r"metrics\[1\] must be one of accuracy, mse, mae, r2, .* got 'rmse'"),
        ([MeanMargin], TypeError, r"metrics\[0\] must be a name or a function .*, got the class"),
        ({"mine": 3}, TypeError, r"metrics\['mine'\] must be a name or a function"),
        (["mse", "mse"], ValueError, "metrics hold 'mse' twice; give a mapping"),
        ([margin, margin], ValueError, "metrics hold 'margin' twice"),
    ],
)
def test_what_is_no_metric_is_refused(metrics: object, kind: type[Exception], message: str) -> None:
    model = mlp()
    with pytest.raises(kind, match=message):
        fit(model, Transfer(2), steps=1, metrics=metrics)  # type: ignore[arg-type]
    assert same(weights(model), weights(mlp()))


@pytest.mark.parametrize("value", [torch.zeros(2), "high", None])
def test_a_metric_gives_one_number(value: object) -> None:
    with pytest.raises(TypeError, match="metric <lambda> must give one number, got"):
        fit(mlp(), Transfer(2), steps=1, metrics=[lambda output, y: value])


def test_metrics_of_every_batch_are_kept_by_name() -> None:
    model, outputs = mlp(), []
    own = {"margin": margin, "gathered": MeanMargin(), "best": "accuracy", "seen": lambda o, y: outputs.append(o) or 0}
    history = fit(model, Transfer(2), steps=4, batch_size=16, metrics=own)
    assert list(history.metrics) == list(own)
    assert history.metrics["best"] == pytest.approx(history.score)
    assert history.metrics["margin"] == pytest.approx([float(margin(out, None)) for out in outputs])
    assert history.metrics["gathered"] == pytest.approx(history.metrics["margin"])
    assert not any(out.requires_grad for out in outputs)
    assert history.config["metrics"] == list(own)


def test_metrics_change_no_number_of_the_training() -> None:
    def draws(output: Tensor, y: Tensor) -> float:
        torch.manual_seed(0)
        return float(torch.rand(()))

    plain, measured = dropping(), dropping()
    history = fit(plain, Transfer(3), steps=6, batch_size=8)
    other = fit(measured, Transfer(3), steps=6, batch_size=8, metrics=["accuracy", draws])
    assert (history.loss, history.score, history.grad_norm) == (other.loss, other.score, other.grad_norm)
    assert same(weights(plain), weights(measured))


def test_a_run_in_pieces_has_whole_curves_and_no_others(tmp_path: Path) -> None:
    def train(steps: int, *metrics: object, **more: object) -> History:
        return fit(dropping(), Transfer(3), steps=steps, batch_size=8, metrics=metrics, **more)  # type: ignore[arg-type]

    files = {"checkpoint_path": tmp_path / "run.pt", "resume": True}
    train(3, "accuracy", margin, **files)
    assert but_seconds(train(7, "accuracy", margin, **files)) == but_seconds(train(7, "accuracy", margin))
    with pytest.raises(ValueError, match=r"metrics was \['accuracy', 'margin'\], now \['accuracy'\]"):
        train(8, "accuracy", **files)


def test_histories_write_and_read_metrics(tmp_path: Path) -> None:
    history = fit(mlp(), Transfer(2), steps=3, batch_size=4, metrics=["accuracy"])
    assert History.from_json(history.to_json(tmp_path / "run.json")) == history
    lines = history.to_csv(tmp_path / "run.csv").read_text().splitlines()
    assert lines[0] == "step,loss,score,grad_norm,lr,accuracy"
    assert float(lines[2].split(",")[-1]) == history.metrics["accuracy"][1]


def test_an_ensemble_has_the_metrics_of_each() -> None:
    def build(seed: int) -> gs.nn.Model:
        with seeding.forked(seed, seeding.BUILD):
            return gs.nn.Model(gs.nn.RNN(10, 4), 10)

    settings: dict[str, object] = {"steps": 4, "batch_size": 8, "metrics": {"margin": margin, "right": "accuracy"}}
    together = gs.fit_ensemble([build(0), build(1)], Transfer(2), seeds=[5, 6], **settings)  # type: ignore[arg-type]
    for seed, history in zip([0, 1], together, strict=True):
        alone = fit(build(seed), Transfer(2), seed=5 + seed, **settings)  # type: ignore[arg-type]
        assert isinstance(history, History)
        assert history.metrics["right"] == pytest.approx(alone.metrics["right"])
        assert history.metrics["margin"] == pytest.approx(alone.metrics["margin"], abs=1e-5)


def test_a_curriculum_has_metrics_of_each_stage() -> None:
    stages = gs.fit_curriculum(mlp(), [Transfer(2)], steps=3, batch_size=4, metrics=["accuracy"])
    assert stages[0].metrics["accuracy"] == stages[0].score


def test_a_gathering_metric_is_told_by_its_methods() -> None:
    assert isinstance(MeanMargin(), Accumulating)
    assert not isinstance(margin, Accumulating)


METRIC = {"rmse": lambda output, y: mse(output, y) ** 0.5}


@pytest.mark.parametrize("metrics", [["mse", "mae", "r2"], METRIC])
def test_a_regression_is_measured_in_its_own_units(metrics: list[str] | dict[str, Callable[..., float]]) -> None:
    task = Adding(3)
    history = fit(gs.nn.Model(gs.nn.RNN(task.in_channels, 4), 1), task, steps=3, batch_size=8, metrics=metrics)
    squared = history.metrics["mse"] if "mse" in history.metrics else [value**2 for value in history.metrics["rmse"]]
    assert squared == pytest.approx(history.loss)
