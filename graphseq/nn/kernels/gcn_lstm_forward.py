r"""All steps of a graph-convolutional LSTM on plain tensors, kept for a gradient at a third of what a loop keeps.

.. math:: a_t = X_t W_x^\top + \hat A_t^L H_{t-1} W_h^\top + b, \qquad C_t = f ⊙ C_{t-1} + i ⊙ g, \qquad
          H_t = o ⊙ \tanh(C_t)

and with peepholes w_i ⊙ C_{t-1} in i, w_f ⊙ C_{t-1} in f, w_o ⊙ C_t in o. The inputs X are convolved already.

Gates are held in the order g, i, f, o, so that one call of tanh and one of the logistic function serve all four, and
the three that the cell is made of stand together. tanh by 2 σ(2a) - 1 would lose the states of small inputs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from graphseq.data.adjacency import lasting
from graphseq.nn.kernels.buffers import Buffers
from graphseq.nn.kernels.schedule import Block, Walk, times


class Weights(NamedTuple):
    """The weights of one layer, gates in torch's order i, f, g, o."""

    w_x: Tensor  # (4H, F)
    w_h: Tensor  # (4H, H)
    bias: Tensor  # (4H,)
    peepholes: Tensor | None  # of i, f and o, (3, H)

    def grouped(self) -> Weights:
        """The weights with gates in the order g, i, f, o."""
        order = gate_order(self.w_h.shape[1], self.w_h.device)
        w_x, w_h, bias = (tensor.index_select(0, order) for tensor in self[:3])
        return Weights(w_x, w_h, bias, self.peepholes)


@lru_cache(64)
def gate_order(hidden: int, device: torch.device, *, back: bool = False) -> Tensor:
    """The places of g, i, f and o among i, f, g and o, (4H,); those of i, f, g and o among these if ``back``."""

    def make() -> Tensor:
        gates = torch.arange(4 * hidden, device=device).unflatten(0, (4, hidden))
        places: Tensor = gates[[1, 2, 0, 3] if back else [2, 0, 1, 3]]
        return places.flatten()

    return lasting(make)


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
    # What is written to is made before; in between, autograd need not look at every operation.
    if walk.is_small and len(blocks) == 1 and x.is_cpu:
        cells, mixed, buffer, steps = _in_buffer(walk, x, hidden, weights.peepholes is not None)
        past = Past(torch.empty_like(cells), cells, mixed, buffer)
    else:
        most = max(block.rows.stop - block.rows.start for block in blocks)
        buffer, states, steps = x.new_empty(most, 4 * hidden), x.new_empty(2, nodes + rows, hidden), None
        extras = (x.new_zeros(rows, hidden), buffer) if len(blocks) == 1 else (None, None)
        past = Past(states[0], states[1], *extras)
    with torch.inference_mode():
        for number, states in enumerate(past[:2]):
            states[:nodes] = 0 if start is None else start[number]
        grouped = weights.grouped()
        for block in blocks:
            flat = of_inputs(x[block.rows], grouped, buffer)
            _run_block(walk, block, steps or _steps(walk, block, flat, grouped, past), grouped, past)
    return past


def of_inputs(x: Tensor, weights: Weights, buffer: Tensor) -> Tensor:
    """Return the contribution of inputs (R, F) to the gates, (R, 4H), in the first rows of ``buffer``."""
    return torch.addmm(weights.bias, x, weights.w_x.t(), out=buffer[: len(x)])


def look_back(gates: Tensor, cells: Tensor, peepholes: Tensor) -> Tensor:
    """Add the peephole terms of the cells before to the gates i and f, (R, 2, H)."""
    return gates.addcmul_(cells.unsqueeze(1), peepholes[:2])


class _Step(NamedTuple):
    """The places of one step's rows."""

    gates: Tensor  # (R, 4H)
    logistic: Tensor  # those with a logistic function, without o where it waits for the new cell
    g: Tensor
    i: Tensor
    f: Tensor
    o: Tensor
    c: Tensor
    mixed: Tensor
    spare: Tensor
    tanh: Tensor


def _steps(walk: Walk, block: Block, flat: Tensor, weights: Weights, past: Past) -> list[_Step]:
    """The places of the steps of one block."""
    buffer = flat.new_zeros(3, max(block.sizes), weights.w_h.shape[1])
    cells = walk.left(past.cells, block.rows)
    return _places(block.sizes, (flat, cells, past.mixed, buffer), weights.peepholes is not None)


def _places(sizes: list[int], buffers: tuple[Tensor, Tensor, Tensor | None, Tensor], looks_back: bool) -> list[_Step]:
    flat, cells, mixed, buffer = buffers
    by_gate = flat.unflatten(1, (4, -1))
    # With peepholes the gate o waits for the new cell.
    logistic = by_gate[:, 1:3] if looks_back else flat[:, flat.shape[1] // 4 :]
    split = (tensor.split_with_sizes(sizes) for tensor in (flat, logistic, *by_gate.unbind(1), cells))
    of_size = {size: buffer[:, :size].unbind() for size in set(sizes)}
    near = [of_size[size][0] for size in sizes] if mixed is None else mixed.split_with_sizes(sizes)
    return [_Step(*step, *of_size[size][1:]) for *step, size in zip(*split, near, sizes, strict=True)]


_buffers: Buffers[list[_Step]] = Buffers()


def _in_buffer(walk: Walk, x: Tensor, hidden: int, looks_back: bool) -> tuple[Tensor, Tensor, Tensor, list[_Step]]:
    """Cells, mixed states and gates of :class:`Past`, and the places of all steps, over the same few nodes each."""
    rows, nodes = len(x), walk.num_nodes
    shapes = [(nodes + rows, hidden), (rows, hidden), (3, nodes, hidden), (rows, 4 * hidden)]

    def see(parts: list[Tensor]) -> list[_Step]:
        cells, mixed, buffer, gates = parts
        return _places(walk.sizes, (gates, cells[nodes:], mixed, buffer), looks_back)

    (cells, mixed, buffer, gates), steps = _buffers.take((rows, nodes, hidden, looks_back), x, shapes, see)
    mixed.zero_()  # of what a buffer held before, as not every build of torch leaves it unread
    buffer.zero_()
    return cells, mixed, gates, steps


def _run_block(walk: Walk, block: Block, steps: list[_Step], weights: Weights, past: Past) -> None:
    """The steps of one block, from what its inputs add to the gates."""
    rows, w_h, peepholes, hops = block.rows, weights.w_h.t(), weights.peepholes, walk.hops
    places = None if walk.before is None else walk.before[rows].split_with_sizes(block.sizes)
    matrices = walk.matrices[block.steps.start : block.steps.stop]
    h, c = past.h[rows][: walk.num_nodes], past.cells[rows][: walk.num_nodes]
    left = walk.left(past.h, rows).split_with_sizes(block.sizes)
    for k, (a, logistic, g, i, f, o, new_c, near, far, tanh) in enumerate(steps):
        if places is not None:
            h, c = past.h.index_select(0, places[k]), past.cells.index_select(0, places[k])
        matrix = matrices[k]
        a.addmm_(near.copy_(h) if matrix is None else times(matrix.csr, h, hops, near, far), w_h)
        if peepholes is not None:
            look_back(logistic, c, peepholes)
        logistic.sigmoid_()
        c = torch.mul(f, c, out=new_c).addcmul_(i, g.tanh_())
        if peepholes is not None:
            o.addcmul_(c, peepholes[2]).sigmoid_()
        h = torch.mul(o, torch.tanh(c, out=tanh), out=left[k])
