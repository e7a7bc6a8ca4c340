"""Bits per character on held-out text: in windows, in one stream, and by the number of characters of context."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.model import Model
from graphseq.tasks.base import path, repeat
from graphseq.text.decoding import StatefulReader, reader

_PIECE = 2000


def windows(model: Model, tokens: Tensor, length: int, *, most: int | None = None, batch_size: int = 256) -> float:
    """Return the bits per character in windows one after another, each of which begins without a state, as in training.

    A window of T characters predicts T next ones, so no character is predicted twice; a last piece shorter than a
    window is left out. The first predictions of a window have little context, so for a model with a recurrent state
    this is more than :func:`stream`.

    Args:
        model: in evaluation mode.
        tokens: the held-out text, (N,), at least T + 1.
        length: T.
        most: the most windows that are read, evenly spaced; by default all.
        batch_size: windows at a time.
    """
    starts = _spaced(torch.arange(0, len(tokens) - length, length), most)
    nats = 0.0
    with torch.no_grad():
        for some in starts.split(batch_size):
            window = tokens[some[:, None] + torch.arange(length + 1)]
            logits = model(_sequences(window[:, :-1], model))
            nats += float(cross_entropy(logits, window[:, 1:].flatten().to(logits.device), reduction="sum"))
    return nats / (len(starts) * length * math.log(2))


def nats_in_windows(
    model: Model, tokens: Tensor, length: int, *, most: int | None = None, batch_size: int = 256
) -> Tensor:
    """Return the nats of every character that :func:`windows` predicts, one row a window, (W, T) in float64.

    Args:
        model: in evaluation mode.
        tokens: as for :func:`windows`.
        length: likewise.
        most: likewise.
        batch_size: likewise.
    """
    starts, found = _spaced(torch.arange(0, len(tokens) - length, length), most), []
    for some in starts.split(batch_size):
        logits = _of_windows(model, tokens, some, length).double()
        following = tokens[some[:, None] + torch.arange(1, length + 1)].flatten().to(logits.device)
        found.append(cross_entropy(logits, following, reduction="none").view(len(some), length).cpu())
    return torch.cat(found)


def _of_windows(model: Model, tokens: Tensor, starts: Tensor, length: int) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(_sequences(tokens[starts[:, None] + torch.arange(length)], model))
    return logits


def log_probabilities_in_windows(model: Model, tokens: Tensor, length: int, *, batch_size: int = 256) -> Tensor:
    """Return the log-probability of every character where :func:`windows` predicts one, (W T, C), on the CPU.

    Args:
        model: in evaluation mode.
        tokens: as for :func:`windows`.
        length: likewise.
        batch_size: likewise.
    """
    starts = torch.arange(0, len(tokens) - length, length)
    pieces = [_of_windows(model, tokens, some, length) for some in starts.split(batch_size)]
    return torch.cat([torch.log_softmax(piece, 1).cpu() for piece in pieces])


def log_probabilities_in_stream(model: Model, tokens: Tensor) -> Tensor:
    """Return the log-probability of every character where :func:`stream` predicts one, (N - 1, C), on the CPU.

    Args:
        model: in evaluation mode, with a recurrent state.
        tokens: as for :func:`stream`.

    Raises:
        ValueError: a model without a recurrent state.
    """
    return torch.cat([torch.log_softmax(piece, 1).cpu() for piece in _of_stream(model, tokens)])


def nats_in_stream(model: Model, tokens: Tensor) -> Tensor:
    """Return the nats of every character that :func:`stream` predicts, (N - 1,) in float64.

    Args:
        model: in evaluation mode, with a recurrent state.
        tokens: as for :func:`stream`.

    Raises:
        ValueError: a model without a recurrent state.
    """
    pieces, following = _of_stream(model, tokens), tokens[1:].split(_PIECE)
    return torch.cat(
        [
            cross_entropy(logits.double(), answers.to(logits.device), reduction="none").cpu()
            for logits, answers in zip(pieces, following, strict=True)
        ]
    )


def _of_stream(model: Model, tokens: Tensor) -> Iterator[Tensor]:
    if model.transform is not None or not isinstance(reading := reader(model), StatefulReader):
        raise ValueError("model has no recurrent state to carry from end to end; read the text in windows")
    state = None
    for piece in tokens[:-1].to(next(model.parameters()).device).split(_PIECE):
        logits, state = reading.read(piece, state)
        yield logits


def by_context(model: Model, tokens: Tensor, length: int, *, most: int = 2000, batch_size: int = 256) -> list[float]:
    r"""Return the bits per character with 1, 2, …, T characters of context.

    .. math:: b_k = -\frac{1}{|E|} \sum_{e \in E} \log_2 p(x_e \mid x_{e-k}, …, x_{e-1}), \qquad k = 1 … T

    The predicted characters, E, are the same for every k, evenly spaced over the text. The curve is level beyond the
    context that the model uses: a causal GCN of L layers reads L + 1 rows, and knows whether there is one before them.

    Args:
        model: causal, in evaluation mode.
        tokens: the held-out text, (N,), at least T + 1.
        length: T.
        most: the most characters that are predicted.
        batch_size: characters predicted at a time.

    Returns:
        b_1 to b_T.

    Example:
        >>> import graphseq as gs
        >>> model = gs.nn.Model(gs.nn.LSTM(3, 8), 3).eval()
        >>> len(by_context(model, torch.tensor([0, 1, 2, 0, 1, 2]), 4))
        4
    """
    ends, found = _spaced(torch.arange(length, len(tokens)), most), []
    with torch.no_grad():
        for context in range(1, length + 1):
            nats = 0.0
            for some in ends.split(batch_size):
                seen = tokens[some[:, None] - torch.arange(context, 0, -1)]
                logits = model(_sequences(seen, model)).view(len(some), context, -1)[:, -1]
                nats += float(cross_entropy(logits, tokens[some].to(logits.device), reduction="sum"))
            found.append(nats / (len(ends) * math.log(2)))
    return found


def _spaced(every: Tensor, most: int | None) -> Tensor:
    """Return at most ``most`` entries, evenly spaced."""
    return every if most is None or most >= len(every) else every[torch.arange(most) * len(every) // most]


def _sequences(tokens: Tensor, model: Model) -> SpaceTimeGraph:
    """Return sequences (B, T) as one graph, on the device of the model."""
    size, length = tokens.shape
    graph = SpaceTimeGraph.from_topology(
        repeat(path(length)[0], size), tokens.flatten(), batch=torch.arange(size).repeat_interleave(length)
    )
    return graph.to(next(model.parameters()).device)


def stream(model: Model, tokens: Tensor) -> float | None:
    """Return the bits per character of the held-out text read in one stream, the state carried from end to end.

    Args:
        model: in evaluation mode.
        tokens: the held-out text, (N,); its first character is read and not predicted.

    Returns:
        The mean over N - 1 characters; ``None`` for a model without a recurrent state.
    """
    if model.transform is not None or not isinstance(reading := reader(model), StatefulReader):
        return None
    tokens = tokens.to(next(model.parameters()).device)
    nats, state = 0.0, None
    for piece, following in zip(tokens[:-1].split(_PIECE), tokens[1:].split(_PIECE), strict=True):
        logits, state = reading.read(piece, state)
        nats += float(cross_entropy(logits, following, reduction="sum"))
    return nats / ((len(tokens) - 1) * math.log(2))
