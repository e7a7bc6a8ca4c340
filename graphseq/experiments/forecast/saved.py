"""A fitted forecaster in a file: its settings, recording, weights and table, as plain data and tensors."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from torch import Tensor

from graphseq import _checks
from graphseq._torch import archive
from graphseq.data.graph import SpaceTimeGraph
from graphseq.experiments.forecast.report import Facts, Line
from graphseq.experiments.forecast.settings import Settings
from graphseq.io import TemporalDataset

FORMAT = "graphseq forecaster 2"
_FIRST = "graphseq forecaster 1"  #: which scaled masked values with what stood in their place, and is the same without
T = TypeVar("T")


class Kept(NamedTuple):
    """The parts of a forecaster that a file keeps."""

    settings: Settings
    data: TemporalDataset  #: the recording, with missing values masked and the columns that are forecast first
    chosen: Mapping[int, tuple[str, Mapping[str, Tensor], Tensor]]  #: by horizon: model, weights, widths of intervals
    lines: Sequence[Line]  #: of the table
    facts: Sequence[Facts]  #: of the test set


def write(path: str | Path, kept: Kept, *, overwrite: bool) -> None:
    """Write what is kept of a forecaster.

    Raises:
        OSError: the file is there, or cannot be written.
    """
    data, topology = kept.data, kept.data.graph.topology
    of_graph = {"x": data.graph.x, **dict(zip(topology.KEYS, topology.parts, strict=True))}
    of_graph |= {"observed": data.graph.get("observed")}
    content = {
        "format": FORMAT,
        "settings": json.dumps(kept.settings.to_json()),
        "graph": {key: value for key, value in of_graph.items() if value is not None},
        "names": json.dumps([data.name, data.nodes, data.times, data.channels, data.notes]),
        "chosen": {horizon: list(one) for horizon, one in kept.chosen.items()},
        "lines": json.dumps([_plain(asdict(line)) for line in kept.lines]),
        "facts": json.dumps([_plain(of._asdict()) for of in kept.facts]),
    }
    archive.write(_checks.path("path", path), content, overwrite=overwrite)


def read(path: str | Path, build: Callable[[Kept], T]) -> T:
    """Return what ``build`` makes of a file that :func:`write` wrote.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not one of these files, or damaged.
    """
    content, size = archive.read(_checks.path("path", path), "file of Forecaster.save")
    if isinstance(content, dict) and str(content.get("format")).startswith("graphseq model"):
        raise ValueError(f"{path} is no file of Forecaster.save but of graphseq.save, which graphseq.load reads")
    try:
        archive.check_tensors(content, size)
        if not isinstance(content, dict) or content.get("format") not in (FORMAT, _FIRST):
            raise ValueError("it holds something else")
        if content["format"] == _FIRST and "observed" in content["graph"]:
            raise ValueError("an earlier version wrote it, which scaled missing values otherwise; fit it again")
        return build(_kept(content))
    except Exception as error:  # odd contents make torch, json and others raise almost anything
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ValueError(f"{path} is not a whole file of Forecaster.save: {reason}") from None


def _kept(content: Mapping[str, Any]) -> Kept:
    parts = dict(content["graph"])
    observed = parts.pop("observed", None)
    graph = SpaceTimeGraph(**parts)
    if observed is not None:
        graph.observed = observed
    name, *names = json.loads(content["names"])
    return Kept(
        Settings.from_json(json.loads(content["settings"])),
        TemporalDataset(name, graph, *map(tuple, names)),
        {horizon: tuple(one) for horizon, one in content["chosen"].items()},
        [Line(**_unplain(line)) for line in json.loads(content["lines"])],
        [Facts(**_unplain(of)) for of in json.loads(content["facts"])],
    )


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in record.items()}


def _unplain(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: math.nan if value is None else value for key, value in record.items()}
