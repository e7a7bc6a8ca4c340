"""What an encoder holds on its way from features to states, for instruments that look inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from graphseq.data.topology import Step, Topology


@dataclass(frozen=True)
class Trace:
    r"""One state after another, each computed from the one before.

    .. math:: S_0 = X \to S_1 \to \cdots \to S_L \qquad \text{(layers)}, \qquad
              S_1 \to S_2 \to \cdots \to S_T \qquad \text{(steps, each with its own input)}

    All are in one autograd graph with ``out``, so that ``torch.autograd.grad(loss, trace.states)`` is the gradient of
    the loss in each. After a step, a state is all that is remembered. A layer may read earlier ones as well: GCNII the
    first, jumping knowledge all, a wave the last two. Maps before the first and after the last layer count as layers.
    """

    axis: Literal["layer", "step"]  #: what counts the states: layers of an encoder, or steps of time
    states: list[Tensor]  #: layers: (V, ·) each, features first; steps: T of (N, S), all that each node remembers
    out: Tensor  #: what ``encoder(graph)`` gives, up to rounding, (V, H)


def through_time(
    topology: Topology, x: Tensor, memory: int, width: int, update: Callable[[Tensor, Tensor, Step], Tensor]
) -> tuple[list[Tensor], Tensor]:
    """Run a recurrence snapshot after snapshot and keep what every node remembers after each.

    Args:
        topology: V rows in any order.
        x: features (V, F).
        memory: S, how much a node remembers; zero at first. A node that is away keeps it.
        width: H.
        update: features (R, F), memory (R, S) and the step, to new memory whose first H entries are the output.

    Returns:
        T memories (N, S), and the outputs (V, H), rows in the order of ``topology``.
    """
    in_order = topology.sorted_by_time
    held = x.new_zeros(topology.num_nodes, memory)
    states, out = [], []
    for step, rows in zip(in_order.steps, x[topology.by_time].split(in_order.step_sizes), strict=True):
        new = update(rows, held if step.is_everyone else held[step.nodes], step)
        held = new if step.is_everyone else held.index_copy(0, step.nodes, new)
        states.append(held)
        out.append((held if step.is_everyone else held[step.nodes])[:, :width])
    return states, torch.cat(out)[topology.place_in_time]
