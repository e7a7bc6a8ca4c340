"""One call that trains, compares and forecasts."""

from __future__ import annotations

from collections.abc import Sequence

from graphseq._arguments import checked_but
from graphseq.experiments.forecast.forecaster import CANDIDATES, Forecaster


@checked_but("data", "edges")
def forecast(
    data: object,
    edges: object = None,
    *,
    horizon: int | Sequence[int] = 1,
    models: str | Sequence[str] = CANDIDATES,
    lags: int = 4,
    train: float = 0.8,
    validation: float = 0.2,
    coverage: float = 0.9,
    missing: str = "refuse",
    resample: str | float | None = None,
    resample_by: str = "mean",
    targets: str | Sequence[str] = (),
    season: float | None = None,
    scale: str = "train",
    residual: bool = False,
    hidden: int = 16,
    steps: int = 600,
    seed: int = 0,
    device: str = "cpu",
    unit: str | None = None,
    wide: bool = False,
    undirected: bool = False,
) -> Forecaster:
    """Train and compare models on a recording, and return the fitted :class:`Forecaster`.

    Args:
        data: see :meth:`Forecaster.fit`, as are ``edges``, ``wide`` and ``undirected``.
        edges: likewise.
        horizon: steps ahead; this and all others are those of :class:`Forecaster`.
        models: names of the candidates.
        lags: time steps that a forecast reads.
        train: share of the windows before the test set.
        validation: share of those that is the validation set.
        coverage: share of the answers that the intervals are to hold.
        missing: "refuse", "mask" or "drop".
        resample: length of a step.
        resample_by: "mean", "last" or "sum".
        targets: names of the columns that are forecast.
        season: length of a season in steps.
        scale: "train", "pooled" or "file".
        residual: trained models forecast the difference from the last value.
        hidden: hidden units.
        steps: steps of training.
        seed: of weights and batches.
        device: where to train.
        unit: unit of what is forecast.
        wide: a table has a column for each node.
        undirected: edges of a table lead in both directions.

    Raises:
        OSError, TypeError, ValueError, DivergedError: see :class:`Forecaster`.

    Example:
        >>> import graphseq as gs, torch
        >>> x = torch.arange(40.0)[:, None].repeat(1, 2).sin()
        >>> forecaster = gs.forecast(x, [[0, 1], [1, 0]], horizon=1, models=["persistence", "autoregression"])
        >>> forecaster.predict()
        Forecast(after 39: H=1 horizons [1], N=2, C=1)
    """
    made = Forecaster(
        horizon,
        models=models,
        lags=lags,
        train=train,
        validation=validation,
        coverage=coverage,
        missing=missing,
        resample=resample,
        resample_by=resample_by,
        targets=targets,
        season=season,
        scale=scale,
        residual=residual,
        hidden=hidden,
        steps=steps,
        seed=seed,
        device=device,
        unit=unit,
    )
    return made.fit(data, edges, wide=wide, undirected=undirected)
