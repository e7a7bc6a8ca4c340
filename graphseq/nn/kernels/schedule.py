"""The schedule of a recurrence over the steps of a topology: its matrices, and the place of each row's past state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq.data.adjacency import SparseMatrix
from graphseq.data.topology import Topology

# Bytes that are worked on together: what stays in cache on a CPU.
_BLOCK_BYTES = 2**20

_FEW = 64


@dataclass(frozen=True)
class Block:
    """Steps that follow one another, and their rows."""

    steps: range
    rows: slice
    sizes: list[int]  # rows of each step


@dataclass(frozen=True)
class Walk:
    """The steps of a topology whose rows are in the order of time.

    States are held in one tensor (N + V, ·): what the nodes start from, and below it what each row left.
    """

    num_nodes: int  # N
    sizes: list[int]  # rows of each step: T of them, V in all
    nodes: Sequence[Tensor | None]  # nodes of each step; None where they are all N, in order
    before: Tensor | None  # (V,) the place of each row's past among N + V; None where that is the row's own number
    last: Tensor | None  # (N,) the place of each node's last row among N + V; None where those are the last N
    matrices: Sequence[SparseMatrix | None]  # what each step mixes states by; None where by nothing
    hops: int = 1  # how often

    @classmethod
    def over(cls, topology: Topology, dtype: torch.dtype | None = None, hops: int = 1) -> Walk:
        """The walk over ``topology``, mixing states by Â in ``dtype``, or by nothing."""
        return topology.keep(("walk", dtype, hops), lambda: cls._made(topology, dtype, hops))

    @classmethod
    def _made(cls, topology: Topology, dtype: torch.dtype | None, hops: int) -> Walk:
        steps, sizes = topology.steps, topology.step_sizes
        matrices: list[SparseMatrix | None] = [None] * len(steps)
        if dtype is not None:
            # Steps that share an adjacency share its Â, which learned weights have made anew at each call.
            distinct = {id(s.adjacency): s.adjacency for s in steps if not s.adjacency.is_identity}
            made = {key: adjacency.normalised(dtype) for key, adjacency in distinct.items()}
            matrices = [made.get(id(s.adjacency)) for s in steps]
        if all(step.is_everyone for step in steps):
            # The rows of a step stand N below those of the step before, and the first step's N below the start.
            return cls(topology.num_nodes, sizes, [None] * len(steps), None, None, matrices, hops)
        before, last = _places(topology)
        return cls(topology.num_nodes, sizes, [step.nodes for step in steps], before, last, matrices, hops)

    @property
    def is_learned(self) -> bool:
        """True if a gradient with respect to the entries of a matrix is recorded."""
        return any(matrix is not None and matrix.is_learned for matrix in self.matrices)

    @property
    def is_small(self) -> bool:
        """True where each step is over all N nodes, so few that calls of torch take longer than their work."""
        return self.before is None and self.num_nodes <= _FEW

    def blocks(self, row_bytes: int) -> list[Block]:
        """All steps, in blocks that fit in cache, or of one step."""
        blocks: list[Block] = []
        first, start, row = 0, 0, 0
        for step, size in enumerate([*self.sizes, 0]):
            full = (row + size - start) * row_bytes > _BLOCK_BYTES
            if step == len(self.sizes) or (row > start and full):
                blocks.append(Block(range(first, step), slice(start, row), self.sizes[first:step]))
                first, start = step, row
            row += size
        return blocks

    def past(self, states: Tensor, rows: slice) -> Tensor:
        """Return the states from which ``rows`` start, (R, ·)."""
        return states[rows] if self.before is None else states.index_select(0, self.before[rows])

    def left(self, states: Tensor, rows: slice) -> Tensor:
        """The part of all states that holds those after ``rows``, (R, ·)."""
        return states[rows.start + self.num_nodes : rows.stop + self.num_nodes]

    def final(self, states: Tensor) -> Tensor:
        """Return the states of the nodes after their last step, (N, ·)."""
        return states[len(states) - self.num_nodes :] if self.last is None else states.index_select(0, self.last)

    def mixed(self, step: int, x: Tensor) -> Tensor:
        """Âᴸ x for x (R, ·), or x itself where there is nothing to mix by, open to autograd and every transform."""
        matrix = self.matrices[step]
        if matrix is not None:
            for _ in range(self.hops):
                x = matrix @ x
        return x


def times(csr: Tensor, x: Tensor, hops: int, out: Tensor, spare: Tensor, plus: Tensor | None = None) -> Tensor:
    """Mᴸ x, and ``plus`` added where given, in ``out``; ``spare`` is another buffer, where L is more than one.

    Buffers hold numbers, not what memory happens to hold: not every build of torch leaves them unread.
    """
    for hop in range(hops - 1):
        buffer = out if (hops - hop) % 2 else spare
        x = torch.addmm(buffer, csr, x, beta=0, out=buffer)
    return torch.addmm(out, csr, x, beta=0, out=out) if plus is None else torch.addmm(plus, csr, x, out=out)


def _places(topology: Topology) -> tuple[Tensor, Tensor]:
    node, previous, size = topology.node_index, topology.previous, topology.num_nodes
    before = torch.where(previous < 0, node, previous + size)
    goes_on = torch.zeros_like(node, dtype=torch.bool)
    goes_on[topology.temporal_edges[0]] = True
    rows = (~goes_on).nonzero()[:, 0]
    last = rows.new_empty(size)
    last[node[rows]] = rows + size
    return before, last


def scan(
    nodes: Sequence[Tensor | None],
    terms: Sequence[Tensor],
    from_state: Callable[[int, Tensor], Tensor],
    cell: Callable[..., tuple[Tensor, ...]],
    states: tuple[Tensor, ...],
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Any gated recurrence, snapshot after snapshot: the readable way, open to autograd and every transform.

    Args:
        nodes: nodes of each step; ``None`` where they are all N, in order.
        terms: what the inputs of each step add to the gates, (R, ·) each.
        from_state: the step's number and states (R, H) before it, to what they add to the gates.
        cell: both terms and what is remembered, to what is remembered after, states first.
        states: the recurrent state of each node at first, (N, H) each, states first.

    Returns:
        States (V, H), and what each node remembers at last.
    """
    out = []
    for step, (at, term) in enumerate(zip(nodes, terms, strict=True)):
        there = states if at is None else tuple(tensor[at] for tensor in states)
        there = cell(term, from_state(step, there[0]), *there)
        pairs = zip(states, there, strict=True)
        states = there if at is None else tuple(tensor.index_copy(0, at, new) for tensor, new in pairs)
        out.append(there[0])
    return torch.cat(out), states
