"""The contract of every task: seeded batches, a loss, a score, and what is known about it beforehand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.graph import SpaceTimeGraph
from graphseq.topology import Topology


class Task(ABC):
    """A source of batches with answers.

    Attributes:
        in_channels: F, or the number of token kinds where x holds tokens.
        out_channels: C, the number of classes.
        hops: distance, in hops of the space-time graph, from what must be known to the row where it is asked.
        chance: the score of a guess that knows nothing of the input.
        causal: whether every row is asked for the next thing, so that a model must not see later rows.
    """

    in_channels: int
    out_channels: int
    hops: int
    chance: float
    causal: bool = False

    @abstractmethod
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """``size`` fresh graphs with ``y`` and ``target``, a function of the generator's state alone."""

    @property
    def config(self) -> dict[str, object]:
        """What makes this task the one it is, for records and for checking that a run goes on with the same."""
        return {"task": type(self).__name__, "in_channels": self.in_channels, "out_channels": self.out_channels}

    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        """Mean cross-entropy in nats, output (K, C) against classes y (K,).

        Raises:
            ValueError: shapes that do not fit; nothing is broadcast.
        """
        _check_classes(output, y)
        return torch.nn.functional.cross_entropy(output, y)

    def score(self, output: Tensor, y: Tensor) -> Tensor:
        """Which answers are right, (K,): 1 where the most likely class is y, else 0."""
        _check_classes(output, y)
        return (output.detach().argmax(dim=1) == y).to(torch.get_default_dtype())


class FixedTask(Task):
    """A task whose samples all have the rows, edges and targets of one template, which is repeated once a batch size.

    Args:
        template: one sample's rows and edges; its x is not used.
        target: the rows asked, (V,), ``bool``.
    """

    def __init__(self, template: Topology, target: Tensor) -> None:
        self._template = template
        self._target = target
        self._repeated: dict[int, SpaceTimeGraph] = {}

    def _assemble(self, x: Tensor, y: Tensor) -> SpaceTimeGraph:
        """Join x (B, V, F) and y (B, …) to the repeated template."""
        size = len(x)
        if size not in self._repeated:
            rows = torch.arange(size).repeat_interleave(self._template.num_rows)
            self._repeated[size] = SpaceTimeGraph.from_topology(
                repeat(self._template, size), x.flatten(0, 1), y=y, target=self._target.repeat(size), batch=rows
            )
        graph = copy(self._repeated[size])
        graph["x"], graph["y"] = x.flatten(0, 1), y
        return graph


def repeat(topology: Topology, size: int) -> Topology:
    """``size`` copies side by side as one topology, as PyG's ``Batch`` joins them, without a loop over copies."""

    def shifted(index: Tensor | None, step: int) -> Tensor | None:
        if index is None:
            return None
        moves = torch.arange(size, device=index.device).repeat_interleave(index.shape[-1]) * step
        return index.repeat(*[1] * (index.dim() - 1), size) + moves

    nodes = int(topology.node.max()) + 1
    node = shifted(topology.node, nodes)
    time = topology.time.repeat(size)
    assert node is not None  # noqa: S101 - a topology has rows
    return Topology(
        node,
        time,
        shifted(topology.edge_index, topology.num_rows),
        None if topology.edge_weight is None else topology.edge_weight.repeat(size),
        shifted(topology.static_edge_index, nodes),
        None if topology.static_edge_weight is None else topology.static_edge_weight.repeat(size),
    )


def path(rows: int) -> tuple[Topology, Tensor]:
    """One sequence of ``rows`` rows, and a target mark on the last of them."""
    time = torch.arange(_checks.at_least("rows", rows, 1))
    target = torch.zeros(rows, dtype=torch.bool)
    target[-1] = True
    return Topology(torch.zeros_like(time), time, time.new_zeros((2, 0))), target


def _check_classes(output: Tensor, y: Tensor) -> None:
    if output.dim() != 2 or y.shape != output.shape[:1]:
        raise ValueError(
            "a loss over classes takes output (K, C) and y (K,); "
            f"got output {tuple(output.shape)} and y {tuple(y.shape)}"
        )
