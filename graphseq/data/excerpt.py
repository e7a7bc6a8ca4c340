"""Snapshots of a recording as a topology of their own, which shares what is prepared of the recording."""

from __future__ import annotations

from torch import Tensor

from graphseq.data.adjacency import Adjacency
from graphseq.data.parts_of_matrix import Given, rows_of
from graphseq.data.topology import Topology


class Excerpt(Topology):
    """Whole snapshots of a recording with edges that change, one or several times: its Â is cut out of the recording's.

    Rows of one snapshot stand together and in the order that they have in the recording. A copy, and what is on another
    device, is a plain :class:`~graphseq.data.topology.Topology`.

    Args:
        whole: all edges of the recording, which must not be learned.
        origin: row of the recording, for each row, (V,).
        node: node of each row, (V,).
        time: time of each row, (V,).
        edge_index: edges between rows of one time, (2, E).
        edge_weight: their weights, (E,), or ``None``.
        edge_attr: their features, (E, D), or ``None``.
    """

    def __init__(
        self,
        whole: Adjacency,
        origin: Tensor,
        node: Tensor,
        time: Tensor,
        edge_index: Tensor | None,
        edge_weight: Tensor | None,
        edge_attr: Tensor | None,
    ) -> None:
        super().__init__(node, time, edge_index, edge_weight, edge_attr=edge_attr)
        self._whole, self._origin = whole, origin

    def __reduce__(self) -> tuple[type[Topology], tuple[Tensor | None, ...]]:
        """Copy and pickle the tensors only, not the recording."""
        return Topology, self.parts

    def _given(self) -> Given | None:
        return rows_of(self._whole, self._origin)

    def _reordered(self, order: Tensor, edge_index: Tensor | None) -> Topology:
        rows = self.node[order], self.time[order]
        return Excerpt(self._whole, self._origin[order], *rows, edge_index, self.edge_weight, self.edge_attr)
