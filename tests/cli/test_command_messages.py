"""Errors in the words of the command line: no refusal names an argument of Python."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

import graphseq
from graphseq.cli.arguments import Parser
from graphseq.cli.main import _parser
from graphseq.cli.messages import in_flags, one_line

ROOT = Path(graphseq.__file__).parent
PACKAGES = ("baselines", "data", "datasets", "evaluation", "experiments", "io", "tasks", "text", "training")

# Arguments that no command passes on, or only values of its own that are right. All others must have a flag.
NO_COMMAND_ASKS = {
    "data/events.py": {"num_nodes", "return_inverse"},
    "data/neighbor_sampler.py": {"disjoint", "edge_attr"},
    "data/scaler.py": {"per", "period", "return_inverse", "until", "x"},  # a season is checked before
    "experiments/messages/protocol.py": {"negatives"},
    "io/_csv.py": {"delimiter"},
    "io/conllu.py": {"on_error"},
    "io/tu.py": {"name"},
    "tasks/_graph_store.py": {"edge_attr"},
    "tasks/agreement.py": {"number"},
    "tasks/graphs.py": {"count"},
    "tasks/nodes.py": {"mask"},
    "tasks/windows.py": {"last"},
    "training/ensemble.py": {"padding_idx"},
}


def leaves(parser: argparse.ArgumentParser) -> Iterator[Parser]:
    """The parsers of the commands that have no commands of their own."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner and isinstance(parser, Parser):
        yield parser
    for action in inner:
        for below in action.choices.values():
            yield from leaves(below)


def texts(node: ast.expr) -> list[str]:
    """What a string can be, with 7 in place of values."""
    match node:
        case ast.Constant():
            return [str(node.value)]
        case ast.JoinedStr():
            return ["".join(texts(part)[0] for part in node.values)]
        case ast.BinOp():
            return [a + b for a in texts(node.left) for b in texts(node.right)]
        case ast.IfExp():
            return texts(node.body) + texts(node.orelse)
    return ["7"]


def raised() -> Iterator[tuple[str, str]]:
    """Module and text of each error in the packages that commands use."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                    for text in texts(node.exc.args[0]):
                        yield str(file.relative_to(ROOT)), text


def test_every_argument_that_an_error_names_has_a_flag() -> None:
    flags: dict[str, str] = {}
    for parser in leaves(_parser()):
        flags |= parser.flags()
    found = list(raised())
    assert len(found) > 200
    unknown = {
        (module, name)
        for module, text in found
        for name in re.findall(r"\b([a-z_]+)=(?!=)", in_flags(text, flags))
        if name not in NO_COMMAND_ASKS.get(module, set())
    }
    assert not unknown


FLAGS = {"lags": "--lags", "node": "--node", "sort": "--sort", "window": "--window", "out": "--out", "file": "FILE"}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("x.csv has no column 'v'. Name the column by node=", "x.csv has no column 'v'. Name the column by --node"),
        ("sort the file, or read it with sort=True", "sort the file, or read it with --sort"),
        ("a window of lags=4, and more", "a window of --lags 4, and more"),
        ("a window of lags=4: none", "a window of --lags 4: none"),
        ("lags=4 is one; lags=5.", "--lags 4 is one; --lags 5."),
        ("window must be a number; got 'x'", "--window must be a number; got 'x'"),
        ("file must end in .json", "FILE must end in .json"),
        ("out=there/a.b holds other files", "--out there/a.b holds other files"),
        ("out='there/a b' holds other files", "--out 'there/a b' holds other files"),
        ("with lags = 4, now 5", "with --lags 4, now 5"),
        ("x.csv, line 3: window is 'a', which is no number", "x.csv, line 3: window is 'a', which is no number"),
        ("a window must be longer", "a window must be longer"),
        ("limit=3 is no flag", "limit=3 is no flag"),
        ("flags of x == y", "flags of x == y"),
    ],
)
def test_arguments_become_flags_and_nothing_else_does(message: str, expected: str) -> None:
    assert in_flags(message, FLAGS) == expected


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (BrokenProcessPool("a\nb"), "a worker process was killed, perhaps for want of memory"),
        (OSError(28, "No space left on device", "/full/x"), "/full/x: No space left on device"),
        (RuntimeError("can't allocate\nmemory"), "can't allocate memory"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_every_error_is_one_line(error: Exception, line: str) -> None:
    assert one_line(error, FLAGS).startswith(line)


def test_a_line_is_no_longer_than_one_can_read() -> None:
    line = one_line(ValueError(f"the file has {'x' * 10_000}. Name the column by node="), FLAGS)
    assert len(line) < 1010
    assert line.startswith("the file has x")
    assert line.endswith("x. Name the column by --node")
