"""The topology of a space-time graph: its rows and edges, without the features, and all that is derived from them.

Graphs with the same rows and edges share one topology, and derived tensors are kept with it, so a training run prepares
them once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import repeat
from typing import Any, TypeVar

import torch
from torch import Tensor

from graphseq.data.adjacency import Adjacency, derived, is_learned, lasting
from graphseq.data.cache import BoundedCache
from graphseq.data.parts_of_matrix import Given, blocks_of
from graphseq.data.sequences import Sequences

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """The snapshot at one time: its rows, their nodes (numbered 0 … N - 1) and the edges among them."""

    rows: Tensor  # (R,)
    nodes: Tensor  # (R,)
    adjacency: Adjacency  # over the R rows, renumbered 0 … R - 1
    is_everyone: bool  # True if these are all N nodes, in order


@dataclass(frozen=True)
class Edges:
    """Edges among rows, and where the values of each are stored."""

    index: Tensor  # (2, E')
    origin: Tensor | None  # stored edge that each of the first edges shows, or None where they are the stored ones
    added: int = 0  # number of further edges, the last ones, which are not stored: those along time


class Topology:
    """Rows and edges, and what is derived from them.

    Kept by every :class:`graphseq.SpaceTimeGraph`, as ``graph.topology``.

    The input is not checked here: :class:`~graphseq.SpaceTimeGraph` does that. Its tensors must not be written to,
    since what is derived from them is kept: a graph gives a topology copies of its own, and gets copies of those.

    Args:
        node: node of each row, (V,).
        time: time of each row, (V,).
        edge_index: edges between rows of one time, (2, E), or ``None``.
        edge_weight: their weights, (E,), or ``None``.
        static_edge_index: edges between *nodes*, (2, E), present at every time at which both ends are, or ``None``.
        static_edge_weight: their weights, (E,), or ``None``.
        edge_attr: features of the edges of ``edge_index``, (E, D), or ``None``.
        static_edge_attr: features of the edges of ``static_edge_index``, (E, D), or ``None``.
    """

    KEYS = (
        "node",
        "time",
        "edge_index",
        "edge_weight",
        "static_edge_index",
        "static_edge_weight",
        "edge_attr",
        "static_edge_attr",
    )

    def __init__(
        self,
        node: Tensor,
        time: Tensor,
        edge_index: Tensor | None = None,
        edge_weight: Tensor | None = None,
        static_edge_index: Tensor | None = None,
        static_edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
        static_edge_attr: Tensor | None = None,
    ) -> None:
        self.node, self.time = node, time
        self.edge_index, self.edge_weight = edge_index, edge_weight
        self.static_edge_index, self.static_edge_weight = static_edge_index, static_edge_weight
        self.edge_attr, self.static_edge_attr = edge_attr, static_edge_attr
        self._kept = BoundedCache()
        self.recorded: dict[int, Any] = {}  # operations of models on it, where torch.compile finds them

    def __reduce__(self) -> tuple[type[Topology], tuple[Tensor | None, ...]]:
        """Copy and pickle the tensors only; what is derived from them is derived again from the copies."""
        return type(self), self.parts

    def __repr__(self) -> str:
        """The :attr:`sizes` on one line."""
        return f"{type(self).__name__}({', '.join(f'{key}={size}' for key, size in self.sizes.items())})"

    @property
    def sizes(self) -> dict[str, str]:
        """The numbers of nodes N, times T, rows V and edges E, which are "static" where stored once for all times."""
        is_static = self.static_edge_index is not None
        index = self.static_edge_index if is_static else self.edge_index
        edges = 0 if index is None else index.shape[1]
        numbers = {"N": self.num_nodes, "T": len(self.times), "V": self.num_rows, "E": edges}
        return {key: str(number) for key, number in numbers.items()} | ({"E": f"{edges} static"} if is_static else {})

    @property
    def parts(self) -> tuple[Tensor | None, ...]:
        """The tensors that this topology was derived from, in the order of ``KEYS``."""
        return tuple(getattr(self, key) for key in self.KEYS)

    def keep(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what ``make`` returns, made once and kept with this topology for the next call with the same key.

        Nothing is kept where weights or features of edges are learned, since it may hold their autograd graph.
        At most :data:`graphseq.data.cache.SIZE` values are kept: of more, the one that was used longest ago is dropped
        and made again when it is needed. So keys may hold the content of a batch.
        """
        if self.is_learned:
            return make()
        value: T = self._kept.get(key, lambda: lasting(make))
        return value

    @property
    def is_learned(self) -> bool:
        """True if weights or features of edges have a gradient: what is made of them is then made anew at each call."""
        return any(
            is_learned(values)
            for values in (self.edge_weight, self.static_edge_weight, self.edge_attr, self.static_edge_attr)
        )

    def to(self, device: torch.device | str) -> Topology:
        """Return this topology on ``device``: the same object at each call, so that what is derived there is kept."""
        device = torch.empty(0, device=device).device
        if device == self.node.device:
            return self
        moved = (None if tensor is None else tensor.to(device) for tensor in self.parts)
        return self.keep(("device", device), lambda: Topology(*moved))  # type: ignore[arg-type]

    @property
    def num_rows(self) -> int:
        """V."""
        return self.node.shape[0]

    @derived
    def _nodes(self) -> tuple[Tensor, int]:
        """Node of each row, renumbered 0 … N - 1 without gaps, and N."""
        names, index = self.node.unique(return_inverse=True)
        return index, len(names)

    @property
    def node_index(self) -> Tensor:
        """Node of each row, numbered 0 … N - 1 without gaps, (V,)."""
        return self._nodes[0]

    @property
    def num_nodes(self) -> int:
        """N, the number of nodes that have at least one row."""
        return self._nodes[1]

    @derived
    def times(self) -> Tensor:
        """The distinct times, ascending, (T,)."""
        times: Tensor = self.time.unique()
        return times

    @derived
    def by_time(self) -> Tensor:
        """Rows sorted by time, (V,): the rows of all :attr:`steps`, one after another."""
        return self.time.argsort(stable=True)

    @derived
    def place_in_time(self) -> Tensor:
        """Position of each row in :attr:`by_time`, (V,)."""
        return self.by_time.argsort()

    @derived
    def sorted_by_time(self) -> Topology:
        """The same graph with its rows in the order of :attr:`by_time`; this topology itself if they already are."""
        order, position = self.by_time, self.place_in_time
        if torch.equal(order, position) and bool((order[1:] > order[:-1]).all()):
            return self
        return self._reordered(order, None if self.edge_index is None else position[self.edge_index])

    def _reordered(self, order: Tensor, edge_index: Tensor | None) -> Topology:
        return Topology(
            self.node[order],
            self.time[order],
            edge_index,
            self.edge_weight,
            self.static_edge_index,
            self.static_edge_weight,
            self.edge_attr,
            self.static_edge_attr,
        )

    @derived
    def _by_node(self) -> Tensor:
        """Rows sorted by node, then by time, (V,)."""
        return self.by_time[self.node_index[self.by_time].argsort(stable=True)]

    @derived
    def temporal_edges(self) -> Tensor:
        """Edges from each row of a node to its next one, (2, V - N)."""
        order = self._by_node
        same = self.node_index[order[1:]] == self.node_index[order[:-1]]
        return torch.stack([order[:-1][same], order[1:][same]])

    @derived
    def previous(self) -> Tensor:
        """The row before each row at its node, (V,); -1 at a node's first."""
        before = self.node.new_full((self.num_rows,), -1)
        before[self.temporal_edges[1]] = self.temporal_edges[0]
        return before

    @derived
    def position(self) -> Tensor:
        """Number of earlier rows of the same node, for each row, (V,)."""
        order, node = self._by_node, self.node_index
        counts = torch.bincount(node, minlength=self.num_nodes)
        first = counts.cumsum(0) - counts
        position = torch.empty_like(order)
        position[order] = torch.arange(len(order), device=order.device)
        return position - first[node]

    @derived
    def sequences(self) -> Sequences:
        """The rows as one sequence for each node."""
        node, position = self.node_index, self.position
        lengths = torch.bincount(node, minlength=self.num_nodes)
        rank = torch.empty_like(lengths)
        rank[lengths.argsort(descending=True, stable=True)] = torch.arange(len(lengths), device=rank.device)
        order = (position * self.num_nodes + rank[node]).argsort()
        inverse = order.argsort()
        ordered = torch.equal(order, inverse) and torch.equal(order, torch.arange(len(order), device=order.device))
        sizes = torch.bincount(position).cpu()
        return Sequences(None if ordered else order, sizes)

    @property
    def spatial(self) -> Adjacency:
        """All edges between rows of one time; static edges are repeated at each time."""
        return self._adjacency(self._spatial_edges) if self.is_learned else self._spatial

    @derived
    def _spatial(self) -> Adjacency:
        return self._adjacency(self._spatial_edges, given=self._given())

    def _given(self) -> Given | None:
        """The source of Â of all edges, where it need not be made from them."""
        return None

    @derived
    def _spatial_edges(self) -> Edges:
        if self.static_edge_index is not None and self.num_rows:
            return self._written_out()
        none = self.node.new_zeros((2, 0))
        return Edges(none, none[0]) if self.edge_index is None else Edges(self.edge_index, None)

    def _adjacency(self, edges: Edges, num_rows: int | None = None, given: Given | None = None) -> Adjacency:
        """Return the edges with the weights and features that are stored for them.

        An edge that is not stored, one along time, has the weight 1 and features of 0.
        """
        is_static = self.static_edge_index is not None
        weight, attr = (
            _shown(values, edges, filling)
            for values, filling in (
                (self.static_edge_weight if is_static else self.edge_weight, 1),
                (self.static_edge_attr if is_static else self.edge_attr, 0),
            )
        )
        return Adjacency(edges.index, weight, self.num_rows if num_rows is None else num_rows, attr, given)

    def _written_out(self) -> Edges:
        """Static edges as edges between rows, at every time at which both ends are present."""
        assert self.static_edge_index is not None  # noqa: S101 - checked by the caller
        # Numbers of nodes may be large, so that nothing has an entry for each number; ends without a row are not read.
        names, here = self.node.unique(), self.node_index
        stored = torch.isin(self.static_edge_index, names).all(dim=0).nonzero()[:, 0]
        source, target = torch.searchsorted(names, self.static_edge_index[:, stored])
        by_source = source.argsort(stable=True)
        degree = torch.bincount(source, minlength=len(names))
        first = degree.cumsum(0) - degree
        out = degree[here]
        row = torch.arange(self.num_rows, device=out.device).repeat_interleave(out)
        nth = torch.arange(len(row), device=out.device) - (out.cumsum(0) - out)[row]
        edge = by_source[first[here[row]] + nth]
        moment = torch.searchsorted(self.times, self.time)
        key = here * len(self.times) + moment
        sorted_key, by_key = key.sort()
        end_key = target[edge] * len(self.times) + moment[row]
        index = torch.searchsorted(sorted_key, end_key).clamp(max=len(key) - 1)
        present = sorted_key[index] == end_key
        edges = torch.stack([row[present], by_key[index[present]]])
        return Edges(edges, stored[edge[present]])

    def spacetime(self, causal: bool = False) -> Adjacency:
        """Spatial and temporal edges together: in both directions along time, or past → future only if ``causal``."""

        def make() -> Adjacency:
            forward, spatial = self.temporal_edges, self._spatial_edges
            index = torch.cat([spatial.index, forward] + ([] if causal else [forward.flip(0)]), dim=1)
            return self._adjacency(Edges(index, spatial.origin, index.shape[1] - spatial.index.shape[1]))

        return self.keep(("spacetime", causal), make)

    @derived
    def step_sizes(self) -> list[int]:
        """Number of rows at each time, (T,)."""
        sizes: list[int] = self.time.unique(return_counts=True)[1].tolist()
        return sizes

    @property
    def steps(self) -> list[Step]:
        """One snapshot for each time, ascending; snapshots that share a static topology share its Â."""
        return self._made_steps() if self.is_learned else self._steps

    @derived
    def _steps(self) -> list[Step]:
        return self._made_steps()

    def _made_steps(self) -> list[Step]:
        if self._shared_edges is not None:
            shared = self._adjacency(self._shared_edges, self.num_nodes)
            return [Step(rows, nodes, shared, is_everyone) for rows, nodes, is_everyone in self._presences]
        # Edges join rows of one time: where these stand together, each snapshot's Â is a block on the diagonal of all.
        is_cut = self.sorted_by_time is self and not self.is_learned
        cuts: Iterable[Given | None] = blocks_of(self.spatial, self.step_sizes) if is_cut else repeat(None)
        return [
            Step(rows, nodes, self._adjacency(edges, len(rows), given), is_everyone)
            for (rows, nodes, is_everyone), edges, given in zip(self._presences, self._step_edges, cuts, strict=False)
        ]

    @derived
    def _presences(self) -> list[tuple[Tensor, Tensor, bool]]:
        """Rows at each time, their nodes, and True where these are all N nodes, in order."""
        everyone = torch.arange(self.num_nodes, device=self.node.device)
        pairs = ((rows, self.node_index[rows]) for rows in self.by_time.split(self.step_sizes))
        return [(rows, nodes, torch.equal(nodes, everyone)) for rows, nodes in pairs]

    @derived
    def _step_edges(self) -> list[Edges]:
        """The edges at each time, among the rows of that time."""
        moment = torch.searchsorted(self.times, self.time)
        index, origin = self._spatial_edges.index, self._spatial_edges.origin
        when = moment[index[0]]
        counts = torch.bincount(when, minlength=len(self.times)).tolist()
        local = torch.empty_like(self.node)
        for rows, _, _ in self._presences:
            local[rows] = torch.arange(len(rows), device=rows.device)
        index, order = local[index], torch.arange(len(when), device=when.device)
        if bool((when[1:] < when[:-1]).any()):
            order = when.argsort(stable=True)
            index = index[:, order]
        return [
            Edges(edges, stored if origin is None else origin[stored])
            for edges, stored in zip(index.split(counts, dim=1), order.split(counts), strict=True)
        ]

    @derived
    def _shared_edges(self) -> Edges | None:
        """The edges of all snapshots, if every node is present at every time, in the same order."""
        rows = [rows for rows, _, _ in self._presences]
        if self.static_edge_index is None or not rows or any(len(step_rows) != self.num_nodes for step_rows in rows):
            return None
        nodes = self.node[rows[0]]
        # In a part of a graph, static edges may have ends without a row.
        is_here = torch.isin(self.static_edge_index, nodes)
        if not bool(is_here.all()) or not all(torch.equal(self.node[step_rows], nodes) for step_rows in rows):
            return None
        names, place = nodes.sort()
        index = place[torch.searchsorted(names, self.static_edge_index)]
        return Edges(index, None)


def _shown(values: Tensor | None, edges: Edges, filling: float) -> Tensor | None:
    """Return the stored values (E, …) of the edges, in their order, and ``filling`` for those that are not stored."""
    if values is None:
        return None
    shown = values if edges.origin is None else values[edges.origin]
    return torch.cat([shown, shown.new_full((edges.added, *shown.shape[1:]), filling)]) if edges.added else shown
