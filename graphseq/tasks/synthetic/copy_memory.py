"""CopyMemory: say a list again, in order, after a long silence."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.tasks.base import FixedTask, blocks


class CopyMemory(FixedTask):
    r"""n items, D - 1 blanks, a marker, and n more blanks, at which the items are asked: :math:`y_{D+n+i} = x_i`.

    Each asked row is D + n hops from the row that it asks for: every answer is equally far. Whatever passes the marker
    must carry all n items at once, n log₂ C bits.

    Only the last n rows are asked; without memory their loss is ln C nats each. As published all D + 2n rows are asked,
    of which the first D + n want a blank, so that without memory the mean loss is :math:`\frac{n \ln C}{D + 2n}`.

    Args:
        delay: D, at least 1: rows from the last item to the marker, that one counted.
        num_items: n.
        num_classes: C, kinds of items; chance is one in so many.

    x is (V, C + 2), one-hot: an item, a blank (C) or the marker (C + 1); y is (B·n,).

    Raises:
        ValueError: a delay below 1, no item, fewer than 2 classes.

    Source: Arjovsky, Shah and Bengio, *Unitary Evolution Recurrent Neural Networks* (2016), the copying memory problem,
    n = 10 and C = 8, after Hochreiter and Schmidhuber (1997).

    Example:
        >>> import torch
        >>> task = CopyMemory(delay=2, num_items=2, num_classes=3)
        >>> graph = task.batch(1, torch.Generator().manual_seed(0))
        >>> graph.x.argmax(1).tolist(), graph.y.tolist(), task.hops
        ([2, 0, 3, 4, 3, 3], [2, 0], 4)
    """

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

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """``size`` lists."""
        shape = (_checks.at_least("size", size, 1), self.num_items)
        items = torch.randint(self.num_classes, shape, generator=generator)
        tokens = items.new_full((size, self._template.num_rows), self.num_classes)
        tokens[:, : self.num_items] = items
        tokens[:, self.hops - 1] = self.num_classes + 1
        return self._assemble(one_hot(tokens, self.in_channels).to(torch.get_default_dtype()), items.flatten())

    def memory_items(self, graph: SpaceTimeGraph) -> Tensor:
        """The rows of all n items, for each asked row: past the marker they are all still to come, (K, V), ``bool``."""
        first = torch.arange(self._template.num_rows, device=graph.x.device) < self.num_items
        return blocks(first.expand(graph.num_graphs, self.num_items, -1))
