"""Settings of the long-range suite: benchmarks, families, the search that is the same for all, and budgets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Annotated

from graphseq.experiments.settings import BaseSettings, Count, Layers, Metavar, Positive, Seed, Steps

JOB = "long-range suite"
"""The experiment's name in messages."""
AXES = ("benchmarks", "models", "seeds", "search_seeds", "layers", "lrs")
"""Settings that span the grid: in a folder that is resumed they may differ, and only new runs are made."""


@dataclass(frozen=True)
class Settings(BaseSettings):
    """Everything that the numbers of the suite depend on.

    Attributes:
        benchmarks: benchmarks by name, or the beginning of names, such as "echo" for its three.
        models: families of models.
        seeds: seeds; each trains every family.
        search_seeds: how many of the seeds, from the first, train at every setting of the search; the others train at
            the setting that these choose on validation.
        layers: numbers of layers of the search; without any, those of each benchmark.
        lrs: learning rates of the search.
        parameters: most trained numbers of a model, which its width is chosen for.
        steps: training steps.
        batch_size: graphs in a batch.
        graphs: graphs of a benchmark that is a data set.
        samples: fresh graphs that a benchmark without a data set is tested on, and as many others to validate on.
        clip: largest norm of the gradient.
        tiny: a minute for all kinds of benchmarks, to see that everything runs: its numbers say nothing.
    """

    benchmarks: tuple[Annotated[str, Metavar("NAME")], ...] = ("echo", "corso", "graph transfer", "transfer")
    models: tuple[Annotated[str, Metavar("MODEL")], ...] = (
        "0-hop", "GCN", "GAT", "GIN", "SAGE", "GCN residual", "GCNII", "A-DGN", "A-DGN ε=1", "MP-SSM", "Wave",
        "Wave c²=3",
    )  # fmt: skip
    seeds: tuple[Seed, ...] = (0, 1, 2, 3, 4)
    search_seeds: Count = 1
    layers: tuple[Annotated[Layers, Metavar("L")], ...] = ()
    lrs: tuple[Positive, ...] = (0.003, 0.001)
    parameters: Count = 10_000
    steps: Steps = 300
    batch_size: Count = 16
    graphs: Count = 1008
    samples: Count = 500
    clip: Positive = 1.0
    tiny: bool = False

    def chosen(self) -> list[str]:
        """Return the names of the benchmarks.

        Raises:
            ValueError: a name that is none, and with which none begins; a family that is unknown.
        """
        from graphseq.experiments.longrange.families import FAMILIES  # noqa: PLC0415 - --help does without torch
        from graphseq.experiments.longrange.suite import BENCHMARKS  # noqa: PLC0415

        for model in self.models:
            if model not in FAMILIES:
                raise ValueError(f"models must be of {', '.join(FAMILIES)}; got {model!r}")
        names: dict[str, None] = {}
        for begin in self.benchmarks:
            found = [begin] if begin in BENCHMARKS else [name for name in BENCHMARKS if name.startswith(begin)]
            if not found:
                raise ValueError(f"benchmarks must be names or beginnings of {', '.join(BENCHMARKS)}; got {begin!r}")
            names |= dict.fromkeys(found)
        return list(names)

    def searched(self) -> list[dict[str, object]]:
        """Return the configuration of each run of the search: of its seeds, at every setting; and the floors."""
        from graphseq.experiments.longrange.families import HOP_A_LAYER, RECURRENT  # noqa: PLC0415
        from graphseq.experiments.longrange.suite import BENCHMARKS  # noqa: PLC0415

        cases: list[dict[str, object]] = []
        for name, model in product(self.chosen(), ("floors", *self.models)):
            benchmark = BENCHMARKS[name]
            if model == "floors":
                cases.append(self._case(name, model, 0, 0.01, self.seeds[0]))
                continue
            if model in RECURRENT and not benchmark.sequence:
                continue
            depths = self.layers or benchmark.layers
            # What sees farther than a hop a layer needs few; it has as many settings as the others.
            layers = depths if model in HOP_A_LAYER else FEW if len(depths) > 1 else FEW[1:]
            cases += [
                self._case(name, model, depth, lr, seed)
                for depth, lr, seed in product(layers, self.lrs, self.seeds[: self.search_seeds])
            ]
        return cases

    def others(self, chosen: Iterable[tuple[str, str, int, float]]) -> list[dict[str, object]]:
        """Return the configuration of each run of the seeds that do not search.

        Args:
            chosen: benchmark, family, and the number of layers and the learning rate that the search chose.
        """
        return [self._case(*setting, seed) for setting in chosen for seed in self.seeds[self.search_seeds :]]

    def _case(self, benchmark: str, model: str, layers: int, lr: float, seed: int) -> dict[str, object]:
        names = ("parameters", "steps", "batch_size", "graphs", "samples", "clip")
        shared = {name: getattr(self, name) for name in names}
        return {"benchmark": benchmark, "model": model, "layers": layers, "lr": lr, "seed": seed, **shared}


FEW = (1, 2)
"""Layers of families that see farther than a hop a layer."""

TINY: dict[str, object] = {
    "benchmarks": ["echo shortest paths", "echo diameter", "corso eccentricity", "graph transfer ring 3",
                   "transfer barbell 3", "neighbors match 4", "adding 100"],
    "models": ["0-hop", "GCN", "Wave"],
    "seeds": [0],
    "layers": [3],
    "lrs": [0.003],
    "parameters": 2000,
    "steps": 5,
    "batch_size": 4,
    "graphs": 30,
    "samples": 40,
}  # fmt: skip
"""The settings of ``tiny``, where they were not given."""
