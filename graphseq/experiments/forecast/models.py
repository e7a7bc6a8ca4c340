"""The models of a forecast by name, trained or fitted at once."""

from __future__ import annotations

from torch import nn

from graphseq.experiments.forecast.settings import Settings
from graphseq.experiments.models import BASELINES, MODELS, build
from graphseq.nn import Model, ResidualHead
from graphseq.tasks.forecast import Forecasting


def trained(name: str, task: Forecasting, settings: Settings) -> Model:
    """An untrained model.

    A stack of graph convolutions has as many layers as there are lags, so that the oldest row of a window is within its
    reach.

    Args:
        name: one of :data:`graphseq.experiments.forecast.settings.FAMILIES`.
        task: the task that it is for.
        settings: hidden units, lags, head, gate penalty.
    """
    entry = MODELS[name]
    return build(
        name,
        task,
        settings.hidden,
        num_layers=settings.lags if entry.layers_are_hops else None,
        gate_penalty=settings.gate_penalty if entry.takes_gate_penalty else 0.0,
        head=ResidualHead if settings.residual else None,
    )


def fitted(name: str, task: Forecasting) -> nn.Module:
    """A baseline, fitted to all windows of ``task``.

    Args:
        name: one of :data:`graphseq.experiments.forecast.settings.BASELINES`.
        task: all that comes before the test.
    """
    return BASELINES[name](task)
