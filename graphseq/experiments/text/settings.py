"""What a training on a text depends on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

STARTS = ("torch", "scaled")
OPTIMIZERS = ("SGD", "momentum", "RMSprop", "Adam", "AdamW")
MODELS = ("lstm", "gru", "rnn", "gcn-lstm", "gcn-lstm-grown", "gcn")
"""Families that can be trained; the last two carry no state, so they write by reading their last rows again."""

PRECISIONS = ("float32", "bfloat16")
BEFORE = {"precision": "float32"}
"""What trainings had before there was a setting for it."""


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers depend on but the text itself and how many steps are taken.

    Attributes:
        model: one of ``MODELS``.
        hidden: H.
        layers: L.
        start: weights to start from: "torch", those of its own modules, or "scaled"; see
            :func:`graphseq.experiments.text.init.scale`.
        dropout: share of the units that are left out in training, of each layer and before the head.
        length: T, characters of a window.
        batch_size: B.
        optimizer: see :func:`graphseq.fit`.
        lr: learning rate at first.
        warmup: steps over which the learning rate rises; 0 for none.
        decay: what the learning rate is multiplied by after each ``decay_every`` steps.
        decay_every: in steps.
        cosine: steps over which the learning rate falls along half a cosine, all of the training; 0 where it does not.
        clip: the largest norm of the gradient.
        held_out: the share of the text, its end, that training never sees.
        seed: of weights, batches and samples.
        device: where to train.
        every: steps from one report to the next.
        at: steps of further reports.
        sample_lengths: characters of the samples of a report, the first among them.
        sample_temperatures: temperatures of the samples; 0 stands for the likeliest character each time.
        sample_first: characters that samples may begin with; "" for the capitals of the text.
        precision: "float32" or "bfloat16"; see :func:`graphseq.fit`.
    """

    model: str = "lstm"
    hidden: int = 128
    layers: int = 2
    start: str = "torch"
    dropout: float = 0.0
    length: int = 30
    batch_size: int = 64
    optimizer: str = "RMSprop"
    lr: float = 2e-3
    warmup: int = 0
    decay: float = 0.96
    decay_every: int = 5000
    cosine: int = 0
    clip: float = 5.0
    held_out: float = 0.1
    seed: int = 0
    device: str = "cpu"
    every: int = 500
    at: tuple[int, ...] = ()
    sample_lengths: tuple[int, ...] = (10, 30, 60)
    sample_temperatures: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0)
    sample_first: str = ""
    precision: str = "float32"

    def reports(self, steps: int) -> list[int]:
        """The steps after which a run of so many reports: each ``every``, those ``at``, and the last."""
        regular = set(range(self.every, steps + 1, self.every))
        return sorted(regular | {step for step in self.at if step < steps} | {steps})

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Settings:
        """From what :meth:`to_json` gave.

        Raises:
            ValueError: the record holds something else.
        """
        kinds = {field.name: type(field.default) for field in fields(cls)}
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in {**BEFORE, **record}.items()
        }
        if {key: type(value) for key, value in plain.items()} != kinds:
            raise ValueError(f"settings must hold {', '.join(kinds)}")
        return cls(**plain)
