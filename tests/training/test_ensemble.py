"""An ensemble trains each of its models as ``fit`` would alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from families import FAMILIES, Family
from torch import nn
from torch_geometric.nn import BatchNorm
from trained import Recorder, each_optimizer

import graphseq as gs
from graphseq import DivergedError, History, SpaceTimeGraph, _checks, fit, fit_ensemble, seeding
from graphseq.nn import GCN, GRU, LSTM, RNN, Model
from graphseq.tasks import Palindrome, Task, Transfer
from graphseq.training import lr_schedule

TASK = Transfer(3)
# What is recomputed on the way back, when vmap is over.
CHECKPOINTED = {"GradientCheckpointed-LSTM-2", "GradientCheckpointed-GCNLSTM"}


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    """In double precision, so that rounding stays far below what is compared."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def built(seeds: Sequence[int], build: Callable[[int], gs.nn.Encoder], task: Task = TASK) -> list[nn.Module]:
    found: list[nn.Module] = []
    for seed in seeds:
        torch.manual_seed(seed)
        found.append(Model(build(task.in_channels), task.out_channels))
    return found


def rnn(channels: int) -> gs.nn.Encoder:
    return RNN(channels, 6)


def same_weights(found: nn.Module, expected: nn.Module, gain: float = 1) -> None:
    for own, other in zip(found.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-9 * gain)


def same_curves(found: History | DivergedError, expected: History, gain: float = 1) -> None:
    assert isinstance(found, History)
    assert found.steps == expected.steps
    assert found.solved == expected.solved
    for name in ("loss", "score", "grad_norm", "lr"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=0, abs=1e-9 * gain), name


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_each_family_trains_as_it_does_alone(family: Family) -> None:
    seeds = [0, 3, 4]
    settings = {"steps": 3, "batch_size": 4, "lr": 0.01, "stop_threshold": None}
    together = built(seeds, family.build)
    if family.name in CHECKPOINTED:
        with pytest.raises(ValueError, match="vmap"):
            fit_ensemble(together, TASK, seeds=seeds, **settings)
        return
    found = fit_ensemble(together, TASK, seeds=seeds, **settings)
    # A gradient of which only rounding is left, u = 1.1e-16 times what was summed, becomes a step of up to lr / eps =
    # 1e6 times that in an optimizer that divides by its size: 1e-10 in weights where sums are of order 1, hence 1e-9.
    # Min-plus layers sum derivatives of potentials, whose gains are up to 1024; under SGD theirs differ by 1e-16, too.
    gain = 1024 if family.name.startswith("MinPlus") else 1
    for seed, model, alone, history in zip(seeds, together, built(seeds, family.build), found, strict=True):
        same_curves(history, fit(alone, TASK, seed=seed, **settings), gain)
        same_weights(model, alone, gain)


@each_optimizer
@pytest.mark.parametrize("clip", [1e-3, 0.3, 10.0])
def test_each_optimizer_steps_as_it_does_alone_and_gradients_are_clipped_one_by_one(
    optimizer: str, clip: float
) -> None:
    settings = {"steps": 8, "batch_size": 4, "optimizer": optimizer, "lr": 0.02, "clip": clip}
    settings["schedule"] = lr_schedule.StepDecay(0.5, 3) if clip == 10.0 else None
    together, apart = built([1, 2], rnn), built([1, 2], rnn)
    for seed, model, alone, history in zip(
        [1, 2], together, apart, fit_ensemble(together, TASK, seeds=[1, 2], **settings), strict=True
    ):
        same_curves(history, fit(alone, TASK, seed=seed, **settings))
        same_weights(model, alone)


@each_optimizer
def test_who_is_solved_leaves_and_the_others_go_on_as_if_nothing_had_been(optimizer: str) -> None:
    settings = {
        "steps": 150,
        "batch_size": 8,
        "optimizer": optimizer,
        "lr": 0.03,
        "stop_window": 10,
        "stop_threshold": 0.9,
    }
    seeds, task = range(4), Transfer(2)
    together, apart = built(seeds, rnn, task), built(seeds, rnn, task)
    found = fit_ensemble(together, task, seeds=seeds, **settings)
    expected = [fit(alone, task, seed=seed, **settings) for seed, alone in zip(seeds, apart, strict=True)]
    for history, other, model, alone in zip(found, expected, together, apart, strict=True):
        same_curves(history, other)
        same_weights(model, alone)
    if optimizer in ("Adam", "AdamW", "RMSprop"):
        assert len({history.steps for history in expected}) > 2
        assert all(history.solved for history in expected)


class Poisoned(Transfer):
    """Shows one seed something infinite at its third step."""

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        first = generator.initial_seed()
        graph = super().batch(size, generator)
        if first == seeding.derive(5, seeding.TRAIN, 2):
            graph.x = graph.x / 0
        return graph


def test_who_diverges_leaves_with_the_weights_before_and_its_error_and_costs_nobody_else_anything() -> None:
    task, seeds = Poisoned(3), [4, 5, 6]
    settings = {"steps": 6, "batch_size": 4, "optimizer": "Adam"}
    together, apart = built(seeds, rnn), built(seeds, rnn)
    first, error, last = fit_ensemble(together, task, seeds=seeds, **settings)
    assert isinstance(error, DivergedError)
    with pytest.raises(DivergedError) as alone:
        fit(apart[1], task, seed=5, **settings)
    assert str(error) == str(alone.value)
    same_curves(error.history, alone.value.history)
    assert error.history.steps == 2
    for history, model, other, seed in ((first, together[0], apart[0], 4), (last, together[2], apart[2], 6)):
        same_curves(history, fit(other, task, seed=seed, **settings))
        same_weights(model, other)
    same_weights(together[1], apart[1])


def test_an_interruption_leaves_the_weights_of_the_last_whole_step() -> None:
    task, seeds = Recorder(stop_at=7), [0, 1]  # the fourth step's second batch
    together, apart = built(seeds, rnn), built(seeds, rnn)
    with pytest.raises(KeyboardInterrupt):
        fit_ensemble(together, task, seeds=seeds, steps=9, batch_size=4)
    for seed, model, alone in zip(seeds, together, apart, strict=True):
        fit(alone, TASK, seed=seed, steps=3, batch_size=4)
        same_weights(model, alone)


def test_who_is_beside_a_model_does_not_change_it() -> None:
    settings = {"steps": 20, "batch_size": 4, "stop_threshold": None}
    among, alone = built([7, 8, 9], rnn), built([8], rnn)
    fit_ensemble(among, TASK, seeds=[7, 8, 9], **settings)
    fit_ensemble(alone, TASK, seeds=[8], **settings)
    same_weights(among[1], alone[0])


def test_a_share_of_the_time_is_told_and_the_configuration_says_that_it_was_an_ensemble() -> None:
    first, second = fit_ensemble(built([0, 1], rnn), TASK, seeds=[0, 1], steps=2, batch_size=4)
    assert isinstance(first, History)
    assert isinstance(second, History)
    assert first.seconds == second.seconds > 0
    assert (first.config["ensemble"], first.config["seed"], second.config["seed"]) == (2, 0, 1)
    assert math.isfinite(first.loss[0])


def test_in_single_precision_losses_stay_within_rounding_at_first() -> None:
    torch.set_default_dtype(torch.float32)
    settings = {"steps": 5, "batch_size": 4}
    together, apart = built([0, 1], rnn), built([0, 1], rnn)
    for seed, alone, history in zip([0, 1], apart, fit_ensemble(together, TASK, seeds=[0, 1], **settings), strict=True):
        assert isinstance(history, History)
        assert history.loss == pytest.approx(fit(alone, TASK, seed=seed, **settings).loss, abs=1e-5)


@pytest.mark.parametrize("build", [RNN, GRU, LSTM])
def test_dropout_is_refused_and_not_drawn_in_another_way(build: type[gs.nn.RNNBase]) -> None:
    models = built([0, 1], lambda channels: build(channels, 6, 2))
    for model in models:
        model.encoder.kernel.dropout = 0.5  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="one by one with fit"):
        fit_ensemble(models, TASK, seeds=[0, 1], steps=1)


def test_what_a_model_counts_as_it_trains_is_its_own() -> None:
    def normed(channels: int) -> gs.nn.Encoder:
        return GCN(channels, 6, 2, norm=BatchNorm)

    together, apart = built([0, 1], normed), built([0, 1], normed)
    fit_ensemble(together, TASK, seeds=[0, 1], steps=4, batch_size=4)
    for seed, model, alone in zip([0, 1], together, apart, strict=True):
        fit(alone, TASK, seed=seed, steps=4, batch_size=4)
        same_weights(model, alone)
        for own, other in zip(model.buffers(), alone.buffers(), strict=True):
            torch.testing.assert_close(own, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("models", "seeds", "options", "message"),
    [
        ([], [], {}, "at least one"),
        (built([0, 1], rnn), [0], {}, "one for each model"),
        (built([0], rnn) * 2, [0, 1], {}, "share no weights, but one of them comes twice"),
        (built([0], rnn) + built([0], lambda c: RNN(c, 7)), [0, 1], {}, r"models\[1\] differs .* structure, sizes"),
        (built([0], rnn) + built([0], lambda c: GCN(c, 6, 1)), [0, 1], {}, r"models\[1\] differs .* structure, sizes"),
        (built([0, 1], rnn), [0, -1], {}, "seed"),
        (built([0, 1], rnn), [0, 1], {"optimizer": "adamm"}, "adamm"),
        (built([0, 1], rnn), [0, 1], {"steps": 0}, "steps"),
        (built([0, 1], rnn), [0, 1], {"device": "nowhere"}, "nowhere"),
    ],
)
def test_refusals_say_what_came(
    models: list[nn.Module], seeds: list[int], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit_ensemble(models, TASK, seeds=seeds, **{"steps": 1, **options})  # type: ignore[arg-type]


def test_an_optimizer_of_ones_own_is_refused() -> None:
    with pytest.raises(TypeError, match="optimizer must be one of"):
        fit_ensemble(built([0], rnn), TASK, seeds=[0], optimizer=torch.optim.Adam)  # type: ignore[arg-type]


def test_graphs_that_differ_are_refused() -> None:
    task = gs.tasks.ShortestPaths(6)
    with pytest.raises(ValueError, match="ShortestPaths draws graphs that differ in"):
        fit_ensemble(built([0, 1], rnn, task), task, seeds=[0, 1], steps=1, batch_size=2)


def test_a_longer_task_is_solved_by_all() -> None:
    task, seeds = Palindrome(4), range(3)
    found = fit_ensemble(
        built(seeds, lambda c: RNN(c, 24), task), task, seeds=seeds, steps=600, batch_size=16, optimizer="Adam", lr=0.01
    )
    assert all(isinstance(history, History) and history.solved for history in found)


class Own(Task):
    """The same rows and edges each time, built anew."""

    in_channels, out_channels, hops, chance = 2, 2, 1, 0.5

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        x = torch.randn(2 * size, 2, generator=generator)
        node, time = torch.arange(size).repeat_interleave(2), torch.arange(2).repeat(size)
        target = torch.tensor([False, True]).repeat(size)
        return SpaceTimeGraph(x, node, time, y=(x[::2, 0] > 0).long(), target=target)


def test_batches_that_are_built_anew_are_alike_all_the_same() -> None:
    task = Own()
    together, apart = built([0, 1], rnn, task), built([0, 1], rnn, task)
    found = fit_ensemble(together, task, seeds=[0, 1], steps=3, batch_size=4)
    for seed, alone, history in zip([0, 1], apart, found, strict=True):
        same_curves(history, fit(alone, task, seed=seed, steps=3, batch_size=4))


def test_on_another_device_no_task_is_refused_for_what_moving_makes_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    # "meta" computes no numbers, so that the first look at one ends it; users are refused it beforehand.
    monkeypatch.setattr(_checks, "device", lambda _, device: torch.device(device))
    with pytest.raises(RuntimeError, match=r"[Mm]eta"):
        fit_ensemble(built([0, 1], rnn), TASK, seeds=[0, 1], steps=1, batch_size=2, device="meta")


class Scaled(nn.Module):
    """A head of a model that holds something beside its weights."""

    def __init__(self, model: nn.Module, beside: object) -> None:
        super().__init__()
        self.model, self.beside = model, beside
        self.gain = nn.Parameter(torch.tensor(1.5))

    def forward(self, graph: SpaceTimeGraph) -> torch.Tensor:
        return self.gain * self.model(graph)


def test_weights_that_are_one_number_are_trained_like_any() -> None:
    together, apart = ([Scaled(model, [1.0]) for model in built([0, 1], rnn)] for _ in range(2))
    found = fit_ensemble(together, TASK, seeds=[0, 1], steps=3, batch_size=4)
    for seed, model, alone, history in zip([0, 1], together, apart, found, strict=True):
        same_curves(history, fit(alone, TASK, seed=seed, steps=3, batch_size=4))
        same_weights(model, alone)


def closing(over: float) -> Callable[[float], float]:
    return lambda value: value * over


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1.0], [50.0]),
        ({"a": (1, 2)}, {"a": (1, 3)}),
        (torch.ones(3), torch.zeros(3)),
        (closing(1.0), closing(2.0)),
        (Own(), object()),
    ],
    ids=["list", "mapping", "tensor", "closure", "object"],
)
def test_what_models_hold_beside_their_weights_must_be_alike(one: object, other: object) -> None:
    first, second = built([0, 1], rnn)
    with pytest.raises(ValueError, match=r"models\[1\] differs from models\[0\] in beside"):
        fit_ensemble([Scaled(first, one), Scaled(second, other)], TASK, seeds=[0, 1], steps=1)
    fit_ensemble([Scaled(first, one), Scaled(second, one)], TASK, seeds=[0, 1], steps=1, batch_size=2)


def test_functions_made_alike_are_alike() -> None:
    first, second = built([0, 1], rnn)
    fit_ensemble([Scaled(first, closing(2.0)), Scaled(second, closing(2.0))], TASK, seeds=[0, 1], steps=1, batch_size=2)


def test_hooks_shared_weights_ties_and_padding_are_refused() -> None:
    def refused(models: list[nn.Module], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            fit_ensemble(models, TASK, seeds=range(len(models)), steps=1)

    hooked = built([0, 1], rnn)
    hooked[1].head.register_forward_hook(lambda *_: None)  # type: ignore[union-attr]
    refused(hooked, r"models\[1\]\.head has hooks")
    watched = built([0, 1], rnn)
    next(watched[1].parameters()).register_hook(lambda grad: grad)
    refused(watched, r"models\[1\]\.encoder\.kernel has hooks")
    encoder = rnn(TASK.in_channels)
    refused([Model(encoder, 10), Model(encoder, 10)], "share no weights")
    plain, tied = built([0, 1], lambda channels: RNN(channels, 6, 2))
    tied.encoder.kernel.weight_hh_l1 = tied.encoder.kernel.weight_hh_l0  # type: ignore[union-attr]
    refused([plain, tied], "which weights are tied")
    padded = [nn.Sequential(nn.Embedding(3, 2, padding_idx=0)) for _ in range(2)]
    refused(padded, "padding_idx=0")
