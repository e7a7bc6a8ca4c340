"""The cheapest change that would help, for each verdict."""

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


def advice(verdict: str, e: Evidence, model: Model, task: Task) -> str:
    """What to change first, in words and numbers."""
    if verdict == "under-reaching":
        return _farther(e, model, task)
    if verdict == "over-smoothing":
        return _less_smooth(e)
    if verdict == "over-squashing":
        return _louder(e, model, task)
    if verdict in ("vanishing gradient", "exploding gradient"):
        return _signal(e)
    if verdict == "capacity":
        return _room(model, task)
    return "nothing: it answers" if verdict == "solved" else "train it, or train it longer: graphseq.fit"


def _farther(e: Evidence, model: Model, task: Task) -> str:
    needed, along_time = e.hops_needed, _in_own_past(task)
    recurrence = "one recurrent layer (GRU, LSTM), since it lies in the asked node's own past"
    if isinstance(model.encoder, LayerStack) and not isinstance(model.encoder, MLP):
        more = needed - model.encoder.num_layers
        if more <= 0:
            return "let time run both ways: causal=False" if model.encoder.causal else f"{needed} layers at least"
        layers = f"{more} more layer{'s' * (more > 1)}: num_layers={needed}"
        return f"{layers}; or {recurrence}" if along_time else layers
    if along_time:
        return recurrence
    if isinstance(model.encoder, RNNBase):
        return "convolutions in the gates (GCNLSTM), which see other nodes"
    if isinstance(model.encoder, GCNLSTM):
        return (
            f"more layers, each of which sees one hop further: num_layers up to {needed}; or a GCN of {needed} layers"
        )
    return f"a model that sees {needed} hop{'s' * (needed > 1)}: a GCN of {needed} layer{'s' * (needed > 1)}"


def _less_smooth(e: Evidence) -> str:
    if e.layers is not None and e.layers > e.hops_needed:
        return f"fewer layers: {e.hops_needed} reach, all {e.layers - e.hops_needed} beyond only smooth"
    return "what keeps rows apart: an initial residual (GCNII), or a wave (WaveGCN)"


def _louder(e: Evidence, model: Model, task: Task) -> str:
    lag = max(1, e.hops_needed)
    if isinstance(model.encoder, LSTM | GCNLSTM):
        return f"a larger forget bias: ln {lag} = {math.log(lag):.1f}, whose horizon is {lag + 1} steps"
    if isinstance(model.encoder, RNNBase):
        return f"an orthogonal recurrent weight, or an LSTM with a forget bias of ln {lag} = {math.log(lag):.1f}"
    if _in_own_past(task):
        return "one recurrent layer (GRU, LSTM), since it lies in the asked node's own past"
    if isinstance(model.encoder, WaveGCN):
        return f"more layers: at speed c a front needs √3 / c layers a hop, for {lag} hops {math.ceil(1.25 * lag)}"
    return f"a wave over depth, which keeps its size: WaveGCN(…, num_layers={math.ceil(1.25 * lag)})"


def _signal(e: Evidence) -> str:
    if math.isnan(e.influence):
        return "weights or biases that let something through: initialise anew, or look for units that are all dead"
    if e.loss_sensitivity < 1:
        return "larger initial weights, or a norm (norm=torch.nn.LayerNorm), or whatever cuts the gradient taken out"
    return "smaller initial weights (depth_scaled_init for residual stacks), or a norm (norm=torch.nn.LayerNorm)"


def _room(model: Model, task: Task) -> str:
    wanted = task.memory_content(task.batch(1, _generator())).shape[1]
    now = model.encoder.hidden_channels
    return f"more room: hidden_channels={max(2 * now, wanted)} (now {now}), for the {wanted} numbers that must be held"


def _in_own_past(task: Task) -> bool:
    """Whether all that must be known was seen at the asked rows' own nodes, and not later."""
    graph = task.batch(2, _generator())
    asked, source = task.relevant_nodes(graph).nonzero().t()
    row = graph.target_rows[asked]
    own = (graph.node[source] == graph.node[row]) & (graph.time[source] <= graph.time[row])
    return bool(own.all()) and bool((graph.time[source] < graph.time[row]).any())


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(seeding.derive(0, seeding.BUILD))
