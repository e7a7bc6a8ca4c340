"""Which model is nearest at which node: mean squared errors of forecasts, node by node."""

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

from graphseq.plot.lines import STYLES, bare

MOST_NAMES = 60  #: more would lie upon each other
MODEL_STYLES = STYLES[:6]  # not the black, which what came is drawn in
_FAR = 30.0  # largest over smallest error from which a linear scale would press most of them into a corner

Predicted = Mapping[str, tuple[Tensor, Tensor, Tensor, Tensor]]
Values = NDArray[np.float64]


class NodeErrors(NamedTuple):
    """Mean squared errors of several models at each node."""

    nodes: list[int]  #: the N nodes that were asked about, ascending
    of: dict[str, Values]  #: by model, (N,)

    def least(self) -> Counter[str]:
        """At how many nodes each model has the least error, the first named where several have."""
        models = list(self.of)
        return Counter(models[place] for place in np.argmin(np.stack(list(self.of.values())), axis=0).tolist())


def errors_by_node(predictions: Predicted) -> NodeErrors:
    r"""Mean squared error at each node, over all its answers and channels.

    .. math:: e_v = \frac{1}{|K_v|\,C} \sum_{k \in K_v} \lVert \hat y_k - y_k \rVert^2, \qquad
              K_v = \{k : \text{answer } k \text{ is asked of node } v\}

    Args:
        predictions: by model, what :func:`graphseq.evaluation.predict.predict` gives: node (K,), time (K,), output
            (K, C) and y (K, C), all for the same answers.

    Raises:
        ValueError: no model, shapes that do not fit, numbers that are not finite, or models asked other things.

    Example:
        >>> node, time, y = torch.tensor([0, 1, 0]), torch.tensor([5, 5, 6]), torch.zeros(3, 1)
        >>> found = errors_by_node({"one": (node, time, y + 1, y), "two": (node, time, y - 2, y)})
        >>> found.nodes, found.of["two"].tolist(), dict(found.least())
        ([0, 1], [4.0, 4.0], {'one': 2})
    """
    node = _checked(predictions)
    names, place = np.unique(node, return_inverse=True)
    squared = {model: mean_square(each) for model, each in predictions.items()}
    counts = np.bincount(place)
    return NodeErrors(names.tolist(), {model: np.bincount(place, each) / counts for model, each in squared.items()})


def draw_errors_by_node(axes: Axes, predictions: Predicted, *, names: Sequence[str] | None = None) -> Axes:
    """Draw each model's mean squared error at each node as a dot, nodes in the order of the first model's error.

    So name first the model that the others are to be compared with, such as one that reads no neighbour: to the left
    of its dots is gained, to the right lost. Where errors differ thirtyfold, their scale is logarithmic.

    Args:
        axes: where to draw.
        predictions: as for :func:`~graphseq.plot.forecast_figure`.
        names: what each node is called, by its number. Above 60 nodes none are written.

    Returns:
        ``axes``.

    Raises:
        ValueError: what :func:`~graphseq.plot.forecast_figure` refuses.

    Example:
        >>> from matplotlib.figure import Figure
        >>> node, time, y = torch.tensor([0, 1]), torch.tensor([5, 5]), torch.zeros(2, 1)
        >>> both = {"LSTM": (node, time, y + 2, y), "GCN-LSTM": (node, time, y + 1, y)}
        >>> draw_errors_by_node(Figure().subplots(), both).get_title()
        'the least error: GCN-LSTM at 2 of 2 nodes'
    """
    errors = told_apart(predictions)
    called = names_of(errors.nodes, names)
    every = np.stack(list(errors.of.values()))
    order = np.argsort(-every[0], kind="stable")
    at = np.arange(len(order))
    axes.hlines(at, every.min(axis=0)[order], every.max(axis=0)[order], color="0.85", linewidth=1.5, zorder=0)
    size = min(6.0, 240 / len(order) + 2)
    for (model, each), (colour, marker, _) in zip(errors.of.items(), MODEL_STYLES, strict=False):
        axes.plot(each[order], at, linestyle="", marker=marker, color=colour, markersize=size, label=model)
    if every.min() > 0 and every.max() > _FAR * every.min():
        axes.set_xscale("log")
    if len(order) <= MOST_NAMES:
        axes.set_yticks(at, [called[errors.nodes[place]] for place in order.tolist()], fontsize=8)
    else:
        axes.set_yticks([])
        axes.set_ylabel(f"{len(order)} nodes")
    axes.set_ylim(-0.7, len(order) - 0.3)
    axes.set_xlabel("mean squared error (less is better)")
    width = axes.get_window_extent().width / axes.figure.dpi
    axes.set_title(textwrap.fill(finding(errors, len(order)), max(20, int(13 * width))), fontsize=11)
    axes.legend(loc="upper right", framealpha=0.85, edgecolor="none", fontsize=9)
    bare(axes)
    return axes


def told_apart(predictions: Predicted) -> NodeErrors:
    """:func:`errors_by_node` of no more models than there are colours."""
    if len(predictions) > len(MODEL_STYLES):
        raise ValueError(
            f"predictions must be of 1 to {len(MODEL_STYLES)} models to be told apart, got {len(predictions)}"
        )
    return errors_by_node(predictions)


def _checked(predictions: Predicted) -> Values:
    """The node of each answer, once it is known that all models have answered the same questions."""
    if not predictions:
        raise ValueError("predictions is empty; at least one model is needed")
    wanted: tuple[Tensor, ...] = ()
    for model, (node, time, output, y) in predictions.items():
        if y.dim() != 2 or output.shape != y.shape or {node.shape, time.shape} != {y.shape[:1]} or not len(y):
            raise ValueError(
                f"predictions[{model!r}] must be node (K,), time (K,), output (K, C) and y (K, C); got "
                + ", ".join(str(tuple(part.shape)) for part in (node, time, output, y))
            )
        wrong = ~(output.isfinite() & y.isfinite()).all(dim=1)
        if bool(wrong.any()):
            place = int(wrong.nonzero()[0])
            asked = f"node {int(node[place])} at time {int(time[place])}"
            raise ValueError(f"predictions[{model!r}] is not finite for {asked}; leave out a model that diverged")
        wanted = wanted or (node, time, y)
        if not all(torch.equal(mine, each) for mine, each in zip(wanted, (node, time, y), strict=True)):
            raise ValueError(f"predictions[{model!r}] answers other questions than {next(iter(predictions))!r} does")
    found: Values = wanted[0].cpu().numpy()
    return found


def mean_square(prediction: tuple[Tensor, Tensor, Tensor, Tensor]) -> Values:
    """Of each answer, over its channels, (K,)."""
    _, _, output, y = prediction
    found: Values = (output.detach().double() - y.double()).square().mean(dim=1).cpu().numpy()
    return found


def names_of(nodes: Sequence[int], names: Sequence[str] | None) -> dict[int, str]:
    """What each node is called, by its number."""
    if names is not None and len(names) <= max(nodes):
        raise ValueError(f"names must have one a node, at least {max(nodes) + 1} of them, got {len(names)}")
    return {node: f"node {node}" if names is None else str(names[node]) for node in nodes}


def brief(error: float) -> str:
    """An error in few characters."""
    if error == 0 or 0.1 <= error < 100:
        return f"{error:.2f}"
    return f"{error:.0f}" if 100 <= error < 1e4 else f"{error:.1e}".replace("e+0", "e").replace("e-0", "e-")


def finding(errors: NodeErrors, shown: int) -> str:
    """What a title says: which model is nearest at how many nodes, and how many of them are drawn."""
    count = len(errors.nodes)
    some = "" if shown == count else f" ({shown} of them drawn)"
    if len(errors.of) == 1:
        model, each = next(iter(errors.of.items()))
        return f"{model}: mean squared error {brief(float(each.min()))} to {brief(float(each.max()))} a node{some}"
    leading = ", ".join(f"{model} at {wins}" for model, wins in errors.least().most_common(3))
    return f"the least error: {leading} of {count} nodes{some}"
