"""Influence by distance: literal sums, and the profile of each encoder."""

import networkx as nx
import pytest
import torch
from randomgraphs import draw
from torch_geometric.data import Data
from torch_geometric.nn import PairNorm

import graphseq as gs
from graphseq.nn import GCN, GCNLSTM, LSTM, Model
from graphseq.reach import (
    by_hop,
    by_lag,
    by_lag_and_hop,
    hop_distances,
    influence,
    mean_distance,
    mean_lag,
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


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_sums_of_many_values_of_few_bits_are_whole(kind: torch.dtype) -> None:
    """In bfloat16 256 + 1 is 256, in float16 2048 + 1 is 2048, and the largest number is 65,504."""
    ones, zeros = torch.ones(1, 5000, dtype=kind), torch.zeros(1, 5000, dtype=torch.long)
    assert by_hop(ones, zeros).value.tolist() == by_lag(ones, zeros).value.tolist() == [5000.0]
    assert by_lag_and_hop(ones, zeros, zeros).value.tolist() == [[5000.0]]
    assert mean_distance(ones, zeros + 1000).tolist() == mean_lag(ones, zeros + 1000).tolist() == [1000.0]


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


def test_values_without_a_path_are_kept_apart() -> None:
    values = torch.tensor([[1.0, 2.0, 4.0, 16.0], [8.0, 0.0, 16.0, 32.0]])
    found = by_hop(values, HOPS)
    assert (found.value.tolist(), found.no_path) == (by_hop(VALUES, HOPS).value.tolist(), 8.0)
    grid = by_lag_and_hop(values, torch.zeros(2, 4), HOPS)
    assert (grid.value.tolist(), grid.no_path) == ([found.value.tolist()], 8.0)
    assert mean_distance(values, HOPS).tolist() == pytest.approx([6 / 7, (16 + 32) / 56])
    assert mean_distance(values, torch.where(HOPS < 0, torch.inf, HOPS.double())).tolist() == pytest.approx(
        [6 / 7, (16 + 32) / 56]
    )


def test_a_norm_over_two_components_has_influence_without_a_path_and_a_range_of_at_least_0() -> None:
    graph = gs.from_graph(nx.Graph([(0, 1), (2, 3)]), x=torch.randn(4, 2, dtype=torch.float64))
    torch.manual_seed(0)
    values = influence(GCN(2, 4, 2, norm=lambda _: PairNorm()).double(), graph)
    hops = hop_distances(graph, torch.arange(4))
    profile = by_hop(values, hops)
    assert profile.no_path > 0
    assert float(profile.value.sum()) + profile.no_path == pytest.approx(float(values.sum(dim=1).mean()))
    assert bool((mean_distance(values, hops) >= 0).all())


def test_hops_are_found_from_a_graph_of_any_kind() -> None:
    data = Data(x=torch.zeros(3, 1), edge_index=torch.tensor([[0, 1], [1, 2]]))
    expected = by_hop(torch.ones(3, 3), torch.tensor([[0, -1, -1], [1, 0, -1], [2, 1, 0]]))
    for graph in (data, nx.DiGraph([(0, 1), (1, 2)]), gs.from_graph(data)):
        found = by_hop(torch.ones(3, 3), graph)
        assert (found.value.tolist(), found.no_path) == (expected.value.tolist(), 1.0)


def test_a_mean_lag_counts_later_rows_as_negative() -> None:
    assert mean_lag(torch.tensor([[1.0, 1.0, 2.0]]), torch.tensor([[-4, 0, 6]])).tolist() == [2.0]


@pytest.mark.parametrize("call", [by_hop, by_lag, mean_distance, mean_lag])
def test_shapes_must_agree(call: object) -> None:
    with pytest.raises(ValueError, match=r"must both be \(K, V\), one line for each target; got \(2, 4\) and \(4,\)"):
        call(VALUES, HOPS[0])
