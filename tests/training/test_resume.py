"""A run that was interrupted, whenever it was, equals one that never stopped."""

from __future__ import annotations

import random
from pathlib import Path

import children
import pytest
import torch
from torch import Tensor
from trained import (
    Recorder,
    but_seconds,
    dropping,
    each_optimizer,
    mlp,
    same,
    weights,
)

from graphseq import History, fit
from graphseq.nn import Model
from graphseq.tasks import Transfer


def stopped_at(stops: list[int], folder: Path, optimizer: str) -> tuple[list[Tensor], History, object]:
    """Train to each of ``stops`` in turn, each time as if in a process of its own."""
    folder.mkdir()
    for number, steps in enumerate(stops):
        model = dropping(number)  # other weights each time: they must all come from the checkpoint
        history = fit(
            model if number else dropping(),
            Transfer(3),
            steps=steps,
            batch_size=8,
            optimizer=optimizer,
            lr=0.01,
            seed=4,
            checkpoint_path=folder / "run.pt",
            checkpoint_every=5,
            resume=True,
        )
    state = torch.load(folder / "run.pt")
    return list(state["model"].values()), history, state["optimizer"]


def flat(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for key in value for leaf in (key, *flat(value[key]))]
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in flat(item)]
    return [(value.dtype, value.tolist()) if isinstance(value, Tensor) else value]


@each_optimizer
def test_a_run_in_pieces_equals_an_unbroken_one(optimizer: str, tmp_path: Path) -> None:
    whole, history, state = stopped_at([25], tmp_path / "whole", optimizer)
    for seed in range(2):
        stops = [*sorted(random.Random(f"{optimizer}{seed}").sample(range(1, 25), 3)), 25]  # noqa: S311
        pieces, in_pieces, its_state = stopped_at(stops, tmp_path / str(seed), optimizer)
        assert same(pieces, whole)
        assert but_seconds(in_pieces) == but_seconds(history)
        assert flat(its_state) == flat(state)


def test_a_run_stopped_between_checkpoints_goes_on_from_the_last_one(tmp_path: Path) -> None:
    settings = {"steps": 20, "batch_size": 8, "optimizer": "momentum", "lr": 0.05}
    unbroken = dropping()
    history = fit(unbroken, Recorder(), **settings)
    path, asked = tmp_path / "run.pt", []
    for stop_at in (3, 5, 2, 9, None):
        model, task = dropping(stop_at or 0), Recorder(stop_at)
        if not path.exists():
            model = dropping()
        try:
            found = fit(model, task, checkpoint_path=path, checkpoint_every=4, resume=True, **settings)
        except KeyboardInterrupt:
            asked.append(len(task.given))
    assert asked == [3, 5, 2, 9]
    assert same(weights(model), weights(unbroken))
    assert but_seconds(found) == but_seconds(history)


@pytest.mark.slow
def test_a_run_killed_at_any_moment_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    path, moments = tmp_path / "run.pt", random.Random(0)  # noqa: S311

    def train(model: Model, **more: object) -> History:
        return fit(model, Transfer(3), steps=300, batch_size=4, optimizer="Adam", stop_threshold=None, **more)

    def written() -> int:
        return path.stat().st_mtime_ns if path.exists() else 0

    reached = []
    for _ in range(5):
        before = written()
        pid = children.start(lambda: train(dropping(), checkpoint_path=path, checkpoint_every=1, resume=True))
        children.kill(pid, moments.uniform(0, 0.05), once=lambda before=before: written() > before)
        reached.append(len(torch.load(path)["history"]["loss"]))
    assert reached == sorted(reached)
    assert 0 < reached[0] < reached[-1] < 300
    model, unbroken = dropping(1), dropping()
    history = train(model, checkpoint_path=path, resume=True)
    assert but_seconds(history) == but_seconds(train(unbroken))
    assert same(weights(model), weights(unbroken))


def test_time_before_a_resume_counts(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    first = fit(mlp(), Transfer(2), steps=5, batch_size=4, checkpoint_path=path)
    second = fit(mlp(), Transfer(2), steps=6, batch_size=4, checkpoint_path=path, resume=True)
    assert second.seconds > first.seconds > 0


def test_resuming_what_has_enough_steps_changes_nothing(tmp_path: Path) -> None:
    path, model = tmp_path / "run.pt", mlp()
    history = fit(mlp(), Transfer(2), steps=5, batch_size=4, checkpoint_path=path)
    raw = path.read_bytes()
    assert fit(model, Transfer(2), steps=3, batch_size=4, checkpoint_path=path, resume=True) == history
    assert path.read_bytes() == raw
    assert same(weights(model), list(torch.load(path)["model"].values()))
