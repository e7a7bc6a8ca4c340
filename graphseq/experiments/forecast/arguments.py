"""Arguments of a forecast from Python, as its settings have them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from torch import Tensor

from graphseq import _checks
from graphseq.data.arrays import as_tensor
from graphseq.experiments.forecast.settings import Settings


def steps_ahead(horizon: int | Sequence[int]) -> list[int]:
    """Return the horizons, which are one number of steps or several different ones."""
    several: Any = as_tensor("horizon", horizon).tolist() if isinstance(horizon, np.ndarray | Tensor) else horizon
    ahead: list[Any] = [several] if isinstance(several, Integral) else list(several)
    ahead = [_checks.at_least("horizon", steps, 1) for steps in ahead]
    if not ahead or len(set(ahead)) < len(ahead):
        raise ValueError(f"horizon must name one number of steps or several different ones, got {ahead}")
    return ahead


def listed(names: str | Sequence[str]) -> list[str]:
    """Return names as a list, of which a single one may stand alone."""
    return [names] if isinstance(names, str) else list(names)


def length(name: str, value: str | float | None) -> str | None:
    """Return a length of time as the settings have it."""
    if value is None or isinstance(value, str):
        return value
    return str(_checks.positive(name, value)).removesuffix(".0")


def check_choices(settings: Settings) -> None:
    """Refuse a setting that is none of its choices.

    Raises:
        ValueError: the message names the setting.
    """
    for name, allowed in (
        ("missing", ("refuse", "drop", "mask")),
        ("empty", ("refuse", "keep")),
        ("resample_by", ("mean", "last", "sum")),
        ("scale", ("train", "pooled", "file")),
    ):
        if getattr(settings, name) not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {getattr(settings, name)!r}")
