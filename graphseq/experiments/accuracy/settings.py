"""What to sweep over: the axes of the grid, what all its runs share, and the configuration of each.

Where a model is small, most of a training step is the price of calling torch, and eight seeds trained side by side take
less than half the time of eight trained one by one: ``benchmarks/many_seeds.py`` measures for which models. Those are
run so by default.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import cast

TASKS = ("Palindrome", "Transfer")
MODELS = ("RNN", "GRU", "LSTM", "GCN", "GCN-LSTM")
STARTS: dict[str, tuple[str, ...]] = {
    "orthogonal": ("RNN", "GRU", "LSTM"),
    "identity": ("RNN",),
    "latch": ("RNN",),
    "spread-latch": ("RNN",),
    "chrono": ("LSTM",),
    "forget-bias": ("LSTM",),
}
"""First weights other than torch's, and the models that they are for."""

SIDE_BY_SIDE = 8
"""Seeds in one run of a small model; fewer gain too little. Always as many, so that a grid with more keeps them."""

SMALL = 512
"""The most that H · B is in a small model."""

LONGEST = {"RNN": 20, "GRU": 10, "GCN": math.inf}
"""The models that gain where they are small, and up to which length; the others have kernels for all steps at once."""


@dataclass(frozen=True)
class Settings:
    """Everything that the numbers of a sweep depend on.

    Attributes:
        tasks: of ``TASKS``.
        models: of ``MODELS``.
        lengths: digits of a palindrome; rows of the path of a transfer.
        depths: layers.
        seeds: one run a seed.
        hidden: H of every model.
        batch_size: B.
        optimizer: see :func:`graphseq.fit`.
        lr: learning rate.
        clip: the largest norm of the gradient.
        steps: the most training steps of a run, those of its curriculum included; it stops earlier once solved.
        samples: fresh graphs in the evaluation.
        encoding: of a palindrome's digits.
        curriculum: train on lengths that double from 4 up to the one asked for.
        starts: first weights, each for the models that it is made for; torch's for all others.
        separate: train each seed by itself, also where a model is small.
    """

    tasks: tuple[str, ...]
    models: tuple[str, ...]
    lengths: tuple[int, ...]
    depths: tuple[int, ...] = (1,)
    seeds: tuple[int, ...] = (0,)
    hidden: int = 128
    batch_size: int = 128
    optimizer: str = "RMSprop"
    lr: float = 1e-3
    clip: float = 10.0
    steps: int = 10_000
    samples: int = 1000
    encoding: str = "one-hot"
    curriculum: bool = False
    starts: tuple[str, ...] = ()
    separate: bool = False

    def start_of(self, model: str) -> str:
        """The first weights of a model.

        Raises:
            ValueError: two of ``starts`` are for it.
        """
        found = [start for start in self.starts if model in STARTS[start]]
        if len(found) > 1:
            raise ValueError(f"--start {' '.join(found)}: {model} begins from one of them; name one")
        return found[0] if found else "torch"

    def cases(self, finished: Iterable[Mapping[str, object]] = ()) -> list[dict[str, object]]:
        """The configuration of each run, the longest first, so that no worker waits for a late long one.

        Args:
            finished: configurations of runs that are kept; the seeds in them are not trained again.
        """
        kept: dict[str, list[list[int]]] = {}
        for config in finished:
            seed = cast("int | list[int]", config["seed"])
            kept.setdefault(_of_all_seeds(config), []).append(seed if isinstance(seed, list) else [seed])
        shared = {
            key: value
            for key, value in asdict(self).items()
            if key not in {"tasks", "models", "lengths", "depths", "seeds", "encoding", "starts", "separate"}
        }
        cases: list[dict[str, object]] = []
        for length, task, model, depth in product(
            sorted(self.lengths, reverse=True), self.tasks, self.models, self.depths
        ):
            case = {
                **{"task": task, "model": model, "length": length, "depth": depth, "seed": None},
                **shared,
                "encoding": self.encoding if task == "Palindrome" else "one-hot",
                "start": self.start_of(model),
            }
            cases += [{**case, "seed": seed} for seed in self._seeds(model, length, kept.get(_of_all_seeds(case), []))]
        return cases

    def _seeds(self, model: str, length: int, kept: Sequence[list[int]]) -> list[int | list[int]]:
        """A seed for each run of a model, or the seeds that it trains side by side; those of kept runs first."""
        found: list[int | list[int]] = []
        left = list(self.seeds)
        for seeds in kept:
            if set(seeds) & set(left):
                found.append(seeds if len(seeds) > 1 else seeds[0])
                left = [seed for seed in left if seed not in seeds]
        is_small = length <= LONGEST.get(model, 0) and self.hidden * self.batch_size <= SMALL
        if self.separate or self.curriculum or not is_small:
            return [*found, *left]
        whole = len(left) // SIDE_BY_SIDE * SIDE_BY_SIDE
        groups = [left[first : first + SIDE_BY_SIDE] for first in range(0, whole, SIDE_BY_SIDE)]
        return [*found, *groups, *left[whole:]]

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def lines(self) -> Sequence[tuple[str, int]]:
        """Model and depth of each line of a table or figure."""
        return list(product(self.models, self.depths))


def _of_all_seeds(config: Mapping[str, object]) -> str:
    """What a configuration says of all seeds alike, in one spelling."""
    return json.dumps({name: value for name, value in config.items() if name != "seed"}, sort_keys=True)
