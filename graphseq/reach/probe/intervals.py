"""Confidence intervals of means of numbers of at least 0, whose distributions are skewed."""

from __future__ import annotations

import math

import torch
from scipy import special
from torch import Tensor

from graphseq import _checks


def of_mean(samples: Tensor, ci: float, population: float = math.inf) -> tuple[Tensor, Tensor]:
    r"""Compute an interval for the mean of a population, from some of its members.

    .. math:: \Big[\min\big(m - t s,\; m\, e^{-t s / m}\big),\; \max\big(m + t s,\; m\, e^{t s / m}\big)\Big]

    with m the mean of n samples, s its standard error, less where the samples are much of the population, and t the
    quantile of Student's distribution of n - 1 degrees of freedom. The second form is that of log m: of skewed numbers
    the mean of a sample is more often too small than too large, and Student's interval ends too low.

    Args:
        samples: (n, D), n at least 2 unless they are the population.
        ci: the confidence, between 0 and 1.
        population: the number of its members; infinite for draws with replacement.

    Returns:
        The lower and the upper ends, (D,).
    """
    mean, n = samples.mean(dim=0), len(samples)
    if n >= population:
        return mean, mean
    t = quantile(ci, n - 1)
    finite = 1.0 if math.isinf(population) else (population - n) / (population - 1)
    return ends(mean, t * samples.std(dim=0) * math.sqrt(finite / n))


def ends(mean: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """The ends of an interval of this half width, of the mean or of its logarithm, whichever is farther."""
    ratio = torch.where(mean > 0, half / mean, 0.0)
    low, high = mean * torch.exp(-ratio), mean * torch.exp(ratio)
    return torch.minimum(mean - half, low), torch.maximum(mean + half, high)


def of_squares(mean: Tensor, error: Tensor, samples: int, ci: float) -> tuple[Tensor, Tensor]:
    r"""Compute an interval for E‖J r‖², r of random signs, from the mean over n draws.

    .. math:: \Big[ n\, m / \chi^2_{n,\, 1 - \alpha/2},\; n\, m / \chi^2_{n,\, \alpha/2} \Big]

    Of all J, those of rank one vary most, and there ‖J r‖² / E‖J r‖² is close to χ² of one degree of freedom, so that
    the interval covers at least at the confidence for every J.

    Args:
        mean: m.
        error: its standard error; where it is 0, as with one channel, all draws are the value itself.
        samples: n.
        ci: the confidence.
    """
    alpha = 1 - confidence(ci)
    high = float(special.chdtri(samples, 1 - alpha / 2))
    low = float(special.chdtri(samples, alpha / 2))
    is_exact = error <= 1e-12 * mean
    return torch.where(is_exact, mean, mean * samples / low), torch.where(is_exact, mean, mean * samples / high)


def quantile(ci: float, freedom: int) -> float:
    """The half width of Student's interval, in standard errors."""
    return float(special.stdtrit(freedom, (1 + confidence(ci)) / 2))


def confidence(ci: float) -> float:
    """Return ``ci``, or say why it is none."""
    value = _checks.positive("ci", ci)
    if value >= 1:
        raise ValueError(f"ci must be between 0 and 1, such as 0.95, got {ci}")
    return value
