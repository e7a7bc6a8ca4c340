"""Published graph transfer: a rule that reads a row's own input alone is right on all twelve sets."""

import json
import os
from pathlib import Path

import pytest
import torch
from scripts import ROOT, load

FILE = Path(os.environ.get("GRAPHSEQ_DATA", "")) / "benchmarks" / "graph_transfer_swan.zip"
needs_file = pytest.mark.skipif(not FILE.is_file(), reason="graph_transfer_swan.zip is not in GRAPHSEQ_DATA")


@needs_file
def test_the_rule_on_a_rows_own_input_has_a_test_error_of_exactly_zero_on_all_twelve_sets() -> None:
    script = load(ROOT / "benchmarks" / "graph_transfer.py")
    lines = script.audit(FILE, blind=lambda train, test: 0.0)
    assert len(lines) == 12
    assert [line["own_rule"] for line in lines] == [0.0] * 12
    assert all(line["graphs"] == [1000, 100, 100] for line in lines)
    # Copying is wrong at the target alone, by 1, and in one set at the source, too.
    for line in lines:
        wrong = 2 if (line["shape"], line["hops"]) == ("line", 50) else 1
        assert line["source_is_asked_for"] == 2 - wrong
        assert line["own_input_copied"] == pytest.approx(wrong / line["rows"])


def test_the_rule_is_a_function_of_one_number() -> None:
    script = load(ROOT / "benchmarks" / "graph_transfer.py")
    x = torch.tensor([0.0, 0.25, 1.0])
    assert script.own_rule(x, swaps=False).tolist() == [1.0, 0.25, 1.0]
    assert script.own_rule(x, swaps=True).tolist() == [1.0, 0.25, 0.0]


def test_the_recorded_table_is_that_of_its_lines_and_no_blind_model_is_worse_than_gcn_at_50_hops() -> None:
    script = load(ROOT / "benchmarks" / "graph_transfer.py")
    record = json.loads((ROOT / "docs" / "longrange" / "graph_transfer" / "results.json").read_text())
    assert script.table(record["sets"]).splitlines() == record["table"]
    for line in record["sets"]:
        if line["hops"] == 50:
            rows = script.published(f"published graph transfer {line['shape']} 50")
            assert line["blind_model"] < next(row.value for row in rows if row.model == "GCN")
