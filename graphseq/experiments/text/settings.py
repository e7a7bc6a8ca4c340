"""Settings of a training on a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from graphseq.experiments.settings import (
    BaseSettings,
    Choices,
    Count,
    Device,
    Metavar,
    NotNegative,
    Positive,
    Range,
    Seed,
    Share,
    ShareOr0,
    Steps,
    StepsOr0,
)
from graphseq.training.optimizers import OPTIMIZERS

JOB = "training"
"""The experiment's name in messages."""
STARTS = ("torch", "scaled")
MODELS = ("LSTM", "GRU", "RNN", "GCN-LSTM", "GCN-LSTM-grown", "GCN")
"""Models that can be trained; the last two carry no state, so they generate by reading their last rows again."""

PRECISIONS = ("float32", "bfloat16")
SampleLength = Annotated[int, Range(2, includes_low=True, words="at least 2"), Metavar("N")]


@dataclass(frozen=True)
class Settings(BaseSettings):
    """Everything that the numbers depend on but the text itself and how many steps are taken.

    Attributes:
        model: the model; GCN-LSTM-grown and GCN carry no state from character to character.
        hidden: hidden units of a layer.
        layers: layers of the model.
        start: initial weights: torch's own, or scaled to one-hot input, for RNN, GRU and LSTM.
        dropout: dropout between the layers and before the head, for RNN, GRU and LSTM.
        length: characters in a window.
        batch_size: windows in a batch.
        optimizer: optimizer, by its torch name.
        lr: learning rate, before any decay.
        warmup: steps over which the learning rate rises from 0.
        decay: factor by which the learning rate is multiplied after every --decay-every steps.
        decay_every: steps from one decay of the learning rate to the next.
        cosine: steps over which the learning rate falls to 0 along half a cosine, all of the training; 0 for none.
        clip: largest norm of the gradient.
        held_out: share of the text, its end, that is held out for evaluation.
        seed: seed of weights, batches and samples.
        device: where to train: cpu, cuda, cuda:1.
        every: steps from one report to the next.
        at: steps of reports beside those of --every.
        sample_lengths: lengths of the samples in a report, in characters.
        sample_temperatures: temperatures of the samples; 0 for the likeliest character each time.
        sample_first: characters of which each sample begins with one at random (default: the capitals of the text).
        precision: precision of matrix products; the rest is float32.
    """

    model: Annotated[str, Choices(MODELS)] = "LSTM"
    hidden: Annotated[Count, Metavar("H")] = 128
    layers: Annotated[Count, Metavar("L")] = 2
    start: Annotated[str, Choices(STARTS)] = "torch"
    dropout: ShareOr0 = 0.0
    length: Annotated[Count, Metavar("T")] = 30
    batch_size: Annotated[Count, Metavar("B")] = 64
    optimizer: Annotated[str, Choices(OPTIMIZERS)] = "RMSprop"
    lr: Positive = 2e-3
    warmup: StepsOr0 = 0
    decay: Positive = 0.96
    decay_every: Steps = 5000
    cosine: StepsOr0 = 0
    clip: Positive = 5.0
    held_out: Share = 0.1
    seed: Seed = 0
    device: Device = "cpu"
    every: Steps = 500
    at: tuple[Annotated[Count, Metavar("STEP")], ...] = ()
    sample_lengths: tuple[SampleLength, ...] = (10, 30, 60)
    sample_temperatures: tuple[Annotated[NotNegative, Metavar("TEMPERATURE")], ...] = (0.0, 0.5, 1.0, 2.0)
    sample_first: Annotated[str, Metavar("CHARACTERS")] = ""
    precision: Literal["float32", "bfloat16"] = "float32"

    def reports(self, steps: int) -> list[int]:
        """Return the steps after which a run of so many reports: each ``every``, those ``at``, and the last."""
        regular = set(range(self.every, steps + 1, self.every))
        return sorted(regular | {step for step in self.at if step < steps} | {steps})
