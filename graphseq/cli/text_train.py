"""``text train``: train on the next character of a text, with numbers and samples as it goes on."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from graphseq.cli import arguments, flags
from graphseq.cli.arguments import Parser, add_folder, add_output, whole
from graphseq.cli.console import Console
from graphseq.experiments.text.settings import Settings
from graphseq.training.launch import launched

if TYPE_CHECKING:
    from graphseq.experiments.text.report import Report
    from graphseq.experiments.text.train import Results
    from graphseq.training.distributed import ProcessGroup


stopped = arguments.stopped


def add(parser: Parser) -> None:
    """Give ``parser`` the flags."""
    parser.description = (
        "Train a model on windows of a text at random offsets to predict the next character at every position, and "
        "report as it trains: loss, accuracy, bits per character on the part of the text that is held out, and samples."
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        help="the text, or the name of a book of the data sets: grimms_fairy_tails, EN_democracy, NL_darwin",
    )
    parser.add_argument("--encoding", default="utf-8", help="encoding of FILE")
    parser.add_argument("--steps", type=whole(1), metavar="STEPS", default=5000, help="training steps in all")
    flags.add(parser, Settings, without=("cosine",))
    parser.add_argument(
        "--cosine",
        action="store_true",
        help="the learning rate falls to 0 along half a cosine, at the last of --steps",
    )
    parser.add_argument(
        "--tensorboard",
        action="store_true",
        help="write curves and samples for TensorBoard, which is an extra: pip install 'graphseq[tensorboard]'",
    )
    add_folder(parser, "out/text", "training")
    add_output(parser)
    parser.aliases = {"path": "FILE"}


def run(options: argparse.Namespace, words: Sequence[str], console: Console) -> int:
    """Train, report and print the results; returns the exit status."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # torch warns of what DistributedDataParallel is asked for
    if not launched():
        return _train(options, words, console, None)
    from graphseq.training import distributed  # noqa: PLC0415 - loads on use, so that --help is quick

    with distributed.process_group() as group:
        return _train(options, words, console, group)


def _train(options: argparse.Namespace, words: Sequence[str], console: Console, group: ProcessGroup | None) -> int:
    settings = flags.read(options, Settings, cosine=options.steps if options.cosine else 0)
    beyond = [step for step in settings.at if step > options.steps]
    if beyond:
        raise ValueError(
            f"--at {beyond[0]} is after the last of --steps {options.steps}; no report would be made there"
        )
    from graphseq.experiments.text import corpus  # noqa: PLC0415
    from graphseq.experiments.text import train as training  # noqa: PLC0415

    text = corpus.load(options.file, options.encoding)
    held_out = int(len(text.text) * settings.held_out)
    console.say(
        f"text: {text.name}, {len(text.text):,} characters, {len(text.alphabet)} different; the last {held_out:,} held "
        "out"
    )
    results = training.train(
        settings,
        text,
        options.out,
        steps=options.steps,
        command=words,
        resume=options.resume,
        tensorboard=options.tensorboard,
        tell=lambda report: console.say(_report(report)),
        group=group,
    )
    console.result(_results(results, settings), asdict(results))
    console.say(
        f"written to {options.out}: results.json, reports.csv, samples.txt, curves.csv, config.json, checkpoint.pt, "
        "and model.pt for gs.load\n"
        f"generate text by: python -m graphseq text generate {options.out}"
    )
    return 0


def _report(report: Report) -> str:
    head = (
        f"\nstep {report.step:,}: loss {report.loss:.3f} nats, accuracy {report.accuracy:.1%}, held out "
        f"{report.bits:.3f} bits per character ({report.seconds:.0f} s)"
    )
    kinds = ["greedy" if sample.temperature == 0 else f"at {sample.temperature:g}" for sample in report.samples]
    lines = [f"  {kind:8} {sample.text!r}" for kind, sample in zip(kinds, report.samples, strict=True)]
    return "\n".join([head, *lines])


def _results(results: Results, settings: Settings) -> str:
    stream = "" if results.bits_in_one_stream is None else f", {results.bits_in_one_stream:.3f} in one stream"
    return (
        f"held out: {results.bits_in_windows:.3f} bits per character in windows of {settings.length}{stream}; "
        f"{results.parameters:,} parameters, {results.seconds:.0f} s, {results.characters_per_second:,.0f} characters "
        "a second"
    )
