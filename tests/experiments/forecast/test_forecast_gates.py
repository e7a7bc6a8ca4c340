"""Gates of the last snapshot of each window: the very ones with which its forecast was made."""

from __future__ import annotations

import planted
import torch

import graphseq as gs
from graphseq.experiments.forecast.gates import last_gates, latest, packed, unpacked


def recording() -> gs.SpaceTimeGraph:
    """Five nodes at 8 times, one of which is away at time 5; edges of the ring, weighted by their numbers."""
    x = planted.signal(8)
    rows = [(n, t) for t in range(8) for n in range(5) if (n, t) != (3, 5)]
    place = {spot: row for row, spot in enumerate(rows)}
    edges = [
        (place[j, t], place[i, t]) for t in range(8) for j, i in planted.ring(5) if (j, t) in place and (i, t) in place
    ]
    node, time = (torch.tensor(part) for part in zip(*rows, strict=True))
    weight = torch.arange(1.0, len(edges) + 1)
    return gs.SpaceTimeGraph(x[time, node, None], node, time, torch.tensor(edges).t().contiguous(), weight)


def test_gates_of_each_window_by_itself() -> None:
    torch.manual_seed(0)
    encoder = gs.nn.ForgettingGCNLSTM(1, 4)
    task = gs.tasks.Forecasting(recording(), lags=3)
    graph, gates = last_gates(encoder, task)
    assert graph.topology.times.tolist() == [2, 3, 4, 5, 6]
    for number in range(len(task)):
        window = task.windows(torch.tensor([number]))
        alone = encoder.gate_values(window)
        last, mine = window.time == 2, graph.time == number + 2
        torch.testing.assert_close(gates.node[mine], alone.node[last])
        index = window.topology.spatial.edge_index
        parts = (alone.factor, alone.edge, window.topology.spatial.edge_weight)
        wanted = {
            (int(window.node[j]), int(window.node[i])): (factor, edge, weight)
            for (j, i), factor, edge, weight in zip(index.t().tolist(), *(part.tolist() for part in parts), strict=True)
            if last[j]
        }
        for column in (graph.time[graph.edge_index[0]] == number + 2).nonzero().flatten().tolist():
            j, i = graph.edge_index[:, column].tolist()
            found = (gates.factor[column], gates.edge[column], graph.edge_weight[column])
            expected = wanted.pop((int(graph.node[j]), int(graph.node[i])))
            torch.testing.assert_close(torch.stack(found), torch.tensor(expected))
        assert not wanted


def test_a_file_gives_back_what_was_put_in() -> None:
    encoder = gs.nn.ForgettingGCNLSTM(1, 4)
    graph, gates = last_gates(encoder, gs.tasks.Forecasting(recording(), lags=2))
    again, kept = unpacked(packed(graph, gates))
    for part in ("x", "node", "time", "edge_index", "edge_weight"):
        assert torch.equal(graph[part], again[part])
    assert torch.equal(gates.factor, kept.factor)


def test_the_latest_snapshots_keep_their_gates() -> None:
    graph, gates = last_gates(gs.nn.ForgettingGCNLSTM(1, 4), gs.tasks.Forecasting(recording(), lags=2))
    part, kept = latest(graph, gates, 2)
    assert part.topology.times.tolist() == [5, 6]
    assert len(part.x) == 9, "node 3 is away at time 5"
    edges = graph.time[graph.edge_index[0]] >= 5
    assert torch.equal(part.edge_weight, graph.edge_weight[edges])
    assert torch.equal(kept.factor, gates.factor[edges])
    assert torch.equal(part.node[part.edge_index], graph.node[graph.edge_index[:, edges]])
    whole, _ = latest(graph, gates, 99)
    assert torch.equal(whole.x, graph.x)
