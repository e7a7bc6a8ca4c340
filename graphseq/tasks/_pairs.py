"""Pairs of nodes in a recording: what was between them before, and which of them had no edge."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphseq.tasks.windows import Recording


class Meetings(NamedTuple):
    """Every edge of a recording by its nodes and its moment, but those of weight 0: these join no one."""

    source: Tensor  # (E,)
    target: Tensor  # (E,)
    moment: Tensor  # (E,)
    weight: Tensor | None  # (E,)

    @classmethod
    def of(cls, recording: Recording) -> Meetings:
        """Those of ``recording``, in the order of time."""
        index, weight = recording.edge_index, recording.edge_weight
        if weight is not None:
            index, weight = index[:, weight != 0], weight[weight != 0]
        source, target = recording.node[index]
        return cls(source, target, recording.moment[index[0]], weight)


class PairHistory:
    r"""What the edges of a recording say of a pair of nodes up to a time, by looking each up in one sorted list.

    Of n = the sum of weights of the edges from i to j so far, 1 an edge where there are none, and d = the times since
    the last of them: :math:`\log(1 + n)` and :math:`1 / (1 + d)`, both 0 where there was none yet; and the same of the
    edges from j to i.

    Args:
        recording: its edge weights count events.

    Raises:
        ValueError: a weight below 0.
    """

    def __init__(self, recording: Recording) -> None:
        self._times, self._nodes = len(recording.times), recording.num_nodes
        met = Meetings.of(recording)
        weight = torch.ones(len(met.moment)) if met.weight is None else met.weight
        if bool((weight < 0).any()):
            raise ValueError(
                f"edge weights count events here, but one is {weight.min().item():g}; all must be 0 or more"
            )
        self._sorted, order = self._key(met.source, met.target, met.moment).sort()
        self._events = torch.cat([weight.new_zeros(1, dtype=torch.float64), weight[order].double().cumsum(0)])

    def _key(self, source: Tensor, target: Tensor, moment: Tensor | int) -> Tensor:
        return (source * self._nodes + target) * self._times + moment

    def features(self, moment: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """What was between the nodes of each pair up to its moment, that one counted, (K, 4)."""
        return torch.cat([self._one_way(moment, source, target), self._one_way(moment, target, source)], dim=1)

    def _one_way(self, moment: Tensor, source: Tensor, target: Tensor) -> Tensor:
        first = torch.searchsorted(self._sorted, self._key(source, target, 0))
        end = torch.searchsorted(self._sorted, self._key(source, target, moment), right=True)
        events = self._events[end] - self._events[first]
        latest = self._sorted[(end - 1).clamp(min=0)] % self._times
        recent = (1 / (1 + moment - latest).double()).where(end > first, 0)
        return torch.stack([events.log1p(), recent], dim=1)


class Positives:
    """The edges that are answers: those between nodes that were both there at the end of the window before.

    They are sorted by the moment at which that window ends, by source and by target; a doubled edge is one, and one
    from a node to itself or of weight 0 is none.

    Args:
        recording: with its horizon.
    """

    def __init__(self, recording: Recording) -> None:
        nodes = recording.num_nodes
        source, target, moment, _ = Meetings.of(recording)
        moment = moment - recording.horizon
        there = (recording.row_at(moment, source) >= 0) & (recording.row_at(moment, target) >= 0)
        kept = there & (source != target) & (moment >= 0)
        self.key = ((moment * nodes + source) * nodes + target)[kept].unique()
        self.moment = self.key.div(nodes * nodes, rounding_mode="floor")
        pair = self.key % (nodes * nodes)
        self.source = recording.row_at(self.moment, pair.div(nodes, rounding_mode="floor"))
        self.target = recording.row_at(self.moment, pair % nodes)
        self.counts = torch.bincount(self.moment, minlength=len(recording.times))
        self.first = torch.cat([self.counts.new_zeros(1), self.counts.cumsum(0)])


class RandomNegatives:
    """For an edge, pairs of the same source and another node that is there and that it has no edge to, all alike.

    The r-th node that is not taken is found without trial: among the taken places :math:`e_0 < e_1 < …` of a source,
    it lies at r plus the number of those with :math:`e_m - m ≤ r`.

    Args:
        recording: which nodes are there.
        positives: which pairs have an edge.
    """

    def __init__(self, recording: Recording, positives: Positives) -> None:
        self._positives = positives
        groups, self._group = positives.source.unique(return_inverse=True)  # a row is a node at a moment
        moment = recording.moment[groups]
        self._begin = recording.first_row[moment]
        group = torch.cat([self._group, torch.arange(len(groups))])
        taken, order = (group * (len(recording.node) + 1) + torch.cat([positives.target, groups])).sort()
        self._width = len(recording.node) + 1
        group = group[order]
        sizes = torch.bincount(group, minlength=len(groups))
        self._first = sizes.cumsum(0) - sizes
        rank = torch.arange(len(group)) - self._first[group]
        self._shifted = taken - self._begin[group] - rank  # sorted still: places less ranks do not fall
        self._free = recording.first_row[moment + 1] - self._begin - sizes

    def draw(self, which: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """One for each of these edges: the rows from and to, and which have one at all, ``bool``, (K,) each."""
        group = self._group[which]
        free = self._free[group]
        nth = (torch.rand(len(which), generator=generator, dtype=torch.float64) * free).long()
        found = torch.searchsorted(self._shifted, group * self._width + nth, right=True)
        row = self._begin[group] + nth + found - self._first[group]
        return self._positives.source[which], row, free > 0


class HistoricalNegatives:
    """For an edge, any pair that had one before and has none at the answer, both nodes being there, all alike.

    Args:
        recording: what was before.
        positives: which pairs have an edge at the answer.
    """

    def __init__(self, recording: Recording, positives: Positives) -> None:
        nodes = recording.num_nodes
        source, target, when, _ = Meetings.of(recording)
        pair, place = (source * nodes + target).unique(return_inverse=True)
        begins = torch.full_like(pair, len(recording.times))
        begins.scatter_reduce_(0, place, when, "amin")
        begins, order = begins.sort(stable=True)  # else who meets later would change the order of those before
        pair = pair[order]
        known = torch.searchsorted(begins, torch.arange(len(recording.times)), right=True)
        parts = []
        for moment in range(len(recording.times)):  # once a recording
            seen = pair[: int(known[moment])] if positives.counts[moment] else pair[:0]
            ends = [seen.div(nodes, rounding_mode="floor"), seen % nodes]
            rows = torch.stack([recording.row_at(torch.full_like(end, moment), end) for end in ends])
            kept = (rows >= 0).all(dim=0) & (ends[0] != ends[1])
            kept &= ~torch.isin(moment * nodes * nodes + seen, positives.key)
            parts.append(rows[:, kept])
        self._rows = torch.cat(parts, dim=1)
        sizes = torch.tensor([part.shape[1] for part in parts])
        self._moment, self._sizes, self._first = positives.moment, sizes, sizes.cumsum(0) - sizes

    def draw(self, which: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """One for each of these edges: the rows from and to, and which have one at all, ``bool``, (K,) each."""
        moment = self._moment[which]
        free = self._sizes[moment]
        nth = (torch.rand(len(which), generator=generator, dtype=torch.float64) * free).long()
        place = (self._first[moment] + nth).clamp(max=max(self._rows.shape[1] - 1, 0))
        if not self._rows.shape[1]:
            return torch.zeros_like(which), torch.zeros_like(which), free > 0
        source, target = self._rows[:, place]
        return source, target, free > 0
