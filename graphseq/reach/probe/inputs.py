"""The places of a model's call at which values can be given: features, edge features, and the outputs of modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from graphseq.reach.probe import taps
from graphseq.reach.probe.rows import Rows
from graphseq.reach.probe.source import Source

Of = Literal["rows", "edges", "graphs", "others"]


@dataclass(frozen=True)
class Place:
    """A tensor that enters a model, or that a module in it returns, as values (n, F)."""

    name: str
    value: Tensor  #: what it is on the data, (n, F), detached
    of: Of  #: what its n lines are of
    flatten: Callable[[Tensor], Tensor]  #: from the tensor that the model works with to (n, F)
    restore: Callable[[Tensor], Tensor]  #: and back
    module: str | None = None  #: the module that returns it; ``None`` for a tensor of the data
    call: int = 0  #: the call of the module, from 0


def evaluate(
    model: object, source: Source, given: Mapping[Place, Tensor] | Sequence[tuple[Place, Tensor]], record: Sequence[str]
) -> tuple[object, taps.Recorder]:
    """Call a model with values (n, F) in some places, and record the outputs of modules.

    Args:
        model: the model.
        source: its call on the data.
        given: the values.
        record: the names of the modules to record.

    Returns:
        What the model returned, and the recorder.
    """
    pairs = list(given.items()) if isinstance(given, Mapping) else list(given)
    # Copies, since a model may write to what it is given.
    tensors = {place.name: place.restore(value).clone() for place, value in pairs if place.module is None}
    recorder = taps.Recorder()
    with ExitStack() as stack:
        for place, value in pairs:
            if place.module is not None:
                stack.enter_context(taps.hooked(model, [place.module], _Replace(place, value)))
        stack.enter_context(taps.hooked(model, record, recorder))
        return source.run(tensors), recorder


class _Replace:
    """A hook that puts a value in place of what a module returns in one of its calls."""

    def __init__(self, place: Place, value: Tensor) -> None:
        self.place, self.value, self.calls = place, value, 0

    def __call__(self, module: nn.Module, name: str, inputs: tuple[object, ...], output: object) -> object:
        at, self.calls = self.calls, self.calls + 1
        if at != self.place.call:
            return None
        return taps.with_first(output, self.place.restore(self.value).clone())  # which a model may write to


def of_data(source: Source, name: str) -> Place:
    """The place of a floating tensor of the data."""
    tensor = source.tensors[name]
    if name == "x":
        flat = source.rows.flatten(tensor)
        if flat is None:
            raise ValueError(f"x must have one entry a row, (V, F) or (V,), got {tuple(tensor.shape)}")
        return Place(
            "x", flat.detach(), "rows", _rows_of(source.rows), lambda v: source.rows.unflatten(v, tensor.shape)
        )
    return Place(name, _lines(tensor).detach(), "edges", _lines, lambda value: value.reshape(tensor.shape))


def of_module(name: str, call: int, module: nn.Module, tensor: Tensor, source: Source) -> Place:
    """The place of what a module returns.

    Args:
        name: of the module.
        call: the number of the call, from 0.
        module: the module.
        tensor: what it returned on the data.
        source: the call on the data.
    """
    layout, shape = layout_of(module, source.rows), tensor.shape
    flat = source.rows.flatten(tensor, layout)
    if flat is not None:
        flatten = _rows_of(source.rows, layout)
        return Place(
            name, flat.detach(), "rows", flatten, lambda v: source.rows.unflatten(v, shape, layout), name, call
        )
    lines = _lines(tensor.detach())
    is_of_graphs = len(lines) == source.rows.graph.num_graphs
    edges = None if source.edge_index is None else source.edge_index.shape[1]
    of: Of = "graphs" if is_of_graphs else "edges" if len(lines) == edges else "others"
    return Place(name, lines, of, _lines, lambda value: value.reshape(shape), name, call)


def _lines(tensor: Tensor) -> Tensor:
    """The entries of each line of the first axis, (n, F)."""
    return tensor.reshape(tensor.shape[0] if tensor.dim() else 1, -1)


def _rows_of(rows: Rows, layout: str | None = None) -> Callable[[Tensor], Tensor]:
    def flatten(tensor: Tensor) -> Tensor:
        flat = rows.flatten(tensor, layout)
        if flat is None:
            raise ValueError(f"a state of {tuple(tensor.shape)} no longer has one entry for each of {rows.number} rows")
        return flat

    return flatten


def layout_of(module: nn.Module, rows: Rows) -> str | None:
    """The axes of what a module in a sequence model returns, where it declares them itself."""
    if rows.layout.startswith("V") or len(rows.sizes) < 2 or len(rows.layout.replace("F", "")) < 2:
        return None
    if isinstance(module, nn.Conv1d):
        return "BFT"
    batch_first = getattr(module, "batch_first", None)
    if isinstance(batch_first, bool):
        return "BTF" if batch_first else "TBF"
    return None


def find_input(model: object, source: Source, tokens: str) -> Place:
    """The place at which the rows enter a model: x where it is floating, else the embedding that reads its tokens.

    Args:
        model: the model.
        source: its call on the data.
        tokens: "embedding" for the output of the embedding, "one-hot" for a relaxed one-hot row of each token.

    Raises:
        ValueError: tokens that no embedding reads.
    """
    x = source.tensors["x"]
    if x.is_floating_point():
        return of_data(source, "x")
    found: list[tuple[str, nn.Embedding, Tensor]] = []

    def look(module: nn.Module, name: str, inputs: tuple[object, ...], output: object) -> None:
        read = inputs[0] if inputs else None
        if isinstance(read, Tensor) and isinstance(output, Tensor) and not found and _same(read, x):
            found.append((name, module, output))  # type: ignore[arg-type]

    modules = dict(model.named_modules()) if isinstance(model, nn.Module) else {}
    embeddings = [name for name, module in modules.items() if isinstance(module, nn.Embedding)]
    if embeddings:
        with torch.no_grad(), taps.hooked(model, embeddings, look):
            source.run({})
    if not found:
        raise ValueError(
            f"x holds integers ({x.dtype}), and no torch.nn.Embedding of the model reads them; give floating features, "
            "x.float(), or the module whose output is the input: input='…'"
        )
    name, module, output = found[0]
    if tokens == "embedding":
        return of_module(name, 0, module, output, source)
    one_hot = torch.nn.functional.one_hot(x, module.num_embeddings).to(module.weight.dtype)
    flat = source.rows.flatten(one_hot.reshape(*source.rows.row_shape(), -1), source.rows.layout.replace("F", "") + "F")
    if flat is None:
        raise ValueError(f"x must have one token a row, got {tuple(x.shape)}")
    return Place("x", flat, "rows", _rows_of(source.rows), _relaxed(module, source, output), name)


def _relaxed(module: nn.Embedding, source: Source, output: Tensor) -> Callable[[Tensor], Tensor]:
    layout = source.rows.layout.replace("F", "") + "F"

    def restore(value: Tensor) -> Tensor:
        shape = (*source.rows.row_shape(), module.embedding_dim)
        return source.rows.unflatten(value @ module.weight, shape, layout).reshape(output.shape)

    return restore


def _same(read: Tensor, x: Tensor) -> bool:
    """True where a module reads all of x, possibly in another shape."""
    return read.numel() == x.numel() and (
        read.data_ptr() == x.data_ptr() or torch.equal(read.reshape(-1), x.reshape(-1))
    )
