"""Training of one ranking model, the choice of its step on the validation part, and its score on the test part."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from graphseq import seeding
from graphseq.data.graph import SpaceTimeGraph
from graphseq.experiments.messages.features import (
    KINDS,
    Known,
    PairFeatures,
    columns_without,
    floors,
    kinds,
    reciprocal_ranks,
)
from graphseq.experiments.messages.model import PairIntensity, feature_means, latest_rows, ranking_loss, read_graph
from graphseq.experiments.messages.protocol import Messages, Parts, Ranking, rankings, seen_before


@dataclass(frozen=True)
class Settings:
    """Settings of the training; chosen on the validation part with seeds 100 and above."""

    negatives: int = 1000  #: candidates beside each pair
    draw: int = 100  #: seed of the training candidates
    drawn: int = 60  #: of those never written to, how many stand for all in training
    first_snapshot: int = 11  #: the first of which pairs are learned from; earlier ones are remembered alone
    steps: int = 45  #: each on all training pairs
    every: int = 15  #: steps between two validations
    lr: float = 0.05
    graph_lr: float = 0.005
    graph_channels: int = 8
    signature: int = 16
    weight_decay: float = 0.01  #: of the graph's weights


class Prepared(NamedTuple):
    """Rankings of each part with their features."""

    messages: Messages
    known: Known
    ranking: dict[str, Ranking]
    features: dict[str, Tensor]


def draw_candidates(messages: Messages, parts: Parts, settings: Settings) -> dict[str, Ranking]:
    """Return the pairs of each part among their candidates, which are always the same."""
    seen, count = seen_before(messages, parts.validation.start), settings.negatives
    late, drawn = range(settings.first_snapshot, parts.train.stop), seeding.derive(settings.draw, seeding.TRAIN)
    return {
        "train": rankings(messages, late, seen=None, negatives=count, drawn=settings.drawn, seed=drawn),
        "validation": rankings(messages, parts.validation, seen=seen, negatives=count, seed=0),
        "test": rankings(messages, parts.test, seen=seen, negatives=count, seed=1),
    }


def prepare(messages: Messages, parts: Parts, known: Known, settings: Settings) -> Prepared:
    """Draw the candidates of all parts, and compute their features."""
    ranking, read = draw_candidates(messages, parts, settings), PairFeatures(messages, known)
    return Prepared(messages, known, ranking, {part: read(of) for part, of in ranking.items()})


class Part(NamedTuple):
    """Candidates of one part in one list, M of them, without those that only fill a row up."""

    exists: Tensor  #: where they stand, (K, 1 + n) of ``bool``
    features: Tensor  #: (M, P)
    ends: Tensor  #: the rows of source and candidate in the graph, (2, M)
    graph: SpaceTimeGraph | None

    def scores(self, model: PairIntensity) -> Tensor:
        """Return the scores of a model, (K, 1 + n), and -∞ where there is no candidate."""
        found = model(self.features, self.ends, model.states(self.graph))
        scores: Tensor = found.new_full(self.exists.shape, -torch.inf).masked_scatter(self.exists, found)
        return scores


def part_of(prepared: Prepared, part: str, columns: list[int], graph: SpaceTimeGraph | None) -> Part:
    """Return a part for a model that reads these columns and, unless it is ``None``, this graph."""
    ranking = prepared.ranking[part]
    exists = ranking.log_weight.isfinite()
    ends = torch.zeros(2, int(exists.sum()), dtype=torch.long)
    if graph is not None:
        latest = latest_rows(graph, int(ranking.snapshot.max()) + 1, prepared.messages.num_nodes)
        snapshot, source = (of[:, None].expand(exists.shape)[exists] for of in (ranking.snapshot, ranking.source))
        ends = torch.stack([latest[snapshot, source], latest[snapshot, ranking.candidates[exists]]])
    return Part(exists, prepared.features[part][exists][:, columns], ends, graph)


def train(prepared: Prepared, settings: Settings, seed: int, *, without: Sequence[str] = ()) -> dict[str, Any]:
    """Train one model on all parts of the features and the graph, except those of ``without``, and return its scores.

    Args:
        prepared: the rankings.
        settings: the training.
        seed: of the weights and of the nodes' signatures; without the graph nothing is random.
        without: parts of the features, and "graph".
    """
    began = time.perf_counter()
    columns, reads = columns_without([part for part in without if part != "graph"]), "graph" not in without
    parts = {
        name: part_of(prepared, name, columns, _graph(prepared, name, settings, seed) if reads else None)
        for name in ("train", "validation", "test")
    }
    log_weight = prepared.ranking["train"].log_weight
    with seeding.forked(seed, seeding.BUILD):
        means = feature_means(prepared.features["train"], log_weight, columns)
        channels = settings.graph_channels if reads else None
        model = PairIntensity(means, graph_channels=channels, signature=settings.signature)
    best = _fit(model, parts, log_weight, settings)
    with torch.no_grad():
        ranks = reciprocal_ranks(parts["test"].scores(model))
    record = {"known": prepared.known, "without": list(without), "seed": seed, **best, "test": float(ranks.mean())}
    record["error"] = float(ranks.std()) / len(ranks) ** 0.5
    by_kind = _by_kind(ranks, prepared.features["test"])
    return {**record, "kinds": by_kind, "seconds": time.perf_counter() - began}


def _by_kind(ranks: Tensor, features: Tensor) -> dict[str, dict[str, float]]:
    """Return the number of pairs of each kind that occurs, and their mean reciprocal rank."""
    kind = kinds(features)
    chosen = {name: ranks[kind == number] for number, name in enumerate(KINDS)}
    return {name: {"pairs": len(of), "mean": float(of.mean())} for name, of in chosen.items() if len(of)}


def _graph(prepared: Prepared, part: str, settings: Settings, seed: int) -> SpaceTimeGraph:
    """Return the snapshots before the last of a part, with the signatures of this seed."""
    before = prepared.messages.until(int(prepared.ranking[part].snapshot.max()))
    return read_graph(before, settings.signature, seeding.derive(seed, seeding.TRAIN))


def _fit(model: PairIntensity, parts: dict[str, Part], log_weight: Tensor, settings: Settings) -> dict[str, Any]:
    """Train on all training pairs at once, and leave the weights that are best on the validation part."""
    optimizer = _optimizer(model, settings)
    best: dict[str, Any] = {"validation": -1.0}
    weights = copy.deepcopy(model.state_dict())
    for step in range(1, settings.steps + 1):
        optimizer.zero_grad()
        ranking_loss(parts["train"].scores(model), log_weight).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % settings.every == 0:
            with torch.no_grad():
                validation = float(reciprocal_ranks(parts["validation"].scores(model)).mean())
            if validation > best["validation"]:
                best = {"validation": validation, "step": step}
                weights = copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)
    return best


def _optimizer(model: PairIntensity, settings: Settings) -> torch.optim.Optimizer:
    own = [model.weight, model.floor]
    groups = [{"params": own, "lr": settings.lr, "weight_decay": 0.0}]
    others = [weight for name, weight in model.named_parameters() if name not in ("weight", "floor")]
    if others:
        groups.append({"params": others, "lr": settings.graph_lr, "weight_decay": settings.weight_decay})
    return torch.optim.AdamW(groups)


def baseline_scores(prepared: Prepared) -> list[dict[str, Any]]:
    """Return the scores of the rules that learn nothing, by kind of pair."""
    lines = []
    validation = floors(prepared.features["validation"])
    for name, scores in floors(prepared.features["test"]).items():
        ranks = reciprocal_ranks(scores)
        line = {"rule": name, "known": prepared.known, "validation": float(reciprocal_ranks(validation[name]).mean())}
        by_kind = _by_kind(ranks, prepared.features["test"])
        lines.append({**line, "test": float(ranks.mean()), "kinds": by_kind})
    return lines
