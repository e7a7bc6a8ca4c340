"""The declared receptive field of every convolution of PyG is the pattern of its Jacobian."""

from __future__ import annotations

import inspect

import pytest
import torch
import torch_geometric.nn as pyg
from convs import CONVS, FEATURES, UNWEIGHTED, WEIGHTED, WIDTH, WITH_FEATURES, Factory, NoOwn, TwoSteps
from torch import Tensor, nn

from graphseq import seeding
from graphseq.data.adjacency import Adjacency
from graphseq.nn import ConvReach, conv_reach
from graphseq.nn.conv_kinds import _KINDS, _OF_OTHER_DATA
from graphseq.nn.conv_probe import measured

ROWS = 9


def graph(seed: int, *, weighted: bool) -> Adjacency:
    """Directed, with self-loops, rows that nothing leads to or that lead to nothing, and the last one apart."""
    g = torch.Generator().manual_seed(seed)
    dense = torch.rand(ROWS, ROWS, generator=g) < 0.18
    dense[-1] = dense[:, -1] = dense[:, 0] = dense[1] = False
    index = dense.nonzero().t()
    weight = torch.rand(index.shape[1], generator=g, dtype=torch.float64) + 0.5
    if weighted:
        weight[::4] = 0
    return Adjacency(index, weight if weighted else None, ROWS)


def jacobian(conv: nn.Module, adjacency: Adjacency, draws: int = 4) -> Tensor:
    """Where the output of a row depends on the input of another, at generic points and weights."""
    total = torch.zeros(ROWS, ROWS, dtype=torch.bool)
    given = {"edge_weight": adjacency.edge_weight} if adjacency.edge_weight is not None else {}
    if conv_reach(conv).reads_edge_attr:
        given["edge_attr"] = torch.rand(adjacency.edge_index.shape[1], FEATURES, dtype=torch.float64)
    for _ in range(draws):
        x = torch.randn(ROWS, WIDTH, dtype=torch.float64, requires_grad=True)
        out = conv(x, adjacency.edge_index, **given)
        for row, state in enumerate(out @ torch.randn(out.shape[1], dtype=torch.float64)):
            total[row] |= torch.autograd.grad(state, x, retain_graph=True)[0].abs().sum(1) > 0
    return total


def built(factory: Factory) -> nn.Module:
    with seeding.forked(0, seeding.BUILD):
        return factory(WIDTH, WIDTH).double().eval()


def expected(conv: nn.Module, adjacency: Adjacency) -> Tensor:
    reach = conv_reach(conv)
    if reach.is_global:
        return torch.ones(ROWS, ROWS, dtype=torch.bool)
    return torch.from_numpy(reach.pattern(adjacency).toarray())


@pytest.mark.parametrize("name", CONVS)
def test_it_is_the_pattern_of_the_jacobian(name: str) -> None:
    conv = built(CONVS[name])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for seed in range(3):
            adjacency = graph(seed, weighted=False)
            assert torch.equal(jacobian(conv, adjacency), expected(conv, adjacency)), seed


@pytest.mark.parametrize("name", WEIGHTED)
def test_edges_of_weight_zero_are_not_read(name: str) -> None:
    conv = built(WEIGHTED[name])
    assert conv_reach(conv).reads_edge_weight
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for seed in range(3):
            adjacency = graph(seed, weighted=True)
            assert torch.equal(jacobian(conv, adjacency), expected(conv, adjacency)), seed


@pytest.mark.parametrize("name", UNWEIGHTED)
def test_those_that_take_no_weights_say_so(name: str) -> None:
    reach = conv_reach(built(UNWEIGHTED[name]))
    assert not reach.reads_edge_weight
    assert not reach.reads_edge_attr


@pytest.mark.parametrize("name", WITH_FEATURES)
def test_those_made_for_features_of_edges_say_so(name: str) -> None:
    assert conv_reach(built(WITH_FEATURES[name])).reads_edge_attr


@pytest.mark.parametrize(
    ("conv", "hops"),
    [
        (pyg.GCNConv(2, 2), 1),
        (pyg.ChebConv(2, 2, K=4), 3),
        (pyg.TAGConv(2, 2, K=3), 3),
        (pyg.SGConv(2, 2, K=2), 2),
        (pyg.SSGConv(2, 2, alpha=0.1, K=5), 5),
        (pyg.APPNP(K=7, alpha=0.1), 7),
        (pyg.GatedGraphConv(2, num_layers=3), 3),
        (pyg.MixHopConv(2, 2, powers=[0, 1, 4]), 4),
        (pyg.ARMAConv(2, 2, num_layers=3), 3),
        (TwoSteps(2, 2), 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_hops(conv: nn.Module, hops: int) -> None:
    assert conv_reach(conv).hops == hops


@pytest.mark.parametrize("name", [n for n in CONVS if "features" not in n and n not in WITH_FEATURES])
def test_measuring_finds_what_is_declared(name: str) -> None:
    """On edges without weights and without self-loops, of which the measurement knows."""
    conv = built(CONVS[name])
    declared, found = conv_reach(conv), measured(conv)
    assert found.is_global == declared.is_global
    index = graph(1, weighted=False).edge_index
    plain = Adjacency(index[:, index[0] != index[1]], None, ROWS)
    if not declared.is_global:
        assert found.hops == declared.hops
        assert (found.pattern(plain) != declared.pattern(plain)).nnz == 0


def test_measuring_leaves_the_module_and_the_generator_as_they_were() -> None:
    conv = NoOwn(2, 3).train()
    weights, state = [weight.clone() for weight in conv.parameters()], torch.get_rng_state()
    assert conv_reach(conv) == ConvReach(1, powers=(1,), loops=False)
    assert torch.equal(torch.get_rng_state(), state)
    assert conv.training
    assert all(torch.equal(a, b) and a.grad is None for a, b in zip(conv.parameters(), weights, strict=True))


def test_a_module_may_declare_its_own() -> None:
    conv = NoOwn(2, 3)
    conv.conv_reach = ConvReach(1, reads_edge_weight=True, loops=False)
    assert conv_reach(conv).reads_edge_weight


def test_a_subclass_that_computes_something_else_is_measured() -> None:
    class Twice(pyg.SAGEConv):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return super().forward(super().forward(x, edge_index), edge_index)

    assert conv_reach(Twice(3, 3)).hops == 2


class Leaky(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(2, 2)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.lin(x - x.mean(0))


class Paired(nn.Module):
    def forward(self, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


@pytest.mark.parametrize(
    ("conv", "error", "message"),
    [
        (pyg.SGConv(2, 2, cached=True), ValueError, "SGConv with cached=True keeps the edges of its first call"),
        (pyg.ChebConv(2, 2, K=2, normalization=None), ValueError, "normalization=None divides by the largest degree"),
        (pyg.EGConv(4, 4, ["mean"], num_heads=2), ValueError, "EGConv without the aggregator 'symnorm'"),
        (pyg.SAGEConv(2, 2, aggr="lstm", aggr_kwargs={"in_channels": 2, "out_channels": 2}), ValueError, "pads"),
        (pyg.FeaStConv(2, 2, add_self_loops=False), ValueError, "needs an edge in every snapshot"),
        (pyg.ClusterGCNConv(2, 2, add_self_loops=False), ValueError, "needs a self-loop at every row"),
        (pyg.GPSConv(4, None, attn_type="performer"), ValueError, "GPSConv with attn_type='performer' counts the pad"),
        (pyg.DNAConv(2), TypeError, "DNAConv reads the states of all layers"),
        (pyg.HypergraphConv(2, 2), TypeError, "HypergraphConv reads incidences of hyperedges"),
        (pyg.RGCNConv(2, 2, 3), TypeError, "RGCNConv reads types of edges"),
        (pyg.FiLMConv(2, 2, num_relations=3), TypeError, "FiLMConv with num_relations=3 reads types of edges"),
        (pyg.PANConv(2, 2, 2), TypeError, "PANConv gives a matrix"),
        (pyg.WLConv(), TypeError, "WLConv gives colours"),
        (pyg.GCN2Conv(2, 0.1), TypeError, r"GCN2Conv is called with \(x, x_0, edge_index, edge_weight\)"),
        (pyg.SignedConv(2, 2, True), TypeError, "SignedConv is called with"),
        (pyg.PointTransformerConv(2, 2), TypeError, "PointTransformerConv is called with"),
        (nn.Linear(2, 2), TypeError, "Linear is called with"),
        (Leaky(), ValueError, "Leaky lets a row hear rows of other graphs"),
        (Paired(), TypeError, "Paired gave tuple"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_cannot_be_honoured_is_refused_by_name(conv: nn.Module, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        conv_reach(conv)


def test_all_of_pygs_convolutions_are_tried_or_refused() -> None:
    """A new convolution of PyG that is called as conv(x, edge_index) joins the table."""
    known = {kind.__name__ for kind in _KINDS} | set(_OF_OTHER_DATA) | {"MessagePassing"}
    for name in pyg.conv.__all__:
        kind = getattr(pyg, name)
        takes = list(inspect.signature(kind.forward).parameters)[1:]
        if takes[:2] == ["x", "edge_index"] and not name.startswith(("CuGraph", "HEAT")):
            assert name in known, name
