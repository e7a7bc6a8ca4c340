"""Started by torchrun, or alone: train one model on one task, and write down what each process has at last."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path

import networkx as nx
import torch

import graphseq as gs
from graphseq.training import distributed


class Uneven(gs.tasks.Task):
    """Sequences of one to three rows, each asked whether it shows more than 0: as many answers as rows."""

    in_channels, out_channels, hops, chance = 2, 2, 0, 0.5

    def batch(self, size: int, generator: torch.Generator) -> gs.SpaceTimeGraph:
        """``size`` sequences."""
        length = torch.randint(1, 4, (size,), generator=generator)
        owner = torch.arange(size).repeat_interleave(length)
        time = torch.arange(len(owner)) - (length.cumsum(0) - length)[owner]
        x = torch.randn(len(owner), 2, generator=generator)
        graph = gs.SpaceTimeGraph(x, owner, time, y=(x.sum(1) > 0).long())
        graph.batch = owner
        return graph


class Dying(Uneven):
    """Of which the second process draws one batch and no more."""

    drawn = 0

    def batch(self, size: int, generator: torch.Generator) -> gs.SpaceTimeGraph:
        """``size`` sequences, once."""
        self.drawn += 1
        if os.environ.get("RANK") == "1" and self.drawn > 1:
            raise MemoryError("no room for this batch")
        return super().batch(size, generator)


def case(name: str) -> tuple[gs.nn.Model, gs.tasks.Task]:
    """A model from one seed, and its task."""
    torch.manual_seed(0)
    match name:
        case "uneven" | "dying":
            return gs.nn.Model(gs.nn.LSTM(2, 8), 2), Uneven() if name == "uneven" else Dying()
        case "fixed":
            task = gs.tasks.Transfer(5, shape="ring")
            return gs.nn.Model(gs.nn.GCN(10, 8, 3), 10), task
        case "pooled":
            shapes = [(nx.path_graph if n % 2 else nx.cycle_graph)(3 + n // 2) for n in range(12)]
            graphs = [gs.from_graph(g, x=torch.ones(len(g), 1), y=torch.tensor([n % 2])) for n, g in enumerate(shapes)]
            return gs.nn.Model(gs.nn.GCN(1, 8, 2), 2, pool="mean"), gs.tasks.GraphClassification(graphs, 2)
        case "dynamic":
            task = gs.tasks.Distractors(num_nodes=20, num_asked=4)
            return gs.nn.Model(gs.nn.GCNLSTM(task.in_channels, 8), 1), task
    raise ValueError(name)


def train(name: str, steps: int, batch_size: int, out: Path, group: distributed.ProcessGroup | None) -> None:
    """Train, and write the curve and the weights, to a file a process."""
    model, task = case(name)
    if group is not None and group.rank:
        for parameter in model.parameters():  # the first process's weights are everyone's
            torch.nn.init.zeros_(parameter)
    history = gs.fit(
        model,
        task,
        steps=steps,
        batch_size=batch_size,
        optimizer="momentum",
        lr=0.05,
        clip=0.5,
        checkpoint_path=out / f"{name}.run",
        resume=True,
        group=group,
    )
    rank = 0 if group is None else group.rank
    torch.save({"history": vars(history), "weights": model.state_dict()}, out / f"{name}-{steps}-{rank}.pt")


def main(names: list[str], steps: list[int], batch_size: int, out: Path) -> None:
    """Train on each task up to each number of steps, one after another, within one group."""
    torch.set_num_threads(1)
    with distributed.process_group() if "RANK" in os.environ else nullcontext() as group:
        for name in names:
            for count in steps:
                train(name, count, batch_size, out, group)


if __name__ == "__main__":
    main(sys.argv[1].split(","), [int(count) for count in sys.argv[2].split(",")], int(sys.argv[3]), Path(sys.argv[4]))
