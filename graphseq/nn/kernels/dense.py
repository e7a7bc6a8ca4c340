"""Matrix products written to existing memory, by whichever of torch's two libraries is faster at them."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq._torch import compat
from graphseq._torch.operations import gathers, product

# oneDNN's product with bias in one, which torch's compiler uses, is twice as fast as MKL's on some processors.
_WIDE, _MANY = 64, 512  # channels and rows from which on it wins, though its result must be copied


def linear_into(out: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, *, relu: bool = False) -> Tensor:
    """The map X Wᵀ + b, and ReLU of it, from x (R, F) and W (H, F) into ``out`` (R, H)."""
    is_large = x.dtype == torch.float32 and min(weight.shape) >= _WIDE and len(x) >= _MANY
    product = compat.fused_linear(x, weight, bias) if is_large else None
    if product is not None:
        out.copy_(product)
    elif bias is None:
        torch.mm(x, weight.t(), out=out)
    else:
        torch.addmm(bias, x, weight.t(), out=out)
    return out.relu_() if relu else out


def mix(matrix: Tensor, x: Tensor, buffer: Tensor) -> Tensor:
    """The product M x from a sparse M (R, V) and x (V, F), in ``buffer`` (R, F) or in memory of its own."""
    return product(matrix, x) if gathers(x) else mix_into(buffer, matrix, x)


def mix_into(out: Tensor, matrix: Tensor, x: Tensor) -> Tensor:
    """The product M x from a sparse M (R, V) and x (V, F) into ``out`` (R, F)."""
    if gathers(x):
        return out.copy_(product(matrix, x))
    if torch.backends.mkl.is_available():
        return torch.addmm(out, matrix, x, beta=0, out=out)  # as mm, which would first fill it with zeros
    return torch.mm(matrix, x, out=out)
