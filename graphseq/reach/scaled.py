"""States scaled to a largest entry of 1, in float64, and the distances of pairs of them."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks

CHUNK = 2**16  #: the most entries in the states of a chunk of pairs, so that it stays in cache


def scaled(states: Tensor) -> tuple[Tensor, float]:
    """The states in float64 divided by their largest absolute entry, and that entry; 1 where all are 0."""
    states = _checks.is_tensor("states", states)
    if not states.is_floating_point():
        raise TypeError(f"states must be floating, got {states.dtype}")
    if states.dim() != 2 or not states.numel():
        raise ValueError(f"states must be (V, H), one row at least, got {tuple(states.shape)}")
    h = states.detach().double()
    scale = float(h.abs().max()) or 1.0
    return h / scale, scale


def squared_distances(h: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """The squared distances of the states of all pairs, (P,), computed in chunks."""
    size = max(1, CHUNK // h.shape[1])
    chunks = zip(first.split(size), second.split(size), strict=True)
    return torch.cat([(h[a] - h[b]).square().sum(dim=1) for a, b in chunks])
