"""Outputs for pairs of rows."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from randomgraphs import draw, join, seen, with_x

import graphseq as gs
from graphseq.nn import GCN, GCNLSTM, GRU, Model, PairHead

PAIRS = torch.tensor([[3, 0, 1, 1], [0, 3, 1, 2]])


def asked(graph: gs.SpaceTimeGraph, pairs: torch.Tensor = PAIRS) -> gs.SpaceTimeGraph:
    graph = with_x(graph, graph.x)
    graph.edge_label_index = pairs
    return graph


def test_a_pair_is_both_ends_their_product_and_its_features() -> None:
    torch.manual_seed(0)
    head, graph = PairHead(4, 2, pair_channels=3).double(), asked(draw(0))
    states = torch.randn(graph.num_nodes, 4, dtype=torch.float64)
    graph.pair_features = torch.randn(4, 3)
    weight, bias = head.lin.weight, head.lin.bias
    for output, j, i, told in zip(head(states, graph), *PAIRS.tolist(), graph.pair_features.double(), strict=True):
        told_all = torch.cat([states[j], states[i], states[j] * states[i], told])
        torch.testing.assert_close(output, weight @ told_all + bias, rtol=0, atol=1e-12)


def test_the_direction_of_a_pair_matters() -> None:
    torch.manual_seed(0)
    there, back = Model(GCN(2, 4), 2, head=PairHead).double()(asked(draw(0)))[:2]
    assert not torch.allclose(there, back)


def test_a_hidden_layer_is_a_rectified_one() -> None:
    torch.manual_seed(0)
    head, graph = PairHead(4, 2, mlp_channels=5).double(), asked(draw(0))
    states = torch.randn(graph.num_nodes, 4, dtype=torch.float64)
    told = torch.cat([states[PAIRS[0]], states[PAIRS[1]], states[PAIRS[0]] * states[PAIRS[1]]], dim=1)
    hidden = (told @ head.lin[0].weight.T + head.lin[0].bias).clamp(min=0)
    torch.testing.assert_close(
        head(states, graph), hidden @ head.lin[2].weight.T + head.lin[2].bias, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("view", [None, gs.transforms.unroll_time])
def test_pyg_batches_pairs_as_it_batches_rows(view: object) -> None:
    torch.manual_seed(0)
    model = Model(GRU(2, 4), 2, head=partial(PairHead, pair_channels=1), transform=view).double()
    graphs = [asked(draw(0)), asked(draw(1), torch.tensor([[2], [0]]))]
    for graph in graphs:
        graph.pair_features = torch.rand(graph.edge_label_index.shape[1], 1)
    if view is not None:
        model.encoder = gs.nn.DAGGRU(2, 4).double()
    apart = torch.cat([model(graph) for graph in graphs])
    torch.testing.assert_close(model(join(graphs)), apart, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mlp", [None, 32])
def test_the_reach_of_a_pair_is_that_of_both_ends(seed: int, mlp: int | None) -> None:
    torch.manual_seed(seed)
    graph = draw(seed, directed=True)
    pairs = torch.randint(graph.num_nodes, (2, 6))
    model = Model(GCNLSTM(2, 16), 2, head=partial(PairHead, mlp_channels=mlp)).double()
    reach = model.reach(asked(graph, pairs))
    ends = [model.encoder.reach(graph, rows) for rows in pairs]
    assert torch.equal(reach, ends[0] | ends[1])
    assert torch.equal(reach, seen(lambda g: model(asked(g, pairs)), graph))


def test_missing_pairs_and_features_are_refused() -> None:
    graph = draw(0)
    with pytest.raises(ValueError, match=r"edge_label_index must hold the target pairs, \(2, K\).*got none"):
        Model(GCN(2, 4), 2, head=PairHead).double()(graph)
    with pytest.raises(ValueError, match=r"at least one; got \(2, 0\)"):
        Model(GCN(2, 4), 2, head=PairHead).double()(asked(graph, PAIRS[:, :0]))
    with pytest.raises(ValueError, match=r"pair_features must have shape \(4, 3\), one row a pair; got none"):
        Model(GCN(2, 4), 2, head=partial(PairHead, pair_channels=3)).double()(asked(graph))
    with pytest.raises(ValueError, match="out_channels must be at least 1"):
        PairHead(4, 0)
    with pytest.raises(ValueError, match="pool='mean' and a head were both given"):
        Model(GCN(2, 4), 2, pool="mean", head=PairHead)
    with pytest.raises(TypeError, match=r"head must return a graphseq.nn.heads.Head, but returned a Linear"):
        Model(GCN(2, 4), 2, head=torch.nn.Linear)  # type: ignore[arg-type]


def test_a_model_of_pairs_is_causal_where_its_encoder_is() -> None:
    assert Model(GRU(2, 4), 2, head=PairHead).causal
    assert not Model(GCN(2, 4), 2, head=PairHead).causal
