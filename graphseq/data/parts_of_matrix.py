"""Parts of a block-diagonal Â, cut out of it instead of normalised again: the same numbers without a sort.

Edges over time join rows of one time, so that Â of all of them has a block on its diagonal for each snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate

import torch
from torch import Tensor

from graphseq.data.adjacency import Adjacency, SparseMatrix, compressed_rows

Given = Callable[[torch.dtype], SparseMatrix]
"""Â in a number type."""


def blocks_of(whole: Adjacency, sizes: Sequence[int]) -> list[Given]:
    """The blocks on the diagonal of Â, of these numbers of rows, one after another."""
    return [partial(_block, whole, start, start + size) for start, size in zip(accumulate(sizes, initial=0), sizes)]  # noqa: B905


def rows_of(whole: Adjacency, origin: Tensor) -> Given:
    """Whole blocks of Â, repeated and in any order: row i is row ``origin[i]`` of it, moved along the diagonal."""
    return partial(_taken, whole, origin)


def _block(whole: Adjacency, start: int, end: int, dtype: torch.dtype) -> SparseMatrix:
    def cut(csr: Tensor) -> Tensor:
        crow = csr.crow_indices()[start : end + 1]
        low, high = int(crow[0]), int(crow[-1])
        return compressed_rows(crow - low, csr.col_indices()[low:high] - start, csr.values()[low:high], end - start)

    return _both(whole.normalised(dtype), cut)


def _taken(whole: Adjacency, origin: Tensor, dtype: torch.dtype) -> SparseMatrix:
    def take(csr: Tensor) -> Tensor:
        crow, col = csr.crow_indices(), csr.col_indices()
        first = crow[origin]
        size = crow[origin + 1] - first
        ends = size.cumsum(0, dtype=crow.dtype)
        entry = (first - (ends - size)).repeat_interleave(size)
        entry += torch.arange(len(entry), device=entry.device, dtype=crow.dtype)
        moved = (place - origin).to(col.dtype).repeat_interleave(size)
        moved += col.index_select(0, entry)
        values = csr.values().index_select(0, entry)
        return compressed_rows(torch.cat([ends.new_zeros(1), ends]), moved, values, len(origin))

    place = torch.arange(len(origin), device=origin.device)
    return _both(whole.normalised(dtype), take)


def _both(matrix: SparseMatrix, part: Callable[[Tensor], Tensor]) -> SparseMatrix:
    """The part of a matrix with that of its transpose, which is the same where the matrix is symmetric."""
    csr = part(matrix.csr)
    return SparseMatrix.of_layouts(csr, csr if matrix.is_symmetric else part(matrix.transpose.csr))
