"""The range of a model: how far the rows are on which its answers depend."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.reach.jacobian import positions_in
from graphseq.reach.measures.distance import distances
from graphseq.reach.measures.mixing import check_entries, mixing_by_position, pairwise_mixing
from graphseq.reach.measures.range import Range, influence_range
from graphseq.reach.probe import norms
from graphseq.reach.probe.apart import are_apart
from graphseq.reach.probe.function import RowFunction
from graphseq.reach.probe.rows import numbers_of_answers


def check_level(function: RowFunction, level: str | None) -> None:
    """Refuse a range of single rows of a model that answers for whole graphs."""
    if level is not None:
        _checks.one_of("level", level, ("node", "graph"))
    if level == "node" and function.kind == "graph":
        raise ValueError("level='node', but the model answers for graphs; level='graph' is their range")


def of_rows(
    function: RowFunction,
    chosen: Tensor | None,
    distance: str,
    *,
    norm: str,
    normalize: bool,
    samples: int,
    seed: int,
) -> Range:
    """The range of answers at rows, from their Jacobian; of a pair, with the distance to its nearer end."""
    at = function.output_rows
    if at is None:
        raise ValueError("a range of answers at rows is asked for, and the model answers for graphs")
    everyone = torch.arange(function.num_outputs) if chosen is None else chosen.cpu()
    g = torch.Generator().manual_seed(_checks.torch_seed("seed", seed))
    picked = everyone[
        torch.randperm(len(everyone), generator=g)[: _checks.at_least("samples", samples, 1)].sort().values
    ]
    with function.jacobian(picked) as measured:
        influence = norms.norms(measured, norm, 2**33).cpu()
    ends = at.cpu()[..., picked]
    far = [distances(function.graph, distance, nodes=end) for end in (ends if ends.dim() == 2 else ends[None])]
    return influence_range(influence, torch.stack(far).amin(dim=0), normalize=normalize)


def of_graphs(
    function: RowFunction, chosen: Tensor | None, distance: str, *, normalize: bool, max_entries: int
) -> Range:
    """The range of answers of graphs, from the Hessian of each in the features of its own rows."""
    picked = torch.arange(function.num_outputs) if chosen is None else numbers_of_answers(chosen, function.num_outputs)
    found: list[Range] = []
    linear = alone = 0
    function._check_derivative()
    for rows, mixing in _mixings(function, picked, max_entries):
        far = distances(function.graph, distance, nodes=rows)[:, rows]
        found.append(influence_range(mixing, far, normalize=normalize))
        linear += not bool(mixing.any())
        alone += int((mixing.sum(dim=1) == 0).sum())
    node, no_path = (torch.cat([getattr(each, name) for each in found]) for name in ("node", "no_path"))
    graph = float(torch.tensor([each.graph for each in found], dtype=torch.float64).nanmean())
    return Range(node, graph, no_path, _without((linear, len(found)), (alone, len(node)), normalize))


def _mixings(function: RowFunction, picked: Tensor, max_entries: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the rows of each chosen graph, (n,), and their mixing, (n, n).

    Graphs that do not read each other share backward passes; where one does, as in a norm over the batch, each answer
    has passes of its own.
    """
    owner = function.graph_index
    rows = [(owner == graph).nonzero()[:, 0] for graph in picked.tolist()]
    for graph, each in zip(picked.tolist(), rows, strict=True):
        if not len(each):
            raise ValueError(f"graph {graph} has no rows, so that its answer has no range; choose others by outputs=…")
        check_entries(function.out_channels, function.x[each].numel(), max_entries)
    with function.opened():
        answers = partial(function.function, weights=False)
        if not are_apart(answers, function.x, owner, function.output_graphs):
            for graph, each in zip(picked.tolist(), rows, strict=True):
                answer = partial(_answer, function, graph, each)
                mixing = pairwise_mixing(answer, function.x[each], reduce="sum", max_entries=max_entries)
                yield each.cpu(), mixing.cpu()
            return
        x = function.x.clone().requires_grad_()
        out = answers(x)
        is_picked = torch.isin(owner, picked.to(owner.device))
        position = torch.where(is_picked, positions_in(owner), -1)
        table = mixing_by_position(out[picked.unique().to(out.device)], x, position, function._width(out), "sum")
        for each in rows:
            yield each.cpu(), table[: len(each), each].cpu()


def _answer(function: RowFunction, graph: int, rows: Tensor, x: Tensor) -> Tensor:
    """The answer of one graph as a function of the features of its own rows."""
    return function.function(function.x.index_copy(0, rows, x), weights=False)[graph]


def _without(linear: tuple[int, int], alone: tuple[int, int], normalize: bool) -> str:
    """The reason why a range of second order is not defined; empty where all rows have one.

    Args:
        linear: the number of answers whose Hessian is 0, and of all.
        alone: the number of rows that act on an answer together with no row, and of all.
        normalize: of the range.
    """
    result = "they have no range" if normalize else "their range counts as 0"
    if linear[0]:
        return (
            f"the Hessian of {linear[0]:,} of {linear[1]:,} answers is 0, so that {result}: no two rows act on them "
            "together, as where layers of ReLU meet a sum or a mean over rows; influence(outputs=…) is of first order"
        )
    return f"{alone[0]:,} of {alone[1]:,} rows act on their answer with no row: {result}" if alone[0] else ""
