"""Transfer: carry one item from a source row to a target row, without other inputs; a test of reach alone."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import hops_to
from graphseq.data.topology import Topology
from graphseq.tasks.base import FixedTask, blocks, of_own_batch
from graphseq.tasks.synthetic.shapes import shape_of, target_mark


class Transfer(FixedTask):
    r"""Classification at a target row of one of C classes, given one-hot at a source row; all other rows are zero.

    The input of the target row is zero, so the score of a model without neighbours is chance, 1/C, as is that of every
    model whose reach is shorter than ``hops``. (At length 1 the source is the target row itself.)

    Args:
        length: number of rows on the shortest path from source to target, including both; ``hops`` = length - 1.
        shape: "path", a sequence with its last row as target; "ring", of 2 (length - 1) rows, with the opposite row as
            target; "crossed ring", the same with edges between its two ways round; "clique path", a clique of
            length - 2 rows and a path of as many, to its end; "barbell", two cliques of 5 rows joined by a path;
            "tree", a full binary tree, from a leaf to the root; "caterpillar", a path with a row attached to each of
            its rows; "grid", of 3 by length - 2 rows, from corner to corner.
        num_classes: C.

    Raises:
        ValueError: a length below 1 (2 for a ring and a caterpillar, 3 for a crossed ring and a grid, 4 for a clique
            path and a barbell), fewer than 2 classes, an unknown shape, a tree above 2²⁰ rows.

    Source: Di Giovanni et al., *On Over-Squashing in Message Passing Neural Networks* (2023), who train ring, crossed
    ring and clique path with as many layers as hops, 64 units and 5 classes.

    Example:
        >>> import torch
        >>> task = Transfer(length=3, num_classes=2)
        >>> task.batch(1, torch.Generator().manual_seed(0)).x.tolist(), task.hops
        ([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]], 2)
    """

    @checked_arguments
    def __init__(self, length: int, *, shape: str = "path", num_classes: int = 10) -> None:
        made = shape_of(shape, length)
        self._set(made.topology, target_mark(made), made.source, length - 1, num_classes)
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
