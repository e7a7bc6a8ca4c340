"""Settings, the models that they make, where their weights start and what they cost."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

import graphseq as gs
from graphseq.experiments.text import models
from graphseq.experiments.text.init import scale
from graphseq.experiments.text.settings import MODELS, OPTIMIZERS, STARTS, Settings
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, RNN, Model
from graphseq.text.flops import multiply_adds
from graphseq.training.optim import OPTIMIZERS as KNOWN


def test_settings_survive_json() -> None:
    settings = Settings(at=(3, 4), sample_first="AB", cosine=7, sample_temperatures=(0.5,))
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


@pytest.mark.parametrize("change", [{"hidden": "128"}, {"hidden": None}, {"more": 1}, {"at": 3}, {"lr": 1}], ids=str)
def test_a_record_of_something_else_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="settings must hold model, hidden, layers"):
        Settings.from_json({**Settings().to_json(), **change})


@pytest.mark.parametrize("name", ["seed", "precision", "at"])
def test_what_a_record_lacks_has_its_default(name: str) -> None:
    record = Settings().to_json()
    del record[name]
    assert Settings.from_json(record) == Settings()


@pytest.mark.parametrize(
    ("every", "at", "steps", "expected"),
    [
        (4, (), 10, [4, 8, 10]),
        (4, (), 8, [4, 8]),
        (100, (), 3, [3]),
        (4, (1, 8, 30), 10, [1, 4, 8, 10]),
    ],
)
def test_reports_come_at_each_every_at_those_named_and_at_the_last(
    every: int, at: tuple[int, ...], steps: int, expected: list[int]
) -> None:
    assert Settings(every=every, at=at).reports(steps) == expected


def test_every_optimizer_that_fit_knows_can_be_named() -> None:
    assert OPTIMIZERS == KNOWN


@pytest.mark.parametrize("name", MODELS)
def test_each_family_is_built_of_its_sizes_and_the_same_each_time(name: str) -> None:
    settings = Settings(model=name, hidden=6, layers=2, length=9)
    model, again = models.build(settings, 5), models.build(settings, 5)
    encoder = {"LSTM": LSTM, "GRU": GRU, "RNN": RNN, "GCN": GCN}.get(name, GCNLSTM)
    assert type(model.encoder) is encoder
    assert (model.encoder.in_channels, model.encoder.hidden_channels, model.encoder.num_layers) == (5, 6, 2)
    assert model.causal
    assert model.transform is (gs.transforms.grow if name == "GCN-LSTM-grown" else None)
    assert models.window(settings) == (9 if name == "GCN-LSTM-grown" else None)
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    other_seed = models.build(replace(settings, seed=1), 5)
    assert not torch.equal(model.head.lin.weight, other_seed.head.lin.weight)


def test_the_gcn_lstm_begins_as_the_lstm_and_trains_like_it() -> None:
    lstm, gcn_lstm = (models.build(Settings(model=name, hidden=6), 5) for name in ("LSTM", "GCN-LSTM"))
    graph = gs.from_sequence(torch.tensor([0, 3, 1]))
    torch.testing.assert_close(lstm(graph), gcn_lstm(graph))


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no model 'perceiver'; models are 0-hop, GCN, SAGE"):
        models.build(Settings(model="perceiver"), 5)


@pytest.mark.parametrize(("kind", "gates"), [(LSTM, 4), (GRU, 3), (RNN, 1)])
def test_scaled_weights_have_the_scales_that_they_should(kind: type, gates: int) -> None:
    torch.manual_seed(0)
    encoder = scale(kind(60, 64, 2))
    first, second = ([weight.detach() for weight in layer] for layer in encoder.kernel.all_weights)
    assert float(first[0].std()) == pytest.approx(0.5, rel=0.05)
    assert float(second[0].std()) == pytest.approx(2 / 8, rel=0.05)
    for _, w_h, b_x, b_h in (first, second):
        assert w_h.shape == (gates * 64, 64)
        for gate in w_h.split(64):
            torch.testing.assert_close(gate.T @ gate, torch.eye(64), atol=1e-5, rtol=0)
        bias = b_x + b_h
        expected = torch.zeros(gates * 64)
        if kind is LSTM:
            expected[64:128] = 1  # i, f, g, o
        assert torch.equal(bias, expected)


def test_the_head_keeps_its_weights_and_other_encoders_are_refused() -> None:
    plain, scaled = (models.build(Settings(start=start, hidden=4), 3) for start in STARTS)
    assert torch.equal(scaled.head.lin.weight, plain.head.lin.weight)
    with pytest.raises(ValueError, match="scaled weights are for RNN, GRU and LSTM, got GCN"):
        scale(gs.nn.GCN(3, 4))
    with pytest.raises(ValueError, match="start 'scaled' is for RNN, GRU and LSTM, not for GCN"):
        models.build(Settings(model="GCN", start="scaled", hidden=4), 3)
    assert STARTS == ("torch", "scaled")


def test_scaled_settings_draw_scaled_weights() -> None:
    settings = Settings(hidden=32, start="scaled")
    model = models.build(settings, 5)
    w_h = model.encoder.kernel.weight_hh_l0[:32]
    torch.testing.assert_close(w_h.T @ w_h, torch.eye(32), atol=1e-5, rtol=0)


def test_dropout_leaves_out_its_share_in_training_alone() -> None:
    model = models.build(Settings(hidden=200, layers=2, dropout=0.25), 3)
    graph, between = gs.from_sequence(torch.zeros(50, dtype=torch.long)), []
    model.head.lin.register_forward_hook(lambda _, given, __: between.append(given[0]))
    with torch.no_grad():
        model.eval()
        plain = model(graph)
        assert torch.equal(plain, model(graph))
        assert not (between[-1] == 0).any()
        model.train()
        model(graph)
    left_out = between[-1] == 0
    assert float(left_out.float().mean()) == pytest.approx(0.25, abs=0.02)
    # Between the layers as well: the states that were not left out are not those of evaluation, scaled.
    assert not torch.allclose(between[-1][~left_out], between[-2][~left_out] / 0.75)


def test_one_layer_with_dropout_drops_before_the_head_alone() -> None:
    model = models.build(Settings(hidden=200, layers=1, dropout=0.25), 3)
    graph, between = gs.from_sequence(torch.zeros(50, dtype=torch.long)), []
    model.head.lin.register_forward_hook(lambda _, given, __: between.append(given[0]))
    with torch.no_grad():
        model.eval()(graph)
        model.train()(graph)
    left_out = between[1] == 0
    torch.testing.assert_close(between[1][~left_out], between[0][~left_out] / 0.75)


def test_multiply_adds_of_the_table_by_hand() -> None:
    model = Model(LSTM(87, 512, 2), 87)
    forward = 4 * (87 * 512 + 512 * 512) + 4 * (512 * 512 + 512 * 512) + 512 * 87
    assert forward == 3_368_448
    assert multiply_adds(model, 64 * 30 * 8435) == 3 * forward * 64 * 30 * 8435


@pytest.mark.parametrize(("kind", "gates"), [(LSTM, 4), (GRU, 3), (RNN, 1)])
def test_multiply_adds_are_those_that_torch_counts(kind: type, gates: int) -> None:
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415

    size, layers, channels, rows = 6, 2, 5, 7
    widths = [channels] + [size] * (layers - 1)
    weights = [[nn.Parameter(torch.randn(gates * size, width)) for width in (before, size)] for before in widths]
    head = nn.Parameter(torch.randn(channels, size))
    h = torch.randn(rows, channels, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        for w_x, w_h in weights:  # each product of a step, of all rows at once
            state = torch.randn(rows, size, requires_grad=True)
            out = (h @ w_x.T + state @ w_h.T)[:, :size]
            h = torch.tanh(out)
        (h @ head.T).sum().backward()
    model = Model(kind(channels, size, layers), channels)
    assert counter.get_total_flops() == 2 * multiply_adds(model, rows)


def test_other_models_are_not_counted() -> None:
    with pytest.raises(ValueError, match="multiply-adds are counted for RNN, GRU and LSTM, got GCN"):
        multiply_adds(Model(GCN(3, 4, 1, causal=True), 3), 10)
    with pytest.raises(ValueError, match="got LSTM"):
        multiply_adds(Model(LSTM(3, 4), 3, pool="mean"), 10)
