"""The suite: floors by their closed forms, budgets kept, published numbers with their sources, runs that resume."""

import json
import re
from pathlib import Path

import console
import pytest
import torch

import graphseq as gs
from graphseq.experiments.longrange.answered import answered
from graphseq.experiments.longrange.families import FAMILIES, build, parameters, width_for
from graphseq.experiments.longrange.floors import floors
from graphseq.experiments.longrange.measures import ACCURACY, LOG_MSE, MAE
from graphseq.experiments.longrange.published import every_published, published
from graphseq.experiments.longrange.run import by_hops
from graphseq.experiments.longrange.scaled import Scaled
from graphseq.experiments.longrange.settings import Settings
from graphseq.experiments.longrange.suite import BENCHMARKS


def test_measures_are_those_of_their_names() -> None:
    output, y = torch.tensor([[1.0], [4.0]]), torch.tensor([[2.0], [1.0]])
    assert MAE.of(output, y) == 2
    assert LOG_MSE.of(output, y) == pytest.approx(0.69897)  # log10 of (1 + 9) / 2
    assert ACCURACY.of(torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([1, 1])) == 0.5


def test_the_constant_of_a_measure_is_the_best_of_all_constants() -> None:
    y = torch.tensor([[1.0], [2.0], [9.0]])
    for measure in (MAE, LOG_MSE):
        best = measure.of(measure.constant(y).expand(3, 1), y)
        tried = [measure.of(torch.full((3, 1), number / 10), y) for number in range(100)]
        assert best <= min(tried) + 1e-9
    assert ACCURACY.constant(torch.tensor([0, 2, 2])).argmax() == 2


def test_floors_of_a_repaired_transfer_are_those_of_its_closed_form() -> None:
    found = floors(gs.tasks.GraphTransfer(4), steps=20, measure=LOG_MSE, samples=2000)
    assert 10 ** found["constant"] == pytest.approx(1 / 12, rel=0.05)
    assert 10 ** found["0-hop model"] == pytest.approx(1 / 12, rel=0.1)
    assert 10 ** found["own input copied"] == pytest.approx(1 / 3, rel=0.05)  # the asked row's number is 0


def test_a_family_has_a_constant_of_its_own_and_rules_are_measured() -> None:
    train, validation, test = gs.tasks.EchoDiameter(60, diameters=(4, 8)).split()
    found = floors(train, test, validation=validation, steps=5, rules={"the answer": lambda graph: graph.y})
    assert found["the answer"] == 0
    own = {name: train.answers[[family == name for family in train.families]] for name in train.family_names}
    errors = [
        abs(float(y) - float(own[name].median())) for y, name in zip(test.answers[:, 0], test.families, strict=True)
    ]
    assert found["constant per family"] == pytest.approx(sum(errors) / len(errors))
    assert "own input copied" not in found  # graphs are asked


def test_every_question_of_a_set_is_asked_once_with_the_hops_that_it_needs() -> None:
    task = gs.tasks.EchoShortestPaths(12, diameters=(4, 6))
    said = answered(lambda graph: graph.y, task, samples=1, rows=40)
    assert torch.equal(said.output, task.answers)
    assert said.hops.tolist() == task.answers[:, 0].tolist()
    cells = by_hops(said.hops, torch.ones(len(said.hops)))
    assert [cell[0] for cell in cells] == sorted(set(said.hops.tolist()))
    assert sum(cell[1] for cell in cells) == len(said.hops)
    assert {cell[2] for cell in cells} == {1.0}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_keeps_the_budget_with_the_largest_width_that_does(family: str) -> None:
    task = gs.tasks.Transfer(4)
    width = width_for(3000, family, task, 2)
    assert parameters(build(family, task, width, 2)) <= 3000
    assert parameters(build(family, task, width + 4, 2)) > 3000
    assert build(family, task, width, 2)(task.batch(3, torch.Generator())).shape == (3, 10)


def test_a_scaled_model_begins_at_the_answers_mean() -> None:
    y = torch.tensor([[10.0], [30.0]])
    model = Scaled.to_answers(torch.nn.Linear(1, 1), y)
    torch.nn.init.zeros_(model.inner.weight)
    torch.nn.init.zeros_(model.inner.bias)
    assert model(torch.zeros(2, 1)).tolist() == [[20.0], [20.0]]
    assert Scaled.to_answers(model, torch.tensor([1, 0])) is model


def test_published_numbers_have_sources_and_stand_for_benchmarks_of_the_suite() -> None:
    rows = every_published()
    assert all(re.search(r"20\d\d|github", row.source) for row in rows)
    assert len({(row.benchmark, row.model) for row in rows}) == len(rows)
    assert {row.model: row.value for row in published("echo eccentricity")}["ONDA"] == 0.885
    for name in ("echo shortest paths", "echo diameter", "corso diameter", "neighbors match 8", "mnist1d"):
        assert published(name)
        assert name in BENCHMARKS
    # A repaired task has no published numbers: those of the published task are not its.
    assert not published("graph transfer ring 50")
    assert len(published("published graph transfer ring 50")) == 11


def test_a_benchmark_says_what_it_is_and_its_names_are_found_by_their_beginning() -> None:
    assert all(benchmark.note.endswith(".") for benchmark in BENCHMARKS.values())
    assert Settings(benchmarks=("echo",)).chosen() == ["echo shortest paths", "echo eccentricity", "echo diameter"]
    with pytest.raises(ValueError, match=r"benchmarks must be names or beginnings of .*; got 'ekko'"):
        Settings(benchmarks=("ekko",)).chosen()
    with pytest.raises(ValueError, match=r"models must be of .*; got 'GCM'"):
        Settings(models=("GCM",)).chosen()


def test_recurrent_families_are_run_on_sequences_alone() -> None:
    settings = Settings(benchmarks=("adding 100", "echo diameter"), models=("LSTM",), seeds=(0,), lrs=(0.01,))
    assert [(case["benchmark"], case["model"]) for case in settings.cases()] == [
        ("adding 100", "floors"),
        ("adding 100", "LSTM"),
        ("echo diameter", "floors"),
    ]


def test_the_command_writes_tables_figures_and_records_and_goes_on_where_it_was(tmp_path: Path) -> None:
    out = tmp_path / "suite"
    words = ("longrange", "--tiny", "--model", "GCN", "--jobs", 1, "--out", out, "--benchmark")
    said = console.call(*words, "graph transfer ring 3")
    assert said.status == 0
    assert "floor: constant" in said.out
    before = (out / "results.jsonl").read_text()
    said = console.call(*words, "graph transfer ring 3", "echo diameter", "--resume")
    assert said.status == 0
    assert (out / "results.jsonl").read_text().startswith(before)
    record = json.loads((out / "results.json").read_text())
    lines = {line["benchmark"]: line for line in record["lines"]}
    assert lines["graph transfer ring 3"]["reach"] == 3
    assert lines["echo diameter"]["parameters"] <= 2000
    assert record["cpu_seconds"] > 0
    assert record["machines"][0]["torch"] == torch.__version__
    assert "published" not in json.dumps(record["lines"])
    assert {"table.txt", "graph_transfer_ring.png", "echo_diameter.png"} <= {path.name for path in out.iterdir()}
    assert "published: ONDA" in (out / "table.txt").read_text()


def test_a_benchmark_whose_file_is_not_there_says_where_it_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHSEQ_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"benchmarks/mnist1d_data.pkl, which is not there"):
        BENCHMARKS["mnist1d"].make(10)
    monkeypatch.delenv("GRAPHSEQ_DATA")
    with pytest.raises(FileNotFoundError, match=r"\$GRAPHSEQ_DATA/benchmarks/mnist1d_data.pkl"):
        BENCHMARKS["mnist1d shuffled"].make(10)
