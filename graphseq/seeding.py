"""Random numbers as a function of a seed and a place, so that any step can be made again by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from graphseq import _checks

TRAIN, EVALUATE, LAYERS, BUILD = range(4)
"""What a stream of random numbers is for; streams of one seed are independent of each other."""


def derive(seed: int, *place: int) -> int:
    """A 64-bit seed from ``seed`` and a place (a purpose, a step), independent of all others.

    Args:
        seed: 0 or more.
        place: integers of 0 or more.

    Raises:
        ValueError: a negative number.

    Example:
        >>> derive(0, TRAIN, 1) == derive(0, TRAIN, 1) != derive(0, TRAIN, 2)
        True
    """
    words = [_checks.at_least("seed", seed, 0), *place]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])


@contextmanager
def forked(seed: int, *place: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Within the block torch's own generators start from ``seed`` and ``place``; afterwards they are as before.

    For what draws from them without asking: initial weights, dropout.
    """
    device = torch.device(device)
    accelerators = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(accelerators):
        reseed(derive(seed, *place), device)
        yield


def reseed(state: int, device: torch.device | str = "cpu") -> None:
    """Start torch's own generators from ``state``; only for use within :func:`forked`, which puts them back.

    ``torch.manual_seed`` does the same for every kind of device there may be and records a traceback for each: a
    hundred times slower, too slow for every step.
    """
    torch.default_generator.manual_seed(state)
    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.init()
        torch.cuda.default_generators[device.index or 0].manual_seed(state)
