"""The influence of the rows at each hop on answers, from a sample of answers, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._prompt import short_repr
from graphseq.reach.probe import intervals, norms
from graphseq.reach.probe.function import RowFunction
from graphseq.reach.probe.hops import hops_to_answers

_SHOWN = 12  # the most hops in a table
_BATCH = 2**26  # the most entries of a table of influence and hops


@short_repr
@dataclass(frozen=True)
class HopProfile:
    """The total influence of the rows at each hop on an answer, averaged over answers.

    Returned by :meth:`graphseq.reach.Probe.by_hop`.
    """

    at: Tensor  #: hops, 0 … D
    value: Tensor  #: mean total influence of the rows at that distance, (D + 1,), float64
    low: Tensor  #: the lower end of its interval, (D + 1,)
    high: Tensor  #: the upper end, (D + 1,)
    no_path: float  #: the same mean of the rows from which no path leads to the answer
    no_path_interval: tuple[float, float]  #: its interval
    samples: int  #: the number of answers that were measured
    answers: int  #: K, the number of answers that they stand for
    ci: float  #: the confidence of the intervals; they are the values themselves where all answers were measured

    def __str__(self) -> str:
        """A table of at most a dozen hops, and the sum beyond them."""
        whole = self.samples == self.answers
        lines = [f"hops  influence{'' if whole else f'  {100 * self.ci:g}% interval'}"]
        nearest = min(_SHOWN, 1 + max(self.value.nonzero().flatten().tolist(), default=0))
        parts = (part[:nearest].tolist() for part in (self.at, self.value, self.low, self.high))
        for hop, value, low, high in zip(*parts, strict=True):
            lines.append(f"{hop:4}  {value:9.3g}{'' if whole else f'  [{low:.3g}, {high:.3g}]'}")
        if nearest < len(self.at):
            last = int(self.at[-1])
            beyond = f"at {last}" if last == nearest else f"from {nearest} to {last}"
            lines.append(f"{beyond} hop{'s' * (last > 1)}: {float(self.value[nearest:].sum()):.3g}")
        if self.no_path:
            lines.append(f"rows from which no path leads to the answer: {self.no_path:.3g}")
        return "\n".join([*lines, f"mean of {self.samples:,} of {self.answers:,} answers"])


def by_hop(
    function: RowFunction,
    chosen: Tensor | None,
    *,
    samples: int,
    normalize: str | None,
    norm: str,
    ci: float,
    seed: int,
    causal: bool,
) -> HopProfile:
    """Measure the influence by hop; see :meth:`graphseq.reach.Probe.by_hop`."""
    _checks.at_least("samples", samples, 2)
    everyone = torch.arange(function.num_outputs) if chosen is None else chosen.cpu()
    sample = draw(function, everyone, samples, _checks.seed("seed", seed))
    if normalize not in (None, "self", "total"):
        raise ValueError(f"normalize must be 'self', 'total' or None, got {normalize!r}")
    sums = influence_sums(function, sample.outputs, partial(hops_to_answers, function, causal=causal), norm)
    return profile(sample, sums, normalize=normalize, ci=ci)


def influence_sums(function: RowFunction, outputs: Tensor, hops: Callable[[Tensor], Tensor], norm: str) -> Tensor:
    """Measure the total influence of the rows at each distance on each answer: no path first, then hops 0 … D.

    Args:
        function: a model on its data.
        outputs: the numbers of the answers, (n,).
        hops: a function from the numbers of answers (n,) to the hops from every row, (n, V); -1 where there is no path.
        norm: of the blocks of the Jacobian.

    Returns:
        (n, D + 2) in float64.
    """
    parts = outputs.split(max(1, _BATCH // function.num_rows))
    return _padded([_sums(function, part, norm, hops(part)) for part in parts])


def profile(sample: Sample, sums: Tensor, *, normalize: str | None, ci: float) -> HopProfile:
    """Estimate the influence by hop of all answers from that of a sample.

    Args:
        sample: of the answers.
        sums: of each of them, from :func:`influence_sums`.
        normalize: "self", "total" or ``None``.
        ci: the confidence of the intervals.
    """
    scale = sample.mean(_scale(sums, normalize)[:, None])
    value = sample.mean(sums) / scale
    # A ratio of two means varies as the mean of these does, to first order; where nothing is divided, these are sums.
    linear = (sums - _scale(sums, normalize)[:, None] * value) / scale + value if normalize else sums
    low, high = sample.interval(linear, ci)
    no_path = (float(low[0]), float(high[0]))
    at = torch.arange(sums.shape[1] - 1)
    count = len(sample.outputs)
    return HopProfile(at, value[1:], low[1:], high[1:], float(value[0]), no_path, count, sample.population, ci)


@dataclass(frozen=True)
class Sample:
    """Some of K answers: those with the most edges into their rows for certain, and some of the others at random."""

    outputs: Tensor  #: the numbers of n answers
    certain: int  #: the number of those that come first in it, which stand for themselves
    population: int  #: K

    def mean(self, values: Tensor) -> Tensor:
        """An unbiased estimate of the mean over all answers, from values (n, D)."""
        certain, rest = values[: self.certain], values[self.certain :]
        total = certain.sum(dim=0)
        return (total + rest.mean(dim=0) * self._others if len(rest) else total) / self.population

    def interval(self, values: Tensor, ci: float) -> tuple[Tensor, Tensor]:
        """An interval of that mean."""
        certain, rest = values[: self.certain].sum(dim=0), values[self.certain :]
        if not len(rest):
            return certain / self.population, certain / self.population
        low, high = intervals.of_mean(rest, ci, self._others)
        ends = [(certain + end * self._others) / self.population for end in (low, high)]
        return ends[0].clamp(min=0), ends[1]

    @property
    def _others(self) -> int:
        return self.population - self.certain


def draw(function: RowFunction, everyone: Tensor, samples: int, seed: int) -> Sample:
    """Draw some of the answers; of few answers with much influence, as of hubs, a random sample may have none.

    Args:
        function: a model on its data.
        everyone: the numbers of all answers that are meant, (K,).
        samples: the number to draw; a quarter of them are those with the most edges into their rows.
        seed: of the others.
    """
    g = torch.Generator().manual_seed(_checks.torch_seed("seed", seed))
    shuffled = everyone[torch.randperm(len(everyone), generator=g)]
    if len(everyone) <= samples:
        return Sample(everyone, len(everyone), len(everyone))
    at = function.output_rows
    if at is None:
        return Sample(shuffled[:samples], 0, len(everyone))
    row = (at if at.dim() == 1 else at[1]).cpu()
    degree = torch.bincount(function.graph.topology.spacetime().edge_index[1].cpu(), minlength=function.num_rows)
    ranked = shuffled[torch.argsort(degree[row[shuffled]], descending=True, stable=True)]
    certain, rest = ranked[: samples // 4], ranked[samples // 4 :]
    rest = rest[torch.randperm(len(rest), generator=g)[: samples - len(certain)]]
    return Sample(torch.cat([certain, rest]), len(certain), len(everyone))


def _sums(function: RowFunction, outputs: Tensor, norm: str, hops: Tensor) -> Tensor:
    """The total influence at each distance, of each answer: no path first, then hops 0 … D: (n, D + 2)."""
    with function.jacobian(outputs) as measured:
        influence = norms.norms(measured, norm, 2**62).double().cpu()
    return influence.new_zeros(len(hops), int(hops.max()) + 2).scatter_add_(1, hops + 1, influence)


def _padded(parts: list[Tensor]) -> Tensor:
    width = max(part.shape[1] for part in parts)
    return torch.cat([torch.nn.functional.pad(part, (0, width - part.shape[1])) for part in parts])


def _scale(sums: Tensor, normalize: str | None) -> Tensor:
    """The divisor of the influence of each answer, (n,)."""
    if normalize is None:
        return torch.ones(len(sums), dtype=sums.dtype)
    scale = sums[:, 1] if normalize == "self" else sums.sum(dim=1)
    if not bool(scale.sum() > 0):
        what = "the answer's own row" if normalize == "self" else "all rows together"
        raise ValueError(f"normalize={normalize!r} divides by the influence of {what}, which is 0 for every answer")
    return scale
