"""Memory that does not grow: over many steps, and over many graphs that each have edges of their own.

``GRAPHSEQ_STEPS`` sets how many steps, and a tenth as many graphs; 400 without it, 2000 is the full form.
"""

from __future__ import annotations

import gc
import json
import os
import resource
from collections.abc import Callable
from pathlib import Path

import children
import pytest
import torch
from randomgraphs import draw
from torch import nn

import graphseq as gs
from graphseq.nn import GCN, GCNLSTM, LSTM, Encoder, Model

pytestmark = pytest.mark.slow

STEPS = int(os.environ.get("GRAPHSEQ_STEPS", "400"))
PAGE = resource.getpagesize()
FAMILIES: dict[str, Callable[[], Encoder]] = {
    "GCN": lambda: GCN(2, 8, 2, norm=lambda _: nn.Dropout(0.1)),
    "LSTM": lambda: LSTM(2, 8),
    "GCN-LSTM": lambda: GCNLSTM(2, 8),
}
MORE = (4 if STEPS >= 2000 else 32) * 2**20
"""Bytes that the second half may take: for what is kept of the first topologies, and by the allocator."""


class Drawn(gs.tasks.Task):
    """Graphs that each have nodes, times and edges of their own, asked at every row for the sign of a feature."""

    in_channels, out_channels, hops, chance = 2, 2, 0, 0.5

    def batch(self, size: int, generator: torch.Generator) -> gs.SpaceTimeGraph:
        """One graph, whatever the size."""
        graph = draw(int(torch.randint(2**31, (), generator=generator)), nodes=4, times=3)
        graph["x"] = torch.randn(graph.num_rows, 2, generator=generator)
        graph["y"] = (graph.x[:, 0] > 0).long()
        return graph


def used() -> tuple[int, int]:
    """Bytes in memory, and objects that Python keeps."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE, len(gc.get_objects())


def grown(work: Callable[[Callable[[], None]], object], folder: Path) -> tuple[int, int]:
    """How much more is used at the last look than at the one before, in a process of its own."""

    def measured() -> None:
        looks: list[tuple[int, int]] = []
        work(lambda: looks.append(used()))
        (folder / "looks").write_text(json.dumps(looks))

    assert children.wait(children.start(measured, err=folder / "err")) == 0, (folder / "err").read_text()
    (*_, before, after) = json.loads((folder / "looks").read_text())
    return after[0] - before[0], after[1] - before[1]


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
@pytest.mark.parametrize("family", FAMILIES)
def test_twice_the_steps_need_no_more_memory(family: str, tmp_path: Path) -> None:
    def work(look: Callable[[], None]) -> None:
        model = Model(FAMILIES[family](), 2)
        watching = gs.training.Every(STEPS // 2, lambda *_: look())
        gs.fit(model, Drawn(), steps=STEPS, stop_threshold=None, metrics=["accuracy"], callbacks=[watching])

    memory, objects = grown(work, tmp_path)
    assert memory < MORE
    assert objects < 100


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
@pytest.mark.parametrize("family", FAMILIES)
def test_twice_the_topologies_need_no_more_memory(family: str, tmp_path: Path) -> None:
    def work(look: Callable[[], None]) -> None:
        model, task = Model(FAMILIES[family](), 2), Drawn()
        for number in range(1, STEPS // 10 + 1):
            generator = torch.Generator().manual_seed(number)
            graph = task.batch(1, generator)
            model(graph).sum().backward()
            model.reach(graph)
            gs.evaluate(model, task, samples=2, batch_size=1, seed=number)
            gs.predict(model, task, samples=2, batch_size=1, seed=number)
            if number % (STEPS // 20) == 0:
                look()

    memory, objects = grown(work, tmp_path)
    assert memory < MORE
    assert objects < 300
