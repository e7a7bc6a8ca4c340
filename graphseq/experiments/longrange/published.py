"""Published numbers, each with its source, from one file. They are never mixed with ours."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Published:
    """A number of a paper.

    Attributes:
        benchmark: its name in the suite.
        measure: what the number is, such as "mae".
        model: the name in the paper.
        value: the number.
        std: its standard deviation over seeds, where the paper has one.
        source: the paper, and where in it.
    """

    benchmark: str
    measure: str
    model: str
    value: float
    std: float | None
    source: str


@cache
def every_published() -> tuple[Published, ...]:
    """Return all published numbers, in the order of the file."""
    text = resources.files("graphseq.experiments.longrange").joinpath("published.json").read_text(encoding="utf-8")
    record = json.loads(text)
    return tuple(Published(**{**row, "source": record["sources"][row["source"]]}) for row in record["rows"])


def published(benchmark: str) -> tuple[Published, ...]:
    """Return the published numbers of one benchmark.

    Example:
        >>> [(row.model, row.value) for row in published("echo shortest paths") if row.model == "ONDA"]
        [('ONDA', 0.085)]
    """
    return tuple(row for row in every_published() if row.benchmark == benchmark)
