"""The command line. Asking it for help loads neither torch nor PyG."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, ModuleType

import graphseq
from graphseq.cli import compare, diagnose, forecast, longrange, predict, reach, sweep, text
from graphseq.cli.arguments import Help, Parser, dashed
from graphseq.cli.console import Console, StdoutClosedError, accept_every_character, tell
from graphseq.cli.messages import one_line
from graphseq.experiments.errors import FORESEEN, RunFailedError

DESCRIPTION = (
    "Train and compare graph convolutional, recurrent and combined models on sequences and graphs, and measure how far "
    "each of them sees."
)
EPILOG = """examples:
  python -m graphseq compare                               two tasks on paths, about a minute
  python -m graphseq compare --length 4 8 16 --depth 3 7 --seed 0 1 2 --out out/mine
  python -m graphseq compare --text book.txt               the next character of a text of yours
  python -m graphseq sweep --length 5 10 20 --model RNN LSTM GCN --depth 1 4 --jobs 2 --out out/sweep
  python -m graphseq forecast chickenpox --season 52.18 --scale file
  python -m graphseq predict out/forecast later.csv        what comes after the last line, with intervals
  python -m graphseq text train book.txt --out out/book    the next character, with samples as it goes on
  torchrun --nproc-per-node 2 -m graphseq text train book.txt --out out/book     each batch shared by two processes
  python -m graphseq text generate out/book --prompt "Once upon a time" --temperature 0.7
  python -m graphseq reach --graph karate_club --source 16 --target 26
  python -m graphseq reach --graph friends.csv --source Ann --out out/friends
  python -m graphseq diagnose my_models.py:make data.pt --out out/report      why a model of yours does not learn

exit status: 0 done, 1 a run failed, 2 refused with a line on stderr, 130 interrupted, 143 terminated
"""
COMMANDS: dict[str, tuple[ModuleType, str]] = {
    "compare": (compare, "train GCNs, RNN, LSTM and GCN-LSTM on the same graphs and show where each fails"),
    "forecast": (
        forecast,
        "train models on a recorded graph over time and compare them with baselines on its last part",
    ),
    "predict": (predict, "forecast what follows a recording with a forecaster that forecast has left"),
    "longrange": (
        longrange,
        "long-range benchmarks: error against the hops needed, beside floors and published numbers",
    ),
    "sweep": (sweep, "accuracy against length, over a grid of tasks, models, depths and seeds, here or on a cluster"),
    "text": (text, "train a model on the next character of a text of yours, and generate text with it"),
    "reach": (reach, "show how far models see on a graph of yours: hops, routes, layers needed, influence, figures"),
    "diagnose": (diagnose, "find out why a model of yours does not learn its data, with a report as a page"),
}

SHARED = ("text", "train")  # the command that several processes, started by torchrun, run as one
TERMINATED = 128 + signal.SIGTERM  # as a shell calls it
TURN = 5.0  # seconds in which the first of them says what is wrong with all, upon which torchrun ends the others


class TerminatedError(KeyboardInterrupt):
    """The process was asked to end, as a system does before it shuts down; not even a failing run holds it up."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    0, 1 if a run failed, 2 for a refusal, 130 when interrupted, 143 when terminated. A reader of stdout that goes away,
    as in ``| head``, ends the command without a word, with status 0.
    """
    accept_every_character()
    words = [dashed(word) for word in (sys.argv[1:] if arguments is None else arguments)]
    parser = _parser()
    options = parser.parse_args(words)
    if options.command is None:
        parser.print_help()
        return 2
    command, _ = COMMANDS[options.command]
    processes = os.environ.get("WORLD_SIZE") or "1"
    is_one_of_many = processes != "1"
    is_first = not is_one_of_many or os.environ.get("RANK") == "0"
    console = Console(quiet=options.quiet, json=options.json, mute=not is_first)
    try:
        if sys.stdout is None:
            raise ValueError("stdout is closed, so results have nowhere to go; send them to a file, or to /dev/null")
        if not (processes.isascii() and processes.isdecimal()):
            raise ValueError(f"the environment has WORLD_SIZE={processes!r}, which is no number of processes; unset it")
        if is_one_of_many and (options.command, getattr(options, "part", None)) != SHARED:
            raise ValueError("torchrun starts one run in many processes, which text train can share; run this without")
        with console.without_progress(), console.with_warnings(), _told_to_end():
            status: int = command.run(options, words, console)
    except StdoutClosedError:
        return 0
    except KeyboardInterrupt as error:
        if is_first:
            tell(f"\n{command.stopped(options)}")
        return TERMINATED if isinstance(error, TerminatedError) else 130
    except (*FORESEEN, ModuleNotFoundError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name is not None:
            raise  # an import that failed, and not a word on an extra that is not installed
        if not is_first and not isinstance(error, ConnectionError):
            time.sleep(TURN)
        tell(f"{options.parser.prog}: {one_line(error, options.parser.flags())}")
        return 1 if isinstance(error, RunFailedError) else 2
    return status


@contextmanager
def _told_to_end() -> Iterator[None]:
    """Within the block a signal to end the process is an exception, so that files are closed and the user is told."""
    process = os.getpid()

    def end(number: int, _: FrameType | None) -> None:
        if os.getpid() == process:
            raise TerminatedError
        signal.signal(number, signal.SIG_DFL)  # a process that this one has made ends as it would without it
        os.kill(os.getpid(), number)

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not the main thread, which alone is told of signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _parser() -> Parser:
    parser = Parser(prog="graphseq", description=DESCRIPTION, epilog=EPILOG, formatter_class=Help)
    parser.add_argument("--version", action="version", version=f"graphseq {graphseq.__version__}")
    commands = parser.add_subparsers(dest="command", parser_class=Parser, metavar="COMMAND")
    for name, (command, summary) in COMMANDS.items():
        command.add(commands.add_parser(name, help=summary, formatter_class=Help))
    return parser
