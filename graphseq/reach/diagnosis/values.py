"""Refusals of inputs, answers and losses that would be measured without a word and mean nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

IGNORED = -100  # the class that the losses of torch leave out


def check_inputs(x: Tensor, name: str) -> None:
    """Refuse inputs that are not finite.

    Raises:
        ValueError: a NaN or an infinity, with its place.
    """
    if not x.is_floating_point() or bool(x.isfinite().all()):
        return
    places = (~x.isfinite()).nonzero()
    raise ValueError(
        f"{name} has {len(places)} entries that are NaN or infinite, the first at {tuple(places[0].tolist())}; replace "
        "them, by a mean or by 0 and a column that marks them, before a diagnosis"
    )


def known_answers(y: Tensor, name: str) -> Tensor | None:
    """Marks of the answers that are not ignored, (K,); ``None`` where all are known.

    Raises:
        ValueError: all answers are ignored.
    """
    if y.is_floating_point() or not bool((y == IGNORED).any()):
        return None
    known = (y != IGNORED).reshape(len(y), -1).any(dim=1)
    if not bool(known.any()):
        raise ValueError(f"{name} is {IGNORED}, which losses of torch ignore, at all {len(y)} answers")
    return known


def check_answers(kind: str, y: Tensor, name: str = "y") -> None:
    """Refuse answers of which a score would be wrong or NaN.

    Args:
        kind: "classes", "labels" or "numbers".
        y: the answers.
        name: of the argument.

    Raises:
        ValueError: negative classes, or numbers that are not finite.
    """
    if kind == "classes" and bool(((y < 0) & (y != IGNORED)).any()):
        raise ValueError(
            f"{name} has classes below 0, such as {int(y.min())}; classes count from 0, and an answer that is not "
            f"known is {IGNORED} or left out by a mask"
        )
    if kind == "numbers" and y.is_floating_point() and not bool(y.isfinite().all()):
        count = int((~y.isfinite()).sum())
        raise ValueError(f"{name} has {count} numbers that are NaN or infinite among {y.numel()}; leave these out")


def check_loss(loss: Callable[[Tensor, Tensor], Tensor], output: Tensor, y: Tensor) -> None:
    """Refuse outputs and answers of different shapes, of which a loss compares each with each.

    Raises:
        ValueError: a loss that is another one for outputs in the shape of the answers.
    """
    if output.shape == y.shape or output.numel() != y.numel() or not y.is_floating_point() or len(y) < 2:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own words on what is refused here
            given, fitting = loss(output, y), loss(output.reshape(y.shape), y)
    except (RuntimeError, ValueError, IndexError, TypeError):
        return  # a loss of this shape alone
    if torch.allclose(given.double(), fitting.double(), rtol=1e-4, equal_nan=True):
        return
    raise ValueError(
        f"loss takes the model's output {tuple(output.shape)} and y {tuple(y.shape)}, but compares each output with "
        f"each answer: it is {float(given.mean()):.3g}, and {float(fitting.mean()):.3g} for outputs in the shape of y; "
        "give y in the shape of the output, such as y[:, None], or outputs in that of y by call="
    )
