"""The page of the long-range suite is what its script makes of the records, and its tables are those of the records."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scripts import ROOT, load, page

from graphseq.experiments.longrange.published import published
from graphseq.experiments.longrange.report import Line, table

FOLDER = ROOT / "docs" / "longrange"


def test_the_page_is_made_by_its_script() -> None:
    assert load(ROOT / "benchmarks" / "longrange_page.py").page() == page("longrange")


def test_the_page_of_the_model_has_the_report_of_its_records() -> None:
    assert load(ROOT / "benchmarks" / "longrange_report.py").report(FOLDER) in page("longrange_model")


@pytest.mark.parametrize("name", [path.parent.name for path in sorted(FOLDER.glob("*/table.txt"))])
def test_the_tables_are_those_of_the_records(name: str) -> None:
    record = json.loads((FOLDER / name / "results.json").read_text())
    lines = [Line(**line) for line in record["lines"]]
    assert table(lines, record["floors"]) == (FOLDER / name / "table.txt").read_text().rstrip("\n")
    assert record["cpu_seconds"] > 0
    assert all(len(line.values) == line.seeds == len(record["config"]["settings"]["seeds"]) for line in lines)


def test_no_stack_of_16_layers_knows_distances_beyond_its_reach() -> None:
    record = json.loads((FOLDER / "echo" / "results.json").read_text())
    lines = [line for line in record["lines"] if line["benchmark"] == "echo shortest paths"]
    stacks = [line for line in lines if line["reach"] == 16]
    assert len(stacks) >= 4
    for line in stacks:
        beyond = {int(hops): error for hops, _, error in line["by_hops"] if hops > 16}
        # Whatever number it says of all rows beyond its reach, 20 hops more are 20 hops more of error.
        assert beyond[36] - beyond[18] > 14


def test_no_stack_of_20_layers_can_have_the_error_that_is_published_for_shortest_paths() -> None:
    script = load(ROOT / "benchmarks" / "longrange_columns.py")
    path = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    # Beyond one hop, a row at the end has sources at 2 and 3 hops, half a square each; the others have one at most.
    assert script.unseen(path, 1) == pytest.approx((0.5 + 0 + 0 + 0.5) / 16)
    table = {line.split("  ")[0]: line.split() for line in (FOLDER / "columns.txt").read_text().splitlines()}
    bound = float(table["at least, of 20 hops seen"][-1])
    found = {row.model: row.value for row in published("corso shortest paths")}
    assert found["A-DGN"] < bound - 1
    assert float(table["best constant"][-3]) == pytest.approx(1.17, abs=0.1)


def _values(name: str, benchmark: str) -> dict[str, list[float]]:
    record = json.loads((FOLDER / name / "results.json").read_text())
    return {line["model"]: line["values"] for line in record["lines"] if line["benchmark"] == benchmark}


@pytest.mark.parametrize("shape", ["path", "ring", "crossed ring"])
def test_who_leaves_the_constant_of_the_repaired_transfer_is_as_the_page_says(shape: str) -> None:
    constant = np.log10(1 / 12)
    near, middle, far = (_values("transfer", f"graph transfer {shape} {hops}") for hops in (3, 5, 10))
    for stack in ("GCN", "GAT", "GIN", "SAGE", "GCNII", "A-DGN", "A-DGN ε=1", "MP-SSM", "Wave"):
        assert min(far[stack]) > constant - 0.05
    assert min(near["A-DGN"] + near["A-DGN ε=1"]) > constant - 0.05
    assert max(near["GAT"]) < constant - 1
    assert min(middle["GAT"]) < constant - 0.3 < max(middle["GAT"])
    assert max(far["Min-plus"]) < constant - 1
    assert shape == "crossed ring" or max(far["Wave c²=3"]) < constant - 0.5
    assert sum(value < constant - 0.2 for value in far["GPS"]) >= 3


@pytest.mark.parametrize(
    "shape", ["path", "ring", "clique path", "crossed ring", "barbell", "caterpillar", "grid", "tree"]
)
def test_who_carries_a_class_how_far_is_as_the_page_says(shape: str) -> None:
    near, middle = (_values("classes", f"transfer {shape} {hops}") for hops in (3, 5))
    assert max(near["A-DGN"] + middle["A-DGN ε=1"]) < 0.25
    assert (max(near["A-DGN ε=1"]) > 0.35) is (shape in ("path", "ring", "clique path", "crossed ring", "grid"))
    assert 0.4 < np.mean(middle["GAT"]) < 0.9
    if shape == "tree":
        return
    far = _values("classes", f"transfer {shape} 10")
    for solved in (near, middle, far):
        assert min(solved["Min-plus"] + solved["Wave c²=3"]) == 1
        wrong = [value for value in solved["MP-SSM"] if value < 1]
        assert len(wrong) == (1 if shape == "crossed ring" and solved is far else 0)
    for stack in ("GCN", "GAT", "GIN", "SAGE", "GCNII"):
        assert max(far[stack]) < 0.25
    solves = sum(value == 1 for value in far["Wave"])
    assert (
        solves == 5
        if shape == "crossed ring"
        else (0 < solves < 5 if shape in ("grid", "path", "ring") else not solves)
    )


def test_which_sequences_are_told_apart_is_as_the_page_says() -> None:
    digits = json.loads((FOLDER / "mnist1d" / "results.json").read_text())
    for name in ("mnist1d", "mnist1d shuffled"):
        floor = digits["floors"][name]["0-hop model"]
        assert all(line["value"] < floor for line in digits["lines"] if line["benchmark"] == name)
    text = json.loads((FOLDER / "shakespeare" / "results.json").read_text())
    floor = text["floors"]["tiny shakespeare"]["0-hop model"]
    lines = {line["model"]: line for line in text["lines"]}
    above = {name: sum(value > floor for value in line["values"]) for name, line in lines.items()}
    assert (above["MinGRU"], above["MP-SSM"], above["RNN"], above["MinLSTM"]) == (0, 0, 1, 1)
    for name in ("sequences", "long"):
        record = json.loads((FOLDER / name / "results.json").read_text())
        for line in record["lines"]:  # no family leaves the constant
            assert line["low"] < record["floors"][line["benchmark"]]["constant"] < line["high"] + 0.02


def test_which_stacks_know_less_of_a_diameter_than_degrees_tell() -> None:
    record = json.loads((FOLDER / "corso" / "results.json").read_text())
    floor = record["floors"]["corso diameter"]["degrees counted"]
    lines = {line["model"]: line for line in record["lines"] if line["benchmark"] == "corso diameter"}
    below = {name for name, line in lines.items() if line["low"] > floor}
    assert below == {"GCN", "GCNII", "MP-SSM", "Wave"}


def test_who_is_at_the_floors_of_echo_is_as_the_page_says() -> None:
    record = json.loads((FOLDER / "echo" / "results.json").read_text())
    constant = record["floors"]["echo eccentricity"]["constant"]
    away = {row.model for row in published("echo eccentricity") if abs(row.value - constant) > 0.6}
    assert away == {"ONDA", "SONAR"}
    for line in record["lines"]:
        if line["benchmark"] != "echo shortest paths" and line["model"] != "Min-plus":
            assert abs(line["value"] - record["floors"][line["benchmark"]]["constant"]) < 0.6
    share = {
        line["benchmark"]: line["value"] / record["floors"][line["benchmark"]]["constant"]
        for line in record["lines"]
        if line["model"] == "Min-plus"
    }
    thirds = {"echo eccentricity": 1 / 3, "echo diameter": 1 / 5, "echo shortest paths": 1 / 30}
    assert share == {name: pytest.approx(value, rel=0.1) for name, value in thirds.items()}
    floor = record["floors"]["echo diameter"]["degrees counted"]
    found = {row.model: row.value for row in published("echo diameter")}
    assert {model for model, value in found.items() if value > floor} == {"GCN", "GraphCON"}
    assert all(0.35 < floor - found[model] < 0.95 for model in ("GPS", "GCNII", "GIN"))


def test_who_carries_a_class_over_20_hops_and_more_is_as_the_page_says() -> None:
    record = json.loads((FOLDER / "far" / "results.json").read_text())
    for line in record["lines"]:
        solves = line["model"] in ("Wave c²=3", "Min-plus")
        assert min(line["values"]) == 1 if solves else max(line["values"]) < 0.25
