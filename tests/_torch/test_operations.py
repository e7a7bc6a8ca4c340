"""Operations of our own in recorded graphs: values and gradients against torch's, and what they stand for."""

from __future__ import annotations

import pytest
import torch

from graphseq._torch import operations
from graphseq.data.adjacency import SparseMatrix, matrix_of


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
