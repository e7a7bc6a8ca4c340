"""The cost of reading sequences as graphs: the library's recurrent networks, and torch's on tensors by hand.

Forward and backward of a model of one layer that predicts one of F classes at every row, cross-entropy included, with
the same weights. On equal lengths the peer is torch's ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM`` and a linear map, on a
prepared tensor (T, B, F). On ragged lengths, drawn evenly from 1 to T, it is the same on sequences padded to the
longest, as one would write it by hand, from which the true steps are selected.

    OMP_NUM_THREADS=1 python benchmarks/recurrence.py --out recurrence.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch_geometric.data import Batch
from turns import compared, in_turn

import graphseq as gs
from graphseq.experiments.models import build_encoder
from graphseq.training.history import machine

SIZES = ((10, 128, 10, 128), (30, 64, 87, 128), (100, 64, 32, 64), (1000, 16, 32, 64))  # T, B, F, H
FAMILIES = ("RNN", "GRU", "LSTM")


def both_ways(forward: Callable[[], Tensor], y: Tensor, weights: list[nn.Parameter]) -> Callable[[], None]:
    """Return a forward and a backward pass, from logits and classes."""

    def once() -> None:
        for weight in weights:
            weight.grad = None
        torch.nn.functional.cross_entropy(forward(), y).backward()

    return once


def batch_of(sequences: list[Tensor], device: torch.device) -> gs.SpaceTimeGraph:
    """Return a batch of sequences."""
    batch: gs.SpaceTimeGraph = Batch.from_data_list([gs.from_sequence(x) for x in sequences])
    return batch.to(device)


def measure(
    family: str, size: tuple[int, int, int, int], rounds: int, seed: int, device: torch.device
) -> dict[str, object]:
    """Measure one size, with equal lengths and with ragged ones."""
    steps, count, channels, hidden = size
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = gs.nn.Model(build_encoder(family, channels, hidden), channels).to(device)
    kernel, head, weights = model.encoder.kernel, model.head.lin, list(model.parameters())
    equal = [torch.randn(steps, channels, generator=generator).to(device) for _ in range(count)]
    lengths = torch.randint(1, steps + 1, (count,), generator=generator).tolist()
    ragged = [x[:length] for x, length in zip(equal, lengths, strict=True)]
    ready, graph = torch.stack(equal, dim=1), batch_of(equal, device)
    there = pad_sequence([torch.ones(length, dtype=torch.bool) for length in lengths]).to(device)
    some = batch_of(ragged, device)
    y = [torch.randint(channels, (length,), generator=generator).to(device) for length in lengths]
    of_equal = torch.randint(channels, (steps * count,), generator=generator).to(device)
    same = {
        "graphseq": both_ways(lambda: model(graph), of_equal, weights),
        "bare": both_ways(lambda: head(kernel(ready)[0]).flatten(0, 1), of_equal, weights),
    }
    other = {
        "graphseq": both_ways(lambda: model(some), torch.cat(y), weights),
        "padded": both_ways(lambda: head(kernel(pad_sequence(ragged))[0][there]), pad_sequence(y)[there], weights),
    }
    same, other = in_turn(same, rounds, device), in_turn(other, rounds, device)
    return {"equal": compared(same, "bare"), "ragged": compared(other, "padded")}


def main() -> None:
    """Measure, print the results, and write them to the file of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25, help="rounds at each size")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the steps")
    parser.add_argument("--seed", type=int, default=0, help="of numbers and lengths")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="where to compute")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    results = {}
    for family in FAMILIES:
        for steps, *rest in SIZES:
            size = (max(2, round(options.scale * steps)), *rest)
            name = "{} T={} B={} F={} H={}".format(family, *size)
            row = results[name] = measure(family, size, options.rounds, options.seed, options.device)
            equal, ragged = (row[kind]["graphseq"] for kind in ("equal", "ragged"))
            print(
                f"{name}: {equal['times_bare']['median']:.3f} times the bare kernel on equal lengths, "
                f"{ragged['times_padded']['median']:.3f} times padding on ragged ones",
                flush=True,
            )
    if options.out:
        settings = {"scale": options.scale, "rounds": options.rounds, "seed": options.seed}
        options.out.write_text(
            json.dumps({"settings": settings, "results": results, "machine": machine(options.device)}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
