"""The trace of an encoder: its intermediate states, layer by layer or step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from graphseq._prompt import short_repr
from graphseq.data.topology import Step, Topology


@short_repr
@dataclass(frozen=True)
class Trace:
    r"""The intermediate states of an encoder, each computed from the one before.

    Returned by :meth:`graphseq.nn.GCN.trace`.

    .. math:: S_0 = X \to S_1 \to \cdots \to S_L \qquad \text{(layers)}, \qquad
              S_1 \to S_2 \to \cdots \to S_T \qquad \text{(steps, each with its own input)}

    All belong to one autograd graph with ``out``, so that ``torch.autograd.grad(loss, trace.states)`` is the gradient
    of the loss in each. After a time step, the state is the whole recurrent state. A layer may also read earlier states
    than the last: GCNII reads the first, jumping knowledge all, a wave the last two. Maps before the first layer and
    after the last one count as layers.
    """

    axis: Literal["layer", "step"]  #: the index of the states: layers of an encoder, or time steps
    states: list[Tensor]  #: layers: (V, ·) each, features first; steps: T of (N, S), the recurrent state of each node
    out: Tensor  #: the result of ``encoder(graph)``, up to rounding, (V, H)


def through_time(
    topology: Topology,
    x: Tensor,
    state_channels: int,
    hidden_channels: int,
    update: Callable[[Tensor, Tensor, Step], Tensor],
) -> tuple[list[Tensor], Tensor]:
    """Run a recurrence snapshot by snapshot and return the recurrent state of every node after each.

    Args:
        topology: V rows in any order.
        x: features (V, F).
        state_channels: S, the width of a node's recurrent state, which starts at zero. A node that is absent from a
            snapshot keeps its state.
        hidden_channels: H.
        update: computes the new state (R, S), whose first H columns are the output, from features (R, F), state (R, S)
            and the step.

    Returns:
        T states (N, S), and the outputs (V, H), rows in the order of ``topology``.
    """
    in_order = topology.sorted_by_time
    state = x.new_zeros(topology.num_nodes, state_channels)
    states, out = [], []
    for step, rows in zip(in_order.steps, x[topology.by_time].split(in_order.step_sizes), strict=True):
        new = update(rows, state if step.is_everyone else state[step.nodes], step)
        state = new if step.is_everyone else state.index_copy(0, step.nodes, new)
        states.append(state)
        out.append((state if step.is_everyone else state[step.nodes])[:, :hidden_channels])
    return states, torch.cat(out)[topology.place_in_time]
