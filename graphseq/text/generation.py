"""Text generation, character by character: drawn, the likeliest each time, or by beam search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._prompt import short_repr
from graphseq.nn.model import Model
from graphseq.text.decoding import Reader, State, reader
from graphseq.text.sampling import check_cut, checked_temperature, draw
from graphseq.text.vocabulary import tokens


@checked_arguments
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
    """Draw a continuation of ``prompt``, and yield each character as soon as it is drawn.

    A model with a recurrent state takes one step for each character, whatever came before. A model without one reads
    the last rows again, as many as its receptive field has.

    Args:
        model: trained on :class:`~graphseq.tasks.Characters`; in evaluation mode, where it has dropout.
        alphabet: the characters of the model's tokens, in order.
        prompt: the text to continue, at least one character.
        length: number of characters to draw.
        generator: source of the draws, on the CPU; its state alone decides the text.
        temperature: below 1 prefers likely characters, above 1 is more random; see
            :func:`~graphseq.text.sampling.probabilities`.
        top_k: draw from the k most probable only; see :func:`~graphseq.text.sampling.allowed`.
        top_p: draw from the nucleus of probability p only.
        window: rows that a model without a recurrent state reads again; by default its receptive field.

    Returns:
        An iterator over the characters after ``prompt``.

    Raises:
        TypeError, ValueError: at once, not at the first character: a prompt that is empty or holds a character that the
            alphabet lacks, a temperature of 0 or below, k or p out of range, an alphabet or model that does not fit.

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

    return _continue(*_prepare(model, alphabet, prompt, length, window), choose)


@checked_arguments
def greedy(
    model: Model, alphabet: Sequence[str], prompt: str, length: int, *, window: int | None = None
) -> Iterator[str]:
    """Continue ``prompt`` with the likeliest character each time, the first in the alphabet where several are.

    The limit of :func:`generate` as the temperature goes to 0. Its arguments, ``length`` and
    ``window`` among them, and errors are the same.

    Example:
        >>> import graphseq as gs
        >>> model = gs.nn.Model(gs.nn.LSTM(3, 8), 3)
        >>> len("".join(gs.text.greedy(model, "abc", "ab", 5)))
        5
    """
    return _continue(*_prepare(model, alphabet, prompt, length, window), lambda logits: int(logits.argmax()))


@short_repr
class Beam(NamedTuple):
    """A text from beam search.

    Returned by :func:`graphseq.text.beam_search`.
    """

    text: str  #: without the prompt
    log_prob: float  #: of the text given the prompt, in nats


@checked_arguments
def beam_search(
    model: Model, alphabet: Sequence[str], prompt: str, length: int, *, width: int, window: int | None = None
) -> list[Beam]:
    r"""Return the likeliest continuations of ``prompt`` that beam search finds, the best first.

    .. math:: \log p(x_{1 \dots n} \mid \text{prompt}) = \sum_{t=1}^n \log p(x_t \mid \text{prompt}, x_{<t})

    After each character the search goes on with the ``width`` best beginnings. A width of 1 is :func:`greedy`. The
    result need not be the likeliest text of all, but is for a length of up to 2 and the width of the alphabet.

    Args:
        model: as in :func:`generate`.
        alphabet: as in :func:`generate`.
        prompt: as in :func:`generate`.
        length: characters of each continuation.
        width: number of beginnings, from 1 to the size of the alphabet: there are no more first characters.
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
    model_reader, alphabet, length, first = _prepare(model, alphabet, prompt, length, window)
    rows, log_prob = search(model_reader, *model_reader.begin(first), length, width)
    texts = ("".join(alphabet[token] for token in row) for row in rows.tolist())
    return [Beam(text, value) for text, value in zip(texts, log_prob.tolist(), strict=True)]


def search(model_reader: Reader, logits: Tensor, state: State, length: int, width: int) -> tuple[Tensor, Tensor]:
    """Return beams (R, length) and their log-probabilities (R,) in float64, best first, from the first logits (1, C).

    R is the smaller of ``width``, which may be any number, and of the number of texts of this length.
    """
    rows = torch.empty((1, 0), dtype=torch.long, device=logits.device)
    log_prob = torch.zeros(1, dtype=torch.float64, device=logits.device)
    for step in range(length):
        if step:
            logits, state = model_reader.advance(rows[:, -1], state)
        after = log_prob[:, None] + _sound(logits).double().log_softmax(dim=1)
        # Stable, so that of equals the first comes first, as in greedy.
        log_prob, order = (part[:width] for part in after.flatten().sort(descending=True, stable=True))
        beam, token = order // logits.shape[1], order % logits.shape[1]
        rows = torch.cat([rows[beam], token[:, None]], dim=1)
        state = tuple(part[beam] for part in state)
    return rows, log_prob


def _prepare(
    model: Model, alphabet: Sequence[str], prompt: str, length: int, window: int | None
) -> tuple[Reader, tuple[str, ...], int, Tensor]:
    length, alphabet = _checks.at_least("length", length, 1), tuple(alphabet)
    if not isinstance(prompt, str):
        raise TypeError(f"prompt must be a string, got {type(prompt).__name__}")
    if not prompt:
        raise ValueError("prompt is empty; give at least one character to continue, by first_character for instance")
    model_reader = reader(model, window)
    sizes = (model.encoder.in_channels, model_reader.head.lin.out_features)
    if sizes != (len(alphabet), len(alphabet)):
        raise ValueError(
            f"alphabet has {len(alphabet)} characters, but the model reads {sizes[0]} and outputs {sizes[1]}; take the "
            "alphabet of the task it was trained on"
        )
    return model_reader, alphabet, length, tokens(prompt, alphabet).to(next(model.parameters()).device)


def _continue(
    model_reader: Reader, alphabet: tuple[str, ...], length: int, first: Tensor, choose: Callable[[Tensor], int]
) -> Iterator[str]:
    logits, state = model_reader.begin(first)
    for number in range(length):
        token = choose(_sound(logits)[0])
        yield alphabet[token]
        if number + 1 < length:
            logits, state = model_reader.advance(first.new_tensor([token]), state)


def _sound(logits: Tensor) -> Tensor:
    """The logits, unless they are those of a model that is broken.

    Raises:
        ValueError: one of them is NaN.
    """
    if bool(logits.isnan().any()):
        raise ValueError("model gives NaN for the next character: its training diverged, or its weights are damaged")
    return logits
