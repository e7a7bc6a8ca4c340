"""Half the bits: what runs in them, what stays in float32, and what is recorded."""

from __future__ import annotations

from copy import copy
from pathlib import Path

import networkx as nx
import pytest
import torch
from families import FAMILIES, Family, encoder_of
from randomgraphs import draw, sequence, with_x
from torch_geometric.data import Data

import graphseq as gs
from graphseq._torch import precision
from graphseq.data.adjacency import SparseMatrix
from graphseq.nn import GCN, LSTM, MLP, Model
from graphseq.nn.recurrent._dag_schedule import Ancestry
from graphseq.tasks import Palindrome, Transfer

HALVES = [torch.bfloat16, torch.float16]


@pytest.mark.parametrize("kind", HALVES)
def test_a_sparse_product_of_half_the_bits_is_that_of_float32_rounded_once(kind: torch.dtype) -> None:
    matrix = SparseMatrix(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), torch.tensor([0.3, 0.7, 1.1]), 2)
    x = torch.randn(2, 3, generator=torch.Generator().manual_seed(0)).to(kind).requires_grad_()
    out = matrix @ x
    assert out.dtype == kind
    assert torch.equal(out, (matrix.csr.to_dense() @ x.detach().float()).to(kind))
    out.backward(torch.ones_like(out))
    assert torch.equal(x.grad, (matrix.csr.to_dense().t() @ torch.ones(2, 3)).to(kind))


def test_under_autocast_a_sparse_product_stays_in_float32() -> None:
    graph = draw(0, dtype=torch.float32)
    hat = graph.topology.spacetime().normalised(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = hat @ graph.x
    assert torch.equal(inside, hat @ graph.x)
    assert graph.topology.spacetime().normalised(torch.bfloat16) is hat


def test_its_gradient_stays_in_float32_where_it_is_taken_under_autocast() -> None:
    graph = draw(0, dtype=torch.float32)
    encoder = GCN(2, 4, 2, jk="cat")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (inside,) = torch.autograd.grad(encoder(graph).float().sum(), encoder.convs[0].lin.weight)
        out = encoder(graph).float().sum()
    (outside,) = torch.autograd.grad(out, encoder.convs[0].lin.weight)
    torch.testing.assert_close(inside, outside, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("kind", HALVES)
@pytest.mark.parametrize("name", ["GCN", "GCNGRU", "GCNLSTM", "ForgettingGCNLSTM", "PathAttention", "Transformer"])
def test_a_row_of_many_neighbours_sums_them_all_in_half_the_bits(name: str, kind: torch.dtype) -> None:
    """In bfloat16 256 + 1 is 256, so that a sum one by one would stop there."""
    torch.manual_seed(0)
    graph = gs.from_graph(nx.star_graph(900), x=torch.rand(901, 3, dtype=torch.float64) + 0.5)
    encoder = getattr(gs.nn, name)(3, 4).double().eval()
    expected = encoder(graph)[0].detach()
    found = encoder.to(kind)(copy(graph).to(kind))[0].detach()
    assert float((found.double() - expected).norm() / expected.norm()) < 4 * torch.finfo(kind).eps


def test_the_messages_of_many_children_are_all_summed_in_half_the_bits() -> None:
    edges = torch.stack([torch.arange(1, 901), torch.zeros(900, dtype=torch.long)])
    ancestry = Ancestry(gs.from_graph(Data(x=torch.ones(901, 1), edge_index=edges)).topology)
    (root,) = (generation for generation in ancestry.generations if 0 in generation.rows.tolist())
    for kind in HALVES:
        assert root.aggregate(torch.ones(900, 1, dtype=kind)).tolist() == [[900.0]]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("kind", ["dynamic", "sequence"])
def test_every_family_runs_forth_and_back_within_what_8_bits_tell(family: Family, kind: str) -> None:
    graph = draw(0, dtype=torch.float32) if kind == "dynamic" else sequence(0, 6, dtype=torch.float32)
    encoder = encoder_of(family, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = encoder(graph)
    full = encoder(graph)
    assert (states.float() - full).norm() < 0.02 * full.norm()
    states.float().sin().sum().backward()
    half = torch.cat([p.grad.flatten() for p in encoder.parameters() if p.grad is not None])
    encoder.zero_grad()
    full.sin().sum().backward()
    whole = torch.cat([p.grad.flatten() for p in encoder.parameters() if p.grad is not None])
    assert half.dtype == torch.float32
    assert (half - whole).norm() < 0.1 * whole.norm()


@pytest.fixture
def no_lstm_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor on which torch has no 16-bit LSTM, as one without AVX-512."""
    monkeypatch.setattr(precision, "_has_lstm_kernel", lambda dtype: False)


@pytest.mark.usefixtures("no_lstm_kernel")
@pytest.mark.parametrize("kind", ["dynamic", "sequence"])
def test_where_torch_has_no_lstm_of_half_the_bits_it_runs_in_float32(kind: str) -> None:
    graph = draw(0, dtype=torch.float32) if kind == "dynamic" else sequence(0, 6, dtype=torch.float32)
    torch.manual_seed(0)
    encoder = LSTM(2, 16, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed, from_halves = encoder(graph), encoder(with_x(graph, graph.x.bfloat16()))
        hooked = []
        handle = encoder.kernel.register_forward_hook(lambda _, inputs, __: hooked.append(inputs[0].dtype))
        watched = encoder(graph)
        handle.remove()
    assert torch.equal(mixed, encoder(graph))
    assert torch.equal(watched, mixed)
    assert set(hooked) == {torch.float32}
    assert torch.equal(from_halves, encoder(with_x(graph, graph.x.bfloat16().float())))


@pytest.mark.usefixtures("no_lstm_kernel")
def test_jumping_knowledge_by_an_lstm_then_runs_in_float32_too() -> None:
    encoder, inputs = GCN(2, 4, 2, jk="lstm"), []
    encoder.jump.join.lstm.register_forward_hook(  # type: ignore[union-attr]
        lambda _, given, __: inputs.append((given[0].dtype, torch.is_autocast_enabled("cpu")))
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        encoder(draw(0, dtype=torch.float32)).float().sum().backward()
    assert inputs == [(torch.float32, False)]


def test_kernels_that_ran_in_float32_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    def recorded(kind: str) -> object:
        history = gs.fit(Model(MLP(10, 8), 10), Palindrome(4), steps=1, batch_size=4, precision=kind)  # type: ignore[arg-type]
        return history.machine.get("float32_kernels")

    monkeypatch.setattr(precision, "_has_lstm_kernel", lambda dtype: False)
    assert (recorded("bfloat16"), recorded("float32")) == (["LSTM"], None)
    monkeypatch.setattr(precision, "_has_lstm_kernel", lambda dtype: True)
    assert recorded("bfloat16") is None


def test_a_module_that_torch_has_no_kernel_for_is_refused_by_name() -> None:
    class Refusing(torch.nn.Module):
        def __init__(self, message: str) -> None:
            super().__init__()
            self.lin, self.message = torch.nn.Linear(1, 1), message

        def forward(self, graph: gs.SpaceTimeGraph) -> None:
            raise RuntimeError(self.message)

    missing = "could not create a primitive descriptor for the LSTM forward propagation primitive"
    with pytest.raises(ValueError, match="precision='bfloat16' is not possible for this model"):
        gs.fit(Refusing(missing), Palindrome(4), steps=1, precision="bfloat16")
    with pytest.raises(RuntimeError, match="of my own"):
        gs.fit(Refusing("of my own"), Palindrome(4), steps=1, precision="bfloat16")


def test_torchs_own_lstm_under_bfloat16_trains_or_is_refused_by_name() -> None:
    class Own(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.lin = torch.nn.LSTM(10, 8), torch.nn.Linear(8, 10)

        def forward(self, graph: gs.SpaceTimeGraph) -> torch.Tensor:
            return self.lin(self.lstm(graph.x)[0][graph.target])  # type: ignore[no-any-return]

    def train() -> gs.History:
        return gs.fit(Own(), Palindrome(4), steps=1, batch_size=4, precision="bfloat16")

    if precision.kernels_in_full("bfloat16", "cpu"):
        with pytest.raises(ValueError, match="precision='bfloat16' is not possible for this model"):
            train()
    else:
        assert train().steps == 1


@pytest.mark.parametrize("build", [lambda: GCN(10, 16, 2), lambda: LSTM(10, 16)])
def test_what_is_learned_in_bfloat16_is_learned(build: object) -> None:
    torch.manual_seed(0)
    model = Model(build(), 10)  # type: ignore[operator]
    settings = {"batch_size": 32, "optimizer": "Adam", "lr": 0.02, "stop_window": 10}
    history = gs.fit(model, Transfer(3), steps=600, precision="bfloat16", **settings)
    assert history.solved
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert gs.evaluate(model, Transfer(3)).score > 0.95  # in float32 too


def test_it_is_recorded_and_a_checkpoint_of_another_precision_is_told_apart(tmp_path: Path) -> None:
    def run(kind: str, **more: object) -> gs.History:
        torch.manual_seed(0)
        task = Palindrome(4)
        return gs.fit(Model(MLP(10, 8), 10), task, steps=3, batch_size=4, precision=kind, **more)  # type: ignore[arg-type]

    full, half = run("float32"), run("bfloat16", checkpoint_path=tmp_path / "run.pt")
    assert (full.config["precision"], half.config["precision"]) == ("float32", "bfloat16")
    assert full.loss == run("float32").loss != half.loss
    assert half.loss == pytest.approx(full.loss, rel=0.02)
    with pytest.raises(ValueError, match="precision was 'bfloat16', now 'float32'"):
        run("float32", checkpoint_path=tmp_path / "run.pt", resume=True)
    with pytest.raises(ValueError, match="precision must be one of bfloat16, float32; got 'half'"):
        run("half")


def test_a_checkpointed_pass_is_recomputed_whether_or_not_the_kernel_is_known_before() -> None:
    precision._has_lstm_kernel.cache_clear()
    encoder = gs.nn.GradientCheckpointed(gs.nn.LSTM(2, 4, 2), 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = encoder(sequence(0, 6, dtype=torch.float32))
    states.float().sum().backward()
    assert all(weight.grad is not None for weight in encoder.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_whose_parameters_are_16_bit_has_states_of_16_bits(family: Family, dtype: torch.dtype) -> None:
    encoder, graph = encoder_of(family, dtype=torch.float32), draw(1, dtype=torch.float32)
    expected = encoder(graph)
    encoder = encoder.to(dtype)
    short = graph.replace(x=graph.x.to(dtype))
    if family.name.startswith(("LRU", "MinPlus")):
        reason = r"(LRU|MinPlusGCN) has parameters in b?float16, (but its states are complex|in which distances)"
        with pytest.raises(ValueError, match=reason):
            encoder(short)
        return
    states = encoder(short)
    assert states.dtype == dtype
    torch.testing.assert_close(states.float(), expected, rtol=0.05, atol=0.1)
