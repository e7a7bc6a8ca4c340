"""A watched training is the training, and its log says what probes say; comparisons are over the first graph's hops."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.utils import from_networkx

import graphseq as gs
from graphseq.reach import Probe, compare, rewire, watch


def data_of(graph: nx.Graph, dtype: torch.dtype = torch.float64) -> Data:
    data = from_networkx(graph)
    data.x = torch.randn(len(graph), 3, dtype=dtype, generator=torch.Generator().manual_seed(0))
    return data


def build() -> nn.Module:
    torch.manual_seed(0)
    return pyg.GCN(3, 8, 2, 2, dropout=0.4, norm="batch_norm").double()


def train(model: nn.Module, data: Data, steps: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        model(data.x, data.edge_index).square().mean().backward()
        optimizer.step()


def test_a_watched_training_is_bit_for_bit_the_training() -> None:
    data, alone, watched = data_of(nx.cycle_graph(7)), build(), build()
    torch.manual_seed(1)
    train(alone, data, 7)
    after = torch.rand(3)
    torch.manual_seed(1)
    with watch(watched, data, every=3) as log:
        train(watched, data, 7)
    assert torch.equal(torch.rand(3), after)
    assert all(
        torch.equal(a, b) for a, b in zip(alone.state_dict().values(), watched.state_dict().values(), strict=True)
    )
    assert log.steps == [0, 3, 6, 7]
    assert log["range"][-1] == pytest.approx(Probe(watched, data).range().graph)
    assert log["gradient"][0].isnan()
    expected = torch.stack([p.grad.norm() for p in watched.parameters()]).norm()
    assert log["gradient"][-1] == pytest.approx(float(expected))
    assert len(str(log).splitlines()) == 5
    assert list(log.to_dict()) == ["steps", "range", "no_path", "limit", "rank", "gradient"]


def test_another_models_optimiser_is_not_counted_and_the_hook_goes() -> None:
    data, model, other = data_of(nx.cycle_graph(5)), build(), build()
    with watch(model, data, every=1) as log:
        train(other, data, 2)
    train(model, data, 2)
    assert log.steps == [0]


def test_an_error_in_the_training_takes_the_hook_away() -> None:
    data, model = data_of(nx.cycle_graph(5)), build()

    def fail() -> None:
        raise KeyError("in training")

    with pytest.raises(KeyError, match="in training"), watch(model, data, every=1) as log:
        fail()
    train(model, data, 1)
    assert log.steps == [0]


def test_a_training_by_fit_is_watched() -> None:
    task = gs.tasks.Transfer(length=4)
    graph = task.batch(2, torch.Generator().manual_seed(0))

    def trained(watched: bool) -> list[Tensor]:
        torch.manual_seed(0)
        model = gs.nn.Model(gs.nn.GCN(task.in_channels, 8, 2), task.out_channels)
        if watched:
            with watch(model, graph, every=2) as log:
                gs.fit(model, task, steps=4, seed=0, batch_size=4)
            assert log.steps == [0, 2, 4]
        else:
            gs.fit(model, task, steps=4, seed=0, batch_size=4)
        return [value.clone() for value in model.state_dict().values()]

    assert all(torch.equal(a, b) for a, b in zip(trained(False), trained(True), strict=True))


def test_only_modules_are_watched() -> None:
    with pytest.raises(TypeError, match=r"must be a torch\.nn\.Module, whose parameters are trained, got function"):
        watch(lambda x, edge_index: x, data_of(nx.cycle_graph(5))).__enter__()


def test_edges_two_hops_long_double_the_range_of_a_layer() -> None:
    path = data_of(nx.path_graph(20))
    torch.manual_seed(0)
    conv = pyg.GCNConv(3, 2).double()
    found = compare(conv, path, rewire(path, "k_hop", hops=2))
    assert (found.edges_added, found.edges_removed, found.rows_added) == (2 * 18, 0, 0)
    assert (len(found.before.value.nonzero()), len(found.after.value.nonzero())) == (2, 3)
    whole = Probe(conv, rewire(path, "k_hop", hops=2)).influence(norm="l1")
    far = Probe(conv, path).hops()
    expected = [float(torch.where(far == hop, whole, 0).sum(1).mean()) for hop in range(3)]
    assert found.after.value[:3].tolist() == pytest.approx(expected)
    assert found.range_before < 1 < found.range_after + 0.5
    assert "range" in str(found)


def test_a_virtual_node_is_a_row_more_without_a_distance() -> None:
    path = data_of(nx.path_graph(9))
    torch.manual_seed(0)
    found = compare(pyg.GCN(3, 4, 2, 2).double(), path, rewire(path, "virtual_node"), score=lambda out: float(len(out)))
    assert (found.rows_added, found.score_before, found.score_after) == (1, 9.0, 9.0)
    assert float(found.after.value[8]) > 0 == float(found.before.value[8])
    assert found.after.no_path > 0 == found.before.no_path


def test_virtual_nodes_of_a_batch_are_no_rows_of_the_first_graph() -> None:
    path = data_of(nx.path_graph(9))
    torch.manual_seed(0)
    gcn, two = pyg.GCN(3, 4, 2, 2).double(), Batch.from_data_list([path, path])
    alone = compare(gcn, path, rewire(path, "virtual_node"))
    found = compare(gcn, two, rewire(two, "virtual_node"), score=lambda out: float(out[9:].sum()))
    assert (found.rows_added, found.edges_added, found.edges_removed) == (2, 2 * alone.edges_added, 0)
    torch.testing.assert_close(found.after.value, alone.after.value)
    assert found.range_after == pytest.approx(alone.range_after)
    with torch.no_grad():
        data = rewire(path, "virtual_node")
        assert found.score_after == pytest.approx(float(gcn(data.x, data.edge_index)[:9].sum()))


def test_graphs_of_other_rows_are_refused() -> None:
    conv = pyg.GCNConv(3, 2).double()
    with pytest.raises(ValueError, match=r"rewired must have the 5 rows of data.*it has 4 rows"):
        compare(conv, data_of(nx.path_graph(5)), data_of(nx.path_graph(4)))


def test_attributions_sum_to_the_difference_that_they_explain() -> None:
    torch.manual_seed(0)
    data = data_of(nx.path_graph(6))
    model = pyg.GCN(3, 8, 2, 2, act="tanh").double()
    probe = Probe(model, data)
    found = probe.attribution(2, 1)
    plain = model.eval()
    difference = plain(data.x, data.edge_index)[2, 1] - plain(torch.zeros_like(data.x), data.edge_index)[2, 1]
    assert float(found.sum()) == pytest.approx(difference.item(), rel=1e-10)
    assert not found[5].any()  # three hops away
    linear = Probe(nn.Linear(3, 1).double(), gs.from_graph(data))
    weight = linear.model.weight.detach()
    torch.testing.assert_close(linear.attribution(4, points=1)[4], (data.x[4] * weight[0]))
    with pytest.raises(ValueError, match="output=9, channel=0 is outside the 6 answers of 2 channels"):
        probe.attribution(9)


def test_a_model_of_pairs_has_a_range() -> None:
    class Links(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gcn = pyg.GCN(3, 4, 2)

        def forward(self, x: Tensor, edge_index: Tensor, edge_label_index: Tensor) -> Tensor:
            return self.gcn(x, edge_index)[edge_label_index].prod(dim=0).sum(dim=-1)

    data = Data(x=torch.randn(4, 3), edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]))
    data.edge_label_index = torch.tensor([[0, 3], [2, 1]])
    model = Links()
    with watch(model, data) as log:
        pass
    assert log.values["range"] == [Probe(model, data).range().graph]
    assert log.notes == ()
