"""A folder of results: claimed before the work, gone on with only by the same job, and never written over unasked."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import graphseq
from graphseq import _files

RUNS = "runs"
_CONFIG = "config.json"
_PACKAGES = ("torch", "torch-geometric", "networkx", "scipy", "numpy")


def claim(out: Path, job: str, facts: Mapping[str, object], command: Sequence[str], *, resume: bool) -> Path:
    """Make ``out`` ours, or say why it cannot be.

    Writes ``config.json`` with facts, command, versions and machine, and takes away what a killed run left half
    written.

    Args:
        out: the folder, made where it is not there.
        job: what is done in it, such as "comparison".
        facts: all that the numbers depend on, as plain data.
        command: the arguments that lead here.
        resume: go on with a job of the same facts that ``out`` holds.

    Returns:
        The folder of its runs, in ``out``.

    Raises:
        FileExistsError: ``out`` holds results and ``resume`` is false, or other files.
        ValueError: ``out`` holds results of other facts, or a record that is none.
        OSError: ``out`` cannot be written to.
    """
    out.mkdir(parents=True, exist_ok=True)
    config = out / _CONFIG
    left_by_killed = [*_files.partial(out), *_files.partial(out / RUNS)]
    if not config.exists():
        if any(path not in left_by_killed for path in out.iterdir()):
            raise FileExistsError(f"--out {out} holds other files; name a new or empty folder")
        _files.write_text(config, record(facts, command), overwrite=False)
    elif not resume:
        raise FileExistsError(f"--out {out} already holds a {job}; add --resume to go on with it, or name another")
    else:
        then = read_config(out, job)["settings"]
        for key, now in facts.items():
            if then.get(key) != now:
                raise ValueError(
                    f"--out {out} holds a {job} with {key} = {then.get(key)!r}, now {now!r}; name another --out"
                )
    for path in left_by_killed:
        path.unlink(missing_ok=True)
    (out / RUNS).mkdir(exist_ok=True)
    return out / RUNS


def read_config(out: Path, job: str) -> dict[str, dict[str, object]]:
    """The record that :func:`claim` wrote.

    Raises:
        ValueError: the file holds something else.
    """
    config = out / _CONFIG
    try:
        record = json.loads(config.read_text(encoding="utf-8"))
    except ValueError:
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("settings"), dict):
        raise ValueError(f"{config} is not the record of a {job}; name another --out")
    return record


def read_finished(
    folder: Path, cases: Mapping[str, Mapping[str, object]], numbers: Collection[str], job: str
) -> dict[str, dict[str, object]]:
    """Results of the runs that are finished in ``folder``, by key.

    Args:
        folder: where ``<key>.json`` of each run is, with its "result".
        cases: what a result must say of itself, by key.
        numbers: what else it must hold: numbers, or null where one is not finite.
        job: what the runs are of, such as "comparison".

    Raises:
        ValueError: a file there holds something else.
    """
    found = {}
    for key, case in cases.items():
        path = folder / f"{key}.json"
        if path.exists():
            found[key] = _read_result(path, case, numbers, job)
    return found


def _read_result(path: Path, case: Mapping[str, object], numbers: Collection[str], job: str) -> dict[str, object]:
    try:
        result: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))["result"]
        whole = all(result[key] == value for key, value in case.items())
        whole = whole and all(result[key] is None or isinstance(result[key], int | float) for key in numbers)
        whole = whole and isinstance(result["failure"], str)
    except (ValueError, TypeError, KeyError):
        whole = False
    if not whole:
        raise ValueError(f"{path} is not a finished run of this {job}; delete it to have it run again")
    return result


def record(facts: Mapping[str, object], command: Sequence[str]) -> str:
    """What ``config.json`` holds: command, facts, versions and machine."""
    found = {
        "command": shlex.join(["python", "-m", "graphseq", *command]),
        "settings": dict(facts),
        "versions": {
            "python": sys.version.split()[0],
            "graphseq": graphseq.__version__,
            **{name: version(name) for name in _PACKAGES},
        },
        "machine": {"processor": platform.machine(), "system": platform.system(), "threads_a_run": 1},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(found, indent=1) + "\n"
