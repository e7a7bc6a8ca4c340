"""``text train``: train on the next character of a text, with numbers and samples as it goes on."""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from graphseq.cli.arguments import at_least_0, device, distinct, rate, share, share_or_0, whole
from graphseq.experiments.text.settings import MODELS, OPTIMIZERS, PRECISIONS, STARTS, Settings

if TYPE_CHECKING:
    from graphseq.experiments.text.report import Report
    from graphseq.training.distributed import ProcessGroup

_DEFAULT = Settings()


def add(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` the flags."""
    parser.description = (
        "Train a model on windows of a text at random offsets, the next character asked at every one of theirs, and "
        "report on the way: loss, accuracy, bits a character on the part held out, and samples."
    )
    parser.add_argument(
        "file", metavar="FILE", help="the text; or grimms_fairy_tails, EN_democracy or NL_darwin, books known by name"
    )
    _add_model(parser)
    _add_training(parser)
    _add_reports(parser)
    parser.add_argument("--out", type=Path, default=Path("out/text"), metavar="FOLDER", help="where everything goes")
    parser.add_argument("--resume", action="store_true", help="go on with what FOLDER holds of the same training")


def _add_model(add: argparse.ArgumentParser) -> None:
    above_0 = whole(1)
    add.add_argument("--encoding", default="utf-8", help="how the bytes of FILE spell characters")
    add.add_argument("--model", choices=MODELS, default=_DEFAULT.model, help="the family")
    add.add_argument("--hidden", type=above_0, metavar="H", default=_DEFAULT.hidden, help="hidden units")
    add.add_argument("--layers", type=above_0, metavar="L", default=_DEFAULT.layers, help="layers")
    add.add_argument(
        "--start", choices=STARTS, default=_DEFAULT.start, help="weights to start from; scaled: for lstm, gru and rnn"
    )
    add.add_argument(
        "--dropout",
        type=share_or_0,
        metavar="SHARE",
        default=_DEFAULT.dropout,
        help="of the units left out in training, against learning by heart; for lstm, gru and rnn",
    )


def _add_training(add: argparse.ArgumentParser) -> None:
    above_0, from_0 = whole(1), whole(0)
    add.add_argument("--steps", type=above_0, default=5000, help="training steps in all")
    add.add_argument("--length", type=above_0, metavar="T", default=_DEFAULT.length, help="characters of a window")
    add.add_argument("--batch-size", type=above_0, metavar="B", default=_DEFAULT.batch_size, help="windows in a batch")
    add.add_argument("--optimizer", choices=OPTIMIZERS, default=_DEFAULT.optimizer, help="by its torch name")
    add.add_argument("--lr", type=rate, default=_DEFAULT.lr, help="highest learning rate")
    add.add_argument(
        "--warmup",
        type=from_0,
        metavar="STEPS",
        default=_DEFAULT.warmup,
        help="it rises to it over so many; 0: none",
    )
    add.add_argument("--cosine", action="store_true", help="it falls along a cosine to the last of --steps")
    add.add_argument("--decay", type=rate, default=_DEFAULT.decay, help="and is multiplied by this ...")
    add.add_argument(
        "--decay-every", type=above_0, metavar="STEPS", default=_DEFAULT.decay_every, help="... after each so many"
    )
    add.add_argument("--clip", type=rate, default=_DEFAULT.clip, help="largest norm of the gradient")
    add.add_argument(
        "--held-out",
        type=share,
        metavar="SHARE",
        default=_DEFAULT.held_out,
        help="of the text, its end, kept for judging",
    )
    add.add_argument("--seed", type=from_0, default=_DEFAULT.seed, help="of weights, batches and samples")
    add.add_argument(
        "--precision", choices=PRECISIONS, default=_DEFAULT.precision, help="of matrix products; the rest is float32"
    )
    add.add_argument("--device", default=_DEFAULT.device, help="where to train: cpu, cuda, cuda:1")


def _add_reports(add: argparse.ArgumentParser) -> None:
    above_0 = whole(1)
    add.add_argument("--every", type=above_0, metavar="STEPS", default=_DEFAULT.every, help="from report to report")
    add.add_argument("--at", type=above_0, nargs="+", metavar="STEP", default=[], help="further reports")
    add.add_argument(
        "--sample-length",
        type=whole(2),
        nargs="+",
        metavar="N",
        default=list(_DEFAULT.sample_lengths),
        help="characters of the samples of a report",
    )
    add.add_argument(
        "--sample-temperature",
        type=at_least_0,
        nargs="+",
        metavar="TEMPERATURE",
        default=list(_DEFAULT.sample_temperatures),
        help="of the samples; 0 for the likeliest character each time",
    )
    add.add_argument(
        "--sample-first",
        metavar="CHARACTERS",
        default=argparse.SUPPRESS,
        help="samples begin with one of these (default: the capitals of the text)",
    )
    add.add_argument("--tensorboard", action="store_true", help="write for TensorBoard too, which is an extra")


def stopped(options: argparse.Namespace) -> str:
    """What to say when interrupted."""
    return f"stopped; run the same command with --resume to go on (--out {options.out})"


def run(options: argparse.Namespace, given: Sequence[str]) -> int:
    """Train, say how it goes and what came out; the exit status."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # torch warns of what DistributedDataParallel is asked for
    from graphseq.training import distributed  # noqa: PLC0415 - loads on use, so that --help is quick

    if not distributed.launched():
        return _train(options, given, None)
    # Of processes that train together, the first speaks for all.
    with distributed.process_group() as group, nullcontext() if group.is_first else redirect_stdout(io.StringIO()):
        return _train(options, given, group)


def _train(options: argparse.Namespace, given: Sequence[str], group: ProcessGroup | None) -> int:
    settings = _settings(options)
    from graphseq.experiments.text import corpus  # noqa: PLC0415
    from graphseq.experiments.text import train as training  # noqa: PLC0415

    text = corpus.load(options.file, options.encoding)
    held_out = int(len(text.text) * settings.held_out)
    print(
        f"text: {text.name}, {len(text.text):,} characters, {len(text.alphabet)} different; the last {held_out:,} held "
        "out",
        flush=True,
    )
    done = training.train(
        settings,
        text,
        options.out,
        steps=options.steps,
        command=given,
        resume=options.resume,
        tensorboard=options.tensorboard,
        tell=_tell,
        group=group,
    )
    stream = "" if done.bits_in_one_stream is None else f", {done.bits_in_one_stream:.3f} in one stream"
    print(
        f"\nheld out: {done.bits_in_windows:.3f} bits a character in windows of {settings.length}{stream}; "
        f"{done.parameters:,} parameters, {done.seconds:.0f} s, {done.characters_per_second:,.0f} characters a second\n"
        f"written to {options.out}: results.json, reports.csv, samples.txt, curves.csv, config.json, checkpoint.pt\n"
        f"have it write by: python -m graphseq text generate {options.out}"
    )
    return 0


def _tell(report: Report) -> None:
    print(
        f"\nstep {report.step:,}: loss {report.loss:.3f} nats, accuracy {report.accuracy:.1%}, held out "
        f"{report.bits:.3f} bits a character ({report.seconds:.0f} s)",
        flush=True,
    )
    for sample in report.samples:
        how = "greedy" if sample.temperature == 0 else f"at {sample.temperature:g}"
        print(f"  {how:8} {sample.text!r}", flush=True)


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        model=options.model,
        hidden=options.hidden,
        layers=options.layers,
        start=options.start,
        dropout=options.dropout,
        length=options.length,
        batch_size=options.batch_size,
        optimizer=options.optimizer,
        lr=options.lr,
        warmup=options.warmup,
        decay=options.decay,
        decay_every=options.decay_every,
        cosine=options.steps if options.cosine else 0,
        clip=options.clip,
        precision=options.precision,
        held_out=options.held_out,
        seed=options.seed,
        device=device(options.device),
        every=options.every,
        at=distinct("--at", options.at),
        sample_lengths=distinct("--sample-length", options.sample_length),
        sample_temperatures=tuple(options.sample_temperature),
        sample_first=getattr(options, "sample_first", ""),
    )
