"""Weights that hooks and parametrizations make: as they are at each call, with gradients of their originals."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from randomgraphs import draw, with_x
from torch import nn
from torch.nn.utils import parametrizations, prune

import graphseq as gs
from graphseq.nn.conv import GCNConv
from graphseq.nn.encoder import Encoder

F, H = 3, 4
ENCODERS: dict[str, Callable[[], Encoder]] = {
    "GCN": lambda: gs.nn.GCN(F, H, 2),
    "GCN, residual": lambda: gs.nn.GCN(F, H, 2, residual=True),
    "GCN-LSTM": lambda: gs.nn.GCNLSTM(F, H, 2),
    "GCN-LSTM, two hops": lambda: gs.nn.GCNLSTM(F, H, hops=2, peepholes=True),
    "GCN-LSTM, inputs only": lambda: gs.nn.GCNLSTM(F, H, convolve="input"),
    "GCN-GRU": lambda: gs.nn.GCNGRU(F, H),
    "forgetting": lambda: gs.nn.ForgettingGCNLSTM(F, H, 2),
}
GRAPHS = {
    "dynamic": lambda: with_x(draw(1), torch.randn(draw(1).num_nodes, F)),
    "sequence": lambda: gs.from_sequence(torch.randn(6, F)),
}
each_encoder = pytest.mark.parametrize("name", ENCODERS)
each_graph = pytest.mark.parametrize("kind", GRAPHS)


def built(name: str, kind: str) -> tuple[Encoder, gs.SpaceTimeGraph]:
    torch.manual_seed(0)
    return ENCODERS[name](), GRAPHS[kind]()


def linears(encoder: nn.Module) -> list[nn.Module]:
    """The linear maps of all convolutions, and those that stand for one."""
    convs = [module.lin for module in encoder.modules() if isinstance(module, GCNConv)]
    return convs + [
        module for name, module in encoder.named_modules() if name.endswith("conv_h") and type(module) is nn.Linear
    ]


@each_encoder
@each_graph
def test_a_pruned_model_is_that_of_the_masked_weights_and_trains_the_weights_below(name: str, kind: str) -> None:
    (pruned, graph), (plain, _) = built(name, kind), built(name, kind)
    for lin, other in zip(linears(pruned), linears(plain), strict=True):
        prune.l1_unstructured(lin, "weight", amount=0.5)
        with torch.no_grad():
            lin.weight_orig.mul_(1.5)  # as an optimiser changes it: the weight is made anew at the next call
            other.weight.mul_(1.5 * lin.weight_mask)
    torch.testing.assert_close(pruned(graph), plain(graph), rtol=0, atol=1e-6)
    pruned(graph).square().sum().backward()
    plain(graph).square().sum().backward()
    for lin, other in zip(linears(pruned), linears(plain), strict=True):
        assert (lin.weight_mask == 0).any()
        torch.testing.assert_close(lin.weight_orig.grad, other.weight.grad * lin.weight_mask, rtol=0, atol=1e-5)


@each_encoder
@each_graph
def test_a_spectral_norm_holds_in_the_kernel_too(name: str, kind: str) -> None:
    (normed, graph), (plain, _) = built(name, kind), built(name, kind)
    for lin, other in zip(linears(normed), linears(plain), strict=True):
        parametrizations.spectral_norm(lin)
        lin.eval()  # the estimate of the norm is the same at each call
        with torch.no_grad():
            other.weight.copy_(lin.weight)
    torch.testing.assert_close(normed(graph), plain(graph), rtol=0, atol=1e-6)
    normed(graph).square().sum().backward()
    for lin in linears(normed):
        assert lin.parametrizations.weight.original.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["GCN-LSTM", "GCN-GRU"])
@each_graph
def test_hooks_on_the_convolutions_of_gates_are_called(name: str, kind: str) -> None:
    encoder, graph = built(name, kind)
    before, shapes = encoder(graph), []
    for conv in (encoder.layers[0].conv_x, encoder.layers[0].conv_h):
        conv.register_forward_hook(lambda module, inputs, out: shapes.append(tuple(out.shape)))
    torch.testing.assert_close(encoder(graph), before, rtol=0, atol=1e-6)
    width = encoder.layers[0].conv_x.out_channels
    assert shapes[0] == (graph.num_nodes, width)
    assert len(shapes) == 1 + len(graph.time.unique())


def test_a_convolution_of_masked_snapshots_refuses_hooks_by_name() -> None:
    encoder, graph = built("forgetting", "dynamic")
    encoder.layers[0].conv_x.register_forward_hook(lambda module, inputs, out: None)
    with pytest.raises(ValueError, match=r"conv_x and conv_h of a ForgettingGCNLSTM must have no hooks"):
        encoder(graph)
