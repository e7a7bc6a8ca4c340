"""The models by name: for each an encoder and how it reads a window, or a baseline that is fitted at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from graphseq.baselines import constant, forecast
from graphseq.data.graph import SpaceTimeGraph
from graphseq.experiments.forecast.settings import DAG, FORGETTING, Settings
from graphseq.nn import (
    DAGLSTM,
    GCN,
    GCNLSTM,
    GRU,
    LSTM,
    RNN,
    Encoder,
    ForgettingGCNLSTM,
    Model,
    ResidualHead,
    WeightedSAGE,
)
from graphseq.tasks.forecast import Forecasting
from graphseq.transforms.dag import unroll_time


def trained(name: str, task: Forecasting, settings: Settings) -> Model:
    """A model to train.

    A GCN has as many layers as there are lags, so that the oldest row of a window is within its reach.

    Args:
        name: one of :data:`graphseq.experiments.forecast.settings.FAMILIES`.
        task: what it is for.
        settings: hidden units, lags, head, gate penalty.
    """
    f, h = task.in_channels, settings.hidden
    families: dict[str, Callable[[], Encoder]] = {
        "GCN": lambda: GCN(f, h, num_layers=settings.lags),
        "GCN SAGE": lambda: GCN(f, h, num_layers=settings.lags, conv=WeightedSAGE),
        "RNN": lambda: RNN(f, h),
        "GRU": lambda: GRU(f, h),
        "LSTM": lambda: LSTM(f, h),
        "GCN-LSTM": lambda: GCNLSTM(f, h, convolve="state"),
        "GCN-LSTM both": lambda: GCNLSTM(f, h, convolve="both"),
        FORGETTING: lambda: ForgettingGCNLSTM(f, h, gate_penalty=settings.gate_penalty),
        DAG: lambda: DAGLSTM(f, h),
    }
    head = ResidualHead if settings.residual else None
    return Model(families[name](), task.out_channels, transform=unroll_time if name == DAG else None, head=head)


def fitted(name: str, task: Forecasting) -> nn.Module:
    """A baseline, fitted to all windows of ``task``.

    Args:
        name: one of :data:`graphseq.experiments.forecast.settings.BASELINES`.
        task: all that comes before the test.
    """
    match name:
        case "mean":
            return constant.Constant(task.best_constant(every(task).y))
        case "persistence":
            return forecast.Persistence(task.out_channels)
        case "autoregression":
            return forecast.Autoregression.fit(task)
    return forecast.GraphAutoregression.fit(task)


def every(task: Forecasting) -> SpaceTimeGraph:
    """All windows of a task as one batch."""
    return task.windows(torch.arange(len(task)))
