"""Which rows can change which states of layers of recurrences that read a graph: by structure, one search a row."""

from __future__ import annotations

import scipy.sparse as sp
import torch
from scipy.sparse import csgraph
from torch import Tensor

from graphseq.data.topology import Topology


def power(pattern: sp.csr_array, hops: int) -> sp.csr_array:
    """Where the L-th power of a matrix of no negative entries is not zero."""
    found = pattern
    for _ in range(hops - 1):
        found = found @ pattern
    return found


def cone(
    topology: Topology,
    space: sp.csr_array,
    of_input: bool,
    of_state: bool,
    layers: int,
    residual: bool,
    rows: Tensor,
) -> Tensor:
    """Which inputs can change the outputs of ``rows`` (K,), (K, V) of ``bool``.

    Args:
        topology: V rows.
        space: what a convolution reads at one time, (V, V).
        of_input: whether the inputs are convolved.
        of_state: whether the states are.
        layers: how many recurrences.
        residual: whether a layer's input is added to its states, from the second on.
        rows: the rows asked, (K,).
    """
    size = topology.num_rows
    reads = _reads(topology, space if of_input else None, space if of_state else None, layers, residual)
    last = reads.shape[0] - size
    found = torch.zeros(len(rows), size, dtype=torch.bool)
    for k, row in enumerate(rows.tolist()):
        # A search a row, which visits each read once, whatever the number of steps back.
        seen = csgraph.breadth_first_order(reads, last + row, return_predecessors=False)
        found[k, torch.from_numpy(seen[seen < size]).long()] = True
    return found


def _reads(
    topology: Topology, of_input: sp.csr_array | None, of_state: sp.csr_array | None, layers: int, residual: bool
) -> sp.csr_array:
    """What everything reads: V inputs, V states of each layer in turn, and with ``residual`` V outputs after those."""
    own, back = sp.eye_array(topology.num_rows, dtype=bool, format="csr"), _one_step_back(topology)
    below = own if of_input is None else of_input
    # H_t reads the state before of each node next to it, C_t that of its own: a stored self-loop of weight 0 hides a
    # node from its own H, never from its own C.
    before = back if of_state is None else (of_state + own) @ back
    blocks: list[list[sp.csr_array | None]] = [[0 * own]]
    output = 0
    for layer in range(layers):
        row: list[sp.csr_array | None] = [None] * len(blocks)
        row[output] = below
        blocks.append([*row, before])
        if residual and layer > 0:
            row = [None] * len(blocks)
            row[output] = row[-1] = own
            blocks.append([*row, 0 * own])
        output = len(blocks) - 1
    return sp.csr_array(sp.block_array([line + [None] * (len(blocks) - len(line)) for line in blocks]), dtype=float)


def _one_step_back(topology: Topology) -> sp.csr_array:
    """From each row to what the recurrence holds for its node before that time, (V, V)."""
    before, after = topology.temporal_edges.cpu().numpy()
    ones = torch.ones(len(before), dtype=torch.bool).numpy()
    return sp.csr_array((ones, (after, before)), shape=(topology.num_rows, topology.num_rows))
