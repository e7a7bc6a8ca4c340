"""One table of all benchmark records: the operation, the peer, and the ratio of their times.

Each line is a median of ratios, with their middle half in brackets, and the number of threads; above 1, the peer takes
longer than graphseq. "lower bound" is the matrix products alone of a graph convolution, and for a GCN-LSTM an LSTM
without any graph.

    python benchmarks/table.py --records docs/benchmarks
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from graphseq.evaluation.tables import aligned

Record = dict[str, Any]
Line = tuple[str, str, str]


def ratio_text(spread: dict[str, float], *, turned: bool = False) -> str:
    """Return a ratio and its middle half; the reciprocals if ``turned``."""
    middle, low, high = (spread[key] for key in ("median", "low", "high"))
    if turned:
        middle, low, high = 1 / middle, 1 / high, 1 / low
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def gcn(record: Record) -> Iterator[Line]:
    """Return lines for a layer and a training step of 8, against the products alone and PyG's."""
    peers = {
        **{"products": "lower bound", "products in place": "lower bound, in place"},
        **{"PyG, edge_index": "PyG, edge_index", "PyG, sparse": "PyG, sparse"},
    }
    for name, row in record["results"].items():
        for kind, said in (("layer", "GCN layer"), ("training_step", "8-layer training step")):
            for peer, called in peers.items():
                yield f"{said}: {name}", called, ratio_text(row[kind][peer]["times_graphseq"])


def gcn_ideas(record: Record) -> Iterator[Line]:
    """Return lines for the cost without each idea, or with one that is not used."""
    for name, row in record["results"].items():
        for what, times in row.items():
            if what != "graphseq":
                yield f"8 layers: {name}", what, ratio_text(times["times_graphseq"])


def gcn_lstm(record: Record) -> Iterator[Line]:
    """Return lines against PyG Temporal's cell and an LSTM without a graph."""
    names = {"peer": "PyG Temporal's GConvLSTM", "floor": "lower bound", "loop": "graphseq's own loop"}
    for nodes, row in record["results"].items():
        for peer, called in names.items():
            if peer in row:
                yield f"GCN-LSTM, 30 steps of {int(nodes):,} nodes", called, ratio_text(row[peer]["times_ours"])


def gcn_lstm_batches(record: Record) -> Iterator[Line]:
    """Return lines for a row of a batch, against a row of one large graph."""
    for name, row in record["results"].items():
        if name != "one path":
            yield (
                f"GCN-LSTM, a row of a batch: {name}",
                "of one large graph",
                ratio_text(row["times_one_path"], turned=True),
            )


def recurrence(record: Record) -> Iterator[Line]:
    """Return lines for a model against torch's kernels by hand."""
    for name, row in record["results"].items():
        yield f"{name}, equal lengths", "by hand", ratio_text(row["equal"]["graphseq"]["times_bare"], turned=True)
        yield (
            f"{name}, ragged lengths",
            "padded by hand",
            ratio_text(row["ragged"]["graphseq"]["times_padded"], turned=True),
        )


def changing_edges(record: Record) -> Iterator[Line]:
    """Return lines for a step on edges that change, against the pass alone and edges that are normalised anew."""
    rows = record["results"]
    step = rows["a step"]["times_the_pass"]
    yield "a step on edges that change", "the pass alone", ratio_text(step, turned=True)
    anew = rows["a step on edges normalised anew"]["times_the_pass"]["median"]
    yield "a step on edges that change", "normalised anew", f"{anew / step['median']:.2f}"


def fit_overhead(record: Record) -> Iterator[Line]:
    """Return lines for a step of ``fit`` against one of a loop."""
    for name, row in record["results"].items():
        spread = {"median": row["ratio"], "low": row["ratio_low"], "high": row["ratio_high"]}
        yield f"a step of fit, {name}", "a loop by hand", ratio_text(spread, turned=True)


def influence(record: Record) -> Iterator[Line]:
    """Return lines for all Jacobian norms, against PyG's total influence."""
    for name, row in record["results"].items():
        spread = {"median": row["ratio"], "low": row["ratio_low"], "high": row["ratio_high"]}
        yield f"influence of {row['target_rows']:,} rows: {name}", "PyG's total_influence", ratio_text(spread)


def peers(record: Record) -> Iterator[Line]:
    """Return lines for a training step against what a user would pick today, and for ours compiled against it."""
    for name, row in record["results"].items():
        for peer, times in row.items():
            if peer != "graphseq":
                yield f"a step of {name}", peer, ratio_text(times["times_graphseq"])
            if peer not in ("graphseq", "graphseq, compiled") and "times_graphseq, compiled" in times:
                yield f"a step of {name}: ours compiled", peer, ratio_text(times["times_graphseq, compiled"])


def scan(record: Record) -> Iterator[Line]:
    """Return lines for a linear recurrence by a scan, against its loop."""
    for name, row in record["results"].items():
        yield f"linear recurrence, {name}", "step by step", ratio_text(row["loop"]["times_scan"])
        yield f"MinLSTM, {name}", "nn.LSTM", ratio_text(row["nn.LSTM"]["times_MinLSTM"])


def many_seeds(record: Record) -> Iterator[Line]:
    """Return lines for many seeds side by side, against one after another, both in two processes."""
    for row in record["results"]:
        length = "" if row["family"] == "GCN" else f" T={row['length']}"
        name = f"{row['seeds']} seeds of a {row['family']}, H={row['hidden']} B={row['batch']}{length}, side by side"
        yield name, "one by one", ratio_text(row["times_faster"]["stacked, two processes"])


def long_sequences(record: Record) -> Iterator[Line]:
    """Return lines for time and memory of a long sequence in segments, against one pass over all of it."""
    rows = record["results"]
    longest = max(row["steps"] for row in rows)
    plain = {(row["family"], row["targets"]): row for row in rows if row["steps"] == longest and row["way"] == "plain"}
    for row in rows:
        if row["steps"] == longest and row["way"] != "plain":
            whole = plain[row["family"], row["targets"]]
            name = f"{row['family']}, T={longest:,}, targets: {row['targets']}, {row['way']}"
            yield f"{name}: seconds", "in one pass", f"{whole['seconds'] / row['seconds']:.2f}"
            if row["megabytes"]:  # which short sequences do not add to
                yield f"{name}: memory", "in one pass", f"{whole['megabytes'] / row['megabytes']:.2f}"


def precision(record: Record) -> Iterator[Line]:
    """Return lines for training steps in bfloat16."""
    for name, row in record["results"].items():
        full, half = (f"{row['mean'][precision]['score']:.1%}" for precision in ("float32", "bfloat16"))
        ratio = 1 / row["time_ratio"]
        yield f"{name}: {half} right in bfloat16, {full} in float32", "in float32", f"{ratio:.2f}"


READ: dict[str, Callable[[Record], Iterator[Line]]] = {
    "gcn": gcn,
    "gcn_ideas": gcn_ideas,
    "gcn_lstm": gcn_lstm,
    "gcn_lstm_batches": gcn_lstm_batches,
    "recurrence": recurrence,
    "changing_edges": changing_edges,
    "fit_overhead": fit_overhead,
    "influence": influence,
    "peers": peers,
    "scan": scan,
    "many_seeds": many_seeds,
    "long_sequences": long_sequences,
    "precision": precision,
}


def lines(folder: Path, only: list[str]) -> list[list[str]]:
    """Return the lines of all records in a folder, with those of other devices."""
    table_lines = []
    for name, read in READ.items():
        for file in sorted(folder.glob(f"{name}.json")) + sorted(folder.glob(f"{name}_cuda.json")):
            if only and name not in only:
                continue
            record = json.loads(file.read_text(encoding="utf-8"))
            machine = record["machine"]
            on = str(machine["threads"]) if machine["device"] == "cpu" else machine["device"]
            table_lines += [[*line, on] for line in read(record)]
    return table_lines


def main(folder: Path, only: list[str]) -> str:
    """Return the table."""
    rows = lines(folder, only)
    if not rows:
        raise FileNotFoundError(f"{folder} holds no record of a benchmark; python benchmarks/suite.py makes them")
    return aligned([["what", "the other", "takes, times ours", "threads"], *rows], head=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=Path("docs/benchmarks"), help="folder of the records")
    parser.add_argument("--only", nargs="+", default=[], choices=list(READ), metavar="SCRIPT", help="these alone")
    options = parser.parse_args()
    print(main(options.records, options.only))
