"""Training: what a run is a function of, what stops it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from trained import (
    TORCHS,
    Breaking,
    Reshaped,
    Scored,
    Still,
    batches,
    dropping,
    each_optimizer,
    mlp,
    same,
    weights,
)

import graphseq as gs
from graphseq import DivergedError, fit, seeding
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, RNN, Model
from graphseq.tasks import Characters, Task, Transfer
from graphseq.training.checkpoint import describe


def test_the_batch_of_a_step_is_a_function_of_seed_and_step() -> None:
    one, other = batches(mlp(), 4, seed=3), batches(dropping(), 6, seed=3, lr=0.2)
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(one, other, strict=False))


def test_batches_differ_between_steps_and_between_seeds() -> None:
    answers = [y.tolist() for seed in (0, 1, 2) for _, y in batches(mlp(), 5, seed)]
    assert len({tuple(y) for y in answers}) == 15


def test_the_generators_of_the_caller_are_neither_touched_nor_read() -> None:
    found = []
    for seed in (5, 6):
        model = dropping()
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the global one is what this is about
        before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())  # noqa: NPY002
        fit(model, Transfer(3), steps=3, batch_size=8)
        assert torch.equal(torch.get_rng_state(), before[0])
        assert (random.getstate(), str(np.random.get_state())) == before[1:]  # noqa: NPY002
        found.append(weights(model))
    assert same(*found)


def test_dropout_differs_between_steps_and_between_seeds() -> None:
    def losses(model: Model) -> set[float]:
        return {round(loss, 6) for seed in (0, 1) for loss in fit(model, Still(3), steps=3, lr=1e-12, seed=seed).loss}

    assert (len(losses(dropping())), len(losses(mlp()))) == (6, 1)


def test_a_model_is_left_in_training_mode() -> None:
    model = dropping().eval()
    fit(model, Transfer(2), steps=1, batch_size=4)
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize(
    ("breaks", "loss", "norm"),
    [
        (lambda out: out.sum() * float("nan"), "nan", "nan"),
        (lambda out: out.sum() * float("inf"), "-?inf", "inf|nan"),
        (lambda out: (out * 0).sum().sqrt(), "0", "nan"),
        (lambda out: (out - out.detach()).sum().sqrt(), "0", "inf|nan"),
    ],
    ids=["nan loss", "inf loss", "nan gradient", "inf gradient"],
)
def test_what_is_not_finite_stops_the_run(
    breaks: Callable[[Tensor], Tensor], loss: str, norm: str, tmp_path: Path
) -> None:
    model, path = mlp(), tmp_path / "run.pt"
    with pytest.raises(DivergedError) as caught:
        fit(model, Breaking(breaks), steps=9, batch_size=4, lr=0.02, checkpoint_path=path, checkpoint_every=2)
    message = f"step 4: loss ({loss}), gradient norm ({norm}), learning rate 0.02.*checkpoint of step 2 is kept in .*pt"
    assert re.search(message, str(caught.value))
    sound = mlp()
    history = fit(sound, Breaking(breaks), steps=3, batch_size=4, lr=0.02)
    assert same(weights(model), weights(sound))
    assert caught.value.history.loss == history.loss
    assert len(torch.load(path)["history"]["loss"]) == 2


def test_a_learning_rate_far_too_high_stops_the_run_and_says_which() -> None:
    with pytest.raises(DivergedError, match=r"step 2: loss (nan|inf), .* learning rate 1e\+30"):
        fit(mlp(), Transfer(2), steps=50, batch_size=4, optimizer="Adam", lr=1e30)


def test_a_run_stops_once_its_mean_score_is_reached() -> None:
    assert fit(mlp(), Scored(0.5), steps=30, batch_size=2, stop_threshold=0.5, stop_window=7).steps == 7
    assert not fit(mlp(), Scored(0.5), steps=9, batch_size=2, stop_threshold=0.51, stop_window=7).solved
    assert fit(mlp(), Scored(1), steps=9, batch_size=2, stop_threshold=None, stop_window=7).steps == 9


def test_the_weights_of_a_solved_run_are_those_that_its_last_batch_has_tested() -> None:
    task, settings = Transfer(length=2), {"batch_size": 8, "optimizer": "RMSprop", "lr": 0.03, "seed": 1}

    def trained(steps: int, threshold: float | None) -> tuple[Model, gs.History]:
        torch.manual_seed(0)
        model = Model(GCN(task.in_channels, 8, num_layers=1), task.out_channels)
        return model, fit(model, task, steps=steps, stop_threshold=threshold, stop_window=5, **settings)

    model, history = trained(400, 0.999)
    assert history.solved
    untested, _ = trained(history.steps, None)
    before, _ = trained(history.steps - 1, None)
    for own, last, other in zip(model.parameters(), before.parameters(), untested.parameters(), strict=True):
        assert own.equal(last)
        assert not own.equal(other)
    batch = task.batch(8, torch.Generator().manual_seed(seeding.derive(1, seeding.TRAIN, history.steps - 1)))
    assert task.score(model(batch), batch.y).mean().item() == history.score[-1] == 1


def test_a_solved_run_is_saved_and_takes_no_step_more(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    settings = {"steps": 30, "batch_size": 2, "stop_window": 4, "checkpoint_path": path}
    assert fit(mlp(), Scored(1), **settings).solved
    assert fit(mlp(), Scored(1), resume=True, **settings).steps == 4


def gradient(model: nn.Module, task: Task, seed: int) -> list[Tensor]:
    graph = task.batch(8, torch.Generator().manual_seed(seeding.derive(seed, seeding.TRAIN, 0)))
    nn.functional.cross_entropy(model(graph), graph.y).backward()
    return [parameter.grad for parameter in model.parameters()]


@pytest.mark.parametrize("clip", [1e-3, 0.1, 1e6])
def test_a_gradient_is_scaled_to_the_norm_it_may_have(clip: float) -> None:
    model, task = mlp(), Transfer(1)
    before = torch.cat([value.flatten() for value in weights(model)])
    full = torch.cat([part.flatten() for part in gradient(mlp(), task, 0)])
    history = fit(model, task, steps=1, batch_size=8, optimizer="SGD", lr=1.0, clip=clip)
    step = torch.cat([value.flatten() for value in weights(model)]) - before
    assert history.grad_norm[0] == pytest.approx(float(full.norm()), rel=1e-5)
    torch.testing.assert_close(step, -full * min(1.0, clip / float(full.norm())), rtol=1e-3, atol=1e-7)


@each_optimizer
def test_an_optimiser_is_that_of_torch(optimizer: str) -> None:
    model, plain, task = mlp(), mlp(), Transfer(1)
    fit(model, task, steps=3, batch_size=8, optimizer=optimizer, lr=0.01, clip=1e9, seed=2)
    stepper = TORCHS[optimizer](plain.parameters())
    for step in range(3):
        graph = task.batch(8, torch.Generator().manual_seed(seeding.derive(2, seeding.TRAIN, step)))
        stepper.zero_grad()
        nn.functional.cross_entropy(plain(graph), graph.y).backward()
        stepper.step()
    assert same(weights(model), weights(plain))


def test_an_optimiser_of_ones_own_equals_the_named_one() -> None:
    named, own = mlp(), mlp()
    fit(named, Transfer(1), steps=3, batch_size=8, optimizer="momentum", lr=0.01)
    history = fit(own, Transfer(1), steps=3, batch_size=8, optimizer=TORCHS["momentum"])
    assert same(weights(named), weights(own))
    assert history.lr == [0.01] * 3


def test_what_asks_for_no_gradient_stays() -> None:
    model = mlp()
    model.encoder.requires_grad_(False)
    before = weights(model.encoder)
    fit(model, Transfer(1), steps=3, batch_size=8)
    assert same(weights(model.encoder), before)
    assert not same(weights(model.head), weights(mlp().head))


@pytest.mark.parametrize(
    "change",
    [lambda out: out[:, :1, None], lambda out: out[:, 0], lambda out: out[:1], lambda out: out.repeat(2, 1)],
    ids=["(K, 1, 1)", "(K,)", "(1, C)", "(2 K, C)"],
)
def test_outputs_that_do_not_fit_the_answers_are_an_error(change: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(ValueError, match=r"output \(K, C\) and y \(K,\); got output \(.*\) and y \(8,\)"):
        fit(Reshaped(change), Transfer(1), steps=1, batch_size=8)


def test_a_causal_task_refuses_a_model_that_sees_later_rows() -> None:
    task = Characters("abcabcabc", 3)
    for model in (Model(GCN(3, 4), 3), Model(LSTM(3, 4), 3, pool="mean")):
        before = weights(model)
        with pytest.raises(ValueError, match=r"Characters asks for the next thing.*causal=True"):
            fit(model, task, steps=1)
        assert same(weights(model), before)
    assert fit(Model(GCN(3, 4, causal=True), 3), task, steps=1, batch_size=4).steps == 1


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        ({"steps": 2.5}, TypeError, "steps must be an integer, got 2.5"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"batch_size": True}, TypeError, "batch_size must be an integer"),
        ({"stop_window": 0}, ValueError, "stop_window must be at least 1"),
        ({"checkpoint_every": 0}, ValueError, "checkpoint_every must be at least 1"),
        ({"lr": 0}, ValueError, "lr must be a finite number above 0"),
        ({"lr": float("nan")}, ValueError, "lr must be a finite number above 0, got nan"),
        ({"lr": "fast"}, TypeError, "lr must be a number, got 'fast'"),
        ({"clip": -1}, ValueError, "clip must be a finite number above 0"),
        ({"clip": float("inf")}, ValueError, "clip must be a finite number above 0"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": 0.5}, TypeError, "seed must be an integer"),
        ({"stop_threshold": float("nan")}, ValueError, "stop_threshold must be finite, got nan"),
        ({"stop_threshold": "soon"}, TypeError, "stop_threshold must be a number, got 'soon'"),
        ({"lr": 10**400}, ValueError, "lr must be a finite number above 0, got a whole number too large for a float"),
        ({"stop_threshold": 10**400}, ValueError, "stop_threshold must be at most 1.798e.308, the largest float"),
        ({"resume": "no"}, TypeError, r"resume must be True or False, got 'no' \(str\)"),
        ({"progress": 1}, TypeError, r"progress must be True or False, got 1 \(int\)"),
        ({"record_gradients": "no"}, TypeError, "record_gradients must be True or False"),
        ({"checkpoint_path": 3}, TypeError, r"checkpoint_path must be the name of a file, got 3 \(int\)"),
        ({"device": "meta"}, ValueError, "device must be a device that holds numbers, such as cpu or cuda:0; got meta"),
        ({"group": 2}, TypeError, "group must be what graphseq.training.distributed.process_group.. gives, got int"),
        ({"optimizer": "Adamm"}, ValueError, "optimizer must be one of SGD, .*; got 'Adamm'"),
        ({"optimizer": 3}, TypeError, "optimizer must be a name or a function, got 3"),
        ({"optimizer": lambda _: None}, TypeError, "optimizer must return a torch.optim.Optimizer, got NoneType"),
        ({"device": "nowhere"}, ValueError, "device must be a torch device .*, got 'nowhere'"),
        ({"resume": True}, ValueError, "resume needs checkpoint_path"),
        ({"checkpoint_path": "no/such/folder/run.pt"}, ValueError, "checkpoint_path must lie in a folder that exists"),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, dict) else "",
)
def test_what_is_not_asked_for_is_refused(settings: dict[str, object], kind: type[Exception], message: str) -> None:
    model = mlp()
    with pytest.raises(kind, match=message):
        fit(model, Transfer(2), **{"steps": 2, **settings})
    assert same(weights(model), weights(mlp()))


def test_a_model_or_task_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, got str"):
        fit("LSTM", Transfer(2))
    with pytest.raises(TypeError, match=r"task must be a graphseq.tasks.Task, got ABCMeta"):
        fit(mlp(), Transfer)
    with pytest.raises(ValueError, match="model has nothing to train"):
        fit(mlp().requires_grad_(False), Transfer(2))


def test_a_checkpoint_that_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError, match="already there; resume from it, or choose another name"):
        fit(mlp(), Transfer(2), steps=1, checkpoint_path=path)
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("optimizer", ["SGD", "RMSprop", "Adam"])
@pytest.mark.parametrize("length", [3, 4])
def test_on_sequences_a_gcn_lstm_trains_as_the_lstm_bit_for_bit(optimizer: str, length: int) -> None:
    ran = []
    for build in (LSTM, GCNLSTM):
        torch.manual_seed(1)
        model = Model(build(10, 8), 10)
        ran.append(fit(model, Transfer(length), steps=25, batch_size=16, optimizer=optimizer, lr=0.01, clip=0.05))
    assert ran[0].loss == ran[1].loss
    assert (ran[0].score, ran[0].grad_norm) == (ran[1].score, ran[1].grad_norm)


@pytest.mark.parametrize("build", [lambda: GCN(10, 16, 2), lambda: RNN(10, 16), lambda: GRU(10, 16)])
def test_each_family_learns_what_lies_within_its_reach(build: Callable[[], gs.nn.Encoder]) -> None:
    torch.manual_seed(0)
    history = fit(Model(build(), 10), Transfer(3), steps=600, batch_size=32, optimizer="Adam", lr=0.02, stop_window=10)
    assert history.solved


def test_a_history_says_what_was_run() -> None:
    config = fit(mlp(), Transfer(2), steps=1, batch_size=4, lr=0.5, seed=9).config
    assert config["task"] == Transfer(2).config
    assert config["model"] == describe(mlp())
    assert (config["batch_size"], config["lr"], config["seed"], config["optimizer"]) == (4, 0.5, 9, "RMSprop")


def test_the_name_of_an_optimiser_is_recorded_in_one_spelling() -> None:
    run = [fit(mlp(), Transfer(2), steps=2, batch_size=4, optimizer=name) for name in ("adamw", "AdamW")]
    assert [history.config["optimizer"] for history in run] == ["AdamW", "AdamW"]
    assert run[0].loss == run[1].loss


def test_a_bar_shows_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    fit(mlp(), Transfer(2), steps=2, batch_size=4)
    assert capsys.readouterr() == ("", "")
    fit(mlp(), Transfer(2), steps=2, batch_size=4, progress=True)
    assert re.search(r"2/2 .*loss=\d", capsys.readouterr().err)


@pytest.mark.parametrize("optimizer", ["Adam", "AdamW"])
def test_weights_that_are_complex_are_trained_too(optimizer: str) -> None:
    class Phased(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = mlp()
            self.phase = nn.Parameter(torch.ones(10, dtype=torch.cfloat))

        def forward(self, graph: gs.SpaceTimeGraph) -> Tensor:
            return (self.inner(graph) * self.phase).real

    model = Phased()
    fit(model, Transfer(1), steps=2, batch_size=4, optimizer=optimizer)
    assert not torch.equal(model.phase, torch.ones(10, dtype=torch.cfloat))


def test_gradients_of_all_that_an_optimiser_of_ones_own_holds_begin_anew_at_each_step() -> None:
    extra, seen = nn.Parameter(torch.zeros(())), []

    class Watched(Transfer):
        def loss(self, output: Tensor, y: Tensor) -> Tensor:
            seen.append(extra.grad)
            return super().loss(output, y) + extra

    fit(mlp(), Watched(1), steps=3, batch_size=4, optimizer=lambda own: torch.optim.SGD([*own, extra], lr=0.0))
    assert seen == [None] * 3
