"""Features of a pair before it writes: its own memory, the reply to it, and the activity of the one written to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from graphseq.experiments.messages.memory import EventMemory
from graphseq.experiments.messages.protocol import Messages, Ranking

HALF_LIVES = (1 / 28, 1 / 7, 0.5, 1.0, 2.0, 4.0, 12.0)  #: in weeks
SOONEST = 1 / 7  #: added to an age, in weeks, before its reciprocal

Known = Literal["weeks", "times", "stream"]
"""The contents of a memory: pairs by week, messages up to the snapshot by time, or also the earlier ones in it."""

_COUNTS = len(HALF_LIVES)
PARTS: dict[str, range] = {
    "pair memory": range(_COUNTS + 3),
    "reply": range(_COUNTS + 3, 2 * _COUNTS + 7),
    "popularity": range(2 * _COUNTS + 7, 4 * _COUNTS + 10),
}
"""The columns of each part of the features."""
NUM_FEATURES = 4 * _COUNTS + 10


class PairFeatures:
    """Features of candidates, all 0 or more, by part.

    - pair memory: decayed counts of the messages from source to candidate, 1/(1/7 + age) of the last, 1 if there is
      any, and 1/(1 + r) with r the number of others with whom the source has been in touch later.
    - reply: the same counts, age and mark for messages from candidate to source, the age again where the candidate
      was the last of both to write, and 1 there.
    - popularity: decayed counts of messages to the candidate and from it, both ages, and 1 if it has neither sent nor
      received any.

    Args:
        messages: the messages.
        known: what is remembered. "weeks": each pair once a snapshot, as published; it is asked at the snapshot's
            beginning. "times": every message, by its time; likewise. "stream": as "times", asked at the moment of
            the pair's first message in the snapshot, so that earlier messages of that snapshot count.
    """

    def __init__(self, messages: Messages, known: Known) -> None:
        self.known, self._nodes = known, messages.num_nodes
        source, target, time = messages.source, messages.target, messages.time
        if known == "weeks":
            snapshot, source, target = messages.pairs
            time = snapshot.double() - 1
        half_lives = torch.tensor(HALF_LIVES)
        memory: Callable[[Tensor], EventMemory] = lambda key: EventMemory(key, time, half_lives)  # noqa: E731
        self._pair = memory(source * self._nodes + target)
        self._received, self._sent = memory(target), memory(source)
        both = torch.cat([torch.stack([source, target]), torch.stack([target, source])], dim=1).unique(dim=1)
        self._partners = both[1].split(torch.bincount(both[0], minlength=self._nodes).tolist())

    def moments(self, ranking: Ranking) -> Tensor:
        """Return the moment at which each pair is asked, (K,)."""
        if self.known == "stream":
            return ranking.first
        begin = ranking.snapshot.double() - 1
        return begin if self.known == "weeks" else begin.nextafter(torch.tensor(torch.inf, dtype=torch.float64))

    def __call__(self, ranking: Ranking) -> Tensor:
        """Return the features of each candidate, (K, 1 + n, P); 0 where a row has no candidate."""
        return torch.cat([self._of(ranking.take(rows)) for rows in torch.arange(len(ranking.source)).split(100)])

    def _of(self, ranking: Ranking) -> Tensor:
        exists, moments = ranking.log_weight.isfinite(), self.moments(ranking)
        moment, source = (of[:, None].expand(exists.shape)[exists] for of in (moments, ranking.source))
        target = ranking.candidates[exists]
        there, back = source * self._nodes + target, target * self._nodes + source
        sent, answered = self._pair.age(there, moment), self._pair.age(back, moment)
        received, wrote = self._received.age(target, moment), self._sent.age(target, moment)
        owed = answered < sent
        columns = [
            *self._pair.counts(there, moment).unbind(1),
            _soon(sent),
            sent.isfinite().float(),
            self._place(ranking.source, moments, torch.minimum(sent, answered), exists),
            *self._pair.counts(back, moment).unbind(1),
            _soon(answered),
            answered.isfinite().float(),
            _soon(answered) * owed,
            owed.float(),
            *self._received.counts(target, moment).unbind(1),
            *self._sent.counts(target, moment).unbind(1),
            _soon(received),
            _soon(wrote),
            (received.isinf() & wrote.isinf()).float(),
        ]
        features = torch.zeros(*exists.shape, NUM_FEATURES)
        features[exists] = torch.stack(columns, dim=1)
        return features

    def _place(self, source: Tensor, moment: Tensor, age: Tensor, exists: Tensor) -> Tensor:
        """Return 1/(1 + r), r the number of nodes with whom the source has been in touch later; 0 if never, (M,)."""
        placed = []
        for one, at, own in zip(source, moment, age.split(exists.sum(1).tolist()), strict=True):
            others = self._partners[int(one)]
            times = at.expand(len(others))
            there, back = one * self._nodes + others, others * self._nodes + one
            touched = torch.minimum(self._pair.age(there, times), self._pair.age(back, times)).sort().values
            placed.append(1 / (1 + torch.searchsorted(touched, own.contiguous())))
        return torch.cat(placed).where(age.isfinite(), 0)


def _soon(age: Tensor) -> Tensor:
    return 1 / (SOONEST + age)


def columns_without(parts: Sequence[str]) -> list[int]:
    """Return the columns of all parts except these.

    Raises:
        ValueError: no such part.
    """
    if unknown := [part for part in parts if part not in PARTS]:
        raise ValueError(f"parts must be among {', '.join(PARTS)}, got {unknown[0]!r}")
    return [column for name, columns in PARTS.items() if name not in parts for column in columns]


def floors(features: Tensor) -> dict[str, Tensor]:
    """Return the scores (K, 1 + n) of rules that learn nothing."""
    memory, reply, popularity = (PARTS[name].start for name in ("pair memory", "reply", "popularity"))
    week, age, ever = HALF_LIVES.index(1.0), _COUNTS, _COUNTS + 1
    recency, answered = (features[..., start + age] for start in (memory, reply))
    popular = features[..., popularity + week]
    return {
        "EdgeBank, any time": features[..., memory + ever],
        "EdgeBank, four weeks": (recency >= 1 / (SOONEST + 4.0)).float(),
        "popularity": popular,
        "recency of the pair": recency,
        "recency and reply": recency + answered,
        "recency, reply and popularity": recency + answered + 0.01 * popular,
    }


def reciprocal_ranks(scores: Tensor) -> Tensor:
    r"""Return the reciprocal rank of the first of each row's scores (K, 1 + n), (K,): of ties the mean rank.

    .. math:: r = 1 + \tfrac12 \big(\#\{s_j > s_0\} + \#\{s_j \ge s_0\}\big), \qquad j \ge 1

    Source: the evaluator of the Temporal Graph Benchmark.

    Example:
        >>> reciprocal_ranks(torch.tensor([[2.0, 1.0, 3.0], [1.0, 1.0, 1.0]])).tolist()
        [0.5, 0.5]
    """
    first, others = scores[:, :1], scores[:, 1:]
    return 1 / (1 + ((others > first).sum(1) + (others >= first).sum(1)).double() / 2)


def kinds(features: Tensor) -> Tensor:
    """Return what is known of each pair that writes: 0 written before, 1 a first answer, 2 neither, (K,)."""
    written, answered = (features[:, 0, PARTS[name].start + _COUNTS + 1] > 0 for name in ("pair memory", "reply"))
    return torch.where(written, 0, torch.where(answered, 1, 2))


KINDS: Sequence[str] = ("written before", "first answer", "neither")
