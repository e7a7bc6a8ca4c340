"""Ã and Â by a loop, and paths, to hold the library to."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from strategies import index
from torch import Tensor

from graphseq.data.adjacency import Adjacency

Edges = tuple[Tensor, Tensor | None, int]
F64 = torch.float64


def a_tilde(edge_index: Tensor, edge_weight: Tensor | None, rows: int) -> NDArray[np.float64]:
    """Ã by a loop, row i reading column j. A stored self-loop replaces the one that I adds; of several, the last."""
    values = [1.0] * edge_index.shape[1] if edge_weight is None else edge_weight.tolist()
    a, loops = np.zeros((rows, rows)), np.ones(rows)
    for (j, i), w in zip(edge_index.t().tolist(), values, strict=True):
        if i == j:
            loops[i] = w
        else:
            a[i, j] += w
    return a + np.diag(loops)


def a_hat(edge_index: Tensor, edge_weight: Tensor | None, rows: int) -> NDArray[np.float64]:
    """Â by its equation; a row of degree zero stays zero."""
    a = a_tilde(edge_index, edge_weight, rows)
    degree = a.sum(axis=1)
    root = np.array([d**-0.5 if d > 0 else 0.0 for d in degree])
    return root[:, None] * a * root


def dense(edges: Edges, dtype: torch.dtype = F64) -> NDArray[np.float64]:
    return Adjacency(*edges).normalised(dtype).csr.to_dense().numpy()


def path(n: int, directed: bool = False) -> Edges:
    forward = index([(i, i + 1) for i in range(n - 1)])
    return (forward if directed else torch.cat([forward, forward.flip(0)], dim=1)), None, n


def path_power(n: int, power: int, directed: bool = False) -> NDArray[np.float64]:
    return np.linalg.matrix_power(dense(path(n, directed)), power)
