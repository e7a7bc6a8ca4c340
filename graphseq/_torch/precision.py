"""Mixed precision: which computations may run in 16-bit numbers, and which must stay in float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor

from graphseq._torch import compat

PRECISIONS = ("float32", "bfloat16")
HALVES = (torch.bfloat16, torch.float16)


@contextmanager
def in_full(x: Tensor) -> Iterator[Tensor]:
    """Suspend autocast, and give ``x`` in float32 if it is 16-bit."""
    with torch.autocast(x.device.type, enabled=False):
        yield at_least_float32(x)


def is_mixed(x: Tensor) -> bool:
    """True if ``x`` is 16-bit, or would be cast to 16 bits in a product."""
    return x.dtype in HALVES or torch.is_autocast_enabled(x.device.type)


def at_least_float32(x: Tensor) -> Tensor:
    """``x`` in float32 if it is 16-bit, in which sums of many numbers go wrong: 256 + 1 is 256 in bfloat16."""
    return x.float() if x.dtype in HALVES else x


@contextmanager
def bfloat16_products(device_type: str) -> Iterator[None]:
    """Compute matrix products in bfloat16, by torch's autocast.

    Raises:
        ValueError: torch has no kernel on this processor for an operation in the block.
    """
    try:
        with torch.autocast(device_type, dtype=torch.bfloat16):
            yield
    except RuntimeError as error:
        if "primitive" not in str(error):  # of oneDNN, "could not create a primitive descriptor for the LSTM …"
            raise
        raise ValueError(
            "precision='bfloat16' is not possible for this model on this processor, on which torch lacks a bfloat16 "
            f"kernel for one of its modules; use precision='float32'. It said: {error}"
        ) from error


def lacks_lstm_kernel(x: Tensor) -> bool:
    """True if torch's LSTM fails on ``x`` under the current autocast; it then has to run in float32.

    On a CPU, autocast hands a 16-bit LSTM to oneDNN, which has a bfloat16 one only for AVX-512, and elsewhere raises.
    """
    if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
        return False
    return not _has_lstm_kernel(torch.get_autocast_dtype("cpu"))


def kernels_in_full(precision: str, device_type: str) -> list[str]:
    """Names of torch's kernels that run in float32 on this machine although ``precision`` is another."""
    lacks = precision == "bfloat16" and device_type == "cpu" and not _has_lstm_kernel(torch.bfloat16)
    return ["LSTM"] if lacks else []


@cache
def _has_lstm_kernel(dtype: torch.dtype) -> bool:
    """True if one step of a tiny LSTM runs in ``dtype``, with gradients."""

    def run() -> bool:
        # With hooks of its own on saved tensors, a checkpointed forward pass in which this runs counts none of them.
        saved = torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor)
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast("cpu", dtype=dtype), saved:
            x, state = torch.zeros(1, 1, 1, requires_grad=True), torch.zeros(1, 1, 1)
            weights = [torch.zeros(4, 1), torch.zeros(4, 1), torch.zeros(4), torch.zeros(4)]
            try:
                torch.lstm(x, (state, state), weights, True, 1, 0.0, True, False, False)
            except RuntimeError:
                return False
        return True

    return compat.outside_transforms(run)
