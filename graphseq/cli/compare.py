"""``compare``: train models of every family on the same graphs and show where each fails."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from graphseq.cli import _accuracy, arguments
from graphseq.cli.arguments import Parser
from graphseq.cli.console import Console
from graphseq.experiments.accuracy.settings import TEXT, Settings

stopped = arguments.stopped

OF_TEXT = ("encoding", "held_out")
FIXED = {"unit": "rows", "deepens": "hops", "seeds_by_stage": False}


def add(parser: Parser) -> None:
    """Give ``parser`` this command's flags."""
    parser.description = (
        "Train GCNs of several depths, RNN, LSTM and GCN-LSTM on the same path graphs over several lengths, on two "
        "tasks, and show where each fails; or on the next character of a text. Finished runs are kept one by one: a "
        "comparison that was stopped goes on where it was, and a grid that grew runs only what is new."
    )
    _accuracy.add(parser, "out/compare", {}, without=tuple(FIXED))
    for action in parser._actions:
        if action.dest in (*TEXT, *OF_TEXT):  # their defaults are chosen by whether there is a text
            default = _words(action.default)
            more = f"; with --text: {_words(TEXT[action.dest])}" if action.dest in TEXT else ""
            action.help, action.default = f"{action.help} (default: {default}{more})", None
    parser.add_argument(
        "--text",
        nargs="?",
        const="",
        metavar="FILE",
        help="compare on the next character of FILE, or of the text that ships with Python where no FILE is named",
    )


def run(options: argparse.Namespace, words: Sequence[str], console: Console) -> int:
    """Compare, and print the results; returns the exit status."""
    for name in OF_TEXT:
        if options.text is None and getattr(options, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')} is about a text; it needs --text")
    defaults = Settings.defaults() if options.text is None else {**Settings.defaults(), **TEXT}
    for name in (*TEXT, *OF_TEXT):
        if getattr(options, name) is None:
            setattr(options, name, defaults[name])
    return _accuracy.run(options, FIXED, words, console)


def _words(value: object) -> str:
    words = " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    return words.replace("%", "%%")
