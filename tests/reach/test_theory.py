"""The closed forms against the library's own Â, its measured influence, and torch's own cells."""

import math

import networkx as nx
import pytest
import torch
from randomgraphs import draw, with_x
from torch import Tensor

import graphseq as gs
from graphseq.nn import GCN, GCNLSTM
from graphseq.reach import influence, theory


def operator(graph: nx.Graph) -> Tensor:
    return gs.from_graph(graph).topology.spacetime().normalised(torch.float64).csr.to_dense()


def along(num_rows: int, num_layers: int, causal: bool = False) -> Tensor:
    """Â^L of a sequence."""
    topology = gs.from_sequence(torch.zeros(num_rows, 1)).topology
    return torch.linalg.matrix_power(topology.spacetime(causal).normalised(torch.float64).csr.to_dense(), num_layers)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 20])
def test_path_crossing_in_closed_form(n: int) -> None:
    assert theory.path_crossing(n) == pytest.approx(float(along(n, n - 1)[0, n - 1]), rel=1e-13, abs=0)


def test_path_crossing_is_the_measured_influence_of_a_linear_gcn() -> None:
    # One layer at a time: ReLU on positive weights and features is the identity.
    n = 6
    gcn = GCN(1, 1, n - 1).double()
    for conv in gcn.convs:
        conv.lin.weight.data.fill_(1.0)
    measured = influence(gcn, gs.from_sequence(torch.ones(n, 1, dtype=torch.float64)))
    assert float(measured[n - 1, 0]) == pytest.approx(theory.path_crossing(n), rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 7, 20, 60])
def test_the_gap_of_a_path(n: int) -> None:
    exact = 1 - float(torch.linalg.eigvalsh(along(n, 1))[-2])
    assert theory.path_gap(n) == pytest.approx(exact, rel=1.2 / n**3)
    assert math.pi**2 / (3 * n**2) == pytest.approx(exact, rel=1.4 / n)


@pytest.mark.parametrize("num_layers", [0, 1, 3, 8])
def test_a_directed_path_has_binomial_weights(num_layers: int) -> None:
    expected = [[theory.directed_path_weight(i, j, num_layers) for j in range(5)] for i in range(5)]
    torch.testing.assert_close(along(5, num_layers, causal=True), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("hops", [0, 1, 3])
@pytest.mark.parametrize("num_layers", [0, 1, 4, 7])
def test_endless_path_weights_hold_on_a_ring_and_far_from_the_ends_of_a_path(hops: int, num_layers: int) -> None:
    weight = theory.endless_path_weight(hops, num_layers)
    ring = torch.linalg.matrix_power(operator(nx.cycle_graph(12)), num_layers)
    assert float(along(30, num_layers)[15, 15 + hops]) == pytest.approx(weight, rel=1e-12)
    assert float(ring[0, hops]) == pytest.approx(weight, rel=1e-12)


def test_the_best_depth_is_where_the_exact_weight_is_largest() -> None:
    most, weights = 40, torch.ones(1, 1, dtype=torch.float64)
    third = torch.full((1, 1, 3), 1 / 3, dtype=torch.float64)
    best: list[tuple[float, list[int]]] = [(0.0, [])] * (most + 1)
    for depth in range(1, theory.best_depth(most) + 50):
        weights = torch.nn.functional.conv1d(weights, third, padding=2)
        for hops, weight in enumerate(weights[0, depth : depth + most + 1].tolist()):
            if weight > best[hops][0] * (1 + 1e-12):
                best[hops] = (weight, [depth])
            elif weight > best[hops][0] * (1 - 1e-12):
                best[hops][1].append(depth)
    assert best[2][1] == [4, 5, 6]
    assert [depths for _, depths in best[3:]] == [[theory.best_depth(hops)] for hops in range(3, most + 1)]
    assert (theory.best_depth(1), theory.best_depth(2)) == (1, 5)


@pytest.mark.parametrize("graph", [nx.path_graph(5), nx.star_graph(4), nx.cycle_graph(5)])
def test_powers_of_the_operator_tend_to_the_stationary_weights(graph: nx.Graph) -> None:
    degrees = torch.tensor([d + 1 for _, d in sorted(graph.degree)], dtype=torch.float64)
    limit = torch.linalg.matrix_power(operator(graph), 1000)
    torch.testing.assert_close(theory.stationary_weights(degrees), limit, rtol=0, atol=1e-12)


def test_on_a_path_the_degrees_sum_to_three_n_less_two() -> None:
    degrees = torch.tensor([2.0, 3, 3, 3, 2], dtype=torch.float64)
    assert float(theory.stationary_weights(degrees)[0, 1]) == pytest.approx(math.sqrt(6) / (3 * 5 - 2))


@pytest.mark.parametrize("n", [3, 4, 9])
def test_the_spectrum_of_a_ring(n: int) -> None:
    found = torch.linalg.eigvalsh(operator(nx.cycle_graph(n)))
    torch.testing.assert_close(theory.ring_eigenvalues(n).sort().values, found, rtol=0, atol=1e-13)


@pytest.mark.parametrize("graph", [nx.path_graph(5), nx.cycle_graph(5), nx.complete_graph(4), nx.lollipop_graph(3, 2)])
def test_resistance_and_commute_time(graph: nx.Graph) -> None:
    a = torch.tensor(nx.to_numpy_array(graph))
    resistance = theory.effective_resistance(a)
    for i, j in nx.non_edges(graph):
        assert float(resistance[i, j]) == pytest.approx(nx.resistance_distance(graph, i, j))
    torch.testing.assert_close(theory.commute_time(a), hitting(a) + hitting(a).T)


def hitting(a: Tensor) -> Tensor:
    """Mean steps from i until j is met, by first-step analysis of the self-looped walk."""
    walk = a + torch.eye(len(a), dtype=a.dtype)
    walk = walk / walk.sum(dim=1, keepdim=True)
    out = torch.zeros_like(a)
    for j in range(len(a)):
        rest = [i for i in range(len(a)) if i != j]
        inner = torch.eye(len(rest), dtype=a.dtype) - walk[rest][:, rest]
        out[rest, j] = torch.linalg.solve(inner, torch.ones(len(rest), dtype=a.dtype))
    return out


def test_on_a_path_resistance_is_hops_and_commuting_takes_three_n_less_two_times_that() -> None:
    a = torch.tensor(nx.to_numpy_array(nx.path_graph(6)))
    i = torch.arange(6, dtype=torch.float64)
    hops = (i[:, None] - i).abs()
    torch.testing.assert_close(theory.effective_resistance(a), hops)
    torch.testing.assert_close(theory.commute_time(a), 16 * hops)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_resistances_of_matrices_of_half_the_bits_are_those_of_float32(kind: torch.dtype) -> None:
    whole = 1 - torch.eye(40)
    assert torch.equal(theory.commute_time(whole.to(kind)), theory.commute_time(whole))


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        ([[0.0, 1], [2, 0]], "symmetric"),
        ([[1.0, 1], [1, 0]], "diagonal"),
        ([[0.0, 0], [0, 0]], "2 components; between them a row is unreachable"),
        ([[0, 1], [1, 0]], "floating"),
    ],
)
def test_matrices_without_effective_resistance_are_refused(matrix: list[list[float]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        theory.effective_resistance(torch.tensor(matrix))


@pytest.mark.parametrize("seed", range(3))
def test_a_linear_gcns_whole_jacobian(seed: int) -> None:
    graph = draw(seed, directed=True)
    torch.manual_seed(seed)
    gcn = GCN(2, 3, 1).double()
    whole = torch.autograd.functional.jacobian(lambda x: gcn(with_x(graph, x)), graph.x)
    a_hat = graph.topology.spacetime().normalised(torch.float64).csr.to_dense()
    weights = [gcn.convs[0].lin.weight.detach().T]
    singular = torch.linalg.svdvals(whole.flatten(2).flatten(0, 1))
    expected = theory.linear_gcn_singular_values(a_hat, weights)
    torch.testing.assert_close(singular[: len(expected)], expected)
    torch.testing.assert_close(influence(gcn, graph), theory.linear_gcn_influence(a_hat, weights))


def test_squared_singular_values_of_an_undirected_layer_are_products_of_eigenvalues() -> None:
    a_hat, w = operator(nx.path_graph(3)), torch.tensor([[2.0, 1], [0, 1]], dtype=torch.float64)
    squares = torch.outer(torch.linalg.eigvalsh(a_hat) ** 2, torch.linalg.eigvalsh(w @ w.T)).flatten()
    found = theory.linear_gcn_singular_values(a_hat, [w])
    torch.testing.assert_close(found**2, squares.sort(descending=True).values)


def test_on_directed_edges_a_singular_value_exceeds_one_where_no_eigenvalue_does() -> None:
    a_hat = along(3, 1, causal=True)
    one = torch.ones(1, 1, dtype=torch.float64)
    assert float(torch.linalg.eigvals(a_hat).abs().max()) == pytest.approx(1)
    assert float(theory.linear_gcn_singular_values(a_hat, [one])[0]) > 1.2


def test_the_cell_keeps_the_product_of_its_forget_gates() -> None:
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(2, 3).double()
    lstm.weight_hh_l0.data.zero_()
    x, h = torch.randn(4, 2, dtype=torch.float64), torch.zeros(1, 3, dtype=torch.float64)
    whole = torch.autograd.functional.jacobian(lambda c: lstm(x, (h, c))[1][1][0], h)[:, 0]
    gates = x @ lstm.weight_ih_l0.T + lstm.bias_ih_l0 + lstm.bias_hh_l0
    torch.testing.assert_close(whole, theory.lstm_cell_gradient(gates[:, 3:6].sigmoid()).diag())


@pytest.mark.parametrize("bias", [-1.0, 0.0, 2.0])
def test_the_horizon_is_the_sum_of_powers_of_the_forget_gate(bias: float) -> None:
    keep = torch.full((2000, 1), bias, dtype=torch.float64).sigmoid()
    kept = sum(float(theory.lstm_cell_gradient(keep[:k])) for k in range(2000))
    assert theory.lstm_horizon(bias) == pytest.approx(kept, rel=1e-9)


def test_parameters_are_counted_with_one_bias_and_with_torchs_two() -> None:
    assert theory.lstm_parameters(5, 7) == 4 * (5 * 7 + 7 * 7 + 7)
    for module in (torch.nn.LSTM(5, 7), GCNLSTM(5, 7)):
        assert sum(p.numel() for p in module.parameters()) == theory.lstm_parameters(5, 7, num_biases=2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: theory.path_crossing(0),
        lambda: theory.path_gap(1),
        lambda: theory.ring_eigenvalues(2),
        lambda: theory.best_depth(0),
        lambda: theory.endless_path_weight(-1, 2),
        lambda: theory.directed_path_weight(0, 0, -1),
        lambda: theory.stationary_weights(torch.tensor([1.0, 0.0])),
        lambda: theory.linear_gcn_influence(torch.eye(2), []),
        lambda: theory.lstm_parameters(0, 1),
    ],
)
def test_arguments_without_a_closed_form_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match="must"):
        call()
