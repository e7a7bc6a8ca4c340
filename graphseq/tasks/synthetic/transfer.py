"""Transfer: carry one item from a source row to a target row, without other inputs; a test of reach alone."""

from __future__ import annotations

import networkx as nx
import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.constructors import from_graph
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import hops_to
from graphseq.data.topology import Topology
from graphseq.tasks.base import FixedTask, blocks, of_own_batch, path


class Transfer(FixedTask):
    r"""Classification at a target row of one of C classes, given one-hot at a source row; all other rows are zero.

    The input of the target row is zero, so the score of a model without neighbours is chance, 1/C, as is that of every
    model whose reach is shorter than ``hops``. (At length 1 the source is the target row itself.)

    Args:
        length: number of rows on the shortest path from source to target, including both; ``hops`` = length - 1.
        shape: "path", a sequence with its last row as target; "ring", of 2 (length - 1) rows, with the opposite row as
            target; "tree", a full binary tree, from a leaf to the root.
        num_classes: C.

    Raises:
        ValueError: a length below 1 (below 2 for a ring), fewer than 2 classes, an unknown shape, a tree above
            2²⁰ rows.

    Example:
        >>> import torch
        >>> task = Transfer(length=3, num_classes=2)
        >>> task.batch(1, torch.Generator().manual_seed(0)).x.tolist(), task.hops
        ([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]], 2)
    """

    @checked_arguments
    def __init__(self, length: int, *, shape: str = "path", num_classes: int = 10) -> None:
        _checks.one_of("shape", shape, ("path", "ring", "tree"))
        length = _checks.at_least("length", length, 2 if shape == "ring" else 1)
        if shape == "path":
            topology, target = path(length)
            source = 0
        elif shape == "ring":
            # Two rows are not a cycle in networkx: a ring of length 2 is one edge.
            ring = nx.cycle_graph(2 * (length - 1)) if length > 2 else nx.path_graph(2)
            topology, target = _static(from_graph(ring), length - 1)
            source = 0
        else:
            if length > 20:
                raise ValueError(f"length must be at most 20 for a tree, which has 2^length - 1 rows; got {length}")
            topology, target = _static(from_graph(nx.balanced_tree(2, length - 1)), 0)
            source = topology.num_rows - 1
        self._set(topology, target, source, length - 1, num_classes)
        self._shape: dict[str, object] = {"shape": shape, "length": length}

    @classmethod
    @checked_arguments
    def on(cls, graph: SpaceTimeGraph, source: int, asked: int, *, num_classes: int = 10) -> Transfer:
        """Return the same task on a given graph, from row ``source`` to row ``asked``.

        Args:
            graph: one graph; only its rows and edges are used.
            source: source row, which has the class.
            asked: target row, another one.
            num_classes: C.

        Raises:
            ValueError: a row outside the graph, or no path from ``source`` to ``asked``.

        Example:
            >>> import graphseq as gs, networkx as nx
            >>> Transfer.on(gs.from_graph(nx.karate_club_graph()), source=16, asked=26).hops
            5
        """
        for name, row in (("source", source), ("asked", asked)):
            if _checks.at_least(name, row, 0) >= graph.num_nodes:
                raise ValueError(f"{name} must be one of the rows 0 to {graph.num_nodes - 1}, got {row}")
        if source == asked:
            raise ValueError(f"source and asked are both row {source}; they must differ, or nothing has to travel")
        hops = int(hops_to(graph.topology, torch.tensor([asked]))[0, source])
        if hops < 0:
            raise ValueError(f"asked row {asked} is unreachable from source row {source}: no edges lead there")
        task = cls.__new__(cls)
        target = torch.zeros(graph.num_nodes, dtype=torch.bool)
        target[asked] = True
        task._set(graph.topology, target, source, hops, num_classes)
        task._shape = {"source": source, "asked": asked, "rows": graph.num_nodes}
        return task

    def _set(self, topology: Topology, target: Tensor, source: int, hops: int, num_classes: int) -> None:
        super().__init__(topology, target)
        self._source = source
        self.num_classes = _checks.at_least("num_classes", num_classes, 2)
        self.in_channels = self.out_channels = num_classes
        self.hops = hops
        self.chance = 1 / num_classes

    @property
    def config(self) -> dict[str, object]:
        """Name, shape and distance."""
        return {**super().config, **self._shape, "hops": self.hops}

    @checked_arguments
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return ``size`` graphs, each with a random class."""
        y = torch.randint(self.num_classes, (_checks.at_least("size", size, 1),), generator=generator)
        x = torch.zeros(size, self._template.num_rows, self.num_classes)
        x[torch.arange(size), self._source, y] = 1
        return self._assemble(x, y)

    @checked_arguments
    @of_own_batch
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the source row, (K, V), ``bool``; on a tree, other leaves are at the same distance."""
        source = torch.arange(self._template.num_rows, device=graph.x.device) == self._source
        return blocks(source.expand(graph.num_graphs, 1, -1))


def _static(graph: SpaceTimeGraph, row: int) -> tuple[Topology, Tensor]:
    target = torch.zeros(graph.num_nodes, dtype=torch.bool)
    target[row] = True
    return graph.topology, target
