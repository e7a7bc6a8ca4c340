"""Checks that the settings of a forecast go with the kind of its data: a table, events, a recording, no file at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path

from graphseq.datasets.temporal import RECORDINGS
from graphseq.experiments.forecast.settings import Settings
from graphseq.io._csv import header_of, listed

_OF_TABLES = ("time", "edge_source", "edge_target", "columns", "time_format", "sort")
_OF_OBSERVATIONS = ("node", "edge_weight", "wide", "undirected")
_OF_EVENTS = ("empty", "bipartite")


def is_traffic(file: str) -> bool:
    """Return whether a file is one of traffic sensors, by the end of its name."""
    return Path(file).suffix.lower() in (".h5", ".hdf5", ".npz")


def is_json(file: str) -> bool:
    """Return whether a file is one of PyTorch Geometric Temporal, by the end of its name."""
    return Path(file).suffix.lower() == ".json"


def check(settings: Settings) -> None:
    """Refuse settings that do not go with the kind of the file.

    Raises:
        ValueError: a setting that the file leaves no use for, or one that it needs.
    """
    file, edges, window = settings.file, settings.edges, settings.window
    is_table = Path(file).name.lower().endswith((".csv", ".csv.gz"))
    is_known = is_table or is_json(file) or is_traffic(file)
    if file not in RECORDINGS and not is_known:
        raise ValueError(
            f"file must end in .json, .csv, .csv.gz, .h5 or .npz, or be one of {', '.join(RECORDINGS)}; got "
            f"{file!r}{near(file)}"
        )
    if settings.zeros_missing and (not is_traffic(file) or settings.missing == "refuse"):
        raise ValueError('zeros_missing= is about .h5 and .npz files of sensors, and needs missing="mask" or "drop"')
    if edges is not None and not is_table and not is_traffic(file):
        raise ValueError(f"edges= goes with a table of observations; {file} has its own edges")
    if window is not None and not is_table and file != "collegemsg":
        raise ValueError(f"window= goes with a table of events; {file} has its own times")
    if edges is not None and window is not None:
        raise ValueError("edges= is for observations and window= for events; the file is one of the two")
    if is_table and edges is None and window is None and not settings.wide:
        _check_observed(settings)
    if settings.targets and settings.channels not in (1, len(settings.targets)):
        raise ValueError(
            f"channels={settings.channels} and targets= both say how many columns are forecast; leave channels= out"
        )
    check_kind(settings, file, is_table=is_table, is_event=window is not None)


def _check_observed(settings: Settings) -> None:
    """Refuse a table of which nothing says what a line is, unless its columns do."""
    names = header_of(settings.file) if Path(settings.file).exists() else []
    lacking = [name for name in (settings.time, settings.node) if name and name not in names]
    if lacking:
        raise ValueError(
            f"{settings.file} is a table without {'columns' if len(lacking) > 1 else 'a column'} "
            f"{' and '.join(map(repr, lacking))}; it has "
            f"{listed(names, 12) or 'none'}. Where a line is an observation (time, node, values), name the columns by "
            "time= and node=; where it is an event (source, target, time), give the length of a window by window=; "
            "where each column is a node, say wide=; of a single series with columns of its own, give node= an empty "
            "name"
        )


def check_kind(settings: Settings, file: str, *, is_table: bool, is_event: bool) -> None:
    """Refuse settings that do not go with observations, with events, or with what is no table.

    Raises:
        ValueError: one of these settings is not at its default.
    """
    for kind, names, goes in (
        ("lines of a table", _OF_TABLES, is_table),
        ("observations", _OF_OBSERVATIONS, is_table and not is_event),
        ("events", _OF_EVENTS, is_table and is_event),
    ):
        _refuse(settings, names, kind, file, goes)
    if settings.missing != "refuse" and is_event:
        raise ValueError(f'missing="{settings.missing}" is about observations; events have none to miss')
    if settings.resample is not None and is_event:
        raise ValueError("resample= is about observations; snapshots of events are as long as window= says")
    if settings.resample is None and settings.resample_by != "mean":
        raise ValueError("resample_by= says how resample= joins values, which is not given")


def refuse_reading(settings: Settings, what: str) -> None:
    """Refuse settings that say how a table is read, where the data are none.

    Args:
        settings: the settings.
        what: the data, for the message.

    Raises:
        ValueError: one of these settings is not at its default.
    """
    defaults = {field.name: field.default for field in fields(settings)}
    for name in (*_OF_TABLES, *_OF_OBSERVATIONS, *_OF_EVENTS, "window", "zeros_missing"):
        if getattr(settings, name) != defaults[name]:
            raise ValueError(f"{name}= says how a table or a file is read, and data is {what}")


def near(file: str) -> str:
    """Return a question after a file or data set that is called similarly, or nothing."""
    folder = Path(file).parent
    there = [str(path) for path in folder.glob("*.[cj]s*")] if folder.is_dir() else []
    near = get_close_matches(file, (*RECORDINGS, *there), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _refuse(settings: Settings, names: Sequence[str], kind: str, file: str, goes: bool) -> None:
    """Refuse settings on tables of one kind that are not at their default, unless the file is such a table."""
    defaults = {field.name: field.default for field in fields(settings)}
    for name in names:
        if not goes and getattr(settings, name) != defaults[name]:
            raise ValueError(f"{name}= is about {kind}, and {file} holds none")
