r"""Ã and Â of one set of edges, prepared once and reused by every layer and every step.

.. math:: \tilde A = A + I, \qquad \hat A = \tilde D^{-1/2} \tilde A \tilde D^{-1/2},
          \qquad \tilde D_{ii} = \sum_j \tilde A_{ij}

Source: Kipf and Welling, *Semi-Supervised Classification with Graph Convolutional Networks* (2017), eq. 2;
the numbers are those of PyG's ``gcn_norm``, which computes them.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property, wraps
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import add_remaining_self_loops

from graphseq._torch import compat
from graphseq._torch.buffers import Workspace
from graphseq._torch.operations import product, product_of_entries, sparse_product
from graphseq._torch.precision import HALVES, in_full, is_mixed
from graphseq.data.cache import BoundedCache

T = TypeVar("T")

FEW = 2**14  # numbers that a sparse product reads, below which the price of a call is more than that of the work


def lasting(make: Callable[[], T]) -> T:
    """Return ``make()``, run outside ``torch.inference_mode`` and ``torch.func``, for results that outlive these."""
    with torch.inference_mode(False):
        return compat.outside_transforms(make)


class derived(cached_property[T]):
    """A ``cached_property`` whose tensors can be used in every mode of torch, in whichever it is first computed."""

    def __init__(self, func: Callable[[Any], T]) -> None:
        @wraps(func)
        def make(instance: Any) -> T:
            return lasting(lambda: func(instance))

        super().__init__(make)


def is_learned(values: Tensor | None) -> bool:
    """Return True if ``values`` have a gradient or a tangent, so that what is made of them must not be kept."""
    return values is not None and (values.requires_grad or compat.is_dual(values))


class SparseMatrix:
    r"""A constant sparse matrix M (V, V) in compressed rows, with the layout that its gradient needs.

    ``matrix @ x`` is M x, differentiable in x: the gradient is Mᵀ g, and where M equals its transpose (Â of an
    undirected graph does) one layout serves both.

    Args:
        row: row of each entry, shape (E,).
        col: column of each entry, shape (E,).
        value: the entries, shape (E,), floating; entries at one place are summed.
        size: V.

    Example:
        >>> import torch
        >>> flip = SparseMatrix(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.ones(2), 2)
        >>> (flip @ torch.tensor([[1.0], [2.0]])).tolist()
        [[2.0], [1.0]]
    """

    is_learned = False  # True where the entries have a gradient, see LearnedMatrix

    def __init__(self, row: Tensor, col: Tensor, value: Tensor, size: int) -> None:
        self._set(_compressed(row, col, value, size), _compressed(col, row, value, size))

    @classmethod
    def of_layouts(cls, csr: Tensor, transpose: Tensor) -> SparseMatrix:
        """Return the matrix of these compressed rows and of those of its transpose; where they agree, one is kept."""
        matrix = cls.__new__(cls)
        matrix._set(csr, transpose)
        return matrix

    def _set(self, csr: Tensor, transpose: Tensor) -> None:
        self.csr = csr
        self.is_symmetric = csr is transpose or _same(csr, transpose)
        self._transpose_csr = csr if self.is_symmetric else transpose
        self._blocks: dict[int, list[tuple[slice, Tensor]]] = {}
        self.workspaces = [Workspace() for _ in range(5)]  # states, two gradients in turn, what is returned of either

    @cached_property
    def transpose(self) -> SparseMatrix:
        """Mᵀ, sharing this matrix's memory."""
        if self.is_symmetric:
            return self
        turned = SparseMatrix.__new__(SparseMatrix)
        turned.csr, turned._transpose_csr, turned.is_symmetric = self._transpose_csr, self.csr, False
        turned._blocks, turned.workspaces = {}, self.workspaces
        turned.__dict__["transpose"] = self
        return turned

    def blocks(self, size: int) -> list[tuple[slice, Tensor]]:
        """Return M in blocks of at most ``size`` rows, each with its slice of rows; memory is shared with M."""
        if size not in self._blocks:
            self._blocks[size] = lasting(lambda: _cut(self.csr, size))
        return self._blocks[size]

    def __matmul__(self, x: Tensor) -> Tensor:
        """Return M x for x of shape (V, F).

        A half-precision x is multiplied in float32, and M x is then rounded to its type.
        """
        if compat.is_recording():
            return self._recorded(x)
        if is_mixed(x):  # torch has no sparse product of these
            with in_full(x) as full:
                return _Product.apply(full, self).to(x.dtype)  # type: ignore[no-any-return]
        is_differentiated = x.requires_grad and torch.is_grad_enabled()
        if not (is_differentiated or compat.may_be_dual() or compat.transforms_active()):
            return product(self.csr, x)  # to ask torch for a function with a gradient takes longer than a small product
        out: Tensor = _Product.apply(x, self)
        return out

    @derived
    def parts(self) -> list[Tensor]:
        """The beginnings of the rows, columns and values of this matrix and of its transpose, for an operation.

        :func:`matrix_of` gives the matrix back.
        """
        layouts = (self.csr,) if self.is_symmetric else (self.csr, self._transpose_csr)
        parts = [tensor.clone() for csr in layouts for tensor in (csr.crow_indices(), csr.col_indices(), csr.values())]
        return parts * 2 if self.is_symmetric else parts

    def _recorded(self, x: Tensor) -> Tensor:
        """M x as one operation; of few numbers entry by entry, which a compiler joins with what is around it."""
        parts = self.parts
        full = x.to(parts[2].dtype)
        if x.device.type == "cpu" and len(parts[2]) * x.shape[1] > FEW:
            return sparse_product(parts, full).to(x.dtype)
        return product_of_entries(*self._entries, full).to(x.dtype)

    @derived
    def _entries(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rows, columns and values of the entries."""
        crow, col, value = self.parts[:3]
        return torch.arange(len(crow) - 1, device=crow.device).repeat_interleave(crow.diff()), col.long(), value


_known = BoundedCache(8)  # since each holds a graph's memory


def matrix_of(parts: Sequence[Tensor]) -> SparseMatrix:
    """Return the matrix with these ``parts``, the same one for the same memory, which must not be written to."""
    # What is kept holds the memory, so that no other tensor comes to stand there.
    key = tuple((part.data_ptr(), part.dtype, len(part)) for part in parts)

    def make() -> tuple[SparseMatrix, list[Tensor]]:
        crow, col, value, *turned = parts
        csr = transpose = compressed_rows(crow, col, value, len(crow) - 1)
        if crow.data_ptr() != turned[0].data_ptr():
            transpose = compressed_rows(turned[0], turned[1], turned[2], len(crow) - 1)
        return SparseMatrix.of_layouts(csr, transpose), list(parts)

    found: SparseMatrix = _known.get(key, lambda: lasting(make))[0]
    return found


class LearnedMatrix(SparseMatrix):
    r"""A sparse matrix M (V, V) whose entries are learned: ``matrix @ x`` is differentiable in them, and in x.

    It belongs to one pass: it is made anew from the weights, and nothing of it is kept. What reads ``csr`` or
    ``blocks`` gets the numbers without their gradient, so a kernel on these asks ``is_learned`` first.

    Args:
        row: row of each entry, shape (E,).
        col: column of each entry, shape (E,).
        value: the entries, shape (E,), floating; entries at one place are summed.
        size: V.

    Example:
        >>> import torch
        >>> value = torch.ones(2, requires_grad=True)
        >>> flip = LearnedMatrix(torch.tensor([0, 1]), torch.tensor([1, 0]), value, 2)
        >>> (flip @ torch.tensor([[1.0], [2.0]])).sum().backward()
        >>> value.grad.tolist()
        [2.0, 1.0]
    """

    is_learned = True

    def __init__(self, row: Tensor, col: Tensor, value: Tensor, size: int) -> None:
        super().__init__(row, col, value.detach(), size)
        self._row, self._col, self._value, self._size = row, col, value, size

    @cached_property
    def transpose(self) -> SparseMatrix:
        """Mᵀ, learned as well."""
        return LearnedMatrix(self._col, self._row, self._value, self._size)

    def __matmul__(self, x: Tensor) -> Tensor:
        """Return M x for x of shape (V, F)."""
        if is_mixed(x):
            with in_full(x) as full:
                return self._product(full).to(x.dtype)
        return self._product(x)

    def _product(self, x: Tensor) -> Tensor:
        return x.new_zeros(self._size, x.shape[1]).index_add(0, self._row, self._value[:, None] * x[self._col])


class _Product(torch.autograd.Function):
    """M x with gradient Mᵀ g, both also under ``vmap`` and in forward mode, so that a Jacobian takes one pass."""

    @staticmethod
    def forward(x: Tensor, matrix: SparseMatrix) -> Tensor:
        return product(matrix.csr, x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, SparseMatrix], output: Tensor) -> None:
        ctx.matrix = inputs[1]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.matrix.transpose @ grad, None  # autocast may be on in a backward pass

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        out: Tensor = ctx.matrix @ tangent
        return out

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int, None], x: Tensor, matrix: SparseMatrix) -> tuple[Tensor, int]:
        wide = x.movedim(in_dims[0], 1)
        return (matrix @ wide.flatten(1)).unflatten(1, wide.shape[1:]), 1


# torch inspects the signature at every call, which takes longer than a small product; it looks here first.
_Product.forward.__signature__ = inspect.signature(_Product.forward)  # type: ignore[attr-defined]


class Adjacency:
    r"""The edges among V rows with their weights and features, and Â, made from them once for each number type.

    Args:
        edge_index: edges j → i as columns (j, i), shape (2, E), ``long``.
        edge_weight: weights, shape (E,), or ``None`` where every edge counts 1.
        num_rows: V.
        edge_attr: features of the edges, in the order of ``edge_index``, shape (E, D), or ``None``.
        given: Â in a number type, where it can be had from another one at less cost, and nothing is learned; ``None``
            where it is made.

    Example:
        >>> import torch
        >>> both_ways = torch.tensor([[0, 1], [1, 0]])
        >>> Adjacency(both_ways, None, 2).normalised(torch.float64).csr.to_dense().round(decimals=6).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """

    def __init__(
        self,
        edge_index: Tensor,
        edge_weight: Tensor | None,
        num_rows: int,
        edge_attr: Tensor | None = None,
        given: Callable[[torch.dtype], SparseMatrix] | None = None,
    ) -> None:
        self._given = given
        self.edge_index = edge_index
        self.edge_weight = edge_weight
        self.num_rows = num_rows
        self.edge_attr = edge_attr
        self._normalised: dict[torch.dtype, SparseMatrix] = {}

    @property
    def is_identity(self) -> bool:
        """True if there is no edge, so that Ã = Â = I and no product is needed."""
        return self.edge_index.shape[1] == 0

    @property
    def weights_need_grad(self) -> bool:
        """True if a gradient with respect to the weights is recorded now: Â is then a :class:`LearnedMatrix`."""
        return is_learned(self.edge_weight) and (torch.is_grad_enabled() or compat.is_dual(self.edge_weight))

    def normalised(self, dtype: torch.dtype) -> SparseMatrix:
        """Return Â in ``dtype``, or in float32 for half precision; row i reads from its in-neighbours j.

        It is kept, unless the weights are learned: it is then made anew at each call, with their gradient.
        """
        dtype = torch.float32 if dtype in HALVES else dtype
        if self._given is None and is_learned(self.edge_weight):
            return self._normalise(dtype)
        if dtype not in self._normalised:
            make = self._given or self._normalise
            self._normalised[dtype] = lasting(lambda: make(dtype))
        return self._normalised[dtype]

    def _normalise(self, dtype: torch.dtype) -> SparseMatrix:
        weight = self.edge_weight
        if weight is not None:
            if bool((weight < 0).any()):
                position = int((weight < 0).nonzero()[0])
                raise ValueError(
                    f"edge_weight[{position}] is {weight[position].item():g}; the square root in Â needs weights of at "
                    "least 0. Take absolute values, or a convolution that does not normalise"
                )
            weight = (weight if self.weights_need_grad else weight.detach()).to(dtype)
        index, value = gcn_norm(self.edge_index, weight, self.num_rows, dtype=dtype)
        matrix = LearnedMatrix if self.weights_need_grad else SparseMatrix
        return matrix(index[1], index[0], value, self.num_rows)

    @derived
    def pattern(self) -> sp.csr_array:
        """The pattern of non-zero entries of Ã, (V, V) of ``bool``: entry (i, j) is True if row i reads row j."""
        # A self-loop of the graph replaces the one that Ã adds, even if its weight is zero.
        index, weight = add_remaining_self_loops(self.edge_index, self.edge_weight, 1.0, self.num_rows)
        if weight is not None:
            index = index[:, weight != 0]
        source, reader = index.cpu().numpy()
        values = np.ones(len(source), dtype=bool)
        pattern = sp.csr_array((values, (reader, source)), shape=(self.num_rows, self.num_rows))
        pattern.sum_duplicates()
        return pattern


def _compressed(row: Tensor, col: Tensor, value: Tensor, size: int) -> Tensor:
    """Return compressed rows, with 32-bit indices where they fit: half the memory traffic, and MKL reads them."""
    with _without_warnings():
        index = torch.stack([row, col])
        entries = torch.sparse_coo_tensor(index, value, (size, size), check_invariants=False).coalesce()
    counts = torch.bincount(entries.indices()[0], minlength=size)
    crow = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    kind = torch.int32 if max(size, value.numel()) < 2**31 else torch.int64
    return compressed_rows(crow.to(kind), entries.indices()[1].to(kind), entries.values(), size)


def compressed_rows(crow: Tensor, col: Tensor, value: Tensor, width: int) -> Tensor:
    """Return compressed rows from where each begins, columns and values."""
    _hear_warnings()
    return torch.sparse_csr_tensor(crow, col, value, (len(crow) - 1, width), check_invariants=False)


@cache
def _hear_warnings() -> None:
    """Take what torch says once about compressed rows: to keep it from each of them costs more than to make them."""
    with _without_warnings():
        torch.sparse_csr_tensor([0, 0], [], torch.empty(0), (1, 1), check_invariants=False)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep torch from saying that sparse tensors are in beta, and in some versions that it does not check ours."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        warnings.filterwarnings("ignore", message="Sparse invariant checks")
        yield


def _cut(csr: Tensor, size: int) -> list[tuple[slice, Tensor]]:
    crow, col, value = csr.crow_indices(), csr.col_indices(), csr.values()
    count, width = csr.shape
    if count <= size:
        return [(slice(0, count), csr)]
    starts = range(0, count, size)
    ends = [min(start + size, count) for start in starts]
    first = [int(crow[row]) for row in (*starts, count)]
    return [
        (slice(start, end), compressed_rows(crow[start : end + 1] - low, col[low:high], value[low:high], width))
        for start, end, low, high in zip(starts, ends, first, first[1:], strict=False)
    ]


def _same(a: Tensor, b: Tensor) -> bool:
    return (
        torch.equal(a.crow_indices(), b.crow_indices())
        and torch.equal(a.col_indices(), b.col_indices())
        and torch.equal(a.values(), b.values())
    )
