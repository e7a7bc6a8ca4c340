"""A text that trains in no time, and settings to train on it."""

from __future__ import annotations

from dataclasses import replace

from graphseq.experiments.text.corpus import Source
from graphseq.experiments.text.settings import Settings

TEXT = "Ab cab. Bad cab dab. " * 30
TINY = Settings(
    hidden=6,
    layers=1,
    length=5,
    batch_size=4,
    every=4,
    at=(2,),
    sample_lengths=(3, 8),
    sample_temperatures=(0.0, 1.0),
)


def source(text: str = TEXT) -> Source:
    return Source("tiny", text)


def tiny(**change: object) -> Settings:
    return replace(TINY, **change)
