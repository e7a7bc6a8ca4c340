"""What to compare: the settings of a comparison and the grid of single runs that they span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from graphseq.experiments.engine import run_dir

ZERO_HOP, IN_TIME, GROWN = "0-hop", "GCN-LSTM", "GCN-LSTM grown"
CONSTANT, UNIGRAM, BIGRAM = "constant", "unigram", "bigram"
BASELINES = (CONSTANT, UNIGRAM, BIGRAM)
JOB = "comparison"
"""What this is called in messages."""
NUMBERS = (
    "score", "low", "high", "bits", "chance", "hops_needed", "hops_reached", "parameters", "steps", "seconds",
)  # fmt: skip
"""What the result of a run holds; null where a number is not finite."""


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of a comparison depend on.

    Attributes:
        lengths: rows of the path, from what must be known to where it is asked.
        depths: layers of the GCNs.
        hidden: H of every model.
        batch_size: B.
        lr: learning rate.
        steps: the most training steps of a run; it stops earlier once solved.
        seeds: one run a seed.
        samples: fresh graphs in each evaluation.
        optimizer: see :func:`graphseq.fit`.
        clip: the largest norm of the gradient.
        device: where to train.
        text: a file, "" for the text that ships with Python, or ``None`` for the two tasks on paths.
        encoding: of ``text``.
        held_out: the share of ``text`` that is kept for evaluation.
    """

    lengths: tuple[int, ...]
    depths: tuple[int, ...]
    hidden: int
    batch_size: int
    lr: float
    steps: int
    seeds: tuple[int, ...]
    samples: int
    optimizer: str = "Adam"
    clip: float = 10.0
    device: str = "cpu"
    text: str | None = None
    encoding: str = "utf-8"
    held_out: float = 0.1

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks compared."""
        return ("Transfer", "Palindrome") if self.text is None else ("Characters",)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models compared, baselines first."""
        baselines = (CONSTANT,) if self.text is None else (UNIGRAM, BIGRAM)
        gcns = tuple(f"GCN-{depth}" for depth in self.depths)
        return (*baselines, ZERO_HOP, *gcns, "RNN", "LSTM", IN_TIME, GROWN)

    def cases(self) -> list[Case]:
        """The single runs, the longest first, so that no worker waits for a late long one."""
        grid = [Case(*place) for place in product(self.tasks, self.models, self.lengths, self.seeds)]
        return sorted(grid, key=lambda case: (case.model != GROWN, -case.rows))

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Case:
    """One run of the grid."""

    task: str
    model: str
    rows: int
    seed: int

    @property
    def key(self) -> str:
        """A name for its files."""
        return f"{self.task}-{self.model}-rows{self.rows}-seed{self.seed}".replace(" ", "-")


def read_finished(folder: Path, cases: Sequence[Case]) -> dict[str, dict[str, object]]:
    """Results of the runs that are finished in ``folder``, by key.

    Raises:
        ValueError: a file there holds something else.
    """
    return run_dir.read_finished(folder, {case.key: asdict(case) for case in cases}, NUMBERS, JOB)
