"""Norms of parameters' gradients, against backward."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from trained import Recorder, mlp

from graphseq import SpaceTimeGraph, fit, seeding
from graphseq.nn import LSTM, Model
from graphseq.reach import parameter_gradients
from graphseq.tasks import Palindrome, Transfer


def test_norms_of_parameters_are_those_of_backward() -> None:
    torch.manual_seed(0)
    model, task = Model(LSTM(10, 4), 10), Palindrome(5)
    model.encoder.kernel.bias_hh_l0.requires_grad_(False)
    found = parameter_gradients(model, task, samples=9)
    graph = task.batch(9, torch.Generator().manual_seed(seeding.derive(0, seeding.EVALUATE, 0)))
    nn.functional.cross_entropy(model(graph), graph.y).backward()
    expected = {name: float(p.grad.norm()) for name, p in model.named_parameters() if p.grad is not None}
    assert list(found) == list(expected)
    assert "encoder.kernel.bias_hh_l0" not in found
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_parameter_that_the_loss_does_not_depend_on_has_norm_zero() -> None:
    model = mlp()
    model.spare = nn.Linear(2, 2)
    found = parameter_gradients(model, Transfer(2))
    assert (found["spare.weight"], found["spare.bias"]) == (0, 0)
    assert found["head.lin.weight"] > 0


def test_within_a_run_the_first_record_is_the_gradient_of_the_first_batch() -> None:
    task = Recorder()
    history = fit(mlp(), task, steps=1, batch_size=6, record_gradients=True)
    found = parameter_gradients(mlp(), Given(task.given[0]))
    assert {name: curve[0] for name, curve in history.gradients.items()} == pytest.approx(found, rel=1e-6)


class Given(Transfer):
    """Gives one batch, whatever is asked."""

    def __init__(self, graph: SpaceTimeGraph) -> None:
        super().__init__(3)
        self.graph = graph

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        return self.graph
