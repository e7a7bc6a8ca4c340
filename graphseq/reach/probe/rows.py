"""The rows of the data, one flat list whatever the shape of the model's tensors, and the graph that they make."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.typing import SparseTensor

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph

LAYOUTS = ("BTF", "TBF", "BFT", "TF", "FT", "BT", "TB", "T")


@dataclass(frozen=True)
class Rows:
    """The V rows of the data, in the order of graphs, and of times within a sequence.

    Args:
        graph: the rows and the edges between them; hops are counted on it.
        layout: the axes of the model's tensors: "VF" or "V" for graphs, one of ``LAYOUTS`` for sequences.
        sizes: the size of each letter of the layout but F.
    """

    graph: SpaceTimeGraph
    layout: str
    sizes: dict[str, int]

    @property
    def number(self) -> int:
        """V."""
        return self.graph.num_rows

    def flatten(self, tensor: Tensor, layout: str | None = None) -> Tensor | None:
        """The entries of each row, (V, F), or ``None`` for a tensor that does not have one entry a row.

        Args:
            tensor: in the layout, with any further axes at its end.
            layout: the axes, where they are not those of the model's input.
        """
        axes = self.layout if layout is None else layout
        rows = axes.replace("F", "")
        axes = axes if "F" in axes else f"{axes}F"
        if tensor.dim() == len(rows):  # one number a row
            tensor, axes = tensor.unsqueeze(-1), f"{rows}F"
        if tensor.dim() > len(axes) and axes[-1] == "F":
            tensor = tensor.flatten(len(axes) - 1)
        if tensor.dim() != len(axes):
            return None
        if any(tensor.shape[at] != self.sizes[letter] for at, letter in enumerate(axes) if letter != "F"):
            return None
        order = [axes.index(letter) for letter in "BTVF" if letter in axes]
        return tensor.permute(order).reshape(self.number, -1)

    def row_shape(self) -> tuple[int, ...]:
        """The sizes of the axes of the layout that number rows: (V,), (B, T), (T, B) or (T,)."""
        return tuple(self.sizes[letter] for letter in self.layout if letter != "F")

    def unflatten(self, flat: Tensor, shape: torch.Size | tuple[int, ...], layout: str | None = None) -> Tensor:
        """The tensor of a shape whose :meth:`flatten` is ``flat``.

        Args:
            flat: (V, F).
            shape: one that :meth:`flatten` takes.
            layout: as of :meth:`flatten`.
        """
        axes = self.layout if layout is None else layout
        rows = axes.replace("F", "")
        axes = f"{rows}F" if len(shape) == len(rows) or "F" not in axes else axes
        letters = [letter for letter in "BTV" if letter in axes]
        tensor = flat.reshape(*(self.sizes[letter] for letter in letters), flat.shape[-1])
        order = [[*letters, "F"].index(letter) for letter in axes]
        return tensor.permute(order).reshape(shape)


def of_graph(data: Data, edge_index: Tensor | None) -> Rows:
    """The rows of PyG data: its nodes, joined by its edges.

    Args:
        data: with x, (V, F) or (V,).
        edge_index: its edges, (2, E).
    """
    x = data.x
    nodes = torch.arange(len(x), device=x.device)
    edges = torch.empty(2, 0, dtype=torch.long, device=x.device) if edge_index is None else edge_index
    weight = data.get("edge_weight")
    if weight is not None and weight.shape != (edges.shape[1],):
        weight = None
    plain = torch.zeros(len(x), 1, device=x.device)
    graph = SpaceTimeGraph(plain, nodes, torch.zeros_like(nodes), edges, None if weight is None else weight.detach())
    if data.get("batch") is not None:
        graph.batch = data.batch
    return Rows(graph, "V" if x.dim() == 1 else "VF", {"V": len(x)})


def of_sequences(x: Tensor, layout: str) -> Rows:
    """The rows of a tensor of sequences: one for each sequence and time, joined along time.

    Args:
        x: in the layout.
        layout: one of ``LAYOUTS``.
    """
    sizes = dict(zip(layout, x.shape, strict=True))
    sizes.setdefault("B", 1)
    node = torch.arange(sizes["B"], device=x.device).repeat_interleave(sizes["T"])
    time = torch.arange(sizes["T"], device=x.device).repeat(sizes["B"])
    graph = SpaceTimeGraph(torch.zeros(len(node), 1, device=x.device), node, time)
    graph.batch = node
    return Rows(graph, layout, {key: size for key, size in sizes.items() if key != "F"})


def of_spacetime(graph: SpaceTimeGraph) -> Rows:
    """The rows of a space-time graph."""
    return Rows(graph, "V" if graph.x.dim() == 1 else "VF", {"V": graph.num_rows})


def edges_of_adjacency(*candidates: object) -> Tensor | None:
    """The edges (2, E) of the first that holds any: themselves, or those of Aᵀ as a sparse matrix, ``adj_t`` of PyG."""
    for candidate in candidates:
        if isinstance(candidate, SparseTensor) and hasattr(candidate, "coo"):
            reader, origin, _ = candidate.coo()
            return torch.stack([origin, reader])
        if isinstance(candidate, Tensor) and candidate.layout != torch.strided:
            found: Tensor = candidate.to_sparse_coo().coalesce().indices()
            return found.flip(0)
        if isinstance(candidate, Tensor):
            return candidate
    return None


def as_rows(nodes: object) -> Tensor:
    """Numbers of rows, or a mask, as a tensor of one axis; at least one row."""
    try:
        wanted = _checks.is_tensor("nodes", torch.as_tensor(nodes))
    except (TypeError, ValueError, RuntimeError) as error:
        if isinstance(nodes, Tensor):
            raise
        raise TypeError(f"nodes must be numbers of rows or a mask (V,), got {_checks.shown(nodes)}") from error
    if wanted.is_complex() or wanted.dtype == torch.uint8:  # a byte selects as a mark in torch, and not as a number
        raise TypeError(f"nodes must be numbers of rows or a mask (V,) of bool, got {wanted.dtype}")
    if wanted.numel() == 0 or (wanted.dtype == torch.bool and not bool(wanted.any())):
        raise ValueError("nodes names no row; name one at least, or leave it out for all")
    return wanted[None] if wanted.dim() == 0 else wanted


def numbers_at(nodes: object, at: Tensor, count: int) -> Tensor:
    """The numbers of the answers at some rows, (K,).

    Args:
        nodes: numbers of rows, or a mask (V,) of ``bool``.
        at: the row of each answer.
        count: V.

    Raises:
        ValueError: a row that does not exist, or has no answer.
    """
    wanted = as_rows(nodes)
    if wanted.dtype == torch.bool:
        wanted = _checks.marked_rows("nodes", wanted, count).nonzero()[:, 0]
    if wanted.dim() != 1 or wanted.is_floating_point():
        raise ValueError(f"nodes must be numbers of rows or a mask (V,), got {wanted.dtype} {tuple(wanted.shape)}")
    if len(wanted) and (int(wanted.min()) < 0 or int(wanted.max()) >= count):
        raise ValueError(f"nodes must lie in 0 to {count - 1}, got {wanted.tolist()}")
    number = torch.full((count,), -1, device=at.device)
    number[at] = torch.arange(len(at), device=at.device)
    found = number[wanted.to(at.device)]
    if bool((found < 0).any()):
        raise ValueError(f"row {int(wanted[int((found < 0).nonzero()[0])])} has no answer: the model gives it none")
    return found


def as_answers(outputs: object) -> Tensor | None:
    """Numbers of answers, a tensor or a list of them, as a tensor; ``None`` stays."""
    if outputs is None or isinstance(outputs, Tensor):
        return outputs
    try:
        return torch.as_tensor(outputs)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"outputs must be numbers of answers (K,), got {_checks.shown(outputs)}") from error


def numbers_of_answers(outputs: Tensor, count: int) -> Tensor:
    """The numbers of answers (K,), on the CPU.

    Raises:
        ValueError: they are no integers, or there is no such answer.
    """
    outputs = _checks.is_tensor("outputs", outputs).cpu()
    is_whole = not (outputs.is_floating_point() or outputs.is_complex() or outputs.dtype == torch.bool)
    if outputs.dim() != 1 or outputs.numel() == 0 or not is_whole:
        raise ValueError(f"outputs must be integers of shape (K,), got {outputs.dtype} {tuple(outputs.shape)}")
    if int(outputs.min()) < 0 or int(outputs.max()) >= count:
        raise ValueError(f"outputs must lie in 0 to {count - 1}, got {outputs.tolist()}")
    return outputs.long()  # of bytes torch would make marks
