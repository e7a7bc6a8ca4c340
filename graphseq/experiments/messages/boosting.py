"""Trees boosted on a listwise objective: a strong learner of another kind, beside which to read the ranking model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_LEAST = 1e-6  # of the second derivative, in candidates that are far from all others


@dataclass(frozen=True)
class Boosting:
    """Settings of the boosting, chosen on the validation part."""

    trees: int = 120
    checked: int = 20  #: trees between two validations
    learning_rate: float = 0.07
    leaves: int = 15
    rows_of_a_leaf: int = 50
    l2: float = 5.0  #: added to the sum of second derivatives in a leaf
    features: float = 0.5  #: the share of the features that each tree reads
    rows: float = 0.8  #: the share of the rows that each tree reads
    power: float = 0.5  #: of the objective


def derivatives(scores: Tensor, log_weight: Tensor, power: float) -> tuple[Tensor, Tensor]:
    r"""Return the gradient of :math:`\tfrac1\alpha \sum_k p_{k0}^\alpha` and a curvature for Newton's steps.

    .. math:: p_{kj} = \frac{c_{kj} e^{s_{kj}}}{\sum_i c_{ki} e^{s_{ki}}}, \qquad
              g_{kj} = p_{k0}^\alpha (\delta_{j0} - p_{kj}), \qquad h_{kj} = p_{k0}^\alpha\, p_{kj} (1 - p_{kj})

    α → 0 is the logarithm of the likelihood, α = 1 the share of first places: a pair that cannot be foreseen has the
    less weight the larger α, as it has in a mean reciprocal rank. Below a share of .001 the weight falls no further.

    Args:
        scores: s, (K, 1 + n), the first of each row being right.
        log_weight: log c, how many candidates each stands for; -∞ for none.
        power: α.

    Example:
        One other candidate, as likely as the right one:

        >>> gradient, curvature = derivatives(torch.zeros(1, 2), torch.zeros(1, 2), power=1.0)
        >>> gradient.tolist(), curvature.tolist()
        ([[0.25, -0.25]], [[0.125, 0.125]])
    """
    share = torch.softmax(scores + log_weight, dim=1)
    right = torch.zeros_like(share)
    right[:, 0] = 1
    trust = share[:, :1].clamp(min=1e-3) ** power
    return trust * (right - share), trust * share * (1 - share)


class BoostedRanking:
    """Gradient boosting of histogram trees (LightGBM) on :func:`derivatives`.

    Args:
        settings: the settings.
        seed: of the features and rows that each tree reads.

    Raises:
        ModuleNotFoundError: without LightGBM.
    """

    def __init__(self, settings: Boosting, seed: int) -> None:
        try:
            import lightgbm  # noqa: PLC0415 - an optional dependency
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "boosted trees need LightGBM; install it with pip install 'graphseq[boosting]'"
            ) from error
        self._library, self.settings, self._seed = lightgbm, settings, seed
        self._trees: Any = None

    def fit(self, features: Tensor, log_weight: Tensor) -> BoostedRanking:
        """Fit to the features (M, P) of the candidates where ``log_weight``, (K, 1 + n), is finite, row by row."""
        settings = self.settings
        parameters = {
            "objective": self._objective(log_weight.double()),
            "learning_rate": settings.learning_rate,
            "num_leaves": settings.leaves,
            "min_data_in_leaf": settings.rows_of_a_leaf,
            "lambda_l2": settings.l2,
            "feature_fraction": settings.features,
            "bagging_fraction": settings.rows,
            "bagging_freq": 1,
            "seed": self._seed,
            "num_threads": 1,
            "verbosity": -1,
        }
        data = self._library.Dataset(features.numpy(), label=torch.zeros(len(features)).numpy())
        self._trees = self._library.train(parameters, data, num_boost_round=settings.trees)
        return self

    def _objective(self, log_weight: Tensor) -> Callable[[Any, Any], tuple[Any, Any]]:
        exists = log_weight.isfinite()

        def descent(scores: Any, _: Any) -> tuple[Any, Any]:
            filled = torch.zeros_like(log_weight).masked_scatter(exists, torch.from_numpy(scores).double())
            gradient, curvature = derivatives(filled, log_weight, self.settings.power)
            return -gradient[exists].numpy(), curvature[exists].clamp(min=_LEAST).numpy()

        return descent

    def staged_scores(self, features: Tensor) -> Iterator[Tensor]:
        """Yield the scores (M,) of features (M, P) after every ``checked`` trees."""
        rows, scores = features.numpy(), torch.zeros(len(features), dtype=torch.float64)
        for start in range(0, self.settings.trees, self.settings.checked):
            found = self._trees.predict(
                rows, start_iteration=start, num_iteration=self.settings.checked, raw_score=True, num_threads=1
            )
            scores = scores + torch.from_numpy(found)
            yield scores
