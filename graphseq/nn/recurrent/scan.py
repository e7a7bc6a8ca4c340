r"""A linear recurrence over all steps at once, by an associative scan.

.. math:: h_t = a_t ⊙ h_{t-1} + b_t, \qquad (a, b) \circ (a', b') = (a' ⊙ a,\; a' ⊙ b + b')

A step is a pair (a, b), and two steps that follow one another are again one such step. So every second entry is joined
with the one before it, the half as long recurrence of these is solved in the same way, and the entries left out follow
from their neighbours: 3T products in all, in about 2 log₂ T rounds that each are a few calls over all their entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_legacy_batchedtensor

from graphseq import _checks
from graphseq.data.topology import Topology

Index = slice | Tensor


@dataclass(frozen=True)
class Round:
    """One halving of the entries: which are joined, and which follow once the joined ones are known.

    Entries are numbered as the whole recurrence numbers them; links, the a that lead from one entry of the round to the
    next, by their place among those that the round was given.
    """

    second: Index  # every second entry,
    first: Index  # the entry before each,
    into_second: Index  # and the link between them
    left: Index  # the others but the very first,
    known: Index  # the second entry before each,
    into_left: Index  # and the link between them
    later: Index  # the links of the next round: into_second
    earlier: Index  # after the link before it


@dataclass(frozen=True)
class Rounds:
    """All rounds of a recurrence, and where each entry has its past."""

    forward: list[Round]
    backward: list[Round]  # the same entries, read from the last to the first
    begun: Index  # the entries that have one before them,
    before: Index  # and that one

    @classmethod
    def of_length(cls, steps: int) -> Rounds:
        """Those of T steps, one after another."""
        return cls(_halved(steps, 1), _halved(steps, -1), slice(1, None), slice(0, steps - 1))

    @classmethod
    def of_rows(cls, topology: Topology) -> Rounds:
        """Those of V rows in any order, every node a recurrence of its own."""
        source, target = topology.temporal_edges
        position, last = topology.position, torch.bincount(topology.node_index) - 1
        after = torch.full_like(position, -1)
        after[source] = target
        forward = _halved_rows(position, topology.previous, torch.arange(len(position), device=position.device))
        backward = _halved_rows(last[topology.node_index] - position, after, after)
        return cls(forward, backward, target, source)


def linear_scan(a: Tensor, b: Tensor, dim: int = 0) -> Tensor:
    r"""All states of a linear recurrence that starts from zero, in O(log T) rounds.

    .. math:: h_t = a_t ⊙ h_{t-1} + b_t, \qquad h_0 = b_0

    Its gradient is the same recurrence read from the end. It can be differentiated any number of times, forward and
    backward, under ``vmap`` and in batches of gradients. To start from another state s, add :math:`a_0 ⊙ s` to b₀.

    Args:
        a: factors, real or complex, T of them or one for all steps along ``dim``; elsewhere as b, or 1 for all.
        b: what is added, (…, T, …).
        dim: which dimension is T.

    Returns:
        The states h, of b's shape.

    Raises:
        TypeError: integers.
        ValueError: shapes that do not fit, or no step.

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
            f"a must have the shape of b, or 1 in its place; got {tuple(a.shape)} against {tuple(b.shape)}"
        )
    if not -b.dim() <= dim < b.dim() or not b.shape[dim]:
        raise ValueError(f"dim must be a dimension of b that has at least one step; got dim={dim} of {tuple(b.shape)}")
    kind = torch.promote_types(a.dtype, b.dtype)
    return _scan(a.to(kind), b.to(kind), dim % b.dim(), Rounds.of_length(b.shape[dim]))


def scan_rows(a: Tensor, b: Tensor, topology: Topology) -> Tensor:
    """The recurrence along each node's time, over rows as they stand: h_row = a_row ⊙ h_previous + b_row.

    Nothing is padded, and no number of one node is multiplied with one of another.

    Args:
        a: factors (V, H), or (1, H) for all rows; real or complex, as b.
        b: what is added, (V, H).
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
    """Where rows stand as a full (T, N) or (N, T), which dimension is T; ``None`` where they do not."""
    nodes, previous = topology.num_nodes, topology.previous
    steps, left_over = divmod(topology.num_rows, nodes)
    rows = torch.arange(topology.num_rows, device=previous.device)
    if left_over:
        return None, (0, 0)
    if torch.equal(previous, (rows - nodes).clamp(min=-1)):
        return 0, (steps, nodes)
    if torch.equal(previous, torch.where(rows % steps == 0, -1, rows - 1)):
        return 1, (nodes, steps)
    return None, (0, 0)


def _scan(a: Tensor, b: Tensor, dim: int, rounds: Rounds, *, reverse: bool = False) -> Tensor:
    """The recurrence in whatever torch wraps its numbers."""
    if not (is_legacy_batchedtensor(a) or is_legacy_batchedtensor(b)):
        out: Tensor = _Scan.apply(a, b, dim, rounds, reverse)  # type: ignore[no-untyped-call]
        return out
    # Many gradients at once, as torch.autograd.grad(…, is_grads_batched=True) asks: a dimension like any other.
    level: int = torch._C._vmapmode_increment_nesting() - 1
    torch._C._vmapmode_decrement_nesting()
    batch = next(len(torch._remove_batch_dim(part, level, 0, 0)) for part in (a, b) if is_legacy_batchedtensor(part))
    a, b = (
        torch._remove_batch_dim(part, level, batch, 0) if is_legacy_batchedtensor(part) else part[None]
        for part in (a, b)
    )
    return torch._add_batch_dim(_scan(a, b.expand(batch, *b.shape[1:]), dim + 1, rounds, reverse=reverse), 0, level)


class _Scan(torch.autograd.Function):
    """The scan, from the first entry to the last or, where ``reverse``, from the last to the first.

    In both directions a_t is the factor between entries t - 1 and t.
    """

    @staticmethod
    def forward(a: Tensor, b: Tensor, dim: int, rounds: Rounds, reverse: bool) -> Tensor:
        h, links = b.clone(memory_format=torch.contiguous_format), a
        is_constant = a.shape[dim] == 1
        kept = []

        def take(links: Tensor, at: Index) -> Tensor:
            return links if is_constant else _at(links, at, dim)

        for each in rounds.backward if reverse else rounds.forward:
            _add(h, each.second, take(links, each.into_second), each.first, dim)
            kept.append((each, links))
            links = take(links, each.later) * take(links, each.earlier)
        for each, links in reversed(kept):
            _add(h, each.left, take(links, each.into_left), each.known, dim)
        return h

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        a, _, ctx.dim, ctx.rounds, ctx.reverse = inputs
        ctx.save_for_backward(a, output)
        ctx.save_for_forward(a, output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        a, h = ctx.saved_tensors
        of_b = _scan(a.conj().resolve_conj(), grad, ctx.dim, ctx.rounds, reverse=not ctx.reverse)
        of_a = None
        if ctx.needs_input_grad[0]:
            of_a = _of_factors(a, of_b, h, ctx.dim, ctx.rounds, reverse=ctx.reverse)
        return of_a, of_b, None, None, None

    @staticmethod
    def jvp(ctx: Any, of_a: Tensor, of_b: Tensor, *_: None) -> Tensor:
        a, h = ctx.saved_tensors
        moved = of_b + _of_past(of_a, h, ctx.dim, ctx.rounds, reverse=ctx.reverse)
        return _scan(a, moved, ctx.dim, ctx.rounds, reverse=ctx.reverse)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], a: Tensor, b: Tensor, dim: int, rounds: Rounds, reverse: bool
    ) -> tuple[Tensor, int]:
        a, b = (part[None] if at is None else part.movedim(at, 0) for part, at in zip((a, b), in_dims[:2], strict=True))
        return _scan(a, b.expand(info.batch_size, *b.shape[1:]), dim + 1, rounds, reverse=reverse), 0


def _of_factors(a: Tensor, of_b: Tensor, h: Tensor, dim: int, rounds: Rounds, *, reverse: bool) -> Tensor:
    """The gradient of the factors: of each entry, what flows into it times what the entry before it holds."""
    into, held = (rounds.before, rounds.begun) if reverse else (rounds.begun, rounds.before)
    product = _at(of_b, into, dim) * _at(h, held, dim).conj()
    summed = [at for at, size in enumerate(a.shape) if size == 1 and h.shape[at] > 1]
    if dim not in summed:
        product = _placed(product, rounds.begun, h.shape[dim], dim)
    return product.sum(summed, keepdim=True) if summed else product


def _of_past(a: Tensor, h: Tensor, dim: int, rounds: Rounds, *, reverse: bool) -> Tensor:
    """What changes of the factors, a, add to each entry at once."""
    into, held = (rounds.before, rounds.begun) if reverse else (rounds.begun, rounds.before)
    links = a if a.shape[dim] == 1 else _at(a, rounds.begun, dim)
    return _placed(links * _at(h, held, dim), into, h.shape[dim], dim)


def _placed(part: Tensor, at: Index, size: int, dim: int) -> Tensor:
    """Entries ``at`` of so many, the others zero."""
    if isinstance(at, Tensor):
        shape = (*part.shape[:dim], size, *part.shape[dim + 1 :])
        return part.new_zeros(shape).index_copy(dim, at, part)
    rest = torch.zeros_like(part.narrow(dim, 0, 1)) if size > 1 else part.new_zeros(())
    if size == 1:
        return part.sum(dim, keepdim=True)
    return torch.cat([rest, part] if at.start else [part, rest], dim)


def _at(x: Tensor, at: Index, dim: int) -> Tensor:
    return x.index_select(dim, at) if isinstance(at, Tensor) else x[(slice(None),) * dim + (at,)]


def _add(h: Tensor, at: Index, links: Tensor, before: Index, dim: int) -> None:
    """h_at += links ⊙ h_before, in place."""
    if isinstance(at, Tensor):
        h.index_add_(dim, at, links * _at(h, before, dim))
    else:
        _at(h, at, dim).addcmul_(links, _at(h, before, dim))


def _halved(steps: int, direction: int) -> list[Round]:
    """The rounds over so many entries in order: read from the first, or from the last where ``direction`` is -1."""
    entries, links, rounds = range(steps)[::direction], range(1, steps)[::direction], []
    while len(entries) > 1:
        second, left = entries[1::2], entries[2::2]
        known, earlier = second[: len(left)], links[1::2][: len(second) - 1]
        parts = second, entries[::2][: len(second)], links[::2], left, known, links[1::2], links[2::2], earlier
        rounds.append(Round(*(_upwards(part) for part in parts)))
        entries, links = second, range(len(second) - 1)[::direction]
    return rounds


def _upwards(places: range) -> slice:
    """Places as a slice that goes upwards, as torch wants it: all parts of a round are turned around alike."""
    places = places[::-1] if places.step < 0 else places
    return slice(places.start, places.stop, places.step) if places else slice(0, 0)


def _halved_rows(position: Tensor, before: Tensor, link: Tensor) -> list[Round]:
    """The rounds over rows in any order.

    Args:
        position: how many rows of its node come before each row, (V,).
        before: the row before each, -1 at a node's first.
        link: the link between those, of any number where there is none.
    """
    rows, rounds = torch.arange(len(position), device=position.device), []
    while bool((position > 0).any()):
        is_second, is_left = position % 2 == 1, (position % 2 == 0) & (position > 0)
        goes_on = position[is_second] > 1
        second, left = is_second.nonzero()[:, 0], is_left.nonzero()[:, 0]
        first, known = before[second], before[left]
        later, earlier = link[second[goes_on]], link[first[goes_on]]
        rounds.append(
            Round(rows[second], rows[first], link[second], rows[left], rows[known], link[left], later, earlier)
        )
        rank = is_second.cumsum(0) - 1
        before = torch.where(goes_on, rank[before[first]], -1)
        link = goes_on.cumsum(0) - 1
        rows, position = rows[second], position[second] // 2
    return rounds
