"""The library's own RNN and GRU layers against torch's, in values, in gradients, and in gradients of gradients."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd import forward_ad

import graphseq as gs
from graphseq.nn.kernels import rnn as _recurrence
from graphseq.nn.kernels import rnn_steps
from graphseq.nn.kernels.rnn import read, recur

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


def is_ours(out: Tensor) -> bool:
    """Whether the library's function gave it, or a copy of it."""
    assert out.grad_fn is not None
    made = (out.grad_fn, *(before for before, _ in out.grad_fn.next_functions))
    return any("_Layer" in type(each).__name__ for each in made)


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
    at_once=st.integers(1, 10),
)
def test_states_and_gradients_are_torchs_in_blocks_of_any_size(
    kind: type[nn.RNNBase], shape: tuple[int, int, int, int], layers: int, block: int, at_once: int
) -> None:
    kernel, x, start = drawn(kind, shape, layers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_recurrence, "BLOCK", block)
        for module in (_recurrence, rnn_steps):
            patch.setattr(module, "AT_ONCE", at_once)
        own = gradients(lambda *given: recur(kernel, *given), kernel, x, start)
    for ours, torchs in zip(own, gradients(kernel, kernel, x, start), strict=True):
        torch.testing.assert_close(ours, torchs, rtol=0, atol=1e-12)


@each_kind
def test_it_is_the_function_that_is_tested_here_and_not_torchs(kind: type[nn.RNNBase]) -> None:
    kernel, x, start = drawn(kind, (3, 2, 2, 4))
    assert is_ours(recur(kernel, x, start)[0])


@each_kind
def test_over_few_steps_torchs_is_read(kind: type[nn.RNNBase], monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, x, start = drawn(kind, (3, 2, 2, 4))
    monkeypatch.setattr(_recurrence, "FEWEST", 4)
    assert not is_ours(recur(kernel, x, start)[0])


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

    def states(x: Tensor, start: Tensor, *weights: Tensor) -> Tensor:
        return read(kernel.mode, [weights], x, start, training=True)[0]

    given = (x, start, *kernel.parameters())
    assert torch.autograd.gradcheck(states, given)
    assert torch.autograd.gradgradcheck(states, given)


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
    assert not is_ours(mixed)
    with pytest.raises(ValueError, match=r"dtype|must have the type"):  # as torch says it, now and in 2.6
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
    assert is_ours(recur(kernel, x, start)[0])


@each_kind
@pytest.mark.parametrize("across", [False, True])
def test_states_may_be_written_to_and_gradients_stay_right(kind: type[nn.RNNBase], across: bool) -> None:
    kernel, x, _ = drawn(kind, (5, 3 if across else 1, 2, 4))
    graph = gs.from_signal(x.detach(), torch.zeros(2, 0, dtype=torch.long))
    encoder = (gs.nn.RNN if kind is nn.RNN else gs.nn.GRU)(2, 4).double()
    encoder.kernel = kernel
    written = torch.autograd.grad(encoder(graph).relu_().square().sum(), list(kernel.parameters()))
    beside = torch.autograd.grad(encoder(graph).relu().square().sum(), list(kernel.parameters()))
    for own, other in zip(written, beside, strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-14)
    remembered = encoder.run(graph)[0].relu_()
    torch.testing.assert_close(remembered, encoder(graph).relu(), rtol=0, atol=0)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_what_was_changed_in_a_kernel_is_kept(kind: type[nn.RNNBase]) -> None:
    class Doubled(kind):  # type: ignore[misc, valid-type]
        def forward(self, x: Tensor, start: object = None) -> object:
            out, last = super().forward(x, start)
            return 2 * out, last

    graph = gs.from_sequence(torch.randn(7, 3))
    encoder = {nn.RNN: gs.nn.RNN, nn.GRU: gs.nn.GRU, nn.LSTM: gs.nn.LSTM}[kind](3, 4)
    plain = encoder(graph)
    changed, patched = Doubled(3, 4), kind(3, 4)
    for other in (changed, patched):
        other.load_state_dict(encoder.kernel.state_dict())
    kept = patched.forward
    patched.forward = lambda x, start=None: (2 * kept(x, start)[0], kept(x, start)[1])
    for other in (changed, patched):
        encoder.kernel = other
        torch.testing.assert_close(encoder(graph), 2 * plain)


@each_kind
def test_hooks_of_every_kind_are_called(kind: type[nn.RNNBase]) -> None:
    kernel, x, start = drawn(kind, (3, 2, 2, 4))
    called: list[str] = []
    hooks = [
        kernel.register_full_backward_pre_hook(lambda *_: called.append("backward pre")),
        nn.modules.module.register_module_forward_hook(lambda module, *_: called.append(type(module).__name__)),
    ]
    try:
        recur(kernel, x, start)[0].sum().backward()
    finally:
        for hook in hooks:
            hook.remove()
    assert set(called) == {"backward pre", type(kernel).__name__}


@each_kind
def test_single_precision_is_within_rounding(kind: type[nn.RNNBase]) -> None:
    kernel, x, start = drawn(kind, (40, 3, 2, 8))
    kernel, x, start = kernel.float(), x.detach().float().requires_grad_(), start.detach().float().requires_grad_()
    ours = gradients(lambda *given: recur(kernel, *given), kernel, x, start)
    for own, torchs in zip(ours, gradients(kernel, kernel, x, start), strict=True):
        torch.testing.assert_close(own, torchs, rtol=1e-4, atol=1e-4)


@each_kind
def test_a_first_state_that_does_not_fit_is_refused_as_by_torch(kind: type[nn.RNNBase]) -> None:
    kernel, x, start = drawn(kind, (7, 5, 2, 3))
    with pytest.raises(RuntimeError, match="hidden"):
        recur(kernel, x, start[:, :2])


@pytest.mark.slow
@each_kind
def test_it_compiles(kind: type[nn.RNNBase]) -> None:
    kernel, x, start = drawn(kind, (7, 2, 2, 3))
    compiled = torch.compile(lambda x: recur(kernel, x, start)[0], backend="aot_eager")
    torch.testing.assert_close(compiled(x), kernel(x, start)[0])


@pytest.mark.parametrize("num_layers", [1, 3])
def test_weights_made_apart_are_laid_out_in_one_chunk_as_cudnn_reads_them(num_layers: int) -> None:
    weights = [torch.randn(shape, requires_grad=True) for shape in [(8, 3), (8, 2), (8,), (8,)] * num_layers]
    layers = [weights[start : start + 4] for start in range(0, len(weights), 4)]
    chunk = _recurrence._in_one_chunk(layers)
    assert all(torch.equal(part, weight) for part, weight in zip(chunk, weights, strict=True))
    offsets = [part.storage_offset() for part in chunk]  # all matrices layer by layer, then all biases
    sizes = [24, 16] * num_layers + [8, 8] * num_layers
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    matrices, biases = starts[: 2 * num_layers], starts[2 * num_layers :]
    assert offsets == [s for layer in range(num_layers) for part in (matrices, biases) for s in part[2 * layer :][:2]]
    torch.stack([part.sum() for part in chunk]).sum().backward()
    assert all(torch.equal(weight.grad, torch.ones_like(weight)) for weight in weights)
