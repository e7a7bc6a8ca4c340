"""Settings of an accuracy experiment: the grid of tasks, models, lengths and seeds, and what all its runs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

from graphseq.experiments.models import BASELINES, MODELS, RECOMMENDED, STARTS, TORCH, find, spelled, starts_for
from graphseq.experiments.settings import (
    BaseSettings,
    Choices,
    Count,
    Device,
    File,
    Metavar,
    Positive,
    Seed,
    Share,
    Steps,
)
from graphseq.training.optimizers import OPTIMIZERS

JOB = "comparison or sweep"
"""The experiment's name in messages."""
TASKS = ("Transfer", "Palindrome", "Characters")
NAMES = ("constant", "unigram", "bigram", *MODELS)
"""Models that can be compared."""
AXES = ("tasks", "models", "lengths", "depths", "seeds", "starts")
"""Settings that span the grid: in a folder that is resumed they may differ, and only new runs are made."""

Start = Annotated[str, Choices((RECOMMENDED, *STARTS, TORCH)), Metavar("START")]


class Line(NamedTuple):
    """A line of a table or figure: a model of some depth, from some first weights.

    Attributes:
        label: its name there, such as "GCN-4", or "RNN, latch" where a model is trained from several first weights.
        model: its name in the registry, such as "GCN".
        depth: layers; 0 of a baseline.
        start: first weights.
    """

    label: str
    model: str
    depth: int
    start: str = TORCH


@dataclass(frozen=True)
class Settings(BaseSettings):
    """Everything that the numbers of an accuracy experiment depend on.

    Attributes:
        tasks: tasks.
        models: models, such as GCN, GCN-4 for one of 4 layers, LSTM, GCN-LSTM-grown, constant.
        lengths: lengths of the sequences; a model is trained for each.
        depths: layers of models whose names do not say how many; in a comparison, of graph convolutions alone.
        seeds: seeds; each trains every model once.
        hidden: hidden units of every model.
        batch_size: graphs in a batch.
        lr: learning rate.
        steps: most training steps of a run; it stops once solved.
        samples: fresh graphs in each evaluation.
        optimizer: optimizer, by its torch name.
        clip: largest norm of the gradient.
        stop_window: steps over which a run must be right to be solved.
        curriculum: train on lengths that double from 4 up to the length in question.
        starts: first weights; a model is trained from each that is made for it, or from torch's where none is.
            recommended are those that the library recommends for long memory.
        most_rows: most rows of a model that reads more of them than the sequence has, such as GCN-LSTM-grown; longer
            sequences are not run.
        digits: how a palindrome's digits are given to the models: one-hot, or scalar.
        device: where to train: cpu, cuda, cuda:1.
        text: text of the task Characters; "" for the text that ships with Python.
        encoding: encoding of the text.
        held_out: share of the text, its end, that is held out for evaluation.
        unit: what lengths count: rows, those of the path from what must be known to where it is asked, alike for all
            tasks; or own, digits of a palindrome and rows of other tasks.
        deepens: models that depths are for: all, or hops, those whose layers see a hop each.
        seeds_by_stage: draw batches from the random numbers of a curriculum's stage, also where there is one stage.
    """

    tasks: tuple[Annotated[str, Choices(TASKS), Metavar("TASK")], ...] = ("Transfer", "Palindrome")
    models: tuple[Annotated[str, Metavar("MODEL")], ...] = (
        "constant", "0-hop", "GCN", "Wave-16", "RNN", "LSTM", "GCN-LSTM", "GCN-LSTM-grown",
    )  # fmt: skip
    lengths: tuple[Count, ...] = (2, 3, 5, 9, 17, 33, 65)
    depths: tuple[Annotated[Count, Metavar("L")], ...] = (1, 2, 4, 8, 16)
    seeds: tuple[Seed, ...] = (0,)
    hidden: Annotated[Count, Metavar("H")] = 32
    batch_size: Annotated[Count, Metavar("B")] = 32
    lr: Positive = 0.01
    steps: Steps = 600
    samples: Count = 1000
    optimizer: Annotated[str, Choices(OPTIMIZERS)] = "Adam"
    clip: Positive = 1.0
    stop_window: Steps = 20
    curriculum: bool = True
    starts: tuple[Start, ...] = (RECOMMENDED, TORCH)
    most_rows: Count = 200
    digits: Literal["one-hot", "scalar"] = "one-hot"
    device: Device = "cpu"
    text: File | None = None
    encoding: Annotated[str, Metavar("ENCODING")] = "utf-8"
    held_out: Share = 0.1
    unit: Literal["rows", "own"] = "rows"
    deepens: Literal["all", "hops"] = "hops"
    seeds_by_stage: bool = False

    def __post_init__(self) -> None:
        """Refuse what does not fit together, and spell models as the registry does."""
        object.__setattr__(self, "models", spelled(self.models, NAMES))
        if ("Characters" in self.tasks) != (self.text is not None):
            which = "without a text" if self.text is None else f"with text={self.text}"
            raise ValueError(
                f"the task Characters needs text=, and text= no other task; got {', '.join(self.tasks)} {which}"
            )
        if self.text is not None and len(self.tasks) > 1:
            raise ValueError(f"text= is for the task Characters alone; got tasks={self.tasks}")
        if self.text is not None and self.curriculum:
            raise ValueError("curriculum=True is for tasks whose length can grow; a text has windows of one length")
        if "bigram" in self.models and self.text is None:
            raise ValueError("the model bigram counts pairs of characters; it needs text=")
        for task in self.tasks:
            short = [length for length in self.lengths if self.own_length(task, length) < 2 and task != "Characters"]
            if short:
                raise ValueError(f"a length of {task} must be at least 2, got {short[0]}")
        self._check_starts()

    def _check_starts(self) -> None:
        bases = {line.model for line in self.lines()}
        for start in self.starts:
            if start in STARTS and not bases & set(STARTS[start].models):
                models = ", ".join(STARTS[start].models)
                raise ValueError(f"starts={start} is for {models}, none of which is among the models")

    def own_length(self, task: str, length: int) -> int:
        """Return the length of a task as its class counts it: a path of n rows is a palindrome of n + 1 digits."""
        return length + 1 if task == "Palindrome" and self.unit == "rows" else length

    def is_run(self, line: Line, length: int) -> bool:
        """True unless the model reads more rows than the sequence has, and more than ``most_rows``."""
        rows = MODELS[line.model].rows(length) if line.model in MODELS else length
        return rows <= max(length, self.most_rows)

    def lines(self) -> list[Line]:
        """Return the models with their depths and first weights, in the order of a table."""
        return [line for name in self.models for line in self._lines_of(name)]

    def _lines_of(self, name: str) -> list[Line]:
        model, depth = find(name, NAMES)
        starts = starts_for(model, self.starts)
        return [
            Line(label if len(starts) == 1 else f"{label}, {start}", model, layers, start)
            for label, layers in self._depths_of(name, model, depth)
            for start in starts
        ]

    def _depths_of(self, name: str, model: str, depth: int | None) -> list[tuple[str, int]]:
        """Return the labels of a model and its layers."""
        if model in BASELINES:
            return [(name, 0)]
        entry = MODELS[model]
        if depth is not None:
            return [(name, depth)]
        depths: Sequence[int] = self.depths if self.deepens == "all" or entry.layers_are_hops else ()
        if not entry.layers_are_hops and tuple(depths) in ((), (entry.num_layers,)):
            return [(name, entry.num_layers)]
        return [(f"{name}-{each}", each) for each in depths or (entry.num_layers,)]

    def cases(self) -> list[dict[str, object]]:
        """Return the configuration of each run, the longest first, so that no worker waits for a late long one."""
        shared = {
            name: getattr(self, name)
            for name in (
                *("hidden", "batch_size", "lr", "steps", "samples", "optimizer", "clip", "stop_window", "curriculum"),
                *("device", "text", "encoding", "held_out", "seeds_by_stage"),
            )
        }
        cases = [
            {
                **{"task": task, "model": line.model, "depth": line.depth, "length": self.own_length(task, length)},
                **{"seed": seed, "start": line.start},
                **{"digits": self.digits if task == "Palindrome" else "one-hot", **shared},
            }
            for task, line, length, seed in product(self.tasks, self.lines(), self.lengths, self.seeds)
            if self.is_run(line, length)
        ]
        return sorted(cases, key=_size, reverse=True)


def _size(case: Mapping[str, Any]) -> tuple[int, int]:
    """Return the length of a run, and the rows that its model reads."""
    length, model = case["length"], case["model"]
    return length, MODELS[model].rows(length) if model in MODELS else length


TEXT: Mapping[str, Any] = MappingProxyType(
    {
        "tasks": ("Characters",),
        "models": ("unigram", "bigram", "0-hop", "GCN", "RNN", "LSTM", "GCN-LSTM", "GCN-LSTM-grown"),
        "lengths": (16,),
        "depths": (1, 2, 4, 8),
        "hidden": 64,
        "batch_size": 64,
        "steps": 600,
        "clip": 10.0,
        "curriculum": False,
        "starts": (TORCH,),
    }
)
"""Defaults of a comparison on a text, where they are not those of :class:`Settings`."""

SWEEP: Mapping[str, Any] = MappingProxyType(
    {
        "tasks": ("Palindrome",),
        "models": ("RNN", "LSTM"),
        "lengths": (5, 10, 15, 20, 25, 30, 35, 40),
        "depths": (1,),
        "seeds": (0, 1, 2, 3, 4),
        "hidden": 128,
        "batch_size": 128,
        "lr": 0.001,
        "steps": 10_000,
        "optimizer": "RMSprop",
        "clip": 10.0,
        "stop_window": 100,
        "curriculum": False,
        "starts": (TORCH,),
        "most_rows": 10_000,
        "unit": "own",
        "deepens": "all",
        "seeds_by_stage": True,
    }
)
"""Defaults of a sweep, where they are not those of :class:`Settings`."""
