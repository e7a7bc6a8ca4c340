"""Every convolution of PyG in stacks and in gates: reach is the pattern of the Jacobian, and no batch mate is heard."""

from __future__ import annotations

import pytest
import torch
import torch_geometric.nn as pyg
from convs import UNWEIGHTED, WEIGHTED, WIDTH
from torch import Tensor, nn
from torch_geometric.data import Data

import graphseq as gs
from graphseq import seeding
from graphseq.nn import GCN, GCNGRU, GCNLSTM, Encoder, PairNorm
from graphseq.testing.graphs import jacobian_pattern, join, random_graph, with_features

KEEPS_WIDTH = ("APPNP", "LGConv", "SimpleConv", "WLConv", "AGNNConv", "AntiSymmetric", "CGConv", "GPSConv")
IN_STACKS = WEIGHTED | UNWEIGHTED
IN_GATES = [name for name in IN_STACKS if not name.startswith((*KEEPS_WIDTH, "OverBatch"))]
ARE_CAUSAL = [
    name for name in IN_STACKS if not name.startswith(("DirGNN", "GPS", "OverBatch")) and "against" not in name
]


def graphs() -> list[gs.SpaceTimeGraph]:
    return [
        random_graph(2, nodes=3, times=3, directed=True, channels=WIDTH),
        random_graph(5, nodes=3, times=2, channels=WIDTH),
    ]


def built(encoder: type[Encoder], *sizes: int, **options: object) -> Encoder:
    with seeding.forked(0, seeding.BUILD):
        made = encoder(*sizes, **options).double().eval()
        with torch.no_grad():  # generic weights: some convolutions start at special ones
            for weight in made.parameters():
                weight.add_(0.4 * torch.randn_like(weight))
    return made


def seen(encoder: Encoder, graph: gs.SpaceTimeGraph, draws: int = 12) -> Tensor:
    """The pattern of the Jacobian at several inputs: at one of them a ReLU or a softmax may be flat."""
    generator, patterns = torch.Generator().manual_seed(0), []
    for _ in range(draws):
        x = torch.randn(graph.x.shape, generator=generator, dtype=torch.float64)
        patterns.append(jacobian_pattern(encoder, with_features(graph, x)))
    return torch.stack(patterns).any(dim=0)


def check(encoder: Encoder, parts: list[gs.SpaceTimeGraph]) -> None:
    batch = join(parts)
    apart = torch.cat([encoder(part) for part in parts])
    torch.testing.assert_close(encoder(batch), apart, rtol=0, atol=1e-10)
    reach, found = encoder.reach(batch, torch.arange(batch.num_rows)), seen(encoder, batch)
    assert not (found & (batch.batch[:, None] != batch.batch)).any()
    assert torch.equal(reach, found)


@pytest.mark.parametrize("name", IN_STACKS)
def test_in_a_stack(name: str) -> None:
    check(built(GCN, WIDTH, WIDTH, 2, conv=IN_STACKS[name]), graphs())


@pytest.mark.parametrize("name", ARE_CAUSAL)
def test_in_a_causal_stack(name: str) -> None:
    encoder, sequence = (
        built(GCN, WIDTH, WIDTH, 2, conv=IN_STACKS[name], causal=True),
        random_graph(0, nodes=1, times=8),
    )
    graph = with_features(sequence, torch.randn(sequence.num_rows, WIDTH, dtype=torch.float64))
    found = seen(encoder, graph)
    assert torch.equal(encoder.reach(graph, torch.arange(graph.num_rows)), found)
    assert not (found & (graph.time > graph.time[:, None])).any()


@pytest.mark.parametrize("name", sorted(set(IN_STACKS) - set(ARE_CAUSAL)))
def test_what_reads_later_rows_is_not_causal(name: str) -> None:
    with pytest.raises(ValueError, match="reads later rows; it cannot be causal"):
        GCN(WIDTH, WIDTH, conv=IN_STACKS[name], causal=True)


@pytest.mark.parametrize("name", IN_GATES)
def test_in_gates(name: str) -> None:
    check(built(GCNLSTM, WIDTH, WIDTH, conv=IN_STACKS[name]), graphs())


@pytest.mark.parametrize("name", ["TAGConv-3", "ChebConv-4", "SAGEConv-no-root", "DirGNNConv", "TwoSteps"])
@pytest.mark.parametrize("options", [{"convolve": "input"}, {"convolve": "state", "residual": True}], ids=str)
def test_in_some_gates(name: str, options: dict[str, object]) -> None:
    check(built(GCNGRU, WIDTH, WIDTH, 2, conv=IN_STACKS[name], **options), graphs())


@pytest.mark.parametrize("name", ["TAGConv-3", "LGConv", "SAGEConv-no-root"])
@pytest.mark.parametrize("options", [{"residual": True}, {"jk": "cat"}, {"jk": "max", "residual": True}], ids=str)
def test_in_a_stack_with_more_ways(name: str, options: dict[str, object]) -> None:
    check(built(GCN, WIDTH, WIDTH, 3, conv=IN_STACKS[name], **options), graphs())


@pytest.mark.parametrize("name", ["GPSConv", "OverBatch"])
def test_gates_refuse_what_reads_a_whole_graph(name: str) -> None:
    with pytest.raises(ValueError, match="reads all rows of a graph"):
        GCNLSTM(WIDTH, WIDTH // 4 if name == "GPSConv" else WIDTH, conv=IN_STACKS[name])


def test_convolutions_of_several_hops_see_as_far_as_they_do() -> None:
    """Three hops a layer, on a path: 7 of 13 rows after one layer, all after two."""
    path = gs.from_sequence(torch.randn(13, WIDTH, dtype=torch.float64))
    for layers, rows in ((1, 7), (2, 13)):
        gcn = GCN(WIDTH, WIDTH, layers, conv=lambda a, b: pyg.TAGConv(a, b, K=3))
        assert gcn.reach(path, torch.tensor([6])).sum() == rows


class MeanOver(nn.Module):
    """A norm of one's own, over the rows that it is given: all of a batch."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


NORMS = {
    "PairNorm": PairNorm,
    "pyg.PairNorm": lambda h: pyg.PairNorm(),
    "GraphNorm": pyg.GraphNorm,
    "InstanceNorm": pyg.InstanceNorm,
    "InstanceNorm-running": lambda h: pyg.InstanceNorm(h, affine=True),
    "MeanSubtractionNorm": lambda h: pyg.MeanSubtractionNorm(),
    "pyg.LayerNorm": pyg.LayerNorm,
    "pyg.LayerNorm-node": lambda h: pyg.LayerNorm(h, mode="node"),
    "GraphSizeNorm": lambda h: pyg.GraphSizeNorm(),
    "DiffGroupNorm": lambda h: pyg.DiffGroupNorm(h, groups=3),
    "pyg.BatchNorm": pyg.BatchNorm,
    "BatchNorm1d": nn.BatchNorm1d,
    "LayerNorm": nn.LayerNorm,
    "RMSNorm": nn.RMSNorm,
    "GroupNorm": lambda h: nn.GroupNorm(2, h),
}
BY_ROW = ("LayerNorm", "RMSNorm", "GroupNorm", "BatchNorm1d", "pyg.BatchNorm", "DiffGroupNorm", "pyg.LayerNorm-node")


@pytest.mark.parametrize("name", NORMS)
def test_norms(name: str) -> None:
    check(built(GCN, WIDTH, WIDTH, 2, norm=NORMS[name]), graphs())


@pytest.mark.parametrize("name", NORMS)
def test_norms_over_a_graph_are_not_causal(name: str) -> None:
    if name in BY_ROW:
        assert GCN(WIDTH, WIDTH, norm=NORMS[name], causal=True).causal
    else:
        with pytest.raises(ValueError, match=r"norm: .* it cannot be causal"):
            GCN(WIDTH, WIDTH, norm=NORMS[name], causal=True)


def test_a_norm_over_the_whole_graph_reads_both_of_its_components() -> None:
    graph = gs.from_graph(pairs(), x=torch.randn(4, WIDTH, dtype=torch.float64))
    encoder = built(GCN, WIDTH, WIDTH, 2, norm=PairNorm)
    assert encoder.reach(graph, torch.arange(4)).all()
    assert torch.equal(seen(encoder, graph), torch.ones(4, 4, dtype=torch.bool))


def pairs() -> Data:
    return Data(edge_index=torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]]), num_nodes=4)


@pytest.mark.parametrize(
    ("norm", "error", "message"),
    [
        (lambda h: nn.BatchNorm1d(h, track_running_stats=False), ValueError, "reads all rows of a batch"),
        (lambda h: pyg.MessageNorm(), TypeError, "MessageNorm also needs msg"),
        (lambda h: MeanOver(), ValueError, "MeanOver lets a row hear rows of other graphs"),
        (lambda h: pyg.HeteroLayerNorm(h, 2), TypeError, "HeteroLayerNorm"),
    ],
)
def test_a_norm_that_hears_batch_mates_is_refused(norm: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        GCN(WIDTH, WIDTH, norm=norm)
