"""Who reads whom in a space-time graph past → future, and in which generation: a directed acyclic graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse import csgraph
from torch import Tensor
from torch_geometric.utils import coalesce

from graphseq.data.adjacency import derived
from graphseq.data.sequences import Sequences
from graphseq.data.topology import Topology
from graphseq.transforms.traversal import generations


@dataclass(frozen=True)
class Generation:
    """The R rows of one generation, numbered 0 … R - 1 here, the E edges that enter them and those that leave.

    Entering edges stand in the order in which earlier generations send along them.
    """

    rows: Tensor  # their numbers in the graph, ascending, (R,)
    children: Tensor  # the row that each entering edge comes from, by its number in the graph, (E,)
    reader: Tensor | None  # the row that each entering edge enters, (E,); None where edge k alone enters row k
    weight: Tensor | None  # of each entering edge, (E, 1); None where all count 1
    sent: Tensor  # the row that each leaving edge comes from
    receivers: dict[int, int]  # the generations that leaving edges enter, ascending, and how many enter each

    def at_edges(self, of_rows: Tensor) -> Tensor:
        """What the reader of each entering edge has, (R, ·) → (E, ·)."""
        return of_rows if self.reader is None else of_rows.index_select(0, self.reader)

    def total(self, told: Tensor) -> Tensor:
        """The sum over the entering edges of each row, (E, ·) → (R, ·)."""
        if self.weight is not None:
            told = told * self.weight.to(told.dtype)
        if self.reader is None:
            return told
        return told.new_zeros(len(self.rows), told.shape[1]).index_add(0, self.reader, told)


class Ancestry:
    """Edges past → future, spatial ones as they point, without those that weigh 0 in sum.

    Raises:
        CycleError: spatial edges lead from a row back to itself.
    """

    def __init__(self, topology: Topology) -> None:
        joined = topology.spacetime(causal=True)
        index, weight = joined.edge_index, joined.edge_weight
        if weight is not None:
            index, weight = coalesce(index, weight.detach(), topology.num_rows)  # doubled edges may cancel
            index, weight = index[:, weight != 0], weight[weight != 0]
        self.num_rows = topology.num_rows
        self.edge_index = index
        self.weight = None if weight is None or bool((weight == 1).all()) else weight
        in_time_alone = index.shape[1] == topology.temporal_edges.shape[1]
        #: The rows as one sequence a path, where paths are all there is; None elsewhere.
        self.sequences: Sequences | None = topology.sequences if in_time_alone else self._paths()

    @classmethod
    def of(cls, topology: Topology) -> Ancestry:
        """That of ``topology``, made at most once."""
        return topology.keep("ancestry", lambda: cls(topology))

    def _paths(self) -> Sequences | None:
        place = self.generation  # asked first, as it refuses cycles
        if self.weight is not None or any(int(torch.bincount(end).max()) > 1 for end in self.edge_index):
            return None
        _, path = csgraph.connected_components(self.reads, directed=False)
        return Topology(torch.from_numpy(path).long().to(place.device), place).sequences

    @derived
    def generation(self) -> Tensor:
        """Generation of each row, (V,)."""
        return generations(self.edge_index, self.num_rows)

    @derived
    def reads(self) -> sp.csr_array:
        """From each row to those that it reads, (V, V)."""
        child, reader = self.edge_index.cpu().numpy()
        return sp.csr_array((np.ones(len(child)), (reader, child)), shape=(self.num_rows, self.num_rows))

    @derived
    def order(self) -> Tensor:
        """Rows by generation, ascending within each, (V,)."""
        return self.generation.argsort(stable=True)

    @derived
    def place(self) -> Tensor:
        """Where each row stands in :attr:`order`, (V,)."""
        return self.order.argsort()

    @derived
    def sizes(self) -> list[int]:
        """How many rows each generation has."""
        sizes: list[int] = torch.bincount(self.generation).tolist()
        return sizes

    @derived
    def generations(self) -> list[Generation]:
        """All of them, in order."""
        (child, reader), count = self.edge_index, len(self.sizes)
        sender, receiver = self.generation[child], self.generation[reader]
        rows = torch.bincount(self.generation)
        local = self.place - (rows.cumsum(0) - rows)[self.generation]
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
        """Edges as they are sent: by the generation they leave, then that they enter; and as they are received."""
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
