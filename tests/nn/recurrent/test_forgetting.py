"""The GCN-LSTM with gates on nodes and edges, against a loop over dictionaries, the GCN-LSTM, and by hand."""

import math

import pytest
import torch
from forgetting_twin import D, H, agree, built, each_kind, each_way, gate, kept_all
from hypothesis import given, settings
from hypothesis import strategies as st
from randomgraphs import draw, seen, sequence, with_x
from strategies import dynamic_graphs, gappy_signals
from torch import Tensor, nn

import graphseq as gs
from graphseq.nn import GCNLSTM, ForgettingGCNLSTM
from graphseq.nn.recurrent.forgetting import Forget, ForgetGates


@each_kind
@each_way
@pytest.mark.parametrize("layers", [1, 2])
@settings(max_examples=12)
@given(graph=dynamic_graphs(channels=D))
def test_it_equals_a_dictionary_loop(forget: Forget, accumulate: bool, layers: int, graph: gs.SpaceTimeGraph) -> None:
    agree(built(forget, layers, accumulate=accumulate), graph)


@each_way
@given(graph=gappy_signals(channels=D))
def test_it_equals_a_dictionary_loop_on_static_edges(accumulate: bool, graph: gs.SpaceTimeGraph) -> None:
    agree(built(accumulate=accumulate), graph)


@each_kind
@each_way
@settings(max_examples=12)
@given(seed=st.integers(0, 99), layers=st.integers(1, 2), directed=st.booleans(), weighted=st.booleans())
def test_with_open_gates_it_is_the_gcn_lstm_weight_for_weight(
    forget: Forget, accumulate: bool, seed: int, layers: int, directed: bool, weighted: bool
) -> None:
    graph, plain = draw(seed, directed=directed, weighted=weighted), GCNLSTM(D, H, layers).double()
    encoder = kept_all(forget, layers, accumulate=accumulate)
    encoder.layers.load_state_dict(plain.layers.state_dict())
    torch.testing.assert_close(encoder(graph), plain(graph), rtol=0, atol=1e-12)


def test_one_seed_gives_it_and_the_gcn_lstm_the_same_weights() -> None:
    torch.manual_seed(3)
    plain = GCNLSTM(D, H, 2)
    torch.manual_seed(3)
    ours = ForgettingGCNLSTM(D, H, 2).layers.state_dict()
    assert all(torch.equal(weight, ours[name]) for name, weight in plain.layers.state_dict().items())


def test_on_a_sequence_it_is_the_lstm_weight_for_weight() -> None:
    lstm, encoder, graph = nn.LSTM(D, H).double(), built(), sequence(0, 7)
    layer = encoder.layers[0]
    named = {"lin.weight": "weight", "bias": "bias"}
    for conv, side in ((layer.conv_x, "ih"), (layer.conv_h, "hh")):
        conv.load_state_dict({ours: getattr(lstm, f"{theirs}_{side}_l0") for ours, theirs in named.items()} | {})
    torch.testing.assert_close(encoder(graph), lstm(graph.x)[0], rtol=0, atol=1e-14)


def two_nodes(times: int) -> gs.SpaceTimeGraph:
    x = torch.randn(times, 2, D, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return gs.from_signal(x, torch.tensor([[0, 1], [1, 0]]))


def test_initial_gates_come_from_their_biases_and_are_nearly_open() -> None:
    kept = ForgettingGCNLSTM(D, H, forget="nodes").double().gate_values(two_nodes(2))
    first = 1 / (1 + math.exp(-3))
    torch.testing.assert_close(kept.node[:2], torch.full((2,), first, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(kept.factor[:2], torch.full((2,), first**2, dtype=torch.float64), rtol=0, atol=1e-12)
    assert kept.edge.tolist() == [1.0] * 4
    assert not torch.allclose(kept.node[2:], kept.node[:2], rtol=0, atol=1e-9)  # now from states


def constant(forget: Forget, share: float, *, accumulate: bool) -> ForgettingGCNLSTM:
    """Every gate is ``share``."""
    encoder = kept_all(forget, accumulate=accumulate)
    for score in (encoder.gates.node, encoder.gates.edge):
        if score is not None:
            nn.init.constant_(score.bias, math.log(share / (1 - share)))
    return encoder


def test_products_accumulate_and_are_unchanged_while_a_node_or_a_pair_is_absent() -> None:
    # Nodes 0 and 1 at times 0, 2 and 5, joined at 0 and 5; node 0 alone at time 1.
    node, time = torch.tensor([0, 1, 0, 0, 1, 0, 1]), torch.tensor([0, 0, 1, 2, 2, 5, 5])
    graph = gs.SpaceTimeGraph(torch.zeros(7, D).double(), node, time, torch.tensor([[0, 5], [1, 6]]))
    kept = constant("both", 0.5, accumulate=True).gate_values(graph)
    assert kept.node.tolist() == pytest.approx([1 / 2, 1 / 2, 1 / 4, 1 / 8, 1 / 4, 1 / 16, 1 / 8])
    assert kept.edge.tolist() == pytest.approx([1 / 2, 1 / 4])
    assert kept.factor.tolist() == pytest.approx([1 / 8, 1 / 512])
    by_step = constant("both", 0.5, accumulate=False).gate_values(graph)
    assert by_step.node.tolist() == pytest.approx([1 / 2] * 7)
    assert by_step.factor.tolist() == pytest.approx([1 / 8] * 2)


def test_the_weight_of_a_masked_neighbour_goes_to_the_others() -> None:
    # Gates of 1/3 make Ã' = [[1, 1/3], [1/3, 1]], degrees 4/3, and so Â' = [[3/4, 1/4], [1/4, 3/4]].
    encoder, graph = constant("edges", 1 / 3, accumulate=False), two_nodes(1)
    layer = encoder.layers[0]
    hat = torch.tensor([[3 / 4, 1 / 4], [1 / 4, 3 / 4]], dtype=torch.float64)
    i, _, g, o = (hat @ graph.x @ layer.conv_x.lin.weight.T + layer.conv_x.bias + layer.conv_h.bias).chunk(4, dim=1)
    torch.testing.assert_close(encoder(graph), o.sigmoid() * (i.sigmoid() * g.tanh()).tanh(), rtol=0, atol=1e-14)


def test_a_masked_node_is_isolated_and_keeps_its_own_state() -> None:
    encoder, graph = constant("nodes", 1e-12, accumulate=False), two_nodes(4)
    alone = gs.from_signal(graph.x.view(4, 2, D), torch.zeros(2, 0, dtype=torch.long))
    torch.testing.assert_close(encoder(graph), encoder(alone), rtol=0, atol=1e-11)


def test_self_loops_are_never_masked() -> None:
    graph = gs.SpaceTimeGraph(
        torch.ones(2, D).double(), torch.arange(2), torch.zeros(2).long(), torch.tensor([[0, 1, 0], [0, 0, 0]])
    )
    kept = constant("both", 0.5, accumulate=True).gate_values(graph)
    assert kept.edge.tolist() == [1.0, 0.5, 1.0]
    assert kept.factor.tolist() == pytest.approx([1.0, 0.125, 1.0])


def test_gates_can_express_that_the_two_ends_differ() -> None:
    gates = ForgetGates(1, False, True)
    weights = {"source.weight": 9.0, "target.weight": -9.0, "target.bias": -4.0, "edge.weight": -9.0, "edge.bias": 0.0}
    # Two units: tanh(±9 (h_j - h_i) - 4) is -1 where the ends are alike, and one of them 1 where they differ.
    two = ForgetGates(2, False, True)
    two.load_state_dict(
        {
            "source.weight": torch.tensor([[9.0, 0], [-9.0, 0]]),
            "target.weight": torch.tensor([[-9.0, 0], [9.0, 0]]),
            "target.bias": torch.full((2,), weights["target.bias"]),
            "edge.weight": torch.full((1, 2), weights["edge.weight"]),
            "edge.bias": torch.full((1,), -9.0),
        }
    )
    assert {name for name, _ in gates.named_parameters()} == set(two.state_dict())
    signs = [torch.tensor([s, 0.0]) for s in (1.0, -1.0)]
    table = [[gate(two, h_j, h_i) for h_i in signs] for h_j in signs]
    assert table == [[pytest.approx(1, abs=1e-3), pytest.approx(0, abs=1e-3)], [*map(pytest.approx, table[0][::-1])]]


@each_kind
@each_way
def test_gradients_are_those_of_finite_differences(forget: Forget, accumulate: bool) -> None:
    encoder, graph = built(forget, accumulate=accumulate), draw(2, nodes=3, times=3, weighted=True)
    names = [name for name, _ in encoder.named_parameters()]

    def states(x: Tensor, *weights: Tensor) -> Tensor:
        named = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(encoder, named, (with_x(graph, x),))

    given_ = (graph.x.requires_grad_(), *(weight.detach().requires_grad_() for weight in encoder.parameters()))
    assert torch.autograd.gradcheck(states, given_, atol=1e-7)


@each_kind
@each_way
@pytest.mark.parametrize("layers", [1, 3])
@settings(max_examples=12)
@given(graph=dynamic_graphs(channels=D))
def test_reach_is_the_pattern_of_the_jacobian(
    forget: Forget, accumulate: bool, layers: int, graph: gs.SpaceTimeGraph
) -> None:
    graph = with_x(graph, torch.randn(len(graph.x), D, generator=torch.Generator().manual_seed(0)).double())
    encoder = built(forget, layers, accumulate=accumulate)
    assert torch.equal(encoder.reach(graph, torch.arange(graph.num_nodes)), seen(encoder, graph))


def test_states_are_read_two_hops_away_by_the_gates_and_inputs_one() -> None:
    # A directed path 0 → 1 → 2 → 3 at two times, asked at node 3 and time 1: its neighbour's degree knows node 1.
    x = torch.randn(2, 4, D, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    edges = torch.tensor([[0, 1, 2], [1, 2, 3]])
    still = torch.cat([edges + 4], dim=1)  # no edges at time 0
    node, time = torch.arange(4).repeat(2), torch.arange(2).repeat_interleave(4)
    graph = gs.SpaceTimeGraph(x.flatten(0, 1), node, time, still)
    asked = torch.tensor([7])
    assert built().reach(graph, asked).tolist() == [[False, True, True, True, False, False, True, True]]
    assert GCNLSTM(D, H).reach(graph, asked).tolist() == [[False, False, True, True, False, False, True, True]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"forget": "all"}, "forget must be one of both, edges, nodes; got 'all'"),
        ({"gate_penalty": -1.0}, "gate_penalty must lie between 0 and inf, got -1.0"),
        ({"num_layers": 0}, "num_layers must be at least 1, got 0"),
    ],
)
def test_refusals_name_the_argument(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ForgettingGCNLSTM(D, H, **arguments)  # type: ignore[arg-type]


def test_a_weight_below_zero_is_refused_as_by_the_gcn_lstm() -> None:
    graph = gs.SpaceTimeGraph(
        torch.ones(2, D).double(),
        torch.arange(2),
        torch.zeros(2).long(),
        torch.tensor([[0], [1]]),
        torch.tensor([-1.0]),
    )
    with pytest.raises(ValueError, match=r"edge_weight\[0\] is -1"):
        built()(graph)
