"""Is one process that trains many seeds at once faster than processes that train one seed each?

K small models from K seeds, S steps of Adam on batches of their own. *Separate* is what a sweep does: ``gs.fit`` for
one seed after another, in two processes of one thread each. *Stacked*: the weights of all seeds in one tensor, with
``torch.func.stack_module_state``; ``vmap`` over the gradient of the loss, each seed's gradient scaled to the largest
norm by itself, one Adam for all. Once as one process on two threads, and once as two processes of one thread, half the
seeds in each. A GCN runs as it is, for Â x has a rule for ``vmap``; the RNN runs as a loop over its steps, since
torch's fused kernel has none.

All do the same: in double precision losses agree to 1e-5 with those of ``gs.fit``, which is checked first. (In single
precision an RNN's training can drive rounding apart; how far is in the record.) They take turns, and a ratio is
that of one round; the result is its median, with the middle half. At 2 and above, stacking would be worth being the
way that small models are trained in.

What to expect: the more of a step is overhead, the more stacking gains; it loses where the RNN's kernel is needed, and
where numbers, not calls, take the time. And seeds that are solved stop one by one only when they are separate: this
counts equal steps for all, which is the best case for stacking.

    OMP_NUM_THREADS=1 python benchmarks/many_seeds.py --out docs/benchmarks/many_seeds.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from pathlib import Path

import torch
from joblib import Parallel, delayed
from torch import Tensor
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.nn.functional import cross_entropy, linear

import graphseq as gs
from graphseq import _files, nn, seeding
from graphseq.history import machine
from graphseq.nn.cells import rnn_cell

LR, CLIP = 3e-3, 1.0
Losses = list[list[float]]  # a list a seed, a number a step
Answer = Callable[[nn.Model, dict[str, Tensor], gs.SpaceTimeGraph, Tensor], Tensor]


def build(family: str, task: gs.tasks.Task, hidden: int, seed: int) -> nn.Model:
    """A model from a seed."""
    with seeding.forked(seed, seeding.BUILD):
        encoder = (
            nn.GCN(task.in_channels, hidden, num_layers=4) if family == "GCN" else nn.RNN(task.in_channels, hidden)
        )
        return nn.Model(encoder, task.out_channels)


def task_of(family: str, length: int) -> gs.tasks.Task:
    """What a family learns: a GCN of 4 layers sees 4 hops."""
    return gs.tasks.Transfer(5) if family == "GCN" else gs.tasks.Palindrome(length)


def separate(family: str, length: int, hidden: int, batch: int, steps: int, seed: int) -> list[float]:
    """Losses of one seed by ``gs.fit``."""
    torch.set_num_threads(1)
    task = task_of(family, length)
    settings = {"optimizer": "Adam", "lr": LR, "clip": CLIP, "seed": seed, "solved_at": None}
    return gs.fit(build(family, task, hidden, seed), task, steps=steps, batch_size=batch, **settings).loss  # type: ignore[arg-type]


def as_it_is(model: nn.Model, weights: dict[str, Tensor], graph: gs.SpaceTimeGraph, x: Tensor) -> Tensor:
    """Outputs (B, C) of a model with other weights, on a graph with other features."""
    other = copy(graph)
    other["x"] = x
    return functional_call(model, weights, (other,))  # type: ignore[no-any-return]


def as_a_loop(_: nn.Model, weights: dict[str, Tensor], graph: gs.SpaceTimeGraph, x: Tensor) -> Tensor:
    """Outputs (B, C) of an RNN of one layer, step by step."""
    w_x, w_h, b_x, b_h = (weights[f"encoder.kernel.{n}_l0"] for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    driven = linear(x, w_x, b_x + b_h).unflatten(0, (graph.num_graphs, -1))
    h = driven.new_zeros(graph.num_graphs, w_h.shape[0])
    for step in driven.unbind(1):
        h = rnn_cell(step + linear(h, w_h))
    return linear(h, weights["head.lin.weight"], weights["head.lin.bias"])


def stacked(
    family: str, length: int, hidden: int, batch: int, steps: int, seeds: Sequence[int], threads: int
) -> Losses:
    """Losses of many seeds at once."""
    torch.set_num_threads(threads)
    task = task_of(family, length)
    models = [build(family, task, hidden, seed) for seed in seeds]
    weights, _ = stack_module_state(models)  # type: ignore[arg-type]
    optimizer = torch.optim.Adam(weights.values(), lr=LR, fused=True)
    answer: Answer = as_it_is if family == "GCN" else as_a_loop
    generator, losses = torch.Generator(), []
    for step in range(steps):
        drawn = [
            task.batch(batch, generator.manual_seed(seeding.derive_pair(seed, seeding.TRAIN, step)[0]))
            for seed in seeds
        ]
        x, y = torch.stack([graph.x for graph in drawn]), torch.stack([graph.y for graph in drawn])
        losses.append(step_of(weights, optimizer, partial(answer, models[0]), drawn[0], x, y))
    return [list(each) for each in zip(*losses, strict=True)]


def step_of(
    weights: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    answer: Callable[[dict[str, Tensor], gs.SpaceTimeGraph, Tensor], Tensor],
    graph: gs.SpaceTimeGraph,
    x: Tensor,
    y: Tensor,
) -> list[float]:
    """One step of all seeds, each with its own gradient norm; their losses."""
    detached = {name: value.detach() for name, value in weights.items()}
    loss_of = grad_and_value(lambda own, own_x, own_y: cross_entropy(answer(own, graph, own_x), own_y))
    gradients, loss = vmap(loss_of)(detached, x, y)
    norm = torch.stack([g.flatten(1).norm(dim=1) for g in gradients.values()]).norm(dim=0)
    scale = (CLIP / (norm + 1e-6)).clamp(max=1)
    for name, value in weights.items():
        value.grad = gradients[name] * scale.view(-1, *[1] * (value.dim() - 1))
    optimizer.step()
    found: list[float] = loss.tolist()
    return found


def contenders(
    family: str, length: int, hidden: int, batch: int, steps: int, seeds: int
) -> dict[str, Callable[[], Losses]]:
    """The three ways to the same losses."""
    one = partial(separate, family, length, hidden, batch, steps)
    many = partial(stacked, family, length, hidden, batch, steps)
    halves = [range(0, seeds, 2), range(1, seeds, 2)]

    def in_halves() -> Losses:
        even, odd = Parallel(n_jobs=2, batch_size=1)(delayed(many)(half, 1) for half in halves)
        return [(even, odd)[seed % 2][seed // 2] for seed in range(seeds)]

    return {
        "separate": lambda: Parallel(n_jobs=2, batch_size=1)(delayed(one)(seed) for seed in range(seeds)),
        "stacked, two threads": lambda: many(range(seeds), 2),
        "stacked, two processes": in_halves,
    }


def check(family: str, length: int, hidden: int, batch: int, steps: int, seeds: Sequence[int]) -> None:
    """Refuse to compare ways whose losses are not the same."""
    torch.set_default_dtype(torch.float64)
    try:
        many = torch.tensor(stacked(family, length, hidden, batch, steps, seeds, 1))
        alone = torch.tensor([separate(family, length, hidden, batch, steps, seed) for seed in seeds])
        torch.testing.assert_close(many, alone, rtol=0, atol=1e-5)
    finally:
        torch.set_default_dtype(torch.float32)


def measure(
    family: str, length: int, hidden: int, batch: int, steps: int, seeds: int, rounds: int
) -> dict[str, object]:
    """Seconds of each, in turn, and how many times faster than separate ones it is; and how far losses are apart."""
    ways = contenders(family, length, hidden, batch, steps, seeds)
    check(family, length, hidden, batch, steps, range(min(seeds, 3)))
    losses = {name: torch.tensor(way(), dtype=torch.float64) for name, way in ways.items()}  # warms up, too
    apart = max(float((each - losses["separate"]).abs().max()) for each in losses.values())
    times = [{name: seconds(way) for name, way in ways.items()} for _ in range(rounds)]
    return {
        **{"family": family, "length": length, "hidden": hidden, "batch": batch, "steps": steps, "seeds": seeds},
        "largest_difference_of_losses_in_single_precision": apart,
        "seconds": {name: quartiles([each[name] for each in times]) for name in ways},
        "times_faster": {
            name: quartiles([each["separate"] / each[name] for each in times]) for name in ways if name != "separate"
        },
    }


def seconds(way: Callable[[], Losses]) -> float:
    """How long it takes, workers being there."""
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


def quartiles(values: Sequence[float]) -> dict[str, float]:
    """The median and the ends of the middle half."""
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median": middle, "low": low, "high": high}


def main() -> None:
    """Measure, print, and write the record where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", nargs="+", choices=["GCN", "RNN"], default=["GCN", "RNN"])
    parser.add_argument("--seeds", type=int, default=16, help="K")
    parser.add_argument("--steps", type=int, default=50, help="S; losses are compared over all of them")
    parser.add_argument("--hidden", type=int, nargs="+", default=[16, 64], help="H")
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 128], help="B")
    parser.add_argument("--length", type=int, default=10, help="digits of the RNN's palindromes")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of turns, at least 2")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    if options.out and options.out.exists():
        parser.error(f"{options.out} is already there; choose another --out")
    results = []
    for family in options.family:
        for hidden in options.hidden:
            for batch in options.batch:
                found = measure(family, options.length, hidden, batch, options.steps, options.seeds, options.rounds)
                results.append(found)
                for name, ratio in found["times_faster"].items():  # type: ignore[attr-defined]
                    print(
                        f"{family} H={hidden:3} B={batch:4} {name:24}{ratio['median']:6.2f} times as fast as separate, "
                        f"{ratio['low']:.2f} to {ratio['high']:.2f}"
                    )
    if options.out:
        record = {
            "config": {"lr": LR, "clip": CLIP, "rounds": options.rounds},
            "results": results,
            "machine": machine(),
        }
        _files.write_text(options.out, json.dumps(record, indent=1) + "\n", overwrite=False)


if __name__ == "__main__":
    main()
