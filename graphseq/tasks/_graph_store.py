"""A store of many graphs one after another, from which any of them are taken as a batch without a loop over graphs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from graphseq.data._parts import check_constant
from graphseq.data.cache import BoundedCache
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import hops_to
from graphseq.data.topology import Topology
from graphseq.tasks.base import repeat
from graphseq.tasks.windows import slices


class Beside(NamedTuple):
    """Some of the graphs as a batch, as PyG's ``Batch`` joins them."""

    topology: Topology
    row: Tensor  #: row of the store, for each row, (V,)
    batch: Tensor  #: graph of each row, (V,)
    answer: Tensor  #: answers of the store, (K,)


class Joined:
    """Graphs and their answers, stored one after another.

    Args:
        graphs: single graphs with ``y``: one entry for each target row, or one for the whole graph if no graph has a
            ``target``. If some graphs have edge weights, the edges of the others have weight 1.

    Attributes:
        per_graph: True if there is one answer for each graph.

    Raises:
        TypeError, ValueError: a graph that does not fit the others, by its number.
    """

    def __init__(self, graphs: Sequence[SpaceTimeGraph]) -> None:
        _check_graphs(graphs)
        topologies = [graph.topology for graph in graphs]
        spatial = [topology.spatial for topology in topologies]
        self.x = torch.cat([graph.x for graph in graphs])
        self.node = torch.cat([graph.node for graph in graphs])
        self.time = torch.cat([graph.time for graph in graphs])
        self.per_graph = all(graph.get("target") is None and len(graph.y) == 1 for graph in graphs)
        _check_answers(graphs, self.per_graph)
        self.y = torch.cat([graph.y for graph in graphs])
        self.target = None if self.per_graph else torch.cat([_marks(graph) for graph in graphs])
        self.edge_index = torch.cat([adjacency.edge_index for adjacency in spatial], dim=1)
        weights = [adjacency.edge_weight for adjacency in spatial]
        kind = next((weight.dtype for weight in weights if weight is not None), None)
        self.edge_weight = None
        if kind is not None:
            ones = [torch.ones(adjacency.edge_index.shape[1], dtype=kind) for adjacency in spatial]
            self.edge_weight = torch.cat([a if b is None else b for a, b in zip(ones, weights, strict=True)])
        self.edge_attr = _joined_attr([adjacency.edge_attr for adjacency in spatial])
        self.first_row = _bounds([graph.num_rows for graph in graphs])
        self.first_edge = _bounds([adjacency.edge_index.shape[1] for adjacency in spatial])
        self.first_answer = _bounds([len(graph.y) for graph in graphs])
        self.nodes = torch.tensor([int(graph.node.max()) + 1 for graph in graphs])
        self._template = topologies[0] if all(_same(topologies[0], other) for other in topologies[1:]) else None
        self._repeated = BoundedCache()
        self._last: tuple[Tensor, Topology] | None = None

    def __len__(self) -> int:
        """Return the number of graphs."""
        return len(self.nodes)

    def cut(self, numbers: Tensor) -> Beside:
        """Return the graphs of these numbers (B,), in this order."""
        row, batch = slices(self.first_row[numbers], self.first_row[numbers + 1])
        answer, _ = slices(self.first_answer[numbers], self.first_answer[numbers + 1])
        return Beside(self._topology(numbers, row, batch), row, batch, answer)

    def _topology(self, numbers: Tensor, row: Tensor, batch: Tensor) -> Topology:
        """Return rows and edges of a batch; if all graphs share them they are repeated, and the last batch is kept."""
        if self._template is not None:
            template, size = self._template, len(numbers)
            repeated: Topology = self._repeated.get(size, lambda: repeat(template, size))
            return repeated
        if self._last is None or not torch.equal(self._last[0], numbers):
            self._last = (numbers.clone(), self._joined(numbers, row, batch))
        return self._last[1]

    def _joined(self, numbers: Tensor, row: Tensor, batch: Tensor) -> Topology:
        edge, owner = slices(self.first_edge[numbers], self.first_edge[numbers + 1])
        rows = self.first_row[numbers + 1] - self.first_row[numbers]
        nodes = self.nodes[numbers]
        return Topology(
            self.node[row] + (nodes.cumsum(0) - nodes)[batch],
            self.time[row],
            self.edge_index[:, edge] + (rows.cumsum(0) - rows)[owner],
            None if self.edge_weight is None else self.edge_weight[edge],
            edge_attr=None if self.edge_attr is None else self.edge_attr[edge],
        )

    @cached_property
    def hops(self) -> int:
        """The largest distance of a row from a target row that it leads to; without targets, from any row."""
        farthest = 0
        count = 1 if self._template is not None and self.target is None else len(self)
        for number in range(count):
            batch = self.cut(torch.tensor([number]))
            rows = torch.arange(len(batch.row)) if self.target is None else self.target[batch.row].nonzero()[:, 0]
            if len(rows):
                farthest = max(farthest, int(hops_to(batch.topology, rows).max()))
        return farthest

    @cached_property
    def digest(self) -> str:
        """A hash of all graphs and answers."""
        tensors = [self.x, self.node, self.time, self.edge_index, self.edge_weight, self.y, self.target, self.first_row]
        tensors += [] if self.edge_attr is None else [self.edge_attr]
        digest = hashlib.blake2b(digest_size=8)
        for tensor in tensors:
            digest.update(b"none" if tensor is None else tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def _bounds(sizes: list[int]) -> Tensor:
    """Return the first index of each part, and the end of the last one."""
    return torch.tensor([0, *sizes]).cumsum(0)


def _joined_attr(attrs: Sequence[Tensor | None]) -> Tensor | None:
    """Return the features of the edges of all graphs, (E, D), or raise if some graphs have none, or other numbers."""
    widths = [None if attr is None else attr.shape[1] for attr in attrs]
    other = next((number for number, width in enumerate(widths) if width != widths[0]), None)
    if other is not None:
        raise ValueError(
            f"graphs[{other}] has edge_attr of D = {widths[other] or 'none'} features, but graphs[0] of "
            f"{widths[0] or 'none'}; give all graphs the same, or none any: graph.replace(edge_attr=None)"
        )
    return None if widths[0] is None else torch.cat([attr for attr in attrs if attr is not None])


def _marks(graph: SpaceTimeGraph) -> Tensor:
    target: Tensor | None = graph.get("target")
    return torch.ones(graph.num_rows, dtype=torch.bool) if target is None else target


def _same(first: Topology, second: Topology) -> bool:
    pairs = zip(first.parts, second.parts, strict=True)
    return all(
        a is b or (a is not None and b is not None and a.shape == b.shape and torch.equal(a, b)) for a, b in pairs
    )


def _check_graphs(graphs: Sequence[SpaceTimeGraph]) -> None:
    if not isinstance(graphs, Sequence | SpaceTimeGraph) or isinstance(graphs, str | bytes):
        raise TypeError(f"graphs must be a sequence of SpaceTimeGraph objects, got {type(graphs).__name__}")
    if isinstance(graphs, SpaceTimeGraph) or not len(graphs):
        raise ValueError("graphs must be a sequence of at least one SpaceTimeGraph; of one graph, give [graph]")
    for number, graph in enumerate(graphs):
        if not isinstance(graph, SpaceTimeGraph):
            raise TypeError(f"graphs[{number}] must be a SpaceTimeGraph, got {type(graph).__name__}")
        if graph.num_graphs != 1 or not graph.num_rows:
            raise ValueError(
                f"graphs[{number}] must be one graph with rows, got {graph.num_graphs} with {graph.num_rows}; "
                "to_data_list() splits a batch"
            )
        check_constant(f"graphs[{number}]", graph.topology)
        first, x = graphs[0].x, graph.x
        if x.shape[1:] != first.shape[1:] or x.dtype != first.dtype:
            raise ValueError(
                f"graphs[{number}].x is {x.dtype} {tuple(x.shape)}, but graphs[0].x is {first.dtype} "
                f"{tuple(first.shape)}: all must have the same features"
            )
        y = graph.get("y")
        if not isinstance(y, Tensor) or y.dim() == 0:
            raise ValueError(f"graphs[{number}] must have its answers in y, (K, …); got {y!r}")


def _check_answers(graphs: Sequence[SpaceTimeGraph], per_graph: bool) -> None:
    for number, graph in enumerate(graphs):
        y, count = graph.y, 1 if per_graph else int(_marks(graph).sum())
        if len(y) != count:
            raise ValueError(
                f"graphs[{number}].y has {len(y)} answers for {count} target rows; give one each, or, without target "
                "in any graph, one answer a graph"
            )
        if y.shape[1:] != graphs[0].y.shape[1:]:
            raise ValueError(
                f"graphs[{number}].y has shape {tuple(y.shape)}, but graphs[0].y {tuple(graphs[0].y.shape)}"
            )
