"""Time unrolled into edges: who reads whom, and what recurrences on acyclic graphs make of it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw, join, seen, sequence, with_x
from strategies import bag, dynamic_graphs, gappy_signals
from torch import Tensor

import graphseq as gs
from graphseq.nn import DAGGRU, DAGLSTM, DAGRNN, LSTM, Model


def by_hand(graph: gs.SpaceTimeGraph) -> list[tuple[int, int, float]]:
    """Edges from dictionaries: the row before of each node, and of each node that an edge leads from."""
    rows = {pair: row for row, pair in enumerate(zip(graph.node.tolist(), graph.time.tolist(), strict=True))}

    def before(row: int) -> int | None:
        node, time = graph.node[row].item(), graph.time[row].item()
        earlier = [(t, r) for (n, t), r in rows.items() if n == node and t < time]
        return max(earlier)[1] if earlier else None

    edges = [(before(row), row, 1.0) for row in rows.values()]
    spatial = graph.topology.spatial
    weight = [1.0] * spatial.edge_index.shape[1] if spatial.edge_weight is None else spatial.edge_weight.tolist()
    for (u, v), w in zip(spatial.edge_index.t().tolist(), weight, strict=True):
        if u != v:
            edges.append((before(u), v, w))
    return sorted((u, v, w) for u, v, w in edges if u is not None)


@given(graph=st.one_of(dynamic_graphs(), gappy_signals()))
def test_edges_are_those_found_row_by_row(graph: gs.SpaceTimeGraph) -> None:
    view = gs.transforms.unroll_time(graph)
    assert sorted(bag(view.edge_index, view.get("edge_weight")).elements()) == by_hand(graph)
    assert torch.equal(view.x, graph.x)


def test_a_graph_that_changes_written_out() -> None:
    """Node 1 is away at time 1, node 2 comes then, and edges 0 → 1, 2 → 0 and 1 → 2 are there in turn."""
    graph = gs.SpaceTimeGraph(
        torch.zeros(7, 1),
        node=torch.tensor([0, 1, 0, 2, 0, 1, 2]),
        time=torch.tensor([0, 0, 1, 1, 2, 2, 2]),
        edge_index=torch.tensor([[0, 3, 5], [1, 2, 6]]),
    )
    # Along paths; then 1 → 2 at time 2 brings row 1, where node 1 was last seen. 2 → 0 brings nothing: 2 is new.
    assert gs.transforms.unroll_time(graph).edge_index.t().tolist() == [[0, 2], [2, 4], [1, 5], [3, 6], [1, 6]]


@pytest.mark.parametrize("layers", [1, 2])
def test_on_a_sequence_the_lagged_lstm_is_the_lstm(layers: int) -> None:
    torch.manual_seed(0)
    dag, plain = DAGLSTM(2, 4, layers).double(), LSTM(2, 4, layers).double()
    plain.load_state_dict(dag.state_dict())
    batch = join([sequence(0, 5), sequence(1, 1), sequence(2, 3)])
    torch.testing.assert_close(dag(gs.transforms.unroll_time(batch)), plain(batch), rtol=0, atol=1e-14)


def test_the_states_are_those_of_a_child_sum_lstm_row_by_row() -> None:
    """Tai, Socher and Manning (2015), eq. 2 to 8, over the edges found by hand."""
    torch.manual_seed(0)
    encoder, graph = DAGLSTM(2, 3).double(), draw(3, weighted=True)
    w_x, w_h, b_x, b_h = encoder.kernel.all_weights[0]
    children = by_hand(graph)
    h: dict[int, Tensor] = {}
    c: dict[int, Tensor] = {}
    for row in graph.time.argsort().tolist():
        i, f, g, o = (w_x @ graph.x[row] + b_x + b_h).chunk(4)
        u_i, u_f, u_g, u_o = w_h.chunk(4)
        told = [(h[u], c[u], w) for u, v, w in children if v == row]
        total = sum((w * state for state, _, w in told), torch.zeros(3, dtype=torch.float64))
        kept = sum((w * (f + u_f @ state).sigmoid() * cell for state, cell, w in told), torch.zeros_like(total))
        c[row] = (i + u_i @ total).sigmoid() * (g + u_g @ total).tanh() + kept
        h[row] = (o + u_o @ total).sigmoid() * c[row].tanh()
    expected = torch.stack([h[row] for row in range(graph.num_nodes)])
    torch.testing.assert_close(encoder(gs.transforms.unroll_time(graph)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [DAGRNN, DAGGRU, DAGLSTM])
@pytest.mark.parametrize("seed", range(3))
def test_reach_through_the_view_is_the_pattern_of_the_jacobian(kind: type, seed: int) -> None:
    torch.manual_seed(seed)
    model = Model(kind(2, 16), 3, transform=gs.transforms.unroll_time).double()
    batch = join([draw(seed), draw(seed + 10, directed=True), sequence(seed, 3)])
    reach = model.reach(batch)
    assert torch.equal(reach, seen(model, batch))
    assert not reach[batch.time[:, None] < batch.time].any()
    assert model.causal


def test_on_a_signal_the_reach_is_a_cone_of_one_hop_a_time() -> None:
    """A path of three nodes at three times: the end of it sees the other end, two hops away, two times before."""
    path = gs.from_signal(torch.zeros(3, 3, 1), torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
    cone = Model(DAGLSTM(1, 4), 1, transform=gs.transforms.unroll_time).reach(path)[6].view(3, 3)
    assert cone.long().tolist() == [[1, 1, 1], [1, 1, 0], [1, 0, 0]]


def test_what_is_asked_stays_as_it_was() -> None:
    graph = join([draw(0), draw(1)])
    graph.target, graph.y = torch.arange(graph.num_nodes) % 2 == 0, torch.arange((graph.num_nodes + 1) // 2)
    graph.edge_label_index, graph.pair_features = torch.tensor([[0, 1], [2, 3]]), torch.ones(2, 4)
    view = gs.transforms.unroll_time(graph)
    for key in ("x", "target", "y", "batch", "edge_label_index", "pair_features"):
        assert torch.equal(view[key], graph[key])


def test_a_batch_is_lagged_as_its_members_are() -> None:
    graphs = [draw(0), sequence(1, 3), draw(2)]
    apart = join([gs.transforms.unroll_time(graph) for graph in graphs])
    together = gs.transforms.unroll_time(join(graphs))
    assert bag(together.edge_index) == bag(apart.edge_index)
    assert torch.equal(together.node, apart.node)


def test_the_view_is_worked_out_once_for_a_topology() -> None:
    graph = draw(0)
    assert gs.transforms.unroll_time(graph).topology is gs.transforms.unroll_time(with_x(graph, graph.x + 1)).topology
