"""The cross-entropy of many rows against torch's, in value, gradient and where softmax has no digit left."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.functional import cross_entropy

import graphseq as gs
from graphseq._torch import cross_entropy as _cross_entropy
from graphseq._torch.buffers import Workspace
from graphseq._torch.cross_entropy import mean_cross_entropy


@pytest.fixture(autouse=True)
def also_of_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cross_entropy, "LARGE", 0)


def drawn(rows: int, classes: int, spread: float = 1.0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(rows + classes)
    output = spread * torch.randn(rows, classes, generator=generator, dtype=dtype)
    return output.requires_grad_(), torch.randint(classes, (rows,), generator=generator)


def both(output: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
    found = []
    for loss in (mean_cross_entropy(output, y, Workspace()), cross_entropy(output, y)):
        found.append((loss.detach(), torch.autograd.grad(loss, output)[0]))
    return found


@given(
    rows=st.integers(1, 40),
    classes=st.integers(1, 7),
    spread=st.sampled_from([0.0, 1.0, 30.0]),
    block=st.integers(1, 999),
)
def test_it_is_torchs_in_blocks_of_any_size(rows: int, classes: int, spread: float, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_cross_entropy, "BLOCK", block)
        ours, torchs = both(*drawn(rows, classes, spread))
    for own, other in zip(ours, torchs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_as_unlikely_as_can_be_costs_what_it_should(dtype: torch.dtype) -> None:
    output = torch.tensor([[0.0, 1000.0], [-50.0, 50.0], [3.0, 3.0]], dtype=dtype, requires_grad=True)
    (loss, grad), (other, of_other) = both(output, torch.tensor([0, 0, 1]))
    assert float(loss) == pytest.approx((1000 + 100 + 0.6931472) / 3)
    torch.testing.assert_close(loss, other)
    torch.testing.assert_close(grad, of_other)


def test_what_is_not_finite_is_not_hidden() -> None:
    output = torch.tensor([[0.0, float("nan")], [1.0, 2.0]], requires_grad=True)
    assert mean_cross_entropy(output, torch.tensor([0, 1]), Workspace()).isnan()
    output = torch.tensor([[0.0, float("inf")], [1.0, 2.0]], requires_grad=True)
    assert not mean_cross_entropy(output, torch.tensor([0, 1]), Workspace()).isfinite()


def test_it_is_the_function_that_is_tested_here_and_only_for_large_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    output, y = drawn(5, 3)
    assert "_CrossEntropy" in type(mean_cross_entropy(output, y, Workspace()).grad_fn).__name__
    monkeypatch.setattr(_cross_entropy, "LARGE", output.numel() * output.element_size() + 1)
    assert "_CrossEntropy" not in type(mean_cross_entropy(output, y, Workspace()).grad_fn).__name__


def test_gradients_scale_with_the_loss_and_can_be_differentiated() -> None:
    output, y = drawn(4, 3)
    (grad,) = torch.autograd.grad(3 * mean_cross_entropy(output, y, Workspace()), output)
    torch.testing.assert_close(grad, torch.autograd.grad(3 * cross_entropy(output, y), output)[0])
    assert torch.autograd.gradcheck(lambda o: mean_cross_entropy(o, y, Workspace()), (output,))
    assert torch.autograd.gradgradcheck(lambda o: mean_cross_entropy(o, y, Workspace()), (output,))


def test_who_has_a_gradient_may_write_to_it() -> None:
    output, y = drawn(6, 3)
    loss = mean_cross_entropy(output, y, Workspace())
    (first,) = torch.autograd.grad(loss, output, retain_graph=True)
    kept = first.clone()
    first.zero_()
    torch.testing.assert_close(torch.autograd.grad(loss, output)[0], kept, rtol=0, atol=0)


def test_many_gradients_at_once_and_forward_mode_are_torchs() -> None:
    output, y = drawn(4, 3)
    factors = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    many = [
        torch.autograd.grad(loss, output, factors, is_grads_batched=True)[0]
        for loss in (mean_cross_entropy(output, y, Workspace()), cross_entropy(output, y))
    ]
    torch.testing.assert_close(*many)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(output, torch.ones_like(output))
        tangent = forward_ad.unpack_dual(mean_cross_entropy(dual, y, Workspace())).tangent
        torch.testing.assert_close(tangent, forward_ad.unpack_dual(cross_entropy(dual, y)).tangent)


def test_a_gradient_that_is_still_held_is_not_written_over() -> None:
    buffer, (output, y) = Workspace(), drawn(6, 3)
    (first,) = torch.autograd.grad(mean_cross_entropy(output, y, buffer), output)
    kept = first.clone()
    other = (10 * output.detach()).requires_grad_()
    torch.autograd.grad(mean_cross_entropy(other, y, buffer), other)
    torch.testing.assert_close(first, kept, rtol=0, atol=0)


@pytest.mark.parametrize("wrong", [3, -1])
def test_a_class_that_there_is_not_is_refused(wrong: int) -> None:
    output, _ = drawn(2, 3)
    with pytest.raises((IndexError, RuntimeError, ValueError), match=r"out of bounds|y must hold classes 0 to 2"):
        mean_cross_entropy(output, torch.tensor([0, wrong]), Workspace())


def test_a_tasks_loss_is_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    task, (output, y) = gs.tasks.Transfer(2), drawn(5, 10)
    assert "_CrossEntropy" in type(task.loss(output, y).grad_fn).__name__
    torch.testing.assert_close(task.loss(output, y), cross_entropy(output, y))
    (grad,) = torch.autograd.grad(task.loss(output, y), output)
    torch.testing.assert_close(grad, torch.autograd.grad(cross_entropy(output, y), output)[0])
