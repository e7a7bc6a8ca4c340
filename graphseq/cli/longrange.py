"""``longrange``: the suite of long-range benchmarks, each with its floors and the published numbers beside."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from graphseq.cli import arguments, flags
from graphseq.cli.arguments import Parser, add_folder, add_jobs, add_output
from graphseq.cli.console import Console
from graphseq.experiments.longrange.settings import TINY, Settings

stopped = arguments.stopped


def add(parser: Parser) -> None:
    """Give ``parser`` this command's flags."""
    parser.description = (
        "Train families of models on long-range benchmarks at equal budgets, choose each family's layers and learning "
        "rate on the validation part by one search, and show the test part beside the floors of the task and published "
        "numbers, and the error against the hops that a question needs. Finished runs are kept one by one."
    )
    flags.add(parser, Settings)
    add_jobs(parser, default=1)
    add_folder(parser, "out/longrange", "suite")
    add_output(parser)


def run(options: argparse.Namespace, words: Sequence[str], console: Console) -> int:
    """Run the suite and print its tables; returns the exit status, which is 1 where a run failed."""
    settings = flags.read(options, Settings)
    if settings.tiny:
        given, defaults = settings.to_json(), Settings.defaults()  # what was given on the command line is kept
        settings = Settings.from_json(
            {name: TINY.get(name, value) if value == defaults[name] else value for name, value in given.items()}
        )
    from graphseq.experiments.longrange import job, report  # noqa: PLC0415 - loads on use, so that --help is quick

    lines, runs, text = job.longrange(settings, options.out, resume=options.resume, command=words, jobs=options.jobs)
    console.result(text, report.to_json(lines, report.floors_of(runs)))
    seconds = sum(float(str((run.result or {}).get("cpu_seconds", 0))) for run in runs)
    console.say(f"{seconds:,.0f} CPU seconds; written to {options.out}: {job.FILES}")
    failed = [run for run in runs if run.failed]
    for run in failed:
        place = ", ".join(f"{name} {run.config[name]}" for name in ("benchmark", "model", "layers", "lr", "seed"))
        console.complain(f"failed: {place}: {run.error}")
    return 1 if failed else 0
