"""``PathAttention`` on Tree-NeighborsMatch, where all pairs of key and value must pass two rows, and one is asked for.

A graph convolution carries all 2^r pairs through the two rows below the root, a message of at least 2^r r bits. The
root needs one of them. Attention along paths asks before it carries: the root's query meets the keys of its
descendants, and one value comes.

With random first weights ("random") the pairs of a query and its key are learned one by one, each from the samples that
ask for it, while the attention of the others is spread over 2^(r+1) - 1 rows: the gradient that tells a value falls as
2^-r, and so does the share of samples that ask for a key. Since query and keys are written in the same features, states
that are compared as they are ("alike", the encoder's own first weights) find the right leaf before any training, up to
the noise of H random numbers: a score of about √(H/2) against N(0, 1) of the others.

For speed a model is trained in a form that has its outputs to the last digits (a test compares them): the root alone is
asked, the 2^r - 2 rows between it and the leaves all have the input 0, and the first map of a one-hot input is a row of
its matrix. The trained model is then tested as it is, on new trees.

Run it with ``python benchmarks/longrange_match.py``: a minute on one core. No sample is repeated, so that accuracy in
training is that on new samples; both are written to docs/longrange/match.json.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import torch
from torch import Tensor

import graphseq as gs
from graphseq import _files, seeding
from graphseq.training.history import machine


def root_outputs(model: gs.nn.Model, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return what a model of one layer says at the root of each tree, (B, C).

    Args:
        model: with a ``PathAttention`` of one layer.
        query: the key that the root asks for, (B,).
        keys: of the leaves, (B, 2^r).
        values: of the leaves, (B, 2^r).
    """
    lin, block = model.encoder.lin, model.encoder.blocks[0]
    count, table = keys.shape[1], lin.weight.t()
    root, leaf = (table[query] + lin.bias)[:, None], table[keys] + table[count + values] + lin.bias
    h = torch.cat([root, lin.bias.expand_as(root), leaf], dim=1)
    x = block.norm_attention(h)
    score = (block.query(x[:, :1]) * block.key(x)).sum(2) * x.shape[2] ** -0.5
    times = score.new_zeros(count + 2)
    times[1] = math.log(count - 2)  # rows between the root and the leaves
    read = ((score + times).softmax(1)[:, :, None] * block.value(x)).sum(1)
    h = h[:, 0] + block.out(read)
    output: Tensor = model.head.lin(h + block.mlp(block.norm_mlp(h)))
    return output


def run(depth: int, seed: int, steps: int, size: int, lr: float, first: str) -> dict[str, float]:
    """Train one model; stop when the last hundred batches were right."""
    task, count = gs.tasks.NeighborsMatch(depth), 2**depth
    with seeding.forked(seed, seeding.BUILD):
        encoder = gs.nn.PathAttention(task.in_channels, 64)
        if first == "random":
            for block in encoder.blocks:
                block.query.reset_parameters()
                block.key.reset_parameters()
        model = gs.nn.Model(encoder, task.out_channels)
    optimizer, generator = torch.optim.Adam(model.parameters(), lr), torch.Generator().manual_seed(seed)
    begun, scores, rows = time.process_time(), [], torch.arange(size)
    for step in range(steps):
        keys = torch.rand(size, count, generator=generator).argsort(1)
        values = torch.randint(count, (size, count), generator=generator)
        asked = torch.randint(count, (size,), generator=generator)
        y = values[rows, asked]
        output = root_outputs(model, keys[rows, asked], keys, values)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(output, y).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scores.append(float((output.argmax(1) == y).double().mean()))
        if step % 100 == 99 and sum(scores[-100:]) > 99:
            break
    right = 0.0
    new = torch.Generator().manual_seed(10**6 + seed)
    for _ in range(8):
        batch = task.batch(32, new)
        with torch.no_grad():
            right += float(task.score(model(batch), batch.y).mean()) / 8
    return {
        "training accuracy": sum(scores[-100:]) / len(scores[-100:]),
        "accuracy on new samples": right,
        "steps": len(scores),
        "seconds": time.process_time() - begun,
    }


def main() -> None:
    """Run all depths and seeds, and write down what each gives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depths", type=int, nargs="+", default=[4, 5, 6, 8])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=1000)
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
