"""torch.compile of an encoder as it is, with the breaks in its graph that a graph as input makes."""

from __future__ import annotations

import shutil

import pytest
import torch

import graphseq as gs
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, RNN, Encoder

pytestmark = pytest.mark.filterwarnings("ignore")  # of dynamo, about what it leaves to Python


def check(encoder: Encoder, backend: str) -> None:
    torch._dynamo.reset()
    graph = gs.from_signal(torch.randn(4, 3, 2, dtype=torch.float64), torch.tensor([[0, 1], [1, 2]]))
    outputs = []
    for function in (encoder, torch.compile(encoder, backend=backend)):
        x = graph.x.clone().requires_grad_()
        out = function(graph.replace(x=x))
        outputs.append((out, *torch.autograd.grad(out.square().sum(), [x, *encoder.parameters()])))
    for found, expected in zip(*outputs, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in (RNN, GRU, GCNLSTM)]


@pytest.mark.parametrize("kind", [LSTM, GCN, *SLOW])
def test_it_gives_states_and_gradients_of_the_encoder(kind: type[Encoder]) -> None:
    check(kind(2, 4).double(), "aot_eager")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_an_lstm_is_compiled_by_inductor_as_torchs_is() -> None:
    check(LSTM(2, 4).double(), "inductor")
