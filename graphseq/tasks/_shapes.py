"""Checks of the shapes and types of outputs against answers: nothing is broadcast."""

from __future__ import annotations

import torch
from torch import Tensor


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


def check_numbers(output: Tensor, y: Tensor) -> None:
    """Refuse outputs that are not (K, C) of floats, or answers of another shape."""
    if output.dim() != 2 or y.shape != output.shape:
        raise ValueError(
            "a loss over numbers takes output (K, C) and y (K, C); "
            f"got output {tuple(output.shape)} and y {tuple(y.shape)}"
        )
    if not output.is_floating_point() or y.is_complex():
        raise TypeError(f"output must be floating and y real; got output {output.dtype} and y {y.dtype}")
