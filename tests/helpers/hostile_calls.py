"""Calls of public callables with one hostile value each, in a child of bounded memory, and how each of them ended."""

from __future__ import annotations

import ast
import inspect
import io
import linecache
import os
import pickle
import random
import re
import resource
import signal
import traceback
import warnings
from collections import abc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, NamedTuple

import children
import hostile_values
import networkx as nx
import numpy as np
import torch
from global_state import QUICK, Watched
from public_calls import ANY_NUMBER, SLOW, Public, finished
from torch_geometric.data import Data

import graphseq as gs
from graphseq._printable import printable

ROOT = str(Path(gs.__file__).parent)
SECONDS = 5.0  #: that a call may compute, however busy the machine is
WAIT = 60.0  #: seconds that it may take in all
MEMORY = 2 << 30  #: bytes that calls may take beside what is loaded
FINE = ("right", "named")


class Call(NamedTuple):
    """One call: a public callable, the argument that was replaced, and the name of the hostile value."""

    callable: str
    argument: str
    value: str


class Outcome(NamedTuple):
    """How a call ended: its kind, and what was raised or returned."""

    call: Call
    kind: str
    text: str

    @property
    def is_fine(self) -> bool:
        """True if the answer was right, or the error names the argument."""
        return self.kind in FINE


class TooLong(BaseException):
    """A call has not come back in time; no ``except`` of the library catches it."""


def chosen(public: Public, share: float, seed: int = 0) -> list[Call]:
    """Some of the calls of a public callable, a fixed choice."""
    draw = random.Random(f"{seed} {public.name}")  # noqa: S311 - a choice of tests
    names = list(hostile_values.VALUES)
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
    return [
        Call(public.name, parameter.name, value)
        for parameter in public.signature.parameters.values()
        if parameter.kind not in kinds
        for value in sorted(draw.sample(names, round(share * len(names))), key=names.index)
        if (public.name, parameter.name, value) not in SLOW
    ]


def outcomes(works: Iterable[tuple[Public, Sequence[Call]]]) -> list[Outcome]:
    """How calls of each of several callables end, in a child process; what kills it is an outcome of its call.

    A new child goes on behind a call that killed one.
    """
    left = [(public, list(calls)) for public, calls in works if calls]
    ended: list[Outcome] = []
    while left:
        found, said = _in_child(left)
        ended += found
        left = _behind(left, len(found))
        if left:
            ended.append(Outcome(left[0][1][0], "killed", said))
            left = _behind(left, 1)
    return ended


def _behind(works: Sequence[tuple[Public, list[Call]]], count: int) -> list[tuple[Public, list[Call]]]:
    """What is left of the calls behind the first ``count``."""
    left = []
    for public, calls in works:
        skipped = min(count, len(calls))
        count -= skipped
        if calls[skipped:]:
            left.append((public, calls[skipped:]))
    return left


def _in_child(works: Sequence[tuple[Public, Sequence[Call]]]) -> tuple[list[Outcome], str]:
    """The outcomes up to the end of a child, and how it ended."""
    with TemporaryDirectory() as folder:
        file, error = Path(folder) / "outcomes", Path(folder) / "error"
        status = children.wait(children.start(lambda: _work(works, file), err=error))
        said = error.read_text(errors="replace")[-300:]
        return list(_read(file)) if file.exists() else [], f"the process ended with {status}: {said}"


def _read(file: Path) -> Iterator[Outcome]:
    with file.open("rb") as stream:
        while True:
            try:
                yield pickle.load(stream)  # noqa: S301 - written by the child
            except (EOFError, pickle.UnpicklingError):  # the last may be cut short
                return


def _work(works: Sequence[tuple[Public, Sequence[Call]]], file: Path) -> None:
    signal.alarm(0)
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, _end)
    warnings.simplefilter("ignore")  # an animation that nobody renders warns when it is deleted, whenever that is
    with file.open("wb") as stream, TemporaryDirectory() as folder:
        os.chdir(folder)  # some hostile values are names of files
        for public, calls in works:
            _bound_memory()
            with suppress(ModuleNotFoundError):
                public.call()  # what loads on first use is loaded
            for call in calls:
                pickle.dump(outcome(public, call), stream)
                stream.flush()


def _bound_memory() -> None:
    """Allow ``MEMORY`` beside what is taken now."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _limit(seconds: float | None) -> None:
    """End what computes for longer, or waits for much longer; what is then stuck below Python is killed."""
    signal.setitimer(signal.ITIMER_PROF, seconds or 0)
    signal.setitimer(signal.ITIMER_REAL, WAIT if seconds else 0)
    signal.setitimer(signal.ITIMER_VIRTUAL, 4 * seconds if seconds else 0)


def _end(*_: int | FrameType | None) -> None:
    raise TooLong


def outcome(public: Public, call: Call) -> Outcome:
    """Make one call, and judge how it ends."""
    printed, value = io.StringIO(), hostile_values.VALUES[call.value]()
    annotation = str(public.signature.parameters[call.argument].annotation)
    try:
        arguments = {**public.given(), call.argument: value}
        function, watched = public.get(), Watched(QUICK)
        with redirect_stdout(printed), redirect_stderr(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _limit(SECONDS)
            finished(function(**arguments))
            _limit(None)
    except TooLong:
        return Outcome(call, "hang", f"longer than {SECONDS} s of computing, or {WAIT} s")
    except BaseException as error:
        _limit(None)
        kind, text = _of_error(error, call.argument, annotation, value)
        others = set(public.signature.parameters) - {call.argument}
        if kind == "unnamed" and admits(annotation, value) and any(_names(text, other) for other in others):
            kind = "named"  # a value of the right kind that does not fit another argument, which is named
    else:
        is_legal = admits(annotation, value) or call[:2] in ANY_NUMBER
        kind = "right" if is_legal else "accepted"
        text = f"{annotation} got {call.value}"
    finally:
        _limit(None)
    if printed.getvalue() and call.argument != "progress":
        return Outcome(call, "printed", printed.getvalue()[:200])
    # Initial weights are drawn from torch's own generator, as those of torch's modules are.
    if changes := [one for one in watched.changes() if one != "torch's random numbers" or not is_module(public)]:
        return Outcome(call, "state", ", ".join(changes))
    return Outcome(call, kind, text)


def is_module(public: Public) -> bool:
    """True if the callable is a module's class, or sets initial weights."""
    return public.name.startswith("nn.") and (public.name[3].isupper() or public.name.endswith("_"))


def _of_error(error: BaseException, argument: str, annotation: str, value: object) -> tuple[str, str]:
    try:
        message = str(error)
    except Exception:
        return "raw", f"{type(error).__name__} without a text"
    frames = list(traceback.extract_tb(error.__traceback__))
    own = [frame for frame in frames if frame.filename.startswith(ROOT)]
    place = f"{own[-1].filename[len(ROOT) + 1 :]}:{own[-1].lineno}" if own else "?"
    text = f"{place} {type(error).__name__}: {message[:160]}"
    if callable(value) and _is_of(error, value, argument):
        return "right", text  # an error of the user's own function is the user's
    if isinstance(error, gs.DivergedError | ModuleNotFoundError):
        return "named", text
    if isinstance(error, OSError) and (error.filename is not None or printable(str(value)) in message):
        return "named", text  # of a file or folder that is not there, the name is named
    if not isinstance(error, TypeError | ValueError) or not own or frames[-1] is not own[-1] or not _raises(own[-1]):
        return "raw", text
    # Of a graph, the attribute may be named that does not fit.
    words = [argument, *(_OF_GRAPHS if isinstance(value, Data | nx.Graph) else ())]
    if isinstance(value, str) and value and "Path" in annotation:
        words.append(printable(value))  # a file that holds something else is named, as one that is not there
    return ("named" if any(_names(message, word) for word in words) else "unnamed"), text


def _names(message: str, word: str) -> bool:
    return re.search(rf"(?<![A-Za-z]){re.escape(word)}(?![A-Za-z_])", message, re.IGNORECASE) is not None


def _is_of(error: BaseException, value: object, argument: str) -> bool:
    """True if a function that was given raised an error, and not the library about it."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    code = getattr(value, "__code__", None)
    for frame in frames:
        own = frame.f_locals.get("self")
        made = own if own is not None else next(iter(frame.f_locals.get("args", ())), None)
        if frame.f_code is code or own is value or (made is not None and type(made) is value):
            return True
    # Of a class written in C there is no frame of its own: it is called on the line that fails.
    last = frames[-1]
    line = linecache.getline(last.f_code.co_filename, last.f_lineno or 0)
    return isinstance(value, type) and re.search(rf"\b({re.escape(argument)}|pick)\(", line) is not None


_OF_GRAPHS = (
    "x",
    "y",
    "node",
    "time",
    "target",
    "edge_index",
    "edge_label_index",
    "edge_weight",
    "in_channels",
    "graph",
)


def _raises(frame: traceback.FrameSummary) -> bool:
    """True if the line of a frame is a statement that raises, not one that failed."""
    lines = _raising(frame.filename)
    return frame.lineno in lines


@cache
def _raising(file: str) -> frozenset[int]:
    tree = ast.parse("".join(linecache.getlines(file)))
    raises = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return frozenset(line for node in raises for line in range(node.lineno, (node.end_lineno or node.lineno) + 1))


def admits(annotation: str, value: object) -> bool:
    """True if a value is of the type that an annotation names; of types that are not known here, any value is."""
    return any(_is(part.strip(), value) for part in _parts(annotation, "|"))


def _parts(text: str, separator: str) -> list[str]:
    """A text cut at a separator outside of brackets."""
    parts, depth = [""], 0
    for character in text.strip("'\""):
        depth += (character in "[(") - (character in "])")
        if character == separator and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


_OF_NUMBERS = ("int]", "float]")  # arrays and tensors do for a sequence of numbers


def _is_row(inner: str, value: np.ndarray | torch.Tensor) -> bool:
    array = torch.as_tensor(value) if isinstance(value, torch.Tensor) or value.dtype.kind in "iufb" else None
    if (
        array is None
        or (array.dim() != 1 and array.numel())
        or array.is_complex()
        or array.is_meta
        or array.layout != torch.strided
    ):
        return False
    return inner == "float]" or not array.is_floating_point() or not array.numel()


_KINDS: Mapping[str, Any] = {
    "str": str,
    "SpaceTimeGraph": gs.SpaceTimeGraph,
    "DGLGraph": (),
    "Topology": gs.Topology,
    "nn.Module": torch.nn.Module,
    "Model": gs.nn.Model,
    "Encoder": gs.nn.Encoder,
    "Task": gs.tasks.Task,
    "Path": Path,
    "torch.Generator": torch.Generator,
    "Sequence": abc.Sequence,
    "Mapping": abc.Mapping,
    "Collection": abc.Collection,
    "Iterable": abc.Iterable,
    "Callable": abc.Callable,
    "tuple": tuple,
    "list": list,
    "dict": dict,
}


def _is(part: str, value: object) -> bool:  # noqa: PLR0911 - one kind of annotation each
    if part in ("None", "bool"):
        return value is None if part == "None" else isinstance(value, bool | np.bool_)
    if part == "int":
        return isinstance(value, Integral) and not isinstance(value, bool)
    if part == "float":
        return isinstance(value, Real) and not isinstance(value, bool) and abs(value) < float("inf")
    if part == "Tensor":
        return isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_meta
    if part.startswith("Literal["):
        return isinstance(value, str | int) and value in ast.literal_eval(f"[{part[8:-1]}]")
    name, _, inner = part.partition("[")
    if inner in _OF_NUMBERS and isinstance(value, np.ndarray | torch.Tensor):
        return _is_row(inner, value)
    if name == "tuple" and isinstance(value, list | tuple):  # a list is as good
        parts = [part.strip() for part in _parts(inner[:-1], ",")]
        kinds = [parts[0]] * len(value) if parts[-1] == "..." else parts
        return len(kinds) == len(value) and all(map(admits, kinds, value))
    if name in ("Sequence", "Collection", "Iterable", "list") and name in _KINDS:
        given = isinstance(value, _KINDS[name])
        return given and (not isinstance(value, list | tuple | set) or all(admits(inner[:-1], one) for one in value))
    return name not in _KINDS or isinstance(value, _KINDS[name])
