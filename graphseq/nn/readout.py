"""From states to outputs: one a target row, or one a graph."""

from __future__ import annotations

from typing import Literal

import torch_geometric.nn
from torch import Tensor, nn

from graphseq import _checks
from graphseq.graph import SpaceTimeGraph

_POOLS = {
    "mean": torch_geometric.nn.global_mean_pool,
    "sum": torch_geometric.nn.global_add_pool,
    "max": torch_geometric.nn.global_max_pool,
}


class RowHead(nn.Module):
    r"""A linear map of each target row's state: P = H W + b, (V, H) → (K, C).

    Args:
        in_channels: H.
        out_channels: C.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.lin = nn.Linear(in_channels, _checks.at_least("out_channels", out_channels, 1))

    def forward(self, states: Tensor, graph: SpaceTimeGraph) -> Tensor:
        """Outputs (K, C), in the order of the target rows."""
        rows = graph.target_rows
        if len(rows) == 0:
            raise ValueError("no row of the graph is a target; mark at least one in target")
        return self.lin(states[rows])  # type: ignore[no-any-return]


class GraphHead(nn.Module):
    r"""A linear map of each graph's pooled states: P = pool(H) W + b, (V, H) → (B, C).

    Args:
        in_channels: H.
        out_channels: C.
        pool: "mean", "sum" or "max" over the rows of a graph.
    """

    def __init__(self, in_channels: int, out_channels: int, pool: Literal["mean", "sum", "max"] = "mean") -> None:
        super().__init__()
        self.pool = _checks.one_of("pool", pool, _POOLS)
        self.lin = nn.Linear(in_channels, _checks.at_least("out_channels", out_channels, 1))

    def forward(self, states: Tensor, graph: SpaceTimeGraph) -> Tensor:
        """Outputs (B, C), in the order of the graphs."""
        pooled = _POOLS[self.pool](states, graph.get("batch"), graph.num_graphs)
        return self.lin(pooled)  # type: ignore[no-any-return]
