"""The README is short, its snippets and commands run, its links lead somewhere, its numbers are recorded ones."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from statistics import mean

import pytest
from scripts import ROOT

from graphseq.cli.main import _parser, main

README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "results").glob("*.md"))]
SNIPPETS = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^python -m graphseq (?!--help)(.+)$", README, flags=re.MULTILINE)
FABLE = "In a Wood there dwelt a Fox. Once upon a time it was hungry. " * 20


def commands(path: Path) -> list[str]:
    """The commands of the library that a page shows on lines of their own, without the ``python -m graphseq``."""
    lines = path.read_text().splitlines()
    return [
        line.partition("-m graphseq ")[2] for line in lines if re.match(r"(\$ )?(python|torchrun .*) -m graph", line)
    ]


def test_it_is_read_in_a_minute() -> None:
    assert len(README.splitlines()) <= 150
    assert len(SNIPPETS) == 4  # data, training, diagnosis, forecast; text is a command
    assert all(len(snippet.splitlines()) <= 10 for snippet in SNIPPETS)


def test_the_snippets_run_one_after_another(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for snippet in SNIPPETS:
        exec(snippet.replace("steps=300", "steps=20"), names)  # noqa: S102
    assert names["states"].shape == (48 * 34, 16)
    assert names["path"].edge_index.tolist() == [[0, 1, 2, 1, 2, 3], [1, 2, 3, 0, 1, 2]]
    printed = capsys.readouterr().out
    assert printed.splitlines()[1].startswith("under-reaching (confidence ")
    assert "→ 7 more layers: num_layers=11" in printed
    assert "3 ahead" in printed


def test_the_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("book.txt").write_text(FABLE)
    rows = [f"{time},{node},{time + 2 * (node == 'B')}" for time in range(30) for node in "AB"]
    Path("observations.csv").write_text("\n".join(["time,node,heat", *rows]) + "\n")
    Path("edges.csv").write_text("source,target\nA,B\nB,A\n")
    small = {
        "forecast chickenpox": ["--model", "mean", "--seed", "0"],
        "forecast observations.csv": ["--model", "persistence", "LSTM", "--seed", "0", "--steps", "2", "--jobs", "1"],
        "text train": ["--hidden", "4", "--steps", "2"],
        "text generate": ["--length", "5"],
    }
    assert [" ".join(command.split()[:2]) for command in COMMANDS] == list(small)
    for command, options in zip(COMMANDS, small.values(), strict=True):
        if command.startswith("forecast chickenpox"):
            continue  # its file would be fetched; that the command is accepted is shown below
        assert main([*shlex.split(command), *options]) == 0, command
    assert capsys.readouterr().out.rstrip().splitlines()[-1].startswith("Once upon a time")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_shown_is_accepted(path: Path) -> None:
    for command in commands(path):
        assert _parser().parse_args(shlex.split(command)).command == command.split()[0]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_into_the_repository(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text())
    missing = [target for target in targets if not (path.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_script_named_is_there(path: Path) -> None:
    scripts = re.findall(r"python\s+((?:examples|benchmarks)/\w+\.py)", path.read_text())
    assert [script for script in scripts if not (ROOT / script).exists()] == []


def test_every_page_is_listed() -> None:
    index = (ROOT / "docs" / "results" / "README.md").read_text()
    pages = {path.name for path in (ROOT / "docs" / "results").glob("*.md")} - {"README.md"}
    assert pages == set(re.findall(r"\]\((\w+\.md)\)", index))


def test_the_results_are_recorded_ones() -> None:
    costs = json.loads((ROOT / "docs" / "benchmarks" / "gcn_lstm.json").read_text())
    text = (ROOT / "docs" / "recordings" / "results.jsonl").read_text()
    runs = {run["case"]: run.get("mse") for run in map(json.loads, text.splitlines())}
    cases = json.loads((ROOT / "docs" / "diagnosis" / "results.json").read_text())
    decided = [case for case in cases["planted"] if case["decided"]]
    right = sum(case["finding"] == case["fault"] for case in decided)
    assert f"names {right} of {len(decided)} planted faults" in README
    tested = [case for case in cases["foresight"] if case["group"] != "set"]
    foreseen = sum(case["foreseen"] == (case["own"]["skill"] >= 0.9) for case in tested) / len(tested)
    assert f"foresees {foreseen:.0%} of {len(tested)} trainings" in README
    linear, buses = "graph autoregression/own/plain", "montevideo_bus"
    none, given = (runs[f"{buses}/{linear}/{edges}/0"] for edges in ("none", "given"))
    shuffled = [runs[f"{buses}/{linear}/shuffled/{seed}"] for seed in range(1, 11)]
    assert given < min(shuffled)
    assert f"{none:.3f}, with the neighbours' mean {given:.3f}, of shuffled neighbours {mean(shuffled):.3f}" in README
    times = round(costs["results"]["20"]["peer"]["times_ours"]["median"])
    ending = "th" if times % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(times % 10, "th")
    assert f"takes a {times}{ending} of the time" in README
