"""The scan against the loop that it stands for: values, gradients of any kind, shapes, and rows in any order."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw, join, sequence
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.func import jvp, vmap
from torch.utils._python_dispatch import TorchDispatchMode

from graphseq.data.topology import Topology
from graphseq.nn import linear_scan
from graphseq.nn.recurrent.scan import scan_rows

REAL, COMPLEX = torch.float64, torch.complex128


def loop(a: Tensor, b: Tensor, dim: int = 0) -> Tensor:
    """h_t = a_t ⊙ h_{t-1} + b_t as it is written, a step at a time."""
    a = a.expand(b.shape)
    h, states = torch.zeros_like(b.select(dim, 0) * a.select(dim, 0)), []
    for step in range(b.shape[dim]):
        h = a.select(dim, step) * h + b.select(dim, step)
        states.append(h)
    return torch.stack(states, dim)


def loop_over_rows(a: Tensor, b: Tensor, topology: Topology) -> Tensor:
    """The same along each node's time, by a dictionary of what each node holds."""
    held: dict[int, Tensor] = {}
    out = torch.zeros_like(b)
    for row in topology.time.argsort(stable=True).tolist():
        node = int(topology.node[row])
        keep = a[row if len(a) > 1 else 0]
        held[node] = keep * held.get(node, torch.zeros_like(b[0])) + b[row]
        out[row] = held[node]
    return out


def drawn(shape: tuple[int, ...], seed: int, dtype: torch.dtype = REAL, *, factors: bool = False) -> Tensor:
    """Normal numbers; as factors of a size of at most 1, so that long products stay finite."""
    found = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return found / found.abs().clamp(min=1) if factors else found


@given(
    steps=st.integers(1, 70),
    before=st.lists(st.integers(1, 3), max_size=2),
    after=st.lists(st.integers(1, 3), max_size=2),
    dtype=st.sampled_from([REAL, COMPLEX]),
    constant=st.sets(st.integers(0, 4)),
    seed=st.integers(0, 99),
)
def test_it_is_the_loop_along_any_dimension_with_any_factors_constant(
    steps: int, before: list[int], after: list[int], dtype: torch.dtype, constant: set[int], seed: int
) -> None:
    shape, dim = (*before, steps, *after), len(before)
    a_shape = tuple(1 if at in constant else size for at, size in enumerate(shape))
    a, b = drawn(a_shape, seed, dtype, factors=True), drawn(shape, seed + 100, dtype)
    torch.testing.assert_close(linear_scan(a, b, dim), loop(a, b, dim), rtol=0, atol=1e-12)
    torch.testing.assert_close(linear_scan(a, b, dim - len(shape)), loop(a, b, dim), rtol=0, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 3, 127, 128, 1000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_in_single_precision_it_is_the_loop_to_1e_5(steps: int, dtype: torch.dtype) -> None:
    a, b = drawn((steps, 16), 0, dtype, factors=True), drawn((steps, 16), 1, dtype)
    torch.testing.assert_close(linear_scan(a, b), loop(a, b), rtol=1e-5, atol=1e-5)


def test_a_real_factor_and_a_complex_part_make_a_complex_state() -> None:
    a, b = drawn((5, 2), 0, factors=True), drawn((5, 2), 1, COMPLEX)
    torch.testing.assert_close(linear_scan(a, b), loop(a.to(COMPLEX), b), rtol=0, atol=1e-12)
    assert linear_scan(a.float(), b.to(torch.complex64)).dtype == torch.complex64


def test_a_constant_factor_gives_the_geometric_series() -> None:
    h = linear_scan(torch.tensor([0.5], dtype=REAL), torch.ones(10, dtype=REAL))
    torch.testing.assert_close(h, 2 - 0.5 ** torch.arange(10, dtype=REAL), rtol=0, atol=1e-15)


def test_a_zero_factor_forgets_all_that_was_before_even_what_is_not_finite() -> None:
    a, b = torch.ones(5, dtype=REAL), torch.ones(5, dtype=REAL)
    a[3] = 0
    assert linear_scan(a, b).tolist() == [1, 2, 3, 1, 2]


def test_the_first_factor_is_not_used() -> None:
    a, b = torch.full((3,), 0.5), torch.ones(3)
    a[0] = float("nan")
    assert linear_scan(a, b).tolist() == [1, 1.5, 1.75]


@pytest.mark.slow
@given(
    steps=st.integers(1, 9),
    dtype=st.sampled_from([REAL, COMPLEX]),
    a_steps=st.booleans(),
    a_wide=st.booleans(),
    dim=st.integers(0, 1),
)
def test_gradients_of_both_orders_are_those_of_differences(
    steps: int, dtype: torch.dtype, a_steps: bool, a_wide: bool, dim: int
) -> None:
    shape = (steps, 2) if dim == 0 else (2, steps)
    varies = (a_steps, a_wide) if dim == 0 else (a_wide, a_steps)
    a_shape = tuple(size if own else 1 for size, own in zip(shape, varies, strict=True))
    a = drawn(a_shape, 0, dtype, factors=True).requires_grad_()
    b = drawn(shape, 1, dtype).requires_grad_()
    check = {"check_batched_grad": True, "check_forward_ad": True}
    assert gradcheck(lambda a, b: linear_scan(a, b, dim), (a, b), **check)
    if steps <= 4:
        assert gradgradcheck(lambda a, b: linear_scan(a, b, dim), (a, b))


@pytest.mark.parametrize("dtype", [REAL, COMPLEX])
@pytest.mark.parametrize("constant", [False, True])
def test_gradients_are_those_of_autograd_on_the_loop(dtype: torch.dtype, constant: bool) -> None:
    found = []
    for function in (linear_scan, loop):
        a = drawn((1 if constant else 50, 3), 0, dtype, factors=True).requires_grad_()
        b = drawn((50, 3), 1, dtype).requires_grad_()
        function(a, b).abs().square().sum().backward()
        found.append((a.grad, b.grad))
    for scanned, looped in zip(*found, strict=True):
        torch.testing.assert_close(scanned, looped, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("in_dims", [(0, 0), (None, 0), (0, None), (1, 2)])
def test_vmap_is_a_loop_over_the_batch(in_dims: tuple[int | None, int | None]) -> None:
    a, b = (drawn((6, 2), 0, factors=True) if at is None else drawn((6, 2), at, factors=True) for at in in_dims)
    batch = [
        part if at is None else torch.stack([part, -part / 2, part**2], at)
        for part, at in zip((a, b), in_dims, strict=True)
    ]
    found = vmap(linear_scan, in_dims)(*batch)
    pairs = [
        [part if at is None else part.select(at, place) for part, at in zip(batch, in_dims, strict=True)]
        for place in range(3)
    ]
    torch.testing.assert_close(found, torch.stack([loop(*pair) for pair in pairs]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [REAL, COMPLEX])
@pytest.mark.parametrize("a_steps", [1, 7])
def test_jvp_is_that_of_the_loop(dtype: torch.dtype, a_steps: int) -> None:
    at = drawn((a_steps, 2), 0, dtype, factors=True), drawn((7, 2), 1, dtype)
    along = drawn((a_steps, 2), 2, dtype), drawn((7, 2), 3, dtype)
    for scanned, looped in zip(jvp(linear_scan, at, along), jvp(loop, at, along), strict=True):
        torch.testing.assert_close(scanned, looped, rtol=0, atol=1e-12)


def test_it_can_be_differentiated_once_more_through_a_vmap() -> None:
    a, b = drawn((5, 2), 0, factors=True), drawn((5, 2), 1)

    def hessian(function: object) -> Tensor:
        return torch.func.hessian(lambda a: function(a, b).pow(3).sum())(a)  # type: ignore[operator]

    torch.testing.assert_close(hessian(linear_scan), hessian(loop), rtol=1e-12, atol=1e-12)


@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    dtype=st.sampled_from([REAL, COMPLEX]),
    constant=st.booleans(),
    seed=st.integers(0, 99),
)
def test_over_ragged_rows_in_any_order_it_is_the_loop(
    lengths: list[int], dtype: torch.dtype, constant: bool, seed: int
) -> None:
    node = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    time = torch.cat([torch.arange(length) for length in lengths])
    order = torch.randperm(len(node), generator=torch.Generator().manual_seed(seed))
    topology = Topology(node[order], time[order], node.new_zeros((2, 0)))
    a = drawn((1 if constant else len(node), 3), seed, dtype, factors=True)
    b = drawn((len(node), 3), seed + 1, dtype)
    torch.testing.assert_close(scan_rows(a, b, topology), loop_over_rows(a, b, topology), rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_over_absent_nodes_it_is_the_loop(seed: int) -> None:
    topology = join([draw(seed, times=9), sequence(seed, 5), draw(seed + 1, nodes=1, times=3)]).topology
    a, b = drawn((topology.num_rows, 2), 0, factors=True), drawn((topology.num_rows, 2), 1)
    torch.testing.assert_close(scan_rows(a, b, topology), loop_over_rows(a, b, topology), rtol=0, atol=1e-12)


@pytest.mark.parametrize("by_time", [True, False], ids=["(T, N)", "(N, T)"])
@pytest.mark.parametrize("constant", [True, False])
def test_over_a_full_grid_of_rows_it_is_the_loop(by_time: bool, constant: bool) -> None:
    steps, nodes = 7, 3
    time, node = torch.meshgrid(torch.arange(steps), torch.arange(nodes), indexing="ij")
    time, node = (part.flatten() if by_time else part.T.flatten() for part in (time, node))
    topology = Topology(node, time, node.new_zeros((2, 0)))
    a, b = drawn((1 if constant else len(node), 2), 0, factors=True), drawn((len(node), 2), 1)
    torch.testing.assert_close(scan_rows(a, b, topology), loop_over_rows(a, b, topology), rtol=0, atol=1e-12)


def test_a_grid_that_ends_early_is_not_taken_for_a_full_one() -> None:
    node, time = torch.tensor([0, 1, 0]), torch.tensor([0, 0, 1])
    topology = Topology(node, time, node.new_zeros((2, 0)))
    a, b = drawn((3, 2), 0, factors=True), drawn((3, 2), 1)
    torch.testing.assert_close(scan_rows(a, b, topology), loop_over_rows(a, b, topology), rtol=0, atol=1e-12)


@pytest.mark.parametrize("constant", [True, False])
def test_gradients_over_ragged_rows_are_those_of_differences(constant: bool) -> None:
    topology = join([sequence(0, 4), sequence(1, 1), sequence(2, 5)]).topology
    a = drawn((1 if constant else 10, 2), 0, COMPLEX, factors=True).requires_grad_()
    b = drawn((10, 2), 1, COMPLEX).requires_grad_()
    check = {"check_batched_grad": True, "check_forward_ad": True}
    assert gradcheck(lambda a, b: scan_rows(a, b, topology), (a, b), **check)
    assert gradgradcheck(lambda a, b: scan_rows(a, b, topology), (a, b))


def test_its_inputs_are_unchanged() -> None:
    a, b = drawn((9, 2), 0, factors=True), drawn((9, 2), 1)
    kept = a.clone(), b.clone()
    linear_scan(a, b)
    assert torch.equal(a, kept[0])
    assert torch.equal(b, kept[1])


@pytest.mark.parametrize("steps", [2, 100, 1024, 5000])
def test_its_rounds_are_about_log_t(steps: int) -> None:
    rounds: list[object] = []

    class Count(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.ops.aten.addcmul_.default:
                rounds.append(func)
            return func(*args, **(kwargs or {}))

    a, b = torch.full((steps, 1), 0.5), torch.ones(steps, 1)
    with Count():
        linear_scan(a, b)
    assert len(rounds) == 2 * (steps.bit_length() - 1)


@pytest.mark.parametrize(
    ("a", "b", "dim", "error", "message"),
    [
        (torch.ones(3).long(), torch.ones(3), 0, TypeError, "a must hold real or complex numbers, got dtype torch.in"),
        (torch.ones(3), [1.0], 0, TypeError, "b must be a"),
        (
            torch.ones(2),
            torch.ones(3),
            0,
            ValueError,
            r"a must have b's size or 1 in every dimension; got \(2,\) for b of \(3,\)",
        ),
        (torch.ones(3), torch.ones(3, 1), 0, ValueError, r"got \(3,\) for b of \(3, 1\)"),
        (torch.ones(3), torch.ones(3), 1, ValueError, r"dim must be a dimension of b.*got dim=1 of \(3,\)"),
        (torch.ones(3), torch.ones(3), -2, ValueError, "dim=-2"),
        (torch.ones(0), torch.ones(0), 0, ValueError, "at least one step"),
        (torch.tensor(1.0), torch.tensor(1.0), 0, ValueError, "dim=0"),
    ],
)
def test_refusals_name_the_argument(a: Tensor, b: Tensor, dim: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        linear_scan(a, b, dim)


HUGE = {
    "one factor": lambda steps: torch.full((1, 1), 10.0),
    "all factors": lambda steps: torch.full((steps, 1), 10.0),
    "up and down": lambda steps: torch.tensor([1e20, 1e20, 1e-30, 1e-30] * (steps // 4))[:, None],
}


@pytest.mark.parametrize("factors", HUGE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_where_products_of_factors_overflow_and_states_do_not_it_is_the_loop(factors: str, dtype: torch.dtype) -> None:
    a = HUGE[factors](300).to(dtype).requires_grad_()
    b = torch.zeros(300, 2, dtype=dtype, requires_grad=True)
    assert torch.equal(linear_scan(a, b), torch.zeros(300, 2, dtype=dtype))
    terms = torch.zeros(300, 2)
    terms[-4:] = torch.randn(4, 2)
    other = (terms * 1e-6).to(dtype).requires_grad_()
    found, expected = linear_scan(a, other), loop(a, other)
    assert expected.isfinite().all()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    direction = torch.zeros_like(found)
    direction[:3] = 1  # the gradient of the first steps, which goes backwards through few factors
    pairs = zip(*(torch.autograd.grad(h, (a, other), direction) for h in (found, expected)), strict=True)
    for one, two in pairs:
        torch.testing.assert_close(one, two, rtol=1e-5, atol=0)


def test_second_derivatives_survive_products_that_overflow() -> None:
    a = torch.full((80, 1), 1e10).index_fill(0, torch.tensor([4]), 0.0).requires_grad_()
    b = torch.zeros(80, 1).index_fill(0, torch.tensor([1, 79]), 1e-3).requires_grad_()
    seconds = []
    for function in (linear_scan, loop):
        (first,) = torch.autograd.grad(function(a, b)[:3].sum(), b, create_graph=True)
        seconds.append(torch.autograd.grad(first[:3].sum(), a)[0])
    assert seconds[1].isfinite().all()
    torch.testing.assert_close(*seconds, rtol=1e-5, atol=0)


@pytest.mark.parametrize("seed", range(3))
def test_rows_in_any_order_survive_products_that_overflow(seed: int) -> None:
    topology = draw(seed, nodes=3, times=40).topology
    a, b = torch.full((topology.num_rows, 2), 1e3), torch.zeros(topology.num_rows, 2)
    assert torch.equal(scan_rows(a, b, topology), b)
    last = topology.time == topology.time.max()
    b[last] = 2.0
    assert torch.equal(scan_rows(a, b, topology), b)
    assert torch.equal(scan_rows(a[:1], b, topology), b)


def test_a_state_that_overflows_is_infinite_as_in_the_loop() -> None:
    a, b = torch.full((60, 1), 10.0), torch.ones(60, 1)
    assert torch.equal(linear_scan(a, b).isinf(), loop(a, b).isinf())
