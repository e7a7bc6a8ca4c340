"""Refusals of inputs, answers and losses that would be measured without a word and mean nothing."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from graphseq import _checks

_TRIED = 64
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


def check_loss(loss: Callable[[Tensor, Tensor], object], output: Tensor, y: Tensor, name: str = "loss") -> None:
    """Refuse outputs and answers of different shapes, of which a loss or a score compares each with each.

    They are tried on the first 64 answers.

    Args:
        loss: the loss, or the score.
        output: outputs of the model, (K, …).
        y: the answers, (K, …).
        name: of the argument.

    Raises:
        TypeError: a class in place of a function.
        ValueError: one number of an output stands for several answers, or several for one; or another value for the
            same numbers in one shape.
    """
    _checks.is_no_class(name, loss)
    if output.shape == y.shape or len(y) < 2:
        return
    shapes = f"{name} takes the model's output {tuple(output.shape)} and y {tuple(y.shape)}, but compares"
    all_with_all = f"{shapes} each output with each answer"
    is_square = output.shape == (len(y), len(y)) and y.dim() == 1
    if is_square and _value(loss, output, y) is not None and _value(loss, output[1:], y[1:]) is None:
        raise ValueError(f"{all_with_all}, which works for as many answers as outputs alone; give call=")
    output, y = _varied(loss, output[:_TRIED], y[:_TRIED]), y[:_TRIED]
    given, fitting = _value(loss, output, y), None
    if given is None:
        return
    if output.numel() == y.numel():
        fitting = _value(loss, output.reshape(y.shape), y)
    elif y.numel() == len(y) and y.dim() > 1:
        single = _one_by_one(loss, output, y)
        fitting = single if _equal(single, _value(loss, output, y.flatten())) else None
    if fitting is not None and not _equal(given, fitting):
        raise ValueError(
            f"{all_with_all}: it is {given:.3g}, and {fitting:.3g} for outputs in the shape of y; give y in the shape "
            "of the output, such as y[..., None], or outputs in that of y by call="
        )
    if output.numel() != y.numel() and y.is_floating_point():
        _check_spread(loss, output, y, given, shapes)


def _varied(loss: Callable[[Tensor, Tensor], object], output: Tensor, y: Tensor) -> Tensor:
    """Outputs of which no two are equal, so that none is right by luck; as they are where the loss needs that."""
    generator = torch.Generator().manual_seed(0)
    other = output + torch.randn(output.shape, generator=generator).to(output)
    return output if _value(loss, other, y) is None else other


def _one_by_one(loss: Callable[[Tensor, Tensor], object], output: Tensor, y: Tensor) -> float | None:
    """The mean of a loss over single answers, none of which is compared with another."""
    values = [_value(loss, output[k : k + 1], y[k : k + 1].flatten()) for k in range(len(y))]
    return None if any(value is None for value in values) else sum(v for v in values if v is not None) / len(values)


def _check_spread(
    loss: Callable[[Tensor, Tensor], object], output: Tensor, y: Tensor, given: float, shapes: str
) -> None:
    """Refuse a loss that spreads one number of an answer over several of the output, or the other way round."""
    try:
        common = torch.broadcast_shapes(output.shape[1:], y.shape[1:])
    except RuntimeError:
        return
    if y.numel() > output.numel() and common == y.shape[1:]:
        count = y[:1].numel() // max(1, output[:1].numel())
        raise ValueError(
            f"{shapes} one output with {count} answers; outputs in the shape of y are needed, by call= where the model "
            "gives them"
        )
    order = torch.arange(output[:1].numel()).flip(0)
    mixed = output.flatten(1)[:, order].reshape(output.shape)
    if common == output.shape[1:] and _equal(given, _value(loss, mixed, y)):
        count = output[:1].numel() // max(1, y[:1].numel())
        raise ValueError(
            f"{shapes} {count} outputs with one answer, in whatever order they are; give one output an answer by "
            "call=, or y in the shape of the output"
        )


def _value(loss: Callable[[Tensor, Tensor], object], output: Tensor, y: Tensor) -> float | None:
    """The mean of a loss; ``None`` where it does not take these shapes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own words on what is refused here
            value = loss(output, y)
            return float(value.double().mean()) if isinstance(value, Tensor) else float(value)  # type: ignore[arg-type]
    except (RuntimeError, ValueError, IndexError, TypeError):
        return None


def _equal(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return False
    return math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-9) or (math.isnan(a) and math.isnan(b))
