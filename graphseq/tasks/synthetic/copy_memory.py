"""The copying memory problem: reproduce a list in order after a delay."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.tasks.base import FixedTask, blocks, of_own_batch


class CopyMemory(FixedTask):
    r"""Recall of n items in order after D - 1 blanks and a marker, at n further blanks: :math:`y_{D+n+i} = x_i`.

    Each target row is D + n hops from its item, so all answers have the same distance. The state at the marker must
    hold all n items at once, n log₂ C bits.

    Only the last n rows are targets; without memory their loss is ln C nats each. In the original all D + 2n rows are
    targets, of which the first D + n have a blank as answer, so that without memory the mean loss is :math:`\frac{n \ln
    C}{D + 2n}`.

    Args:
        delay: D, at least 1: rows from the last item to the marker, including it.
        num_items: n.
        num_classes: C, the number of different items; chance is 1/C.

    x is (V, C + 2), one-hot: an item, a blank (C) or the marker (C + 1); y is (B·n,).

    Raises:
        ValueError: a delay below 1, no items, fewer than 2 classes.

    Source: Arjovsky, Shah and Bengio, *Unitary Evolution Recurrent Neural Networks* (2016), the copying memory problem,
    n = 10 and C = 8, after Hochreiter and Schmidhuber (1997).

    Example:
        >>> import torch
        >>> task = CopyMemory(delay=2, num_items=2, num_classes=3)
        >>> graph = task.batch(1, torch.Generator().manual_seed(0))
        >>> graph.x.argmax(1).tolist(), graph.y.tolist(), task.hops
        ([2, 0, 3, 4, 3, 3], [2, 0], 4)
    """

    @checked_arguments
    def __init__(self, delay: int, *, num_items: int = 10, num_classes: int = 8) -> None:
        self.delay = _checks.at_least("delay", delay, 1)
        self.num_items = _checks.at_least("num_items", num_items, 1)
        self.num_classes = _checks.at_least("num_classes", num_classes, 2)
        self.in_channels, self.out_channels = num_classes + 2, num_classes
        self.hops = delay + num_items
        self.chance = 1 / num_classes
        time = torch.arange(delay + 2 * num_items)
        super().__init__(Topology(torch.zeros_like(time), time, time.new_zeros((2, 0))), time >= self.hops)

    @property
    def config(self) -> dict[str, object]:
        """Name, delay and number of items."""
        return {**super().config, "delay": self.delay, "num_items": self.num_items}

    @checked_arguments
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return ``size`` lists."""
        shape = (_checks.at_least("size", size, 1), self.num_items)
        items = torch.randint(self.num_classes, shape, generator=generator)
        tokens = items.new_full((size, self._template.num_rows), self.num_classes)
        tokens[:, : self.num_items] = items
        tokens[:, self.hops - 1] = self.num_classes + 1
        return self._assemble(one_hot(tokens, self.in_channels).to(torch.get_default_dtype()), items.flatten())

    @checked_arguments
    @of_own_batch
    def memory_items(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the rows of all n items for each target row, (K, V), ``bool``: at the marker all are still needed."""
        first = torch.arange(self._template.num_rows, device=graph.x.device) < self.num_items
        return blocks(first.expand(graph.num_graphs, self.num_items, -1))
