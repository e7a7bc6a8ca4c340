"""A ranking of candidates by the sum of what speaks for each: features, and the states of both ends in the graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graphseq.data.graph import SpaceTimeGraph
from graphseq.experiments.messages.protocol import Messages
from graphseq.nn.recurrent.gcn_lstm import GCNLSTM
from graphseq.transforms.orientation import to_undirected


class PairIntensity(nn.Module):
    r"""The logarithm of an intensity of messages from a source j to a candidate i, the scores of a ranking.

    .. math:: \lambda_{ji} = \sum_k w_k \frac{e_{jik}}{\bar e_k} + e^{\,b + a^\top h_i + h_j^\top M h_i} + \epsilon,
              \qquad w_k = \log(1 + e^{v_k})

    e are features of 0 or more, :math:`\bar e` their means over the training candidates, and h the states of both
    ends in a GCN-LSTM over the snapshots before, so that the cone of the recurrence reads the graph. Every feature can
    only speak for a candidate: with reasons of such different size, a sum inside the logarithm ranks by the strongest.

    Args:
        means: :math:`\bar e`, (P,).
        graph_channels: H; ``None`` leaves the graph out.
        signature: number of random features of each node beside the two counts, by which states of two nodes with
            common neighbours are alike.
    """

    def __init__(self, means: Tensor, *, graph_channels: int | None, signature: int = 16) -> None:
        super().__init__()
        self.register_buffer("scale", 1 / means.clamp(min=1e-4))
        self.weight = nn.Parameter(torch.full((len(means),), -2.0))
        self.floor = nn.Parameter(torch.tensor(-6.0))
        self.signature = signature
        self.encoder = None if graph_channels is None else GCNLSTM(2 + signature, graph_channels)
        if graph_channels is not None:
            self.pair = nn.Linear(graph_channels, graph_channels, bias=False)
            self.target = nn.Linear(graph_channels, 1)
            nn.init.constant_(self.target.bias, -3.0)

    scale: Tensor

    def states(self, graph: SpaceTimeGraph | None) -> Tensor | None:
        """Return the states of the rows of the graph and, last, one of zeros, (V + 1, H); ``None`` without a graph."""
        if self.encoder is None or graph is None:
            return None
        states: Tensor = self.encoder(graph)
        return torch.cat([states, states.new_zeros(1, states.shape[1])])

    def forward(self, features: Tensor, ends: Tensor, states: Tensor | None) -> Tensor:
        """Return the scores (M,) of candidates from their features (M, P) and the rows of both ends, (2, M)."""
        intensity = features @ (nn.functional.softplus(self.weight) * self.scale) + self.floor.exp()
        if states is not None:
            source, target = self.pair(states)[ends[0]], states[ends[1]]
            alike = (target * source).sum(-1)
            intensity = intensity + (self.target(states)[ends[1], 0] + alike).clamp(max=8.0).exp()
        return intensity.log()


def latest_rows(graph: SpaceTimeGraph, snapshots: int, nodes: int) -> Tensor:
    """Return each node's last row before each snapshot, (T, N); V, one more than the last row, where it has none."""
    latest = torch.full((snapshots, nodes), graph.num_rows)
    for snapshot in range(1, snapshots):
        latest[snapshot] = latest[snapshot - 1]
        rows = (graph.time == snapshot - 1).nonzero()[:, 0]
        latest[snapshot, graph.node[rows]] = rows
    return latest


def read_graph(messages: Messages, signature: int, seed: int) -> SpaceTimeGraph:
    """Return the snapshots, both ways, with x = log(1 + counts) beside a random signature of each node.

    Args:
        messages: the messages.
        signature: number of random features, the same at all times.
        seed: of the signature.
    """
    graph = to_undirected(messages.graph)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(messages.num_nodes, signature, generator=generator)
    return graph.replace(x=torch.cat([graph.x.log1p(), drawn[graph.node]], dim=1))


def ranking_loss(scores: Tensor, log_weight: Tensor) -> Tensor:
    r"""Return the mean of :math:`-\log\, \lambda_0 / (\lambda_0 + \sum_{j \ge 1} c_j \lambda_j)`, λ of exponentials.

    Args:
        scores: log λ, (K, 1 + n), the first of each row being right.
        log_weight: log c, how many candidates each stands for; -∞ for none.
    """
    weighted = scores + log_weight.where(log_weight.isfinite(), 0)
    return nn.functional.cross_entropy(weighted, torch.zeros(len(scores), dtype=torch.long))


def feature_means(features: Tensor, log_weight: Tensor, columns: Sequence[int]) -> Tensor:
    """Return the weighted mean of each of these columns over all candidates, (P',)."""
    weight = log_weight.exp().flatten()
    means: Tensor = weight @ features.flatten(0, 1) / weight.sum()
    return means[list(columns)]
