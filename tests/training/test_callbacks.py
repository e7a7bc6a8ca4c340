"""Callbacks: called after every step, able to end a training, unable to change a number of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from trained import Recorder, but_seconds, dropping, mlp, same, weights

import graphseq as gs
from graphseq import History, fit
from graphseq.nn import Model
from graphseq.tasks import Transfer
from graphseq.training import Callback, Every, TensorBoard
from graphseq.training import tensorboard as boards

SETTINGS = {"batch_size": 8, "optimizer": "Adam", "lr": 0.01, "seed": 4}


def train(model: Model, *callbacks: Callback, steps: int = 12, **more: object) -> History:
    return fit(model, Transfer(3), steps=steps, callbacks=callbacks, **SETTINGS, **more)


def stop_at(last: int) -> Callback:
    return lambda step, history, model: step >= last


class Mean:
    """Ends a training once the mean of all losses that it has seen falls below a bound: it has to remember them."""

    def __init__(self, bound: float) -> None:
        self.bound, self.total, self.count = bound, 0.0, 0

    def __call__(self, step: int, history: History, model: nn.Module) -> bool:
        self.total, self.count = self.total + history.loss[-1], self.count + 1
        return self.total / self.count < self.bound

    def state_dict(self) -> dict[str, float]:
        return {"total": self.total, "count": self.count}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        self.total, self.count = state["total"], state["count"]


def test_each_step_is_followed_by_a_call_with_the_weights_after_it() -> None:
    calls = []

    def look(step: int, history: History, model: nn.Module) -> None:
        calls.append((step, list(history.loss), weights(model)))

    model = dropping()
    history = train(model, look, steps=3)
    assert [step for step, _, _ in calls] == [1, 2, 3]
    assert [losses for _, losses, _ in calls] == [history.loss[:1], history.loss[:2], history.loss]
    for step, _, then in calls:
        other = dropping()
        train(other, steps=step)
        assert same(then, weights(other))


@pytest.mark.parametrize("answer", [True, np.True_])
def test_a_callback_ends_a_training_after_the_step_and_all_others_are_called(answer: object) -> None:
    calls: list[int] = []
    history = train(mlp(), lambda step, *_: answer if step == 4 else None, lambda step, *_: calls.append(step))
    assert history.steps == 4
    assert calls == [1, 2, 3, 4]
    assert history.stopped_by == "<lambda>"
    assert not history.solved


@pytest.mark.parametrize("answer", [None, False, np.False_])
def test_any_other_answer_lets_it_go_on(answer: object) -> None:
    history = train(mlp(), lambda *_: answer)
    assert (history.steps, history.stopped_by) == (12, None)


def test_the_first_of_several_that_end_a_training_is_named() -> None:
    assert train(mlp(), stop_at(9), Every(2, stop_at(3)), EarlyStopped()).stopped_by == "Every"


class EarlyStopped:
    def __call__(self, step: int, history: History, model: nn.Module) -> bool:
        return step == 4


def disturb(step: int, history: History, model: nn.Module) -> None:
    """Do all that might reach the training."""
    model.eval()
    torch.set_grad_enabled(False)
    torch.manual_seed(step)
    random.seed(step)
    torch.rand(3)
    gs.evaluate(model, Transfer(3), samples=2)
    with torch.enable_grad():
        model(Transfer(3).batch(2, torch.Generator().manual_seed(1))).sum().backward()


def test_no_callback_changes_a_number_of_the_training() -> None:
    plain, watched = dropping(), dropping()
    history = train(plain)
    assert but_seconds(train(watched, disturb)) == but_seconds(history)
    assert same(weights(plain), weights(watched))


def test_modes_and_gradient_mode_are_put_back_after_a_callback_and_after_its_error() -> None:
    def fails(step: int, history: History, model: nn.Module) -> None:
        disturb(step, history, model)
        raise KeyError("a mistake in a callback")

    model = dropping()
    seen = []
    train(model, disturb, steps=2)
    train(model, Every(1, lambda *_: seen.append(torch.is_grad_enabled())), disturb, steps=2)
    with pytest.raises(KeyError, match="a mistake in a callback"):
        train(model, fails)
    assert all(module.training for module in model.modules())
    assert torch.is_grad_enabled()
    assert seen == [True, True]


def test_what_a_callback_draws_is_the_same_in_every_run_and_leaves_the_callers_generator() -> None:
    drawn: list[list[float]] = []
    before = torch.get_rng_state()
    for _ in range(2):
        numbers: list[float] = []
        train(dropping(), lambda *_, into=numbers: into.append(float(torch.rand(()))), steps=3)
        drawn.append(numbers)
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 3
    assert torch.equal(torch.get_rng_state(), before)


def test_the_time_of_callbacks_is_not_that_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("graphseq.training.fit.time.perf_counter", lambda: now[0])

    def wait(*_: object) -> None:
        now[0] += 100.0

    assert train(mlp(), wait, steps=3).seconds == 0


def test_gradients_of_the_step_are_still_there() -> None:
    norms: list[float] = []

    def look(step: int, history: History, model: nn.Module) -> None:
        norms.append(float(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).norm()))

    history = train(mlp(), look, steps=2)
    assert norms == pytest.approx(history.grad_norm)


@pytest.mark.parametrize("build", [lambda: Mean(2.25), lambda: Every(2, Mean(2.25))], ids=["itself", "in Every"])
def test_a_run_in_pieces_ends_where_an_unbroken_one_does(build: Callable[[], Callback], tmp_path: Path) -> None:
    whole = dropping()
    history = train(whole, build(), steps=60)
    assert 4 < history.steps < 60, "the case says nothing where the callback ends no run"
    for steps in (3, 4, history.steps - 1, 60, 60):
        model = dropping(steps)
        if not (tmp_path / "run.pt").exists():
            model = dropping()
        files = {"checkpoint_path": tmp_path / "run.pt", "checkpoint_every": 5, "resume": True}
        pieces = train(model, build(), steps=steps, **files)
    assert but_seconds(pieces) == but_seconds(history)
    assert same(weights(model), weights(whole))


def test_a_run_killed_between_checkpoints_sees_steps_again_with_the_state_it_had(tmp_path: Path) -> None:
    seen: list[int] = []
    for stop_at in (7, None):
        mean, model = Mean(0.0), dropping()
        files = {"checkpoint_path": tmp_path / "run.pt", "checkpoint_every": 5, "resume": True}
        try:
            task = Recorder(stop_at)
            history = fit(
                model, task, steps=9, callbacks=[mean, lambda step, *_: seen.append(step)], **SETTINGS, **files
            )
        except KeyboardInterrupt:
            continue
    assert seen == [1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9]
    assert mean.count == 9
    assert mean.total == pytest.approx(sum(history.loss))


def test_a_run_that_a_callback_ended_takes_no_further_step(tmp_path: Path) -> None:
    path, calls = tmp_path / "run.pt", []
    first = train(mlp(), stop_at(4), checkpoint_path=path)
    again = train(mlp(), lambda step, *_: calls.append(step), checkpoint_path=path, resume=True)
    assert again == first
    assert again.steps == 4
    assert not calls


@pytest.mark.parametrize(
    ("then", "now", "message"),
    [
        ([Mean(0)], [], r"callbacks with a state were \['Mean'\], now \[\]"),
        ([], [Mean(0)], r"callbacks with a state were \[\], now \['Mean'\]"),
        ([Mean(0)], [Every(2, Mean(0))], r"callbacks with a state were \['Mean'\], now \['Every'\]"),
    ],
    ids=["fewer", "more", "others"],
)
def test_other_callbacks_with_a_state_are_refused(
    then: list[Callback], now: list[Callback], message: str, tmp_path: Path
) -> None:
    train(mlp(), *then, steps=2, checkpoint_path=tmp_path / "run.pt")
    with pytest.raises(ValueError, match=f"run.pt is of another run: {message}"):
        train(mlp(), *now, checkpoint_path=tmp_path / "run.pt", resume=True)


def test_callbacks_without_a_state_may_come_and_go(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    train(mlp(), Every(2, disturb), steps=2, checkpoint_path=path)
    assert train(mlp(), steps=3, checkpoint_path=path, resume=True).steps == 3
    assert train(mlp(), disturb, steps=4, checkpoint_path=path, resume=True).steps == 4


@pytest.mark.parametrize(
    ("callbacks", "kind", "message"),
    [
        (disturb, TypeError, r"callbacks must be a sequence of functions of \(step, history, model\), got disturb"),
        ("EarlyStopping", TypeError, "callbacks must be a sequence of functions .*, got str"),
        ([disturb, 3], TypeError, r"callbacks\[1\] must be a function of \(step, history, model\), got 3"),
        ([Mean], TypeError, r"callbacks\[0\] must be a function .*, got the class Mean"),
        ([lambda *_: 3], TypeError, "callback <lambda> must return True to end .* got 3"),
        ([lambda *_: torch.tensor(True)], TypeError, "callback <lambda> must return True to end .* got tensor"),
    ],
    ids=["one function", "a name", "a number", "a class", "another answer", "a tensor"],
)
def test_what_is_no_callback_is_refused(callbacks: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        fit(mlp(), Transfer(2), steps=2, callbacks=callbacks)


def test_a_state_that_no_checkpoint_can_hold_is_refused_before_it_is_written(tmp_path: Path) -> None:
    class Keeping(Mean):
        def state_dict(self) -> dict[str, object]:
            return {"seen": [{"by": self}]}

    with pytest.raises(
        TypeError, match=r"the state of callback Keeping must be made of tensors, .* but holds .*Keeping"
    ):
        train(mlp(), Keeping(0), steps=2, checkpoint_path=tmp_path / "run.pt")
    assert not list(tmp_path.iterdir())


def test_half_a_state_is_refused(tmp_path: Path) -> None:
    half = partial(Mean.__call__, Mean(0))
    half.state_dict = dict  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="callback partial has only one of state_dict and load_state_dict"):
        train(mlp(), half, steps=2, checkpoint_path=tmp_path / "run.pt")


@pytest.mark.parametrize("steps", [0, -1])
def test_every_takes_a_number_of_steps(steps: int) -> None:
    with pytest.raises(ValueError, match=f"steps must be at least 1, got {steps}"):
        Every(steps, disturb)


class Writer:
    """A stand-in for TensorBoard's writer."""

    made: list[tuple[str, int]] = []  # noqa: RUF012 - of all
    scalars: dict[tuple[str, int], float] = {}  # noqa: RUF012

    def __init__(self, folder: str, purge_step: int) -> None:
        self.made.append((folder, purge_step))

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars[name, step] = value

    def flush(self) -> None: ...


def test_tensorboard_has_every_step_and_hides_the_later_ones_of_a_run_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "writer_class", lambda: Writer)
    path = tmp_path / "run.pt"
    train(mlp(), TensorBoard(tmp_path / "curves"), steps=3, checkpoint_path=path)
    history = train(mlp(), TensorBoard(tmp_path / "curves"), steps=5, checkpoint_path=path, resume=True)
    assert Writer.made == [(str(tmp_path / "curves"), 1), (str(tmp_path / "curves"), 4)]
    curves = {"loss": history.loss, "score": history.score}
    curves |= {"gradient norm": history.grad_norm, "learning rate": history.lr}
    expected = {(f"train/{name}", n + 1): value for name, curve in curves.items() for n, value in enumerate(curve)}
    assert Writer.scalars == expected
