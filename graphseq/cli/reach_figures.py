"""The figures of a survey, as the bytes of their files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from matplotlib.figure import Figure

from graphseq import reach
from graphseq.plot import (
    animate_message,
    draw_cones,
    draw_hops,
    draw_influence_by_hop,
    draw_receptive_fields,
    draw_rows_by_hop,
    message_weights,
    save_animation,
)
from graphseq.plot._text import plain
from graphseq.plot.nodes import MOST_ROWS, layout
from graphseq.reach import Profile
from graphseq.reach.hops import hops_from
from graphseq.reach.survey import ModelSurvey, Survey, TargetSurvey, encoder

_FIELDS = 6  #: the most panels of receptive fields
_FRAMES = 24  #: the most frames of the animation
_MOST_CELLS = 4000  #: the most cells of a grid of nodes and times
_MOST_LINES = 7
_Places = dict[int, tuple[float, float]]


def figures(result: Survey) -> dict[str, bytes]:
    """Return the figures by the names of their files; routes, fields and influence are those of the first target."""
    target = result.targets[0]
    places = layout(result.static) if _drawable(result) else None
    drawings = {
        "hops.png": _hops(result, places),
        "fields.png": _fields(result, target, places),
        "influence.png": _influence(result, target),
    }
    if result.request.times > 1 and result.spacetime.num_rows <= _MOST_CELLS:
        drawings["cones.png"] = _cones(result, target)
    return {
        **{name: _png(figure) for name, figure in drawings.items()},
        "message.gif": _message(result, target, places),
    }


def _drawable(result: Survey) -> bool:
    return result.static.num_rows <= MOST_ROWS


def _hops(result: Survey, places: _Places | None) -> Figure:
    """Draw the hops on the graph at one time, with the shortest routes where there is only one."""
    figure = Figure(figsize=(9.0, 6.0), layout="constrained")
    if places is None:
        axes = draw_rows_by_hop(figure.subplots(), hops_from(result.static, result.source))
        axes.set_title(f"hops from {plain(result.names[result.source])}")
        return figure
    routes = [way for target in result.targets for way in target.routes][:6] if result.request.times == 1 else None
    draw_hops(figure.subplots(), result.static, result.source, routes=routes, labels=result.names, pos=places)
    return figure


def _fields(result: Survey, target: TargetSurvey, places: _Places | None) -> Figure:
    row = target.row % len(result.names)
    hops = reach.hop_distances(result.static, torch.tensor([row]))[0]
    depths = _spread(int(hops.max()), _FIELDS)
    across = min(3, len(depths))
    figure = Figure(figsize=(4.2 * across, 3.6 * -(-len(depths) // across) + 0.3), layout="constrained")
    panels = figure.subplots(-(-len(depths) // across), across, squeeze=False).ravel()
    for spare in panels[len(depths) :]:
        spare.set_axis_off()
    if places is not None:
        draw_receptive_fields(panels[: len(depths)], result.static, row, depths, labels=result.names, pos=places)
    else:
        for axes, depth in zip(panels, depths, strict=False):
            seen = (hops >= 0) & (hops <= depth)
            draw_rows_by_hop(axes, hops, seen=seen)
            axes.set_title(f"{depth} layer{'' if depth == 1 else 's'}: {int(seen.sum()):,} of {len(seen):,} rows")
            axes.set_xlabel(f"hops ({len(seen):,} rows)")
    figure.suptitle(f"what a GCN sees from {plain(result.names[row])}: the darker, the more hops; white is not seen")
    return figure


def _influence(result: Survey, target: TargetSurvey) -> Figure:
    names = list(dict.fromkeys(model.model for model in target.models))
    figure = Figure(figsize=(4.6 * len(names) + 0.4, 4.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        own = [model for model in target.models if model.model == name]
        lines = {f"{name}, {_layers(model.layers)}": _profile(model.influence) for model in _some(own)}
        form = {f"{_layers(own[-1].layers)} without ReLU, closed form": target.linear} if name == "GCN" else None
        draw_influence_by_hop(axes, lines, closed_form=form)
        axes.set_xlabel(f"hops from {plain(result.label(target.row))}")
        axes.set_title(name)
    for axes in figure.axes[1:]:
        axes.set_ylabel("")
    figure.suptitle(f"influence on {plain(result.label(target.row))}, untrained models, seed {result.request.seed}")
    return figure


def _cones(result: Survey, target: TargetSurvey) -> Figure:
    """Draw each model with the fewest layers, where balls, lines and cones differ most."""
    row = torch.tensor([target.row])
    models = {}
    for name in result.request.models:
        depth = min(model.layers for model in target.models)
        model = encoder(name, depth, result.request)
        measured = reach.influence(model, result.spacetime, outputs=row)[0]
        models[f"{name}, {_layers(depth)}"] = (model.reach(result.spacetime, row)[0], measured)
    figure = Figure(figsize=(4.4 * len(models) + 1.0, 4.2), layout="constrained")
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    draw_cones(panels, result.spacetime, target.row, models)
    for axes in panels[1:]:
        axes.set_ylabel("")
    panels[0].set_ylabel("node (by its place in the file)")
    return figure


def _message(result: Survey, target: TargetSurvey, places: _Places | None) -> bytes:
    away = int(hops_from(result.static, result.source)[target.row % len(result.names)])
    depths = _spread(away + 1, _FRAMES, least=0)
    weights = message_weights(result.static, result.source, away + 1)[depths]
    moving = animate_message(
        result.static, result.source, weights, depths=depths, labels=result.names, pos=places, figsize=(7.2, 5.4)
    )
    with TemporaryDirectory() as folder:
        return save_animation(Path(folder) / "message.gif", moving).read_bytes()


def _profile(values: Sequence[float]) -> Profile:
    return Profile(torch.arange(len(values)), torch.tensor(values, dtype=torch.float64))


def _spread(most: int, count: int, *, least: int = 1) -> list[int]:
    """Return at most ``count`` whole numbers from ``least`` to ``most``, evenly spaced, both included."""
    most = max(most, least)
    return sorted({round(value) for value in np.linspace(least, most, min(count, most - least + 1)).tolist()})


def _some(seen: Sequence[ModelSurvey]) -> Sequence[ModelSurvey]:
    return [seen[place] for place in _spread(len(seen) - 1, _MOST_LINES, least=0)]


def _layers(count: int) -> str:
    return f"{count} layer{'' if count == 1 else 's'}"


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=130)
    return file.getvalue()
