"""The recorded sweep is what its table says, and covers figure 3: both models, lengths 5 to 40, five seeds."""

from __future__ import annotations

import json

from scripts import ROOT

from graphseq.experiments.accuracy.report import summarise, to_csv
from graphseq.experiments.accuracy.run import measure_accuracy
from graphseq.experiments.accuracy.settings import Settings
from graphseq.experiments.engine.configs import expand
from graphseq.experiments.engine.results_file import ResultsFile

OUT = ROOT / "docs" / "sweep" / "one_hot"


def recorded() -> Settings:
    return Settings.from_json(json.loads((OUT / "config.json").read_text())["settings"])


def test_the_table_is_made_from_the_runs_of_the_whole_grid() -> None:
    settings = recorded()
    with ResultsFile(OUT / "results.jsonl", measure_accuracy.__qualname__) as file:
        runs = [file.runs[key] for key in expand(settings.cases())]
    assert len(runs) == len(file.runs) == 80
    assert not any(run.failed for run in runs)
    assert to_csv(summarise(settings, runs)).splitlines() == (OUT / "results.csv").read_text().splitlines()
    assert {run.machine["threads"] for run in runs} == {1}


def test_it_is_figure_3() -> None:
    settings = recorded()
    assert settings.tasks == ("Palindrome",)
    assert settings.models == ("RNN", "LSTM")
    assert (min(settings.lengths), max(settings.lengths), settings.seeds) == (5, 40, (0, 1, 2, 3, 4))
