"""Checks of the states that an encoder gives: of batches, of order and time, of tokens, of its parameters."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq.data.constructors import from_sequence
from graphseq.data.graph import SpaceTimeGraph
from graphseq.testing.encoder_case import ENCODER_SUITE, READINGS, EncoderCase, at_every_second_row
from graphseq.testing.graphs import (
    CHANNELS,
    jacobian_pattern,
    join,
    random_graph,
    renumbered,
    with_features,
)
from graphseq.testing.suite import require, require_close, require_error

SEEDS = {str(seed): seed for seed in range(3)}
_TOKEN_TYPES = {"int64": torch.int64, "int32": torch.int32, "uint8": torch.uint8}


def _no_rows() -> SpaceTimeGraph:
    none = torch.zeros(0, dtype=torch.long)
    return SpaceTimeGraph(torch.zeros(0, CHANNELS, dtype=torch.float64), none, none)


@ENCODER_SUITE.check()
def a_batch_equals_separate_runs(case: EncoderCase) -> None:
    """The states of a batch are those of its graphs, each by itself."""
    encoder, graphs = case.encoder(), case.graphs.several()
    states = encoder(join(graphs))
    rows = sum(graph.num_nodes for graph in graphs)
    expected_shape = (rows, encoder.hidden_channels)
    require(
        tuple(states.shape) == expected_shape,
        f"must give one state of hidden_channels={encoder.hidden_channels} numbers a row, {expected_shape} for "
        f"{rows} rows; got {tuple(states.shape)}",
    )
    apart = torch.cat([encoder(graph) for graph in graphs])
    require_close(states, apart, "must give the rows of a batch the states that each graph has by itself")


@ENCODER_SUITE.check({"reading": READINGS})
def a_model_on_a_batch_equals_separate_runs(case: EncoderCase, reading: str) -> None:
    """The outputs of a batch are those of its graphs, each by itself, whatever the head."""
    model = case.model(reading)
    graphs = [at_every_second_row(graph) for graph in case.graphs.several()]
    apart = torch.cat([model(graph) for graph in graphs])
    require_close(
        model(join(graphs)), apart, f"in a model read by {reading} must give a batch the outputs of its graphs alone"
    )


@ENCODER_SUITE.check()
def a_batch_of_growing_graphs_equals_separate_runs(case: EncoderCase) -> None:
    """The same for sequences that are read as growing graphs."""
    model = case.model(transform=case.graphs.grow)
    graphs = [case.graphs.sequence(seed, length) for seed, length in enumerate((3, 1, 4))]
    apart = torch.cat([model(graph) for graph in graphs])
    require_close(
        model(join(graphs)), apart, "on sequences read as growing graphs must give a batch the outputs of each alone"
    )


@ENCODER_SUITE.check()
def the_order_of_a_batch_does_not_matter(case: EncoderCase) -> None:
    """The graphs of a batch have the same states in any order."""
    encoder, graphs = case.encoder(), case.graphs.several()
    order = (2, 0, 3, 1)
    parts = encoder(join([graphs[i] for i in order])).split([graphs[i].num_nodes for i in order])
    back = torch.cat([parts[order.index(i)] for i in range(len(graphs))])
    require_close(encoder(join(graphs)), back, "must give graphs the same states in whatever order they are batched")


@ENCODER_SUITE.check({"seed": SEEDS})
def the_numbering_of_rows_and_nodes_does_not_matter(case: EncoderCase, seed: int) -> None:
    """Rows listed and nodes numbered in another order have the same states."""
    encoder, graph = case.encoder(), case.graphs.directed(seed)
    other, old = renumbered(graph, seed)
    require_close(
        encoder(other), encoder(graph)[old], "must give the same states whatever the order of rows and numbers of nodes"
    )


@ENCODER_SUITE.check()
def shifting_and_stretching_time_does_not_matter(case: EncoderCase) -> None:
    """The order of times counts, their values do not."""
    encoder, graph = case.encoder(), case.graphs.random(1)
    spatial = graph.topology.spatial
    moment = 10 * graph.time - 7
    later = SpaceTimeGraph(graph.x, graph.node, moment, spatial.edge_index, edge_attr=spatial.edge_attr)
    require_close(
        encoder(later), encoder(graph), "must read the order of times alone, and give the same at times 10t - 7", atol=0
    )


@ENCODER_SUITE.check()
def a_sequence_of_one_row_is_a_prefix_of_a_longer_one(case: EncoderCase) -> None:
    """A sequence of one row has a finite state; that of a causal encoder is the first of any longer sequence."""
    encoder, longer = case.encoder(), case.graphs.sequence(0, 4)
    alone = encoder(case.graphs.completed(from_sequence(longer.x[:1])))
    shape = (1, encoder.hidden_channels)
    require(tuple(alone.shape) == shape, f"must give a sequence of one row a state {shape}, got {tuple(alone.shape)}")
    require(bool(alone.isfinite().all()), "must give a sequence of one row a state of finite numbers")
    if encoder.causal:
        require_close(alone, encoder(longer)[:1], "says causal=True, so must give a prefix the states of the whole")


@ENCODER_SUITE.check()
def a_graph_without_rows_is_an_error(case: EncoderCase) -> None:
    """There is nothing to give states to."""
    encoder = case.encoder()
    require_error(
        ValueError, "graph without rows", lambda: encoder(_no_rows()), "must refuse a graph without rows by ValueError"
    )


@ENCODER_SUITE.check()
def a_graph_without_rows_in_a_batch_changes_nothing(case: EncoderCase) -> None:
    """Other graphs of the batch have the states that they have without it."""
    encoder, first, second = case.encoder(), case.graphs.random(1), case.graphs.random(2)
    apart = torch.cat([encoder(first), encoder(second)])
    require_close(
        encoder(join([first, case.graphs.completed(_no_rows()), second])),
        apart,
        "must not be changed by a graph without rows in a batch",
    )


@ENCODER_SUITE.check()
def features_of_another_width_are_an_error(case: EncoderCase) -> None:
    """An encoder of two input channels refuses three features."""
    encoder, graph = case.encoder(), random_graph(0, channels=CHANNELS + 1)
    require_error(
        ValueError,
        f"in_channels={CHANNELS}, but x has {CHANNELS + 1} features",
        lambda: encoder(graph),
        f"must refuse {CHANNELS + 1} features for in_channels={CHANNELS} by a ValueError that says both",
    )


@ENCODER_SUITE.check({"token": {str(token): token for token in (-1, CHANNELS)}})
def a_token_out_of_range_is_an_error(case: EncoderCase, token: int) -> None:
    """Tokens are 0 to ``in_channels`` - 1."""
    encoder, graph = case.encoder(), case.graphs.completed(from_sequence(torch.tensor([0, token, 1])))
    require_error(
        ValueError,
        f"in_channels={CHANNELS}, but x holds token {token}",
        lambda: encoder(graph),
        f"must refuse token {token} for in_channels={CHANNELS} by a ValueError that says both",
    )


@ENCODER_SUITE.check({"dtype": _TOKEN_TYPES})
def tokens_are_read_as_one_hot_rows(case: EncoderCase, dtype: torch.dtype) -> None:
    """Tokens of any integer type have the states of one-hot features."""
    encoder, tokens = case.encoder(3), torch.tensor([2, 0, 1, 1])
    one_hot = encoder(case.graphs.completed(from_sequence(torch.eye(3, dtype=torch.float64)[tokens])))
    require_close(
        encoder(case.graphs.completed(from_sequence(tokens.to(dtype)))),
        one_hot,
        f"must read {dtype} tokens as one-hot features",
        atol=0,
    )


@ENCODER_SUITE.check({"reading": READINGS})
def every_parameter_gets_a_gradient(case: EncoderCase, reading: str) -> None:
    """No parameter is without effect on the outputs."""
    model = case.model(reading)
    out = model(join(case.graphs.several()))
    direction = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(0))
    (out * direction).sum().backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    require(not idle, f"in a model read by {reading} has parameters that get no gradient: {', '.join(idle)}")


@ENCODER_SUITE.check()
def a_state_dict_makes_another_encoder_the_same(case: EncoderCase) -> None:
    """All that an encoder has learned is in its ``state_dict``."""
    encoder, other, graph = case.encoder(), case.encoder(seed=1), case.graphs.random(1)
    require(
        not torch.equal(other(graph), encoder(graph)),
        "must draw its initial weights from torch's generator: two seeds gave the same states",
    )
    other.load_state_dict(encoder.state_dict())
    require(torch.equal(other(graph), encoder(graph)), "must have all that states depend on in its state_dict()")


@ENCODER_SUITE.check()
def float64_and_float32_agree_to_float32(case: EncoderCase) -> None:
    """States are of the type of features and weights, and differ by rounding alone."""
    graph, in_single = case.graphs.random(1), random_graph(1, dtype=torch.float32).x
    attr = graph.get("edge_attr")
    single = graph if attr is None else graph.replace(edge_attr=attr.float())
    out = case.encoder(dtype=torch.float32)(with_features(single, in_single))
    exact = case.encoder()(with_features(graph, in_single.double()))
    for states, dtype in ((out, torch.float32), (exact, torch.float64)):
        require(states.dtype == dtype, f"must give {dtype} states of {dtype} features, got {states.dtype}")
    require_close(
        out.double(), exact, "must give float32 and float64 states that differ by rounding alone", rtol=1e-4, atol=1e-5
    )


@ENCODER_SUITE.check()
def calling_twice_gives_the_same_states(case: EncoderCase) -> None:
    """A call does not depend on earlier calls."""
    encoder, graph = case.encoder(), case.graphs.random(1)
    first = encoder(graph)
    encoder(case.graphs.random(2))
    require(
        torch.equal(encoder(graph), first),
        "must keep nothing from one call to the next: the same graph got other states after another was read",
    )


@ENCODER_SUITE.check()
def nothing_leaks_between_the_graphs_of_a_batch(case: EncoderCase) -> None:
    """No row's input changes a state of another graph."""
    batch = join(case.graphs.several())
    owner: Tensor = batch.batch
    leaks = jacobian_pattern(case.encoder(), batch) & (owner[:, None] != owner)
    if bool(leaks.any()):
        state, row = leaks.nonzero()[0].tolist()
        raise AssertionError(
            f"must keep the graphs of a batch apart, but the input of row {row}, of graph {int(owner[row])}, changes "
            f"the state of row {state}, of graph {int(owner[state])}"
        )


@ENCODER_SUITE.check(applies=lambda case: case.graphs.edge_channels > 0)
def features_of_edges_change_states_of_their_own_graph(case: EncoderCase) -> None:
    """Features of edges have an effect, on no state of another graph, nor of a causal encoder on an earlier one."""
    encoder, batch = case.encoder(), join(case.graphs.several())
    attr = batch.edge_attr.clone().requires_grad_()
    states, (source, _) = encoder(batch.replace(edge_attr=attr)), batch.edge_index
    changed = torch.zeros(len(attr), dtype=torch.bool)
    for row, state in enumerate(states):
        (slope,) = torch.autograd.grad(state.sum(), attr, retain_graph=True, materialize_grads=True)
        read = slope.abs().sum(dim=1) > 0
        require(
            bool((batch.batch[source[read]] == batch.batch[row]).all()),
            f"must keep the graphs of a batch apart, but features of edges of another graph change the state of {row}",
        )
        require(
            not encoder.causal or bool((batch.time[source[read]] <= batch.time[row]).all()),
            f"says causal=True, but features of later edges change the state of row {row}",
        )
        changed |= read
    require(bool(changed.any()), "must read the features of edges: none of them changes a state")


@ENCODER_SUITE.check()
def a_size_below_one_is_an_error(case: EncoderCase) -> None:
    """An encoder of no input channels is refused when it is made."""
    require_error(
        ValueError,
        "in_channels must be at least 1, got 0",
        lambda: case.build(0),
        "must refuse in_channels=0 by a ValueError when it is made",
    )
