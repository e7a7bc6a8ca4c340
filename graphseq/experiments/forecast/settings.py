"""Settings of a forecast: the recording, its windows, the models; and the grid of single runs that they span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from graphseq.experiments.settings import (
    BaseSettings,
    Choices,
    Count,
    Device,
    File,
    Metavar,
    NotNegative,
    Positive,
    Range,
    Seed,
    Share,
    Steps,
)

BASELINES = ("mean", "persistence", "autoregression", "graph autoregression")
FAMILIES = (
    "GCN", "SAGE", "RNN", "GRU", "LSTM", "GCN-LSTM-state", "GCN-LSTM", "GCN-LSTM-forgetting", "DAG-LSTM",
)  # fmt: skip
"""Models that are trained, of :data:`graphseq.experiments.models.MODELS`."""

MODELS = (*BASELINES, *FAMILIES)
JOB = "forecast"
"""The experiment's name in messages."""
AXES = ("models",)
"""Settings that span the grid: in a folder that is resumed they may differ, and only new runs are made."""

Column = Annotated[str, Metavar("COLUMN")]


@dataclass(frozen=True)
class Settings(BaseSettings):
    """Everything that the numbers of a forecast depend on.

    Attributes:
        file: the recording: .json of PyTorch Geometric Temporal, .csv of observations, .csv of events
            with --window, .h5 or .npz of sensors (METR-LA, PEMS) with their distances as
            --edges, or the name of a data set: chickenpox, england_covid, collegemsg.
        edges: table of the edges beside a table of observations: source, target, and where there are such columns
            weight and time.
        window: length of a snapshot of a table of events, in the units of its times, or as 7d where they are dates.
        missing: a missing value in observations: refuse the file; drop the row, so that its node is absent then; or
            mask it: the last known value stands in its place, a feature says so, and no answer is asked there.
        models: models to compare (default: all).
        lags: time steps in the input window.
        horizon: time steps from the last input to the value that is forecast; of several, each has models and errors of
            its own, on the same test times.
        channels: number of columns, from the first, that are forecast, where --target names none.
        train: share of the windows, by time, that comes before the test set; the rest is for the test.
        validation: share of the windows before the test set, the last of them, that is the validation set; the weights
            with the lowest error on it are kept.
        season: length of the season in time steps, whatever the unit of the times; its phase is given to all models as
            two features.
        scale: scaling of the inputs, by the windows before the test set: train standardises each node by itself, pooled
            all nodes together, file leaves the values of FILE as they are. Errors are in the units of FILE in any case.
        hidden: hidden units of every model.
        steps: training steps of a run.
        every: steps from one evaluation on the validation set to the next.
        batch_size: windows in a batch.
        lr: learning rate of AdamW.
        weight_decay: weight decay of AdamW.
        residual: models forecast the difference from the last value, and begin at 0.
        gate_penalty: weight of the mean gate value in the loss of GCN-LSTM-forgetting.
        seeds: seeds; each trains every model once.
        device: where to train: cpu, cuda, cuda:1.
        time: column of times in tables.
        node: column of names of nodes in observations; "" for a single series, whose lines are times of one node.
        edge_source: column of the nodes that edges or events start at.
        edge_target: column of the nodes that edges or events end at.
        edge_weight: column of weights in the table of edges.
        columns: columns of features in tables (default: all others).
        time_format: format of dates in tables, as strptime has it, such as %d.%m.%Y (default: ISO dates).
        sort: sort the lines of a table by time; else a table that is not in order is refused.
        empty: a window of time without events: refuse the file, or keep the window.
        targets: what is forecast, by the names of its columns (default: y where a .json has one, else the first
            column).
        wide: the table of observations has a line for each time, and a column for each node.
        undirected: edges of a table lead in both directions, though listed once.
        bipartite: events lead from nodes of one kind to nodes of another, users and items, whatever their names.
        coverage: share of the answers that prediction intervals are to hold; their widths are those that hold it on the
            validation set, for each horizon, and what they hold on the test set is shown.
        resample: length of a time step to which the recording is brought, such as 1h or 7d, or a number where times are
            numbers; steps without an observation are missing, so it needs --missing mask.
        resample_by: the value of a step that holds several observations of a node: their mean, last or sum.
        zeros_missing: values of 0 in .h5 and .npz files are missing ones, as in METR-LA.
        unit: unit of what is forecast, for the table (default: what stands in brackets in the name of its column).
    """

    file: File
    edges: File | None = None
    window: Annotated[str, Metavar("LENGTH")] | None = None
    missing: Literal["refuse", "drop", "mask"] = "refuse"
    models: tuple[Annotated[str, Choices(MODELS)], ...] = MODELS
    lags: Count = 4
    horizon: tuple[Count, ...] = (1,)
    channels: Annotated[Count, Metavar("C")] = 1
    train: Share = 0.8
    validation: Share = 0.2
    season: Annotated[float, Range(1, words="above 1 step"), Metavar("PERIOD")] | None = None
    scale: Literal["train", "pooled", "file"] = "train"
    hidden: Annotated[Count, Metavar("H")] = 8
    steps: Steps = 600
    every: Steps = 20
    batch_size: Annotated[Count, Metavar("B")] = 16
    lr: Positive = 0.003
    weight_decay: NotNegative = 0.01
    residual: bool = False
    gate_penalty: NotNegative = 0.0
    seeds: tuple[Seed, ...] = (0, 1, 2, 3, 4)
    device: Device = "cpu"
    time: Column = "time"
    node: Column = "node"
    edge_source: Column = "source"
    edge_target: Column = "target"
    edge_weight: Column = "weight"
    columns: tuple[Column, ...] = ()
    time_format: Annotated[str, Metavar("FORMAT")] | None = None
    sort: bool = False
    empty: Literal["refuse", "keep"] = "refuse"
    targets: tuple[Annotated[str, Metavar("NAME")], ...] = ()
    wide: bool = False
    undirected: bool = False
    bipartite: bool = False
    coverage: Share = 0.9
    resample: Annotated[str, Metavar("STEP")] | None = None
    resample_by: Literal["mean", "last", "sum"] = "mean"
    zeros_missing: bool = False
    unit: Annotated[str, Metavar("UNIT")] | None = None

    def cases(self) -> list[Case]:
        """Return the single runs; a baseline, which needs no seed, has the first."""
        return [
            Case(model, seed, horizon)
            for horizon in self.horizon
            for model in self.models
            for seed in (self.seeds[:1] if model in BASELINES else self.seeds)
        ]

    def shows(self, case: Case) -> bool:
        """Return whether the forecasts of a run are saved: those of the first seed."""
        return case.seed == self.seeds[0]


@dataclass(frozen=True)
class Case:
    """One run of the grid."""

    model: str
    seed: int
    horizon: int = 1

    @property
    def key(self) -> str:
        """The name of its files."""
        ahead = "" if self.horizon == 1 else f"-ahead{self.horizon}"
        return f"{self.model}-seed{self.seed}{ahead}".replace(" ", "-")

    def to_json(self) -> dict[str, object]:
        """Return the run as plain data; one step ahead, the default, is not written."""
        ahead = {} if self.horizon == 1 else {"horizon": self.horizon}
        return {"model": self.model, "seed": self.seed, **ahead}
