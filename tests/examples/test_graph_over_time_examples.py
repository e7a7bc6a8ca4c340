"""The examples on graphs over time, run small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from scripts import ROOT, load

import graphseq as gs


def test_who_writes_next_ranks_pairs_and_keeps_its_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = load(ROOT / "examples" / "who_writes_next.py")
    generator = torch.Generator().manual_seed(0)
    # Everybody writes to the next in a ring, always, and to anybody else now and then: who met most meets again.
    table = torch.tensor(
        [
            [float(i), float(j), float(t)]
            for t in range(24)
            for i in range(8)
            for j in {(i + 1) % 8, int(torch.randint(8, (1,), generator=generator))} - {i}
        ]
    )
    graph = gs.from_events(table, window=1.0)
    data = gs.io.TemporalDataset("ring", graph, tuple("abcdefgh"), tuple(map(str, range(24))), ("sent", "got"))
    tiny = example.Setting(seeds=(0,), hidden=4, steps=60, every=20)
    record = example.main(tmp_path / "new", tiny, data)
    of = {(each["sampling"], each["model"]): each["precision"] for each in record["records"]}
    # Most of what comes is the ring, which is right before all else.
    assert of["random", "frequency"] > 0.8
    assert of["random", "pairs alone"] > of["random", "LSTM, blind"] + 0.1
    assert "\n".join(record["table"]) in capsys.readouterr().out
    kept = json.loads((tmp_path / "new" / "links.json").read_text())
    assert (record["lines"], record["records"]) == (kept["lines"], kept["records"])
    with pytest.raises(FileExistsError, match=r"links\.json"):
        example.main(tmp_path / "new", tiny, data)


def test_forgetting_tells_what_was_planted_from_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = load(ROOT / "examples" / "forgetting.py")
    record = example.main(tmp_path / "new", steps=250, graphs=20)
    assert record["edge_auc_at_one_row"] > 0.9  # by gates of nodes, of edges, or of both
    assert record["mse"] < record["least_mse_without_forgetting"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(example.FILES)
    assert f"AUC: nodes {record['node_auc']:.3f}" in capsys.readouterr().out
    with pytest.raises(FileExistsError, match=r"gates\.png"):
        example.main(tmp_path / "new")
