"""Words as numbers: the ends of their forms, hashed, and their part of speech, and no other annotation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from zlib import crc32

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.io.sentences import Word

PARTS_OF_SPEECH = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
)
"""The 17 of Universal Dependencies, in the order of their columns."""

_MARKS = 3  # hidden, capital, digit
_LONGEST = 4  # characters of an end


def word_features(words: Sequence[Word], *, buckets: int = 256, hidden: Collection[int] = ()) -> Tensor:
    r"""What a model may see of each word: its form by its characters, and its part of speech.

    .. math:: x = \Big[\textstyle\sum_{g \in G(\text{form})} e_{h(g)} \;\Big\|\; e_{\text{upos}} \;\Big\|\;
              \text{hidden} \;\Big\|\; \text{capital} \;\Big\|\; \text{digit}\Big]

    G are the form in small letters as a whole and its last 1, 2, 3 and 4 characters, as far as it has so many, and h
    is CRC-32 modulo ``buckets``, so that no list of words is learned from any data and unknown words have features too.
    Lemma, language-specific tag and morphological features are not read. Of a hidden word there is its part of speech
    and that it is hidden.

    Args:
        words: n words.
        buckets: columns that ends of forms are hashed to.
        hidden: the places of words whose form is not shown.

    Returns:
        (n, F), F = ``buckets`` + 17 + 3. A part of speech that is none of the 17 has no column.

    Raises:
        TypeError, ValueError: ``buckets`` below 1, a hidden place that there is not.

    Source: hashed character n-grams as in Bojanowski et al., *Enriching word vectors with subword information* (2017).

    Example:
        >>> dogs, hogs = (Word(form, "", "NOUN", {}, -1, "root") for form in ("Dogs", "hogs"))
        >>> x = word_features([dogs, hogs, dogs], hidden=[2])
        >>> x[:, :256].sum(dim=1).tolist(), int((x[0] * x[1]).sum())  # "s", "gs", "ogs", and NOUN
        ([5.0, 5.0, 0.0], 4)
    """
    buckets = _checks.at_least("buckets", buckets, 1)
    if bad := [place for place in hidden if not 0 <= place < len(words)]:
        raise ValueError(f"hidden must name words 0 to {len(words) - 1}, got {bad[0]}")
    x = torch.zeros(len(words), buckets + len(PARTS_OF_SPEECH) + _MARKS)
    for place, word in enumerate(words):
        if word.upos in PARTS_OF_SPEECH:
            x[place, buckets + PARTS_OF_SPEECH.index(word.upos)] = 1
        if place in hidden:
            x[place, -3] = 1
            continue
        for column in _columns(word.form.lower(), buckets):
            x[place, column] += 1
        x[place, -2] = word.form[:1].isupper()
        x[place, -1] = any(letter.isdigit() for letter in word.form)
    return x


@lru_cache(maxsize=100_000)
def _columns(form: str, buckets: int) -> tuple[int, ...]:
    ends = [f"-{form[-size:]}" for size in range(1, min(_LONGEST, len(form)) + 1)]
    return tuple(crc32(end.encode()) % buckets for end in (form, *ends))
