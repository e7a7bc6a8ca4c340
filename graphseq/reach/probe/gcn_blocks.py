r"""The influence in a stack of graph convolutions, block by block of its Jacobian.

.. math:: J^{(L)}_{kk} = W_o, \qquad
          J^{(l-1)}_{kv} = \sum_u \hat A_{uv} \, J^{(l)}_{ku} W_l \, \mathrm{diag}[h^{(l-1)}_v > 0]

over the pairs of an output k and a row v that l layers bring together, where W_o are the weights of the head, and at
the features there is no mask. A backward pass works on all rows from the first layer on; here each layer has the pairs
that there are, which on a path are half, on a grid a fifth.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphseq._torch import compat
from graphseq._torch.precision import is_mixed
from graphseq.nn.convolutional.gcn import GCN
from graphseq.nn.heads import RowHead
from graphseq.nn.model import Model
from graphseq.reach.probe.function import RowFunction
from graphseq.reach.probe.norms import reduced
from graphseq.reach.probe.rows import numbers_of_answers
from graphseq.reach.probe.still import still

_BLOCK = 2**23  # bytes of blocks that are there at a time
_NORMS = ("fro", "l1", "max")


class _Layer(NamedTuple):
    weight: Tensor  # (H, F)
    is_positive: Tensor | None  # where the states that it reads have a gradient, (V, F); None at the features


class _Pairs(NamedTuple):
    """Pairs of an output and a row, ordered by both."""

    output: np.ndarray  # (P,)
    row: np.ndarray  # (P,)


def block_norms(function: RowFunction, outputs: Tensor | None, wrt: str, norm: str, max_entries: int) -> Tensor | None:
    """Each block's norm, (K, V), in the precision of the model; ``None`` where the model is no such stack."""
    encoder, head = _parts(function.model)
    if encoder is None or wrt != "x" or norm not in _NORMS or not _is_simple(function, encoder):
        return None
    rows = function.output_rows
    if rows is None or rows.dim() != 1:
        return None
    rows = rows if outputs is None else rows[numbers_of_answers(outputs, function.num_outputs).long()]
    channels = encoder.hidden_channels if head is None else head.lin.weight.shape[0]
    if not len(rows) or len(rows) * channels * function.x.numel() > max_entries:
        return None
    start = torch.eye(channels, dtype=function.x.dtype) if head is None else head.lin.weight.detach()
    matrix = function.graph.topology.spacetime(encoder.causal).normalised(function.x.dtype).csr
    crow, col, value = (part.numpy() for part in (matrix.crow_indices(), matrix.col_indices(), matrix.values()))
    layers = _layers(function, encoder)
    found = torch.zeros(len(rows), function.num_rows, dtype=torch.float64)
    first, count = 0, 1
    while first < len(rows):
        chunk = rows[first : first + count].numpy()
        pairs, blocks = _Pairs(np.arange(len(chunk)), chunk), start.expand(len(chunk), -1, -1)
        for layer in reversed(layers):
            pairs, blocks = _back(pairs, blocks, layer, (crow, col, value))
        found[first + torch.from_numpy(pairs.output), torch.from_numpy(pairs.row)] = reduced(blocks.flatten(1), norm)
        first += count
        size = blocks.numel() * blocks.element_size()
        count = max(1, min(2 * count, int(count * _BLOCK / size)))
    return (found.sqrt() if norm == "fro" else found).to(function.x.dtype)


def _parts(model: object) -> tuple[GCN | None, RowHead | None]:
    if type(model) is GCN:
        return model, None
    is_known = type(model) is Model and type(model.encoder) is GCN and type(model.head) is RowHead
    if not isinstance(model, Model) or not is_known or model.transform is not None:
        return None, None
    is_watched = compat.has_hooks(model) or compat.has_hooks(model.head) or compat.has_hooks(model.head.lin)
    is_plain = type(model.head.lin) is torch.nn.Linear
    return (model.encoder, model.head) if is_plain and not is_watched else (None, None)  # type: ignore[return-value]


def _is_simple(function: RowFunction, encoder: GCN) -> bool:
    """True where the stack is nothing but convolutions and ReLU on a CPU, and data are this library's own."""
    x, topology = function.x, function.graph.topology
    return (
        function.source.is_ours
        and encoder.is_bare()
        and x.dim() == 2
        and x.is_cpu
        and x.dtype in (torch.float32, torch.float64)
        and not is_mixed(x)
        and topology.edge_attr is None
        and topology.static_edge_attr is None
        and not topology.is_learned
        and not topology.spacetime(encoder.causal).is_identity
        and not compat.has_hooks(encoder)
        and not compat.has_global_hooks()
    )


def _layers(function: RowFunction, encoder: GCN) -> list[_Layer]:
    graph = function.graph
    weights = [conv.get_parameter("lin.weight").detach() for conv in encoder.convs]
    with still(function.model), torch.no_grad():
        states = list(encoder.layers(graph, function.x))[:-1]
    masks: list[Tensor | None] = [None, *((state > 0).to(function.x.dtype) for state in states)]
    return [_Layer(weight, mask) for weight, mask in zip(weights, masks, strict=True)]


def _back(
    pairs: _Pairs, blocks: Tensor, layer: _Layer, matrix: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> tuple[_Pairs, Tensor]:
    """Pairs and blocks (P', C, F) one layer below, from blocks (P, C, H)."""
    crow, col, value = matrix
    wide = blocks.reshape(-1, blocks.shape[2]) @ layer.weight
    counts = crow[pairs.row + 1] - crow[pairs.row]
    origin = np.repeat(np.arange(len(counts)), counts)
    ends = np.cumsum(counts)
    entry = np.arange(ends[-1]) - np.repeat(ends - counts, counts) + np.repeat(crow[pairs.row], counts)
    size = len(crow) - 1
    keys, place = np.unique(pairs.output[origin] * size + col[entry], return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(place, minlength=len(keys)))])
    rows, columns, values = (torch.from_numpy(part) for part in (starts, origin[order], value[entry[order]]))
    spread = torch.sparse_csr_tensor(rows, columns, values, (len(keys), len(pairs.row)), check_invariants=False)
    below = (spread @ wide.view(len(pairs.row), -1)).view(len(keys), blocks.shape[1], -1)
    output, row = keys // size, keys % size
    if layer.is_positive is not None:
        below *= layer.is_positive[torch.from_numpy(row)].unsqueeze(1)
    return _Pairs(output, row), below
