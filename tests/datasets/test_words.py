"""Words as numbers: which columns a form has, and what has none."""

from __future__ import annotations

from zlib import crc32

import pytest
import torch

from graphseq.datasets import word_features
from graphseq.datasets.words import PARTS_OF_SPEECH
from graphseq.io import Word


def word(form: str, upos: str = "NOUN", **annotation: str) -> Word:
    return Word(form, annotation.get("lemma", ""), upos, {"Number": annotation.get("number", "")}, -1, "root")


def test_the_features_of_a_word_literally() -> None:
    (x,) = word_features([word("Ox2")], buckets=64)
    ends = [crc32(part.encode()) % 64 for part in ("ox2", "-2", "-x2", "-ox2")]
    assert x[:64].tolist() == [ends.count(column) for column in range(64)]
    assert x[64:81].tolist() == [float(name == "NOUN") for name in PARTS_OF_SPEECH]
    assert x[81:].tolist() == [0, 1, 1]  # hidden, capital, digit


def test_a_hidden_word_shows_its_part_of_speech_alone() -> None:
    x = word_features([word("Bark2", "VERB"), word("barks", "VERB")], hidden=[0, 1])
    assert torch.equal(x[0], x[1])
    assert x[0].sum() == 2


def test_annotation_is_not_read_and_an_unknown_part_of_speech_has_no_column() -> None:
    plain, told = word("dogs"), word("dogs", lemma="dog", number="Plur")
    assert torch.equal(word_features([plain]), word_features([told]))
    assert word_features([word("dogs", "_")])[0, 256:].sum() == 0


def test_places_that_there_are_not_are_refused() -> None:
    with pytest.raises(ValueError, match="hidden must name words 0 to 0, got 1"):
        word_features([word("dogs")], hidden=[1])
    with pytest.raises(ValueError, match="buckets must be at least 1, got 0"):
        word_features([word("dogs")], buckets=0)
    assert word_features([]).shape == (0, 276)
