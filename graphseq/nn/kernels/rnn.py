r"""Layers of torch's ``nn.RNN`` and ``nn.GRU`` over equal lengths, each one function of autograd on a CPU.

What no step waits for is done for many steps at once, as many as fit in cache: what inputs add up to, slopes, and the
gradients of inputs and weights. One product with W_h, each way, is left to a step, and little beside it, where
torch's own are taken back operation by operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from graphseq._torch import compat
from graphseq._torch.operations import lstm_layer, register, takes_lstm
from graphseq._torch.precision import in_full, is_mixed, lacks_lstm_kernel
from graphseq.nn.cells import gru_cell, lstm_cell, rnn_cell
from graphseq.nn.kernels import batched_grad
from graphseq.nn.kernels.rnn_steps import AT_ONCE, GRU_STEPS, RNN_STEPS, Steps, Way, Weights

BLOCK = 2**20  # bytes of gradients in sums that are there at a time
FEWEST = 6  # steps from which on the function's own price, the same for any number of them, is less than what it saves

STEPS: dict[str, Steps] = {"RNN_TANH": RNN_STEPS, "GRU": GRU_STEPS}

TORCHS: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "RNN_TANH": torch.rnn_tanh,
    "GRU": torch.gru,
    "LSTM": torch.lstm,
}

FORWARDS = (nn.RNN.forward, nn.GRU.forward, nn.LSTM.forward)  # those of subclasses that change weights alone, too


def recur(kernel: nn.RNNBase, x: Tensor, start: Any) -> tuple[Tensor, Any]:
    """States (T, B, H) and last state, from inputs (T, B, F) and first state, as ``kernel(x, start)`` gives them."""
    layers = kernel.all_weights
    w_x, at_first = layers[0][0], start[0] if isinstance(start, tuple) else start
    if kernel.mode == "LSTM" and lacks_lstm_kernel(x):
        with in_full(x) as full:
            return recur(kernel, full, tuple(tensor.to(full.dtype) for tensor in start))
    fits = x.dtype == w_x.dtype and x.shape[2:] == w_x.shape[1:] and x.shape[1] == at_first.shape[1]
    if not _is_as_made(kernel) or not fits or (kernel.dropout and kernel.training):
        return kernel(x, start)  # type: ignore[no-any-return]
    return read(kernel.mode, layers, x, start, training=kernel.training)


def read(mode: str, layers: Sequence[Sequence[Tensor]], x: Tensor, start: Any, *, training: bool) -> tuple[Tensor, Any]:
    """The same of layers by their weights, W_x, W_h, b_x and b_h each.

    Torch's own where there is none better: for an LSTM, over a few steps, beside a CPU, in forward mode, and where
    torch is to choose number types itself. Under a transform of ``torch.func``, such as ``vmap``, which torch's own
    have no rule for, the equations step by step.
    """
    flat = [tensor for layer in layers for tensor in layer]
    if compat.is_recording():
        return _recorded(mode, layers, x, start)
    if compat.transforms_active():
        return loop(mode, layers, x, start)
    if mode == "LSTM" and lacks_lstm_kernel(x):
        with in_full(x) as full:
            start = tuple(tensor.to(full.dtype) for tensor in start)
            return read(mode, layers, full, start, training=training)
    if mode not in STEPS or not _is_ready(x, (start, *flat)):
        flat = _in_one_chunk(layers) if x.is_cuda else flat
        # cuDNN keeps what a backward pass needs in training mode only; without dropout the numbers are the same.
        training = training or (x.is_cuda and torch.is_grad_enabled())
        out, *memory = TORCHS[mode](x, start, flat, True, len(layers), 0.0, training, False, False)
        return out, tuple(memory) if mode == "LSTM" else memory[0]
    out, last = x, []
    for weights, first in zip(layers, start.unbind(0), strict=True):
        out = _Layer.apply(mode, out, first, *weights)  # type: ignore[no-untyped-call]
        last.append(out[-1:])
    # Where rows stand in the order of steps, what is returned would be the function's own, which nobody may write to.
    return out.clone() if x.is_contiguous() and out.requires_grad else out, torch.cat(last)


def _in_one_chunk(layers: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """The weights of all layers as cuDNN reads them, in one chunk of memory: all matrices, then all biases.

    Weights that were made apart from each other are copied, as cuDNN would at each call, with a warning.
    """
    flat = [tensor for layer in layers for tensor in layer]
    if len({tensor.untyped_storage().data_ptr() for tensor in flat}) == 1:
        return flat
    matrices = [tensor for layer in layers for tensor in layer[:2]]
    biases = [tensor for layer in layers for tensor in layer[2:]]
    in_order = [*matrices, *biases]
    parts = torch.cat([tensor.reshape(-1) for tensor in in_order]).split([tensor.numel() for tensor in in_order])
    views = [part.view_as(tensor) for part, tensor in zip(parts, in_order, strict=True)]
    pairs = [views[start : start + 2] for start in range(0, len(views), 2)]
    return [
        view
        for layer in zip(pairs[: len(layers)], pairs[len(layers) :], strict=True)
        for pair in layer
        for view in pair
    ]


def _is_as_made(kernel: nn.RNNBase) -> bool:
    """Return True if it is one of torch's own modules, without changes or hooks that the kernel would skip."""
    is_torchs = type(kernel).forward in FORWARDS and "forward" not in vars(kernel)
    is_watched = compat.has_hooks(kernel) or compat.has_global_hooks()
    otherwise = kernel.bidirectional or kernel.batch_first or kernel.proj_size or not kernel.bias
    return is_torchs and kernel.mode in TORCHS and not otherwise and not is_watched


def loop(mode: str, layers: Sequence[Sequence[Tensor]], x: Tensor, start: Any) -> tuple[Tensor, Any]:
    """The same by the equations of :mod:`graphseq.nn.cells`, step by step, of operations that torch transforms."""
    is_lstm = mode == "LSTM"
    last = []
    for weights, *first in zip(layers, *(start if is_lstm else [start]), strict=True):
        x, memory = _layer(mode, x, tuple(first), *weights)
        last.append(memory)
    final = tuple(torch.stack(memories) for memories in zip(*last, strict=True))
    return x, final if is_lstm else final[0]


def _layer(
    mode: str, x: Tensor, memory: tuple[Tensor, ...], w_x: Tensor, w_h: Tensor, b_x: Tensor, b_h: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    states = []
    for a in linear(x, w_x, b_x if mode == "GRU" else b_x + b_h).unbind(0):
        h = memory[0]
        if mode == "LSTM":
            memory = lstm_cell(a + linear(h, w_h), memory[1])
        else:
            memory = (gru_cell(a, linear(h, w_h, b_h), h) if mode == "GRU" else rnn_cell(a + linear(h, w_h)),)
        states.append(memory[0])
    return torch.stack(states), memory


def _recorded(mode: str, layers: Sequence[Sequence[Tensor]], x: Tensor, start: Any) -> tuple[Tensor, Any]:
    """The same of operations that a recorder writes down: one a layer where there is one for this processor."""
    flat = [tensor for layer in layers for tensor in layer]
    last: list[Any] = []
    if mode == "LSTM" and takes_lstm(x, flat):
        for weights, *first in zip(layers, *start, strict=True):
            x, memory = lstm_layer(x, (first[0], first[1]), weights)
            last.append(memory)
        return x, tuple(torch.stack(memories) for memories in zip(*last, strict=True))
    if mode in STEPS and x.device.type == "cpu" and not is_mixed(x) and all(one.dtype == x.dtype for one in flat):
        for weights, first in zip(layers, start.unbind(0), strict=True):
            states = _layer_operation()(mode, x, first, *weights, True)[0]
            x = states[1:]
            last.append(states[-1])
        return x, torch.stack(last)
    return loop(mode, layers, x, start)


def _is_ready(x: Tensor, others: Sequence[Tensor]) -> bool:
    if x.device.type != "cpu" or len(x) < FEWEST or is_mixed(x) or torch.compiler.is_compiling():
        return False
    return not compat.is_dual(x, *others) and all(tensor.dtype == x.dtype for tensor in others)


class _Layer(torch.autograd.Function):
    """One layer. Its gradient is written out, and is that of torch's own where it is differentiated in turn."""

    @staticmethod
    def forward(ctx: Any, mode: str, x: Tensor, start: Tensor, *weights: Tensor) -> Tensor:
        states, *extras = STEPS[mode].run(x, start, Weights(*weights))
        ctx.mode = mode
        ctx.save_for_backward(x, start, *weights, states, *extras)
        return states[1:]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved, needs_grad = ctx.saved_tensors, ctx.needs_input_grad[1:]
        arguments, past = saved[:6], saved[6:]
        if torch.is_grad_enabled() or compat.transforms_active() or not compat.can_unbatch(grad):
            return None, *_by_torch(ctx.mode, arguments, grad, needs_grad)
        level, (passes,) = batched_grad.opened([grad])
        assert passes is not None  # noqa: S101 - autograd fills in zeros
        into = _buffer(arguments, len(passes), needs_grad)
        _go_back(STEPS[ctx.mode], arguments, past, passes, into)
        return None, *(batched_grad.closed(tensor, level) for tensor in into)


class _Into(NamedTuple):
    """Gradients in the arguments of a layer, in each of P passes; ``None`` where none is needed."""

    x: Tensor | None  # (P, T, B, F)
    start: Tensor | None  # (P, B, H)
    w_x: Tensor | None  # (P, G, F)
    w_h: Tensor | None  # (P, G, H)
    b_x: Tensor | None  # (P, G)
    b_h: Tensor | None  # (P, G)


def _buffer(arguments: Sequence[Tensor], passes: int, needs_grad: Sequence[bool]) -> _Into:
    return _Into(
        *(
            tensor.new_zeros(passes, *tensor.shape) if needed else None
            for tensor, needed in zip(arguments, needs_grad, strict=True)
        )
    )


def _go_back(steps: Steps, arguments: Sequence[Tensor], past: Sequence[Tensor], grad: Tensor, into: _Into) -> None:
    """Add up gradients from those of the states in P passes, (P, T, B, H), block of steps by block of steps."""
    (x, _, *tensors), (states, *extras) = arguments, past
    weights, (passes, times, count, size) = Weights(*tensors), grad.shape
    width, turn = steps.sums * size, steps.turn * size
    most = max(1, min(times, AT_ONCE, BLOCK // max(1, passes * count * width * grad.element_size())))
    buffer, gamma = grad.new_empty(most, passes, count, width), grad.new_empty(passes, count, size)
    with torch.inference_mode():
        inputs, w_h = x.flatten(0, 1), weights.w_h.roll(turn, 0)
        gamma.copy_(grad[:, -1])
        at_start = None if into.start is None else gamma.new_zeros(()).expand(passes * count, size)
        for end in range(times, 0, -most):
            block = slice(max(0, end - most), end)
            around = states[block.start : end + 1]
            deltas = buffer[: end - block.start]
            before = grad[:, max(0, block.start - 1) : end - 1].transpose(0, 1).flatten(1, 2).unbind(0)
            g = before if block.start else (at_start, *before)
            steps.back(Way(around, [tensor[block] for tensor in extras], g, gamma, deltas), w_h)
            _add_up(deltas, (inputs.unflatten(0, (times, count))[block], around[:-1]), weights, into, block)
        if into.start is not None:
            into.start.copy_(gamma)
        for tensor in (into.w_h, into.b_h):
            if tensor is not None and turn:
                tensor.copy_(tensor.roll(-turn, 1))


def _add_up(deltas: Tensor, read: tuple[Tensor, Tensor], weights: Weights, into: _Into, block: slice) -> None:
    """Add the share of a block's δ (S, P, B, W) to the gradients."""
    of_inputs, of_states = deltas[..., -len(weights.w_x) :], deltas[..., : len(weights.w_h)]
    x, h = (tensor.flatten(0, 1) for tensor in read)
    for number in range(deltas.shape[1]):
        at_inputs, at_states = (tensor[:, number].flatten(0, 1) for tensor in (of_inputs, of_states))
        if into.x is not None:
            torch.mm(at_inputs, weights.w_x, out=into.x[number, block].flatten(0, 1))
        if into.w_x is not None:
            into.w_x[number].addmm_(at_inputs.t(), x)
        if into.w_h is not None:
            into.w_h[number].addmm_(at_states.t(), h)
        if into.b_x is not None:
            into.b_x[number] += at_inputs.sum(0)
        if into.b_h is not None:
            into.b_h[number] += at_states.sum(0)


def _by_torch(mode: str, arguments: Sequence[Tensor], grad: Tensor, needs_grad: Sequence[bool]) -> list[Tensor | None]:
    """Gradients that can be differentiated."""
    with torch.enable_grad():
        # Through aliases, a gradient is that of one argument alone, even where one was computed from another.
        x, start, *weights = tensors = [tensor.view_as(tensor) for tensor in arguments]
        out, _ = TORCHS[mode](x, start[None], weights, True, 1, 0.0, False, False, False)
    sources = [tensor for tensor, needed in zip(tensors, needs_grad, strict=True) if needed]
    grads = iter(torch.autograd.grad(out, sources, grad, create_graph=torch.is_grad_enabled(), allow_unused=True))
    return [next(grads) if needed else None for needed in needs_grad]


# As an operation of a recorded graph

_TENSORS = "Tensor x, Tensor start, Tensor w_x, Tensor w_h, Tensor b_x, Tensor b_h"


@cache
def _layer_operation() -> Callable[..., Any]:
    """A layer as an operation: first states and states (1 + T, B, H), and what else is kept."""

    def forward(
        mode: str, x: Tensor, start: Tensor, w_x: Tensor, w_h: Tensor, b_x: Tensor, b_h: Tensor, keeps: bool
    ) -> tuple[Tensor, ...]:
        states, *extras = STEPS[mode].run(x.contiguous(), start, Weights(w_x, w_h, b_x, b_h))
        return states, *(extras if extras and keeps else (x.new_empty(0), x.new_empty(0)))

    def shapes(
        mode: str, x: Tensor, start: Tensor, w_x: Tensor, w_h: Tensor, b_x: Tensor, b_h: Tensor, keeps: bool
    ) -> tuple[Tensor, ...]:
        times, count, size = x.shape[0], x.shape[1], start.shape[1]
        states = x.new_empty(1 + times, count, size)
        if mode == "RNN_TANH" or not keeps:
            return states, x.new_empty(0), x.new_empty(0)
        return states, x.new_empty(times, count, 3 * size), x.new_empty(times, count, size)

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.mode = inputs[0]
        ctx.save_for_backward(*inputs[1:7], *output)

    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Any, ...]:
        needs = list(ctx.needs_input_grad[1:7])
        found = _layer_gradient()(ctx.mode, list(ctx.saved_tensors), grad, needs)
        return None, *(tensor if needed else None for tensor, needed in zip(found, needs, strict=True)), None

    schema = f"(str mode, {_TENSORS}, bool keeps) -> (Tensor, Tensor, Tensor)"
    _layer_gradient()  # a compiled gradient that torch has kept on disk is not traced, and finds it here
    return register("rnn_layer", schema, forward, shapes, (backward, setup), _written_out)


@cache
def _layer_gradient() -> Callable[..., Any]:
    """The gradients of a layer's tensors as an operation."""

    def forward(mode: str, saved: Sequence[Tensor], grad: Tensor, needs: Sequence[bool]) -> list[Tensor]:
        (x, *others), past = saved[:6], [tensor for tensor in saved[6:] if tensor.numel()]
        arguments = (x.contiguous(), *others)
        into = _buffer(arguments, 1, needs)
        _go_back(STEPS[mode], arguments, past, grad[1:].contiguous()[None], into)
        if into.start is not None:
            into.start.add_(grad[0])
        return [x.new_empty(0) if tensor is None else tensor[0] for tensor in into]

    def shapes(mode: str, saved: Sequence[Tensor], grad: Tensor, needs: Sequence[bool]) -> list[Tensor]:
        return [
            tensor.new_empty(tensor.shape if needed else 0) for tensor, needed in zip(saved[:6], needs, strict=True)
        ]

    schema = "(str mode, Tensor[] saved, Tensor grad, bool[] needs) -> Tensor[]"
    return register("rnn_layer_gradient", schema, forward, shapes, None, None)


def _written_out(
    mode: str, x: Tensor, start: Tensor, w_x: Tensor, w_h: Tensor, b_x: Tensor, b_h: Tensor, _: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The same by operations of torch alone."""
    states, _last = _layer(mode, x, (start,), w_x, w_h, b_x, b_h)
    return torch.cat([start[None], states]), x.new_empty(0), x.new_empty(0)
