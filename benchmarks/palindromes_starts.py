"""The usual initial weights, tried for the reference's LSTM on palindromes of 20 digits given as one number.

The study does not say how its weights began. Every start draws all matrices, each gate's block by itself, and sets the
biases to 0; the forget gates can have a bias of 1. Training is the reference's: 128 units, RMSprop at 0.001, batches of
128, clip 10, until 100 batches on end are right; here for at most 3,000 of its 10,000 steps.

Result: of the starts tried only He's, W_hx ~ N(0, 2/F) with F = 1, solves 20 digits, in 2,087 steps. N(0, 1) is on its
way, at 38 %. Xavier's, N(0, 0.01), and He's with the sides of the matrix exchanged, whose W_hx ~ N(0, 2/H), are at
chance: gates with small weights are half open whatever the digit, so that the first is lost after some steps.

    python benchmarks/palindromes_starts.py --out docs/palindromes/starts.json     what is not finished, each run saved
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import graphseq as gs
from graphseq import _files, seeding
from graphseq.experiments.models import build_encoder
from graphseq.tasks import Palindrome
from graphseq.training.history import machine


def exchanged(block: Tensor) -> Tensor:
    """Draw He's weights for a matrix that multiplies from the other side."""
    return nn.init.kaiming_normal_(block.t())


STARTS: dict[str, Callable[[Tensor], Tensor]] = {
    "N(0, 1)": nn.init.normal_,
    "He": nn.init.kaiming_normal_,
    "N(0, 0.01)": partial(nn.init.normal_, std=0.1),
    "Xavier": nn.init.xavier_normal_,
    "He, exchanged": exchanged,
}


class Case(NamedTuple):
    """One training."""

    model: str
    start: str
    forget_bias: float
    length: int
    seed: int
    steps: int  #: at most


def run(case: Case) -> dict[str, Any]:
    """Train and test one model."""
    model, start, forget_bias, length, seed, steps = case
    task = Palindrome(length, encoding="scalar")
    with seeding.forked(seed, seeding.BUILD), torch.no_grad():
        encoder = build_encoder(model, 1, 128)
        for name, weight in encoder.named_parameters():
            for block in weight.split(128):
                nn.init.zeros_(block) if "bias" in name else STARTS[start](block)
        if forget_bias:
            gs.nn.forget_bias_(encoder, forget_bias)  # type: ignore[type-var]
        network = gs.nn.Model(encoder, task.out_channels)
        nn.init.zeros_(network.head.lin.bias)  # type: ignore[arg-type]
    history = gs.fit(network, task, steps=steps, batch_size=128, optimizer="RMSprop", lr=1e-3, clip=10.0, seed=seed)
    curve = [sum(history.score[i : i + 250]) / len(history.score[i : i + 250]) for i in range(0, history.steps, 250)]
    score = gs.evaluate(network, task, samples=1000, seed=seed).score
    record = {
        "config": case._asdict(),
        "steps": history.steps,
        "solved": history.solved,
        "accuracy": score,
        "curve": curve,
    }
    return {**record, "seconds": history.seconds, "machine": machine()}


def main(out: Path, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Run what is not finished, save each run, and return all."""
    runs: list[dict[str, Any]] = json.loads(out.read_text()) if out.exists() else []
    out.parent.mkdir(parents=True, exist_ok=True)
    for case in cases:
        if all(one["config"] != case._asdict() for one in runs):
            runs.append(run(case))
            _files.write_text(out, json.dumps(runs, indent=1) + "\n", overwrite=True)
    return runs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/palindromes/starts.jsonl"), help="the record")
    parser.add_argument("--model", default="LSTM", choices=["RNN", "LSTM"], help="the network")
    parser.add_argument("--length", type=int, nargs="+", default=[20], help="digits")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="trainings of each start")
    parser.add_argument("--steps", type=int, default=3000, help="at most so many")
    parser.add_argument("--forget-bias", type=float, default=0.0, help="bias of the forget gates")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # a processor needs ten times as long for gradients that vanish
    chosen = product([options.model], STARTS, [options.forget_bias], options.length, options.seeds, [options.steps])
    for one in main(options.out, [Case(*case) for case in chosen]):
        print(one["config"], f"{one['steps']} steps, {one['accuracy']:.1%} on fresh digits")
