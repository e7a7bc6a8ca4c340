"""The data type of the library: a graph whose rows are nodes observed at times, with spatial and temporal edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from types import EllipsisType
from typing import Any

import networkx as nx
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data import _parts, _validate, convert
from graphseq.data._kept import Kept, copies
from graphseq.data._pyg import RowsData, restored
from graphseq.data.arrays import Numbers, as_tensor, optional
from graphseq.data.convert import Dense
from graphseq.data.topology import Topology

_OF_ANSWERS = ("y", "pair_features")  # attributes that have one entry an answer
_MADE_ANEW = ("x", *Topology.KEYS, "target", "edge_label_index", "ptr", "num_nodes")  # for other rows


class SpaceTimeGraph(RowsData):
    r"""A graph over time, stored as rows: one row is one node observed at one time.

    A sequence is N = 1 node at T times, a static graph is N nodes at T = 1 time, and a dynamic graph is both. It is
    a PyG :class:`~torch_geometric.data.Data` whose "nodes" are the V rows, so PyG's ``Batch`` and ``DataLoader`` take
    it as it is; a batch is again such a graph, in which nodes are numbered from its first member to its last.

    Temporal edges join consecutive rows of one node. They are not stored but derived, see :attr:`topology`. What is
    written to edges is seen at the next use; on a GPU not where torch does not count it (``.data``): assign them there.

    ``torch.save`` writes a graph or a list of them, and ``torch.load(path)`` reads it back without running code from
    the file. Of a ``Batch`` save ``batch.to_data_list()``.

    Args:
        x: features (V, F), floating, or integer tokens (V,). This and all others may be a tensor, a numpy array, a list
            of numbers, or a frame of pandas or polars.
        node: number of the node that each row observes, (V,), integers from 0.
        time: time of each row, (V,), integers; a (node, time) pair occurs once. A node may be absent at some times.
        edge_index: edges j → i as columns (j, i) between rows of the same time, (2, E).
        edge_weight: weights (E,) of ``edge_index``.
        static_edge_index: edges between *nodes*, (2, E), present at every time at which both ends are; stored
            once instead of a copy for each time. A graph has these or ``edge_index``, not both.
        static_edge_weight: weights (E,) of ``static_edge_index``.
        edge_attr: features (E, D) of the edges of ``edge_index``, floating, for convolutions that read them.
        static_edge_attr: features (E, D) of the edges of ``static_edge_index``.
        y: answers, one entry for each target row, (K, …), or for each graph.
        target: rows at which an output is asked for, (V,), ``bool``; all rows by default.

    Raises:
        TypeError: a tensor of the wrong type.
        ValueError: shapes that do not fit, NaN features, edges to rows that do not exist or between times, a
            (node, time) pair that occurs twice; the message names the first such place.

    Example:
        Two nodes, joined at both of two times:

        >>> import torch
        >>> graph = SpaceTimeGraph(
        ...     x=torch.eye(4), node=torch.tensor([0, 1, 0, 1]), time=torch.tensor([0, 0, 1, 1]),
        ...     static_edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> graph.topology.temporal_edges.tolist()
        [[0, 1], [2, 3]]
        >>> graph.topology.spatial.edge_index.tolist()
        [[0, 1, 2, 3], [1, 0, 3, 2]]
    """

    def __init__(
        self,
        x: Numbers = None,
        node: Numbers = None,
        time: Numbers = None,
        edge_index: Numbers = None,
        edge_weight: Numbers = None,
        *,
        static_edge_index: Numbers = None,
        static_edge_weight: Numbers = None,
        edge_attr: Numbers = None,
        static_edge_attr: Numbers = None,
        y: Numbers = None,
        target: Numbers = None,
    ) -> None:
        super().__init__()
        values = (node, time, edge_index, edge_weight, static_edge_index, static_edge_weight, edge_attr)
        if all(value is None for value in (x, *values, static_edge_attr, y, target)):
            return  # PyG makes an empty graph and fills it when it joins or splits batches.
        x, y, target = as_tensor("x", x), optional("y", y), optional("target", target)
        x = _validate.checked_x(x)
        given = dict(zip(Topology.KEYS, (*values, static_edge_attr), strict=True))
        given = {key: optional(key, value) for key, value in given.items()}
        parts = list(_validate.checked_parts(x.shape[0], given).values())
        topology = Topology(*copies(parts))  # type: ignore[arg-type]
        _validate.check_finite(x, topology)
        self._fill(topology, parts, x=x, y=y, target=_validate.checked_target(target, y, topology.num_rows))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the attributes only, as plain values by name."""
        return restored, (type(self), dict(self._store.items()))

    @classmethod
    def from_topology(
        cls,
        topology: Topology,
        x: Tensor,
        *,
        y: Tensor | None = None,
        target: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> SpaceTimeGraph:
        """Return a graph with features on a topology that is known to be valid; nothing is checked or derived.

        The graph has copies of the rows and edges, so that the topology stays as it is when the graph is written to.

        Args:
            topology: rows and edges of a graph that was built before.
            x: features (V, F) or tokens (V,).
            y: answers, (K, …).
            target: rows at which an output is asked for, (V,), ``bool``.
            batch: number of the graph that each row belongs to, (V,).
        """
        graph = cls()
        graph._fill(topology, copies(topology.parts), x=x, y=y, target=target, batch=batch)
        return graph

    @checked_arguments
    def replace(
        self,
        *,
        topology: Topology | EllipsisType = ...,
        edge_weight: Numbers = ...,
        edge_attr: Numbers = ...,
        x: Numbers = ...,
        y: Numbers = ...,
        target: Numbers = ...,
        batch: Numbers = ...,
        edge_label_index: Numbers = ...,
        pair_features: Numbers = ...,
    ) -> SpaceTimeGraph:
        """Return this graph with some of its attributes replaced; all others stay, whatever they are.

        An argument that is not given keeps its attribute, and ``None`` removes it. Tensors are shared, not copied,
        except those of another topology, and what was derived from the topology is kept with it.

        Args:
            topology: the same V rows with other edges or times. Attributes of the old edges, those with "edge" in
                their names, are removed, except PyG's ``edge_label…``, which belong to pairs of rows.
            edge_weight: weights of the edges, (E,): of ``static_edge_index`` where the graph has static edges.
            edge_attr: features of the edges, (E, D): of ``static_edge_index`` where the graph has static edges.
            x: features (V, F) or tokens (V,).
            y: answers, one for each target row, pair or graph, (K, …).
            target: rows at which an output is asked for, (V,), ``bool``.
            batch: number of the graph that each row belongs to, (V,).
            edge_label_index: pairs of rows at which an output is asked for, (2, K).
            pair_features: features of these pairs, (K, P).

        Returns:
            A new :class:`SpaceTimeGraph`; of a PyG ``Batch``, one with ``batch`` that ``to_data_list`` cannot split.

        Raises:
            TypeError: ``x``, ``target`` or ``batch`` of a wrong kind.
            ValueError: an attribute of another number of rows, or as many answers as there are neither target rows nor
                graphs.

        Example:
            >>> import graphseq as gs, torch
            >>> graph = gs.from_sequence(torch.zeros(3, 1), y=torch.tensor([7, 8, 9]))
            >>> graph.replace(x=torch.ones(3, 2)).y.tolist()
            [7, 8, 9]
        """
        values = {
            "x": x,
            "y": y,
            "target": target,
            "batch": batch,
            "edge_label_index": edge_label_index,
            "pair_features": pair_features,
        }
        changes: dict[str, Any] = {key: optional(key, value) for key, value in values.items() if value is not ...}
        old = self.topology
        new = old if topology is ... else topology
        _validate.check_rows(old.num_rows, new, changes)
        if new is not old:
            changes |= {key: None for key in self._store if _parts.is_of_edges(key)}
        if edge_weight is not ... or edge_attr is not ...:
            new = _parts.with_values(new, edge_weight, edge_attr)
        kept = self.__dict__["_kept"]
        if new is not old:
            parts = copies(new.parts)
            changes |= zip(Topology.KEYS, parts, strict=True)
            kept = Kept(new, parts)
        if "batch" in changes:
            changes["ptr"] = None
        out = SpaceTimeGraph()
        store = copy(self._store)
        store._parent = out
        out.__dict__ |= {"_kept": kept, "_store": store}
        for key, value in changes.items():
            if store.get(key) is not value:
                store[key] = value  # None removes
        if ("y" in changes or "target" in changes) and "edge_label_index" not in out and "y" in out:
            _validate.check_answers(out.y, len(out.target_rows), out.num_graphs)
        return out

    @checked_arguments
    def replace_rows(self, topology: Topology, origin: Tensor, answers: Tensor) -> SpaceTimeGraph:
        """Return this graph over other rows, each of which shows one row of this graph.

        Attributes of rows follow them; ``y``, features of pairs and attributes of whole graphs stay; ``target`` and
        ``edge_label_index`` name the new row at which each old row is answered; attributes of edges are removed.

        Args:
            topology: the V' new rows.
            origin: the old row that each new row shows, (V',).
            answers: new rows at which old rows are answered, at most one of each, in their order, (V',) of ``bool``.

        Raises:
            TypeError, ValueError: rows of another kind or number, or a pair with a row that is answered nowhere.
        """
        return self._over(
            topology, _validate.checked_origin(origin, answers, self.num_rows, topology.num_rows), answers
        )

    def _over(self, topology: Topology, origin: Tensor, answers: Tensor) -> SpaceTimeGraph:
        """As :meth:`replace_rows`, of rows that are right: their values are not read."""
        target, pairs, out = self._store.get("target"), self._store.get("edge_label_index"), SpaceTimeGraph()
        for key, value in self._store.items():
            if key in _OF_ANSWERS:
                out[key] = value
            elif key not in _MADE_ANEW and not _parts.is_of_edges(key):
                out[key] = _parts.of_rows(value, origin) if self.is_node_attr(key) else value
        if pairs is not None:
            out.edge_label_index = _parts.moved_pairs(pairs, origin, answers, self.num_rows)
        target = answers.clone() if target is None else answers & target[origin]
        out._fill(topology, copies(topology.parts), x=self.x[origin], target=target)
        return out

    def _fill(self, topology: Topology, parts: Sequence[Tensor | None], **values: Tensor | None) -> None:
        """Store what is given, and ``parts`` as the rows and edges that ``topology`` holds copies of."""
        self.__dict__["_kept"] = Kept(topology, parts)
        for key, value in {"x": None, **dict(zip(Topology.KEYS, parts, strict=True)), **values}.items():
            if value is not None:
                self[key] = value

    @property
    def topology(self) -> Topology:
        """Rows, edges and all that is derived from them, kept until one of them is replaced or written to.

        Raises:
            TypeError, ValueError: what was put in their place does not fit, as in the constructor.
        """
        given = {key: self._store.get(key) for key in Topology.KEYS}
        kept: Kept | None = self.__dict__.get("_kept")
        topology = None if kept is None else kept.of(list(given.values()))
        if topology is None:
            if self._store.get("adj_t") is not None:
                raise ValueError("graph has adj_t in place of edges, which is read by from_graph only; keep edge_index")
            topology = self._derived(given)
            self.__dict__["_kept"] = Kept(topology, list(given.values()))
        return topology

    @staticmethod
    def _derived(given: Mapping[str, Tensor | None]) -> Topology:
        node = given["node"]
        rows = len(node) if isinstance(node, Tensor) and node.dim() else 0
        parts = _validate.checked_parts(rows, given)
        return Topology(*copies(None if given[key] is None else part for key, part in parts.items()))  # type: ignore[arg-type]

    @property
    def num_rows(self) -> int:
        """V, the number of rows, which PyG calls nodes."""
        return int(self.num_nodes)

    @property
    def num_graphs(self) -> int:
        """B, the number of graphs in the batch; 1 for a graph that is no batch."""
        batch = self._store.get("batch")
        return 1 if batch is None else int(batch.max()) + 1 if batch.numel() else 0

    @property
    def graph_index(self) -> Tensor:
        """Number of the graph in the batch that each row belongs to, (V,); zeros where there is one graph."""
        batch: Tensor | None = self._store.get("batch")
        return torch.zeros_like(self.node) if batch is None else batch

    @property
    def target_rows(self) -> Tensor:
        """Numbers of the rows at which an output is asked for, (K,), ascending."""
        target = self._store.get("target")
        if target is None:
            return torch.arange(self.num_nodes, device=self.node.device)
        rows: Tensor = target.nonzero()[:, 0]
        return rows

    @checked_arguments
    def check_as_argument(self, name: str) -> None:
        """Refuse a graph that has no rows and no times, or none in memory, as the argument of that name."""
        _validate.check_whole(name, self._store)

    def to(self, device: torch.device | str | torch.dtype, *args: str, non_blocking: bool = False) -> SpaceTimeGraph:
        """Move to ``device`` as PyG does, the topology once, or turn all floating tensors into another number type.

        Args:
            device: a device, or a floating number type such as ``torch.float32``.
            args: names of the attributes to move, as in PyG; all by default.
            non_blocking: as in ``torch.Tensor.to``.

        Raises:
            TypeError: a number type that is not floating.
        """
        _checks.truth("non_blocking", non_blocking)
        if isinstance(device, torch.dtype):
            return self._turned(device, args)
        try:
            device = torch.device(device)
        except (RuntimeError, TypeError, ValueError):
            raise ValueError(f"device must be one of torch, or a number type, got {_checks.shown(device)}") from None
        if all(value.device == device for value in self._store.values() if isinstance(value, Tensor)):
            return self
        topology = None if args or "node" not in self else self.topology.to(device)
        super().to(device, *args, non_blocking=non_blocking)
        if topology is not None:
            self._fill(topology, copies(topology.parts))
        return self

    def _turned(self, kind: torch.dtype, keys: Sequence[str]) -> SpaceTimeGraph:
        if not kind.is_floating_point:
            raise TypeError(f"device must be a device or a floating number type such as torch.float32, got {kind}")
        for key, value in list(self._store.items()):
            if isinstance(value, Tensor) and value.is_floating_point() and (not keys or key in keys):
                self[key] = value.to(kind)
        return self

    @checked_arguments
    def unroll(self, causal: bool = False) -> Data:
        """Return the space-time graph as plain PyG data, for any PyG model; a sequence becomes its path graph.

        Args:
            causal: keep temporal edges past → future only, instead of both ways.

        Returns:
            ``Data`` with ``x``, ``edge_index`` of all space-time edges, ``edge_weight`` where spatial edges have
            weights (temporal ones then count 1), ``edge_attr`` where they have features (those of temporal ones are
            0), ``node``, ``time``, and ``y``, ``target``, ``batch``, ``edge_label_index`` and ``pair_features`` where
            given.

        Example:
            >>> import graphseq as gs, torch
            >>> gs.from_sequence(torch.zeros(3, 1)).unroll().edge_index.tolist()
            [[0, 1, 1, 2], [1, 2, 0, 1]]
        """
        adjacency = self.topology.spacetime(causal)
        plain = Data(**_parts.of_edges(adjacency))
        for key in ("x", "node", "time", "y", "target", "batch", "edge_label_index", "pair_features"):
            if key in self:
                plain[key] = self[key]
        return plain

    @checked_arguments
    def snapshot(self, time: int) -> Data:
        """Return the graph at one time as plain PyG data: ``x``, ``edge_index``, ``node`` and values of the edges.

        These are ``edge_weight`` and ``edge_attr``, where the graph has them.

        Raises:
            ValueError: there is no row at this time.
        """
        times = self.topology.times.tolist()
        if time not in times:
            raise ValueError(f"time must be one at which a row was observed, got {_checks.shown(time)}")
        step = self.topology.steps[times.index(time)]
        return Data(x=self.x[step.rows], node=self.node[step.rows], **_parts.of_edges(step.adjacency))

    def to_networkx(self) -> nx.MultiDiGraph:
        """Return a networkx graph.

        Its nodes are the rows, with ``x``, ``node`` and ``time``; its edges have ``kind`` ("space" or "time"), and
        spatial ones ``weight`` and ``edge_attr`` where the graph has them. :func:`graphseq.from_graph` reads it back.
        """
        return convert.to_networkx(self.topology, self.x)

    def to_scipy(self) -> sp.coo_array:
        """Return the spatial edges as a sparse matrix (V, V), in which (i, j) is the weight of the edge from i to j."""
        return convert.to_scipy(self.topology)

    def to_dense(self) -> Dense:
        """Return dense features (T, N, F), presence (T, N) and adjacency (T, N, N); meant for small graphs."""
        return convert.to_dense(self.topology, self.x)


# torch.load then reads graphs without running code from the file: what is called here stores tensors, and no more.
torch.serialization.add_safe_globals([SpaceTimeGraph, Topology, restored])
