"""Training steps against what a user would pick today: PyG as it is, compiled, on its EdgeIndex, and a compiled loop.

Steps of an 8-layer GCN (cross-entropy of every row, gradients, Adam), with the same weights for all: PyG's ``GCNConv``
on an ``edge_index``, the same by ``torch.compile``, on PyG's ``EdgeIndex`` (sorted, which keeps its compressed form),
on a sparse Â made beforehand; graphseq as it is, and compiled. And steps of an LSTM: a loop of ``nn.LSTMCell``, the
same by ``torch.compile``, and graphseq as it is, and compiled. The compiler writes a loop out step by step, and takes
four minutes and more over 30 of them: it is given 10. DGL is measured where it can be imported; PyPI's, 2.1, is built
for torch 2.2.

All run in turn in one process; the times are of the processor, so that other work on the machine changes them little.
Ratios are of one round. Compilation, by inductor, needs a C++ compiler. Each case is written when it is done, and one
that the record of ``--out`` has with the same settings is not measured again, unless ``--only`` names it.

    OMP_NUM_THREADS=1 python benchmarks/peers.py --out peers.json
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from gcn import LAYERS, Called, OnGraph, Stacked, as_pyg, graphs, step_of
from torch import Tensor, nn
from torch_geometric import EdgeIndex
from torch_geometric.nn import GCNConv as PyGConv
from turns import TURN, compared

import graphseq as gs
from graphseq.data.topology import Topology
from graphseq.training.history import machine

CASES = ("128 paths of 30 rows", "one path, 64 channels", "random regular")
STEPS, COMPILED_STEPS, BATCH, FEATURES, HIDDEN = 30, 10, 64, 32, 64
OURS = ("graphseq", "graphseq, compiled")
Step = Callable[[], Tensor]


def dgl_or_none() -> ModuleType | None:
    """Return DGL, where it can be imported."""
    try:
        return importlib.import_module("dgl")
    except (ImportError, OSError, FileNotFoundError):
        return None


def of_gcn(case: tuple[Tensor, int, int], compiles: bool) -> dict[str, Step]:
    """Return training steps of all on one graph."""
    edge_index, rows, channels = case
    torch.manual_seed(0)
    x, y = torch.randn(rows, channels), torch.randint(channels, (rows,))
    layers = [gs.nn.GCNConv(channels, channels) for _ in range(LAYERS)]
    state = {f"convs.{n}.{k}": v for n, conv in enumerate(layers) for k, v in conv.state_dict().items()}
    at = torch.zeros(rows, dtype=torch.long)
    graph = gs.SpaceTimeGraph.from_topology(Topology(torch.arange(rows), at, edge_index), x, y=y)
    loss_of = gs.tasks.NodeClassification(graph, num_classes=channels, num_neighbors=[-1]).loss

    def ours() -> gs.nn.GCN:
        encoder = gs.nn.GCN(channels, channels, LAYERS)
        encoder.load_state_dict(state)
        return encoder

    theirs = as_pyg(edge_index, None, rows, layers)
    steps = {"graphseq": step_of(OnGraph(ours(), graph), x, y, loss_of)}
    steps |= {name: step_of(Stacked(stack), x, y) for name, stack in theirs.items()}
    steps["PyG, EdgeIndex"] = step_of(Stacked(on_edge_index(edge_index, rows, layers)), x, y)
    if (dgl := dgl_or_none()) is not None:
        steps["DGL"] = step_of(Stacked(in_dgl(dgl, edge_index, rows, layers)), x, y)
    if compiles:
        again = as_pyg(edge_index, None, rows, layers)["PyG, edge_index"]
        steps["PyG, compiled"] = step_of(torch.compile(Stacked(again)), x, y)
        fixed = torch.compile(gs.nn.OnTopology(ours(), graph), fullgraph=True)
        steps["graphseq, compiled"] = step_of(fixed, x, y, loss_of)
    return steps


def on_edge_index(edge_index: Tensor, rows: int, layers: list[gs.nn.GCNConv]) -> list[nn.Module]:
    """Return PyG's layers on an ``EdgeIndex`` sorted by its targets."""
    order = (edge_index[1] * rows + edge_index[0]).argsort()
    index = EdgeIndex(edge_index[:, order], sparse_size=(rows, rows), sort_order="col")
    found: list[nn.Module] = []
    for layer in layers:
        conv = PyGConv(layer.in_channels, layer.out_channels)
        conv.load_state_dict(layer.state_dict())
        found.append(Called(conv, (index,)))
    return found


def in_dgl(dgl: Any, edge_index: Tensor, rows: int, layers: list[gs.nn.GCNConv]) -> list[nn.Module]:
    """Return DGL's layers with these weights."""
    graph = dgl.add_self_loop(dgl.graph((edge_index[0], edge_index[1]), num_nodes=rows))
    found: list[nn.Module] = []
    for layer in layers:
        conv = dgl.nn.GraphConv(layer.in_channels, layer.out_channels, norm="both")
        conv.weight.data, conv.bias.data = layer.lin.weight.detach().t().clone(), layer.bias.detach().clone()
        found.append(OnDGL(conv, graph))
    return found


class OnDGL(nn.Module):
    """A convolution of DGL and its graph."""

    def __init__(self, conv: nn.Module, graph: object) -> None:
        super().__init__()
        self.conv, self.graph = conv, graph

    def forward(self, x: Tensor) -> Tensor:
        """States from states."""
        out: Tensor = self.conv(self.graph, x)
        return out


class Loop(nn.Module):
    """An LSTM as a loop over steps, as one would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(FEATURES, HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        """States (T · B, H) from features (T, B, F)."""
        h = c = x.new_zeros(x.shape[1], HIDDEN)
        states = []
        for now in x:
            h, c = self.cell(now, (h, c))
            states.append(h)
        return torch.cat(states)


def of_lstm(length: int, compiles: bool) -> dict[str, Step]:
    """Return training steps of an LSTM over ``length`` times: a loop and graphseq's, as they are and compiled."""
    torch.manual_seed(0)
    x = torch.randn(length, BATCH, FEATURES)
    y = torch.randint(HIDDEN, (length * BATCH,))
    graph = gs.from_signal(x, torch.zeros(2, 0, dtype=torch.long))
    steps = {"graphseq": step_of(OnGraph(gs.nn.LSTM(FEATURES, HIDDEN), graph), x, y), "a loop": step_of(Loop(), x, y)}
    if compiles:
        steps["a loop, compiled"] = step_of(torch.compile(Loop()), x, y)
        fixed = torch.compile(gs.nn.OnTopology(gs.nn.LSTM(FEATURES, HIDDEN), graph), fullgraph=True)
        steps["graphseq, compiled"] = step_of(fixed, graph.x, y)
    return steps


def in_turn(steps: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of the processor of each in each round."""
    counts = {}
    for name, step in steps.items():
        first, second = step(), step()
        assert second < first + 1e-3, name  # noqa: S101 - it trains
        counts[name] = max(1, round(TURN * 1e3 / max(1e-6, milliseconds(step, 1))))
    return {
        name: [row[name] for row in rows]
        for rows in [[{n: milliseconds(s, counts[n]) for n, s in steps.items()} for _ in range(max(2, rounds))]]
        for name in steps
    }


def milliseconds(step: Step, passes: int) -> float:
    """Return the processor's time of a step."""
    start = time.process_time()
    for _ in range(passes):
        step()
    return (time.process_time() - start) / passes * 1e3


def main() -> None:
    """Measure, print the results, and write them to the file of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows and steps")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of turns, at least 2")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="cases whose names have one of these words")
    parser.add_argument("--eager", action="store_true", help="compile nothing")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    settings = {"rounds": options.rounds, "scale": options.scale, "compiled": not options.eager}
    results = kept(options.out, settings)
    for name, make in cases(options.scale, not options.eager).items():
        if options.only and not any(word in name for word in options.only):
            continue
        if name in results and not options.only:
            print(f"{name}: is in {options.out}")
            continue
        torch.compiler.reset()
        times = in_turn(make(), options.rounds)
        rows = results[name] = compared(times, *(base for base in OURS if base in times))
        ratios = ", ".join(f"{peer} {row['times_graphseq']['median']:.2f}" for peer, row in rows.items())
        print(f"{name}: takes, times graphseq: {ratios}", flush=True)
        if options.out:
            said = "measured" if dgl_or_none() is not None else "cannot be imported here"
            record = {**settings, "DGL": said, "results": results, "machine": machine()}
            options.out.write_text(json.dumps(record, indent=1) + "\n")


def cases(scale: float, compiles: bool) -> dict[str, Callable[[], dict[str, Step]]]:
    """Return what is measured, by name."""
    makes: dict[str, Callable[[], dict[str, Step]]] = {
        f"8-layer GCN: {name}": lambda case=case: of_gcn(case, compiles)
        for place, (name, case) in enumerate(graphs(scale, 0).items())
        if name in CASES or place == 0
    }
    for steps, is_compiled in ((STEPS, False), *([(COMPILED_STEPS, True)] if compiles else [])):
        length = max(3, int(steps * scale))
        makes[f"LSTM, {BATCH} sequences of {length}{', compiled' if is_compiled else ''}"] = (
            lambda length=length, is_compiled=is_compiled: of_lstm(length, is_compiled)
        )
    return makes


def kept(file: Path | None, settings: dict[str, object]) -> dict[str, object]:
    """Return the results that a file has, if they were measured with these settings."""
    if file is None or not file.exists():
        return {}
    record = json.loads(file.read_text(encoding="utf-8"))
    if any(record.get(key) != value for key, value in settings.items()):
        raise SystemExit(f"{file} is a record with other settings than {settings}; remove it, or give another --out")
    found: dict[str, object] = record["results"]
    return found


if __name__ == "__main__":
    main()
