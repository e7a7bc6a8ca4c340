"""Distractors: the mean of what relevant neighbours show, while others, known by their keys alone, talk into it."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.tasks.base import Regression


class Irrelevant(NamedTuple):
    """What is planted in a batch, row by row and edge by edge: ``True`` where no answer depends on it."""

    node: Tensor  #: rows of distractors, (V,), ``bool``
    edge: Tensor  #: columns of ``edge_index`` that join two groups or touch a distractor, (E,), ``bool``


class Kinds(NamedTuple):
    """Who is what in each graph, (B, N) each."""

    group: Tensor  # 0 or 1
    mark: Tensor  # whether it is a distractor
    asked: Tensor


class Distractors(Regression):
    r"""The mean of what m relevant neighbours show, among others that must be left out, on a fresh random graph.

    .. math:: y_i = \frac{1}{m} \sum_{j \in R(i)} u_j(T-1), \qquad u_j(t) \sim N(0, 1)

    At time 0 there are no edges, and each node shows its keys: its group, one of two, and whether it is a distractor.
    From time 1 on it shows a fresh value at each time, a distractor one that is ``loudness`` times as large, and each
    node reads m + d + s others, drawn at random, the same at all these times: m of its own group, d distractors, and s
    of the other group. Edges point from who shows to who reads. Asked, at the last time, are some nodes that show 0
    and are read by none; they are no distractors.

    A distractor is irrelevant to all: to forget the node will do. One of the other group is relevant to its own: there
    the edge must be forgotten. Without distractors (d = 0) or the other group (s = 0) their keys are not shown either.

    A GCN-LSTM of one layer mixes the values before anything can tell them apart: as every node has as many neighbours,
    it knows no more of them than their sum. So, whatever its size, it is left with a mean squared error of at least

    .. math:: \frac{1}{m} \cdot \frac{n}{m + n}, \qquad n = s + d \cdot \text{loudness}^2

    which is :attr:`unsorted`. The best constant, 0, is left with 1/m.

    Args:
        length: T, at least 2; ``hops`` = T, to the keys of the neighbours.
        num_nodes: N. Half of those not asked are of either group, and half of each group are distractors, if any are.
        num_asked: asked nodes of each graph.
        num_relevant: m.
        num_distractors: d, how many of them each node reads.
        num_strangers: s, of the other group; d + s is at least 1.
        loudness: above 0.
        tolerance: an answer is right when nearer than this. A constant scores :math:`\mathrm{erf}(τ \sqrt{m/2})`.

    x is (V, F): the value, then the group as two columns if s > 0, then the mark of distractors if d > 0. y is
    (B·A, 1), A being ``num_asked``.

    Raises:
        ValueError: a size below the least, more neighbours of a kind than some node can find, a loudness or tolerance
            that is not above 0.

    Source: planted motifs that alone matter, as in Ying et al., *GNNExplainer* (2019), here over time, and with the
    truth known of every node and edge.

    Example:
        >>> import torch
        >>> task = Distractors(num_strangers=0)
        >>> graph = task.batch(1, torch.Generator().manual_seed(0))
        >>> graph.x.shape, graph.y.shape, int(task.irrelevant(graph).node.sum())
        (torch.Size([72, 2]), torch.Size([8, 1]), 24)
    """

    def __init__(
        self,
        length: int = 3,
        *,
        num_nodes: int = 24,
        num_asked: int = 8,
        num_relevant: int = 3,
        num_distractors: int = 3,
        num_strangers: int = 3,
        loudness: float = 2.0,
        tolerance: float = 0.2,
    ) -> None:
        self.length = _checks.at_least("length", length, 2)
        self.num_asked = _checks.at_least("num_asked", num_asked, 1)
        self.num_nodes = _checks.at_least("num_nodes", num_nodes, num_asked + 1)
        self.num_relevant = _checks.at_least("num_relevant", num_relevant, 1)
        self.num_distractors = _checks.at_least("num_distractors", num_distractors, 0)
        self.num_strangers = _checks.at_least("num_strangers", num_strangers, 0)
        self.loudness, self.tolerance = _checks.positive("loudness", loudness), _checks.positive("tolerance", tolerance)
        if num_distractors + num_strangers == 0:
            raise ValueError("num_distractors and num_strangers are both 0; one of them is to be left out, at least 1")
        self._groups = 2 if num_strangers else 0
        self.in_channels = 1 + self._groups + (num_distractors > 0)
        self.out_channels, self.hops = 1, self.length
        self.chance = math.erf(self.tolerance * math.sqrt(num_relevant / 2))
        self._kinds = self._in_order()
        self._refuse_if_too_few()

    @property
    def config(self) -> dict[str, object]:
        """Name, length and what the graphs are drawn by."""
        names = ("length", "num_nodes", "num_asked", "num_relevant", "num_distractors", "num_strangers", "loudness")
        return {**super().config, **{name: getattr(self, name) for name in names}, "tolerance": self.tolerance}

    @property
    def unsorted(self) -> float:
        """The least mean squared error of whoever knows of its neighbours' values no more than their sum."""
        noise = self.num_strangers + self.num_distractors * self.loudness**2
        return noise / (self.num_relevant * (self.num_relevant + noise))

    def _in_order(self) -> Kinds:
        """Who is what, before nodes are put in random order, (1, N) each: the asked ones first."""
        place = torch.arange(self.num_nodes)
        asked, groups = place < self.num_asked, max(self._groups, 1)
        other = torch.where(asked, place, place - self.num_asked)
        mark = (other // groups % 2 == 1) & ~asked & (self.num_distractors > 0)
        return Kinds((other % groups)[None], mark[None], asked[None])

    def _refuse_if_too_few(self) -> None:
        found = self._candidates(self._kinds)
        for name, mask in zip(("num_relevant", "num_distractors", "num_strangers"), found, strict=True):
            wanted, there = getattr(self, name), int(mask.sum(dim=2).min())
            if wanted > there:
                raise ValueError(
                    f"{name} is {wanted}, but of {self.num_nodes} nodes, {self.num_asked} of them asked, some node "
                    f"can read only {there} such others; take more nodes"
                )

    def _candidates(self, kinds: Kinds) -> tuple[Tensor, Tensor, Tensor]:
        """Whom each node (dim 1) can read (dim 2): of its own group, distractors, of the other, (B, N, N) each."""
        shows = ~kinds.asked[:, None] & ~torch.eye(self.num_nodes, dtype=torch.bool)
        mark, same = kinds.mark[:, None], kinds.group[:, None] == kinds.group[..., None]
        return shows & ~mark & same, shows & mark, shows & ~mark & ~same

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """``size`` graphs."""
        size, count = _checks.at_least("size", size, 1), self.num_nodes
        order = torch.rand(size, count, generator=generator).argsort(dim=1)
        kinds = Kinds(*(kind[0, order] for kind in self._kinds))
        luck = torch.rand(size, count, count, generator=generator)
        wanted = (self.num_relevant, self.num_distractors, self.num_strangers)
        read = [
            torch.where(mask, luck, -1).topk(number, dim=2).indices
            for mask, number in zip(self._candidates(kinds), wanted, strict=True)
        ]
        values = torch.randn(size, self.length, count, generator=generator)
        values = values * torch.where(kinds.mark, self.loudness, 1.0)[:, None] * ~kinds.asked[:, None]
        values[:, 0] = 0
        last = values[:, -1, None].expand(-1, count, -1)
        y = last.gather(2, read[0]).mean(dim=2)[kinds.asked][:, None]
        target = torch.zeros(values.shape, dtype=torch.bool)
        target[:, -1] = kinds.asked
        topology = self._topology(torch.cat(read, dim=2))
        rows = torch.arange(size).repeat_interleave(self.length * count)
        return SpaceTimeGraph.from_topology(
            topology, self._shown(values, kinds).flatten(0, 2), y=y, target=target.flatten(), batch=rows
        )

    def _shown(self, values: Tensor, kinds: Kinds) -> Tensor:
        """Features (B, T, N, F)."""
        keys = [one_hot(kinds.group, 2)] if self._groups else []
        keys += [kinds.mark[..., None]] if self.num_distractors else []
        shown = torch.zeros(*values.shape, self.in_channels)
        shown[:, 0, :, 1:] = torch.cat(keys, dim=2).to(shown.dtype)
        shown[..., 0] = values
        return shown

    def _topology(self, read: Tensor) -> Topology:
        """Rows graph by graph and time by time, and edges to each node from those it reads (B, N, k), from time 1."""
        size, count, each = read.shape
        per_graph = self.length * count
        reader = torch.arange(count)[:, None].expand(size, -1, each)
        snapshot = torch.arange(size)[:, None] * per_graph + torch.arange(1, self.length) * count
        ends = torch.stack([read, reader])[:, :, None] + snapshot[..., None, None]
        row = torch.arange(size * per_graph)
        node = row // per_graph * count + row % count
        return Topology(node, row % per_graph // count, ends.flatten(1))

    def irrelevant(self, graph: SpaceTimeGraph) -> Irrelevant:
        """What was planted in ``graph``.

        Args:
            graph: a batch that this task drew.
        """
        keys = graph.x.view(-1, self.length, self.num_nodes, self.in_channels)[:, 0].flatten(0, 1)
        none = torch.zeros(len(keys), dtype=torch.bool, device=keys.device)
        mark = keys[:, -1] > 0 if self.num_distractors else none
        group = keys[:, 1] > 0 if self._groups else none
        j, i = graph.node[graph.edge_index]
        return Irrelevant(mark[graph.node], mark[j] | mark[i] | (group[j] != group[i]))

    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """The values of relevant neighbours, the keys of all, and the own one where there are groups, (K, V)."""
        rows = graph.target_rows
        place = torch.full_like(graph.node, -1)
        place[rows] = torch.arange(len(rows), device=rows.device)
        j, i = graph.edge_index
        into = place[i] >= 0
        number, there, matters = place[i[into]], j[into], ~self.irrelevant(graph).edge[into]
        back = (self.length - 1) * self.num_nodes
        marks = torch.zeros(len(rows), len(place), dtype=torch.bool, device=rows.device)
        marks[number[matters], there[matters]] = True
        marks[number, there - back] = True
        if self._groups:
            marks[place[rows], rows - back] = True
        return marks
