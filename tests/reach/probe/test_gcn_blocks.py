"""The influence in a stack of graph convolutions, block by block, is that of backward passes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.utils import prune

import graphseq as gs
from graphseq.reach import Probe
from graphseq.reach.probe import norms
from graphseq.reach.probe.gcn_blocks import block_norms


def graph_of(seed: int = 0, *, weighted: bool = False) -> gs.SpaceTimeGraph:
    g = torch.Generator().manual_seed(seed)
    edges = torch.randint(6, (2, 9), generator=g)
    weight = torch.rand(9, generator=g, dtype=torch.float64) + 0.1 if weighted else None
    return gs.from_signal(torch.randn(3, 6, 2, dtype=torch.float64, generator=g), edges, weight)


def by_passes(probe: Probe, outputs: Tensor | None = None, norm: norms.Norm = "fro") -> Tensor:
    with probe.jacobian(outputs) as measured:
        return norms.norms(measured, norm, 2**33)


MODELS: dict[str, Callable[[], torch.nn.Module]] = {
    "one layer": lambda: gs.nn.GCN(2, 5, 1),
    "four layers": lambda: gs.nn.GCN(2, 5, 4),
    "causal": lambda: gs.nn.GCN(2, 5, 3, causal=True),
    "dropout in training": lambda: gs.nn.GCN(2, 5, 3, dropout=0.5),
    "a head": lambda: gs.nn.Model(gs.nn.GCN(2, 5, 3), 4),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("norm", ["fro", "l1", "max"])
def test_it_is_that_of_backward_passes(name: str, norm: norms.Norm) -> None:
    torch.manual_seed(1)
    model = MODELS[name]().double()
    for weighted in (False, True):
        graph = graph_of(weighted=weighted).replace(target=torch.arange(18) % 4 == 1)
        probe = Probe(model, graph)
        found = block_norms(probe, None, "x", norm, 2**33)
        assert found is not None
        torch.testing.assert_close(found, by_passes(probe, norm=norm), rtol=1e-10, atol=1e-14)
        assert torch.equal(found, probe.influence(norm=norm))
    assert model.training


def test_chosen_answers_and_batches() -> None:
    model = gs.nn.GCN(2, 5, 3).double()
    batch = gs.SpaceTimeGraph.from_topology(graph_of().topology, graph_of().x)
    probe, chosen = Probe(model, batch), torch.tensor([7, 0])
    torch.testing.assert_close(probe.influence(outputs=chosen), by_passes(probe, chosen), rtol=1e-10, atol=1e-14)


def test_other_models_and_questions_take_backward_passes() -> None:
    graph = graph_of()
    hooked, pruned = gs.nn.GCN(2, 5, 2).double(), gs.nn.GCN(2, 5, 2).double()
    hooked.convs[0].register_forward_hook(lambda module, given, out: 2 * out)
    prune.l1_unstructured(pruned.convs[0].lin, "weight", 3)  # type: ignore[no-untyped-call]
    others = [
        hooked,
        pruned,
        gs.nn.GCN(2, 5, 2, residual=True).double(),
        gs.nn.GCN(2, 5, 2, norm=torch.nn.LayerNorm).double(),
        gs.nn.Model(gs.nn.GCN(2, 5, 2), 2, pool="mean").double(),
        gs.nn.Model(gs.nn.GCN(2, 5, 2), 2, transform=lambda graph: graph).double(),
        gs.nn.LSTM(2, 5).double(),
    ]
    assert all(block_norms(Probe(model, graph), None, "x", "fro", 2**33) is None for model in others)
    plain = Probe(gs.nn.GCN(2, 5, 2).double(), graph)
    assert block_norms(plain, None, "x", "spectral", 2**33) is None
    assert block_norms(plain, None, "x", "fro", 100) is None
    without_edges = Probe(gs.nn.GCN(2, 5, 2), gs.from_graph(gs.from_sequence(torch.randn(1, 2)).unroll()))
    assert block_norms(without_edges, None, "x", "fro", 2**33) is None


def test_states_at_the_edge_of_a_relu_have_no_gradient() -> None:
    graph, model = gs.from_sequence(torch.zeros(4, 2, dtype=torch.float64)), gs.nn.GCN(2, 5, 2).double()
    probe = Probe(model, graph)
    assert torch.equal(probe.influence(), by_passes(probe))
    assert not probe.influence().any()
