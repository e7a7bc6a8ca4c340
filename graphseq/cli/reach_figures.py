"""The pictures of a survey, as the bytes of their files."""

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
from graphseq.plot.nodes import MOST_ROWS, layout
from graphseq.reach import Profile
from graphseq.reach.hops import hops_from
from graphseq.reach.survey import FAMILIES, ModelSurvey, Survey, TargetSurvey, encoder

_FIELDS = 6  #: panels of receptive fields
_FRAMES = 24  #: of the animation
_MOST_CELLS = 4000  #: of a grid of nodes and times
_MOST_LINES = 7
_Places = dict[int, tuple[float, float]]


def pictures(found: Survey) -> dict[str, bytes]:
    """Every picture by the name of its file; routes, fields and influence are those of the first row asked."""
    target = found.targets[0]
    places = layout(found.static) if _drawable(found) else None
    figures = {
        "hops.png": _hops(found, places),
        "fields.png": _fields(found, target, places),
        "influence.png": _influence(found, target),
    }
    if found.request.times > 1 and found.spacetime.num_rows <= _MOST_CELLS:
        figures["cones.png"] = _cones(found, target)
    return {**{name: _png(figure) for name, figure in figures.items()}, "message.gif": _message(found, target, places)}


def _drawable(found: Survey) -> bool:
    return found.static.num_rows <= MOST_ROWS


def _hops(found: Survey, places: _Places | None) -> Figure:
    """On the graph at one time; routes in space are those of the space-time graph where there is one time."""
    figure = Figure(figsize=(9.0, 6.0), layout="constrained")
    if places is None:
        axes = draw_rows_by_hop(figure.subplots(), hops_from(found.static, found.source))
        axes.set_title(f"hops from {found.names[found.source]}")
        return figure
    routes = [way for target in found.targets for way in target.routes][:6] if found.request.times == 1 else None
    draw_hops(figure.subplots(), found.static, found.source, routes=routes, labels=found.names, pos=places)
    return figure


def _fields(found: Survey, target: TargetSurvey, places: _Places | None) -> Figure:
    row = target.row % len(found.names)
    hops = reach.hop_distances(found.static, torch.tensor([row]))[0]
    depths = _spread(int(hops.max()), _FIELDS)
    across = min(3, len(depths))
    figure = Figure(figsize=(4.2 * across, 3.6 * -(-len(depths) // across) + 0.3), layout="constrained")
    panels = figure.subplots(-(-len(depths) // across), across, squeeze=False).ravel()
    for spare in panels[len(depths) :]:
        spare.set_axis_off()
    if places is not None:
        draw_receptive_fields(panels[: len(depths)], found.static, row, depths, labels=found.names, pos=places)
    else:
        for axes, depth in zip(panels, depths, strict=False):
            seen = (hops >= 0) & (hops <= depth)
            draw_rows_by_hop(axes, hops, seen=seen)
            axes.set_title(f"{depth} layer{'' if depth == 1 else 's'}: {int(seen.sum()):,} of {len(seen):,} rows")
            axes.set_xlabel(f"hops ({len(seen):,} rows)")
    figure.suptitle(f"what a GCN sees from {found.names[row]}: the darker, the more hops; white is not seen")
    return figure


def _influence(found: Survey, target: TargetSurvey) -> Figure:
    names = list(dict.fromkeys(model.model for model in target.models))
    figure = Figure(figsize=(4.6 * len(names) + 0.4, 4.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        own = [model for model in target.models if model.model == name]
        lines = {f"{name}, {_layers(model.layers)}": _profile(model.influence) for model in _some(own)}
        form = {f"{_layers(own[-1].layers)} without ReLU, closed form": target.linear} if name == "GCN" else None
        draw_influence_by_hop(axes, lines, closed_form=form)
        axes.set_xlabel(f"hops from {found.label(target.row)}")
        axes.set_title(name)
    for axes in figure.axes[1:]:
        axes.set_ylabel("")
    figure.suptitle(f"influence on {found.label(target.row)}, untrained models, seed {found.request.seed}")
    return figure


def _cones(found: Survey, target: TargetSurvey) -> Figure:
    """Each family at the fewest layers asked for, where balls, lines and cones differ most."""
    row = torch.tensor([target.row])
    models = {}
    for key in found.request.models:
        depth = min(model.layers for model in target.models)
        model = encoder(key, depth, found.request)
        measured = reach.influence(model, found.spacetime, outputs=row)[0]
        models[f"{FAMILIES[key]}, {_layers(depth)}"] = (model.reach(found.spacetime, row)[0], measured)
    figure = Figure(figsize=(4.4 * len(models) + 1.0, 4.2), layout="constrained")
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    draw_cones(panels, found.spacetime, target.row, models)
    for axes in panels[1:]:
        axes.set_ylabel("")
    panels[0].set_ylabel("node (by its place in the file)")
    return figure


def _message(found: Survey, target: TargetSurvey, places: _Places | None) -> bytes:
    away = int(hops_from(found.static, found.source)[target.row % len(found.names)])
    depths = _spread(away + 1, _FRAMES, least=0)
    weights = message_weights(found.static, found.source, away + 1)[depths]
    moving = animate_message(
        found.static, found.source, weights, depths=depths, labels=found.names, pos=places, figsize=(7.2, 5.4)
    )
    with TemporaryDirectory() as folder:
        return save_animation(Path(folder) / "message.gif", moving).read_bytes()


def _profile(values: Sequence[float]) -> Profile:
    return Profile(torch.arange(len(values)), torch.tensor(values, dtype=torch.float64))


def _spread(most: int, count: int, *, least: int = 1) -> list[int]:
    """At most ``count`` whole numbers from ``least`` to ``most``, evenly, both included."""
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
