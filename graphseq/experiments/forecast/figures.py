"""Figures and tables of the forecasts of the first seed."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from graphseq import _files
from graphseq.data.graph import SpaceTimeGraph
from graphseq.evaluation import tables
from graphseq.evaluation.predict import Predictions
from graphseq.experiments.forecast.gates import latest, unpacked
from graphseq.experiments.forecast.report import Line
from graphseq.experiments.forecast.settings import BASELINES, Case, Settings
from graphseq.experiments.forecast.window import shortest
from graphseq.io import TemporalDataset
from graphseq.plot._text import plain
from graphseq.plot.animation import save_animation
from graphseq.plot.forecast import forecast_figure
from graphseq.plot.forgetting import animate_forgetting
from graphseq.plot.gate_map import draw_gates
from graphseq.plot.node_errors import MOST_NAMES, draw_errors_by_node
from graphseq.plot.nodes import MOST_ROWS

DRAWN = 3  # trained models, besides a baseline: more lines would hide each other
LAST = 120  # times
FRAMES = 30  # snapshots whose gates are drawn
_ENDS = ("low", "high")


@dataclass(frozen=True)
class Kept:
    """The saved forecasts and gates of the runs of the first seed."""

    predictions: dict[str, Predictions]  #: by model, all of the same answers
    intervals: dict[str, tuple[Tensor, Tensor]]  #: by model, lower and upper ends of the intervals, (K, C) each
    gates: dict[
        str, Tensor
    ]  #: of the forgetting model, see :func:`graphseq.experiments.forecast.gates.unpacked`; or empty


def read_kept(settings: Settings, lines: Sequence[Line], runs: Path) -> Kept:
    """Return the forecasts of the first seed in ``runs``, without those of models that diverged.

    Raises:
        OSError: a file cannot be read.
        ValueError: it is missing or holds something else.
    """
    predictions: dict[str, Predictions] = {}
    gates: dict[str, Tensor] = {}
    intervals: dict[str, tuple[Tensor, Tensor]] = {}
    for line in lines:
        if line.failure or line.model in predictions:
            continue
        path = runs / f"{Case(line.model, settings.seeds[0], line.horizon).key}.npz"
        parts = _read(path)
        predictions[line.model] = Predictions(*(parts.pop(name) for name in Predictions._fields))
        if set(_ENDS) <= set(parts):  # runs that were made before intervals were kept have none
            intervals[line.model] = (parts.pop("low"), parts.pop("high"))
        gates = parts or gates
    return Kept(predictions, intervals, gates)


def to_csv(kept: Kept, data: TemporalDataset) -> str:
    """Return a table, a line for each answer and channel: node, time, channel, y, forecasts with their intervals."""
    time_names = _time_names(data)
    columns = {
        name: part
        for model, found in kept.predictions.items()
        for name, part in (
            (model, found.output),
            *zip((f"{model} {end}" for end in _ENDS), kept.intervals.get(model, ()), strict=False),
        )
    }
    names = ["node", "time", "channel", "y", *columns]
    if not kept.predictions:
        return tables.to_csv(names, [])
    first = next(iter(kept.predictions.values()))
    if not set(first.node.tolist()) <= set(range(len(data.nodes))) or not set(first.time.tolist()) <= set(time_names):
        raise ValueError(f"the forecasts in runs/ are of other nodes or times than {data.name} has; name another out=")
    values = torch.stack([first.y, *columns.values()], dim=-1)
    rows = [
        [data.nodes[node], time_names[time], channel, *numbers]
        for node, time, answer in zip(first.node.tolist(), first.time.tolist(), shortest(values), strict=True)
        for channel, numbers in zip(data.channels, answer, strict=False)
    ]
    return tables.to_csv(names, rows)


def draw(kept: Kept, lines: Sequence[Line], data: TemporalDataset, out: Path) -> list[str]:
    """Write the figures that the forecasts allow to ``out`` and return their names."""
    models, time_names = chosen(lines), _time_names(data)
    names = []
    if models:
        shown = {model: kept.predictions[model] for model in models}
        unit = plain(f"{data.channels[0]}, {lines[0].horizon} ahead")
        _save(forecast_figure(shown, names=data.nodes, times=time_names, last=LAST, unit=unit), out, "forecasts")
        figure = Figure(figsize=(8, 2 + 0.22 * min(len(data.nodes), MOST_NAMES)), layout="constrained")
        axes = figure.subplots()
        draw_errors_by_node(axes, shown, names=data.nodes)
        axes.set_xlabel(f"{axes.get_xlabel()}, {lines[0].horizon} ahead")
        _save(figure, out, "errors")
        names = ["forecasts.png", "errors.png"]
    return [*names, *(_draw_gates(kept.gates, data, out) if kept.gates else [])]


def _draw_gates(gates: Mapping[str, Tensor], data: TemporalDataset, out: Path) -> list[str]:
    """Draw the gates on the last snapshots of the test set: a map, and an animation where the graph is not large."""
    graph, shown = latest(*unpacked(gates), FRAMES)
    time_names = _time_names(data)
    times = [time_names[time] for time in graph.topology.times.tolist()]
    figure = Figure(figsize=(9, 7), layout="constrained")
    of: Literal["edges", "nodes"] = "edges" if _has_edges(graph) else "nodes"
    draw_gates(figure.subplots(), graph, shown, of=of, names=data.nodes, times=times)
    _save(figure, out, "forgotten")
    if len(graph.node.unique()) > MOST_ROWS:
        return ["forgotten.png"]
    moving = animate_forgetting(graph, shown, names=data.nodes, times=times)
    save_animation(out / "forgotten.gif", moving, frames_per_second=2, dpi=80, overwrite=True)
    return ["forgotten.png", "forgotten.gif"]


def _has_edges(graph: SpaceTimeGraph) -> bool:
    """Return whether there is an edge between different nodes."""
    source, target = graph.node[graph.edge_index]
    return bool((source != target).any())


def _time_names(data: TemporalDataset) -> dict[int, str]:
    """Return the name of each time, by its number."""
    return dict(zip(data.graph.topology.times.tolist(), data.times, strict=True))


def chosen(lines: Sequence[Line]) -> list[str]:
    """Return the autoregression, or the first baseline, and the trained models with the least validation errors.

    Not those with the least test errors, which could be the least by luck.
    """
    first = lines[0].channel if lines else ""
    whole = [line for line in lines if not line.failure and math.isfinite(line.mse) and line.channel == first]
    baselines = [line.model for line in whole if line.model in BASELINES]
    linear = ["autoregression"] if "autoregression" in baselines else baselines[:1]
    trained = [line for line in whole if line.model not in BASELINES]
    return [*linear, *(line.model for line in sorted(trained, key=lambda line: line.validation_mse)[:DRAWN])]


def _save(figure: Figure, out: Path, name: str) -> None:
    _files.write(out / f"{name}.png", lambda file: figure.savefig(file, format="png", dpi=150), overwrite=True)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.exists():
        raise ValueError(f"{path} is missing: forecasts are saved of the first seed alone; name another out=")
    again = "delete it and the line of its run in results.jsonl to have them made again"
    try:
        # From memory, since numpy leaves a file open that it cannot read.
        with np.load(io.BytesIO(path.read_bytes())) as parts:
            found = {name: torch.from_numpy(parts[name]) for name in parts.files}
    except Exception as error:  # zipfile, zlib, struct and numpy have a dozen kinds for what is damaged
        raise ValueError(f"{path} is damaged; {again}") from error
    if not set(Predictions._fields) <= set(found) or not _fit(*(found[name] for name in Predictions._fields)):
        raise ValueError(f"{path} holds no forecasts; {again}")
    shapes = {found[name].shape for name in ("output", *_ENDS) if name in found}
    if len(shapes) > 1 or len(set(_ENDS) & set(found)) == 1:
        raise ValueError(f"{path} holds other intervals than forecasts; {again}")
    if set(found) - set(Predictions._fields) - set(_ENDS):
        try:
            unpacked(found)
        except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path} holds other gates than a model has; {again}") from error
    return found


def _fit(node: Tensor, time: Tensor, output: Tensor, y: Tensor) -> bool:
    """Return whether the parts of forecasts are of one shape and of their kinds."""
    are_numbers = all(part.is_floating_point() and part.dim() == 2 for part in (output, y))
    are_places = all(part.dtype == torch.int64 and part.shape == y.shape[:1] for part in (node, time))
    return are_numbers and are_places and output.shape == y.shape
