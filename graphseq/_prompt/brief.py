"""A value in less than a line."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_WHOLE = 8
"""Longest sequence that is shown whole."""
_FIRST = 4
"""Values of a longer one that are shown."""


def brief(value: object) -> str:
    """Return a value in less than a line: long tensors by shape and range, long sequences by their first entries."""
    if isinstance(value, Tensor):
        return _tensor(value)
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, Mapping):
        entries = [f"{brief(key)}: {brief(entry)}" for key, entry in list(value.items())[:_WHOLE]]
        return f"{{{_some(entries, len(value))}}}"
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        entries = [brief(entry) for entry in value[:_WHOLE]]
        left, right = "[]" if isinstance(value, list) else "()"
        return f"{left}{_some(entries, len(value))}{',' if isinstance(value, tuple) and len(value) == 1 else ''}{right}"
    return f"{value:.4g}" if isinstance(value, float) else repr(value)


def _some(entries: list[str], count: int) -> str:
    return ", ".join(entries if count <= _WHOLE else [*entries[:_FIRST], f"… {count:,} in all"])


def _tensor(value: Tensor) -> str:
    shape = str(list(value.shape))
    try:
        values = value.detach().cpu()
        if values.numel() <= _WHOLE and values.dim() == 1:
            return f"[{', '.join(_number(one) for one in values.tolist())}]"
        if values.dim() == 0:
            return _number(values.item())
        if values.dtype == torch.bool:
            return f"{shape} of which {int(values.sum()):,} true"
        if values.is_complex() or not values.numel():
            return shape
        known = values[values.isfinite()] if values.is_floating_point() else values
        told = f"{shape} from {_number(known.min().item())} to {_number(known.max().item())}" if len(known) else shape
        return told if len(known) == values.numel() else f"{told}, {values.numel() - len(known):,} not finite"
    except (RuntimeError, NotImplementedError):  # a tensor without numbers: on the meta device, sparse, in a transform
        return shape


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
