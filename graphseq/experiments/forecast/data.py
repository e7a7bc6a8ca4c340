"""The recording that a user's file holds, read by what it is, and its windows: scaled, with the season, split."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple, cast

from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.scaler import Scaler, add_seasonal_features
from graphseq.datasets import chickenpox, collegemsg, england_covid, find
from graphseq.experiments.forecast.settings import Settings
from graphseq.io import TemporalDataset, read_events, read_observations, read_temporal_json
from graphseq.tasks.forecast import Forecasting
from graphseq.tasks.windows import Split

KNOWN = ("chickenpox", "england_covid", "collegemsg")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


class Prepared(NamedTuple):
    """What a run works on."""

    data: TemporalDataset  #: as the file has it
    split: Split[Forecasting]  #: what the models see
    scaler: Scaler | None

    def in_units(self, values: Tensor, node: Tensor) -> Tensor:
        """Values (K, C) of the models as values of the file."""
        return values if self.scaler is None else self.scaler.inverse(values, node)


def prepare(settings: Settings) -> Prepared:
    """Read, scale by what comes before the test, add the season, and split by time.

    Raises:
        OSError, ValueError: see :func:`load`; too few times, or too few columns, for what is asked.
    """
    data = load(settings)
    graph, scaler = data.graph, None
    task = _task(graph, settings)
    if settings.scale != "file":
        before = task.split(settings.train, settings.validation).whole
        # A node that first appears later has no scale of its own, so all share one then.
        known = graph.node[graph.time <= graph.topology.times[before.last]]
        by_node = settings.scale == "train" and len(known.unique()) == len(graph.node.unique())
        per: Literal["node", "all"] = "node" if by_node else "all"
        scaler = Scaler.fit(graph, until=before.last + 1, per=per)
        graph = scaler.transform(graph)
    if settings.season is not None:
        graph = add_seasonal_features(graph, settings.season)
    task = _task(graph, settings) if graph is not data.graph else task
    return Prepared(data, task.split(settings.train, settings.validation), scaler)


def load(settings: Settings) -> TemporalDataset:
    """Read the recording: a known one, a JSON file, observations beside a list of edges, or events in windows.

    Raises:
        OSError: a file cannot be read.
        ValueError: it holds something else, or a flag that it needs is not there.
    """
    _check_flags(settings)
    file, edges, window = settings.file, settings.edges, settings.window
    if file == "collegemsg":
        return collegemsg() if window is None else collegemsg(_length(window))
    if file in KNOWN:
        known: dict[str, Callable[[], TemporalDataset]] = {"chickenpox": chickenpox, "england_covid": england_covid}
        return known[file]()
    missing = cast('Literal["refuse", "drop"]', settings.missing)
    if _is_json(file):
        return read_temporal_json(file, missing=missing)
    if window is not None:
        return read_events(file, _length(window))
    return read_observations(file, edges, missing=missing)


def checksums(settings: Settings) -> dict[str, object]:
    """The content of the files, which may change under their names."""
    paths = {"file": find(settings.file) if settings.file in KNOWN else Path(settings.file)}
    if settings.edges is not None:
        paths["edges"] = Path(settings.edges)
    return {f"{name}_sha256": sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}


def _task(graph: SpaceTimeGraph, settings: Settings) -> Forecasting:
    return Forecasting(graph, lags=settings.lags, horizon=settings.horizon, channels=settings.channels)


def _is_json(file: str) -> bool:
    return Path(file).suffix.lower() == ".json"


def _check_flags(settings: Settings) -> None:
    file, edges, window = settings.file, settings.edges, settings.window
    table = Path(file).name.lower().endswith((".csv", ".csv.gz"))
    if file not in KNOWN and not table and not _is_json(file):
        raise ValueError(f"FILE must end in .json, .csv or .csv.gz, or be one of {', '.join(KNOWN)}; got {file!r}")
    if edges is not None and not table:
        raise ValueError(f"--edges goes with a table of observations; {file} has its own edges")
    if window is not None and not table and file != "collegemsg":
        raise ValueError(f"--window goes with a table of events; {file} has its own times")
    if edges is not None and window is not None:
        raise ValueError("--edges is for observations and --window for events; FILE is one of the two")
    if table and edges is None and window is None:
        raise ValueError(
            f"{file} is a table: name the file of its edges by --edges where a line is an observation (time, node, "
            "values), or the length of a window by --window where it is an event (source, target, time)"
        )
    if settings.missing == "drop" and window is not None:
        raise ValueError("--missing drop is about observations; events have none to miss")


def _length(window: str) -> float | timedelta:
    """A number, or one with d, h, m or s behind it."""
    unit = _UNITS.get(window[-1:])
    try:
        number = float(window if unit is None else window[:-1])
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"--window must be a number above 0, or one with d, h, m or s behind it; got {window!r}")
    return number if unit is None else timedelta(**{unit: number})
