"""The graph-convolutional LSTM over all steps as one function of autograd, and when it may stand for the loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from graphseq._torch import compat
from graphseq.nn.cells import lstm_cell
from graphseq.nn.kernels import batched_grad
from graphseq.nn.kernels.gcn_lstm_backward import gradients
from graphseq.nn.kernels.gcn_lstm_forward import Past, Weights, run
from graphseq.nn.kernels.schedule import Walk, scan

State = tuple[Tensor, ...]


def sequence(walk: Walk, x: Tensor, weights: Weights, start: State | None = None) -> tuple[Tensor, State]:
    """States (V, H), and states and cells of the nodes at last (N, H), from convolved inputs (V, F).

    One function with a gradient of its own; where a derivative is asked for that this lacks (forward mode, a
    transform of ``torch.func``, or with respect to the entries of Â), the loop that it stands for.
    """
    arguments = (x, *weights, *(start or (None, None)))
    if walk.is_learned or compat.transforms_active() or compat.is_dual(*arguments):
        return loop(walk, x, weights, start)
    out, c = _Sequence.apply(walk, *arguments)  # type: ignore[no-untyped-call]
    h = out[len(out) - walk.num_nodes :] if walk.last is None else out[walk.last - walk.num_nodes]
    return out, (h, c)


def loop(walk: Walk, x: Tensor, weights: Weights, start: State | None = None) -> tuple[Tensor, State]:
    """The same, step by step."""
    if start is None:
        zero = x.new_zeros(walk.num_nodes, weights.w_h.shape[1])
        start = (zero, zero)
    terms = linear(x, weights.w_x, weights.bias).split(walk.sizes)

    def from_state(step: int, h: Tensor) -> Tensor:
        return linear(walk.mixed(step, h), weights.w_h)

    def cell(a: Tensor, s: Tensor, _: Tensor, c: Tensor) -> State:
        return lstm_cell(a + s, c, weights.peepholes)

    return scan(walk.nodes, terms, from_state, cell, start)


class _Sequence(torch.autograd.Function):
    """The function. Its gradient is written out, and is the loop's where it is to be differentiated in turn."""

    @staticmethod
    def forward(ctx: Any, walk: Walk, *arguments: Tensor | None) -> tuple[Tensor, Tensor]:
        past = run(walk, *_unpacked(arguments))
        ctx.walk = walk
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*arguments, *past)
        return past.h[walk.num_nodes :], walk.final(past.cells).clone()

    @staticmethod
    def backward(ctx: Any, of_h: Tensor | None, of_c: Tensor | None) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors  # unpacked once, as a segment that is recomputed asks for
        arguments, past = saved[:7], Past(*saved[7:])
        output_grads, needs_grad = (of_h, of_c), ctx.needs_input_grad[1:]
        if of_h is None and of_c is None:
            return (None,) * (1 + len(needs_grad))
        if torch.is_grad_enabled() or compat.transforms_active() or not compat.can_unbatch(*output_grads):
            return None, *_by_loop(ctx.walk, arguments, output_grads, needs_grad)
        grads = _by_hand(ctx.walk, arguments, past, output_grads, needs_grad)
        return None, *(tensor if needed else None for tensor, needed in zip(grads, needs_grad, strict=True))


Arguments = Sequence[Any]  # x, w_x, w_h, bias, peepholes, first states, first cells; the last three may be None
OutputGrads = tuple[Tensor | None, Tensor | None]  # gradients of states and of last cells


def _unpacked(arguments: Arguments) -> tuple[Tensor, Weights, State | None]:
    x, w_x, w_h, bias, peepholes, h, c = arguments
    return x, Weights(w_x, w_h, bias, peepholes), None if h is None else (h, c)


def _by_loop(
    walk: Walk, arguments: Arguments, output_grads: OutputGrads, needs_grad: tuple[bool, ...]
) -> list[Tensor | None]:
    """Gradients that can be differentiated."""
    with torch.enable_grad():
        # Through aliases, a gradient is that of one argument alone, even where one was computed from another.
        aliases = [None if tensor is None else tensor.view_as(tensor) for tensor in arguments]
        out, (_, last) = loop(walk, *_unpacked(aliases))
    sources = [tensor for tensor, needed in zip(aliases, needs_grad, strict=True) if needed and tensor is not None]
    ends, of_ends = zip(
        *((end, of) for end, of in zip((out, last), output_grads, strict=True) if of is not None), strict=True
    )
    grads = iter(torch.autograd.grad(ends, sources, of_ends, create_graph=torch.is_grad_enabled(), allow_unused=True))
    return [next(grads) if needed else None for needed in needs_grad]


def _by_hand(
    walk: Walk, arguments: Arguments, past: Past, output_grads: OutputGrads, needs_grad: tuple[bool, ...]
) -> list[Tensor | None]:
    """Gradients of one pass, or of the many that ``torch.autograd.grad(…, is_grads_batched=True)`` asks at once."""
    level, opened = batched_grad.opened(output_grads, dim=1)
    of_h, of_c = (None if tensor is None else tensor.contiguous() for tensor in opened)
    if of_h is None:
        assert of_c is not None  # noqa: S101 - one of them is asked
        of_h = of_c.new_zeros(len(past.h) - walk.num_nodes, *of_c.shape[1:])
    x, weights, _ = _unpacked(arguments)
    grads = gradients(walk, x, weights, past, (of_h, of_c), (needs_grad[0], any(needs_grad[1:5])))
    passes = of_h.shape[1]
    w_x, w_h = (tensor.unflatten(1, (passes, -1)).permute(1, 2, 0) for tensor in (grads.w_x, grads.w_h))
    of_weights = w_x, w_h, grads.bias.view(passes, -1), grads.peepholes.transpose(0, 1)
    of_x, *of_first = (None if tensor is None else tensor.transpose(0, 1) for tensor in (grads.x, grads.h, grads.c))
    return [batched_grad.closed(tensor, level) for tensor in (of_x, *of_weights, *of_first)]
