"""A measured model, its data and all random state are, bit for bit, what they were before."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest
import torch
import torch_geometric.nn as pyg
from models import batch
from torch import Tensor, nn

from graphseq.reach import Probe, influence
from graphseq.reach.jacobian import Jacobian


class Restless(nn.Module):
    """A module that counts its calls in a buffer and an attribute, draws numbers, and keeps its edges."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = pyg.GCNConv(3, 4, cached=True)
        self.gru = nn.GRU(4, 4, batch_first=True)
        self.norm, self.drop, self.last = pyg.BatchNorm(4), nn.Dropout(0.5), pyg.GCNConv(4, 2)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("seen", None)
        self.log: list[int] | None = None

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        self.calls += 1
        self.seen = x.detach()
        self.log = [len(x)]
        torch.randn(3), random.random(), np.random.rand()  # noqa: NPY002, S311
        h, _ = self.gru(self.conv(x, edge_index)[:, None])
        return self.last(self.drop(self.norm(h[:, 0]).relu_()), edge_index)


def bits(model: nn.Module) -> list[object]:
    """All that a model consists of, in a form that compares."""
    found: list[object] = []
    for name, module in model.named_modules():
        tensors = [*module._parameters.items(), *module._buffers.items()]
        found += [(name, key, None if value is None else value.detach().numpy().tobytes()) for key, value in tensors]
        found += [
            (name, key, value.requires_grad, None if value.grad is None else value.grad.numpy().tobytes())
            for key, value in module._parameters.items()
            if value is not None
        ]
        hooks = [len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks)]
        plain = {key: value for key, value in module.__dict__.items() if isinstance(value, bool | int | list | None)}
        found += [(name, module.training, hooks, plain, getattr(module, "_cached_edge_index", None))]
    return found


def _loss(out: Tensor, y: Tensor) -> Tensor:
    return (out.sum(dim=1) - y).square().mean()


def _shape(jacobian: AbstractContextManager[Jacobian]) -> tuple[int, ...]:
    with jacobian as measured:
        return measured.shape


MEASURES: dict[str, Callable[[Probe], object]] = {
    "influence": lambda probe: probe.influence(),
    "by_hop": lambda probe: probe.by_hop(samples=4),
    "range": lambda probe: probe.range(),
    "over_layers": lambda probe: probe.over_layers("rank"),
    "receptive_field": lambda probe: probe.receptive_field(0),
    "structure": lambda probe: probe.structure(),
    "attribution": lambda probe: probe.attribution(0),
    "hops": lambda probe: probe.hops(),
    "function": lambda probe: probe.function(probe.x),
    "trace": lambda probe: probe.trace(probe.x),
    "jacobian": lambda probe: _shape(probe.jacobian()),
    "doubled": lambda probe: _shape(probe.doubled().jacobian()),
    "place": lambda probe: [probe.place(name) for name in probe.states],
    "layer_spectrum": lambda probe: probe.layer_spectrum(1),
    "layer_jacobians": lambda probe: probe.layer_jacobians(),
    "state_gradients": lambda probe: probe.state_gradients(_loss, y=torch.zeros(probe.num_outputs)),
    "row_gradients": lambda probe: probe.row_gradients(_loss, y=torch.zeros(probe.num_outputs)),
    "step_jacobians": lambda probe: probe.step_jacobians(),
    "lyapunov": lambda probe: probe.lyapunov(),
    "memory_horizon": lambda probe: probe.memory_horizon(),
}
_OTHERS = {"chosen", "outputs_at", "opened", "parameters"}  # call no model


def test_every_method_of_a_probe_is_held_to_this() -> None:
    public = {name for name in dir(Probe) if not name.startswith("_") and callable(getattr(Probe, name))}
    assert public == set(MEASURES) | _OTHERS


@pytest.mark.parametrize("name", MEASURES)
def test_the_model_and_all_random_state_are_left_bit_for_bit(name: str) -> None:
    torch.manual_seed(0)
    model, data = Restless(), batch().apply(lambda value: value.float() if value.is_floating_point() else value)
    model.norm.eval()
    model.last.lin.weight.requires_grad_(False)
    model.conv.register_forward_hook(lambda *_: None)
    model.conv.lin.weight.grad = torch.ones_like(model.conv.lin.weight)
    before, rows = (
        bits(model),
        {key: value.clone() for key, value in data.to_dict().items() if isinstance(value, Tensor)},
    )
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    MEASURES[name](Probe(model, data))
    assert bits(model) == before
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states[1:]  # noqa: NPY002
    assert all(torch.equal(data[key], value) and not data[key].requires_grad for key, value in rows.items())


def test_an_error_in_the_model_leaves_it_as_it_was_too() -> None:
    torch.manual_seed(0)
    model = Restless()
    before = bits(model)
    data = batch()
    data.x = data.x[:, :2]
    with pytest.raises(RuntimeError):
        Probe(model, data)
    assert bits(model) == before


def test_it_measures_within_no_grad_and_inference_mode_and_data_that_was_made_there() -> None:
    torch.manual_seed(0)
    model = pyg.GCN(3, 4, 2, 2).double()
    expected = Probe(model, batch()).influence()
    with torch.no_grad():
        torch.testing.assert_close(Probe(model, batch()).influence(), expected, rtol=0, atol=0)
    with torch.inference_mode():
        data = batch()
        found = Probe(model, data).influence()
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    torch.testing.assert_close(influence(model, data), expected, rtol=0, atol=0)


def test_a_double_copy_gives_what_the_double_model_does() -> None:
    torch.manual_seed(0)
    model, data = pyg.GCN(3, 4, 2, 2), batch()
    found = Probe(model, data, double=True).influence()
    assert next(model.parameters()).dtype == torch.float32
    torch.testing.assert_close(found, Probe(model.double(), data).influence(), rtol=0, atol=0)


def test_a_model_that_is_random_in_evaluation_mode_is_refused() -> None:
    probe = Probe(lambda x, edge_index: x + torch.randn_like(x), batch())
    with pytest.raises(ValueError, match="different outputs for the same input in evaluation mode"):
        probe.influence()


def test_training_goes_on_as_if_it_had_not_been_measured() -> None:
    def train(measured: bool) -> list[Tensor]:
        torch.manual_seed(0)
        model, data = pyg.GCN(3, 8, 2, 2, norm="batch_norm", dropout=0.3).double(), batch()
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(4):
            if measured:
                Probe(model, data).by_hop(samples=4)
            optimizer.zero_grad()
            model(data.x, data.edge_index).square().mean().backward()
            optimizer.step()
        return [value.clone() for value in model.state_dict().values()]

    assert all(torch.equal(a, b) for a, b in zip(train(False), train(True), strict=True))
