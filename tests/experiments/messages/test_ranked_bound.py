"""The bound of the ranking: derivatives against autograd, wide features by hand, kinds told, and moved details."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphseq.experiments.messages.boosting import BoostedRanking, Boosting, derivatives
from graphseq.experiments.messages.bound import boosted, prepare_bound, summary, told_the_kind
from graphseq.experiments.messages.features import PairFeatures, floors, reciprocal_ranks
from graphseq.experiments.messages.protocol import Messages, Parts, rankings, seen_before
from graphseq.experiments.messages.run import Settings
from graphseq.experiments.messages.variants import VARIANTS, varied
from graphseq.experiments.messages.wide import NEVER, WideFeatures

PARTS = Parts(range(5), range(5, 7), range(7, 9))


def messages(seed: int = 0, count: int = 150, nodes: int = 12) -> Messages:
    generator = torch.Generator().manual_seed(seed)
    time = (torch.rand(count, generator=generator, dtype=torch.float64) * 8).sort().values
    source = torch.randint(nodes, (count,), generator=generator)
    target = (source + torch.randint(1, 4, (count,), generator=generator)) % nodes
    return Messages(source, target, time - time[0], nodes)


def sent(*rows: tuple[float, int, int], nodes: int = 4) -> Messages:
    time, source, target = zip(*rows, strict=True)
    return Messages(torch.tensor(source), torch.tensor(target), torch.tensor(time, dtype=torch.float64), nodes)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_derivatives_are_those_of_the_objective(power: float) -> None:
    scores = torch.tensor([[0.3, 0.1, -1.0], [0.0, 2.0, 9.0]], dtype=torch.float64, requires_grad=True)
    weight = torch.tensor([[0.0, 1.0, 0.5], [0.0, 0.0, -math.inf]], dtype=torch.float64)
    objective = (torch.softmax(scores + weight, dim=1)[:, 0] ** power).sum() / power
    (expected,) = torch.autograd.grad(objective, scores)
    gradient, curvature = derivatives(scores.detach(), weight, power)
    torch.testing.assert_close(gradient, expected)
    assert float(curvature[1, 2]) == 0  # a place without a candidate
    assert bool((curvature >= 0).all())


def test_features_of_a_week_are_those_written_out() -> None:
    # weeks 1 and 2: 0 writes to 1 in both and twice in the second, 1 answers, 2 writes to 1
    read = sent((0.0, 3, 2), (0.5, 0, 1), (1.25, 0, 1), (1.5, 0, 1), (1.75, 1, 0), (1.875, 2, 1))
    week = WideFeatures(read, "times").week(3, torch.tensor([0, 1, 3]))
    pair, times, hops, node = week.pair["pair"], week.pair["times"], week.pair["two hops"], week.node
    assert float(pair["count 1"][0, 1]) == 1.5  # this past week, and half for the week before
    assert [float(pair[name][0, 1]) for name in ("last", "first", "weeks", "share 1")] == [1.0, 2.0, 2.0, 1.0]
    assert [float(pair[f"{name} back"][0, 1]) for name in ("last", "first", "weeks")] == [1.0, 1.0, 1.0]
    assert float(pair["last"][0, 2]) == NEVER
    assert [float(times[name][0, 1]) for name in ("messages", "age", "age back", "turn")] == [3.0, 0.5, 0.25, 1.0]
    assert float(times["recent messages"][0, 1]) == pytest.approx(2**-0.75 + 2**-0.375 + 2**-0.25)
    assert times["place by age"][1].tolist() == [1.0, 1000.0, 0.0, 1000.0]  # 2 wrote after 1 had answered 0
    assert float(hops["common"][0, 2]) == 1  # through 1
    assert float(hops["jaccard"][0, 2]) == 0.5  # of 1 and 3
    assert [float(node[name][1]) for name in ("received, 1 back", "new received 1", "answers sent 1")] == [
        2.0,
        1.5,
        1.0,
    ]
    assert [float(node[name][3]) for name in ("last sent", "last received", "age")] == [3.0, NEVER, 3.0]
    assert float(node["place by popularity"][1]) == 0
    rows = week.rows(torch.tensor([0, 3]), torch.tensor([1, 2]))
    names = [name for _, name in week.names()]
    assert rows.shape == (2, len(names))
    assert rows[:, names.index("last")].tolist() == [1.0, 3.0]
    with pytest.raises(ValueError, match="snapshot must have two before it, got 1"):
        WideFeatures(read, "weeks").week(1, torch.tensor([0]))


@pytest.mark.parametrize("known", ["weeks", "times"])
def test_wide_features_do_not_change_with_later_messages(known: str) -> None:
    read, week = messages(), 6
    kept = read.snapshot < week
    other = Messages(
        torch.cat([read.source[kept], read.target[~kept]]),
        torch.cat([read.target[kept], read.source[~kept]]),
        read.time,
        read.num_nodes,
    )
    ends = torch.arange(12).repeat_interleave(12), torch.arange(12).repeat(12)
    found = [WideFeatures(one, known).week(week, torch.arange(12)).rows(*ends) for one in (read, other)]
    assert torch.equal(*found)


def test_weeks_know_no_times_and_no_counts_of_messages() -> None:
    read = messages()
    early = Messages(*(torch.cat([of, of[:60]]) for of in (read.source, read.target, read.time.ceil())), 12)
    ends = torch.arange(12).repeat_interleave(12), torch.arange(12).repeat(12)
    found = [WideFeatures(one, "weeks").week(6, torch.arange(12)).rows(*ends) for one in (read, early)]
    assert torch.equal(*found)


def test_told_the_kind_a_pair_is_ranked_among_its_own_kind() -> None:
    scores, kind = torch.tensor([[1.0, 3.0, 2.0, 0.0]]), torch.tensor([[2, 0, 2, 2]])
    assert reciprocal_ranks(scores).tolist() == pytest.approx([1 / 3])
    assert reciprocal_ranks(told_the_kind(scores, kind)).tolist() == [0.5]


def test_summaries_name_the_kinds_that_occur() -> None:
    found = summary(torch.tensor([1.0, 0.5, 0.25]), torch.tensor([0, 0, 2]))
    assert found["kinds"] == {"written before": {"pairs": 2, "mean": 0.75}, "neither": {"pairs": 1, "mean": 0.25}}
    assert found["mean"] == pytest.approx(7 / 12)


def test_candidates_come_from_the_pool_and_the_source_where_it_may() -> None:
    read = messages()
    none, pool = torch.zeros(12, 12, dtype=torch.bool), torch.zeros(12, dtype=torch.bool)
    pool[:8] = True
    ranking = rankings(read, PARTS.test, seen=none, negatives=4, seed=0, pool=pool)
    assert int(ranking.candidates[:, 1:].max()) < 8
    whole = rankings(read, range(8, 9), seen=none, negatives=8, seed=0, itself=True)
    itself = (whole.candidates[:, 1:] == whole.source[:, None]).sum(1)
    assert itself.tolist() != [0] * len(itself)
    assert not bool((whole.candidates[:, 1:] == whole.candidates[:, :1]).any())


def test_a_variant_moves_one_detail() -> None:
    read = messages()
    plain = rankings(read, PARTS.test, seen=seen_before(read, 5), negatives=4, seed=3)
    ranks = reciprocal_ranks(floors(PairFeatures(read, "weeks")(plain))["recency and reply"])
    found = varied(read, PARTS, "as published", 4, 3)
    assert found["test"]["recency and reply"] == pytest.approx(float(ranks.mean()))
    assert found["pairs"] == len(ranks)
    several = varied(read, PARTS, "mean over messages", 4, 3)["test"]["recency and reply"]
    number = [
        int(((read.snapshot == week) & (read.source == source) & (read.target == target)).sum())
        for week, source, target in zip(plain.snapshot, plain.source, plain.candidates[:, 0], strict=True)
    ]
    weight = torch.tensor(number).double()
    assert several == pytest.approx(float((ranks * weight).sum() / weight.sum()))
    for name in set(VARIANTS) - {"no candidates of before"}:
        assert 0 < varied(read, PARTS, name, 4, 3)["test"]["recency and reply"] <= 1


def toy() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(200, 6, 3, generator=generator)
    features[:, 0, 1] += 1  # the right one has the greatest second feature
    return features.flatten(0, 1), torch.zeros(200, 6)


def test_boosted_trees_rank_what_a_feature_tells() -> None:
    pytest.importorskip("lightgbm")
    features, weight = toy()
    model = BoostedRanking(Boosting(trees=40, rows_of_a_leaf=5), seed=0).fit(features, weight)
    stages = [reciprocal_ranks(scores.view(200, 6)).tolist() for scores in model.staged_scores(features)]
    assert stages == [[1.0] * 200] * 2


def test_a_bound_is_read_from_the_lists_of_the_ranking() -> None:
    pytest.importorskip("lightgbm")
    settings = Settings(negatives=4, drawn=3, first_snapshot=2)
    bound = prepare_bound(messages(), PARTS, "weeks", settings)
    few = Boosting(trees=4, checked=2, rows_of_a_leaf=2)
    found = boosted(bound, "weeks", few, 0, ("two hops",))
    assert found["test"]["mean"] <= found["test, told the kind"]["mean"]
    with pytest.raises(ValueError, match="without must be among pair, two hops, candidate, source, got 'hops'"):
        boosted(bound, "weeks", few, 0, ("hops",))
