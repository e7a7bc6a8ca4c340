"""``text``: train a model on the next character of a text, and have it write."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from graphseq.cli import text_generate, text_train
from graphseq.cli.arguments import Help, Parser

DOES = {
    "train": (text_train, "train on the next character of a file or a known book"),
    "generate": (text_generate, "write with what was trained, character by character"),
}


def add(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` what this command does, and the flags of each."""
    parser.description = "Train a model on the next character of a text, and have it write."
    does = parser.add_subparsers(dest="does", parser_class=Parser, metavar="train | generate", required=True)
    for name, (part, told) in DOES.items():
        part.add(does.add_parser(name, help=told, formatter_class=Help))


def stopped(options: argparse.Namespace) -> str:
    """What to say when interrupted."""
    told: str = DOES[options.does][0].stopped(options)
    return told


def run(options: argparse.Namespace, given: Sequence[str]) -> int:
    """Train or write; the exit status."""
    status: int = DOES[options.does][0].run(options, given)
    return status
