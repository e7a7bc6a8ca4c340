"""A GPU in five parts: contracts, graph convolutions, GCN-LSTM, scan and bfloat16. ``gpu.sh`` runs it.

Each part runs in a process of its own with a limit of seconds, so that one that fails or hangs costs no other, and the
record is written after each:

1. contract: states and gradients of encoders equal those on the processor, a run that is stopped and resumed equals
   one that is not, random numbers of the device are left alone by ``evaluate``, a graph and a model on different
   devices are refused by name, ``diagnose`` answers
2. gcn: a layer, and a training step of 8 layers, against PyG on ``edge_index``, and compiled
3. gcn_lstm: 30 steps at 20, 1,000 and 10,000 nodes, also as one CUDA graph, against PyG Temporal's cell where it is
   installed, else the same cell written out with PyG's ``ChebConv`` of K = 2 in its gates, and cuDNN's LSTM
4. scan: ``linear_scan`` over T = 100,000 against a loop
5. bfloat16: training steps in it against float32

    benchmarks/gpu.sh --out gpu.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import ChebConv, GCNConv
from turns import compared, in_turn

import graphseq as gs
from graphseq.training.history import machine

Row = dict[str, Any]
Turns = Mapping[str, Callable[[], object]]


def path(nodes: int) -> Tensor:
    """Return the edges of a path, both ways."""
    first = torch.arange(nodes - 1)
    return torch.stack([torch.cat([first, first + 1]), torch.cat([first + 1, first])])


def backward(forward: Callable[[], Tensor]) -> Tensor:
    """A forward and a backward pass."""
    out = forward()
    out.float().square().mean().backward()
    return out.detach()


def tried(passes: dict[str, Callable[[], Callable[[], object]]], rounds: int, device: torch.device) -> Row:
    """Times of those that can be built and run, in turn, and the ratios to ours; errors of the others."""
    ready: dict[str, Callable[[], object]] = {}
    errors: dict[str, str] = {}
    for name, build in passes.items():
        try:
            once = build()
            once()
            ready[name] = once
        except Exception as error:  # what one cannot do must not keep the others from the record
            if name == "graphseq":
                raise
            errors[name] = f"{type(error).__name__}: {error}"[:500]
    return {**compared(in_turn(ready, rounds, device), "graphseq"), **({"failed": errors} if errors else {})}


# The parts


def contract(device: torch.device, tiny: bool) -> Row:
    """Answers and promises on the device, true or false by name."""
    graph = gs.from_signal(torch.randn(6, 5, 3, dtype=torch.float64), path(5))
    encoders = [gs.nn.GCN, gs.nn.LSTM, gs.nn.GCNLSTM] if tiny else [gs.nn.GCN, gs.nn.GCNII, gs.nn.Transformer]
    if not tiny:
        encoders += [gs.nn.RNN, gs.nn.GRU, gs.nn.LSTM, gs.nn.GCNLSTM, gs.nn.GCNGRU, gs.nn.MinGRU, gs.nn.LRU]
    found: Row = {}
    for kind in encoders:
        torch.manual_seed(0)
        encoder = kind(3, 8).double()
        expected = _with_gradients(encoder, graph)
        there = _with_gradients(encoder.to(device), graph.clone().to(device))
        pairs = zip(there, expected, strict=True)
        found[f"{kind.__name__} as on the processor"] = all(
            torch.allclose(a.cpu(), b, rtol=1e-8, atol=1e-10) for a, b in pairs
        )
    task = gs.tasks.Palindrome(6)
    for name, build in (("GCN", gs.nn.GCN), ("LSTM", gs.nn.LSTM)):
        found[f"{name} resumed as without a stop"] = _resumes(task, build, device)
    model = gs.nn.Model(gs.nn.GCN(task.in_channels, 8), task.out_channels)
    gs.fit(model, task, steps=2, seed=0, device=str(device))
    state = torch.cuda.get_rng_state() if device.type == "cuda" else torch.get_rng_state()
    gs.evaluate(model, task, samples=20, seed=1, device=str(device))
    after = torch.cuda.get_rng_state() if device.type == "cuda" else torch.get_rng_state()
    found["evaluate leaves random numbers alone"] = torch.equal(state, after)
    if device.type == "cuda":
        found["mixed devices are refused by name"] = _refuses(gs.nn.GCN(3, 8).double().to(device), graph)
    else:
        print("  mixed devices: skipped, there is one device here", flush=True)
    start = time.perf_counter()
    found["diagnose"] = str(gs.diagnose(model, task))[:200]
    found["diagnose, seconds"] = time.perf_counter() - start
    return found


def _with_gradients(encoder: nn.Module, graph: gs.SpaceTimeGraph) -> list[Tensor]:
    x = graph.x.detach().clone().requires_grad_()
    out = encoder(graph.replace(x=x))
    direction = torch.linspace(-1, 1, out.numel(), dtype=out.dtype, device=out.device).view_as(out)
    return [out.detach(), *torch.autograd.grad(out, [x, *encoder.parameters()], direction)]


def _resumes(task: gs.tasks.Task, build: Callable[[int, int], gs.nn.Encoder], device: torch.device) -> bool:
    weights = []
    with tempfile.TemporaryDirectory() as folder:
        for stops in ((6,), (3, 6)):
            torch.manual_seed(0)
            model = gs.nn.Model(build(task.in_channels, 8), task.out_channels)
            for number, steps in enumerate(stops):
                gs.fit(
                    model,
                    task,
                    steps=steps,
                    seed=0,
                    device=str(device),
                    checkpoint_path=Path(folder) / f"{len(stops)}.pt",
                    resume=number > 0,
                    stop_threshold=None,
                )
            weights.append([weight.detach().cpu() for weight in model.parameters()])
    return all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


def _refuses(model: nn.Module, graph: gs.SpaceTimeGraph) -> bool:
    try:
        model(graph)
    except (ValueError, RuntimeError) as error:
        return "cuda" in str(error) and "cpu" in str(error)
    return False


def gcn(device: torch.device, tiny: bool) -> Row:
    """One layer and a training step of eight, on paths and random graphs."""
    rows, rounds, layers = (60, 2, 2) if tiny else (100_000, 7, 8)
    few = 60 if tiny else 3840
    hops = torch.arange(few).view(-1, 30)
    many = torch.stack([hops[:, :-1].flatten(), hops[:, 1:].flatten()])
    random = torch.randint(rows, (2, 4 * rows), generator=torch.Generator().manual_seed(0))
    cases = {
        f"{few // 30} paths of 30 rows, 128 channels": (torch.cat([many, many.flip(0)], dim=1), few, 128),
        "a path, 64 channels": (path(rows), rows, 64),
        "random, 64 channels": (random, rows, 64),
    }
    found: Row = {}
    for name, (edges, count, width) in cases.items():
        x, edge_index = torch.randn(count, width, device=device), edges.to(device)
        node, at = torch.arange(count, device=device), torch.zeros(count, dtype=torch.long, device=device)
        graph = gs.SpaceTimeGraph(x, node, at, edge_index)
        for depth in (1, layers):
            ours = gs.nn.GCN(width, width, depth).to(device)
            theirs = Stack(width, depth).to(device)
            passes = {
                "graphseq": lambda ours=ours, graph=graph: partial(_step, ours, (graph,)),
                "PyG": lambda theirs=theirs, x=x, e=edge_index: partial(_step, theirs, (x, e)),
            }
            if not tiny:
                passes["PyG, compiled"] = lambda theirs=theirs, x=x, e=edge_index: partial(
                    _step, torch.compile(theirs), (x, e)
                )
            found[f"{name}, {depth} layers"] = tried(passes, rounds, device)
    return found


class Stack(nn.Module):
    """PyG's convolutions with ReLU between them."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(GCNConv(width, width) for _ in range(depth))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """States after all."""
        for number, conv in enumerate(self.convs):
            x = conv(x.relu() if number else x, edge_index)
        return x


def _step(model: nn.Module, given: tuple[object, ...]) -> None:
    """A forward and a backward pass, and a step of gradient descent."""
    model.zero_grad()
    model(*given).square().mean().backward()
    with torch.no_grad():
        for weight in model.parameters():
            weight.sub_(weight.grad, alpha=1e-6)  # type: ignore[arg-type]


def gcn_lstm(device: torch.device, tiny: bool) -> Row:
    """Thirty steps, forward and backward."""
    steps, features, hidden = (3 if tiny else 30), 4, 32
    found: Row = {}
    for nodes in (5,) if tiny else (20, 1000, 10_000):
        torch.manual_seed(0)
        x, edge_index = torch.randn(steps, nodes, features, device=device), path(nodes).to(device)
        graph = gs.from_signal(x, edge_index)
        encoder, lstm = gs.nn.GCNLSTM(features, hidden).to(device), nn.LSTM(features, hidden).to(device)
        cell = Cell(features, hidden).to(device)
        passes = {
            "graphseq": lambda e=encoder, g=graph: partial(backward, partial(e, g)),
            "PyG's ChebConv in the gates": lambda c=cell, x=x, e=edge_index: partial(backward, partial(c, x, e)),
            "LSTM without a graph": lambda m=lstm, x=x: partial(backward, lambda: m(x)[0]),
        }
        if device.type == "cuda":
            passes["graphseq, a CUDA graph"] = lambda e=encoder, g=graph: partial(backward, _captured(e, g))
        found[f"{nodes} nodes"] = tried(passes, 2 if tiny else 7, device)
    return found


def _captured(encoder: gs.nn.Encoder, graph: gs.SpaceTimeGraph) -> Callable[[], Tensor]:
    """The operations of the encoder on its graph, launched at once."""
    fixed = gs.nn.OnTopology(encoder, graph)
    captured = torch.cuda.make_graphed_callables(fixed, (graph.x.clone(),))
    return partial(captured, graph.x)


class Cell(nn.Module):
    """PyG Temporal's ``GConvLSTM`` as it computes: eight ``ChebConv`` of K = 2 a step, and peepholes."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.of_x = nn.ModuleList(ChebConv(features, hidden, 2) for _ in range(4))
        self.of_h = nn.ModuleList(ChebConv(hidden, hidden, 2) for _ in range(4))
        self.peepholes = nn.Parameter(torch.zeros(3, hidden))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """States after each step, (T, N, H)."""
        h = c = x.new_zeros(x.shape[1], self.peepholes.shape[1])
        states = []
        for now in x:
            i, f, g, o = (a(now, edge_index) + b(h, edge_index) for a, b in zip(self.of_x, self.of_h, strict=True))
            i, f = (i + self.peepholes[0] * c).sigmoid(), (f + self.peepholes[1] * c).sigmoid()
            c = f * c + i * g.tanh()
            h = (o + self.peepholes[2] * c).sigmoid() * c.tanh()
            states.append(h)
        return torch.stack(states)


def scan(device: torch.device, tiny: bool) -> Row:
    """A linear recurrence over a long sequence, in parallel and step by step."""
    times = 50 if tiny else 100_000
    a = torch.rand(times, 1, 32, device=device).requires_grad_()
    b = torch.randn(times, 1, 32, device=device).requires_grad_()

    def loop() -> Tensor:
        h, states = torch.zeros_like(b[0]), []
        for a_t, b_t in zip(a.unbind(), b.unbind(), strict=True):
            h = torch.addcmul(b_t, a_t, h)
            states.append(h)
        return torch.stack(states)

    with torch.no_grad():
        same = torch.allclose(gs.nn.linear_scan(a, b), loop(), rtol=1e-4, atol=1e-4)
    passes = {
        "graphseq": lambda: partial(backward, lambda: gs.nn.linear_scan(a, b)),
        "loop": lambda: partial(backward, loop),
    }
    return {f"T = {times:,}": tried(passes, 2, device), "same numbers": same}


def bfloat16(device: torch.device, tiny: bool) -> Row:
    """Training steps in half the bits, against float32."""
    size, rows = (8, 60) if tiny else (256, 20_000)
    graph = gs.SpaceTimeGraph(
        torch.randn(rows, size, device=device),
        torch.arange(rows, device=device),
        torch.zeros(rows, dtype=torch.long, device=device),
        path(rows).to(device),
    )
    none = torch.zeros(2, 0, dtype=torch.long, device=device)
    sequences = gs.from_signal(torch.randn(30, rows // 30, size, device=device), none)
    found: Row = {}
    for kind, data in ((gs.nn.GCN, graph), (gs.nn.LSTM, sequences), (gs.nn.Transformer, sequences)):
        model = kind(size, size).to(device)

        def half(model: nn.Module = model, data: gs.SpaceTimeGraph = data) -> Tensor:
            with torch.autocast(device.type, dtype=torch.bfloat16):
                out: Tensor = model(data)
            return out

        passes = {
            "graphseq": lambda m=model, d=data: partial(backward, partial(m, d)),
            "the same in bfloat16": lambda half=half: partial(backward, half),
        }
        found[kind.__name__] = tried(passes, 2 if tiny else 7, device)
    return found


PARTS: dict[str, tuple[Callable[[torch.device, bool], Row], int]] = {  # and seconds, 460 together
    "contract": (contract, 100),
    "gcn": (gcn, 140),
    "gcn_lstm": (gcn_lstm, 100),
    "scan": (scan, 60),
    "bfloat16": (bfloat16, 60),
}


def run_apart(name: str, seconds: int, words: list[str]) -> Row:
    """Run a part in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "part.json"
        command = [sys.executable, __file__, "--part", name, "--out", str(file), *words]
        try:
            done = subprocess.run(command, timeout=seconds, check=False, stderr=subprocess.PIPE, text=True)  # noqa: S603
        except subprocess.TimeoutExpired:
            return {"failed": f"took more than {seconds} s"}
        if done.returncode or not file.exists():
            return {"failed": done.stderr[-2000:]}
        found: Row = json.loads(file.read_text())
        return found


def shown(result: Row, indent: str = "  ") -> None:
    """Print truth values and ratios."""
    for name, row in result.items():
        if isinstance(row, dict) and "times_graphseq" in row:
            ms, ratio = row["milliseconds"]["median"], row["times_graphseq"]["median"]
            print(f"{indent}{name}: {ms:.3g} ms, {ratio:.2f} times ours", flush=True)
        elif isinstance(row, dict):
            print(f"{indent}{name}", flush=True)
            shown(row, indent + "  ")
        else:
            print(f"{indent}{name}: {row}", flush=True)


def main() -> int:
    """Run all parts, print, and write the record; returns 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda"), help="where to compute")
    parser.add_argument("--tiny", action="store_true", help="so little that figures say nothing, to see that it runs")
    parser.add_argument("--part", choices=list(PARTS), help="this one alone, in this process")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    if options.device.type == "cuda" and not torch.cuda.is_available():
        parser.error("there is no CUDA device; to see that it runs, take --device cpu --tiny")
    if options.part:
        result = PARTS[options.part][0](options.device, options.tiny)
        if options.out:
            options.out.write_text(json.dumps(result) + "\n")
        else:
            shown(result)
        return 0
    card = torch.cuda.get_device_name(options.device) if options.device.type == "cuda" else "none, on the processor"
    record: Row = {"card": card, "tiny": options.tiny, "machine": machine(options.device), "parts": {}}
    words = ["--device", str(options.device), *(["--tiny"] if options.tiny else [])]
    for name, (part, seconds) in PARTS.items():
        print(f"{name}, on {card}", flush=True)
        start = time.perf_counter()
        # So little needs no process of its own.
        result = part(options.device, True) if options.tiny else run_apart(name, seconds, words)
        record["parts"][name] = {**result, "seconds": round(time.perf_counter() - start, 1)}
        shown(result)
        if options.out:
            options.out.write_text(json.dumps(record, indent=1) + "\n")
    failed = [name for name, result in record["parts"].items() if "failed" in result or False in result.values()]
    print(f"failed: {', '.join(failed)}" if failed else "all parts ran", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
