r"""A stack of graph convolutions as one function of autograd, worked through in blocks of rows that fit in cache.

.. math:: H^{(l)} = \mathrm{ReLU}(\hat A H^{(l-1)} W_l^\top + b_l), \qquad
          S = \hat A^\top G^{(l)}, \qquad \partial W_l = S^\top H^{(l-1)}, \qquad
          G^{(l-1)} = (S W_l) ⊙ [H^{(l-1)} > 0]

with no ReLU after the last layer, and G the gradient in what a layer adds up to. Neither Â H nor S is ever there as a
whole, so what must move is the states, once in and once out, and what is kept for the gradient is the states alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from graphseq._torch import compat
from graphseq._torch.operations import PARTS, product_of_entries, register
from graphseq._torch.precision import is_mixed
from graphseq.data.adjacency import SparseMatrix, matrix_of
from graphseq.nn.kernels.dense import linear_into, mix, mix_into

BLOCK = 2**21  # bytes of Â H that are there at a time: in cache, and many enough to be worth a call

WIDE = 64  # columns that torch sums as fast as it reads them

Layer = tuple[Tensor, Tensor | None]  # W (H, F) and b (H,)


def stack(matrix: SparseMatrix, x: Tensor, layers: Sequence[Layer]) -> Tensor:
    """States (V, H) after all layers, from features (V, F), with ReLU between them.

    Where a derivative is asked for that the function lacks (forward mode, a transform of ``torch.func``, or with
    respect to the entries of Â), or torch is to choose number types itself, or the device is no CPU, the products that
    it stands for.
    """
    flat = [tensor for layer in layers for tensor in layer]
    if compat.is_recording() and not matrix.is_learned and x.device.type == "cpu" and not is_mixed(x):
        weights, biases = zip(*layers, strict=True)
        given = [bias for bias in biases if bias is not None]
        has_bias = [bias is not None for bias in biases]
        return _recorded()(matrix.parts, x, list(weights), given, has_bias, True)[0]  # type: ignore[no-any-return]
    if (
        matrix.is_learned
        or x.device.type != "cpu"
        or is_mixed(x)
        or compat.transforms_active()
        or compat.is_dual(x, *flat)
    ):
        return plain(matrix, x, layers)
    return _Stack.apply(matrix, x, *flat)  # type: ignore[no-any-return, no-untyped-call]


def plain(matrix: SparseMatrix, x: Tensor, layers: Sequence[Layer]) -> Tensor:
    """The same, product by product: Â is multiplied with whichever of H and H Wᵀ is narrower."""
    for number, (weight, bias) in enumerate(layers):
        x = x.relu() if number else x
        if _is_narrow(weight):
            x = linear(matrix @ x, weight, bias)
        else:
            x = matrix @ linear(x, weight)
            x = x if bias is None else x + bias
    return x


def _is_narrow(weight: Tensor) -> bool:
    """Return True if a layer has no more input than output channels, so that Â is applied first."""
    return weight.shape[1] <= weight.shape[0]


class _Stack(torch.autograd.Function):
    """The function. Its gradient is written out, and is that of the products where it is differentiated in turn."""

    @staticmethod
    def forward(ctx: Any, matrix: SparseMatrix, x: Tensor, *flat: Tensor | None) -> Tensor:
        states, _ = _run(matrix, x, flat, keeps=any(ctx.needs_input_grad))
        ctx.matrix = matrix
        ctx.save_for_backward(*states[:-1], *flat)
        return states[-1]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved, needs_grad = ctx.saved_tensors, ctx.needs_input_grad[1:]
        count = len(saved) // 3
        states, flat = saved[:count], saved[count:]
        if torch.is_grad_enabled() or compat.transforms_active():
            return None, *_by_products(ctx.matrix, states[0], flat, grad, needs_grad)
        if compat.is_batched_gradient(grad):
            return None, *_of_many(ctx.matrix, states, flat, grad, needs_grad)
        return None, *_by_hand(ctx.matrix, states, flat, grad, needs_grad)


def _run(
    matrix: SparseMatrix, x: Tensor, flat: Sequence[Tensor | None], *, keeps: bool
) -> tuple[list[Tensor], Tensor | None]:
    """The states: x, those of each layer but the last where a gradient needs them, and the last; and their memory."""
    inner = [len(weight) for weight in flat[:-2:2]]  # type: ignore[arg-type]
    buffer = matrix.workspaces[0].take(x, len(x) * sum(inner)) if keeps else None
    states = [x]
    for number, (weight, bias) in enumerate(zip(flat[::2], flat[1::2], strict=True)):
        is_last = number == len(inner)
        if is_last or buffer is None:
            out = matrix.workspaces[3].take(x, len(x), len(weight))  # type: ignore[arg-type]
        else:
            out = _inner(buffer, len(x), inner)[number]
        _forward(matrix, states[-1], (weight, bias), out, relu=not is_last)  # type: ignore[arg-type]
        states = [*states, out] if buffer is not None else [out]
    return states, buffer


def _inner(buffer: Tensor, count: int, widths: Sequence[int]) -> list[Tensor]:
    """The states of the layers but the last, in their memory."""
    parts = buffer.split([count * width for width in widths])
    return [part.view(count, -1) for part in parts]


def _forward(matrix: SparseMatrix, x: Tensor, layer: Layer, out: Tensor, *, relu: bool) -> None:
    weight, bias = layer
    blocks = matrix.blocks(_rows(weight))
    # What is written to is made before; in between, autograd need not look at every operation.
    with torch.inference_mode():
        wide = None if _is_narrow(weight) else linear(x, weight)
        buffer = x.new_empty(_longest(blocks), weight.shape[1])
        for rows, block in blocks:
            tensor = out[rows]
            if wide is None:
                linear_into(tensor, mix(block, x, buffer[: len(tensor)]), weight, bias, relu=relu)
                continue
            mix_into(tensor, block, wide)
            if bias is not None:
                tensor += bias
            if relu:
                tensor.relu_()


def _rows(weight: Tensor) -> int:
    """Rows of a block."""
    widest = int(max(weight.shape))
    return max(1, BLOCK // (widest * weight.element_size()))


def _longest(blocks: Sequence[tuple[slice, Tensor]]) -> int:
    return max(block.shape[0] for _, block in blocks)


Gradients = list[Tensor | None]  # of x, and of weight and bias of each layer


def _by_hand(
    matrix: SparseMatrix,
    states: Sequence[Tensor],
    flat: Sequence[Tensor | None],
    grad: Tensor,
    needs_grad: Sequence[bool],
) -> Gradients:
    grads: Gradients = [None] * len(needs_grad)
    g = grad.contiguous()
    for number in reversed(range(len(states))):
        weight, x, place = flat[2 * number], states[number], 1 + 2 * number
        assert weight is not None  # noqa: S101 - every layer has one
        if not any(needs_grad[: place + 2]):
            break
        w = torch.zeros_like(weight) if needs_grad[place] else None
        b = g.new_zeros(len(weight)) if needs_grad[place + 1] else None
        grads[place : place + 2] = w, b
        into = None
        if any(needs_grad[:place]):
            into = matrix.workspaces[1 + number % 2 if number else 4].take(x, *x.shape)  # two take turns
        _backward(matrix, (x, weight, g), (into, w, b), masked=number > 0)
        if into is None:
            break
        g = into
    else:
        grads[0] = g
    return grads


def _backward(
    matrix: SparseMatrix,
    operands: tuple[Tensor, Tensor, Tensor],
    into: tuple[Tensor | None, Tensor | None, Tensor | None],
    *,
    masked: bool,
) -> None:
    (x, weight, g), (of_x, w, b) = operands, into
    blocks = matrix.transpose.blocks(_rows(weight))
    with torch.inference_mode():
        buffer, turned = g.new_empty(_longest(blocks), g.shape[1]), weight.t()
        for rows, block in blocks:
            s = mix(block, g, buffer[: rows.stop - rows.start])
            _add(w, b, s, g[rows], x[rows])
            if of_x is not None:
                tensor = linear_into(of_x[rows], s, turned, None)
                if masked:
                    compat.relu_backward(tensor, x[rows], out=tensor)


def _add(w: Tensor | None, b: Tensor | None, s: Tensor, g: Tensor, x: Tensor) -> None:
    """Add the share of some rows to the gradients of weight and bias."""
    if w is not None:
        w.addmm_(s.t(), x)
    if b is not None:
        b += _sum(g)


def _sum(g: Tensor) -> Tensor:
    """The sum over rows; narrow ones side by side, which torch sums in half the time."""
    fold = max(1, WIDE // g.shape[1])
    if len(g) % fold:
        fold = 1
    return g.reshape(-1, fold * g.shape[1]).sum(0).view(fold, -1).sum(0)


def _by_products(
    matrix: SparseMatrix, x: Tensor, flat: Sequence[Tensor | None], grad: Tensor, needs_grad: Sequence[bool]
) -> Gradients:
    """Gradients that can be differentiated."""
    with torch.enable_grad():
        # Through aliases, a gradient is that of one argument alone, even where one was computed from another.
        aliases = [None if tensor is None else tensor.view_as(tensor) for tensor in (x, *flat)]
        weights, biases = aliases[1::2], aliases[2::2]
        assert aliases[0] is not None  # noqa: S101 - there are features
        out = plain(matrix, aliases[0], list(zip(weights, biases, strict=True)))  # type: ignore[arg-type]
    sources = [tensor for tensor, needed in zip(aliases, needs_grad, strict=True) if needed and tensor is not None]
    grads = iter(torch.autograd.grad(out, sources, grad, create_graph=torch.is_grad_enabled()))
    return [next(grads) if needed else None for needed in needs_grad]


def _of_many(
    matrix: SparseMatrix,
    states: Sequence[Tensor],
    flat: Sequence[Tensor | None],
    grad: Tensor,
    needs_grad: Sequence[bool],
) -> Gradients:
    """Gradients of the many passes that ``torch.autograd.grad(…, is_grads_batched=True)`` asks at once."""
    grads: Gradients = [None] * len(needs_grad)
    for number in reversed(range(len(states))):
        weight, x = flat[2 * number], states[number]
        assert weight is not None  # noqa: S101 - every layer has one
        s = matrix.transpose @ grad
        if needs_grad[1 + 2 * number]:
            grads[1 + 2 * number] = s.t() @ x
        if needs_grad[2 + 2 * number]:
            grads[2 + 2 * number] = grad.sum(0)
        grad = s @ weight
        if number:
            grad = grad * (x > 0)
    grads[0] = grad if needs_grad[0] else None
    return grads


# As an operation of a recorded graph


@cache
def _recorded() -> Callable[..., Any]:
    """The function as an operation, which gives the states after the last layer, and all before them."""

    def forward(
        parts: Sequence[Tensor],
        x: Tensor,
        weights: Sequence[Tensor],
        biases: Sequence[Tensor],
        has_bias: Sequence[bool],
        keeps: bool,
    ) -> tuple[Tensor, Tensor]:
        states, buffer = _run(matrix_of(parts), x, _flat(weights, biases, has_bias), keeps=keeps)
        return states[-1], x.new_empty(0) if buffer is None else buffer

    def shapes(
        parts: Sequence[Tensor],
        x: Tensor,
        weights: Sequence[Tensor],
        biases: Sequence[Tensor],
        has_bias: Sequence[bool],
        keeps: bool,
    ) -> tuple[Tensor, Tensor]:
        widths = [weight.shape[0] for weight in weights]
        return x.new_empty(x.shape[0], widths[-1]), x.new_empty(x.shape[0] * sum(widths[:-1]) if keeps else 0)

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        parts, x, weights, _, has_bias, _ = inputs
        ctx.has_bias = has_bias
        ctx.save_for_backward(*parts, x, output[1], *weights)

    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Any, ...]:
        parts, (x, buffer, *weights) = ctx.saved_tensors[:PARTS], ctx.saved_tensors[PARTS:]
        needs_x = bool(ctx.needs_input_grad[1])
        of_x, *others = _recorded_gradient()(parts, x, buffer, weights, ctx.has_bias, grad, needs_x)
        count = len(weights)
        return [None] * PARTS, of_x if needs_x else None, others[:count], others[count:], None, None

    arguments = "Tensor[] matrix, Tensor x, Tensor[] weights, Tensor[] biases, bool[] has_bias, bool keeps"
    schema = f"({arguments}) -> (Tensor, Tensor)"
    _recorded_gradient()  # a compiled gradient that torch has kept on disk is not traced, and finds it here
    return register("gcn_stack", schema, forward, shapes, (backward, setup), _written_out)


@cache
def _recorded_gradient() -> Callable[..., Any]:
    """The gradients of x, of all weights and of those biases that there are, as an operation."""

    def forward(
        parts: Sequence[Tensor],
        x: Tensor,
        buffer: Tensor,
        weights: Sequence[Tensor],
        has_bias: Sequence[bool],
        grad: Tensor,
        needs_x: bool,
    ) -> list[Tensor]:
        states = [x, *_inner(buffer, len(x), [len(weight) for weight in weights[:-1]])]
        needed = [needs_x] + [needs for has in has_bias for needs in (True, has)]
        flat = _flat(weights, (), [False] * len(weights))
        found = _by_hand(matrix_of(parts), states, flat, grad, needed)
        of_biases = [bias for bias, has in zip(found[2::2], has_bias, strict=True) if has]
        of_x = x.new_empty(0) if found[0] is None else found[0]
        return [of_x, *found[1::2], *of_biases]  # type: ignore[list-item]

    def shapes(
        parts: Sequence[Tensor],
        x: Tensor,
        buffer: Tensor,
        weights: Sequence[Tensor],
        has_bias: Sequence[bool],
        grad: Tensor,
        needs_x: bool,
    ) -> list[Tensor]:
        of_biases = [w.new_empty(w.shape[0]) for w, has in zip(weights, has_bias, strict=True) if has]
        return [x.new_empty(x.shape if needs_x else 0), *(w.new_empty(w.shape) for w in weights), *of_biases]

    schema = (
        "(Tensor[] matrix, Tensor x, Tensor buffer, Tensor[] weights, bool[] has_bias, Tensor grad, bool needs_x)"
        " -> Tensor[]"
    )
    return register("gcn_stack_gradient", schema, forward, shapes, None, None)


def _flat(weights: Sequence[Tensor], biases: Sequence[Tensor], has_bias: Sequence[bool]) -> list[Tensor | None]:
    """Weight and bias of each layer in turn, from the biases that there are."""
    rest = iter(biases)
    return [one for weight, has in zip(weights, has_bias, strict=True) for one in (weight, next(rest) if has else None)]


def _written_out(
    row: Tensor,
    col: Tensor,
    value: Tensor,
    x: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    has_bias: Sequence[bool],
    _: bool,
) -> tuple[Tensor, Tensor]:
    """The same by operations of torch alone."""
    flat = _flat(weights, biases, has_bias)
    for number, (weight, bias) in enumerate(zip(flat[::2], flat[1::2], strict=True)):
        x = product_of_entries(row, col, value, x.relu() if number else x)
        x = linear(x, weight, bias)  # type: ignore[arg-type]
    return x, x.new_empty(0)
