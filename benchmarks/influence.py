"""Time and correctness of influence: graphseq and PyG's ``total_influence``, in turn.

The model is PyG's 8-layer GCN of 64 channels on 1,000 rows, and graphseq's GCN with the same weights. Both compute the
norm of the 64 × 64 Jacobian block of every row, or of ``--targets`` drawn ones, in every other row. PyG takes the sum
of absolute entries, graphseq the Frobenius norm. PyG cuts each row's 8-hop neighbourhood out of the graph and
normalises what remains, so that its outermost rows have lost neighbours; the effect on its values is shown beside the
same sums on the whole graph. On a random graph, where 8 hops reach everywhere, only ``--rows`` rows are computed by
both. Times are of the processor.

The time of the structure alone, on a path of a million rows, is measured too, when all graphs are there. Each graph is
written when it is done: with ``--graphs``, a record of the same settings goes on.

    OMP_NUM_THREADS=1 python benchmarks/influence.py --out influence.json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ["TQDM_DISABLE"] = "1"

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn.models import GCN as PyGGCN
from torch_geometric.utils import total_influence

import graphseq as gs
from graphseq.training.history import machine

ROWS, CHANNELS, LAYERS, MILLION = 1000, 64, 8, 10**6
GRAPHS: dict[str, Callable[[], nx.Graph]] = {
    "path": lambda: nx.path_graph(ROWS),
    "tree": lambda: nx.random_labeled_tree(ROWS, seed=0),
    "grid": lambda: nx.convert_node_labels_to_integers(nx.grid_2d_graph(25, ROWS // 25)),
    "random": lambda: nx.gnp_random_graph(ROWS, 4 / ROWS, seed=0),
}


def seconds(function: Callable[[], object]) -> float:
    """Return the processor's time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def models(name: str) -> tuple[gs.nn.GCN, gs.SpaceTimeGraph, PyGGCN, Data]:
    """Return the same model and the same graph for both libraries."""
    torch.manual_seed(0)
    ours = gs.nn.GCN(CHANNELS, CHANNELS, LAYERS)
    graph = gs.from_graph(GRAPHS[name](), x=torch.randn(ROWS, CHANNELS))
    theirs = PyGGCN(CHANNELS, CHANNELS, LAYERS).eval()
    theirs.load_state_dict(ours.state_dict())
    return ours, graph, theirs, Data(x=graph.x, edge_index=graph.edge_index)


def drawn_rows(count: int) -> Tensor:
    """Return the rows that ``total_influence`` draws from the same seed."""
    torch.manual_seed(1)
    return torch.randperm(ROWS)[:count]


def measure(name: str, rows: int, repeats: int) -> dict[str, float]:
    """Return the seconds of both, taken in turn, and the median of their ratios."""
    ours, graph, theirs, data = models(name)
    targets = None if rows == ROWS else drawn_rows(rows)

    def by_pyg() -> object:
        torch.manual_seed(1)
        return total_influence(theirs, data, max_hops=LAYERS, num_samples=rows)

    def by_us() -> object:
        return gs.reach.influence(ours, graph, outputs=targets)

    by_us()
    pairs = [(seconds(by_pyg), seconds(by_us)) for _ in range(repeats)]
    return {
        "target_rows": rows,
        "pyg_s": statistics.median(theirs for theirs, _ in pairs),
        "graphseq_s": statistics.median(ours for _, ours in pairs),
        "ratio": statistics.median(theirs / ours for theirs, ours in pairs),
        "ratio_low": min(theirs / ours for theirs, ours in pairs),
        "ratio_high": max(theirs / ours for theirs, ours in pairs),
    }


def values(name: str, rows: int) -> dict[str, object]:
    """Return the influence by hop of PyG, of the same sums on the whole graph, and of graphseq, relative to hop 0."""
    ours, graph, theirs, data = models(name)
    targets = drawn_rows(rows)
    torch.manual_seed(1)
    cut = total_influence(theirs, data, max_hops=LAYERS, num_samples=rows, normalize=False)[0]
    blocks = torch.stack([_whole(theirs, data, int(row)) for row in targets])  # (rows, C, V, F)
    hops = gs.reach.hop_distances(graph, targets)
    absolute = gs.reach.by_hop(blocks.abs().sum(dim=(1, 3)), hops).value[: LAYERS + 1]
    frobenius = blocks.square().sum(dim=(1, 3)).sqrt()
    influence = gs.reach.influence(ours, graph, outputs=targets)
    profile = gs.reach.by_hop(influence, hops).value[: LAYERS + 1]
    return {
        "pyg": (cut / cut[0]).tolist(),
        "whole_graph": (absolute / absolute[0]).tolist(),
        "pyg_over_whole_graph": (cut / absolute).tolist(),
        "graphseq": (profile / profile[0]).tolist(),
        "graphseq_against_autograd": float((influence - frobenius).abs().max() / frobenius.max()),
        "pyg_on_float64": _float64(theirs, data),
    }


def _whole(model: PyGGCN, data: Data, row: int) -> Tensor:
    """Return the Jacobian of one row on the whole graph by plain autograd, (C, V, F)."""
    x = data.x.clone().requires_grad_()
    out = model(x, data.edge_index)[row]
    return torch.stack([torch.autograd.grad(out[c], x, retain_graph=True)[0] for c in range(CHANNELS)])


def _float64(model: PyGGCN, data: Data) -> str:
    try:
        total_influence(model.double(), Data(x=data.x.double(), edge_index=data.edge_index), LAYERS, num_samples=2)
    except RuntimeError as error:
        return f"fails: {error}"
    return "works"


def structure() -> dict[str, float]:
    """Return the seconds of structure on a path of a million rows."""
    graph = gs.from_sequence(torch.zeros(MILLION, 1))
    middle, end = torch.tensor([MILLION // 2]), MILLION - 1
    encoders = (gs.nn.GCN(1, 2, LAYERS), gs.nn.LSTM(1, 2), gs.nn.GCNLSTM(1, 2))
    return {
        "topology": seconds(lambda: graph.topology.spacetime().pattern),
        "hop_distances": seconds(lambda: gs.reach.hop_distances(graph, middle)),
        "space_hops": seconds(lambda: gs.reach.space_hops(graph, middle)),
        "layers_needed": seconds(lambda: gs.reach.layers_needed(graph, 0, end)),
        "routes, 1000 hops": seconds(lambda: gs.reach.routes(graph, 0, 1000)),
        "routes, end to end": seconds(lambda: gs.reach.routes(graph, 0, end)),
        **{
            f"receptive_field, {type(e).__name__}": seconds(lambda e=e: gs.reach.receptive_field(e, graph, end))
            for e in encoders
        },
    }


def main() -> None:
    """Measure, print the results, and write them to the file of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", nargs="+", default=list(GRAPHS), choices=list(GRAPHS), help="which graphs")
    parser.add_argument("--rows", type=int, default=10, help="target rows on the random graph, and for the values")
    parser.add_argument("--targets", type=int, default=ROWS, help="target rows on the other graphs")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    record = begun(options.out, {"targets": options.targets, "repeats": options.repeats})
    for name in options.graphs:
        rows = options.rows if name == "random" else options.targets
        record["results"][name] = row = {**measure(name, rows, options.repeats), "values": values(name, options.rows)}
        report(name, row)
        write(options.out, record)
    if set(record["results"]) == set(GRAPHS) and "million_rows_s" not in record:
        million = record["million_rows_s"] = structure()
        print("a path of a million rows, s:", ", ".join(f"{key} {value:.2f}" for key, value in million.items()))
        write(options.out, record)


def begun(file: Path | None, settings: dict[str, int]) -> dict:
    """Return the record in a file with the same settings, to go on with other graphs, or an empty one."""
    if file is not None and file.exists():
        record: dict = json.loads(file.read_text(encoding="utf-8"))
        if all(record.get(key) == value for key, value in settings.items()):
            return record
        raise SystemExit(f"{file} is a record with other settings than {settings}; remove it, or give another --out")
    return {**settings, "results": {}, "machine": machine()}


def write(file: Path | None, record: dict) -> None:
    """Write what there is so far."""
    if file is not None:
        file.write_text(json.dumps(record, indent=1) + "\n")


def report(name: str, row: dict) -> None:
    """Print the line of one graph and its values by hop."""
    print(
        f"{name:6} {row['target_rows']:4} target rows: PyG {row['pyg_s']:.2f} s, graphseq {row['graphseq_s']:.2f} s, "
        f"ratio {row['ratio']:.1f} ({row['ratio_low']:.1f} to {row['ratio_high']:.1f})"
    )
    for key, value in row["values"].items():
        shown = " ".join(f"{v:.3g}" for v in value) if isinstance(value, list) else value
        print(f"       {key:26} {shown}")


if __name__ == "__main__":
    main()
