"""Names in figures stand there as they are in the data, whatever signs they have."""

from __future__ import annotations

import io

import networkx as nx
import torch
from matplotlib import rc_context
from matplotlib.figure import Figure

import graphseq as gs
from graphseq.evaluation.predict import Predictions
from graphseq.plot import draw_errors_by_node, draw_hops, draw_message, draw_values, message_weights
from graphseq.plot._text import plain
from graphseq.plot.forecast import forecast_figure

NAMES = ["cost $_$", "100%$", "a\x1b[31m", "$\\frac{$", "two\nlines"]


def drawn(figure: Figure) -> None:
    figure.savefig(io.BytesIO(), format="png")


def test_nodes_routes_values_and_messages() -> None:
    graph = gs.from_graph(nx.path_graph(5))
    figure = Figure()
    one, two, three = figure.subplots(1, 3)
    draw_hops(one, graph, 0, routes=[[0, 1, 2]], labels=NAMES)
    draw_values(two, graph, [0.0, 1.0, 2.0, 3.0, 4.0], labels=NAMES, label="influence")
    draw_message(three, graph, 0, message_weights(graph, 0, 2)[1], labels=NAMES)
    drawn(figure)
    assert one.get_title() == "hops from cost \\$_\\$"


def test_forecasts_and_errors() -> None:
    node, time = torch.arange(5).repeat(4), torch.arange(4).repeat_interleave(5)
    y = torch.randn(20, 1, generator=torch.Generator().manual_seed(0))
    predicted = {"mean": Predictions(node, time, y + 1, y)}
    figure = forecast_figure(predicted, names=NAMES, times=dict(enumerate(NAMES)), unit=plain("a $_$"))
    drawn(figure)
    figure = Figure()
    draw_errors_by_node(figure.subplots(), predicted, names=NAMES)
    drawn(figure)


def test_where_no_mathematics_is_read_nothing_is_escaped() -> None:
    with rc_context({"text.parse_math": False}):
        assert plain("$_$") == "$_$"
