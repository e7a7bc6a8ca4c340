"""The answers of a model, found among its outputs: one for each row, edge, pair or graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from graphseq.nn.embedded import EmbeddedModel
from graphseq.nn.encoder import Encoder
from graphseq.nn.heads import GraphHead, RowHead
from graphseq.nn.model import Model
from graphseq.reach.probe.rows import Rows
from graphseq.reach.probe.taps import first_tensor

Kind = Literal["node", "edge", "graph"]
KINDS: tuple[Kind, ...] = ("node", "edge", "graph")


@dataclass(frozen=True)
class Sizes:
    """The numbers of things that a model may answer for."""

    rows: int  #: V
    edges: int | None  #: E, or the K pairs of ``edge_label_index``
    graphs: int  #: B


@dataclass(frozen=True)
class Reader:
    """The answers (K, C) in what a model returns."""

    kind: Kind
    pick: Callable[[object], object] | None = None
    has_all_rows: bool = False  #: one answer for each of the V rows, in the layout of the input

    def read(self, raw: object, rows: Rows) -> Tensor:
        """The answers, (K, C), as part of the autograd graph of ``raw``."""
        return _shaped(tensor_of(raw, self.pick), self, rows)


def reader(raw: object, output: str | Callable[[object], object] | None, rows: Rows, sizes: Sizes) -> Reader:
    """Find what the answers of a model are.

    Args:
        raw: what the model returned.
        output: "node", "edge" or "graph"; a function of what the model returned, which gives the answers; or ``None``
            to find their kind from their shape.
        rows: of the data.
        sizes: the numbers of rows, edges and graphs.

    Raises:
        ValueError: a shape that fits nothing, or several kinds.
        TypeError: no tensor.
    """
    pick = output if callable(output) else None
    tensor = tensor_of(raw, pick)
    if isinstance(output, str):
        if output not in KINDS:
            raise ValueError(f"output must be one of {', '.join(KINDS)} or a function, got {output!r}")
        kind: Kind = output
        if not _fits(tensor, kind, rows, sizes):
            raise ValueError(f"output={output!r}, but the model gave {_words(tensor, rows, sizes)}")
        return Reader(kind, pick, kind == "node")
    found: list[Kind] = [kind for kind in KINDS if _fits(tensor, kind, rows, sizes)]
    if len(found) != 1:
        why = "none of which it fits" if not found else f"and it fits {' and '.join(found)}"
        raise ValueError(
            f"the model gave {_words(tensor, rows, sizes)}, {why}; say what it is: output="
            + (", ".join(repr(kind) for kind in found or KINDS) + " or a function of what the model returns")
        )
    return Reader(found[0], pick, found[0] == "node")


def tensor_of(raw: object, pick: Callable[[object], object] | None) -> Tensor:
    """The tensor of answers in what a model returned: itself, or the first of a tuple.

    Raises:
        TypeError: there is none.
    """
    value = raw if pick is None else pick(raw)
    tensor = first_tensor(value)
    if tensor is None or not tensor.is_floating_point():
        given = "output=… gave" if pick is not None else "the model gave"
        kind = type(value).__name__ if tensor is None else f"a tensor of {tensor.dtype}"
        keys = [key for key, entry in value.items() if isinstance(entry, Tensor)] if isinstance(value, Mapping) else []
        which = f"[{keys[0]!r}]" if keys else "…"
        kind += f" with {', '.join(map(repr, keys))}" if keys else ""
        raise TypeError(f"{given} {kind}; answers are a floating tensor: output=lambda out: out{which}")
    return tensor


def _fits(tensor: Tensor, kind: Kind, rows: Rows, sizes: Sizes) -> bool:
    if kind == "node":
        return rows.flatten(tensor) is not None
    if kind == "edge":
        return sizes.edges is not None and tensor.dim() >= 1 and tensor.shape[0] == sizes.edges
    is_of_rows = rows.flatten(tensor) is not None
    if tensor.dim() and tensor.shape[0] == sizes.graphs:
        return tensor.dim() <= 2 or not is_of_rows
    if sizes.graphs > 1:
        return False
    return tensor.dim() == 0 or (tensor.dim() == 1 and not is_of_rows and tensor.shape[0] != sizes.edges)


def _shaped(tensor: Tensor, reader: Reader, rows: Rows) -> Tensor:
    if reader.has_all_rows:
        flat = rows.flatten(tensor)
        if flat is None:
            raise ValueError(
                f"the model gave {tuple(tensor.shape)}, no longer one answer for each of {rows.number} rows"
            )
        return flat
    if reader.kind == "graph" and (tensor.dim() == 0 or (rows.graph.num_graphs == 1 and tensor.shape[0] != 1)):
        return tensor.reshape(1, -1)
    return tensor.reshape(tensor.shape[0], -1)


def _words(tensor: Tensor, rows: Rows, sizes: Sizes) -> str:
    layout = "" if rows.layout.startswith("V") else f" in the layout {rows.layout}"
    edges = "" if sizes.edges is None else f", {sizes.edges} edges or pairs"
    return f"{tuple(tensor.shape)} for {sizes.rows} rows{layout}{edges} and {sizes.graphs} graphs"


def note(raw: object, output: object) -> tuple[str, ...]:
    """A note where a model returns several things, of which the first is measured."""
    if callable(output) or not isinstance(raw, tuple | list) or len(raw) < 2:
        return ()
    return (f"the first of {len(raw)} outputs is measured",)


def kind_of_ours(model: object) -> Kind:
    """The kind of an answer of a model or an encoder of this library."""
    if isinstance(model, Encoder):
        return "node"
    inner = model.model if isinstance(model, EmbeddedModel) else model
    head = inner.head if isinstance(inner, Model) else None
    return "node" if isinstance(head, RowHead) else "graph" if isinstance(head, GraphHead) else "edge"
