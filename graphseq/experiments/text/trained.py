"""The folder of a training: claimed before the work, gone on with only for the same text, and opened to write with."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from graphseq import _files
from graphseq.experiments.text.corpus import Source
from graphseq.experiments.text.models import build
from graphseq.experiments.text.settings import Settings
from graphseq.nn.model import Model
from graphseq.tasks.characters import Characters
from graphseq.training import checkpoint
from graphseq.training.checkpoint import describe
from graphseq.training.history import History, machine

CONFIG, CHECKPOINT = "config.json", "checkpoint.pt"


def claim(
    out: Path, settings: Settings, source: Source, task: Characters, command: Sequence[str], *, resume: bool
) -> None:
    """Make ``out`` ours, or say why it cannot be.

    Writes ``config.json`` with command, settings, text, the part of it that is trained on, versions and machine, and
    takes away what a killed run left half written.

    Raises:
        FileExistsError: ``out`` holds a training and ``resume`` is false, or other files.
        ValueError: ``out`` holds a training on another text, or with other settings.
        OSError: ``out`` cannot be written to.
    """
    out.mkdir(parents=True, exist_ok=True)
    left_by_killed = _files.partial(out)
    if not (out / CONFIG).exists():
        if any(path not in left_by_killed for path in out.iterdir()):
            raise FileExistsError(f"--out {out} holds other files; name a new or empty folder")
        _files.write_text(out / CONFIG, _record(settings, source, task, command), overwrite=False)
    elif not resume:
        raise FileExistsError(f"--out {out} already holds a training; add --resume to go on with it, or name another")
    else:
        _check_same(out, settings, source)
    for path in left_by_killed:
        path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Trained:
    """A model as its folder has it."""

    model: Model  #: in evaluation mode, on the CPU
    alphabet: tuple[str, ...]
    settings: Settings
    history: History


def open_trained(folder: Path) -> Trained:
    """Build the model of a training and give it the weights of its last checkpoint.

    Raises:
        FileNotFoundError: no training in ``folder``, or one that has not come to its first checkpoint.
        ValueError: a record or checkpoint that is damaged, cut short, or of another training.
    """
    if not (folder / CONFIG).exists():
        raise FileNotFoundError(f"{folder} holds no training: there is no {CONFIG}; text train FILE --out makes one")
    record = read_config(folder)
    if not (folder / CHECKPOINT).exists():
        raise FileNotFoundError(f"{folder} has no {CHECKPOINT} yet; go on with its training by --resume")
    task: dict[str, Any] = record["trained_on"]
    alphabet = tuple(task["alphabet"])
    settings = Settings.from_json({**record["settings"], "device": "cpu"})
    model = build(settings, len(alphabet))
    try:
        # An optimiser that is thrown away: what the checkpoint says of its own goes with it.
        stepper = torch.optim.SGD(model.parameters(), lr=1.0)
        history = checkpoint.load(folder / CHECKPOINT, model, stepper, {"model": describe(model)})
    except ValueError as error:
        raise ValueError(f"{error}; {CHECKPOINT} and {CONFIG} must be those of one training") from None
    if history.config["task"] != task:
        raise ValueError(
            f"{folder / CHECKPOINT} is of a training on another text, or on another part of it, than {CONFIG} tells of"
        )
    return Trained(model.eval(), alphabet, settings, history)


def read_config(folder: Path) -> dict[str, Any]:
    """The record that :func:`claim` wrote.

    Raises:
        ValueError: the file holds something else.
    """
    try:
        record = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        whole = all(isinstance(part, str) for part in (record["trained_on"]["alphabet"], record["text"]["sha256"]))
        Settings.from_json(record["settings"])
    except (ValueError, TypeError, KeyError, AttributeError):
        whole = False
    if not whole:
        raise ValueError(f"{folder / CONFIG} is not the record of a training on a text; name another folder")
    return record  # type: ignore[no-any-return]


def _check_same(out: Path, settings: Settings, source: Source) -> None:
    record = read_config(out)
    then: dict[str, Any] = record["text"]
    if then["sha256"] != source.sha256:
        raise ValueError(
            f"--out {out} holds a training on another text: {then.get('name')}, {then.get('characters')} characters, "
            f"sha256 {then['sha256'][:12]}…; now {source.name}, {len(source.text)} characters, sha256 "
            f"{source.sha256[:12]}…; name another --out"
        )
    for key, now in settings.to_json().items():
        if (was := {**Settings.defaults(), **record["settings"]}[key]) != now:
            raise ValueError(f"--out {out} holds a training with {key} = {was!r}, now {now!r}; name another --out")


def _record(settings: Settings, source: Source, task: Characters, command: Sequence[str]) -> str:
    record = {
        "command": shlex.join(["python", "-m", "graphseq", *command]),
        "settings": settings.to_json(),
        "text": {"name": source.name, "characters": len(source.text), "sha256": source.sha256},
        "trained_on": task.config,
        "machine": machine(settings.device),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(record, indent=1) + "\n"
