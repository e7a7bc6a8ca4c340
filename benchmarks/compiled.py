"""Models compiled by torch.compile against the same as they are: a pass, and a step of training without the optimiser.

``torch.compile(OnTopology(encoder, graph), fullgraph=True)``, by inductor, which needs a C++ compiler. All run in turn
in one process, and a ratio is of one round, in the processor's time: above 1, the model as it is takes longer.

    OMP_NUM_THREADS=1 python benchmarks/compiled.py --out compiled.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from turns import spread

import graphseq as gs
from graphseq.training.history import machine

FEATURES, HIDDEN = 8, 64
Case = tuple[Callable[[], gs.nn.Encoder], gs.SpaceTimeGraph]


def cases(scale: float) -> dict[str, Case]:
    """Return encoders and graphs by name."""
    few, many, steps = (max(4, int(scale * size)) for size in (2000, 20_000, 30))
    generator = torch.Generator().manual_seed(0)

    def random(rows: int) -> gs.SpaceTimeGraph:
        edges = torch.randint(rows, (2, 5 * rows), generator=generator)
        x = torch.randn(rows, FEATURES, generator=generator)
        return gs.SpaceTimeGraph(x, torch.arange(rows), torch.zeros(rows, dtype=torch.long), edges)

    none, hops = torch.zeros(2, 0, dtype=torch.long), torch.arange(19)
    sequences = gs.from_signal(torch.randn(steps, 64, FEATURES, generator=generator), none)
    path = gs.from_signal(torch.randn(min(10, steps), 20, FEATURES, generator=generator), torch.stack([hops, hops + 1]))
    small, large = random(few), random(many)
    return {
        f"GCN, {few:,} rows": (lambda: gs.nn.GCN(FEATURES, HIDDEN, 4), small),
        f"GCN, {many:,} rows": (lambda: gs.nn.GCN(FEATURES, HIDDEN, 8), large),
        f"GCNII, {few:,} rows": (lambda: gs.nn.GCNII(FEATURES, HIDDEN, 4), small),
        f"WaveGCN, {few:,} rows": (lambda: gs.nn.WaveGCN(FEATURES, HIDDEN, 4), small),
        f"LSTM, 64 sequences of {steps}": (lambda: gs.nn.LSTM(FEATURES, HIDDEN), sequences),
        f"GRU, 64 sequences of {steps}": (lambda: gs.nn.GRU(FEATURES, HIDDEN), sequences),
        f"RNN, 64 sequences of {steps}": (lambda: gs.nn.RNN(FEATURES, HIDDEN), sequences),
        f"MinGRU, 64 sequences of {steps}": (lambda: gs.nn.MinGRU(FEATURES, HIDDEN), sequences),
        f"GCN-LSTM, 20 nodes, {min(10, steps)} steps": (lambda: gs.nn.GCNLSTM(FEATURES, HIDDEN), path),
    }


def seconds(once: Callable[[], object], passes: int = 5) -> float:
    """Return the processor's time of a pass."""
    start = time.process_time()
    for _ in range(passes):
        once()
    return (time.process_time() - start) / passes


def measure(case: Case, rounds: int, backend: str) -> dict[str, object]:
    """Return the seconds of compilation, and the ratios of a pass and of a step."""
    build, graph = case
    torch.manual_seed(0)
    encoder, x = build(), graph.x
    weights = list(encoder.parameters())
    torch.compiler.reset()
    start = time.perf_counter()
    compiled = torch.compile(gs.nn.OnTopology(encoder, graph), fullgraph=True, backend=backend)

    def step(forward: Callable[[], Tensor]) -> None:
        torch.autograd.grad(forward().square().mean(), weights)

    def plain() -> Tensor:
        out: Tensor = encoder(graph)
        return out

    step(lambda: compiled(x))
    found: dict[str, object] = {"compilation_s": time.perf_counter() - start}
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), plain(), rtol=1e-3, atol=1e-4)
        pairs = [(seconds(plain), seconds(lambda: compiled(x))) for _ in range(rounds)]
    found["pass"] = {"milliseconds": min(a for a, _ in pairs) * 1e3, **_ratios(pairs)}
    pairs = [(seconds(lambda: step(plain)), seconds(lambda: step(lambda: compiled(x)))) for _ in range(rounds)]
    found["step"] = {"milliseconds": min(a for a, _ in pairs) * 1e3, **_ratios(pairs)}
    return found


def _ratios(pairs: list[tuple[float, float]]) -> dict[str, object]:
    fastest = min(a for a, _ in pairs) / min(b for _, b in pairs)
    return {"of_the_fastest": fastest, "of_rounds": spread([a / b for a, b in pairs])._asdict()}


def main() -> None:
    """Measure, print the results, and write them to the file of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows and steps")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of turns, at least 2")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="models whose names begin so")
    parser.add_argument("--backend", default="inductor", help="of torch.compile")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    results = {}
    for name, case in cases(options.scale).items():
        if options.only and not name.startswith(tuple(options.only)):
            continue
        row = results[name] = measure(case, options.rounds, options.backend)
        once, step = row["pass"], row["step"]
        print(
            f"{name:32} compiled in {row['compilation_s']:5.1f} s; as it is, times compiled: a pass "
            f"{once['of_the_fastest']:.2f}, a step {step['of_the_fastest']:.2f}",
            flush=True,
        )
        if options.out:
            record = {"rounds": options.rounds, "results": results, "machine": machine()}
            options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
