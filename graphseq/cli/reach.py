"""``reach``: how far models see on a graph of the user's own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from graphseq import _files
from graphseq.cli.arguments import distinct, whole

MODELS = ("gcn", "rnn", "gru", "lstm", "gcn-lstm")
RECORD = "reach.json"


def add(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` this command's flags."""
    parser.description = (
        "How far models see on a graph: hops from one node, shortest routes and layers needed to others, what GCN, "
        "RNN, LSTM and GCN-LSTM of several depths see and are moved by. Models are untrained."
    )
    above_0 = whole(1)
    parser.add_argument(
        "--graph",
        required=True,
        metavar="FILE_OR_NAME",
        help="an edge list (.txt, .csv, .tsv, .edgelist; weights in a third column), .graphml, .json, or a name: "
        "karate_club, les_miserables, florentine_families, davis_southern_women, petersen, path_10, cycle_12, grid_5x4",
    )
    parser.add_argument("--source", required=True, metavar="NODE", help="the node that knows, called as in the file")
    parser.add_argument(
        "--asked",
        nargs="+",
        default=argparse.SUPPRESS,
        metavar="NODE",
        help="nodes that are asked (default: the farthest from the source); pictures are of the first",
    )
    parser.add_argument(
        "--model", nargs="+", choices=MODELS, default=["gcn", "rnn", "lstm", "gcn-lstm"], help="families"
    )
    parser.add_argument(
        "--layers",
        type=above_0,
        nargs="+",
        metavar="L",
        default=argparse.SUPPRESS,
        help="depths of each model (default: 1, one less than is needed, and what is needed)",
    )
    parser.add_argument("--directed", action="store_true", help="read an edge list from its first column to its second")
    parser.add_argument(
        "--times",
        type=above_0,
        default=1,
        metavar="T",
        help="observe the graph T times; ask at the last what the source showed at the first",
    )
    parser.add_argument("--causal", action="store_true", help="GCNs see along time past to future only; with --times")
    parser.add_argument("--hidden", type=above_0, default=16, metavar="H", help="hidden units of every model")
    parser.add_argument("--seed", type=whole(0), default=0, help="of the models' weights and the features")
    parser.add_argument(
        "--out", type=Path, default=argparse.SUPPRESS, metavar="FOLDER", help="save pictures and a record here"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there; with --out")


def stopped(_: argparse.Namespace) -> str:
    """What to say when interrupted."""
    return "stopped; nothing was written"


def run(options: argparse.Namespace, given: Sequence[str]) -> int:
    """Look, save and say; the exit status. Nothing is said before everything is saved."""
    out: Path | None = getattr(options, "out", None)
    layers = distinct("--layers", getattr(options, "layers", []))
    if len(set(options.model)) != len(options.model):
        raise ValueError(f"--model names a family twice: {' '.join(options.model)}")
    asked = tuple(getattr(options, "asked", ()))
    if len(set(asked)) != len(asked):
        raise ValueError(f"--asked names a node twice: {' '.join(asked)}")
    if options.overwrite and out is None:
        raise ValueError("--overwrite is about files; it needs --out")
    from graphseq.io import read_graph  # noqa: PLC0415 - loads on use, so that --help is quick

    graph = read_graph(options.graph, directed=options.directed)
    if out is not None:
        _may_write(out, options)
    from graphseq.cli import reach_text  # noqa: PLC0415
    from graphseq.reach import survey  # noqa: PLC0415

    found = survey.survey(
        survey.Request(
            graph,
            options.source,
            asked,
            tuple(options.model),
            layers,
            options.times,
            options.causal,
            options.hidden,
            options.seed,
        )
    )
    said = reach_text.text(found)
    if out is not None:
        from graphseq.cli.reach_figures import pictures  # noqa: PLC0415

        files = {**pictures(found), RECORD: reach_text.record(found, given).encode()}
        _write(out, files, overwrite=options.overwrite)
        said += f"\n\nwritten to {out}: {', '.join(files)}"
    print(said)
    return 0


def _may_write(out: Path, options: argparse.Namespace) -> None:
    """Say at once, not after the work, that files are in the way."""
    names = ["hops.png", "fields.png", "influence.png", "cones.png", "message.gif", RECORD]
    there = [name for name in names if (out / name).exists()]
    if there and not options.overwrite:
        raise FileExistsError(f"--out {out} already holds {', '.join(there)}; name another folder, or add --overwrite")


def _write(out: Path, files: dict[str, bytes], *, overwrite: bool) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        _files.write(out / name, lambda file, content=content: file.write(content), overwrite=overwrite)  # type: ignore[misc]
