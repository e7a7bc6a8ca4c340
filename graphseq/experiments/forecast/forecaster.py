"""Forecasts from Python: models are trained and compared on a recording, and the best one forecasts what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_but
from graphseq._printable import printable, printable_errors
from graphseq.evaluation.predict import predict
from graphseq.experiments.forecast import models, report, saved
from graphseq.experiments.forecast.alike import as_fitted, with_edges_of
from graphseq.experiments.forecast.arguments import check_choices, length, listed, steps_ahead
from graphseq.experiments.forecast.calendar import season_begins, times_after
from graphseq.experiments.forecast.data import Prepared, first_targets, make_ready, steady, targets
from graphseq.experiments.forecast.report import Facts, Line
from graphseq.experiments.forecast.run import bound_of, in_units, intervals_of, ready, summary_of
from graphseq.experiments.forecast.saved import Kept
from graphseq.experiments.forecast.settings import BASELINES, MODELS, Case, Settings
from graphseq.experiments.forecast.sources import recording_of, takes_edges
from graphseq.experiments.forecast.window import Forecast, by_node, last_window
from graphseq.experiments.models import spelled
from graphseq.io import TemporalDataset

CANDIDATES = ("persistence", "autoregression", "graph autoregression", "LSTM", "GCN-LSTM")
"""The models that are compared by default: three that are fitted at once, and two that are trained."""


class _Chosen(NamedTuple):
    """The model of one horizon that was best on the validation set."""

    model: str
    network: nn.Module
    width: Tensor  #: half width of the intervals of scaled values, (C,)


class Forecaster:
    r"""Models that are trained and compared on a recording, of which the best forecasts the next values.

    For each horizon every candidate is trained on the first part of the windows, with the weights of least error on the
    validation set, the part that follows; the candidate of least error there is chosen. Its prediction intervals are
    ŷ ± q, with q from the errors on the validation set (:func:`graphseq.evaluation.conformal_width`). The last part is
    the test set: it chooses nothing, and shows the errors and the share of answers that the intervals hold.
    ``print(forecaster)`` shows the table.

    Args:
        horizon: steps ahead, one or several, each with a model of its own.
        models: names of the candidates.
        lags: time steps that a forecast reads.
        train: share of the windows, by time, before the test set.
        validation: share of those, the last of them, that is the validation set.
        coverage: share of the answers that the intervals are to hold.
        missing: what becomes of missing values: "refuse" them; "mask" them: the last known value stands in their place,
            a feature says so, no answer is asked there, and it has no part in the scale of its node, which has its mean
            before its first value; or "drop" the row, so that the node is absent then.
        resample: length of a step to which irregular times are brought, such as "1h", or a number
            where times are numbers; it needs missing="mask".
        resample_by: "mean", "last" or "sum" of the observations of a node in a step.
        targets: names of the columns that are forecast; by default the first.
        season: length of a season in steps, whose phase the models then read.
        scale: "train" standardises each node by what comes before the test, "pooled" all together, "file" nothing.
        residual: trained models forecast the difference from the last value.
        hidden: hidden units of the trained models.
        steps: steps of training.
        every: steps from one evaluation on the validation set to the next.
        batch_size: windows in a batch.
        lr: learning rate of AdamW.
        seed: of weights and batches.
        device: where to train.
        unit: unit of what is forecast, for the table; by default what is in brackets in the name of its column.
        wide: a table in a file has a column for each node; a frame without a column ``node`` is read so by itself.
        time: column of times in tables and frames.
        node: column of names of nodes; ``None`` or "" for a single series, whose lines are times of one node.
        columns: columns of features; by default all others.
        window: a table of events is read in snapshots of this length: a number in the units of its times, or such as
            "7d" where they are dates.
        edge_source: column of the nodes that edges or events start at.
        edge_target: column of the nodes that they end at.
        edge_weight: column of weights in the table of edges.
        undirected: edges of a table lead in both directions, though listed once.
        time_format: format of dates, as strptime has it, such as "%d.%m.%Y".
        sort: sort the lines of a table by time; else a table that is not in order is refused.
        empty: a window without events: "refuse" the file, or "keep" the window.
        bipartite: events lead from nodes of one kind to nodes of another.
        zeros_missing: values of 0 in .h5 and .npz files of sensors are missing ones; it needs missing="mask" or "drop".

    The last thirteen say how a table is read, and are refused where the data are none; :meth:`predict` reads later data
    in the same way.

    Raises:
        TypeError, ValueError: a setting that is out of its range.

    Example:
        >>> import graphseq as gs, torch
        >>> x = torch.arange(60.0)[:, None].repeat(1, 3).sin()
        >>> forecaster = gs.Forecaster(horizon=[1, 3], models=["persistence", "autoregression"]).fit(x)
        >>> forecaster.chosen
        {1: 'autoregression', 3: 'autoregression'}
        >>> forecast = forecaster.predict()
        >>> bool((forecast.values[1] - torch.tensor(62.0).sin()).abs().max() < 1e-3)
        True
    """

    @checked_but()
    def __init__(
        self,
        horizon: int | Sequence[int] = 1,
        *,
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
    ) -> None:
        ahead = steps_ahead(horizon)
        counts = {"lags": lags, "hidden": hidden, "steps": steps, "every": every, "batch_size": batch_size}
        shares = {"train": train, "validation": validation, "coverage": coverage}
        self._settings = Settings.from_json(
            {
                **{"file": "", "models": list(spelled(listed(models), MODELS)), "horizon": ahead},
                **{name: _checks.finite(name, value) for name, value in shares.items()},
                **{"missing": missing, "season": None if season is None else _checks.positive("season", season)},
                "resample": length("resample", resample),
                **{"resample_by": resample_by, "targets": listed(targets), "scale": scale},
                **{name: _checks.at_least(name, value, 1) for name, value in counts.items()},
                **{"residual": bool(residual)},
                **{
                    "lr": _checks.positive("lr", lr),
                    "seeds": [_checks.seed("seed", seed)],
                    "device": device,
                    "unit": unit,
                },
                **{
                    "wide": bool(wide),
                    "time": time,
                    "node": node or "",
                    "columns": listed(columns),
                    "empty": empty,
                    "sort": bool(sort),
                },
                "window": length("window", window),
                **{"edge_source": edge_source, "edge_target": edge_target, "edge_weight": edge_weight},
                **{"undirected": undirected, "time_format": time_format, "bipartite": bipartite},
                "zeros_missing": zeros_missing,
            }
        )
        check_choices(self._settings)
        self._data: TemporalDataset | None = None
        self._chosen: dict[int, _Chosen] = {}
        self._lines: list[Line] = []
        self._facts: list[Facts] = []

    @checked_but("data", "edges")
    def fit(self, data: object, edges: object = None) -> Self:
        """Train and compare the candidates on a recording, and return this forecaster.

        Args:
            data: a :class:`~graphseq.SpaceTimeGraph`, a :class:`~graphseq.io.TemporalDataset`, an array or tensor (T,
                N) or (T, N, F) with NaN for what is missing, a data frame (a line for each time and a column for each
                node, or columns time, node and values), the path of a file as of the command ``forecast``, or the name
                of a data set.
            edges: edges where the data have none: (2, E) node numbers beside an array; a frame or the path of a table
                with columns source and target beside a frame or a table.

        Raises:
            OSError: a file cannot be read.
            TypeError, ValueError: data of another kind, values that are missing and not masked, too few times.
            DivergedError: the training of a model did not stay finite.
        """
        read = recording_of(data, edges, self._settings)
        self._fit(first_targets(steady(read, self._settings), self._settings))
        return self

    def _fit(self, data: TemporalDataset) -> None:
        settings, seed = self._settings, self._settings.seeds[0]
        lines, facts, chosen = [], [], {}
        for horizon in settings.horizon:
            prepared = make_ready(data, settings, horizon)
            found = [_candidate(Case(name, seed, horizon), prepared, settings) for name in settings.models]
            results = [result for _, result in found]
            here = report.summarise(replace(settings, horizon=(horizon,)), results, targets(data, settings))
            best = report.best_of(here)
            if best is None:
                raise ValueError(f"no model has a finite error on the validation set, {horizon} steps ahead")
            chosen[horizon] = next(one for one, _ in found if one.model == best)
            lines += here
            facts += _facts(data, prepared, settings, horizon)
        self._data, self._chosen, self._lines, self._facts = data, chosen, lines, facts

    @property
    def chosen(self) -> dict[int, str]:
        """The name of the model of each horizon."""
        return {horizon: one.model for horizon, one in self._chosen.items()}

    @property
    def lines(self) -> list[Line]:
        """The errors of each candidate at each horizon on the test set, as the table shows them."""
        return list(self._lines)

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes on data that are missing, irregular, or read otherwise than they stand there."""
        return () if self._data is None else self._data.notes

    def __repr__(self) -> str:
        """The table of errors, or, before :meth:`fit`, that there is none."""
        if not self._lines:
            return f"Forecaster(horizon={list(self._settings.horizon)}, not fitted yet)"
        return printable(report.tables_of(self._settings, self._lines, self._facts))

    @checked_but("data", "edges")
    def predict(self, data: object = None, edges: object = None) -> Forecast:
        """Forecast the values after the last time of a recording.

        A season goes on from the data fitted to, by the names of the times: later data may begin anywhere in it.

        Args:
            data: later data of the same nodes and columns, in any order, of the kinds of :meth:`fit`, and read in the
                same way; by default those fitted to.
            edges: see :meth:`fit`; by default those fitted to, unless the data have their own.

        Raises:
            ValueError: not fitted yet, or data of other nodes or columns, or of fewer times than a forecast reads, or
                without edges where those fitted to change with time.
        """
        fitted = self._fitted()
        recent, begins = fitted, 0
        if data is not None:
            read = as_fitted(recording_of(data, edges, self._settings), fitted, self._settings)
            if edges is None and takes_edges(data, self._settings):
                read = with_edges_of(read, fitted)
            recent = steady(read, self._settings)
            begins = self._begins(recent, fitted)
        elif edges is not None:
            raise ValueError("edges= goes with data=; the data fitted to have their own")
        prepared = [make_ready(fitted, self._settings, horizon) for horizon in self._settings.horizon]
        graph = prepared[0].as_models_see(recent.graph, self._settings, begins)
        window = last_window(graph, self._settings.lags)
        rows = window.target_rows
        node = window.node[rows]
        parts = []
        for one, of in zip(self._chosen.values(), prepared, strict=True):
            with torch.no_grad():
                output = one.network.eval()(window).cpu()
            ends = (output, output - one.width, output + one.width)
            parts.append(torch.stack([by_node(of.in_units(end, node), node, len(fitted.nodes)) for end in ends]))
        values, low, high = torch.stack(parts, dim=1)
        ahead = self._settings.horizon
        names = (recent.times[-1], fitted.nodes, targets(fitted, self._settings))
        models = tuple(one.model for one in self._chosen.values())
        return Forecast(ahead, *names, values, low, high, times_after(recent, ahead), models, self._settings.coverage)

    def _begins(self, recent: TemporalDataset, fitted: TemporalDataset) -> int:
        """Return the steps from the first time fitted to until later data begin, which the season counts."""
        if self._settings.season is None:
            return 0
        begins = season_begins(fitted, recent)
        if begins is None:
            raise ValueError(
                f"season={self._settings.season} is counted from {fitted.times[0]}, and {recent.times[0]}, at which "
                "data begins, is no whole number of equal steps later; give data from a time of those fitted to"
            )
        return begins

    @checked_but()
    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the forecaster to a file, with the recording that it was fitted to, which scales and forecasts need.

        Raises:
            ValueError: not fitted yet.
            OSError: the file is there, or cannot be written.
        """
        chosen = {h: (one.model, one.network.state_dict(), one.width) for h, one in self._chosen.items()}
        kept = Kept(self._settings, self._fitted(), chosen, self._lines, self._facts)
        saved.write(path, kept, overwrite=overwrite)

    @classmethod
    @printable_errors
    @checked_but()
    def load(cls, path: str | Path) -> Self:
        """Return the forecaster that :meth:`save` wrote; no code in the file is run.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not one of these files, or damaged.
        """
        return saved.read(path, cls._of_kept)

    @classmethod
    def _of_kept(cls, kept: Kept) -> Self:
        made = cls()
        made._settings, made._data, made._lines, made._facts = kept.settings, kept.data, [*kept.lines], [*kept.facts]
        for horizon, (model, state, width) in kept.chosen.items():
            train = make_ready(kept.data, kept.settings, horizon).split.train
            is_baseline = model in BASELINES
            network = models.fitted(model, train) if is_baseline else models.trained(model, train, kept.settings)
            network.load_state_dict(state)
            made._chosen[horizon] = _Chosen(model, network, width)
        return made

    def _fitted(self) -> TemporalDataset:
        if self._data is None:
            raise ValueError("this Forecaster has no model yet; call fit(data)")
        return self._data


def forecaster_of(kept: Kept) -> Forecaster:
    """Return a fitted forecaster from what was kept of its training."""
    return Forecaster._of_kept(kept)


def _candidate(case: Case, prepared: Prepared, settings: Settings) -> tuple[_Chosen, dict[str, object]]:
    """Return a model, trained on the training part alone, and its results."""
    network, result = ready(case, prepared, settings)
    held_out = predict(network, prepared.split.validation)
    scaled = predict(network, prepared.split.test)
    intervals = intervals_of(prepared, held_out, scaled, settings.coverage)
    result |= summary_of(case, in_units(prepared, scaled), in_units(prepared, held_out), intervals)
    return _Chosen(case.model, network.cpu(), intervals.width), result


def _facts(data: TemporalDataset, prepared: Prepared, settings: Settings, horizon: int) -> list[Facts]:
    raw = make_ready(data, replace(settings, scale="file"), horizon)
    return report.facts_of(prepared, settings, horizon, bound_of([prepared, raw]))
