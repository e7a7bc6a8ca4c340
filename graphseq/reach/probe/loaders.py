"""The batches of a loader, joined to one: a model that keeps graphs apart answers for them as for each alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset
from torch_geometric.data import Batch, Data, HeteroData

from graphseq.reach.probe import taps
from graphseq.reach.probe.source import source
from graphseq.reach.probe.still import attributes_kept, random_state

OF_LOADERS = ("input_id", "e_id", "batch_size", "num_sampled_nodes", "num_sampled_edges", "ptr")


@dataclass(frozen=True)
class Joined:
    """The batches of a loader, and all of them as one."""

    batches: tuple[Data | Tensor, ...]
    data: Data | Tensor
    rows: Tensor | None  #: the rows at which a loader of neighbourhoods asks for answers, its seeds
    notes: tuple[str, ...]


def read(model: object, data: object, options: dict[str, Any]) -> Joined | None:
    """Join the batches of a loader; ``None`` where data is one batch.

    Args:
        model: any callable.
        data: that of a probe.
        options: those of a probe; of a loader of neighbourhoods they are told its seeds.

    Raises:
        TypeError: as :func:`batches_of` and :func:`join`.
        ValueError: options that are of one batch, or batches that cannot be joined.
    """
    batches = batches_of(data)
    if batches is None:
        return None
    if options["rows"] is not None:
        raise ValueError("rows=… names rows of one batch, and data is a loader; measure one batch")
    first, axis = _features(batches[0]), None
    if isinstance(first, Tensor):
        layout = source(model, first, options["call"], options["layout"]).rows.layout
        axis = layout.index("B") if "B" in layout else None
    elif options["call"] is not None:
        raise ValueError(
            "call=… is given x alone, and each batch of a loader has edges of its own; measure one batch, or wrap the "
            "model in a module of (data)"
        )
    joined = join(batches, axis)
    if joined.rows is not None and options["output"] in (None, "node"):
        options |= {"rows": joined.rows, "output": at_rows(joined.rows)}
    return joined


def options_of_each(
    joined: Joined, options: dict[str, Any], kind: str | None
) -> Iterator[tuple[Data | Tensor, dict[str, Any]]]:
    """Each batch, and the options of a probe of it alone.

    Args:
        joined: the batches.
        options: those of the joined ones.
        kind: of the answers, where the options do not say it.
    """
    for batch in joined.batches:
        own = {**options, "rows": None, "output": options["output"] or kind}
        if options["rows"] is not None and isinstance(batch, Data):
            seeds = torch.arange(batch.batch_size)
            own |= {"rows": seeds, "output": at_rows(seeds)}
        yield batch, own


def batches_of(data: object) -> list[object] | None:
    """The batches of a loader, a data set or a list, whose own state stays as it is; ``None`` for one batch.

    Raises:
        TypeError: an iterator or a stream, which would be used up.
        ValueError: no batch.
    """
    if isinstance(data, DataLoader):
        if isinstance(data.dataset, IterableDataset):
            raise TypeError(
                f"data is a loader of the stream {type(data.dataset).__name__}, which measuring would use up; give one "
                "batch, or a list of batches"
            )
        with kept(data) as loader:
            found = list(loader)
    elif isinstance(data, list) and data and all(isinstance(each, Data | HeteroData) for each in data):
        found = list(data)
    elif isinstance(data, Dataset) and hasattr(data, "__len__"):
        with random_state():
            found = [data[at] for at in range(len(data))]
    elif isinstance(data, Iterator):
        raise TypeError(f"data is a {type(data).__name__}, which measuring would use up; give a list of batches")
    else:
        return None
    if not found:
        raise ValueError(f"data is a {type(data).__name__} without a batch")
    return found


@contextmanager
def kept(loader: DataLoader[object]) -> Iterator[DataLoader[object]]:
    """A copy of a loader, whose samplers, generators and workers are as they were on exit."""
    parts = [loader, loader.sampler, loader.batch_sampler, getattr(loader.batch_sampler, "sampler", None)]
    generators = {getattr(part, "generator", None) for part in parts}
    states = [(each, each.get_state()) for each in generators if isinstance(each, torch.Generator)]
    own = copy(loader)
    own._iterator = None  # one with workers that are kept
    with ExitStack() as stack:
        stack.enter_context(random_state())
        stack.enter_context(attributes_kept([part for part in parts if part is not None]))
        try:
            yield own
        finally:
            for generator, state in states:
                generator.set_state(state)


def join(found: Sequence[object], axis: int | None) -> Joined:
    """Join batches of PyG data, or of tensors.

    Args:
        found: the batches; of a tuple (x, y) the first entry is the features.
        axis: of tensors, that of the sequences; ``None`` where there is none.

    Raises:
        TypeError: batches of another type.
        ValueError: tensors that differ in another axis.
    """
    batches = [_features(batch) for batch in found]
    notes = [f"{len(batches)} batches are joined to one"] if len(batches) > 1 else []
    if isinstance(found[0], list | tuple):
        notes.append(f"the first of the {len(found[0])} entries of a batch is x")
    tensors = [batch for batch in batches if isinstance(batch, Tensor)]
    graphs = [batch for batch in batches if isinstance(batch, Data)]
    if tensors and graphs:
        raise TypeError("the batches of data are some tensors and some graphs; give a loader of one kind")
    if tensors:
        return Joined(tuple(tensors), _cat(tensors, axis), None, tuple(notes))
    rows = _seeds(graphs)
    if rows is not None:
        notes.append(f"answers are those at the {len(rows)} seeds of sampled neighbourhoods")
    return Joined(tuple(graphs), _batch(graphs), rows, tuple(notes))


def _features(batch: object) -> Data | Tensor:
    given = batch[0] if isinstance(batch, list | tuple) and len(batch) else batch
    if isinstance(given, HeteroData):
        raise TypeError(
            "the batches of data are HeteroData, whose kinds of nodes have different features; measure "
            "batch.to_homogeneous() with a model of it"
        )
    if not isinstance(given, Data | Tensor):
        raise TypeError(
            f"the batches of data must be PyG Data or tensors, got {type(given).__name__}; measure one batch, and say "
            "how the model is called: Probe(model, x, call=lambda m, x: m(…))"
        )
    return given


def _cat(tensors: list[Tensor], axis: int | None) -> Tensor:
    shapes = {tuple(tensor.shape[:axis]) + tuple(tensor.shape[(axis or 0) + 1 :]) for tensor in tensors}
    if axis is None or len(shapes) > 1:
        given = ", ".join(str(tuple(tensor.shape)) for tensor in tensors[:3])
        raise ValueError(
            f"the batches of data cannot be joined, since they are {given}{', …' if len(tensors) > 3 else ''}: "
            "sequences of one length each, in batches (B, T, F) or (B, T), can; measure one batch"
        )
    return torch.cat(tensors, dim=axis)


def _seeds(graphs: list[Data]) -> Tensor | None:
    """The rows that a loader of neighbourhoods asks about: the first of each of its batches."""
    if not all("input_id" in graph and isinstance(graph.get("batch_size"), int) for graph in graphs):
        return None
    parts, first = [], 0
    for graph in graphs:
        parts.append(torch.arange(first, first + graph.batch_size))
        first += int(graph.num_nodes or 0)
    return torch.cat(parts)


def _batch(graphs: list[Data]) -> Data:
    parts: list[Data] = []
    for graph in graphs:
        parts.extend(graph.to_data_list() if isinstance(graph, Batch) else [_alone(graph)])
    whole: Data = Batch.from_data_list(parts)
    given = [graph.get("batch") for graph in graphs]
    if not any(isinstance(graph, Batch) for graph in graphs) and all(isinstance(each, Tensor) for each in given):
        sizes = [int(each.max()) + 1 if each.numel() else 0 for each in given]  # of a loader that says them itself
        first = torch.tensor([0, *sizes]).cumsum(0).tolist()
        whole.batch = torch.cat([each + start for each, start in zip(given, first, strict=False)])
    return whole


def _alone(graph: Data) -> Data:
    """A graph without what a loader says about its batch."""
    kept = copy(graph)
    for key in (*OF_LOADERS, "batch"):
        if key in kept:
            del kept[key]
    return kept


def at_rows(rows: Tensor) -> Callable[[object], object]:
    """A function of what a model returns, that gives the answers at some rows."""

    def pick(raw: object) -> object:
        tensor = taps.first_tensor(raw)
        return raw if tensor is None else tensor[rows.to(tensor.device)]

    return pick


def check_apart(joined: Tensor, alone: Sequence[Tensor]) -> None:
    """Refuse a model whose answers on joined batches are others than on each.

    Args:
        joined: the answers on all batches as one, (K, C).
        alone: those on each batch.

    Raises:
        ValueError: answers that differ by more than rounding.
    """
    apart = torch.cat(list(alone))
    size = float(apart.abs().max()) if apart.numel() else 0.0
    limit = (1e-4 if joined.dtype != torch.float64 else 1e-9) * (size + 1e-30)
    if apart.shape == joined.shape and bool(((apart - joined).abs() <= limit).all()):
        return
    most = f"by {float((apart - joined).abs().max()):.3g}" if apart.shape == joined.shape else "in their number"
    raise ValueError(
        f"the model's answers on the joined batches differ {most} from those on each batch: it mixes the graphs of a "
        "batch, as a norm over graphs does that is not told which they are, so that results cannot be pooled; measure "
        "one batch: next(iter(loader))"
    )
