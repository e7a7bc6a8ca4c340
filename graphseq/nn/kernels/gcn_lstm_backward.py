"""The backward pass through all steps of a graph-convolutional LSTM, for one gradient or for many at once.

The gates are worked out anew from the states and cells that were kept, for many steps at once, since by now no step
waits for another: a third of the memory, in less time than it takes to write four gates a unit and read them again. So
is all that a gradient is multiplied by on its way. Two products, by W_h and by Â, are left to each step, and the
weights' gradients are one product a block.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphseq._torch import compat
from graphseq.nn.kernels.buffers import Buffers
from graphseq.nn.kernels.gcn_lstm_forward import Past, Weights, gate_order, look_back, of_inputs
from graphseq.nn.kernels.schedule import Block, Walk, times


class Local(NamedTuple):
    """The factors by which a block's rows multiply a gradient."""

    mixed: Tensor  # Âᴸ H of the step before, (R, H)
    before: Tensor  # C of the step before, (R, H)
    after: Tensor  # C, (R, H)
    forget: Tensor  # f, (R, H)
    through: Tensor  # ∂H/∂C, (R, H)
    slopes: Tensor  # ∂C/∂a of g, i and f, and ∂H/∂a of o, (R, 4, H)


def _local(
    walk: Walk, block: Block, x: Tensor, weights: Weights, past: Past, buffer: tuple[Tensor, Tensor] | None
) -> Local:
    """The factors of a block; the last two are written to ``buffer`` where there is one."""
    before, after = walk.past(past.cells, block.rows), walk.left(past.cells, block.rows)
    if past.mixed is not None and past.gates is not None:
        mixed, flat = past.mixed[block.rows], past.gates[block.rows]
    else:
        mixed = _mixed(walk, block, walk.past(past.h, block.rows))
        flat = _gates(x[block.rows], mixed, before, after, weights)
    gates = flat.unflatten(1, (4, -1))
    g, i, f, o = gates.unbind(1)
    slopes, through = buffer or (torch.empty_like(gates), torch.empty_like(o))
    compat.tanh_backward(i, g, out=slopes[:, 0])
    slopes[:, 1] = g
    slopes[:, 2] = before
    tanh = torch.tanh(after, out=slopes[:, 3])
    compat.tanh_backward(o, tanh, out=through)
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
        if walk.before is None:
            out.h.copy_(of_h[-walk.num_nodes :])
        blocks = walk.blocks(wide * x.element_size())
        is_small = walk.is_small and len(blocks) == 1 and passes == 1 and past.gates is not None and x.is_cpu
        for block in reversed(blocks):
            if is_small:
                local, steps = _in_buffer(walk, block, x, weights, past, of_h)
                of_gates = local.slopes.unsqueeze(1)
            else:
                local = _local(walk, block, x, weights, past, None)
                of_gates = local.slopes.unsqueeze(1)
                if passes > 1:
                    of_gates = of_gates.expand(-1, passes, -1, -1).contiguous()
                steps = _steps(block, local, of_gates, of_h)
            start = block.rows.start
            earlier = of_h[start - walk.num_nodes : start].flatten(1) if start and walk.before is None else None
            _back(walk, block, steps, earlier, weights, out)
            del steps  # so that the next block finds their buffer in the cache
            if out.x is not None:
                torch.mm(of_gates.view(-1, 4 * hidden), weights.w_x, out=out.x[block.rows].flatten(0, 1))
            if needs_grad[1]:
                _gather(x[block.rows], local, of_gates, weights.peepholes is not None, out)
    w_x, w_h, bias = (_ungrouped(tensor, passes) for tensor in (out.w_x, out.w_h, out.bias))
    return out._replace(w_x=w_x, w_h=w_h, bias=bias)


def _ungrouped(of_gates: Tensor, passes: int) -> Tensor:
    """The gradients (…, P · 4H) with gates in torch's order i, f, g, o."""
    of_pass = of_gates.unflatten(-1, (passes, -1))
    order = gate_order(of_pass.shape[-1] // 4, of_gates.device, back=True)
    grouped: Tensor = of_pass.index_select(-1, order)
    return grouped.flatten(-2)


class _Step(NamedTuple):
    """The places of one step's rows, at first its slopes, which become gradients."""

    of_cell: Tensor  # those of g, i and f, (R, P, 3, H)
    of_o: Tensor  # (R, P, H)
    flat: Tensor  # both, (R · P, 4H)
    through: Tensor  # (R, 1, H)
    forget: Tensor  # (R, 1, H)
    into: Tensor  # the gradient of its states, (R, P · H)
    of_passes: Tensor  # a buffer (R · P, H), which is the next one
    mixed: Tensor  # buffers, (R, P · H)
    spare: Tensor
    pulled: Tensor


def _steps(block: Block, local: Local, of_gates: Tensor, of_h: Tensor) -> list[_Step]:
    """The places of the steps of one block."""
    buffer = of_gates.new_zeros(3, max(block.sizes), of_gates.shape[1] * of_gates.shape[3])
    return _places(block.sizes, of_gates, (local.through, local.forget, of_h[block.rows].flatten(1)), buffer)


def _places(sizes: list[int], of_gates: Tensor, factors: tuple[Tensor, Tensor, Tensor], buffer: Tensor) -> list[_Step]:
    through, forget, into = factors
    passes = of_gates.shape[1]
    of_rows = of_gates[:, :, :3], of_gates[:, :, 3], through.unsqueeze(1), forget.unsqueeze(1), into
    of_cell, of_o, *others = (tensor.split_with_sizes(sizes) for tensor in of_rows)
    flats = of_gates.view(-1, 4 * of_gates.shape[3]).split_with_sizes([size * passes for size in sizes])
    width = of_gates.shape[3]
    of_size = {size: (buffer[0, :size].view(-1, width), *buffer[:, :size].unbind()) for size in set(sizes)}
    split = zip(of_cell, of_o, flats, *others, sizes, strict=True)
    return [_Step(*step, *of_size[size]) for *step, size in split]


_buffers: Buffers[list[_Step]] = Buffers()


def _in_buffer(
    walk: Walk, block: Block, x: Tensor, weights: Weights, past: Past, of_h: Tensor
) -> tuple[Local, list[_Step]]:
    """The factors and the places of all steps, where all of them are over the same few nodes."""
    hidden, nodes, rows = weights.w_h.shape[1], walk.num_nodes, len(x)
    shapes = [(rows, 4, hidden), (rows, hidden), (rows, hidden), (rows, hidden), (3, nodes, hidden)]

    def see(parts: list[Tensor]) -> list[_Step]:
        slopes, *factors, buffer = parts
        return _places(walk.sizes, slopes.unsqueeze(1), (factors[0], factors[1], factors[2]), buffer)

    (slopes, through, forget, into, buffer), steps = _buffers.take((rows, nodes, hidden), x, shapes, see)
    local = _local(walk, block, x, weights, past, (slopes, through))
    forget.copy_(local.forget)
    into.copy_(of_h.flatten(1))
    buffer.zero_()  # of what it held before, as not every build of torch leaves it unread
    return local, steps


def _back(
    walk: Walk, block: Block, steps: list[_Step], earlier: Tensor | None, weights: Weights, out: Gradients
) -> None:
    """The steps of one block, last to first; ``earlier`` is the gradient of the states before, of all nodes."""
    passes, hidden = out.h.shape[1:]
    w_h, peepholes, hops = weights.w_h, weights.peepholes, walk.hops
    flat_h, h, c, wide_c = out.h.flatten(1), out.h, out.c, out.c.unsqueeze(2)
    for k in reversed(range(len(steps))):
        of_cell, of_o, flat, through, forget, into, of_passes, of_mixed, spare, pulled = steps[k]
        step = block.steps[k]
        nodes, matrix, plus = walk.nodes[step], walk.matrices[step], None
        if nodes is not None:
            h = out.h.index_select(0, nodes).add_(into.view(-1, passes, hidden))
            c = out.c.index_select(0, nodes)
            wide_c = c.unsqueeze(2)
        else:
            pulled, plus = flat_h, steps[k - 1].into if k else earlier
        of_o.mul_(h)
        c.addcmul_(h, through)
        if peepholes is not None:
            c.addcmul_(of_o, peepholes[2])
        of_cell.mul_(wide_c)
        c.mul_(forget)
        if peepholes is not None:
            c.addcmul_(of_cell[:, :, 1], peepholes[0]).addcmul_(of_cell[:, :, 2], peepholes[1])
        torch.mm(flat, w_h, out=of_passes)
        if matrix is not None:
            times(matrix.transpose.csr, of_mixed, hops, pulled, spare, plus)
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
