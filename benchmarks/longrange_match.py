"""``PathAttention`` on Tree-NeighborsMatch, where all pairs of key and value must pass two rows, and one is asked for.

A graph convolution carries all 2^r pairs through the two rows below the root, a message of at least 2^r r bits. The
root needs one of them. Attention along paths asks before it carries: the root's query meets the keys of its
descendants, and one value comes.

With random first weights ("random") the pairs of a query and its key are learned one by one, each from the samples that
ask for it, while the attention of the others is spread over 2^(r+1) - 1 rows: the gradient that tells a value falls as
2^-r, and so does the share of samples that ask for a key. Since query and keys are written in the same features, states
that are compared as they are ("alike", the encoder's own first weights) find the right leaf before any training, up to
the noise of H random numbers: a score of about √(H/2) against N(0, 1) of the others.

Run it with ``python benchmarks/longrange_match.py``: some minutes a seed at r = 8. No sample is repeated, so that
accuracy in training is that on new samples; both are written to docs/longrange/match.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

import graphseq as gs
from graphseq import _files, seeding
from graphseq.training.history import machine


def run(depth: int, seed: int, steps: int, size: int, lr: float, first: str) -> dict[str, float]:
    """Train one model; stop when the last hundred batches were right."""
    task = gs.tasks.NeighborsMatch(depth)
    with seeding.forked(seed, seeding.BUILD):
        encoder = gs.nn.PathAttention(task.in_channels, 64)
        if first == "random":
            for block in encoder.blocks:
                block.query.reset_parameters()
                block.key.reset_parameters()
        model = gs.nn.Model(encoder, task.out_channels)
    optimizer, generator = torch.optim.Adam(model.parameters(), lr), torch.Generator().manual_seed(seed)
    begun, scores = time.perf_counter(), []
    for step in range(steps):
        batch = task.batch(size, generator)
        output = model(batch)
        optimizer.zero_grad()
        task.loss(output, batch.y).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scores.append(float(task.score(output, batch.y).mean()))
        if step % 100 == 99:
            recent = sum(scores[-100:]) / 100
            print(depth, seed, step + 1, recent, round(time.perf_counter() - begun), flush=True)
            if recent > 0.99:
                break
    new = task.batch(256, torch.Generator().manual_seed(10**6 + seed))
    with torch.no_grad():
        accuracy = float(task.score(model(new), new.y).mean())
    return {
        "training accuracy": sum(scores[-100:]) / len(scores[-100:]),
        "accuracy on new samples": accuracy,
        "steps": len(scores),
        "seconds": time.perf_counter() - begun,
    }


def main() -> None:
    """Run all depths and seeds, and write down what each gives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depths", type=int, nargs="+", default=[4, 6, 8])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--first", choices=["alike", "random"], default="alike")
    parser.add_argument("--out", type=Path, default=Path("docs/longrange"))
    asked = parser.parse_args()
    path = asked.out / "match.json"
    record = json.loads(path.read_text()) if path.exists() else {"machine": machine()}
    for depth in asked.depths:
        for seed in asked.seeds:
            key = f"r = {depth} | {asked.first} | {seed}"
            if key not in record:
                record[key] = run(depth, seed, asked.steps, asked.batch_size, asked.lr, asked.first)
                asked.out.mkdir(parents=True, exist_ok=True)
                _files.write_text(path, json.dumps(record, indent=1) + "\n", overwrite=True)


if __name__ == "__main__":
    main()
