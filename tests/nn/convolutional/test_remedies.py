"""Remedies against over-smoothing: each against its equation, its source's own layer, and its known properties."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
import torch_geometric.nn as pyg
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw, join
from torch import Tensor, nn

import graphseq as gs
from graphseq.nn import GCN, GCNII, AntisymmetricGCN, PairNorm, StateSpaceGCN, WaveGCN
from graphseq.nn.convolutional.gcnii import GCN2Conv
from graphseq.nn.convolutional.wave import fastest


def dense(graph: gs.SpaceTimeGraph) -> Tensor:
    return graph.topology.spacetime().normalised(torch.float64) @ torch.eye(graph.num_rows, dtype=torch.float64)


def ring(rows: int, x: Tensor) -> gs.SpaceTimeGraph:
    return gs.from_graph(nx.cycle_graph(rows), x=x)


def one(rows: int) -> Tensor:
    return torch.eye(rows, dtype=torch.float64)[:, :1]


def bare_wave(layers: int, speed: float = 3**0.5) -> WaveGCN:
    """One channel at full speed, which begins with the features as they are."""
    wave = WaveGCN(1, 1, layers, speed=speed).double()
    with torch.no_grad():
        wave.lin.weight.fill_(1)
        wave.angle.fill_(torch.pi / 2)
    return wave


@pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])
def test_gcn2conv_is_pygs_on_the_same_edges(directed: bool) -> None:
    graph = draw(0, weighted=True, directed=directed)
    x, first = torch.randn(2, graph.num_rows, 5, dtype=torch.float64)
    ours, theirs = GCN2Conv(5, 0.2, 0.5, 3).double(), pyg.GCN2Conv(5, 0.2, 0.5, 3).double()
    ours.load_state_dict(theirs.state_dict())
    plain = graph.unroll()
    expected = theirs(x, first, plain.edge_index, plain.edge_weight)
    torch.testing.assert_close(ours(x, first, graph.topology.spacetime()), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(ours(x, first, plain.edge_index, plain.edge_weight), expected, rtol=0, atol=1e-12)


def test_gcnii_is_its_equation() -> None:
    graph = draw(1)
    a = dense(graph)
    ours = GCNII(2, 6, 3, alpha=0.3, theta=0.7).double()
    h = first = (graph.x @ ours.lin.weight.T + ours.lin.bias).relu()
    for layer, conv in enumerate(ours.convs, start=1):
        beta = torch.tensor(0.7 / layer + 1, dtype=torch.float64).log()
        mixed = 0.7 * a @ h + 0.3 * first
        h = ((1 - beta) * mixed + beta * mixed @ conv.weight1).relu()
    torch.testing.assert_close(ours(graph), h, rtol=0, atol=1e-12)


def test_gcnii_with_alpha_one_is_a_network_on_each_row() -> None:
    graph = draw(1)
    ours = GCNII(2, 6, 3, alpha=1.0).double()
    assert torch.autograd.functional.jacobian(lambda x: ours.encode(graph, x), graph.x).count_nonzero() > 0
    for row in range(graph.num_rows):
        alone = gs.SpaceTimeGraph(graph.x[row : row + 1], graph.node[row : row + 1], graph.time[row : row + 1])
        torch.testing.assert_close(ours(alone)[0], ours(graph)[row], rtol=0, atol=1e-12)


def test_antisymmetric_layers_are_pygs_with_a_gcnconv_inside() -> None:
    graph = draw(2, weighted=True)
    ours = AntisymmetricGCN(2, 6, 4, step=0.3, damping=0.2).double()
    phi = pyg.GCNConv(6, 6, bias=False)
    theirs = pyg.AntiSymmetricConv(6, phi, num_iters=4, epsilon=0.3, gamma=0.2).double()
    theirs.load_state_dict(ours.conv.state_dict())
    plain = graph.unroll()
    expected = theirs(ours.lin(graph.x), plain.edge_index, plain.edge_weight)
    torch.testing.assert_close(ours(graph), expected, rtol=0, atol=1e-12)


def test_without_edges_and_damping_an_antisymmetric_step_rotates_small_states_without_shrinking() -> None:
    ours = AntisymmetricGCN(4, 4, 1, step=0.1, damping=0.0).double()
    with torch.no_grad():
        ours.conv.phi.lin.weight.zero_()
    graph = gs.from_sequence(torch.zeros(1, 4, dtype=torch.float64))
    jacobian = torch.autograd.functional.jacobian(lambda h: ours.conv(h, graph.topology.spacetime()), graph.x)[0, :, 0]
    turn = (ours.conv.W - ours.conv.W.T).detach()
    torch.testing.assert_close(jacobian, torch.eye(4, dtype=torch.float64) + 0.1 * turn, rtol=0, atol=1e-12)
    assert bool((torch.linalg.eigvals(jacobian).abs() >= 1).all())


def test_the_state_space_update_is_a_polynomial_in_the_operator() -> None:
    graph = draw(3, directed=True)
    ours, a = StateSpaceGCN(2, 5, 4).double(), dense(graph)
    power = torch.linalg.matrix_power
    given_ = graph.x @ ours.lin.weight.T
    expected = sum(power(a, k) @ given_ @ power(ours.weight, k) for k in range(5))
    torch.testing.assert_close(ours.trace(graph).states[5], expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(ours(graph), ours.mix(expected), rtol=0, atol=1e-12)


def test_state_space_weights_begin_orthogonal() -> None:
    weight = StateSpaceGCN(2, 7).weight.detach()
    torch.testing.assert_close(weight @ weight.T, torch.eye(7), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "expected"), [(1, "0h000h"), (2, "00h0h0"), (3, "000100"), (4, "00h0h0"), (6, "100000")]
)
def test_on_a_ring_the_wave_is_dalemberts(layer: int, expected: str) -> None:
    states = bare_wave(7).trace(ring(6, one(6))).states
    literal = torch.tensor([{"0": 0.0, "h": 0.5, "1": 1.0}[each] for each in expected], dtype=torch.float64)
    torch.testing.assert_close(states[1 + layer][:, 0], literal, rtol=0, atol=1e-12)


@given(seed=st.integers(0, 99), layers=st.integers(1, 30), c=st.floats(0.05, 1.4))
def test_the_wave_is_chebyshevs_polynomial_of_the_operator(seed: int, layers: int, c: float) -> None:
    graph = gs.from_graph(nx.gnp_random_graph(7, 0.4, seed=seed), x=one(7))
    values, vectors = torch.linalg.eigh(dense(graph))
    turned = (layers * (1 - c**2 / 2 * (1 - values)).clamp(-1, 1).acos()).cos()
    expected = vectors @ (turned[:, None] * (vectors.T @ graph.x))
    torch.testing.assert_close(bare_wave(layers, c).trace(graph).states[1 + layers], expected, rtol=0, atol=1e-9)


@given(seed=st.integers(0, 99), share=st.floats(0.1, 1.0))
def test_up_to_the_fastest_speed_a_wave_never_grows(seed: int, share: float) -> None:
    drawn = nx.gnp_random_graph(8, 0.5, seed=seed)
    drawn.add_edge(0, 1)
    for a, b in drawn.edges:
        drawn.edges[a, b]["weight"] = 0.1 + ((a * 7 + b * 3 + seed) % 10) / 4
    graph = gs.from_graph(drawn, x=one(8))
    largest = max(weight for _, weight in drawn.degree(weight="weight")) + 1
    states = bare_wave(60, min(2.0, share * fastest(largest))).trace(graph).states[1:-1]
    assert all(float(state.detach().norm()) <= 1 + 1e-9 for state in states)


def test_on_a_ring_nothing_faster_than_the_fastest_is_stable() -> None:
    beyond = bare_wave(200, 1.01 * fastest(3)).trace(ring(8, one(8))).states[-2]
    assert float(beyond.detach().norm()) > 1e3


def test_a_wave_crosses_fifty_hops_where_convolutions_vanish() -> None:
    path = gs.from_sequence(one(51))
    arrived = float(bare_wave(50).trace(path).states[51][50, 0].detach())
    assert arrived > 0.5
    assert gs.reach.theory.path_crossing(51) < 1e-23


@pytest.mark.parametrize("degree", [0.0, 1.0, -3.0, float("nan"), float("inf")])
def test_the_fastest_speed_requires_edges(degree: float) -> None:
    with pytest.raises(ValueError, match="largest_degree"):
        fastest(degree)


def test_pair_norm_keeps_each_graph_of_a_batch_to_itself() -> None:
    graphs = [draw(seed) for seed in range(3)]
    ours = GCN(2, 6, 3, norm=PairNorm).double()
    torch.testing.assert_close(ours(join(graphs)), torch.cat([ours(graph) for graph in graphs]), rtol=0, atol=1e-12)


def test_pair_norm_centres_the_rows_and_keeps_their_mean_square() -> None:
    graph = draw(1)
    ours = GCN(2, 6, 2, norm=PairNorm).double()
    normed = ours.norms[0](ours.convs[0](graph.x, graph.topology.spacetime()))
    torch.testing.assert_close(normed.mean(dim=0), torch.zeros(6, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(
        normed.square().sum(dim=1).mean(), torch.tensor(1.0, dtype=torch.float64), rtol=0, atol=1e-2
    )


def test_with_pair_norm_every_row_depends_on_all_rows() -> None:
    graph = join([gs.from_sequence(torch.randn(9, 2, dtype=torch.float64)) for _ in range(2)])
    asked = torch.tensor([0])
    assert GCN(2, 6, 2, norm=PairNorm).reach(graph, asked)[0].tolist() == [True] * 9 + [False] * 9
    assert GCN(2, 6, 1, norm=PairNorm).reach(graph, asked)[0].tolist() == [True] * 2 + [False] * 16
    with pytest.raises(ValueError, match="PairNorm reads all rows"):
        GCN(2, 6, 2, norm=PairNorm, causal=True)


@pytest.mark.parametrize("jk", ["cat", "max"])
def test_jumping_knowledge_is_pygs(jk: str) -> None:
    graph = draw(1)
    ours = GCN(2, 6, 3, jk=jk).double()
    theirs = pyg.models.GCN(2, 6, 3, out_channels=6, jk=jk).double()
    renamed = {name.replace("jump.lin", "lin"): value for name, value in ours.state_dict().items()}
    theirs.load_state_dict(renamed)
    torch.testing.assert_close(ours(graph), theirs(graph.x, graph.unroll().edge_index), rtol=0, atol=1e-12)


def test_jumping_by_attention_weighs_the_layers_to_one() -> None:
    graph = draw(1)
    ours = GCN(2, 6, 3, jk="lstm").double()
    states = torch.stack(ours.trace(graph).states[1:4])
    with torch.no_grad():
        ours.jump.lin.weight.copy_(torch.eye(6))
        ours.jump.lin.bias.zero_()
    low, high = states.min(dim=0).values, states.max(dim=0).values
    assert bool(((ours(graph) >= low - 1e-12) & (ours(graph) <= high + 1e-12)).all())


def test_depth_scaled_weights_are_the_same_draws_smaller() -> None:
    stacks = []
    for scaled in (False, True):
        torch.manual_seed(0)
        stacks.append(GCN(2, 6, 4, residual=True, depth_scaled_init=scaled))
    for layer, (plain, small) in enumerate(zip(*(stack.convs for stack in stacks), strict=True), start=1):
        torch.testing.assert_close(small.lin.weight * layer**0.5, plain.lin.weight)


def test_depth_scaled_stacks_grow_like_a_power_of_their_depth() -> None:
    def decades(layers: int, scaled: bool) -> float:
        sizes = []
        for seed in range(5):
            torch.manual_seed(seed)
            stack = GCN(32, 32, layers, residual=True, depth_scaled_init=scaled)
            out = stack(gs.from_graph(nx.cycle_graph(10), x=torch.randn(10, 32)))
            sizes.append(out.detach().norm().log10())
        return float(torch.stack(sizes).mean())

    # A power gains as much from 16 layers to 32 as from 32 to 64; an exponential twice as much.
    for scaled, factor in ((True, 1.0), (False, 2.0)):
        first, second, third = (decades(layers, scaled) for layers in (16, 32, 64))
        assert (third - second) / (second - first) == pytest.approx(factor, abs=0.4)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: GCN(2, 4, 2, depth_scaled_init=True), "residual=True"),
        (lambda: GCN(2, 4, 2, jk="last"), "jk must be one of cat, lstm, max; got 'last'"),
        (lambda: GCNII(2, 4, 2, alpha=1.5), "alpha must lie between 0 and 1, got 1.5"),
        (lambda: GCNII(2, 4, 2, alpha=float("nan")), "alpha must lie between"),
        (lambda: GCNII(2, 4, 2, theta=0.0), "theta must be"),
        (lambda: AntisymmetricGCN(2, 4, 2, step=0.0), "step must be"),
        (lambda: AntisymmetricGCN(2, 4, 2, damping=-1.0), "damping must lie"),
        (lambda: AntisymmetricGCN(2, 4, 2, damping=float("inf")), "damping must lie"),
        (lambda: WaveGCN(2, 4, 2, speed=2.5), "speed must lie between 0 and 2, got 2.5"),
        (lambda: WaveGCN(2, 4, 2, speed=0.0), "speed must be"),
        (lambda: WaveGCN(2, 4, 0), "num_layers must be at least 1"),
        (lambda: StateSpaceGCN(2, 0, 1), "hidden_channels must be at least 1"),
    ],
)
def test_what_cannot_be_built_is_refused(build: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()  # type: ignore[operator]


@pytest.mark.parametrize("build", [GCNII, AntisymmetricGCN, StateSpaceGCN, WaveGCN])
def test_deep_stacks_stay_finite(build: type[nn.Module]) -> None:
    graph = gs.from_graph(nx.star_graph(9), x=torch.randn(10, 3))
    assert bool(build(3, 8, 200)(graph).isfinite().all())
