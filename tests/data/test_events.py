"""Events in windows, against dictionaries that count them one by one."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import TemporalData

import graphseq as gs

pandas = pytest.importorskip("pandas")

TABLE = torch.tensor(
    [[0, 1, 0, 0.5], [0, 1, 4, 0.25], [2, 2, 5, 1.0], [1, 0, 11, 2.0], [3, 0, 29, 4.0]], dtype=torch.float64
)


def by_hand(table: Tensor, window: float, start: float) -> tuple[dict, dict]:
    """Counts of each edge, and each node's features, by window."""
    edges: dict[tuple[int, int, int], float] = {}
    features: dict[tuple[int, int], list[float]] = {}
    width = table.shape[1] - 3
    for source, target, when, *told in table.tolist():
        k, i, j = int((when - start) // window), int(source), int(target)
        if i != j:
            edges[k, i, j] = edges.get((k, i, j), 0) + 1
        for node, place in ((i, 0), (j, 1)):
            x = features.setdefault((k, node), [0.0] * (2 + 2 * width))
            x[place] += 1
            for number, value in enumerate(told):
                x[2 + place * width + number] += value
    return edges, features


def as_dictionaries(graph: gs.SpaceTimeGraph) -> tuple[dict, dict]:
    rows = list(zip(graph.time.tolist(), graph.node.tolist(), strict=True))
    edges = {
        (rows[a][0], rows[a][1], rows[b][1]): weight
        for (a, b), weight in zip(graph.edge_index.t().tolist(), graph.edge_weight.tolist(), strict=True)
    }
    return edges, dict(zip(rows, graph.x.tolist(), strict=True))


def test_a_table_becomes_its_windows() -> None:
    graph = gs.from_events(TABLE, 10.0, present="active", empty="keep")
    assert list(zip(graph.time.tolist(), graph.node.tolist(), strict=True)) == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
        (1, 1),
        (2, 0),
        (2, 3),
    ]
    assert graph.x.tolist() == [
        [2, 0, 0.75, 0],
        [0, 2, 0, 0.75],
        [1, 1, 1, 1],
        [0, 1, 0, 2],
        [1, 0, 2, 0],
        [0, 1, 0, 4],
        [1, 0, 4, 0],
    ]
    assert as_dictionaries(graph)[0] == {(0, 0, 1): 2, (1, 1, 0): 1, (2, 3, 0): 1}


def test_who_has_a_row_when() -> None:
    rows = {present: gs.from_events(TABLE, 10.0, present=present) for present in ("all", "since", "active")}
    there = {name: sorted(zip(g.time.tolist(), g.node.tolist(), strict=True)) for name, g in rows.items()}
    assert there["all"] == [(k, node) for k in range(3) for node in range(4)]
    assert there["since"] == [(k, node) for k in range(3) for node in range(4) if node < 3 or k == 2]
    assert set(there["active"]) < set(there["since"])
    assert gs.from_events(TABLE, 10.0, num_nodes=6).num_nodes == 18


@given(
    seed=st.integers(0, 500),
    window=st.sampled_from([1.0, 2.5, 7.0]),
    start=st.sampled_from([0.0, -3.0]),
    width=st.integers(0, 2),
)
def test_random_events_are_counted_as_by_hand(seed: int, window: float, start: float, width: int) -> None:
    g = torch.Generator().manual_seed(seed)
    count = int(torch.randint(1, 30, (1,), generator=g))
    ends = torch.randint(0, 5, (count, 2), generator=g).double()
    when = (20 * torch.rand(count, 1, generator=g, dtype=torch.float64)).sort(dim=0).values
    table = torch.cat([ends, when, torch.randint(-4, 5, (count, width), generator=g)], dim=1)
    graph = gs.from_events(table, window, start=start, present="active", empty="keep")
    edges, features = as_dictionaries(graph)
    assert (edges, features) == by_hand(table, window, start)
    whole = gs.from_events(table, window, start=start, empty="keep")
    quiet = {place: x for place, x in as_dictionaries(whole)[1].items() if any(x)}
    assert (as_dictionaries(whole)[0], quiet) == (edges, features)


def test_pygs_temporal_data_is_read_alike() -> None:
    theirs = TemporalData(src=TABLE[:, 0].long(), dst=TABLE[:, 1].long(), t=TABLE[:, 2].long(), msg=TABLE[:, 3:])
    ours, other = gs.from_events(TABLE, 10.0), gs.from_events(theirs, 10)
    for key in ("x", "node", "time", "edge_index", "edge_weight"):
        assert torch.equal(ours[key], other[key])
    bare = gs.from_events(TemporalData(src=theirs.src, dst=theirs.dst, t=theirs.t), 10)
    assert torch.equal(bare.x.double(), ours.x[:, :2])


def test_a_model_runs_on_it_and_forgets_no_one_who_is_away() -> None:
    graph = gs.from_events(TABLE.float(), 10.0, present="active")
    cone = gs.nn.GCNLSTM(graph.x.shape[1], 4).reach(graph, torch.tensor([5]))[0]  # node 0 in the last window
    assert cone.tolist() == [True, True, False, True, True, True, True]


@pytest.mark.parametrize(
    ("events", "window", "options", "message"),
    [
        (TABLE[[1, 0]], 1.0, {}, "event 1 is at time 0, before event 0 at 4"),
        (TABLE[:0], 1.0, {}, "events is empty"),
        (TABLE[:, :2], 1.0, {}, r"table \(E, 3 \+ F\)"),
        (TABLE, 0.0, {}, "window must be"),
        (TABLE, float("nan"), {}, "window must be"),
        (TABLE, 3.0, {}, "window 2, from time 6 to 9, has no event"),
        (TABLE, 10.0, {"start": 1.0}, "event 0 is at time 0, before start=1"),
        (TABLE, 10.0, {"start": -25.0}, "window 0, from time -25 to -15, has no event"),
        (TABLE, 10.0, {"num_nodes": 3}, "event 4 names node 3, outside num_nodes=3"),
        (TABLE, 10.0, {"present": "some"}, "present must be one of"),
        (TABLE, 10.0, {"empty": "drop"}, "empty must be one of"),
        (torch.tensor([[0, 0.5, 1.0]]), 1.0, {}, "event 0 has target 0.5"),
        (torch.tensor([[-1.0, 0, 1.0]]), 1.0, {}, "event 0 has source -1"),
        (torch.tensor([[0, 1, 1.0, float("nan")]]), 1.0, {}, "event 0 has a time or a feature that is not finite"),
        (torch.tensor([[0, 1, float("inf")]]), 1.0, {}, "event 0 has a time"),
    ],
)
def test_what_cannot_be_read_is_named(events: Tensor, window: float, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gs.from_events(events, window, **options)


def test_something_else_is_refused() -> None:
    with pytest.raises(TypeError, match="events must be a PyG TemporalData or a table"):
        gs.from_events({(0, 1, 2.0)}, 1.0)


# Windows are counted


@pytest.mark.parametrize("kind", [torch.float64, torch.float32])
@pytest.mark.parametrize("width", [0.1, 0.3, 0.7, 1e-3])
@pytest.mark.parametrize("begin", [0.0, 12.0])
def test_one_event_a_window_is_one_event_in_each(kind: torch.dtype, width: float, begin: float) -> None:
    times = torch.tensor([begin + k * width for k in range(60)], dtype=torch.float64).to(kind)
    events = TemporalData(src=torch.zeros(60).long(), dst=torch.ones(60).long(), t=times)
    graph = gs.from_events(events, width, start=begin)
    assert graph.edge_weight.tolist() == [1] * 60


def test_times_between_the_edges_of_windows_stay_between() -> None:
    table = torch.tensor([[0, 1, 0.0], [0, 1, 0.29999], [0, 1, 0.30001]], dtype=torch.float64)
    assert gs.from_events(table, 0.1, empty="keep").time[torch.tensor([0, -1])].tolist() == [0, 3]
    graph = gs.from_events(table, 0.1, empty="keep", present="active")
    assert graph.time.tolist() == [0, 0, 2, 2, 3, 3]


def test_nanoseconds_are_told_apart() -> None:
    start = 1_700_000_000_000_000_000
    times = torch.tensor([start, start + 1, start + 2])
    events = TemporalData(src=torch.zeros(3).long(), dst=torch.ones(3).long(), t=times)
    assert gs.from_events(events, 1).edge_weight.tolist() == [1, 1, 1]
    assert gs.from_events(events, 2, start=start - 1).edge_weight.tolist() == [1, 2]
    with pytest.raises(ValueError, match=f"event 1 is at time {start}, before event 0 at {start + 2}"):
        gs.from_events(TemporalData(src=events.src, dst=events.dst, t=times.flip(0)[torch.tensor([0, 2, 1])]), 1)


def test_times_that_are_too_coarse_are_refused() -> None:
    times = torch.tensor([1.6e9, 1.6e9 + 256], dtype=torch.float32) + 0.5
    events = TemporalData(src=torch.zeros(2).long(), dst=torch.ones(2).long(), t=times)
    with pytest.raises(ValueError, match=r"times of torch.float32 near 1.6e\+09 are too coarse for windows of 0.5"):
        gs.from_events(events, 0.5, start=0.25)


# Columns


def test_columns_of_different_lengths_are_not_broadcast() -> None:
    events = TemporalData(src=torch.tensor([0, 1, 2]), dst=torch.tensor([1]), t=torch.arange(3))
    with pytest.raises(
        ValueError, match=r"events has target of shape \(1,\), but times of shape \(3,\); there must be one"
    ):
        gs.from_events(events, 10)
    with pytest.raises(ValueError, match=r"events has 3 times, but features of shape \(2, 1\)"):
        gs.from_events(TemporalData(src=events.src, dst=events.src, t=events.t, msg=torch.ones(2, 1)), 10)


def test_users_and_items_may_be_numbered_apart() -> None:
    table = torch.tensor([[0, 0, 0.0], [1, 0, 1.0], [0, 1, 2.0]])
    one, two = (gs.from_events(table, 10.0, bipartite=answer) for answer in (False, True))
    assert one.edge_index.tolist() == [[0, 1], [1, 0]]
    assert two.edge_index.tolist() == [[0, 0, 1], [2, 3, 2]]
    assert (two.num_sources, two.x.tolist()) == (2, [[2, 0], [1, 0], [0, 2], [0, 1]])
    frame = pandas.DataFrame({"user": [0, 1], "item": [0, 0], "time": [0, 1]})
    with pytest.raises(ValueError, match="say whether user 0 and item 0 are two nodes, bipartite=True, or one"):
        gs.from_events(frame, 10)
    assert gs.from_events(frame, 10, bipartite=True).edge_index.tolist() == [[0, 1], [2, 2]]


def test_a_frame_has_names_dates_and_features() -> None:
    frame = pandas.DataFrame(
        {
            "time": ["2020-01-01T00:00", "2020-01-01T23:59", "2020-01-02T00:00"],
            "source": ["bob", "ann", "bob"],
            "target": ["ann", "bob", "cid"],
            "amount": [1, 2, 3],
        }
    )
    graph = gs.from_events(frame, timedelta(days=1))
    assert graph.node_names == ["ann", "bob", "cid"]
    assert graph.edge_index.tolist() == [[0, 1, 4], [1, 0, 5]]
    assert graph.x[:3].tolist() == [[1, 1, 2, 1], [1, 1, 1, 2], [0, 0, 0, 0]]
    for times in (pandas.to_datetime(frame["time"]), pandas.to_datetime(frame["time"] + "+02:00")):
        again = gs.from_events(frame.assign(time=times), timedelta(days=1))
        assert torch.equal(again.edge_index, graph.edge_index)
    later = gs.from_events(frame, timedelta(days=1), start=datetime(2019, 12, 31), empty="keep")
    assert later.topology.times.tolist() == [0, 1, 2]
    with pytest.raises(TypeError, match=r"window must be a timedelta, since the times are dates; got 1 \(int\)"):
        gs.from_events(frame, 1)
    with pytest.raises(TypeError, match="window must be a number, in the unit of the times, which are no dates"):
        gs.from_events(TABLE, timedelta(days=1))
    with pytest.raises(ValueError, match="time holds dates with and without a zone"):
        gs.from_events(frame.assign(time=["2020-01-01", "2020-01-02T00:00Z", "2020-01-03"]), timedelta(days=1))
    with pytest.raises(ValueError, match="event 1 has source None; nodes are numbers or names, none of them missing"):
        gs.from_events(frame.assign(source=pandas.Series(["bob", None, "ann"], dtype=object)), timedelta(days=1))
    with pytest.raises(ValueError, match="events has the columns time, from, target, amount; name those of source"):
        gs.from_events(frame.rename(columns={"source": "from"}), timedelta(days=1))


def test_large_numbers_of_nodes_are_refused_before_memory_is_full() -> None:
    events = TemporalData(src=torch.tensor([2**40]), dst=torch.tensor([1]), t=torch.tensor([0]))
    with pytest.raises(ValueError, match="number the nodes from 0 without gaps"):
        gs.from_events(events, 1)


def test_times_that_their_number_type_has_rounded_or_cannot_subtract_are_refused() -> None:
    def events(*times: object, kind: torch.dtype) -> TemporalData:
        ends = torch.zeros(len(times), dtype=torch.long)
        return TemporalData(src=ends, dst=ends + 1, t=torch.tensor(times, dtype=kind))

    with pytest.raises(ValueError, match=r"times of torch.float32 near 1.7e\+09 are too coarse for windows of 1"):
        gs.from_events(events(1_700_000_000, 1_700_000_001, kind=torch.float32), 1)
    assert gs.from_events(events(1_700_000_000, 1_700_000_001, kind=torch.float64), 1).num_rows == 4
    assert gs.from_events(events(1_700_000_000, 1_700_086_400, kind=torch.float32), 86_400).num_rows == 4
    with pytest.raises(ValueError, match=r"times from -9223372036854775808 to 9223372036854775807 are too far apart"):
        gs.from_events(events(-(2**63), 2**63 - 1, kind=torch.long), 1, empty="keep")
    far = TemporalData(src=torch.tensor([0]), dst=torch.tensor([2**30]), t=torch.tensor([0]))
    with pytest.raises(ValueError, match=r"1 windows of 1073741825 nodes are .* rows, more than 268435456"):
        gs.from_events(far, 1, present="active")
