"""Methods of PyG's ``Data`` that compute from edges, for graphs whose edges may be stored once for all times."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Self

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data import _described, _parts
from graphseq.data._joining import Shift
from graphseq.data.arrays import Numbers, as_tensor
from graphseq.data.topology import Topology

_REFUSED = (
    "graph has static edges, which {what} would not see; write them out at each time, "
    "graph.expand_static_edges(), or take one of graphseq.transforms"
)


class RowsData(Data):  # type: ignore[misc]
    """PyG's ``Data`` whose nodes are rows: each method that reads edges reads those between rows, or refuses.

    Edges are ``edge_index``, or static edges at every time. Edges along time are derived, and not among them.
    """

    @property
    @abstractmethod
    def topology(self) -> Topology:
        """Rows, edges and all that is derived from them."""

    def __repr__(self) -> str:
        """Sizes N, T, V and E, the shape of each attribute, and the number of rows asked for, on one line."""
        try:
            return _described.line(type(self).__name__, self._described())
        except (
            AttributeError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
        ):  # being filled, or unfit
            return str(super().__repr__())

    def _repr_html_(self) -> str:
        """The same as a table, which notebooks show."""
        try:
            return _described.table(type(self).__name__, self._described())
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            return f"<pre>{escape(repr(self))}</pre>"

    def _described(self) -> Iterator[tuple[str, str]]:
        graphs = int(self._store["batch"].max()) + 1 if len(self._store.get("batch", ())) else 0
        return _described.parts_of(self._store, self.topology.sizes, graphs)

    def expand_static_edges(self) -> Self:
        """Return the same graph with its static edges as ``edge_index``, written out at each time, for PyG's functions.

        Example:
            >>> import graphseq as gs, torch
            >>> gs.from_signal(torch.zeros(2, 2, 1), torch.tensor([[0], [1]])).expand_static_edges().edge_index.tolist()
            [[0, 2], [1, 3]]
        """
        old = self.topology
        if old.static_edge_index is None:
            return self
        spatial = old.spatial
        new = Topology(old.node, old.time, spatial.edge_index, spatial.edge_weight, edge_attr=spatial.edge_attr)
        out: Self = self.replace(topology=new)
        return out

    def _plain(self) -> Data:
        """Return the rows and the edges between them, without anything else."""
        plain = Data(num_nodes=self.num_nodes)
        for key, value in _parts.of_edges(self.topology.spatial).items():
            plain[key] = value
        return plain

    @property
    def edge_stores(self) -> list[Any]:
        """PyG's stores of edges, which its transforms read.

        Raises:
            ValueError: the graph has static edges, which these would not see.
        """
        if "static_edge_index" in self._store:
            raise ValueError(_REFUSED.format(what="PyG"))
        stores: list[Any] = super().edge_stores
        return stores

    @property
    def num_edges(self) -> int:
        """Number of edges between rows: static ones count at each time at which both ends are."""
        return int(self.topology.spatial.edge_index.shape[1]) if "node" in self._store else 0

    @property
    def num_edge_features(self) -> int:
        """D, the number of features of an edge."""
        attr = self.topology.spatial.edge_attr
        return 0 if attr is None else attr.shape[1]

    def is_undirected(self) -> bool:
        """Return True if every edge between rows has its reverse, with the same features; weights are not compared."""
        return bool(self._plain().is_undirected())

    def has_self_loops(self) -> bool:
        """Return True if an edge joins a row to itself."""
        return bool(self._plain().has_self_loops())

    def has_isolated_nodes(self) -> bool:
        """Return True if a row has no edge to another row of its time."""
        return bool(self._plain().has_isolated_nodes())

    def is_coalesced(self) -> bool:
        """Return True if edges between rows are sorted and none occurs twice."""
        return bool(self._plain().is_coalesced())

    @checked_arguments
    def is_sorted(self, sort_by_row: bool = True) -> bool:
        """Return True if edges between rows are sorted by their source, or by their target."""
        return bool(self._plain().is_sorted(sort_by_row))

    @checked_arguments
    def edge_subgraph(self, subset: Tensor) -> Self:
        """Return the graph with the edges of ``subset`` only, as PyG does.

        Raises:
            ValueError: the graph has static edges.
        """
        if "static_edge_index" in self._store:
            raise ValueError(_REFUSED.format(what="edge_subgraph"))
        out: Self = super().edge_subgraph(subset)
        return out

    @checked_arguments
    def subgraph(self, subset: Numbers) -> Self:
        """Return the rows of ``subset``, with the edges between them; answers follow the target rows.

        Args:
            subset: a mark (V,), ``bool``, or numbers of rows, ascending.

        Raises:
            ValueError: rows that are not ascending, or a graph with ``edge_label_index``.
        """
        if "edge_label_index" in self._store:
            raise ValueError("graph has edge_label_index, whose rows a subgraph would renumber; remove it first")
        subset, count = as_tensor("subset", subset), int(self.num_nodes)
        if subset.dtype == torch.bool:
            rows = _checks.marked_rows("subset", subset, count).nonzero()[:, 0]
        else:
            rows = _checks.integer_rows("subset", subset, subset.numel())
            if len(rows) and (int(rows.min()) < 0 or int(rows.max()) >= count):
                raise ValueError(f"subset must name rows 0 to {count - 1}, got {int(rows.min())} to {int(rows.max())}")
        if bool((rows.diff() <= 0).any()):
            raise ValueError("subset must name rows in ascending order, each once")
        kept = torch.zeros(self.num_nodes, dtype=torch.bool, device=self.node.device)
        kept[rows] = True
        y, is_per_row = self._store.get("y"), False
        if isinstance(y, Tensor) and y.dim() and self.num_graphs != len(y):
            is_per_row = True
        out: Self = Data.subgraph(self.expand_static_edges(), rows)
        if is_per_row:
            out.y = y[kept[self.target_rows]]
        return out

    def connected_components(self) -> list[Any]:
        """Refuse: a component by edges between rows would tear nodes from their other times.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "components of a graph over time join rows along time as well; take those of graph.unroll(), which are "
            "graph.unroll().connected_components()"
        )

    def to_heterogeneous(self, *_: object, **__: object) -> Any:
        """Refuse: a space-time graph has one kind of rows.

        Raises:
            TypeError: always.
        """
        raise TypeError("a SpaceTimeGraph has no types of nodes and edges; give its unroll() to PyG instead")

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        # PyG's hook for joining graphs: nodes of the next graph are numbered after this one's.
        if key == "x":
            return Shift.of(0, self)
        if key in ("node", "static_edge_index"):
            return int(self.node.max()) + 1 if self.node.numel() else 0
        return super().__inc__(key, value, *args, **kwargs)


def restored(kind: type[RowsData], values: Mapping[str, Any]) -> RowsData:
    """Return a graph from what a pickle holds of it: its class and its attributes by name."""
    if not (isinstance(kind, type) and issubclass(kind, RowsData)):
        raise TypeError(f"kind must be SpaceTimeGraph, got {kind!r:.80}")
    graph = kind()
    for key, value in values.items():
        graph[key] = value
    return graph
