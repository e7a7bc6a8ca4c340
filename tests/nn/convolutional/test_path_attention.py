"""Attention along paths against attention with a dense mask of all paths."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import graphseq as gs
from graphseq.nn import PathAttention
from graphseq.nn.convolutional.closure import closure
from graphseq.testing.graphs import join, random_graph


def masked(encoder: PathAttention, graph: gs.SpaceTimeGraph, mask: Tensor) -> Tensor:
    """One layer, by a softmax over all rows of which those outside the mask weigh nothing."""
    h, block = encoder.lin(graph.x), encoder.blocks[0]
    x = block.norm_attention(h)
    score = block.query(x) @ block.key(x).T / encoder.hidden_channels**0.5
    h = h + block.out(score.masked_fill(~mask, -torch.inf).softmax(1) @ block.value(x))
    return h + block.mlp(block.norm_mlp(h))


@pytest.mark.parametrize("directed", [False, True])
def test_it_is_attention_with_a_mask_of_all_paths(directed: bool) -> None:
    graph = join([random_graph(seed, directed=directed) for seed in (1, 2)])
    encoder = PathAttention(2, 8, causal=directed).double()
    mask = closure(graph, causal=directed).reach(torch.arange(graph.num_rows))
    assert bool(mask.any(1).all())
    assert not bool(mask.all())
    torch.testing.assert_close(encoder(graph), masked(encoder, graph, mask), rtol=0, atol=1e-12)


@pytest.mark.parametrize("directed", [False, True])
def test_pairs_are_those_of_the_reach(directed: bool) -> None:
    found = closure(random_graph(3, directed=directed), causal=directed)
    reader, source = found.pairs()
    pairs = torch.zeros(found.rows, found.rows, dtype=torch.bool)
    pairs[reader, source] = True
    assert torch.equal(pairs, found.reach(torch.arange(found.rows)))
    assert len(reader) == int(pairs.sum())
    assert bool((reader.diff() >= 0).all())


def test_a_tree_that_leads_up_is_read_from_below() -> None:
    tree = gs.tasks.NeighborsMatch(depth=3).batch(1, torch.Generator().manual_seed(0))
    reach = PathAttention(16, 8).reach(tree, torch.arange(15))
    assert reach.sum(1).tolist() == [15, 7, 7, 3, 3, 3, 3, *[1] * 8]


def test_a_row_attends_at_first_to_the_row_like_it() -> None:
    torch.manual_seed(0)
    block = PathAttention(8, 64).blocks[0]
    state = torch.randn(40, 64)
    x = block.norm_attention(torch.cat([state, state[:1] + 0.1]))
    score = (block.query(x) @ block.key(x).T / 8).detach()
    # Rows are normalised to length √H: a row meets itself with √H = 8 and others with N(0, 1).
    torch.testing.assert_close(score.diagonal(), torch.full((41,), 8.0), rtol=0, atol=0.01)
    assert int(score[40, :40].argmax()) == 0
    assert float(score[0, 1:40].abs().max()) < 4


def test_a_graph_of_no_rows_has_no_pairs() -> None:
    nobody = torch.zeros(0, dtype=torch.long)
    none = gs.SpaceTimeGraph(torch.zeros(0, 2), nobody, nobody, torch.zeros(2, 0, dtype=torch.long))
    assert PathAttention(2, 4).reach(none, nobody).shape == (0, 0)
