"""The record of a training: its curves, step by step, and the settings and machine that produced them."""

from __future__ import annotations

import csv
import io
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch

import graphseq
from graphseq import _checks, _files
from graphseq._arguments import checked_arguments
from graphseq._printable import printable, printable_errors
from graphseq._torch.precision import kernels_in_full

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

CURVES = ("loss", "score", "grad_norm", "lr")
"""The curves that every history has."""


@dataclass(repr=False)
class History:
    """The record of one training.

    Returned by :func:`graphseq.fit`.

    Attributes:
        loss: training loss of each step, in nats for a classification task.
        score: training score of each step (the accuracy for a classification task).
        grad_norm: Euclidean norm of all gradients at each step, before clipping.
        lr: learning rate of each step.
        gradients: norm of each trained parameter's gradient at each step, before clipping, by the parameter's name;
            empty where ``fit`` was not asked to record them.
        metrics: value of each metric that ``fit`` was asked for at each step, by name.
        seconds: wall time of all steps, callbacks left out, those before a resume included.
        solved: True where the run stopped because its score reached ``stop_threshold``.
        stopped_by: the name of the callback that ended the run; ``None`` where none did.
        config: task, model and settings.
        machine: versions, processor and threads; see :func:`machine`.
    """

    loss: list[float] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    grad_norm: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    gradients: dict[str, list[float]] = field(default_factory=dict)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    solved: bool = False
    stopped_by: str | None = None
    config: dict[str, object] = field(default_factory=dict)
    machine: dict[str, object] = field(default_factory=dict)

    def __repr__(self) -> str:
        """The length of the training, its last loss and score, and the reason for its end, on one line."""
        last = f", loss={self.loss[-1]:.4g}, score={self.score[-1]:.4g}" if self.loss else ""
        return f"History(steps={self.steps}{last}, solved={self.solved}, stopped_by={self.stopped_by!r})"

    @property
    def steps(self) -> int:
        """Number of steps taken."""
        return len(self.loss)

    @checked_arguments
    def append(
        self,
        loss: float,
        score: float,
        grad_norm: float,
        lr: float,
        gradients: Mapping[str, float] | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Add one step."""
        self.loss.append(loss)
        self.score.append(score)
        self.grad_norm.append(grad_norm)
        self.lr.append(lr)
        for curves, values in ((self.gradients, gradients), (self.metrics, metrics)):
            for name, value in (values or {}).items():
                curves.setdefault(name, []).append(value)

    @checked_arguments
    def recent_score(self, window: int) -> float:
        """Mean score of the last ``window`` steps; 0 while there are fewer, so that no run stops too early."""
        _checks.at_least("window", window, 1)
        return sum(self.score[-window:]) / window if self.steps >= window else 0.0

    @checked_arguments
    def to_csv(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write one line a step: step, loss, score, grad_norm, lr, and the metrics.

        Raises:
            FileExistsError: the file is there and ``overwrite`` is false.
        """
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(("step", "loss", "score", "grad_norm", "lr", *map(printable, self.metrics)))
        columns = (self.loss, self.score, self.grad_norm, self.lr, *self.metrics.values())
        rows.writerows(zip(range(1, self.steps + 1), *columns, strict=True))
        return _files.write_text(path, text.getvalue(), overwrite=overwrite)

    @checked_arguments
    def to_json(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write everything, to be read back by :meth:`from_json`.

        Raises:
            FileExistsError: the file is there and ``overwrite`` is false.
        """
        return _files.write_text(path, json.dumps(asdict(self), indent=1) + "\n", overwrite=overwrite)

    def to_pandas(self) -> pd.DataFrame:
        """Return the curves as a pandas frame, one row a step from 1: loss, score, grad_norm, lr and the metrics.

        Raises:
            ImportError: pandas is not installed.

        Example:
            >>> history = History()
            >>> history.append(0.7, 0.5, 1.0, 1e-3)
            >>> history.to_pandas().loc[1, "loss"].item()
            0.7
        """
        try:
            import pandas as pd  # noqa: PLC0415 - not among what the library needs
        except ImportError:
            raise ImportError("History.to_pandas needs pandas: pip install pandas") from None
        curves = {name: getattr(self, name) for name in CURVES} | self.metrics
        return pd.DataFrame(curves, index=pd.RangeIndex(1, self.steps + 1, name="step"))

    def plot(self) -> Figure:
        """Return a figure of the loss, and of the score with each metric, against the step.

        Raises:
            ValueError: a history of no steps.
        """
        from graphseq.training.history_figure import history_figure  # noqa: PLC0415 - loads matplotlib

        return history_figure(self)

    def _repr_html_(self) -> str:
        """A table of at most ten steps, which notebooks show."""
        from graphseq.training.history_figure import history_table  # noqa: PLC0415 - loads matplotlib

        return history_table(self)

    @classmethod
    @printable_errors
    @checked_arguments
    def from_json(cls, path: str | Path) -> History:
        """Read a file that :meth:`to_json` wrote.

        Raises:
            ValueError: the file holds something else.
        """
        try:
            record = json.loads(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is not a history written by to_json: {error}") from None
        if not isinstance(record, dict) or not is_whole(record):
            names = ", ".join(sorted(field.name for field in fields(cls)))
            raise ValueError(f"{path} is not a history written by to_json, which holds {names}")
        history = cls(**record)
        for name, named in (("gradients", history.gradients), ("metrics", history.metrics)):
            if not isinstance(named, dict):
                raise ValueError(f"{path} is not a history written by to_json: its {name} must be curves by name")
        curves = [history.loss, history.score, history.grad_norm, history.lr]
        curves += [*history.gradients.values(), *history.metrics.values()]
        if not all(isinstance(curve, list) and len(curve) == len(history.loss) for curve in curves):
            raise ValueError(f"{path} is not a history written by to_json: its curves must be lists of one length")
        return history


def is_whole(record: Mapping[str, object]) -> bool:
    """True for the fields of a :class:`History`; an older record may lack the newer ones."""
    names = {field.name for field in fields(History)}
    return names - {"gradients", "metrics", "stopped_by"} <= set(record) <= names


def machine(device: torch.device | str = "cpu", precision: str = "float32") -> dict[str, object]:
    """Versions, processor, threads and device, and kernels that lack ``precision`` here and run in float32."""
    device = torch.device(device)
    in_full = kernels_in_full(precision, device.type)
    names = ("graphseq", "torch", "torch-geometric", "networkx", "scipy", "numpy")
    return {
        "python": sys.version.split()[0],
        **{name: _version(name) for name in names},
        "processor": platform.machine(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        **({"float32_kernels": in_full} if in_full else {}),  # although products are computed in fewer bits
    }


@cache
def _version(name: str) -> str:
    """Version of a package, looked up once: that takes longer than a step of a small training.

    The library knows its own version, so that it can be used from a source tree that was never installed.
    """
    return graphseq.__version__ if name == "graphseq" else version(name)
