"""Operations of our own that stand as one in a recorded or compiled graph, each with its gradient.

Torch compiles a graph of single operations, in which a sparse product would be written out entry by entry and a
recurrence step by step, slower than our functions. So these are registered with torch, once, at first use. What is
exported has no need of them: :func:`portable` puts the operations of torch that each stands for in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, fx, nn

from graphseq._torch import compat

PARTS = 6  # tensors by which an operation is given a sparse matrix and its transpose, compressed rows of each

_WRITTEN_OUT: dict[Any, Callable[..., Any]] = {}
_OF_MATRIX: set[Any] = set()
_KEEPING: set[Any] = set()


def register(
    name: str,
    schema: str,
    forward: Callable[..., Any],
    shapes: Callable[..., Any],
    backward: tuple[Callable[..., Any], Callable[..., None]] | None,
    written_out: Callable[..., Any] | None,
) -> Callable[..., Any]:
    """Register an operation with torch, and return it.

    Args:
        name: what torch calls it, after ``graphseq::``.
        schema: its arguments and results, as torch writes them. A first argument ``Tensor[] matrix`` holds the
            ``PARTS`` of a sparse matrix; a last one ``bool keeps`` says whether a gradient may be asked for.
        forward: computes it.
        shapes: gives tensors of the shapes of its results, without numbers in them.
        backward: its gradient, and what that keeps of arguments and results, as ``torch.library`` takes them.
        written_out: the same by operations of torch alone; a matrix comes as rows, columns and values of its entries.
    """
    operation = torch.library.custom_op(f"graphseq::{name}", forward, mutates_args=(), schema=schema)
    operation.register_fake(shapes)
    if backward is not None:
        operation.register_autograd(backward[0], setup_context=backward[1])
    target = compat.operation(name)
    if written_out is not None:
        _WRITTEN_OUT[target] = written_out
    if schema.startswith("(Tensor[] matrix"):
        _OF_MATRIX.add(target)
    if "bool keeps)" in schema:
        _KEEPING.add(target)
    return operation


def portable(recorded: fx.GraphModule) -> fx.GraphModule:
    """The same function of operations of torch alone, for what is to be read without this library."""
    graph = fx.Graph()
    graph.output(graph.graph_copy(recorded.graph, {}))
    root: nn.Module = nn.Module()
    for node in graph.nodes:
        if node.op == "get_attr":
            setattr(root, node.target, getattr(recorded, node.target))
    for node in list(graph.nodes):
        written_out = _WRITTEN_OUT.get(node.target) if node.op == "call_function" else None
        if written_out is None:
            continue
        if node.target in _OF_MATRIX:
            matrix, *others = node.args
            crow, col, value = (getattr(root, part.target) for part in matrix[:3])
            row = torch.arange(len(crow) - 1, device=crow.device).repeat_interleave(crow.diff().long())
            with graph.inserting_before(node):
                entries = []
                for kind, tensor in (("row", row), ("col", col.long()), ("value", value)):
                    setattr(root, f"{node.name}_{kind}", tensor)
                    entries.append(graph.get_attr(f"{node.name}_{kind}"))
            node.args = (*entries, *others)
        node.target = written_out
    graph.eliminate_dead_code()
    return fx.GraphModule(root, graph)


def without_gradient(recorded: fx.GraphModule) -> fx.GraphModule:
    """The same function for when no gradient is recorded: nothing is kept for one."""
    graph = fx.Graph()
    graph.output(graph.graph_copy(recorded.graph, {}))
    for node in graph.nodes:
        if node.op == "call_function" and node.target in _KEEPING:
            node.args = (*node.args[:-1], False)
    return fx.GraphModule(recorded, graph)


# The product of a sparse matrix and a dense one

_WIDE = 64  # columns from which on the sums of an embedding bag, whose reads are ordered ahead, beat a sparse product


def product(csr: Tensor, x: Tensor) -> Tensor:
    """M x, from M (R, V) in compressed rows and x (V, F): the same numbers by whichever of torch's kernels is faster.

    A row of M x is a weighted sum of rows of x, as an embedding bag is of embeddings. Its kernel asks for rows before
    it adds them, which takes half as long where they lie anywhere in memory.
    """
    if gathers(x):
        crow, col, value = csr.crow_indices(), csr.col_indices(), csr.values()
        if value.dtype == x.dtype and len(value):
            return torch.embedding_bag(x, col, crow, False, 0, False, value, True)[0]
    return csr @ x


def gathers(x: Tensor) -> bool:
    """True where :func:`product` gathers rows of x (V, F) by that kernel."""
    return x.dtype == torch.float32 and x.shape[1] >= _WIDE and x.is_cpu and x.is_contiguous() and _has_bags()


@cache
def _has_bags() -> bool:
    """True where torch has the kernel, which is FBGEMM's, for this processor."""
    return "fbgemm" in torch.backends.quantized.supported_engines


@cache
def _sparse_product() -> Callable[..., Any]:
    def forward(matrix: Sequence[Tensor], x: Tensor) -> Tensor:
        crow, col, value = matrix[:3]
        return product(torch.sparse_csr_tensor(crow, col, value, (len(crow) - 1, len(x)), check_invariants=False), x)

    def shapes(matrix: Sequence[Tensor], x: Tensor) -> Tensor:
        return x.new_empty(matrix[0].shape[0] - 1, x.shape[1])

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[0])

    def backward(ctx: Any, grad: Tensor) -> tuple[list[None], Tensor]:
        matrix = ctx.saved_tensors
        return [None] * PARTS, sparse_product([*matrix[3:], *matrix[:3]], grad)

    schema = "(Tensor[] matrix, Tensor x) -> Tensor"
    return register("sparse_product", schema, forward, shapes, (backward, setup), product_of_entries)


def sparse_product(matrix: Sequence[Tensor], x: Tensor) -> Tensor:
    """M x, from compressed rows of M and of its transpose: where each row begins, columns and values of each."""
    return _sparse_product()(list(matrix), x)  # type: ignore[no-any-return]


def product_of_entries(row: Tensor, col: Tensor, value: Tensor, x: Tensor) -> Tensor:
    """M x by operations on dense tensors alone; M is square."""
    return torch.zeros_like(x).index_add(0, row, value[:, None] * x.index_select(0, col))


# One layer of an LSTM


def takes_lstm(x: Tensor, weights: Sequence[Tensor]) -> bool:
    """True where torch has a kernel for all steps of an LSTM at once, that can be called by itself."""
    return (
        compat.LSTM_LAYER is not None
        and compat.LSTM_LAYER_BACKWARD is not None
        and torch.backends.mkldnn.is_available()
        and x.device.type == "cpu"
        and all(tensor.dtype == torch.float32 for tensor in (x, *weights))
        and x.numel() > 0
    )


@cache
def _kept_size(times: int, count: int, width: int, size: int) -> int:
    """Numbers that the kernel keeps of its forward pass."""
    x, h = torch.zeros(times, count, width), torch.zeros(count, size)
    weights = torch.zeros(4 * size, width), torch.zeros(4 * size, size), torch.zeros(4 * size), torch.zeros(4 * size)
    return int(_run(x, h, h, weights)[3].view(x.dtype).numel())


def _run(x: Tensor, h: Tensor, c: Tensor, weights: Sequence[Tensor], *, keeps: bool = True) -> Any:
    options: Any = (False, [], 2, h.shape[-1], 1, True, False, False, True)
    # What a gradient needs is kept where torch is told that gradients are recorded; none is, below an operation.
    with torch.set_grad_enabled(keeps):
        return compat.LSTM_LAYER(x, *weights, h, c, *options)


@cache
def _lstm_layer() -> Callable[..., Any]:
    def forward(
        x: Tensor, h: Tensor, c: Tensor, weights: Sequence[Tensor], size: int, keeps: bool
    ) -> tuple[Tensor, ...]:
        out, last, cells, kept = _run(x.contiguous(), h, c, weights, keeps=keeps)
        if not keeps:
            return out, last.clone(), cells.clone(), x.new_empty(0)
        # As numbers of the same type as all others: autograd keeps no integers.
        return out, last.clone(), cells.clone(), kept.view(x.dtype)

    def shapes(
        x: Tensor, h: Tensor, c: Tensor, weights: Sequence[Tensor], size: int, keeps: bool
    ) -> tuple[Tensor, ...]:
        out = x.new_empty(*x.shape[:2], h.shape[1])
        return out, h.new_empty(h.shape), c.new_empty(c.shape), x.new_empty(size if keeps else 0)

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        x, h, c, weights, _, _ = inputs
        ctx.save_for_backward(x, h, c, *weights, *output)

    def backward(ctx: Any, of_out: Tensor, of_h: Tensor, of_c: Tensor, _: Tensor) -> tuple[Any, ...]:
        of_x, of_first, of_cells, *of_weights = _lstm_gradient()(list(ctx.saved_tensors), of_out, of_h, of_c)
        return of_x, of_first, of_cells, of_weights, None, None

    schema = (
        "(Tensor x, Tensor h, Tensor c, Tensor[] weights, int size, bool keeps) -> (Tensor, Tensor, Tensor, Tensor)"
    )
    _lstm_gradient()  # a compiled gradient that torch has kept on disk is not traced, and finds it here
    return register("lstm_layer", schema, forward, shapes, (backward, setup), lstm_steps)


@cache
def _lstm_gradient() -> Callable[..., Any]:
    def forward(saved: Sequence[Tensor], of_out: Tensor, of_h: Tensor, of_c: Tensor) -> list[Tensor]:
        x, h, c, *weights = saved[:7]
        out, last, cells, kept = saved[7:]
        after = (out, last, cells, of_out.contiguous(), of_h, of_c)
        options: Any = (False, 2, h.shape[1], 1, True, True, False, [], False, kept.view(torch.uint8))
        found = compat.LSTM_LAYER_BACKWARD(x.contiguous(), *weights, h, c, *after, *options)
        of_x, of_wx, of_wh, of_bx, of_bh, of_first, of_cells = found
        # torch gives one tensor for both biases.
        grads = [of_x, of_first.view_as(h), of_cells.view_as(c), of_wx, of_wh, of_bx, of_bh.clone()]
        return [grad.contiguous() for grad in grads]

    def shapes(saved: Sequence[Tensor], *_: Tensor) -> list[Tensor]:
        return [tensor.new_empty(tensor.shape) for tensor in saved[:7]]

    schema = "(Tensor[] saved, Tensor of_out, Tensor of_h, Tensor of_c) -> Tensor[]"
    return register("lstm_gradient", schema, forward, shapes, None, None)


def lstm_layer(
    x: Tensor, start: tuple[Tensor, Tensor], weights: Sequence[Tensor]
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """States (T, B, H) of one layer, and its last state and cell (B, H), by torch's kernel for all steps at once."""
    size = _kept_size(*x.shape, start[0].shape[1])
    out, h, c, _ = _lstm_layer()(x, *start, list(weights), size, True)
    return out, (h, c)


def lstm_steps(
    x: Tensor, h: Tensor, c: Tensor, weights: Sequence[Tensor], size: int, keeps: bool
) -> tuple[Tensor, ...]:
    """The same, step by step, with nothing kept."""
    w_x, w_h, b_x, b_h = weights
    states = []
    for terms in nn.functional.linear(x, w_x, b_x + b_h).unbind(0):
        i, f, g, o = (terms + nn.functional.linear(h, w_h)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(h)
    return torch.stack(states), h, c, x.new_empty(0)
