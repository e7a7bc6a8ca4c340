"""The base class of look-up tasks: rows have keys with values, and a query selects the key whose value is asked for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.tasks.base import FixedTask, blocks, of_own_batch


class Lookup(FixedTask):
    r"""Recall of the value of the one of n pairs :math:`(k_i, v_i)` whose key is the query: :math:`y = v_i,\ k_i = q`.

    The keys 0 … n - 1 are at the items' rows in random order, so that a query does not identify a row; values are
    independent and uniform, so that other pairs carry no information on the answer. The features of a pair are two
    one-hot vectors side by side, F = n + C; the query is a key without a value; all other rows are zero.

    Args:
        template: one sample's rows and edges.
        items: rows of the n pairs, (n,).
        query: row of the query, not one of ``items``.
        target_row: target row, not one of ``items``.
        hops: distance of the farthest of items and query from ``target_row``.
        num_classes: C.
    """

    @checked_arguments
    def __init__(
        self, template: Topology, *, items: Tensor, query: int, target_row: int, hops: int, num_classes: int
    ) -> None:
        target = torch.zeros(template.num_rows, dtype=torch.bool)
        target[target_row] = True
        super().__init__(template, target)
        self._items, self._query, self._target_row = items, query, target_row
        self.num_classes = _checks.at_least("num_classes", num_classes, 2)
        self.in_channels = len(items) + num_classes
        self.out_channels = num_classes
        self.hops = hops
        self.chance = 1 / num_classes

    @property
    def config(self) -> dict[str, object]:
        """Name, number of pairs and distance."""
        return {**super().config, "items": len(self._items), "hops": self.hops}

    @checked_arguments
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return ``size`` graphs, each with its own pairs and query."""
        size, count = _checks.at_least("size", size, 1), len(self._items)
        keys = torch.rand(size, count, generator=generator).argsort(dim=1)
        values = torch.randint(self.num_classes, (size, count), generator=generator)
        pick = torch.randint(count, (size, 1), generator=generator)
        x = torch.zeros(size, self._template.num_rows, self.in_channels)
        x[:, self._items, :count] = one_hot(keys, count).to(x.dtype)
        x[:, self._items, count:] = one_hot(values, self.num_classes).to(x.dtype)
        x[:, self._query, :count] = one_hot(keys.gather(1, pick)[:, 0], count).to(x.dtype)
        return self._assemble(x, values.gather(1, pick)[:, 0])

    @checked_arguments
    @of_own_batch
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the row with the key of the query, and the query's row if it is not the target, (K, V), ``bool``."""
        keys = graph.x.view(graph.num_graphs, -1, self.in_channels)[..., : len(self._items)]
        marks = (keys * keys[:, self._query, None]).sum(dim=2) > 0
        marks[:, self._query] = self._query != self._target_row
        return blocks(marks[:, None])

    @checked_arguments
    @of_own_batch
    def memory_items(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the rows of all n pairs, since only the query selects one of them, (K, V), ``bool``."""
        marks = torch.zeros(graph.num_graphs, 1, self._template.num_rows, dtype=torch.bool, device=graph.x.device)
        marks[..., self._items] = True
        return blocks(marks)

    @checked_arguments
    @of_own_batch
    def memory_content(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the value of each key, one-hot, in the order of the keys, wherever the pairs are, (K, n C)."""
        x = graph.x.view(graph.num_graphs, -1, self.in_channels)[:, self._items]
        count = len(self._items)
        by_key: Tensor = x[..., :count].transpose(1, 2) @ x[..., count:]
        return by_key.flatten(1)
