"""Models with an embedding of their features."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import graphseq as gs
from graphseq.nn import GCNLSTM, LSTM, EmbeddedModel, Model


def test_it_is_the_model_on_embedded_features() -> None:
    torch.manual_seed(0)
    embed, inner = nn.Linear(3, 2), Model(LSTM(2, 4), 5)
    graph = gs.from_sequence(torch.randn(4, 3), target=torch.tensor([False, True, False, True]))
    plain = gs.from_sequence(embed(graph.x), target=graph.target)
    assert torch.equal(EmbeddedModel(embed, inner)(graph), inner(plain))


def test_copies_of_a_row_share_one_dropout_mask() -> None:
    seen: list[torch.Tensor] = []

    def view(graph: gs.SpaceTimeGraph) -> gs.SpaceTimeGraph:
        grown = gs.transforms.grow(graph)
        seen.append(grown.x)
        return grown

    torch.manual_seed(0)
    model = EmbeddedModel(nn.Dropout(0.5), Model(GCNLSTM(8, 4), 2, transform=view))
    model(gs.from_sequence(torch.ones(3, 8)))
    assert torch.equal(seen[0][0], seen[0][1])
    assert bool((seen[0][0] == 0).any())


def test_reach_and_causality_are_those_of_the_model() -> None:
    torch.manual_seed(0)
    inner = Model(gs.nn.GCN(2, 4, num_layers=1), 2)
    model, graph = EmbeddedModel(nn.Linear(3, 2), inner).double(), gs.from_sequence(torch.randn(4, 3).double())
    x = graph.x.requires_grad_()
    rows = [torch.autograd.grad(out.sum(), x, retain_graph=True)[0].norm(dim=1) > 0 for out in model(graph)]
    assert torch.equal(model.reach(graph), torch.stack(rows))
    assert not model.causal
    assert EmbeddedModel(nn.Identity(), Model(LSTM(2, 4), 2)).causal


def test_other_models_and_embeddings_of_other_lengths_are_refused() -> None:
    with pytest.raises(TypeError, match=r"model must be a graphseq.nn.Model, got Linear"):
        EmbeddedModel(nn.Identity(), nn.Linear(2, 2))
    model = EmbeddedModel(nn.Flatten(0), Model(LSTM(2, 4), 2))
    with pytest.raises(ValueError, match=r"embed must return one row for each of 3, but gave \(6,\)"):
        model(gs.from_sequence(torch.ones(3, 2)))
