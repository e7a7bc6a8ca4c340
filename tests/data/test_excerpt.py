"""Snapshots cut out of a recording have the Â that is made of them alone, bit for bit."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor

import graphseq as gs
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
        assert isinstance(cut.sorted_by_time, Excerpt)
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
    cut = gs.tasks.Forecasting(recording(0), lags=4).windows(torch.arange(2)).topology
    for other in (copy.deepcopy(cut), pickle.loads(pickle.dumps(cut))):  # noqa: S301 - our own
        assert type(other) is Topology
        assert all(a is b or torch.equal(a, b) for a, b in zip(other.parts, cut.parts, strict=True))


def test_edges_of_negative_weight_are_refused_where_they_are_normalised() -> None:
    graph = recording(0)
    weight = graph.edge_weight.clone()
    weight[0] = -1
    task = gs.tasks.Forecasting(graph.replace(edge_weight=weight), lags=4)
    with pytest.raises(ValueError, match="edge_weight"):
        gs.nn.GCNLSTM(2, 3)(task.windows(torch.arange(len(task))))
