"""The encoder that a check examines, and models that contain it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch

from graphseq import _checks, seeding
from graphseq._arguments import check_fields, checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.encoder import Encoder
from graphseq.nn.heads import PairHead, ResidualHead
from graphseq.nn.model import Model
from graphseq.testing.graphs import CHANNELS, Graphs
from graphseq.testing.suite import Suite

Transform = Callable[[SpaceTimeGraph], SpaceTimeGraph]


@dataclass(frozen=True)
class EncoderCase:
    """An encoder to be checked.

    Made by :func:`graphseq.testing.check_encoder`.

    Attributes:
        build: from F to a new encoder.
        graphs: the graphs on which it is checked.
    """

    build: Callable[[int], Encoder]
    graphs: Graphs = field(default_factory=Graphs)

    def __post_init__(self) -> None:
        check_fields(self)

    @cached_property
    def name(self) -> str:
        """The name of its class."""
        return type(self.encoder()).__name__

    @cached_property
    def goes_by_steps(self) -> bool:
        """True if its trace is over time steps, not over layers."""
        return self.encoder().trace(self.graphs.sequence(0, 2)).axis == "step"

    @checked_arguments
    def encoder(self, in_channels: int = CHANNELS, *, dtype: torch.dtype = torch.float64, seed: int = 0) -> Encoder:
        """A new encoder in evaluation mode, with the initial weights of ``seed``.

        Raises:
            TypeError: ``build`` gives something else.
        """
        with seeding.forked(seed, seeding.BUILD):
            encoder = self.build(in_channels)
        if not isinstance(encoder, Encoder):
            raise TypeError(f"build must return a graphseq.nn.Encoder, but returned a {type(encoder).__name__}")
        return encoder.to(dtype).eval()

    @checked_arguments
    def model(self, reading: str = "rows", transform: Transform | None = None) -> Model:
        """A model of the encoder, with the head that ``reading`` names: one of :data:`READINGS`."""
        _checks.one_of("reading", reading, READINGS)
        encoder = self.encoder()
        with seeding.forked(1, seeding.BUILD):
            model = _READINGS[reading](encoder, transform)
            if isinstance(model.head, ResidualHead):
                torch.nn.init.normal_(model.head.lin.weight)  # which is 0 at first, and would hide what it reads
        return model.double().eval()


def _pooled(pool: str | None) -> Callable[[Encoder, Transform | None], Model]:
    return lambda encoder, transform: Model(encoder, 3, pool=pool, transform=transform)


_READINGS: dict[str, Callable[[Encoder, Transform | None], Model]] = {
    "rows": _pooled(None),
    "mean": _pooled("mean"),
    "sum": _pooled("sum"),
    "max": _pooled("max"),
    "pairs": lambda encoder, _: Model(encoder, 3, transform=_with_pairs, head=PairHead),
    "residual": lambda encoder, transform: Model(encoder, CHANNELS, transform=transform, head=ResidualHead),
}
READINGS = {name: name for name in _READINGS}  #: how the states of an encoder are read: by row, pooled, in pairs

ENCODER_SUITE: Suite[EncoderCase] = Suite()
"""The checks of :func:`check_encoder`, by name."""


def _with_pairs(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    """The same graph, asked for each row with the one before it in its graph, or with itself where there is none."""
    rows = torch.arange(graph.num_nodes)
    before = rows - (graph.graph_index.diff(prepend=torch.tensor([-1])) == 0).long()
    return graph.replace(y=None, target=None, edge_label_index=torch.stack([before, rows]))


def at_every_second_row(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    """The same graph with every second row as a target row."""
    return graph.replace(target=torch.arange(graph.num_nodes) % 2 == 0)
