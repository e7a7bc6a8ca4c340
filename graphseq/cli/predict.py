"""``predict``: forecast what follows a recording with a forecaster that ``forecast`` or ``Forecaster.save`` wrote."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from graphseq.cli.arguments import Parser, add_output
from graphseq.cli.console import Console

FILE = "forecaster.pt"


def add(parser: Parser) -> None:
    """Give ``parser`` this command's flags."""
    parser.description = (
        "Forecast the values after the last time of a recording, with prediction intervals, by the forecaster that the "
        "command forecast left in its folder, or that Forecaster.save wrote. Later data is read as the data of the "
        "training was, by the same names of columns, in any order; without it, what follows that data is forecast."
    )
    parser.add_argument(
        "forecaster", type=Path, metavar="FORECASTER", help="the folder that forecast wrote, its --out; or a file"
    )
    parser.add_argument("data", nargs="?", metavar="FILE", help="later data of the same nodes and columns")
    parser.add_argument(
        "--edges", metavar="FILE", help="edges beside a table of observations (default: those of the training)"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the forecasts to a new file, too")
    add_output(parser)
    parser.aliases = {"path": "FORECASTER", "data": "FILE"}


def stopped(_: argparse.Namespace) -> str:
    """Return the comment on an interruption."""
    return "stopped"


def run(options: argparse.Namespace, _: Sequence[str], console: Console) -> int:
    """Forecast and print; returns the exit status."""
    if options.edges is not None and options.data is None:
        raise ValueError("--edges goes with FILE; the data of the training has its own")
    from graphseq.experiments.forecast.forecaster import Forecaster  # noqa: PLC0415 - loads on use, for a quick --help

    path = options.forecaster / FILE if options.forecaster.is_dir() else options.forecaster
    forecaster = Forecaster.load(path)
    found = forecaster.predict(options.data, options.edges)
    if options.csv is not None:
        found.to_csv(options.csv)
        console.say(f"written to {options.csv}")
    console.result(str(found), {"forecasts": found.to_records()})
    return 0
