"""``text``: train a model on the next character of a text, and generate text with it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from types import ModuleType

from graphseq.cli import text_generate, text_train
from graphseq.cli.arguments import Help, Parser
from graphseq.cli.console import Console

PARTS: dict[str, tuple[ModuleType, str]] = {
    "train": (text_train, "train on the next character of a file or a known book"),
    "generate": (text_generate, "generate text with a trained model, character by character"),
}


def add(parser: Parser) -> None:
    """Give ``parser`` the two parts of this command, and the flags of each."""
    parser.description = "Train a model on the next character of a text, and generate text with it."
    parts = parser.add_subparsers(dest="part", parser_class=Parser, metavar="train | generate", required=True)
    for name, (part, summary) in PARTS.items():
        part.add(parts.add_parser(name, help=summary, formatter_class=Help))


def stopped(options: argparse.Namespace) -> str:
    """Return the comment on an interruption."""
    text: str = PARTS[options.part][0].stopped(options)
    return text


def run(options: argparse.Namespace, words: Sequence[str], console: Console) -> int:
    """Train or generate; returns the exit status."""
    status: int = PARTS[options.part][0].run(options, words, console)
    return status
