"""Mean squared errors of forecasts, node by node."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from graphseq._arguments import checked_arguments
from graphseq.plot._text import plain
from graphseq.plot.lines import STYLES, despine

MOST_NAMES = 60  #: more would overlap
MODEL_STYLES = STYLES[:6]  # without black, the colour of the observed values
_GROUPS = 40  # of nodes, where there are more than can be named
_LEAST_ROOM = 6.5  # points a node needs for its name
_QUARTILES = (0.25, 0.5, 0.75)
_NARROW = 3.2  # inches of axes below which the legend goes above them
_FAR = 30.0  # ratio of the largest to the smallest error above which the scale is logarithmic

Predicted = Mapping[str, tuple[Tensor, Tensor, Tensor, Tensor]]
Values = NDArray[np.float64]


class NodeErrors(NamedTuple):
    """Mean squared errors of several models at each node."""

    nodes: list[int]  #: the N nodes with predictions, ascending
    of: dict[str, Values]  #: the errors of each model, (N,)

    def least(self) -> Counter[str]:
        """Count the nodes at which each model has the smallest error; ties count for the first model."""
        models = list(self.of)
        return Counter(models[index] for index in np.argmin(np.stack(list(self.of.values())), axis=0).tolist())


@checked_arguments
def errors_by_node(predictions: Predicted) -> NodeErrors:
    r"""The mean squared error of each model at each node, over all times and channels.

    .. math:: e_v = \frac{1}{|K_v|\,C} \sum_{k \in K_v} \lVert \hat y_k - y_k \rVert^2, \qquad
              K_v = \{k : \text{prediction } k \text{ is of node } v\}

    Args:
        predictions: for each model, the result of :func:`graphseq.evaluation.predict.predict`: node (K,), time (K,),
            output (K, C) and y (K, C), with the same nodes, times and y for all models.

    Raises:
        ValueError: there is no model, a shape does not fit, a number is not finite, or the nodes, times or y differ.

    Example:
        >>> node, time, y = torch.tensor([0, 1, 0]), torch.tensor([5, 5, 6]), torch.zeros(3, 1)
        >>> errors = errors_by_node({"one": (node, time, y + 1, y), "two": (node, time, y - 2, y)})
        >>> errors.nodes, errors.of["two"].tolist(), dict(errors.least())
        ([0, 1], [4.0, 4.0], {'one': 2})
    """
    node = _checked(predictions)
    nodes, index = np.unique(node, return_inverse=True)
    squared = {model: mean_square(prediction) for model, prediction in predictions.items()}
    counts = np.bincount(index)
    return NodeErrors(nodes.tolist(), {model: np.bincount(index, error) / counts for model, error in squared.items()})


@checked_arguments
def draw_errors_by_node(axes: Axes, predictions: Predicted, *, names: Sequence[str] | None = None) -> Axes:
    """Draw the mean squared error of each model at each node as a dot, nodes sorted by the error of the first model.

    The first model is the one to compare with, such as one that reads no neighbours: dots to the left of its own are
    better, those to the right worse. Above 60 nodes, 40 groups of nodes with similar errors are drawn, each as the
    median and the middle half of its errors. Where errors differ more than thirtyfold, the scale is logarithmic.

    Args:
        axes: where to draw.
        predictions: as for :func:`~graphseq.plot.forecast_figure`.
        names: the name of each node by its number. Above 60 nodes none are written.

    Returns:
        ``axes``.

    Raises:
        ValueError: :func:`~graphseq.plot.forecast_figure` refuses the argument.

    Example:
        >>> from matplotlib.figure import Figure
        >>> node, time, y = torch.tensor([0, 1]), torch.tensor([5, 5]), torch.zeros(2, 1)
        >>> both = {"LSTM": (node, time, y + 2, y), "GCN-LSTM": (node, time, y + 1, y)}
        >>> draw_errors_by_node(Figure().subplots(), both).get_title()
        'smallest error: GCN-LSTM at 2 of 2 nodes'
    """
    errors = checked_errors(predictions)
    node_names = names_of(errors.nodes, names)
    table = np.stack(list(errors.of.values()))
    order = np.argsort(-table[0], kind="stable")
    axes.set_xlabel("mean squared error (smaller is better)")
    if len(order) > MOST_NAMES:
        _draw_groups(axes, errors, np.array_split(order, _GROUPS))
    else:
        _draw_each(axes, errors, order, [node_names[node] for node in errors.nodes])
    if table.min() > 0 and table.max() > _FAR * table.min():
        axes.set_xscale("log")
    width = axes.get_window_extent().width / axes.figure.dpi
    if width < _NARROW:  # no room beside the nodes
        characters = max(16, int(9 * width))
        axes.set_title(textwrap.fill(finding(errors, len(order)), characters), fontsize=9, pad=20)
        axes.set_xlabel(textwrap.fill(axes.get_xlabel(), characters))
        axes.legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize=8, ncols=2, columnspacing=1.0
        )
    else:
        axes.set_title(textwrap.fill(finding(errors, len(order)), max(20, int(13 * width))), fontsize=11)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
    despine(axes)
    return axes


def _draw_each(axes: Axes, errors: NodeErrors, order: NDArray[np.int64], names: Sequence[str]) -> None:
    """Draw a line and its dots for each node, from the largest error of the first model, at the bottom, upwards."""
    table, heights = np.stack(list(errors.of.values())), np.arange(len(order))
    axes.hlines(heights, table.min(axis=0)[order], table.max(axis=0)[order], color="0.85", linewidth=1.5, zorder=0)
    size = min(6.0, 240 / len(order) + 2)
    for (model, values), (colour, marker, _) in zip(errors.of.items(), MODEL_STYLES, strict=False):
        axes.plot(values[order], heights, linestyle="", marker=marker, color=colour, markersize=size, label=model)
    room = axes.get_window_extent().height / axes.figure.dpi * 72 / len(order)  # points
    if room >= _LEAST_ROOM:
        axes.set_yticks(heights, [names[index] for index in order.tolist()], fontsize=min(8.0, 0.9 * room))
    else:
        axes.set_yticks([])
        axes.set_ylabel(f"{len(order)} nodes")
    axes.set_ylim(-0.7, len(order) - 0.3)


def _draw_groups(axes: Axes, errors: NodeErrors, groups: Sequence[NDArray[np.int64]]) -> None:
    """Draw the median and the middle half of each model's errors in groups of nodes of similar error."""
    heights = np.arange(len(groups))
    for (model, values), (colour, marker, _) in zip(errors.of.items(), MODEL_STYLES, strict=False):
        low, middle, high = (np.array([np.quantile(values[group], share) for group in groups]) for share in _QUARTILES)
        axes.plot(middle, heights, linestyle="", marker=marker, color=colour, markersize=4, label=model)
        axes.hlines(heights, low, high, color=colour, linewidth=1.2, alpha=0.5)
    count = sum(map(len, groups))
    axes.set_yticks([])
    axes.set_ylabel(f"{count:,} nodes in {len(groups)} groups")
    axes.set_xlabel("mean squared error: median, middle half")
    axes.set_ylim(-0.7, len(groups) - 0.3)


def checked_errors(predictions: Predicted) -> NodeErrors:
    """Return :func:`errors_by_node` of at most as many models as there are colours."""
    if len(predictions) > len(MODEL_STYLES):
        raise ValueError(
            f"predictions must have 1 to {len(MODEL_STYLES)} models, for distinct colours, got {len(predictions)}"
        )
    return errors_by_node(predictions)


def _checked(predictions: Predicted) -> Values:
    """Return the node of each prediction, after a check that all models predict the same nodes, times and y."""
    if not predictions:
        raise ValueError("predictions is empty; at least one model is needed")
    common: tuple[Tensor, ...] = ()
    for model, (node, time, output, y) in predictions.items():
        if y.dim() != 2 or output.shape != y.shape or {node.shape, time.shape} != {y.shape[:1]} or not len(y):
            raise ValueError(
                f"predictions[{model!r}] must be node (K,), time (K,), output (K, C) and y (K, C); got "
                + ", ".join(str(tuple(tensor.shape)) for tensor in (node, time, output, y))
            )
        wrong = ~(output.isfinite() & y.isfinite()).all(dim=1)
        if bool(wrong.any()):
            index = int(wrong.nonzero()[0])
            entry = f"node {int(node[index])} at time {int(time[index])}"
            raise ValueError(f"predictions[{model!r}] is not finite for {entry}; leave out a model that diverged")
        common = common or (node, time, y)
        if not all(torch.equal(first, other) for first, other in zip(common, (node, time, y), strict=True)):
            first_model = next(iter(predictions))
            raise ValueError(f"predictions[{model!r}] has other nodes, times or y than predictions[{first_model!r}]")
    nodes: Values = common[0].cpu().numpy()
    return nodes


def mean_square(prediction: tuple[Tensor, Tensor, Tensor, Tensor]) -> Values:
    """Return the squared error of each prediction, averaged over its channels, (K,)."""
    _, _, output, y = prediction
    errors: Values = (output.detach().double() - y.double()).square().mean(dim=1).cpu().numpy()
    return errors


def names_of(nodes: Sequence[int], names: Sequence[str] | None) -> dict[int, str]:
    """Return the name of each node by its number."""
    if names is not None and len(names) <= max(nodes):
        raise ValueError(f"names must have an entry for each node, at least {max(nodes) + 1} of them, got {len(names)}")
    return {node: f"node {node}" if names is None else plain(names[node]) for node in nodes}


def brief(error: float) -> str:
    """Return an error in few characters."""
    if error == 0 or 0.1 <= error < 100:
        return f"{error:.2f}"
    if 0.01 <= error < 0.1:
        return f"{error:.3f}"
    return f"{error:.0f}" if 100 <= error < 1e4 else f"{error:.1e}".replace("e+0", "e").replace("e-0", "e-")


def finding(errors: NodeErrors, shown: int) -> str:
    """Return a title: the number of nodes at which each model has the smallest error, and the number drawn."""
    count = len(errors.nodes)
    some = "" if shown == count else f" ({shown} of them drawn)"
    if len(errors.of) == 1:
        model, values = next(iter(errors.of.items()))
        return (
            f"{model}: mean squared error {brief(float(values.min()))} to {brief(float(values.max()))} per node{some}"
        )
    leading = ", ".join(f"{model} at {wins}" for model, wins in errors.least().most_common(3))
    return f"smallest error: {leading} of {count} nodes{some}"
