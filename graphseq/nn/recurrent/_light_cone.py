"""Receptive fields of stacked recurrences with graph-convolutional gates, from structure alone: light cones."""

from __future__ import annotations

from collections.abc import Sequence

import scipy.sparse as sp
import torch
from scipy.sparse import csgraph
from torch import Tensor

from graphseq.data.topology import Topology

Patterns = tuple[sp.csr_array | None, sp.csr_array | None]


def power(pattern: sp.csr_array, hops: int) -> sp.csr_array:
    """The non-zero pattern of the L-th power of a non-negative matrix."""
    result = pattern
    for _ in range(hops - 1):
        result = result @ pattern
    return result


def cone(topology: Topology, patterns: Sequence[Patterns], residual: bool, rows: Tensor) -> Tensor:
    """The receptive field of each of ``rows`` (K,), (K, V) of ``bool``.

    Args:
        topology: V rows.
        patterns: of each layer, the rows that its input map and its state map read at one time, (V, V) each, ``None``
            where a map is linear.
        residual: whether a layer's input is added to its output, from the second layer on.
        rows: the target rows, (K,).
    """
    size = topology.num_rows
    reads = _reads(topology, patterns, residual)
    last = reads.shape[0] - size
    field = torch.zeros(len(rows), size, dtype=torch.bool)
    for k, row in enumerate(rows.tolist()):
        # One search a row, which visits each entry once, however many steps it goes back.
        visited = csgraph.breadth_first_order(reads, last + row, return_predecessors=False)
        field[k, torch.from_numpy(visited[visited < size]).long()] = True
    return field


def _reads(topology: Topology, patterns: Sequence[Patterns], residual: bool) -> sp.csr_array:
    """The dependencies among V inputs, V states of each layer in turn and, with ``residual``, V outputs after those.

    Entry (i, j) is true where i is computed from j.
    """
    identity, back = sp.eye_array(topology.num_rows, dtype=bool, format="csr"), _one_step_back(topology)
    blocks: list[list[sp.csr_array | None]] = [[0 * identity]]
    output = 0
    for layer, (of_input, of_state) in enumerate(patterns):
        # H_t reads H of all neighbours one step before, and C_t reads C of its own node: a convolution that does not
        # read the row itself hides a node's own H, never its own C.
        before = back if of_state is None else (of_state + identity) @ back
        row: list[sp.csr_array | None] = [None] * len(blocks)
        row[output] = identity if of_input is None else of_input
        blocks.append([*row, before])
        if residual and layer > 0:
            row = [None] * len(blocks)
            row[output] = row[-1] = identity
            blocks.append([*row, 0 * identity])
        output = len(blocks) - 1
    return sp.csr_array(sp.block_array([line + [None] * (len(blocks) - len(line)) for line in blocks]), dtype=float)


def _one_step_back(topology: Topology) -> sp.csr_array:
    """The pattern from each row to the previous row of its node, (V, V)."""
    before, after = topology.temporal_edges.cpu().numpy()
    ones = torch.ones(len(before), dtype=torch.bool).numpy()
    return sp.csr_array((ones, (after, before)), shape=(topology.num_rows, topology.num_rows))
