"""Distractors: the mean of the values of relevant neighbours, among neighbours that must be ignored."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._prompt import short_repr
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.tasks.base import Regression, of_own_batch


@short_repr
class Irrelevant(NamedTuple):
    """Rows and edges of a batch that no answer depends on, marked ``True``.

    Returned by :meth:`graphseq.tasks.Distractors.irrelevant`.
    """

    node: Tensor  #: rows of distractors, (V,), ``bool``
    edge: Tensor  #: columns of ``edge_index`` between two groups or at a distractor, (E,), ``bool``


class Kinds(NamedTuple):
    """Kinds of the nodes of each graph, (B, N) each."""

    group: Tensor  # 0 or 1
    mark: Tensor  # True for distractors
    is_target: Tensor


class Distractors(Regression):
    r"""Regression of the mean value of m relevant neighbours, among irrelevant ones, on a random graph.

    .. math:: y_i = \frac{1}{m} \sum_{j \in R(i)} u_j(T-1), \qquad u_j(t) \sim N(0, 1)

    At time 0 there are no edges, and each node has its keys as input: its group, one of two, and a mark if it is a
    distractor. From time 1 on it has a new value at each time, ``loudness`` times as large for a distractor, and each
    node reads m + d + s random others, the same at all these times: m of its own group, d distractors, and s of the
    other group. Edges lead to the reader. The targets are some nodes at the last time whose values are 0 and which no
    node reads; they are not distractors.

    A distractor is irrelevant to all nodes, so a model can forget the node. A node of the other group is relevant to
    its own group, so the model must forget the edge. Without distractors (d = 0) or the other group (s = 0) their keys
    are not part of the input.

    A GCN-LSTM of one layer adds the values of all neighbours: since every node has the same number of neighbours, it
    has no more than their sum. So, whatever its size, its mean squared error is at least

    .. math:: \frac{1}{m} \cdot \frac{n}{m + n}, \qquad n = s + d \cdot \text{loudness}^2

    which is :attr:`unsorted`. The mean squared error of the best constant, 0, is 1/m.

    Args:
        length: T, at least 2; ``hops`` = T, to the keys of the neighbours.
        num_nodes: N. The other nodes are divided equally between the groups, and half of each group are distractors if
            d > 0.
        num_asked: number of target nodes of each graph.
        num_relevant: m.
        num_distractors: d, the number of distractors that each node reads.
        num_strangers: s, the number of nodes of the other group that each node reads; d + s is at least 1.
        loudness: above 0.
        tolerance: error below which an answer is correct. A constant scores :math:`\mathrm{erf}(τ \sqrt{m/2})`.

    x is (V, F): the value, then the group as two columns if s > 0, then the mark of distractors if d > 0. y is
    (B·A, 1), A being ``num_asked``.

    Raises:
        ValueError: a size below its minimum, more neighbours of a kind than there are, a loudness or tolerance that is
            not above 0.

    Source: planted motifs as in Ying et al., *GNNExplainer* (2019), here over time, with the relevance of every node
    and edge known.

    Example:
        >>> import torch
        >>> task = Distractors(num_strangers=0)
        >>> graph = task.batch(1, torch.Generator().manual_seed(0))
        >>> graph.x.shape, graph.y.shape, int(task.irrelevant(graph).node.sum())
        (torch.Size([72, 2]), torch.Size([8, 1]), 24)
    """

    @checked_arguments
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
            raise ValueError("num_distractors and num_strangers are both 0; one of them must be at least 1")
        self._groups = 2 if num_strangers else 0
        self.in_channels = 1 + self._groups + (num_distractors > 0)
        self.out_channels, self.hops = 1, self.length
        self.chance = math.erf(self.tolerance * math.sqrt(num_relevant / 2))
        self._kinds = self._in_order()
        self._refuse_if_too_few()

    @property
    def config(self) -> dict[str, object]:
        """Name, length and parameters of the graphs."""
        names = ("length", "num_nodes", "num_asked", "num_relevant", "num_distractors", "num_strangers", "loudness")
        return {**super().config, **{name: getattr(self, name) for name in names}, "tolerance": self.tolerance}

    @property
    def unsorted(self) -> float:
        """Smallest mean squared error of a model that has only the sum of its neighbours' values."""
        noise = self.num_strangers + self.num_distractors * self.loudness**2
        return noise / (self.num_relevant * (self.num_relevant + noise))

    def _in_order(self) -> Kinds:
        """Return the kinds of the nodes before they are put in random order, (1, N) each: the target nodes first."""
        number = torch.arange(self.num_nodes)
        is_target, groups = number < self.num_asked, max(self._groups, 1)
        index = torch.where(is_target, number, number - self.num_asked)
        mark = (index // groups % 2 == 1) & ~is_target & (self.num_distractors > 0)
        return Kinds((index % groups)[None], mark[None], is_target[None])

    def _refuse_if_too_few(self) -> None:
        candidates = self._candidates(self._kinds)
        for name, mask in zip(("num_relevant", "num_distractors", "num_strangers"), candidates, strict=True):
            needed, available = getattr(self, name), int(mask.sum(dim=2).min())
            if needed > available:
                raise ValueError(
                    f"{name} is {needed}, but of {self.num_nodes} nodes, {self.num_asked} of them targets, some node "
                    f"can read only {available} such others; take more nodes"
                )

    def _candidates(self, kinds: Kinds) -> tuple[Tensor, Tensor, Tensor]:
        """Return the nodes (dim 2) that each node (dim 1) can read: own group, distractors, other group, (B, N, N)."""
        shows = ~kinds.is_target[:, None] & ~torch.eye(self.num_nodes, dtype=torch.bool)
        mark, same = kinds.mark[:, None], kinds.group[:, None] == kinds.group[..., None]
        return shows & ~mark & same, shows & mark, shows & ~mark & ~same

    @checked_arguments
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return ``size`` graphs."""
        size, count = _checks.at_least("size", size, 1), self.num_nodes
        order = torch.rand(size, count, generator=generator).argsort(dim=1)
        kinds = Kinds(*(kind[0, order] for kind in self._kinds))
        priority = torch.rand(size, count, count, generator=generator)
        counts = (self.num_relevant, self.num_distractors, self.num_strangers)
        read = [
            torch.where(mask, priority, -1).topk(number, dim=2).indices
            for mask, number in zip(self._candidates(kinds), counts, strict=True)
        ]
        values = torch.randn(size, self.length, count, generator=generator)
        values = values * torch.where(kinds.mark, self.loudness, 1.0)[:, None] * ~kinds.is_target[:, None]
        values[:, 0] = 0
        last = values[:, -1, None].expand(-1, count, -1)
        y = last.gather(2, read[0]).mean(dim=2)[kinds.is_target][:, None]
        target = torch.zeros(values.shape, dtype=torch.bool)
        target[:, -1] = kinds.is_target
        topology = self._topology(torch.cat(read, dim=2))
        rows = torch.arange(size).repeat_interleave(self.length * count)
        return SpaceTimeGraph.from_topology(
            topology, self._shown(values, kinds).flatten(0, 2), y=y, target=target.flatten(), batch=rows
        )

    def _shown(self, values: Tensor, kinds: Kinds) -> Tensor:
        """Return features (B, T, N, F)."""
        keys = [one_hot(kinds.group, 2)] if self._groups else []
        keys += [kinds.mark[..., None]] if self.num_distractors else []
        features = torch.zeros(*values.shape, self.in_channels)
        features[:, 0, :, 1:] = torch.cat(keys, dim=2).to(features.dtype)
        features[..., 0] = values
        return features

    def _topology(self, read: Tensor) -> Topology:
        """Return rows by graph and time, and edges to each node from those it reads (B, N, k), from time 1."""
        size, count, degree = read.shape
        per_graph = self.length * count
        reader = torch.arange(count)[:, None].expand(size, -1, degree)
        snapshot = torch.arange(size)[:, None] * per_graph + torch.arange(1, self.length) * count
        ends = torch.stack([read, reader])[:, :, None] + snapshot[..., None, None]
        row = torch.arange(size * per_graph)
        node = row // per_graph * count + row % count
        return Topology(node, row % per_graph // count, ends.flatten(1))

    @checked_arguments
    @of_own_batch
    def irrelevant(self, graph: SpaceTimeGraph) -> Irrelevant:
        """Return the rows and edges of ``graph`` that no answer depends on.

        Args:
            graph: a batch of this task.
        """
        keys = graph.x.view(-1, self.length, self.num_nodes, self.in_channels)[:, 0].flatten(0, 1)
        no_mark = torch.zeros(len(keys), dtype=torch.bool, device=keys.device)
        mark = keys[:, -1] > 0 if self.num_distractors else no_mark
        group = keys[:, 1] > 0 if self._groups else no_mark
        j, i = graph.node[graph.edge_index]
        return Irrelevant(mark[graph.node], mark[j] | mark[i] | (group[j] != group[i]))

    @checked_arguments
    @of_own_batch
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the values of relevant neighbours, the keys of all, and the own key if there are groups, (K, V)."""
        rows = graph.target_rows
        target_number = torch.full_like(graph.node, -1)
        target_number[rows] = torch.arange(len(rows), device=rows.device)
        j, i = graph.edge_index
        into = target_number[i] >= 0
        number, neighbor, is_relevant = target_number[i[into]], j[into], ~self.irrelevant(graph).edge[into]
        back = (self.length - 1) * self.num_nodes
        marks = torch.zeros(len(rows), len(target_number), dtype=torch.bool, device=rows.device)
        marks[number[is_relevant], neighbor[is_relevant]] = True
        marks[number, neighbor - back] = True
        if self._groups:
            marks[target_number[rows], rows - back] = True
        return marks
