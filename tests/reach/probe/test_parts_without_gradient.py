"""A model of which a part has no gradient is refused, and the part is named."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv

import graphseq as gs
from graphseq.reach import Probe
from graphseq.reach.probe import function

Part = Literal["whole", "given detached", "returned detached", "no_grad", "straight-through", "checkpoint"]


class TwoWays(nn.Module):
    """Two convolutions side by side, the second of which may have no gradient."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.first, self.second, self.part = GCNConv(3, 4), GCNConv(3, 4), part

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out: Tensor = self.first(x, edge_index)
        if self.part == "given detached":
            return out + self.second(x.detach(), edge_index)
        if self.part == "returned detached":
            return out + self.second(x, edge_index).detach()
        if self.part == "no_grad":
            with torch.no_grad():
                other = self.second(x, edge_index)
            return out + other
        other = self.second(x, edge_index)
        if self.part == "straight-through":  # the gradient of one function, the value of another
            other = other + (2 * other.tanh() - other).detach()
        if self.part == "checkpoint":
            other = checkpoint(lambda x: self.second(x, edge_index), x, use_reentrant=True)
        return out + other


def data(dtype: torch.dtype = torch.float32) -> Data:
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    return Data(x=x, edge_index=torch.tensor([[0, 1, 2, 3, 1], [1, 2, 3, 4, 0]]))


def model(part: Part) -> TwoWays:
    torch.manual_seed(0)
    return TwoWays(part)


@pytest.mark.parametrize("part", ["given detached", "returned detached", "no_grad"])
def test_the_part_without_a_gradient_is_named(part: Part) -> None:
    for measure in (lambda p: p.influence(), lambda p: p.by_hop(), lambda p: p.range(), lambda p: p.attribution(0)):
        with pytest.raises(ValueError, match=r"no gradient flows through second: .* detached=True"):
            measure(Probe(model(part), data()))


def test_a_gradient_that_is_not_the_derivative_is_refused_of_functions_too() -> None:
    net = model("straight-through")
    with pytest.raises(ValueError, match="the gradient is not the derivative of the model"):
        Probe(net, data()).influence()
    net = model("no_grad").requires_grad_(False)
    with pytest.raises(ValueError, match="the gradient is not the derivative of the model"):
        Probe(net.forward, data()).influence()  # a function, which cannot be copied to float64


def test_what_the_gradient_says_may_be_measured_as_it_is() -> None:
    net = model("given detached")
    found = Probe(net, data(), detached=True).influence()
    torch.testing.assert_close(found, Probe(net.first, data()).influence(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_models_with_kinks_on_features_of_zeros_pass(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 64, bias=False), nn.ReLU(), nn.Linear(64, 64, bias=False), nn.ReLU()).to(dtype)
    graph = data(dtype)
    graph.x = torch.zeros_like(graph.x)
    for used in (net, net.forward):
        assert Probe(used, graph, call=lambda m, x: m(x)).influence().shape == (7, 7)
    assert Probe(model("whole").to(dtype), graph).influence().any()


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_a_reentrant_checkpoint_is_named() -> None:
    with pytest.raises(ValueError, match="use_reentrant=False, which computes the same"):
        Probe(model("checkpoint"), data()).influence()


class InPlace(nn.Module):
    """Two convolutions, between which a ReLU writes to what the first one returns."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu, self.second = GCNConv(3, 4), nn.ReLU(), GCNConv(4, 2)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out: Tensor = self.second(self.relu(self.first(x, edge_index)), edge_index)
        return out


def test_states_are_what_a_layer_returned_although_the_model_writes_to_them() -> None:
    torch.manual_seed(0)
    probes = [Probe(InPlace().double(), data(torch.float64)) for _ in range(2)]
    probes[1].model.load_state_dict(probes[0].model.state_dict())  # type: ignore[attr-defined]
    probes[1].model.relu.inplace = True  # type: ignore[attr-defined]
    apart, within = probes
    assert bool((within.states["first"] < 0).any())
    torch.testing.assert_close(within.states["first"], apart.states["first"], rtol=0, atol=0)
    for wrt in ("x", "first"):
        torch.testing.assert_close(within.influence(wrt=wrt), apart.influence(wrt=wrt), rtol=0, atol=0)
    traces = [probe.trace(probe.x).states["first"] for probe in probes]
    torch.testing.assert_close(traces[1], traces[0], rtol=0, atol=0)


class OfDict(nn.Module):
    """A model that reads a dictionary and returns one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = GCNConv(3, 4)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"logits": self.conv(inputs["x"], inputs["edge_index"])}


def test_a_model_of_dictionaries_is_refused_with_what_to_say() -> None:
    torch.manual_seed(0)
    net, graph = OfDict(), data()
    with pytest.raises(TypeError, match=r"called as OfDict\(inputs=x\), failed: .*; if that is not how it is called"):
        Probe(net, graph)

    def call(model: object, x: Tensor) -> object:
        return net({"x": x, "edge_index": graph.edge_index})

    with pytest.raises(TypeError, match=r"the model gave dict with 'logits'; .*output=lambda out: out\['logits'\]"):
        Probe(net, graph, call=call)
    found = Probe(net, graph, call=call, output=lambda out: out["logits"]).influence()  # type: ignore[index]
    torch.testing.assert_close(found, Probe(net.conv, graph).influence(), rtol=0, atol=0)


def test_changes_that_are_lost_in_the_rounding_of_the_answers_say_nothing() -> None:
    class Deep(nn.Sequential):
        """Of a class that the probe does not know, so that its gradient is tested."""

    torch.manual_seed(0)
    deep = Deep(*(nn.Linear(4, 4) for _ in range(40))).double()
    with torch.no_grad():
        for layer in deep[1:]:
            layer.weight.mul_(0.05)
    influence = Probe(deep, Data(x=torch.randn(6, 4, dtype=torch.float64))).influence()
    assert 0 < float(influence.max()) < 1e-40


def test_a_model_of_this_librarys_modules_alone_is_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    tested: list[str] = []
    monkeypatch.setattr(function, "check_all_gradients", lambda model, value, name, answers: tested.append(name))
    graph = gs.from_sequence(torch.randn(4, 2))

    class Own(gs.nn.GCN):
        def encode(self, graph: gs.SpaceTimeGraph, x: Tensor) -> Tensor:
            return super().encode(graph, x.detach())

    hooked = gs.nn.GCN(2, 3)
    hooked.convs[0].register_forward_hook(lambda module, given, out: out.detach())
    for model in (gs.nn.GCN(2, 3), gs.nn.LSTM(2, 3), gs.nn.GCNLSTM(2, 3)):
        Probe(model, graph).influence()
    assert tested == []
    for model in (hooked, gs.nn.Model(gs.nn.GCN(2, 3), 2, transform=lambda graph: graph)):
        with suppress(ValueError):
            Probe(model, graph).influence()
    assert tested == ["x", "x"]
    with suppress(ValueError):
        Probe(Own(2, 3), graph).influence()
    assert tested == ["x", "x", "x"]
