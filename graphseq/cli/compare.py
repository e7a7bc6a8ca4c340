"""``compare``: train all families on the same graphs and show where each breaks."""

from __future__ import annotations

import argparse
import codecs
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from graphseq.cli.arguments import Parser, add_output, device, distinct, rate, share, whole
from graphseq.cli.console import Console
from graphseq.experiments.compare.settings import Settings


def add(parser: Parser) -> None:
    """Give ``parser`` this command's flags."""
    parser.description = (
        "Train GCNs of several depths, RNN, LSTM and GCN-LSTM on the same path graphs over several lengths, on two "
        "tasks, and show where each breaks; or on the next character of a text."
    )
    _add_flags(parser)


def stopped(options: argparse.Namespace) -> str:
    """What to say when interrupted."""
    return f"stopped; run the same command with --resume to go on (--out {options.out})"


def _add_flags(add: Parser) -> None:
    above_0, many = whole(1), "+"
    add.add_argument(
        "--length",
        type=above_0,
        nargs=many,
        metavar="ROWS",
        help="rows of the paths (default: 2 3 5 9 12; with --text: 16)",
        default=argparse.SUPPRESS,
    )
    add.add_argument("--depth", type=above_0, nargs=many, metavar="L", default=[1, 2, 4, 8], help="layers of the GCNs")
    add.add_argument("--hidden", type=above_0, metavar="H", default=64, help="hidden units of every model")
    add.add_argument("--batch-size", type=above_0, metavar="B", default=64, help="graphs in a batch")
    add.add_argument("--lr", type=rate, default=0.01, help="learning rate")
    add.add_argument(
        "--optimizer", default="Adam", choices=["SGD", "momentum", "RMSprop", "Adam", "AdamW"], help="by its torch name"
    )
    add.add_argument("--clip", type=rate, default=10.0, help="largest norm of the gradient")
    add.add_argument(
        "--steps",
        type=above_0,
        help="most training steps of a run; it stops once solved (default: 400; with --text: 600)",
        default=argparse.SUPPRESS,
    )
    add.add_argument("--samples", type=above_0, default=1000, help="fresh graphs in each evaluation")
    add.add_argument("--seed", type=whole(0), nargs=many, default=[0], help="one run of each model a seed")
    add.add_argument("--device", type=device, default="cpu", help="where to train: cpu, cuda, cuda:1")
    add.add_argument("--jobs", type=above_0, default=os.cpu_count() or 1, help="runs at a time, each on one thread")
    add.add_argument(
        "--text",
        nargs="?",
        const="",
        metavar="FILE",
        help="compare on the next character of FILE, or of a text that ships with Python where no FILE is named",
        default=argparse.SUPPRESS,
    )
    add.add_argument(
        "--encoding", help="how the bytes of FILE spell characters (default: utf-8)", default=argparse.SUPPRESS
    )
    add.add_argument(
        "--held-out",
        type=share,
        metavar="SHARE",
        help="share of the text, its end, kept for evaluation (default: 0.1)",
        default=argparse.SUPPRESS,
    )
    add.add_argument("--out", type=Path, default=Path("out/compare"), metavar="FOLDER", help="where results go")
    add.add_argument("--resume", action="store_true", help="go on with what FOLDER holds of the same comparison")
    add_output(add)


def run(options: argparse.Namespace, words: Sequence[str], console: Console) -> int:
    """Compare, and say what came out; the exit status."""
    settings = _settings(options)
    if settings.text is not None:
        console.say(_check_text(settings))
    from graphseq.experiments.compare import job, report  # noqa: PLC0415 - loads on use, so that --help is quick

    cells = job.compare(settings, options.out, resume=options.resume, jobs=options.jobs, command=words)
    console.result(report.table(settings, cells), {"cells": [asdict(cell) for cell in cells]})
    console.say(f"written to {options.out}: results.csv, results.json, figure.png, config.json, runs/")
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    text = getattr(options, "text", None)
    for name in ("encoding", "held_out"):
        if text is None and hasattr(options, name):
            raise ValueError(f"--{name.replace('_', '-')} is about a text; it needs --text")
    return Settings(
        lengths=distinct("--length", getattr(options, "length", [2, 3, 5, 9, 12] if text is None else [16])),
        depths=distinct("--depth", options.depth),
        hidden=options.hidden,
        batch_size=options.batch_size,
        lr=options.lr,
        steps=getattr(options, "steps", 400 if text is None else 600),
        seeds=distinct("--seed", options.seed),
        samples=options.samples,
        optimizer=options.optimizer,
        clip=options.clip,
        device=options.device,
        text=text,
        encoding=_encoding(getattr(options, "encoding", "utf-8")),
        held_out=getattr(options, "held_out", 0.1),
    )


def _check_text(settings: Settings) -> str:
    """Say which text it is, having found that it is long enough."""
    from graphseq.experiments.compare.text import load  # noqa: PLC0415

    text, name = load(settings.text or "", settings.encoding)
    longest, held = max(settings.lengths), int(len(text) * settings.held_out)
    if min(held, len(text) - held) < longest + 1:
        raise ValueError(
            f"{name} has {len(text)} characters; the part held out ({settings.held_out:.0%}) and the rest must each "
            f"hold a window of --length {longest} and its next character"
        )
    return (
        f"text: {name}, {len(text):,} characters, {len(set(text))} different; the last {settings.held_out:.0%} held out"
    )


def _encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except (LookupError, ValueError):
        raise ValueError(f"--encoding must be one that Python knows (utf-8, latin-1, …), got {name!r}") from None
    return name
