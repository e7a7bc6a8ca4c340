"""The sparse product, its gradients, and both under torch's transforms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from matrices import F64, Edges, a_hat, path
from strategies import edge_lists
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.functional import jacobian

from graphseq.data.adjacency import Adjacency, SparseMatrix

# The product. M is 3 × 3, has two entries at one place and an empty row, and is not symmetric.
ROW, COL, VALUE = torch.tensor([0, 0, 2, 2]), torch.tensor([1, 1, 0, 2]), torch.tensor([1.0, 2.0, 5.0, 7.0], dtype=F64)
M = torch.tensor([[0.0, 3.0, 0.0], [0.0, 0.0, 0.0], [5.0, 0.0, 7.0]], dtype=F64)


def lopsided() -> SparseMatrix:
    return SparseMatrix(ROW, COL, VALUE, 3)


def symmetric() -> SparseMatrix:
    return Adjacency(*path(3)).normalised(F64)


def some_x(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(0))


both = pytest.mark.parametrize("make", [lopsided, symmetric])


def test_entries_at_one_place_are_summed() -> None:
    assert torch.equal(lopsided().csr.to_dense(), M)


def test_indices_take_32_bits() -> None:
    assert lopsided().csr.crow_indices().dtype == torch.int32
    assert lopsided().csr.col_indices().dtype == torch.int32


@given(edge_lists())
def test_a_matrix_is_symmetric_where_it_equals_its_transpose(edges: Edges) -> None:
    matrix = Adjacency(*edges).normalised(F64)
    full = matrix.csr.to_dense()
    assert matrix.is_symmetric == (torch.equal(full, full.t()) and _stored(matrix) == _stored(matrix.transpose))


def _stored(matrix: SparseMatrix) -> list[list[int]]:
    """Places stored, which zero weights take too."""
    return [matrix.csr.crow_indices().tolist(), matrix.csr.col_indices().tolist()]


@given(edge_lists())
def test_transpose_is_the_transpose_and_back(edges: Edges) -> None:
    matrix = Adjacency(*edges).normalised(F64)
    assert torch.equal(matrix.transpose.csr.to_dense(), matrix.csr.to_dense().t())
    assert matrix.transpose.transpose is matrix


def test_a_symmetric_matrix_is_its_own_transpose() -> None:
    assert symmetric().is_symmetric
    matrix = symmetric()
    assert matrix.transpose is matrix


def test_transpose_shares_memory() -> None:
    matrix = lopsided()
    assert matrix.transpose.transpose.csr.values().data_ptr() == matrix.csr.values().data_ptr()
    assert matrix.transpose.csr is matrix.transpose.csr


@both
def test_product_is_the_dense_product(make: object) -> None:
    matrix = make()  # type: ignore[operator]
    x = some_x(3, 2)
    torch.testing.assert_close(matrix @ x, matrix.csr.to_dense() @ x, rtol=1e-14, atol=1e-14)


def test_product_literally() -> None:
    assert (lopsided() @ torch.tensor([[1.0], [10.0], [100.0]], dtype=F64)).tolist() == [[30.0], [0.0], [705.0]]


@both
def test_first_and_second_gradients_are_those_of_finite_differences(make: object) -> None:
    matrix = make()  # type: ignore[operator]
    x = some_x(3, 2).requires_grad_()
    assert gradcheck(lambda x: (matrix @ x).sin(), x, check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(lambda x: (matrix @ x).sin(), x)


def test_gradient_is_the_transpose_times_what_comes_back() -> None:
    x = some_x(3, 2).requires_grad_()
    back = some_x(3, 2)
    (lopsided() @ x).backward(back)
    torch.testing.assert_close(x.grad, M.t() @ back, rtol=1e-14, atol=1e-14)


def test_forward_mode_is_the_matrix_times_the_tangent() -> None:
    matrix, x, tangent = lopsided(), some_x(3, 2), some_x(3, 2).flip(0)
    out, along = torch.func.jvp(lambda x: matrix @ x, (x,), (tangent,))
    torch.testing.assert_close(out, M @ x, rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(along, M @ tangent, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("batch_dim", [0, 1, 2, -1])
def test_vmap_is_a_loop_over_the_batch(batch_dim: int) -> None:
    matrix, x = lopsided(), some_x(4, 3, 2)
    found = torch.func.vmap(lambda x: matrix @ x, in_dims=batch_dim)(x.movedim(0, batch_dim))
    torch.testing.assert_close(found, torch.stack([M @ one for one in x]), rtol=1e-14, atol=1e-14)


def test_vmap_within_vmap_is_a_loop_within_a_loop() -> None:
    matrix, x = lopsided(), some_x(2, 4, 3, 2)
    found = torch.func.vmap(torch.func.vmap(lambda x: matrix @ x))(x)
    torch.testing.assert_close(found, M @ x, rtol=1e-14, atol=1e-14)


def whole_jacobian(m: Tensor, channels: int) -> Tensor:
    """∂(M x)_if / ∂x_jg = M_ij δ_fg."""
    return torch.einsum("ij,fg->ifjg", m, torch.eye(channels, dtype=F64))


@pytest.mark.parametrize("way", [torch.func.jacrev, torch.func.jacfwd])
def test_jacobians_by_vmap_are_the_matrix_itself(way: object) -> None:
    matrix = lopsided()
    found = way(lambda x: matrix @ x)(some_x(3, 2))  # type: ignore[operator]
    assert torch.equal(found, whole_jacobian(M, 2))


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_vectorised_autograd_jacobian_is_the_matrix_itself(strategy: str) -> None:
    matrix = lopsided()
    found = jacobian(lambda x: matrix @ x, some_x(3, 2), vectorize=True, strategy=strategy)
    assert torch.equal(found, whole_jacobian(M, 2))


def test_the_hessian_of_a_square_is_the_gram_matrix() -> None:
    matrix = lopsided()
    found = torch.func.hessian(lambda x: (matrix @ x).pow(2).sum() / 2)(some_x(3, 1))
    torch.testing.assert_close(found[:, 0, :, 0], M.t() @ M, rtol=1e-14, atol=1e-13)


@pytest.mark.parametrize("way", [torch.func.jacrev, torch.func.jacfwd])
def test_a_hat_first_asked_for_inside_a_transform_serves_there_and_after(way: object) -> None:
    adjacency, x = Adjacency(*path(3)), some_x(3, 2)
    a = torch.from_numpy(a_hat(*path(3)))
    found = way(lambda x: adjacency.normalised(F64) @ x)(x)  # type: ignore[operator]
    torch.testing.assert_close(found, whole_jacobian(a, 2), rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(adjacency.normalised(F64) @ x, a @ x, rtol=1e-14, atol=1e-14)


def test_a_hat_first_asked_for_in_inference_mode_serves_training_after() -> None:
    adjacency, x = Adjacency(*path(3)), some_x(3, 2).requires_grad_()
    with torch.inference_mode():
        adjacency.normalised(F64) @ x
    assert not adjacency.normalised(F64).csr.is_inference()
    (adjacency.normalised(F64) @ x).sum().backward()
    np.testing.assert_allclose(x.grad[:, 0], a_hat(*path(3)).sum(axis=0), rtol=1e-14)
