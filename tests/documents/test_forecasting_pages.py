"""The pages on recorded graphs, links and forgetting hold the recorded numbers."""

from __future__ import annotations

import json
import math

import pytest
from scripts import ROOT, page

from graphseq.experiments.forecast import report
from graphseq.experiments.forecast.report import Facts, Line
from graphseq.experiments.forecast.settings import Settings

FORECASTING = page("forecasting")


def record(name: str) -> dict[str, object]:
    return json.loads((ROOT / "docs" / name).read_text())


def lines(name: str) -> dict[str, Line]:
    kept = record(f"forecast/{name}/results.json")["lines"]
    found = [Line(**{key: math.nan if value is None else value for key, value in each.items()}) for each in kept]
    return {line.model: line for line in found}


@pytest.mark.parametrize("name", ["chickenpox", "england_covid"])
def test_a_table_is_that_of_its_record(name: str) -> None:
    kept = record(f"forecast/{name}/results.json")
    facts = {key: value for key, value in kept["config"]["settings"].items() if not key.endswith("sha256")}
    settings = Settings.from_json(facts)
    table = report.table(settings, list(lines(name).values()), Facts(**kept["test"]))
    shown = "\n".join(line.rstrip() for line in table.splitlines())
    assert f"$ {kept['config']['command']}\n\n{shown}\n```" in FORECASTING


def test_the_table_of_links_is_that_of_its_record() -> None:
    assert "\n".join(record("links/links.json")["table"]) in page("links")


def test_what_is_said_of_chickenpox() -> None:
    below = [line for line in lines("chickenpox").values() if line.high < 0.7]
    assert len(below) == 5
    assert all(line.seeds == 10 for line in below)
    assert "**Below 0.70 from every seed**: five models" in FORECASTING
    assert f"the LSTM has {lines('chickenpox_train')['LSTM'].mse:.4f};" in FORECASTING
    best, facts = min(line.mse for line in below), Facts(**record("forecast/chickenpox/results.json")["test"])
    told, had = (f"{1 - error / facts.variance:.1%}" for error in (facts.linear, best))
    assert f"explain {told} of its variance, the best of\n  those that do not {had}" in FORECASTING
    orders = [
        [m for m in sorted(of, key=lambda m: of[m].mse) if not math.isnan(of[m].low) and m != "GRU"]
        for of in map(lines, ("chickenpox", "chickenpox_train"))
    ]
    assert orders[0] == orders[1]
    assert all(
        lines("chickenpox_train")[m].mse > line.mse for m, line in lines("chickenpox").items() if "pers" not in m
    )


def test_what_is_said_of_covid() -> None:
    found = lines("england_covid")
    along_time = [
        line for name, line in found.items() if ("LSTM" in name and "DAG" not in name) or name in {"RNN", "GRU"}
    ]
    assert all(line.high < found["graph autoregression"].mse + 1 for line in along_time)
    assert all(line.mse < 0.8 * found["persistence"].mse for line in along_time)
    assert max(line.low for line in along_time) < min(line.high for line in along_time)  # the intervals overlap
    assert min(found[name].low for name in ("GCN", "SAGE", "DAG-LSTM")) > max(line.high for line in along_time)


def test_what_is_said_of_forgetting() -> None:
    kept = record("forgetting/results.json")
    assert "\n".join(kept["table"]) in page("forgetting")
    accumulated = [line for line in kept["lines"] if line["model"] == "forgetting, gate penalty, accumulated"]
    assert len(accumulated) == 3
    assert all(line["edge_auc_min"] > 0.999 and line.get("node_auc_min", 1) > 0.999 for line in accumulated)
    assert all(line["mse"] < 0.01 * line["unsorted"] for line in accumulated)
    assert kept["config"]["seeds"] == [0, 1, 2, 3, 4]
    shown = record("forgetting/forgetting.json")
    assert min(shown["node_auc"], shown["edge_auc_at_one_row"]) > 0.95


def test_what_is_said_of_batches() -> None:
    results = record("benchmarks/gcn_lstm_batches.json")["results"]
    equal, nodes, time = (
        results[n]["times_one_path"]["median"] for n in ("equal", "ragged in nodes", "ragged in time")
    )
    said = f"{equal:.2f} times where all are equal, {nodes:.2f} where they differ in nodes, {time:.2f} where they end"
    assert said in " ".join(page("speed").split())
