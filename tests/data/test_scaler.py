"""Scales from the past alone, and back again."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw

import graphseq as gs


def two_nodes() -> gs.SpaceTimeGraph:
    """Node 0 shows 1, 3, 5 and node 1 shows 10, 10, 40; beside them a constant 7."""
    value = torch.tensor([[1.0, 10.0], [3.0, 10.0], [5.0, 40.0]])
    return gs.from_signal(torch.stack([value, torch.full_like(value, 7)], dim=2), torch.tensor([[0], [1]]))


def test_each_node_by_itself_before_the_time_and_a_constant_keeps_its_unit() -> None:
    scaler = gs.Scaler.fit(two_nodes(), until=2)
    assert scaler.mean.tolist() == [[2, 7], [10, 7]]
    assert scaler.deviation.tolist() == [[1, 1], [1, 1]]
    assert scaler.transform(two_nodes()).x.tolist() == [[-1, 0], [0, 0], [1, 0], [0, 0], [3, 0], [30, 0]]


def test_all_nodes_together() -> None:
    scaler = gs.Scaler.fit(two_nodes(), until=2, per="all")
    assert scaler.mean.tolist() == [[6, 7]]
    assert scaler.deviation[0].tolist() == pytest.approx([math.sqrt((25 + 9 + 16 + 16) / 4), 1])


@given(seed=st.integers(0, 99), until=st.integers(1, 6), per=st.sampled_from(["node", "all"]))
def test_no_row_at_or_after_the_time_can_change_the_scale(seed: int, until: int, per: str) -> None:
    x = torch.randn(6, 3, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    later = x.clone()
    later[until:] += 1 + later[until:].abs()
    one, other = (
        gs.Scaler.fit(gs.from_signal(part, torch.zeros(2, 0).long()), until=until, per=per) for part in (x, later)
    )
    assert torch.equal(one.mean, other.mean)
    assert torch.equal(one.deviation, other.deviation)
    known = x[:until] if per == "node" else x[:until].reshape(-1, 1, 2)
    torch.testing.assert_close(one.mean, known.mean(0), rtol=0, atol=1e-12)
    if len(known) > 1:
        torch.testing.assert_close(one.deviation, known.std(0, correction=0), rtol=0, atol=1e-12)


@given(seed=st.integers(0, 99), per=st.sampled_from(["node", "all"]))
def test_the_inverse_gives_back_what_was_recorded(seed: int, per: str) -> None:
    graph = draw(seed, times=6)
    scaler = gs.Scaler.fit(graph, until=len(graph.topology.times), per=per)
    scaled = scaler.transform(graph)
    torch.testing.assert_close(scaler.inverse(scaled.x, graph.node), graph.x, rtol=0, atol=1e-12)
    torch.testing.assert_close(scaler.inverse(scaled.x[:, :1], graph.node), graph.x[:, :1], rtol=0, atol=1e-12)
    assert scaled.topology is graph.topology


def test_what_is_scaled_keeps_its_type_and_what_is_asked() -> None:
    graph = two_nodes()
    graph.target, graph.y = torch.arange(6) == 0, torch.tensor([[1.0]])
    scaled = gs.add_seasonal_features(gs.Scaler.fit(graph, until=2).transform(graph), period=3)
    assert scaled.x.dtype == torch.float32
    assert torch.equal(scaled.target, graph.target)
    assert torch.equal(scaled.y, graph.y)


def test_a_split_says_until_when() -> None:
    """Ten answers, at the times 1 to 10: five before the test, so the scale is that of the times 0 to 5."""
    graph = gs.from_sequence(torch.arange(11.0)[:, None])
    split = gs.tasks.Forecasting(graph, lags=1).split(train=0.5)
    assert gs.Scaler.fit(graph, until=split.whole.last + 1).mean.tolist() == [[2.5]]


def test_the_season_of_a_week() -> None:
    graph = gs.add_seasonal_features(gs.from_sequence(torch.tensor([[1.0], [2.0], [3.0], [4.0]])), period=4)
    torch.testing.assert_close(
        graph.x, torch.tensor([[1.0, 0, 1], [2, 1, 0], [3, 0, -1], [4, -1, 0]]), rtol=0, atol=1e-6
    )


def test_a_node_that_comes_later_is_named() -> None:
    graph = gs.SpaceTimeGraph(torch.ones(3, 1), torch.tensor([0, 0, 4]), torch.tensor([0, 1, 1]))
    with pytest.raises(ValueError, match="node 4 has no row before until=1"):
        gs.Scaler.fit(graph, until=1)
    assert gs.Scaler.fit(graph, until=1, per="all").transform(graph).x.tolist() == [[0], [0], [0]]


@pytest.mark.parametrize(
    ("until", "per", "message"),
    [
        (0, "node", "until must be at least 1"),
        (4, "node", "until must be at most 3, the number of times of the graph; got 4"),
        (2, "edge", "per must be one of all, node"),
    ],
)
def test_what_cannot_be_fitted_is_named(until: int, per: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gs.Scaler.fit(two_nodes(), until=until, per=per)  # type: ignore[arg-type]


def test_a_feature_that_is_not_finite_has_no_scale_but_one_after_the_time_is_not_read() -> None:
    x = two_nodes().x.clone()
    x[5, 0] = torch.nan
    scaler = gs.Scaler.fit(two_nodes().replace(x=x), until=2, per="all")
    assert scaler.mean.tolist() == gs.Scaler.fit(two_nodes(), until=2, per="all").mean.tolist()
    with pytest.raises(ValueError, match=r"x\[5, 0\] is nan, at node 1 and time 2; features must be finite"):
        gs.Scaler.fit(two_nodes().replace(x=x), until=3, per="all")


def test_what_does_not_fit_is_named() -> None:
    scaler = gs.Scaler.fit(two_nodes(), until=2)
    with pytest.raises(ValueError, match="graph has 1 channels, but the scaler was fitted to 2"):
        scaler.transform(gs.from_sequence(torch.zeros(3, 1)))
    with pytest.raises(ValueError, match="node 2 has no scale"):
        scaler.inverse(torch.zeros(2, 1), torch.tensor([0, 2]))
    with pytest.raises(ValueError, match=r"values must have shape \(K, C\), C at most 2"):
        scaler.inverse(torch.zeros(1, 3), torch.tensor([0]))
    with pytest.raises(TypeError, match="integer tokens"):
        gs.Scaler.fit(gs.from_sequence(torch.tensor([1, 2])), until=1)
    with pytest.raises(ValueError, match="period must be"):
        gs.add_seasonal_features(two_nodes(), period=0)
