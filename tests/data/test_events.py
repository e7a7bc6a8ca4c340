"""Events in windows, against dictionaries that count them one by one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import TemporalData

import graphseq as gs

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
        gs.from_events([(0, 1, 2.0)], 1.0)  # type: ignore[arg-type]
