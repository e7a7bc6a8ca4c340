"""Reader of folders in the format of the TU collection, with edges, owners and labels in text files of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor
from torch_geometric.io import read_tu_data

from graphseq._arguments import checked_arguments
from graphseq._printable import printable_errors
from graphseq.data.graph import SpaceTimeGraph
from graphseq.io._text import read_text
from graphseq.io.containers import GraphDataset

Number = TypeVar("Number", int, float)


@printable_errors
@checked_arguments
def read_tu(folder: str | Path, name: str | None = None) -> GraphDataset:
    """Read a data set of graphs from the files ``NAME_A.txt``, ``NAME_graph_indicator.txt`` and those beside them.

    The files are checked, then read by PyG. Unlike its ``TUDataset``, this writes no files into the folder.

    - x: node attributes, then node labels one-hot, from the smallest label of the file to the largest; a constant 1
      if there are neither.
    - edges as the file lists them, in both directions, each once, without self-loops and weights; labels of edges are
      not read, since a kind of edge is not a weight.
    - y: ``graph_attributes``, numbers (1, C); else ``graph_labels``, a class (1,), numbered in the order of the labels;
      else none.

    Args:
        folder: folder of the files.
        name: beginning of their names; by default the name of the folder.

    Raises:
        FileNotFoundError: the folder or one of the two files does not exist.
        ValueError: a line that is not a number, graphs that are not numbered 1, 2, … in order, an edge to a node that
            does not exist or between graphs, more or fewer labels than nodes, edges or graphs. The message names the
            line.

    Source: Morris, Kriege, Bause, Kersting, Mutzel and Neumann, *TUDataset: a collection of benchmark datasets for
    learning with graphs* (2020), arXiv:2007.08663; ``torch_geometric.io.read_tu_data``.

    Example:
        With its file at hand::

            data = gs.io.read_tu("data/MUTAG")
            task = gs.tasks.GraphClassification(data.graphs)
    """
    folder = Path(folder)
    name = folder.resolve().name if name is None else name
    owner = _checked_owner(folder, name)
    edges = _checked_edges(folder / f"{name}_A.txt", owner)
    classes = _checked_answers(folder, name, {"node": len(owner), "graph": owner[-1], "edge": edges})
    plain, slices, sizes = read_tu_data(str(folder), name)
    rows, ends = _bounds(owner), slices["edge_index"].tolist()
    ends += ends[-1:] * (len(rows) - len(ends))  # PyG ends with the last graph that has edges
    x = torch.ones(len(owner), 1) if plain.x is None else plain.x.float()
    y = None if plain.y is None else plain.y.view(owner[-1], *([] if classes else [-1]))
    graphs = tuple(
        _graph(x[a:b], plain.edge_index[:, c:d], None if y is None else y[number : number + 1])
        for number, (a, b, c, d) in enumerate(zip(rows[:-1], rows[1:], ends[:-1], ends[1:], strict=True))
    )
    answers = classes or tuple(f"attribute {c}" for c in range(0 if y is None else y.shape[1]))
    names = tuple(str(number) for number in range(1, len(graphs) + 1))
    return GraphDataset(name, graphs, names, _channels(folder, name, sizes, x.shape[1]), answers)


def _graph(x: Tensor, edge_index: Tensor, y: Tensor | None) -> SpaceTimeGraph:
    rows = torch.arange(len(x))
    return SpaceTimeGraph(x, rows, torch.zeros_like(rows), edge_index.contiguous(), y=y)


def _bounds(owner: Sequence[int]) -> list[int]:
    """Return the first node of each graph, and the end of the last one."""
    starts = [node for node, number in enumerate(owner) if not node or owner[node - 1] != number]
    return [*starts, len(owner)]


def _table(path: Path, kind: Callable[[str], Number]) -> list[list[Number]]:
    """Return the lines of a file as numbers, equally many on each."""
    rows: list[list[Number]] = []
    for number, line in enumerate(_lines(path), start=1):
        try:
            rows.append([kind(cell) for cell in line.split(",")])
        except ValueError:
            what = "integers" if kind is int else "numbers"
            raise ValueError(f"{path}, line {number}: {line.strip()!r} must hold {what}") from None
        if len(rows[-1]) != len(rows[0]):
            raise ValueError(f"{path}, line {number} has {len(rows[-1])} numbers, but line 1 has {len(rows[0])}")
    return rows


def _integers(path: Path, columns: int) -> list[list[int]]:
    """Return the lines of a file as integers, ``columns`` on each."""
    rows = _table(path, int)
    if rows and len(rows[0]) != columns:
        raise ValueError(f"{path}, line 1 has {len(rows[0])} integers; each line must have {columns}")
    return rows


def _lines(path: Path) -> list[str]:
    """Return the lines of a file, and raise if the last one has no line break, since PyG would not read it."""
    text = read_text(path)
    if text and not text.endswith("\n"):
        raise ValueError(f"{path}: the last line has no end; add a line break, without which PyG does not read it")
    return text.splitlines()


def _checked_owner(folder: Path, name: str) -> list[int]:
    """Return the graph of each node, 1, 2, … in order."""
    for kind in ("A", "graph_indicator"):
        if not (folder / f"{name}_{kind}.txt").is_file():
            raise FileNotFoundError(
                f"there is no {name}_{kind}.txt in {folder}; give the folder with the files of one data set, and "
                "their common beginning by name=, if it is not the folder's name"
            )
    path = folder / f"{name}_graph_indicator.txt"
    owner = [line[0] for line in _integers(path, 1)]
    for number, (before, now) in enumerate(zip([0, *owner], owner, strict=False), start=1):
        if now not in (before, before + 1) or not now:
            raise ValueError(
                f"{path}, line {number}: graph {now} comes after graph {before}; nodes must be sorted by graph, and "
                "graphs numbered 1, 2, … without a gap"
            )
    if not owner or owner[-1] < 2:
        raise ValueError(f"{path} must assign each node to one of two or more graphs; there are {len(set(owner))}")
    return owner


def _checked_edges(path: Path, owner: Sequence[int]) -> int:
    """Return the number of lines with edges, after checking them."""
    pairs = _integers(path, 2)
    if len(pairs) < 2:
        raise ValueError(f"{path} must hold at least one edge in both directions; it has {len(pairs)} lines")
    for number, (i, j) in enumerate(pairs, start=1):
        if not (1 <= i <= len(owner) and 1 <= j <= len(owner)):
            raise ValueError(f"{path}, line {number}: edge {i}, {j}; nodes are numbered 1 to {len(owner)}")
        if owner[i - 1] != owner[j - 1]:
            raise ValueError(
                f"{path}, line {number}: edge {i}, {j} joins graph {owner[i - 1]} to graph {owner[j - 1]}; edges must "
                "stay within a graph"
            )
    return len(pairs)


def _checked_answers(folder: Path, name: str, counts: dict[str, int]) -> tuple[str, ...]:
    """Return the names of the classes, none if answers are numbers; raise for files of a wrong length."""
    for level, count in counts.items():
        for path, kind in (
            (folder / f"{name}_{level}_labels.txt", int),
            (folder / f"{name}_{level}_attributes.txt", float),
        ):
            if path.is_file() and (lines := len(_table(path, kind))) != count:
                raise ValueError(f"{path} has {lines} lines for {count} {level}s; it must have one for each")
    path = folder / f"{name}_graph_labels.txt"
    if (folder / f"{name}_graph_attributes.txt").is_file() or not path.is_file():
        return ()
    return tuple(str(label) for label in sorted({line[0] for line in _integers(path, 1)}))


def _channels(folder: Path, name: str, sizes: dict[str, int], width: int) -> tuple[str, ...]:
    attributes = [f"attribute {f}" for f in range(sizes["num_node_attributes"])]
    if len(attributes) == width:
        return tuple(attributes)
    path = folder / f"{name}_node_labels.txt"
    if not path.is_file():
        return ("constant",)
    columns = list(zip(*_table(path, int), strict=True))
    is_multiple = len(columns) > 1
    labels = [
        f"label {value}" if not is_multiple else f"label {number}: {value}"
        for number, column in enumerate(columns)
        for value in range(min(column), max(column) + 1)
    ]
    return (*attributes, *labels)
