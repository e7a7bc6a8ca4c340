"""Optimisers by name, and the scaling of gradients before a step."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]

OPTIMIZERS = ("SGD", "momentum", "RMSprop", "Adam", "AdamW")


def make_optimizer(
    optimizer: str | OptimizerFactory, parameters: list[nn.Parameter], lr: float
) -> torch.optim.Optimizer:
    """The optimiser that :func:`graphseq.fit` takes by this name, or makes by this function.

    Raises:
        TypeError, ValueError: neither one of the names nor a function that makes an optimiser.
    """
    if callable(optimizer):
        made = optimizer(parameters)
        if not isinstance(made, torch.optim.Optimizer):
            raise TypeError(f"optimizer must return a torch.optim.Optimizer, got {type(made).__name__}")
        return made
    if not isinstance(optimizer, str):
        raise TypeError(f"optimizer must be a name or a function, got {optimizer!r} ({type(optimizer).__name__})")
    # The same steps in fewer passes over memory: all in one operation, where torch has one for the device.
    fused = all(part.is_floating_point() and part.device.type in ("cpu", "cuda") for part in parameters) or None
    match optimizer.lower():
        case "sgd":
            return torch.optim.SGD(parameters, lr=lr)
        case "momentum":
            return torch.optim.SGD(parameters, lr=lr, momentum=0.9)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=lr, foreach=True)
        case "adam":
            return torch.optim.Adam(parameters, lr=lr, fused=fused)
        case "adamw":
            return torch.optim.AdamW(parameters, lr=lr, fused=fused)
    raise ValueError(f"optimizer must be one of {', '.join(OPTIMIZERS)} or a function; got {optimizer!r}")


def scale_gradients(parameters: Iterable[nn.Parameter], largest: float) -> float:
    """Scale all gradients to a norm of at most ``largest`` together; the norm that they had.

    As ``torch.nn.utils.clip_grad_norm_``, without a multiplication by 1 where they are small enough.
    """
    with_gradient = [part for part in parameters if part.grad is not None]
    total = get_total_norm(part.grad for part in with_gradient if part.grad is not None)
    norm = float(total)
    if not norm + 1e-6 < largest:  # also where it is not a number
        clip_grads_with_norm_(with_gradient, largest, total)
    return norm
