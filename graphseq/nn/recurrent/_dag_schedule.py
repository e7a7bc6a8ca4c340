"""The schedule of a recurrence on a directed acyclic graph: the rows and edges of each generation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse import csgraph
from torch import Tensor
from torch_geometric.utils import coalesce

from graphseq._torch.precision import at_least_float32
from graphseq.data.adjacency import derived
from graphseq.data.sequences import Sequences
from graphseq.data.topology import Topology
from graphseq.transforms.traversal import generations


@dataclass(frozen=True)
class Generation:
    """The R rows of one generation, numbered 0 … R - 1 here, the E edges that enter them and the edges that leave.

    Entering edges are in the order in which earlier generations send their messages.
    """

    rows: Tensor  # their numbers in the graph, ascending, (R,)
    children: Tensor  # the row that each entering edge comes from, by its number in the graph, (E,)
    reader: Tensor | None  # the row that each entering edge enters, (E,); None where edge k is the only one of row k
    weight: Tensor | None  # of each entering edge, (E, 1); None where all are 1
    sender: Tensor  # the row that each leaving edge comes from
    receivers: dict[int, int]  # the generations that leaving edges enter, ascending, and the number of edges to each

    def at_edges(self, of_rows: Tensor) -> Tensor:
        """Copy the values of rows to their entering edges, (R, ·) → (E, ·)."""
        return of_rows if self.reader is None else of_rows.index_select(0, self.reader)

    def aggregate(self, messages: Tensor) -> Tensor:
        """Sum the messages of the entering edges of each row, (E, ·) → (R, ·)."""
        if self.weight is not None:
            messages = messages * self.weight.to(messages.dtype)
        if self.reader is None:
            return messages
        sums = at_least_float32(messages).new_zeros(len(self.rows), messages.shape[1])
        return sums.index_add(0, self.reader, at_least_float32(messages)).to(messages.dtype)


class Ancestry:
    """The directed acyclic graph of a topology: temporal edges past → future and spatial edges of non-zero weight.

    Raises:
        CycleError: spatial edges lead from a row back to itself.
    """

    def __init__(self, topology: Topology) -> None:
        adjacency = topology.spacetime(causal=True)
        index, weight = adjacency.edge_index, adjacency.edge_weight
        if weight is not None:
            weight = weight if adjacency.weights_need_grad else weight.detach()
            index, weight = coalesce(index, weight, topology.num_rows)  # doubled edges may cancel
            index, weight = index[:, weight != 0], weight[weight != 0]
        self.num_rows = topology.num_rows
        self.edge_index = index
        counts_one = weight is None or (bool((weight == 1).all()) and not adjacency.weights_need_grad)
        self.weight = None if counts_one else weight
        is_temporal = index.shape[1] == topology.temporal_edges.shape[1]
        #: One sequence a path where the graph consists of paths; else None.
        self.sequences: Sequences | None = topology.sequences if is_temporal else self._paths()

    @classmethod
    def of(cls, topology: Topology) -> Ancestry:
        """The ancestry of ``topology``, built once for each topology."""
        return topology.keep("ancestry", lambda: cls(topology))

    def _paths(self) -> Sequences | None:
        generation = self.generation  # first, since it raises on cycles
        if self.weight is not None or any(int(torch.bincount(end).max()) > 1 for end in self.edge_index):
            return None
        _, path = csgraph.connected_components(self.reads, directed=False)
        return Topology(torch.from_numpy(path).long().to(generation.device), generation).sequences

    @derived
    def generation(self) -> Tensor:
        """The generation of each row, (V,)."""
        return generations(self.edge_index, self.num_rows)

    @derived
    def reads(self) -> sp.csr_array:
        """The pattern from each row to its children, (V, V)."""
        child, reader = self.edge_index.cpu().numpy()
        return sp.csr_array((np.ones(len(child)), (reader, child)), shape=(self.num_rows, self.num_rows))

    @derived
    def order(self) -> Tensor:
        """The rows sorted by generation, ascending within each, (V,)."""
        return self.generation.argsort(stable=True)

    @derived
    def position(self) -> Tensor:
        """The position of each row in :attr:`order`, (V,)."""
        return self.order.argsort()

    @derived
    def sizes(self) -> list[int]:
        """The number of rows of each generation."""
        sizes: list[int] = torch.bincount(self.generation).tolist()
        return sizes

    @derived
    def generations(self) -> list[Generation]:
        """All generations, in order."""
        (child, reader), count = self.edge_index, len(self.sizes)
        sender, receiver = self.generation[child], self.generation[reader]
        rows = torch.bincount(self.generation)
        local = self.position - (rows.cumsum(0) - rows)[self.generation]
        sending, entering = self._sorted_edges(sender, receiver)
        receivers: list[dict[int, int]] = [{} for _ in range(count)]
        pairs, counts = torch.stack([sender, receiver])[:, sending].unique_consecutive(return_counts=True, dim=1)
        for leaves, enters, many in zip(*pairs.tolist(), counts.tolist(), strict=True):
            receivers[leaves][enters] = many
        in_order = zip(
            self.order.split(self.sizes),
            entering.split(torch.bincount(receiver, minlength=count).tolist()),
            local[child[sending]].split(torch.bincount(sender, minlength=count).tolist()),
            receivers,
            strict=True,
        )
        return [self._generation(rows, edges, local, sent, to) for rows, edges, sent, to in in_order]

    def _sorted_edges(self, sender: Tensor, receiver: Tensor) -> tuple[Tensor, Tensor]:
        """The order of edges by sending generation, then receiving generation; and that by receiving generation."""
        keys = (*self.edge_index, receiver, sender)  # the last is the first to sort by
        sending = torch.from_numpy(np.lexsort([key.cpu().numpy() for key in keys])).to(sender.device)
        return sending, sending[receiver[sending].argsort(stable=True)]

    def _generation(
        self, rows: Tensor, edges: Tensor, local: Tensor, sent: Tensor, receivers: dict[int, int]
    ) -> Generation:
        reader = local[self.edge_index[1, edges]]
        one_each = torch.equal(reader, torch.arange(len(rows), device=reader.device))
        weight = None if self.weight is None else self.weight[edges, None]
        return Generation(rows, self.edge_index[0, edges], None if one_each else reader, weight, sent, receivers)
