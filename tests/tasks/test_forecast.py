"""Windows of a recording: against dictionaries, by the time of their answers, and one by one or together."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw, join, renumbered
from strategies import bag

import graphseq as gs
from graphseq.data.topology import Topology
from graphseq.tasks import Forecasting

EDGES = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])


def counted(times: int, nodes: int = 3, **static: torch.Tensor) -> gs.SpaceTimeGraph:
    """A signal that shows 10 t + n, and the number of the node beside it."""
    node = torch.arange(nodes).repeat(times, 1).float()
    x = torch.stack([10 * torch.arange(times)[:, None] + node, node], dim=2)
    return gs.from_signal(x, EDGES, **static)


def as_moved(graph: gs.SpaceTimeGraph) -> gs.SpaceTimeGraph:
    """The same rows and edges, the edges written out time by time."""
    spatial = graph.topology.spatial
    return gs.SpaceTimeGraph(graph.x, graph.node, graph.time, spatial.edge_index, spatial.edge_weight)


def by_hand(graph: gs.SpaceTimeGraph, lags: int, horizon: int, position: int) -> tuple[dict, dict, dict]:
    """One window from dictionaries: its rows, its edges, and its answers, by node and time within it."""
    times = sorted(set(graph.time.tolist()))
    place = {time: times.index(time) for time in times}
    rows = [(n, place[t]) for n, t in zip(graph.node.tolist(), graph.time.tolist(), strict=True)]
    x = dict(zip(rows, graph.x.tolist(), strict=True))
    last = position - horizon
    begin = last - lags + 1
    inside = {(n, t - begin): value for (n, t), value in x.items() if begin <= t <= last}
    spatial = graph.topology.spatial
    weight = [1.0] * spatial.edge_index.shape[1] if spatial.edge_weight is None else spatial.edge_weight.tolist()
    edges: dict = {}
    for (u, v), w in zip(spatial.edge_index.t().tolist(), weight, strict=True):
        if begin <= rows[u][1] <= last:
            edges[rows[u][1] - begin, rows[u][0], rows[v][0]] = w
    answers = {n: x[n, position][:1] for n, t in inside if t == lags - 1 and (n, position) in x}
    return inside, edges, answers


def as_dictionaries(graph: gs.SpaceTimeGraph, number: int, nodes: int) -> tuple[dict, dict, dict]:
    """The same of one window of a batch."""
    node = graph.node % nodes
    rows = list(zip(node.tolist(), graph.time.tolist(), strict=True))
    mine = graph.batch == number
    x = {row: value for row, value, inside in zip(rows, graph.x.tolist(), mine.tolist(), strict=True) if inside}
    spatial = graph.topology.spatial
    weight = [1.0] * spatial.edge_index.shape[1] if spatial.edge_weight is None else spatial.edge_weight.tolist()
    edges = {
        (rows[u][1], rows[u][0], rows[v][0]): w
        for (u, v), w in zip(spatial.edge_index.t().tolist(), weight, strict=True)
        if mine[u]
    }
    asked = zip(graph.target_rows.tolist(), graph.y.tolist(), strict=True)
    return x, edges, {rows[row][0]: y for row, y in asked if mine[row]}


@given(seed=st.integers(0, 500), lags=st.integers(1, 3), horizon=st.integers(1, 2), weighted=st.booleans())
def test_windows_of_a_graph_that_changes_are_those_found_by_hand(
    seed: int, lags: int, horizon: int, weighted: bool
) -> None:
    graph = draw(seed, times=8, directed=True, weighted=weighted)
    task = Forecasting(graph, lags=lags, horizon=horizon)
    numbers = torch.randperm(len(task), generator=torch.Generator().manual_seed(seed))
    batch = task.windows(numbers)
    times = graph.time.unique().tolist()
    for place, when in enumerate(task.answer_times(numbers).tolist()):
        expected = by_hand(graph, lags, horizon, times.index(when))
        assert expected[2]
        assert as_dictionaries(batch, place, int(graph.node.max()) + 1) == expected
    asked = [p for p in range(lags + horizon - 1, len(times)) if by_hand(graph, lags, horizon, p)[2]]
    assert sorted(task.answer_times(numbers).tolist()) == [times[p] for p in asked]


class Last(torch.nn.Module):
    def forward(self, graph: gs.SpaceTimeGraph) -> torch.Tensor:
        return graph.x[graph.target_rows, :1]


@given(seed=st.integers(0, 99))
def test_the_order_of_rows_and_the_names_of_nodes_do_not_matter(seed: int) -> None:
    graph = draw(seed, times=6)
    shuffled, old = renumbered(graph, seed)
    name = dict(zip(graph.node[old].tolist(), shuffled.node.tolist(), strict=True))
    a, b = (gs.predict(Last(), Forecasting(one, lags=2)) for one in (graph, shuffled))
    a = a._replace(node=torch.tensor([name[node] for node in a.node.tolist()]))
    listed = [sorted(zip(*(part.flatten().tolist() for part in one), strict=True)) for one in (a, b)]
    assert listed[0] == listed[1]


def test_static_edges_and_the_same_edges_written_out_make_the_same_windows() -> None:
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0])
    fixed = counted(9, edge_weight=weight)
    one, other = Forecasting(fixed, lags=3, horizon=2), Forecasting(as_moved(fixed), lags=3, horizon=2)
    numbers = torch.tensor([4, 0, 2])
    a, b = one.windows(numbers), other.windows(numbers)
    for key in ("x", "node", "time", "y", "target", "batch"):
        assert torch.equal(a[key], b[key])
    assert bag(a.topology.spatial.edge_index, a.topology.spatial.edge_weight) == bag(b.edge_index, b.edge_weight)


def test_windows_over_fixed_edges_share_one_topology_and_no_edge_is_copied() -> None:
    task = Forecasting(counted(30), lags=4)
    generator = torch.Generator().manual_seed(0)
    first, second = task.batch(5, generator), task.batch(5, generator)
    assert first.topology is second.topology
    assert not torch.equal(first.x, second.x)
    assert first.static_edge_index.shape[1] == 5 * EDGES.shape[1]


def test_edges_of_a_long_recording_are_never_written_out_over_its_times(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Topology) -> None:
        raise AssertionError("E edges were written out T times")

    task = Forecasting(counted(200), lags=4, horizon=2)
    expected = task.windows(torch.tensor([3, 190]))
    monkeypatch.setattr(Topology, "_written_out", refused)
    again = Forecasting(counted(200), lags=4, horizon=2)
    parts = again.split(0.5, 0.2)
    assert len(str(again.config["recording"])) == 16
    for graph in (again.windows(torch.tensor([3, 190])), parts.train.batch(3, torch.Generator())):
        assert graph.static_edge_index.shape[1] == graph.num_graphs * EDGES.shape[1]
    assert torch.equal(again.windows(torch.tensor([3, 190])).y, expected.y)


def test_a_window_and_its_answers_written_out() -> None:
    task = Forecasting(counted(6), lags=2, horizon=3, channels=2)
    graph = task.windows(torch.tensor([1]))
    assert graph.x[:, 0].tolist() == [10, 11, 12, 20, 21, 22]
    assert graph.target.tolist() == [False] * 3 + [True] * 3
    assert graph.y.tolist() == [[50, 0], [51, 1], [52, 2]]
    assert len(task) == 6 - 2 - 3 + 1


def test_a_node_that_does_not_come_back_is_not_asked_and_a_gap_in_time_is_one_step() -> None:
    """Node 1 is away at time 7, node 2 comes there; no row has a time from 1 to 6."""
    node, time = torch.tensor([0, 1, 0, 2, 0, 2]), torch.tensor([0, 0, 7, 7, 8, 8])
    task = Forecasting(gs.SpaceTimeGraph(torch.arange(6.0)[:, None], node, time), lags=1)
    graph = task.windows(torch.arange(2))
    assert graph.target.tolist() == [True, False, True, True]
    assert graph.y.flatten().tolist() == [2, 4, 5]
    assert task.answer_times(torch.arange(2)).tolist() == [7, 8]


def test_a_window_that_nothing_follows_is_none() -> None:
    """At time 1 only node 1 is there, which is gone again: windows that end at 0 and at 1 ask nothing."""
    node, time = torch.tensor([0, 1, 0, 0]), torch.tensor([0, 1, 2, 3])
    task = Forecasting(gs.SpaceTimeGraph(torch.arange(4.0)[:, None], node, time), lags=1)
    assert task.windows(torch.arange(len(task))).y.tolist() == [[3]]
    with pytest.raises(ValueError, match="there is no answer between first=None and last=2"):
        task.between(None, 2)


def test_a_split_is_by_the_time_of_the_answers() -> None:
    task = Forecasting(counted(25), lags=3, horizon=2)  # 21 windows; answers at the times 4 to 24
    split = task.split(train=0.5, validation=0.3)
    asked = [part.answer_times(torch.arange(len(part))).tolist() for part in split]
    assert asked == [list(range(4, 11)), list(range(11, 14)), list(range(14, 25))]
    assert split.whole.answer_times(torch.arange(10)).tolist() == list(range(4, 14))
    assert len(split.whole) == 10
    assert (split.test.first, split.test.last) == (14, 24)
    again = split.test.split(train=0.5, validation=0.4)
    assert [len(part) for part in again] == [3, 2, 6]


def test_inputs_of_the_test_may_be_answers_of_the_training() -> None:
    split = Forecasting(counted(12), lags=3).split(train=0.5, validation=0.3)
    first = split.test.windows(torch.tensor([0]))
    answers = split.whole.windows(torch.arange(len(split.whole))).y
    assert set(first.x[-3:, 0].tolist()) <= set(answers.flatten().tolist())
    assert not set(split.test.windows(torch.arange(len(split.test))).y.flatten().tolist()) & set(
        answers.flatten().tolist()
    )


def test_a_batch_is_drawn_evenly_from_its_own_part() -> None:
    part = Forecasting(counted(12), lags=1).between(4, 7)
    y = part.batch(4000, torch.Generator().manual_seed(0)).y.view(4000, 3)[:, 0]
    counts = torch.bincount((y / 10).long())
    assert counts.nonzero().flatten().tolist() == [4, 5, 6, 7]
    assert int(counts[4:].min()) > 850


def test_chance_is_the_largest_share_within_the_tolerance_of_one_constant() -> None:
    def task(values: list[list[float]], channels: int, **bounds: int) -> Forecasting:
        rows = torch.arange(len(values))
        graph = gs.SpaceTimeGraph(torch.tensor(values), torch.zeros_like(rows), rows)
        return Forecasting(graph, lags=1, channels=channels, tolerance=0.5, **bounds)

    values = [[9.0, 0.0], [0.0, 0.0], [0.9, 5.0], [1.0, 5.0], [1.8, 5.0], [4.0, 0.0]]
    assert task(values, 1).chance == 3 / 5  # 0.9, 1.0 and 1.8
    assert task(values, 2).chance == 3 / 5  # of (3/5, 3/5)
    assert task(values, 1, first=1, last=3).chance == 2 / 3  # 0 and 0.9, but 0 and 1 are 2 τ apart


def test_the_model_may_read_both_ways_within_the_window() -> None:
    task = Forecasting(counted(8), lags=3)
    assert not task.causal
    graph = task.windows(torch.tensor([0]))
    assert gs.nn.Model(gs.nn.GCN(2, 4, 2), 1).reach(graph)[0].any()
    assert task.hops == 2
    assert task.relevant_nodes(graph).long().tolist() == [[1, 0, 0] * 3, [0, 1, 0] * 3, [0, 0, 1] * 3]


def test_predictions_are_each_answer_once_whatever_the_batch_size() -> None:
    graph = draw(4, nodes=5, times=9)
    task = Forecasting(graph, lags=2)
    model = gs.nn.Model(gs.nn.GCNLSTM(2, 4), 1).double().train()
    model.encoder.eval()
    one, all_at_once = gs.predict(model, task, batch_size=1), gs.predict(model, task)
    assert model.training
    assert not model.encoder.training
    assert not one.output.requires_grad
    for a, b in zip(one, all_at_once, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    x = {(n, t): v for n, t, v in zip(graph.node.tolist(), graph.time.tolist(), graph.x[:, 0].tolist(), strict=True)}
    assert [x[pair] for pair in zip(one.node.tolist(), one.time.tolist(), strict=True)] == one.y.flatten().tolist()


def test_a_line_is_learned_and_judged_on_its_own_future() -> None:
    """x_t = 0.9 x_(t-1): the model trains on the first part and is near on the last."""
    x = 0.9 ** torch.arange(40.0)[:, None] * torch.tensor([[1.0, -2.0, 1.5]])
    split = Forecasting(gs.from_signal(x[..., None], EDGES), lags=2, tolerance=0.05).split(train=0.6)
    torch.manual_seed(0)
    model = gs.nn.Model(gs.nn.LSTM(1, 8), 1)
    gs.fit(model, split.train, steps=150, batch_size=16, optimizer="Adam", lr=0.03, stop_threshold=None)
    result = gs.predict(model, split.test)
    assert float(((result.output - result.y) ** 2).mean()) < 0.002
    assert gs.evaluate(model, split.test, samples=50).loss < 0.002


def test_config_tells_recordings_and_parts_apart_and_can_be_written() -> None:
    graph, other = counted(9), counted(9)
    other.x = other.x.clone()
    other.x[-1, 0] += 1e-3
    tasks = [
        Forecasting(graph, lags=2),
        Forecasting(other, lags=2),
        Forecasting(graph, lags=2, last=7),
        Forecasting(graph, lags=3),
    ]
    configs = {json.dumps(task.config) for task in tasks}
    assert len(configs) == 4
    assert json.dumps(Forecasting(counted(9), lags=2).config) == json.dumps(tasks[0].config)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lags": 8, "horizon": 3}, "graph has 10 times; a window of lags=8 and an answer horizon=3 later need 11"),
        ({"lags": 0}, "lags must be at least 1"),
        ({"lags": 2, "horizon": 0}, "horizon must be at least 1"),
        ({"lags": 2, "channels": 3}, "channels=3 columns of x are to be forecast, but x has 2"),
        ({"lags": 2, "channels": 0}, "channels must be at least 1"),
        ({"lags": 2, "tolerance": 0}, "tolerance must be"),
        ({"lags": 4, "last": 3}, "there is no answer between first=None and last=3: .* are at the times 4 to 9"),
        ({"lags": 4, "first": 7, "last": 5}, "there is no answer between first=7 and last=5"),
        ({"lags": 4, "first": -1}, "first must be at least 0"),
    ],
)
def test_what_cannot_be_asked_is_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Forecasting(counted(10), **options)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"train": 0.05}, "leave no window for train: of 8 windows, 0 would train, 0 validate and 8 test"),
        ({"train": 1.0}, "leave no window for test"),
        ({"train": 0.5, "validation": 0.1}, "leave no window for validation"),
        ({"train": 1.5}, "train must lie between 0 and 1"),
    ],
)
def test_a_split_without_windows_is_refused(shares: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Forecasting(counted(10), lags=2).split(**shares)


def test_a_share_is_the_decimal_number_that_was_written() -> None:
    train, validation, test = Forecasting(counted(102), lags=2).split(train=0.29, validation=0.1)
    assert [len(train), len(validation), len(test)] == [27, 2, 71]  # 29 of 100, where 0.29 · 100 is 28.999… in floats
    thirds = Forecasting(counted(11), lags=2).split(train=1 / 3, validation=1 / 3)
    assert [len(part) for part in thirds] == [2, 1, 6]


def test_what_is_no_recording_is_refused() -> None:
    with pytest.raises(TypeError, match="graph must be a SpaceTimeGraph"):
        Forecasting(torch.zeros(3, 1), lags=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="integer tokens"):
        Forecasting(gs.from_sequence(torch.tensor([1, 2, 3])), lags=1)
    with pytest.raises(ValueError, match="one recording, got a batch of 2"):
        Forecasting(join([counted(5), counted(5)]), lags=1)
    with pytest.raises(ValueError, match=r"numbers must name windows 0 to 7, at least one; got \[8\]"):
        Forecasting(counted(10), lags=2).windows(torch.tensor([8]))
