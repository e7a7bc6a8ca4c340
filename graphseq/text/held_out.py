"""Bits a character on text that training never saw: in windows, as trained, and in one stream with a carried state."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from graphseq.graph import SpaceTimeGraph
from graphseq.nn.model import Model
from graphseq.tasks.base import path, repeat
from graphseq.text.reading import CarryingReader, reader

_PIECE = 2000


def windows(model: Model, tokens: Tensor, length: int, *, most: int | None = None, batch_size: int = 256) -> float:
    """Bits a character in windows one after another: each begins with no memory, as those of training do.

    A window of T characters asks for T next ones, so no character is asked for twice; a last piece shorter than a
    window is left out. A window's first answers follow few characters, so this is more than :func:`stream` gives a
    model with a memory.

    Args:
        model: in evaluation mode.
        tokens: the held-out text, (N,), at least T + 1.
        length: T.
        most: read no more than so many windows, evenly spaced; without it, all.
        batch_size: windows at a time.
    """
    device = next(model.parameters()).device
    starts = torch.arange(0, len(tokens) - length, length)
    if most is not None and most < len(starts):
        starts = starts[torch.arange(most) * len(starts) // most]
    topology, _ = path(length)
    nats = 0.0
    with torch.no_grad():
        for some in starts.split(batch_size):
            window = tokens[some[:, None] + torch.arange(length + 1)]
            graph = SpaceTimeGraph.from_topology(
                repeat(topology, len(some)),
                window[:, :-1].flatten(),
                batch=torch.arange(len(some)).repeat_interleave(length),
            )
            nats += float(cross_entropy(model(graph.to(device)), window[:, 1:].flatten().to(device), reduction="sum"))
    return nats / (len(starts) * length * math.log(2))


def stream(model: Model, tokens: Tensor) -> float | None:
    """Bits a character with the whole held-out text read once, in one stream, the state carried from end to end.

    Args:
        model: in evaluation mode.
        tokens: the held-out text, (N,); its first character is read and not asked for.

    Returns:
        The mean of N - 1 characters; ``None`` for a model that carries no state.
    """
    if model.view is not None or not isinstance(reading := reader(model), CarryingReader):
        return None
    tokens = tokens.to(next(model.parameters()).device)
    nats, state = 0.0, None
    for piece, following in zip(tokens[:-1].split(_PIECE), tokens[1:].split(_PIECE), strict=True):
        logits, state = reading.read(piece, state)
        nats += float(cross_entropy(logits, following, reduction="sum"))
    return nats / ((len(tokens) - 1) * math.log(2))
