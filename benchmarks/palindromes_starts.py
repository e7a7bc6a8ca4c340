"""The usual initial weights and settings, tried for the reference's LSTM on palindromes of 20 digits, each one number.

The study does not say how its weights began. Every start draws all matrices, each gate's block by itself, and sets the
biases to 0. Training is the reference's: 128 units, RMSprop at 0.001, batches of 128, clip 10, the loss at the last
step, until 100 batches on end are right; here for at most 3,000 of its 10,000 steps. A set-up differs from He's start
or from Xavier's in one setting: the bias of the forget gates, RMSprop's smoothing constant or its ε, or digits of 0 to
1 in place of 0 to 9. RMSprop is torch's, with ε beside the root; its defaults are 0.99 and 1e-8.

The question is which set-up gives the study's figure 2, an LSTM right at every length. The table is printed, and
docs/results/palindromes.md has it.

    python benchmarks/palindromes_starts.py --out docs/palindromes/starts.json     what is not finished, each run saved
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import graphseq as gs
from graphseq import _files, seeding
from graphseq.data.graph import SpaceTimeGraph
from graphseq.evaluation.tables import aligned
from graphseq.experiments.models import build_encoder
from graphseq.tasks import Palindrome
from graphseq.training.history import machine


def exchanged(block: Tensor) -> Tensor:
    """Draw He's weights for a matrix that multiplies from the other side."""
    return nn.init.kaiming_normal_(block.t())


STARTS: dict[str, Callable[[Tensor], Tensor]] = {
    "He": nn.init.kaiming_normal_,
    "He, exchanged": exchanged,
    "Xavier": nn.init.xavier_normal_,
    "N(0, 0.01)": partial(nn.init.normal_, std=0.1),
    "N(0, 1)": nn.init.normal_,
}


@dataclass(frozen=True)
class Setup:
    """The settings of a run without its seed."""

    start: str
    forget_bias: float = 0.0
    smoothing: float = 0.99  # of the mean of squared gradients
    eps: float = 1e-8
    divisor: float = 1.0  # of the digits

    @property
    def name(self) -> str:
        """The start, and the setting that differs."""
        usual = asdict(Setup(self.start))
        words = {"forget_bias": "forget bias", "smoothing": "smoothing", "eps": "ε =", "divisor": "digits divided by"}
        changes = [f"{words[key]} {value:g}" for key, value in asdict(self).items() if value != usual[key]]
        return ", ".join([self.start, *changes])


SETUPS = (
    *(Setup(start) for start in STARTS),
    Setup("Xavier", forget_bias=1.0),
    Setup("He", forget_bias=1.0),
    Setup("He", smoothing=0.9),
    Setup("He", eps=1e-4),
    Setup("He", divisor=9.0),
)


FARTHER = 100  #: digits at which memory is measured beside those of the training


class Divided(Palindrome):
    """Palindromes of digits as one number, divided.

    Args:
        length: n.
        divisor: what digits are divided by.
    """

    def __init__(self, length: int, divisor: float) -> None:
        super().__init__(length, encoding="scalar")
        self.divisor = divisor

    @property
    def config(self) -> dict[str, object]:
        """Name, length, encoding and divisor."""
        return {**super().config, "divisor": self.divisor}

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return ``size`` palindromes."""
        graph = super().batch(size, generator)
        return graph.replace(x=graph.x / self.divisor)


def network(setup: Setup, model: str, seed: int) -> nn.Module:
    """Return the model with these initial weights."""
    with seeding.forked(seed, seeding.BUILD), torch.no_grad():
        encoder = build_encoder(model, 1, 128)
        for name, weight in encoder.named_parameters():
            for block in weight.split(128):
                nn.init.zeros_(block) if "bias" in name else STARTS[setup.start](block)
        if setup.forget_bias:
            gs.nn.forget_bias_(encoder, setup.forget_bias)  # type: ignore[type-var]
        whole = gs.nn.Model(encoder, 10)
        nn.init.zeros_(whole.head.lin.bias)  # type: ignore[arg-type]
    return whole


@torch.no_grad()
def kept(network: nn.Module, task: Divided, seed: int, samples: int = 64) -> float:
    """Return the share of an LSTM's first cell state that is left at the last step, in the unit that keeps the most.

    It is the largest product of a unit's forget gates over all steps but the first, as the mean over palindromes.
    """
    kernel: Any = network.encoder.kernel  # type: ignore[union-attr]
    graph = task.batch(samples, torch.Generator().manual_seed(seed))
    digits = graph.x.view(samples, task.length - 1, 1)
    state = cell = left = torch.zeros(samples, kernel.hidden_size)
    for step in range(task.length - 1):
        gates = digits[:, step] @ kernel.weight_ih_l0.T + kernel.bias_ih_l0
        gates = gates + state @ kernel.weight_hh_l0.T + kernel.bias_hh_l0
        i, f, g, o = gates.chunk(4, dim=1)
        left = left + nn.functional.logsigmoid(f) if step else left
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        state = o.sigmoid() * cell.tanh()
    return float(left.exp().amax(dim=1).mean())


def run(setup: Setup, model: str, length: int, seed: int, steps: int) -> dict[str, Any]:
    """Train and test one model."""
    task = Divided(length, setup.divisor)
    trained = network(setup, model, seed)
    lengths = sorted({length, FARTHER}) if model == "LSTM" else []
    before = {str(n): kept(trained, Divided(n, setup.divisor), seed) for n in lengths}
    optimizer = partial(torch.optim.RMSprop, lr=1e-3, alpha=setup.smoothing, eps=setup.eps, foreach=True)
    history = gs.fit(trained, task, steps=steps, batch_size=128, optimizer=optimizer, clip=10.0, seed=seed)
    pieces = [history.score[i : i + 250] for i in range(0, history.steps, 250)]
    return {
        "config": config_of(setup, model, length, seed, steps),
        "steps": history.steps,
        "solved": history.solved,
        "kept": before,
        "accuracy": gs.evaluate(trained, task, samples=1000, seed=seed).score,
        "curve": [statistics.mean(piece) for piece in pieces],
        "seconds": history.seconds,
        "machine": machine(),
    }


def config_of(setup: Setup, model: str, length: int, seed: int, steps: int) -> dict[str, Any]:
    """Return the JSON object that identifies a run."""
    return {**asdict(setup), "model": model, "length": length, "seed": seed, "steps": steps}


def main(out: Path, setups: Sequence[Setup], model: str, length: int, seeds: Sequence[int], steps: int) -> list[Any]:
    """Run what is not finished, save each run, and return all; each set-up with the first seed before the second."""
    runs: list[dict[str, Any]] = json.loads(out.read_text()) if out.exists() else []
    out.parent.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for setup in setups:
            if all(one["config"] != config_of(setup, model, length, seed, steps) for one in runs):
                runs.append(run(setup, model, length, seed, steps))
                _files.write_text(out, json.dumps(runs, indent=1) + "\n", overwrite=True)
    return runs


def table(runs: Sequence[dict[str, Any]]) -> str:
    """Return a line for each set-up: the seeds that were solved, their steps, and the accuracies on fresh digits.

    Beside them is what the untrained network keeps of its first cell state, see :func:`kept`, as the mean over seeds.
    """
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for one in runs:
        settings = {key: one["config"][key] for key in asdict(Setup(""))}
        group = one["config"]["model"], Setup(**settings).name, one["config"]["length"]
        groups.setdefault(group, []).append(one)
    rows = [["model", "set-up", "digits", "seeds", "solved", "steps", "right at the end", "kept", f"of {FARTHER}"]]
    for (model, name, length), ones in groups.items():
        steps = ", ".join(str(one["steps"]) for one in ones if one["solved"]) or "none"
        right = ", ".join(f"{one['accuracy']:.1%}" for one in ones)
        solved = str(sum(one["solved"] for one in ones))
        measured = [n for n in (length, FARTHER) if ones[0]["kept"]]
        left = [f"{statistics.mean(one['kept'][str(n)] for one in ones):.2g}" for n in measured] or ["", ""]
        rows.append([model, name, str(length), str(len(ones)), solved, steps, right, *left])
    return aligned(rows, head=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/palindromes/starts.json"), help="the record")
    parser.add_argument("--model", default="LSTM", choices=["RNN", "LSTM"], help="the network")
    parser.add_argument("--length", type=int, default=20, help="digits")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="trainings of each set-up")
    parser.add_argument("--steps", type=int, default=3000, help="at most so many")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # a processor needs ten times as long for gradients that vanish
    gated = options.model == "LSTM"
    chosen = [setup for setup in SETUPS if gated or not setup.forget_bias]  # without gates there is no such bias
    print(table(main(options.out, chosen, options.model, options.length, options.seeds, options.steps)))
