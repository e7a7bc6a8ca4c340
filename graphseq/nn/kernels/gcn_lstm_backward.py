"""The backward pass through all steps of a graph-convolutional LSTM, for one gradient or for many at once.

The gates are worked out anew from the states and cells that were kept, for many steps at once, since by now no step
waits for another: a third of the memory, in less time than it takes to write four gates a unit and read them again. So
is all that a gradient is multiplied by on its way. Two products, by W_h and by Â, are left to each step, and the
weights' gradients are one product a block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from graphseq._torch import compat
from graphseq.nn.kernels.gcn_lstm_forward import Past, Weights, look_back, of_inputs
from graphseq.nn.kernels.schedule import Block, Walk, times


class Local(NamedTuple):
    """The factors by which a block's rows multiply a gradient."""

    mixed: Tensor  # Âᴸ H of the step before, (R, H)
    before: Tensor  # C of the step before, (R, H)
    after: Tensor  # C, (R, H)
    forget: Tensor  # f, (R, H)
    through: Tensor  # ∂H/∂C, (R, H)
    slopes: Tensor  # ∂C/∂a of g, i and f, and ∂H/∂a of o, (R, 4, H)


def _local(walk: Walk, block: Block, x: Tensor, weights: Weights, past: Past) -> Local:
    before, after = walk.past(past.cells, block.rows), walk.left(past.cells, block.rows)
    if past.mixed is not None and past.gates is not None:
        mixed, flat = past.mixed[block.rows], past.gates[block.rows]
    else:
        mixed = _mixed(walk, block, walk.past(past.h, block.rows))
        flat = _gates(x[block.rows], mixed, before, after, weights)
    gates = flat.unflatten(1, (4, -1))
    g, i, f, o = gates.unbind(1)
    slopes = torch.empty_like(gates)
    compat.tanh_backward(i, g, out=slopes[:, 0])
    slopes[:, 1] = g
    slopes[:, 2] = before
    tanh = torch.tanh(after, out=slopes[:, 3])
    through = compat.tanh_backward(o, tanh, out=torch.empty_like(o))
    compat.sigmoid_backward(slopes[:, 1:], gates[:, 1:], out=slopes[:, 1:])
    return Local(mixed, before, after, f, through, slopes)


def _mixed(walk: Walk, block: Block, h: Tensor) -> Tensor:
    if all(walk.matrices[step] is None for step in block.steps):
        return h
    out, spare = torch.zeros_like(h), h.new_zeros(max(block.sizes), h.shape[1])
    for step, at, to in zip(
        block.steps, h.split_with_sizes(block.sizes), out.split_with_sizes(block.sizes), strict=True
    ):
        matrix = walk.matrices[step]
        if matrix is None:
            to.copy_(at)
        else:
            times(matrix.csr, at, walk.hops, to, spare[: len(at)])
    return out


def _gates(x: Tensor, mixed: Tensor, before: Tensor, after: Tensor, weights: Weights) -> Tensor:
    flat = of_inputs(x, weights, x.new_empty(len(x), len(weights.bias))).addmm_(mixed, weights.w_h.t())
    gates = flat.unflatten(1, (4, -1))
    if weights.peepholes is not None:
        look_back(gates[:, 1:3], before, weights.peepholes)
        gates[:, 3].addcmul_(after, weights.peepholes[2])
    gates[:, 0].tanh_()
    gates[:, 1:].sigmoid_()
    return flat


class Gradients(NamedTuple):
    """Gradients of P passes: P beside the rows, or beside the gates."""

    x: Tensor | None  # (V, P, F)
    w_x: Tensor  # (F, P · 4H)
    w_h: Tensor  # (H, P · 4H)
    bias: Tensor  # (P · 4H)
    peepholes: Tensor  # (3, P, H)
    h: Tensor  # of first states, (N, P, H)
    c: Tensor  # of first cells, (N, P, H)


def gradients(
    walk: Walk,
    x: Tensor,
    weights: Weights,
    past: Past,
    into: tuple[Tensor, Tensor | None],
    needs_grad: tuple[bool, bool],
) -> Gradients:
    """Pull gradients of states (V, P, H) and of last cells (N, P, H) back to where they come from.

    Args:
        walk: the steps.
        x: convolved inputs (V, F).
        weights: the weights.
        past: what :func:`~graphseq.nn.kernels.gcn_lstm_forward.run` kept.
        into: both gradients; ``None`` is zero.
        needs_grad: whether the gradients of x, and those of the weights, are asked for.
    """
    of_h, of_c = into
    passes, hidden = of_h.shape[1:]
    wide = passes * 4 * hidden
    out = Gradients(
        x.new_empty(len(x), passes, x.shape[1]) if needs_grad[0] else None,
        x.new_zeros(x.shape[1], wide),
        x.new_zeros(hidden, wide),
        x.new_zeros(wide),
        x.new_zeros(3, passes, hidden),
        x.new_zeros(walk.num_nodes, passes, hidden),
        x.new_zeros(walk.num_nodes, passes, hidden) if of_c is None else of_c.clone(),
    )
    # What is written to is made before; in between, autograd need not look at every operation.
    with torch.inference_mode():
        weights = weights.grouped()
        of_steps = of_h.flatten(1).split_with_sizes(walk.sizes)
        if walk.before is None:
            out.h.copy_(of_h[-walk.num_nodes :])
        for block in reversed(walk.blocks(wide * x.element_size())):
            local = _local(walk, block, x, weights, past)
            of_gates = local.slopes.unsqueeze(1)
            if passes > 1:
                of_gates = of_gates.expand(-1, passes, -1, -1).contiguous()
            _back(walk, block, local, weights, of_steps, of_gates, out)
            if out.x is not None:
                torch.mm(of_gates.view(-1, 4 * hidden), weights.w_x, out=out.x[block.rows].flatten(0, 1))
            if needs_grad[1]:
                _gather(x[block.rows], local, of_gates, weights.peepholes is not None, out)
    w_x, w_h, bias = (_ungrouped(tensor, passes) for tensor in (out.w_x, out.w_h, out.bias))
    return out._replace(w_x=w_x, w_h=w_h, bias=bias)


def _ungrouped(of_gates: Tensor, passes: int) -> Tensor:
    """The gradients (…, P · 4H) with gates in torch's order i, f, g, o."""
    g, i, f, o = of_gates.unflatten(-1, (passes, 4, -1)).unbind(-2)
    return torch.stack([i, f, g, o], dim=-2).flatten(-3)


def _back(
    walk: Walk,
    block: Block,
    local: Local,
    weights: Weights,
    of_steps: Sequence[Tensor],
    of_gates: Tensor,
    out: Gradients,
) -> None:
    """The steps of one block, last to first: ``of_gates`` (R, P, 4, H), at first the slopes, become gradients."""
    sizes, passes, peepholes = block.sizes, of_gates.shape[1], weights.peepholes
    of_c, of_o = of_gates[:, :, :3].split_with_sizes(sizes), of_gates[:, :, 3].split_with_sizes(sizes)
    flats = of_gates.view(-1, len(weights.bias)).split_with_sizes([size * passes for size in sizes])
    throughs, forgets = (tensor.unsqueeze(1).split_with_sizes(sizes) for tensor in (local.through, local.forget))
    room = of_gates.new_zeros(3, max(sizes), passes * of_gates.shape[3])
    rooms = {size: room[:, :size].unbind() for size in set(sizes)}
    flat_h, h, c, wide_c = out.h.flatten(1), out.h, out.c, out.c.unsqueeze(2)
    for k in reversed(range(len(sizes))):
        step, (of_mixed, spare, pulled) = block.steps[k], rooms[sizes[k]]
        nodes, matrix, plus = walk.nodes[step], walk.matrices[step], None
        if nodes is not None:
            h = out.h.index_select(0, nodes).add_(of_steps[step].view(-1, passes, out.h.shape[2]))
            c = out.c.index_select(0, nodes)
            wide_c = c.unsqueeze(2)
        else:
            pulled, plus = flat_h, of_steps[step - 1] if step else None
        of_o[k].mul_(h)
        c.addcmul_(h, throughs[k])
        if peepholes is not None:
            c.addcmul_(of_o[k], peepholes[2])
        of_c[k].mul_(wide_c)
        c.mul_(forgets[k])
        if peepholes is not None:
            c.addcmul_(of_c[k][:, :, 1], peepholes[0]).addcmul_(of_c[k][:, :, 2], peepholes[1])
        torch.mm(flats[k], weights.w_h, out=of_mixed.view(len(flats[k]), -1))
        if matrix is not None:
            times(matrix.transpose.csr, of_mixed, walk.hops, pulled, spare, plus)
        elif plus is not None:
            torch.add(of_mixed, plus, out=pulled)
        else:
            pulled.copy_(of_mixed)
        if nodes is not None:
            out.h.index_copy_(0, nodes, pulled.view_as(h))
            out.c.index_copy_(0, nodes, c)


def _gather(x: Tensor, local: Local, of_gates: Tensor, has_peepholes: bool, out: Gradients) -> None:
    """Add a block's share to the gradients of the weights."""
    flat = of_gates.flatten(1)
    out.w_x.addmm_(x.t(), flat)
    out.w_h.addmm_(local.mixed.t(), flat)
    out.bias.add_(flat.sum(0))
    if has_peepholes:
        for place, gate, cells in ((0, 1, local.before), (1, 2, local.before), (2, 3, local.after)):
            out.peepholes[place].add_((of_gates[:, :, gate] * cells.unsqueeze(1)).sum(0))
