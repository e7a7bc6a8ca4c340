"""The page docs/results/recordings.md, made from the records of ``recordings.py`` and ``recordings_diagnosis.py``.

Run it with ``python benchmarks/recordings_page.py`` after them: no training, a second.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent))
from recordings_data import INPUTS, SOURCES
from recordings_models import FAMILIES, ON_GRAPHS, PEERS

from graphseq import _files
from graphseq.evaluation.tables import aligned

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "recordings"
PAGE = ROOT / "docs" / "results" / "recordings.md"
TEMPLATE = Path(__file__).with_suffix(".md")
SEEDS = range(1, 11)
PUBLISHED = {
    "chickenpox": (0.985, 1.685),
    "montevideo_bus": (0.975, 1.803),
    "twitter_tennis_rg17": (0.419, 0.794),
    "twitter_tennis_uo17": (0.538, 1.046),
    "england_covid": (0.508, 0.792),
}
"""The best published score of ten models, and that of a perfect forecast by the same score."""
SHORT = {
    "chickenpox": "chickenpox",
    "montevideo_bus": "buses",
    "twitter_tennis_rg17": "tennis RG",
    "twitter_tennis_uo17": "tennis UO",
    "england_covid": "covid",
}
BLOCKS = {
    "chickenpox": 13,
    "montevideo_bus": 24,
    "twitter_tennis_rg17": 3,
    "twitter_tennis_uo17": 3,
    "england_covid": 1,
}
"""Times in a block of the paired tests: a quarter of a year, a day, nine hours, a day."""
LEAST = 5  # blocks of a test
Record = dict[str, dict[str, Any]]


def runs(
    record: Record, recording: str, model: str, edges: str = "given", inputs: str | None = None
) -> list[dict[str, Any]]:
    """Return the tested runs of a model on a recording, in the order of their seeds."""
    found = []
    for key, value in record.items():
        own, name, given, _, shown, seed = key.split("/")
        if (own, name, shown) == (recording, model, edges) and inputs in (None, given) and "mse" in value:
            found.append((int(seed), value))
    return [value for _, value in sorted(found, key=lambda pair: pair[0])]


def error(found: Sequence[dict[str, Any]]) -> float:
    """Return the mean error of runs."""
    return float(np.mean([run["mse"] for run in found]))


def by_block(found: Sequence[dict[str, Any]], recording: str) -> np.ndarray:
    """Return the error in each block of times, averaged over runs."""
    by_time = np.mean([run["by_time"] for run in found], axis=0)
    size = BLOCKS[recording]
    count = max(len(by_time) // size, 1)
    return np.array([part.mean() for part in np.array_split(by_time, count)])


def paired(one: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]], recording: str) -> tuple[float, float]:
    """Return the difference of two models' errors, and p of a paired t-test over blocks of time."""
    difference = by_block(one, recording) - by_block(other, recording)
    p = (
        float(stats.ttest_1samp(difference, 0).pvalue)
        if len(difference) >= LEAST and difference.std()
        else float("nan")
    )
    return error(one) - error(other), p


def over_seeds(one: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]]) -> float:
    """Return p of a t-test of the errors of seeds against one error, or in pairs of seeds against others."""
    a, b = ([run["mse"] for run in part] for part in (one, other))
    if len(a) < 2:
        return float("nan")
    return float(stats.ttest_1samp(a, b[0]).pvalue if len(b) == 1 else stats.ttest_rel(a[: len(b)], b[: len(a)]).pvalue)


def cell(found: Sequence[dict[str, Any]]) -> str:
    """Return a mean, and half of its 95 % interval over seeds."""
    if not found:
        return ""
    values = [run["mse"] for run in found]
    if len(values) == 1:
        return f"{values[0]:.3f}"
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    few = "" if len(values) == len(SEEDS) else f" ({len(values)})"
    return f"{np.mean(values):.3f} ± {half:.3f}{few}"


def rows(record: Record) -> list[list[str]]:
    """Return the lines of the table: baselines, our families, PyG Temporal's cells, and the published scores."""
    lines = [["model", *SHORT.values()]]
    for model in ("constant", "persistence"):
        lines.append([model, *(cell(runs(record, name, model)) for name in SOURCES)])
    for model, inputs in product(("autoregression", "graph autoregression"), INPUTS):
        more = {"own": "", "season": ", season", "mean": ", season, mean of all"}[inputs]
        lines.append([f"{model}{more}", *(cell(runs(record, name, model, inputs=inputs)) for name in SOURCES)])
    for models, mark in ((FAMILIES, ""), (PEERS, " (PyG Temporal)")):
        for model in models:
            cells = [cell(runs(record, name, model)) for name in SOURCES]
            if any(cells):
                lines.append([f"{model}{mark}", *cells])
    return lines


def published() -> list[list[str]]:
    """Return the published scores, which are no mean squared errors, in lines of their own."""
    return [
        ["", *SHORT.values()],
        ["best published score", *(f"{PUBLISHED[name][0]:.3f}" for name in SOURCES)],
        ["a perfect forecast, by that score", *(f"{PUBLISHED[name][1]:.3f}" for name in SOURCES)],
    ]


def best(record: Record, recording: str) -> str:
    """Return the trained model of least error on the validation part, by its run with one seed."""
    chosen = {}
    for key, value in record.items():
        own, model, *_, edges, _ = key.split("/")
        if own == recording and edges == "given" and "validation" in value and runs(record, recording, model):
            chosen[model] = min(chosen.get(model, np.inf), value["validation"])
    return min(chosen, key=lambda model: chosen[model])


def against(record: Record) -> list[list[str]]:
    """Return the model that the validation part chooses, against the autoregressions, on each recording."""
    lines = [["recording", "chosen by validation", "error", "autoregression", "difference", "p, time", "p, seeds"]]
    for name in SOURCES:
        model = best(record, name)
        found, linear = runs(record, name, model), runs(record, name, "autoregression", inputs="own")
        difference, p = paired(found, linear, name)
        numbers = [f"{error(linear):.3f}", f"{difference:+.3f}", _p(p), _p(over_seeds(found, linear))]
        lines.append([SHORT[name], model, cell(found), *numbers])
    return lines


def graph_matters(record: Record) -> list[list[str]]:
    """Return the errors with edges as given, with shuffled ones and with none, and the paired tests."""
    lines = [["recording", "model", "given", "shuffled", "none", "p, shuffled", "p, none"]]
    for name in SOURCES:
        for model in ("graph autoregression", *ON_GRAPHS):
            inputs = "own" if model == "graph autoregression" else None
            given, shuffled, none = (
                runs(record, name, model, edges, inputs) for edges in ("given", "shuffled", "none")
            )
            if given and shuffled and none:
                p = [_p(paired(given, other, name)[1]) for other in (shuffled, none)]
                lines.append([SHORT[name], model, *map(cell, (given, shuffled, none)), *p])
    return lines


def diagnoses(found: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return what ``gs.diagnose`` says of each recording, with R² of its readers by the edges that they see."""
    lines = [["recording", "a node is shown", "edges", "hops needed", "0 hops", "1 hop", "2 hops", "± 95 %", "finding"]]
    for name in SOURCES:
        for one in (one for one in found if one["recording"] == name):
            readers = {reader["hops"]: reader for reader in one["readers"]}
            shown = {"own": "its own past", "mean": "the mean of all, too"}[one["inputs"]]
            needed = dict(one["table"]).get("hops needed, measured", "")
            scores = [f"{readers[hops]['score']:.3f}" if hops in readers else "" for hops in (0, 1, 2)]
            half = (readers[0]["high"] - readers[0]["low"]) / 2
            lines.append([SHORT[name], shown, one["edges"], needed, *scores, f"{half:.3f}", one["finding"]])
    return lines


def _p(value: float) -> str:
    return "" if np.isnan(value) else "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0")


def said(record: Record) -> dict[str, str]:
    """Return the numbers that the sentences of the page have."""

    def linear(name: str, inputs: str) -> str:
        return f"{error(runs(record, name, 'autoregression', inputs=inputs)):.3f}"

    chosen = {name: error(runs(record, name, best(record, name))) for name in SOURCES}
    own = {name: error(runs(record, name, "autoregression", inputs="own")) for name in SOURCES}
    below = [SHORT[name] for name in SOURCES if chosen[name] < own[name]]
    return {
        "below": "all five recordings" if len(below) == len(SOURCES) else ", ".join(below),
        "covid": f"{chosen['england_covid']:.3f}",
        "covid_lstm": f"{error(runs(record, 'england_covid', 'LSTM')):.3f}",
        "covid_own": linear("england_covid", "own"),
        "covid_mean": linear("england_covid", "mean"),
        "bus_own": linear("montevideo_bus", "own"),
        "bus_mean": linear("montevideo_bus", "mean"),
        "blocks": ", ".join(f"{SHORT[name]} {BLOCKS[name]}" for name in SOURCES),
    }


def page() -> str:
    """Return the page."""
    record = {line["case"]: line for line in map(json.loads, (FOLDER / "results.jsonl").read_text().splitlines())}
    values = {
        "table": aligned(rows(record), head=1),
        "published": aligned(published(), head=1),
        "against": aligned(against(record), head=1),
        "graph": aligned(graph_matters(record), head=1),
        "diagnoses": aligned(diagnoses(json.loads((FOLDER / "diagnosis.json").read_text())["diagnoses"]), head=1),
        **said(record),
    }
    text = TEMPLATE.read_text().format_map(values)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


if __name__ == "__main__":
    _files.write_text(PAGE, page(), overwrite=True)
