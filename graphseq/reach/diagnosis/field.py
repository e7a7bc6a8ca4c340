"""Receptive fields of any model, found by running it: a NaN in an input reaches all that is computed from it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from graphseq.evaluation.modes import evaluating
from graphseq.reach.diagnosis.needs import Needed
from graphseq.reach.diagnosis.problem import Sample
from graphseq.reach.diagnosis.responses import Responder
from graphseq.reach.diagnosis.trial import copied

_MOST_RINGS = 24


def within_reach(responder: Responder, needed: Needed) -> float:
    """The share of the answers that are computed from all rows that they need.

    Rows are tested in groups of equal hops, on a few answers of each graph.

    Args:
        responder: the model and its sample.
        needed: the rows, (K, V).
    """
    reached = asked = 0
    for group in responder.groups:
        hops = torch.where(needed[group], responder.sample.rows.hops(group), -2)
        is_reached = torch.ones(len(group), dtype=torch.bool)
        for ring in hops.unique().tolist()[-_MOST_RINGS:]:
            if ring == -2:
                continue
            marks = needed[group] & (hops == ring)
            is_reached &= reaches(responder, group, marks) | ~marks.any(dim=1)
        reached, asked = reached + int(is_reached.sum()), asked + len(group)
    return reached / asked if asked else math.nan


def hops_reached(responder: Responder) -> float:
    """The most hops from which an input reaches an output; infinite if from everywhere, NaN for answers of graphs."""
    rows = responder.sample.rows
    if rows.targets is None or not responder.groups:
        return math.nan
    hops = torch.cat([rows.hops(group) for group in responder.groups])
    rings = hops.unique()
    rings = [ring for ring in rings.tolist() if ring >= 0]
    farthest = -1
    for ring in _some(rings):
        hears = False
        for group in responder.groups:
            marks = rows.hops(group) == ring
            if bool(marks.any()) and bool(reaches(responder, group, marks).any()):
                hears = True
                break
        if not hears:
            if ring > farthest + 1 and farthest + 1 in rings and ring - farthest > 1:
                return _last(responder, farthest, ring)
            return farthest
        farthest = ring
    return math.inf


def _some(rings: list[int]) -> list[int]:
    if len(rings) <= _MOST_RINGS:
        return rings
    return sorted({*rings[:12], *(rings[int(n * (len(rings) - 1) / 12)] for n in range(13))})


def _last(responder: Responder, low: int, high: int) -> int:
    """The last ring that is heard, between one that is and one that is not."""
    rows = responder.sample.rows
    while high - low > 1:
        middle = (low + high) // 2
        heard = any(bool(reaches(responder, g, rows.hops(g) == middle).any()) for g in responder.groups)
        low, high = (middle, high) if heard else (low, middle)
    return low


def reaches(responder: Responder, group: Tensor, marks: Tensor) -> Tensor:
    """True where the marked rows (k, V) of an answer, at most one a graph, reach its output, (k,)."""
    sample, model = responder.sample, responder.model
    if not sample.x.is_floating_point():
        return _responds(responder, model, group, marks)
    x = sample.x.clone()
    x[marks.any(dim=0)] = math.nan
    try:
        with evaluating(model), torch.no_grad():
            return responder.output(x)[group].isnan().any(dim=1)
    except (ValueError, RuntimeError, ArithmeticError):  # a model that refuses NaN
        return _responds(responder, model, group, marks)


def _responds(responder: Responder, model: nn.Module, group: Tensor, marks: Tensor) -> Tensor:
    with evaluating(model), torch.no_grad():
        base = responder.output(responder.sample.x)
        heard = torch.zeros(len(group), dtype=torch.bool)
        for _ in range(3):
            moved = responder.output(responder._moved(responder.sample.x, marks.any(dim=0)))
            heard |= (moved[group] != base[group]).any(dim=1)
    return heard


def could_reach(responder: Responder, sample: Sample, needed: Needed, seed: int) -> bool:
    """True if needed rows change an output of the same model under random weights; masked attention hides them."""
    copy = copied(responder.model)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(4):
        with torch.no_grad():
            for parameter in copy.parameters():
                fan = parameter[0].numel() if parameter.dim() > 1 else 100
                drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                parameter.copy_((drawn / max(1, fan) ** 0.5).to(parameter.dtype))
        found = Responder(copy, responder.problem, sample, needed, seed, can_smooth=False).measure()
        if found.influence > 0 or found.jacobian_share > 0:
            return True
    return False
