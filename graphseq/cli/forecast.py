"""``forecast``: train every model on the windows of a recorded graph over time and compare their forecasts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from graphseq.cli import arguments, flags
from graphseq.cli.arguments import Parser, add_folder, add_jobs, add_output
from graphseq.cli.console import Console
from graphseq.cli.messages import in_flags
from graphseq.experiments.forecast.settings import Settings

stopped = arguments.stopped


def add(parser: Parser) -> None:
    """Give ``parser`` this command's flags."""
    parser.description = (
        "Train GCNs, RNN, GRU, LSTM, GCN-LSTMs and a DAG-LSTM on the same windows of a recorded graph over time, keep "
        "the weights of each that do best on the validation set, and compare them with baselines on the test set."
    )
    flags.add(parser, Settings)
    add_jobs(parser)
    add_folder(parser, "out/forecast", "forecast")
    add_output(parser)
    parser.aliases = {
        "path": "FILE",
        "values": "--column",
        "source": "--edge-source",
        "target": "--edge-target",
        "weight": "--edge-weight",
    }


def run(options: argparse.Namespace, words: Sequence[str], console: Console) -> int:
    """Forecast and print the table of results; returns the exit status."""
    settings = flags.read(options, Settings)
    from graphseq.experiments.forecast import best, job, report  # noqa: PLC0415 - loads on use, so that --help is quick

    done = job.forecast(settings, options.out, resume=options.resume, jobs=options.jobs, command=words)
    flagged = options.parser.flags()
    facts = [of._replace(notes=[in_flags(note, flagged) for note in of.notes]) for of in done.facts]
    console.result(report.tables_of(settings, done.lines, facts), report.to_json(done.lines, facts))
    console.say(f"written to {options.out}: {', '.join(done.files)}")
    if best.FILE in done.files:
        console.say(f"later data: python -m graphseq predict {options.out} FILE")
    return 0
