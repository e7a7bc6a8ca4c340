"""The example of number agreement at tiny size, and its record."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import ModuleType

import pytest
from scripts import ROOT, load
from treebanks import ROWS

from graphseq.datasets import find, registry
from graphseq.evaluation.groups import wilson
from graphseq.io import read_conllu
from graphseq.tasks import Agreement, english_number

BANK = Path(__file__).parents[1] / "files" / "sentences.conllu"
DOCS = ROOT / "docs" / "agreement"


@pytest.fixture
def example() -> ModuleType:
    return load(ROOT / "examples" / "agreement.py")


def test_the_example_asks_every_case_once_a_seed_and_goes_on(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bank, tiny = read_conllu(BANK), example.Setting(folds=2, buckets=16, hidden=4, steps=2, every=1, batch_size=4)
    first = example.main(tmp_path, bank, "english", [0], tiny)
    count = len(Agreement(bank, number=english_number).cases)
    assert count == 13
    assert {len(run["right"]) for run in first["runs"]} == {count}
    assert [len(run["best_steps"]) for run in first["runs"]] == [0] * 5 + [2] * len(example.MODELS)
    assert "subject after" in capsys.readouterr().out
    assert (tmp_path / "agreement.png").stat().st_size > 10_000
    both = example.main(tmp_path, bank, "english", [0, 1], tiny)
    assert both["runs"][: len(first["runs"])] == json.loads(json.dumps(first["runs"]))
    assert len(both["runs"]) == 2 * len(first["runs"])
    right = [run["right"].count("1") / count for run in both["runs"] if run["model"] == "path, LSTM"]
    assert both["lines"]["path, LSTM"]["all"]["share"] == pytest.approx(sum(right) / 2)
    assert json.loads((tmp_path / "agreement.json").read_text()) == json.loads(json.dumps(both))
    with pytest.raises(ValueError, match="holds other measurements"):
        example.main(tmp_path, bank, "english", [0], example.Setting(folds=3))


def test_the_same_seed_gives_the_same_answers(example: ModuleType) -> None:
    bank = read_conllu(BANK)
    task, tiny = Agreement(bank, number=english_number), example.Setting(folds=2, hidden=4, steps=3, every=2)
    runs = [example.run("both, GCN-LSTM", bank, task, tiny, 3)["right"] for _ in range(2)]
    assert runs[0] == runs[1]


def test_what_was_recorded_adds_up() -> None:
    record = json.loads((DOCS / "agreement.json").read_text())
    lines, runs = record["lines"], record["runs"]
    for name, groups in lines.items():
        own = [run["right"] for run in runs if run["model"] == name]
        share = sum(right.count("1") for right in own) / sum(map(len, own))
        assert groups["all"]["share"] == pytest.approx(share)
        assert (groups["all"]["low"], groups["all"]["high"]) == pytest.approx(wilson(share, groups["all"]["units"]))
    assert len({(run["model"], run["seed"]) for run in runs}) == len(runs)
    assert {run["model"] for run in runs} == set(lines)
    assert "\n".join(record["table"]).count("GCN-LSTM") == 2


@pytest.mark.skipif(
    not (Path(os.environ.get(registry.VARIABLE, "")) / ROWS).is_file(), reason="needs the English PUD treebank"
)
def test_the_record_is_of_the_treebank_that_is_there(example: ModuleType) -> None:
    record = json.loads((DOCS / "agreement.json").read_text())
    task = Agreement(read_conllu(find("EN_PUD")), number=english_number, buckets=record["config"]["buckets"])
    assert record["config"]["data"] == task.config["data"]
    assert {len(run["right"]) for run in record["runs"]} == {len(task.cases)}
