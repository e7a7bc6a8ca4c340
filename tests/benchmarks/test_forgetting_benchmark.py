"""The benchmark of forgetting: its measures by hand, and a tiny run whose table is that of its records."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from scripts import ROOT, load

import graphseq as gs


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load(ROOT / "benchmarks" / "forgetting.py")


@pytest.mark.parametrize(
    ("kept", "irrelevant", "expected"),
    [
        ([0.9, 0.8, 0.1, 0.2], [False, False, True, True], 1.0),
        ([0.1, 0.2, 0.9, 0.8], [False, False, True, True], 0.0),
        ([0.5, 0.5, 0.5], [False, True, True], 0.5),
        ([0.5, 0.1, 0.5, 0.9], [False, False, True, True], (0 + 0.5 + 0 + 0) / 4),
        ([0.7, 0.3, 0.3, 0.2], [False, False, True, True], (1 + 1 + 0.5 + 1) / 4),
    ],
)
def test_auc_counts_pairs(script: ModuleType, kept: list[float], irrelevant: list[bool], expected: float) -> None:
    assert script.auc(torch.tensor(kept), torch.tensor(irrelevant)) == pytest.approx(expected)


def test_auc_at_one_reader_compares_no_edges_of_two(script: ModuleType) -> None:
    """Readers 5 and 2 each tell their edges apart, on scales of their own; over all edges they are mixed."""
    reader = torch.tensor([5, 2, 5, 2, 5, 2])
    kept = torch.tensor([0.9, 0.2, 0.8, 0.1, 0.7, 0.05])
    irrelevant = torch.tensor([False, False, True, True, True, True])
    assert script.auc_at_one_reader(kept, irrelevant, reader) == 1.0
    assert script.auc(kept, irrelevant) == pytest.approx((4 + 2) / 8)
    kept[2] = 0.9  # a tie counts half: 3/4 at one reader, 1 at the other
    assert script.auc_at_one_reader(kept, irrelevant, reader) == pytest.approx(7 / 8)


def test_gates_that_follow_the_keys_have_an_auc_of_one(script: ModuleType) -> None:
    """Weights by hand: the gate of a node closes where its state holds the mark of a distractor."""
    task = gs.tasks.Distractors(2, num_strangers=0)
    encoder = gs.nn.ForgettingGCNLSTM(task.in_channels, 1, forget="nodes")
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.zero_()
        encoder.layers[0].weights()[0][2, 1] = 5.0  # the candidate reads the mark; input and output gates are half open
        encoder.gates.node.weight.fill_(-50.0)
    found = script.gate_auc(encoder, task, 5, seed=0)
    assert found["node_auc"] == 1.0
    assert found["edge_auc_at_one_reader"] == 1.0


def test_a_tiny_run_says_what_its_records_do(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "results.json"
    script.main(out, script.TINY)
    record = json.loads(out.read_text())
    assert capsys.readouterr().out.splitlines() == record["table"]
    records = record["records"]
    assert len(records) == len(script.PLANTED) * len(script.MODELS)
    assert [script.summary(records, line["planted"], line["model"]) for line in record["lines"]] == record["lines"]
    for each in records:
        measured = {"node_auc", "edge_auc", "edge_auc_at_one_reader"} & set(each)
        forgets = each["model"].startswith("forgetting")
        assert measured == (
            set() if not forgets
            else {"edge_auc", "edge_auc_at_one_reader"} | ({"node_auc"} if each["planted"] != "edges" else set())
        )  # fmt: skip
        assert all(0 <= each[key] <= 1 for key in measured)
    assert record["config"]["steps"] == 2
    assert record["config"]["tasks"]["nodes"]["num_strangers"] == 0
    with pytest.raises(FileExistsError, match=r"results\.json is already there; choose another --out"):
        script.main(out, script.TINY)


def test_the_interval_is_students(script: ModuleType) -> None:
    seen = {"planted": "nodes", "model": "GCN-LSTM", "parameters": 1, "score": 0.5}
    line = script.summary([{**seen, "mse": mse} for mse in (1.0, 2.0, 3.0)], "nodes", "GCN-LSTM")
    assert (line["mse"], line["mse_half_width"]) == (2.0, pytest.approx(4.302653 / 3**0.5))
    assert script.summary([{**seen, "mse": 1.0}], "nodes", "GCN-LSTM")["mse_half_width"] is None
