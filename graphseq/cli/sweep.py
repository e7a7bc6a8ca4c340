"""``sweep``: accuracy against length, over a grid of tasks, models, depths and seeds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from graphseq.cli import _accuracy, arguments
from graphseq.cli.arguments import Parser
from graphseq.cli.console import Console
from graphseq.experiments.accuracy import settings
from graphseq.experiments.accuracy.settings import SWEEP, Settings

stopped = arguments.stopped

FIXED = {
    **{name: SWEEP[name] for name in ("unit", "deepens", "seeds_by_stage")},
    **{name: getattr(Settings, name) for name in ("text", "encoding", "held_out")},
}
"""Settings that have no flag here."""
TASKS = tuple(name for name in settings.TASKS if name != "Characters")
"""Tasks that need no text, which has no flag here."""


def add(parser: Parser) -> None:
    """Give ``parser`` this command's flags."""
    parser.description = (
        "Train every model at every length and depth from every seed, here or on a cluster, and show its accuracy. "
        "Finished runs are kept one by one: a sweep that was stopped goes on where it was, and a grid that grew runs "
        "only what is new."
    )
    _accuracy.add(parser, "out/sweep", SWEEP, without=tuple(FIXED), tasks=TASKS)
    parser.aliases |= {"text": "compare --text"}


def run(options: argparse.Namespace, words: Sequence[str], console: Console) -> int:
    """Sweep, and print the results; returns the exit status."""
    return _accuracy.run(options, FIXED, words, console)
