"""Probes of models of all kinds, against the whole Jacobian by plain autograd in float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from models import MODELS, Stack, WithEdges, batch, build
from torch import Tensor, nn
from torch_geometric.data import Data

from graphseq.reach import Probe

SPECTRAL = -2.0


def brute(function: Callable[[Tensor], Tensor], x: Tensor, order: float = 2) -> Tensor:
    """Norms of the blocks of the whole Jacobian, of answers (K, C) in x (V, F)."""
    whole = torch.autograd.functional.jacobian(lambda value: function(value).reshape(len(function(value)), -1), x)
    if order == SPECTRAL:
        return torch.linalg.svdvals(whole.permute(0, 2, 1, 3))[..., 0]
    blocks = whole.permute(0, 2, 1, 3).flatten(2)
    return torch.linalg.vector_norm(blocks, ord=order, dim=2)


def by_hand(name: str, model: nn.Module, data: Data) -> Callable[[Tensor], Tensor]:
    """The model as a function of x, called without a probe."""
    if name == "VirtualNode":
        return lambda x: model(Data(x=x, edge_index=data.edge_index, batch=data.batch))
    if name in ("GPS", "GraphNorm", "PairNorm", "Attention"):
        return lambda x: model(x, data.edge_index, data.batch)
    if isinstance(model, WithEdges):
        return lambda x: model(x, data.edge_index, data.edge_attr)
    if name == "Sequential":
        return lambda x: model(x, data.edge_index, data.edge_weight)
    if isinstance(model, Stack) or name in ("RGCN", "GCNII", "DirGNN", "AntiSymmetric"):
        return lambda x: model(x, data.edge_index)
    weight = {"edge_weight": data.edge_weight} if model.supports_edge_weight else {}
    attr = {"edge_attr": data.edge_attr} if model.supports_edge_attr else {}
    return lambda x: model(x, data.edge_index, **weight, **attr, batch=data.batch)


@pytest.mark.parametrize("name", MODELS)
def test_influence_of_a_pyg_model_equals_the_whole_jacobian(name: str) -> None:
    model, data = build(name), batch()
    if name in ("GAT", "GIN", "SAGE", "SAGE-max", "EdgeCNN", "GCN", "GCN-norm", "JumpingKnowledge"):
        del data.edge_attr
    function = by_hand(name, model, data)
    probe = Probe(model.train(), data)
    found = {norm: probe.influence(norm=norm) for norm in ("fro", "l1", "max", "spectral")}
    model.eval()
    for norm, order in (("fro", 2), ("l1", 1), ("max", torch.inf), ("spectral", SPECTRAL)):
        torch.testing.assert_close(found[norm], brute(function, data.x, order), rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(probe.influence(nodes=[8, 0]), found["fro"][[8, 0]], rtol=1e-12, atol=1e-15)
