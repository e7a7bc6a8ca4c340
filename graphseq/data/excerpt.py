"""Windows of a recording as a topology of their own, which shares what is prepared of the recording's snapshots."""

from __future__ import annotations

from functools import cached_property, partial
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from graphseq.data.adjacency import Adjacency, derived, lasting
from graphseq.data.parts_of_matrix import Given, Snapshots, blocks_of
from graphseq.data.topology import Step, Topology


class Excerpt(Topology):
    """B windows of p snapshots of a recording whose edges change: their Â is put together of those of the snapshots.

    Rows stand window by window, in each by time, in the order of the recording; edges stand time by time, in each
    window by window. A copy, and what is on another device, is a plain :class:`~graphseq.data.topology.Topology`.

    Args:
        snapshots: those of the recording; each has a row.
        moments: the snapshots of the windows, (p, B).
        node: node of each row, (V,).
        time: time of each row, 0 … p - 1, (V,).
        num_nodes: N, where each snapshot has the same nodes, in order, so that ``node`` has no gaps; else ``None``.
    """

    def __init__(
        self, snapshots: Snapshots, moments: Tensor, node: Tensor, time: Tensor, num_nodes: int | None = None
    ) -> None:
        self._snapshots, self._moments, self._has_all = snapshots, moments, num_nodes is not None
        sizes = snapshots.num_rows[moments]
        self._first_row = _firsts(sizes.t()).t()
        order: list[int] = moments.flatten().tolist()
        super().__init__(
            node,
            time,
            snapshots.edge_index(order, self._first_row.flatten()),
            snapshots.edge_weight(order),
            edge_attr=snapshots.edge_attr(order),
        )
        if num_nodes is not None:
            self.__dict__["_nodes"] = node, num_nodes

    def __reduce__(self) -> tuple[type[Topology], tuple[Tensor | None, ...]]:
        """Copy and pickle the tensors only, not the recording."""
        return Topology, self.parts

    def _given(self) -> Given | None:
        return partial(self._snapshots.normalised, self._moments.t().flatten().tolist())

    @derived
    def by_time(self) -> Tensor:
        """Rows sorted by time, (V,)."""
        return _ranges(self._first_row.flatten(), self._snapshots.num_rows[self._moments].flatten())

    @derived
    def place_in_time(self) -> Tensor:
        """Position of each row in :attr:`by_time`, (V,)."""
        sizes = self._snapshots.num_rows[self._moments]
        return _ranges(_firsts(sizes).t().flatten(), sizes.t().flatten())

    @derived
    def times(self) -> Tensor:
        """0 … p - 1, (p,)."""
        return torch.arange(len(self._moments), device=self.time.device)

    @derived
    def step_sizes(self) -> list[int]:
        """Number of rows at each time, (p,)."""
        sizes: list[int] = self._snapshots.num_rows[self._moments].sum(1).tolist()
        return sizes

    @derived
    def sorted_by_time(self) -> Topology:
        """The same windows with rows in the order of :attr:`by_time`; this topology itself if they already are."""
        if self._moments.shape[1] == 1:
            return self
        return lasting(lambda: _InTime(self, self._snapshots, self._moments, self._has_all))


class _InTime(Topology):
    """The same windows with rows time by time; edges, which a pass through Â does not read, are written out when read.

    Args:
        windows: the windows.
        snapshots: those of the recording.
        moments: the snapshots of the windows, (p, B).
        has_all: whether all N nodes are there at each time, in order.
    """

    def __init__(self, windows: Topology, snapshots: Snapshots, moments: Tensor, has_all: bool) -> None:
        order = windows.by_time
        super().__init__(windows.node[order], windows.time[order])
        for key in ("edge_index", "edge_weight", "edge_attr"):
            del self.__dict__[key]  # so that they are those below
        self._snapshots = snapshots
        self._order: list[int] = moments.flatten().tolist()
        self._edge_counts: list[int] = snapshots.num_edges[moments].sum(1).tolist()
        rows = torch.arange(len(order), device=order.device)
        sizes, nodes = windows.step_sizes, windows.node_index[order]
        known: dict[str, object] = {"_nodes": (nodes, windows.num_nodes), "times": windows.times, "step_sizes": sizes}
        known |= {"by_time": rows, "place_in_time": rows, "sorted_by_time": self}
        if has_all:
            known["_presences"] = [(at, nodes[: sizes[0]], True) for at in rows.split(sizes)]
        self.__dict__ |= known

    def __reduce__(self) -> tuple[type[Topology], tuple[Tensor | None, ...]]:
        """Copy and pickle the tensors only, not the recording."""
        return Topology, self.parts

    @cached_property
    def edge_index(self) -> Tensor | None:  # type: ignore[override]
        """Edges between rows of one time, (2, E)."""
        first_row = _firsts(self._snapshots.num_rows[self._order])
        return lasting(lambda: self._snapshots.edge_index(self._order, first_row))

    @cached_property
    def edge_weight(self) -> Tensor | None:  # type: ignore[override]
        """Their weights, (E,), if they have any."""
        return lasting(lambda: self._snapshots.edge_weight(self._order))

    @cached_property
    def edge_attr(self) -> Tensor | None:  # type: ignore[override]
        """Their features, (E, D), if they have any."""
        return lasting(lambda: self._snapshots.edge_attr(self._order))

    @property
    def is_learned(self) -> bool:
        """False, as the recording's are not."""
        return False

    @derived
    def _spatial(self) -> Adjacency:
        given = partial(self._snapshots.normalised, self._order)
        return _Unwritten(self, (0, self.num_rows), (0, sum(self._edge_counts)), given)

    def _made_steps(self) -> list[Step]:
        rows, edges = (pairwise(accumulate(sizes, initial=0)) for sizes in (self.step_sizes, self._edge_counts))
        cuts = blocks_of(self.spatial, self.step_sizes)
        return [
            Step(*presence[:2], _Unwritten(self, of_rows, of_edges, given), presence[2])
            for presence, of_rows, of_edges, given in zip(self._presences, rows, edges, cuts, strict=True)
        ]


class _Unwritten(Adjacency):
    """The edges among some rows of a topology, those from one number up to another of both, written out when read."""

    def __init__(self, topology: Topology, rows: tuple[int, int], edges: tuple[int, int], given: Given) -> None:
        self._topology, self._first_row, self._edges = topology, rows[0], slice(*edges)
        self.num_rows = rows[1] - rows[0]
        self._num_edges = edges[1] - edges[0]
        self._given = given
        self._normalised = {}

    @property
    def is_identity(self) -> bool:
        """True if there is no edge."""
        return self._num_edges == 0

    @cached_property
    def edge_index(self) -> Tensor:  # type: ignore[override]
        """Edges (2, E), rows counted from the first one here."""
        index = self._topology.edge_index
        assert index is not None  # noqa: S101 - those of a recording
        return lasting(lambda: index[:, self._edges] - self._first_row)

    @property
    def edge_weight(self) -> Tensor | None:  # type: ignore[override]
        """Their weights, (E,), if they have any."""
        weight = self._topology.edge_weight
        return None if weight is None else weight[self._edges]

    @property
    def edge_attr(self) -> Tensor | None:  # type: ignore[override]
        """Their features, (E, D), if they have any."""
        attr = self._topology.edge_attr
        return None if attr is None else attr[self._edges]


def _firsts(sizes: Tensor) -> Tensor:
    """Return where each of some parts begins that stand one after another."""
    flat = sizes.flatten()
    return (flat.cumsum(0) - flat).view_as(sizes)


def _ranges(first: Tensor, size: Tensor) -> Tensor:
    """Return ``size[p]`` numbers from ``first[p]`` on, for each p, one range after another."""
    shift = (first - _firsts(size)).repeat_interleave(size)
    return shift.add_(torch.arange(len(shift), device=shift.device))
