"""The command line. Asking it for help loads neither torch nor PyG."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import version

from graphseq._errors import FORESEEN
from graphseq.cli import compare, forecast, reach, sweep, text
from graphseq.cli.arguments import Help, Parser, dashed

EPILOG = """examples:
  python -m graphseq compare                               two tasks on paths, about a minute
  python -m graphseq compare --length 4 8 16 --depth 3 7 --seed 0 1 2 --out out/mine
  python -m graphseq compare --text book.txt               the next character of a text of yours
  python -m graphseq sweep --length 5 10 20 --model RNN LSTM GCN --depth 1 4 --jobs 2 --out out/sweep
  python -m graphseq forecast chickenpox --season 52.18 --scale file
  python -m graphseq text train book.txt --out out/book    the next character, with samples as it goes on
  torchrun --nproc-per-node 2 -m graphseq text train book.txt --out out/book     each batch shared by two processes
  python -m graphseq text generate out/book --prompt "Once upon a time" --temperature 0.7
  python -m graphseq reach --graph karate_club --source 16 --asked 26
  python -m graphseq reach --graph friends.csv --source Ann --out out/friends
"""
COMMANDS = {
    "compare": (compare, "train GCNs, RNN, LSTM and GCN-LSTM on the same graphs and show where each breaks"),
    "forecast": (
        forecast,
        "train models on a recorded graph over time and hold them against baselines on its end",
    ),
    "sweep": (sweep, "accuracy against length, over a grid of tasks, models, depths and seeds, here or on a cluster"),
    "text": (text, "train a model on the next character of a text of yours, and have it write"),
    "reach": (reach, "say how far models see on a graph of yours: hops, routes, layers needed, influence, pictures"),
}

SHARED = ("text", "train")  # the command that several processes, started by torchrun, run as one
TURN = 5.0  # seconds in which the first of them says what is wrong with all, upon which torchrun ends the others


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0, 1 if a run failed, 2 for a refusal, 130 when interrupted."""
    given = [dashed(word) for word in (sys.argv[1:] if arguments is None else arguments)]
    parser = _parser()
    options = parser.parse_args(given)
    if options.command is None:
        parser.print_help()
        return 2
    command, _ = COMMANDS[options.command]
    is_one_of_many = int(os.environ.get("WORLD_SIZE", "1")) > 1
    is_first = not is_one_of_many or os.environ.get("RANK") == "0"
    try:
        if is_one_of_many and (options.command, getattr(options, "does", None)) != SHARED:
            raise ValueError("torchrun starts one run in many processes, which text train can share; run this without")
        status: int = command.run(options, given)
    except KeyboardInterrupt:
        print(f"\n{command.stopped(options)}", file=sys.stderr)
        return 130
    except FORESEEN as error:
        if not is_first and not isinstance(error, ConnectionError):
            time.sleep(TURN)
        print(f"graphseq {options.command}: {_one_line(error)}", file=sys.stderr)
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="graphseq", description="Graphs and sequences as one.", epilog=EPILOG, formatter_class=Help)
    parser.add_argument("--version", action="version", version=f"graphseq {version('graphseq')}")
    commands = parser.add_subparsers(dest="command", parser_class=Parser, metavar="COMMAND")
    for name, (command, told) in COMMANDS.items():
        command.add(commands.add_parser(name, help=told, formatter_class=Help))
    return parser


def _one_line(error: Exception) -> str:
    if isinstance(error, BrokenProcessPool):
        return "a worker process was killed, perhaps for want of memory; --resume, with fewer --jobs, goes on"
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
