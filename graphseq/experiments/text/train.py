"""A training on a text from settings to its folder: fit, in pieces, with a report after each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from graphseq import _files
from graphseq.experiments.text import report
from graphseq.experiments.text.corpus import Source
from graphseq.experiments.text.models import build
from graphseq.experiments.text.report import Report
from graphseq.experiments.text.settings import Settings
from graphseq.experiments.text.tensorboard import Board, writer_class
from graphseq.experiments.text.trained import CHECKPOINT, claim
from graphseq.nn.model import Model
from graphseq.tasks.characters import Characters
from graphseq.text import evaluation
from graphseq.text.vocabulary import tokens
from graphseq.training.distributed import ProcessGroup, SingleProcess
from graphseq.training.fit import fit
from graphseq.training.history import History
from graphseq.training.lr_schedule import Cosine, Product, Schedule, StepDecay, Warmup

RESULTS = "results.json"


@dataclass(frozen=True)
class Results:
    """What came out.

    Attributes:
        steps: how many were taken, over all calls.
        loss: nats a character in training, the mean since the last report but one.
        accuracy: the share of next characters that were the likeliest, over the same steps.
        bits_in_windows: bits a character on the whole held-out text, in windows of training's length.
        bits_in_one_stream: the same with the state carried from end to end; ``None`` without a state.
        parameters: trained numbers.
        seconds: of all steps, reports left out.
        characters_per_second: read in training in these seconds.
    """

    steps: int
    loss: float
    accuracy: float
    bits_in_windows: float
    bits_in_one_stream: float | None
    parameters: int
    seconds: float
    characters_per_second: float


def train(
    settings: Settings,
    source: Source,
    out: Path,
    *,
    steps: int,
    command: Sequence[str],
    resume: bool = False,
    tensorboard: bool = False,
    tell: Callable[[Report], None] = lambda _: None,
    group: ProcessGroup | None = None,
) -> Results:
    """Train on a text, or go on with it, and write everything to ``out``.

    The training is :func:`graphseq.fit` in pieces, one a report, each from the checkpoint of the one before: equal,
    bit for bit, to one that never stopped. So is one that was killed and is resumed; the report it may have missed is
    made then.

    Args:
        settings: what to train and how.
        source: the text.
        out: the folder, made where it is not there.
        steps: how many in all, those before a resume included; may be more than at first.
        command: the arguments that lead here, kept with the results.
        resume: go on with a training of the same settings on the same text that ``out`` holds.
        tensorboard: write for TensorBoard as well.
        tell: called with each report once it is written.
        group: the processes that share each batch, as for :func:`graphseq.fit`; the first one writes and tells.

    Returns:
        What is also in ``out``: ``results.json``; beside it ``config.json``, ``checkpoint.pt``, ``curves.csv`` with
        every step, ``reports.csv`` and ``reports.json`` with every report, and ``samples.txt``.

    Raises:
        FileExistsError: ``out`` holds a training and ``resume`` is false, or other files.
        ValueError: ``out`` holds another training or a damaged one, more steps than asked for, or the text is too
            short.
        ModuleNotFoundError: TensorBoard was asked for and is not installed.
        graphseq.DivergedError: the loss stopped being finite; all that was written before is kept.
    """
    task, held = Characters.split(source.text, settings.length, held_out=settings.held_out)
    if settings.sample_first:
        tokens(settings.sample_first, task.alphabet, "sample_first")
    if tensorboard:
        writer_class()
    model = build(settings, task.out_channels)
    together = group or SingleProcess()
    together.first(lambda: claim(out, settings, source, task, command, resume=resume))
    reports, history = together.first(lambda: report.read(out)), None
    board = Board(out, reports[-1].step if reports else 0) if tensorboard and together.is_first else None
    for step in settings.reports(steps):
        before = reports[-1].step if reports else 0
        if step <= before and step != steps:
            continue
        history = _fit(model, task, settings, out, step, group)
        if history.steps > step:
            if step == steps:
                raise ValueError(f"out={out} has taken {history.steps} steps already; ask for steps= of no fewer")
            continue
        if step > before:
            write = partial(_report, model, settings, held, history, reports, out, board, tell)
            reports = together.first(write)
    return together.first(lambda: _finish(model, held, history or History(), reports, out, settings))


def _report(
    model: Model,
    settings: Settings,
    held: Characters,
    history: History,
    reports: list[Report],
    out: Path,
    board: Board | None,
    tell: Callable[[Report], None],
) -> list[Report]:
    """All reports, with one more of where the training stands, written and told."""
    before = reports[-1].step if reports else 0
    reports = [*reports, report.make(model, settings, held, history, before)]
    report.write(out, reports, history)
    if board is not None:
        board.add(history, reports[-1], before)
    tell(reports[-1])
    return reports


def _fit(
    model: Model, task: Characters, settings: Settings, out: Path, steps: int, group: ProcessGroup | None
) -> History:
    return fit(
        model,
        task,
        steps=steps,
        batch_size=settings.batch_size,
        optimizer=settings.optimizer,
        lr=settings.lr,
        schedule=schedule(settings),
        clip=settings.clip,
        seed=settings.seed,
        device=settings.device,
        stop_threshold=None,
        checkpoint_path=out / CHECKPOINT,
        resume=True,
        group=group,
        precision=settings.precision,
    )


def schedule(settings: Settings) -> Schedule:
    """What the learning rate is multiplied by at each step."""
    parts: list[Schedule] = [StepDecay(settings.decay, settings.decay_every)]
    if settings.warmup:
        parts.append(Warmup(settings.warmup))
    if settings.cosine:
        parts.append(Cosine(settings.cosine))
    return Product(tuple(parts))


def _finish(
    model: Model, held: Characters, history: History, reports: Sequence[Report], out: Path, settings: Settings
) -> Results:
    model.eval()
    results = Results(
        history.steps,
        reports[-1].loss,
        reports[-1].accuracy,
        evaluation.windows(model, held.tokens, held.length),
        evaluation.stream(model, held.tokens),
        sum(parameter.numel() for parameter in model.parameters()),
        history.seconds,
        history.steps * settings.batch_size * settings.length / history.seconds,
    )
    record = {**asdict(results), "held_out_characters": len(held.tokens), "machine": history.machine}
    _files.write_text(out / RESULTS, json.dumps(record, indent=1) + "\n", overwrite=True)
    return results
