"""Nothing that a process has once for all its parts is changed by a training, an evaluation or an experiment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import console
import pytest
import torch
from processstate import untouched
from texts import TEXT, TINY, source

import graphseq as gs
from graphseq import seeding
from graphseq.experiments.text.train import train
from graphseq.tasks import Characters, Transfer
from graphseq.training import EarlyStopping

TASK = Transfer(3)
SHORT = {"steps": 3, "batch_size": 4}


def model_of(encoder: Callable[[], gs.nn.Encoder], channels: int = 10) -> gs.nn.Model:
    """A model whose first weights are drawn from nobody else's numbers."""
    with seeding.forked(0, seeding.BUILD):
        return gs.nn.Model(encoder(), channels)


def dropping() -> gs.nn.Model:
    return model_of(lambda: gs.nn.GCN(10, 8, 2, norm=lambda _: torch.nn.Dropout(0.4)))


def perceptron() -> gs.nn.Model:
    return model_of(lambda: gs.nn.MLP(10, 4))


def written(folder: Path) -> None:
    model, path = dropping(), folder / "run.pt"
    history = gs.fit(model, TASK, **SHORT, checkpoint_path=path, record_gradients=True, metrics=["accuracy"])
    gs.fit(
        dropping(),
        TASK,
        steps=5,
        batch_size=4,
        checkpoint_path=path,
        resume=True,
        record_gradients=True,
        metrics=["accuracy"],
    )
    history.to_csv(folder / "curves.csv")
    gs.History.from_json(history.to_json(folder / "history.json"))


def generated(_: Path) -> None:
    task = Characters(TEXT, 5)
    model = model_of(lambda: gs.nn.LSTM(task.in_channels, 4), task.out_channels)
    gs.fit(model, task, **SHORT)
    "".join(gs.text.generate(model, task.alphabet, "A", 5, generator=torch.Generator().manual_seed(0)))
    "".join(gs.text.greedy(model, task.alphabet, "A", 5))
    gs.text.beam_search(model, task.alphabet, "A", 5, width=2)


def misbehaves(number: int) -> dict[str, object]:
    """A run that leaves nothing as it was."""
    import os  # noqa: PLC0415
    import random  # noqa: PLC0415
    import warnings  # noqa: PLC0415

    import numpy as np  # noqa: PLC0415

    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()
    random.random()  # noqa: S311
    np.random.rand()  # noqa: NPY002
    torch.rand(1)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    torch.set_default_device("meta")
    torch.use_deterministic_algorithms(True)
    warnings.simplefilter("ignore")
    os.chdir("/")
    os.environ["GRAPHSEQ_LEFT"] = "behind"
    return {"number": number}


def refused(_: Path) -> None:
    with pytest.raises(ValueError, match="steps must be at least 1"):
        gs.fit(dropping(), TASK, steps=0)
    with pytest.raises(gs.DivergedError):
        gs.fit(dropping(), TASK, steps=9, optimizer="SGD", lr=1e37, clip=1e37)


CALLS: dict[str, Callable[[Path], object]] = {
    "fit": lambda _: gs.fit(dropping(), TASK, **SHORT),
    "fit, resumed": written,
    "fit, refused": refused,
    "fit_ensemble": lambda _: gs.fit_ensemble([perceptron(), perceptron()], TASK, seeds=[0, 1], **SHORT),
    "fit_curriculum": lambda _: gs.fit_curriculum(dropping(), [TASK, Transfer(4)], **SHORT),
    "fit_with_validation": lambda _: gs.fit_with_validation(dropping(), TASK, Transfer(4), every=2, **SHORT),
    "EarlyStopping": lambda _: gs.fit(dropping(), TASK, **SHORT, callbacks=[EarlyStopping(TASK, every=2)]),
    "evaluate": lambda _: gs.evaluate(dropping(), TASK, samples=9, metrics=["accuracy"]),
    "predict": lambda _: gs.predict(dropping(), TASK, samples=9),
    "text": generated,
    "sweep": lambda folder: gs.sweep(misbehaves, {"number": [1, 2]}, folder / "r.jsonl", jobs=1),
    "text train": lambda folder: train(TINY, source(TEXT), folder / "run", steps=3, command=[]),
    "compare": lambda folder: console.compare(folder / "run", "--model", "constant", "RNN", "--task", "Transfer"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_a_call_changes_nothing_of_its_process(name: str, tmp_path: Path) -> None:
    import matplotlib.figure  # noqa: PLC0415, F401 - loaded before, for what it sets once is not the call's

    with untouched():
        CALLS[name](tmp_path)


def test_a_run_finds_nothing_of_what_another_left(tmp_path: Path) -> None:
    assert [run.error for run in gs.sweep(misbehaves, {"number": [1, 2, 3]}, tmp_path / "r.jsonl", jobs=1)] == [
        None
    ] * 3
