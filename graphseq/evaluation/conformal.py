"""Prediction intervals by split conformal prediction: widths are errors on answers that did not train the model."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments


@checked_arguments
def conformal_width(errors: Tensor, coverage: float) -> Tensor:
    r"""Return the half width of intervals that hold a share of the answers, one for each channel, (C,).

    .. math:: q = |e|_{(k)}, \qquad k = \lceil (n + 1)\, c \rceil

    the k-th smallest of n absolute errors on a calibration set; the interval of a forecast is ŷ ± q. If the calibration
    and the later answers are exchangeable, an interval holds its answer with a probability of at least c. Answers over
    time are exchangeable only in part, so that the share on later answers is to be measured.

    Args:
        errors: differences of forecasts and answers, (n, C); one that is NaN, as of a model that diverged, is held by
            no finite interval.
        coverage: c, between 0 and 1.

    Returns:
        Half widths (C,), at least the smallest error; infinite where n is too small for c.

    Raises:
        ValueError: errors of another shape, or none; a share outside 0 to 1.

    Source: Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, *Distribution-Free Predictive Inference for Regression*
    (2018), algorithm 2.

    Example:
        >>> conformal_width(torch.tensor([[-3.0], [1.0], [2.0]]), coverage=0.5).tolist()
        [2.0]
    """
    _checks.between("coverage", coverage, 0, 1)
    if errors.dim() != 2 or not len(errors):
        raise ValueError(f"errors must have shape (n, C) with at least one row, got {tuple(errors.shape)}")
    errors = errors if errors.is_floating_point() else errors.to(torch.get_default_dtype())
    place = max(1, math.ceil(round((len(errors) + 1) * coverage, 9)))  # 0 of a coverage of 0 would be the last one
    if place > len(errors):
        return torch.full_like(errors[0], math.inf)
    sizes = errors.abs()
    return sizes.where(~sizes.isnan(), math.inf).sort(dim=0).values[place - 1]
