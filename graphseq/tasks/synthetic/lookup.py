"""Look-ups: rows show keys with values, a query names one key, and its value is asked. What three tasks share."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.tasks.base import FixedTask, blocks


class Lookup(FixedTask):
    r"""The value v of the one of n pairs :math:`(k_i, v_i)` whose key is the query: :math:`y = v_i,\ k_i = q`.

    The keys 0 … n - 1 stand at the items' rows in random order, so that a query names no row; values are drawn
    independently and uniformly, so that all other pairs say nothing of the answer. A pair is shown as two one-hot
    vectors side by side, F = n + C; the query as a key without a value; all other rows are zero.

    Args:
        template: one sample's rows and edges.
        items: the rows that show the n pairs, (n,).
        query: the row that shows the query, none of ``items``.
        asked: the row that is asked, none of ``items``.
        hops: from the farthest of items and query to ``asked``.
        num_classes: C.
    """

    def __init__(
        self, template: Topology, *, items: Tensor, query: int, asked: int, hops: int, num_classes: int
    ) -> None:
        target = torch.zeros(template.num_rows, dtype=torch.bool)
        target[asked] = True
        super().__init__(template, target)
        self._items, self._query, self._asked = items, query, asked
        self.num_classes = _checks.at_least("num_classes", num_classes, 2)
        self.in_channels = len(items) + num_classes
        self.out_channels = num_classes
        self.hops = hops
        self.chance = 1 / num_classes

    @property
    def config(self) -> dict[str, object]:
        """Name, pairs and distance."""
        return {**super().config, "items": len(self._items), "hops": self.hops}

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """``size`` graphs, each with pairs and a query of its own."""
        size, count = _checks.at_least("size", size, 1), len(self._items)
        keys = torch.rand(size, count, generator=generator).argsort(dim=1)
        values = torch.randint(self.num_classes, (size, count), generator=generator)
        pick = torch.randint(count, (size, 1), generator=generator)
        x = torch.zeros(size, self._template.num_rows, self.in_channels)
        x[:, self._items, :count] = one_hot(keys, count).to(x.dtype)
        x[:, self._items, count:] = one_hot(values, self.num_classes).to(x.dtype)
        x[:, self._query, :count] = one_hot(keys.gather(1, pick)[:, 0], count).to(x.dtype)
        return self._assemble(x, values.gather(1, pick)[:, 0])

    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """The row with the asked key, and the query's where that is not the asked row itself, (K, V), ``bool``."""
        keys = graph.x.view(graph.num_graphs, -1, self.in_channels)[..., : len(self._items)]
        marks = (keys * keys[:, self._query, None]).sum(dim=2) > 0
        marks[:, self._query] = self._query != self._asked
        return blocks(marks[:, None])

    def memory_items(self, graph: SpaceTimeGraph) -> Tensor:
        """The rows of all n pairs: which of them is asked for, only the query says, (K, V), ``bool``."""
        marks = torch.zeros(graph.num_graphs, 1, self._template.num_rows, dtype=torch.bool, device=graph.x.device)
        marks[..., self._items] = True
        return blocks(marks)

    def memory_content(self, graph: SpaceTimeGraph) -> Tensor:
        """The value of each key, one-hot, keys in order: where a pair was shown does not matter, (K, n C)."""
        x = graph.x.view(graph.num_graphs, -1, self.in_channels)[:, self._items]
        count = len(self._items)
        by_key: Tensor = x[..., :count].transpose(1, 2) @ x[..., count:]
        return by_key.flatten(1)
