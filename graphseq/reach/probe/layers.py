"""The layers that a model calls, in order, and the rows that each lets a row read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch_geometric.typing import SparseTensor

from graphseq._torch import compat
from graphseq.data.adjacency import Adjacency
from graphseq.nn.conv_reach import ConvReach, conv_reach
from graphseq.reach.probe import taps
from graphseq.reach.probe.rows import Rows, edges_of_adjacency

Fields = np.ndarray  #: (K, V) of bool: the rows on which each of K outputs depends

_OVER_GRAPHS = (pyg.GraphNorm, pyg.PairNorm, pyg.MeanSubtractionNorm)
_ROW_BY_ROW = (
    pyg.BatchNorm,
    pyg.GraphSizeNorm,
    pyg.MessageNorm,
    pyg.DiffGroupNorm,
    pyg.JumpingKnowledge,
    pyg.Aggregation,  # of a readout; what reads its result back into rows is found by the Jacobian
    *compat.BATCH_NORMS,
    nn.LayerNorm,
    nn.RMSNorm,
)


_ATTENTION = nn.MultiheadAttention | nn.TransformerEncoderLayer | nn.TransformerDecoderLayer


_CONVOLUTIONS = (pyg.MessagePassing, pyg.GPSConv, pyg.DirGNNConv, pyg.AntiSymmetricConv)


class UnknownLayerError(ValueError):
    """A layer of which it is not known what a row reads."""


@dataclass(frozen=True)
class Layer:
    """One call of a layer."""

    name: str  #: of its module
    kind: str  #: its class, with what it reads
    read: Callable[[Fields], Fields]  #: from the fields of outputs in its result to those in what it was given


@dataclass(frozen=True)
class Call:
    """One call of a module."""

    name: str
    module: nn.Module
    arguments: tuple[object, ...]  #: positional ones, then those by name


class CallRecorder:
    """The calls of modules, in order, with what they were given."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __call__(self, module: nn.Module, name: str, inputs: tuple[object, ...], output: object) -> None:
        """Record a call, as a hook."""
        self.calls.append(Call(name, module, inputs))


def layer_names(model: object) -> list[str]:
    """The names of the modules of a model that may join rows."""
    kinds = taps.LAYERS + taps.NORMS + taps.POOLS + compat.INSTANCE_NORMS
    return taps.names_of(model, kinds)


def layer_of(call: Call, rows: Rows) -> Layer | None:
    """The rows that a call of a module lets a row read; ``None`` where each row reads itself alone.

    Raises:
        UnknownLayerError: a module of which this is not known.
    """
    module = call.module
    if isinstance(module, _ROW_BY_ROW):
        return None
    if isinstance(module, _CONVOLUTIONS):
        return _convolution(call, rows)
    if isinstance(module, (*_OVER_GRAPHS, pyg.LayerNorm, pyg.InstanceNorm)):
        return _graph_norm(call, rows)
    if isinstance(module, nn.RNNBase | nn.RNNCellBase | _ATTENTION) and _is_within_rows(call, rows):
        return None
    return _over_time(call, rows)


def _over_time(call: Call, rows: Rows) -> Layer:
    module = call.module
    if isinstance(module, nn.RNNBase):
        both = module.bidirectional
        return Layer(call.name, f"{_kind(module)}{', both ways' * both}", _sequence(rows) if both else _past(rows))
    if isinstance(module, nn.Conv1d):
        return Layer(call.name, f"{_kind(module)} of {module.kernel_size[0]} steps", _window(module, rows))
    if isinstance(module, _ATTENTION):
        return _attention(call, rows)
    if isinstance(module, compat.INSTANCE_NORMS):
        return Layer(call.name, f"{_kind(module)} over the whole sequence", _sequence(rows))
    raise UnknownLayerError(f"{call.name} is a {_kind(module)}, of which it is not known what a row reads")


def _is_within_rows(call: Call, rows: Rows) -> bool:
    """True for a cell on the rows of a graph, and for a layer that reads a sequence inside each row of a graph."""
    given = _tensors(call)
    if "T" in rows.sizes or not given or isinstance(call.module, nn.RNNCellBase):
        return "T" not in rows.sizes
    batch_first = getattr(
        call.module, "batch_first", getattr(getattr(call.module, "self_attn", None), "batch_first", 0)
    )
    return given[0].dim() == 3 and given[0].shape[0 if batch_first else 1] == rows.number


def _attention(call: Call, rows: Rows) -> Layer:
    """Attention over a sequence, to the steps that a mask of its call leaves it; of a graph, over its rows."""
    if "T" not in rows.sizes:
        return Layer(call.name, f"{_kind(call.module)} over the whole graph", _sequence(rows))
    _, steps = _sequence_shape(rows)
    masks = [value for value in _tensors(call) if value.shape == (steps, steps) and value.dim() == 2]
    if not masks:
        return Layer(call.name, f"{_kind(call.module)} over the whole sequence", _sequence(rows))
    is_read = [~mask if mask.dtype == torch.bool else mask > -torch.inf for mask in masks]
    reads = torch.stack(is_read).all(dim=0).cpu().numpy()

    def read(fields: Fields) -> Fields:
        by_time = fields.reshape(-1, steps).astype(np.float32)
        found: Fields = (by_time @ reads.astype(np.float32) > 0).reshape(fields.shape)
        return found

    residual = not isinstance(call.module, nn.MultiheadAttention)
    return Layer(
        call.name, f"{_kind(call.module)} under a mask", (lambda fields: read(fields) | fields) if residual else read
    )


def _convolution(call: Call, rows: Rows) -> Layer:
    sparse = [edges_of_adjacency(value) for value in call.arguments if _is_adjacency(value, rows)]
    edges = [value for value in _tensors(call) if _is_edges(value, rows)]
    edges += [value for value in sparse if value is not None]
    if len(edges) != 1:
        raise UnknownLayerError(f"{call.name} is not given edges between the {rows.number} rows of the data")
    try:
        reach = conv_reach(call.module)
    except TypeError:  # it takes more than x and edges, such as types of edges or a first state
        reach = ConvReach(1)  # to be held against the Jacobian, as all of this is
    except ValueError as error:
        raise UnknownLayerError(f"{call.name}: {error}") from error
    batch = rows.graph.graph_index if _has_batch(call, rows) else None
    weights = [value for value in _tensors(call) if value.is_floating_point() and value.shape == edges[0].shape[1:]]
    weight = weights[0] if weights and reach.reads_edge_weight else None
    if reach.is_global:
        return Layer(call.name, f"{_kind(call.module)} over the whole graph", _whole(rows, batch))
    pattern = reach.pattern(Adjacency(edges[0].cpu(), None if weight is None else weight.detach().cpu(), rows.number))
    words = f"{_kind(call.module)} of {reach.hops} hop{'s' * (reach.hops != 1)}"
    transposed = pattern.T.tocsr().astype(np.float32)

    def read(fields: Fields) -> Fields:
        found: Fields = (transposed @ fields.T.astype(np.float32)).T > 0
        return found

    return Layer(call.name, words, read)


def _graph_norm(call: Call, rows: Rows) -> Layer | None:
    module = call.module
    if isinstance(module, pyg.LayerNorm) and module.mode == "node":
        return None
    if isinstance(module, pyg.InstanceNorm) and module.track_running_stats:
        return None
    batch = rows.graph.graph_index if _has_batch(call, rows) else None
    return Layer(call.name, f"{_kind(module)} over the whole graph", _whole(rows, batch))


def _tensors(call: Call) -> list[Tensor]:
    return [value for value in call.arguments if isinstance(value, Tensor)]


def _is_adjacency(value: object, rows: Rows) -> bool:
    is_sparse = isinstance(value, SparseTensor) or (isinstance(value, Tensor) and value.layout != torch.strided)
    return is_sparse and tuple(value.sizes() if hasattr(value, "sizes") else value.shape) == (rows.number,) * 2  # type: ignore[attr-defined]


def _is_edges(value: Tensor, rows: Rows) -> bool:
    is_pairs = value.layout == torch.strided and value.dim() == 2 and value.shape[0] == 2 and value.dtype == torch.long
    return is_pairs and (value.numel() == 0 or int(value.max()) < rows.number)


def _has_batch(call: Call, rows: Rows) -> bool:
    return any(value.dtype == torch.long and value.shape == (rows.number,) for value in _tensors(call))


def _whole(rows: Rows, batch: Tensor | None) -> Callable[[Fields], Fields]:
    """All rows of the graphs of the rows in a field; all rows of the data where a layer is not told the graphs."""
    graph = np.zeros(rows.number, dtype=np.int64) if batch is None else batch.cpu().numpy()

    def read(fields: Fields) -> Fields:
        heard = np.zeros((len(fields), int(graph.max()) + 1), dtype=bool)
        output, row = fields.nonzero()
        heard[output, graph[row]] = True
        return heard[:, graph]

    return read


def _sequence(rows: Rows) -> Callable[[Fields], Fields]:
    return _whole(rows, rows.graph.graph_index)


def _past(rows: Rows) -> Callable[[Fields], Fields]:
    """The rows of a sequence up to the last one in a field."""
    shape = (-1, *_sequence_shape(rows))

    def read(fields: Fields) -> Fields:
        by_time = fields.reshape(shape)
        heard = np.logical_or.accumulate(by_time[..., ::-1], axis=-1)[..., ::-1]
        return heard.reshape(fields.shape)

    return read


def _window(conv: nn.Conv1d, rows: Rows) -> Callable[[Fields], Fields]:
    """The steps under the kernel of a convolution over time that keeps the number of steps."""
    if conv.stride != (1,):
        raise UnknownLayerError("a Conv1d of another stride than 1 changes which step a row is")
    width = conv.dilation[0] * (conv.kernel_size[0] - 1)
    named = {"same": width // 2, "valid": 0}
    before = named[conv.padding] if isinstance(conv.padding, str) else conv.padding[0]
    offsets = [k * conv.dilation[0] - before for k in range(conv.kernel_size[0])]
    shape = (-1, *_sequence_shape(rows))

    def read(fields: Fields) -> Fields:
        by_time = fields.reshape(shape)
        heard = np.zeros_like(by_time)
        steps = by_time.shape[-1]
        for offset in offsets:
            low, high = max(0, -offset), min(steps, steps - offset)
            if low < high:
                heard[..., low + offset : high + offset] |= by_time[..., low:high]
        return heard.reshape(fields.shape)

    return read


def _sequence_shape(rows: Rows) -> tuple[int, int]:
    if "T" not in rows.sizes:
        raise UnknownLayerError("a layer over time is called on the rows of a graph")
    return rows.sizes["B"], rows.sizes["T"]


def _kind(module: nn.Module) -> str:
    return type(module).__name__
