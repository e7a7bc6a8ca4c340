r"""Linear recurrences computed for all steps at once, by an associative scan.

.. math:: h_t = a_t ⊙ h_{t-1} + b_t, \qquad (a, b) \circ (a', b') = (a' ⊙ a,\; a' ⊙ b + b')

A step is a pair (a, b), and the composition of two successive steps is again such a pair. Every second entry is
combined with the one before it, the recurrence of half the length is solved in the same way, and the remaining entries
follow from their predecessors: 3T products in all, in about 2 log₂ T rounds of a few vectorised calls each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_but
from graphseq._torch import compat
from graphseq.data.topology import Topology

Index = slice | Tensor


@dataclass(frozen=True)
class Round:
    """One halving of the entries: the entries combined on the way down, and those filled in on the way up.

    Entries have their numbers in the whole recurrence. A link is the factor a between two successive entries of the
    round; links are numbered within the round.
    """

    second: Index  # every second entry, combined with the entry before it
    first: Index  # the entry before each ``second``
    into_second: Index  # the link between ``first`` and ``second``
    rest: Index  # the other entries but the very first, filled in from the entry before them
    known: Index  # the entry before each ``rest``, a ``second`` one
    into_rest: Index  # the link between ``known`` and ``rest``
    later: Index  # the link into each ``second`` but the first, and
    earlier: Index  # the link before it: their product is a link of the next round


@dataclass(frozen=True)
class Rounds:
    """All rounds of a recurrence, and the predecessor of each entry."""

    forward: list[Round]
    backward: list[Round]  # of the same entries from the last to the first
    followers: Index  # the entries that have a predecessor
    previous: Index  # the predecessor of each of ``followers``

    @classmethod
    def of_length(cls, steps: int) -> Rounds:
        """The rounds of one sequence of T steps."""
        return cls(_halved(steps, 1), _halved(steps, -1), slice(1, None), slice(0, steps - 1))

    @classmethod
    def of_rows(cls, topology: Topology) -> Rounds:
        """The rounds of V rows in any order, with one recurrence along each node's time."""
        source, target = topology.temporal_edges
        position, last = topology.position, torch.bincount(topology.node_index) - 1
        after = torch.full_like(position, -1)
        after[source] = target
        forward = _halved_rows(position, topology.previous, torch.arange(len(position), device=position.device))
        backward = _halved_rows(last[topology.node_index] - position, after, after)
        return cls(forward, backward, target, source)


@checked_but("a", "b")
def linear_scan(a: Tensor, b: Tensor, dim: int = 0) -> Tensor:
    r"""Compute all states of a linear recurrence that starts from zero, in O(log T) rounds.

    .. math:: h_t = a_t ⊙ h_{t-1} + b_t, \qquad h_0 = b_0

    The gradient is the same recurrence from the last step to the first. The function can be differentiated any number
    of times, in forward and in reverse mode, under ``vmap`` and with batched gradients. To start from another state s,
    add :math:`a_0 ⊙ s` to b₀.

    Args:
        a: factors, real or complex, of size T or 1 along ``dim``, and of b's size or 1 along every other dimension.
        b: terms, (…, T, …).
        dim: the dimension of T.

    Returns:
        The states h, of b's shape.

    Raises:
        TypeError: integers.
        ValueError: shapes that do not fit, or no steps.

    Source: Blelloch, *Prefix sums and their applications* (1990), section 1.4; Martin and Cundy, *Parallelizing linear
    recurrent neural nets over sequence length* (2018), section 2.

    Example:
        >>> import torch
        >>> linear_scan(torch.tensor([9.0, 0.5, 2.0]), torch.tensor([1.0, 1.0, 1.0])).tolist()
        [1.0, 1.5, 4.0]
    """
    a, b = _checks.is_tensor("a", a), _checks.is_tensor("b", b)
    for name, part in (("a", a), ("b", b)):
        if not (part.is_floating_point() or part.is_complex()):
            raise TypeError(f"{name} must hold real or complex numbers, got dtype {part.dtype}")
    if a.dim() != b.dim() or any(size not in (1, full) for size, full in zip(a.shape, b.shape, strict=True)):
        raise ValueError(
            f"a must have b's size or 1 in every dimension; got {tuple(a.shape)} for b of {tuple(b.shape)}"
        )
    if not -b.dim() <= dim < b.dim() or not b.shape[dim]:
        came = f"dim={_checks.plain(dim)} of {tuple(b.shape)}"
        raise ValueError(f"dim must be a dimension of b that has at least one step; got {came}")
    kind = torch.promote_types(a.dtype, b.dtype)
    return _scan(a.to(kind), b.to(kind), dim % b.dim(), Rounds.of_length(b.shape[dim]))


def scan_rows(a: Tensor, b: Tensor, topology: Topology) -> Tensor:
    """Compute the recurrence h_row = a_row ⊙ h_previous + b_row along each node's time, for rows in any order.

    Nothing is padded, and values of different nodes never meet.

    Args:
        a: factors (V, H), or (1, H) for all rows; real or complex, as b.
        b: terms (V, H).
        topology: V rows in any order.

    Returns:
        States (V, H).
    """
    dim, shape = topology.keep("scan layout", lambda: _layout(topology))
    if dim is None:
        return _scan(a, b, 0, topology.keep("scan rounds", lambda: Rounds.of_rows(topology)))
    wide = a.unflatten(0, shape if len(a) == len(b) else (1, 1))
    return _scan(wide, b.unflatten(0, shape), dim, Rounds.of_length(shape[dim])).flatten(0, 1)


def _layout(topology: Topology) -> tuple[int | None, tuple[int, int]]:
    """The dimension of T and the shape where rows form a full (T, N) or (N, T) grid; else ``None`` and (0, 0)."""
    nodes, previous = topology.num_nodes, topology.previous
    steps, remainder = divmod(topology.num_rows, nodes)
    rows = torch.arange(topology.num_rows, device=previous.device)
    if remainder:
        return None, (0, 0)
    if torch.equal(previous, (rows - nodes).clamp(min=-1)):
        return 0, (steps, nodes)
    if torch.equal(previous, torch.where(rows % steps == 0, -1, rows - 1)):
        return 1, (nodes, steps)
    return None, (0, 0)


def _scan(a: Tensor, b: Tensor, dim: int, rounds: Rounds, *, reverse: bool = False) -> Tensor:
    """Compute the recurrence on plain tensors, or on those of torch's batched gradients."""
    if compat.is_recording() or not compat.can_unbatch(a, b):
        return _in_rounds(a, b, dim, rounds.backward if reverse else rounds.forward, _sum)
    # Batched gradients, of torch.autograd.grad(…, is_grads_batched=True), are unwrapped to one more dimension.
    level, (factors, terms) = compat.unbatched([a, b])
    if level is None or factors is None or terms is None:
        out: Tensor = _Scan.apply(a, b, dim, rounds, reverse)  # type: ignore[no-untyped-call]
        return out
    if not compat.is_batched_gradient(a):
        factors = factors[:1]  # the same for all
    return compat.batched(_scan(factors, terms, dim + 1, rounds, reverse=reverse), level)


class _Scan(torch.autograd.Function):
    """The scan from the first entry to the last or, with ``reverse``, from the last to the first.

    In both directions a_t is the factor between entries t - 1 and t.
    """

    @staticmethod
    def forward(a: Tensor, b: Tensor, dim: int, rounds: Rounds, reverse: bool) -> Tensor:
        h = b.clone(memory_format=torch.contiguous_format)
        h = _in_rounds(a, h, dim, rounds.backward if reverse else rounds.forward, _add)
        # A product of factors may overflow where no state does, and makes the states that it meets infinite or NaN.
        return h if bool(h.sum().isfinite()) else _one_by_one(a, b, dim, rounds, reverse=reverse)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        a, _, ctx.dim, ctx.rounds, ctx.reverse = inputs
        ctx.save_for_backward(a, output)
        ctx.save_for_forward(a, output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        a, h = ctx.saved_tensors
        grad_b = _scan(a.conj().resolve_conj(), grad, ctx.dim, ctx.rounds, reverse=not ctx.reverse)
        grad_a = None
        if ctx.needs_input_grad[0]:
            grad_a = _factor_gradient(a, grad_b, h, ctx.dim, ctx.rounds, reverse=ctx.reverse)
        return grad_a, grad_b, None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent_a: Tensor, tangent_b: Tensor, *_: None) -> Tensor:
        a, h = ctx.saved_tensors
        tangent = tangent_b + _factor_tangent(tangent_a, h, ctx.dim, ctx.rounds, reverse=ctx.reverse)
        return _scan(a, tangent, ctx.dim, ctx.rounds, reverse=ctx.reverse)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], a: Tensor, b: Tensor, dim: int, rounds: Rounds, reverse: bool
    ) -> tuple[Tensor, int]:
        a, b = (part[None] if at is None else part.movedim(at, 0) for part, at in zip((a, b), in_dims[:2], strict=True))
        return _scan(a, b.expand(info.batch_size, *b.shape[1:]), dim + 1, rounds, reverse=reverse), 0


def _in_rounds(a: Tensor, h: Tensor, dim: int, rounds: list[Round], add: Callable[..., Tensor]) -> Tensor:
    """The states from the terms ``h``, by additions of :func:`_add`, in place, or of :func:`_sum`."""
    links, is_constant = a, a.shape[dim] == 1
    levels = []

    def take(links: Tensor, at: Index) -> Tensor:
        return links if is_constant else _at(links, at, dim)

    for level in rounds:
        h = add(h, level.second, take(links, level.into_second), level.first, dim)
        levels.append((level, links))
        links = take(links, level.later) * take(links, level.earlier)
    for level, links in reversed(levels):
        h = add(h, level.rest, take(links, level.into_rest), level.known, dim)
    return h


def _one_by_one(a: Tensor, b: Tensor, dim: int, rounds: Rounds, *, reverse: bool) -> Tensor:
    """The states, one step after another: without products of factors."""
    h = b.clone(memory_format=torch.contiguous_format)
    entries = torch.arange(h.shape[dim], device=h.device)
    links, previous = entries[rounds.followers], entries[rounds.previous]
    source, target = (links, previous) if reverse else (previous, links)
    after, link = entries.new_full((2, len(entries)), -1)
    after[source], link[source] = target, links
    is_first = torch.ones_like(entries, dtype=torch.bool)
    is_first[target] = False
    now = entries[is_first]
    while len(now := now[after[now] >= 0]):
        then = after[now]
        factor = a if a.shape[dim] == 1 else a.index_select(dim, link[now])
        h.index_add_(dim, then, factor * h.index_select(dim, now))
        now = then
    return h


def _factor_gradient(a: Tensor, grad_b: Tensor, h: Tensor, dim: int, rounds: Rounds, *, reverse: bool) -> Tensor:
    """The gradient in the factors: that in each entry's term times the conjugate of the entry before it."""
    target, source = (rounds.previous, rounds.followers) if reverse else (rounds.followers, rounds.previous)
    product = _at(grad_b, target, dim) * _at(h, source, dim).conj()
    summed = [axis for axis, size in enumerate(a.shape) if size == 1 and h.shape[axis] > 1]
    if dim not in summed:
        product = _scattered(product, rounds.followers, h.shape[dim], dim)
    return product.sum(summed, keepdim=True) if summed else product


def _factor_tangent(tangent_a: Tensor, h: Tensor, dim: int, rounds: Rounds, *, reverse: bool) -> Tensor:
    """The direct contribution of a tangent of the factors to each entry: the tangent times the entry before."""
    target, source = (rounds.previous, rounds.followers) if reverse else (rounds.followers, rounds.previous)
    links = tangent_a if tangent_a.shape[dim] == 1 else _at(tangent_a, rounds.followers, dim)
    return _scattered(links * _at(h, source, dim), target, h.shape[dim], dim)


def _scattered(part: Tensor, at: Index, size: int, dim: int) -> Tensor:
    """``part`` at the entries ``at`` of ``size`` along ``dim``, zero at the others."""
    if isinstance(at, Tensor):
        shape = (*part.shape[:dim], size, *part.shape[dim + 1 :])
        return part.new_zeros(shape).index_copy(dim, at, part)
    rest = torch.zeros_like(part.narrow(dim, 0, 1)) if size > 1 else part.new_zeros(())
    if size == 1:
        return part.sum(dim, keepdim=True)
    return torch.cat([rest, part] if at.start else [part, rest], dim)


def _at(x: Tensor, at: Index, dim: int) -> Tensor:
    return x.index_select(dim, at) if isinstance(at, Tensor) else x[(slice(None),) * dim + (at,)]


def _add(h: Tensor, at: Index, links: Tensor, before: Index, dim: int) -> Tensor:
    """h_at += links ⊙ h_before, in place."""
    if isinstance(at, Tensor):
        return h.index_add_(dim, at, links * _at(h, before, dim))
    _at(h, at, dim).addcmul_(links, _at(h, before, dim))
    return h


def _sum(h: Tensor, at: Index, links: Tensor, before: Index, dim: int) -> Tensor:
    """The same as a new tensor, of operations that torch differentiates and batches by itself."""
    index = at if isinstance(at, Tensor) else torch.arange(h.shape[dim], device=h.device)[at]
    return h.index_add(dim, index, links * _at(h, before, dim))


def _halved(steps: int, direction: int) -> list[Round]:
    """The rounds of a sequence of ``steps`` entries, from the first or, where ``direction`` is -1, from the last."""
    entries, links, rounds = range(steps)[::direction], range(1, steps)[::direction], []
    while len(entries) > 1:
        second, rest = entries[1::2], entries[2::2]
        known, earlier = second[: len(rest)], links[1::2][: len(second) - 1]
        indices = second, entries[::2][: len(second)], links[::2], rest, known, links[1::2], links[2::2], earlier
        rounds.append(Round(*(_ascending(index) for index in indices)))
        entries, links = second, range(len(second) - 1)[::direction]
    return rounds


def _ascending(index: range) -> slice:
    """A range as an ascending slice, since torch takes no other; all indices of a round are reversed together."""
    index = index[::-1] if index.step < 0 else index
    return slice(index.start, index.stop, index.step) if index else slice(0, 0)


def _halved_rows(position: Tensor, before: Tensor, link: Tensor) -> list[Round]:
    """The rounds of rows in any order.

    Args:
        position: the number of rows of the same node before each row, (V,).
        before: the row before each, (V,); -1 at a node's first.
        link: the number of the link between those, (V,); arbitrary where there is none.
    """
    rows, rounds = torch.arange(len(position), device=position.device), []
    while bool((position > 0).any()):
        is_second, is_rest = position % 2 == 1, (position % 2 == 0) & (position > 0)
        has_previous = position[is_second] > 1
        second, rest = is_second.nonzero()[:, 0], is_rest.nonzero()[:, 0]
        first, known = before[second], before[rest]
        later, earlier = link[second[has_previous]], link[first[has_previous]]
        rounds.append(
            Round(rows[second], rows[first], link[second], rows[rest], rows[known], link[rest], later, earlier)
        )
        rank = is_second.cumsum(0) - 1
        before = torch.where(has_previous, rank[before[first]], -1)
        link = has_previous.cumsum(0) - 1
        rows, position = rows[second], position[second] // 2
    return rounds
