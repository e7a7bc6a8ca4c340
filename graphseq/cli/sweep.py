"""``sweep``: accuracy against length, over a grid of tasks, models, depths and seeds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from graphseq.cli.arguments import Parser, add_output, distinct, rate, whole
from graphseq.cli.console import Console
from graphseq.experiments.accuracy.settings import MODELS, STARTS, TASKS, Settings


def add(parser: Parser) -> None:
    """Give ``parser`` this command's flags."""
    parser.description = (
        "Train every model at every length and depth from every seed, here or on a cluster, and show how accurate it "
        "is. Finished runs are kept one by one: a sweep that was stopped goes on where it was, and a grid that grew "
        "runs only what is new."
    )
    _add_grid(parser)
    _add_training(parser)
    parser.add_argument(
        "--separate",
        action="store_true",
        help="train each seed by itself; else eight of a small model side by side in one run, which pays unless there "
        "are more cores than runs",
    )
    parser.add_argument("--jobs", type=whole(1), help="runs at a time, each on one thread (default: one a core)")
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help="scheduler of a dask.distributed cluster, tcp://HOST:PORT, to run it all"
    )
    parser.add_argument("--out", type=Path, default=Path("out/sweep"), metavar="FOLDER", help="where results go")
    parser.add_argument("--resume", action="store_true", help="go on with the sweep that FOLDER holds")
    add_output(parser)
    parser.aliases = {"num_layers": "--depth"}


def _add_grid(parser: Parser) -> None:
    many = "+"
    parser.add_argument("--task", nargs=many, choices=TASKS, default=["Palindrome"], help="what to learn")
    parser.add_argument("--model", nargs=many, choices=MODELS, default=["RNN", "LSTM"], help="what learns it")
    parser.add_argument(
        "--length",
        type=whole(2),
        nargs=many,
        metavar="N",
        default=[5, 10, 15, 20, 25, 30, 35, 40],
        help="digits of a palindrome, rows of the path of a transfer; a model is trained for each",
    )
    parser.add_argument("--depth", type=whole(1), nargs=many, metavar="L", default=[1], help="layers")
    parser.add_argument("--seed", type=whole(0), nargs=many, default=[0, 1, 2, 3, 4], help="each trained anew")


def _add_training(parser: Parser) -> None:
    parser.add_argument("--hidden", type=whole(1), metavar="H", default=128, help="hidden units of every model")
    parser.add_argument("--batch-size", type=whole(1), metavar="B", default=128, help="graphs in a batch")
    parser.add_argument(
        "--optimizer",
        default="RMSprop",
        choices=["SGD", "momentum", "RMSprop", "Adam", "AdamW"],
        help="by its torch name",
    )
    parser.add_argument("--lr", type=rate, default=0.001, help="learning rate")
    parser.add_argument("--clip", type=rate, default=10.0, help="largest norm of the gradient")
    parser.add_argument(
        "--steps", type=whole(1), default=10_000, help="most training steps of a run; it stops once solved"
    )
    parser.add_argument("--samples", type=whole(1), default=1000, help="fresh graphs in each evaluation")
    parser.add_argument("--encoding", choices=["one-hot", "scalar"], default="one-hot", help="how a digit enters")
    parser.add_argument(
        "--curriculum", action="store_true", help="train on lengths that double from 4 up to the one asked for"
    )
    parser.add_argument(
        "--start",
        nargs="+",
        choices=list(STARTS),
        default=[],
        help="first weights in place of torch's, each for the models that it is made for: "
        + "; ".join(f"{start}: {', '.join(models)}" for start, models in STARTS.items()),
    )


def stopped(options: argparse.Namespace) -> str:
    """What to say when interrupted."""
    return f"stopped; run the same command with --resume to go on (--out {options.out})"


def run(options: argparse.Namespace, words: Sequence[str], console: Console) -> int:
    """Sweep, and say what came out; the exit status: 1 where a run failed."""
    settings = _settings(options)
    if options.cluster is not None and options.jobs is not None:
        raise ValueError(f"--jobs {options.jobs} is for this machine; a cluster has its own workers, leave it out")
    from graphseq.experiments.accuracy import job, report  # noqa: PLC0415 - loads on use, so that --help is quick

    cells, runs = job.sweep_lengths(
        settings, options.out, resume=options.resume, jobs=options.jobs, cluster=options.cluster, command=words
    )
    console.result(report.table(settings, cells), {"cells": [asdict(cell) for cell in cells]})
    console.say(f"written to {options.out}: results.jsonl, table.csv, figure.png, config.json")
    failed = [run for run in runs if run.failed]
    for each in failed:
        place = ", ".join(f"{name} {each.config[name]}" for name in ("task", "model", "length", "depth", "seed"))
        console.complain(f"failed: {place}: {each.error}")
    if failed:
        console.complain(f"{len(failed)} of {len(runs)} runs failed; --resume tries them again")
    return 1 if failed else 0


def _settings(options: argparse.Namespace) -> Settings:
    settings = Settings(
        tasks=_names("--task", options.task),
        models=_names("--model", options.model),
        lengths=distinct("--length", options.length),
        depths=distinct("--depth", options.depth),
        seeds=distinct("--seed", options.seed),
        hidden=options.hidden,
        batch_size=options.batch_size,
        optimizer=options.optimizer,
        lr=options.lr,
        clip=options.clip,
        steps=options.steps,
        samples=options.samples,
        encoding=options.encoding,
        curriculum=options.curriculum,
        starts=_names("--start", options.start),
        separate=options.separate,
    )
    idle = [start for start in settings.starts if not set(STARTS[start]) & set(settings.models)]
    if idle:
        raise ValueError(f"--start {idle[0]} is for {', '.join(STARTS[idle[0]])}, of which no --model is one")
    return settings


def _names(flag: str, names: Sequence[str]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise ValueError(f"{flag} names one twice: {' '.join(names)}")
    return tuple(names)
