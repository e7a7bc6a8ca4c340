"""Answers that change with a value, but not by a gradient, found before they are measured as if they stayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from graphseq._torch import compat
from graphseq.reach.probe import taps

Answers = Callable[[Tensor], Tensor]  # from the values of one place (n, F) to the answers (K, C)

_DIRECTIONS = 2  # a part without gradient of a tenth of all changes is missed by both once in 10,000 times
_SHOWN = 3  # modules that a message names


def check_gradient(value: Tensor, out: Tensor, name: str, answers: Answers) -> None:
    """Refuse answers that change with a value, but not by a gradient; those that never change have influence 0.

    Args:
        value: what the answers were computed from.
        out: the answers.
        name: of the value.
        answers: from a value to the answers.

    Raises:
        ValueError: answers without a gradient that are others at another value.
    """
    if out.requires_grad or not value.requires_grad:
        return
    with torch.no_grad():
        g = torch.Generator().manual_seed(0)
        noise = torch.randn(value.shape, generator=g, dtype=torch.float64).to(value.device, value.dtype)
        other = answers(value + noise)
    if not torch.equal(other.nan_to_num(), out.nan_to_num()):
        raise ValueError(
            f"the model's output changes with {name}, but not by a gradient: its forward runs under torch.no_grad() or "
            "inference_mode(), detaches, or rounds (argmax); influence is a derivative, so let gradients through"
        )


def check_all_gradients(model: object, value: Tensor, name: str, answers: Answers) -> None:
    r"""Refuse a model in which a part of the changes of its answers has no gradient, such as a detached branch.

    .. math:: u^\top \big(f(x + \epsilon v) - f(x - \epsilon v)\big) / 2 \epsilon \;=\; u^\top J v

    for random u and v, near the data and not at it, where a ReLU of zeros would have no derivative. Where two steps ε
    give two answers, as at a rounding, nothing is decided. In float64 a part of a thousandth is found, in float32 one
    of a tenth.

    Args:
        model: in evaluation mode.
        value: x, (n, F).
        name: of the value.
        answers: from a value to the answers.

    Raises:
        ValueError: the two sides differ; the message names the modules without a gradient, where there are any.
    """
    if not value.is_floating_point() or not value.numel():
        return
    for seed in range(_DIRECTIONS):
        measured, explained, size = _changes(value, answers, seed)
        if measured is None or abs(measured - explained) <= _tolerance(value.dtype) * size:
            continue
        raise ValueError(
            f"{_words(_cut(model, value, answers))}: along a random direction of {name} the answers change by "
            f"{measured:.3g} a unit, and the gradient says {explained:.3g}. A part of the model runs under "
            "torch.no_grad() or detaches, rounds, or has a backward of its own; let gradients through, or measure "
            "what they say as it is: detached=True"
        )


_WHOLE = (
    "graphseq.nn.",
    "torch.nn.modules.",
    "torch_geometric.nn.dense.linear",
    "torch_geometric.nn.conv.gcn_conv",
    "torch_geometric.nn.aggr.basic",
)
"""Where modules are from whose gradients are known to be the derivatives of what they compute."""


def is_known_whole(model: object) -> bool:
    """True for a model of which every module is of this library, or one of torch's that it is made of, without hooks.

    Nothing of it needs to be tested, which takes longer than measuring one answer of a large graph.
    """
    if not isinstance(model, nn.Module) or compat.has_global_hooks() or getattr(model, "transform", None) is not None:
        return False
    return all(
        f"{type(module).__module__}.".startswith(_WHOLE)
        and type(module).__module__ != "graphseq.nn.embedded"  # holds a model of the user's
        and "forward" not in vars(module)
        and not compat.has_hooks(module)
        for module in model.modules()
    )


def _tolerance(dtype: torch.dtype) -> float:
    return 1e-3 if dtype == torch.float64 else 0.1


def _changes(x: Tensor, answers: Answers, seed: int) -> tuple[float | None, float, float]:
    """The change of the answers along a direction by differences, by the gradient, and the size of a change."""
    g = torch.Generator().manual_seed(seed)

    def noise(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=g, dtype=torch.float64).to(like.device, like.dtype)

    spread = x.std(dim=0, correction=0) if len(x) > 1 else torch.zeros_like(x[0])
    spread = torch.where(spread > 0, spread, spread.max().clamp(min=1e-3))
    v = noise(x) * spread
    leaf = (x + 0.01 * noise(x) * spread).requires_grad_()
    out = answers(leaf)
    u = noise(out)
    if not out.requires_grad or not bool(out.isfinite().all()):  # the former is refused where it is measured
        return None, 0.0, 0.0
    try:
        slope = torch.autograd.grad((u * out).sum(), leaf, allow_unused=True)[0]
    except RuntimeError as error:
        if "use_reentrant" not in str(error):
            raise
        raise ValueError(
            "the model runs under torch.utils.checkpoint with use_reentrant=True, which gives no gradient in its input "
            "alone; measure it with use_reentrant=False, which computes the same"
        ) from error
    explained = 0.0 if slope is None else float((slope * v).sum())
    base = leaf.detach()
    steps = (1e-5, 2.5e-6) if x.dtype == torch.float64 else (1e-2, 5e-3)
    with torch.no_grad():
        differences = [(answers(base + step * v) - answers(base - step * v)) / (2 * step) for step in steps]
    first, second = (float((u * difference).sum()) for difference in differences)
    size = max(float((u * differences[1]).norm()), abs(explained))
    # Changes that are lost in the rounding of the answers, as many layers leave of them, say nothing.
    rounding = torch.finfo(x.dtype).eps * float((u * out.detach()).norm()) / steps[1]
    is_steady = rounding < size and abs(first - second) <= 0.3 * _tolerance(x.dtype) * size
    return (second if is_steady else None), explained, size


def _cut(model: object, x: Tensor, answers: Answers) -> list[str]:
    """The outermost modules whose values change without a gradient, or whose result no gradient comes back to."""
    if not isinstance(model, nn.Module):
        return []
    names = [name for name, _ in model.named_modules() if name]
    before, after = (_values(model, names, x * factor, answers) for factor in (1.0, 1.01))
    found = {name for name, given in before.plain.items() if _differ(given, after.plain.get(name, []))}
    found = found or {name for name, used in before.is_used.items() if not used}
    return [name for name in names if name in found and not any(name.startswith(f"{other}.") for other in found)]


@dataclass
class _Values:
    """The values of the modules in one call, and whether a gradient of the answers came back to them."""

    plain: dict[str, list[Tensor]] = field(default_factory=dict)  # the values that have no gradient
    is_used: dict[str, bool] = field(default_factory=dict)


def _values(model: object, names: list[str], x: Tensor, answers: Answers) -> _Values:
    values = _Values()
    results: list[tuple[str, Tensor]] = []

    def look(module: nn.Module, name: str, inputs: tuple[object, ...], output: object) -> None:
        result = taps.first_tensor(output)
        given = [value for value in (*inputs, result) if isinstance(value, Tensor) and value.is_floating_point()]
        values.plain.setdefault(name, []).extend(v.detach().clone() for v in given if not v.requires_grad)
        if result is not None and result.requires_grad:
            results.append((name, result))

    with taps.hooked(model, names, look):
        out = answers(x.requires_grad_())
    if out.requires_grad and results:
        gradients = torch.autograd.grad(out.sum(), [result for _, result in results], allow_unused=True)
        for (name, _), gradient in zip(results, gradients, strict=True):
            values.is_used[name] = values.is_used.get(name, False) or gradient is not None
    return values


def _differ(before: list[Tensor], after: list[Tensor]) -> bool:
    return any(not torch.equal(a, b) for a, b in zip(before, after, strict=False))


def _words(cut: list[str]) -> str:
    if not cut:
        return "the gradient is not the derivative of the model"
    more = f" and {len(cut) - _SHOWN} more modules" if len(cut) > _SHOWN else ""
    return f"no gradient flows through {', '.join(cut[:_SHOWN])}{more}"
