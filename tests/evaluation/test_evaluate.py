"""Evaluation: intervals against closed forms, a stream of its own, and a model left as it was."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor, nn

import graphseq as gs
from graphseq import Evaluation, SpaceTimeGraph, evaluate, fit, seeding
from graphseq.baselines.constant import Constant
from graphseq.evaluation.evaluate import Estimate
from graphseq.nn import GCN, LSTM, MLP, Model
from graphseq.tasks import Characters, FixedTask, Regression, Transfer
from graphseq.tasks.base import path


class Coins(FixedTask):
    """Graphs of ``asked`` rows whose answers a model that says 0 has right with a given chance."""

    in_channels, out_channels, hops, chance = 1, 2, 0, 0.5

    def __init__(self, share: float, asked: int = 1) -> None:
        topology, target = path(asked)
        super().__init__(topology, torch.ones_like(target))
        self.share, self.asked = share, asked

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        wrong = torch.rand(size, self.asked, generator=generator) >= self.share
        return self._assemble(torch.zeros(size, self.asked, 1), wrong.long().flatten())


class Zero(nn.Module):
    """Says 0 at each row asked, so surely that a right answer costs nothing."""

    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        return torch.tensor([1.0, 0.0]).expand(len(graph.target_rows), 2)


class Watching(Transfer):
    """Keeps the answers that it gave."""

    def __init__(self) -> None:
        super().__init__(2)
        self.given: list[list[int]] = []

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        graph = super().batch(size, generator)
        self.given.append(graph.y.tolist())
        return graph


def wilson(right: int, n: int) -> tuple[float, float]:
    z = stats.norm.ppf(0.975)
    share = right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return middle - half, middle + half


@pytest.mark.parametrize(("share", "samples"), [(0.0, 1), (1.0, 1), (0.0, 40), (1.0, 40), (0.3, 40), (0.9, 251)])
def test_the_interval_of_right_and_wrong_is_wilsons(share: float, samples: int) -> None:
    found = evaluate(Zero(), Coins(share), samples=samples, batch_size=100)
    low, high = wilson(round(found.score * samples), samples)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-12), pytest.approx(high, abs=1e-12))


def graph_scores(task: Coins, samples: int) -> Tensor:
    generator = torch.Generator().manual_seed(seeding.derive(0, seeding.EVALUATE, 0))
    return (task.batch(samples, generator).y == 0).view(samples, task.asked).double().mean(dim=1)


@pytest.mark.parametrize("asked", [2, 7])
def test_the_interval_of_several_rows_a_graph_is_students_over_graphs(asked: int) -> None:
    task = Coins(0.6, asked)
    found, scores = evaluate(Zero(), task, samples=30), graph_scores(task, 30)
    low, high = stats.t.interval(0.95, 29, loc=float(scores.mean()), scale=stats.sem(scores.numpy()))
    assert found.score == pytest.approx(float(scores.mean()))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_an_interval_stays_between_none_and_all() -> None:
    found = evaluate(Zero(), Coins(0.9, 3), samples=8)
    assert 0 <= found.low < found.score < found.high == 1


def test_of_one_graph_of_several_rows_nothing_is_sure() -> None:
    found = evaluate(Zero(), Coins(0.5, 101), samples=1)
    assert (found.low, found.high) == (0, 1)


@pytest.mark.parametrize(("share", "asked"), [(0.5, 1), (0.9, 1), (0.5, 5)])
def test_intervals_cover_the_truth_about_as_often_as_they_say(share: float, asked: int) -> None:
    task, runs = Coins(share, asked), 300
    found = [evaluate(Zero(), task, samples=60, seed=seed) for seed in range(runs)]
    covered = sum(result.low <= share <= result.high for result in found)
    assert 0.915 * runs <= covered <= 0.985 * runs


class PartlyNaN(nn.Module):
    """Says NaN for class 0 of the first answer of a batch and 0 of all others, of which ``argmax`` makes class 0."""

    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        output = torch.tensor([1.0, 0.0]).repeat(len(graph.target_rows), 1)
        output[0, 0] = torch.nan
        return output


def test_outputs_that_are_nan_have_no_class_right() -> None:
    found = evaluate(PartlyNaN(), Coins(1.0), samples=40, batch_size=10, metrics=["accuracy"])
    assert (found.score, found.metrics["accuracy"].value) == (0.9, 0.9)
    assert math.isnan(found.loss)
    assert found.metrics["accuracy"].low == pytest.approx(0.9 - stats.t.ppf(0.975, 39) * 0.3 / math.sqrt(39))


def test_the_same_seed_gives_the_same_numbers_and_another_does_not() -> None:
    model, task = Model(MLP(10, 4), 10), Transfer(2)
    results = [evaluate(model, task, samples=50, seed=seed) for seed in (3, 3, 4)]
    assert results[0] == results[1] != results[2]


def test_no_graph_of_an_evaluation_is_one_that_training_drew() -> None:
    task, model = Watching(), Model(MLP(10, 4), 10)
    for seed in range(5):
        fit(model, task, steps=4, batch_size=20, seed=seed)
    for seed in range(5):
        evaluate(model, task, samples=80, batch_size=20, seed=seed)
    assert len({tuple(given) for given in task.given}) == 40


def test_graphs_of_all_batches_count_alike() -> None:
    task = Watching()
    found = evaluate(Constant(torch.arange(1, 11).log()), task, samples=23, batch_size=10)  # says 9
    assert [len(given) for given in task.given] == [10, 10, 3]
    every = [y for given in task.given for y in given]
    assert found.score == pytest.approx(every.count(9) / 23)
    shares = torch.arange(1, 11) / 55
    assert found.loss == pytest.approx(-float(shares.log()[every].mean()), rel=1e-6)


def test_a_model_is_left_in_the_modes_it_had() -> None:
    model = Model(GCN(10, 4, 2, norm=nn.BatchNorm1d), 10).train()
    model.encoder.norms[0].eval()
    before = [module.training for module in model.modules()]
    evaluate(model, Transfer(2), samples=4)
    assert [module.training for module in model.modules()] == before
    with pytest.raises(ValueError, match="seed"):
        evaluate(model, Transfer(2), samples=4, seed=-1)
    assert [module.training for module in model.modules()] == before


def test_a_model_is_judged_without_dropout_and_without_touching_what_it_holds() -> None:
    model = Model(GCN(10, 8, 2, norm=lambda _: nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5))), 10)
    before = [value.clone() for value in model.state_dict().values()]
    results = {evaluate(model, Transfer(2), samples=50) for _ in range(3)}
    assert len(results) == 1
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), before, strict=True))


def test_the_generator_of_the_caller_is_untouched() -> None:
    model, before = Model(MLP(10, 4), 10), torch.get_rng_state()
    evaluate(model, Transfer(2), samples=4)
    assert torch.equal(torch.get_rng_state(), before)


def test_bits_are_nats_over_log_two() -> None:
    assert evaluate(Constant(torch.zeros(8)), Transfer(2, num_classes=8), samples=10).bits == pytest.approx(3)
    assert Evaluation(0, 0, 0, math.log(2) / 2, 0, 1).bits == pytest.approx(0.5)


class Whole(Transfer):
    """Transfer that marks every row, for a model that answers once a graph."""

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        graph = super().batch(size, generator)
        graph.target = torch.ones_like(graph.target)
        return graph


def test_a_model_that_answers_once_a_graph_is_judged_by_graphs() -> None:
    torch.manual_seed(0)
    model = Model(MLP(10, 16), 10, pool="sum")
    fit(model, Whole(3), steps=200, batch_size=32, optimizer="Adam", lr=0.03, stop_window=5)
    found = evaluate(model, Whole(3), samples=40)
    assert found.score == 1
    assert found.low == pytest.approx(wilson(40, 40)[0])


class Ragged(Coins):
    """One graph of two rows asked, and a last one that is asked nothing."""

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        graph = super().batch(3, generator)
        graph.target = torch.tensor([True, True, True, False, False, False])
        graph.y = torch.tensor([0, 1, 0])
        return graph


def test_graphs_weigh_alike_whatever_they_are_asked() -> None:
    assert evaluate(Zero(), Ragged(0.5, 2), samples=3).score == pytest.approx(0.75)


def test_a_single_graph_without_a_batch_is_a_graph() -> None:
    class Alone(Coins):
        def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
            graph = gs.from_sequence(torch.zeros(4, 1), y=torch.tensor([0, 1, 0, 0]))
            graph.target = torch.ones(4, dtype=torch.bool)
            return graph

    assert evaluate(Zero(), Alone(0.5), samples=1).score == pytest.approx(0.75)


def test_text_is_judged_by_windows() -> None:
    torch.manual_seed(0)
    task = Characters("ab" * 50, 4)
    model = Model(LSTM(2, 8), 2)
    fit(model, task, steps=150, batch_size=8, optimizer="Adam", lr=0.05, stop_window=5)
    found = evaluate(model, task, samples=20)
    assert found.score == 1
    assert found.samples == 20
    assert found.low == pytest.approx(wilson(20, 20)[0])


def test_a_result_reads_as_a_line() -> None:
    assert str(Evaluation(0.5, 0.25, 0.75, 1.0, 0.1, 9)) == "50.0% [25.0%, 75.0%], chance 10.0%"


@pytest.mark.parametrize("name", ["samples", "batch_size"])
@pytest.mark.parametrize(("value", "kind"), [(0, ValueError), (-3, ValueError), (2.0, TypeError), ("9", TypeError)])
def test_a_size_that_is_none_is_refused(name: str, value: object, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"{name} must be"):
        evaluate(Zero(), Transfer(2), **{name: value})


class Drift(FixedTask, Regression):
    """Graphs of ``asked`` rows whose answers are noise around a number of the graph's own."""

    in_channels, out_channels, hops, chance, tolerance = 1, 1, 0, 0.5, 0.1

    def __init__(self, asked: int = 4) -> None:
        topology, target = path(asked)
        super().__init__(topology, torch.ones_like(target))
        self.asked = asked

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        shared = torch.randn(size, 1, 1, generator=generator)
        y = shared + 0.1 * torch.randn(size, self.asked, 1, generator=generator)
        return self._assemble(torch.zeros(size, self.asked, 1), y.flatten(0, 1))


def test_a_regression_says_mse_and_mae_with_students_interval_over_graphs() -> None:
    task, model = Drift(), Constant(torch.zeros(1))
    found = evaluate(model, task, samples=50, batch_size=20)
    answers = gs.predict(model, task, samples=50, batch_size=20).y.view(50, 4).double()
    for name, errors in {"mse": answers.square(), "mae": answers.abs()}.items():
        low, high = stats.t.interval(0.95, 49, loc=errors.mean(), scale=stats.sem(errors.mean(dim=1).numpy()))
        value, lower, upper = found.metrics[name]
        assert (value, lower, upper) == (pytest.approx(float(errors.mean())), pytest.approx(low), pytest.approx(high))
    assert found.metrics["mse"].value == pytest.approx(found.loss)


def test_intervals_of_an_error_cover_the_truth_about_as_often_as_they_say() -> None:
    runs = [evaluate(Constant(torch.zeros(1)), Drift(), samples=200, seed=seed).metrics["mse"] for seed in range(300)]
    covered = sum(run.low <= 1.01 <= run.high for run in runs if run.low is not None and run.high is not None)
    assert 0.90 * 300 <= covered <= 0.985 * 300


def test_metrics_are_of_the_whole_sample_whatever_the_batches() -> None:
    def spread(output: Tensor, y: Tensor) -> float:
        return float(y.std())

    results = [evaluate(Constant(torch.ones(1)), Drift(), samples=20, metrics=["r2", spread]) for _ in range(2)]
    assert results[0].metrics == results[1].metrics
    assert list(results[0].metrics) == ["mse", "mae", "r2", "spread"]
    drawn = gs.predict(Constant(torch.ones(1)), Drift(), samples=20).y
    assert results[0].metrics["spread"] == (pytest.approx(float(drawn.std())), None, None)
    assert results[0].metrics["r2"].value == pytest.approx(
        1 - float((drawn - 1).square().sum() / 80 / drawn.var(correction=0))
    )


def test_the_accuracy_of_classes_has_an_interval_and_others_none() -> None:
    found = evaluate(Zero(), Coins(0.6, 3), samples=30, metrics=["accuracy", "average_precision"])
    accuracy = found.metrics["accuracy"]
    assert accuracy == (pytest.approx(found.score), pytest.approx(found.low), pytest.approx(found.high))
    assert found.metrics["average_precision"].low is None
    assert evaluate(Zero(), Coins(0.6), samples=5).metrics == {}


def test_a_single_graph_says_nothing_of_the_interval() -> None:
    assert evaluate(Constant(torch.zeros(1)), Drift(), samples=1).metrics["mse"][1:] == (0, math.inf)


def test_metrics_read_as_a_line() -> None:
    errors = {"mse": Estimate(0.25, 0.125, 0.5), "mae": Estimate(0.5, 0.25, 0.75), "r2": Estimate(1 / 3)}
    assert str(Evaluation(0.42, 0, 1, 0.25, 0.1, 9, errors)) == "MSE 0.25 [0.125, 0.5], MAE 0.5 [0.25, 0.75], R² 0.3333"
    classes = Evaluation(0.5, 0.25, 0.75, 1.0, 0.1, 9, {"average_precision": Estimate(0.75)})
    assert str(classes) == "50.0% [25.0%, 75.0%], chance 10.0%, average precision 0.75"


def test_a_record_has_all_but_the_metrics() -> None:
    found = Evaluation(0.5, 0.25, 0.75, 1.0, 0.1, 9, {"mse": Estimate(0.25)})
    assert found.record() == {"score": 0.5, "low": 0.25, "high": 0.75, "loss": 1.0, "chance": 0.1, "samples": 9}
