"""The arguments common to all ways of training, with their defaults and checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from graphseq import _checks
from graphseq._torch import precision as _precision
from graphseq.evaluation import metrics as measuring
from graphseq.evaluation.metrics import Metric
from graphseq.training import callbacks as calling
from graphseq.training.callbacks import Callback
from graphseq.training.distributed import ProcessGroup
from graphseq.training.lr_schedule import Schedule
from graphseq.training.optim import OptimizerFactory, spelled

Precision = Literal["float32", "bfloat16"]
Metrics = Sequence[str | Metric] | Mapping[str, str | Metric]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The arguments of :func:`graphseq.fit`, checked; they are described there.

    Raises:
        TypeError, ValueError: an argument is not what :func:`graphseq.fit` takes.
    """

    steps: int = 10_000
    batch_size: int = 128
    optimizer: str | OptimizerFactory = "RMSprop"
    lr: float | None = None
    schedule: Schedule | None = None
    clip: float = 10.0
    seed: int = 0
    device: torch.device | str = "cpu"
    stop_threshold: float | None = 1.0
    stop_window: int = 100
    checkpoint_path: str | Path | None = None
    checkpoint_every: int = 500
    resume: bool = False
    record_gradients: bool = False
    metrics: Metrics = ()
    progress: bool = False
    callbacks: Sequence[Callback] = ()
    group: ProcessGroup | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        values = {
            **{name: _checks.at_least(name, getattr(self, name), 1) for name in _COUNTS},
            **{name: _checks.truth(name, getattr(self, name)) for name in _SWITCHES},
            "optimizer": spelled(self.optimizer),
            "seed": _checks.seed("seed", self.seed),
            "lr": _or_none(_rate, "lr", self.lr),
            "clip": _checks.positive("clip", self.clip),
            "device": _checks.device("device", self.device),
            "stop_threshold": _or_none(_checks.finite, "stop_threshold", self.stop_threshold),
            "callbacks": tuple(calling.checked(self.callbacks)),
            "precision": _checks.one_of("precision", self.precision, _precision.PRECISIONS),
        }
        measuring.by_name(self.metrics)
        if not isinstance(self.checkpoint_path, str | Path | None):
            raise TypeError(f"checkpoint_path must be the name of a file, got {_checks.shown(self.checkpoint_path)}")
        if self.checkpoint_path is not None:
            _checks.path("checkpoint_path", self.checkpoint_path)
            if not str(self.checkpoint_path):
                raise ValueError("checkpoint_path must be the name of a file, got ''; leave it out for no checkpoints")
        if not isinstance(self.group, ProcessGroup | None):
            kind = type(self.group).__name__
            raise TypeError(f"group must be what graphseq.training.distributed.process_group() gives, got {kind}")
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def named_metrics(self) -> dict[str, Metric]:
        """The metrics by name."""
        return measuring.by_name(self.metrics)


_COUNTS = ("steps", "batch_size", "stop_window", "checkpoint_every")
_SWITCHES = ("resume", "record_gradients", "progress")


def _rate(name: str, value: object) -> float:
    rate = _checks.positive(name, value)
    most = torch.finfo(torch.float32).max
    if rate > most:
        raise ValueError(f"{name} must be at most {most:.4g}, the largest float32; got {rate}")
    return rate


def _or_none(check: Callable[[str, object], float], name: str, value: object) -> float | None:
    """``None``, which stands for what the argument's help says, or what the check gives."""
    return None if value is None else check(name, value)


DEFAULTS = Settings()
"""The default of every argument."""
