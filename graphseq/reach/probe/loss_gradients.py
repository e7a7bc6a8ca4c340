"""The gradient of a loss in the states of any model, of each graph's own loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._prompt import short_repr
from graphseq.reach.probe.chain import Chain, chained_by_hooks, gradients
from graphseq.reach.probe.function import RowFunction
from graphseq.reach.probe.inputs import Place

Loss = Callable[[Tensor, Tensor], Tensor]


@short_repr
@dataclass(frozen=True)
class LossGradients:
    """The gradients of B losses, one a graph, in the states that have a line for each row, edge or graph."""

    names: tuple[str, ...]
    of: tuple[str, ...]  #: of each state, "rows", "edges" or "graphs": the things that its lines are of
    states: tuple[Tensor, ...]  #: the gradient in each state, (n, F)
    owners: tuple[Tensor, ...]  #: the graph of each of its lines, (n,)
    num_outputs: Tensor  #: the number of answers of each graph that have a loss, (B,)


def loss_gradients(function: RowFunction, loss: Loss, y: Tensor | None, outputs: Tensor | None) -> LossGradients:
    """Compute the gradients in one backward pass; a graph's loss is that of its answers alone.

    Args:
        function: a model of others on its data.
        loss: a function of answers and ``y``.
        y: one entry for each answer; ``None`` for that of the data.
        outputs: the numbers of the answers that have a loss; ``None`` for all.

    Raises:
        ValueError: no ``y``, or one of another length; a loss that is no number with a gradient.
    """
    chosen = torch.arange(function.num_outputs) if outputs is None else _checks.is_tensor("outputs", outputs).cpu()
    if chosen.dtype == torch.bool:
        chosen = _checks.marked_rows("outputs", chosen, function.num_outputs).nonzero()[:, 0]
    _checks.rows("outputs", chosen, function.num_outputs)
    wanted = _wanted(function, y, len(chosen))
    function._check_derivative()
    with chained_by_hooks(function) as chain:
        if chain.out is None:
            raise ValueError("the model gives no answers that a loss could be of")
        of_graph = function.output_graphs[chosen.to(chain.out.device)]
        losses = []
        for graph in of_graph.unique().tolist():
            mine = (of_graph == graph).nonzero()[:, 0]
            out = chain.out[chosen.to(chain.out.device)[mine]]
            losses.append(_value(loss, out, wanted[mine]))
        found = gradients(torch.stack(losses).sum(), chain)
        counts = torch.bincount(of_graph.cpu(), minlength=function.graph.num_graphs)
        return _by_line(function, chain, found, counts)


def _by_line(function: RowFunction, chain: Chain, found: tuple[Tensor, ...], counts: Tensor) -> LossGradients:
    kept: list[tuple[str, str, Tensor, Tensor]] = []
    for at, (name, place, gradient) in enumerate(zip(chain.names, chain.places, found, strict=True)):
        owner = None if place is None else _owner(function, place)
        if place is not None and owner is not None:
            lines = gradient if at == 0 else place.flatten(gradient)  # x is given as (V, F)
            kept.append((name, place.of, lines.detach(), owner))
    names, of, states, owners = zip(*kept, strict=True)
    return LossGradients(names, of, states, owners, counts)


def _owner(function: RowFunction, place: Place) -> Tensor | None:
    """The graph of each line of a state; ``None`` where its lines are of something else, which no graph has."""
    if place.of == "rows":
        return function.graph_index
    if place.of == "graphs":
        return torch.arange(function.graph.num_graphs, device=function.graph_index.device)
    if place.of == "edges" and function.source.edge_index is not None:
        return function.graph_index[function.source.edge_index[1]]
    return None


def _wanted(function: RowFunction, y: Tensor | None, count: int) -> Tensor:
    own = getattr(function.data, "y", None) if y is None else y
    if own is None:
        raise ValueError("data has no y, so that there is no loss to take the gradient of; give y=…")
    wanted = _checks.is_tensor("y", own)
    if len(wanted) != count:
        raise ValueError(
            f"y must have one entry for each of the {count} answers, got {len(wanted)}; choose answers by outputs=…, "
            "such as a mask, and give their y=…"
        )
    return wanted.to(function.graph_index.device)


def _value(loss: Loss, out: Tensor, y: Tensor) -> Tensor:
    """The loss of some answers; those of one channel in the shape of ``y``, against which they would be broadcast."""
    return loss_of(loss, out.reshape(y.shape) if y.is_floating_point() and out.numel() == y.numel() else out, y)


def loss_of(loss: Loss, out: Tensor, y: Tensor) -> Tensor:
    """The loss of some answers.

    Raises:
        TypeError: it is a class.
        ValueError: it fails on them, or gives no number.
    """
    _checks.is_no_class("loss", loss)
    try:
        value = loss(out, y)
    except (
        RuntimeError,
        IndexError,
        TypeError,
    ) as error:  # IndexError: of a class that is no output
        raise ValueError(
            f"loss fails on answers {tuple(out.shape)} and y {tuple(y.shape)} ({y.dtype}): {error}"
        ) from error
    if not isinstance(value, Tensor) or value.numel() != 1:
        raise ValueError(f"loss must give one number, got {_checks.shown(value)}")
    return value.reshape(())
