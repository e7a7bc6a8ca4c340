"""A loader is measured as its batches joined, and is left where it was; what cannot be pooled is refused by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch_geometric.nn as pyg
from models import graph
from torch import Tensor, nn
from torch.utils.data import DataLoader as TensorLoader
from torch.utils.data import IterableDataset, Sampler, TensorDataset
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import DataLoader
from torch_geometric.utils import k_hop_subgraph

import graphseq as gs
from graphseq.reach import Probe

F64 = torch.float64


def graphs() -> list[Data]:
    return [graph(4 + seed, 6 + 2 * seed, seed) for seed in range(5)]


class Pooled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lin = pyg.GCNConv(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return self.lin(pyg.global_mean_pool(self.conv(x, edge_index).tanh(), batch))


def pooled() -> nn.Module:
    torch.manual_seed(0)
    return Pooled().double()


def test_results_are_those_of_each_batch_side_by_side() -> None:
    for model in (pooled(), pyg.GCN(3, 4, 2, 2).double()):
        loader = DataLoader(graphs(), batch_size=2)
        joined = Probe(model, loader)
        parts = [Probe(model, batch) for batch in loader]
        assert repr(joined).splitlines()[1] == "  3 batches are joined to one"
        expected = torch.block_diag(*(part.influence() for part in parts))
        torch.testing.assert_close(joined.influence(), expected, rtol=1e-12, atol=1e-15)
        ranges = torch.cat([part.range().node for part in parts])
        torch.testing.assert_close(joined.range().node, ranges, rtol=1e-12, atol=0, equal_nan=True)
        states = torch.cat([next(iter(part.states.values())) for part in parts])
        torch.testing.assert_close(next(iter(joined.states.values())), states, rtol=1e-12, atol=1e-15)
        last = len(joined.output_graphs) - 1
        shift = joined.num_rows - parts[-1].num_rows
        of_last = parts[-1].receptive_field(parts[-1].num_outputs - 1).rows + shift
        assert torch.equal(joined.receptive_field(last).rows, of_last)


def test_profiles_by_hop_are_the_mean_over_all_batches() -> None:
    torch.manual_seed(0)
    model = pyg.GCN(3, 4, 2, 2).double()
    found = Probe(model, graphs()).by_hop(samples=1000)
    parts = [Probe(model, each) for each in graphs()]
    for hop, value in enumerate(found.value.tolist()):
        sums = [(part.influence() * (part.hops() == hop)).sum(dim=1) for part in parts]
        assert value == pytest.approx(float(torch.cat(sums).mean()), rel=1e-12)


class Counting(Sampler[int]):
    """A sampler of numbers in an order of each epoch, which it counts."""

    def __init__(self, count: int) -> None:
        self.count, self.epoch, self.generator = count, 0, torch.Generator().manual_seed(7)

    def __iter__(self) -> Iterator[int]:
        self.epoch += 1
        return iter(torch.randperm(self.count, generator=self.generator).tolist())

    def __len__(self) -> int:
        return self.count


def test_the_loader_goes_on_as_if_it_had_not_been_measured() -> None:
    def orders(measured: bool) -> list[list[float]]:
        torch.manual_seed(1)
        own = torch.Generator().manual_seed(2)
        sampler = Counting(5)
        loaders = [
            DataLoader(graphs(), batch_size=2, shuffle=True),
            DataLoader(graphs(), batch_size=2, shuffle=True, generator=own),
            DataLoader(graphs(), batch_size=2, sampler=sampler),
        ]
        found = []
        for loader in loaders:
            if measured:
                Probe(pooled_once, loader).influence()
            found.append([float(batch.x[0, 0]) for _ in range(2) for batch in loader])
        return [*found, [float(sampler.epoch)]]

    pooled_once = pooled()
    assert orders(True) == orders(False)


def test_the_seeds_of_sampled_neighbourhoods_are_the_answers() -> None:
    torch.manual_seed(0)
    whole, model = graph(9, 20, 1), pyg.GCN(3, 4, 2, 2).double()
    del whole.edge_weight, whole.edge_attr

    def sampled(seeds: list[int]) -> Data:
        rows, edge_index, place, _ = k_hop_subgraph(seeds, 2, whole.edge_index, relabel_nodes=True, num_nodes=9)
        first = torch.cat([place, torch.tensor([r for r in range(len(rows)) if r not in place.tolist()], dtype=int)])
        number = torch.empty_like(first)
        number[first] = torch.arange(len(first))
        batch = Data(x=whole.x[rows[first]], edge_index=number[edge_index], n_id=rows[first])
        batch.input_id, batch.batch_size = torch.tensor(seeds), len(seeds)
        return batch

    loader = TensorLoader(list(range(9)), batch_size=4, collate_fn=sampled)
    probe = Probe(model, loader)
    assert probe.num_outputs == 9
    assert "answers are those at the 9 seeds of sampled neighbourhoods" in repr(probe)
    batches = list(loader)
    parts = [Probe(model, batch, output="node") for batch in batches]
    assert "rows from 4 on are sampled neighbours, whose own are cut off; the seeds are nodes=range(4)" in repr(
        parts[0]
    )
    expected = [part.influence(nodes=range(batch.batch_size)) for part, batch in zip(parts, batches, strict=True)]
    torch.testing.assert_close(probe.influence(), torch.block_diag(*expected), rtol=1e-12, atol=1e-15)
    assert float(probe.by_hop().value[0]) == pytest.approx(
        float(torch.cat([part[range(len(part)), range(len(part))] for part in expected]).mean())
    )


def test_sequences_are_joined_along_the_axis_of_the_batch() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 6, 3, dtype=F64)
    first, second = nn.LSTM(3, 4, batch_first=True).double(), nn.LSTM(3, 4).double()
    loader = TensorLoader(TensorDataset(x, torch.zeros(5)), batch_size=2)
    probe = Probe(first, loader)
    assert "the first of the 2 entries of a batch is x" in repr(probe)
    torch.testing.assert_close(probe.influence(), Probe(first, x).influence(), rtol=1e-12, atol=1e-15)
    by_time = TensorLoader(x, batch_size=2, collate_fn=lambda each: torch.stack(each, dim=1))
    torch.testing.assert_close(
        Probe(second, by_time).influence(),
        Probe(second, x.transpose(0, 1).contiguous()).influence(),
        rtol=1e-12,
        atol=1e-15,
    )


def test_graphs_of_this_library_and_both_precisions() -> None:
    model = gs.nn.GCN(3, 4, num_layers=2)
    static = [gs.from_graph(each).replace(edge_attr=None) for each in graphs()]
    for dtype in (torch.float32, F64):
        found = Probe(model.to(dtype), DataLoader(static, batch_size=2)).influence()
        parts = torch.block_diag(*(Probe(model, each).influence() for each in static))
        torch.testing.assert_close(found, parts, rtol=1e-4, atol=1e-6)


class Stream(IterableDataset[Tensor]):
    def __iter__(self) -> Iterator[Tensor]:
        return iter(torch.zeros(2, 3, 3))


def test_what_cannot_be_joined_is_refused_by_name() -> None:
    lstm, loader = nn.LSTM(3, 4, batch_first=True), DataLoader(graphs(), batch_size=2)
    with pytest.raises(ValueError, match=r"differ by .* it mixes the graphs of a batch, as a norm over graphs"):
        Probe(lambda x, edge_index: x - x.mean(dim=0), loader)
    with pytest.raises(ValueError, match=r"call=… is given x alone, and each batch of a loader has edges of its own"):
        Probe(pooled(), loader, call=lambda model, x: x)
    with pytest.raises(ValueError, match=r"rows=… names rows of one batch, and data is a loader"):
        Probe(pooled(), loader, rows=torch.tensor([0]))
    with pytest.raises(TypeError, match=r"data is a list_iterator, which measuring would use up"):
        Probe(pooled(), iter(graphs()))
    with pytest.raises(TypeError, match=r"data is a loader of the stream Stream, which measuring would use up"):
        Probe(lstm, TensorLoader(Stream()))
    with pytest.raises(
        ValueError, match=r"cannot be joined, since they are \(1, 2, 3\), \(1, 3, 3\): sequences of one"
    ):
        Probe(lstm, TensorLoader([torch.zeros(2, 3), torch.zeros(3, 3)]))
    with pytest.raises(TypeError, match=r"batches of data must be PyG Data or tensors, got dict"):
        Probe(lstm, TensorLoader([{"x": torch.zeros(2, 3)}]))
    with pytest.raises(TypeError, match=r"the batches of data are HeteroData, whose kinds of nodes have different"):
        Probe(pooled(), [HeteroData()])
    with pytest.raises(TypeError, match=r"data must be a graph .* or a loader of these, got tuple"):
        Probe(pooled(), (torch.zeros(2, 3), torch.zeros(2, 1)))
