"""Graphs, tasks, models and histories say at the prompt and in a notebook what they are."""

from __future__ import annotations

import inspect
import re

import pytest
import torch
from torch_geometric.data import Batch

import graphseq as gs
from graphseq._prompt.brief import brief
from graphseq.training.history import History

EDGES = torch.tensor([[0, 1], [1, 2]])


def test_a_graph_shows_its_sizes_and_where_an_output_is_asked_for() -> None:
    signal = gs.from_signal(torch.zeros(4, 3, 2), EDGES, y=torch.zeros(3, 1), target=torch.arange(12) > 8)
    assert repr(signal) == "SpaceTimeGraph(N=3, T=4, V=12, E=2 static, x=[12, 2], y=[3, 1], asked=3 rows)"
    assert str(signal) == repr(signal)
    sequences = Batch.from_data_list([gs.from_sequence(torch.zeros(3, 1)), gs.from_sequence(torch.zeros(2, 1))])
    assert repr(sequences) == "SpaceTimeGraphBatch(B=2, N=2, T=3, V=5, E=0, x=[5, 1])"
    weighted = gs.SpaceTimeGraph(torch.zeros(3, 1), [0, 1, 2], [0] * 3, EDGES, [1.0, 2.0], edge_attr=torch.ones(2, 4))
    weighted.names = ["a", "b", "c"]
    weighted.edge_label_index = torch.tensor([[0], [2]])
    assert repr(weighted) == (
        "SpaceTimeGraph(N=3, T=1, V=3, E=2, x=[3, 1], edge_weight=[2], edge_attr=[2, 4], names=[3], "
        "asked=1 pairs of rows)"
    )


def test_a_graph_that_is_being_filled_or_does_not_fit_is_shown_as_well() -> None:
    assert repr(gs.SpaceTimeGraph()) == "SpaceTimeGraph()"
    graph = gs.from_sequence(torch.zeros(3, 1))
    graph.node = torch.zeros(2)
    assert "node=[2]" in repr(graph)
    assert "node=[2]" in graph._repr_html_()


def test_a_notebook_shows_a_table_and_names_are_escaped() -> None:
    graph = gs.from_sequence(torch.zeros(3, 2))
    graph["<b>"] = "<i>"
    html = graph._repr_html_()
    assert "<th style='text-align:left'>nodes N</th><td style='text-align:left'>1</td>" in html
    assert "<b>" not in html
    assert "<i>" not in html


def test_a_topology_shows_its_sizes() -> None:
    assert repr(gs.from_signal(torch.zeros(2, 3, 1), EDGES).topology) == "Topology(N=3, T=2, V=6, E=2 static)"


def test_a_task_shows_its_settings_and_what_is_known_of_it() -> None:
    palindrome = "Palindrome(length=8, encoding='one-hot', num_digits=10, F=10, C=10, hops=6, chance=0.1)"
    assert repr(gs.tasks.Palindrome(8)) == palindrome

    class Own(gs.tasks.Task):
        def __init__(self, length: int, table: torch.Tensor) -> None:
            self.length = length

        def batch(self, size: int, generator: torch.Generator) -> gs.SpaceTimeGraph:
            raise AssertionError

    task = Own(3, torch.zeros(100))
    assert repr(task) == "Own()"  # nothing is known of it yet
    task.in_channels, task.out_channels = 2, 5
    assert repr(task) == "Own(length=3, F=2, C=5)"


def test_a_model_shows_its_modules_and_their_size() -> None:
    model = gs.nn.Model(gs.nn.RNN(2, 4), 3, transform=gs.transforms.grow)
    assert str(model) == f"{model!r}\n47 parameters, transform=grow"


def test_results_are_shown_in_a_few_lines() -> None:
    signal = gs.from_signal(torch.randn(48, 34, 2), torch.tensor([[0, 1], [1, 2]]))
    probe = gs.reach.Probe(gs.nn.GCN(2, 4), signal)
    found = [probe.range(samples=8), probe.by_hop(samples=8), probe.receptive_field(0), probe.over_layers("rank")]
    found += [gs.Scaler.fit(signal, until=20), signal.to_dense(), gs.nn.GCN(2, 4).trace(signal)]
    for result in found:
        assert len(repr(result).splitlines()) <= 12, result
        assert "tensor(" not in repr(result)
    table = str(probe.by_hop(samples=8)).splitlines()
    assert table[0] == "hops  influence  95% interval"
    assert re.fullmatch(r"   2 +\S+  \[\S+, \S+\]", table[3])
    assert re.fullmatch(r"from 3 to \d+ hops: 0", table[4])
    assert table[-1] == "mean of 8 of 1,632 answers"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (torch.tensor([1.0, 0.33333]), "[1, 0.3333]"),
        (torch.tensor(2), "2"),
        (torch.arange(12.0).view(3, 4), "[3, 4] from 0 to 11"),
        (torch.tensor([[1.0, torch.nan]]), "[1, 2] from 1 to 1, 1 not finite"),
        (torch.ones(3, 3) > 0, "[3, 3] of which 9 true"),
        (torch.zeros(0, 2), "[0, 2]"),
        (torch.zeros(9, device="meta"), "[9]"),
        (tuple("abcdefghij"), "('a', 'b', 'c', 'd', … 10 in all)"),
        ({"loss": [0.25]}, "{'loss': [0.25]}"),
        ((1,), "(1,)"),
    ],
)
def test_a_value_is_brief(value: object, expected: str) -> None:
    assert brief(value) == expected


def history(steps: int) -> History:
    record = History()
    for step in range(steps):
        record.append(1 / (step + 1), step / steps, 1.0, 0.1, metrics={"mae": 2.0})
    return record


def test_a_history_of_any_length_is_a_short_table_in_a_notebook() -> None:
    html = history(600)._repr_html_()
    assert html.count("<tr>") == 11
    assert "<td>1</td><td>1</td>" in html
    assert "<td>600</td><td>0.001667</td>" in html
    assert history(3)._repr_html_().count("<tr>") == 4
    assert History()._repr_html_().count("<tr>") == 1


def test_a_history_is_a_frame_of_pandas_and_a_figure() -> None:
    frame = history(4).to_pandas()
    assert frame.columns.tolist() == ["loss", "score", "grad_norm", "lr", "mae"]
    assert frame.index.tolist() == [1, 2, 3, 4]
    assert frame.loc[4, "loss"] == 0.25
    for figure in (history(40).plot(), gs.plot.history(history(40))):
        left, right = figure.axes
        assert left.get_yscale() == "log"
        assert [text.get_text() for text in right.get_legend().get_texts()] == ["score", "mae"]
        mean = left.lines[-1].get_ydata()
        assert mean[0] == pytest.approx((1 + 1 / 2) / 2)  # of two steps, a twentieth of 40
    with pytest.raises(ValueError, match="history has no steps"):
        History().plot()


def test_help_shows_the_arguments_of_encoders_models_and_tasks() -> None:
    assert list(inspect.signature(gs.nn.RNN).parameters) == ["in_channels", "hidden_channels", "num_layers"]
    assert list(inspect.signature(gs.nn.Model).parameters)[:2] == ["encoder", "out_channels"]
    assert next(iter(inspect.signature(gs.tasks.Palindrome).parameters)) == "length"
