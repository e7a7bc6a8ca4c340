"""A model and its data as one function of tensors: how the model is called, and which tensors may take other values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch_geometric.data import Data, HeteroData

from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.encoder import Encoder
from graphseq.nn.model import Model
from graphseq.reach.probe import arguments, rows
from graphseq.reach.probe.given import OURS
from graphseq.reach.probe.layout import axes_of
from graphseq.reach.probe.rows import Rows, edges_of_adjacency

Call = Callable[[object, Tensor], object]
_EDGE_TENSORS = ("edge_attr", "edge_weight")


@dataclass(frozen=True)
class Source:
    """A model's call on data."""

    run: Callable[[Mapping[str, Tensor]], object]  #: from tensors in place of the data's own to what the model returns
    tensors: Mapping[str, Tensor]  #: those of the data that may be replaced: x, and edge_attr, edge_weight where read
    rows: Rows
    edge_index: Tensor | None  #: the ends of each edge, (2, E)
    pairs: Tensor | None  #: the ends of each pair that is asked about, or of each edge, (2, ·)
    notes: tuple[str, ...]
    is_ours: bool

    @property
    def num_edges(self) -> int | None:
        """E, or the number of pairs that are asked about."""
        return None if self.pairs is None else self.pairs.shape[1]


def source(model: object, data: object, call: Call | None, layout: str | None) -> Source:
    """Read how a model is called on data.

    Args:
        model: any callable.
        data: PyG data or a batch, a space-time graph, or a tensor.
        call: ``call(model, x)`` in place of what the signature says.
        layout: the axes of a tensor.

    Raises:
        TypeError: a model that cannot be called, heterogeneous data, or data of another type.
        ValueError: a model that requires what the data lacks.
    """
    if not callable(model):
        raise TypeError(f"model must be a module or another callable, got {type(model).__name__}")
    if isinstance(data, HeteroData):
        kind = next(iter(data.node_types), "node")
        raise TypeError(
            "data is a HeteroData, whose kinds of nodes have different features; measure data.to_homogeneous() with a "
            f"model of it, or one kind of node: Probe(model, Data(x=data[{kind!r}].x, …), call=lambda m, x: "
            f"m({{**data.x_dict, {kind!r}: x}}, data.edge_index_dict)[{kind!r}])"
        )
    if isinstance(model, nn.Module) and any(is_lazy(parameter) for parameter in model.parameters()):
        raise ValueError(f"{type(model).__name__} has parameters without a size yet; call it once on the data first")
    if isinstance(data, Tensor):
        if data.is_meta:
            raise ValueError("data is a tensor on the meta device, without numbers, where a graph or a tensor is meant")
        return _of_tensor(model, _moved(data, model), call, layout)
    if not isinstance(data, Data):
        raise TypeError(f"data must be PyG Data or Batch, a SpaceTimeGraph or a tensor, got {type(data).__name__}")
    if layout is not None:
        raise ValueError(f"layout={layout!r} is of tensors, and data is a {type(data).__name__}")
    if isinstance(data, SpaceTimeGraph):
        if isinstance(model, OURS) or call is not None:
            return _of_spacetime(model, data, call)
        if isinstance(model, nn.RNNBase):
            raise TypeError(f"nn.{type(model).__name__} reads tensors: Probe(model, x) with x (B, T, F) or (T, F)")
        unrolled = _of_data(model, data.unroll(), None)
        note = "the space-time graph is read unrolled: spatial and temporal edges in edge_index"
        return Source(**{**unrolled.__dict__, "notes": (note, *unrolled.notes)})
    return _of_data(model, data, call)


def why_not_given(source: Source, data: object, name: str, *, has_call: bool) -> str:
    """The reason why the model is not given edge features or weights, for a message."""
    if isinstance(data, SpaceTimeGraph) and getattr(data.topology.spatial, name) is not None:
        if not source.is_ours and not has_call:  # read unrolled
            return f"the model is not given {name}"
        return (
            f"{name} of a SpaceTimeGraph is part of its topology, which stays as it is while a model is measured; "
            f"measure a model that reads {name} on PyG Data"
        )
    return f"the model is not given {name}" if isinstance(data, Data) and name in data else f"data has no {name}"


@contextmanager
def said(source: Source, call: Call | None) -> Iterator[None]:
    """Say how a model was called where it fails on what it was given.

    Raises:
        TypeError: the model was called as its signature says, and its arguments are of another kind than it takes.
    """
    try:
        yield
    except (TypeError, KeyError, AttributeError, IndexError) as error:
        called = next((note for note in source.notes if note.startswith("called as ")), "")
        if call is not None or not called:
            raise
        raise TypeError(
            f"the model, {called}, failed: {type(error).__name__}: {error}; if that is not how it is called, say it: "
            "call=lambda m, x: m(…)"
        ) from error


def _of_data(model: Callable[..., object], data: Data, call: Call | None) -> Source:
    own = copy(data).apply(lambda value: _moved(value, model))
    _check_has_x(own, data)
    own.x = _checked(own.x).contiguous()
    seeds = _seeds(data)
    edge_index = edges_of_adjacency(own.get("edge_index"), own.get("adj_t"))
    notes: tuple[str, ...] = ()
    replaceable = {"x": own.x}
    if call is None:
        read = arguments.read(model, own)
        notes = (read.words(model), *read.notes)
        if "batch" in read.attributes.values() and own.get("batch") is None:
            own.batch = torch.zeros(len(own.x), dtype=torch.long, device=own.x.device)
        whole = "" in read.attributes.values()
        replaceable |= {
            key: own[key]
            for key in _EDGE_TENSORS
            if isinstance(own.get(key), Tensor) and (whole or key in read.attributes.values())
        }

    def run(tensors: Mapping[str, Tensor]) -> object:
        if call is not None:
            return call(model, tensors["x"] if "x" in tensors else own.x.clone())
        used = copy(own)
        used.x = own.x.clone()
        for key, value in tensors.items():
            used[key] = value
        return model(**read.fill(used))

    pairs = own.edge_label_index if isinstance(own.get("edge_label_index"), Tensor) else edge_index
    return Source(run, replaceable, rows.of_graph(own, edge_index), edge_index, pairs, (*notes, *seeds), False)


def _check_has_x(own: Data, data: Data) -> None:
    """Refuse data without one tensor of features.

    Args:
        own: the data, its tensors on the device of the model.
        data: as it was given.
    """
    if own.get("x") is not None and not isinstance(own.x, Tensor):
        if isinstance(data.x, list | tuple) and data.x and all(isinstance(part, Tensor) for part in data.x):
            raise TypeError(
                f"data is bipartite: its x is {len(data.x)} tensors, of nodes of different kinds; give one x (V, F) of "
                "all nodes, with edges between their numbers"
            )
        raise TypeError(f"data.x must be a torch.Tensor, got {type(own.x).__name__}: data.x = torch.as_tensor(data.x)")
    if own.get("x") is None:
        raise ValueError(
            "data has no x; give each node features, data.x = torch.ones(data.num_nodes, 1), or what the model reads "
            "in their place: data.x = data.pos, call=lambda m, x: m(data.z, x, data.batch)"
        )


def _seeds(data: Data) -> tuple[str, ...]:
    """A note on a batch of a loader of neighbourhoods."""
    count = data.get("batch_size")
    if "input_id" not in data or not isinstance(count, int):
        return ()
    return (f"rows from {count} on are sampled neighbours, whose own are cut off; the seeds are nodes=range({count})",)


def _of_spacetime(model: Callable[..., object], graph: SpaceTimeGraph, call: Call | None) -> Source:
    graph = _on_device_of(model, graph)
    x = _moved(graph.x, model).detach()
    if call is None and isinstance(model, Model | Encoder):
        encoder = model if isinstance(model, Encoder) else model.encoder
        x = encoder._features(x)

    def run(tensors: Mapping[str, Tensor]) -> object:
        given = tensors.get("x", x)
        return call(model, given) if call is not None else model(graph.replace(x=given))

    pairs = graph.get("edge_label_index")
    at = Rows(graph, "V" if x.dim() == 1 else "VF", {"V": graph.num_rows})
    is_ours = call is None and isinstance(model, OURS)
    return Source(run, {"x": x}, at, None, pairs, (), is_ours)


def _of_tensor(model: Callable[..., object], x: Tensor, call: Call | None, layout: str | None) -> Source:
    _checked(x)
    if call is None:
        arguments.check_one(model)

    def run(tensors: Mapping[str, Tensor]) -> object:
        given = tensors["x"] if "x" in tensors else x.clone()
        return call(model, given) if call is not None else model(given)

    axes = axes_of(model, x, layout, lambda: run({}))
    return Source(run, {"x": x}, rows.of_sequences(x, axes), None, None, (f"axes of x are {axes}",), False)


def _checked(x: Tensor) -> Tensor:
    """Return the features, or say that they are none that can be varied."""
    if x.is_complex():
        raise TypeError(f"x must hold real numbers or tokens, got {x.dtype}")
    if x.dim() == 0 or not x.numel():
        raise ValueError(f"data has no rows: x is {tuple(x.shape)}")
    if x.is_floating_point() and bool(x.isnan().any()):
        at = x.isnan().nonzero()[0].tolist()
        raise ValueError(f"x{at} is NaN; influence is measured at features that are numbers")
    return x


def _on_device_of(model: object, graph: SpaceTimeGraph) -> SpaceTimeGraph:
    device = _place(model)[0]
    return graph if device is None or device == graph.node.device else copy(graph).to(device)


def _moved(value: Tensor, model: object) -> Tensor:
    """A tensor on the device of the model, in the precision of its weights, and usable with gradients."""
    if not isinstance(value, Tensor):
        return value
    with torch.inference_mode(False):
        device, dtype = _place(model)
        value = value.clone() if value.is_inference() else value
        return value.to(
            device or value.device, dtype if dtype is not None and value.is_floating_point() else value.dtype
        )


def _place(model: object) -> tuple[torch.device | None, torch.dtype | None]:
    """The device and the precision of a model's first floating parameter."""
    parameters = model.parameters() if isinstance(model, nn.Module) else ()
    first = next((p for p in parameters if p.is_floating_point()), None)
    return (None, None) if first is None else (first.device, first.dtype)
