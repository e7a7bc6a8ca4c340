"""The protocol of a published comparison: weekly snapshots, a split by time, and candidates of which half are old."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from graphseq.data.events import from_events
from graphseq.data.graph import SpaceTimeGraph
from graphseq.datasets.registry import find


@dataclass(frozen=True)
class Messages:
    """Messages in the order of time, and the weekly snapshots that hold them.

    Times are in weeks since the first message. Snapshot k holds the messages of (k - 1, k], as the published code has
    it, so that snapshot 0 holds those at the time of the first alone.
    """

    source: Tensor  #: (E,)
    target: Tensor  #: (E,)
    time: Tensor  #: in weeks since the first, (E,), float64
    num_nodes: int  #: N

    @cached_property
    def snapshot(self) -> Tensor:
        """The snapshot of each message, (E,)."""
        return self.time.ceil().long()

    @property
    def num_snapshots(self) -> int:
        """T."""
        return int(self.snapshot.max()) + 1

    @cached_property
    def pairs(self) -> Tensor:
        """The distinct (snapshot, source, target), sorted, (3, E')."""
        rows = torch.stack([self.snapshot, self.source, self.target])
        distinct: Tensor = rows.unique(dim=1)
        return distinct

    @cached_property
    def graph(self) -> SpaceTimeGraph:
        """The snapshots as a graph over time of the nodes active in each; weights and x count messages."""
        table = torch.stack([self.source.double(), self.target.double(), self.snapshot.double()], dim=1)
        graph = from_events(table, window=1.0, num_nodes=self.num_nodes, present="active", empty="keep")
        return graph.to(torch.get_default_dtype())

    def until(self, snapshot: int) -> Messages:
        """The messages of snapshots before this one alone."""
        kept = self.snapshot < snapshot
        return Messages(self.source[kept], self.target[kept], self.time[kept], self.num_nodes)


def read_messages(path: str | Path | None = None) -> Messages:
    """Read the private messages of :func:`graphseq.datasets.collegemsg`, each with its time to the minute."""
    with gzip.open(find("collegemsg") if path is None else path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    dates = [datetime.strptime(row["Timestamp"], "%m/%d/%y %I:%M %p") for row in rows]
    order = sorted(range(len(rows)), key=dates.__getitem__)
    time = torch.tensor([(dates[row] - min(dates)) / timedelta(days=7) for row in order], dtype=torch.float64)
    ends = torch.tensor([[int(rows[row][column]) for row in order] for column in ("Source", "Target")])
    names, number = ends.unique(return_inverse=True)
    return Messages(number[0], number[1], time, len(names))


class Parts(NamedTuple):
    """The snapshots of each part."""

    train: range
    validation: range
    test: range


def published_parts(snapshots: int) -> Parts:
    """Return the published split: up to ⌈0.70 (T - 1)⌉ for training, then up to ⌈0.85 (T - 1)⌉ for validation.

    Example:
        >>> published_parts(29)
        Parts(train=range(0, 21), validation=range(21, 25), test=range(25, 29))
    """
    train, validation = (-(-share * (snapshots - 1) // 100) for share in (70, 85))
    return Parts(range(train + 1), range(train + 1, validation + 1), range(validation + 1, snapshots))


class Ranking(NamedTuple):
    """Pairs that write in a snapshot, each before candidates that its source does not write to in it."""

    snapshot: Tensor  #: (K,)
    source: Tensor  #: (K,)
    first: Tensor  #: the time of the pair's first message in the snapshot, (K,), float64
    candidates: Tensor  #: whom it writes to, then the others, (K, 1 + n)
    log_weight: Tensor  #: log of how many candidates each one stands for, (K, 1 + n); 0 where none was left out

    def take(self, rows: Tensor) -> Ranking:
        """These rows alone."""
        return Ranking(*(part[rows] for part in self))


def seen_before(messages: Messages, snapshot: int) -> Tensor:
    """Return which pairs have a message in a snapshot before this one, (N, N) of ``bool``."""
    seen = torch.zeros(messages.num_nodes, messages.num_nodes, dtype=torch.bool)
    early = messages.snapshot < snapshot
    seen[messages.source[early], messages.target[early]] = True
    return seen


def rankings(
    messages: Messages,
    snapshots: range,
    *,
    seen: Tensor | None,
    negatives: int,
    drawn: int | None = None,
    seed: int,
    pool: Tensor | None = None,
    itself: bool = False,
) -> Ranking:
    """Return each pair that writes in these snapshots, once a snapshot, among candidates.

    Candidates are drawn as in the published code, without replacement: at most half of ``negatives`` are nodes that
    the source has written to in the training part and does not now, all of them if there are fewer; the others are
    nodes that it has not written to in the training part and does not now. The published code lets the source be a
    candidate of its own, here it is none.

    Args:
        messages: the messages.
        snapshots: the snapshots.
        seen: the pairs of the training part, (N, N); ``None`` takes those before each snapshot, for training itself.
        negatives: number of candidates for each pair.
        drawn: of the second kind, draw this many at most, and give each the weight of those that it stands for.
        seed: of the draws.
        pool: the nodes among which the second kind is drawn, (N,) of ``bool``; ``None`` for all.
        itself: let the source be drawn.

    Raises:
        ValueError: fewer nodes than candidates.
    """
    generator = torch.Generator().manual_seed(seed)
    found, first = [], _first_times(messages)
    for snapshot in snapshots:
        of_now = messages.pairs[0] == snapshot
        source, target = messages.pairs[1:, of_now]
        now = torch.zeros(messages.num_nodes, messages.num_nodes, dtype=torch.bool)
        now[source, target] = True
        old = (seen_before(messages, snapshot) if seen is None else seen) & ~now
        free = ~(old | now if seen is None else seen | now)
        if not itself:
            free.fill_diagonal_(False)
        if pool is not None:
            free &= pool
        rows = [_drawn(old[s], free[s], negatives, drawn, generator) for s in source.tolist()]
        width = max((len(candidates) for candidates, _ in rows), default=0)
        if drawn is None and any(len(candidates) < negatives for candidates, _ in rows):
            raise ValueError(
                f"negatives={negatives} candidates were asked for, but a source of snapshot {snapshot} has no more "
                f"than {min(len(candidates) for candidates, _ in rows)} among {messages.num_nodes} nodes"
            )
        candidates = torch.stack([_padded(nodes, width, 0) for nodes, _ in rows])
        weight = torch.stack([_padded(weights, width, -torch.inf) for _, weights in rows])
        candidates = torch.cat([target[:, None], candidates], dim=1)
        weight = torch.cat([torch.zeros(len(target), 1), weight], dim=1)
        found.append(Ranking(torch.full_like(source, snapshot), source, first[of_now], candidates, weight))
    widest = max(part.candidates.shape[1] for part in found)
    padded = [
        part._replace(
            candidates=torch.nn.functional.pad(part.candidates, (0, widest - part.candidates.shape[1])),
            log_weight=torch.nn.functional.pad(
                part.log_weight, (0, widest - part.log_weight.shape[1]), value=-torch.inf
            ),
        )
        for part in found
    ]
    return Ranking(*(torch.cat(part) for part in zip(*padded, strict=True)))


def _first_times(messages: Messages) -> Tensor:
    """Return the time of the first message of each of ``messages.pairs``, (E',)."""
    rows = torch.stack([messages.snapshot, messages.source, messages.target])
    _, index = rows.unique(dim=1, return_inverse=True)
    first = torch.full((messages.pairs.shape[1],), torch.inf, dtype=torch.float64)
    return first.scatter_reduce(0, index, messages.time, "amin")


def _drawn(
    old: Tensor, free: Tensor, negatives: int, drawn: int | None, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return candidates of both kinds and the logarithms of their weights."""
    old, free = old.nonzero()[:, 0], free.nonzero()[:, 0]
    old = old[torch.randperm(len(old), generator=generator)[: negatives // 2]]
    wanted = negatives - len(old)
    count = min(wanted, len(free)) if drawn is None else min(wanted, len(free), drawn)
    free = free[torch.randperm(len(free), generator=generator)[:count]]
    weight = torch.zeros(len(old) + count)
    if drawn is not None and count:
        weight[len(old) :] = torch.tensor(wanted / count).log()
    return torch.cat([old, free]), weight


def _padded(values: Tensor, width: int, fill: float) -> Tensor:
    return torch.nn.functional.pad(values, (0, width - len(values)), value=fill)
