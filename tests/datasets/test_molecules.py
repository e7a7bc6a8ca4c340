"""What the molecules that are known by name hold; skipped where their files are not at hand."""

from __future__ import annotations

from pathlib import Path

import pooch
import pytest
import torch
from test_known import at_hand

import graphseq as gs
from graphseq.datasets import registry


def test_mutag_is_188_nitro_compounds() -> None:
    at_hand("MUTAG_A")
    data = gs.datasets.mutag()
    assert len(data.graphs) == 188
    assert torch.cat([graph.y for graph in data.graphs]).bincount().tolist() == [63, 125]
    assert data.channels == ("C", "N", "O", "F", "I", "Cl", "Br")
    atoms = torch.stack([graph.x.sum(dim=0) for graph in data.graphs]).sum(dim=0)
    assert atoms.tolist() == [2395, 345, 593, 12, 1, 23, 2]
    assert (min(g.num_rows for g in data.graphs), max(g.num_rows for g in data.graphs)) == (10, 28)
    assert sum(graph.edge_index.shape[1] for graph in data.graphs) == 7442
    for graph in data.graphs:
        pairs = {tuple(pair) for pair in graph.edge_index.t().tolist()}
        assert pairs == {(j, i) for i, j in pairs}


@pytest.mark.parametrize(
    ("name", "count", "rows", "low", "high", "mean"),
    [("ESOL", 1128, 14991, -11.6, 1.58, -3.0501), ("FreeSolv", 642, 5600, -25.47, 3.43, -3.8030)],
)
def test_what_was_measured(name: str, count: int, rows: int, low: float, high: float, mean: float) -> None:
    at_hand(name)
    data = {"ESOL": gs.datasets.esol, "FreeSolv": gs.datasets.freesolv}[name]()
    assert (data.name, len(data.graphs), sum(graph.num_rows for graph in data.graphs)) == (name, count, rows)
    y = torch.cat([graph.y for graph in data.graphs])
    assert y.shape == (count, 1)
    assert (float(y.min()), float(y.max())) == pytest.approx((low, high))
    assert float(y.double().mean()) == pytest.approx(mean, abs=1e-4)
    assert data.skipped == ()


@pytest.mark.parametrize("read", [gs.datasets.mutag, gs.datasets.freesolv])
def test_a_data_folder_that_is_not_there_says_what_to_do(
    read: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path / "nowhere"))
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "cache")
    monkeypatch.setattr(registry, "_carried", lambda _: None)
    with pytest.raises(FileNotFoundError, match=r"neither in GRAPHSEQ_DATA \(.*nowhere\) .* put it under that folder"):
        read()  # type: ignore[operator]
