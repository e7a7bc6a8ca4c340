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
    every: int = 20,
    batch_size: int = 16,
    lr: float = 0.003,
    seed: int = 0,
    device: str = "cpu",
    unit: str | None = None,
    wide: bool = False,
    time: str = "time",
    node: str | None = "node",
    columns: Sequence[str] = (),
    window: str | float | None = None,
    edge_source: str = "source",
    edge_target: str = "target",
    edge_weight: str = "weight",
    undirected: bool = False,
    time_format: str | None = None,
    sort: bool = False,
    empty: str = "refuse",
    bipartite: bool = False,
    zeros_missing: bool = False,
) -> Forecaster:
    """Train and compare models on a recording, and return the fitted :class:`Forecaster`.

    The arguments are those of :meth:`Forecaster.fit`, ``data`` and ``edges``, and those of :class:`Forecaster`, which
    describes them: what is forecast (``horizon``, ``targets``, ``season``, ``unit``), how (``models``, ``lags``,
    ``train``, ``validation``, ``coverage``, ``scale``, ``residual``, ``hidden``, ``steps``, ``every``, ``batch_size``,
    ``lr``, ``seed``, ``device``), what becomes of missing and irregular values (``missing``, ``resample``,
    ``resample_by``), and how a table is read (``wide``, ``time``, ``node``, ``columns``, ``window``, ``edge_source``,
    ``edge_target``, ``edge_weight``, ``undirected``, ``time_format``, ``sort``, ``empty``, ``bipartite``,
    ``zeros_missing``).

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
        every=every,
        batch_size=batch_size,
        lr=lr,
        seed=seed,
        device=device,
        unit=unit,
        wide=wide,
        time=time,
        node=node,
        columns=columns,
        window=window,
        edge_source=edge_source,
        edge_target=edge_target,
        edge_weight=edge_weight,
        undirected=undirected,
        time_format=time_format,
        sort=sort,
        empty=empty,
        bipartite=bipartite,
        zeros_missing=zeros_missing,
    )
    return made.fit(data, edges)
