"""The registry of models: what a name stands for, and that each entry keeps the contracts."""

from __future__ import annotations

import subprocess
import sys

import networkx as nx
import pytest
import torch
from randomgraphs import draw, seen, sequence

import graphseq as gs
from graphseq.experiments.models import (
    BASELINES,
    MODELS,
    STARTS,
    build,
    build_encoder,
    find,
    spelled,
    start_from,
    transform_of,
)

CLASSES = {
    "0-hop": gs.nn.MLP,
    "GCN": gs.nn.GCN,
    "SAGE": gs.nn.GCN,
    "GCNII": gs.nn.GCNII,
    "A-DGN": gs.nn.AntisymmetricGCN,
    "MP-SSM": gs.nn.StateSpaceGCN,
    "Wave": gs.nn.WaveGCN,
    "Min-plus": gs.nn.MinPlusGCN,
    "Path-attention": gs.nn.PathAttention,
    "RNN": gs.nn.RNN,
    "GRU": gs.nn.GRU,
    "LSTM": gs.nn.LSTM,
    "LRU": gs.nn.LRU,
    "MinGRU": gs.nn.MinGRU,
    "MinLSTM": gs.nn.MinLSTM,
    "GCN-GRU": gs.nn.GCNGRU,
    "Transformer": gs.nn.Transformer,
    "GCN-LSTM": gs.nn.GCNLSTM,
    "GCN-LSTM-state": gs.nn.GCNLSTM,
    "GCN-LSTM-grown": gs.nn.GCNLSTM,
    "GCN-LSTM-forgetting": gs.nn.ForgettingGCNLSTM,
    "DAG-LSTM": gs.nn.DAGLSTM,
}
each_name = pytest.mark.parametrize("name", MODELS)


@each_name
def test_a_name_stands_for_one_class(name: str) -> None:
    assert type(build_encoder(name, 2, 4)) is CLASSES[name]


PATH = gs.from_graph(nx.path_graph(6), x=torch.zeros(6, 2))


def hops_seen(name: str, graph: gs.SpaceTimeGraph = PATH, **options: int) -> int:
    """Hops that the first row of a path sees."""
    return int(build_encoder(name, 2, 4, **options).reach(graph, torch.tensor([0])).sum()) - 1


def test_the_names_of_one_class_differ_in_what_they_say() -> None:
    assert [hops_seen(name) for name in ("GCN-LSTM", "GCN-LSTM-grown", "GCN-LSTM-state")] == [1, 1, 0]
    assert not isinstance(build_encoder("GCN", 2, 4).convs[0], gs.nn.WeightedSAGE)
    assert isinstance(build_encoder("SAGE", 2, 4).convs[0], gs.nn.WeightedSAGE)
    transforms = {name: transform_of(name) for name in MODELS if transform_of(name) is not None}
    assert transforms == {"GCN-LSTM-grown": gs.transforms.grow, "DAG-LSTM": gs.transforms.unroll_time}


@each_name
@pytest.mark.parametrize("layers", [1, 3])
def test_layers_are_those_asked_for_by_argument_or_by_name(name: str, layers: int) -> None:
    assert build_encoder(name, 2, 4, num_layers=layers).num_layers == layers
    assert build_encoder(f"{name}-{layers}", 2, 4).num_layers == layers


@each_name
def test_without_a_number_layers_are_those_of_the_class(name: str) -> None:
    assert build_encoder(name, 2, 4).num_layers == CLASSES[name](2, 4).num_layers == MODELS[name].num_layers


@each_name
def test_every_model_trains(name: str) -> None:
    task = gs.tasks.Palindrome(4)
    with gs.seeding.forked(0):
        model = build(name, task, 4)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    history = gs.fit(model, task, steps=1, batch_size=3, seed=0)
    assert history.steps == 1
    assert any(not torch.equal(value, before[key]) for key, value in model.state_dict().items())


@each_name
@pytest.mark.parametrize("graph", [sequence(0, 5), draw(1), draw(2, directed=True)], ids=["path", "moving", "directed"])
def test_reach_is_the_pattern_of_the_jacobian(name: str, graph: gs.SpaceTimeGraph) -> None:
    if name == "GCN-LSTM-grown" and len(graph.node.unique()) > 1:
        pytest.skip("only a sequence grows")
    with gs.seeding.forked(0):
        model = gs.nn.Model(build_encoder(name, 2, 16), 3, transform=transform_of(name)).double()
    assert torch.equal(model.reach(graph), seen(model, graph))


def test_layers_that_are_hops_see_one_hop_each() -> None:
    stacks = [name for name, entry in MODELS.items() if entry.layers_are_hops]
    assert stacks == ["GCN", "SAGE", "GCNII", "A-DGN", "MP-SSM", "Wave"]
    assert {name: hops_seen(name, num_layers=3) for name in stacks} == dict.fromkeys(stacks, 3)
    sequence_of_6 = gs.from_sequence(torch.zeros(6, 2))
    for name in set(MODELS) - set(stacks):  # along time no layers of theirs are needed
        rows = build_encoder(name, 2, 4).reach(sequence_of_6, torch.tensor([5])).sum()
        assert int(rows) == (1 if name == "0-hop" else 6), name


@each_name
def test_a_causal_model_keeps_the_past_from_the_future(name: str) -> None:
    assert build_encoder(name, 2, 4, causal=True).causal


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("GCN", ("GCN", None)),
        ("gcn-12", ("GCN", 12)),
        ("0-hop", ("0-hop", None)),
        ("0-hop-2", ("0-hop", 2)),
        ("gcn_lstm_grown-2", ("GCN-LSTM-grown", 2)),
        ("a-dgn", ("A-DGN", None)),
    ],
)
def test_a_name_is_taken_apart(word: str, found: tuple[str, int | None]) -> None:
    assert find(word) == found


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("GNC", r"there is no model 'GNC'; did you mean GCN\?"),
        ("lsmt-2", r"there is no model 'lsmt-2'; did you mean LSTM"),
        ("perceiver", "there is no model 'perceiver'; models are 0-hop, GCN, SAGE"),
        ("GCN-0", "GCN-0: a model has 1 layer or more"),
        ("GCN--1", "there is no model 'GCN--1'"),
        ("", "there is no model ''"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(word: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find(word)


def test_what_does_not_fit_a_model_is_refused() -> None:
    with pytest.raises(ValueError, match="GCN-4 says how many layers it has, so num_layers=2 must be left out"):
        build_encoder("GCN-4", 2, 4, num_layers=2)
    with pytest.raises(ValueError, match=r"gate_penalty=0.1 is for a model that forgets, not for LSTM"):
        build_encoder("LSTM", 2, 4, gate_penalty=0.1)
    with pytest.raises(ValueError, match="num_layers must be at least 1, got 0"):
        build_encoder("LSTM", 2, 4, num_layers=0)
    with pytest.raises(ValueError, match=r"start 'chrono' is for LSTM, GCN-LSTM, .* not for RNN-2"):
        start_from(build_encoder("RNN-2", 2, 4), "RNN-2", "chrono")
    with pytest.raises(ValueError, match=r"start must be one of torch, orthogonal, .*; got 'ones'"):
        start_from(build_encoder("RNN", 2, 4), "RNN", "ones")


@pytest.mark.parametrize(("start", "model"), [(start, model) for start in STARTS for model in STARTS[start].models])
def test_first_weights_change_a_model_of_those_that_they_are_for(start: str, model: str) -> None:
    with gs.seeding.forked(0):
        encoder = build_encoder(model, 2, 8)
    before = [weight.clone() for weight in encoder.parameters()]
    with gs.seeding.forked(1):
        start_from(encoder, model, start)
    assert any(not torch.equal(old, new) for old, new in zip(before, encoder.parameters(), strict=True))


def test_hes_start_with_a_forget_bias_differs_from_it_in_that_bias_alone() -> None:
    plain, open_ = (build_encoder("LSTM", 2, 3) for _ in range(2))
    for encoder, start in ((plain, "kaiming"), (open_, "kaiming-forget-bias")):
        with gs.seeding.forked(1):
            start_from(encoder, "LSTM", start)
    expected = plain.state_dict()
    expected["kernel.bias_ih_l0"] = torch.tensor([0.0] * 3 + [1.0] * 3 + [0.0] * 6)  # gates i, f, g, o
    assert all(torch.equal(weight, expected[name]) for name, weight in open_.state_dict().items())


def test_the_start_that_is_recommended_for_a_model_is_made_for_it() -> None:
    recommended = {name: entry.start for name, entry in MODELS.items() if entry.start != "torch"}
    assert recommended == {"RNN": "latch", "LSTM": "chrono", "GCN-LSTM": "chrono", "GCN-LSTM-state": "chrono"}
    assert all(name in STARTS[start].models for name, start in recommended.items())


def test_names_are_spelled_as_the_registry_spells_them() -> None:
    assert spelled(["lstm", "gcn-4", "Graph_Autoregression"]) == ("LSTM", "GCN-4", "graph autoregression")
    with pytest.raises(ValueError, match="a model is named twice: LSTM, lstm"):
        spelled(["LSTM", "lstm"])
    with pytest.raises(ValueError, match="did you mean GCN-LSTM"):
        spelled(["GCN-LSTN"])


def test_no_baseline_has_the_name_of_a_model() -> None:
    assert not set(BASELINES) & set(MODELS)
    assert {type(BASELINES[name](gs.tasks.Palindrome(3))).__name__ for name in ("constant", "unigram")} == {"Constant"}


def test_names_are_there_without_torch() -> None:
    code = "import sys; from graphseq.experiments.models import find; print(find('GCN-4'), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    assert done.stdout == "('GCN', 4) False\n"
