"""The recording in a user's file, and its windows: scaled, with the season as features, split by time."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.scaler import Scaler, add_seasonal_features
from graphseq.datasets import collegemsg, find
from graphseq.datasets.temporal import RECORDINGS
from graphseq.experiments.forecast.kinds import check, is_json, is_traffic, near
from graphseq.experiments.forecast.regular import resampled, with_every_time, with_notes
from graphseq.experiments.forecast.settings import Settings
from graphseq.io import TemporalDataset, read_events, read_observations, read_temporal_json, read_traffic
from graphseq.io._frame import Frame
from graphseq.io._missing import MissingValueError
from graphseq.tasks.forecast import Forecasting
from graphseq.tasks.windows import Split

_NAMES = {"values": "columns", "source": "edge_source", "target": "edge_target", "weight": "edge_weight"}
_OF_READERS = re.compile(rf"\b({'|'.join(_NAMES)})=")  #: arguments of the readers, which have other names here
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


class Prepared(NamedTuple):
    """The data of a run."""

    data: TemporalDataset  #: as the file has it
    split: Split[Forecasting]  #: windows as the models see them
    scaler: Scaler | None
    graph: SpaceTimeGraph  #: the whole recording as the models see it
    typical: Scaler | None = None  #: of the observed values before the test set, where some are missing

    def as_models_see(self, graph: SpaceTimeGraph, settings: Settings, begins: int = 0) -> SpaceTimeGraph:
        """Return a recording of the same nodes and columns that begins so many steps later, scaled, with the season."""
        graph = graph if self.typical is None else _begun(graph, self.typical)
        graph = graph if self.scaler is None else self.scaler.transform(graph)
        return graph if settings.season is None else _with_season(graph, settings.season, begins)

    def in_units(self, values: Tensor, node: Tensor) -> Tensor:
        """Values (K, C) of the models as values of the file."""
        return values if self.scaler is None else self.scaler.inverse(values, node)


def prepare(settings: Settings, horizon: int | None = None) -> Prepared:
    """Read, and :func:`make_ready`.

    Raises:
        OSError, ValueError: see :func:`load` and :func:`make_ready`.
    """
    return make_ready(load(settings), settings, horizon)


def make_ready(data: TemporalDataset, settings: Settings, horizon: int | None = None) -> Prepared:
    """Scale by what comes before the test, add the season, and split by time.

    Args:
        data: the recording, whose first columns are forecast.
        settings: the settings; the longest of their horizons says where the parts begin and end, so that all horizons
            have the same test times.
        horizon: one of the horizons of the settings; by default the first.

    Raises:
        ValueError: too few times, or too few columns, for what is asked.
    """
    horizon = settings.horizon[0] if horizon is None else horizon
    graph, scaler, typical = data.graph, None, None
    longest = max(settings.horizon)
    times, needed = len(graph.topology.times), settings.lags + longest
    if times < needed:
        raise ValueError(
            f"{data.name} has {times} times; a window of lags={settings.lags} and an answer horizon={longest} later "
            f"need {needed}"
        )
    task = _task(graph, settings, longest)
    is_masked = graph.get("observed") is not None
    if is_masked or settings.scale != "file":
        before = task.split(settings.train, settings.validation).whole
        fit = _scaler_of_observed if is_masked else _scaler
        if is_masked:
            typical = fit(graph, before.last, by_node=True)
            graph = _begun(graph, typical)
        if settings.scale != "file":
            scaler = fit(graph, before.last, by_node=settings.scale == "train")
            graph = scaler.transform(graph)
    if settings.season is not None:
        graph = _with_season(graph, settings.season)
    task = _task(graph, settings, longest) if graph is not data.graph else task
    split = task.split(settings.train, settings.validation)
    split = split if horizon == longest else _at(_task(graph, settings, horizon), split)
    return Prepared(data, split, scaler, graph, typical)


def _scaler(graph: SpaceTimeGraph, last: int, *, by_node: bool) -> Scaler:
    """Return the scaler of the rows up to a time, for each node where all are there by then, else for all together."""
    known = graph.node[graph.time <= graph.topology.times[last]]
    by_node = by_node and len(known.unique()) == len(graph.node.unique())
    per: Literal["node", "all"] = "node" if by_node else "all"
    return Scaler.fit(graph, until=last + 1, per=per)


def _scaler_of_observed(graph: SpaceTimeGraph, last: int, *, by_node: bool) -> Scaler:
    """Return the scaler of the rows up to a time that were observed, not of what stands in the place of others.

    A node that is first observed later has the mean and the deviation of all.
    """
    rows = graph.observed & (graph.time <= graph.topology.times[last])
    seen = SpaceTimeGraph(graph.x[rows], graph.node[rows], graph.time[rows])
    whole = Scaler.fit(seen, until=len(seen.topology.times), per="all")
    if not by_node:
        return whole
    each = Scaler.fit(seen, until=len(seen.topology.times), per="node")
    count = int(graph.node.max()) + 1
    mean, deviation = (part.repeat(count, 1) for part in (whole.mean, whole.deviation))
    known = seen.node.unique()
    mean[known], deviation[known] = each.mean[known], each.deviation[known]
    return Scaler(mean, deviation, "node")


def _begun(graph: SpaceTimeGraph, typical: Scaler) -> SpaceTimeGraph:
    """Return a masked recording in which a node has its mean before its first observed value."""
    observed, node = graph.observed, graph.node
    late = int(graph.time.max()) + 1
    first = torch.full((int(node.max()) + 1,), late).scatter_reduce(0, node[observed], graph.time[observed], "amin")
    waits = graph.time < first[node]
    if not bool(waits.any()):
        return graph
    values = graph.x.shape[1] - bool((graph.x[:, -1] == observed).all())  # the last column says what was observed
    x = graph.x.clone()
    x[waits, :values] = typical.mean[node[waits], :values].to(x.dtype)
    return graph.replace(x=x)


def _at(task: Forecasting, split: Split[Forecasting]) -> Split[Forecasting]:
    """Return a task of another horizon, split at the times of a split."""
    return Split(task.between(None, split.train.last), *(task.between(part.first, part.last) for part in split[1:]))


def _with_season(graph: SpaceTimeGraph, steps: float, begins: int = 0) -> SpaceTimeGraph:
    """Return the graph with the phase of a season whose length is in steps, which are as long as most are.

    Where times are not whole numbers of steps apart, they are counted. Of a recording that is a later part of another,
    ``begins`` is the number of steps before it, which the season goes on from.
    """
    times = graph.topology.times
    step = int(times.diff().median()) if len(times) > 1 else 1
    is_whole = not bool((times.diff() % step).any())
    if is_whole and not begins:
        return add_seasonal_features(graph, steps * step)
    count = (graph.time - times[0]).div(step, rounding_mode="floor") if is_whole else None
    place = torch.searchsorted(times, graph.time) if count is None else count
    counted = SpaceTimeGraph(graph.x, graph.node, place + begins)
    return graph.replace(x=add_seasonal_features(counted, steps).x)


def targets(data: TemporalDataset, settings: Settings) -> tuple[str, ...]:
    """Return the names of the columns that are forecast, which are the first."""
    return data.channels[: len(settings.targets) or settings.channels]


def load(settings: Settings, *, steadied: bool = True) -> TemporalDataset:
    """Read the recording: a data set by name, a JSON file, observations beside a table of edges, or events.

    Args:
        settings: the settings.
        steadied: see :func:`steady` and :func:`first_targets`; else the recording is as the file has it.

    Returns:
        The recording, whose first columns are those that are to be forecast.

    Raises:
        OSError: a file cannot be read.
        ValueError: it holds something else, or a setting does not go with it or is lacking.
    """
    for path in (settings.file, settings.edges):
        is_file = path is not None and path.lower().endswith((".json", ".csv", ".csv.gz")) and path not in RECORDINGS
        if path is not None and is_file and not Path(path).exists():
            raise FileNotFoundError(f"there is no file {path}{near(path)}")
    check(settings)
    data = _load(settings)
    return first_targets(steady(data, settings), settings) if steadied else data


def steady(data: TemporalDataset, settings: Settings) -> TemporalDataset:
    """Return the recording in steps of one length where that is asked, with what is missing counted, and masked.

    Raises:
        ValueError: a step or a mask that the recording has no use for.
    """
    if settings.resample is not None:
        if settings.missing != "mask":
            raise ValueError('resample= may leave steps without a value; say missing="mask" as well')
        return resampled(data, settings.resample, settings.resample_by)
    topology = data.graph.topology
    index = topology.edge_index if topology.static_edge_index is None else topology.static_edge_index
    if len(data.nodes) > 1 and (index is None or not index.numel()):
        data = replace(data, notes=(*data.notes, "there are no edges: every model reads each node alone"))
    return with_every_time(data) if settings.missing == "mask" else with_notes(data)


def first_targets(data: TemporalDataset, settings: Settings) -> TemporalDataset:
    """Return the recording with the columns that are forecast first.

    Raises:
        ValueError: a target that it does not have.
    """
    for name in settings.targets:
        if name not in data.channels:
            shown = f"{', '.join(data.channels[:12])}{', …' if len(data.channels) > 12 else ''}"
            hint = "; the ends of edges are named by edge_source= and edge_target=" if settings.window else ""
            near = "".join(f"; did you mean {one}?" for one in get_close_matches(name, data.channels, n=1))
            raise ValueError(f"targets={name!r} is no column of values of {data.name}, which has {shown}{near}{hint}")
    first = [data.channels.index(name) for name in settings.targets]
    order = [*first, *(place for place in range(len(data.channels)) if place not in first)]
    if order == sorted(order):
        return data
    channels = tuple(data.channels[place] for place in order)
    return replace(data, graph=data.graph.replace(x=data.graph.x[:, order]), channels=channels)


def _load(settings: Settings) -> TemporalDataset:
    file, window = settings.file, settings.window
    if file == "collegemsg" and window is not None:
        return collegemsg(_length(window))
    if file in RECORDINGS:
        return RECORDINGS[file]()
    if is_json(file):
        with _in_our_words():
            return read_temporal_json(file, missing=_reading(settings))
    if is_traffic(file):
        with _in_our_words():
            return read_traffic(file, settings.edges, zeros_missing=settings.zeros_missing, missing=_reading(settings))
    if window is not None:
        return events_of(file, settings)
    return observations_of(file, settings.edges, settings)


def events_of(source: str | Frame, settings: Settings) -> TemporalDataset:
    """Read events from a file or a frame, in windows of the length that the settings name."""
    length = _length(settings.window or "")
    try:
        with _in_our_words():
            return read_events(
                source,
                length,
                source=settings.edge_source,
                target=settings.edge_target,
                time=settings.time,
                values=settings.columns or None,
                bipartite=settings.bipartite,
                time_format=settings.time_format,
                sort=settings.sort,
                empty=settings.empty,
            )
    except TypeError:
        if not isinstance(length, timedelta):
            raise
        raise TypeError(
            f"window must be a number, as the times of {settings.file or 'data'} are; got {settings.window!r}"
        ) from None


def observations_of(source: str | Frame, edges: str | Frame | None, settings: Settings) -> TemporalDataset:
    """Read observations, and edges where there are any, from files or frames."""
    with _in_our_words():
        return read_observations(
            source,
            edges,
            time=settings.time,
            node=settings.node or None,
            values=settings.columns or None,
            wide=settings.wide,
            source=settings.edge_source,
            target=settings.edge_target,
            weight=settings.edge_weight,
            undirected=settings.undirected,
            time_format=settings.time_format,
            sort=settings.sort,
            missing=_reading(settings),
        )


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Have the refusals of a reader name the arguments of a forecast, and the mask, which readers do not have."""
    try:
        yield
    except MissingValueError as error:
        raise ValueError(
            f'{error.what}; fill it in, or say missing="mask", which puts the last known value in its place and asks '
            'for no answer there, or missing="drop", which removes the node at that time'
        ) from None
    except ValueError as error:
        if type(error) is not ValueError:  # such as of a file in another encoding
            raise
        said = str(error).replace("there is none, node=None", "give node= an empty name")
        raise ValueError(_OF_READERS.sub(lambda found: f"{_NAMES[found[1]]}=", said)) from None


def _reading(settings: Settings) -> Literal["refuse", "drop"]:
    """Return what a reader does with a missing value: what is masked is dropped there, and filled in later."""
    return "refuse" if settings.missing == "refuse" else "drop"


def checksums(settings: Settings) -> dict[str, object]:
    """Return the checksums of the files, whose content may change under their names."""
    paths = {"file": find(settings.file) if settings.file in RECORDINGS else Path(settings.file)}
    if settings.edges is not None:
        paths["edges"] = Path(settings.edges)
    return {f"{name}_sha256": sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}


def _task(graph: SpaceTimeGraph, settings: Settings, horizon: int) -> Forecasting:
    channels = len(settings.targets) or settings.channels
    observed = graph.get("observed")
    return Forecasting(graph, lags=settings.lags, horizon=horizon, channels=channels, observed=observed)


def _length(window: str) -> float | timedelta:
    """Return the length of a window: a number, or one with d, h, m or s behind it."""
    unit = _UNITS.get(window[-1:])
    try:
        number = float(window if unit is None else window[:-1])
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"window must be a number above 0, or one with d, h, m or s behind it; got {window!r}")
    return number if unit is None else timedelta(**{unit: number})
