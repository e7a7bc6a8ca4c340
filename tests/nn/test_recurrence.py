"""The library's own RNN and GRU layers against torch's, in values, in gradients, and in gradients of gradients."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd import forward_ad

from graphseq.nn import _recurrence
from graphseq.nn._recurrence import recur

KINDS = (nn.RNN, nn.GRU)
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def also_over_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_recurrence, "FEWEST", 1)


def drawn(
    kind: type[nn.RNNBase], shape: tuple[int, int, int, int], layers: int = 1
) -> tuple[nn.RNNBase, Tensor, Tensor]:
    """A kernel in double precision, inputs (T, B, F) and first states (layers, B, H), all asking for gradients."""
    steps, count, channels, hidden = shape
    torch.manual_seed(sum(shape))
    kernel = kind(channels, hidden, layers).double()
    x = torch.randn(steps, count, channels, dtype=torch.double, requires_grad=True)
    return kernel, x, torch.randn(layers, count, hidden, dtype=torch.double, requires_grad=True)


def gradients(run: Callable[..., tuple[Tensor, Tensor]], kernel: nn.RNNBase, x: Tensor, start: Tensor) -> list[Tensor]:
    """Of a function that weighs every state and every last state differently."""
    out, last = run(x, start)
    weigh = torch.arange(out.numel(), dtype=out.dtype).sin().view(out.shape)
    value = (out * weigh).sum() + (last * torch.arange(len(last)).view(-1, 1, 1).cos()).square().sum()
    return [out, last, *torch.autograd.grad(value, [x, start, *kernel.parameters()])]


@given(
    kind=st.sampled_from(KINDS),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(1, 5)),
    layers=st.integers(1, 3),
    block=st.integers(1, 2000),
)
def test_states_and_gradients_are_torchs_in_blocks_of_any_size(
    kind: type[nn.RNNBase], shape: tuple[int, int, int, int], layers: int, block: int
) -> None:
    kernel, x, start = drawn(kind, shape, layers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_recurrence, "BLOCK", block)
        own = gradients(lambda *given: recur(kernel, *given), kernel, x, start)
    for ours, torchs in zip(own, gradients(kernel, kernel, x, start), strict=True):
        torch.testing.assert_close(ours, torchs, rtol=0, atol=1e-12)


@each_kind
def test_it_is_the_function_that_is_tested_here_and_not_torchs(kind: type[nn.RNNBase]) -> None:
    kernel, x, start = drawn(kind, (3, 2, 2, 4))
    assert "_Layer" in type(recur(kernel, x, start)[0].grad_fn).__name__


@each_kind
def test_over_few_steps_torchs_is_read(kind: type[nn.RNNBase], monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, x, start = drawn(kind, (3, 2, 2, 4))
    monkeypatch.setattr(_recurrence, "FEWEST", 4)
    assert "_Layer" not in type(recur(kernel, x, start)[0].grad_fn).__name__


@each_kind
@pytest.mark.parametrize("asked", ["x", "start", "weight_hh_l0", "bias_ih_l0"])
def test_a_gradient_asked_alone_is_the_one_asked_with_all(kind: type[nn.RNNBase], asked: str) -> None:
    kernel, x, start = drawn(kind, (5, 2, 3, 4))
    every = {"x": x, "start": start, **dict(kernel.named_parameters())}
    together = dict(
        zip(every, torch.autograd.grad(recur(kernel, x, start)[0].sum(), list(every.values())), strict=True)
    )
    for name, part in every.items():
        part.requires_grad_(name == asked)
    (alone,) = torch.autograd.grad(recur(kernel, x, start)[0].sum(), every[asked])
    torch.testing.assert_close(alone, together[asked], rtol=0, atol=1e-14)


@each_kind
def test_many_gradients_at_once_are_each_as_asked_alone(kind: type[nn.RNNBase]) -> None:
    kernel, x, start = drawn(kind, (4, 2, 3, 2))
    out, asked = recur(kernel, x, start)[0], [x, start, *kernel.parameters()]
    basis = torch.eye(out.numel(), dtype=out.dtype).view(-1, *out.shape)
    many = torch.autograd.grad(out, asked, basis, is_grads_batched=True, retain_graph=True)
    for number, each in enumerate(basis):
        for found, alone in zip(many, torch.autograd.grad(out, asked, each, retain_graph=True), strict=True):
            torch.testing.assert_close(found[number], alone, rtol=0, atol=1e-13)


@each_kind
def test_gradients_of_gradients_are_right(kind: type[nn.RNNBase]) -> None:
    kernel, x, start = drawn(kind, (3, 2, 2, 2))
    names = [name for name, _ in kernel.named_parameters()]

    def states(x: Tensor, start: Tensor, *weights: Tensor) -> Tensor:
        return recur(Bare(kernel.mode, dict(zip(names, weights, strict=True))), x, start)[0]  # type: ignore[arg-type]

    given = (x, start, *kernel.parameters())
    assert torch.autograd.gradcheck(states, given)
    assert torch.autograd.gradgradcheck(states, given)


class Bare:
    """A kernel whose weights are any tensors."""

    bias, bidirectional, batch_first, proj_size, dropout, training = True, False, False, 0, 0.0, True
    _forward_hooks = _forward_pre_hooks = _backward_hooks = ()

    def __init__(self, mode: str, weights: dict[str, Tensor]) -> None:
        self.mode, self.all_weights = mode, [list(weights.values())]


@each_kind
def test_steps_that_stand_across_memory_are_read_as_they_are(kind: type[nn.RNNBase]) -> None:
    kernel, x, start = drawn(kind, (4, 3, 2, 5))
    turned = x.detach().transpose(0, 1).contiguous().transpose(0, 1).requires_grad_()
    for straight, across in zip(
        gradients(lambda *given: recur(kernel, *given), kernel, x, start),
        gradients(lambda *given: recur(kernel, *given), kernel, turned, start),
        strict=True,
    ):
        torch.testing.assert_close(across, straight, rtol=0, atol=1e-14)


@each_kind
def test_what_it_lacks_is_left_to_torch(kind: type[nn.RNNBase]) -> None:
    kernel, x, start = drawn(kind, (3, 2, 2, 4))
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, torch.ones_like(x))
        ours, torchs = (
            forward_ad.unpack_dual(run(dual, start)[0]).tangent for run in (lambda *g: recur(kernel, *g), kernel)
        )
    torch.testing.assert_close(ours, torchs, rtol=0, atol=0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = recur(kernel.float(), x.float(), start.float())[0]
    assert "_Layer" not in type(mixed.grad_fn).__name__
    with pytest.raises(ValueError, match="dtype"):
        recur(kernel.float(), x, start)


@each_kind
def test_a_hook_on_the_kernel_is_called(kind: type[nn.RNNBase]) -> None:
    kernel, x, start = drawn(kind, (3, 2, 2, 4))
    seen: list[Tensor] = []
    kernel.register_forward_hook(lambda module, given, found: seen.append(found[0]))
    out, _ = recur(kernel, x, start)
    torch.testing.assert_close(seen, [out], rtol=0, atol=0)


@each_kind
@pytest.mark.parametrize("options", [{"bidirectional": True}, {"bias": False}, {"batch_first": True}], ids=str)
def test_a_kernel_that_is_made_otherwise_is_torchs(kind: type[nn.RNNBase], options: dict[str, bool]) -> None:
    kernel = kind(3, 4, **options)
    x, start = torch.randn(5, 5, 3), torch.zeros(2 if kernel.bidirectional else 1, 5, 4)
    for ours, torchs in zip(recur(kernel, x, start), kernel(x, start), strict=True):
        torch.testing.assert_close(ours, torchs, rtol=0, atol=0)


@each_kind
def test_dropout_between_layers_is_torchs_while_training_only(kind: type[nn.RNNBase]) -> None:
    kernel, x, start = drawn(kind, (3, 2, 2, 4), layers=2)
    kernel.dropout = 0.5
    torch.manual_seed(1)
    ours = recur(kernel, x, start)[0]
    torch.manual_seed(1)
    torch.testing.assert_close(ours, kernel(x, start)[0], rtol=0, atol=0)
    kernel.eval()
    assert "_Layer" in type(recur(kernel, x, start)[0].grad_fn).__name__
