"""Texts from a trained model, character by character: drawn, the likeliest each time, or by beam search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.nn.model import Model
from graphseq.text.decoding import Reader, State, reader
from graphseq.text.sampling import check_cut, checked_temperature, draw
from graphseq.text.vocabulary import tokens


def generate(
    model: Model,
    alphabet: Sequence[str],
    prompt: str,
    length: int,
    *,
    generator: torch.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    window: int | None = None,
) -> Iterator[str]:
    """Draw a continuation of ``prompt``, and give each character as soon as it is drawn.

    A recurrent model carries its state, so each character costs one step, whatever came before. A model that has none
    reads its last rows again, as many as it sees.

    Args:
        model: trained on :class:`~graphseq.tasks.Characters`; in evaluation mode, where it has dropout.
        alphabet: the characters of its tokens, in order.
        prompt: what to go on from, at least one character.
        length: characters to draw.
        generator: on the CPU; its state alone decides what is drawn.
        temperature: below 1 keeps to what is likely, above 1 strays; see :func:`~graphseq.text.sampling.probabilities`.
        top_k: draw from the k most probable only; see :func:`~graphseq.text.sampling.kept`.
        top_p: draw from the nucleus of probability p only.
        window: rows that a model without a state reads again; without it, as many as it sees.

    Returns:
        An iterator over the characters, those of ``prompt`` left out.

    Raises:
        TypeError, ValueError: at once, not at the first character: a prompt that is empty or holds what the alphabet
            lacks, a temperature of 0 or below, k or p out of range, an alphabet or model that will not do.

    Example:
        >>> import graphseq as gs
        >>> model = gs.nn.Model(gs.nn.LSTM(3, 8), 3)
        >>> len("".join(gs.text.generate(model, "abc", "ab", 5, generator=torch.Generator().manual_seed(0))))
        5
    """
    checked_temperature(temperature)
    check_cut(len(alphabet), top_k, top_p)
    if not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}")

    def choose(logits: Tensor) -> int:
        return draw(logits.cpu(), generator, temperature=temperature, top_k=top_k, top_p=top_p)

    return _continued(*_begun(model, alphabet, prompt, length, window), choose)


def greedy(
    model: Model, alphabet: Sequence[str], prompt: str, length: int, *, window: int | None = None
) -> Iterator[str]:
    """Continue ``prompt`` with the likeliest character each time, the first in the alphabet where several are.

    What :func:`generate` comes to as the temperature goes to 0. Arguments and errors are the same.

    Example:
        >>> import graphseq as gs
        >>> model = gs.nn.Model(gs.nn.LSTM(3, 8), 3)
        >>> len("".join(gs.text.greedy(model, "abc", "ab", 5)))
        5
    """
    return _continued(*_begun(model, alphabet, prompt, length, window), lambda logits: int(logits.argmax()))


class Beam(NamedTuple):
    """A text that beam search found."""

    text: str  #: without the prompt
    log_prob: float  #: of the text given the prompt, in nats


def beam_search(
    model: Model, alphabet: Sequence[str], prompt: str, length: int, *, width: int, window: int | None = None
) -> list[Beam]:
    r"""The likeliest continuations of ``prompt`` that a search of so many beams finds, the best first.

    .. math:: \log p(x_{1 \dots n} \mid \text{prompt}) = \sum_{t=1}^n \log p(x_t \mid \text{prompt}, x_{<t})

    After each character the ``width`` best beginnings are kept. A width of 1 is :func:`greedy`. What is found is not
    always the likeliest of all, but for a length of up to 2 with all the alphabet's width it is.

    Args:
        model: as in :func:`generate`.
        alphabet: as in :func:`generate`.
        prompt: as in :func:`generate`.
        length: characters of each continuation.
        width: beginnings that are kept, from 1 to the size of the alphabet: there are no more first characters.
        window: as in :func:`generate`.

    Raises:
        TypeError, ValueError: a width out of range; for the rest as :func:`generate`.

    Source: Graves, *Sequence transduction with recurrent neural networks* (2012), section 2.5; without length
    normalisation, since all texts are equally long.

    Example:
        >>> import graphseq as gs
        >>> model = gs.nn.Model(gs.nn.LSTM(3, 8), 3)
        >>> beams = gs.text.beam_search(model, "abc", "a", 4, width=2)
        >>> [len(beam.text) for beam in beams], beams[0].log_prob >= beams[1].log_prob
        ([4, 4], True)
    """
    if _checks.at_least("width", width, 1) > len(alphabet):
        raise ValueError(
            f"width must be at most {len(alphabet)}, the characters of the alphabet: a text has no more beginnings; "
            f"got {width}"
        )
    reading, alphabet, length, first = _begun(model, alphabet, prompt, length, window)
    found, log_prob = search(reading, *reading.begin(first), length, width)
    texts = ("".join(alphabet[token] for token in row) for row in found.tolist())
    return [Beam(text, value) for text, value in zip(texts, log_prob.tolist(), strict=True)]


def search(reading: Reader, logits: Tensor, state: State, length: int, width: int) -> tuple[Tensor, Tensor]:
    """Beams (R, length) and their log-probabilities (R,) in float64, best first, from the first logits (1, C).

    ``width`` may be any: R is the smaller of it and of the texts there are.
    """
    found = torch.empty((1, 0), dtype=torch.long, device=logits.device)
    log_prob = torch.zeros(1, dtype=torch.float64, device=logits.device)
    for step in range(length):
        if step:
            logits, state = reading.advance(found[:, -1], state)
        after = log_prob[:, None] + logits.double().log_softmax(dim=1)
        # Stable, so that of equals the first comes first, as in greedy.
        log_prob, order = (part[:width] for part in after.flatten().sort(descending=True, stable=True))
        beam, token = order // logits.shape[1], order % logits.shape[1]
        found = torch.cat([found[beam], token[:, None]], dim=1)
        state = tuple(part[beam] for part in state)
    return found, log_prob


def _begun(
    model: Model, alphabet: Sequence[str], prompt: str, length: int, window: int | None
) -> tuple[Reader, tuple[str, ...], int, Tensor]:
    length, alphabet = _checks.at_least("length", length, 1), tuple(alphabet)
    if not isinstance(prompt, str):
        raise TypeError(f"prompt must be a string, got {type(prompt).__name__}")
    if not prompt:
        raise ValueError("prompt is empty; give at least one character to go on from, by first_character for instance")
    reading = reader(model, window)
    sizes = (model.encoder.in_channels, reading.head.lin.out_features)
    if sizes != (len(alphabet), len(alphabet)):
        raise ValueError(
            f"alphabet has {len(alphabet)} characters, but the model reads {sizes[0]} and gives {sizes[1]}; take the "
            "alphabet of the task it was trained on"
        )
    return reading, alphabet, length, tokens(prompt, alphabet).to(next(model.parameters()).device)


def _continued(
    reading: Reader, alphabet: tuple[str, ...], length: int, first: Tensor, choose: Callable[[Tensor], int]
) -> Iterator[str]:
    logits, state = reading.begin(first)
    for number in range(length):
        token = choose(logits[0])
        yield alphabet[token]
        if number + 1 < length:
            logits, state = reading.advance(first.new_tensor([token]), state)
