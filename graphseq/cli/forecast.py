"""``forecast``: train all families on the windows of a recorded graph over time and say which forecasts best."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from graphseq.cli.arguments import at_least_0, device, distinct, rate, share, whole
from graphseq.experiments.forecast.settings import MODELS, SCALES, Settings


def add(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` this command's flags."""
    parser.description = (
        "Train GCNs, RNN, GRU, LSTM, GCN-LSTMs and a DAG recurrence on the same windows of a recorded graph over time, "
        "keep each one's best weights by validation, and hold them against baselines on the later part."
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        help="the recording: .json of PyTorch Geometric Temporal, .csv of observations with --edges, .csv of events "
        "with --window, or the name of a data set: chickenpox, england_covid, collegemsg",
    )
    _add_reading(parser)
    _add_training(parser)
    parser.add_argument("--out", type=Path, default=Path("out/forecast"), metavar="FOLDER", help="where results go")
    parser.add_argument("--resume", action="store_true", help="go on with what FOLDER holds of the same forecast")


def stopped(options: argparse.Namespace) -> str:
    """What to say when interrupted."""
    return f"stopped; run the same command with --resume to go on (--out {options.out})"


def _add_reading(add: argparse.ArgumentParser) -> None:
    above_0 = whole(1)
    add.add_argument(
        "--edges", metavar="FILE", default=argparse.SUPPRESS, help="edges beside observations: source, target, ..."
    )
    add.add_argument(
        "--window", metavar="LENGTH", default=argparse.SUPPRESS, help="of events, in the units of their times, or as 7d"
    )
    add.add_argument(
        "--missing", choices=["refuse", "drop"], default="refuse", help="a missing value: refuse, or drop the row"
    )
    add.add_argument("--lags", type=above_0, metavar="P", default=4, help="times in a window")
    add.add_argument("--horizon", type=above_0, default=1, help="times from the last of these to the one forecast")
    add.add_argument("--channels", type=above_0, metavar="C", default=1, help="forecast the first C columns")
    add.add_argument("--train", type=share, metavar="SHARE", default=0.2, help="share of the windows before the test")
    add.add_argument(
        "--validation", type=share, metavar="SHARE", default=0.2, help="share of those, the last, to choose weights by"
    )
    add.add_argument(
        "--season", type=rate, metavar="PERIOD", default=argparse.SUPPRESS, help="show the place in it, in time steps"
    )
    add.add_argument(
        "--scale",
        choices=SCALES,
        default="train",
        help="what models see: each node standardised on the part before the test, all nodes together likewise, or "
        "numbers as in FILE; errors are in the units of FILE in any case",
    )


def _add_training(add: argparse.ArgumentParser) -> None:
    above_0 = whole(1)
    add.add_argument(
        "--models", nargs="+", metavar="NAME", default=argparse.SUPPRESS, help=f"of {', '.join(MODELS)} (default: all)"
    )
    add.add_argument("--hidden", type=above_0, metavar="H", default=8, help="hidden units of every model")
    add.add_argument("--steps", type=above_0, default=600, help="training steps of a run")
    add.add_argument("--every", type=above_0, metavar="STEPS", default=20, help="steps between looks at the validation")
    add.add_argument("--batch-size", type=above_0, metavar="B", default=16, help="windows in a batch")
    add.add_argument("--lr", type=rate, default=0.003, help="learning rate of AdamW")
    add.add_argument("--weight-decay", type=at_least_0, default=0.01, help="of AdamW")
    add.add_argument(
        "--residual", action="store_true", help="models say how far the next value lies from the last; begins there"
    )
    add.add_argument("--gate-penalty", type=at_least_0, default=0.0, help="on the forgetting model to forget")
    add.add_argument("--seed", type=whole(0), nargs="+", default=[0, 1, 2, 3, 4], help="one run of each model a seed")
    add.add_argument("--device", default="cpu", help="where to train: cpu, cuda, cuda:1")
    add.add_argument("--jobs", type=above_0, default=os.cpu_count() or 1, help="runs at a time, each on one thread")


def run(options: argparse.Namespace, given: Sequence[str]) -> int:
    """Forecast, and say what came out; the exit status."""
    settings = _settings(options)
    from graphseq.experiments.forecast import job, report  # noqa: PLC0415 - loads on use, so that --help is quick

    done = job.forecast(settings, options.out, resume=options.resume, jobs=options.jobs, command=given)
    print(f"\n{report.table(settings, done.lines, done.facts)}\n")
    print(f"written to {options.out}: {', '.join(done.files)}")
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        file=options.file,
        edges=getattr(options, "edges", None),
        window=getattr(options, "window", None),
        missing=options.missing,
        models=_models(getattr(options, "models", list(MODELS))),
        lags=options.lags,
        horizon=options.horizon,
        channels=options.channels,
        train=options.train,
        validation=options.validation,
        season=getattr(options, "season", None),
        scale=options.scale,
        hidden=options.hidden,
        steps=options.steps,
        every=options.every,
        batch_size=options.batch_size,
        lr=options.lr,
        weight_decay=options.weight_decay,
        residual=options.residual,
        gate_penalty=options.gate_penalty,
        seeds=distinct("--seed", options.seed),
        device=device(options.device),
    )


def _models(names: Sequence[str]) -> tuple[str, ...]:
    """Names in the order of the table; letters and dashes as one likes."""
    known = {_plain(name): name for name in MODELS}
    for name in names:
        if _plain(name) not in known:
            raise ValueError(f"--models must be of {', '.join(MODELS)}; got {name!r}")
    if len({_plain(name) for name in names}) != len(names):
        raise ValueError(f"--models names a model twice: {', '.join(names)}")
    return tuple(name for plain, name in known.items() if plain in {_plain(name) for name in names})


def _plain(name: str) -> str:
    return name.lower().replace("-", " ").replace("_", " ")
