"""Figures of what a training or a diagnosis returned."""

from __future__ import annotations

from matplotlib.figure import Figure

from graphseq._arguments import checked_arguments
from graphseq.reach.report.base import Report
from graphseq.training.history import History
from graphseq.training.history_figure import history_figure


@checked_arguments
def history(history: History) -> Figure:
    """Return a figure of the loss, and of the score with each metric, against the step; as ``history.plot()``.

    Raises:
        ValueError: a history of no steps.

    Example:
        >>> record = History()
        >>> for loss, score in [(0.7, 0.4), (0.5, 0.8)]:
        ...     record.append(loss, score, grad_norm=1.0, lr=1e-3)
        >>> [axes.get_ylabel() for axes in history(record).axes]
        ['training loss', 'score']
    """
    return history_figure(history)


@checked_arguments
def diagnosis(report: Report) -> Figure:
    """Return the figure of a report, such as that of :func:`graphseq.diagnose`; as ``report.plot()``.

    Example:
        >>> import graphseq as gs
        >>> task = gs.tasks.Transfer(length=9)
        >>> report = gs.diagnose(gs.nn.Model(gs.nn.GCN(10, 8, num_layers=2), 10), task)
        >>> len(diagnosis(report).axes) > 1
        True
    """
    return report.plot()
