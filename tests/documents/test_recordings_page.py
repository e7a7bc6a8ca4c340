"""The page of the five recordings is what its script makes of the record, and says what the record says."""

from __future__ import annotations

import json
from statistics import mean

import pytest
from scripts import ROOT, load, page

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


def test_the_error_of_a_run_is_the_mean_over_its_times() -> None:
    for case in RECORD.values():
        if "mse" in case:
            assert mean(case["by_time"]) == pytest.approx(case["mse"], abs=2e-5)
