"""Influence against hops: what was measured, what must be, and where nothing comes through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from graphseq.plot.lines import (
    STYLES,
    Values,
    at_least_zero,
    bare,
    draw_curve,
    legend,
    logarithmic,
    numbers,
    told_apart,
)
from graphseq.reach.influence import ProfileEstimate
from graphseq.reach.profile import Profile

_TWO_SIDED = 1.96  # of 95 % of a normal distribution


def draw_influence_by_hop(
    axes: Axes,
    measured: Mapping[str, Profile | ProfileEstimate],
    *,
    closed_form: Mapping[str, Tensor | Sequence[float]] | None = None,
    ylabel: str | None = None,
) -> Axes:
    """Draw influence against hops on a logarithmic scale, a line a model, with closed forms over it.

    What is exactly 0, as all that is out of reach, stands as a hollow mark on a floor labelled 0, and no line leads
    down to it. An estimate has a band of 1.96 standard errors, about 95 %; where it reaches below the scale it ends
    at the floor. Models that stand at one hop are drawn side by side.

    Args:
        axes: where to draw.
        measured: by name, what :func:`graphseq.reach.by_hop` or :func:`graphseq.reach.estimate_by_hop` gives; at most
            7. An estimate is of *squared* influence: draw it only beside ``by_hop(influence ** 2, hops)``.
        closed_form: by name, values at hops 0, 1, 2, …; at most 4. One that has the name of a model is the line through
            that model's marks.
        ylabel: what is drawn, with its unit; without it, influence or, where there is an estimate, its square.

    Returns:
        ``axes``.

    Raises:
        TypeError: something in ``measured`` that is no profile.
        ValueError: nothing or too much to draw, values that are negative or not finite.

    Example:
        >>> import graphseq as gs, torch
        >>> from matplotlib.figure import Figure
        >>> sequence, asked = gs.from_sequence(torch.ones(9, 1)), torch.tensor([4])
        >>> gcn = gs.nn.GCN(1, 1, num_layers=1)
        >>> hops = gs.reach.hop_distances(sequence, asked)
        >>> found = gs.reach.by_hop(gs.reach.influence(gcn, sequence, outputs=asked), hops)
        >>> axes = draw_influence_by_hop(Figure().subplots(), {"GCN-1": found})
        >>> [line.get_gid() for line in axes.lines if len(line.get_xdata()) == 3]
        ['zeros GCN-1']
    """
    told_apart("measured", len(measured))
    forms = {name: numbers(f"closed_form[{name!r}]", values) for name, values in (closed_form or {}).items()}
    if len(forms) > len(_FORMS):
        raise ValueError(f"closed_form must be at most {len(_FORMS)} to be told apart, got {len(forms)}")
    curves = {name: _curve(name, found) for name, found in measured.items()}
    for name, values in forms.items():
        at_least_zero(f"closed_form[{name!r}]", values)
    height = logarithmic(axes, [*(value for _, value, _ in curves.values()), *forms.values()])
    for number, (name, (at, value, error)) in enumerate(curves.items()):
        aside = (number - (len(curves) - 1) / 2) * min(0.1, 0.5 / len(curves)) if len(curves) > 1 else 0.0
        if error is not None:
            low, high = np.maximum(value - _TWO_SIDED * error, height), value + _TWO_SIDED * error
            band = axes.fill_between(at + aside, low, high, where=value > 0, color=STYLES[number][0], alpha=0.2, lw=0)
            band.set_gid(f"band {name}")
        colour, marker, dash = STYLES[number]
        # Where the line is the closed form's, what was measured is marks alone.
        draw_curve(axes, at + aside, value, name, (colour, marker, "" if name in forms else dash), height)
    own = dict(zip(curves, STYLES, strict=False))
    for (name, values), plain in zip(forms.items(), _FORMS, strict=False):
        colour, _, dash = own.get(name, ("k", "", plain))
        label = f"{name}, closed form" if name in own else name
        axes.plot(np.where(values > 0, values, np.nan), color=colour, linestyle=dash, linewidth=1.2, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("hops from the row asked")
    estimated = any(error is not None for _, _, error in curves.values())
    axes.set_ylabel(ylabel or ("squared influence (sum over rows)" if estimated else "influence (sum over rows)"))
    legend(axes)
    bare(axes)
    return axes


_FORMS = ((0, (1, 1)), (0, (4, 1.5)), (0, (4, 1, 1, 1)), (0, (8, 2)))


def _curve(name: str, found: object) -> tuple[Values, Values, Values | None]:
    if not isinstance(found, Profile | ProfileEstimate):
        raise TypeError(f"measured[{name!r}] must be a Profile or a ProfileEstimate, got {type(found).__name__}")
    at, value = numbers(f"measured[{name!r}].at", found.at), numbers(f"measured[{name!r}].value", found.value)
    at_least_zero(f"measured[{name!r}].value", value)
    if at.shape != value.shape:
        raise ValueError(f"measured[{name!r}] has {len(at)} distances and {len(value)} values")
    return at, value, numbers(f"measured[{name!r}].error", found.error) if isinstance(found, ProfileEstimate) else None
