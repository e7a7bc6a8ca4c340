"""The influence of the nodes at each hop, and the breadth of the receptive field that it weights (City-Networks)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import k_hop_subgraph

from graphseq import _checks
from graphseq._prompt import short_repr
from graphseq.data.edges import edges_of
from graphseq.reach.measures.distance import distances
from graphseq.reach.measures.range import checked_influence


@short_repr
@dataclass(frozen=True)
class HopInfluence:
    """The total influence of the nodes at each hop on an output, averaged over outputs.

    Returned by :func:`graphseq.reach.measures.hop_influence`.
    """

    at: Tensor  #: hops, 0 … D
    value: Tensor  #: mean total influence at each, (D + 1,), float64; divided by the first where asked for
    no_path: float  #: the same of the nodes from which no path leads to the output
    breadth: float  #: R, the mean hop of influence: the influence-weighted receptive field


def hop_influence(influence: Tensor, hops: Tensor, *, normalize: Literal["self"] | None = None) -> HopInfluence:
    r"""Compute the total influence of the nodes at each hop, and R, the influence-weighted receptive field.

    .. math:: T_h(v) = \sum_{u:\, d(v, u) = h} I(v, u), \qquad \bar T_h = \frac1K \sum_v T_h(v), \qquad
              R = \frac1K \sum_v \frac{\sum_h h\, T_h(v)}{\sum_h T_h(v)}

    with :math:`I(v, u) = \sum_{c, f} |\partial out_{vc} / \partial x_{uf}|`. R is the normalised range of Bamberger et
    al. in hops, see :func:`~graphseq.reach.measures.influence_range`. Here all nodes of the graph are measured in the
    graph itself; :func:`hop_influence_on_subgraphs` cuts out neighbourhoods first, as PyG does.

    Args:
        influence: I (K, V), at least 0.
        hops: (K, V); infinite or negative where there is no path.
        normalize: "self" divides T̄ by T̄₀, the influence of the own node.

    Raises:
        TypeError: not tensors.
        ValueError: shapes that differ, a negative influence, "self" where own nodes have no influence.

    Source: Liang et al., *Towards quantifying long-range interactions in graph machine learning* (2025), section 4.

    Example:
        >>> found = hop_influence(torch.tensor([[2.0, 1.0, 1.0]]), torch.tensor([[0, 1, 2]]), normalize="self")
        >>> found.value.tolist(), found.breadth
        ([1.0, 0.5, 0.5], 0.75)
    """
    weights, far = checked_influence(influence, hops)
    if normalize not in (None, "self"):
        raise ValueError(f"normalize must be 'self' or None, got {normalize!r}")
    has_path = far.isfinite() & (far >= 0)
    index = torch.where(has_path, far, 0.0).long()
    reached = torch.where(has_path, weights, 0.0)
    sums = weights.new_zeros(len(weights), int(index.max()) + 1).scatter_add_(1, index, reached)
    return _summary(sums, (weights - reached).sum(dim=1), normalize)


def hop_influence_on_subgraphs(
    model: Callable[[Tensor, Tensor], Tensor],
    data: Data,
    nodes: Sequence[int],
    *,
    max_hops: int,
    normalize: Literal["self"] | None = None,
) -> HopInfluence:
    r"""Compute the influence by hop as PyG's ``total_influence`` does: each node in its own neighbourhood, cut out.

    The neighbourhood of ``max_hops`` is cut out before the model sees it, so that nodes at its edge have lost their
    other neighbours: a convolution that normalises by degrees then gives them larger weights, and where a model reads
    farther than ``max_hops`` the rest is missing. Influence at the outermost hop comes out too large: by √(3/2) for
    one GCN layer on a ring, where d̃ falls from 3 to 2. It is here to stand beside :func:`hop_influence`, which measures
    the model on the graph it is used on. PyG's function draws its nodes from torch's global generator and fails on
    float64; this one takes the nodes, and any precision.

    Args:
        model: a function of (x, edge_index) that gives (V, C); put it in evaluation mode first.
        data: ``x`` (V, F) and ``edge_index``.
        nodes: the nodes to measure at.
        max_hops: the radius of the neighbourhoods.
        normalize: as for :func:`hop_influence`.

    Raises:
        ValueError: no node, or one that does not exist; as :func:`hop_influence`.

    Source: PyG 2.7, ``torch_geometric.utils.total_influence``; Liang et al. (2025), section 4.

    Example:
        >>> from torch_geometric.nn import GCNConv
        >>> import networkx as nx
        >>> from torch_geometric.utils import from_networkx
        >>> data = from_networkx(nx.cycle_graph(8))
        >>> data.x = torch.ones(8, 1)
        >>> conv = GCNConv(1, 1, bias=False)
        >>> cut = hop_influence_on_subgraphs(conv, data, [0], max_hops=1, normalize="self")
        >>> round(float(cut.value[1]), 4)  # 2 / √(3 · 2) over 1 / 3, where the whole ring gives 2
        2.4495
    """
    _checks.at_least("max_hops", max_hops, 0)
    picked = torch.tensor([_checks.at_least(f"nodes[{i}]", node, 0) for i, node in enumerate(nodes)])
    hops = distances(data, nodes=picked)
    edges_of(data)  # checks the edges
    sums = torch.zeros(len(picked), max_hops + 1, dtype=torch.float64)
    for line, node in enumerate(picked.tolist()):
        near, edge_index, position, _ = k_hop_subgraph(
            node, max_hops, data.edge_index, relabel_nodes=True, num_nodes=data.num_nodes
        )
        at = int(position[0])

        def output(x: Tensor, edge_index: Tensor = edge_index, at: int = at) -> Tensor:
            return model(x, edge_index)[at]

        block = torch.autograd.functional.jacobian(output, data.x[near], vectorize=True)
        sums[line].index_add_(0, hops[line, near.cpu()].long(), block.abs().double().sum(dim=(0, 2)).cpu())
    return _summary(sums, torch.zeros(len(picked), dtype=torch.float64), normalize)


def _summary(sums: Tensor, no_path: Tensor, normalize: str | None) -> HopInfluence:
    at = torch.arange(sums.shape[1], device=sums.device)
    breadth = float(((sums @ at.double()) / sums.sum(dim=1)).nanmean())
    value, rest = sums.mean(dim=0), no_path.mean()
    if normalize:
        if not value[0] > 0:
            raise ValueError("normalize='self' divides by the influence of the own node, which is 0 for every output")
        value, rest = value / value[0], rest / value[0]
    return HopInfluence(at, value, float(rest), breadth)
