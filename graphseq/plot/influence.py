"""Influence against hop distance, measured and in closed form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from graphseq._arguments import checked_arguments
from graphseq.plot.lines import (
    STYLES,
    Values,
    check_count,
    check_not_negative,
    despine,
    draw_curve,
    legend,
    logarithmic,
    numbers,
)
from graphseq.reach.influence import ProfileEstimate
from graphseq.reach.probe.by_hop import HopProfile
from graphseq.reach.profile import Profile

_Curve: TypeAlias = tuple[Values, Values, tuple[Values, Values] | None]
_TWO_SIDED = 1.96  # of 95 % of a normal distribution


@checked_arguments
def draw_influence_by_hop(
    axes: Axes,
    profiles: Mapping[str, Profile | ProfileEstimate | HopProfile],
    *,
    closed_form: Mapping[str, Tensor | Sequence[float]] | None = None,
    ylabel: str | None = None,
) -> Axes:
    """Draw influence against hops on a logarithmic scale, one line for each model, with closed forms over them.

    Values that are exactly 0, such as those out of reach, are hollow marks on a line labelled 0, not joined to the
    curve. A profile of a probe has its interval as a band, an estimate one of 1.96 standard errors, about 95 %; below
    the scale the band ends at that line.

    Args:
        axes: where to draw.
        profiles: for each name, at most 7, the result of :meth:`graphseq.reach.Probe.by_hop`,
            :func:`graphseq.reach.by_hop` or :func:`graphseq.reach.estimate_by_hop`. An estimate is of *squared*
            influence: draw it only beside ``by_hop(influence ** 2, hops)``.
        closed_form: for each name, at most 4, the values at hops 0, 1, 2, …. Under the name of a model it is the line
            through that model's marks.
        ylabel: the label of the vertical axis; by default influence, or its square where there is an estimate.

    Returns:
        ``axes``.

    Raises:
        TypeError: an entry of ``profiles`` is not a profile.
        ValueError: there are no profiles or too many, or a value is negative or not finite.

    Example:
        >>> import graphseq as gs, torch
        >>> from matplotlib.figure import Figure
        >>> sequence, target = gs.from_sequence(torch.ones(9, 1)), torch.tensor([4])
        >>> gcn = gs.nn.GCN(1, 1, num_layers=1)
        >>> hops = gs.reach.hop_distances(sequence, target)
        >>> profile = gs.reach.by_hop(gs.reach.influence(gcn, sequence, outputs=target), hops)
        >>> axes = draw_influence_by_hop(Figure().subplots(), {"GCN-1": profile})
        >>> [line.get_gid() for line in axes.lines if len(line.get_xdata()) == 3]
        ['zeros GCN-1']
    """
    check_count("profiles", len(profiles))
    forms = {name: numbers(f"closed_form[{name!r}]", values) for name, values in (closed_form or {}).items()}
    if len(forms) > len(_FORMS):
        raise ValueError(f"closed_form must have at most {len(_FORMS)} entries, for distinct dashes, got {len(forms)}")
    curves = {name: _curve(name, profile) for name, profile in profiles.items()}
    for name, values in forms.items():
        check_not_negative(f"closed_form[{name!r}]", values)
    farthest = max(int(hops[-1]) for hops, _, _ in curves.values())
    shown = _shown(farthest, [hops[value > 0] for hops, value, _ in curves.values()], forms.values())
    curves = {name: _within(curve, shown) for name, curve in curves.items()}
    height = logarithmic(axes, [*(value for _, value, _ in curves.values()), *forms.values()])
    for number, (name, (hops, value, ends)) in enumerate(curves.items()):
        if ends is not None:
            low, high = np.maximum(ends[0], height), ends[1]
            band = axes.fill_between(hops, low, high, where=value > 0, color=STYLES[number][0], alpha=0.2, lw=0)
            band.set_gid(f"band {name}")
        colour, marker, dash = STYLES[number]
        # Where the closed form is the line, the measured values are marks alone.
        draw_curve(axes, hops, value, name, (colour, marker, "" if name in forms else dash), height)
    styles = dict(zip(curves, STYLES, strict=False))
    for (name, values), plain in zip(forms.items(), _FORMS, strict=False):
        colour, _, dash = styles.get(name, ("k", "", plain))
        label = f"{name}, closed form" if name in styles else name
        axes.plot(np.where(values > 0, values, np.nan), color=colour, linestyle=dash, linewidth=1.2, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if max(len(hops) for hops, _, _ in curves.values()) == 1:
        axes.set_xlim(-0.5, 0.5)
    axes.set_xlabel("hops from the target row" + (f"\n(0 from here to {farthest:,})" if shown < farthest else ""))
    estimated = any(isinstance(profile, ProfileEstimate) for profile in profiles.values())
    axes.set_ylabel(ylabel or ("squared influence (sum over rows)" if estimated else "influence (sum over rows)"))
    legend(axes)
    despine(axes)
    return axes


_FORMS = ((0, (1, 1)), (0, (4, 1.5)), (0, (4, 1, 1, 1)), (0, (8, 2)))


def _shown(farthest: int, hops: Iterable[Values], forms: Iterable[Values]) -> int:
    """Return the last hop to draw: a few beyond the last of any influence, where all are 0 for far longer."""
    last = max([0, *(int(at[-1]) for at in hops if len(at)), *(len(values) - 1 for values in forms)])
    return min(farthest, 2 * last + 4) if farthest > 4 * last + 40 else farthest


def _within(curve: _Curve, shown: int) -> _Curve:
    """Cut a curve after a hop."""
    hops, value, ends = curve
    kept = hops <= shown
    return hops[kept], value[kept], None if ends is None else (ends[0][kept], ends[1][kept])


def _curve(name: str, profile: object) -> _Curve:
    """The hops, the values, and the ends of their intervals where they have some."""
    if not isinstance(profile, Profile | ProfileEstimate | HopProfile):
        raise TypeError(
            f"profiles[{name!r}] must be a Profile, a ProfileEstimate or a HopProfile, got {type(profile).__name__}"
        )
    at, value = numbers(f"profiles[{name!r}].at", profile.at), numbers(f"profiles[{name!r}].value", profile.value)
    check_not_negative(f"profiles[{name!r}].value", value)
    if at.shape != value.shape:
        raise ValueError(f"profiles[{name!r}] has {len(at)} distances and {len(value)} values")
    if isinstance(profile, HopProfile):
        low, high = (numbers(f"profiles[{name!r}].{end}", getattr(profile, end)) for end in ("low", "high"))
        return at, value, (low, high)
    if isinstance(profile, ProfileEstimate):
        error = _TWO_SIDED * numbers(f"profiles[{name!r}].error", profile.error)
        return at, value, (value - error, value + error)
    return at, value, None
