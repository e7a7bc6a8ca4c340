"""The page of the five recordings is what its script makes of the record, and says what the record says."""

from __future__ import annotations

import json
from statistics import mean

import pytest
import torch
from scripts import ROOT, load, page

import graphseq as gs

RECORD = {
    line["case"]: line
    for line in map(json.loads, (ROOT / "docs" / "recordings" / "results.jsonl").read_text().splitlines())
}
KNOWN = {  # a constant, and an autoregression of eight values, with the right loss
    "chickenpox": (1.039, 0.708),
    "montevideo_bus": (1.005, 0.956),
    "twitter_tennis_rg17": (0.414, 0.169),
    "twitter_tennis_uo17": (0.532, 0.179),
    "england_covid": (1.355, 0.530),
}


def test_the_page_is_made_by_its_script() -> None:
    assert load(ROOT / "benchmarks" / "recordings_page.py").page() == page("recordings")


@pytest.mark.parametrize("name", KNOWN)
def test_ten_seeds_of_an_lstm_are_below_the_autoregression(name: str) -> None:
    constant, linear = (RECORD[f"{name}/{model}/own/plain/given/0"]["mse"] for model in ("constant", "autoregression"))
    assert (constant, linear) == pytest.approx(KNOWN[name], abs=6e-4)
    errors = [RECORD[f"{name}/LSTM/mean/linear/given/{seed}"]["mse"] for seed in range(1, 11)]
    assert max(errors) < linear
    assert mean(errors) < RECORD[f"{name}/autoregression/mean/plain/given/0"]["mse"]
    peers = [
        run["mse"]
        for case, run in RECORD.items()
        if case.startswith(f"{name}/GConvGRU/") and "/given/" in case and "mse" in run
    ]
    assert len(peers) == 10
    assert abs(mean(peers) - mean(errors)) < 0.01
    for cell in ("GConvLSTM", "GCLSTM", "DCRNN", "TGCN", "A3TGCN"):
        of_cell = [run["mse"] for case, run in RECORD.items() if case.startswith(f"{name}/{cell}/") and "mse" in run]
        assert not of_cell or abs(mean(of_cell) - mean(errors)) < 0.02


def test_the_error_of_a_run_is_the_mean_over_its_times() -> None:
    for case in RECORD.values():
        if "mse" in case:
            assert mean(case["by_time"]) == pytest.approx(case["mse"], abs=2e-5)


def test_no_reader_of_a_diagnosis_needs_an_edge() -> None:
    diagnoses = json.loads((ROOT / "docs" / "recordings" / "diagnosis.json").read_text())["diagnoses"]
    assert {one["recording"] for one in diagnoses} == set(KNOWN)
    for one in diagnoses:
        own, *others = (reader for reader in one["readers"] if reader["hops"] <= 2)
        assert own["hops"] == 0
        assert dict(one["table"]).get("hops needed, measured", "0") == "0"
        assert own["high"] > max(reader["score"] for reader in others)


def test_a_snapshot_has_the_last_values_and_the_last_edges_of_a_window() -> None:
    script = load(ROOT / "benchmarks" / "recordings_diagnosis.py")
    nodes, times = 3, 11
    value = torch.arange(float(nodes * times)).view(times, nodes)
    edges = [(node + nodes * time, (node + time) % nodes + nodes * time) for time in range(times) for node in (0, 1)]
    graph = gs.SpaceTimeGraph(
        value.view(-1, 1),
        torch.arange(nodes).repeat(times),
        torch.arange(times).repeat_interleave(nodes),
        torch.tensor(edges).T,
    )
    found = script.snapshots(gs.tasks.Forecasting(graph, lags=8))
    assert len(found) == times - 8
    for first, snapshot in enumerate(found):
        assert snapshot.x.tolist() == value[first : first + 8].T.tolist()
        assert snapshot.y[:, 0].tolist() == value[first + 8].tolist()
        last = first + 7
        assert snapshot.edge_index.T.tolist() == [[0, last % nodes], [1, (1 + last) % nodes]]
