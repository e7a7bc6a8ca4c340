"""A state that is carried gives what reading everything again gives, for every family."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import SAGEConv

import graphseq as gs
from graphseq.nn import GCN, GCNGRU, GCNLSTM, GRU, LSTM, MLP, RNN, Encoder, Model
from graphseq.text.decoding import CellReader, StatefulReader, WindowReader, reader

V = 5
FAMILIES: dict[str, tuple[Callable[[], Encoder], type]] = {
    "RNN": (lambda: RNN(V, 7, 2), CellReader),
    "GRU": (lambda: GRU(V, 7, 2), CellReader),
    "LSTM": (lambda: LSTM(V, 7, 2), CellReader),
    "LSTM of 3 layers": (lambda: LSTM(V, 7, 3), CellReader),
    "GCN-LSTM": (lambda: GCNLSTM(V, 7, 2), CellReader),
    "GCN-GRU": (lambda: GCNGRU(V, 7, 2), CellReader),
    "GCN-LSTM, inputs convolved": (lambda: GCNLSTM(V, 7, 2, convolve="input"), CellReader),
    "GCN-LSTM with peepholes": (lambda: GCNLSTM(V, 7, 2, peepholes=True), StatefulReader),
    "GCN-LSTM, residual": (lambda: GCNLSTM(V, 7, 3, residual=True), StatefulReader),
    "GCN-LSTM of SAGE": (lambda: GCNLSTM(V, 7, 2, conv=SAGEConv), StatefulReader),
    "GCN-2": (lambda: GCN(V, 7, 2, causal=True), WindowReader),
    "GCN-5": (lambda: GCN(V, 7, 5, causal=True), WindowReader),
    "MLP": (lambda: MLP(V, 7), WindowReader),
}
each_family = pytest.mark.parametrize("family", FAMILIES)


def build(family: str) -> Model:
    torch.manual_seed(0)
    model = Model(FAMILIES[family][0](), V).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter)  # also what begins at zero, and far enough from it for gates to matter
    return model


def again(model: Model, tokens: Tensor) -> Tensor:
    """Logits (C,) after all of a text, by a full pass over it."""
    with torch.no_grad():
        return model(gs.from_sequence(tokens))[-1]


@each_family
def test_each_step_equals_a_full_pass_over_all_that_came_before(family: str) -> None:
    model, text = build(family), torch.randint(V, (24,), generator=torch.Generator().manual_seed(1))
    reading = reader(model)
    assert type(reading) is FAMILIES[family][1]
    logits, state = reading.begin(text[:3])
    for end in range(3, len(text)):
        torch.testing.assert_close(logits[0], again(model, text[:end]), rtol=0, atol=1e-10)
        logits, state = reading.advance(text[end : end + 1], state)
    torch.testing.assert_close(logits[0], again(model, text), rtol=0, atol=1e-10)


@each_family
def test_readings_side_by_side_do_not_mix_and_may_change_places(family: str) -> None:
    model = build(family)
    reading = reader(model)
    texts = torch.tensor([[0, 1, 2, 3], [0, 4, 4, 1], [0, 2, 0, 0]])
    logits, state = reading.begin(texts[0, :1])
    state = tuple(part[[0, 0, 0]] for part in state)
    logits, state = reading.advance(texts[:, 1], state)
    order = torch.tensor([2, 0, 0])
    state, texts = tuple(part[order] for part in state), torch.cat([texts[order, :2], texts[:, 2:]], dim=1)
    for place in (2, 3):
        logits, state = reading.advance(texts[:, place], state)
    for row, text in zip(logits, texts, strict=True):
        torch.testing.assert_close(row, again(model, text), rtol=0, atol=1e-10)


@pytest.mark.parametrize("family", [name for name, (_, kind) in FAMILIES.items() if kind is not WindowReader])
def test_a_text_read_in_pieces_is_one_long_pass(family: str) -> None:
    model, text = build(family), torch.randint(V, (17,), generator=torch.Generator().manual_seed(2))
    reading, state, found = reader(model), None, []
    for piece in text.split(5):
        logits, state = reading.read(piece, state)
        found.append(logits)
    with torch.no_grad():
        torch.testing.assert_close(torch.cat(found), model(gs.from_sequence(text)), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("layers", "window"), [(1, 3), (2, 4), (5, 7), (20, 22)])
def test_a_gcn_reads_its_layers_hops_its_own_row_and_one_more_for_the_degree(layers: int, window: int) -> None:
    assert reader(Model(GCN(V, 4, layers, causal=True), V)).window == window


def test_a_grown_sequence_is_read_in_windows_that_are_named() -> None:
    torch.manual_seed(0)
    model = Model(GCNLSTM(V, 6), V, transform=gs.transforms.grow).double()
    reading, text = reader(model, window=6), torch.tensor([1, 0, 3, 4, 2, 2, 0, 1, 3])
    logits, state = reading.begin(text[:5])
    for end in range(5, 9):
        torch.testing.assert_close(logits[0], again(model, text[max(0, end - 6) : end]), rtol=0, atol=1e-10)
        logits, state = reading.advance(text[end : end + 1], state)
    assert state[0].tolist() == [text[-6:].tolist()]


def test_what_sees_without_end_and_carries_nothing_must_be_told_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphseq.text.decoding.LONGEST", 8)
    with pytest.raises(
        ValueError, match=r"GCNLSTM has no recurrent state and a receptive field of more than 8 rows; .* window="
    ):
        reader(Model(GCNLSTM(V, 6), V, transform=gs.transforms.grow))


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        (lambda: LSTM(V, 4), TypeError, "model must be a graphseq.nn.Model with one output a row, got LSTM"),
        (lambda: Model(LSTM(V, 4), V, pool="mean"), TypeError, "one output a row, got LSTM"),
        (lambda: Model(GCN(V, 4), V), ValueError, "sees no later rows, got GCN; use causal=True"),
    ],
)
def test_what_cannot_write_a_text_is_refused(model: Callable[[], Model], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        reader(model())


def test_a_window_for_what_carries_a_state_is_refused() -> None:
    with pytest.raises(ValueError, match="window=5 is for a model without a recurrent state; LSTM has one"):
        reader(Model(LSTM(V, 4), V), window=5)
