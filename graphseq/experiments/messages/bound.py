"""A bound of what the weeks before tell of the next: boosted trees on wide features, and what knowing a kind adds."""

from __future__ import annotations

import time
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from graphseq.experiments.messages.boosting import BoostedRanking, Boosting
from graphseq.experiments.messages.features import KINDS, reciprocal_ranks
from graphseq.experiments.messages.protocol import Messages, Parts, Ranking
from graphseq.experiments.messages.run import Settings, draw_candidates
from graphseq.experiments.messages.wide import NEVER, Week, WideFeatures


class Lists(NamedTuple):
    """Candidates of one part with their wide features, M of them in all."""

    ranking: Ranking
    features: Tensor  #: of those that exist, (M, P)
    kind: Tensor  #: of each, an index of KINDS, (K, 1 + n)

    @property
    def exists(self) -> Tensor:
        """The places that hold a candidate, (K, 1 + n) of ``bool``."""
        return self.ranking.log_weight.isfinite()


class Bound(NamedTuple):
    """Lists of each part, and what their columns are."""

    lists: dict[str, Lists]
    names: list[tuple[str, str]]  #: group and name of each column


def prepare_bound(messages: Messages, parts: Parts, known: Literal["weeks", "times"], settings: Settings) -> Bound:
    """Draw the candidates of all parts as for the ranking model, and compute their wide features."""
    ranking = draw_candidates(messages, parts, settings)
    wide, names = WideFeatures(messages, known), []
    lists = {}
    for part, of in ranking.items():
        features, kind = [], torch.full(of.candidates.shape, len(KINDS) - 1)
        for snapshot in of.snapshot.unique().tolist():
            rows = of.snapshot == snapshot
            week = wide.week(snapshot, of.source[rows].unique())
            exists = of.log_weight[rows].isfinite()
            source = of.source[rows][:, None].expand(exists.shape)
            names = week.names()
            features.append(week.rows(source[exists], of.candidates[rows][exists]))
            kind[rows] = _kind(week, source, of.candidates[rows])
        lists[part] = Lists(of, torch.cat(features), kind)
    return Bound(lists, names)


def _kind(week: Week, source: Tensor, candidate: Tensor) -> Tensor:
    row = torch.searchsorted(week.sources, source.contiguous())
    there, back = (week.pair["pair"][name][row, candidate] < NEVER for name in ("last", "last back"))
    return torch.where(there, 0, torch.where(back, 1, 2))


def _table(lists: Lists, scores: Tensor) -> Tensor:
    """Return scores (M,) as (K, 1 + n), -∞ where there is no candidate."""
    exists = lists.exists
    return torch.full(exists.shape, -torch.inf, dtype=scores.dtype).masked_scatter(exists, scores)


class Fitted(NamedTuple):
    """Scores of a boosting with as many trees as are best on the validation part."""

    trees: int
    validation: Tensor  #: (K, 1 + n)
    test: Tensor  #: (K', 1 + n)


def fit_boosting(
    train: Lists, validation: Lists, test: Lists, columns: Tensor, boosting: Boosting, seed: int
) -> Fitted:
    """Fit to the training part, and return the scores with as many trees as are best on the validation part."""
    model = BoostedRanking(boosting, seed).fit(train.features[:, columns], train.ranking.log_weight)
    staged = zip(
        model.staged_scores(validation.features[:, columns]),
        model.staged_scores(test.features[:, columns]),
        strict=True,
    )
    best, score = Fitted(0, torch.empty(0), torch.empty(0)), -1.0
    for step, (seen, unseen) in enumerate(staged, 1):
        table = _table(validation, seen)
        reached = float(reciprocal_ranks(table).mean())
        if reached > score:
            best, score = Fitted(step * boosting.checked, table, _table(test, unseen)), reached
    return best


def told_the_kind(scores: Tensor, kind: Tensor) -> Tensor:
    """Return the scores with -∞ for candidates of another kind than the one that is written to."""
    return scores.where(kind == kind[:, :1], -torch.inf)


def boosted(bound: Bound, known: str, boosting: Boosting, seed: int, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the scores of the boosted trees without some groups of features, as they are and told the kind."""
    began = time.perf_counter()
    lists, columns = bound.lists, _columns(bound.names, without)
    fitted = fit_boosting(lists["train"], lists["validation"], lists["test"], columns, boosting, seed)
    record: dict[str, Any] = {"learner": "boosted trees", "known": known, "without": list(without), "seed": seed}
    record |= {"trees": fitted.trees, "features": len(columns), "pairs learned from": len(lists["train"].kind)}
    for part, scores in (("validation", fitted.validation), ("test", fitted.test)):
        kind = lists[part].kind
        record[part] = summary(reciprocal_ranks(scores), kind[:, 0])
        record[f"{part}, told the kind"] = summary(reciprocal_ranks(told_the_kind(scores, kind)), kind[:, 0])
    return {**record, "seconds": time.perf_counter() - began}


def _columns(names: list[tuple[str, str]], without: tuple[str, ...]) -> Tensor:
    """Return the columns of all groups except these.

    Raises:
        ValueError: no such group.
    """
    groups = list(dict.fromkeys(group for group, _ in names))
    if unknown := [group for group in without if group not in groups]:
        raise ValueError(f"without must be among {', '.join(groups)}, got {unknown[0]!r}")
    return torch.tensor([column for column, (group, _) in enumerate(names) if group not in without])


def summary(ranks: Tensor, kind: Tensor) -> dict[str, Any]:
    """Return the mean of reciprocal ranks, its standard error over pairs, and the mean of each kind that occurs."""
    chosen = {name: ranks[kind == number] for number, name in enumerate(KINDS)}
    return {
        "mean": float(ranks.mean()),
        "error": float(ranks.std()) / len(ranks) ** 0.5,
        "kinds": {name: {"pairs": len(of), "mean": float(of.mean())} for name, of in chosen.items() if len(of)},
    }
