r"""Snapshots whose edges are reweighted at every step: Â' from Ã' = φ ⊙ Ã, and the receptive field through it.

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

from graphseq._torch.precision import at_least_float32
from graphseq.data.topology import Topology
from graphseq.nn.recurrent._light_cone import _one_step_back


@dataclass(frozen=True)
class Snapshot:
    """The R rows of one time, and the Q pairs of them that have an edge: each pair once, without self-loops."""

    nodes: Tensor | None  # (R,) the node of each row; None where they are all N, in order
    source: Tensor  # (Q,) row j of each pair
    target: Tensor  # (Q,) row i, which reads it
    weight: Tensor  # (Q,) A_ij, doubled edges added up
    loop: Tensor  # (R,) Ã_ii
    pair: Tensor  # (Q,) the index of its pair of nodes, among all P that ever have an edge

    def normalised(self, factor: Tensor) -> GatedAdjacency:
        """Compute Â' from the factors φ (Q,) of the pairs."""
        value = factor * self.weight
        degree = at_least_float32(self.loop).index_add(0, self.target, at_least_float32(value))
        # As in gcn_norm, a row of degree 0 sends nothing and receives nothing.
        return GatedAdjacency(self, value, degree.masked_fill(degree == 0, math.inf).rsqrt()[:, None])


@dataclass(frozen=True)
class GatedAdjacency:
    """Â' of one snapshot, differentiable in its entries: ``adjacency @ x`` is Â' x."""

    snapshot: Snapshot
    value: Tensor  # (Q,) Ã' off the diagonal
    scale: Tensor  # (R, 1) D̃'^(-1/2), in float32 or wider

    def __matmul__(self, x: Tensor) -> Tensor:
        """Compute Â' x for x (R, F)."""
        snapshot, scaled = self.snapshot, self.scale * at_least_float32(x)
        messages = self.value[:, None] * scaled.index_select(0, snapshot.source)
        product = self.scale * (snapshot.loop[:, None] * scaled).index_add(0, snapshot.target, messages)
        return product.to(torch.promote_types(self.value.dtype, x.dtype))


@dataclass(frozen=True)
class Snapshots:
    """All T snapshots of a topology whose rows are in the order of time; its static edges are repeated in each."""

    steps: list[Snapshot]
    pairs: Tensor  # (2, P) the pairs of nodes (j, i) that ever have an edge, sorted by i, then by j
    slot: Tensor  # (P,) the position of each pair among those of the same i
    width: int  # the largest number of pairs of one i
    keys: Tensor  # (Q₁ + … + Q_T,) every pair of every snapshot as one integer, ascending

    @classmethod
    def over(cls, topology: Topology, dtype: torch.dtype) -> Snapshots:
        """The snapshots of ``topology``, weights in ``dtype``; built once for each topology.

        Raises:
            ValueError: a weight below 0.
        """
        return topology.keep(("snapshots", dtype), lambda: cls._build(topology, dtype))

    @classmethod
    def _build(cls, topology: Topology, dtype: torch.dtype) -> Snapshots:
        rows, node, count = topology.num_rows, topology.node_index, topology.num_nodes
        (source, target), weight = topology.spatial.edge_index, _weights(topology, dtype)
        is_pair = source != target
        keys, inverse = _key(source[is_pair], target[is_pair], rows).unique(return_inverse=True)
        summed = weight.new_zeros(len(keys)).index_add_(0, inverse, weight[is_pair])
        loop = weight.new_ones(rows)
        loop[source[~is_pair]] = weight[~is_pair]
        target, source = keys // max(rows, 1), keys % max(rows, 1)
        node_keys, pair = _key(node[source], node[target], count).unique(return_inverse=True)
        pairs = torch.stack([node_keys % count, node_keys // count])
        of_target = torch.bincount(pairs[1], minlength=count)
        slot = torch.arange(len(node_keys), device=node_keys.device) - (of_target.cumsum(0) - of_target)[pairs[1]]

        sizes, all_nodes = topology.step_sizes, torch.arange(count, device=node.device)
        step = torch.searchsorted(topology.times, topology.time)
        first = torch.searchsorted(topology.time, topology.times)[step]
        num_pairs = torch.bincount(step[target], minlength=len(sizes)).tolist()
        columns = (source - first[source], target - first[target], summed, pair)
        by_step = zip(*(column.split(num_pairs) for column in columns), strict=True)
        steps = [
            Snapshot(None if torch.equal(nodes, all_nodes) else nodes, j, i, a, loops, number)
            for nodes, loops, (j, i, a, number) in zip(node.split(sizes), loop.split(sizes), by_step, strict=True)
        ]
        return cls(steps, pairs, slot, int(of_target.max()) if len(node_keys) else 0, keys)

    def of_edges(self, values: Tensor, topology: Topology) -> Tensor:
        """Look up the values of pairs for each spatial edge of ``topology``, (E,); self-loops get 0.

        Args:
            values: of the pairs of all snapshots, (Q₁ + … + Q_T,).
            topology: the same graph, its rows in any order.
        """
        source, target = topology.place_in_time[topology.spatial.edge_index]
        index = torch.searchsorted(self.keys, _key(source, target, topology.num_rows)).clamp(
            max=max(len(self.keys) - 1, 0)
        )
        padded = values if len(values) else values.new_zeros(1)
        return torch.where(source == target, 0.0, padded[index])


def _key(source: Tensor, target: Tensor, size: int) -> Tensor:
    return target * size + source


def _weights(topology: Topology, dtype: torch.dtype) -> Tensor:
    spatial = topology.spatial
    if spatial.edge_weight is None:
        return torch.ones(spatial.edge_index.shape[1], dtype=dtype, device=spatial.edge_index.device)
    spatial.normalised(dtype)  # refuses weights below 0
    weight = spatial.edge_weight if spatial.weights_need_grad else spatial.edge_weight.detach()
    return weight.to(dtype)


def cone(topology: Topology, layers: int, rows: Tensor) -> Tensor:
    """The receptive field of each of ``rows`` (K,) in a :class:`ForgettingGCNLSTM`, (K, V) of ``bool``."""
    size = topology.num_rows
    pattern, back = topology.spatial.pattern, _one_step_back(topology)
    identity = sp.eye_array(size, dtype=bool, format="csr")
    through_gates = _gate_pattern(pattern) @ back
    blocks: list[list[sp.csr_array | None]] = [[0 * identity] + [None] * layers]
    for layer in range(layers):
        line: list[sp.csr_array | None] = [None] * (layers + 1)
        line[layer], line[-1] = pattern, through_gates
        # A node reads its own cell even where a stored self-loop of weight 0 hides its own h.
        before = (pattern + identity) @ back
        line[layer + 1] = before if line[layer + 1] is None else before + through_gates
        blocks.append(line)
    reads = sp.csr_array(sp.block_array(blocks), dtype=float)
    field = torch.zeros(len(rows), size, dtype=torch.bool)
    for k, row in enumerate(rows.tolist()):
        visited = csgraph.breadth_first_order(reads, layers * size + row, return_predecessors=False)
        field[k, torch.from_numpy(visited[visited < size]).long()] = True
    return field


def _gate_pattern(pattern: sp.csr_array) -> sp.csr_array:
    """The rows on whose gates the entries of each row of Â' depend, (V, V).

    Entry (i, j) depends on the gates of i and j and, through the degrees d_i and d_j, on those of all neighbours of i
    and j. A row without neighbours has its normalised self-loop only, which is 1 for any gate.
    """
    neighbours = pattern.copy()
    neighbours.setdiag(False)
    neighbours.eliminate_zeros()
    has_neighbours = sp.csr_array(sp.diags_array(neighbours.sum(axis=1) > 0, dtype=bool))
    return has_neighbours + neighbours + neighbours @ neighbours
