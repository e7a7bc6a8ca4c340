"""Operations of our own in recorded graphs: values and gradients against torch's, and what they stand for."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch

from graphseq._torch import operations
from graphseq.data.adjacency import SparseMatrix, matrix_of
from graphseq.nn.kernels import gcn_stack, rnn


def matrix(symmetric: bool = False) -> SparseMatrix:
    row, col = torch.tensor([[0, 0, 2, 3], [1, 3, 0, 2]])
    value = torch.tensor([1.0, 2.0, 3.0, -1.0], dtype=torch.float64)
    if symmetric:
        row, col, value = torch.cat([row, col]), torch.cat([col, row]), torch.cat([value, value])
    return SparseMatrix(row, col, value, 4)


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_sparse_product_has_the_gradient_of_the_dense_one(symmetric: bool) -> None:
    sparse = matrix(symmetric)
    dense = sparse.csr.to_dense()
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    out, expected = operations.sparse_product(sparse.parts, x), dense @ x
    torch.testing.assert_close(out, expected)
    assert torch.autograd.gradcheck(lambda x: operations.sparse_product(sparse.parts, x), (x,))
    assert torch.autograd.gradgradcheck(lambda x: operations.sparse_product(sparse.parts, x), (x,))


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_matrix_comes_back_from_its_parts(symmetric: bool) -> None:
    sparse = matrix(symmetric)
    back = matrix_of(sparse.parts)
    assert back is matrix_of(sparse.parts)
    assert back.is_symmetric == sparse.is_symmetric == symmetric
    assert torch.equal(back.csr.to_dense(), sparse.csr.to_dense())
    assert torch.equal(back.transpose.csr.to_dense(), sparse.csr.to_dense().T)


def test_a_layer_of_an_lstm_is_torchs() -> None:
    kernel, x = torch.nn.LSTM(3, 4), torch.randn(7, 5, 3, requires_grad=True)
    weights = list(kernel.parameters())
    start = torch.randn(5, 4, requires_grad=True), torch.randn(5, 4, requires_grad=True)
    if not operations.takes_lstm(x, weights):
        pytest.skip("torch has no kernel for all steps at once here")
    sources = [x, *start, *weights]
    results = []
    out, (h, c) = kernel(x, (start[0][None], start[1][None]))
    own, (own_h, own_c) = operations.lstm_layer(x, start, weights)
    steps = operations.lstm_steps(x, *start, weights, 0, True)[:3]
    for group in ((out, h[0], c[0]), (own, own_h, own_c), steps):
        total = sum(part.flatten() @ torch.linspace(-1, 1, part.numel()) for part in group)
        results.append([*group, *torch.autograd.grad(total, sources)])
    for found in results[1:]:
        for one, expected in zip(found, results[0], strict=True):
            torch.testing.assert_close(one, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("width", [1, 63, 64, 200])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_product_of_any_width_is_the_dense_one(width: int, dtype: torch.dtype) -> None:
    g = torch.Generator().manual_seed(0)
    row, col = torch.randint(9, (2, 30), generator=g)
    sparse = SparseMatrix(row, col, torch.randn(30, generator=g, dtype=dtype), 10)  # the last row is empty
    x = torch.randn(10, width, generator=g, dtype=dtype)
    expected = sparse.csr.to_dense() @ x
    for given in (x, x.t().contiguous().t()):
        torch.testing.assert_close(operations.product(sparse.csr, given), expected, rtol=1e-5, atol=1e-5)
    for rows, block in sparse.blocks(4):
        torch.testing.assert_close(operations.product(block, x), expected[rows], rtol=1e-5, atol=1e-5)
    nothing = SparseMatrix(row[:0], col[:0], x[0, :0], 10)
    assert not operations.product(nothing.csr, x).any()


def test_what_is_not_finite_stays_so_in_a_product() -> None:
    sparse, x = matrix().csr.float(), torch.zeros(4, 64)
    x[3] = torch.nan
    assert operations.product(sparse, x).isnan().any(1).tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("module", "operation", "gradient"),
    [
        (gcn_stack, "_recorded", "_recorded_gradient"),
        (rnn, "_layer_operation", "_layer_gradient"),
        (operations, "_lstm_layer", "_lstm_gradient"),
    ],
)
def test_an_operation_is_registered_with_its_gradient(
    module: ModuleType, operation: str, gradient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch takes a compiled gradient from its folder on disk without tracing the function that would register it."""
    names: list[str] = []
    monkeypatch.setattr(module, "register", lambda name, *_: names.append(name))
    monkeypatch.setattr(module, gradient, getattr(module, gradient).__wrapped__)
    getattr(module, operation).__wrapped__()
    assert len(names) == 2
    assert "gradient" in names[0]
