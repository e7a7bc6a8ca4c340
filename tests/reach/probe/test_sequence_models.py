"""Probes of sequence models, on tensors as the models read them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from graphseq.reach import Probe

F64 = torch.float64
B, T, F = 2, 5, 3


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.3, batch_first=True)
        self.embed, self.encoder = nn.Linear(F, 4), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(self.embed(x))


MODELS: dict[str, Callable[[], nn.Module]] = {
    "LSTM": lambda: nn.LSTM(F, 4, num_layers=2, batch_first=True),
    "GRU": lambda: nn.GRU(F, 4, batch_first=True),
    "RNN": lambda: nn.RNN(F, 4, batch_first=True),
    "bidirectional": lambda: nn.LSTM(F, 4, batch_first=True, bidirectional=True),
    "time first": lambda: nn.GRU(F, 4),
    "Transformer": Transformer,
    "Conv1d": lambda: nn.Sequential(
        nn.Conv1d(F, 4, 3, padding=1), nn.Tanh(), nn.Conv1d(4, 2, 3, padding=2, dilation=2)
    ),
    "Linear": lambda: nn.Linear(F, 2),
}
ORDER = {"time first": (1, 0, 2), "Conv1d": (0, 2, 1)}  # of (B, T, F) in what the model reads


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    return MODELS[name]().double()


def arranged(name: str, x: Tensor) -> Tensor:
    return x.permute(ORDER.get(name, (0, 1, 2)))


def first(out: object) -> Tensor:
    return out[0] if isinstance(out, tuple) else out


def brute(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Norms of the blocks of the whole Jacobian, of (B, T, C) in (B, T, F), as (B·T, B·T)."""
    whole = torch.autograd.functional.jacobian(function, x)  # (B, T, C, B, T, F)
    return whole.square().sum(dim=(2, 5)).sqrt().reshape(x.shape[0] * x.shape[1], -1)


@pytest.mark.parametrize("name", MODELS)
def test_influence_of_a_sequence_model_equals_the_whole_jacobian(name: str) -> None:
    model, x = build(name), torch.randn(B, T, F, dtype=F64, generator=torch.Generator().manual_seed(1))
    inverse = torch.argsort(torch.tensor(ORDER.get(name, (0, 1, 2)))).tolist()
    probe = Probe(model, arranged(name, x))
    found = probe.influence()
    assert (probe.kind, found.shape) == ("node", (B * T, B * T))
    model.eval()
    expected = brute(lambda value: first(model(arranged(name, value))).permute(inverse), x)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-15)


def test_one_sequence_without_a_batch() -> None:
    model, x = build("LSTM"), torch.randn(T, F, dtype=F64)
    expected = brute(lambda value: model(value)[0], x[None])
    torch.testing.assert_close(Probe(model, x).influence(), expected, rtol=1e-12, atol=1e-15)
    later = torch.triu(torch.ones(T, T, dtype=torch.bool), 1)
    assert not Probe(model, x).influence()[later].any()


def test_the_last_state_is_one_answer_a_sequence() -> None:
    model, x = build("LSTM"), torch.randn(B, T, F, dtype=F64)
    probe = Probe(model, x, output=lambda out: out[1][0][-1])
    assert (probe.kind, probe.num_outputs, probe.out_channels) == ("graph", B, 4)
    every = Probe(model, x).influence(nodes=[T - 1, 2 * T - 1])
    torch.testing.assert_close(probe.influence(), every, rtol=1e-12, atol=1e-15)


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.rnn, self.out = nn.Embedding(7, 4), nn.GRU(4, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.out(self.rnn(self.embed(tokens))[0])


def test_of_tokens_the_embedding_or_a_relaxed_one_hot_row_is_the_input() -> None:
    torch.manual_seed(0)
    model, tokens = Tagger().double(), torch.randint(0, 7, (B, T))
    embedded = Probe(model, tokens)
    assert embedded.x.shape == (B * T, 4)
    expected = brute(lambda value: model.out(model.rnn(value)[0]), model.embed(tokens).detach())
    torch.testing.assert_close(embedded.influence(), expected, rtol=1e-12, atol=1e-15)
    relaxed = Probe(model, tokens, tokens="one-hot")
    one_hot = nn.functional.one_hot(tokens, 7).double()
    assert torch.equal(relaxed.x, one_hot.flatten(0, 1))
    expected = brute(lambda value: model.out(model.rnn(value @ model.embed.weight)[0]), one_hot)
    torch.testing.assert_close(relaxed.influence(), expected, rtol=1e-12, atol=1e-15)


def test_of_tokens_in_single_precision() -> None:
    torch.manual_seed(0)
    model, tokens = Tagger(), torch.randint(0, 7, (B, T))
    for kind in ("embedding", "one-hot"):
        exact = Probe(model, tokens, tokens=kind, double=True)
        found = Probe(model, tokens, tokens=kind)
        for wrt in ("x", "rnn"):
            torch.testing.assert_close(found.influence(wrt=wrt), exact.influence(wrt=wrt).float(), rtol=1e-4, atol=1e-6)


def test_tokens_that_no_embedding_reads_are_refused() -> None:
    model = lambda tokens: tokens.double()[..., None]  # noqa: E731
    with pytest.raises(ValueError, match=r"x holds integers .torch.int64.*no torch.nn.Embedding"):
        Probe(model, torch.zeros(B, T, dtype=torch.long))


class Transposed(nn.Module):
    """Reads (B, T, F), with a layer inside that reads (T, B, F)."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.out = nn.LSTM(F, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.rnn(x.transpose(0, 1))[0]).transpose(0, 1)


def test_the_axes_are_those_that_the_model_reads_whatever_a_layer_inside_reads() -> None:
    torch.manual_seed(0)
    model, x = Transposed().double(), torch.randn(B, T, F, dtype=F64)
    probe = Probe(model, x)
    assert probe.notes == ("axes of x are BTF",)
    torch.testing.assert_close(probe.influence(), brute(model, x), rtol=1e-12, atol=1e-15)
    assert probe.hops()[T + 2].tolist() == [-1] * T + [2, 1, 0, 1, 2]
    assert Probe(nn.LSTM(F, 4), torch.randn(T, B, F)).notes[0] == "axes of x are TBF"


def test_as_many_sequences_as_steps_hide_the_order_and_are_refused_until_it_is_said() -> None:
    torch.manual_seed(0)
    model, x = Transposed().double(), torch.randn(T, T, F, dtype=F64)
    with pytest.raises(ValueError, match=r"what the axes of x \(5, 5, 3\) are: BTF or TBF; say it by layout='BTF'"):
        Probe(model, x)
    found = Probe(model, x, layout="BTF")
    torch.testing.assert_close(found.influence(), brute(model, x), rtol=1e-12, atol=1e-15)
    assert Probe(nn.LSTM(F, 4), torch.randn(T, T, F)).notes[0] == "axes of x are TBF"  # it is given x itself
    with pytest.raises(ValueError, match="layout must name the 3 axes of x, one of BTF, TBF, BFT; got 'BT'"):
        Probe(model, x, layout="BT")


class Causal(nn.Module):
    """A language model: tokens, positions, attention under a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(7, 4), nn.Linear(4, 7)
        layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1], dtype=x.dtype)
        return self.out(self.layers(x, mask=mask, is_causal=True))


def test_a_language_model_reads_no_later_token() -> None:
    torch.manual_seed(0)
    probe = Probe(Causal().double(), torch.randint(0, 7, (B, T)))
    for t in range(T):
        field = probe.receptive_field(T + t)
        assert not field.is_measured, field.why
        assert field.rows.tolist() == list(range(T, T + t + 1))
