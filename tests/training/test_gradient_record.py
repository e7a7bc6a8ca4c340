"""The record of every parameter's gradient: what it holds, and that it changes nothing."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import nn
from trained import Breaking, dropping, mlp, same, weights

from graphseq import DivergedError, fit, seeding
from graphseq.nn import LSTM, Model
from graphseq.tasks import Transfer


@pytest.mark.parametrize("clip", [1e-3, 1e6])
def test_recorded_gradients_are_those_of_each_step_before_clipping(clip: float) -> None:
    model, task = Model(LSTM(10, 4), 10), Transfer(3)
    model.encoder.kernel.bias_ih_l0.requires_grad_(False)
    plain = deepcopy(model)
    history = fit(model, task, steps=3, batch_size=8, optimizer="SGD", clip=clip, lr=0.5, record_gradients=True)
    stepper = torch.optim.SGD(plain.parameters(), lr=0.5)
    for step in range(3):
        graph = task.batch(8, torch.Generator().manual_seed(seeding.derive(0, seeding.TRAIN, step)))
        stepper.zero_grad()
        nn.functional.cross_entropy(plain(graph), graph.y).backward()
        norms = {name: float(p.grad.norm()) for name, p in plain.named_parameters() if p.grad is not None}
        recorded = {name: curve[step] for name, curve in history.gradients.items()}
        assert recorded == pytest.approx(norms, rel=1e-4)
        assert sum(norm**2 for norm in recorded.values()) == pytest.approx(history.grad_norm[step] ** 2, rel=1e-5)
        nn.utils.clip_grad_norm_(plain.parameters(), clip)
        stepper.step()
    assert "encoder.kernel.bias_ih_l0" not in history.gradients


def test_recording_gradients_changes_nothing_else() -> None:
    plain, recorded = dropping(), dropping()
    without = fit(plain, Transfer(3), steps=4, batch_size=8)
    with_them = fit(recorded, Transfer(3), steps=4, batch_size=8, record_gradients=True)
    assert same(weights(plain), weights(recorded))
    assert (without.loss, without.grad_norm) == (with_them.loss, with_them.grad_norm)
    assert without.gradients == {}
    assert {name: len(curve) for name, curve in with_them.gradients.items()} == {
        name: 4 for name, _ in recorded.named_parameters()
    }


def test_a_parameter_that_the_loss_does_not_depend_on_is_recorded_as_zero() -> None:
    model = mlp()
    model.spare = nn.Linear(2, 2)
    gradients = fit(model, Transfer(2), steps=2, batch_size=4, record_gradients=True).gradients
    assert gradients["spare.weight"] == [0, 0]
    assert min(gradients["head.lin.bias"]) > 0


def test_a_step_that_diverged_is_not_recorded() -> None:
    with pytest.raises(DivergedError) as caught:
        fit(mlp(), Breaking(lambda out: out.sum() * float("nan")), steps=9, batch_size=4, record_gradients=True)
    assert {len(curve) for curve in caught.value.history.gradients.values()} == {3}


def test_recorded_gradients_go_on_bit_for_bit(tmp_path: Path) -> None:
    settings = {"batch_size": 8, "lr": 0.01, "record_gradients": True}
    whole = fit(dropping(), Transfer(3), steps=12, **settings)
    for steps in (5, 8, 12):
        model = dropping() if steps == 5 else dropping(steps)
        found = fit(model, Transfer(3), steps=steps, checkpoint_path=tmp_path / "run.pt", resume=True, **settings)
    assert found.gradients == whole.gradients
    assert {len(curve) for curve in found.gradients.values()} == {12}
