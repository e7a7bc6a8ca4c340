"""The flags and the run that ``compare`` and ``sweep`` share: one experiment, with defaults of each command."""

from __future__ import annotations

import argparse
import codecs
from collections.abc import Mapping, Sequence

from graphseq.cli import flags
from graphseq.cli.arguments import Parser, add_folder, add_jobs, add_output, address
from graphseq.cli.console import Console
from graphseq.experiments.accuracy.settings import NAMES, TASKS, Settings
from graphseq.experiments.models import STARTS


def add(
    parser: Parser,
    out: str,
    defaults: Mapping[str, object],
    *,
    without: tuple[str, ...],
    tasks: tuple[str, ...] = TASKS,
) -> None:
    """Give ``parser`` the flags of the experiment.

    Args:
        parser: the parser of the command.
        out: the default of --out.
        defaults: defaults of this command where they are not those of the settings.
        without: settings that have no flag here.
        tasks: those that its help lists.
    """
    flags.add(parser, Settings, without=("text", *without), defaults=defaults, listed={"tasks": tasks})
    starts = "; ".join(f"{name}: {', '.join(start.models)}" for name, start in STARTS.items())
    parser.epilog = f"models: {', '.join(NAMES)}\n\n--start: {starts}"
    add_jobs(parser, default=None, more=" (default: one a core)")
    parser.add_argument(
        "--cluster",
        type=address,
        metavar="ADDRESS",
        help="scheduler of a dask.distributed cluster, tcp://HOST:PORT, to run it all",
    )
    add_folder(parser, out, "experiment")
    add_output(parser)
    parser.aliases = {"num_layers": "--depth"}


def run(options: argparse.Namespace, fixed: Mapping[str, object], words: Sequence[str], console: Console) -> int:
    """Run the experiment and print the results.

    Args:
        options: parsed flags.
        fixed: settings that have no flag in this command.
        words: the arguments of the command line.
        console: where to print.

    Returns:
        The exit status, which is 1 where a run failed.
    """
    settings = flags.read(options, Settings, **fixed)
    if options.cluster is not None and options.jobs is not None:
        raise ValueError(f"--jobs {options.jobs} is for this machine; a cluster has its own workers, leave it out")
    if settings.text is not None:
        console.say(_check_text(settings))
    from graphseq.experiments.accuracy import job, report  # noqa: PLC0415 - loads on use, so that --help is quick

    cells, runs = job.compare(
        settings, options.out, resume=options.resume, command=words, jobs=options.jobs, cluster=options.cluster
    )
    console.result(report.table(settings, cells), job.to_json(cells))
    console.say(f"written to {options.out}: {job.FILES}")
    failed = [run for run in runs if run.failed]
    for run in failed:
        place = ", ".join(
            f"{name} {run.config[name]}" for name in ("task", "model", "length", "depth", "start", "seed")
        )
        console.complain(f"failed: {place}: {run.error}")
    if failed:
        console.complain(f"{len(failed)} of {len(runs)} runs failed; --resume tries them again")
    return 1 if failed else 0


def _check_text(settings: Settings) -> str:
    """Return what text it is, having found that it is long enough."""
    try:
        codecs.lookup(settings.encoding)
    except (LookupError, ValueError):
        raise ValueError(
            f"--encoding must be one that Python knows (utf-8, latin-1, …), got {settings.encoding!r}"
        ) from None
    from graphseq.experiments.text.corpus import read_or_shipped  # noqa: PLC0415

    source = read_or_shipped(settings.text or "", settings.encoding)
    name, text = source.name, source.text
    longest, held_out = max(settings.lengths), int(len(text) * settings.held_out)
    if min(held_out, len(text) - held_out) < longest + 1:
        raise ValueError(
            f"{name} has {len(text)} characters; the part held out ({settings.held_out:.0%}) and the rest must each "
            f"hold a window of --length {longest} and its next character"
        )
    return (
        f"text: {name}, {len(text):,} characters, {len(set(text))} different; the last {settings.held_out:.0%} held out"
    )
