"""The settings of an accuracy experiment: the whole configuration of each run, the longest first."""

from __future__ import annotations

import inspect

import pytest
import torch

from graphseq import from_sequence
from graphseq.experiments.accuracy.run import measure_accuracy
from graphseq.experiments.accuracy.settings import NAMES, SWEEP, TEXT, Line, Settings
from graphseq.experiments.engine.configs import expand, fit_into
from graphseq.experiments.models import MODELS, transform_of

WHOLE = Settings(
    tasks=("Palindrome", "Transfer"),
    models=("RNN", "LSTM", "GRU", "GCN", "GCN-LSTM-grown"),
    lengths=(5, 9),
    depths=(1, 2),
    seeds=(0, 3),
    digits="scalar",
    starts=("latch", "chrono"),
    unit="own",
    deepens="all",
)


def test_a_configuration_says_all_that_a_run_is_given() -> None:
    cases = WHOLE.cases()
    assert len(cases) == 2 * 5 * 2 * 2 * 2
    fit_into(measure_accuracy, expand(cases).values())
    assert all({*case, "folder"} == set(inspect.signature(measure_accuracy).parameters) for case in cases)
    assert [case["length"] for case in cases] == [9] * 40 + [5] * 40


def test_a_path_of_n_rows_is_a_palindrome_of_one_digit_more() -> None:
    lengths = {(case["task"], case["length"]) for case in Settings(lengths=(2, 5)).cases()}
    assert lengths == {("Transfer", 2), ("Transfer", 5), ("Palindrome", 3), ("Palindrome", 6)}


def test_starts_and_digits_are_given_to_those_they_are_for_so_that_no_run_is_made_twice() -> None:
    found = {(case["task"], case["model"]): (case["start"], case["digits"]) for case in WHOLE.cases()}
    assert found["Palindrome", "RNN"] == ("latch", "scalar")
    assert found["Palindrome", "LSTM"] == ("chrono", "scalar")
    assert found["Palindrome", "GRU"] == ("torch", "scalar")
    assert found["Transfer", "RNN"] == ("latch", "one-hot")


def test_a_model_is_trained_from_every_start_that_is_made_for_it() -> None:
    settings = Settings(
        models=("GCN-2", "RNN", "LSTM", "GCN-LSTM-grown"), starts=("recommended", "orthogonal", "torch")
    )
    assert settings.lines() == [
        Line("GCN-2", "GCN", 2, "torch"),
        Line("RNN, latch", "RNN", 1, "latch"),
        Line("RNN, orthogonal", "RNN", 1, "orthogonal"),
        Line("RNN, torch", "RNN", 1, "torch"),
        Line("LSTM, chrono", "LSTM", 1, "chrono"),
        Line("LSTM, orthogonal", "LSTM", 1, "orthogonal"),
        Line("LSTM, torch", "LSTM", 1, "torch"),
        Line("GCN-LSTM-grown", "GCN-LSTM-grown", 1, "torch"),
    ]
    assert {(case["model"], case["start"]) for case in settings.cases()} == {line[1::2] for line in settings.lines()}


def test_a_model_that_reads_more_rows_than_there_are_is_not_run_on_long_sequences() -> None:
    settings = Settings(tasks=("Transfer",), models=("RNN", "GCN-LSTM-grown"), lengths=(17, 33, 1000), starts=())
    runs = {(case["model"], case["length"]) for case in settings.cases()}
    assert runs == {("RNN", 17), ("RNN", 33), ("RNN", 1000), ("GCN-LSTM-grown", 17)}
    more = Settings(tasks=("Transfer",), models=("GCN-LSTM-grown",), lengths=(17, 33), most_rows=33 * 34 // 2)
    assert [case["length"] for case in more.cases()] == [33, 17]


def test_the_rows_that_an_entry_names_are_those_that_its_transform_makes() -> None:
    for name, entry in MODELS.items():
        transform, path = transform_of(name), from_sequence(torch.zeros(6, 2))
        assert entry.rows(6) == len((path if transform is None else transform(path)).x), name


def test_a_comparison_deepens_graph_convolutions_alone() -> None:
    settings = Settings(models=("constant", "0-hop", "gcn", "GCNII-3", "LSTM", "lstm-2"), depths=(1, 4), starts=())
    assert settings.models == ("constant", "0-hop", "GCN", "GCNII-3", "LSTM", "LSTM-2")
    assert settings.lines() == [
        Line("constant", "constant", 0),
        Line("0-hop", "0-hop", 2),
        Line("GCN-1", "GCN", 1),
        Line("GCN-4", "GCN", 4),
        Line("GCNII-3", "GCNII", 3),
        Line("LSTM", "LSTM", 1),
        Line("LSTM-2", "LSTM", 2),
    ]


def test_a_sweep_deepens_every_model() -> None:
    labels = {
        depths: [line.label for line in Settings(**{**SWEEP, "models": ("RNN", "GCN"), "depths": depths}).lines()]
        for depths in ((1,), (1, 2), (3,))
    }
    assert labels == {(1,): ["RNN", "GCN-1"], (1, 2): ["RNN-1", "RNN-2", "GCN-1", "GCN-2"], (3,): ["RNN-3", "GCN-3"]}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"models": ("RNN",), "starts": ("chrono",)}, "starts=chrono is for LSTM, GCN-LSTM, .* none of which is among"),
        ({"models": ("RNN", "rnn")}, "a model is named twice: RNN, rnn"),
        ({"models": ("MLP",)}, "there is no model 'MLP'"),
        ({"models": ("persistence",)}, "there is no model 'persistence'"),
        ({"models": ("bigram",)}, "the model bigram counts pairs of characters; it needs text="),
        ({"text": "book.txt"}, "the task Characters needs text=, and text= no other task"),
        ({"tasks": ("Characters",)}, "the task Characters needs text=, and text= no other task"),
        ({"tasks": ("Transfer", "Characters"), "text": ""}, "text= is for the task Characters alone"),
        ({**TEXT, "text": "", "curriculum": True}, "curriculum=True is for tasks whose length can grow"),
        ({"lengths": (1, 3)}, "a length of Transfer must be at least 2, got 1"),
        (
            {"tasks": ("Palindrome",), "unit": "own", "lengths": (1,)},
            "a length of Palindrome must be at least 2, got 1",
        ),
    ],
    ids=str,
)
def test_what_does_not_fit_together_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**settings)  # type: ignore[arg-type]


def test_every_model_of_the_registry_can_be_compared() -> None:
    assert set(MODELS) < set(NAMES)
    labels = [line.model for line in Settings(models=tuple(MODELS), depths=(), starts=()).lines()]
    assert labels == list(MODELS)
    assert {line.depth for line in Settings(models=tuple(MODELS), depths=(), starts=()).lines()} == {1, 2}


def test_settings_are_read_back_from_their_plain_form() -> None:
    assert Settings.from_json(WHOLE.to_json()) == WHOLE
    assert Settings.from_json({}) == Settings()
