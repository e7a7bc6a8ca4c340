"""Checks of the shapes and types of outputs against answers: nothing is broadcast."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq._torch import compat


def check_classes(output: Tensor, y: Tensor) -> None:
    """Refuse outputs that are not (K, C) of floats, or answers that are not K classes."""
    if output.dim() != 2 or y.shape != output.shape[:1]:
        raise ValueError(
            "a loss over classes takes output (K, C) and y (K,); "
            f"got output {tuple(output.shape)} and y {tuple(y.shape)}"
        )
    if not output.is_floating_point() or y.is_floating_point() or y.is_complex() or y.dtype == torch.bool:
        raise TypeError(
            f"output must be floating and y hold classes, integers; got output {output.dtype} and y {y.dtype}"
        )


def check_range(output: Tensor, y: Tensor) -> None:
    """Refuse answers that are no column of the outputs (K, C), such as the -100 that torch's losses leave out.

    Within vmap, where nothing can be looked at, the loss does.
    """
    if compat.transforms_active():
        return
    classes = output.shape[1]
    if y.numel() and not 0 <= int(y.min()) <= int(y.max()) < classes:
        raise ValueError(
            f"y must hold classes 0 to {classes - 1}, of the {classes} columns of output; got {int(y.min())} to "
            f"{int(y.max())}"
        )


def check_numbers(output: Tensor, y: Tensor) -> None:
    """Refuse outputs that are not (K, C) of floats, or answers of another shape."""
    if output.dim() != 2 or y.shape != output.shape:
        raise ValueError(
            "a loss over numbers takes output (K, C) and y (K, C); "
            f"got output {tuple(output.shape)} and y {tuple(y.shape)}"
        )
    if not output.is_floating_point() or y.is_complex():
        raise TypeError(f"output must be floating and y real; got output {output.dtype} and y {y.dtype}")
