r"""Snapshots whose edges are weighed anew at every step: Â' from Ã' = factors ⊙ Ã, and what can be read through it.

.. math:: \tilde A'_{ij} = \varphi_{ij} A_{ij} \; (i \ne j), \qquad \tilde A'_{ii} = \tilde A_{ii}, \qquad
          \hat A' = \tilde D'^{-1/2} \tilde A' \tilde D'^{-1/2}, \qquad \tilde D'_{ii} = \sum_j \tilde A'_{ij}

Weights, stored self-loops and degrees are as in :mod:`graphseq.data.adjacency`; with all factors 1 it is that Â.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import scipy.sparse as sp
import torch
from scipy.sparse import csgraph
from torch import Tensor

from graphseq.data.topology import Topology
from graphseq.nn.recurrent._light_cone import _one_step_back


@dataclass(frozen=True)
class Snapshot:
    """The R rows of one time, and the Q pairs of them that edges join: each pair once, and no row with itself."""

    nodes: Tensor | None  # (R,) whom the rows observe; None where they are all N, in order
    source: Tensor  # (Q,) row j of each pair
    target: Tensor  # (Q,) row i, which reads it
    weight: Tensor  # (Q,) A_ij, doubled edges added up
    loop: Tensor  # (R,) Ã_ii
    pair: Tensor  # (Q,) which pair of nodes this is, of all P that are ever joined

    def normalised(self, factor: Tensor) -> Weighed:
        """Â' from the factors φ (Q,) of the pairs."""
        value = factor * self.weight
        degree = self.loop.index_add(0, self.target, value)
        # Nothing reads from a row of degree 0, and it reads nothing, as in gcn_norm.
        return Weighed(self, value, degree.masked_fill(degree == 0, math.inf).rsqrt()[:, None])


@dataclass(frozen=True)
class Weighed:
    """Â' of one snapshot, differentiable in its entries: ``weighed @ x`` is Â' x."""

    snapshot: Snapshot
    value: Tensor  # (Q,) Ã' off the diagonal
    scale: Tensor  # (R, 1) D̃'^(-1/2)

    def __matmul__(self, x: Tensor) -> Tensor:
        """Â' x for x (R, F)."""
        snapshot, x = self.snapshot, self.scale * x
        read = self.value[:, None] * x.index_select(0, snapshot.source)
        return self.scale * (snapshot.loop[:, None] * x).index_add(0, snapshot.target, read)


@dataclass(frozen=True)
class Snapshots:
    """All T snapshots of a topology whose rows are in the order of time; its static edges are written out."""

    each: list[Snapshot]
    pairs: Tensor  # (2, P) the pairs of nodes (j, i) that are ever joined, by i, then by j
    place: Tensor  # (P,) how many pairs before it have the same i
    width: int  # the most pairs that one i has
    keys: Tensor  # (Q₁ + … + Q_T,) every pair of every snapshot as one ascending number

    @classmethod
    def over(cls, topology: Topology, dtype: torch.dtype) -> Snapshots:
        """Those of ``topology``, weights in ``dtype``; made once.

        Raises:
            ValueError: a weight below 0.
        """
        return topology.keep(("snapshots", dtype), lambda: cls._made(topology, dtype))

    @classmethod
    def _made(cls, topology: Topology, dtype: torch.dtype) -> Snapshots:
        rows, node, count = topology.num_rows, topology.node_index, topology.num_nodes
        (source, target), weight = topology.spatial.edge_index, _weights(topology, dtype)
        apart = source != target
        keys, at = _key(source[apart], target[apart], rows).unique(return_inverse=True)
        summed = weight.new_zeros(len(keys)).index_add_(0, at, weight[apart])
        loop = weight.new_ones(rows)
        loop[source[~apart]] = weight[~apart]
        target, source = keys // max(rows, 1), keys % max(rows, 1)
        names, pair = _key(node[source], node[target], count).unique(return_inverse=True)
        pairs = torch.stack([names % count, names // count])
        of_target = torch.bincount(pairs[1], minlength=count)
        place = torch.arange(len(names), device=names.device) - (of_target.cumsum(0) - of_target)[pairs[1]]

        sizes, everyone = topology.step_sizes, torch.arange(count, device=node.device)
        moment = torch.searchsorted(topology.times, topology.time)
        first = torch.searchsorted(topology.time, topology.times)[moment]
        joined = torch.bincount(moment[target], minlength=len(sizes)).tolist()
        parts = (source - first[source], target - first[target], summed, pair)
        of_pairs = zip(*(part.split(joined) for part in parts), strict=True)
        each = [
            Snapshot(None if torch.equal(at, everyone) else at, j, i, a, loops, number)
            for at, loops, (j, i, a, number) in zip(node.split(sizes), loop.split(sizes), of_pairs, strict=True)
        ]
        return cls(each, pairs, place, int(of_target.max()) if len(names) else 0, keys)

    def of_edges(self, values: Tensor, topology: Topology) -> Tensor:
        """What the pairs of all snapshots have, (Q₁ + … + Q_T,), for each spatial edge of ``topology``, (E,).

        Args:
            values: of the pairs.
            topology: the same graph, its rows in any order. Edges from a row to itself have 0.
        """
        source, target = topology.place_in_time[topology.spatial.edge_index]
        at = torch.searchsorted(self.keys, _key(source, target, topology.num_rows)).clamp(
            max=max(len(self.keys) - 1, 0)
        )
        padded = values if len(values) else values.new_zeros(1)
        return torch.where(source == target, 0.0, padded[at])


def _key(source: Tensor, target: Tensor, size: int) -> Tensor:
    return target * size + source


def _weights(topology: Topology, dtype: torch.dtype) -> Tensor:
    spatial = topology.spatial
    if spatial.edge_weight is None:
        return torch.ones(spatial.edge_index.shape[1], dtype=dtype, device=spatial.edge_index.device)
    spatial.normalised(dtype)  # refuses weights below 0
    return spatial.edge_weight.detach().to(dtype)


def cone(topology: Topology, layers: int, rows: Tensor) -> Tensor:
    """Which inputs can change the states of ``rows`` (K,), (K, V) of ``bool``; see :class:`ForgettingGCNLSTM`."""
    size = topology.num_rows
    pattern, back = topology.spatial.pattern, _one_step_back(topology)
    own = sp.eye_array(size, dtype=bool, format="csr")
    through_gates = _of_entries(pattern) @ back
    blocks: list[list[sp.csr_array | None]] = [[0 * own] + [None] * layers]
    for layer in range(layers):
        line: list[sp.csr_array | None] = [None] * (layers + 1)
        line[layer], line[-1] = pattern, through_gates
        # A cell is its own node's even where a stored self-loop of weight 0 hides the state.
        before = (pattern + own) @ back
        line[layer + 1] = before if line[layer + 1] is None else before + through_gates
        blocks.append(line)
    reads = sp.csr_array(sp.block_array(blocks), dtype=float)
    found = torch.zeros(len(rows), size, dtype=torch.bool)
    for k, row in enumerate(rows.tolist()):
        seen = csgraph.breadth_first_order(reads, layers * size + row, return_predecessors=False)
        found[k, torch.from_numpy(seen[seen < size]).long()] = True
    return found


def _of_entries(pattern: sp.csr_array) -> sp.csr_array:
    """Whose gates the entries of a row of Â' depend on, (V, V).

    An entry (i, j) has the gates of i and j, and by the degrees d_i and d_j those of all that i and j read; a row that
    reads no other has only its self-loop over itself, which is 1 whatever its gate.
    """
    others = pattern.copy()
    others.setdiag(False)
    others.eliminate_zeros()
    reading = sp.csr_array(sp.diags_array(others.sum(axis=1) > 0, dtype=bool))
    return reading + others + others @ others
