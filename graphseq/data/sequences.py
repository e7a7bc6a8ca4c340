"""The rows of a graph as one sequence for each node, cut into blocks of equal length that torch's kernels can read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphseq._torch import compat
from graphseq.data.adjacency import derived

State = Any  # the state of S sequences: one tensor (layers, S, H), or a tuple of them

PADDING = 64  # rows of padding up to which a further block would cost more than it saves


@dataclass(frozen=True)
class Layout:
    """Blocks of (steps, sequences), and the row that is read at each of their positions, block after block."""

    sizes: list[tuple[int, int]]
    read: Tensor  # row that is read at each position, (M,); padding repeats the last row of its sequence
    place: Tensor  # position of each row, (V,)


class Sequences:
    """The rows as one sequence for each node, the longest first, ordered by step.

    Args:
        order: rows step by step, (V,); ``None`` if the rows already are in this order.
        batch_sizes: number of sequences that have not ended at each step, (longest,), on the CPU.
    """

    def __init__(self, order: Tensor | None, batch_sizes: Tensor) -> None:
        self.order, self.batch_sizes = order, batch_sizes

    @derived
    def longest(self) -> int:
        """Number of steps of the longest sequence."""
        return len(self.batch_sizes)

    @derived
    def count(self) -> int:
        """Number of sequences."""
        return int(self.batch_sizes[0]) if self.longest else 0

    @derived
    def is_even(self) -> bool:
        """True if all sequences are equally long."""
        return not self.longest or self.count == int(self.batch_sizes[-1])

    @derived
    def is_by_sequence(self) -> bool:
        """True if all are equally long and stored one after another, each in the order of time."""
        if not self.is_even or self.order is None:
            return False
        shape = (self.longest, self.count)
        ascending = torch.arange(len(self.order), device=self.order.device)
        return torch.equal(self.order.view(shape).t().flatten(), ascending)

    @derived
    def few(self) -> Layout:
        """As few blocks as is efficient: some rows of sequences that have ended are read as padding."""
        return self._layout(PADDING)

    @derived
    def exact(self) -> Layout:
        """A new block wherever a sequence ends, so that there is no padding and every sequence ends with its block."""
        return self._layout(0)

    def _layout(self, padding: int) -> Layout:
        alive = self.batch_sizes.tolist()
        starts, skipped = [0], 0
        for step, count in enumerate(alive):
            skipped += alive[starts[-1]] - count
            if skipped > padding:
                starts.append(step)
                skipped = 0
        ends = [*starts[1:], len(alive)]
        sizes = [(end - start, alive[start]) for start, end in zip(starts, ends, strict=True)]
        device = "cpu" if self.order is None else self.order.device
        lengths = (self.batch_sizes[:, None] > torch.arange(alive[0])).sum(0)
        first = self.batch_sizes.cumsum(0) - self.batch_sizes
        read, is_true = [], []
        for start, (steps, count) in zip(starts, sizes, strict=True):
            moment, length = torch.arange(start, start + steps)[:, None], lengths[:count]
            is_true.append((moment < length).flatten())
            read.append((first[torch.minimum(moment, length - 1)] + torch.arange(count)).flatten())
        position, true = torch.cat(read), torch.cat(is_true)
        index_of_row = torch.empty(int(self.batch_sizes.sum()), dtype=torch.long)
        index_of_row[position[true]] = true.nonzero()[:, 0]
        if self.order is None:
            return Layout(sizes, position.to(device), index_of_row.to(device))
        row = self.order[position.to(device)]
        return Layout(sizes, row, index_of_row.to(device)[self.order.argsort()])

    def along(
        self, x: Tensor, kernel: Callable[[Tensor, State], tuple[Tensor, State]], start: State, *, exact: bool = False
    ) -> tuple[Tensor, list[State]]:
        """Run a kernel over all blocks; return the states (V, H) of the rows and the state after each block.

        Args:
            x: features of the rows, (V, F).
            kernel: maps a block (T, S, F) and the state of its sequences, which are the S longest, to outputs
                (T, S, H) and the state after the block; a state is a tensor (layers, S, H) or a tuple of them.
            start: the initial state of all sequences.
            exact: begin a new block wherever a sequence ends, so that the state after a block is the final state of
                the sequences that end with it.
        """
        steps, count = self.longest, self.count
        if self.is_even and (self.order is None or self.is_by_sequence):
            block = (
                x.unflatten(0, (steps, count)) if self.order is None else x.unflatten(0, (count, steps)).transpose(0, 1)
            )
            out, last = kernel(block, start)
            return (out if self.order is None else out.transpose(0, 1)).flatten(0, 1), [last]
        layout = self.exact if exact else self.few
        blocks = _read(x, layout).split([steps * count for steps, count in layout.sizes])
        outs, states, state = [], [], start
        for size, block in zip(layout.sizes, blocks, strict=True):
            out, state = kernel(block.unflatten(0, size), _longest(state, size[1]))
            outs.append(out.flatten(0, 1))
            states.append(state)
        return _collected(torch.cat(outs) if len(outs) > 1 else outs[0], layout), states

    def last(self, states: Sequence[State]) -> State:
        """Return the final state of each sequence, (layers, N, H), from the states after exact blocks."""
        ends = states[::-1]
        if isinstance(ends[0], tuple):
            return tuple(_stepwise([state[index] for state in ends]) for index in range(len(ends[0])))
        return _stepwise(ends)


def _longest(state: State, count: int) -> State:
    """Return the state of the ``count`` longest sequences."""
    if isinstance(state, tuple):
        return tuple(tensor[:, :count].contiguous() for tensor in state)
    return state[:, :count].contiguous()


def _stepwise(ends: Sequence[Tensor]) -> Tensor:
    """Return, of states (layers, S, H) of ever more sequences, the first that each sequence is in."""
    state = ends[0]
    for longer in ends[1:]:
        state = torch.cat([state, longer[:, state.shape[1] :]], dim=1)
    return state


def _is_transformed(x: Tensor) -> bool:
    """Return True under a functorch transform or in forward mode, where custom functions cannot be used."""
    return compat.transforms_active() or compat.is_dual(x)


def _read(x: Tensor, layout: Layout) -> Tensor:
    """Return the rows at all positions, (M, F)."""
    if _is_transformed(x):
        return x[layout.read]
    return _Read.apply(x, layout)  # type: ignore[no-any-return, no-untyped-call]


def _collected(out: Tensor, layout: Layout) -> Tensor:
    """Return the rows (V, H) from all positions (M, H)."""
    if _is_transformed(out):
        return out[layout.place]
    return _Collect.apply(out, layout)  # type: ignore[no-any-return, no-untyped-call]


class _Read(torch.autograd.Function):
    """Rows to positions.

    Padding has no gradient, so the gradient is a gather too, and no sum.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, layout: Layout) -> Tensor:
        ctx.layout = layout
        return x.index_select(0, layout.read)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return _collected(grad, ctx.layout), None


class _Collect(torch.autograd.Function):
    """Positions to rows."""

    @staticmethod
    def forward(ctx: Any, out: Tensor, layout: Layout) -> Tensor:
        ctx.layout = layout
        return out.index_select(0, layout.place)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        layout = ctx.layout
        if len(layout.read) == len(layout.place):
            return _read(grad, layout), None
        if torch.is_grad_enabled() or compat.is_batched_gradient(grad) or _is_transformed(grad):
            true = torch.zeros(len(layout.read), dtype=grad.dtype, device=grad.device)
            true[layout.place] = 1
            return grad[layout.read] * true[:, None], None
        spread = grad.new_zeros(len(layout.read), *grad.shape[1:])
        return spread.index_copy_(0, layout.place, grad), None
