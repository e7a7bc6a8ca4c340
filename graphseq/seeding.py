"""Random numbers as a function of a seed and a place in the program, so that any step can be repeated alone."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from graphseq import _checks

TRAIN, EVALUATE, BUILD = range(3)
"""Purposes of a stream of random numbers; streams of one seed for different purposes are independent."""


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
    return derive_pair(seed, *place)[0]


def derive_pair(seed: int, *place: int) -> tuple[int, int]:
    """Two 64-bit seeds of one place, independent of each other; the first is what :func:`derive` gives."""
    words = (_checks.seed("seed", seed), *place)
    if min(words) < 0:
        raise ValueError(f"a place is made of integers of 0 or more, got {place}")
    mixed = hashlib.blake2b(" ".join(map(_written, words)).encode(), digest_size=16).digest()
    return int.from_bytes(mixed[:8], "little"), int.from_bytes(mixed[8:], "little")


def _written(number: int) -> str:
    """A number in digits; in hexadecimal ones where Python would refuse to write so many."""
    return str(number) if number.bit_length() < _LONG else hex(number)


_LONG = 10_000  # bits, of fewer digits than Python's limit

_GENERATORS = threading.RLock()
"""For torch's own generators, which all threads of a process share."""


@contextmanager
def forked(seed: int, *place: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """A block in which torch's own generators start from ``seed`` and ``place``; afterwards they are as before.

    It is for code that draws from torch's own generators: initial weights, dropout. Threads are in such blocks one
    after another, so that none draws the numbers of another.
    """
    with forked_at(derive(seed, *place), device):
        yield


@contextmanager
def forked_at(state: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """A :func:`forked` block that starts from a seed of 64 bits, such as one of :func:`derive_pair`."""
    with _GENERATORS, restored(device):
        reseed(state, device)
        yield


@contextmanager
def restored(device: torch.device | str = "cpu") -> Iterator[None]:
    """A block after which torch's own generators are as before; it keeps no other thread out, as a fork does."""
    device = torch.device(device)
    with torch.random.fork_rng([device.index or 0] if device.type == "cuda" else []):
        yield


def reseed(state: int, device: torch.device | str = "cpu") -> None:
    """Start torch's own generators from ``state``, within :func:`forked` or :func:`restored`, which put them back.

    ``torch.manual_seed`` does the same for every kind of device there may be and records a traceback for each: a
    hundred times slower, too slow for every step.
    """
    torch.default_generator.manual_seed(state)
    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.init()
        torch.cuda.default_generators[device.index or 0].manual_seed(state)
