"""The folder of a training on a text: resumed only on the same text, and opened to generate text with its model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphseq.experiments.engine import run_dir
from graphseq.experiments.engine.run_dir import CONFIG
from graphseq.experiments.text.corpus import Source
from graphseq.experiments.text.models import build
from graphseq.experiments.text.settings import JOB, Settings
from graphseq.nn.model import Model
from graphseq.tasks.characters import Characters
from graphseq.training import checkpoint
from graphseq.training.checkpoint import describe
from graphseq.training.history import History, machine

CHECKPOINT = "checkpoint.pt"


def claim(
    out: Path, settings: Settings, source: Source, task: Characters, command: Sequence[str], *, resume: bool
) -> None:
    """Make ``out`` the folder of this training, or refuse; see :func:`graphseq.experiments.engine.run_dir.claim`.

    Raises:
        FileExistsError: ``out`` holds a training and ``resume`` is false, or other files.
        ValueError: ``out`` holds a training on another text, or with other settings.
        OSError: ``out`` cannot be written to.
    """
    if resume and (out / CONFIG).exists():
        _check_text(out, source)
    more = {
        "text": {"name": source.name, "characters": len(source.text), "sha256": source.sha256},
        "trained_on": task.config,
        "machine": machine(settings.device),
    }
    run_dir.claim(out, JOB, settings.to_json(), command, resume=resume, defaults=Settings.defaults(), more=more)


@dataclass(frozen=True)
class Trained:
    """A trained model, and what it was trained on."""

    model: Model  #: in evaluation mode, on the CPU
    alphabet: tuple[str, ...]
    settings: Settings
    history: History


def open_trained(folder: Path) -> Trained:
    """Return the model of a training with the weights of its last checkpoint.

    Raises:
        FileNotFoundError: no training in ``folder``, or one without a checkpoint yet.
        ValueError: a record or checkpoint that is damaged, cut short, or of another training.
    """
    if not (folder / CONFIG).exists():
        raise FileNotFoundError(f"{folder} holds no training: there is no {CONFIG}; text train FILE --out makes one")
    record = read_config(folder)
    if not (folder / CHECKPOINT).exists():
        raise FileNotFoundError(f"{folder} has no {CHECKPOINT} yet; go on with its training by resume=True")
    task: dict[str, Any] = record["trained_on"]
    alphabet = tuple(task["alphabet"])
    settings = Settings.from_json({**record["settings"], "device": "cpu"})
    try:
        model = build(settings, len(alphabet))
    except (ValueError, TypeError, RuntimeError, OverflowError, MemoryError) as error:
        raise ValueError(f"{folder / CONFIG} is of a model that cannot be built: {error}") from None
    try:
        history = checkpoint.load_model(folder / CHECKPOINT, model, {"model": describe(model)})
    except ValueError as error:
        raise ValueError(f"{error}; {CHECKPOINT} and {CONFIG} must be those of one training") from None
    if history.config.get("task") != task:
        raise ValueError(
            f"{folder / CHECKPOINT} is of a training on another text, or on another part of it, than that of {CONFIG}"
        )
    return Trained(model.eval(), alphabet, settings, history)


def read_config(folder: Path) -> dict[str, Any]:
    """Return the record that :func:`claim` wrote.

    Raises:
        ValueError: the file holds something else.
    """
    try:
        record = run_dir.read_config(folder, JOB)
        whole = all(isinstance(part, str) for part in (record["trained_on"]["alphabet"], record["text"]["sha256"]))
        Settings.from_json(record["settings"])
    except (ValueError, TypeError, KeyError, AttributeError):
        whole = False
    if not whole:
        raise ValueError(f"{folder / CONFIG} is not the record of a training on a text; name another folder")
    return record


def _check_text(out: Path, source: Source) -> None:
    before: dict[str, Any] = read_config(out)["text"]
    if before["sha256"] != source.sha256:
        raise ValueError(
            f"out={out} holds a training on another text: {before.get('name')}, {before.get('characters')} characters, "
            f"sha256 {before['sha256'][:12]}…; now {source.name}, {len(source.text)} characters, sha256 "
            f"{source.sha256[:12]}…; name another out="
        )
