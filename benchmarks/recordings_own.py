"""The study of five recordings on a recording of your own, in any of their formats.

Baselines, and models trained with the edges of the file, with shuffled ones and with none, by the protocol of
``recordings.py``: one step ahead from eight; the first channel of the file alone, standardised by node over all times,
or with ``--counts`` as log(1 + y); the last fifth of the times for the test, of which nothing is chosen. Of each model
the inputs, the form of the output and the steps are those with the least error on a validation part, from one seed;
the seeds of the table are others.

    PYTHONPATH=. python benchmarks/recordings_own.py my.json --season 24 --out out/mine

It stops after so many minutes and goes on where it stopped. The table has mean squared errors of what is forecast,
standardised as it is; ± is half of the 95 % interval over seeds. For errors in the units of the file, of several
horizons and with intervals, use ``python -m graphseq forecast``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

from recordings import CHOOSING, SEEDS, Case, Record, changed, choices, fitted_at_once, given, make, read
from recordings_data import EDGES, INPUTS, SOURCES, Source
from recordings_models import BASELINES, FAMILIES

from graphseq import io
from graphseq.cli.messages import refusals
from graphseq.evaluation.tables import aligned, students_interval

MODELS = ("LSTM", "GCN-LSTM")
ALONE = ("0-hop", "RNN", "GRU", "LSTM", "LRU", "MinGRU", "MinLSTM", "Transformer")  #: which read no edge


def cases(record: Record, name: str, models: Sequence[str], seeds: Sequence[int]) -> Iterator[Case]:
    """Yield the runs in order; those of seeds once the settings of their model are chosen."""
    yield from fitted_at_once(name)
    for model in models:
        yield from given(record, (name,), (model,), seeds)
        yield from changed(record, (name,), seeds, () if model in ALONE else (model,))


def table(record: Record, name: str, models: Sequence[str], seeds: Sequence[int]) -> str:
    """Return a line for each model and its inputs: the errors with each kind of edges."""
    rows = [["model", "inputs", *EDGES]]
    for model in BASELINES:
        for inputs in INPUTS:
            found = [_errors(record, name, model, inputs, edges, (CHOOSING, *SEEDS)) for edges in EDGES]
            rows += [[model, inputs, *map(_cell, found)]] if any(found) else []
    for model in models:
        for inputs in dict.fromkeys(inputs for inputs, _ in choices(name)):
            found = [_errors(record, name, model, inputs, edges, seeds) for edges in EDGES]
            rows += [[model, inputs, *map(_cell, found)]] if any(found) else []
    return aligned(rows, head=1)


def _errors(record: Record, name: str, model: str, inputs: str, edges: str, seeds: Sequence[int]) -> list[float]:
    keys = (Case(name, model, inputs, head, edges, seed).key for head in ("plain", "linear") for seed in seeds)
    return [record[key]["mse"] for key in keys if "mse" in record.get(key, {})]


def _cell(errors: Sequence[float]) -> str:
    if len(errors) < 2:
        return "".join(f"{error:.3f}" for error in errors)
    low, high = students_interval(errors)
    return f"{sum(errors) / len(errors):.3f} ± {(high - low) / 2:.3f} ({len(errors)})"


def main(file: Path, out: Path, source: Source, models: Sequence[str], seeds: Sequence[int], minutes: float) -> str:
    """Make what is not made yet until the time is up; return the table, and what is left out."""
    data = io.read_temporal_json(file)
    out.mkdir(parents=True, exist_ok=True)
    of = {"sha256": sha256(file.read_bytes()).hexdigest(), "season": source.season, "counts": source.counts}
    config = out / "config.json"
    if config.exists() and json.loads(config.read_text()) != of:
        raise ValueError(f"{out} has runs of another file, --season or --counts; choose another --out")
    config.write_text(json.dumps(of) + "\n")
    name, until, record = file.stem, time.monotonic() + 60 * minutes, read(out / "results.jsonl")
    with patch.dict(SOURCES, {name: source}):
        is_whole = make(out / "results.jsonl", record, cases(record, name, models, seeds), file.parent, until)
    notes = [*data.notes, *([f"not read: {', '.join(data.channels[1:])}"] if len(data.channels) > 1 else [])]
    notes += [] if is_whole else ["stopped; run it again to go on"]
    head = f"{file.name}: {data.channels[0]} of {len(data.nodes)} nodes at {len(data.times)} times"
    return "\n".join([head, *notes, "", table(record, name, models, seeds)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the recording, .json of PyG Temporal")
    parser.add_argument("--season", type=float, required=True, help="length of the season, in times")
    parser.add_argument("--counts", action="store_true", help="values are counts; log(1 + y) is forecast")
    parser.add_argument("--model", nargs="+", default=list(MODELS), choices=FAMILIES, help="models that are trained")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS[:3]), help="trainings of each, not 0")
    parser.add_argument("--out", type=Path, default=Path("out/recording"), help="folder of the record")
    parser.add_argument("--minutes", type=float, default=14.0)
    options = parser.parse_args()
    with refusals(parser):
        if CHOOSING in options.seeds:
            raise ValueError(f"--seeds must be others than {CHOOSING}, which chooses the settings")
        kind = Source(options.file.stem, 0, options.season, counts=options.counts)
        print(main(options.file, options.out, kind, options.model, options.seeds, options.minutes))
