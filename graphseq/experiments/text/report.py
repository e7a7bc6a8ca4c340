"""Reports of a training on a text: numbers, samples, and their files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from graphseq import _files, seeding
from graphseq.evaluation.tables import to_csv
from graphseq.experiments.text.models import window
from graphseq.experiments.text.settings import Settings
from graphseq.nn.model import Model
from graphseq.tasks.characters import Characters
from graphseq.text import evaluation
from graphseq.text.generation import generate, greedy
from graphseq.text.vocabulary import first_character
from graphseq.training.history import History

REPORTS, TABLE, SAMPLES, CURVES = "reports.json", "reports.csv", "samples.txt", "curves.csv"
WINDOWS = 500
"""The held-out windows that a report reads; the results read all."""
_SAMPLE = 3  # the stream of random numbers of samples, beside those of seeding


@dataclass(frozen=True)
class Sample:
    """A text that the model generated."""

    temperature: float  #: 0 for the likeliest character each time
    text: str  #: the first character, which is given, included


@dataclass(frozen=True)
class Report:
    """The state of a training after a step.

    Attributes:
        step: the number of steps so far.
        loss: nats per character, the mean of the steps since the report before.
        accuracy: share of next characters that the model gave the highest probability, the mean of the same steps.
        bits: bits per character on held-out windows; see :func:`graphseq.text.evaluation.windows`.
        lr: learning rate of the last step.
        seconds: time of all steps so far, without reports.
        samples: generated texts.
    """

    step: int
    loss: float
    accuracy: float
    bits: float
    lr: float
    seconds: float
    samples: tuple[Sample, ...]


def make(model: Model, settings: Settings, held_out: Characters, history: History, before: int) -> Report:
    """Return the report after the last step of ``history``; the report before was after step ``before``."""
    model.eval()
    return Report(
        history.steps,
        sum(history.loss[before:]) / (history.steps - before),
        sum(history.score[before:]) / (history.steps - before),
        evaluation.windows(model, held_out.tokens, held_out.length, most=WINDOWS),
        history.lr[-1],
        history.seconds,
        tuple(_samples(model, settings, held_out.alphabet, history.steps)),
    )


def _samples(model: Model, settings: Settings, alphabet: Sequence[str], step: int) -> list[Sample]:
    """Return a text of each temperature and length, all with one first character: a function of seed, step, weights."""
    generator = torch.Generator()
    generator.manual_seed(seeding.derive(settings.seed, _SAMPLE, step))
    first = first_character(alphabet, generator, settings.sample_first or None)
    rows, samples = window(settings), []
    for temperature in settings.sample_temperatures:
        for length in settings.sample_lengths:
            if temperature == 0:
                text = greedy(model, alphabet, first, length - 1, window=rows)
            else:
                text = generate(
                    model, alphabet, first, length - 1, generator=generator, temperature=temperature, window=rows
                )
            samples.append(Sample(temperature, first + "".join(text)))
    return samples


def write(out: Path, reports: Sequence[Report], history: History) -> None:
    """Write all reports to ``out``, and last the file that :func:`read` reads."""
    history.to_csv(out / CURVES, overwrite=True)
    columns = ("step", "loss", "accuracy", "bits", "lr", "seconds")
    rows = [[getattr(report, column) for column in columns] for report in reports]
    _files.write_text(out / TABLE, to_csv(columns, rows), overwrite=True)
    _files.write_text(out / SAMPLES, "\n".join(map(_samples_text, reports)), overwrite=True)
    _files.write_text(
        out / REPORTS, json.dumps([asdict(report) for report in reports], indent=1) + "\n", overwrite=True
    )


def read(out: Path) -> list[Report]:
    """Return the reports in ``out``, an empty list where there are none yet.

    Raises:
        ValueError: the file holds something else.
    """
    if not (out / REPORTS).exists():
        return []
    try:
        found = [
            Report(**{**report, "samples": tuple(Sample(**sample) for sample in report["samples"])})
            for report in json.loads((out / REPORTS).read_text(encoding="utf-8"))
        ]
        whole = all(map(_has_kinds, found)) and [one.step for one in found] == sorted({one.step for one in found})
    except (ValueError, TypeError, KeyError, RecursionError):
        whole = False
    if not whole:
        raise ValueError(f"{out / REPORTS} does not hold the reports of a training; name another out=")
    return found


def _has_kinds(report: Report) -> bool:
    """Return whether every field of a report that was read holds what it should."""
    numbers = (report.loss, report.accuracy, report.bits, report.lr, report.seconds)
    samples = all(isinstance(one.text, str) and isinstance(one.temperature, int | float) for one in report.samples)
    return type(report.step) is int and report.step > 0 and all(isinstance(n, int | float) for n in numbers) and samples


def _samples_text(report: Report) -> str:
    parts = []
    for sample in report.samples:
        method = "greedy" if sample.temperature == 0 else f"temperature {sample.temperature:g}"
        head = f"step {report.step}, {method}, {len(sample.text)} characters, first {sample.text[:1]!r}"
        parts.append(f"--- {head} ---\n{sample.text}\n")
    return "\n".join(parts)
