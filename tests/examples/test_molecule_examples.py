"""The example on molecules, run tiny on molecules of the test's own; and the page of the recorded run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from scripts import ROOT, load, page

import graphseq as gs

RECORD = ROOT / "docs" / "molecules" / "results.json"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The scripts import each other."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    yield
    for name in ("molecule_baselines", "molecule_models", "molecule_report"):
        sys.modules.pop(name, None)


def example(name: str = "molecules") -> ModuleType:
    return load(ROOT / "examples" / f"{name}.py")


def alcohols(folder: Path) -> gs.io.GraphDataset:
    """Chains, some with one oxygen, whose number is how many carbons they have less three times the oxygens."""
    chains = [(n, o) for n in range(1, 9) for o in (0, 1)]
    lines = [f"{'C' * n}{'O' * o},{n - 3 * o}" for n, o in chains]
    path = folder / "chains.csv"
    path.write_text("\n".join(["smiles,value", *lines, "C1,0"]))
    return gs.io.read_smiles(path, target="value", on_error="skip")


def rings(count: int = 16) -> gs.io.GraphDataset:
    """Rings and chains of six carbons in turn."""
    graphs = [gs.io.from_smiles("C1CCCCC1" if n % 2 else "CCCCCC", y=torch.tensor([n % 2])) for n in range(count)]
    names = tuple(str(n + 1) for n in range(count))
    return gs.io.GraphDataset("rings", tuple(graphs), names, gs.io.atom_channels(), ("chain", "ring"))


def test_a_table_a_figure_and_a_record_of_other_molecules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = example()
    tiny = script.Setting(folds=2, hidden=4, steps=5)
    sets = [rings(), alcohols(tmp_path)]
    record = script.main(tmp_path / "new", tiny, sets)
    scores = {(each["data"], each["model"]): each["scores"] for each in record["records"]}
    assert scores["rings", "majority"] == [50.0, 50.0]
    assert scores["rings", "WL subtree kernel, SVM"] == [100.0, 100.0]
    # The number is linear in what is counted.
    assert max(scores["chains", "ridge, atoms counted"]) < 0.1 < min(scores["chains", "mean"])
    assert set(script.MODELS) <= {model for _, model in scores}
    assert "\n".join(record["table"]) in capsys.readouterr().out
    assert json.loads((tmp_path / "new" / "results.json").read_text()) == record
    assert (tmp_path / "new" / "figure.png").stat().st_size > 10_000
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "new" / "runs").iterdir() if "-" in path.name}
    assert len(before) == 2 * len(script.MODELS) + 6
    assert script.main(tmp_path / "new", tiny, sets) == record
    assert {path: path.stat().st_mtime_ns for path in before} == before
    with pytest.raises(FileExistsError, match="another setting or other molecules"):
        script.main(tmp_path / "new", tiny, [rings(14), sets[1]])


def test_lines_that_do_not_parse_are_reported_and_the_others_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alcohols(tmp_path)
    (data,) = example().data_sets(csv=tmp_path / "chains.csv", target="value")
    assert len(data.graphs) == 16
    assert "left out: " in (said := capsys.readouterr().out)
    assert "chains.csv, line 18: SMILES 'C1' does not parse" in said


def test_answers_of_the_test_fold_are_read_by_nobody(tmp_path: Path) -> None:
    data = alcohols(tmp_path)
    models, base = example("molecule_models"), example("molecule_baselines")
    setting = models.Setting(folds=4, hidden=4, steps=5)
    train, test = models.task_of(data, data.graphs).folds(4, seed=0)[1]
    changed = [g.replace(y=g.y + 100 * (n in test.numbers)) for n, g in enumerate(data.graphs)]
    other = gs.io.GraphDataset(data.name, tuple(changed), data.names, data.channels, data.answers, data.smiles)
    for name in ("GCN", "Tree-LSTM on the DAG"):
        one, two = (models.trained(setting, name, each, 1, train.numbers) for each in (data, other))
        assert torch.equal(one.predictions, two.predictions)
    fold = (train.numbers.numpy(), test.numbers.numpy())
    ys = [torch.cat([graph.y for graph in each.graphs]).flatten().double().numpy() for each in (data, other)]
    assert not np.array_equal(*ys)
    for name in base.baselines(data):
        assert np.array_equal(*(base.baselines(each)[name](y, fold) for each, y in zip((data, other), ys, strict=True)))


def test_the_picture_is_of_the_numbers_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = example("molecule_pictures")
    monkeypatch.setattr(script, "DATA", {lambda: alcohols(tmp_path): "units", rings: "logits"})
    record = script.main(tmp_path / "new", example("molecule_models").Setting(folds=2, hidden=4, steps=3))
    of_chains, of_rings = record["looks"]
    assert of_chains["name"] in {"C" * 8 + "O", "C" * 7 + "O", "C" * 8}  # nearest to 14 atoms, in the test
    for look in record["looks"]:
        assert list(look["models"]) == list(script.SHOWN)
        assert all(min(seen["influence"]) >= 0 < max(seen["influence"]) for seen in look["models"].values())
    assert len(of_rings["models"]["GCN"]["influence"]) == 6
    assert (tmp_path / "new" / "influence.png").stat().st_size > 10_000
    with pytest.raises(FileExistsError, match=r"influence\.json"):
        script.main(tmp_path / "new")


def test_the_record_is_of_a_whole_run_and_the_table_is_its() -> None:
    record, script = json.loads(RECORD.read_text()), example()
    assert {key: record["config"][key] for key in script.Setting.__dataclass_fields__} == vars(script.Setting())
    assert record["config"]["models"] == list(script.MODELS)
    assert script.table(record["records"]).splitlines() == record["table"]
    assert all(len(each["scores"]) == record["config"]["folds"] == 10 for each in record["records"])
    of = {(each["data"], each["model"]): sum(each["scores"]) / 10 for each in record["records"]}
    assert of["MUTAG", "majority"] == pytest.approx(66.5, abs=0.2)  # 125 of 188
    assert of["ESOL", "mean"] == pytest.approx(2.10, abs=0.02)  # the standard deviation of all answers
    assert of["FreeSolv", "mean"] == pytest.approx(3.85, abs=0.1)


def test_the_table_of_molecules_is_the_recorded_one() -> None:
    record = json.loads(RECORD.read_text())
    assert "\n".join(line.rstrip() for line in record["table"]) in page("molecules")
