"""Receptive fields from the structure of any model, held against its Jacobian before they are believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphseq.nn.encoder import Encoder
from graphseq.reach.probe import taps
from graphseq.reach.probe.function import RowFunction
from graphseq.reach.probe.inputs import evaluate
from graphseq.reach.probe.layers import CallRecorder, Fields, Layer, UnknownLayerError, layer_names, layer_of
from graphseq.reach.probe.still import still

_CHECKED = 12  # answers whose Jacobians are compared
_DRAWS = 24  # the most points at which a Jacobian is taken; a maximum or a ReLU has a gradient at some of them only


@dataclass(frozen=True)
class Structure:
    """The rows that the answers of a model read by its layers, and whether its Jacobian says the same."""

    layers: tuple[Layer, ...]  #: in the order of their calls
    skips: bool  #: whether each layer may be passed by, as with residuals or jumping knowledge
    agrees: bool  #: whether the Jacobian is non-zero exactly there, on the answers that were compared
    why: str  #: a sentence: what was compared, or where the two disagree

    def __str__(self) -> str:
        """The layers, and the sentence."""
        names = ", ".join(f"{layer.name or 'model'} ({layer.kind})" for layer in self.layers)
        return f"{names}; {self.why}" if names else self.why


def structure(function: RowFunction) -> Structure:
    """Read the structure of a model from the layers that it calls, and compare it with the model's Jacobian.

    The layers are taken as a chain, and if that is not what the Jacobian says, as a chain with skip connections. The
    Jacobian is taken at points like the data, in float64 where the model can be copied to it, of up to a dozen answers,
    among them those of isolated rows and of the rows with the most edges.

    Args:
        function: a model on its data.
    """
    try:
        layers = () if function.source.is_ours else _layers(function)
    except UnknownLayerError as error:
        return Structure((), False, False, f"structure is not claimed: {error}")
    sample = _sample(function)
    claims = {skips: fields(function, sample, layers, skips) for skips in (False, True)}
    found = measured(function, sample, claims[True])
    for skips, claim in claims.items():
        if bool((claim == found).all()):
            which = "with skip connections, " if skips else ""
            return Structure(layers, skips, True, f"{which}the Jacobian of {len(sample)} answers agrees")
    return Structure(layers, True, False, _disagreement(sample, claims[True], found, layers))


def fields(function: RowFunction, outputs: Tensor, layers: Sequence[Layer], skips: bool) -> Fields:
    """The rows that answers read, by the layers alone, (K, V) of ``bool``.

    Args:
        function: a model on its data.
        outputs: the numbers of the answers, (K,).
        layers: in the order of their calls.
        skips: count also what passes a layer by.
    """
    if function.source.is_ours:
        return _of_ours(function, outputs)
    found: Fields = _own_rows(function, outputs)
    for layer in reversed(layers):
        through = layer.read(found)
        found = through | found if skips else through
    return found


def measured(function: RowFunction, outputs: Tensor, claim: Fields | None = None, *, seed: int = 0) -> Fields:
    """The rows at which the Jacobian of answers is not zero, at any of several points like the data, (K, V).

    Args:
        function: a model on its data.
        outputs: the numbers of the answers, (K,).
        claim: no further points are drawn once all of this was found, (K, V).
        seed: of the points.
    """
    exact = function.doubled()
    g = torch.Generator().manual_seed(seed)
    found = np.zeros((len(outputs), exact.num_rows), dtype=bool)
    quiet = 0
    with exact.opened():
        for draw in range(_DRAWS):
            before = found.sum()
            found |= _nonzero(exact, outputs, _point(exact, draw, g), g)
            quiet = 0 if found.sum() > before else quiet + 1
            if (claim is None and quiet >= 6) or (claim is not None and bool((found >= claim).all()) and draw):
                break
    return found


def _point(function: RowFunction, draw: int, generator: torch.Generator) -> Tensor:
    """Features like the data's: themselves, with small noise against kinks, then noise of their spread and more."""
    x = function.x
    spread = x.std(dim=0, correction=0) if len(x) > 1 else torch.zeros_like(x[0])
    spread = torch.where(spread > 0, spread, spread.max().clamp(min=1e-3) if draw == 0 else 1.0)
    noise = torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x.device, x.dtype)
    return x + noise * spread * (0.01 if draw == 0 else 1.0 + draw % 3)


def _nonzero(function: RowFunction, outputs: Tensor, x: Tensor, generator: torch.Generator) -> Fields:
    """The rows at which the gradient of a random sum of each answer's channels is not zero, at one point."""
    leaf = x.clone().requires_grad_()
    out = function.function(leaf, weights=False)
    lines = []
    for output in outputs.tolist():
        direction = torch.randn(out.shape[1], generator=generator, dtype=torch.float64).to(out.device, out.dtype)
        scalar = (out[output] * direction).sum()
        gradient = None
        if scalar.requires_grad:
            gradient = torch.autograd.grad(scalar, leaf, retain_graph=True, allow_unused=True)[0]
        lines.append(torch.zeros_like(leaf) if gradient is None else gradient)
    found: Fields = (torch.stack(lines) != 0).any(dim=2).cpu().numpy()
    return found


def _of_ours(function: RowFunction, outputs: Tensor) -> Fields:
    """The receptive fields that a model or an encoder of this library declares."""
    model: Any = function.model
    graph = function.graph
    if isinstance(model, Encoder):
        found: Fields = model.reach(graph, graph.target_rows[outputs.to(graph.node.device)]).numpy()
        return found
    fields: Fields = model.reach(graph)[outputs].numpy()
    return fields


def _layers(function: RowFunction) -> tuple[Layer, ...]:
    recorder = CallRecorder()
    names = layer_names(function.model)
    with still(function.model), torch.no_grad(), taps.hooked(function.model, names, recorder):
        evaluate(function.model, function.source, [], ())
    found = (layer_of(call, function.source.rows) for call in recorder.calls)
    return tuple(layer for layer in found if layer is not None)


def _own_rows(function: RowFunction, outputs: Tensor) -> Fields:
    """The rows of answers themselves: a row, both ends of a pair, or all rows of a graph, (K, V)."""
    own = np.zeros((len(outputs), function.num_rows), dtype=bool)
    at = function.output_rows
    if at is None:
        graph = function.graph_index.cpu().numpy()
        same: Fields = outputs.numpy()[:, None] == graph
        return same
    for end in at[..., outputs.to(at.device)].reshape(-1, len(outputs)).cpu().numpy():
        own[np.arange(len(outputs)), end] = True
    return own


def _sample(function: RowFunction) -> Tensor:
    """The answers to compare: those of isolated rows, of the rows with the most edges, the first, the last, others."""
    everyone = torch.arange(function.num_outputs)
    if len(everyone) <= _CHECKED:
        return everyone
    g = torch.Generator().manual_seed(0)
    order = torch.randperm(len(everyone), generator=g)
    at = function.output_rows
    if at is not None:
        row = (at if at.dim() == 1 else at[1]).cpu()
        edges = function.graph.topology.spacetime().edge_index.cpu()
        degree = torch.bincount(edges.flatten(), minlength=function.num_rows)[row]
        by_degree = order[torch.argsort(degree[order], stable=True)]
        order = torch.cat([by_degree[:3], by_degree[-3:], everyone[[0, -1]], order])
    chosen = list(dict.fromkeys(order.tolist()))[:_CHECKED]
    return torch.tensor(chosen)


def _disagreement(sample: Tensor, claim: Fields, found: Fields, layers: Sequence[Layer]) -> str:
    beyond, missing = found & ~claim, claim & ~found
    names = ", ".join(layer.kind for layer in layers) or "no layer that joins rows"
    if beyond.any():
        output, row = (int(index[0]) for index in beyond.nonzero())
        return (
            f"structure is not claimed: answer {int(sample[output])} reads row {row}, which its layers ({names}) do "
            "not: rows are also shifted or joined outside of them, such as by padding before a convolution (F.pad, "
            "nn.ConstantPad1d), a virtual node or a norm computed by functions; the rows are those of the Jacobian"
        )
    output, row = (int(index[0]) for index in missing.nonzero())
    return (
        f"structure is not claimed: answer {int(sample[output])} does not read row {row}, which its layers ({names}) "
        "would: a mask (padding, top-k pooling) or a maximum leaves the row out, the layers run side by side and not "
        "in a chain, or one gives the same whatever it reads, such as a ReLU that is always 0; the rows are those of "
        "the Jacobian"
    )
