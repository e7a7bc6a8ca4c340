"""The training of a model on a text, from its settings to its folder of results."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

from torch import nn

from graphseq import _files
from graphseq.experiments.engine import run_dir
from graphseq.experiments.errors import RunFailedError
from graphseq.experiments.text import report
from graphseq.experiments.text.corpus import Source
from graphseq.experiments.text.models import build
from graphseq.experiments.text.report import Report
from graphseq.experiments.text.settings import Settings
from graphseq.experiments.text.tensorboard import FOLDER, TextBoard
from graphseq.experiments.text.trained import CHECKPOINT, claim
from graphseq.nn.model import Model
from graphseq.tasks.characters import Characters
from graphseq.text import evaluation
from graphseq.text.vocabulary import tokens
from graphseq.training.distributed import ProcessGroup, SingleProcess
from graphseq.training.fit import DivergedError, fit
from graphseq.training.history import History
from graphseq.training.lr_schedule import Cosine, Product, Schedule, StepDecay, Warmup
from graphseq.training.model_file import save

RESULTS = "results.json"
MODEL = "model.pt"
CHECKPOINT_EVERY = 500
"""The most steps from one checkpoint to the next."""


@dataclass(frozen=True)
class Results:
    """The results of a training.

    Attributes:
        steps: steps taken, over all calls.
        loss: nats per character in training, the mean since the last report but one.
        accuracy: the share of next characters that were the likeliest, over the same steps.
        bits_in_windows: bits per character on the whole held-out text, in windows of training's length.
        bits_in_one_stream: the same with the state carried from end to end; ``None`` without a state.
        parameters: number of trained parameters.
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
    """Train on a text, or go on with a training, and write everything to ``out``.

    A training that was killed and is resumed equals, bit for bit, one that never stopped.

    Args:
        settings: settings of model and training.
        source: the text.
        out: the folder, made where it is not there.
        steps: steps in all, those before a resume included; may be more than at first.
        command: the arguments of the command line, saved with the results.
        resume: go on with a training of the same settings on the same text that ``out`` holds.
        tensorboard: write for TensorBoard as well.
        tell: called with each report once it is written.
        group: the processes that share each batch, as for :func:`graphseq.fit`; the first one writes and tells.

    Returns:
        The content of ``results.json`` in ``out``; beside it ``config.json``, ``checkpoint.pt``, ``model.pt`` for
        :func:`graphseq.load`, ``curves.csv`` with every step, ``reports.csv`` and ``reports.json`` with every report,
        and ``samples.txt``.

    Raises:
        FileExistsError: ``out`` holds a training and ``resume`` is false, or other files.
        BlockingIOError: another process writes to ``out``.
        ValueError: ``out`` holds another training or a damaged one, more steps than asked for, or the text is too
            short.
        ModuleNotFoundError: TensorBoard was asked for and is not installed.
        RunFailedError: the loss stopped being finite; all that was written before is kept.
    """
    task, held_out = Characters.split(source.text, settings.length, held_out=settings.held_out)
    if settings.sample_first:
        tokens(settings.sample_first, task.alphabet, "sample_first")
    processes = group or SingleProcess()
    processes.agree({**settings.to_json(), "text": source.sha256, "steps": steps, "resume": resume})
    board = TextBoard(out / FOLDER) if tensorboard and processes.is_first else None
    model = build(settings, task.out_channels)
    with ExitStack() as lock:
        processes.first(lambda: lock.enter_context(run_dir.locked(out)))
        processes.first(lambda: claim(out, settings, source, task, command, resume=resume))
        earlier = processes.first(lambda: report.read(out))
        reports = Reports(settings, held_out, out, earlier, steps=steps, tell=tell, board=board, processes=processes)
        try:
            history = fit(
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
                checkpoint_every=min(settings.every, CHECKPOINT_EVERY),
                resume=True,
                callbacks=[reports] if board is None else [board, reports],
                group=group,
                precision=settings.precision,
            )
        except DivergedError as error:
            raise RunFailedError(f"{error}; out={out} keeps all reports before") from error
        if history.steps > steps:
            raise ValueError(f"out={out} has taken {history.steps} steps already; ask for steps= of no fewer")
        if not reports.made or reports.made[-1].step < history.steps:  # killed after the last step, before its report
            reports(history.steps, history, model)
        return processes.first(lambda: _finish(model, held_out, history, reports.made, out, settings))


class Reports:
    """A callback that reports on a training: it writes the reports so far to the folder, and tells each new one.

    Args:
        settings: the steps of reports, and their samples.
        held_out: the part of the text that is held out.
        out: the folder of the training.
        earlier: the reports that it holds.
        steps: steps in all; the last of them is reported on.
        tell: called with each report once it is written.
        board: where reports go as well.
        processes: the processes that train together.
    """

    def __init__(
        self,
        settings: Settings,
        held_out: Characters,
        out: Path,
        earlier: Sequence[Report],
        *,
        steps: int,
        tell: Callable[[Report], None],
        board: TextBoard | None,
        processes: SingleProcess,
    ) -> None:
        self.made = list(earlier)
        self._settings, self._held_out, self._out = settings, held_out, out
        self._due = set(settings.reports(steps))
        self._tell, self._board, self._processes = tell, board, processes

    def __call__(self, step: int, history: History, model: nn.Module, /) -> None:
        """Report after ``step`` where a report is due; one that was made before a kill stays as it is."""
        if step not in self._due:
            return
        made = next((one for one in self.made if one.step == step), None)
        if made is None:
            self.made = self._processes.first(lambda: self._report(step, history, cast("Model", model)))
        elif self._board is not None:
            self._board.add(made)  # TensorBoard hides what it was given of steps that are taken again

    def _report(self, step: int, history: History, model: Model) -> list[Report]:
        before = [one for one in self.made if one.step < step]
        new = report.make(model, self._settings, self._held_out, history, before[-1].step if before else 0)
        reports = [*before, new]
        report.write(self._out, reports, history)
        if self._board is not None:
            self._board.add(new)
        self._tell(new)
        return reports


def schedule(settings: Settings) -> Schedule:
    """Return the factor of the learning rate at each step."""
    parts: list[Schedule] = [StepDecay(settings.decay, settings.decay_every)]
    if settings.warmup:
        parts.append(Warmup(settings.warmup))
    if settings.cosine:
        parts.append(Cosine(settings.cosine))
    return Product(tuple(parts))


def _finish(
    model: Model, held_out: Characters, history: History, reports: Sequence[Report], out: Path, settings: Settings
) -> Results:
    model.eval()
    results = Results(
        history.steps,
        reports[-1].loss,
        reports[-1].accuracy,
        evaluation.windows(model, held_out.tokens, held_out.length),
        evaluation.stream(model, held_out.tokens),
        sum(parameter.numel() for parameter in model.parameters()),
        history.seconds,
        history.steps * settings.batch_size * settings.length / history.seconds,
    )
    _save(model, settings, held_out.out_channels, out / MODEL)
    record = {**asdict(results), "held_out_characters": len(held_out.tokens), "machine": history.machine}
    _files.write_text(out / RESULTS, json.dumps(record, indent=1) + "\n", overwrite=True)
    return results


def _save(model: Model, settings: Settings, classes: int, path: Path) -> None:
    """Write the model for :func:`graphseq.load`: without dropout, which evaluation has none of, and on the CPU."""
    plain = build(replace(settings, dropout=0.0, device="cpu"), classes)
    plain.load_state_dict(model.state_dict())
    save(plain, path, overwrite=True)
