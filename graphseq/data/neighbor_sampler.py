"""Neighbourhoods cut out of a graph too large to train on as a whole, with the degrees that the whole graph has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class _Drawn(NamedTuple):
    """Edges into some rows: the place of each one's reader among these rows, where it comes from, and its weight."""

    reader: Integers
    source: Integers
    weight: Floats


class NeighborSampler:
    r"""Cuts the L-hop neighbourhoods of some rows, whole or sampled, out of a graph's space-time edges.

    Hop by hop, from the asked rows outwards, a row that is met for the first time takes in those it reads: all of them,
    or s of them drawn at random. What comes back is a graph of its own whose rows are nodes at one time, and whose
    edges, a self-loop at each row among them, have weights w such that every row keeps its degree in the whole graph:

    .. math:: \sum_j w_{ij} = \tilde d_i = \sum_j \tilde A_{ij}

    - a row that took in all it reads has w_ij = Ã_ij;
    - one that drew s of its n edges has w_ii = Ã_ii, and on each edge drawn a weight of 1/s of all n together, so that
      the expected weight of every edge is Ã_ij; edges are drawn in proportion to their weights, so that without
      weights each has the chance s/n and comes once at most;
    - an outermost row, which takes in none, keeps all its degree in its self-loop, which no asked row sees.

    So Â of what comes back has the entries of Â of the whole graph, and with whole neighbourhoods a GCN of L layers
    has, at the asked rows, the output that it has on the whole graph; with sampled ones, :math:`\hat A X` is that of
    the whole graph in expectation for each layer, though what comes after a ReLU is not. No degree is lost when
    the graph is moved, copied, pickled or batched, for its weights carry them, and PyG's own ``GCNConv`` reads them.

    That holds for graph convolutions. Rows of one node are nodes of their own here: a recurrence finds no time in them,
    and ``causal`` is what the edges say. Norms over a graph see the rows cut out alone.

    Args:
        graph: the whole graph, on the CPU.
        num_neighbors: how many edges a row at 0, 1, … L - 1 hops takes in; -1 for all.
        causal: cut along temporal edges past → future only, for models built with ``causal=True``.

    Raises:
        TypeError, ValueError: no hop, a number of neighbours that is neither -1 nor at least 1, negative weights.

    Source: Hamilton, Ying and Leskovec, *Inductive representation learning on large graphs* (2017), algorithm 2; one
    random number a row and equal steps from there on: Madow and Madow, *On the theory of systematic sampling* (1944).
    Names are those of PyG's ``NeighborLoader``.

    Example:
        >>> import graphseq as gs, torch
        >>> sampler = NeighborSampler(gs.from_sequence(torch.eye(100)), num_neighbors=[-1, -1])
        >>> near = sampler(torch.tensor([50]))
        >>> near.n_id.tolist(), near.target_rows.tolist()
        ([50, 49, 51, 48, 52], [0])
    """

    def __init__(self, graph: SpaceTimeGraph, num_neighbors: Sequence[int], *, causal: bool = False) -> None:
        self.num_neighbors = _hops(num_neighbors)
        self.causal = causal
        self.x: Tensor = graph.x
        adjacency = graph.topology.spacetime(causal)
        source, reader = adjacency.edge_index.cpu().numpy()
        weight = np.ones(len(source)) if adjacency.edge_weight is None else _weights(adjacency.edge_weight)
        loop = np.ones(graph.num_rows)
        own = source == reader
        loop[reader[own]] = weight[own]  # a stored self-loop stands in the place of the one that Ã adds
        others = sp.csr_array((weight[~own], (reader[~own], source[~own])), shape=(len(loop), len(loop)))
        self._first, self._source, self._weight = others.indptr, others.indices, others.data
        self._before: Floats = np.concatenate([[0.0], others.data.cumsum()])  # weight of all edges before each
        self._loop: Floats = loop
        self._degree: Floats = loop + others.sum(axis=1)

    @property
    def digest(self) -> str:
        """A fingerprint of features and edges."""
        mixed = hashlib.blake2b(self.x.detach().cpu().contiguous().numpy().tobytes(), digest_size=8)
        for part in (self._first, self._source, self._weight, self._loop):
            mixed.update(part.tobytes())
        return mixed.hexdigest()

    @property
    def num_rows(self) -> int:
        """V of the whole graph."""
        return len(self._loop)

    def __call__(
        self, rows: Tensor, generator: torch.Generator | None = None, *, disjoint: bool = False
    ) -> SpaceTimeGraph:
        """The neighbourhoods of ``rows`` (K,), which are the target rows of what comes back, in their order.

        Args:
            rows: numbers of rows of the whole graph.
            generator: what to draw by, which whole neighbourhoods do not need.
            disjoint: cut each row's neighbourhood out by itself, as graphs of a batch, K of them; ``rows`` may then
                name a row twice. Otherwise one graph, in which a row that several of them read is there once.

        Returns:
            A graph with ``x``, ``target``, weighted ``edge_index``, and ``n_id`` (V',): each row's number in the whole
            graph. The asked rows come first, those of a hop before those of the next, in each graph.

        Raises:
            TypeError, ValueError: rows that are not there or, unless ``disjoint``, come twice; no generator to draw by.
        """
        asked = self._checked(rows, disjoint)
        if generator is None and any(number > 0 for number in self.num_neighbors):
            raise ValueError("generator must be given where neighbours are drawn; only num_neighbors of -1 need none")
        # A row as it is met on the way from one asked row: number of the asked row · V + number of the row.
        owner = np.arange(len(asked)) if disjoint else np.zeros(len(asked), dtype=np.int64)
        met = edge = owner * self.num_rows + asked
        drawn, loops = [], []
        for number in self.num_neighbors:
            row = edge % self.num_rows
            found = self._draw(row, number, generator)
            source = edge[found.reader] - row[found.reader] + found.source
            drawn.append((source, edge[found.reader], found.weight))
            loops.append(self._loop[row])
            edge = np.setdiff1d(source, met)
            met = np.concatenate([met, edge])
        loops.append(self._degree[edge % self.num_rows])
        return self._joined(met, drawn, np.concatenate(loops), len(asked), disjoint)

    def pieces(self, size: int) -> Iterator[SpaceTimeGraph]:
        """All rows in pieces of so many, each with its neighbourhood: a whole pass where all neighbours are taken.

        Example:
            >>> import graphseq as gs, torch
            >>> graph, gcn = gs.from_sequence(torch.eye(100)), gs.nn.GCN(100, 4, num_layers=1)
            >>> states = torch.cat([gcn(piece)[piece.target_rows] for piece in NeighborSampler(graph, [-1]).pieces(8)])
            >>> torch.allclose(states, gcn(graph), atol=1e-6)
            True
        """
        yield from map(self, torch.arange(self.num_rows).split(_checks.at_least("size", size, 1)))

    def _draw(self, rows: Integers, number: int, generator: torch.Generator | None) -> _Drawn:
        """At most ``number`` edges into each of ``rows``; all where it is -1."""
        first, last = self._first[rows].astype(np.int64), self._first[rows + 1].astype(np.int64)
        count = last - first
        take = count if number < 0 else np.minimum(count, number)
        reader = np.repeat(np.arange(len(rows)), take)
        nth = np.arange(len(reader)) - np.repeat(take.cumsum() - take, take)
        entry = first[reader] + nth
        weight = self._weight[entry]
        thinned = (take < count)[reader]
        if thinned.any() and generator is not None:
            luck = torch.rand(len(rows), generator=generator, dtype=torch.float64).numpy()
            who = reader[thinned]
            step = (self._before[last] - self._before[first])[who] / number
            point = self._before[first[who]] + (luck[who] + nth[thinned]) * step
            entry[thinned] = _last_at_most(self._before, point, first[who], last[who] - 1)
            weight[thinned] = step
        return _Drawn(reader, self._source[entry], weight)

    def _joined(
        self, met: Integers, drawn: list[tuple[Integers, Integers, Floats]], loops: Floats, asked: int, disjoint: bool
    ) -> SpaceTimeGraph:
        by_graph = (met // self.num_rows).argsort(kind="stable")
        key, is_asked = met[by_graph], (np.arange(len(met)) < asked)[by_graph]
        by_key = key.argsort()
        source, reader = (
            by_key[key.searchsorted(np.concatenate([edge[end] for edge in drawn]), sorter=by_key)] for end in (0, 1)
        )
        own = np.arange(len(met))
        index = np.stack([np.concatenate([source, own]), np.concatenate([reader, own])])
        weight = torch.from_numpy(np.concatenate([*(edge[2] for edge in drawn), loops[by_graph]]))
        row = torch.from_numpy(key % self.num_rows)
        kind = self.x.dtype if self.x.is_floating_point() else torch.get_default_dtype()
        node = torch.from_numpy(own)
        graph = SpaceTimeGraph.from_topology(
            Topology(node, torch.zeros_like(node), torch.from_numpy(index), weight.to(kind)),
            self.x[row],
            target=torch.from_numpy(is_asked),
            batch=torch.from_numpy(key // self.num_rows) if disjoint else None,
        )
        graph.n_id = row
        return graph

    def _checked(self, rows: Tensor, disjoint: bool) -> Integers:
        count = _checks.is_tensor("rows", rows).numel()
        numbers: Integers = _checks.integer_rows("rows", rows, count).cpu().numpy()
        if not count or numbers.min() < 0 or numbers.max() >= self.num_rows:
            raise ValueError(f"rows must name rows 0 to {self.num_rows - 1}, at least one; got {rows.tolist()[:10]}")
        if not disjoint and len(np.unique(numbers)) != count:
            raise ValueError("rows must name each row at most once; disjoint=True takes a row twice")
        return numbers


def _last_at_most(ascending: Floats, point: Floats, low: Integers, high: Integers) -> Integers:
    """For each point the last place, from ``low`` to ``high``, that holds no more, or ``low``: all bisected at once.

    Within a row's few edges: to look among all edges of the graph would cost more, the larger it is.
    """
    for _ in range(int((high - low).max()).bit_length()):
        middle = (low + high + 1) // 2
        is_later = ascending[middle] <= point
        low, high = np.where(is_later, middle, low), np.where(is_later, high, middle - 1)
        high = np.maximum(low, high)
    return low


def _hops(num_neighbors: Sequence[int]) -> tuple[int, ...]:
    if isinstance(num_neighbors, int) or not len(num_neighbors):
        raise ValueError(f"num_neighbors must have a number for each hop, [10, 5] say; got {num_neighbors!r}")
    return tuple(-1 if each == -1 else _checks.at_least("num_neighbors", each, 1) for each in num_neighbors)


def _weights(edge_weight: Tensor) -> Floats:
    weight: Floats = edge_weight.detach().cpu().double().numpy()
    if (weight < 0).any():
        raise ValueError(f"edge weights must be at least 0, as the square root in Â needs; got {weight.min():g}")
    return weight
