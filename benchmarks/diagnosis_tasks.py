"""The untrained models of ``diagnosis.py`` whose outcome is to be foreseen, drawn on many kinds of task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from diagnosis_models import Spec, transfer

from graphseq import seeding

# Models whose outcome is to be foreseen.

OURS = ("GCN", "GCNII", "WaveGCN", "StateSpaceGCN")
TASKS: dict[str, Callable[[Random], Spec]] = {
    "ring": lambda r: transfer(r.randint(2, 9), "ring", family=r.choice(OURS)),
    "path": lambda r: transfer(r.randint(2, 9), "path", family=r.choice(OURS)),
    "tree": lambda r: transfer(r.randint(2, 4), "tree", family=r.choice(OURS[:2])),
    "sequence": lambda r: transfer(r.randint(3, 40), "path", family=r.choice(["RNN", "GRU", "LSTM"])),
    "rings of PyG": lambda r: {"world": "rings", "hops": r.randint(2, 7), "family": r.choice(["GCN", "SAGE"])},
    "paths of PyG": lambda r: {
        "world": "rings",
        "hops": r.randint(2, 7),
        "shape": "path",
        "family": r.choice(["GIN", "GAT", "GraphConv", "TAG"]),
    },
    "Recall": lambda r: {
        "world": "ours",
        "task": "Recall",
        "task_arguments": {"length": (n := r.randint(2, 6)) + r.randint(1, 5), "num_items": n, "num_classes": 4},
        "family": r.choice(["RNN", "GRU", "LSTM"]),
    },
    "Palindrome": lambda r: {
        "world": "ours",
        "task": "Palindrome",
        "task_arguments": {"length": r.randint(4, 14)},
        "family": r.choice(["RNN", "GRU", "LSTM", "GCN"]),
    },
    "first token": lambda r: {
        "world": "sequences",
        "steps": r.randint(4, 50),
        "family": r.choice(["RNN", "GRU", "LSTM", "Transformer"]),
    },
    "token amid others": lambda r: {
        "world": "sequences",
        "steps": (n := r.randint(6, 24)),
        "place": n // 2,
        "family": r.choice(["GRU", "LSTM", "Conv", "Transformer"]),
    },
    "star": lambda r: {
        "world": "ours",
        "task": "AssociativeRecall",
        "task_arguments": {"num_pairs": r.randint(2, 6), "query_hops": r.randint(1, 3), "num_classes": 4},
        "family": r.choice(OURS[:2]),
    },
    "NeighborsMatch": lambda r: {
        "world": "ours",
        "task": "NeighborsMatch",
        "task_arguments": {"depth": r.randint(1, 4)},
        "family": r.choice(OURS[:2]),
    },
}
# Tasks that nobody can solve, since a share of the answers is drawn at random or the features show them weakly.
NOISY_TASKS: dict[str, Callable[[Random], Spec]] = {
    "noisy token": lambda r: {
        "world": "sequences",
        "steps": (n := r.randint(3, 12)),
        "place": r.randint(0, n - 1),
        "label_noise": r.choice([0.03, 0.1, 0.2, 0.4, 0.6]),
        "family": r.choice(["RNN", "GRU", "LSTM", "Transformer"]),
    },
    "noisy rings": lambda r: {
        "world": "rings",
        "hops": r.randint(1, 4),
        "label_noise": r.choice([0.03, 0.1, 0.2, 0.4, 0.6]),
        "family": r.choice(["GCN", "SAGE", "GIN"]),
    },
    "blocks": lambda r: {
        "world": "blocks",
        "each": r.randint(30, 120),
        "signal": r.choice([0.5, 1.0, 2.0]),
        "inside": r.choice([0.05, 0.12, 0.2]),
        "between": r.choice([0.01, 0.03, 0.05]),
        "family": r.choice(["GCN", "GAT", "SAGE", "MLP"]),
    },
}
CALIBRATING = ("ring", "sequence", "rings of PyG", "Recall", "first token", "star", *NOISY_TASKS)
NEW_TASKS: dict[str, Callable[[Random], Spec]] = {
    "Adding": lambda r: {
        "world": "ours",
        "task": "Adding",
        "task_arguments": {"length": r.randint(3, 20)},
        "family": r.choice(["RNN", "GRU", "LSTM"]),
    },
    "CopyMemory": lambda r: {
        "world": "ours",
        "task": "CopyMemory",
        "task_arguments": {"delay": r.randint(1, 8), "num_items": r.randint(1, 3), "num_classes": 3},
        "family": r.choice(["RNN", "GRU", "LSTM"]),
    },
    "densities": lambda r: {"world": "densities", "family": r.choice(["GIN", "SAGE", "GraphConv"])},
    "majority": lambda r: {
        "world": "sequences",
        "question": "majority",
        "steps": r.randint(3, 15),
        "family": r.choice(["RNN", "GRU", "LSTM", "Transformer"]),
    },
}


def hops_of(spec: Spec) -> int:
    """The hops from what must be known to where it is asked; 1 where answers are those of graphs."""
    arguments = spec.get("task_arguments", {})
    if "query_hops" in arguments:
        return int(arguments["query_hops"]) + 1
    if "delay" in arguments:
        return int(arguments["delay"] + arguments["num_items"])
    if spec["world"] == "echo":
        return int(spec["delay"])
    if spec["world"] in ("sequences", "parity"):
        return int(spec["steps"] - 1 - spec.get("place", 0))
    return int(spec.get("hops", arguments.get("depth", arguments.get("length", 3) - 1)))


NEWEST_TASKS: dict[str, Callable[[Random], Spec]] = {
    "grid": lambda r: {
        "world": "grid",
        "hops": r.randint(2, 9),
        "family": r.choice(["GCN", "SAGE", "GIN", "GraphConv"]),
    },
    "one ring or two": lambda r: {
        "world": "cycles",
        "walks": r.choice([0, 0, 4, 8]),
        "family": r.choice(["GIN", "GraphConv", "SAGE"]),
    },
    "links": lambda r: {
        "world": "links",
        "signal": r.choice([0.5, 1.0, 2.0, 4.0]),
        "family": r.choice(["GCN", "SAGE", "GIN"]),
    },
    "heterophily": lambda r: {
        "world": "heterophily",
        "each": r.randint(60, 160),
        "signal": r.choice([0.3, 0.6, 1.5, 3.0]),
        "family": r.choice(["GCN", "SAGE", "GAT", "MLP"]),
    },
    "echo": lambda r: {
        "world": "echo",
        "steps": (n := r.randint(6, 20)),
        "delay": r.randint(1, n // 2),
        "family": r.choice(["RNN", "GRU", "LSTM", "Conv", "Transformer"]),
    },
    "parity": lambda r: {
        "world": "parity",
        "steps": r.randint(3, 16),
        "bits": r.randint(1, 3),
        "family": r.choice(["RNN", "GRU", "LSTM", "Transformer"]),
    },
}
NEWEST = tuple(NEWEST_TASKS)
TESTING = tuple(name for name in (*TASKS, *NEW_TASKS) if name not in CALIBRATING)


def drawn(count: int, seed: int, names: Sequence[str]) -> Iterator[tuple[str, Spec]]:
    """Random untrained models, one kind of task after another; many are close to the limit of what can be learnt."""
    tasks = {**TASKS, **NEW_TASKS, **NOISY_TASKS, **NEWEST_TASKS}
    for number in range(count):
        r = Random(seeding.derive(seed, seeding.BUILD, number))  # noqa: S311
        name = names[number % len(names)]
        spec = tasks[name](r)
        hops = hops_of(spec)
        layers = max(1, hops + r.randint(-1, 3)) if r.random() < 0.85 else r.randint(14, 24)
        is_sequence = spec["world"] in ("sequences", "echo", "parity") and spec["family"] != "Conv"
        width = r.choice([8, 16, 16, 32])
        yield (
            name,
            {**spec, "layers": 1 if is_sequence else min(layers, 24), "width": width, "seed": seed * 1000 + number},
        )
