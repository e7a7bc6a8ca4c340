"""Optimisers without torch's wrappers take torch's steps, bit for bit."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn, optim

from graphseq._torch import optimizers

SETTINGS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.01, "foreach": True}),
    ("Adam", {"lr": 0.01, "fused": True}),
    ("Adam", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "fused": True}),
]
each_setting = pytest.mark.parametrize(("name", "words"), SETTINGS)


def run(package: object, name: str, words: dict[str, object], steps: int = 4) -> tuple[nn.Module, optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = getattr(package, name)(model.parameters(), **words)
    for step in range(steps):
        optimizer.zero_grad()
        model(torch.full((4, 3), 0.5 + step)).square().sum().backward()
        optimizer.step()
    return model, optimizer


@each_setting
def test_steps_and_states_are_those_of_torch(name: str, words: dict[str, object]) -> None:
    (model, own), (other, torchs) = run(optimizers, name, words), run(optim, name, words)
    assert torch.equal(model.weight, other.weight)
    assert torch.equal(model.bias, other.bias)
    assert repr(own) == repr(torchs)
    assert str(own.state_dict()) == str(torchs.state_dict())
    torchs.load_state_dict(own.state_dict())
    own.load_state_dict(torchs.state_dict())
    assert isinstance(own, getattr(optim, name))


@each_setting
def test_a_step_is_not_recorded_and_knows_closures_and_hooks(name: str, words: dict[str, object]) -> None:
    model, optimizer = run(optimizers, name, words, steps=1)
    seen = []
    optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))

    def closure() -> torch.Tensor:
        assert torch.is_grad_enabled()
        optimizer.zero_grad()
        loss = model(torch.ones(4, 3)).square().sum()
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    assert loss > 0
    assert seen == ["before", "after"]
    assert torch.is_grad_enabled()
    assert all(
        not value.requires_grad for state in optimizer.state.values() for value in state.values() if value is not None
    )
    assert model.weight.is_leaf


@each_setting
def test_an_optimiser_is_copied_and_pickled(name: str, words: dict[str, object]) -> None:
    _, optimizer = run(optimizers, name, words)
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):  # noqa: S301 - our own
        assert type(other) is type(optimizer)
        assert str(other.state_dict()) == str(optimizer.state_dict())
        other.step()
