"""Influence against literal matrices, finite differences and plain autograd, for every encoder."""

from collections.abc import Callable

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw, join, sequence, with_x
from torch import Tensor, nn
from torch_geometric.nn import GraphSAGE, PairNorm, SAGEConv

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, MLP, RNN, Encoder, Model
from graphseq.reach import TooLargeError, by_hop, estimate_by_hop, estimate_influence, hop_distances, influence
from graphseq.reach.jacobian import Jacobian, shared

ENCODERS: dict[str, Callable[[int], Encoder]] = {
    "GCN": lambda d: GCN(d, 8, 2),
    "GCN-causal-residual": lambda d: GCN(d, 8, 3, causal=True, residual=True, norm=nn.LayerNorm),
    "SAGE": lambda d: GCN(d, 8, 2, conv=SAGEConv),
    "RNN": lambda d: RNN(d, 8),
    "GRU": lambda d: GRU(d, 8),
    "LSTM": lambda d: LSTM(d, 8, 2),
    "GCN-LSTM": lambda d: GCNLSTM(d, 8),
    "GCN-LSTM-SAGE": lambda d: GCNLSTM(d, 8, conv=SAGEConv),
    "MLP": lambda d: MLP(d, 8),
}
each_encoder = pytest.mark.parametrize("name", ENCODERS)


def model_of(name: str, pool: str | None = None, transform: Callable | None = None, channels: int = 2) -> Model:
    torch.manual_seed(0)
    return Model(ENCODERS[name](channels), 3, pool=pool, transform=transform).double()


def batch() -> SpaceTimeGraph:
    return join([draw(1), draw(2, directed=True), sequence(3, 4)])


def by_pushing(function: Callable[[SpaceTimeGraph], Tensor], graph: SpaceTimeGraph, size: float = 1e-6) -> Tensor:
    """Central differences, one input at a time: the naive twin."""
    entries = []
    for row in range(graph.num_rows):
        for channel in range(graph.x.shape[1]):
            push = torch.zeros_like(graph.x)
            push[row, channel] = size
            ahead, behind = function(with_x(graph, graph.x + push)), function(with_x(graph, graph.x - push))
            entries.append((ahead - behind) / (2 * size))
    block = torch.stack(entries).detach().unflatten(0, graph.x.shape)  # (V, F, K, C)
    return block.square().sum(dim=(1, 3)).sqrt().T


@each_encoder
@pytest.mark.parametrize("pool", [None, "mean", "max"])
def test_influence_equals_finite_differences(name: str, pool: str | None) -> None:
    model, graph = model_of(name, pool), batch()
    torch.testing.assert_close(influence(model, graph), by_pushing(model, graph), rtol=1e-5, atol=1e-8)


@each_encoder
def test_with_a_transform_it_is_the_influence_of_the_input_before_it(name: str) -> None:
    model, graph = model_of(name, transform=gs.transforms.grow), join([sequence(0, 4), sequence(1, 2)])
    torch.testing.assert_close(influence(model, graph), by_pushing(model, graph), rtol=1e-5, atol=1e-8)


@given(seed=st.integers(0, 999), name=st.sampled_from(sorted(ENCODERS)), directed=st.booleans())
def test_influence_on_random_dynamic_graphs(seed: int, name: str, directed: bool) -> None:
    model, graph = model_of(name), draw(seed, directed=directed, times=3, nodes=3)
    found = influence(model, graph)
    torch.testing.assert_close(found, by_pushing(model, graph), rtol=1e-4, atol=1e-7)
    assert not (found[~model.reach(graph)] != 0).any()


def test_a_linear_layer_on_three_rows_as_a_literal_matrix() -> None:
    gcn = GCN(1, 2, 1).double()
    gcn.convs[0].lin.weight.data = torch.tensor([[3.0], [-4.0]], dtype=torch.float64)  # ‖W‖ = 5; its entries sum to -1
    a, b = 5 / 2, 5 / 6**0.5
    expected = torch.tensor([[a, b, 0], [b, 5 / 3, b], [0, b, a]], dtype=torch.float64)
    torch.testing.assert_close(influence(gcn, sequence(0, 3, channels=1)), expected)


@each_encoder
def test_the_outputs_of_an_encoder_are_the_states_of_the_target_rows(name: str) -> None:
    encoder, graph = model_of(name).encoder, batch()
    graph.target = torch.arange(graph.num_rows) % 3 == 0
    expected = by_pushing(lambda g: encoder(g)[graph.target_rows], graph)
    torch.testing.assert_close(influence(encoder, graph), expected, rtol=1e-5, atol=1e-8)


@each_encoder
def test_tokens_are_one_hot_rows(name: str) -> None:
    model, tokens = model_of(name, channels=4), torch.tensor([3, 0, 0, 2])
    one_hot = torch.eye(4, dtype=torch.float64)[tokens]
    found = influence(model, gs.from_sequence(tokens))
    torch.testing.assert_close(found, influence(model, gs.from_sequence(one_hot)), rtol=0, atol=0)


@each_encoder
def test_float32_and_float64_agree_to_float32(name: str) -> None:
    graph = draw(3, dtype=torch.float32)
    exact = influence(model_of(name), graph)
    single = influence(model_of(name).float(), graph)
    assert (exact.dtype, single.dtype) == (torch.float64, torch.float32)
    torch.testing.assert_close(single.double(), exact, rtol=1e-3, atol=1e-6)


def test_squares_below_the_smallest_float32_are_not_lost() -> None:
    torch.manual_seed(0)
    gcn = GCN(1, 1, 1)
    gcn.convs[0].lin.weight.data.fill_(1e-30)
    assert float(influence(gcn, sequence(0, 2, channels=1, dtype=torch.float32))[0, 1]) == pytest.approx(5e-31)


@pytest.mark.parametrize("pool", [None, "mean"])
def test_chosen_outputs_are_those_lines_of_the_whole(pool: str | None) -> None:
    model, graph = model_of("GCN", pool), batch()
    graph.target = torch.arange(graph.num_rows) % 2 == 0
    whole, chosen = influence(model, graph), torch.tensor([2, 0, 2])
    torch.testing.assert_close(influence(model, graph, outputs=chosen), whole[chosen])


def test_a_model_is_measured_in_evaluation_mode_and_left_as_it_was() -> None:
    torch.manual_seed(0)
    encoder = GCN(2, 8, 2, norm=lambda h: nn.Sequential(nn.BatchNorm1d(h), nn.Dropout(0.5)))
    model, graph = Model(encoder, 2).double(), draw(1)
    model.encoder.convs[0].eval()
    model.head.lin.weight.requires_grad_(False)
    modes = [module.training for module in model.modules()]
    state = {key: value.clone() for key, value in model.state_dict().items()}
    found = influence(model, graph)
    assert [module.training for module in model.modules()] == modes
    assert [p.requires_grad for p in model.parameters()] == [p is not model.head.lin.weight for p in model.parameters()]
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert graph.x.grad is None
    torch.testing.assert_close(found, influence(model.eval(), graph), rtol=0, atol=0)


class Noise(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


def test_a_model_that_is_random_even_in_evaluation_is_refused() -> None:
    model = Model(GCN(2, 8, 2, norm=lambda _: Noise()), 2).double().train()
    with pytest.raises(ValueError, match="different outputs for the same input in evaluation mode"):
        influence(model, draw(1))
    assert model.training


def test_it_can_be_measured_without_gradients_being_on() -> None:
    model, graph = model_of("LSTM"), draw(1)
    expected = influence(model, graph)
    with torch.no_grad():
        torch.testing.assert_close(influence(model, graph), expected)
    with torch.inference_mode():
        assert torch.allclose(influence(model, graph), expected)


def test_the_error_of_a_large_jacobian_states_its_size_and_the_estimates() -> None:
    model, graph = model_of("LSTM"), sequence(0, 10)
    words = r"10 × 3 outputs in 10 × 2 inputs has 600 entries .*30 backward passes compute 600.*=599.*estimate_"
    with pytest.raises(TooLargeError, match=words):
        influence(model, graph, max_entries=599)
    assert influence(model, graph, max_entries=600).shape == (10, 10)
    million = gs.from_sequence(torch.zeros(10**6, 2))
    with pytest.raises(TooLargeError, match="1000000 × 1000000 norms alone"):
        influence(Model(GCN(2, 2, 1), 3), million)


@pytest.mark.parametrize(
    ("outputs", "words"), [([20], "0 to 8, got"), ([-1], "0 to 8"), ([], "integers of shape"), ([0.5], "torch.float32")]
)
def test_outputs_out_of_range_are_refused(outputs: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        influence(model_of("GCN"), sequence(0, 9), outputs=torch.tensor(outputs))


def test_other_modules_are_measured_too_and_what_cannot_be_called_is_refused() -> None:
    linear = nn.Linear(2, 2).double()
    expected = torch.linalg.matrix_norm(linear.weight).detach() * torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(influence(linear, sequence(0, 3)), expected)
    with pytest.raises(TypeError, match=r"must be a module or another callable, got int"):
        influence(3, sequence(0, 3))


# What makes it fast: outputs that share passes, and batches of passes.


def test_outputs_of_disjoint_receptive_fields_share_a_pass() -> None:
    reach = GCN(1, 1, 2).reach(sequence(0, 50), torch.arange(50)).numpy()
    colour = shared(reach)
    assert colour.max() + 1 == 5
    assert all(reach[colour == c].sum(axis=0).max() == 1 for c in range(5))


def test_a_layer_that_breaks_the_declared_reach_is_measured_without_relying_on_it() -> None:
    torch.manual_seed(0)
    gcn, graph = GCN(2, 4, 2, norm=lambda _: PairNorm()).double(), sequence(0, 12)
    torch.testing.assert_close(influence(gcn, graph), by_pushing(gcn, graph), rtol=1e-5, atol=1e-8)


def test_where_batches_of_passes_fail_they_are_taken_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    model, graph = model_of("GCN-LSTM"), batch()
    expected, grad = influence(model, graph), Jacobian._grad

    def unbatched(self: Jacobian, seed: Tensor, *, batched: bool) -> Tensor:
        if batched:
            raise RuntimeError("no batching rule")
        return grad(self, seed, batched=False)

    monkeypatch.setattr(Jacobian, "_grad", unbatched)
    torch.testing.assert_close(influence(model, graph), expected)


def test_a_constant_model_has_no_influence() -> None:
    model = model_of("MLP")
    model.head.lin.weight.data.zero_()
    assert not influence(model, sequence(0, 3)).any()


# The estimates.


@pytest.mark.slow
@pytest.mark.parametrize("pool", [None, "mean"])
def test_the_standard_error_of_an_estimate_is_calibrated(pool: str | None) -> None:
    model, graph = model_of("GCN", pool), batch()
    exact = influence(model, graph).square()
    away = []
    for seed in range(40):
        found = estimate_influence(model, graph, samples=50, seed=seed)
        assert not found.squared[exact == 0].any()
        away.append(((found.squared - exact) / found.error)[(exact > 0) & (found.error > 0)])
    deviates = torch.stack(away)
    assert abs(float(deviates.mean())) < 0.15
    assert 0.85 < float(deviates.std()) < 1.2


@pytest.mark.slow
@pytest.mark.parametrize("samples", [8, 16])
def test_intervals_of_an_estimate_cover_at_least_as_often_as_they_say(samples: int) -> None:
    model, graph = model_of("GCN"), batch()
    exact, hits, plain = influence(model, graph), [], []
    for seed in range(100):
        found = estimate_influence(model, graph, samples=samples, seed=seed)
        low, high = found.interval(0.95)
        hits.append(((low <= exact) & (exact <= high))[exact > 0])
        plain.append(((found.squared - exact.square()).abs() <= 2 * found.error)[exact > 0])
    assert float(torch.stack(hits).double().mean()) >= 0.95
    assert float(torch.stack(plain).double().mean()) < 0.95


def test_an_estimate_is_a_function_of_its_seed() -> None:
    model, graph = model_of("LSTM"), batch()
    first, again, other = (estimate_influence(model, graph, samples=4, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.squared, again.squared)
    assert not torch.equal(first.squared, other.squared)


def test_one_channel_needs_no_estimate() -> None:
    torch.manual_seed(0)
    model, graph = Model(GRU(2, 4), 1).double(), batch()
    found = estimate_influence(model, graph, samples=3)
    torch.testing.assert_close(found.norm, influence(model, graph))
    assert float(found.error.max()) < 1e-12


@pytest.mark.parametrize("name", ["GCN", "GCN-LSTM"])
def test_an_estimate_by_hop_is_right_within_its_error(name: str) -> None:
    model, graph = model_of(name), gs.from_graph(nx.random_labeled_tree(30, seed=1), x=torch.randn(30, 2).double())
    exact = by_hop(influence(model, graph).square(), hop_distances(graph, torch.arange(30))).value
    found = estimate_by_hop(model, graph, samples=2000)
    width = len(found.value)
    assert not exact[width:].any()
    away = (found.value - exact[:width]).abs()
    assert (away <= 4 * found.error).all()
    assert float(found.error[0] / found.value[0]) < 0.05
    assert found.at.tolist() == list(range(width))


def test_a_large_graph_is_estimated_by_hop() -> None:
    torch.manual_seed(0)
    graph = gs.from_sequence(torch.randn(100_000, 2))
    found = estimate_by_hop(GCN(2, 4, 2), graph, samples=3)
    assert (found.value[:3] > 0).all()
    assert not found.value[3:].any()


@pytest.mark.parametrize("estimate", [estimate_influence, estimate_by_hop])
def test_one_sample_has_no_standard_error(estimate: Callable) -> None:
    with pytest.raises(ValueError, match="samples must be at least 2, got 1"):
        estimate(model_of("GCN"), sequence(0, 3), samples=1)


def test_a_pooled_output_has_no_target_row_for_hops() -> None:
    with pytest.raises(ValueError, match="pools all rows"):
        estimate_by_hop(model_of("GCN", "mean"), sequence(0, 3))


def test_the_estimates_take_models_of_others() -> None:
    torch.manual_seed(0)
    model, data = GraphSAGE(2, 8, 2, 3).double(), draw(1).unroll()
    exact = influence(model, data)
    low, high = estimate_influence(model, data, samples=64).interval(0.999)
    assert bool(((low <= exact) & (exact <= high)).all())
    found = estimate_by_hop(model, data, samples=400)
    expected = by_hop(exact.square(), data)
    width = len(found.value)
    assert bool(((found.value - expected.value[:width]).abs() <= 5 * found.error).all())
