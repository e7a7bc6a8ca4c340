"""The range of a model: how far the rows are on which its answers depend."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch_geometric.data import Batch

from graphseq import _checks
from graphseq.reach.measures.distance import distances
from graphseq.reach.measures.mixing import pairwise_mixing
from graphseq.reach.measures.range import Range, influence_range
from graphseq.reach.probe import norms
from graphseq.reach.probe.function import RowFunction


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
    picked = range(function.num_outputs) if chosen is None else chosen.tolist()
    found: list[Range] = []
    linear = alone = 0
    function._check_derivative()
    with function.opened():
        answers = function.function(function.x, weights=False).detach()
    for output in picked:
        rows = (function.graph_index == output).nonzero()[:, 0]
        answer = _alone(function, output, answers[output]) or _of_own_rows(function, output, rows)
        mixing = pairwise_mixing(answer, function.x[rows], reduce="sum", max_entries=max_entries)
        far = distances(function.graph, distance, nodes=rows)[:, rows.cpu()]
        found.append(influence_range(mixing.cpu(), far, normalize=normalize))
        linear += not bool(mixing.any())
        alone += int((mixing.sum(dim=1) == 0).sum())
    node, no_path = (torch.cat([getattr(each, name) for each in found]) for name in ("node", "no_path"))
    graph = float(torch.tensor([each.graph for each in found], dtype=torch.float64).nanmean())
    return Range(node, graph, no_path, _without((linear, len(found)), (alone, len(node)), normalize))


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


def _alone(function: RowFunction, output: int, expected: Tensor) -> Callable[[Tensor], Tensor] | None:
    """The answer of one graph of a batch from that graph alone; ``None`` where it is another, or cannot be computed."""
    batch, options = function.data, dict(function.options)
    if not isinstance(batch, Batch) or batch.num_graphs == 1 or options["call"] is not None:
        return None
    if not function.source.is_ours:
        options["output"] = options["output"] or "graph"
    try:
        one = RowFunction(function.model, batch.get_example(output), **options)
        with one.opened():
            found = one.function(one.x, weights=False).detach()
    except (KeyError, RuntimeError, TypeError, ValueError):  # a batch that cannot be split, or graphs that differ
        return None
    limit = 1e-9 if found.dtype == torch.float64 else 1e-5
    if found.shape != (1, len(expected)) or not torch.allclose(found[0], expected, rtol=limit, atol=limit):
        return None
    return lambda x: one.function(x, weights=False)[0]


def _of_own_rows(function: RowFunction, output: int, rows: Tensor) -> Callable[[Tensor], Tensor]:
    def answer(x: Tensor) -> Tensor:
        return function.function(function.x.index_copy(0, rows, x), weights=False)[output]

    return answer
