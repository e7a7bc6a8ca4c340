"""All steps of a GCN-LSTM in one function against the loop that it stands for, and all derivatives of both."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matrices import F64
from randomgraphs import draw, seen, with_x
from strategies import dynamic_graphs, gappy_signals
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.functional import hessian, jacobian

import graphseq as gs
from graphseq.data.topology import Topology
from graphseq.nn import GCNLSTM
from graphseq.nn.kernels import schedule
from graphseq.nn.kernels.gcn_lstm import loop, sequence
from graphseq.nn.kernels.gcn_lstm_forward import Weights
from graphseq.nn.kernels.schedule import Walk

F, H = 2, 3
PATH = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
# Bytes that a block may take: a block a step; one block on the way there and several on the way of four gradients; one.
ONE_STEP, ONE_WAY, ALL_STEPS = 1, 9 * 4 * H * 8, 2**22


class Case:
    """Inputs, weights and first states in float64, all leaves that ask for gradients."""

    def __init__(self, topology: Topology, hops: int = 1, peepholes: bool = True, start: bool = True) -> None:
        g = torch.Generator().manual_seed(0)

        def leaf(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=g, dtype=F64).requires_grad_()

        self.walk = Walk.over(topology, F64, hops)
        self.parts = [leaf(topology.num_rows, F), leaf(4 * H, F), leaf(4 * H, H), leaf(4 * H)]
        self.parts += [leaf(3, H)] if peepholes else []
        self.parts += [leaf(topology.num_nodes, H), leaf(topology.num_nodes, H)] if start else []
        self._has = peepholes, start

    def outputs(self, function: object, *parts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """States, and last states and cells."""
        x, w_x, w_h, bias, *rest = parts or self.parts
        peepholes, start = self._has
        weights = Weights(w_x, w_h, bias, rest[0] if peepholes else None)
        out, (h, c) = function(self.walk, x, weights, tuple(rest[-2:]) if start else None)  # type: ignore[operator]
        return out, h, c

    def gradients(self, function: object, which: tuple[int, ...]) -> list[Tensor]:
        """Of a random sum of some of the outputs, in all parts; zero where none is given."""
        outputs = self.outputs(function)
        g = torch.Generator().manual_seed(1)
        seeds = [torch.randn(out.shape, generator=g, dtype=F64) for out in outputs]
        ends = [outputs[k] for k in which]
        found = torch.autograd.grad(ends, self.parts, [seeds[k] for k in which], allow_unused=True)
        return [torch.zeros_like(p) if grad is None else grad for p, grad in zip(self.parts, found, strict=True)]


def some(**kind: object) -> Case:
    return Case(draw(1, nodes=3, times=3, directed=True, weighted=True).topology.sorted_by_time, **kind)


def everyone(**kind: object) -> Case:
    return Case(gs.from_signal(torch.zeros(3, 3, 1), PATH).topology, **kind)


each_case = pytest.mark.parametrize("make", [some, everyone])


@pytest.fixture(params=[ONE_STEP, ONE_WAY, ALL_STEPS], ids=["a block a step", "blocks back", "one block"], autouse=True)
def block_bytes(request: pytest.FixtureRequest) -> Iterator[None]:
    before, schedule._BLOCK_BYTES = schedule._BLOCK_BYTES, request.param
    yield
    schedule._BLOCK_BYTES = before


@given(
    graph=st.one_of(dynamic_graphs(channels=1), gappy_signals(channels=1)),
    hops=st.integers(1, 3),
    peepholes=st.booleans(),
    start=st.booleans(),
)
def test_it_equals_the_loop(graph: gs.SpaceTimeGraph, hops: int, peepholes: bool, start: bool) -> None:
    case = Case(graph.topology.sorted_by_time, hops, peepholes, start)
    for ours, theirs in zip(case.outputs(sequence), case.outputs(loop), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    for ours, theirs in zip(case.gradients(sequence, (0, 1, 2)), case.gradients(loop, (0, 1, 2)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


@each_case
@pytest.mark.parametrize("which", [(0,), (1,), (2,), (0, 2)], ids=str)
@pytest.mark.parametrize("hops", [1, 2, 3])
def test_gradients_of_each_output_are_the_loops(make: object, which: tuple[int, ...], hops: int) -> None:
    case = make(hops=hops)  # type: ignore[operator]
    for ours, theirs in zip(case.gradients(sequence, which), case.gradients(loop, which), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@each_case
@pytest.mark.parametrize("peepholes", [False, True])
def test_first_and_second_gradients_are_those_of_finite_differences(make: object, peepholes: bool) -> None:
    case = make(peepholes=peepholes)  # type: ignore[operator]

    def function(*parts: Tensor) -> tuple[Tensor, Tensor]:
        out, _, c = case.outputs(sequence, *parts)
        return out, c

    assert gradcheck(function, case.parts, check_batched_grad=True, check_forward_ad=True, fast_mode=True)
    assert gradgradcheck(function, case.parts, check_batched_grad=True, fast_mode=True)


@each_case
@pytest.mark.parametrize("output", [0, 2])
def test_many_gradients_at_once_are_those_of_one_after_the_other(make: object, output: int) -> None:
    case = make(hops=2)  # type: ignore[operator]
    out = case.outputs(sequence)[output]
    seeds = torch.randn(4, *out.shape, dtype=F64)
    options = {"retain_graph": True, "allow_unused": True}
    at_once = torch.autograd.grad(out, case.parts, seeds, is_grads_batched=True, **options)
    one_by_one = [torch.autograd.grad(out, case.parts, seed, **options) for seed in seeds]
    for ours, theirs in zip(at_once, zip(*one_by_one, strict=True), strict=True):
        torch.testing.assert_close(ours, torch.stack(theirs), rtol=0, atol=1e-12)


@each_case
def test_the_transforms_of_torch_give_one_jacobian(make: object) -> None:
    case = make()  # type: ignore[operator]
    x, *rest = case.parts

    def states(x: Tensor) -> Tensor:
        return case.outputs(sequence, x, *rest)[0]

    expected = jacobian(states, x)
    assert expected.any()
    seeds = torch.eye(len(x) * H, dtype=F64).view(-1, len(x), H)
    out = states(x)
    pulled = torch.func.vmap(lambda seed: torch.autograd.grad(out, x, seed, retain_graph=True)[0])(seeds)
    for found in (
        jacobian(states, x, vectorize=True),
        jacobian(states, x, vectorize=True, strategy="forward-mode"),
        torch.func.jacrev(states)(x),
        torch.func.jacfwd(states)(x),
        pulled.view_as(expected),
    ):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_second_derivatives_agree() -> None:
    case = everyone(start=False)
    x, *rest = case.parts

    def energy(x: Tensor) -> Tensor:
        return case.outputs(sequence, x, *rest)[0].pow(2).sum()

    expected = torch.func.hessian(energy)(x)
    assert expected.any()
    torch.testing.assert_close(hessian(energy, x), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(hessian(energy, x, vectorize=True), expected, rtol=0, atol=1e-12)


def test_a_gradient_is_that_of_one_argument_where_another_was_computed_from_it() -> None:
    case = everyone(peepholes=False, start=False)
    x, w_x, w_h, bias = case.parts
    for create in (False, True):
        found = []
        for function in (sequence, loop):
            tied = w_x * x.mean()
            (grad,) = torch.autograd.grad(case.outputs(function, x, tied, w_h, bias)[0].sum(), x, create_graph=create)
            found.append(grad)
        torch.testing.assert_close(*found, rtol=0, atol=1e-12)


def test_only_arguments_that_require_a_gradient_get_one() -> None:
    case = everyone(start=False)
    x, w_x, *_ = case.parts
    x.requires_grad_(False)
    out = case.outputs(sequence)[0]
    (found,) = torch.autograd.grad(out.sum(), w_x)
    torch.testing.assert_close(found, torch.autograd.grad(case.outputs(loop)[0].sum(), w_x)[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "draws", [lambda: draw(3, nodes=5, times=5), lambda: gs.from_signal(torch.ones(3, 4, 2), PATH)]
)
def test_nan_spreads_no_further_than_the_reach(draws: object) -> None:
    graph = draws()  # type: ignore[operator]
    torch.manual_seed(0)
    encoder = GCNLSTM(2, 4).to(graph.x.dtype)
    reach = encoder.reach(graph, torch.arange(graph.num_nodes))
    for row in range(graph.num_nodes):
        x = graph.x.clone()
        x[row] = torch.nan
        assert torch.equal(encoder(with_x(graph, x)).isnan().any(dim=1), reach[:, row])


def test_only_states_and_cells_of_a_long_sequence_are_stored() -> None:
    graph = gs.from_signal(torch.randn(6, 3, F), PATH)
    encoder, kept = GCNLSTM(F, H), {}

    def keep(part: Tensor) -> Tensor:
        kept[part.data_ptr()] = part.numel()
        return part

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda part: part):
        encoder(graph)
    inputs, weights = 6 * 3 * F, 4 * H * (F + H + 1)
    long = inputs + weights + 2 * (3 + 6 * 3) * H
    assert sum(kept.values()) == (long if schedule._BLOCK_BYTES == ONE_STEP else long + 6 * 3 * (H + 4 * H))


def test_a_state_that_was_written_to_is_an_error_and_not_a_wrong_gradient() -> None:
    out = GCNLSTM(F, H)(gs.from_signal(torch.randn(2, 3, F), PATH))
    with pytest.raises(RuntimeError, match=r"in-?place"):
        out.mul_(2).sum().backward()


def test_within_inference_mode_and_without_gradients_it_gives_the_same() -> None:
    encoder, graph = GCNLSTM(F, H), gs.from_signal(torch.randn(2, 3, F), PATH)
    expected = encoder(graph)
    with torch.no_grad():
        assert torch.equal(encoder(graph), expected)
    with torch.inference_mode():
        assert torch.equal(encoder(graph), expected)
    assert expected.requires_grad


def test_a_hundred_million_times_the_input_saturates_and_stays_finite() -> None:
    encoder, graph = GCNLSTM(F, H), gs.from_signal(1e8 * torch.randn(4, 3, F), PATH)
    out = encoder(graph)
    out.sum().backward()
    assert out.isfinite().all()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())


def test_the_pattern_of_the_jacobian_is_the_loops() -> None:
    graph = draw(5, directed=True)
    torch.manual_seed(0)
    encoder = GCNLSTM(2, 4, hops=2).double()
    layer = encoder.layers[0]

    def by_loop(graph: gs.SpaceTimeGraph) -> Tensor:
        topology = graph.topology
        out, _ = layer.step_by_step(graph.x[topology.by_time], topology.sorted_by_time)
        return out[topology.place_in_time]

    torch.testing.assert_close(by_loop(graph), encoder(graph), rtol=0, atol=1e-12)
    assert torch.equal(seen(by_loop, graph), seen(encoder, graph))


@pytest.mark.parametrize("peepholes", [False, True], ids=["plain", "peepholes"])
@pytest.mark.parametrize("size", [1e-6, 1e-20])
def test_states_of_small_inputs_have_the_relative_accuracy_of_float32(size: float, peepholes: bool) -> None:
    """Without biases, states are as small as inputs: an absolute error of rounding near 1 would hide them."""
    graph = draw(2, nodes=4, times=6)
    torch.manual_seed(0)
    encoder = GCNLSTM(2, 8, peepholes=peepholes, conv=lambda a, b: gs.nn.GCNConv(a, b, bias=False))
    exact = copy.deepcopy(encoder).double()
    x = (graph.x * size).float().double()
    small, large = graph.replace(x=x.float()), graph.replace(x=x)
    out, expected = encoder(small), exact(large)
    assert (out.double() - expected).abs().max() < 1e-5 * expected.abs().max()
    states, _ = encoder.run(small)
    assert torch.equal(states, out)
    weights = [p for name, p in encoder.named_parameters() if "lin" in name]
    others = [p for name, p in exact.named_parameters() if "lin" in name]
    found = torch.autograd.grad(out.sum() / size, weights)
    for one, two in zip(found, torch.autograd.grad(expected.sum() / size, others), strict=True):
        torch.testing.assert_close(one.double(), two, rtol=0, atol=1e-5 * float(two.abs().max()))


def test_gradients_add_up_over_passes() -> None:
    """They are plain tensors, which a second backward pass adds to in place."""
    graph, encoder = draw(2, nodes=4, times=6), GCNLSTM(2, 4, peepholes=True).double()
    encoder(graph).sum().backward()
    once = [weight.grad.clone() for weight in encoder.parameters()]
    encoder(graph).sum().backward()
    for weight, gradient in zip(encoder.parameters(), once, strict=True):
        torch.testing.assert_close(weight.grad, 2 * gradient, rtol=1e-12, atol=1e-14)
