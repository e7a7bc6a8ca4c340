"""First steps: four families on the same paths, and why some of them fail.

The last digit of a palindrome equals its first. To predict it, a model must carry the first digit over all others. Here
the path has 7 rows, so the target row is 6 hops from the source:

- a GCN of 4 layers cannot see that far: it stays at chance, about 10 %, however long it trains;
- a recurrence needs one layer: RNN and LSTM reach 100 %;
- the GCN-LSTM on the sequence is the LSTM, to the last bit.

Run it with ``python examples/first_steps.py``; it takes a few seconds and draws nothing.
"""

from __future__ import annotations

import argparse

import torch

import graphseq as gs
from graphseq.cli.messages import refusals


def main(steps: int) -> dict[str, gs.Evaluation]:
    """Train each family for at most ``steps`` steps and return its evaluation."""
    task = gs.tasks.Palindrome(length=8)
    families = {
        "GCN, 4 layers": lambda: gs.nn.GCN(task.in_channels, 64, num_layers=4),
        "RNN": lambda: gs.nn.RNN(task.in_channels, 64),
        "LSTM": lambda: gs.nn.LSTM(task.in_channels, 64),
        "GCN-LSTM": lambda: gs.nn.GCNLSTM(task.in_channels, 64),
    }
    results = {}
    for name, encoder in families.items():
        torch.manual_seed(0)
        model = gs.nn.Model(encoder(), task.out_channels)
        gs.fit(model, task, steps=steps, batch_size=64, optimizer="Adam", lr=3e-3)
        results[name] = gs.evaluate(model, task, seed=1)
        seen = gs.reach.hops_reached(model, task)
        print(f"{name:13}  sees {seen} of the {task.hops} hops it needs: {results[name]}")
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600, help="largest number of training steps of each model")
    options = parser.parse_args()
    with refusals(parser):
        main(options.steps)
