"""Accuracy of the verdict on models with a planted fault, on paths, rings, trees, random graphs and sequences.

Each case has a known fault: too few layers, too many layers, a signal attenuated by a known factor, weights that stop
the gradient, a state that is too small, missing training, or no fault. Sizes are drawn from the seed. The cases of the
first seed calibrate the thresholds, each at the geometric mean between the planted fault and the nearest other case;
the cases of the other seeds test them. (The thresholds of influence are calibrated by ``foresight.py``, on the outcome
of training.) The confusion matrix is printed, and written with every case to JSON. Two kinds of models are left out,
since their fault is not certain: a GCN with LayerNorm, which relays a single signal at full amplitude although training
does not find it, and gates saturated by large random weights, some of which stay open.

Run it with ``python benchmarks/verdicts.py --out verdicts.json``: a few minutes on one thread.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

import networkx as nx
import torch
from torch import Tensor

import graphseq as gs
from graphseq import _files, nn, seeding
from graphseq.reach.evidence import Evidence, gather
from graphseq.reach.verdict import VERDICTS, Thresholds, judge
from graphseq.tasks import AssociativeRecall, CopyMemory, NeighborsMatch, Palindrome, Recall, Task, Transfer
from graphseq.training.history import machine

PLACES = ("path", "ring", "tree", "random graph", "sequence")


@dataclass(frozen=True)
class Case:
    """A model of a known fault, and its task."""

    fault: str
    place: str
    name: str
    model: nn.Model
    task: Task


def transfer(place: str, hops: int, r: Random) -> Task:
    """A task of carrying one item over ``hops``, on a kind of graph."""
    if place == "sequence":
        return Transfer(hops + 1)
    if place == "ring":
        return Transfer(hops + 1, shape="ring")
    if place == "path":
        return Transfer.on(gs.from_graph(nx.path_graph(hops + 1)), 0, hops)
    if place == "tree" and hops <= 6:
        return Transfer(hops + 1, shape="tree")
    # A random tree around a path of that length; for a random graph, with further edges that are no shortcuts.
    graph = nx.path_graph(hops + 1)
    level = dict(enumerate(range(hops + 1)))
    for row in range(hops + 1, 2 * hops + 4):
        parent = r.randrange(row)
        graph.add_edge(row, parent)
        level[row] = level[parent] + 1
    if place == "random graph":
        for _ in range(4 * hops):
            a, b = r.sample(range(len(graph)), 2)
            if abs(level[a] - level[b]) <= 1:
                graph.add_edge(a, b)
    return Transfer.on(gs.from_graph(graph), 0, hops)


def gap(task: Task) -> float:
    """The spectral gap 1 - |λ₂| of the task's graph."""
    graph = task.batch(1, torch.Generator().manual_seed(0))
    dense = graph.topology.spacetime().normalised(torch.float64) @ torch.eye(graph.num_rows, dtype=torch.float64)
    return 1 - float(torch.linalg.eigvalsh(dense).abs().sort().values[-2])


def gcn(task: Task, layers: int, hidden: int = 32) -> nn.Model:
    """A plain GCN."""
    return nn.Model(nn.GCN(task.in_channels, hidden, layers), task.out_channels)


def under_reaching(place: str, r: Random) -> Iterator[tuple[str, nn.Model, Task]]:
    """Models of fewer layers than hops, or without edges to the source."""
    hops = r.randint(3, 6)
    task = transfer(place, hops, r)
    layers = r.randint(1, hops - 1)
    yield f"GCN-{layers} over {hops} hops", gcn(task, layers), task
    yield "MLP", nn.Model(nn.MLP(task.in_channels, 32), task.out_channels), task
    if place == "sequence":
        task = Recall(hops + 4, num_items=3)
        yield "GCN-2 on Recall", gcn(task, 2), task
    else:
        yield "LSTM across space", nn.Model(nn.LSTM(task.in_channels, 16), task.out_channels), task


def over_smoothing(place: str, r: Random) -> Iterator[tuple[str, nn.Model, Task]]:
    """Models of so many layers that λ₂^(2L) is between e^-40 and e^-10."""
    for hops in r.sample(range(2, 5), 2):
        task = transfer(place, hops, r)
        layers = math.ceil(r.uniform(5, 20) / gap(task))
        yield f"GCN-{layers} over {hops} hops", gcn(task, layers), task
    task = Palindrome(4) if place == "sequence" else transfer(place, 2, r)
    layers = math.ceil(r.uniform(5, 20) / gap(task))
    yield f"GCN-{layers} on {type(task).__name__}", gcn(task, layers, 16), task


def over_squashing(place: str, r: Random) -> Iterator[tuple[str, nn.Model, Task]]:
    """Models of about as many layers as hops, which attenuate to 3^(-r); recurrences far beyond their time constant."""
    hops = r.randint(11, 25)
    task = transfer(place, hops, r)
    layers = hops + r.randint(0, 2)
    yield f"GCN-{layers} over {hops} hops", gcn(task, layers), task
    if place == "sequence":
        long = Transfer(r.randint(40, 80))
        yield "LSTM, long", nn.Model(nn.LSTM(10, 32), 10), long
        yield "RNN, long", nn.Model(nn.RNN(10, 32), 10), long
    else:
        jumping = nn.GCN(task.in_channels, 32, hops, jk="cat")
        yield "jumping knowledge", nn.Model(jumping, task.out_channels), task
        task = transfer(place, r.randint(14, 25), r)
        yield "GCNII", nn.Model(nn.GCNII(task.in_channels, 32, task.hops), task.out_channels), task


class Detached(nn.GCN):
    """A GCN with detached states."""

    def encode(self, graph: gs.SpaceTimeGraph, x: Tensor) -> Tensor:
        """Compute the states (V, H), detached."""
        return super().encode(graph, x).detach()


def no_gradient(place: str, r: Random) -> Iterator[tuple[str, nn.Model, Task]]:
    """Models that pass the signal but not its gradient, or whose gradient vanishes or explodes."""
    hops = r.randint(2, 3)
    task = transfer(place, hops, r)
    kinds: list[Callable[[], tuple[str, nn.Model]]] = [
        lambda: ("weights too small", scaled(gcn(task, hops), 10 ** r.uniform(-5, -4))),
        lambda: ("weights too large", scaled(gcn(task, hops), 10 ** r.uniform(3, 4))),
        lambda: ("a head of zeros", zero_head(gcn(task, hops))),
        lambda: ("states detached", nn.Model(Detached(task.in_channels, 32, hops), task.out_channels)),
        lambda: ("dead units", dead(gcn(task, hops))),
    ]
    if place == "sequence":
        kinds.append(lambda: ("a latch", latch(nn.Model(nn.RNN(10, 16), 10), r.uniform(20, 40))))
    for kind in r.sample(kinds, 3):
        yield *kind(), task


def scaled(model: nn.Model, factor: float) -> nn.Model:
    """The model with all weights of its encoder multiplied by a factor."""
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.mul_(factor)
    return model


def zero_head(model: nn.Model) -> nn.Model:
    """The model with zero weights in its head."""
    torch.nn.init.zeros_(model.head.lin.weight)
    return model


def dead(model: nn.Model) -> nn.Model:
    """The model with dead units in its first layer."""
    with torch.no_grad():
        model.encoder.convs[0].bias.fill_(-1e4)
    return model


def latch(model: nn.Model, gain: float) -> nn.Model:
    """The model with saturated units tanh(gain h + gain x), which keep their sign and have no gradient."""
    kernel = model.encoder.kernel
    with torch.no_grad():
        kernel.weight_hh_l0.copy_(gain * torch.eye(16))
        kernel.weight_ih_l0.copy_(8 * gain * torch.sign(kernel.weight_ih_l0))
    return model


def capacity(place: str, r: Random) -> Iterator[tuple[str, nn.Model, Task]]:
    """Models whose state is too small for the items in memory."""
    num_items = r.randint(6, 12)
    if place == "sequence":
        task: Task = Recall(num_items + r.randint(1, 2), num_items=num_items)
        for cell in r.sample([nn.RNN, nn.GRU, nn.LSTM], 2):
            model = nn.Model(cell(task.in_channels, num_items), task.out_channels)
            yield f"{cell.__name__}-{num_items} on Recall", model, task
        task = CopyMemory(1, num_items=4)
        yield "RNN-8 on CopyMemory", nn.Model(nn.RNN(task.in_channels, 8), task.out_channels), task
    elif place == "tree":
        for depth in (3, 4, 5):
            task = NeighborsMatch(depth)
            yield f"GCN-{depth} on NeighborsMatch", gcn(task, depth, 16), task
    else:  # stars, with the queries at some distance
        for query_hops in (1, 2, 3):
            task = AssociativeRecall(num_items, query_hops=query_hops)
            model = gcn(task, query_hops + 1, r.randint(4, 16))
            yield f"GCN-{query_hops + 1} on a star of {num_items}", model, task


def undertrained(place: str, r: Random) -> Iterator[tuple[str, nn.Model, Task]]:
    """Models that only need training."""
    hops = r.randint(2, 4)
    task = transfer(place, hops, r)
    yield f"GCN-{hops} over {hops} hops", gcn(task, hops), task
    if place == "sequence":
        yield "LSTM", nn.Model(nn.LSTM(10, 32), 10), task
        task = Recall(4, num_items=2, num_classes=4)
        yield "RNN-128 on Recall", nn.Model(nn.RNN(task.in_channels, 128), 4), task
    else:
        far = transfer(place, r.randint(8, 16), r)
        yield "wave", nn.Model(nn.WaveGCN(10, 32, math.ceil(1.3 * far.hops)), 10), far
        yield "GCNII", nn.Model(nn.GCNII(10, 32, hops), 10), task


def solved(place: str, r: Random) -> Iterator[tuple[str, nn.Model, Task]]:
    """Models trained until they solve the task."""
    for hops in r.sample(range(1, 4), 3):
        task = transfer(place, hops, r)
        model = gcn(task, hops) if place != "sequence" or hops == 1 else nn.Model(nn.RNN(10, 32), 10)
        gs.fit(
            model, task, steps=1500, batch_size=32, optimizer="Adam", lr=0.01, seed=r.randrange(2**16), stop_window=50
        )
        yield f"{type(model.encoder).__name__} trained over {hops} hops", model, task


FAULTS = {
    "solved": solved,
    "under-reaching": under_reaching,
    "over-smoothing": over_smoothing,
    "over-squashing": over_squashing,
    "vanishing gradient": no_gradient,
    "capacity": capacity,
    "undertrained": undertrained,
}


def planted(seed: int) -> Iterator[Case]:
    """Fifteen cases of each fault, three on each kind of graph; some gradients vanish and some explode."""
    for number, (fault, build) in enumerate(FAULTS.items()):
        for place in PLACES:
            r = Random(seeding.derive(seed, seeding.BUILD, number, PLACES.index(place)))  # noqa: S311
            with seeding.forked(seed, seeding.BUILD, number, PLACES.index(place)):
                for name, model, task in build(place, r):
                    planted_fault = "exploding gradient" if name == "weights too large" else fault
                    yield Case(planted_fault, place, name, model, task)


def calibrated(cases: list[tuple[Case, Evidence]]) -> Thresholds:
    """Each threshold at the geometric mean between the planted fault and the nearest other case, to one digit."""

    def between(low: list[float], high: list[float]) -> float:
        middle = math.sqrt(max(low) * min(high))
        return float(f"{middle:.0e}")

    def of(value: Callable[[Evidence], float], *faults: str) -> list[float]:
        return [value(e) for case, e in cases if case.fault in faults and not math.isnan(value(e))]

    healthy = ("undertrained", "capacity")
    small = [e.loss_sensitivity for case, e in cases if case.name == "weights too small"]
    large = [e.loss_sensitivity for case, e in cases if case.name == "weights too large"]
    too_small = [e.probe_r2_all for case, e in cases if case.fault == "capacity"]
    sufficient = [e.probe_r2_all for case, e in cases if case.fault == "undertrained" and e.memory_items > 1]
    return replace(
        Thresholds(),
        oversmoothing_distance=between(
            of(lambda e: e.oversmoothing_distance, "over-smoothing"),
            of(lambda e: e.oversmoothing_distance, "over-squashing", *healthy),
        ),
        weak=between(small, of(lambda e: e.loss_sensitivity, *healthy)),
        strong=between(of(lambda e: e.loss_sensitivity, *healthy), large),
        recall=between(too_small, sufficient),
    )


def confusion(matrix: dict[str, dict[str, int]]) -> str:
    """The confusion matrix as text: a line for each planted fault, a column for each verdict."""
    lines = [f"{'planted, judged →':19}" + "".join(f"{name:>19}" for name in VERDICTS)]
    lines += [f"{fault:19}" + "".join(f"{row[name] or '·':>19}" for name in VERDICTS) for fault, row in matrix.items()]
    return "\n".join(lines)


def main(out: Path, seeds: list[int]) -> None:
    """Calibrate, test, print, and write the record."""
    torch.set_num_threads(1)
    first = [(case, gather(case.model, case.task, samples=200, seed=0)) for case in planted(seeds[0])]
    t = calibrated(first)
    judged = [
        (seed, case, gather(case.model, case.task, samples=200, seed=seed))
        for seed in seeds[1:]
        for case in planted(seed)
    ]
    print(f"thresholds from seed {seeds[0]}: {t}")
    pairs = [(case.fault, judge(e, t)[0]) for _, case, e in judged]
    matrix = {fault: {name: pairs.count((fault, name)) for name in VERDICTS} for fault in VERDICTS}
    print(confusion(matrix))
    right = sum(fault == verdict for fault, verdict in pairs) / len(pairs)
    print(f"\n{right:.1%} of {len(pairs)} right; on the cases that set the thresholds ", end="")
    print(f"{sum(case.fault == judge(e, t)[0] for case, e in first) / len(first):.1%} of {len(first)}")
    lines = [
        {"seed": seed, "fault": case.fault, "judged": judge(e, t)[0], "place": case.place, "name": case.name}
        | {key: value for key, value in asdict(e).items() if key != "answers"}
        | {"score": e.answers.score}
        for seed, case, e in [(seeds[0], case, e) for case, e in first] + judged
    ]
    for line in lines:
        if line["fault"] != line["judged"]:
            print(
                {
                    key: line[key]
                    for key in (
                        "seed",
                        "fault",
                        "judged",
                        "place",
                        "name",
                        "influence",
                        "oversmoothing_distance",
                        "loss_sensitivity",
                    )
                }
            )
    record = {"seeds": seeds, "thresholds": asdict(t), "machine": machine("cpu"), "right": right, "matrix": matrix}
    text = json.dumps(record | {"cases": lines}, indent=1, default=str)
    _files.write_text(out, text.replace("NaN", "null").replace("Infinity", "null") + "\n", overwrite=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/verdicts.json"), help="where the record goes")
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2], help="the first calibrates, the others test")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    main(arguments.out, arguments.seed)
