"""Features of words: hashed suffixes of their forms and parts of speech, and no other annotation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from zlib import crc32

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.io.sentences import Word

PARTS_OF_SPEECH = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
)
"""The 17 parts of speech of Universal Dependencies, in the order of their columns."""

_MARKS = 3  # hidden, capital, digit
_LONGEST = 4  # characters of a suffix


@checked_arguments
def word_features(words: Sequence[Word], *, buckets: int = 256, hidden: Collection[int] = ()) -> Tensor:
    r"""Return features of each word, from the characters of its form and its part of speech.

    .. math:: x = \Big[\textstyle\sum_{g \in G(\text{form})} e_{h(g)} \;\Big\|\; e_{\text{upos}} \;\Big\|\;
              \text{hidden} \;\Big\|\; \text{capital} \;\Big\|\; \text{digit}\Big]

    G contains the form in lower case and its last 1, 2, 3 and 4 characters, and h is CRC-32 modulo ``buckets``, so
    there is no vocabulary, and unknown words have features too. Lemma, language-specific tag and morphological features
    are not read. A hidden word shows only its part of speech and that it is hidden.

    Args:
        words: n words.
        buckets: number of columns of the hash.
        hidden: indices of words whose form is not shown.

    Returns:
        (n, F), F = ``buckets`` + 17 + 3. Any other part of speech has no column.

    Raises:
        TypeError, ValueError: ``buckets`` below 1, or a hidden word that does not exist.

    Source: hashed character n-grams as in Bojanowski et al., *Enriching word vectors with subword information* (2017).

    Example:
        >>> dogs, hogs = (Word(form, "", "NOUN", {}, -1, "root") for form in ("Dogs", "hogs"))
        >>> x = word_features([dogs, hogs, dogs], hidden=[2])
        >>> x[:, :256].sum(dim=1).tolist(), int((x[0] * x[1]).sum())  # "s", "gs", "ogs", and NOUN
        ([5.0, 5.0, 0.0], 4)
    """
    buckets = _checks.at_least("buckets", buckets, 1)
    hidden = [_checks.at_least("hidden", index, -1) for index in hidden]
    if bad := [index for index in hidden if not 0 <= index < len(words)]:
        raise ValueError(f"hidden must name words 0 to {len(words) - 1}, got {bad[0]}")
    x = torch.zeros(len(words), buckets + len(PARTS_OF_SPEECH) + _MARKS)
    for index, word in enumerate(words):
        if word.upos in PARTS_OF_SPEECH:
            x[index, buckets + PARTS_OF_SPEECH.index(word.upos)] = 1
        if index in hidden:
            x[index, -3] = 1
            continue
        for column in _columns(word.form.lower(), buckets):
            x[index, column] += 1
        x[index, -2] = word.form[:1].isupper()
        x[index, -1] = any(letter.isdigit() for letter in word.form)
    return x


@lru_cache(maxsize=100_000)
def _columns(form: str, buckets: int) -> tuple[int, ...]:
    suffixes = [f"-{form[-size:]}" for size in range(1, min(_LONGEST, len(form)) + 1)]
    return tuple(crc32(suffix.encode()) % buckets for suffix in (form, *suffixes))
