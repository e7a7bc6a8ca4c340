"""Snapshots cut out of a recording have the Â that is made of them alone, bit for bit."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor
from torch_geometric.nn import GraphConv

import graphseq as gs
from graphseq.data import parts_of_matrix
from graphseq.data.excerpt import Excerpt
from graphseq.data.topology import Topology

NODES, TIMES = 7, 9


def recording(seed: int, *, both_ways: bool = False, whole: bool = True) -> gs.SpaceTimeGraph:
    """Edges of random weights that change at each time, with loops, isolated nodes and times without an edge."""
    generator = torch.Generator().manual_seed(seed)
    node, time = torch.arange(NODES).repeat(TIMES), torch.arange(TIMES).repeat_interleave(NODES)
    if not whole:
        kept = torch.rand(NODES * TIMES, generator=generator) < 0.8
        node, time = node[kept], time[kept]
    pairs = (time[:, None] == time) & (torch.rand(len(node), len(node), generator=generator) < 0.3)
    pairs[time == 4] = False
    pairs = pairs | pairs.t() if both_ways else pairs
    index = pairs.nonzero().t()
    weight = torch.rand(index.shape[1], generator=generator)
    if both_ways:
        weight = torch.ones(index.shape[1])
    shuffled = torch.randperm(index.shape[1], generator=generator)
    x = torch.randn(len(node), 2, generator=generator)
    return gs.SpaceTimeGraph(x, node, time, index[:, shuffled], edge_weight=weight[shuffled])


def layouts(topology: Topology, dtype: torch.dtype) -> list[Tensor]:
    adjacencies = [topology.spatial, *(step.adjacency for step in topology.steps)]
    matrices = [adjacency.normalised(dtype) for adjacency in adjacencies]
    csrs = [csr for matrix in matrices for csr in (matrix.csr, matrix.transpose.csr)]
    parts = [part for csr in csrs for part in (csr.crow_indices(), csr.col_indices(), csr.values())]
    return [*parts, torch.tensor([matrix.is_symmetric for matrix in matrices])]


@pytest.mark.parametrize("words", [{}, {"both_ways": True}, {"whole": False}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_windows_have_the_matrices_of_their_own_edges(words: dict[str, bool], dtype: torch.dtype) -> None:
    for seed in range(3):
        task = gs.tasks.Forecasting(recording(seed, **words), lags=4)
        batch = task.windows(torch.tensor([3, 0, 3, 1]))
        cut = batch.topology
        assert isinstance(cut, Excerpt)
        assert type(cut.sorted_by_time) is not Topology  # but one that shares what is prepared of the recording
        plain = Topology(*cut.parts)
        for own, other in ((cut, plain), (cut.sorted_by_time, plain.sorted_by_time)):
            assert all(torch.equal(a, b) for a, b in zip(layouts(own, dtype), layouts(other, dtype), strict=True))


def test_snapshots_in_the_order_of_time_have_blocks_of_the_whole() -> None:
    graph = recording(5)
    topology = graph.topology
    assert topology.sorted_by_time is topology
    for step in topology.steps:
        alone = gs.SpaceTimeGraph(
            torch.zeros(len(step.rows), 1),
            step.nodes,
            torch.zeros_like(step.nodes),
            step.adjacency.edge_index,
            edge_weight=step.adjacency.edge_weight,
        )
        own, other = (each.normalised(torch.float32) for each in (step.adjacency, alone.topology.spatial))
        assert torch.equal(own.csr.to_dense(), other.csr.to_dense())
        assert torch.equal(own.transpose.csr.to_dense(), other.csr.to_dense().t())


def test_states_and_gradients_are_those_of_a_plain_topology() -> None:
    task = gs.tasks.Forecasting(recording(1), lags=4)
    batch = task.windows(torch.arange(3))
    plain = gs.SpaceTimeGraph.from_topology(Topology(*batch.topology.parts), batch.x)
    torch.manual_seed(0)
    encoder = gs.nn.GCNLSTM(2, 3)
    results = []
    for graph in (batch, plain):
        out = encoder(graph)
        results.append([out, *torch.autograd.grad(out.square().sum(), list(encoder.parameters()))])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_a_copy_holds_no_recording() -> None:
    windows = gs.tasks.Forecasting(recording(0), lags=4).windows(torch.arange(2)).topology
    for cut in (windows, windows.sorted_by_time):
        for other in (copy.deepcopy(cut), pickle.loads(pickle.dumps(cut))):  # noqa: S301 - our own
            assert type(other) is Topology
            assert all(a is b or torch.equal(a, b) for a, b in zip(other.parts, cut.parts, strict=True))


def with_features(graph: gs.SpaceTimeGraph) -> gs.SpaceTimeGraph:
    edges = torch.arange(graph.edge_index.shape[1], dtype=torch.float32)
    return graph.replace(edge_attr=torch.stack([edges, -edges], dim=1))


@pytest.mark.parametrize("numbers", [[2], [3, 0, 3, 1]])
@pytest.mark.parametrize("words", [{}, {"whole": False}])
@pytest.mark.parametrize("many", [2**12, 2])
def test_what_is_known_of_windows_is_what_is_derived_of_their_rows_and_edges(
    numbers: list[int], words: dict[str, bool], many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts_of_matrix, "MANY", many)
    own = gs.tasks.Forecasting(with_features(recording(2, **words)), lags=4).windows(torch.tensor(numbers)).topology
    pairs = [(own, Topology(*own.parts))]
    pairs.append((own.sorted_by_time, pairs[0][1].sorted_by_time))
    for cut, plain in pairs:
        assert all(a is b or torch.equal(a, b) for a, b in zip(cut.parts, plain.parts, strict=True))
        for name in ("by_time", "place_in_time", "times", "node_index", "temporal_edges"):
            assert torch.equal(getattr(cut, name), getattr(plain, name)), name
        assert (cut.step_sizes, cut.num_nodes, cut.sizes) == (plain.step_sizes, plain.num_nodes, plain.sizes)
        assert cut.sorted_by_time.sorted_by_time is cut.sorted_by_time
        assert not cut.is_learned
        for step, other in zip(cut.steps, plain.steps, strict=True):
            assert torch.equal(step.rows, other.rows)
            assert torch.equal(step.nodes, other.nodes)
            assert step.is_everyone == other.is_everyone
        assert [step.adjacency.is_identity for step in cut.steps] == [s.adjacency.is_identity for s in plain.steps]
        adjacencies = ([each.spatial, *(s.adjacency for s in each.steps)] for each in (cut, plain))
        for edges, others in zip(*adjacencies, strict=True):
            assert torch.equal(edges.edge_index, others.edge_index)
            assert torch.equal(edges.edge_weight, others.edge_weight)
            assert torch.equal(edges.edge_attr, others.edge_attr)
            assert edges.num_rows == others.num_rows
            assert (edges.pattern != others.pattern).nnz == 0


def test_gates_that_read_edges_read_those_of_each_snapshot() -> None:
    batch = gs.tasks.Forecasting(recording(1, whole=False), lags=4).windows(torch.tensor([2, 0]))
    plain = gs.SpaceTimeGraph.from_topology(Topology(*batch.topology.parts), batch.x)
    torch.manual_seed(0)
    encoder = gs.nn.GCNLSTM(2, 3, conv=GraphConv)
    assert torch.equal(encoder(batch), encoder(plain))


def test_edges_of_negative_weight_are_refused_where_they_are_normalised() -> None:
    graph = recording(0)
    weight = graph.edge_weight.clone()
    weight[0] = -1
    task = gs.tasks.Forecasting(graph.replace(edge_weight=weight), lags=4)
    with pytest.raises(ValueError, match="edge_weight"):
        gs.nn.GCNLSTM(2, 3)(task.windows(torch.arange(len(task))))
