"""Bits a character, against a loop that takes one window and one character at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import graphseq as gs
from graphseq.nn import GCN, GCNLSTM, LSTM, RNN, Model
from graphseq.text import evaluation

V, T = 4, 5
TOKENS = torch.randint(V, (33,), generator=torch.Generator().manual_seed(1))


def built(model: Model) -> Model:
    torch.manual_seed(0)
    for parameter in model.double().parameters():
        nn.init.normal_(parameter)
    return model


def bits(model: Model, seen: Tensor, following: int) -> float:
    with torch.no_grad():
        return -float(model(gs.from_sequence(seen))[-1].log_softmax(0)[following]) / math.log(2)


def by_hand(model: Model, starts: list[int]) -> float:
    ends = [(start, start + row + 1) for start in starts for row in range(T)]
    found = [bits(model, TOKENS[start:end], int(TOKENS[end])) for start, end in ends]
    return sum(found) / len(found)


MODELS = {
    "LSTM": lambda: Model(LSTM(V, 6, 2), V),
    "RNN": lambda: Model(RNN(V, 6), V),
    "GCN": lambda: Model(GCN(V, 6, 2, causal=True), V),
    "grown GCN-LSTM": lambda: Model(GCNLSTM(V, 6), V, transform=gs.transforms.grow),
}


@pytest.mark.parametrize("name", MODELS)
def test_windows_are_those_of_a_plain_loop(name: str) -> None:
    model = built(MODELS[name]())
    expected = by_hand(model, [0, 5, 10, 15, 20, 25])  # 25 + 5 + 1 of the 33 characters; two are left over
    assert evaluation.windows(model, TOKENS, T) == pytest.approx(expected, abs=1e-10)
    assert evaluation.windows(model, TOKENS, T, batch_size=4) == pytest.approx(expected, abs=1e-10)


def test_a_text_that_ends_with_a_window_is_read_to_its_end() -> None:
    model = built(MODELS["LSTM"]())
    assert evaluation.windows(model, TOKENS[:31], T) == pytest.approx(by_hand(model, [0, 5, 10, 15, 20, 25]), abs=1e-10)
    assert evaluation.windows(model, TOKENS[:30], T) == pytest.approx(by_hand(model, [0, 5, 10, 15, 20]), abs=1e-10)


def test_a_few_windows_are_evenly_spaced() -> None:
    model = built(MODELS["LSTM"]())
    assert evaluation.windows(model, TOKENS, T, most=3) == pytest.approx(by_hand(model, [0, 10, 20]), abs=1e-10)
    assert evaluation.windows(model, TOKENS, T, most=60) == pytest.approx(
        evaluation.windows(model, TOKENS, T), abs=1e-12
    )


def test_a_stream_is_one_long_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    model = built(MODELS["LSTM"]())
    expected = sum(bits(model, TOKENS[: end + 1], int(TOKENS[end + 1])) for end in range(32)) / 32
    assert evaluation.stream(model, TOKENS) == pytest.approx(expected, abs=1e-10)
    monkeypatch.setattr(evaluation, "_PIECE", 7)
    assert evaluation.stream(model, TOKENS) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("name", ["GCN", "grown GCN-LSTM"])
def test_what_carries_no_state_has_no_stream(name: str) -> None:
    assert evaluation.stream(built(MODELS[name]()), TOKENS) is None


@pytest.mark.parametrize("name", MODELS)
def test_bits_by_context_are_those_of_a_plain_loop(name: str) -> None:
    model, ends = built(MODELS[name]()), range(T, len(TOKENS))
    found = evaluation.by_context(model, TOKENS, T)
    for context, value in enumerate(found, start=1):
        plain = [bits(model, TOKENS[end - context : end], int(TOKENS[end])) for end in ends]
        assert value == pytest.approx(sum(plain) / len(plain), abs=1e-10)
    few = evaluation.by_context(model, TOKENS, T, most=4, batch_size=3)
    plain = [bits(model, TOKENS[end - T : end], int(TOKENS[end])) for end in (5, 12, 19, 26)]
    assert few[-1] == pytest.approx(sum(plain) / 4, abs=1e-10)


def test_more_than_a_gcn_reads_tells_it_nothing() -> None:
    # Two layers read three rows; whether there is one before the first of them, its degree tells.
    found = evaluation.by_context(built(MODELS["GCN"]()), TOKENS, 8)
    assert found[3:] == pytest.approx([found[3]] * 5, abs=1e-12)
    assert all(abs(found[place] - found[3]) > 1e-3 for place in range(3))


def test_a_model_that_knows_nothing_needs_the_logarithm_of_the_alphabet() -> None:
    model = Model(LSTM(V, 6), V).double()
    nn.init.zeros_(model.head.lin.weight)
    nn.init.zeros_(model.head.lin.bias)
    assert evaluation.windows(model, TOKENS, T) == pytest.approx(2, abs=1e-12)
    assert evaluation.stream(model, TOKENS) == pytest.approx(2, abs=1e-12)


@pytest.mark.parametrize("name", ["LSTM", "RNN"])
def test_nats_of_each_character_have_the_mean_of_all(name: str) -> None:
    model = built(MODELS[name]())
    each = evaluation.nats_in_windows(model, TOKENS, T, batch_size=4)
    assert each.shape == (6, T)
    assert float(each.mean()) / math.log(2) == pytest.approx(evaluation.windows(model, TOKENS, T), abs=1e-10)
    assert float(each[1, 2]) / math.log(2) == pytest.approx(bits(model, TOKENS[5:8], int(TOKENS[8])), abs=1e-10)
    streamed = evaluation.nats_in_stream(model, TOKENS)
    assert float(streamed.mean()) / math.log(2) == pytest.approx(evaluation.stream(model, TOKENS), abs=1e-10)
    assert float(streamed[3]) / math.log(2) == pytest.approx(bits(model, TOKENS[:4], int(TOKENS[4])), abs=1e-10)


def test_a_model_without_a_state_has_no_stream() -> None:
    with pytest.raises(ValueError, match="no recurrent state"):
        evaluation.nats_in_stream(built(MODELS["GCN"]()), TOKENS)


def test_log_probabilities_are_those_of_the_nats() -> None:
    torch.manual_seed(0)
    model, tokens = Model(LSTM(5, 8), 5).eval(), torch.randint(5, (64,))
    inside = evaluation.log_probabilities_in_windows(model, tokens, 10, batch_size=4)
    starts = torch.arange(0, 54, 10)
    following = tokens[(starts[:, None] + torch.arange(1, 11)).flatten()]
    nats = evaluation.nats_in_windows(model, tokens, 10).flatten()
    torch.testing.assert_close(-inside.gather(1, following[:, None])[:, 0].double(), nats, atol=1e-6, rtol=0)
    stream = evaluation.log_probabilities_in_stream(model, tokens)
    nats = evaluation.nats_in_stream(model, tokens)
    torch.testing.assert_close(-stream.gather(1, tokens[1:, None])[:, 0].double(), nats, atol=1e-6, rtol=0)
    torch.testing.assert_close(stream.exp().sum(1), torch.ones(63), atol=1e-5, rtol=0)
