"""The curves of a training as a figure, and its steps as a table for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_SHOWN_STEPS = 10


class Curves(Protocol):
    """The curves of a training, as a :class:`~graphseq.History` has them."""

    loss: list[float]
    score: list[float]
    grad_norm: list[float]
    lr: list[float]
    metrics: dict[str, list[float]]

    @property
    def steps(self) -> int:
        """Number of steps taken."""


def history_figure(history: Curves) -> Figure:
    """Return a figure of the loss, and of the score with each metric, against the step.

    Each value is drawn pale, and over it the mean of the last twentieth of the steps up to there. The loss is on a
    logarithmic scale where all of its values are above 0 and the largest is at least ten times the smallest.

    Raises:
        ValueError: a history of no steps.
    """
    if not history.steps:
        raise ValueError("history has no steps, so that there is nothing to draw")
    figure = Figure(figsize=(7.2, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    _curve(left, history.loss, "C0", None)
    left.set(xlabel="step", ylabel="training loss")
    if all(np.isfinite(history.loss)) and 0 < 10 * min(history.loss) <= max(history.loss):
        left.set_yscale("log")
    for number, (name, curve) in enumerate({"score": history.score, **history.metrics}.items()):
        _curve(right, curve, f"C{number + 1}", name)
    right.set(xlabel="step", ylabel="score" if not history.metrics else "")
    if history.metrics:
        right.legend(frameon=False)
    return figure


def history_table(history: Curves) -> str:
    """Return a table in HTML of at most ten steps, evenly spaced, the first and the last among them."""
    steps = np.unique(np.linspace(0, history.steps - 1, min(history.steps, _SHOWN_STEPS)).round().astype(int))
    columns = {name: getattr(history, name) for name in ("loss", "score", "grad_norm", "lr")} | history.metrics
    head = "".join(f"<th>{escape(name)}</th>" for name in ("step", *columns))
    rows = (
        f"<tr><td>{step + 1}</td>{''.join(f'<td>{curve[step]:.4g}</td>' for curve in columns.values())}</tr>"
        for step in steps
    )
    return f"<table><caption>{escape(repr(history))}</caption><tr>{head}</tr>{''.join(rows)}</table>"


def _curve(axes: Axes, values: Sequence[float], colour: str, label: str | None) -> None:
    steps, curve = np.arange(1, len(values) + 1), np.asarray(values, dtype=float)
    window = max(1, len(curve) // 20)
    sums = np.concatenate([[0.0], curve.cumsum()])
    means = (sums[window:] - sums[:-window]) / window
    if window > 1:
        axes.plot(steps, curve, color=colour, alpha=0.25, linewidth=0.8)
    axes.plot(steps[window - 1 :], means, color=colour, label=label, marker="o" if len(means) == 1 else "")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
