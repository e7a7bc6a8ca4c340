"""Pairs of nodes in a recording: their earlier edges, and pairs without an edge as negatives."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphseq.tasks.windows import Recording


class Meetings(NamedTuple):
    """All edges of a recording by their nodes and moment, without those of weight 0."""

    source: Tensor  # (E,)
    target: Tensor  # (E,)
    moment: Tensor  # (E,)
    weight: Tensor | None  # (E,)

    @classmethod
    def of(cls, recording: Recording) -> Meetings:
        """Return those of ``recording``, in the order of time."""
        index, weight = recording.edge_index, recording.edge_weight
        if weight is not None:
            index, weight = index[:, weight != 0], weight[weight != 0]
        source, target = recording.node[index]
        return cls(source, target, recording.moment[index[0]], weight)


class PairHistory:
    r"""Features of pairs of nodes from the earlier edges between them, by binary search in one sorted list.

    With n the sum of the weights of earlier edges from i to j (their number if there are no weights) and d the number
    of times since the last of them, the features are :math:`\log(1 + n)` and :math:`1 / (1 + d)`, both 0 without an
    earlier edge; then the same for the edges from j to i.

    Args:
        recording: a recording whose edge weights count events.

    Raises:
        ValueError: a weight below 0.
    """

    def __init__(self, recording: Recording) -> None:
        self._times, self._nodes = len(recording.times), recording.num_nodes
        edges = Meetings.of(recording)
        weight = torch.ones(len(edges.moment)) if edges.weight is None else edges.weight
        if bool((weight < 0).any()):
            raise ValueError(
                f"edge weights count events here, but one is {weight.min().item():g}; all must be 0 or more"
            )
        self._sorted, order = self._key(edges.source, edges.target, edges.moment).sort()
        self._events = torch.cat([weight.new_zeros(1, dtype=torch.float64), weight[order].double().cumsum(0)])

    def _key(self, source: Tensor, target: Tensor, moment: Tensor | int) -> Tensor:
        return (source * self._nodes + target) * self._times + moment

    def features(self, moment: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Return the features of each pair at its moment, including edges of that moment, (K, 4)."""
        return torch.cat([self._one_way(moment, source, target), self._one_way(moment, target, source)], dim=1)

    def _one_way(self, moment: Tensor, source: Tensor, target: Tensor) -> Tensor:
        first = torch.searchsorted(self._sorted, self._key(source, target, 0))
        end = torch.searchsorted(self._sorted, self._key(source, target, moment), right=True)
        events = self._events[end] - self._events[first]
        latest = self._sorted[(end - 1).clamp(min=0)] % self._times
        recent = (1 / (1 + moment - latest).double()).where(end > first, 0)
        return torch.stack([events.log1p(), recent], dim=1)


class Positives:
    """The edges that are positive answers: those between nodes that are both present at the end of the window.

    They are sorted by the moment at which that window ends, by source and by target; parallel edges count once, and
    self-loops and edges of weight 0 are left out.

    Args:
        recording: the recording, with its horizon.
    """

    def __init__(self, recording: Recording) -> None:
        nodes = recording.num_nodes
        source, target, moment, _ = Meetings.of(recording)
        moment = moment - recording.horizon
        is_present = (recording.row_at(moment, source) >= 0) & (recording.row_at(moment, target) >= 0)
        is_positive = is_present & (source != target) & (moment >= 0)
        self.key = ((moment * nodes + source) * nodes + target)[is_positive].unique()
        self.moment = self.key.div(nodes * nodes, rounding_mode="floor")
        pair = self.key % (nodes * nodes)
        self.source = recording.row_at(self.moment, pair.div(nodes, rounding_mode="floor"))
        self.target = recording.row_at(self.moment, pair % nodes)
        self.counts = torch.bincount(self.moment, minlength=len(recording.times))
        self.first = torch.cat([self.counts.new_zeros(1), self.counts.cumsum(0)])


class RandomNegatives:
    """Negatives with the source of an edge and a random other node that is present and that it has no edge to.

    The r-th node without an edge is computed directly: with the targets :math:`e_0 < e_1 < …` of a source, it is r plus
    the number of targets with :math:`e_m - m ≤ r`.

    Args:
        recording: the recording, with the nodes present at each time.
        positives: the pairs with an edge.
    """

    def __init__(self, recording: Recording, positives: Positives) -> None:
        self._positives = positives
        groups, self._group = positives.source.unique(return_inverse=True)  # a row is a node at a moment
        moment = recording.moment[groups]
        self._begin = recording.first_row[moment]
        group = torch.cat([self._group, torch.arange(len(groups))])
        excluded, order = (group * (len(recording.node) + 1) + torch.cat([positives.target, groups])).sort()
        self._width = len(recording.node) + 1
        group = group[order]
        sizes = torch.bincount(group, minlength=len(groups))
        self._first = sizes.cumsum(0) - sizes
        rank = torch.arange(len(group)) - self._first[group]
        self._shifted = excluded - self._begin[group] - rank  # still sorted: positions minus ranks do not decrease
        self._free = recording.first_row[moment + 1] - self._begin - sizes

    def draw(self, which: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return a pair for each of these edges: source rows, target rows, and a mark of pairs that exist, (K,)."""
        group = self._group[which]
        free = self._free[group]
        nth = (torch.rand(len(which), generator=generator, dtype=torch.float64) * free).long()
        skipped = torch.searchsorted(self._shifted, group * self._width + nth, right=True)
        row = self._begin[group] + nth + skipped - self._first[group]
        return self._positives.source[which], row, free > 0


class HistoricalNegatives:
    """Negatives that had an edge earlier and have none at the time of the answer, both nodes being present.

    Args:
        recording: the recording, with the earlier edges.
        positives: the pairs with an edge at the time of the answer.
    """

    def __init__(self, recording: Recording, positives: Positives) -> None:
        nodes = recording.num_nodes
        source, target, when, _ = Meetings.of(recording)
        pair, index = (source * nodes + target).unique(return_inverse=True)
        begins = torch.full_like(pair, len(recording.times))
        begins.scatter_reduce_(0, index, when, "amin")
        begins, order = begins.sort(stable=True)  # stable, so that later pairs do not change the order of earlier ones
        pair = pair[order]
        known = torch.searchsorted(begins, torch.arange(len(recording.times)), right=True)
        pieces = []
        for moment in range(len(recording.times)):  # only once for each recording
            earlier = pair[: int(known[moment])] if positives.counts[moment] else pair[:0]
            ends = [earlier.div(nodes, rounding_mode="floor"), earlier % nodes]
            rows = torch.stack([recording.row_at(torch.full_like(end, moment), end) for end in ends])
            is_negative = (rows >= 0).all(dim=0) & (ends[0] != ends[1])
            is_negative &= ~torch.isin(moment * nodes * nodes + earlier, positives.key)
            pieces.append(rows[:, is_negative])
        self._rows = torch.cat(pieces, dim=1)
        sizes = torch.tensor([piece.shape[1] for piece in pieces])
        self._moment, self._sizes, self._first = positives.moment, sizes, sizes.cumsum(0) - sizes

    def draw(self, which: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return a pair for each of these edges: source rows, target rows, and a mark of pairs that exist, (K,)."""
        moment = self._moment[which]
        free = self._sizes[moment]
        nth = (torch.rand(len(which), generator=generator, dtype=torch.float64) * free).long()
        index = (self._first[moment] + nth).clamp(max=max(self._rows.shape[1] - 1, 0))
        if not self._rows.shape[1]:
            return torch.zeros_like(which), torch.zeros_like(which), free > 0
        source, target = self._rows[:, index]
        return source, target, free > 0
