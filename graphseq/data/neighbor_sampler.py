"""Neighbourhoods cut out of a graph that is too large to train on as a whole, with the degrees of the whole graph."""

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
from graphseq._arguments import checked_arguments, checked_but
from graphseq.data._parts import check_constant
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class _Drawn(NamedTuple):
    """Edges into some rows: index of the reader among these rows, source row, and weight."""

    reader: Integers
    source: Integers
    weight: Floats


class NeighborSampler:
    r"""A sampler of L-hop neighbourhoods, whole or random, from the space-time edges of a graph.

    Hop by hop, starting at the target rows, each new row adds its in-neighbours: all of them, or a random sample of s.
    The result is a graph whose rows are nodes at one time and whose edges, including a self-loop at each row, have
    weights w such that every row keeps its degree in the whole graph:

    .. math:: \sum_j w_{ij} = \tilde d_i = \sum_j \tilde A_{ij}

    - a row with all its in-neighbours has w_ij = Ã_ij;
    - a row with s of its n edges has w_ii = Ã_ii, and each sampled edge has 1/s of the weight of all n, so that the
      expected weight of every edge is Ã_ij; edges are sampled in proportion to their weights, so that without weights
      each has the probability s/n and occurs at most once;
    - an outermost row, without in-neighbours, has all its degree in its self-loop, which no target row sees.

    So Â of the result has the entries of Â of the whole graph. With whole neighbourhoods, a GCN of L layers has the
    same output at the target rows as on the whole graph. With sampled ones, :math:`\hat A X` of each layer has the
    expectation of the whole graph, though not after a ReLU. Since the degrees are in the weights, they are kept when
    the graph is moved, copied, pickled or batched, and PyG's ``GCNConv`` reads them.

    This holds for graph convolutions. Rows of one node become separate nodes at one time, so a recurrence finds no time
    in them, and ``causal`` is a property of the edges. Norms over a graph see the rows of the sample only.

    Args:
        graph: the whole graph, on the CPU.
        num_neighbors: number of edges sampled into a row at 0, 1, … L - 1 hops; -1 for all.
        causal: use temporal edges past → future only, for models built with ``causal=True``.

    Raises:
        TypeError, ValueError: no hops, a number of neighbours that is neither -1 nor at least 1, negative weights, or
            features of edges.

    Source: Hamilton, Ying and Leskovec, *Inductive representation learning on large graphs* (2017), algorithm 2; one
    random number for each row, then equal steps: Madow and Madow, *On the theory of systematic sampling* (1944).
    Names follow PyG's ``NeighborLoader``.

    Example:
        >>> import graphseq as gs, torch
        >>> sampler = NeighborSampler(gs.from_sequence(torch.eye(100)), num_neighbors=[-1, -1])
        >>> near = sampler(torch.tensor([50]))
        >>> near.n_id.tolist(), near.target_rows.tolist()
        ([50, 49, 51, 48, 52], [0])
    """

    @checked_but("num_neighbors")
    def __init__(self, graph: SpaceTimeGraph, num_neighbors: Sequence[int], *, causal: bool = False) -> None:
        self.num_neighbors = _hops(num_neighbors)
        self.causal = causal
        self.x: Tensor = graph.x
        check_constant("graph", graph.topology)
        adjacency = graph.topology.spacetime(causal)
        if adjacency.edge_attr is not None:
            raise ValueError(
                "graph has edge_attr, which a sample, whose edges have weights that stand for degrees, does not carry; "
                "leave it out: graph.replace(edge_attr=None)"
            )
        source, reader = adjacency.edge_index.cpu().numpy()
        weight = np.ones(len(source)) if adjacency.edge_weight is None else _weights(adjacency.edge_weight)
        loop = np.ones(graph.num_rows)
        is_loop = source == reader
        loop[reader[is_loop]] = weight[is_loop]  # a self-loop of the graph replaces the one that Ã adds
        others = sp.csr_array((weight[~is_loop], (reader[~is_loop], source[~is_loop])), shape=(len(loop), len(loop)))
        self._first, self._source, self._weight = others.indptr, others.indices, others.data
        self._before: Floats = np.concatenate([[0.0], others.data.cumsum()])  # weight of all edges before each
        self._loop: Floats = loop
        self._degree: Floats = loop + others.sum(axis=1)

    @property
    def digest(self) -> str:
        """A hash of features and edges."""
        digest = hashlib.blake2b(self.x.detach().cpu().contiguous().numpy().tobytes(), digest_size=8)
        for array in (self._first, self._source, self._weight, self._loop):
            digest.update(array.tobytes())
        return digest.hexdigest()

    @property
    def num_rows(self) -> int:
        """V, the number of rows of the whole graph."""
        return len(self._loop)

    def __call__(
        self, rows: Tensor, generator: torch.Generator | None = None, *, disjoint: bool = False
    ) -> SpaceTimeGraph:
        """Return the neighbourhoods of ``rows`` (K,), which are the target rows of the result, in their order.

        Args:
            rows: numbers of rows of the whole graph.
            generator: source of randomness; whole neighbourhoods need none.
            disjoint: return each row's neighbourhood as a graph of its own in a batch of K; ``rows`` may then contain
                a row twice. By default one graph, in which a row that several of them read occurs once.

        Returns:
            A graph with ``x``, ``target``, weighted ``edge_index``, and ``n_id`` (V',), the number of each row in the
            whole graph. In each graph the target rows come first, then the other rows in the order of hops.

        Raises:
            TypeError, ValueError: rows that do not exist or, unless ``disjoint``, occur twice; a missing generator.
        """
        targets = self._checked(rows, disjoint)
        if generator is None and any(number > 0 for number in self.num_neighbors):
            raise ValueError("generator must be given where neighbours are drawn; only num_neighbors of -1 need none")
        # A row in the neighbourhood of a target row has the key: index of the target row · V + number of the row.
        owner = np.arange(len(targets)) if disjoint else np.zeros(len(targets), dtype=np.int64)
        keys = frontier = owner * self.num_rows + targets
        edges, loops = [], []
        for number in self.num_neighbors:
            row = frontier % self.num_rows
            sample = self._draw(row, number, generator)
            source = frontier[sample.reader] - row[sample.reader] + sample.source
            edges.append((source, frontier[sample.reader], sample.weight))
            loops.append(self._loop[row])
            frontier = np.setdiff1d(source, keys)
            keys = np.concatenate([keys, frontier])
        loops.append(self._degree[frontier % self.num_rows])
        return self._joined(keys, edges, np.concatenate(loops), len(targets), disjoint)

    @checked_arguments
    def pieces(self, size: int) -> Iterator[SpaceTimeGraph]:
        """Yield all rows in batches of ``size``, each with its neighbourhood.

        Example:
            >>> import graphseq as gs, torch
            >>> graph, gcn = gs.from_sequence(torch.eye(100)), gs.nn.GCN(100, 4, num_layers=1)
            >>> states = torch.cat([gcn(piece)[piece.target_rows] for piece in NeighborSampler(graph, [-1]).pieces(8)])
            >>> torch.allclose(states, gcn(graph), atol=1e-6)
            True
        """
        yield from map(self, torch.arange(self.num_rows).split(_checks.at_least("size", size, 1)))

    def _draw(self, rows: Integers, number: int, generator: torch.Generator | None) -> _Drawn:
        """Sample at most ``number`` edges into each of ``rows``; take all if it is -1."""
        first, last = self._first[rows].astype(np.int64), self._first[rows + 1].astype(np.int64)
        count = last - first
        take = count if number < 0 else np.minimum(count, number)
        reader = np.repeat(np.arange(len(rows)), take)
        nth = np.arange(len(reader)) - np.repeat(take.cumsum() - take, take)
        entry = first[reader] + nth
        weight = self._weight[entry]
        thinned = (take < count)[reader]
        if thinned.any() and generator is not None:
            offset = torch.rand(len(rows), generator=generator, dtype=torch.float64).numpy()
            sampled_reader = reader[thinned]
            step = (self._before[last] - self._before[first])[sampled_reader] / number
            point = self._before[first[sampled_reader]] + (offset[sampled_reader] + nth[thinned]) * step
            entry[thinned] = _last_at_most(self._before, point, first[sampled_reader], last[sampled_reader] - 1)
            weight[thinned] = step
        return _Drawn(reader, self._source[entry], weight)

    def _joined(
        self,
        keys: Integers,
        edges: list[tuple[Integers, Integers, Floats]],
        loops: Floats,
        num_targets: int,
        disjoint: bool,
    ) -> SpaceTimeGraph:
        by_graph = (keys // self.num_rows).argsort(kind="stable")
        key, is_target = keys[by_graph], (np.arange(len(keys)) < num_targets)[by_graph]
        by_key = key.argsort()
        source, reader = (
            by_key[key.searchsorted(np.concatenate([edge[end] for edge in edges]), sorter=by_key)] for end in (0, 1)
        )
        rows = np.arange(len(keys))
        index = np.stack([np.concatenate([source, rows]), np.concatenate([reader, rows])])
        weight = torch.from_numpy(np.concatenate([*(edge[2] for edge in edges), loops[by_graph]]))
        row = torch.from_numpy(key % self.num_rows)
        dtype = self.x.dtype if self.x.is_floating_point() else torch.get_default_dtype()
        node = torch.from_numpy(rows)
        graph = SpaceTimeGraph.from_topology(
            Topology(node, torch.zeros_like(node), torch.from_numpy(index), weight.to(dtype)),
            self.x[row],
            target=torch.from_numpy(is_target),
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
    """Return, for each point, the last position from ``low`` to ``high`` with a value of at most this, or ``low``.

    All points are bisected at once, each among the few edges of its row: a search over all edges would be slower.
    """
    for _ in range(int((high - low).max()).bit_length()):
        middle = (low + high + 1) // 2
        is_later = ascending[middle] <= point
        low, high = np.where(is_later, middle, low), np.where(is_later, high, middle - 1)
        high = np.maximum(low, high)
    return low


def _hops(num_neighbors: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(num_neighbors, Sequence) or isinstance(num_neighbors, str | bytes) or not len(num_neighbors):
        came = "[]" if isinstance(num_neighbors, Sequence) else _checks.shown(num_neighbors)
        raise ValueError(f"num_neighbors must have a number for each hop, [10, 5] say; got {came}")
    return tuple(
        -1 if isinstance(count, int) and count == -1 else _checks.at_least("num_neighbors", count, 1)
        for count in num_neighbors
    )


def _weights(edge_weight: Tensor) -> Floats:
    weight: Floats = edge_weight.detach().cpu().double().numpy()
    if (weight < 0).any():
        raise ValueError(f"edge weights must be at least 0, as the square root in Â needs; got {weight.min():g}")
    return weight
