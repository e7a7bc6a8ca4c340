"""Regression of distances on a set of drawn graphs: the base of the tasks of ECHO and of Corso et al."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments, checked_but
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import of_own_batch
from graphseq.tasks.graphs import GraphRegression
from graphseq.tasks.longrange.drawn import Answers, Drawn, as_graph


class GraphDistances(GraphRegression):
    """Regression of distances in hops, one for each target row or graph, on graphs of several families.

    Args:
        drawn: the graphs, each with the name of its family.
        ask: gives the inputs and answers of a graph.
        generator: source of randomness of ``ask``.
        tolerance: error below which an answer is correct, in hops.

    Attributes:
        families: the name of the family of each graph, in their order.
    """

    @checked_but("drawn", "ask", "generator")
    def __init__(
        self, drawn: Sequence[Drawn], ask: Answers, generator: np.random.Generator, *, tolerance: float = 0.5
    ) -> None:
        self._families = [graph.family for graph in drawn]
        super().__init__([as_graph(graph, ask(graph, generator)) for graph in drawn], tolerance=tolerance)

    @property
    def families(self) -> tuple[str, ...]:
        """The name of the family of each graph of this part, in their order."""
        return tuple(self._families[number] for number in self._numbers.tolist())

    @property
    def family_names(self) -> tuple[str, ...]:
        """The families of the whole data set, also for a part of it."""
        return tuple(dict.fromkeys(self._families))

    @property
    def hops(self) -> int:  # type: ignore[override]
        """The largest answer in the whole data set, also for a part of it."""
        return int(self._joined.y.max())

    def _drawn(self, size: int, generator: torch.Generator) -> Tensor:
        """Return random numbers without repetition until all have been drawn, each pass in an order of its own."""
        passes, remainder = divmod(_checks.at_least("size", size, 1), len(self))
        orders = [torch.randperm(len(self), generator=generator) for _ in range(passes + 1)]
        return torch.cat([orders[0][:remainder], *orders[1:]])

    @checked_arguments
    @of_own_batch
    def hops_needed(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the distance that each question asks for, (K,): so far the answer's row must see.

        Of a diameter it is a bound from above: a row in the middle of a tree sees all others within half of it.
        """
        needed: Tensor = graph.y[:, 0].round().long()
        return needed

    @checked_arguments
    def split(self, *, shares: tuple[float, float, float] = (0.6, 0.2, 0.2), seed: int = 0) -> tuple[Self, Self, Self]:
        """Return a training, a validation and a test part, each with the same share of each family.

        Args:
            shares: of the graphs in the three parts; they sum to 1.
            seed: of the shuffle of each family's graphs.

        Raises:
            ValueError: shares that are not positive or do not sum to 1; fewer graphs of a family than there are parts.
        """
        for share in shares:
            _checks.positive("shares", share)
        if len(shares) != 3 or abs(sum(shares) - 1) > 1e-9:
            raise ValueError(f"shares must be three that sum to 1; got {shares}")
        generator = torch.Generator().manual_seed(_checks.torch_seed("seed", seed))
        parts: tuple[list[int], list[int], list[int]] = ([], [], [])
        names = self.families
        for name in dict.fromkeys(names):
            members = torch.tensor([number for number, family in enumerate(names) if family == name])
            if len(members) < 3:
                raise ValueError(f"there must be 3 graphs or more of each family to split; of {name}, {len(members)}")
            order = members[torch.randperm(len(members), generator=generator)].tolist()
            first = max(1, round(shares[0] * len(order)))
            second = max(1, round(shares[1] * len(order)))
            first = min(first, len(order) - 1 - second)
            for part, chosen in zip(
                parts, (order[:first], order[first : first + second], order[first + second :]), strict=True
            ):
                part.extend(chosen)
        train, validation, test = (self.part(torch.tensor(sorted(part))) for part in parts)
        return train, validation, test
