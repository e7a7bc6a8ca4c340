"""What readers of many small graphs return: the graphs, each with its answer, and what was left out of them."""

from __future__ import annotations

from dataclasses import dataclass

from graphseq.data.graph import SpaceTimeGraph
from graphseq.io.skipped import Skipped


@dataclass(frozen=True, repr=False, eq=False)
class GraphDataset:
    """Static graphs with an answer each, ready for :class:`~graphseq.tasks.Labelled` or ``Measured``."""

    name: str
    graphs: tuple[SpaceTimeGraph, ...]  #: x (N, F) in float32; y, where there is one, a class (1,) or numbers (1, C)
    names: tuple[str, ...]  #: what each graph is called: a molecule by its SMILES, else its number in the file
    channels: tuple[str, ...]  #: what each of the F columns of x is
    answers: tuple[str, ...]  #: what each class is called in the file, or what each of the C numbers is
    smiles: tuple[str, ...] = ()  #: of each graph, where they were read from such
    skipped: tuple[Skipped, ...] = ()  #: what could not be read, where that was asked for

    def __repr__(self) -> str:
        rows = sum(graph.num_rows for graph in self.graphs)
        left = f", {len(self.skipped)} skipped" if self.skipped else ""
        return f"GraphDataset({self.name}: {len(self.graphs)} graphs, V={rows}, F={len(self.channels)}{left})"
