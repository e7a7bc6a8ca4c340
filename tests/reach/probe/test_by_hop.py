"""Influence by hop and range of any model: against the whole table, and intervals that cover."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.utils import from_networkx

from graphseq.reach import Probe, by_hop, hop_distances, influence

F64 = torch.float64


def data_of(graph: nx.Graph, seed: int = 0) -> Data:
    data = from_networkx(graph)
    data.x = torch.randn(graph.number_of_nodes(), 3, dtype=F64, generator=torch.Generator().manual_seed(seed))
    return data


def gcn(layers: int = 2) -> nn.Module:
    torch.manual_seed(0)
    return pyg.GCN(3, 8, layers, 2).double()


def test_all_answers_give_the_profile_of_the_whole_table() -> None:
    data = data_of(nx.random_labeled_tree(30, seed=1))
    probe = Probe(gcn(), data)
    found, exact = probe.by_hop(), by_hop(influence(gcn(), data), data)
    torch.testing.assert_close(found.value, exact.value, rtol=1e-12, atol=1e-15)
    assert torch.equal(found.low, found.value)
    assert (found.samples, found.answers, found.no_path) == (30, 30, 0.0)
    relative = probe.by_hop(normalize="self")
    torch.testing.assert_close(relative.value, exact.value / exact.value[0], rtol=1e-12, atol=1e-15)
    total = probe.by_hop(normalize="total")
    assert float(total.value.sum()) == pytest.approx(1)


class Normed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = pyg.GCNConv(3, 4), pyg.PairNorm()

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.norm(self.conv(x, edge_index))


def test_influence_without_a_path_is_a_sum_of_its_own() -> None:
    data = data_of(nx.disjoint_union(nx.path_graph(3), nx.path_graph(4)))
    torch.manual_seed(0)
    probe = Probe(Normed().double(), data)
    found, table = probe.by_hop(), probe.influence()
    apart = table[:3, 3:].sum() + table[3:, :3].sum()
    assert found.no_path == pytest.approx(float(apart) / 7)
    ranged = probe.range()
    assert ranged.no_path.tolist() == pytest.approx(
        [*(probe.influence(norm="l1")[:3, 3:].sum(1) / probe.influence(norm="l1")[:3].sum(1)).tolist(),
         *(probe.influence(norm="l1")[3:, :3].sum(1) / probe.influence(norm="l1")[3:].sum(1)).tolist()]
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("normalize", [None, "self"])
def test_intervals_cover(normalize: str | None) -> None:
    hub = nx.compose(nx.star_graph(60), nx.path_graph(range(60, 200)))  # one node with a quarter of all influence
    for graph in (nx.barabasi_albert_graph(200, 2, seed=1), hub):
        probe = Probe(gcn(), data_of(graph))
        exact = probe.by_hop(samples=200, normalize=normalize).value[1:4]
        hits = []
        for seed in range(60):
            found = probe.by_hop(samples=64, normalize=normalize, seed=seed)
            hits.append((found.low[1:4] <= exact) & (exact <= found.high[1:4]))
        assert float(torch.stack(hits).double().mean()) >= 0.92


def test_a_sample_of_two_is_the_least() -> None:
    with pytest.raises(ValueError, match="samples must be at least 2, got 1"):
        Probe(gcn(), data_of(nx.path_graph(5))).by_hop(samples=1)


def test_the_range_of_a_power_of_the_walk_is_its_hops() -> None:
    class Far(nn.Module):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return x.roll(2, 0)

    data = data_of(nx.cycle_graph(9))
    probe = Probe(Far(), data)
    assert probe.range().node.tolist() == [2.0] * 9
    assert probe.range(level="graph").graph == 2.0  # the mean of the ranges of its nodes
    assert probe.range(distance="resistance").graph == pytest.approx(2 * 7 / 9)  # two routes in parallel
    assert probe.range(nodes=[4], normalize=False).graph == pytest.approx(2 * 3)  # three channels, each copied


class Pooled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lin = pyg.GCNConv(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return self.lin(pyg.global_add_pool(self.conv(x, edge_index).sigmoid(), batch))


def test_a_network_of_relus_with_a_sum_over_rows_has_no_range_and_says_why() -> None:
    graphs = Batch.from_data_list([data_of(nx.path_graph(5)), data_of(nx.star_graph(4), 1)])

    class Summed(Pooled):
        def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
            return self.lin(pyg.global_add_pool(self.conv(x, edge_index).relu(), batch))

    found = Probe(Summed().double(), graphs).range()
    assert bool(found.node.isnan().all())
    assert "the Hessian of 2 of 2 answers is 0, so that they have no range" in found.note
    assert "note='the Hessian of 2 of 2" in repr(found)
    assert Probe(Pooled().double(), graphs).range().note == ""


def test_answers_are_chosen_by_a_list_as_by_a_tensor() -> None:
    probe = Probe(gcn(), data_of(nx.path_graph(5)))
    one = torch.tensor([3, 1])
    assert torch.equal(probe.influence(outputs=[3, 1]), probe.influence(outputs=one))
    assert torch.equal(probe.hops([3, 1]), probe.hops(one))
    assert torch.equal(probe.by_hop(outputs=[3, 1]).value, probe.by_hop(outputs=one).value)
    with pytest.raises(TypeError, match=r"outputs must be numbers of answers \(K,\), got list"):
        probe.range(outputs=["one"])


def test_one_hop_without_influence_is_said_as_one() -> None:
    whole = str(Probe(gcn(1), data_of(nx.path_graph(3))).by_hop())
    assert "at 2 hops: 0" in whole
    assert "from" not in whole


def test_a_pooled_answer_has_a_range_by_its_hessian_and_no_hops() -> None:
    torch.manual_seed(0)
    batch = Batch.from_data_list([data_of(nx.path_graph(5)), data_of(nx.star_graph(4), 1)])
    probe = Probe(Pooled().double(), batch)
    assert (probe.kind, probe.num_outputs) == ("graph", 2)
    found = probe.range()
    assert found.node.shape == (10,)
    assert 0 < found.graph < 2  # one layer mixes rows of at most two hops
    assert probe.range(level="graph").graph == found.graph
    alone = [Probe(probe.model, graph, output="graph").range() for graph in batch.to_data_list()]
    torch.testing.assert_close(found.node, torch.cat([each.node for each in alone]), rtol=1e-10, atol=0)
    data = Data(x=batch.x, edge_index=batch.edge_index, batch=batch.batch)  # which cannot be split
    torch.testing.assert_close(Probe(probe.model, data).range().node, found.node, rtol=1e-10, atol=0)
    with pytest.raises(ValueError, match=r"pools all rows.*before pooling, such as that which ends with"):
        probe.by_hop()
    with pytest.raises(ValueError, match="level='node', but the model answers for graphs"):
        probe.range(level="node")


def test_hops_of_a_probe_are_those_of_its_graph() -> None:
    probe = Probe(gcn(), data_of(nx.path_graph(4)))
    assert torch.equal(probe.hops(), hop_distances(probe.graph, torch.arange(4)))


def test_hops_of_an_answer_of_a_sequence_are_steps_to_its_last() -> None:
    torch.manual_seed(0)
    model, x = LastStep().double(), torch.randn(4, 7, 3, dtype=torch.float64)
    found = Probe(model, x).by_hop()
    exact: Tensor = torch.autograd.functional.jacobian(model, x)  # type: ignore[no-untyped-call]
    blocks = torch.stack([exact[k, :, k] for k in range(4)])  # (B, C, T, F)
    expected = blocks.square().sum(dim=(1, 3)).sqrt().mean(dim=0).flip(0)
    torch.testing.assert_close(found.value, expected, rtol=1e-10, atol=0)
    assert found.no_path == 0
    assert Probe(model, x).hops().shape == (4, 28)


class LastStep(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.lin = torch.nn.LSTM(3, 4, batch_first=True), torch.nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.lin(self.cell(x)[0][:, -1])
        return out
