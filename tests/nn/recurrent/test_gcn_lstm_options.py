"""The GCN-LSTM's and the GCN-GRU's options against loops over dictionaries, torch's recurrences and literal cones."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matrices import F64, a_hat
from randomgraphs import draw, seen, sequence
from strategies import dynamic_graphs, gappy_signals
from torch import Tensor, nn
from torch_geometric.nn import ChebConv, GraphConv, SAGEConv

import graphseq as gs
from graphseq.nn import GCNGRU, GCNLSTM, GCNConv
from graphseq.nn.cells import gru_cell, lstm_cell
from graphseq.nn.recurrent.gcn_gru import GCNGRULayer

D, H = 2, 3
PATH = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]])
each_family = pytest.mark.parametrize("family", [GCNLSTM, GCNGRU])
each_side = pytest.mark.parametrize("convolve", ["both", "input", "state"])


def built(family: Callable[..., gs.nn.Encoder], inputs: int = D, **options: object) -> gs.nn.Encoder:
    torch.manual_seed(0)
    return family(inputs, H, **options).double()


def hats(graph: gs.SpaceTimeGraph) -> Tensor:
    """Â over all rows by its equation; edges never cross times."""
    spatial = graph.topology.spatial
    return torch.from_numpy(a_hat(spatial.edge_index, spatial.edge_weight, graph.num_nodes))


def by_dictionary(encoder: gs.nn.Encoder, graph: gs.SpaceTimeGraph) -> Tensor:
    """The equations with a dictionary for what each node remembers, and Â as a full matrix."""
    hat, node, x = hats(graph), graph.node.tolist(), graph.x.double()
    for number, layer in enumerate(encoder.layers):
        power = torch.linalg.matrix_power(hat, layer.gates.hops)
        of_x, of_h = (power if side else torch.eye(len(x), dtype=F64) for side in layer.gates[:2])
        w_x, w_h, b_x, b_h = layer.weights()
        zero = torch.zeros(H, dtype=F64)
        remembered: dict[int, tuple[Tensor, ...]] = {}
        out = torch.zeros(len(x), H, dtype=F64)
        for moment in graph.time.unique().tolist():
            rows = (graph.time == moment).nonzero()[:, 0].tolist()
            before = {row: remembered.get(node[row], (zero, zero)) for row in rows}
            for i in rows:
                a = w_x @ sum(of_x[i, j] * x[j] for j in rows) + b_x
                s = w_h @ sum(of_h[i, j] * before[j][0] for j in rows) + b_h
                remembered[node[i]] = _cell(layer, a, s, *before[i])
                out[i] = remembered[node[i]][0]
        x = x + out if encoder.residual and number > 0 else out
    return x


def _cell(layer: nn.Module, a: Tensor, s: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
    if isinstance(layer, GCNGRULayer):
        (a_r, a_z, a_n), (s_r, s_z, s_n) = a.chunk(3), s.chunk(3)
        z = (a_z + s_z).sigmoid()
        return (1 - z) * (a_n + (a_r + s_r).sigmoid() * s_n).tanh() + z * h, c
    w_i, w_f, w_o = (0, 0, 0) if layer.peepholes is None else layer.peepholes
    i, f, g, o = (a + s).chunk(4)
    c = (f + w_f * c).sigmoid() * c + (i + w_i * c).sigmoid() * g.tanh()
    return (o + w_o * c).sigmoid() * c.tanh(), c


@given(
    graph=st.one_of(dynamic_graphs(channels=D), gappy_signals(channels=D)),
    convolve=st.sampled_from(("both", "input", "state")),
    hops=st.integers(1, 3),
    peepholes=st.booleans(),
    residual=st.booleans(),
    num_layers=st.integers(1, 3),
)
def test_the_lstm_equals_a_dictionary_loop_with_every_option(graph: gs.SpaceTimeGraph, **options: object) -> None:
    encoder = built(GCNLSTM, **options)
    graph.x = graph.x.double()
    torch.testing.assert_close(encoder(graph), by_dictionary(encoder, graph), rtol=0, atol=1e-12)


@given(
    graph=st.one_of(dynamic_graphs(channels=D), gappy_signals(channels=D)),
    convolve=st.sampled_from(("both", "input", "state")),
    hops=st.integers(1, 3),
    residual=st.booleans(),
    num_layers=st.integers(1, 3),
)
def test_the_gru_equals_a_dictionary_loop_with_every_option(graph: gs.SpaceTimeGraph, **options: object) -> None:
    encoder = built(GCNGRU, **options)
    graph.x = graph.x.double()
    torch.testing.assert_close(encoder(graph), by_dictionary(encoder, graph), rtol=0, atol=1e-12)


def copied_from(kernel: nn.RNNBase, **options: object) -> gs.nn.Encoder:
    family = GCNGRU if isinstance(kernel, nn.GRU) else GCNLSTM
    ours = built(family, kernel.input_size, num_layers=kernel.num_layers, **options)
    with torch.no_grad():
        for layer, weights in zip(ours.layers, kernel.all_weights, strict=True):
            for mine, theirs in zip(layer.weights(), (weights[0], weights[1], weights[2], weights[3]), strict=True):
                mine.copy_(theirs)
    return ours


@pytest.mark.parametrize("kernel", [nn.LSTM, nn.GRU])
@each_side
@pytest.mark.parametrize("hops", [1, 3])
def test_on_a_sequence_it_is_torchs_recurrence_weight_for_weight(kernel: type, convolve: str, hops: int) -> None:
    theirs, graph = kernel(D, H, 2).double(), sequence(0, 7)
    ours = copied_from(theirs, convolve=convolve, hops=hops)
    torch.testing.assert_close(ours(graph), theirs(graph.x)[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize(("family", "kernel"), [(GCNLSTM, nn.LSTM), (GCNGRU, nn.GRU)])
@each_side
def test_one_seed_gives_the_initial_weights_of_torchs_recurrence(family: type, kernel: type, convolve: str) -> None:
    torch.manual_seed(3)
    theirs = kernel(D, H, 2).all_weights
    torch.manual_seed(3)
    ours = [layer.weights() for layer in family(D, H, 2, convolve=convolve).layers]
    for mine, those in zip(ours, theirs, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, those, strict=True))


def test_the_gru_has_as_many_parameters_as_torchs() -> None:
    count = lambda module: sum(p.numel() for p in module.parameters())  # noqa: E731
    assert count(GCNGRU(5, 7)) == count(nn.GRU(5, 7)) == 3 * (5 * 7 + 7 * 7 + 2 * 7)


def test_convolved_inputs_alone_are_an_lstm_on_a_hat_x() -> None:
    theirs, x = nn.LSTM(D, H).double(), torch.randn(4, 5, D, dtype=F64)
    graph = gs.from_signal(x, PATH)
    hat = torch.from_numpy(a_hat(PATH, None, 5))
    expected = theirs(hat @ x)[0].flatten(0, 1)
    torch.testing.assert_close(copied_from(theirs, convolve="input")(graph), expected, rtol=0, atol=1e-14)


def test_a_residual_adds_what_the_second_layer_reads() -> None:
    graph, encoder = draw(2, directed=True), built(GCNLSTM, num_layers=2, residual=True)
    first, both = built(GCNLSTM), built(GCNLSTM, num_layers=2)
    both.load_state_dict(encoder.state_dict())
    first.load_state_dict({key: part for key, part in encoder.state_dict().items() if key.startswith("layers.0")})
    torch.testing.assert_close(encoder(graph), first(graph) + both(graph), rtol=0, atol=1e-13)


def test_peepholes_of_zero_are_none() -> None:
    graph, with_them, without = draw(2), built(GCNLSTM, peepholes=True), built(GCNLSTM)
    without.load_state_dict(with_them.state_dict(), strict=False)
    assert not torch.allclose(with_them(graph), without(graph))
    with torch.no_grad():
        with_them.layers[0].peepholes.zero_()
    torch.testing.assert_close(with_them(graph), without(graph), rtol=0, atol=1e-13)


def test_a_cell_with_peepholes_literally() -> None:
    gates, c = torch.zeros(4), torch.tensor([2.0])
    gates[2] = 1.0
    h, new = lstm_cell(gates, c, torch.tensor([[0.5], [-1.0], [3.0]]))
    sigma = torch.sigmoid
    expected = sigma(torch.tensor(-2.0)) * 2 + sigma(torch.tensor(1.0)) * torch.tanh(torch.tensor(1.0))
    torch.testing.assert_close(new, expected[None])
    torch.testing.assert_close(h, (sigma(3 * expected) * expected.tanh())[None])


def cone(encoder: gs.nn.Encoder, row: int) -> list[list[int]]:
    graph = gs.from_signal(torch.zeros(3, 5, D), PATH)
    return encoder.reach(graph, torch.tensor([row]))[0].view(3, 5).long().tolist()


@each_family
def test_cones_on_a_path_of_five_nodes_literally(family: type) -> None:
    assert cone(family(D, H, convolve="input"), 10) == [[1, 1, 0, 0, 0]] * 3
    assert cone(family(D, H, convolve="state"), 10) == [[1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]]
    assert cone(family(D, H, hops=2), 10) == [[1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert cone(family(D, H, 2, convolve="input"), 10) == [[1, 1, 1, 0, 0]] * 3


ALONE = torch.tensor([[1, 2], [0, 2]]), torch.tensor([1.0, 0.0], dtype=F64)


@each_family
@each_side
@pytest.mark.parametrize("residual", [False, True])
def test_with_a_row_hidden_from_itself_reach_is_the_pattern_of_the_jacobian(
    family: type, convolve: str, residual: bool
) -> None:
    x, step = torch.randn(4, D, dtype=F64, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 0, 1, 1])
    graph = gs.SpaceTimeGraph(x, torch.tensor([0, 1, 0, 1]), step, *ALONE)  # row 2 has a self-loop of weight 0
    for hops in (1, 2):
        encoder = built(family, num_layers=2, convolve=convolve, residual=residual, hops=hops)
        assert torch.equal(encoder.reach(graph, torch.arange(4)), seen(encoder, graph))


@each_family
def test_a_bias_may_be_left_out(family: type) -> None:
    graph, without = draw(1), built(family, conv=lambda a, b: GCNConv(a, b, bias=False))
    zero = built(family)
    zero.load_state_dict(without.state_dict(), strict=False)
    with torch.no_grad():
        zero.layers[0].conv_x.bias.zero_()
        zero.layers[0].conv_h.bias.zero_()
    for data in (graph, sequence(0, 4)):
        torch.testing.assert_close(without(data), zero(data), rtol=0, atol=1e-14)


@each_family
@each_side
def test_any_convolution_can_be_either_map(family: type, convolve: str) -> None:
    encoder, graph = built(family, conv=SAGEConv, convolve=convolve), gs.from_signal(torch.randn(3, 5, D), PATH)
    kinds = [type(encoder.layers[0].conv_x), type(encoder.layers[0].conv_h)]
    assert kinds == [nn.Linear if convolve == "state" else SAGEConv, nn.Linear if convolve == "input" else SAGEConv]
    graph.x = graph.x.double()
    assert torch.equal(encoder.reach(graph, torch.arange(15)), seen(encoder, graph))


@each_family
def test_a_subclass_of_the_convolution_is_called(family: type) -> None:
    class Louder(GCNConv):
        def forward(self, *inputs: object) -> Tensor:
            return 2 * super().forward(*inputs)

    louder, plain = built(family, conv=Louder), built(family)
    assert not torch.allclose(louder(draw(1)), plain(draw(1)))


@each_family
def test_an_encoder_made_with_a_lambda_is_copied_and_pickled(family: type) -> None:
    encoder, graph = built(family, conv=lambda a, b: GraphConv(a, b, aggr="mean")), draw(1)
    for other in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):  # noqa: S301
        assert torch.equal(other(graph), encoder(graph))


@each_family
def test_wrong_options_are_errors_that_say_what_to_do(family: type) -> None:
    with pytest.raises(ValueError, match="convolve must be one of both, input, state; got 'all'"):
        family(D, H, convolve="all")
    with pytest.raises(ValueError, match="hops must be at least 1, got 0"):
        family(D, H, hops=0)
    with pytest.raises(TypeError, match=r"hops must be an integer, got 1\.5"):
        family(D, H, hops=1.5)
    with pytest.raises(ValueError, match="hops=2 requires GCNConv gates; other convolutions take hops=1"):
        family(D, H, hops=2, conv=SAGEConv)
    with pytest.raises(ValueError, match="num_layers must be at least 1, got 0"):
        family(D, H, 0)
    with pytest.raises(TypeError, match=r"Linear is called with \(input\)"):  # which takes no edges
        family(D, H, conv=nn.Linear)


def peer(x: Tensor, edge_index: Tensor, weight: Tensor | None, bias: bool) -> tuple[dict[str, Tensor], Tensor]:
    """PyG Temporal's GConvLSTM as written there, from eight ``ChebConv``: its weights and its states (T, N, H)."""
    make = {"x": D, "h": H}
    convs = nn.ModuleDict(
        {f"conv_{side}_{gate}": ChebConv(make[side], H, K=2, bias=bias) for side in "xh" for gate in "ifco"}
    ).double()
    rest = {name: torch.randn(1, H, dtype=F64) for name in ("w_c_i", "w_c_f", "w_c_o", "b_i", "b_f", "b_c", "b_o")}
    h = c = torch.zeros(x.shape[1], H, dtype=F64)
    states = []
    for now in x:

        def gate(name: str, now: Tensor = now, h: Tensor = h) -> Tensor:
            return convs[f"conv_x_{name}"](now, edge_index, weight) + convs[f"conv_h_{name}"](h, edge_index, weight)

        i = torch.sigmoid(gate("i") + rest["w_c_i"] * c + rest["b_i"])
        f = torch.sigmoid(gate("f") + rest["w_c_f"] * c + rest["b_f"])
        c = f * c + i * torch.tanh(gate("c") + rest["b_c"])
        h = torch.sigmoid(gate("o") + rest["w_c_o"] * c + rest["b_o"]) * torch.tanh(c)
        states.append(h)
    return {**convs.state_dict(), **rest}, torch.stack(states)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_converted_weights_of_pyg_temporal_give_its_states(weighted: bool, bias: bool) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(4, 5, D, dtype=F64), torch.tensor([2, 2, 1, 1, 3, 3, 0.5, 0.5], dtype=F64)
    state, expected = peer(x, PATH, weight if weighted else None, bias)
    ours = gs.nn.from_gconv_lstm(state)
    graph = gs.from_signal(x, PATH, weight if weighted else None)
    torch.testing.assert_close(ours(graph), expected.flatten(0, 1), rtol=0, atol=1e-13)
    assert torch.equal(ours.reach(graph, torch.arange(20)), seen(ours, graph))


def test_other_weights_than_pyg_temporals_are_refused() -> None:
    state, _ = peer(torch.zeros(1, 5, D, dtype=F64), PATH, None, True)
    with pytest.raises(ValueError, match=r"state_dict\(\) of a GConvLSTM of K = 2; it has no conv_x_i.lins.1.weight"):
        gs.nn.from_gconv_lstm({name: part for name, part in state.items() if "lins.1" not in name})
    with pytest.raises(ValueError, match="K must be 2"):
        gs.nn.from_gconv_lstm({**state, "conv_x_i.lins.2.weight": torch.zeros(H, D)})


def test_the_cell_of_the_gru_is_the_one_of_the_recurrent_networks() -> None:
    layer, a, s, h = GCNGRU(D, H).layers[0], torch.randn(4, 3 * H), torch.randn(4, 3 * H), torch.randn(4, H)
    assert torch.equal(layer.cell(a, s, h)[0], gru_cell(a, s, h))
