"""The rows that answers need: a table of which some lines are made at a time, and what it costs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphseq.data import hops
from graphseq.reach.diagnosis import evidence, needs, rows
from graphseq.reach.diagnosis.needs import Needs, few_at_a_time, that_need
from graphseq.reach.diagnosis.problem import Sample
from graphseq.reach.diagnosis.readers import Readers
from graphseq.reach.diagnosis.rows import Rows


def rings_of(count: int, size: int) -> Rows:
    node = torch.arange(count * size)
    after = node - node % size + (node + 1) % size
    both = torch.cat([torch.stack([node, after]), torch.stack([after, node])], dim=1)
    return Rows(both, node // size, node, node // size)


def sample_on(some: Rows) -> Sample:
    x = torch.zeros(some.count, 1)
    return Sample(x, torch.zeros(some.count), lambda model, x: x, None, some)


def test_its_lines_are_those_of_the_whole_table(monkeypatch: pytest.MonkeyPatch) -> None:
    some = rings_of(3, 5)
    dense = some.hops(torch.arange(15)) == 2
    found = needs.at(some, 2, 15)
    picked = torch.tensor([14, 0, 7])
    assert found[picked].equal(dense[picked])
    monkeypatch.setattr(needs, "_MOST_ENTRIES", 40)  # two lines at a time
    assert [len(part) for part in few_at_a_time(15, 15)] == [2] * 7 + [1]
    assert found.answers.equal(that_need(dense))
    assert len(found.answers) == 15
    path = Rows(some.edges[:, [0, 1]], some.owner, some.targets, some.graphs)  # 0 → 1 → 2 and no other edge
    assert needs.at(path, 2, 15).answers.tolist() == [0, 2]  # two hops apart, whatever the direction


def test_what_readers_need_takes_no_table_of_all_answers_and_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    entries: list[int] = []

    def counted(cost: object, ends: Tensor) -> Tensor:
        found = hops.shortest_paths(cost, ends)  # type: ignore[arg-type]
        entries.append(found.numel())
        return found

    monkeypatch.setattr(rows, "shortest_paths", counted)
    monkeypatch.setattr(needs, "_MOST_ENTRIES", 2**16)
    some = rings_of(20, 100)
    found = evidence.measured_needs(Readers((), (1, 3), ()), sample_on(some))
    assert isinstance(found, Needs)
    assert found[torch.tensor([150])].nonzero()[:, 1].tolist() == [147, 149, 151, 153]
    assert len(that_need(found)) == 2000
    assert max(entries) <= 2**16 < 2000 * 2000
