"""The folder of an experiment: claimed before the work, resumed with the same settings only, never written over."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import graphseq
from graphseq import _files

RUNS, CONFIG, LOCK = "runs", "config.json", ".lock"
_PACKAGES = ("torch", "torch-geometric", "networkx", "scipy", "numpy")


def claim(
    out: Path,
    job: str,
    facts: Mapping[str, object],
    command: Sequence[str],
    *,
    resume: bool,
    defaults: Mapping[str, object] | None = None,
    more: Mapping[str, object] | None = None,
    axes: Collection[str] = (),
) -> Path:
    """Make ``out`` the folder of this experiment, or refuse.

    Writes ``config.json`` with facts, command, versions and machine, and deletes what a killed run left half written;
    to be called within :func:`locked`.

    Args:
        out: the folder, created if it is missing.
        job: the name of the experiment in messages, such as "comparison".
        facts: all that the numbers depend on, as plain data.
        command: the arguments of the command line.
        resume: go on with an experiment of the same facts that ``out`` holds.
        defaults: values of facts that a record lacks, because it was written before there was such a setting.
        more: entries of ``config.json`` that are not compared.
        axes: facts that span the grid of runs. They may differ from those of the experiment that is resumed; the
            record is then written anew.

    Returns:
        ``out``.

    Raises:
        FileExistsError: ``out`` holds results and ``resume`` is false, or other files.
        ValueError: ``out`` holds results of other facts, or a record of something else.
        OSError: ``out`` cannot be written to.
    """
    out.mkdir(parents=True, exist_ok=True)
    _check_free(out)
    if not (out / CONFIG).exists():
        _files.write_text(out / CONFIG, record(facts, command, more), overwrite=False)
    elif not resume:
        raise FileExistsError(f"out={out} already holds a {job}; add resume=True to go on, or name another folder")
    else:
        _check_same(out, job, {key: fact for key, fact in facts.items() if key not in axes}, defaults or {})
        before = read_config(out, job)["settings"]
        if any(before.get(key) != facts[key] for key in axes):
            _files.write_text(out / CONFIG, record(facts, command, more), overwrite=True)
    for folder in (out, out / RUNS):
        _files.clean(folder)
    return out


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Keep every other process out of the folder of an experiment; within the block this one may write to it.

    The lock is given up when the process ends, however it ends; its file stays in the folder.

    Raises:
        BlockingIOError: another experiment is writing to ``out``.
        FileExistsError: ``out`` holds files of something else.
        PermissionError: ``out`` is a link of another user's.
        OSError: ``out`` cannot be written to.
    """
    for path in (out, out / LOCK):
        _files.followed(path)
    if out.is_dir():
        _check_free(out)  # before the file of the lock is added to it
    out.mkdir(parents=True, exist_ok=True)
    # This file is never removed: another process may have opened it, and would then lock what is no longer there, while
    # a third one makes a new file and locks that.
    lock = FileLock(out / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BlockingIOError(f"out={out} is being written to by another process; name another out=") from None
    try:
        yield
    finally:
        lock.release()


def runs_of(out: Path) -> Path:
    """Return the folder of single runs in ``out``, created if it is missing."""
    (out / RUNS).mkdir(exist_ok=True)
    return out / RUNS


def _check_free(out: Path) -> None:
    """Refuse a folder that holds files but no experiment."""
    paths = set(out.iterdir())
    foreign = paths - {out / LOCK, *_files.partial(out)}
    if foreign and not (out / CONFIG).exists():  # looked for last, as another process may be about to write it
        raise FileExistsError(f"out={out} holds other files; name a new or empty folder")


def _check_same(out: Path, job: str, facts: Mapping[str, object], defaults: Mapping[str, object]) -> None:
    before = {**defaults, **read_config(out, job)["settings"]}
    for key, now in facts.items():
        if before.get(key) != now:
            raise ValueError(
                f"out={out} holds a {job} with {key} = {before.get(key)!r}, now {now!r}; name another out="
            )


def read_config(out: Path, job: str) -> dict[str, Any]:
    """Return the record that :func:`claim` wrote.

    Raises:
        ValueError: the file holds something else.
    """
    config = out / CONFIG
    try:
        record = json.loads(config.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("settings"), dict):
        raise ValueError(f"{config} is not the record of a {job}; name another out=")
    return record


def record(facts: Mapping[str, object], command: Sequence[str], more: Mapping[str, object] | None = None) -> str:
    """Return the content of ``config.json``: command, facts, versions and machine, and ``more`` entries."""
    entries = {
        "command": shlex.join(["python", "-m", "graphseq", *command]),
        "settings": dict(facts),
        "versions": {
            "python": sys.version.split()[0],
            "graphseq": graphseq.__version__,
            **{name: version(name) for name in _PACKAGES},
        },
        "machine": {"processor": platform.machine(), "system": platform.system(), "threads_a_run": 1},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        **(more or {}),
    }
    return json.dumps(entries, indent=1) + "\n"
