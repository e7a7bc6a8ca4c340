"""Parts of a block-diagonal Â, cut out of it instead of normalised again: the same numbers without a sort.

Edges over time join rows of one time, so that Â of all of them has a block on its diagonal for each snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from graphseq.data.adjacency import Adjacency, SparseMatrix, compressed_rows

Given = Callable[[torch.dtype], SparseMatrix]
"""Â in a number type."""

MANY = 2**12  # pieces, above which views of all of them would take more memory than they save time


def blocks_of(whole: Adjacency, sizes: Sequence[int]) -> list[Given]:
    """The blocks on the diagonal of Â, of these numbers of rows, one after another."""
    blocks = _Blocks(whole, list(accumulate(sizes, initial=0)))
    return [partial(blocks.block, number) for number in range(len(sizes))]


class _Blocks:
    """All blocks on the diagonal of Â between ``bounds`` of rows, cut together when the first one is asked for."""

    def __init__(self, whole: Adjacency, bounds: list[int]) -> None:
        self._whole, self._bounds = whole, bounds
        self._made: dict[torch.dtype, list[SparseMatrix]] = {}

    def block(self, number: int, dtype: torch.dtype) -> SparseMatrix:
        if dtype not in self._made:
            matrix = self._whole.normalised(dtype)
            layouts = (matrix.csr,) if matrix.is_symmetric else (matrix.csr, matrix.transpose.csr)
            self._made[dtype] = [
                SparseMatrix.of_layouts(of_block[0], of_block[-1])
                for of_block in zip(*(self._cut(csr) for csr in layouts), strict=True)
            ]
        return self._made[dtype][number]

    def _cut(self, csr: Tensor) -> list[Tensor]:
        crow, col, values = csr.crow_indices(), csr.col_indices(), csr.values()
        ends = crow[self._bounds].tolist()
        return [
            compressed_rows(crow[start : end + 1] - low, col[low:high] - start, values[low:high], end - start)
            for (start, end), (low, high) in zip(pairwise(self._bounds), pairwise(ends), strict=True)
        ]


class Pieces:
    """A tensor in pieces between ``bounds`` of one of its dimensions, in views that are made once unless they are many.

    Example:
        >>> Pieces(torch.tensor([5, 6, 7]), [0, 1, 3]).joined([1, 0, 1]).tolist()
        [6, 7, 5, 6, 7]
    """

    def __init__(self, tensor: Tensor, bounds: list[int], dim: int = 0) -> None:
        self._tensor, self._bounds, self._dim = tensor, bounds, dim
        sizes = [end - start for start, end in pairwise(bounds)]
        self._views = tensor.split_with_sizes(sizes, dim) if len(sizes) <= MANY else None

    def joined(self, numbers: list[int]) -> Tensor:
        """Return the pieces of these numbers, one after another."""
        views, bounds = self._views, self._bounds
        if views is not None:
            return torch.cat([views[number] for number in numbers], self._dim)
        parts = (self._tensor.narrow(self._dim, bounds[n], bounds[n + 1] - bounds[n]) for n in numbers)
        return torch.cat(list(parts), self._dim)


class _Layout(NamedTuple):
    """Compressed rows in pieces by snapshot, with columns counted from its first row."""

    counts: Pieces  # entries of each row
    columns: Pieces
    values: Pieces
    sizes: Tensor  # entries of each snapshot, (T,)


class Snapshots:
    """The snapshots of a recording whose edges change, to be repeated and put together in any order.

    Args:
        whole: all edges, time by time among rows that are sorted by time; they must not be learned.
        first_row: the first row of each snapshot, and the number of all, (T + 1,).
        first_edge: the first edge of each, and the number of all, (T + 1,).
    """

    def __init__(self, whole: Adjacency, first_row: Tensor, first_edge: Tensor) -> None:
        self.whole, self.first_row = whole, first_row
        self.num_rows, self.num_edges = first_row.diff(), first_edge.diff()
        bounds: list[int] = first_edge.tolist()
        weight, attr = whole.edge_weight, whole.edge_attr
        self._edge_index = Pieces(whole.edge_index, bounds, 1)
        self._weight = None if weight is None else Pieces(weight, bounds)
        self._attr = None if attr is None else Pieces(attr, bounds)
        self._layouts: dict[torch.dtype, list[_Layout]] = {}

    def edge_index(self, moments: list[int], first_row: Tensor) -> Tensor:
        """Return the edges of these P snapshots, whose rows begin at ``first_row`` (P,)."""
        index = self._edge_index.joined(moments)
        shift = first_row - self.first_row[moments]
        return index.add_(shift.repeat_interleave(self.num_edges[moments], output_size=index.shape[1]))

    def edge_weight(self, moments: list[int]) -> Tensor | None:
        """Return their weights, (E,), if they have any."""
        return None if self._weight is None else self._weight.joined(moments)

    def edge_attr(self, moments: list[int]) -> Tensor | None:
        """Return their features, (E, D), if they have any."""
        return None if self._attr is None else self._attr.joined(moments)

    def normalised(self, moments: list[int], dtype: torch.dtype) -> SparseMatrix:
        """Return Â of these snapshots in ``dtype``, their rows one after another."""
        if dtype not in self._layouts:
            matrix = self.whole.normalised(dtype)
            layouts = (matrix.csr,) if matrix.is_symmetric else (matrix.csr, matrix.transpose.csr)
            self._layouts[dtype] = [self._in_pieces(csr) for csr in layouts]
        size = self.num_rows[moments]
        start = size.cumsum(0) - size
        made = [_joined(layout, moments, start, int(size.sum())) for layout in self._layouts[dtype]]
        return SparseMatrix.of_layouts(made[0], made[-1])

    def _in_pieces(self, csr: Tensor) -> _Layout:
        crow, col, values = csr.crow_indices(), csr.col_indices(), csr.values()
        first_entry = crow[self.first_row]
        sizes, entries = first_entry.diff(), first_entry.tolist()
        col = col - self.first_row[:-1].to(col.dtype).repeat_interleave(sizes)
        rows: list[int] = self.first_row.tolist()
        return _Layout(Pieces(crow.diff(), rows), Pieces(col, entries), Pieces(values, entries), sizes)


def _joined(layout: _Layout, moments: list[int], start: Tensor, num_rows: int) -> Tensor:
    columns = layout.columns.joined(moments)
    columns.add_(start.to(columns.dtype).repeat_interleave(layout.sizes[moments], output_size=len(columns)))
    crow = columns.new_zeros(num_rows + 1)
    torch.cumsum(layout.counts.joined(moments), 0, dtype=crow.dtype, out=crow[1:])
    return compressed_rows(crow, columns, layout.values.joined(moments), num_rows)
