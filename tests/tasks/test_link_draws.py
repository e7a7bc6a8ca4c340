"""How pairs without an edge are drawn: evenly, by the generator or the seed alone, and how many there are."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given
from recorded import MAIL, SETTINGS, Pair, drawn, pairs_of, same
from scipy import stats

import graphseq as gs
from graphseq.tasks import LinkPrediction


def complete_but(missing: list[Pair], nodes: int) -> gs.SpaceTimeGraph:
    """Everybody joined to everybody at two times, but for these pairs at the second."""
    every = [(j, i) for j in range(nodes) for i in range(nodes) if j != i]
    edges = every + [(j + nodes, i + nodes) for j, i in every if (j, i) not in missing]
    rows = torch.arange(2 * nodes)
    return gs.SpaceTimeGraph(torch.zeros(2 * nodes, 1), rows % nodes, rows // nodes, torch.tensor(edges).t())


MISSING = [(0, 2), (0, 5), (0, 6), (3, 1), (4, 0), (4, 6)]


@pytest.mark.parametrize("held", [False, True], ids=["fresh", "held"])
def test_random_pairs_are_drawn_evenly_among_those_of_the_same_source(held: bool) -> None:
    task = LinkPrediction(complete_but(MISSING, 7), lags=1, negatives=400, seed=3)
    graph = task.windows(torch.arange(1)) if held else task.batch(1, torch.Generator().manual_seed(3))
    counts = Counter(pairs_of(graph, 0, 7, 0))
    assert set(counts) == set(MISSING)
    for source, positives in ((0, 3), (3, 5), (4, 4)):
        found = [counts[pair] for pair in MISSING if pair[0] == source]
        assert sum(found) == 400 * positives
        assert len(found) == 1 or stats.chisquare(found).pvalue > 1e-3


def test_historical_pairs_are_drawn_evenly_among_all() -> None:
    task = LinkPrediction(complete_but(MISSING, 7), lags=1, negatives=100, sampling="historical")
    counts = Counter(pairs_of(task.batch(1, torch.Generator().manual_seed(0)), 0, 7, 0))
    assert set(counts) == set(MISSING)
    assert sum(counts.values()) == 100 * (42 - 6)
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_who_meets_between_the_window_and_the_answer_has_not_met_before() -> None:
    """0 writes to 1 within the window, 1 to 2 after it, and 0 to 2 at the answer, two times after its end."""
    graph = gs.from_events(torch.tensor([[0, 1, 0.0], [1, 2, 1.0], [0, 2, 2.0]]), window=1)
    task = LinkPrediction(graph, lags=1, horizon=2, negatives=50, sampling="historical")
    assert set(pairs_of(task.batch(1, torch.Generator().manual_seed(0)), 0, 3, 0)) == {(0, 1)}


def test_draws_of_one_pair_do_not_depend_on_those_of_another() -> None:
    task = LinkPrediction(complete_but(MISSING, 7), lags=1, negatives=2000)
    others = pairs_of(task.batch(1, torch.Generator().manual_seed(1)), 0, 7, 0)
    of_first = [i for j, i in others if j == 0]
    pairs = Counter(zip(of_first[:-1:2], of_first[1::2], strict=True))
    assert len(pairs) == 9
    assert stats.chisquare(list(pairs.values())).pvalue > 1e-3


def test_where_all_are_joined_only_edges_are_asked() -> None:
    task = LinkPrediction(complete_but([], 4), lags=1)
    assert task.windows(torch.arange(1)).y.tolist() == [1] * 12
    assert task.chance == 1.0


@given(**SETTINGS)
def test_chance_is_the_share_of_the_commoner_class(
    seed: int, lags: int, horizon: int, negatives: int, sampling: str
) -> None:
    _, task = drawn(seed, lags, horizon, negatives=negatives, sampling=sampling)
    y = task.windows(torch.arange(len(task))).y
    assert task.chance == max(Counter(y.tolist()).values()) / len(y)


def test_the_seed_says_which_others_windows_ask_and_a_batch_asks_the_generator() -> None:
    def others(seed: int) -> torch.Tensor:
        return LinkPrediction(MAIL, lags=1, negatives=9, seed=seed).windows(torch.arange(2)).edge_label_index

    assert torch.equal(others(0), others(0))
    assert not torch.equal(others(0), others(1))
    before = torch.get_rng_state()
    batches = [
        LinkPrediction(MAIL, lags=1, negatives=9, seed=seed).batch(5, torch.Generator().manual_seed(draw))
        for seed, draw in ((0, 0), (1, 0), (0, 1))
    ]
    assert torch.equal(torch.get_rng_state(), before)
    assert same(batches[0], batches[1])
    assert not torch.equal(batches[0].edge_label_index, batches[2].edge_label_index)
