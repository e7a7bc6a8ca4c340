"""A wide set of features of all pairs of nodes at the beginning of a week, for a learner that bounds what is known."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from graphseq.experiments.messages.protocol import Messages

HALF_LIVES = (0.5, 1.0, 2.0, 4.0, 12.0)  #: of the counts of a pair, in weeks
NODE_HALF_LIVES = (1.0, 3.0, 10.0)  #: of the counts of a node, in weeks
NEVER = 99.0  #: the age of what has not been, in weeks

GROUPS = ("pair", "times", "two hops", "candidate", "source")
"""The groups of the features; "times" is read in the state of knowledge "times" alone."""


class Week(NamedTuple):
    """Features at the beginning of a week, of some sources and all candidates, by group and name."""

    pair: dict[str, dict[str, Tensor]]  #: of a source (row) and a candidate (column), (S, N) each
    node: dict[str, Tensor]  #: of a node, (N,) each
    sources: Tensor  #: (S,), sorted

    def names(self) -> list[tuple[str, str]]:
        """Return group and name of each feature, in the order of :meth:`rows`."""
        pairs = [(group, name) for group, columns in self.pair.items() for name in columns]
        return pairs + [(group, name) for group in ("candidate", "source") for name in self.node]

    def rows(self, source: Tensor, candidate: Tensor) -> Tensor:
        """Return the features of these pairs, (M, P) from (M,) and (M,)."""
        row = torch.searchsorted(self.sources, source)
        pairs = [matrix[row, candidate] for columns in self.pair.values() for matrix in columns.values()]
        ends = [vector[end] for end in (candidate, source) for vector in self.node.values()]
        return torch.stack([*pairs, *ends], dim=1)


class WideFeatures:
    """Features of pairs from the messages of the snapshots before, and from no others.

    - pair: decayed counts both ways, weeks since the first and the last, the shares of the source's and the candidate's
      own writing, and the place of the candidate among those with whom the source has been in touch.
    - times: counts of single messages, the exact time since the last of them, and whose turn it is to answer.
    - two hops: common partners (counted, decayed, as Jaccard's index and with Adamic's and Adar's weights), those to
      whom sources write who write to the same persons, and the decayed paths of two messages, each way.
    - candidate, source: activity, new partners and their trend, answers given to strangers and received from them,
      age, and the place by popularity.

    Args:
        messages: the messages.
        known: "weeks", each pair once a snapshot; "times", every message as well.
    """

    def __init__(self, messages: Messages, known: Literal["weeks", "times"]) -> None:
        self.messages, self.known, self._nodes = messages, known, messages.num_nodes

    def week(self, snapshot: int, sources: Tensor) -> Week:
        """Return the features of these sources, (S,) and sorted, at the beginning of a snapshot, which is 2 at least.

        Raises:
            ValueError: fewer than two snapshots before it.
        """
        if snapshot < 2:
            raise ValueError(f"snapshot must have two before it, got {snapshot}")
        week, source, target = self.messages.pairs[:, self.messages.pairs[0] < snapshot]
        age, place = (snapshot - week).float(), source * self._nodes + target
        counts = {half: self._matrix(place, 0.5 ** ((age - 1) / half), "sum") for half in HALF_LIVES}
        last, first = self._matrix(place, age, "amin"), self._matrix(place, age, "amax")
        number = self._matrix(place, torch.ones_like(age), "sum")
        pair = {"pair": _pair(counts, last, first, number, sources)}
        if self.known == "times":
            pair["times"] = self._times(snapshot, sources)
        pair["two hops"] = _two_hops(counts[4.0], number > 0, sources)
        flows = _flows((week, source, target), first, snapshot, self._nodes)
        partners = ((number + number.T) > 0).sum(1).float()
        return Week(pair, _nodes(flows, partners), sources)

    def _matrix(self, place: Tensor, value: Tensor, reduce: str) -> Tensor:
        """Return the sum of the values of each pair, or the least or greatest, (N, N); 0, or NEVER, without any."""
        filled = torch.full((self._nodes * self._nodes,), 0.0 if reduce == "sum" else NEVER)
        filled = filled.scatter_reduce(0, place, value, reduce, include_self=reduce == "sum")
        return filled.view(self._nodes, self._nodes)

    def _times(self, snapshot: int, sources: Tensor) -> dict[str, Tensor]:
        early = self.messages.snapshot < snapshot
        place = self.messages.source[early] * self._nodes + self.messages.target[early]
        passed = (snapshot - 1 - self.messages.time[early]).float()
        whole = {
            "messages": self._matrix(place, torch.ones_like(passed), "sum"),
            "recent messages": self._matrix(place, 0.5 ** (passed / 2), "sum"),
            "age": self._matrix(place, passed, "amin"),
        }
        out = {name: matrix[sources] for name, matrix in whole.items()}
        back = {f"{name} back": matrix.T[sources] for name, matrix in whole.items()}
        touched = torch.minimum(out["age"], back["age back"])
        turn = torch.sign(out["age"] - back["age back"])
        return {**out, **back, "turn": turn, "place by age": _place(touched, touched < NEVER)}


def _place(value: Tensor, exists: Tensor) -> Tensor:
    """Return the place of each value in its row, 0 for the least; 1,000 where there is none."""
    return value.argsort(dim=-1, stable=True).argsort(dim=-1, stable=True).float().where(exists, 1000.0)


def _pair(
    counts: dict[float, Tensor], last: Tensor, first: Tensor, number: Tensor, sources: Tensor
) -> dict[str, Tensor]:
    whole = {f"count {half:g}": matrix for half, matrix in counts.items()}
    whole |= {"last": last, "first": first, "weeks": number}
    whole |= {
        f"share {half:g}": counts[half] / counts[half].sum(1, keepdim=True).clamp(min=1e-6) for half in (1.0, 4.0)
    }
    out = {name: matrix[sources] for name, matrix in whole.items()}
    back = {f"{name} back": matrix.T[sources] for name, matrix in whole.items()}
    both = out["count 2"] + back["count 2 back"]
    touched = torch.minimum(out["last"], back["last back"])
    places = {"place by count": _place(-both, both > 0), "place by week": _place(touched, touched < NEVER)}
    return {**out, **back, **places}


def _two_hops(recent: Tensor, ever: Tensor, sources: Tensor) -> dict[str, Tensor]:
    joined, wrote = (ever | ever.T).float(), ever.float()
    partners, near, own = joined.sum(1), recent + recent.T, joined[sources]
    common = own @ joined
    scaled = wrote * wrote.sum(1, keepdim=True).clamp(min=1).rsqrt() * wrote.sum(0).clamp(min=1).rsqrt()
    alike = scaled[sources] @ scaled.T
    of_alike = alike @ recent
    return {
        "common": common,
        "common recent": near[sources] @ near,
        "jaccard": common / (partners[sources, None] + partners - common).clamp(min=1),
        "adamic adar": (own / partners.log1p().clamp(min=0.5)) @ joined,
        "of alike sources": alike @ scaled,
        "of alike sources recent": of_alike,
        "place by alike sources": _place(-of_alike, torch.ones_like(of_alike, dtype=torch.bool)),
        "two on": recent[sources] @ recent,
        "back and on": recent.T[sources] @ recent,
        "on and back": recent[sources] @ recent.T,
    }


def _flows(pairs: tuple[Tensor, Tensor, Tensor], first: Tensor, snapshot: int, nodes: int) -> dict[str, Tensor]:
    """Return how many pairs of each sort every node has in each earlier snapshot, (T, N)."""
    week, source, target = pairs
    began, answered = snapshot - first[source, target], snapshot - first[target, source]
    old, answer = began < week, (began == week) & (answered < week) & (first[target, source] < NEVER)
    new, every = ~old & ~answer, torch.ones_like(old)

    def count(end: Tensor, of: Tensor) -> Tensor:
        flat = torch.bincount(week[of] * nodes + end[of], minlength=snapshot * nodes)
        return flat.view(snapshot, nodes).float()

    return {
        "sent": count(source, every),
        "received": count(target, every),
        "new sent": count(source, new),
        "new received": count(target, new),
        "old sent": count(source, old),
        "answers sent": count(source, answer),
        "answers received": count(target, answer),
    }


def _since(active: Tensor, *, first: bool) -> Tensor:
    """Return the weeks since the first or the last snapshot of (T, N) that holds true; NEVER without any."""
    at = (active if first else active.flip(0)).float().argmax(0)
    weeks = (len(active) - at if first else at + 1).float()
    return weeks.where(active.any(0), NEVER)


def _nodes(flows: dict[str, Tensor], partners: Tensor) -> dict[str, Tensor]:
    back = torch.arange(len(flows["sent"]) - 1, -1, -1)
    found = {f"{name} {half:g}": (0.5 ** (back / half)) @ of for name, of in flows.items() for half in NODE_HALF_LIVES}
    found |= {f"{name}, {weeks} back": of[-weeks] for name, of in flows.items() for weeks in (1, 2)}
    found |= {
        "last sent": _since(flows["sent"] > 0, first=False),
        "last received": _since(flows["received"] > 0, first=False),
        "age": _since(flows["sent"] + flows["received"] > 0, first=True),
        "share of new": found["new sent 10"] / (found["sent 10"] + 0.1),
        "answers strangers": found["answers sent 10"] / (found["new received 10"] + 1),
        "is answered": found["answers received 10"] / (found["new sent 10"] + 1),
        "partners": partners,
        "trend": (found["received 1"] + 0.5) / (found["received 10"] / 5 + 0.5),
    }
    everyone = torch.ones_like(partners, dtype=torch.bool)
    return found | {
        "place by popularity": _place(-found["received 1"], everyone),
        "place by new partners": _place(-found["new received 1"], everyone),
    }
