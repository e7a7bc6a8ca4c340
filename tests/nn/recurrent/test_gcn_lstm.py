"""The GCN-LSTM against nn.LSTM, one gated convolution and a loop over dictionaries."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw, seen, sequence, with_x
from torch import Tensor, nn
from torch_geometric.nn import ChebConv, GCNConv, GraphConv

import graphseq as gs
from graphseq.nn import GCNLSTM
from graphseq.nn.recurrent.gcn_lstm import GCNLSTMLayer

D, H = 2, 5


def built(num_layers: int = 1) -> GCNLSTM:
    torch.manual_seed(0)
    return GCNLSTM(D, H, num_layers).double()


def copied_from(lstm: nn.LSTM) -> GCNLSTM:
    ours = GCNLSTM(lstm.input_size, lstm.hidden_size, lstm.num_layers).to(lstm.weight_ih_l0.dtype)
    with torch.no_grad():
        for number, layer in enumerate(ours.layers):
            layer.conv_x.lin.weight.copy_(getattr(lstm, f"weight_ih_l{number}"))
            layer.conv_x.bias.copy_(getattr(lstm, f"bias_ih_l{number}"))
            layer.conv_h.lin.weight.copy_(getattr(lstm, f"weight_hh_l{number}"))
            layer.conv_h.bias.copy_(getattr(lstm, f"bias_hh_l{number}"))
    return ours


def entries(graph: gs.SpaceTimeGraph) -> dict[tuple[int, int], float]:
    """Â of all spatial edges by hand: (reader, source) -> weight; edges never cross times."""
    spatial = graph.topology.spatial
    pairs = spatial.edge_index.t().tolist()
    weights = [1.0] * len(pairs) if spatial.edge_weight is None else spatial.edge_weight.tolist()
    tilde = {(row, row): 1.0 for row in range(graph.num_nodes)}
    tilde.update({(i, j): w for (j, i), w in zip(pairs, weights, strict=True)})
    degree = [0.0] * graph.num_nodes
    for (i, _), w in tilde.items():
        degree[i] += w
    return {(i, j): w / (degree[i] * degree[j]) ** 0.5 for (i, j), w in tilde.items()}


def naive(layer: GCNLSTMLayer, graph: gs.SpaceTimeGraph, x: list[Tensor]) -> list[Tensor]:
    """The equations with a dictionary for the state of each node and a sum over neighbours."""
    hat, node = entries(graph), graph.node.tolist()
    zero = torch.zeros(layer.hidden_channels, dtype=torch.float64)
    h, c, out = {}, {}, list(x)
    for moment in sorted(set(graph.time.tolist())):
        rows = [row for row in range(graph.num_nodes) if graph.time[row] == moment]
        gates, bias = {}, layer.conv_x.bias + layer.conv_h.bias
        for i in rows:
            ax = sum(hat.get((i, j), 0.0) * x[j] for j in rows)
            ah = sum(hat.get((i, j), 0.0) * h.get(node[j], zero) for j in rows)
            gates[i] = layer.conv_x.lin.weight @ ax + layer.conv_h.lin.weight @ ah + bias
        for row in rows:
            i, f, g, o = gates[row].chunk(4)
            c[node[row]] = f.sigmoid() * c.get(node[row], zero) + i.sigmoid() * g.tanh()
            h[node[row]] = out[row] = o.sigmoid() * c[node[row]].tanh()
    return out


@pytest.mark.parametrize("num_layers", [1, 2])
def test_on_a_sequence_it_is_the_lstm_weight_for_weight(num_layers: int) -> None:
    lstm, graph = nn.LSTM(D, H, num_layers).double(), sequence(0, 7)
    torch.testing.assert_close(copied_from(lstm)(graph), lstm(graph.x)[0], rtol=0, atol=1e-14)


def test_on_one_node_with_a_self_loop_it_is_still_the_lstm() -> None:
    lstm, x = nn.LSTM(D, H).double(), torch.randn(4, D, dtype=torch.float64)
    graph = gs.from_signal(x[:, None], torch.tensor([[0], [0]]))
    torch.testing.assert_close(copied_from(lstm)(graph), lstm(x)[0], rtol=0, atol=1e-14)


def test_without_edges_each_node_is_an_lstm_of_its_own() -> None:
    lstm, x = nn.LSTM(D, H).double(), torch.randn(4, 3, D, dtype=torch.float64)
    graph = gs.from_signal(x, torch.zeros(2, 0, dtype=torch.long))
    torch.testing.assert_close(copied_from(lstm)(graph), lstm(x)[0].flatten(0, 1), rtol=0, atol=1e-14)


def test_nodes_that_are_all_joined_and_all_alike_are_one_lstm() -> None:
    lstm, x = nn.LSTM(D, H).double(), torch.randn(4, D, dtype=torch.float64)
    everyone = torch.ones(3, 3).nonzero().t()
    graph = gs.from_signal(x[:, None].expand(-1, 3, -1), everyone)
    expected = lstm(x)[0][:, None].expand(-1, 3, -1).flatten(0, 1)
    torch.testing.assert_close(copied_from(lstm)(graph), expected, rtol=0, atol=1e-14)


def test_on_one_snapshot_it_is_one_gated_graph_convolution() -> None:
    encoder = built()
    x = torch.randn(3, D, dtype=torch.float64)
    index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    a = 6**-0.5
    hat = torch.tensor([[1 / 2, a, 0], [a, 1 / 3, a], [0, a, 1 / 2]], dtype=torch.float64)
    layer = encoder.layers[0]
    i, _, g, o = (hat @ x @ layer.conv_x.lin.weight.T + layer.conv_x.bias + layer.conv_h.bias).chunk(4, dim=1)
    expected = o.sigmoid() * (i.sigmoid() * g.tanh()).tanh()
    rows = torch.arange(3)
    graph = gs.SpaceTimeGraph(x, rows, torch.zeros_like(rows), index)
    torch.testing.assert_close(encoder(graph), expected, rtol=0, atol=1e-12)


@given(seed=st.integers(0, 999), directed=st.booleans(), weighted=st.booleans(), num_layers=st.integers(1, 2))
def test_it_equals_a_dictionary_loop_where_nodes_and_edges_come_and_go(
    seed: int, directed: bool, weighted: bool, num_layers: int
) -> None:
    encoder, graph = built(num_layers), draw(seed, times=5, directed=directed, weighted=weighted)
    states = list(graph.x)
    for layer in encoder.layers:
        states = naive(layer, graph, states)
    torch.testing.assert_close(encoder(graph), torch.stack(states), rtol=0, atol=1e-12)


def test_it_equals_a_dictionary_loop_on_a_shared_topology() -> None:
    encoder, x = built(), torch.randn(4, 3, D, dtype=torch.float64)
    weight = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64)
    graph = gs.from_signal(x, torch.tensor([[0, 1, 2], [1, 2, 0]]), weight)
    expected = torch.stack(naive(encoder.layers[0], graph, list(graph.x)))
    torch.testing.assert_close(encoder(graph), expected, rtol=0, atol=1e-12)


def test_a_shared_topology_equals_its_copies_written_out() -> None:
    encoder, x = built(), torch.randn(4, 3, D, dtype=torch.float64)
    shared = gs.from_signal(x, torch.tensor([[0, 1, 2], [1, 2, 0]]))
    written = gs.SpaceTimeGraph(shared.x, shared.node, shared.time, shared.topology.spatial.edge_index)
    torch.testing.assert_close(encoder(shared), encoder(written), rtol=0, atol=1e-14)


def test_an_edge_changes_its_end_and_nothing_out_of_its_reach() -> None:
    encoder, x = built(), torch.randn(2, 3, D, dtype=torch.float64)
    a = encoder(gs.from_signal(x, torch.tensor([[0], [1]])))
    b = encoder(gs.from_signal(x, torch.tensor([[0, 2], [1, 1]])))
    differs = (a != b).any(dim=1).view(2, 3)
    assert differs.tolist() == [[False, True, False], [False, True, False]]


def test_a_returning_node_has_its_last_state() -> None:
    encoder, x = built(), torch.randn(5, D, dtype=torch.float64)
    graph = gs.SpaceTimeGraph(x, torch.tensor([0, 1, 1, 0, 1]), torch.tensor([0, 0, 1, 2, 2]))
    kept = gs.from_sequence(x[[0, 3]])
    torch.testing.assert_close(encoder(graph)[[0, 3]], encoder(kept), rtol=0, atol=1e-14)


def test_on_a_path_of_nodes_reach_is_a_light_cone() -> None:
    path = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    graph = gs.from_signal(torch.zeros(3, 4, D), path)
    cone = GCNLSTM(D, H).reach(graph, torch.tensor([8]))[0].view(3, 4).long()
    assert cone.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]]


def test_each_layer_widens_the_cone_by_one_hop() -> None:
    path = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]])
    graph = gs.from_signal(torch.zeros(2, 5, D), path)
    cone = GCNLSTM(D, H, 2).reach(graph, torch.tensor([5]))[0].view(2, 5).long()
    assert cone.tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]]


def test_a_self_loop_of_weight_zero_hides_a_node_from_its_output_but_not_from_its_cell() -> None:
    index, weight = torch.tensor([[1, 2], [0, 2]]), torch.tensor([1.0, 0.0], dtype=torch.float64)
    x, step = torch.randn(4, D, dtype=torch.float64), torch.tensor([0, 0, 1, 1])
    graph = gs.SpaceTimeGraph(x, torch.tensor([0, 1, 0, 1]), step, index, weight)
    reach = built().reach(graph, torch.arange(4))
    assert reach[2].tolist() == [True, True, False, False]
    assert torch.equal(reach, seen(built(), graph))


@pytest.mark.parametrize("num_layers", [1, 2])
def test_one_seed_gives_the_initial_weights_of_torchs_lstm(num_layers: int) -> None:
    torch.manual_seed(0)
    lstm = nn.LSTM(D, H, num_layers)
    torch.manual_seed(0)
    ours = GCNLSTM(D, H, num_layers)
    for mine, theirs in zip(ours.parameters(), copied_from(lstm).parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_layers_do_not_start_alike() -> None:
    for conv in (gs.nn.GCNConv, GraphConv):
        first, second = GCNLSTM(H, H, 2, conv=conv).layers
        differ = [not torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)]
        assert any(differ)


def test_it_has_as_many_parameters_as_torchs_lstm() -> None:
    d, n = 3, 7
    assert sum(p.numel() for p in GCNLSTM(d, n).parameters()) == 4 * (d * n + n * n + 2 * n)


def test_pygs_own_layer_in_the_gates_gives_the_same_states() -> None:
    ours, theirs, graph = built(2), GCNLSTM(D, H, 2, conv=GCNConv).double(), draw(2, weighted=True)
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(theirs(graph), ours(graph), rtol=0, atol=1e-12)


def test_a_wider_convolution_reads_the_graph_too() -> None:
    torch.manual_seed(0)
    encoder = GCNLSTM(D, H, conv=lambda a, b: ChebConv(a, b, K=2)).double()
    path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    graph = gs.from_signal(torch.randn(2, 3, D, dtype=torch.float64), path)
    assert torch.equal(encoder.reach(graph, torch.arange(6)), seen(encoder, graph))


def test_backward_twice_through_one_graph_gives_the_same_gradient() -> None:
    encoder, graph = built(), draw(1)
    grads = []
    for _ in range(2):
        encoder.zero_grad()
        encoder(with_x(graph, graph.x)).sum().backward()
        grads.append([p.grad.clone() for p in encoder.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))
