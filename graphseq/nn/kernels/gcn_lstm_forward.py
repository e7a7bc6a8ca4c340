r"""All steps of a graph-convolutional LSTM on plain tensors, kept for a gradient at a third of what a loop keeps.

.. math:: a_t = X_t W_x^\top + \hat A_t^L H_{t-1} W_h^\top + b, \qquad C_t = f ⊙ C_{t-1} + i ⊙ g, \qquad
          H_t = o ⊙ \tanh(C_t)

and with peepholes w_i ⊙ C_{t-1} in i, w_f ⊙ C_{t-1} in f, w_o ⊙ C_t in o. The inputs X are convolved already.

Gates are held in the order g, i, f, o, so that one call of tanh and one of the logistic function serve all four, and
the three that the cell is made of stand together. tanh by 2 σ(2a) - 1 would lose the states of small inputs.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphseq.nn.kernels.schedule import Block, Walk, times


class Weights(NamedTuple):
    """The weights of one layer, gates in torch's order i, f, g, o."""

    w_x: Tensor  # (4H, F)
    w_h: Tensor  # (4H, H)
    bias: Tensor  # (4H,)
    peepholes: Tensor | None  # of i, f and o, (3, H)

    def grouped(self) -> Weights:
        """The weights with gates in the order g, i, f, o."""
        return Weights(_grouped(self.w_x), _grouped(self.w_h), _grouped(self.bias), self.peepholes)


def _grouped(tensor: Tensor) -> Tensor:
    i, f, g, o = tensor.chunk(4)
    return torch.cat([g, i, f, o])


class Past(NamedTuple):
    """The tensors saved for the backward pass: gates only if all fit in the cache, otherwise they are recomputed."""

    h: Tensor  # of the nodes at first and of the rows, (N + V, H)
    cells: Tensor  # C likewise, (N + V, H)
    mixed: Tensor | None  # Âᴸ H of the step before, (V, H)
    gates: Tensor | None  # g, i, f and o, (V, 4H)


def run(walk: Walk, x: Tensor, weights: Weights, start: tuple[Tensor, ...] | None) -> Past:
    """Walk through all steps, from inputs (V, F) and first states and cells (N, H), zero where not given."""
    hidden, nodes, rows = weights.w_h.shape[1], walk.num_nodes, len(x)
    blocks = walk.blocks(4 * hidden * x.element_size())
    most = max(block.rows.stop - block.rows.start for block in blocks)
    room, states = x.new_empty(most, 4 * hidden), x.new_empty(2, nodes + rows, hidden)
    extras = (x.new_zeros(rows, hidden), room) if len(blocks) == 1 else (None, None)
    past = Past(states[0], states[1], *extras)
    # What is written to is made before; in between, autograd need not look at every operation.
    with torch.inference_mode():
        if start is None:
            states[:, :nodes] = 0
        else:
            past.h[:nodes] = start[0]
            past.cells[:nodes] = start[1]
        grouped = weights.grouped()
        for block in blocks:
            _run_block(walk, block, of_inputs(x[block.rows], grouped, room), grouped, past)
    return past


def of_inputs(x: Tensor, weights: Weights, room: Tensor) -> Tensor:
    """Return the contribution of inputs (R, F) to the gates, (R, 4H), in the first rows of ``room``."""
    return torch.addmm(weights.bias, x, weights.w_x.t(), out=room[: len(x)])


def look_back(gates: Tensor, cells: Tensor, peepholes: Tensor) -> Tensor:
    """Add the peephole terms of the cells before to the gates i and f, (R, 2, H)."""
    return gates.addcmul_(cells.unsqueeze(1), peepholes[:2])


def _run_block(walk: Walk, block: Block, flat: Tensor, weights: Weights, past: Past) -> None:
    """The steps of one block, from what its inputs add to the gates, (R, 4H)."""
    sizes, rows, w_h, peepholes = block.sizes, block.rows, weights.w_h.t(), weights.peepholes
    by_gate = flat.unflatten(1, (4, -1))
    # With peepholes the gate o waits for the new cell.
    logistic = (flat[:, len(w_h) :] if peepholes is None else by_gate[:, 1:3]).split_with_sizes(sizes)
    g, i, f, o = (tensor.split_with_sizes(sizes) for tensor in by_gate.unbind(1))
    left_h, left_c = (walk.left(states, rows).split_with_sizes(sizes) for states in past[:2])
    room = flat.new_zeros(3, max(sizes), len(w_h))
    rooms = {size: room[:, :size].unbind() for size in set(sizes)}
    mixed = None if past.mixed is None else past.mixed.split_with_sizes(sizes)
    places = None if walk.before is None else walk.before[rows].split_with_sizes(sizes)
    h, c = past.h[rows][: walk.num_nodes], past.cells[rows][: walk.num_nodes]
    for k, a in enumerate(flat.split_with_sizes(sizes)):
        if places is not None:
            h, c = past.h.index_select(0, places[k]), past.cells.index_select(0, places[k])
        near, far, tanh = rooms[sizes[k]]
        if mixed is not None:
            near = mixed[k]
        matrix = walk.matrices[block.steps[k]]
        a.addmm_(near.copy_(h) if matrix is None else times(matrix.csr, h, walk.hops, near, far), w_h)
        if peepholes is not None:
            look_back(logistic[k], c, peepholes)
        logistic[k].sigmoid_()
        c = torch.mul(f[k], c, out=left_c[k]).addcmul_(i[k], g[k].tanh_())
        if peepholes is not None:
            o[k].addcmul_(c, peepholes[2]).sigmoid_()
        h = torch.mul(o[k], torch.tanh(c, out=tanh), out=left_h[k])
