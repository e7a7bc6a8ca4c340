"""A check that graphs which PyG joins to a batch carry the same: PyG itself goes by the first one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

_MENDED = {
    "edge_weight": "give it weights of 1, replace(edge_weight=torch.ones(E)), or the others none, edge_weight=None",
    "static_edge_weight": "give it weights of 1, replace(edge_weight=torch.ones(E)), or the others none",
    "edge_attr": "give it features, replace(edge_attr=…), or the others none, replace(edge_attr=None)",
    "static_edge_attr": "give it features, replace(edge_attr=…), or the others none, replace(edge_attr=None)",
    "node_names": "give it its numbers, graph.node_names = list(range(graph.num_nodes)), or the others none, "
    "del graph.node_names",
    "target": "mark all its rows, replace(target=torch.ones(V, dtype=torch.bool)), or none in the others",
}


class Shift(Tensor):
    """The number that PyG adds to an attribute of a graph in a batch, which knows its graph.

    PyG stacks these numbers of all graphs, which brings the graphs together here, where they are compared.
    """

    number: int
    graph: Data

    @staticmethod
    def of(number: int, graph: Data) -> Shift:
        """Return the number of one graph."""
        shift = torch.tensor(number).as_subclass(Shift)
        shift.number, shift.graph = number, graph
        return shift

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Compare the graphs where torch stacks their numbers, and return a plain tensor."""
        if func is torch.stack:
            check_alike([shift.graph for shift in args[0]])
            return torch.tensor([shift.number for shift in args[0]])
        return super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[no-untyped-call]


def check_alike(graphs: Sequence[Data]) -> None:
    """Raise if a graph lacks what another has, or has it in another width, naming both.

    Raises:
        ValueError: an attribute, weights of edges say, of some graphs only, or of different widths.
    """
    first = dict(graphs[0]._store.items())
    for place, graph in enumerate(graphs):
        store = dict(graph._store.items())
        if store.keys() != first.keys():
            key = next(iter(dict.fromkeys(key for key in (*first, *store) if (key in first) != (key in store))))
            without, with_it = (place, 0) if key in first else (0, place)
            raise ValueError(
                f"graph {without} of the batch has no {key}, but graph {with_it} has; "
                + _MENDED.get(key, "give it to all graphs, or to none")
            )
        for key, value in first.items():
            other = store[key]
            if isinstance(value, Tensor) and isinstance(other, Tensor) and value.dim() + other.dim() > 2:
                along = graph.__cat_dim__(key, value) or 0
                if _width(value, along) != _width(other, along):
                    raise ValueError(
                        f"{key} of graph {place} of the batch has shape {tuple(other.shape)}, but that of graph 0 "
                        f"{tuple(value.shape)}; all must have the same width"
                    )


def _width(value: Tensor, along: int) -> tuple[int, ...]:
    """Return the shape without the dimension along which graphs are joined."""
    shape = list(value.shape)
    del shape[along]
    return tuple(shape)
