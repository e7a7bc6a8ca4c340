"""torch.compile of an encoder or a model as it is: one graph of operations, on the rows and edges that it is given."""

from __future__ import annotations

import shutil

import pytest
import torch
from families import EDGE_FAMILIES, FAMILIES, Family, encoder_of
from torch import fx

import graphseq as gs
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, RNN, Encoder, Model
from graphseq.testing.graphs import Graphs

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
    # Without torch's cache on disk: what a process with AVX-512 left there gives wrong numbers where one is limited to
    # AVX2 by ATEN_CPU_CAPABILITY.
    with torch._inductor.config.patch(force_disable_caches=True):
        check(LSTM(2, 4).double(), "inductor")


QUICK = ("GCN-3", "GCNLSTM")


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=() if family.name in QUICK else pytest.mark.slow, id=family.name)
        for family in (*FAMILIES, *EDGE_FAMILIES)
    ],
)
def test_every_encoder_is_one_graph(family: Family) -> None:
    encoder = encoder_of(family).eval()
    graph = Graphs(edge_channels=family.edge_channels).random(1)
    torch._dynamo.reset()
    # Torch looks into its own recurrences only when it is told to.
    with torch._dynamo.config.patch(allow_rnn=True):
        compiled = torch.compile(encoder, fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(graph), encoder(graph), rtol=0, atol=1e-10)


class Counter:
    """A backend that compiles nothing and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, graph: fx.GraphModule, _: list[torch.Tensor]) -> fx.GraphModule:
        self.count += 1
        return graph


def test_batches_that_share_rows_and_edges_are_compiled_once() -> None:
    task, counter = gs.tasks.Palindrome(length=6), Counter()
    model = Model(GCN(task.in_channels, 4), task.out_channels, pool=None)
    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, backend=counter)
    for seed in range(3):
        batch = task.batch(2, torch.Generator().manual_seed(seed))
        assert torch.equal(compiled(batch), model(batch))
    assert counter.count == 1
    larger = task.batch(3, torch.Generator().manual_seed(0))
    assert torch.equal(compiled(larger), model(larger))
    assert counter.count == 2


def test_modes_and_weights_that_change_are_seen() -> None:
    graph, model = Graphs().random(1), GCN(2, 16, dropout=0.5).double()
    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    assert not torch.equal(compiled(graph), compiled(graph))
    model.eval()
    assert torch.equal(compiled(graph), model(graph))
    model.load_state_dict({name: 2 * weight for name, weight in model.state_dict().items()}, assign=True)
    assert torch.equal(compiled(graph), model(graph))


@pytest.mark.parametrize("what", ["edges", "targets"])
def test_other_contents_than_it_was_compiled_on_are_refused(what: str) -> None:
    graph = gs.from_signal(torch.randn(2, 3, 2), torch.tensor([[0, 1], [1, 2]]))
    graph = graph.replace(target=torch.tensor([True, False, False] * 2))
    model = Model(GCN(2, 4), 3)
    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    assert torch.equal(compiled(graph), model(graph))
    if what == "edges":
        graph.static_edge_index[0, 0] = 2
    else:
        graph = graph.replace(target=torch.tensor([False, True, False] * 2))
    with pytest.raises(
        RuntimeError, match="other rows, edges or targets than the graph that the model was compiled on"
    ):
        compiled(graph)


def test_operations_that_are_kept_have_a_bound() -> None:
    graph = gs.from_sequence(torch.randn(3, 2))
    for _ in range(3):
        torch._dynamo.reset()
        model = GCN(2, 4)
        torch.compile(model, fullgraph=True, backend="eager")(graph)
    assert 3 <= len(graph.topology.recorded) <= 32


def test_torchs_own_recurrences_are_left_to_torchs_rule() -> None:
    graph, model = Graphs().random(1), LSTM(2, 4).double()
    torch._dynamo.reset()
    with pytest.raises(torch._dynamo.exc.Unsupported, match="allow_rnn"):
        torch.compile(model, fullgraph=True, backend="eager")(graph)
