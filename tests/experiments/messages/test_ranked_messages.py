"""Ranking of who is written to: memory against sums by hand, candidates of the protocol, and no look ahead."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import torch

from graphseq.experiments.messages.features import (
    NUM_FEATURES,
    PARTS,
    PairFeatures,
    columns_without,
    floors,
    kinds,
    reciprocal_ranks,
)
from graphseq.experiments.messages.memory import EventMemory
from graphseq.experiments.messages.model import PairIntensity, latest_rows, ranking_loss, read_graph
from graphseq.experiments.messages.protocol import (
    Messages,
    Parts,
    Ranking,
    published_parts,
    rankings,
    read_messages,
    seen_before,
)
from graphseq.experiments.messages.run import Settings, baseline_scores, part_of, prepare, train

NODES, WEEKS = 12, 9
SETTINGS = Settings(negatives=4, drawn=3, first_snapshot=2, steps=4, every=2, graph_channels=3, signature=2)
PARTS_OF = Parts(range(5), range(5, 7), range(7, WEEKS))


def messages(seed: int = 0, count: int = 150) -> Messages:
    generator = torch.Generator().manual_seed(seed)
    time = (torch.rand(count, generator=generator, dtype=torch.float64) * (WEEKS - 1)).sort().values
    source = torch.randint(NODES, (count,), generator=generator)
    target = (source + torch.randint(1, 4, (count,), generator=generator)) % NODES
    return Messages(source, target, time - time[0], NODES)


def test_memory_is_the_sum_over_earlier_events_written_out() -> None:
    generator = torch.Generator().manual_seed(1)
    key, time = torch.randint(5, (60,), generator=generator), torch.rand(60, generator=generator, dtype=torch.float64)
    half_lives = torch.tensor([0.1, 1.0])
    memory = EventMemory(key, time, half_lives)
    asked = torch.arange(7).repeat(3)
    moment = torch.tensor([0.3, 0.8, 2.0], dtype=torch.float64).repeat_interleave(7)
    moment[0] = time[key == 0][0]  # an event at the moment itself does not count
    for number, (one, at) in enumerate(zip(asked.tolist(), moment.tolist(), strict=True)):
        earlier = time[(key == one) & (time < at)]
        expected = torch.exp2(-(at - earlier)[:, None] / half_lives).sum(0)
        counts, age = memory.counts(asked, moment)[number], memory.age(asked, moment)[number]
        torch.testing.assert_close(counts, expected.float(), rtol=1e-5, atol=1e-7)
        assert float(age) == pytest.approx(float(at - earlier.max()) if len(earlier) else float("inf"))


def test_reciprocal_ranks_of_ties_are_those_of_the_mean_rank() -> None:
    scores = torch.tensor([[3.0, 1.0, 2.0, 0.0], [0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 0.0]])
    assert reciprocal_ranks(scores).tolist() == [1.0, 0.25, 0.5]


def test_candidates_are_as_published_old_ones_at_most_half_and_no_one_twice() -> None:
    sent, parts = messages(), PARTS_OF
    seen = seen_before(sent, parts.validation.start)
    ranking = rankings(sent, parts.test, seen=seen, negatives=5, seed=0)
    assert ranking.candidates.shape == (len(ranking.source), 6)
    assert bool((ranking.log_weight == 0).all())
    of_test = sent.pairs[:, sent.pairs[0] >= parts.test.start]
    assert torch.equal(torch.stack([ranking.snapshot, ranking.source, ranking.candidates[:, 0]]), of_test)
    for week, source, candidates in zip(ranking.snapshot, ranking.source, ranking.candidates, strict=True):
        now = set(of_test[2, (of_test[0] == week) & (of_test[1] == source)].tolist())
        others = candidates[1:].tolist()
        old = set(seen[source].nonzero()[:, 0].tolist()) - now
        assert len(set(others)) == 5
        assert not set(others) & (now | {int(source)})
        assert len(old & set(others)) == min(2, len(old))


def test_weights_stand_for_the_candidates_that_training_leaves_out() -> None:
    sent = messages()
    ranking = rankings(sent, range(3, 5), seen=None, negatives=8, drawn=2, seed=0)
    assert ranking.log_weight.exp()[:, 1:].sum(1).tolist() == pytest.approx([8.0] * len(ranking.source))


def test_more_candidates_than_nodes_are_refused_by_name() -> None:
    sent = messages()
    with pytest.raises(ValueError, match="negatives=50 candidates were asked for"):
        rankings(sent, PARTS_OF.test, seen=seen_before(sent, 5), negatives=50, seed=0)


def test_the_published_split_of_29_weeks_trains_on_21_and_tests_on_4() -> None:
    assert published_parts(29) == Parts(range(21), range(21, 25), range(25, 29))


@pytest.mark.parametrize("known", ["weeks", "times", "stream"])
def test_features_do_not_change_with_later_messages(known: str) -> None:
    sent, week = messages(), 6
    ranking = rankings(sent, range(week, week + 1), seen=seen_before(sent, 5), negatives=4, seed=0)
    expected = PairFeatures(sent, known)(ranking)
    kept = sent.snapshot < week
    if known == "stream":  # also messages of the week, but for the earliest pair none before its own
        ranking, rows = ranking.take(ranking.first.argmin()[None]), ranking.first.argmin()[None]
        expected = expected[rows]
    other = Messages(
        torch.cat([sent.source[kept], sent.target[~kept]]),
        torch.cat([sent.target[kept], sent.source[~kept]]),
        sent.time,
        NODES,
    )
    assert torch.equal(PairFeatures(other, known)(ranking), expected)
    assert bool((expected >= 0).all())


def test_a_stream_knows_the_messages_of_the_same_week_and_snapshots_do_not() -> None:
    sent = Messages(
        torch.tensor([0, 1, 2, 0]), torch.tensor([1, 0, 0, 1]), torch.tensor([0.0, 1.2, 1.4, 1.6]).double(), 4
    )
    ranking = rankings(sent, range(2, 3), seen=seen_before(sent, 1), negatives=1, seed=0)
    writes = ranking.take((ranking.source == 0).nonzero()[:, 0])
    answered = PARTS["reply"].start + 8  # the mark of a message back
    assert float(PairFeatures(sent, "stream")(writes)[0, 0, answered]) == 1
    assert float(PairFeatures(sent, "weeks")(writes)[0, 0, answered]) == 0
    assert float(PairFeatures(sent, "times")(writes)[0, 0, answered]) == 0
    assert kinds(PairFeatures(sent, "weeks")(writes)).tolist() == [0]


def test_parts_cover_all_features_once() -> None:
    assert columns_without([]) == list(range(NUM_FEATURES))
    assert set(columns_without(["reply"])) == set(range(NUM_FEATURES)) - set(PARTS["reply"])
    with pytest.raises(ValueError, match="parts must be among pair memory, reply, popularity, got 'memory'"):
        columns_without(["memory"])


def test_the_loss_is_that_of_all_candidates_where_weights_stand_for_them() -> None:
    scores, weight = torch.tensor([[1.0, 0.0, -1.0]]), torch.tensor([[0.0, 0.0, 2.0]])
    odds = torch.tensor([1.0, 0.0, -1.0]).exp() * torch.tensor([1.0, 1.0, torch.e**2])
    assert float(ranking_loss(scores, weight)) == pytest.approx(float(-(odds[0] / odds.sum()).log()))


def test_states_are_those_of_the_last_row_before_the_snapshot() -> None:
    graph = read_graph(messages(), signature=2, seed=0)
    latest = latest_rows(graph, WEEKS, NODES)
    for week in range(WEEKS):
        for node in range(NODES):
            rows = ((graph.node == node) & (graph.time < week)).nonzero()[:, 0]
            expected = int(rows[graph.time[rows].argmax()]) if len(rows) else graph.num_rows
            assert int(latest[week, node]) == expected


def test_a_training_is_the_same_twice_and_leaves_parts_out() -> None:
    whole = prepare(messages(), PARTS_OF, "weeks", SETTINGS)
    first, second = (train(whole, SETTINGS, 3) for _ in range(2))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}
    assert 0 < first["test"] <= 1
    assert part_of(whole, "test", columns_without(["reply"]), None).features.shape[1] == NUM_FEATURES - len(
        PARTS["reply"]
    )
    assert train(whole, SETTINGS, 3, without=["graph"])["without"] == ["graph"]
    assert {line["rule"] for line in baseline_scores(whole)} == set(floors(torch.zeros(1, 2, NUM_FEATURES)))


def test_states_before_a_snapshot_do_not_change_with_later_messages() -> None:
    sent, week = messages(), 6
    torch.manual_seed(0)
    model = PairIntensity(torch.ones(1), graph_channels=3, signature=2)
    found = []
    for read in (sent, sent.until(week)):
        graph = read_graph(read, 2, seed=0)
        found.append(model.states(graph)[latest_rows(graph, week + 1, NODES)[week]])
    torch.testing.assert_close(*found, rtol=0, atol=1e-6)  # products of fewer rows may be rounded otherwise


def test_messages_are_read_with_their_times(tmp_path: Path) -> None:
    path = tmp_path / "sent.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("Source,Target,Timestamp\n7,9,4/22/04 2:56 PM\n9,7,4/15/04 2:56 PM\n7,8,4/22/04 2:57 PM\n")
    sent = read_messages(path)
    assert (sent.source.tolist(), sent.target.tolist()) == ([2, 0, 0], [0, 2, 1])
    assert (sent.snapshot.tolist(), sent.num_nodes) == ([0, 1, 2], 3)
    assert isinstance(rankings(sent, range(1, 2), seen=None, negatives=1, drawn=1, seed=0), Ranking)
