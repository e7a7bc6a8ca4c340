"""Upper bounds of the sensitivity of an output to the features of a node, from the graph alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphseq import _checks
from graphseq.data.edges import AnyGraph, Edges, edges_of
from graphseq.reach.measures.distance import distances
from graphseq.reach.measures.operators import operator
from graphseq.reach.probe.norms import TooLargeError

MOST_ENTRIES = 2**27  #: of a table (K, V): 1 GiB
MOST_LAYERS = 100_000


def operator_power(matrix: sp.csr_array, layers: int, nodes: Tensor | None = None) -> Tensor:
    """Compute rows of S^L by L sparse products, (K, V) in float64.

    Args:
        matrix: S, (V, V).
        layers: L.
        nodes: the K rows, (K,); ``None`` for all.

    Raises:
        TooLargeError: more than 2²⁷ entries. A ``ValueError``.
        ValueError: more than 10,000 layers.
    """
    depth = _checks.layers("layers", layers, 0)
    if depth > MOST_LAYERS:
        raise ValueError(f"layers must be at most {MOST_LAYERS:,}, got {layers}")
    rows = np.arange(matrix.shape[0]) if nodes is None else nodes.cpu().numpy()
    if len(rows) * matrix.shape[0] > MOST_ENTRIES:
        raise TooLargeError(
            f"a table of {len(rows):,} nodes by {matrix.shape[0]:,} has more than {MOST_ENTRIES:,} entries; choose "
            "fewer with nodes=…"
        )
    power = np.zeros((matrix.shape[0], len(rows)))
    power[rows, np.arange(len(rows))] = 1.0
    transpose = sp.csr_array(matrix.T)
    for _ in range(depth):
        power = transpose @ power
    return torch.from_numpy(power.T.copy())


def message_passing_bound(
    graph: AnyGraph, layers: int, *, alpha: float = 1.0, beta: float = 1.0, nodes: Tensor | None = None
) -> Tensor:
    r"""Compute the bound of Topping et al. on the Jacobian of a message-passing network at distance L.

    .. math:: h_i^{l+1} = \phi_l\Big(h_i^l, \sum_j \hat a_{ij} \psi_l(h_i^l, h_j^l)\Big), \quad
              |\nabla \phi_l| \le \alpha, \; |\nabla \psi_l| \le \beta
              \;\Rightarrow\; \left| \frac{\partial h_i^L}{\partial x_s} \right| \le (\alpha \beta)^L (\hat A^L)_{is}
              \quad \text{where } d(i, s) = L

    Args:
        graph: any graph, see :func:`~graphseq.reach.measures.edges_of`.
        layers: L, which the paper calls r + 1.
        alpha: α, at least 0.
        beta: β, at least 0.
        nodes: the K nodes i, (K,); ``None`` for all.

    Returns:
        (K, V) in float64; NaN where the distance is not L, since the lemma says nothing of these.

    Raises:
        TypeError, ValueError: as :func:`operator_power`; a constant that is not a finite number above 0.

    Source: Topping et al., *Understanding over-squashing and bottlenecks on graphs via curvature* (2022), lemma 1.

    Example:
        >>> import networkx as nx
        >>> message_passing_bound(nx.path_graph(3), 2)[0].tolist()[:2]
        [nan, nan]
        >>> round(float(message_passing_bound(nx.path_graph(3), 2)[0, 2]), 6)  # 1/√6 twice
        0.166667
    """
    scale = (_checks.positive("alpha", alpha) * _checks.positive("beta", beta)) ** _checks.layers("layers", layers, 0)
    power = operator_power(operator(graph), layers, nodes)
    return torch.where(distances(graph, nodes=nodes) == layers, scale * power, torch.nan)


def sensitivity_bound(
    graph: AnyGraph,
    layers: int,
    *,
    lipschitz: float = 1.0,
    weight: float = 1.0,
    width: int = 1,
    own: float = 0.0,
    neighbours: float = 1.0,
    kind: str = "gcn",
    nodes: Tensor | None = None,
) -> Tensor:
    r"""Compute the bound of Di Giovanni et al. on the Jacobian of a message-passing network.

    .. math:: h_v^{t+1} = \sigma\Big(c_r W_r h_v^t + c_a W_a \sum_u A_{vu} h_u^t\Big) \;\Rightarrow\;
              \left\| \frac{\partial h_v^L}{\partial h_u^0} \right\|_{1} \le (c_\sigma w p)^L (S^L)_{vu},
              \qquad S = c_r I + c_a A

    The norm is that induced by the ℓ₁ norm, the largest sum of absolute entries over a column. A product of L matrices
    p × p with entries of at most :math:`c_\sigma w` has entries of at most :math:`(c_\sigma w)^L p^{L-1}`, of which a
    column sums p. For the width p of the states all layers, the input included, count; take the widest.

    Args:
        graph: any graph, see :func:`~graphseq.reach.measures.edges_of`.
        layers: L.
        lipschitz: c_σ, the Lipschitz constant of the activation; 1 for ReLU and tanh.
        weight: w, the largest absolute entry of all weight matrices.
        width: p.
        own: c_r.
        neighbours: c_a.
        kind: A, the operator, see :func:`~graphseq.reach.measures.operator`.
        nodes: the K nodes v, (K,); ``None`` for all.

    Returns:
        (K, V) in float64.

    Raises:
        TypeError, ValueError: as :func:`operator_power`; a constant that is not a finite number above 0.

    Source: Di Giovanni et al., *On over-squashing in message passing neural networks: the impact of width, depth, and
    topology* (2023), theorem 3.2.

    Example:
        >>> import networkx as nx
        >>> round(float(sensitivity_bound(nx.path_graph(2), 3, weight=0.5, width=4)[0, 1]), 6)  # 2³ · ½
        4.0
    """
    edges = edges_of(graph)
    matrix = _checks.between("neighbours", neighbours, 0.0, 1e300) * operator(edges, kind)
    if _checks.between("own", own, 0.0, 1e300):
        matrix = matrix + sp.diags_array(np.full(edges.num_nodes, own), format="csr")
    constant = _checks.positive("lipschitz", lipschitz) * _checks.positive("weight", weight)
    scale = (constant * _checks.at_least("width", width, 1)) ** _checks.layers("layers", layers, 0)
    return scale * operator_power(sp.csr_array(matrix), layers, nodes)


def weights_bound(
    graph: AnyGraph | Edges, weights: Sequence[Tensor], *, kind: str = "gcn", nodes: Tensor | None = None
) -> Tensor:
    r"""Compute a bound on the influence in one given stack of layers H ← σ(S H W_l) with ``|σ'| ≤ 1``.

    .. math:: \left\| \frac{\partial h_v^L}{\partial x_u} \right\|_F
              \le \sqrt{\min_l \operatorname{rank} W_l} \; \prod_l \|W_l\|_2 \; (S^L)_{vu}

    The Jacobian is a sum over walks of L steps from u to v, of products of matrices diag(σ') W_lᵀ with the weights of S
    along the walk: their spectral norms multiply, and a matrix of rank r has a Frobenius norm of at most √r times its
    spectral norm. It is much closer than the bounds that know widths and largest entries alone.

    Args:
        graph: any graph, see :func:`~graphseq.reach.measures.edges_of`.
        weights: W_1 … W_L, one matrix a layer.
        kind: S, see :func:`~graphseq.reach.measures.operator`.
        nodes: the K nodes v, (K,); ``None`` for all.

    Returns:
        (K, V) in float64.

    Raises:
        TypeError: weights that are no list of tensors.
        ValueError: no weights, or one that is not a matrix.

    Source: lemma 1 of Topping et al. (2022), with the norms of given weights in place of αβ.

    Example:
        >>> import networkx as nx
        >>> weights_bound(nx.path_graph(2), [torch.tensor([[3.0]])]).round(decimals=4).tolist()
        [[1.5, 1.5], [1.5, 1.5]]
    """
    if not isinstance(weights, Sequence) or not all(isinstance(weight, Tensor) for weight in weights):
        raise TypeError(f"weights must be a list of tensors, one for each layer, got {type(weights).__name__}")
    if not weights or any(weight.dim() != 2 or not weight.numel() for weight in weights):
        raise ValueError(f"weights must hold a matrix for each layer, got {[tuple(one.shape) for one in weights]}")
    values = [torch.linalg.svdvals(weight.detach().double()) for weight in weights]
    scale = float(torch.stack([found[0] for found in values]).prod())
    rank = min(int((found > found[0] * 1e-12).sum()) for found in values)
    factor: float = scale * float(rank) ** 0.5
    return operator_power(operator(graph, kind), len(weights), nodes) * factor
