"""Linear recurrences against their equations, row by row, and against closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw, join, sequence
from torch import Tensor, nn

import graphseq as gs
from graphseq.nn import LRU, MinGRU, MinLSTM
from graphseq.nn.recurrent.linear_rnn import LinearRNNBase
from graphseq.nn.recurrent.lru import LRULayer

F, H = 2, 5


def lru_step(layer: LRULayer, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """One step of a block as its source has it, with complex matrices: the state after, and the output."""
    b = torch.complex(*layer.input.weight.chunk(2))
    re_c, minus_im_c = layer.output.weight.chunk(2, dim=1)
    c = torch.complex(re_c, -minus_im_c)
    u = layer.norm(x)
    eigenvalues = torch.exp(torch.complex(-layer.nu_log.exp(), layer.theta_log.exp()))
    h = eigenvalues * h + layer.gamma_log.exp() * (b @ u.to(b))
    y = nn.functional.gelu((c @ h).real + layer.direct * u)
    value, gate = (layer.mix.weight @ y + layer.mix.bias).chunk(2)
    return h, x + value * torch.sigmoid(gate)


def min_gru_step(layer: nn.Module, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    z, candidate = (layer.gates.weight @ x + layer.gates.bias).chunk(2)
    z = torch.sigmoid(z)
    h = (1 - z) * h + z * candidate
    return h, h


def min_lstm_step(layer: nn.Module, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    f, i, candidate = (layer.gates.weight @ x + layer.gates.bias).chunk(3)
    f, i = torch.sigmoid(f), torch.sigmoid(i)
    h = f / (f + i) * h + i / (f + i) * candidate
    return h, h


KINDS: dict[str, tuple[type[LinearRNNBase], Callable[..., tuple[Tensor, Tensor]], torch.dtype]] = {
    "LRU": (LRU, lru_step, torch.complex128),
    "MinGRU": (MinGRU, min_gru_step, torch.float64),
    "MinLSTM": (MinLSTM, min_lstm_step, torch.float64),
}
each_kind = pytest.mark.parametrize("name", KINDS)


def built(name: str, num_layers: int = 1) -> LinearRNNBase:
    torch.manual_seed(0)
    return KINDS[name][0](F, H, num_layers).double()


def by_equations(name: str, encoder: LinearRNNBase, graph: gs.SpaceTimeGraph) -> Tensor:
    """States (V, H), a row at a time, each node's state in a dictionary."""
    _, step, kind = KINDS[name]
    rows = list(encoder.lift(graph.x))
    for layer in encoder.layers:
        held: dict[int, Tensor] = {}
        for row in graph.time.argsort(stable=True).tolist():
            node = int(graph.node[row])
            held[node], rows[row] = step(layer, rows[row], held.get(node, torch.zeros(H, dtype=kind)))
    return torch.stack(rows)


@each_kind
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_the_scan_equals_the_equations_on_dynamic_graphs(name: str, num_layers: int, seed: int) -> None:
    encoder, graph = built(name, num_layers), draw(seed, times=6)
    torch.testing.assert_close(encoder(graph), by_equations(name, encoder, graph), rtol=0, atol=1e-12)


@each_kind
def test_the_scan_equals_the_equations_in_float32_over_300_steps(name: str) -> None:
    encoder, graph = built(name, 2), sequence(0, 300)
    exact = by_equations(name, encoder, graph)
    single = encoder.float()(gs.from_sequence(graph.x.float()))
    torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=1e-4)


@each_kind
def test_gradients_equal_those_of_the_equations(name: str) -> None:
    encoder, graph = built(name, 2), join([sequence(0, 3), sequence(1, 6), sequence(2, 1)])
    grads = []
    for function in (encoder, lambda graph: by_equations(name, encoder, graph)):
        encoder.zero_grad()
        function(graph).square().sum().backward()
        grads.append([parameter.grad.clone() for parameter in encoder.parameters()])
    for scanned, written in zip(*grads, strict=True):
        torch.testing.assert_close(scanned, written, rtol=0, atol=1e-10)


@each_kind
@given(cut=st.integers(1, 11))
def test_two_pieces_equal_one_long_pass(name: str, cut: int) -> None:
    encoder, graph = built(name, 2), sequence(0, 12)
    rows = torch.arange(12)
    state, states = None, []
    for part in (rows[:cut], rows[cut:]):
        out, state = encoder.run(gs.SpaceTimeGraph(graph.x[part], torch.zeros_like(part), part), state)
        states.append(out)
    torch.testing.assert_close(torch.cat(states), encoder(graph), rtol=0, atol=1e-12)


@given(r=st.floats(0.1, 0.99), phase=st.floats(0.01, 6.2), steps=st.integers(1, 60))
def test_the_impulse_response_of_an_lru_is_lambda_to_the_r(r: float, phase: float, steps: int) -> None:
    layer = LRULayer(1, 0.0, 0.5, 1.0).double()
    with torch.no_grad():
        layer.nu_log.fill_(math.log(-math.log(r)))
        layer.theta_log.fill_(math.log(phase))
    impulse = torch.zeros(steps, 1, dtype=torch.complex128)
    impulse[0] = 1
    found = gs.nn.linear_scan(layer.eigenvalues()[None], impulse)[:, 0]
    since = torch.arange(steps, dtype=torch.float64)
    torch.testing.assert_close(found.abs(), r**since, rtol=1e-9, atol=1e-12)
    expected = torch.polar(r**since, phase * since)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_the_influence_of_a_row_on_the_state_of_a_linear_recurrence_falls_by_lambda_a_step() -> None:
    layer = LRULayer(H, 0.5, 0.9, 1.0).double()
    x = torch.randn(30, H, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    a, b = layer.factors(x)
    h = gs.nn.linear_scan(a, b)
    norms = []
    for unit in range(H):
        (grad,) = torch.autograd.grad(h[-1, unit].real, b, retain_graph=True)
        norms.append(grad[:, unit].abs())
    expected = layer.eigenvalues().abs() ** torch.arange(29, -1, -1)[:, None]
    torch.testing.assert_close(torch.stack(norms, dim=1), expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize(
    ("r_min", "r_max", "max_phase"), [(0.0, 0.999, 6.28), (0.9, 0.99, 0.1), (0.9999, 0.99999, 1e-3)]
)
def test_the_first_eigenvalues_of_an_lru_lie_in_its_ring(r_min: float, r_max: float, max_phase: float) -> None:
    torch.manual_seed(0)
    layer = LRU(2, 500, r_min=r_min, r_max=r_max, max_phase=max_phase).layers[0]
    size, phase = layer.eigenvalues().abs().double(), layer.eigenvalues().angle().remainder(2 * math.pi)
    ulp = 1e-7
    assert r_min - ulp <= size.min() < size.max() <= r_max + ulp
    assert 0 <= phase.min() < phase.max() <= max_phase + ulp
    # |λ|² is uniform between the squares, so it is spread over all of the ring.
    middle = (r_min**2 + r_max**2) / 2
    assert 0.4 < float((size**2 < middle).float().mean()) < 0.6


def test_the_gain_of_an_lru_keeps_the_variance_of_its_state_at_one() -> None:
    torch.manual_seed(0)
    layer = LRULayer(8, 0.9, 0.99, 6.28).double()
    white = torch.randn(20_000, 8, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    h = gs.nn.linear_scan(layer.eigenvalues()[None], layer.gamma_log.exp() * white)
    torch.testing.assert_close(h[500:].abs().square().mean(dim=0), torch.ones(8).double(), rtol=0.15, atol=0)


@pytest.mark.parametrize("kind", [MinGRU, MinLSTM])
def test_closed_gates_keep_the_state_of_the_first_row(kind: type[LinearRNNBase]) -> None:
    """A gate that the input opens once holds its state over 10,000 steps to the factor of its closing."""
    encoder = kind(2, 1).double()
    gates = encoder.layers[0].gates
    with torch.no_grad():
        gates.weight.zero_()
        gates.bias.zero_()
        # Of the rows' two features the first opens the gate, its absence shuts it; the second is what is written.
        gates.weight[-1, 1] = 1
        let_in = 0 if kind is MinGRU else 1
        gates.weight[let_in, 0], gates.bias[let_in] = 60, -30
        if kind is MinLSTM:
            gates.weight[0, 0], gates.bias[0] = -60, 30
    x = torch.zeros(10_000, 2, dtype=torch.float64)
    x[:, 1] = torch.randn(10_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x[0, 0] = 1
    states = encoder(gs.from_sequence(x))
    torch.testing.assert_close(states, x[:1, 1:].expand(10_000, 1), rtol=0, atol=1e-8)


@pytest.mark.parametrize("kind", [MinGRU, MinLSTM])
def test_a_state_stays_within_the_range_of_its_candidates(kind: type[LinearRNNBase]) -> None:
    torch.manual_seed(0)
    encoder, graph = kind(F, H).double(), sequence(0, 200)
    written = encoder.layers[0].gates(graph.x)[:, -H:]
    low, high = written.min(dim=0).values.clamp(max=0), written.max(dim=0).values.clamp(min=0)
    states = encoder(graph)
    assert (states >= low - 1e-12).all()
    assert (states <= high + 1e-12).all()


@pytest.mark.parametrize(("kind", "gates"), [(MinGRU, 2), (MinLSTM, 3)])
def test_parameters_are_gates_times_dn_plus_n(kind: type[LinearRNNBase], gates: int) -> None:
    count = sum(parameter.numel() for parameter in kind(3, 7, 2).parameters())
    assert count == gates * (3 * 7 + 7) + gates * (7 * 7 + 7)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"r_max": 1.0}, ValueError, "r_max"),
        ({"r_min": 0.9, "r_max": 0.5}, ValueError, "r_min"),
        ({"r_min": -0.1}, ValueError, "r_min"),
        ({"max_phase": 0.0}, ValueError, "max_phase"),
        ({"max_phase": 7.0}, ValueError, "max_phase"),
        ({"r_max": "near"}, TypeError, "r_max"),
    ],
)
def test_an_empty_range_of_radii_is_refused(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        LRU(2, 3, **arguments)  # type: ignore[arg-type]


@each_kind
@pytest.mark.parametrize("sizes", [(0, 4, 1), (2, 0, 1), (2, 4, 0)])
def test_a_size_of_zero_is_an_error_that_names_it(name: str, sizes: tuple[int, int, int]) -> None:
    argument = ("in_channels", "hidden_channels", "num_layers")[sizes.index(0)]
    with pytest.raises(ValueError, match=f"{argument} must be at least 1, got 0"):
        KINDS[name][0](*sizes)
