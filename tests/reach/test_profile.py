"""Influence by distance: literal sums, and the profile of each encoder."""

import pytest
import torch
from randomgraphs import draw, sequence

import graphseq as gs
from graphseq.nn import GCN, GCNLSTM, LSTM, Model
from graphseq.reach import (
    by_hop,
    by_lag,
    by_lag_and_hop,
    hop_distances,
    influence,
    mean_distance,
    space_hops,
    time_lags,
)

VALUES = torch.tensor([[1.0, 2.0, 4.0, 0.0], [8.0, 0.0, 16.0, 32.0]])
HOPS = torch.tensor([[0, 1, 1, -1], [2, 1, 0, 1]])


def test_sums_by_hop_are_averaged_over_outputs() -> None:
    assert by_hop(VALUES, HOPS).at.tolist() == [0, 1, 2]
    assert by_hop(VALUES, HOPS).value.tolist() == [(1 + 16) / 2, (2 + 4 + 32) / 2, 8 / 2]


def test_sums_by_lag_keep_later_rows_apart_from_earlier() -> None:
    found = by_lag(VALUES, torch.tensor([[0, 1, 9, 0], [-1, 1, 0, 9]]))
    assert found.at.tolist() == [-1, 0, 1, 9]
    assert found.value.tolist() == [4.0, (1 + 16) / 2, 1.0, (4 + 32) / 2]


def test_the_grid_sums_to_both_profiles() -> None:
    model = Model(GCN(2, 8, 3), 2).double()
    graph = draw(5)
    rows = torch.arange(graph.num_rows)
    values, lags, hops = influence(model, graph), time_lags(graph, rows), space_hops(graph, rows)
    grid = by_lag_and_hop(values, lags, hops)
    torch.testing.assert_close(grid.value.sum(dim=1), by_lag(values, lags).value)
    torch.testing.assert_close(grid.value.sum(dim=0), by_hop(values, hops).value)


def test_the_mean_distance_is_weighted_by_influence() -> None:
    hops = torch.tensor([[0, 1, 1, 5], [2, 1, 0, 1]])
    assert mean_distance(VALUES, hops).tolist() == pytest.approx([6 / 7, (16 + 32) / 56])
    assert mean_distance(torch.zeros(1, 2), torch.ones(1, 2).long()).isnan().all()


def test_on_a_time_by_path_grid_each_family_has_its_shape() -> None:
    path = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    graph = gs.from_signal(torch.randn(4, 4, 2, dtype=torch.float64), path)
    graph.target = torch.arange(16) == 12  # node 0 at the last time
    rows = graph.target_rows
    lags, hops = time_lags(graph, rows), space_hops(graph, rows)

    def support(encoder: gs.nn.Encoder) -> list[list[bool]]:
        torch.manual_seed(0)
        values = influence(Model(encoder, 2).double(), graph)
        return (by_lag_and_hop(values, lags, hops).value > 0).tolist()

    reach = range(4)
    assert support(LSTM(2, 8)) == [[hop == 0 for hop in reach] for _ in reach]
    assert support(GCNLSTM(2, 8)) == [[hop <= lag + 1 for hop in reach] for lag in reach]
    assert support(GCN(2, 16, 3)) == [[hop + lag <= 3 for hop in reach] for lag in reach]


def test_influence_without_a_path_is_an_error() -> None:
    model, graph = Model(GCN(2, 8, 1), 2).double(), sequence(0, 3)
    values = influence(model, graph)
    with pytest.raises(ValueError, match=r"values\[0, 1\] is .* there is no path; compute hops with the model"):
        by_hop(values, hop_distances(graph, torch.arange(3), causal=True))


@pytest.mark.parametrize("call", [by_hop, by_lag, mean_distance])
def test_shapes_must_agree(call: object) -> None:
    with pytest.raises(ValueError, match=r"must both be \(K, V\), one line for each target; got \(2, 4\) and \(4,\)"):
        call(VALUES, HOPS[0])
