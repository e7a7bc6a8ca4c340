"""The rules that learn nothing under other details of the protocol, to see what moves the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from graphseq.experiments.messages.features import PairFeatures, floors, kinds, reciprocal_ranks
from graphseq.experiments.messages.protocol import Messages, Parts, Ranking, rankings, seen_before


@dataclass(frozen=True)
class Variant:
    """One detail of the protocol moved."""

    itself: bool = False  #: the source is drawn as a candidate too
    pool: Literal["all", "receivers", "active"] = "all"  #: nodes that ever receive; nodes with messages before the week
    history: Literal["training", "before", "none"] = "training"  #: of which messages half of the candidates are
    count: Literal["pairs", "messages"] = "pairs"  #: of what the score is the mean
    backward: bool = False  #: rank who writes to a person in place of to whom one writes
    later: float = 0.0  #: weeks by which the snapshots begin earlier


VARIANTS = {
    "as published": Variant(),
    "the source may be a candidate": Variant(itself=True),
    "candidates that ever receive": Variant(pool="receivers"),
    "candidates active before the week": Variant(pool="active"),
    "half of the candidates of all weeks before": Variant(history="before"),
    "no candidates of before": Variant(history="none"),
    "mean over messages": Variant(count="messages"),
    "the other direction": Variant(backward=True),
    "weeks begin 3.5 days earlier": Variant(later=0.5),
}


def varied(messages: Messages, parts: Parts, name: str, negatives: int, draw: int) -> dict[str, Any]:
    """Return the scores of the rules on the test part with one detail moved, and the number of pairs.

    Args:
        messages: the messages.
        parts: the split.
        name: of :data:`VARIANTS`.
        negatives: number of candidates for each pair.
        draw: seed of the candidates.
    """
    variant = VARIANTS[name]
    source, target = (messages.target, messages.source) if variant.backward else (messages.source, messages.target)
    moved = Messages(source, target, messages.time + variant.later, messages.num_nodes)
    found: dict[str, list[Tensor]] = {}
    weights, sorts = [], []
    read = PairFeatures(moved, "weeks")
    for snapshots in _chunks(parts.test, variant):
        ranking = _redrawn(moved, snapshots, parts, variant, negatives, draw)
        features = read(ranking)
        for rule, scores in floors(features).items():
            found.setdefault(rule, []).append(reciprocal_ranks(scores))
        weights.append(_messages_of(moved, ranking) if variant.count == "messages" else torch.ones(len(ranking.source)))
        sorts.append(kinds(features))
    weight = torch.cat(weights).double()
    means = {rule: float((torch.cat(ranks) * weight).sum() / weight.sum()) for rule, ranks in found.items()}
    new = float((weight * (torch.cat(sorts) == 2)).sum() / weight.sum())
    return {"variant": name, "draw": draw, "pairs": len(weight), "neither": new, "test": means}


def _chunks(snapshots: range, variant: Variant) -> list[range]:
    """Return the snapshots at once where the same candidates serve for all, else one by one."""
    alone = variant.pool == "active" or variant.history == "before"
    return [range(one, one + 1) for one in snapshots] if alone else [snapshots]


def _redrawn(
    messages: Messages, snapshots: range, parts: Parts, variant: Variant, negatives: int, draw: int
) -> Ranking:
    seen = seen_before(messages, snapshots.start if variant.history == "before" else parts.validation.start)
    if variant.history == "none":
        seen = torch.zeros_like(seen)
    pool = None
    if variant.pool == "receivers":
        pool = torch.bincount(messages.target, minlength=messages.num_nodes) > 0
    elif variant.pool == "active":
        early = messages.snapshot < snapshots.start
        both = torch.cat([messages.source[early], messages.target[early]])
        pool = torch.bincount(both, minlength=messages.num_nodes) > 0
    return rankings(messages, snapshots, seen=seen, negatives=negatives, seed=draw, pool=pool, itself=variant.itself)


def _messages_of(messages: Messages, ranking: Ranking) -> Tensor:
    """Return how many messages each pair has in its snapshot, (K,)."""
    rows = torch.stack([messages.snapshot, messages.source, messages.target])
    distinct, counts = rows.unique(dim=1, return_counts=True)
    nodes = messages.num_nodes

    def key(week: Tensor, source: Tensor, target: Tensor) -> Tensor:
        return (week * nodes + source) * nodes + target

    asked = key(ranking.snapshot, ranking.source, ranking.candidates[:, 0])
    found: Tensor = counts[torch.searchsorted(key(*distinct), asked)].float()
    return found
