"""The command line. Asking it for help loads neither torch nor PyG."""

from __future__ import annotations

import argparse
import codecs
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from graphseq.compare.settings import FORESEEN, Settings

EPILOG = """examples:
  python -m graphseq compare                               two tasks on paths, about a minute
  python -m graphseq compare --length 4 8 16 --depth 3 7 --seed 0 1 2 --out out/mine
  python -m graphseq compare --text book.txt               the next character of a text of yours
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {' '.join(message.split())}\n")


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0, 2 for a refusal, 130 when interrupted."""
    given = [_dashed(word) for word in (sys.argv[1:] if arguments is None else arguments)]
    parser = _parser()
    options = parser.parse_args(given)
    if options.command is None:
        parser.print_help()
        return 2
    try:
        return _compare(options, given)
    except KeyboardInterrupt:
        print(f"\nstopped; run the same command with --resume to go on (--out {options.out})", file=sys.stderr)
        return 130
    except FORESEEN as error:
        print(f"graphseq {options.command}: {_one_line(error)}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="graphseq", description="Graphs and sequences as one.", epilog=EPILOG, formatter_class=_Help)
    parser.add_argument("--version", action="version", version=f"graphseq {version('graphseq')}")
    commands = parser.add_subparsers(dest="command", parser_class=_Parser, metavar="COMMAND")
    compare = commands.add_parser(
        "compare",
        help="train GCNs, RNN, LSTM and GCN-LSTM on the same graphs and show where each breaks",
        description="Train GCNs of several depths, RNN, LSTM and GCN-LSTM on the same path graphs over several "
        "lengths, on two tasks, and show where each breaks; or on the next character of a text.",
        formatter_class=_Help,
    )
    _add_compare(compare)
    return parser


def _add_compare(add: argparse.ArgumentParser) -> None:
    whole, many = _whole(1), "+"
    add.add_argument(
        "--length",
        type=whole,
        nargs=many,
        metavar="ROWS",
        help="rows of the paths (default: 2 3 5 9 12; with --text: 16)",
        default=argparse.SUPPRESS,
    )
    add.add_argument("--depth", type=whole, nargs=many, metavar="L", default=[1, 2, 4, 8], help="layers of the GCNs")
    add.add_argument("--hidden", type=whole, metavar="H", default=64, help="hidden units of every model")
    add.add_argument("--batch-size", type=whole, metavar="B", default=64, help="graphs in a batch")
    add.add_argument("--lr", type=_rate, default=0.01, help="learning rate")
    add.add_argument(
        "--optimizer", default="Adam", choices=["SGD", "momentum", "RMSprop", "Adam", "AdamW"], help="by its torch name"
    )
    add.add_argument("--clip", type=_rate, default=10.0, help="largest norm of the gradient")
    add.add_argument(
        "--steps",
        type=whole,
        help="most training steps of a run; it stops once solved (default: 400; with --text: 600)",
        default=argparse.SUPPRESS,
    )
    add.add_argument("--samples", type=whole, default=1000, help="fresh graphs in each evaluation")
    add.add_argument("--seed", type=_whole(0), nargs=many, default=[0], help="one run of each model a seed")
    add.add_argument("--device", default="cpu", help="where to train: cpu, cuda, cuda:1")
    add.add_argument("--jobs", type=whole, default=os.cpu_count() or 1, help="runs at a time, each on one thread")
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
        type=_share,
        metavar="SHARE",
        help="share of the text, its end, kept for evaluation (default: 0.1)",
        default=argparse.SUPPRESS,
    )
    add.add_argument("--out", type=Path, default=Path("out/compare"), metavar="FOLDER", help="where results go")
    add.add_argument("--resume", action="store_true", help="go on with what FOLDER holds of the same comparison")


def _compare(options: argparse.Namespace, given: Sequence[str]) -> int:
    settings = _settings(options)
    if settings.text is not None:
        print(_check_text(settings))
    from graphseq.compare import job, report  # noqa: PLC0415 - loads on use, so that --help is quick

    cells = job.compare(settings, options.out, resume=options.resume, jobs=options.jobs, command=given)
    print(f"\n{report.table(settings, cells)}\n")
    print(f"written to {options.out}: results.csv, results.json, figure.png, config.json, runs/")
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    text = getattr(options, "text", None)
    for name in ("encoding", "held_out"):
        if text is None and hasattr(options, name):
            raise ValueError(f"--{name.replace('_', '-')} is about a text; it needs --text")
    return Settings(
        lengths=_distinct("--length", getattr(options, "length", [2, 3, 5, 9, 12] if text is None else [16])),
        depths=_distinct("--depth", options.depth),
        hidden=options.hidden,
        batch_size=options.batch_size,
        lr=options.lr,
        steps=getattr(options, "steps", 400 if text is None else 600),
        seeds=_distinct("--seed", options.seed),
        samples=options.samples,
        optimizer=options.optimizer,
        clip=options.clip,
        device=_device(options.device),
        text=text,
        encoding=_encoding(getattr(options, "encoding", "utf-8")),
        held_out=getattr(options, "held_out", 0.1),
    )


def _check_text(settings: Settings) -> str:
    """Say which text it is, having found that it is long enough."""
    from graphseq.compare.text import load  # noqa: PLC0415

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


def _distinct(name: str, values: Sequence[int]) -> tuple[int, ...]:
    if len(set(values)) != len(values):
        raise ValueError(f"{name} names a value twice: {' '.join(map(str, values))}")
    return tuple(sorted(values))


def _device(name: str) -> str:
    if name == "cpu":
        return name
    import torch  # noqa: PLC0415 - only another device needs it here

    try:
        kind = torch.device(name).type
    except RuntimeError:
        raise ValueError(f"--device must be a torch device such as cpu or cuda:0, got {name!r}") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"--device {name}: no CUDA device is available here; use cpu")
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"--device {name}: torch cannot compute there: {str(error).partition('.')[0]}") from None
    return name


def _encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except (LookupError, ValueError):
        raise ValueError(f"--encoding must be one that Python knows (utf-8, latin-1, …), got {name!r}") from None
    return name


def _dashed(word: str) -> str:
    """Take ``--batch_size`` for ``--batch-size``."""
    if not word.startswith("--"):
        return word
    flag, equals, value = word.partition("=")
    return flag.replace("_", "-") + equals + value


def _whole(least: int) -> Callable[[str], int]:
    def whole(word: str) -> int:
        try:
            value = int(word)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a whole number, got {word!r}") from None
        if value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, got {value}")
        return value

    return whole


def _rate(word: str) -> float:
    return _between(word, float("inf"), "a number above 0")


def _share(word: str) -> float:
    return _between(word, 1.0, "a share between 0 and 1")


def _between(word: str, end: float, what: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not 0 < value < end:
        raise argparse.ArgumentTypeError(f"must be {what}, got {word!r}")
    return value


def _one_line(error: Exception) -> str:
    if isinstance(error, BrokenProcessPool):
        return "a worker process was killed, perhaps for want of memory; --resume, with fewer --jobs, goes on"
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
