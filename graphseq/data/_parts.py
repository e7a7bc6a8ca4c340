"""The parts of a space-time graph, the attributes that belong to each, and their replacement."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

from torch import Tensor

from graphseq.data import _validate
from graphseq.data.adjacency import Adjacency
from graphseq.data.arrays import optional
from graphseq.data.topology import Topology


def is_of_edges(key: str) -> bool:
    """Return True if an attribute has one entry for each edge; PyG's ``edge_label…`` have one for each pair of rows."""
    return "edge" in key and not key.startswith("edge_label")


def of_edges(adjacency: Adjacency) -> dict[str, Tensor]:
    """Return ``edge_index``, ``edge_weight`` and ``edge_attr``, where there are some, in memory of their own."""
    values = {
        "edge_index": adjacency.edge_index,
        "edge_weight": adjacency.edge_weight,
        "edge_attr": adjacency.edge_attr,
    }
    return {key: value.clone() for key, value in values.items() if value is not None}


def check_constant(name: str, topology: Topology) -> None:
    """Raise if weights or features of edges are learned, for what keeps them: a task, or a sampler."""
    if topology.is_learned:
        raise ValueError(
            f"{name} has learned edge weights (requires_grad), which would change while kept; detach them here, "
            "and in the model take graph.replace(edge_weight=…)"
        )


def of_rows(value: Any, rows: Tensor) -> Any:
    """Return the entries of ``rows`` of an attribute with one entry a row, a tensor or a list."""
    return [value[row] for row in rows.tolist()] if isinstance(value, list | tuple) else value[rows]


def with_values(
    topology: Topology, weight: Tensor | EllipsisType | None, attr: Tensor | EllipsisType | None
) -> Topology:
    """Return the topology with other weights (E,) and features (E, D) of its edges, checked."""
    is_static = topology.static_edge_index is not None
    index = topology.static_edge_index if is_static else topology.edge_index
    prefix = "static_edge" if is_static else "edge"
    parts = dict(zip(Topology.KEYS, topology.parts, strict=True))
    given = {f"{prefix}_weight": weight, f"{prefix}_attr": attr}
    parts |= {key: optional(key.removeprefix("static_"), value) for key, value in given.items() if value is not ...}
    count = 0 if index is None else index.shape[1]
    values = _validate.checked_edge_values(count, parts[f"{prefix}_weight"], parts[f"{prefix}_attr"], "edge")
    parts |= zip(given, values, strict=True)
    return Topology(**parts)  # type: ignore[arg-type]


def moved_pairs(pairs: Tensor, origin: Tensor, answers: Tensor, rows: int) -> Tensor:
    """Pairs (2, K) of old rows as pairs of the new rows at which they are answered."""
    new_row = pairs.new_full((rows,), -1)
    new_row[origin[answers]] = answers.nonzero()[:, 0]
    moved = new_row[pairs]
    if bool((moved < 0).any()):
        row = int(pairs[moved < 0][0])
        raise ValueError(f"edge_label_index has row {row}, which is not among the target rows; mark it in target")
    return moved
