"""Links to come: pairs and what is known of them against dictionaries, and how pairs without an edge are drawn."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial

import networkx as nx
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from randomgraphs import draw, join
from recorded import EVENTS, KEYS, MAIL, SETTINGS, Record, drawn, pairs_of, same

import graphseq as gs
from graphseq.tasks import LinkPrediction
from graphseq.tasks._needed import farthest_relevant


@given(**SETTINGS, fresh=st.booleans())
def test_pairs_are_all_edges_to_come_and_others_that_have_none(
    seed: int, lags: int, horizon: int, negatives: int, sampling: str, fresh: bool
) -> None:
    record, task = drawn(seed, lags, horizon, negatives=negatives, sampling=sampling)
    assert len(task) == len(record.askable(lags, horizon))
    for last in record.askable(lags, horizon):
        one = task.between(last + horizon, last + horizon)
        graph = one.batch(1, torch.Generator().manual_seed(seed)) if fresh else one.windows(torch.arange(1))
        assert set(graph.time[graph.edge_label_index].flatten().tolist()) == {lags - 1}
        asked, others = record.positives(last, horizon), pairs_of(graph, 0, 5, 0)
        assert sorted(pairs_of(graph, 0, 5, 1)) == sorted(asked)
        seen = record.seen(last, horizon) if sampling == "historical" else set()
        if seen:
            assert set(others) <= seen
            assert len(others) == negatives * len(asked)
        else:
            wanted = Counter(j for j, _ in asked if record.others_of(j, last, horizon))
            assert Counter(j for j, _ in others) == {j: negatives * count for j, count in wanted.items()}
            assert all(pair in record.others_of(pair[0], last, horizon) for pair in others)


@given(**SETTINGS)
def test_features_of_pairs_are_those_counted_by_hand(
    seed: int, lags: int, horizon: int, negatives: int, sampling: str
) -> None:
    record, task = drawn(seed, lags, horizon, negatives=negatives, sampling=sampling)
    graph = task.windows(torch.arange(len(task)))
    expected = [
        record.features(pair, last)
        for number, last in enumerate(record.askable(lags, horizon))
        for pair in pairs_of(graph, number, 5)
    ]
    torch.testing.assert_close(graph.pair_features, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)


def test_a_window_written_out() -> None:
    """At time 4, 0 writes to 1: they last met at 0, twice one way and once back. 3 and 4 met at 3."""
    task = LinkPrediction(MAIL, lags=2, sampling="historical", negatives=50)
    graph = task.windows(torch.tensor([1]))
    assert task.answer_times(torch.arange(3)).tolist() == [2, 4, 5]
    assert pairs_of(graph, 0, 5, 1) == [(0, 1)]
    assert set(pairs_of(graph, 0, 5, 0)) == {(1, 0), (1, 2), (0, 2), (2, 0), (3, 4)}
    log2, log3 = 0.69314718, 1.09861229
    told = dict(zip(pairs_of(graph, 0, 5), graph.pair_features.tolist(), strict=True))
    assert told[0, 1] == pytest.approx([log3, 1 / 4, log2, 1 / 4])
    assert told[1, 2] == pytest.approx([log2, 1 / 3, 0, 0])
    assert told[3, 4] == pytest.approx([log2, 1, 0, 0])


def test_an_edge_of_one_who_is_not_there_yet_or_with_oneself_is_not_asked() -> None:
    graph = gs.SpaceTimeGraph(
        torch.zeros(6, 1),
        torch.tensor([0, 1, 0, 1, 2, 0]),
        torch.tensor([0, 0, 1, 1, 1, 2]),
        torch.tensor([[2, 2, 3, 3, 3], [4, 2, 2, 3, 2]]),
    )
    window = LinkPrediction(graph, lags=1).windows(torch.tensor([0]))
    assert (window.edge_label_index.tolist(), window.y.tolist()) == ([[1], [0]], [1])


def test_an_edge_of_weight_zero_is_none() -> None:
    """0 to 1 has weight 0 at both times, 0 to 2 at the first: no answer, no meeting, no pair seen before."""
    edges = torch.tensor([[0, 0, 1, 3, 3], [1, 2, 0, 4, 5]])
    graph = gs.SpaceTimeGraph(
        torch.zeros(6, 1),
        torch.arange(3).repeat(2),
        torch.tensor([0, 0, 0, 1, 1, 1]),
        edges,
        torch.tensor([0.0, 0.0, 1.0, 0.0, 2.0]),
    )
    window = LinkPrediction(graph, lags=1, sampling="historical").windows(torch.tensor([0]))
    assert pairs_of(window, 0, 3) == [(0, 2), (1, 0)]
    assert window.y.tolist() == [1, 0]
    assert window.pair_features[0].tolist() == [0, 0, 0, 0]
    assert window.pair_features[1].tolist() == pytest.approx([0.69314718, 1, 0, 0])


@given(**SETTINGS)
def test_nothing_that_comes_after_the_answers_changes_anything(
    seed: int, lags: int, horizon: int, negatives: int, sampling: str
) -> None:
    graph, until = draw(seed, nodes=5, times=9, directed=True), 6
    assume(any(t + horizon <= until for t in Record.of(graph).askable(lags, horizon)))
    early = graph.time <= graph.topology.times[until]
    luck = torch.rand(graph.edge_index.shape[1], generator=torch.Generator().manual_seed(seed))
    index = graph.edge_index[:, early[graph.edge_index[0]] | (luck < 0.5)]
    other = gs.SpaceTimeGraph(torch.where(early[:, None], graph.x, 99.0), graph.node, graph.time, index)
    build = partial(LinkPrediction, lags=lags, horizon=horizon, negatives=negatives, sampling=sampling, last=until)
    one, two = (build(each).batch(6, torch.Generator().manual_seed(seed)) for each in (graph, other))
    assert same(one, two)


@given(**SETTINGS)
def test_windows_are_the_same_alone_together_and_again(
    seed: int, lags: int, horizon: int, negatives: int, sampling: str
) -> None:
    _, task = drawn(seed, lags, horizon, negatives=negatives, sampling=sampling)
    numbers = torch.randperm(len(task), generator=torch.Generator().manual_seed(seed))
    whole = task.windows(numbers)
    task.batch(3, torch.Generator().manual_seed(1))
    assert same(whole, task.windows(numbers))
    alone = [task.windows(number[None]) for number in numbers]
    joined = join(alone)
    for key in set(KEYS) - {"node"}:  # PyG numbers on from the last node that is there
        assert torch.equal(whole[key], joined[key])
    assert torch.equal(task.asked(whole)[1], torch.cat([task.asked(one)[1] for one in alone]))


@pytest.mark.parametrize("sampling", ["random", "historical"])
def test_a_recording_whose_edges_stay_asks_for_all_of_them_each_time(sampling: str) -> None:
    graph = gs.from_signal(torch.zeros(5, 4, 1), torch.tensor([[0, 1, 2], [1, 2, 0]]))
    task = LinkPrediction(graph, lags=2, sampling=sampling)
    window = task.windows(torch.arange(len(task)))
    assert window.edge_label_index[:, window.y == 1].t().tolist() == [
        [8 * number + 4 + j, 8 * number + 4 + i] for number in range(3) for j, i in ((0, 1), (1, 2), (2, 0))
    ]
    assert window.static_edge_index.shape[1] == 3 * 3
    assert int((window.y == 0).sum()) == 9  # of pairs seen before none is free: such as in "random"


def test_what_the_others_of_a_task_say() -> None:
    task = LinkPrediction(MAIL, lags=2)
    graph = task.windows(torch.arange(len(task)))
    window, node = task.asked(graph)
    assert node.tolist() == [list(pair) for number in range(3) for pair in pairs_of(graph, number, 5)]
    assert torch.equal(window, graph.batch[graph.edge_label_index[0]])
    assert (task.hops, task.out_channels, task.in_channels, task.causal) == (1, 2, 2, False)
    for marks, rows in zip(task.relevant_nodes(graph), graph.edge_label_index.t(), strict=True):
        own = {int(node) for node in graph.node[rows]}
        assert marks.tolist() == [int(node) in own for node in graph.node]
    moved = graph.to("cpu")
    assert moved.topology is graph.topology


def test_config_tells_tasks_apart_and_can_be_written() -> None:
    tasks = [LinkPrediction(MAIL, lags=1), LinkPrediction(MAIL, lags=2), LinkPrediction(MAIL, lags=1, negatives=2)]
    tasks += [LinkPrediction(MAIL, lags=1, sampling="historical"), LinkPrediction(MAIL, lags=1, seed=1)]
    configs = [json.dumps(task.config) for task in [*tasks, LinkPrediction(MAIL, lags=1, last=4)]]
    assert len(set(configs)) == 6
    assert json.dumps(LinkPrediction(MAIL, lags=1).config) == configs[0]


def test_a_model_of_pairs_is_trained_and_judged_window_by_window() -> None:
    """Whoever wrote at one time writes again at the next: to know who wrote is to know all."""
    rows = torch.tensor([[t % 2, 2 + t % 2] for t in range(40)]).repeat_interleave(1, dim=0)
    table = torch.cat([rows, torch.arange(40)[:, None]], dim=1).float()
    task = LinkPrediction(gs.from_events(table, window=1), lags=2)
    torch.manual_seed(0)
    head = partial(gs.nn.PairHead, pair_channels=4, mlp_channels=8)
    model = gs.nn.Model(gs.nn.GCNLSTM(2, 4), 2, head=head)
    gs.fit(model, task, steps=60, batch_size=8, optimizer="Adam", lr=0.03, stop_threshold=None)
    assert gs.evaluate(model, task, samples=40).score == 1.0


def test_windows_and_not_pairs_are_the_units_of_a_score() -> None:
    """Who says "edge" of all pairs is right about all of them in a window where everybody met, and half elsewhere."""
    every = [(j, i) for j in range(4) for i in range(4) if j != i]
    table = torch.tensor([(0, 1, 0), *((j, i, 1) for j, i in every), (0, 1, 2)]).float()
    task = LinkPrediction(gs.from_events(table, window=1), lags=1)

    class Yes(torch.nn.Module):
        def forward(self, graph: gs.SpaceTimeGraph) -> torch.Tensor:
            return torch.tensor([0.0, 1.0]).expand(len(graph.y), 2)

    assert task.windows(torch.arange(2)).y.tolist() == [1] * 12 + [1, 0]
    result = gs.evaluate(Yes(), task, samples=400)
    full = (result.score - 1 / 2) * 2  # the share of windows that asked for everybody
    assert 400 * full == pytest.approx(round(400 * full))
    assert full == pytest.approx(1 / 2, abs=0.1)
    spread = 2 * 1.966 * (full * (1 - full) / 400) ** 0.5 / 2  # Student's interval of 400 windows, in scores half of 1
    assert result.high - result.low == pytest.approx(spread, rel=0.01)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lags": 4, "horizon": 3}, ValueError, "graph has 6 times; a window of lags=4 and an answer horizon=3 later"),
        ({"lags": 0}, ValueError, "lags must be at least 1"),
        ({"lags": 1, "negatives": 0}, ValueError, "negatives must be at least 1, got 0"),
        ({"lags": 1, "sampling": "inductive"}, ValueError, "sampling must be one of historical, random; got 'ind"),
        ({"lags": 1, "seed": -1}, ValueError, "seed must be at least 0"),
        ({"lags": 1, "first": 3, "last": 3}, ValueError, "there is no answer between first=3 and last=3"),
        ({"lags": 1, "first": 1.5}, TypeError, "first must be an integer"),
    ],
)
def test_what_cannot_be_asked_is_named(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        LinkPrediction(MAIL, **options)


@pytest.mark.parametrize("sampling", ["random", "historical"])
def test_a_recording_without_links_is_refused(sampling: str) -> None:
    with pytest.raises(ValueError, match="there is no answer between first=None and last=None"):
        LinkPrediction(gs.from_sequence(torch.zeros(5, 1)), lags=1, sampling=sampling)


def test_what_is_no_recording_of_events_is_refused() -> None:
    with pytest.raises(TypeError, match="graph must be a SpaceTimeGraph"):
        LinkPrediction(EVENTS, lags=1)  # type: ignore[arg-type]
    weighted = gs.from_signal(torch.zeros(3, 2, 1), torch.tensor([[0], [1]]), torch.tensor([-0.5]))
    with pytest.raises(ValueError, match=r"edge weights count events here, but one is -0.5; all must be 0 or more"):
        LinkPrediction(weighted, lags=1)


def test_the_hops_that_a_pair_needs_are_counted_from_the_nearer_end() -> None:
    path = gs.from_graph(nx.path_graph(6)).replace(edge_label_index=torch.tensor([[0, 0], [2, 5]]))
    relevant = torch.zeros(2, 6, dtype=torch.bool)
    relevant[0, [0, 5]] = relevant[1, [2, 4]] = True
    assert farthest_relevant(path, relevant, causal=False, per_graph=False).tolist() == [3, 2]
