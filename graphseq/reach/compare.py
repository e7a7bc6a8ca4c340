"""A model on a graph and on the same graph rewired: how far its answers see on each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphseq import _checks
from graphseq._arguments import checked_but
from graphseq._prompt import short_repr
from graphseq.reach.probe import norms
from graphseq.reach.probe.by_hop import HopProfile, Sample, draw, influence_sums, profile
from graphseq.reach.probe.given import check_data
from graphseq.reach.probe.probe import Probe


@short_repr
@dataclass(frozen=True)
class Comparison:
    """Influence by hop and range of a model on two graphs, over the hops of the first.

    Returned by :func:`graphseq.reach.compare`.
    """

    before: HopProfile  #: on the first graph
    after: HopProfile  #: on the second
    range_before: float  #: mean over answers of the normalised range, in hops of the first graph
    range_after: float
    edges_added: int  #: distinct edges, each direction once
    edges_removed: int
    rows_added: int  #: rows of the second graph alone, such as a virtual node; influence from them is in ``no_path``
    score_before: float | None  #: what ``score`` gives
    score_after: float | None

    def __str__(self) -> str:
        """A table, one line a hop."""
        width = max(len(self.before.at), len(self.after.at))
        lines = [
            f"+{self.edges_added} -{self.edges_removed} edges, +{self.rows_added} rows",
            "hops     before      after",
        ]
        for hop in range(width):
            pair = (float(each.value[hop]) if hop < len(each.value) else 0.0 for each in (self.before, self.after))
            lines.append(f"{hop:4} " + "".join(f"{value:11.4g}" for value in pair))
        lines.append(f"none {self.before.no_path:11.4g}{self.after.no_path:11.4g}")
        lines.append(f"range{self.range_before:11.4g}{self.range_after:11.4g}")
        if self.score_before is not None:
            lines.append(f"score{self.score_before:11.4g}{self.score_after:11.4g}")
        return "\n".join(lines)


@checked_but("model")
def compare(
    model: Callable[..., object],
    data: object,
    rewired: object,
    *,
    score: Callable[[Tensor], float] | None = None,
    samples: int = 256,
    norm: norms.Norm = "l1",
    seed: int = 0,
) -> Comparison:
    """Measure a model on a graph and on the same rows with other edges, both over the hops of the first graph.

    Influence from distant rows that grows by more than that from near ones says that the new edges are used. The model
    is measured as it is: weights that were trained on the first graph may fit the second badly, which ``score`` shows.

    Args:
        model: one that :class:`~graphseq.reach.Probe` takes, with answers at rows.
        data: the graph.
        rewired: the same rows in the same order with other edges, such as :func:`~graphseq.reach.rewire` gives; rows
            after them, or marked by ``is_virtual`` as in a batch with virtual nodes, are allowed.
        score: a function of the answers (K, C) at the rows of the first graph, such as an accuracy.
        samples: the number of answers to measure.
        norm: of the Jacobian, see :meth:`~graphseq.reach.Probe.influence`.
        seed: of the sample.

    Raises:
        ValueError: fewer rows in the second graph, other features, or answers that are not of rows.

    Example:
        >>> import graphseq as gs, networkx as nx, torch
        >>> path = gs.from_graph(nx.path_graph(12), x=torch.randn(12, 3))
        >>> gcn = gs.nn.GCN(3, 8, num_layers=3)
        >>> found = compare(gcn, path, gs.reach.rewire(path, "k_hop", hops=2))
        >>> found.edges_added, found.edges_removed, found.range_after > found.range_before
        (20, 0, True)
    """
    check_data("data", model, data)
    check_data("rewired", model, rewired)
    _checks.torch_seed("seed", seed)
    first, second = Probe(model, data), Probe(model, rewired)
    own, answers = _checked(first, second)
    sample = draw(first, torch.arange(first.num_outputs), _checks.at_least("samples", samples, 2), seed)
    far = first.hops(sample.outputs)
    added = second.num_rows - len(own)
    to_second = far.new_full((len(far), second.num_rows), -1)
    to_second[:, own.to(far.device)] = far
    same = replace(sample, outputs=answers[sample.outputs])
    profiles, ranges = [], []
    for probe, chosen, hops in ((first, sample, far), (second, same, to_second)):
        place = {int(output): at for at, output in enumerate(chosen.outputs)}

        def of(outputs: Tensor, hops: Tensor = hops, place: dict[int, int] = place) -> Tensor:
            return hops[[place[int(output)] for output in outputs]]

        sums = influence_sums(probe, chosen.outputs, of, norm)
        profiles.append(profile(chosen, sums, normalize=None, ci=0.95))
        ranges.append(_range(chosen, sums))
    plus, minus = _edges(first, second, own)
    every = torch.arange(first.num_outputs)
    pairs = ((first, every), (second, answers))
    scores = [None if score is None else _score(score(_answers(probe, at))) for probe, at in pairs]
    return Comparison(profiles[0], profiles[1], ranges[0], ranges[1], plus, minus, added, scores[0], scores[1])


def _score(value: object) -> float:
    if isinstance(value, Tensor) and value.numel() == 1 and not value.is_complex():
        return float(value)
    if not isinstance(value, Real):
        raise TypeError(f"score must give one number, but gave {_checks.shown(value)}")
    return float(value)


def _checked(first: Probe, second: Probe) -> tuple[Tensor, Tensor]:
    """The rows and the answers of the second graph that are those of the first, in their order."""
    rows = first.num_rows
    if first.kind != "node" or second.kind != "node":
        raise ValueError(f"compare measures answers at rows, and the model answers for {first.kind}s")
    own = _own_rows(second, rows)
    if second.num_rows < rows or not torch.equal(first.x, second.x[own]):
        raise ValueError(
            f"rewired must have the {rows} rows of data, with the same features in the same order, and may have others "
            f"after them; it has {second.num_rows} rows" + ("" if second.num_rows < rows else " of other features")
        )
    one, two = first.output_rows, second.output_rows
    shared = None if two is None else torch.isin(two, own.to(two.device)).nonzero()[:, 0]
    if one is None or two is None or shared is None or not torch.equal(own.to(one.device)[one], two[shared]):
        raise ValueError("the model must answer at the same rows of both graphs")
    return own.cpu(), shared.cpu()


def _own_rows(second: Probe, rows: int) -> Tensor:
    """The rows that are no virtual nodes where those are marked, else the first ones."""
    mark = second.data.get("is_virtual") if isinstance(second.data, Data) else None
    if isinstance(mark, Tensor) and mark.dtype == torch.bool and len(mark) == second.num_rows:
        own = (~mark).nonzero()[:, 0]
        if len(own) == rows:
            return own.to(second.x.device)
    return torch.arange(min(rows, second.num_rows), device=second.x.device)


def _range(sample: Sample, sums: Tensor) -> float:
    """An estimate of the mean normalised range of the answers that have one, from their influence by hop."""
    if not bool(sums.isfinite().all()):
        answer = int(sample.outputs[int((~sums.isfinite()).nonzero()[0, 0])])
        raise ValueError(f"the influence on answer {answer} is not finite; look for NaN or an infinity in the model")
    reached = sums[:, 1:]
    each = (reached @ torch.arange(reached.shape[1], dtype=sums.dtype)) / reached.sum(dim=1)
    has_range = ~each.isnan()
    mean = sample.mean(torch.stack([each.nan_to_num(), has_range.to(sums.dtype)], dim=1))
    return float(mean[0] / mean[1])


def _edges(first: Probe, second: Probe, own: Tensor) -> tuple[int, int]:
    """The numbers of distinct edges that only the second graph has, and that only the first has."""
    number = first.num_rows + torch.arange(second.num_rows)
    number[own] = torch.arange(len(own))
    old, new = (probe.graph.topology.spacetime().edge_index.cpu() for probe in (first, second))
    sets = [set(map(tuple, index.t().tolist())) for index in (old, number[new])]
    return len(sets[1] - sets[0]), len(sets[0] - sets[1])


def _answers(probe: Probe, outputs: Tensor) -> Tensor:
    return probe.function(probe.x, weights=False).detach()[outputs]
