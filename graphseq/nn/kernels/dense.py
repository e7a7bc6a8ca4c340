"""Dense products into memory that is there, by whichever of torch's two libraries is faster at them."""

from __future__ import annotations

import torch
from torch import Tensor

# oneDNN's product with bias in one, which torch's compiler uses: on some processors twice as fast as MKL's.
_FUSED = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None
_WIDE, _MANY = 64, 512  # from here on it wins, though its result must be copied


def linear_into(out: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, *, relu: bool = False) -> Tensor:
    """The map X Wᵀ + b, and ReLU of it, from x (R, F) and W (H, F) into ``out`` (R, H)."""
    if _FUSED is not None and x.dtype == torch.float32 and min(weight.shape) >= _WIDE and len(x) >= _MANY:
        # Its own ReLU turns NaN into 0, which would hide a training that diverged.
        out.copy_(_FUSED(x, weight, bias, "none", [], ""))
    elif bias is None:
        torch.mm(x, weight.t(), out=out)
    else:
        torch.addmm(bias, x, weight.t(), out=out)
    return out.relu_() if relu else out


def mix_into(out: Tensor, matrix: Tensor, x: Tensor) -> Tensor:
    """The product M x from a sparse M (R, V) and x (V, F) into ``out`` (R, F)."""
    if torch.backends.mkl.is_available():
        return torch.addmm(out, matrix, x, beta=0, out=out)  # as mm, which would first fill it with zeros
    return torch.mm(matrix, x, out=out)
