"""Rows as one sequence a node, cut into pieces of equal length that torch's kernels read, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphseq._torch import compat
from graphseq.data.adjacency import derived

Held = Any  # what sequences remember: one part (layers, S, H), or a tuple of parts

SPARED = 64  # rows that may be read for nothing before a further piece, which has a price too, is worth it


@dataclass(frozen=True)
class Layout:
    """Pieces of steps × sequences, and which row is read at each place of them, one piece after another."""

    sizes: list[tuple[int, int]]
    read: Tensor  # (M,), of a sequence that has ended its last row again
    place: Tensor  # where each row stands among the places, (V,)


class Sequences:
    """The rows as one sequence a node, longest first, step by step.

    Args:
        order: the row at each place, step by step, (V,); ``None`` where the rows already stand so.
        batch_sizes: sequences still running at each step, (longest,), on the CPU.
    """

    def __init__(self, order: Tensor | None, batch_sizes: Tensor) -> None:
        self.order, self.batch_sizes = order, batch_sizes

    @derived
    def longest(self) -> int:
        """Steps of the longest sequence."""
        return len(self.batch_sizes)

    @derived
    def count(self) -> int:
        """How many sequences there are."""
        return int(self.batch_sizes[0]) if self.longest else 0

    @derived
    def is_even(self) -> bool:
        """Whether all are equally long."""
        return not self.longest or self.count == int(self.batch_sizes[-1])

    @derived
    def is_by_sequence(self) -> bool:
        """Whether all are equally long and stand one after another, each in the order of time."""
        if not self.is_even or self.order is None:
            return False
        shape = (self.longest, self.count)
        ascending = torch.arange(len(self.order), device=self.order.device)
        return torch.equal(self.order.view(shape).t().flatten(), ascending)

    @derived
    def few(self) -> Layout:
        """As few pieces as pay off: what is read for nothing, of sequences that have ended, is little."""
        return self._layout(SPARED)

    @derived
    def exact(self) -> Layout:
        """A piece wherever a sequence ends, so that nothing is read for nothing and all end with their piece."""
        return self._layout(0)

    def _layout(self, spared: int) -> Layout:
        alive = self.batch_sizes.tolist()
        starts, wasted = [0], 0
        for step, count in enumerate(alive):
            wasted += alive[starts[-1]] - count
            if wasted > spared:
                starts.append(step)
                wasted = 0
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
        place = torch.empty(int(self.batch_sizes.sum()), dtype=torch.long)
        place[position[true]] = true.nonzero()[:, 0]
        if self.order is None:
            return Layout(sizes, position.to(device), place.to(device))
        row = self.order[position.to(device)]
        return Layout(sizes, row, place.to(device)[self.order.argsort()])

    def along(
        self, x: Tensor, kernel: Callable[[Tensor, Held], tuple[Tensor, Held]], start: Held, *, exact: bool = False
    ) -> tuple[Tensor, list[Held]]:
        """States (V, H) from rows (V, F), and what each piece left behind.

        Args:
            x: rows.
            kernel: from a piece (T, S, F) and what S sequences remember, the S longest of those there are, each part
                (layers, S, H), to states (T, S, H) and what they then remember.
            start: what all sequences remember at first: one part or a tuple of parts.
            exact: cut wherever a sequence ends, so that what the pieces leave behind is true of each.
        """
        steps, count = self.longest, self.count
        if self.is_even and (self.order is None or self.is_by_sequence):
            whole = (
                x.unflatten(0, (steps, count)) if self.order is None else x.unflatten(0, (count, steps)).transpose(0, 1)
            )
            out, last = kernel(whole, start)
            return (out if self.order is None else out.transpose(0, 1)).flatten(0, 1), [last]
        layout = self.exact if exact else self.few
        pieces = _read(x, layout).split([steps * count for steps, count in layout.sizes])
        outs, left, memory = [], [], start
        for size, piece in zip(layout.sizes, pieces, strict=True):
            out, memory = kernel(piece.unflatten(0, size), _longest(memory, size[1]))
            outs.append(out.flatten(0, 1))
            left.append(memory)
        return _collected(torch.cat(outs) if len(outs) > 1 else outs[0], layout), left

    def last(self, left: Sequence[Held]) -> Held:
        """What each sequence remembers at its end, from what exact pieces left behind: parts (layers, N, H)."""
        ends = left[::-1]
        if isinstance(ends[0], tuple):
            return tuple(_stepwise([each[part] for each in ends]) for part in range(len(ends[0])))
        return _stepwise(ends)


def _longest(memory: Held, count: int) -> Held:
    """The part of the memory that the ``count`` longest sequences have."""
    if isinstance(memory, tuple):
        return tuple(part[:, :count].contiguous() for part in memory)
    return memory[:, :count].contiguous()


def _stepwise(ends: Sequence[Tensor]) -> Tensor:
    """Of memories (layers, S, H) of ever more sequences, the first that each is in."""
    found = ends[0]
    for each in ends[1:]:
        found = torch.cat([found, each[:, found.shape[1] :]], dim=1)
    return found


def _is_plain(x: Tensor) -> bool:
    return compat.transforms_active() or compat.is_dual(x)


def _read(x: Tensor, layout: Layout) -> Tensor:
    """The rows at all places, (M, F)."""
    if _is_plain(x):
        return x[layout.read]
    return _Read.apply(x, layout)  # type: ignore[no-any-return, no-untyped-call]


def _collected(out: Tensor, layout: Layout) -> Tensor:
    """The rows (V, H) from all places (M, H)."""
    if _is_plain(out):
        return out[layout.place]
    return _Collect.apply(out, layout)  # type: ignore[no-any-return, no-untyped-call]


class _Read(torch.autograd.Function):
    """Rows to places. What is read for nothing has no gradient, so that the gradient is a reading too, and no sum."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layout: Layout) -> Tensor:
        ctx.layout = layout
        return x.index_select(0, layout.read)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return _collected(grad, ctx.layout), None


class _Collect(torch.autograd.Function):
    """Places to rows."""

    @staticmethod
    def forward(ctx: Any, out: Tensor, layout: Layout) -> Tensor:
        ctx.layout = layout
        return out.index_select(0, layout.place)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        layout = ctx.layout
        if len(layout.read) == len(layout.place):
            return _read(grad, layout), None
        if torch.is_grad_enabled() or compat.is_batched_gradient(grad) or _is_plain(grad):
            true = torch.zeros(len(layout.read), dtype=grad.dtype, device=grad.device)
            true[layout.place] = 1
            return grad[layout.read] * true[:, None], None
        spread = grad.new_zeros(len(layout.read), *grad.shape[1:])
        return spread.index_copy_(0, layout.place, grad), None
