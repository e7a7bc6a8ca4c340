"""Weights and features of edges: gradients in learned ones, and features in stacks and in gates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch_geometric.nn as pyg
from convs import FEATURES, WIDTH, WITH_FEATURES, mlp
from families import FAMILIES, Family, encoder_of
from torch import Tensor, nn

import graphseq as gs
from graphseq import seeding
from graphseq.nn import DAGGRU, DAGLSTM, DAGRNN, GCN, GCNGRU, GCNLSTM, Encoder
from graphseq.testing.graphs import jacobian_pattern, join, random_graph, with_features

F64 = torch.float64
TAKES_WEIGHTS = [family for family in FAMILIES if not family.name.endswith(("SAGE", "GIN-causal"))]
DAGS = [Family(kind.__name__, lambda d, kind=kind: kind(d, 8)) for kind in (DAGRNN, DAGGRU, DAGLSTM)]


def weighted(graph: gs.SpaceTimeGraph, weight: Tensor) -> gs.SpaceTimeGraph:
    return gs.SpaceTimeGraph(graph.x, graph.node, graph.time, graph.edge_index, weight)


@pytest.mark.parametrize("family", [*TAKES_WEIGHTS, *DAGS], ids=lambda family: family.name)
def test_learned_weights_get_the_gradient_that_differences_show(family: Family) -> None:
    encoder, graph = encoder_of(family), random_graph(1, weighted=True)
    if family in DAGS:
        upwards = graph.edge_index[0] < graph.edge_index[1]
        index, weight = graph.edge_index[:, upwards], graph.edge_weight[upwards]
        graph = gs.SpaceTimeGraph(graph.x, graph.node, graph.time, index, weight)

    def total(weight: Tensor) -> Tensor:
        out = encoder(weighted(graph, weight))
        return (out * torch.linspace(-1, 1, out.numel(), dtype=F64).view_as(out)).sum()

    for _ in range(2):  # nothing is kept of the first pass
        weight = graph.edge_weight.clone().requires_grad_()
        out = total(weight)
        found = torch.autograd.grad(out, weight, allow_unused=True)[0] if out.requires_grad else None
        steps = 1e-6 * torch.eye(len(weight), dtype=F64)
        with torch.no_grad():
            expected = torch.stack([total(weight + d) - total(weight - d) for d in steps]) / 2e-6
        torch.testing.assert_close(torch.zeros_like(weight) if found is None else found, expected, rtol=0, atol=1e-7)


def test_learned_weights_get_pygs_gradient() -> None:
    """Of PyG's GCNConv, layer by layer and in a GCN-LSTM's gates at one time."""
    graph = random_graph(2, weighted=True, times=1, nodes=6)
    for ours, theirs in ((GCN(2, 5, 2).double(), pyg.GCN(2, 5, 2).double()), (GCNLSTM(2, 5).double(), None)):
        weight, other = (graph.edge_weight.clone().requires_grad_() for _ in range(2))
        (found,) = torch.autograd.grad(ours(weighted(graph, weight)).square().sum(), weight)
        if theirs is not None:
            theirs.load_state_dict(ours.state_dict())
            expected = theirs(graph.x, graph.edge_index, other)
        else:
            layer = ours.layers[0]
            conv = pyg.GCNConv(2, 20).double()
            conv.load_state_dict(layer.conv_x.state_dict())
            i, _, g, o = (conv(graph.x, graph.edge_index, other) + layer.conv_h.bias).chunk(4, dim=1)
            expected = o.sigmoid() * (i.sigmoid() * g.tanh()).tanh()
        torch.testing.assert_close(found, torch.autograd.grad(expected.square().sum(), other)[0], rtol=0, atol=1e-12)


def test_learned_weights_are_trained() -> None:
    """A weight that hides the answer is learned away: no gradient would leave it where it is."""
    graph = gs.from_signal(torch.randn(4, 3, 2), torch.tensor([[0, 1, 2], [1, 2, 0]]))
    weight = nn.Parameter(torch.ones(3))
    encoder = GCNLSTM(2, 4)
    optimiser, losses = torch.optim.Adam([weight], lr=0.1), []
    for _ in range(20):
        now = gs.SpaceTimeGraph(
            graph.x, graph.node, graph.time, static_edge_index=graph.static_edge_index, static_edge_weight=weight.abs()
        )
        loss = encoder(now).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.95 * losses[0]


def test_truncated_backpropagation_refuses_learned_weights() -> None:
    graph = random_graph(1, weighted=True)
    encoder = gs.nn.TruncatedBPTT(GCNLSTM(2, 4).double(), 2)
    with pytest.raises(ValueError, match="edge_weight and edge_attr must not require a gradient in TruncatedBPTT"):
        encoder(weighted(graph, graph.edge_weight.requires_grad_()))


def with_attr(graph: gs.SpaceTimeGraph, attr: Tensor | None = None, seed: int = 0) -> gs.SpaceTimeGraph:
    generator = torch.Generator().manual_seed(seed)
    if attr is None:
        attr = torch.rand(graph.edge_index.shape[1], FEATURES, generator=generator, dtype=F64)
    return gs.SpaceTimeGraph(graph.x, graph.node, graph.time, graph.edge_index, edge_attr=attr)


def graphs() -> list[gs.SpaceTimeGraph]:
    return [
        with_attr(random_graph(2, nodes=3, times=3, directed=True, channels=WIDTH), seed=1),
        with_attr(random_graph(5, nodes=3, times=2, channels=WIDTH), seed=2),
    ]


def built(make: Callable[[], Encoder]) -> Encoder:
    with seeding.forked(0, seeding.BUILD):
        made = make().double().eval()
        with torch.no_grad():
            for weight in made.parameters():
                weight.add_(0.4 * torch.randn_like(weight))
    return made


IN_GATES = [name for name in WITH_FEATURES if not name.startswith(("CGConv", "GPSConv", "GENConv"))]
ENCODERS: dict[str, Callable[[], Encoder]] = {
    **{f"GCN-{name}": lambda name=name: GCN(WIDTH, WIDTH, 2, conv=WITH_FEATURES[name]) for name in WITH_FEATURES},
    **{f"GCNLSTM-{name}": lambda name=name: GCNLSTM(WIDTH, WIDTH, conv=WITH_FEATURES[name]) for name in IN_GATES},
    "GCNGRU-input": lambda: GCNGRU(WIDTH, WIDTH, conv=WITH_FEATURES["GATv2Conv-features"], convolve="input"),
    "GCNGRU-state": lambda: GCNGRU(WIDTH, WIDTH, 2, conv=WITH_FEATURES["GINEConv"], convolve="state"),
    "checkpointed": lambda: gs.nn.GradientCheckpointed(GCNLSTM(WIDTH, WIDTH, conv=WITH_FEATURES["GINEConv"]), 1),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_features_of_edges_are_read_and_no_batch_mate_is_heard(name: str) -> None:
    encoder, parts = built(ENCODERS[name]), graphs()
    batch = join(parts)
    apart = torch.cat([encoder(part) for part in parts])
    torch.testing.assert_close(encoder(batch), apart, rtol=0, atol=1e-10)
    generator, seen = torch.Generator().manual_seed(0), []
    for _ in range(8):
        x = torch.randn(batch.x.shape, generator=generator, dtype=F64)
        seen.append(jacobian_pattern(encoder, with_features(batch, x)))
    assert torch.equal(encoder.reach(batch, torch.arange(batch.num_rows)), torch.stack(seen).any(dim=0))

    attr = batch.edge_attr.clone().requires_grad_()
    out = encoder(batch.replace(topology=gs.data.topology.Topology(*batch.topology.parts[:-2], attr)))
    owner, (source, _) = batch.batch, batch.edge_index
    read = torch.zeros(attr.shape[0], dtype=torch.bool)
    for row, state in enumerate(out):
        gradient = torch.autograd.grad(state.sum(), attr, retain_graph=True)[0].abs().sum(1) > 0
        assert (owner[source[gradient]] == owner[row]).all()
        assert not encoder.causal or (batch.time[source[gradient]] <= batch.time[row]).all()
        read |= gradient
    assert read.any()


def test_static_features_are_those_of_each_snapshot() -> None:
    index, attr = torch.tensor([[0, 1, 2, 2], [1, 2, 0, 1]]), torch.rand(4, FEATURES, dtype=F64)
    static = gs.from_signal(torch.randn(5, 3, WIDTH, dtype=F64), index, edge_attr=attr)
    spatial = static.topology.spatial
    written = gs.SpaceTimeGraph(static.x, static.node, static.time, spatial.edge_index, edge_attr=spatial.edge_attr)
    for name in ("GCN-GINEConv", "GCNLSTM-NNConv", "GCNGRU-input", "checkpointed"):
        encoder = built(ENCODERS[name])
        torch.testing.assert_close(encoder(static), encoder(written), rtol=0, atol=1e-12)


def test_a_gate_is_pygs_convolution_with_the_features_of_its_snapshot() -> None:
    """One step of a GCN-LSTM by hand."""
    graph, encoder = with_attr(random_graph(3, times=1, nodes=5, channels=WIDTH)), built(ENCODERS["GCNLSTM-GINEConv"])
    layer = encoder.layers[0]
    zero = torch.zeros(graph.num_rows, WIDTH, dtype=F64)
    terms = layer.conv_x(graph.x, graph.edge_index, graph.edge_attr)
    i, _, g, o = (terms + layer.conv_h(zero, graph.edge_index, graph.edge_attr)).chunk(4, dim=1)
    torch.testing.assert_close(encoder(graph), o.sigmoid() * (i.sigmoid() * g.tanh()).tanh(), rtol=0, atol=1e-12)


def gine(a: int, b: int) -> nn.Module:
    return pyg.GINEConv(mlp(a, b), edge_dim=FEATURES)


NO_FEATURES: dict[str, Callable[[], Any]] = {
    "GCN": lambda: GCN(WIDTH, 4),
    "GCN-LayerNorm": lambda: GCN(WIDTH, 4, norm=nn.LayerNorm),
    "SAGEConv": lambda: GCN(WIDTH, 4, conv=pyg.SAGEConv),
    "GCNII": lambda: gs.nn.GCNII(WIDTH, 4),
    "AntisymmetricGCN": lambda: gs.nn.AntisymmetricGCN(WIDTH, 4),
    "StateSpaceGCN": lambda: gs.nn.StateSpaceGCN(WIDTH, 4),
    "WaveGCN": lambda: gs.nn.WaveGCN(WIDTH, 4),
    "GCNConv": lambda: GCNLSTM(WIDTH, 4),
    "GATConv": lambda: GCNGRU(WIDTH, 4, conv=pyg.GATConv),
    "ForgettingGCNLSTM": lambda: gs.nn.ForgettingGCNLSTM(WIDTH, 4),
    "DAGLSTM": lambda: DAGLSTM(WIDTH, 4),
}


@pytest.mark.parametrize("name", NO_FEATURES)
def test_what_reads_no_features_of_edges_refuses_them_by_name(name: str) -> None:
    encoder, graph = NO_FEATURES[name]().double(), graphs()[1]
    named = "GCNConv" if name == "GCN-LayerNorm" else name
    with pytest.raises(TypeError, match=f"the graph has edge_attr, but {named} reads no features of edges"):
        encoder(graph)
    if name != "DAGLSTM":  # the graph has cycles
        assert encoder(graph.replace(edge_attr=None)).shape == (graph.num_rows, 4)
    with pytest.raises(TypeError, match="reads no features of edges"):
        encoder.trace(graph)


def test_features_that_are_missing_are_asked_for() -> None:
    graph = random_graph(1, channels=WIDTH)
    with pytest.raises(ValueError, match="GINEConv was made to read features of edges, but the graph has none"):
        GCN(WIDTH, 4, conv=gine).double()(graph)


def test_values_of_edges_in_another_number_type_are_those_in_that_of_the_states() -> None:
    edges, weights = torch.tensor([[0, 1], [1, 0]]), torch.tensor([0.5, 2.0])
    torch.manual_seed(0)
    encoder = gs.nn.GCN(1, 2, num_layers=1, conv=pyg.GraphConv)
    x = torch.tensor([[1.0], [2.0]])
    graphs = [gs.from_signal(x[None], edges, weight) for weight in (weights, weights.double(), weights.numpy())]
    assert torch.equal(encoder(graphs[0]), encoder(graphs[1]))
    assert torch.equal(encoder(graphs[0]), encoder(graphs[2]))
    learned = weights.double().requires_grad_()
    encoder(gs.from_signal(x[None], edges, learned)).sum().backward()
    assert learned.grad is not None
    assert learned.grad.dtype == torch.float64
