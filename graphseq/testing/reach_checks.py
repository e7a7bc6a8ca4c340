"""Checks of an encoder's ``reach`` and ``causal`` against its Jacobian."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.testing.encoder_case import ENCODER_SUITE, READINGS, EncoderCase, at_every_second_row
from graphseq.testing.encoder_checks import SEEDS
from graphseq.testing.graphs import Graphs, jacobian_pattern, join, with_features
from graphseq.testing.suite import require

GRAPHS: dict[str, object] = {
    "dynamic": Graphs.random,
    "directed": Graphs.directed,
    "sequence": Graphs.sequence,
    "static": Graphs.static,
    "signal": Graphs.signal,
}


def _require_reach(declared: Tensor, measured: Tensor, output: str) -> None:
    """Describe the first entry at which two patterns differ: its input, its output, and the pattern that has it."""
    require(
        declared.dtype == torch.bool and declared.shape == measured.shape,
        f"must return from reach() a tensor of bool {tuple(measured.shape)}, got {declared.dtype} "
        f"{tuple(declared.shape)}",
    )
    _require_no_more(declared, measured, output)
    idle = declared & ~measured
    if bool(idle.any()):
        number, row = idle.nonzero()[0].tolist()
        raise AssertionError(
            f"declares too large a reach: reach() says that the input of row {row} can change {output} {number}, but "
            "the Jacobian is zero there"
        )


def _require_no_more(declared: Tensor, measured: Tensor, output: str) -> None:
    missing = measured & ~declared
    if bool(missing.any()):
        number, row = missing.nonzero()[0].tolist()
        raise AssertionError(
            f"declares too small a reach: the input of row {row} changes {output} {number}, but reach() says that it "
            "cannot"
        )


@ENCODER_SUITE.check({"seed": SEEDS, "graph": GRAPHS})
def reach_is_the_pattern_of_the_jacobian(
    case: EncoderCase, seed: int, graph: Callable[[Graphs, int], SpaceTimeGraph]
) -> None:
    """A row is within reach exactly where the derivative of the state in its input is not zero."""
    encoder, data = case.encoder(), graph(case.graphs, seed)
    reach = encoder.reach(data, torch.arange(data.num_nodes))
    _require_reach(reach, jacobian_pattern(encoder, data), "the state of row")


@ENCODER_SUITE.check()
def reach_of_a_batch_is_the_pattern_of_the_jacobian(case: EncoderCase) -> None:
    """The same of a batch, in which nothing of another graph is within reach."""
    encoder, batch = case.encoder(), join([case.graphs.random(5, times=3), case.graphs.random(6, times=2)])
    reach = encoder.reach(batch, torch.arange(batch.num_nodes))
    _require_reach(reach, jacobian_pattern(encoder, batch), "in a batch the state of row")


@ENCODER_SUITE.check()
def reach_of_some_rows_is_those_rows_of_the_whole(case: EncoderCase) -> None:
    """``reach(graph, rows)`` is about ``rows``, in their order."""
    encoder, graph = case.encoder(), case.graphs.random(1)
    whole = encoder.reach(graph, torch.arange(graph.num_nodes))
    require(
        torch.equal(encoder.reach(graph, torch.tensor([3, 0])), whole[[3, 0]]),
        "must return from reach(graph, rows) one line for each of rows, in their order",
    )


@ENCODER_SUITE.check({"reading": READINGS, "seed": SEEDS})
def reach_of_a_model_is_the_pattern_of_its_jacobian(case: EncoderCase, reading: str, seed: int) -> None:
    """The reach of a model is made of that of its encoder and its head."""
    model = case.model(reading)
    graphs = [case.graphs.random(seed, times=3), case.graphs.random(seed + 10, times=2)]
    batch = join([at_every_second_row(graph) for graph in graphs])
    reach, measured = model.reach(batch), jacobian_pattern(model, batch)
    output = f"in a model read by {reading} output"
    if reading == "max":  # of the rows within reach, those that have no largest entry do not count this time
        _require_no_more(reach, measured, output)
    else:
        _require_reach(reach, measured, output)


@ENCODER_SUITE.check()
def reach_on_a_growing_graph_is_the_pattern_of_the_jacobian(case: EncoderCase) -> None:
    """The same for sequences that are read as growing graphs."""
    model = case.model(transform=case.graphs.grow)
    batch = join([at_every_second_row(case.graphs.sequence(seed, length)) for seed, length in ((0, 4), (1, 2))])
    _require_reach(model.reach(batch), jacobian_pattern(model, batch), "on growing graphs output")


def _moment_whose_future_matters(function: Callable[[SpaceTimeGraph], Tensor], graph: SpaceTimeGraph) -> int | None:
    """A time up to which outputs change when inputs after it do; none if there is no such time."""
    out = function(graph)
    for moment in graph.time.unique().tolist():
        x = torch.where((graph.time > moment)[:, None], graph.x + 1, graph.x)
        past = graph.time <= moment
        if not torch.equal(function(with_features(graph, x))[past], out[past]):
            return int(moment)
    return None


@ENCODER_SUITE.check({"seed": SEEDS})
def causal_says_whether_a_later_row_changes_an_earlier_state(case: EncoderCase, seed: int) -> None:
    """``causal`` is true of exactly those encoders in which no later input changes an earlier state."""
    encoder = case.encoder()
    moment = _moment_whose_future_matters(encoder, case.graphs.random(seed))
    require(
        moment is None or not encoder.causal,
        f"says causal=True, but inputs after time {moment} change states up to it",
    )
    require(moment is not None or encoder.causal, "says causal=False, but no later input changes an earlier state")


@ENCODER_SUITE.check()
def a_growing_graph_keeps_the_past_from_the_future(case: EncoderCase) -> None:
    """A causal encoder is causal on sequences that are read as growing graphs, too."""
    model = case.model(transform=case.graphs.grow)
    moment = _moment_whose_future_matters(model, case.graphs.sequence(0, 5))
    require(
        moment is None or not model.causal,
        f"says causal=True, but on a growing graph inputs after time {moment} change outputs up to it",
    )
