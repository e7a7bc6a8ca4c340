"""The advice of a verdict: the cheapest change that would help."""

from __future__ import annotations

import math

import torch

from graphseq import seeding
from graphseq.nn.convolutional.layered import LayerStack
from graphseq.nn.convolutional.mlp import MLP
from graphseq.nn.convolutional.wave import WaveGCN
from graphseq.nn.model import Model
from graphseq.nn.recurrent.gcn_lstm import GCNLSTM
from graphseq.nn.recurrent.rnn import LSTM, RNNBase
from graphseq.reach.evidence import Evidence
from graphseq.tasks.base import Task

_RECURRENCE = "one recurrent layer (GRU, LSTM), since the sources are in the target node's own past"


def advice(verdict: str, e: Evidence, model: Model, task: Task) -> str:
    """The change to try first, in words and numbers.

    Args:
        verdict: one of ``VERDICTS``.
        e: the evidence.
        model: the model.
        task: the task.
    """
    if verdict == "under-reaching":
        return _against_under_reaching(e, model, task)
    if verdict == "over-smoothing":
        return _against_over_smoothing(e)
    if verdict == "over-squashing":
        return _against_over_squashing(e, model, task)
    if verdict in ("vanishing gradient", "exploding gradient"):
        return _for_gradients(e)
    if verdict == "capacity":
        return _for_capacity(model, task)
    return "none: the task is solved" if verdict == "solved" else "train it, or train it longer: graphseq.fit"


def _against_under_reaching(e: Evidence, model: Model, task: Task) -> str:
    needed, along_time = e.hops_needed, _in_own_past(task)
    if isinstance(model.encoder, LayerStack) and not isinstance(model.encoder, MLP):
        more = needed - model.encoder.num_layers
        if more <= 0:
            both_ways = "read temporal edges both ways: causal=False"
            return both_ways if model.encoder.causal else f"at least {needed} layers"
        layers = f"{more} more layer{'s' * (more > 1)}: num_layers={needed}"
        return f"{layers}; or {_RECURRENCE}" if along_time else layers
    if along_time:
        return _RECURRENCE
    if isinstance(model.encoder, RNNBase):
        return "graph convolutions in the gates (GCNLSTM), which also read other nodes"
    if isinstance(model.encoder, GCNLSTM):
        return f"more layers, each of which adds one hop: num_layers up to {needed}; or a GCN of {needed} layers"
    plural = "s" * (needed > 1)
    return f"a receptive field of {needed} hop{plural}: a GCN of {needed} layer{plural}"


def _against_over_smoothing(e: Evidence) -> str:
    if e.layers is not None and e.layers > e.hops_needed:
        return f"fewer layers: {e.hops_needed} reach all sources, and the other {e.layers - e.hops_needed} only smooth"
    return "an encoder that keeps rows distinct: an initial residual (GCNII), or a wave (WaveGCN)"


def _against_over_squashing(e: Evidence, model: Model, task: Task) -> str:
    lag = max(1, e.hops_needed)
    if isinstance(model.encoder, LSTM | GCNLSTM):
        return f"a larger forget bias: ln {lag} = {math.log(lag):.1f}, for a time constant of {lag + 1} steps"
    if isinstance(model.encoder, RNNBase):
        return f"an orthogonal recurrent weight, or an LSTM with a forget bias of ln {lag} = {math.log(lag):.1f}"
    if _in_own_past(task):
        return _RECURRENCE
    num_layers = math.ceil(1.25 * lag)
    if isinstance(model.encoder, WaveGCN):
        return f"more layers: a wave of speed c takes √3 / c layers a hop, so about {num_layers} for {lag} hops"
    return f"a wave over depth, which keeps its amplitude: WaveGCN(…, num_layers={num_layers})"


def _for_gradients(e: Evidence) -> str:
    if math.isnan(e.influence):
        return "weights or biases that pass a signal: initialise again, or look for layers whose units are all dead"
    if e.loss_sensitivity < 1:
        return "larger initial weights, a norm (norm=torch.nn.LayerNorm), or no saturated units and detached states"
    return "smaller initial weights (depth_scaled_init for residual stacks), or a norm (norm=torch.nn.LayerNorm)"


def _for_capacity(model: Model, task: Task) -> str:
    needed = task.memory_content(task.batch(1, _generator())).shape[1]
    current = model.encoder.hidden_channels
    return (
        f"a larger state: hidden_channels={max(2 * current, needed)} (now {current}), for the {needed} numbers that "
        "must be in memory at once"
    )


def _in_own_past(task: Task) -> bool:
    """True if all sources are rows of the target's own node, and some are earlier than the target."""
    graph = task.batch(2, _generator())
    output, source = task.relevant_nodes(graph).nonzero().t()
    target = graph.target_rows[output]
    in_past = (graph.node[source] == graph.node[target]) & (graph.time[source] <= graph.time[target])
    return bool(in_past.all()) and bool((graph.time[source] < graph.time[target]).any())


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(seeding.derive(0, seeding.BUILD))
