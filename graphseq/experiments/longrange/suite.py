"""The benchmarks of the suite by name: a training, a validation and a test part, and the published measure."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from graphseq import tasks as t
from graphseq.datasets.registry import VARIABLE
from graphseq.experiments.longrange.measures import ACCURACY, LOG_MSE, MAE, NATS, Measure
from graphseq.tasks.base import Task
from graphseq.tasks.characters import Characters, read_text
from graphseq.tasks.longrange.distances import GraphDistances
from graphseq.tasks.longrange.mnist1d import read_mnist1d


class Parts(NamedTuple):
    """The parts of a benchmark; a task that draws fresh graphs is all three, with random numbers apart."""

    train: Task
    validation: Task
    test: Task


@dataclass(frozen=True)
class Benchmark:
    """A benchmark of the suite.

    Attributes:
        make: gives its parts from a number of graphs, which tasks with fresh graphs do not use.
        measure: the published one.
        note: where it differs from the published one, in a sentence.
        layers: numbers of layers that see far enough, for the search.
        sequence: whether its rows are a sequence, which recurrent families read.
        group: benchmarks that one figure shows, with hops on its axis.
        axis: the hops on the axis of its figure.
    """

    make: Callable[[int], Parts]
    measure: Measure
    note: str
    layers: tuple[int, ...] = (8, 16)
    sequence: bool = False
    group: str = ""
    axis: str = "hops needed"


def _split(kind: Callable[..., GraphDistances], graphs: int) -> Parts:
    return Parts(*kind(graphs).split())


def _mixed(kind: Callable[..., t.GraphRegression], graphs: int) -> Parts:
    """The graphs of random families, split without regard to them."""
    task = kind(graphs)
    first, second = round(0.6 * graphs), round(0.8 * graphs)
    bounds = ((0, first), (first, second), (second, graphs))
    return Parts(*(task.part(torch.arange(low, high)) for low, high in bounds))


def _fresh(make: Callable[[], Task], _: int) -> Parts:
    task = make()
    return Parts(task, task, task)


def _recorded(folder: str, name: str) -> Path:
    """Return the place of a file of the user's data.

    Raises:
        FileNotFoundError: it is not there; the message says where it should be.
    """
    path = Path(os.environ.get(VARIABLE, "")) / folder / name
    place = path if os.environ.get(VARIABLE) else f"${VARIABLE}/{folder}/{name}"
    if not os.environ.get(VARIABLE) or not path.is_file():
        raise FileNotFoundError(f"this benchmark reads {place}, which is not there; set {VARIABLE} to your folder")
    return path


def _mnist1d(graphs: int, *, shuffle_seed: int | None) -> Parts:
    """The published test part, and a fifth of the training part for validation; ``graphs`` of both at most."""
    train, test = read_mnist1d(_recorded("benchmarks", "mnist1d_data.pkl"), shuffle_seed=shuffle_seed)
    count = min(graphs, len(train))
    first = round(0.8 * count)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:count]
    return Parts(train.part(order[:first]), train.part(order[first:]), test)


def _shakespeare(length: int, _: int) -> Parts:
    """The first 80 % of the characters to train on, 10 % each to validate and to test."""
    text = read_text(_recorded("books", "tinyshakespeare.txt"))
    alphabet = sorted(set(text))
    first, second = int(0.8 * len(text)), int(0.9 * len(text))
    bounds = ((0, first), (first, second), (second, len(text)))
    return Parts(*(Characters(text[low:high], length, alphabet=alphabet) for low, high in bounds))


_ECHO = "Regenerated from its description, not the published files."
_DIAMETER = "diameter in hops, of which a model that pools needs half"
_CORSO = "Regenerated with the shares of its generator, not the published files."
_CORSO_ROWS = f"{_CORSO} Of its published columns two seem to be named wrongly."
_REPAIRED = "Repaired: the source's number is drawn anew, and the target alone is asked; published numbers are not its."
TEXT_AXIS = "earlier characters in the window"
"""The axis of the figure of a text, in which it is not known how far back an answer depends on it."""

_HOPS = (3, 5, 10, 20, 50)

BENCHMARKS: dict[str, Benchmark] = {
    "echo shortest paths": Benchmark(partial(_split, t.EchoShortestPaths), MAE, _ECHO),
    "echo eccentricity": Benchmark(partial(_split, t.EchoEccentricity), MAE, _ECHO),
    "echo diameter": Benchmark(partial(_split, t.EchoDiameter), MAE, _ECHO, axis=_DIAMETER),
    "corso shortest paths": Benchmark(partial(_mixed, t.CorsoShortestPaths), LOG_MSE, _CORSO_ROWS),
    "corso eccentricity": Benchmark(partial(_mixed, t.CorsoEccentricity), LOG_MSE, _CORSO_ROWS),
    "corso diameter": Benchmark(partial(_mixed, t.CorsoDiameter), LOG_MSE, _CORSO, axis=_DIAMETER),
    **{
        f"graph transfer {shape} {hops}": Benchmark(
            partial(_fresh, partial(t.GraphTransfer, hops + 1, shape=shape)),
            LOG_MSE,
            _REPAIRED,
            layers=(hops,),
            sequence=shape == "path",
            group=f"graph transfer {shape}",
        )
        for shape in ("path", "ring", "crossed ring")
        for hops in _HOPS
    },
    **{
        f"transfer {shape} {hops}": Benchmark(
            partial(_fresh, partial(t.Transfer, hops + 1, shape=shape, num_classes=5)),
            ACCURACY,
            "Generated; as many layers as hops.",
            layers=(hops,),
            sequence=shape == "path",
            group=f"transfer {shape}",
        )
        for shape in ("path", "ring", "crossed ring", "clique path", "barbell", "tree", "caterpillar", "grid")
        for hops in _HOPS
        if hops < (20 if shape == "tree" else 51)
    },
    **{
        f"neighbors match {depth}": Benchmark(
            partial(_fresh, partial(t.NeighborsMatch, depth)),
            ACCURACY,
            "Fresh trees with independent values, so that the number is of unseen trees, not of a training set.",
            layers=(depth + 1,),
            group="neighbors match",
        )
        for depth in range(4, 9)
    },
    **{
        f"copy memory {length}": Benchmark(
            partial(_fresh, partial(t.CopyMemory, length)),
            ACCURACY,
            "Generated.",
            layers=(1, 2),
            sequence=True,
            group="copy memory",
        )
        for length in (100, 1000, 10_000)
    },
    "mnist1d": Benchmark(
        partial(_mnist1d, shuffle_seed=None), ACCURACY, "The published file.", layers=(4, 8), sequence=True
    ),
    "mnist1d shuffled": Benchmark(
        partial(_mnist1d, shuffle_seed=0),
        ACCURACY,
        "The published file, in a random order that is not the published one.",
        layers=(4, 8),
        sequence=True,
    ),
    **{
        f"adding {length}": Benchmark(
            partial(_fresh, partial(t.Adding, length)),
            LOG_MSE,
            "Generated.",
            layers=(1, 2),
            sequence=True,
            group="adding",
        )
        for length in (100, 1000, 10_000)
    },
    "tiny shakespeare": Benchmark(
        partial(_shakespeare, 64),
        NATS,
        "The published text in windows of 64 characters; the last tenth is the test part.",
        layers=(4, 8),
        sequence=True,
        axis=TEXT_AXIS,
    ),
}
"""The benchmarks by name."""
