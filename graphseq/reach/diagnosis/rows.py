"""The rows of a sample: which graph each belongs to, where answers are asked, and the hops between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphseq.data.hops import shortest_paths


@dataclass(frozen=True)
class Rows:
    """V rows of B graphs, the edges between them, and the row or the graph at which each of K answers is asked.

    Attributes:
        edges: edges j → i as columns (j, i), those along time included, (2, E).
        owner: number of the graph of each row, (V,).
        targets: row of each answer, (K,); ``None`` where an answer is that of a whole graph or of a pair of rows.
        graphs: number of the graph of each answer, (K,).
        pairs: whether answers are those of pairs of rows.
        is_temporal: whether all edges are those along time.
        later: edges from each row to the next in time, where ``edges`` lead both ways; ``None`` elsewhere, (2, ·).
    """

    edges: Tensor
    owner: Tensor
    targets: Tensor | None
    graphs: Tensor
    pairs: bool = False
    is_temporal: bool = False
    later: Tensor | None = None

    @property
    def count(self) -> int:
        """V."""
        return len(self.owner)

    @property
    def num_graphs(self) -> int:
        """B."""
        return int(self.owner.max()) + 1

    @cached_property
    def reads(self) -> sp.csr_array:
        """Entry (i, j) is 1 where an edge leads from row j to row i, without the diagonal, (V, V)."""
        return _matrix(self.edges, self.count)

    @cached_property
    def along(self) -> sp.csr_array:
        """The edges in their direction, of sequences those from earlier to later steps; as ``reads``, (V, V)."""
        return self.reads if self.later is None else _matrix(self.later, self.count)

    @cached_property
    def either_way(self) -> sp.csr_array:
        """The edges without their direction; as ``reads``, (V, V)."""
        return sp.csr_array(self.along.maximum(self.along.T))

    @cached_property
    def is_directed(self) -> bool:
        """True if rows of one target can lie along and against the direction of the edges."""
        return self.targets is not None and (self.either_way - self.along).count_nonzero() > 0

    @cached_property
    def is_paths(self) -> bool:
        """True if the graphs are sequences: every row has at most one row before it and one after it."""
        degrees = self.reads.sum(axis=1)
        is_single = self.targets is not None and self.count > 1
        return is_single and self.is_temporal and float(degrees.max()) <= 2

    def hops(self, answers: Tensor) -> Tensor:
        """Hops from every row to the target row of each of some answers, (k, V); -1 where there is no path.

        The direction of edges does not count, so that rows a model cannot see are still so many hops away. For answers
        of whole graphs a row of the graph has 0 hops, and a row of another graph -1.
        """
        if self.targets is None:
            return torch.where(self.owner == self.graphs[answers][:, None], 0, -1)
        return shortest_paths(self.either_way if self.is_directed else self.reads, self.targets[answers])

    def against(self, answers: Tensor) -> Tensor:
        """Marks of the rows to which a target is connected, but only against the direction of edges, (k, V)."""
        if self.targets is None or not self.is_directed:
            return torch.zeros(len(answers), self.count, dtype=torch.bool)
        return (shortest_paths(self.along, self.targets[answers]) < 0) & (self.hops(answers) >= 0)

    def one_each(self, answers: Tensor, generator: torch.Generator, *, most: int) -> list[Tensor]:
        """Some of the answers, drawn at random, in groups with at most one answer a graph.

        A change of inputs near one target can then be told from one near another. A batch of many graphs is one group,
        and of a single large graph there are ``most`` groups of one answer.
        """
        order = answers[torch.rand(len(answers), generator=generator).argsort()]
        groups: list[list[int]] = []
        seen: list[set[int]] = []
        taken = 0
        for answer in order.tolist():
            graph = int(self.graphs[answer])
            place = next((n for n, graphs in enumerate(seen) if graph not in graphs), None)
            if place is None:
                if (groups and len(groups[0]) > 4) or len(groups) >= most:
                    continue
                groups.append([])
                seen.append(set())
                place = len(groups) - 1
            groups[place].append(answer)
            seen[place].add(graph)
            taken += 1
            if taken >= 4 * most:
                break
        return [torch.tensor(group) for group in groups]


def _matrix(edges: Tensor, count: int) -> sp.csr_array:
    """Entry (i, j) is 1 where an edge leads from row j to row i, without the diagonal, (V, V)."""
    j, i = edges.cpu().numpy()
    keep = i != j
    matrix = sp.csr_array((np.ones(int(keep.sum())), (i[keep], j[keep])), shape=(count, count))
    matrix.data[:] = 1.0
    return matrix
