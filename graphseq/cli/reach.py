"""``reach``: show how far models see on a graph of the user's own."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from graphseq import _files
from graphseq.cli.arguments import Parser, add_output, choice, distinct, seed, whole
from graphseq.cli.console import Console
from graphseq.experiments.models import build_encoder

if TYPE_CHECKING:
    from graphseq.nn.encoder import Encoder

MODELS = ("GCN", "RNN", "GRU", "LSTM", "GCN-LSTM")
RECORD = "reach.json"
MANY = 20_000  #: rows from which on it takes so long that something is said before


def add(parser: Parser) -> None:
    """Give ``parser`` this command's flags."""
    parser.description = (
        "Show how far models see on a graph: the hops from one node, shortest routes and layers needed to others, and "
        "what untrained GCNs, RNNs, LSTMs and GCN-LSTMs of several depths see and are influenced by."
    )
    count = whole(1)
    parser.add_argument(
        "--graph",
        required=True,
        metavar="FILE_OR_NAME",
        help="an edge list (.txt, .csv, .tsv, .edgelist; weights in a third column), .graphml, .gexf, .gml, .json, "
        "or a name: "
        "karate_club, les_miserables, florentine_families, davis_southern_women, petersen, path_10, cycle_12, grid_5x4",
    )
    parser.add_argument("--source", required=True, metavar="NODE", help="the node that holds the information")
    parser.add_argument(
        "--target",
        nargs="+",
        metavar="NODE",
        help="nodes whose output depends on it (default: the farthest from the source); figures are of the first",
    )
    parser.add_argument(
        "--model",
        nargs="+",
        type=partial(choice, names=MODELS),
        choices=MODELS,
        metavar="NAME",
        default=["GCN", "RNN", "LSTM", "GCN-LSTM"],
        help=f"models: {', '.join(MODELS)}",
    )
    parser.add_argument(
        "--layers",
        type=count,
        nargs="+",
        metavar="L",
        help="layers of each model (default: 1, one less than is needed, and what is needed)",
    )
    parser.add_argument("--directed", action="store_true", help="read an edge list from its first column to its second")
    parser.add_argument(
        "--weight", metavar="ATTRIBUTE", help="column or attribute of the weights (default: weight, if there is one)"
    )
    parser.add_argument(
        "--times",
        type=count,
        default=1,
        metavar="T",
        help="observe the graph at T times; the source is then at the first, and the targets are at the last",
    )
    parser.add_argument("--causal", action="store_true", help="GCNs see along time past to future only; with --times")
    parser.add_argument("--hidden", type=count, default=16, metavar="H", help="hidden units of every model")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the weights and the features")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="save figures and a record here")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there; with --out")
    add_output(parser)
    parser.aliases = {"targets": "--target", "num_layers": "--layers", "hidden_channels": "--hidden"}


def stopped(_: argparse.Namespace) -> str:
    """Return the comment on an interruption."""
    return "stopped; nothing was written"


def run(options: argparse.Namespace, words: Sequence[str], console: Console) -> int:
    """Survey the graph, save and print; returns the exit status. Nothing is printed before everything is saved."""
    layers = distinct("--layers", options.layers or [])
    models, targets = distinct("--model", options.model), distinct("--target", options.target or [])
    if options.overwrite and options.out is None:
        raise ValueError("--overwrite is about files; it needs --out")
    from graphseq.io import read_graph  # noqa: PLC0415 - loads on use, so that --help is quick

    graph = read_graph(options.graph, directed=options.directed, weight=options.weight)
    if options.out is not None:
        _may_write(options.out, options)
    from graphseq.cli import reach_text  # noqa: PLC0415
    from graphseq.reach import survey  # noqa: PLC0415

    request = survey.Request(
        graph,
        options.source,
        _build,
        targets,
        models,
        layers,
        options.times,
        options.causal,
        options.hidden,
        options.seed,
    )
    rows = len(graph.graph) * options.times
    if rows > MANY:
        console.say(
            f"measuring {len(models)} models on {rows:,} rows, which takes a while: exactly within a small receptive "
            f"field, else estimated from {survey.DRAWS} draws"
        )
    result = survey.survey(request)
    record = reach_text.record(result, words)
    files: dict[str, bytes] = {}
    if options.out is not None:
        from graphseq.cli.reach_figures import figures  # noqa: PLC0415

        files = {**figures(result), RECORD: (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()}
        _write(options.out, files, overwrite=options.overwrite)
    console.result(reach_text.text(result), record)
    if files:
        console.say(f"written to {options.out}: {', '.join(files)}")
    return 0


def _build(name: str, in_channels: int, hidden: int, layers: int, causal: bool) -> Encoder:
    return build_encoder(name, in_channels, hidden, num_layers=layers, causal=causal)


def _may_write(out: Path, options: argparse.Namespace) -> None:
    """Refuse files that are in the way at once, not after the work."""
    names = ["hops.png", "fields.png", "influence.png", "cones.png", "message.gif", RECORD]
    existing = [name for name in names if (out / name).exists()]
    if existing and not options.overwrite:
        raise FileExistsError(
            f"--out {out} already holds {', '.join(existing)}; name another folder, or add --overwrite"
        )


def _write(out: Path, files: dict[str, bytes], *, overwrite: bool) -> None:
    """Write all files or, where one cannot be written, leave none of those that were not there before, nor folders."""
    new = [folder for folder in (out, *out.parents) if not folder.exists()]
    made: list[Path] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            if not (out / name).exists():
                made.append(out / name)
            _files.write(out / name, lambda file, content=content: file.write(content), overwrite=overwrite)  # type: ignore[misc]
    except BaseException:
        for path in made:
            path.unlink(missing_ok=True)
        for folder in new:
            with suppress(OSError):  # another process may have put something there
                folder.rmdir()
        raise
