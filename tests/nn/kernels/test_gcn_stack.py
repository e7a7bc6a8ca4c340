"""A stack of convolutions as one function: the products it stands for, whatever is asked of it, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matrices import F64, Edges, a_hat
from strategies import edge_lists
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

import graphseq as gs
from graphseq._torch import buffers, compat
from graphseq.data.adjacency import Adjacency
from graphseq.nn.kernels import dense, gcn_stack
from graphseq.nn.kernels.gcn_stack import Layer, plain, stack

WIDTHS = st.lists(st.integers(1, 4), min_size=2, max_size=4)


def layers_of(widths: list[int], *, bias: bool = True, dtype: torch.dtype = F64) -> list[Layer]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=dtype, generator=generator).requires_grad_()

    return [(draw(b, a), draw(b) if bias else None) for a, b in pairwise(widths)]


def features(rows: int, channels: int, dtype: torch.dtype = F64) -> Tensor:
    return torch.randn(rows, channels, dtype=dtype, generator=torch.Generator().manual_seed(1)).requires_grad_()


def gradients(out: Tensor, asked: list[Tensor]) -> list[Tensor]:
    seed = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    return list(torch.autograd.grad(out, asked, seed))


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcn_stack, "BLOCK", 64)


@pytest.fixture
def lending(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Even the smallest results lie in memory that is lent."""
    monkeypatch.setattr(buffers, "LARGE", 0)
    return


@pytest.mark.usefixtures("small_blocks", "lending")
@given(edge_lists(), WIDTHS, st.booleans(), st.data())
def test_numbers_and_gradients_are_those_of_the_products(
    edges: Edges, widths: list[int], bias: bool, data: st.DataObject
) -> None:
    adjacency, layers, x = Adjacency(*edges), layers_of(widths, bias=bias), features(edges[2], widths[0])
    matrix = adjacency.normalised(F64)
    every = [x, *(part for layer in layers for part in layer if part is not None)]
    wanted = [part for part in every if data.draw(st.booleans())] or every[:1]
    for part in every:
        part.requires_grad_(any(part is each for each in wanted))
    found, expected = stack(matrix, x, layers), plain(matrix, x, layers)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(gradients(found, wanted), gradients(expected, wanted), rtol=0, atol=1e-12)


def test_two_layers_by_hand() -> None:
    edges = torch.tensor([[0, 1], [1, 2]]), None, 3
    (v, a), (w, b) = layers = layers_of([2, 3, 2])
    x, full = features(3, 2), torch.from_numpy(a_hat(*edges))
    expected = full @ (full @ x @ v.t() + a).relu() @ w.t() + b
    torch.testing.assert_close(stack(Adjacency(*edges).normalised(F64), x, layers), expected, rtol=0, atol=1e-12)


@pytest.fixture
def case() -> tuple[Adjacency, Tensor, list[Layer]]:
    index = torch.tensor([[0, 1, 1, 2, 3], [1, 0, 2, 3, 0]])
    return Adjacency(index, torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0]), 4), features(4, 2), layers_of([2, 3, 1])


@pytest.mark.usefixtures("small_blocks", "lending")
def test_it_can_be_differentiated_twice(case: tuple[Adjacency, Tensor, list[Layer]]) -> None:
    adjacency, x, layers = case
    flat = [part for layer in layers for part in layer]

    def of(x: Tensor, *flat: Tensor) -> Tensor:
        return stack(adjacency.normalised(F64), x, list(zip(flat[::2], flat[1::2], strict=True)))

    assert gradcheck(of, (x, *flat), check_batched_grad=True, check_forward_ad=True)
    assert gradgradcheck(of, (x, *flat))


def test_transforms_and_many_gradients_at_once_agree(case: tuple[Adjacency, Tensor, list[Layer]]) -> None:
    adjacency, x, layers = case
    matrix = adjacency.normalised(F64)
    of = lambda x: stack(matrix, x, layers)  # noqa: E731
    out = of(x)
    many = torch.autograd.grad(out, x, torch.eye(4, dtype=F64).unsqueeze(-1), is_grads_batched=True)[0]
    expected = torch.func.jacrev(of)(x)[:, 0]
    torch.testing.assert_close(many, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.func.jacfwd(of)(x)[:, 0], expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.func.vmap(of)(torch.stack([x, 2 * x]))[1], of(2 * x), rtol=0, atol=1e-12)


@pytest.mark.usefixtures("lending")
def test_two_passes_at_once_keep_their_own_states(case: tuple[Adjacency, Tensor, list[Layer]]) -> None:
    adjacency, x, layers = case
    matrix = adjacency.normalised(F64)
    alone = [gradients(stack(matrix, k * x, layers), [x])[0] for k in (1, 2)]
    first, second = stack(matrix, x, layers), stack(matrix, 2 * x, layers)
    assert torch.equal(gradients(second, [x])[0], alone[1])
    assert torch.equal(gradients(first, [x])[0], alone[0])


@pytest.mark.usefixtures("lending")
def test_what_is_returned_is_its_holders_alone_and_can_be_written_to(
    case: tuple[Adjacency, Tensor, list[Layer]],
) -> None:
    adjacency, x, layers = case
    matrix = adjacency.normalised(F64)
    out = stack(matrix, x, layers)
    grad = torch.autograd.grad(out.sum(), x, retain_graph=True)[0]
    before = out.detach().clone(), grad.clone()
    for factor in (2, 3):
        stack(matrix, factor * x, layers).sum().backward()
    assert torch.equal(out, before[0])
    assert torch.equal(grad, before[1])
    written = stack(matrix, x, layers).relu_()
    assert torch.equal(torch.autograd.grad(written.sum(), x)[0], torch.autograd.grad(out.relu().sum(), x)[0])


@pytest.mark.usefixtures("lending")
def test_a_kept_graph_gives_its_gradient_again(case: tuple[Adjacency, Tensor, list[Layer]]) -> None:
    adjacency, x, layers = case
    matrix = adjacency.normalised(F64)
    out = stack(matrix, x, layers)
    first = torch.autograd.grad(out.sum(), x, retain_graph=True)[0].clone()
    stack(matrix, 5 * x, layers).sum().backward()
    assert torch.equal(torch.autograd.grad(out.sum(), x)[0], first)


@pytest.mark.skipif(compat.storage_uses(torch.empty(1)) is None, reason="this torch does not count uses of a storage")
@pytest.mark.usefixtures("lending")
def test_memory_is_lent_again_once_a_pass_is_done(case: tuple[Adjacency, Tensor, list[Layer]]) -> None:
    adjacency, x, layers = case
    matrix = adjacency.normalised(F64)
    with torch.inference_mode():
        stack(matrix, x, layers)
    places = []
    for _ in range(3):
        stack(matrix, x, layers).sum().backward()  # what the last pass gave may still be there
        places.append(matrix.workspaces[0].take(x, 12).data_ptr())
    assert len(set(places)) == 1
    kept = stack(matrix, x, layers)
    assert matrix.workspaces[0].take(x, 12).data_ptr() != places[0]
    del kept


def test_features_that_are_refilled_behind_torchs_back_are_read_anew() -> None:
    torch.manual_seed(0)
    buffer = np.zeros((3, 2), dtype=np.float32)
    graph, encoder = gs.from_sequence(torch.from_numpy(buffer)), gs.nn.GCN(2, 4, 1)
    outputs = []
    for value in (1.0, 2.0):
        buffer[:] = value  # through numpy: neither the tensor's identity nor its version changes
        outputs.append(encoder(graph).detach().clone())
    torch.testing.assert_close(outputs[1] - encoder.convs[0].bias, 2 * (outputs[0] - encoder.convs[0].bias))


@pytest.mark.parametrize("channels", [3, 64])  # either library's product
def test_weights_that_are_nan_give_states_that_are_nan(channels: int) -> None:
    encoder = gs.nn.GCN(channels, 64, 3)
    torch.nn.init.constant_(encoder.convs[1].lin.weight, torch.nan)
    assert encoder(gs.from_sequence(torch.ones(600, channels))).isnan().all()


def test_what_is_written_to_meanwhile_is_noticed(case: tuple[Adjacency, Tensor, list[Layer]]) -> None:
    adjacency, x, layers = case
    x = x.detach().clone()
    x.requires_grad_()
    out = stack(adjacency.normalised(F64), x, layers)
    with torch.no_grad():
        x += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_hooks_on_a_convolution_are_heeded() -> None:
    torch.manual_seed(0)
    encoder, graph = gs.nn.GCN(2, 3, 3), gs.from_sequence(torch.randn(5, 2))
    before, seen = encoder(graph), []
    handle = encoder.convs[1].register_forward_hook(lambda module, given, out: seen.append(out.shape))
    torch.testing.assert_close(encoder(graph), before)
    assert seen == [(5, 3)]
    handle.remove()
    encoder.convs[0].lin.register_forward_pre_hook(lambda module, given: seen.append("lin"))
    torch.testing.assert_close(encoder(graph), before)
    assert seen[1:] == ["lin"]


def test_states_after_each_layer_are_those_of_the_whole() -> None:
    torch.manual_seed(0)
    encoder, graph = gs.nn.GCN(2, 64, 4), gs.from_sequence(torch.randn(700, 2))
    torch.testing.assert_close(encoder.trace(graph).states[-1], encoder(graph), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("rows", "channels"), [(600, 64), (600, 3), (5, 64)])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("has_bias", [False, True])
def test_either_library_gives_the_dense_product(rows: int, channels: int, relu: bool, has_bias: bool) -> None:
    x, weight = features(rows, channels, torch.float32).detach(), features(64, channels, torch.float32).detach() / 8
    bias = torch.linspace(-1, 1, 64) if has_bias else None
    expected = torch.nn.functional.linear(x.double(), weight.double(), None if bias is None else bias.double())
    expected = expected.relu() if relu else expected
    found = dense.linear_into(torch.full((rows, 64), torch.nan), x, weight, bias, relu=relu)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-5)


def test_a_product_into_memory_does_not_read_what_was_there() -> None:
    matrix = Adjacency(torch.tensor([[0], [1]]), None, 2).normalised(F64).csr
    x = torch.tensor([[1.0], [2.0]], dtype=F64)
    found = dense.mix_into(torch.full((2, 1), torch.nan, dtype=F64), matrix, x)
    torch.testing.assert_close(found, matrix.to_dense() @ x)


@given(rows=st.integers(0, 70), columns=st.integers(1, 70))
def test_a_sum_over_rows_is_that_however_they_are_folded(rows: int, columns: int) -> None:
    x = torch.arange(float(rows * columns), dtype=torch.float64).view(rows, columns)
    torch.testing.assert_close(gcn_stack._sum(x), x.sum(0), rtol=0, atol=0)
    torch.testing.assert_close(gcn_stack._sum(x.t().contiguous().t()), x.sum(0), rtol=0, atol=0)
