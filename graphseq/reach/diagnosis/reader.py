"""A cheap reader of the inputs: its score, and how much better it is than another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from graphseq.reach.diagnosis.scoring import Score


@dataclass(frozen=True)
class Reader:
    """The score of a reader that is shown all rows within ``hops``; ``hops`` is -1 for one shown the whole graph."""

    hops: int
    score: Score
    hits: Tensor | None = None  #: the score of each answer held out, (K,)

    def to_dict(self) -> dict[str, float]:
        """Hops, score and interval."""
        return {"hops": self.hops, "score": self.score.value, "low": self.score.low, "high": self.score.high}


def fewest(readers: Sequence[Reader]) -> Reader:
    """The first reader that is less than 1.5 standard errors worse than the one with the highest score."""
    top = max(readers, key=lambda reader: reader.score.value)
    for reader in readers:
        gain, error = worth(top, reader)
        if gain <= 1.5 * error:
            return reader
    return top


def worth(a: Reader, b: Reader) -> tuple[float, float]:
    """The advantage of reader a over b: the mean difference of their scores, and its standard error."""
    if a.hits is None or b.hits is None or len(a.hits) != len(b.hits):
        spread = (a.score.high - a.score.low + b.score.high - b.score.low) / 4
        return a.score.value - b.score.value, max(spread, 1e-9)
    difference = a.hits - b.hits
    if len(difference) < 2:  # which says nothing about its error
        return float(difference.mean()), math.inf
    return float(difference.mean()), max(float(difference.std()) / len(difference) ** 0.5, 1e-9)
