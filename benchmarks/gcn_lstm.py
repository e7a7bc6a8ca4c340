"""The cost of a GCN-LSTM against PyG Temporal's ``GConvLSTM`` of K = 2, and against an LSTM without a graph.

Forward and backward over 30 steps of 4 features into 32 units, on path graphs with a signal at every node. The lower
bound is ``nn.LSTM`` on the same nodes, each as a sequence of its own. All run in turn in one process, in each round for
a tenth of a second, or once where that takes longer; a ratio is of one round, and the result is the median of the
ratios. On a CPU, times are of the processor, so that other work on the machine changes them little. ``step_by_step``,
the loop that the kernel replaces, is measured as well. Memory is the peak of one pass, without weights and inputs, from
torch's profiler; what graphseq keeps from pass to pass over few nodes is not in it.

PyG Temporal is not a dependency. Where it is not installed, only the others are measured. To install it:

    pip install --no-deps --target peer torch-geometric-temporal

It imports ``torch_sparse`` for the name of one type, which PyG's own replaces here.

    OMP_NUM_THREADS=1 python benchmarks/gcn_lstm.py --peer peer --out gcn_lstm.json
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import statistics
import sys
import time
import types
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch_geometric.typing import SparseTensor

import graphseq as gs
from graphseq.nn.recurrent.gcn_lstm import GCNLSTMLayer
from graphseq.training.history import machine

STEPS, FEATURES, HIDDEN = 30, 4, 32
TURN = 100  # milliseconds
Pass = Callable[[], Tensor]


def peer_class() -> type[nn.Module] | None:
    """Return PyG Temporal's cell, or ``None`` where it is not installed."""
    stub = types.ModuleType("torch_sparse")
    stub.__dict__["SparseTensor"] = SparseTensor
    sys.modules.setdefault("torch_sparse", stub)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cell = importlib.import_module("torch_geometric_temporal.nn.recurrent.gconv_lstm").GConvLSTM
    except ImportError:
        return None
    return cast("type[nn.Module]", cell)


def through(cell: nn.Module, x: Tensor, edge_index: Tensor) -> Tensor:
    """Return the peer's states after each step, (T, N, H), by the loop of its examples."""
    h = c = None
    states = []
    for now in x:
        h, c = cell(now, edge_index, None, h, c)
        states.append(h)
    return torch.stack(states)


def contenders(nodes: int, device: torch.device) -> dict[str, Pass]:
    """Return forward passes to states (T · N, H)."""
    torch.manual_seed(0)
    x, path = torch.randn(STEPS, nodes, FEATURES).to(device), torch.arange(nodes - 1)
    edge_index = torch.stack([torch.cat([path, path + 1]), torch.cat([path + 1, path])]).to(device)
    graph = gs.from_signal(x, edge_index)
    encoder, floor = gs.nn.GCNLSTM(FEATURES, HIDDEN).to(device), nn.LSTM(FEATURES, HIDDEN).to(device)
    peer = peer_class()
    layer, in_order = cast("GCNLSTMLayer", encoder.layers[0]), graph.topology.sorted_by_time
    passes: dict[str, Pass] = {
        "ours": lambda: encoder(graph),
        "loop": lambda: layer.step_by_step(graph.x, in_order)[0],
        "floor": lambda: floor(x)[0].flatten(0, 1),
    }
    if peer is not None:
        cell = peer(FEATURES, HIDDEN, 2).to(device)
        passes["peer"] = lambda: through(cell, x, edge_index).flatten(0, 1)
    return passes


def milliseconds(forward: Pass, seed: Tensor, passes: int) -> float:
    """Return the mean milliseconds of a forward and backward pass."""
    settle, clock = (torch.cuda.synchronize, time.perf_counter) if seed.is_cuda else (_nothing, time.process_time)
    settle()
    start = clock()
    for _ in range(passes):
        forward().backward(seed)
    settle()
    return (clock() - start) / passes * 1e3


def _nothing() -> None:
    """Do nothing: a CPU needs no synchronisation."""


def megabytes(forward: Pass, seed: Tensor) -> float:
    """Return the peak memory of one pass."""
    if seed.is_cuda:
        before = torch.cuda.memory_allocated(seed.device)
        torch.cuda.reset_peak_memory_stats(seed.device)
        forward().backward(seed)
        return (torch.cuda.max_memory_allocated(seed.device) - before) / 2**20
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        forward().backward(seed)
    current = peak = 0
    for event in sorted(seen.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            current += event.nbytes()
            peak = max(peak, current)
    return peak / 2**20


def quartiles(values: list[float]) -> dict[str, float]:
    """Return the median and the ends of the middle half."""
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median": middle, "low": low, "high": high}


def measure(nodes: int, rounds: int, device: torch.device) -> dict[str, dict[str, object]]:
    """Return the times of all, in turn, their memory, and their ratios to ours in each round."""
    passes, seed = contenders(nodes, device), torch.randn(STEPS * nodes, HIDDEN).to(device)
    for forward in passes.values():
        milliseconds(forward, seed, 3)
    counts = {name: max(1, round(TURN / milliseconds(forward, seed, 3))) for name, forward in passes.items()}
    memory = {name: megabytes(forward, seed) for name, forward in passes.items()}
    gc.collect()
    times = [
        {name: milliseconds(forward, seed, counts[name]) for name, forward in passes.items()} for _ in range(rounds)
    ]
    return {
        name: {
            "milliseconds": quartiles([round_times[name] for round_times in times]),
            "fastest_milliseconds": min(round_times[name] for round_times in times),
            "times_ours": quartiles([round_times[name] / round_times["ours"] for round_times in times]),
            "megabytes": memory[name],
        }
        for name in passes
    }


def main() -> None:
    """Measure, print the results, and write them to the file of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[20, 1000, 10000], help="sizes of the path")
    parser.add_argument("--rounds", type=int, nargs="+", default=[25, 25, 15], help="rounds at each size")
    parser.add_argument("--peer", type=Path, help="where PyG Temporal was installed to")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="where to compute")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    if options.peer:
        sys.path.insert(0, str(options.peer))
    if peer_class() is None:
        print("PyG Temporal is not there, so it is left out; --help says how to get it")
    results = {}
    for nodes, rounds in zip(options.nodes, options.rounds, strict=True):
        results[nodes] = measure(nodes, rounds, options.device)
        for name, row in results[nodes].items():
            ms, ratio = cast("dict[str, float]", row["milliseconds"]), cast("dict[str, float]", row["times_ours"])
            print(
                f"{nodes:6} nodes  {name:5} {ms['median']:7.2f} ms, middle half {ms['low']:.2f} to {ms['high']:.2f}; "
                f"{ratio['median']:5.2f} times ours, {ratio['low']:.2f} to {ratio['high']:.2f}; "
                f"{row['megabytes']:.1f} MB"
            )
    if options.out:
        options.out.write_text(json.dumps({"results": results, "machine": made_with(options.device)}, indent=1) + "\n")


def made_with(device: torch.device) -> dict[str, object]:
    """Return versions and machine, the peer's version among them."""
    try:
        peer = version("torch-geometric-temporal")
    except PackageNotFoundError:
        peer = "absent"
    return {**machine(device), "torch-geometric-temporal": peer}


if __name__ == "__main__":
    main()
