"""From states to outputs: one a target row, one a graph, or one a pair of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

import torch
import torch_geometric.nn
from torch import Tensor, nn

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph

Reach = Callable[[Tensor], Tensor]
"""From rows (K,) to which rows can change their states, (K, V), ``bool``, on the CPU."""

_POOLS = {
    "mean": torch_geometric.nn.global_mean_pool,
    "sum": torch_geometric.nn.global_add_pool,
    "max": torch_geometric.nn.global_max_pool,
}


class Head(nn.Module, ABC):
    """A module that gives outputs from states: ``head(states, graph)`` is (K, C).

    A new head is a subclass with ``forward`` and :meth:`reach`.

    Attributes:
        causal: whether an output reads states of no later row than the one it is asked at.
    """

    causal = True
    lin: nn.Module  #: from what is read of the states to the outputs

    @abstractmethod
    def forward(self, states: Tensor, graph: SpaceTimeGraph) -> Tensor:
        """Outputs (K, C) from states (V, H)."""

    @abstractmethod
    def reach(self, states: Reach, graph: SpaceTimeGraph) -> Tensor:
        """Which rows can change which output, (K, V), ``bool``, from which rows can change which state."""


class RowHead(Head):
    r"""A linear map of each target row's state: P = H W + b, (V, H) → (K, C).

    Args:
        in_channels: H.
        out_channels: C.
    """

    lin: nn.Linear

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.lin = nn.Linear(in_channels, _checks.at_least("out_channels", out_channels, 1))

    def forward(self, states: Tensor, graph: SpaceTimeGraph) -> Tensor:
        """Outputs (K, C), in the order of the target rows."""
        if graph.get("target") is None:
            return self.lin(states)  # type: ignore[no-any-return]
        rows = graph.target_rows
        if len(rows) == 0:
            raise ValueError("no row of the graph is a target; mark at least one in target")
        return self.lin(states.index_select(0, rows))  # type: ignore[no-any-return]

    def reach(self, states: Reach, graph: SpaceTimeGraph) -> Tensor:
        """That of each target row's state."""
        return states(graph.target_rows)


class ResidualHead(RowHead):
    r"""What each target row shows, and a linear map of its state added: P = X_C + H W + b, (V, H) → (K, C).

    With X_C the first C features of the row. W and b are 0 at first, so that a forecast begins as persistence, and the
    model learns how far the next value will lie from the last.

    Args:
        in_channels: H.
        out_channels: C, at most F.

    Example:
        >>> import graphseq as gs, torch
        >>> model = gs.nn.Model(gs.nn.LSTM(1, 8), 1, head=gs.nn.ResidualHead)
        >>> model(gs.from_sequence(torch.tensor([[3.0], [5.0]]))).tolist()
        [[3.0], [5.0]]
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels)
        nn.init.zeros_(self.lin.weight)
        nn.init.zeros_(self.lin.bias)

    def forward(self, states: Tensor, graph: SpaceTimeGraph) -> Tensor:
        """Outputs (K, C), in the order of the target rows.

        Raises:
            ValueError: tokens in place of features, or fewer than C of them.
        """
        channels = self.lin.out_features
        if graph.x.dim() != 2 or graph.x.shape[1] < channels:
            raise ValueError(f"x must have {channels} features a row or more to add to, got {tuple(graph.x.shape)}")
        shown: Tensor = graph.x[graph.target_rows, :channels]
        return shown + super().forward(states, graph)

    def reach(self, states: Reach, graph: SpaceTimeGraph) -> Tensor:
        """That of each target row's state, and the row itself."""
        rows = graph.target_rows
        found = states(rows).clone()
        found[torch.arange(len(rows)), rows.cpu()] = True
        return found


class GraphHead(Head):
    r"""A linear map of each graph's pooled states: P = pool(H) W + b, (V, H) → (B, C).

    Args:
        in_channels: H.
        out_channels: C.
        pool: "mean", "sum" or "max" over the rows of a graph.
    """

    causal = False

    def __init__(self, in_channels: int, out_channels: int, pool: Literal["mean", "sum", "max"] = "mean") -> None:
        super().__init__()
        self.pool = _checks.one_of("pool", pool, _POOLS)
        self.lin = nn.Linear(in_channels, _checks.at_least("out_channels", out_channels, 1))

    def forward(self, states: Tensor, graph: SpaceTimeGraph) -> Tensor:
        """Outputs (B, C), in the order of the graphs."""
        pooled = _POOLS[self.pool](states, graph.get("batch"), graph.num_graphs)
        return self.lin(pooled)  # type: ignore[no-any-return]

    def reach(self, states: Reach, graph: SpaceTimeGraph) -> Tensor:
        """That of all states of a graph together."""
        found = states(torch.arange(graph.num_nodes, device=graph.node.device))
        index = graph.graph_index.cpu()
        pooled = torch.zeros(graph.num_graphs, found.shape[1], dtype=torch.long)
        return pooled.index_add_(0, index, found.long()) > 0


class PairHead(Head):
    r"""A map of the states of both rows of a pair, their product, and what is known of the pair, to an output.

    .. math:: p_{ji} = f\big(h_j \,\|\, h_i \,\|\, h_j ⊙ h_i \,\|\, e_{ji}\big)

    f is linear, or has one hidden layer with a rectifier. The pairs (j, i), from row j to row i, are the columns of
    ``graph.edge_label_index`` (2, K), which is PyG's name for them; :math:`e_{ji}` are the rows of
    ``graph.pair_features`` (K, P). Goes into a model as ``Model(encoder, 2, head=PairHead)``, and with features of
    pairs as ``head=functools.partial(PairHead, pair_channels=P)``.

    Args:
        in_channels: H.
        out_channels: C.
        pair_channels: P; with 0, features of pairs are not read.
        mlp_channels: size of the hidden layer; without it f is linear.

    Shapes: states (V, H) → (K, C).

    Raises:
        ValueError: a size below 1, or ``pair_channels`` below 0; called on a graph, no pairs, or features of pairs that
            do not fit.

    Example:
        >>> import graphseq as gs, torch
        >>> graph = gs.from_signal(torch.zeros(2, 3, 1), torch.tensor([[0, 1], [1, 2]]))
        >>> graph.edge_label_index = torch.tensor([[3, 3], [4, 5]])
        >>> gs.nn.Model(gs.nn.GCNLSTM(1, 8), 2, head=gs.nn.PairHead)(graph).shape
        torch.Size([2, 2])
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, pair_channels: int = 0, mlp_channels: int | None = None
    ) -> None:
        super().__init__()
        self.pair_channels = _checks.at_least("pair_channels", pair_channels, 0)
        out_channels = _checks.at_least("out_channels", out_channels, 1)
        width = 3 * in_channels + pair_channels
        self.lin = nn.Linear(width, out_channels)
        if mlp_channels is not None:
            hidden = _checks.at_least("mlp_channels", mlp_channels, 1)
            self.lin = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, out_channels))

    def forward(self, states: Tensor, graph: SpaceTimeGraph) -> Tensor:
        """Outputs (K, C), in the order of the pairs."""
        source, target = (states.index_select(0, rows) for rows in _pairs(graph))
        parts = [source, target, source * target]
        if self.pair_channels:
            told, expected = graph.get("pair_features"), (len(source), self.pair_channels)
            if told is None or told.shape != expected:
                came = "none" if told is None else tuple(told.shape)
                raise ValueError(f"pair_features must have shape {expected}, one row a pair; got {came}")
            parts.append(told.to(states.dtype))
        return self.lin(torch.cat(parts, dim=1))  # type: ignore[no-any-return]

    def reach(self, states: Reach, graph: SpaceTimeGraph) -> Tensor:
        """That of both ends' states together."""
        rows, place = _pairs(graph).unique(return_inverse=True)
        return states(rows)[place.cpu()].any(dim=0)


def _pairs(graph: SpaceTimeGraph) -> Tensor:
    index: Tensor | None = graph.get("edge_label_index")
    if index is None or index.dim() != 2 or index.shape[0] != 2 or not index.shape[1]:
        came = "none" if index is None else tuple(index.shape)
        raise ValueError(f"edge_label_index must hold the pairs that are asked, (2, K), at least one; got {came}")
    return index
