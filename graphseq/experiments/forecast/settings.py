"""What to forecast, from what, and by which models; and the grid of single runs that this spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from graphseq.experiments.engine import run_dir

FORGETTING, DAG = "GCN-LSTM forgetting", "DAG-LSTM"
BASELINES = ("mean", "persistence", "autoregression", "graph autoregression")
FAMILIES = ("GCN", "GCN SAGE", "RNN", "GRU", "LSTM", "GCN-LSTM", "GCN-LSTM both", FORGETTING, DAG)
MODELS = (*BASELINES, *FAMILIES)
SCALES = ("train", "pooled", "file")
JOB = "forecast"
"""What this is called in messages."""
NUMBERS = ("mse", "mae", "validation_mse", "best_step", "parameters", "seconds")
"""What the result of a run holds; null where a number is not finite."""


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of a forecast depend on.

    Attributes:
        file: a path, or the name of a data set that is known.
        edges: the file of edges beside a table of observations.
        window: the length of a window of a table of events, in the units of its times, or like "7d" of dates.
        missing: "refuse" a file with missing values, or "drop" those rows, so that their nodes are away then.
        models: of ``MODELS``.
        lags: times in a window.
        horizon: times from the last of these to the one that is forecast.
        channels: how many of the first columns are forecast.
        train: share of the windows that comes before the test, by time.
        validation: share of these, their last, by which the step to stop at is chosen.
        season: length of the season in time steps, whose place is shown to all models, or ``None``.
        scale: "train": each node less its mean and in units of its deviation, both over the part before the test, or
            those of all nodes together where one appears only later; "pooled": those of all nodes together; "file":
            as the file has it. Errors are in the file's units in any case.
        hidden: H of every model that is trained.
        steps: training steps.
        every: steps between two looks at the validation windows.
        batch_size: windows in a batch.
        lr: learning rate of AdamW.
        weight_decay: of AdamW.
        residual: whether trained models say how far the next value lies from the last, and not the value itself.
        gate_penalty: weight of the mean gate in the loss of the forgetting model.
        seeds: one run of each trained model a seed.
        device: where to train.
    """

    file: str
    edges: str | None
    window: str | None
    missing: str
    models: tuple[str, ...]
    lags: int
    horizon: int
    channels: int
    train: float
    validation: float
    season: float | None
    scale: str
    hidden: int
    steps: int
    every: int
    batch_size: int
    lr: float
    weight_decay: float
    residual: bool
    gate_penalty: float
    seeds: tuple[int, ...]
    device: str = "cpu"

    def cases(self) -> list[Case]:
        """The single runs; what needs no seed has the first."""
        return [
            Case(model, seed)
            for model in self.models
            for seed in (self.seeds[:1] if model in BASELINES else self.seeds)
        ]

    def shows(self, case: Case) -> bool:
        """Whether the forecasts of a run are kept: those of the first seed."""
        return case.seed == self.seeds[0]

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Case:
    """One run of the grid."""

    model: str
    seed: int

    @property
    def key(self) -> str:
        """A name for its files."""
        return f"{self.model}-seed{self.seed}".replace(" ", "-")


def read_finished(folder: Path, cases: Sequence[Case]) -> dict[str, dict[str, object]]:
    """Results of the runs that are finished in ``folder``, by key.

    Raises:
        ValueError: a file there holds something else.
    """
    return run_dir.read_finished(folder, {case.key: asdict(case) for case in cases}, NUMBERS, JOB)
