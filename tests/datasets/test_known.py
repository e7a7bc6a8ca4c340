"""What the recordings that are known by name hold, fact by fact; skipped where their files are not at hand."""

from __future__ import annotations

import os
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from graphseq.datasets import book, chickenpox, collegemsg, england_covid, registry

COUNTIES = (
    "BACS BARANYA BEKES BORSOD BUDAPEST CSONGRAD FEJER GYOR HAJDU HEVES JASZ KOMAROM NOGRAD PEST SOMOGY SZABOLCS "
)
COUNTIES += "TOLNA VAS VESZPREM ZALA"


def at_hand(name: str) -> None:
    """Skip where the folder of data does not have the file of that name."""
    if "GRAPHSEQ_DATA" not in os.environ:
        pytest.skip("GRAPHSEQ_DATA names no folder with data")
    path = Path(os.environ["GRAPHSEQ_DATA"]) / {source.name: source.path for source in registry.SOURCES}[name]
    if not path.exists():
        pytest.skip(f"there is no {path.name} in GRAPHSEQ_DATA")


def test_chickenpox_is_20_counties_over_521_weeks() -> None:
    at_hand("chickenpox")
    data = chickenpox()
    graph = data.graph
    assert data.nodes == tuple(COUNTIES.split())
    assert (len(data.times), data.times[0], data.times[-1]) == (521, "2005-01-10", "2014-12-29")
    assert graph.x.shape == (521 * 20, 1)
    index = graph.static_edge_index
    assert index.shape == (2, 102)
    assert int((index[0] == index[1]).sum()) == 20
    pairs = set(map(tuple, index.t().tolist()))
    assert {(j, i) for i, j in pairs} == pairs
    assert repr(data) == "TemporalDataset(chickenpox: N=20, T=521, V=10420, F=1)"


def test_chickenpox_is_standardised_county_by_county_over_all_weeks() -> None:
    at_hand("chickenpox")
    x = chickenpox().graph.x.double().view(521, 20)
    assert x.mean(0).abs().max() < 1e-6
    assert (x.std(0, correction=0) - 1).abs().max() < 1e-6


def test_chickenpox_holds_changes_of_cases_not_cases() -> None:
    at_hand("chickenpox")
    # Cases as reported, in the first four weeks of 2005 and the last four of 2014: values differ as their changes do.
    data = chickenpox()
    x = data.graph.x.double().view(521, 20)
    for county, weeks, cases in (
        ("BACS", slice(0, 3), [30, 30, 31, 43]),
        ("BUDAPEST", slice(0, 3), [168, 157, 96, 163]),
        ("BUDAPEST", slice(518, 521), [43, 35, 30, 259]),
    ):
        changes = torch.tensor(cases).double().diff()
        values = x[weeks, data.nodes.index(county)]
        ratio = changes.diff() / values.diff()
        assert ratio[0].item() == pytest.approx(ratio[1].item(), rel=1e-4)


def test_england_is_129_regions_over_61_days_whose_edges_change_every_day() -> None:
    at_hand("england_covid")
    data = england_covid()
    graph = data.graph
    assert (len(data.nodes), len(data.times), data.times[0], data.times[-1]) == (129, 61, "2020-03-13", "2020-05-12")
    assert graph.x.shape == (61 * 129, 1)
    assert graph.x.sum().item() == 119_551
    assert graph.x[:10, 0].tolist() == [4, 1, 0, 2, 0, 1, 3, 11, 4, 3]
    counts = torch.bincount(graph.time[graph.edge_index[0]], minlength=61)
    assert (int(counts.min()), int(counts.max()), int(counts.sum())) == (836, 2158, 82_529)
    days = [set(map(tuple, graph.snapshot(day).edge_index.t().tolist())) for day in range(61)]
    assert all(a != b for a, b in pairwise(days))
    assert all({(n, n) for n in range(129)} <= day for day in days)
    assert graph.edge_weight.min().item() == 10
    assert graph.edge_weight[0].item() == first_weight()


def first_weight() -> float:
    """The first weight of the first day, as the file spells it."""
    text = registry.find("england_covid").read_text(encoding="utf-8")
    return float(text.partition('"edge_weight"')[2].partition('"0": [')[2].partition(",")[0])


def test_collegemsg_is_59835_messages_among_1899_people() -> None:
    at_hand("collegemsg")
    data = collegemsg()
    graph = data.graph
    assert (len(data.nodes), len(data.times), data.times[:2], data.times[-1]) == (
        1899,
        28,
        ("2004-04-15", "2004-04-22"),
        "2004-10-21",
    )
    assert data.channels == ("sent", "received")
    assert graph.x.sum(0).tolist() == [59_835, 59_835]
    assert graph.edge_weight.sum().item() == 59_835
    assert data.nodes[:4] == ("1", "2", "3", "4")


def test_collegemsg_was_sent_on_193_of_195_days() -> None:
    at_hand("collegemsg")
    data = collegemsg(timedelta(days=1), present="active", empty="keep")
    assert (len(data.times), data.times[0], data.times[-1]) == (193, "2004-04-15", "2004-10-26")
    assert int(data.graph.time.max()) == 194
    assert data.graph.x.sum(0).tolist() == [59_835, 59_835]


@pytest.mark.parametrize(
    ("name", "characters", "kinds"),
    [("grimms_fairy_tails", 540_241, 87), ("EN_democracy", 1_148_435, 84), ("NL_darwin", 1_365_148, 113)],
)
def test_a_book_is_what_the_reference_runs_read(name: str, characters: int, kinds: int) -> None:
    at_hand(name)
    text = book(name)
    assert (len(text), len(set(text)), text[0]) == (characters, kinds, "\ufeff")


def test_a_file_of_the_users_own_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "pox.json"
    path.write_text('{"edges": [[0, 1]], "node_ids": {"a": 0, "b": 1}, "FX": [[1, 2], [3, 4]]}', encoding="utf-8")
    data = chickenpox(path)
    assert (data.name, data.nodes, data.times) == ("chickenpox", ("a", "b"), ("2005-01-10", "2005-01-17"))
    messages = tmp_path / "messages.csv"
    messages.write_text("Source,Target,Timestamp\n1,2,4/15/04 2:56 PM\n2,1,4/23/04 1:00 AM\n", encoding="utf-8")
    data = collegemsg(path=messages)
    assert (data.times, data.graph.time.tolist()) == (("2004-04-15", "2004-04-22"), [0, 0, 1, 1])
