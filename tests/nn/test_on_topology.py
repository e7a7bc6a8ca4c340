"""Models on a fixed graph: equal to the model, compiled as one graph, exported, and trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from families import EDGE_FAMILIES, FAMILIES, Family, encoder_of
from torch import nn

import graphseq as gs
from graphseq.nn import Model, OnTopology
from graphseq.testing.graphs import Graphs

ALL = [*FAMILIES, *EDGE_FAMILIES]


def graph_of(family: Family, seed: int = 1) -> gs.SpaceTimeGraph:
    return Graphs(edge_channels=family.edge_channels).random(seed)


def other(graph: gs.SpaceTimeGraph) -> torch.Tensor:
    return torch.randn(graph.x.shape, dtype=graph.x.dtype, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_it_is_the_encoder(family: Family) -> None:
    encoder, graph = encoder_of(family).eval(), graph_of(family)
    fixed, x = OnTopology(encoder, graph), other(graph)
    torch.testing.assert_close(fixed(x), encoder(graph.replace(x=x)), rtol=0, atol=1e-10)


QUICK = ("GCN-3", "LSTM-2", "GCNLSTM-2")


@pytest.mark.parametrize(
    "family",
    [pytest.param(family, marks=() if family.name in QUICK else pytest.mark.slow, id=family.name) for family in ALL],
)
def test_torch_compile_takes_it_as_one_graph(family: Family) -> None:
    encoder, graph = encoder_of(family).eval(), graph_of(family)
    fixed, x = OnTopology(encoder, graph), other(graph)
    torch._dynamo.reset()
    compiled = torch.compile(fixed, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), encoder(graph.replace(x=x)), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["GCN-3", "GCN-2-SAGE", "LSTM-2", "GCNLSTM-2", "GCNGRU", "MinGRU-2", "Transformer-2"])
def test_gradients_are_those_of_the_encoder_compiled_too(name: str) -> None:
    family = next(family for family in FAMILIES if family.name == name)
    encoder, graph = encoder_of(family), graph_of(family)
    fixed = OnTopology(encoder, graph)
    torch._dynamo.reset()
    compiled = torch.compile(fixed, fullgraph=True, backend="aot_eager")
    gradients = []
    for function in (lambda x: encoder(graph.replace(x=x)), fixed, compiled):
        x = other(graph).requires_grad_()
        out = function(x)
        direction = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
        gradients.append(torch.autograd.grad(out, [x, *encoder.parameters()], direction))
    for one in gradients[1:]:
        for found, expected in zip(one, gradients[0], strict=True):
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["GCN-3", "GCNLSTM", "LSTM", "LRU-2", "Transformer-2"])
def test_it_is_exported(name: str) -> None:
    family = next(family for family in FAMILIES if family.name == name)
    encoder, graph = encoder_of(family).eval(), graph_of(family)
    exported = torch.export.export(OnTopology(encoder, graph).eval(), (graph.x,))
    x = other(graph)
    torch.testing.assert_close(exported.module()(x), encoder(graph.replace(x=x)), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["GCN-3", "LSTM-2", "GRU", "RNN", "GCNII-3"])
def test_in_float32_own_operations_give_states_and_gradients_of_the_encoder(name: str) -> None:
    family = next(family for family in FAMILIES if family.name == name)
    encoder = encoder_of(family, dtype=torch.float32)
    graph = gs.from_signal(torch.randn(8, 3, 2), torch.tensor([[0, 1], [1, 2]]))
    fixed = OnTopology(encoder, graph)
    torch._dynamo.reset()
    compiled = torch.compile(fixed, fullgraph=True, backend="aot_eager")
    gradients = []
    for function in (lambda x: encoder(graph.replace(x=x)), fixed, compiled):
        x = graph.x.clone().requires_grad_()
        out = function(x)
        gradients.append([out, *torch.autograd.grad(out.square().sum(), [x, *encoder.parameters()])])
    for one in gradients[1:]:
        for found, expected in zip(one, gradients[0], strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(fixed(graph.x), encoder(graph), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["GCN-3", "LSTM-2", "GRU", "RNN"])
def test_what_is_exported_has_operations_of_torch_alone(name: str) -> None:
    family = next(family for family in FAMILIES if family.name == name)
    encoder = encoder_of(family, dtype=torch.float32).eval()
    graph = gs.from_signal(torch.randn(8, 3, 2), torch.tensor([[0, 1], [1, 2]]))
    fixed = OnTopology(encoder, graph).eval()
    inner = [str(node.target) for node in fixed._recorded.with_gradient.graph.nodes]
    exported = torch.export.export(fixed, (graph.x,))
    assert any("graphseq" in target for target in inner)
    assert not any("graphseq" in str(node.target) for node in exported.graph.nodes)
    torch.testing.assert_close(exported.module()(graph.x), encoder(graph), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["GCN-3", "LSTM-2", "GRU", "GCNLSTM", "Transformer-2"])
def test_onnx_runs_what_is_exported(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="torch.onnx.export needs onnxscript")
    runtime = pytest.importorskip("onnxruntime", reason="running an ONNX file needs onnxruntime")
    family = next(family for family in FAMILIES if family.name == name)
    encoder = encoder_of(family, dtype=torch.float32).eval()
    graph = gs.from_signal(torch.randn(8, 3, 2), torch.tensor([[0, 1], [1, 2]]))
    torch.onnx.export(OnTopology(encoder, graph).eval(), (graph.x,), dynamo=True, verbose=False).save(
        tmp_path / "m.onnx"
    )
    session, x = runtime.InferenceSession(tmp_path / "m.onnx"), torch.randn(24, 2)
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), encoder(graph.replace(x=x)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "options", [{}, {"pool": "mean"}, {"transform": gs.transforms.grow}], ids=["rows", "pooled", "growing"]
)
def test_a_model_with_its_head_and_transform(options: dict[str, object]) -> None:
    graph = Graphs().sequence(0, 5).replace(target=torch.tensor([False, True, False, True, True]))
    model = Model(gs.nn.GCNLSTM(2, 4), 3, **options).double().eval()
    x = other(graph)
    fixed = OnTopology(model, graph)
    torch.testing.assert_close(fixed(x), model(graph.replace(x=x)), rtol=0, atol=1e-12)
    torch._dynamo.reset()
    compiled = torch.compile(fixed, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), model(graph.replace(x=x)), rtol=0, atol=1e-12)


def test_it_follows_the_training_of_its_model() -> None:
    graph, encoder = Graphs().random(1), gs.nn.GCN(2, 4).double()
    fixed = OnTopology(encoder, graph)
    optimiser = torch.optim.SGD(fixed.parameters(), lr=1e-3)
    before = fixed(graph.x).square().sum()
    before.backward()
    optimiser.step()
    assert fixed(graph.x).square().sum() < before
    torch.testing.assert_close(fixed(graph.x), encoder(graph), rtol=0, atol=1e-12)


def test_dropout_is_drawn_anew_at_each_call() -> None:
    graph, encoder = Graphs().random(1), gs.nn.GCN(2, 16, dropout=0.5).double()
    fixed = OnTopology(encoder, graph)
    assert not torch.equal(fixed(graph.x), fixed(graph.x))
    with pytest.raises(ValueError, match="in training mode when it was fixed to its graph, and is in evaluation mode"):
        fixed.eval()(graph.x)
    quiet = OnTopology(encoder.eval(), graph)
    torch.testing.assert_close(quiet(graph.x), encoder(graph), rtol=0, atol=1e-12)


def test_making_one_leaves_random_numbers_alone() -> None:
    encoder, before = gs.nn.GCN(2, 16, dropout=0.5).double(), torch.get_rng_state()
    OnTopology(encoder, Graphs().random(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_what_does_not_fit_is_refused_by_name() -> None:
    graph = gs.from_sequence(torch.randn(4, 2))
    with pytest.raises(TypeError, match=r"model must be a graphseq\.nn\.Model or a graphseq\.nn\.Encoder, got Linear"):
        OnTopology(nn.Linear(2, 2), graph)
    with pytest.raises(
        TypeError, match=r"x must hold features \(V, F\) of floats, got a tensor of shape \(2,\) \(int64\)"
    ):
        OnTopology(gs.nn.LSTM(2, 4), gs.from_sequence(torch.tensor([0, 1])))
    with pytest.raises(ValueError, match="model must not be a TruncatedBPTT"):
        OnTopology(gs.nn.TruncatedBPTT(gs.nn.LSTM(2, 4), 2), graph)
    fixed = OnTopology(gs.nn.LSTM(2, 4), graph)
    with pytest.raises(ValueError, match=r"x must have shape \(4, 2\) and dtype torch\.float32"):
        fixed(torch.randn(5, 2))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_inductor_compiles_it() -> None:
    graph, encoder = gs.from_signal(torch.randn(4, 3, 2), torch.tensor([[0, 1], [1, 2]])), gs.nn.GCN(2, 4)
    torch._dynamo.reset()
    compiled = torch.compile(OnTopology(encoder, graph), fullgraph=True)
    torch.testing.assert_close(compiled(graph.x), encoder(graph), rtol=0, atol=1e-5)
