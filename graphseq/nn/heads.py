"""Heads, which map states to outputs: one for each target row, each graph, or each pair of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

import torch
import torch_geometric.nn
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph

Reach = Callable[[Tensor], Tensor]
"""A function from rows (K,) to the receptive fields of their states, (K, V) of ``bool`` on the CPU."""

_POOLS = {
    "mean": torch_geometric.nn.global_mean_pool,
    "sum": torch_geometric.nn.global_add_pool,
    "max": torch_geometric.nn.global_max_pool,
}


class Head(nn.Module, ABC):
    """A module that computes outputs from states: ``head(states, graph)`` is (K, C).

    A new head is a subclass with ``forward`` and :meth:`reach`.

    Attributes:
        causal: whether the output at a row depends on no state of a later row.
    """

    causal = True
    lin: nn.Module  #: the map to the outputs, whose input is the state that the diagnostics of ``reach`` measure

    @abstractmethod
    def forward(self, states: Tensor, graph: SpaceTimeGraph) -> Tensor:
        """Compute the outputs (K, C) from states (V, H)."""

    @abstractmethod
    def reach(self, states: Reach, graph: SpaceTimeGraph) -> Tensor:
        """The receptive field of each output, (K, V) of ``bool``, from those of the states."""


def _check(states: object, graph: object, lin: nn.Module, channels: int | None) -> None:
    """Raise if these are not states (V, H) of the rows of a graph that a map takes; quick, as every pass asks."""
    if not isinstance(graph, SpaceTimeGraph):
        raise _checks.no_graph("graph", graph)
    if not isinstance(states, Tensor):
        raise TypeError(f"states must be a torch.Tensor, got {type(states).__name__}")
    if states.dim() != 2 or not states.is_floating_point():
        raise ValueError(f"states must be floating, of shape (V, H), got {_checks.shown(states)}")
    if states.layout != torch.strided or states.is_nested:
        kind = "a nested one" if states.is_nested else f"one of layout {states.layout}"
        raise TypeError(f"states must be a dense tensor, got {kind}")
    rows, width = states.shape
    if isinstance(node := graph.get("node"), Tensor) and len(node) != rows:
        raise ValueError(f"states must have one row for each of the graph, {len(node)}, got {_checks.shown(states)}")
    if channels is not None and width != channels:
        raise ValueError(f"states must have the head's {channels} channels, got {_checks.shown(states)}")
    _checks.alike(lin, states, "states")


def _fields(states: Reach, rows: Tensor, graph: SpaceTimeGraph) -> Tensor:
    """The receptive fields of some rows, or an error if the function gives none."""
    fields = states(rows)
    expected = (len(rows), graph.num_rows)
    if not isinstance(fields, Tensor) or fields.dtype != torch.bool or fields.shape != expected:
        raise TypeError(
            f"states must give the receptive fields of rows of the graph, bool of shape {expected}, but gave "
            f"{_checks.shown(fields)}"
        )
    return fields


class RowHead(Head):
    r"""A linear map of each target row's state: P = H W + b, (V, H) → (K, C).

    Args:
        in_channels: H.
        out_channels: C.

    Example:
        >>> import graphseq as gs, torch
        >>> graph = gs.from_sequence(torch.zeros(3, 1), target=torch.tensor([False, False, True]))
        >>> RowHead(4, 2)(torch.zeros(3, 4), graph).shape
        torch.Size([1, 2])
    """

    lin: nn.Linear

    @checked_arguments
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.lin = nn.Linear(
            _checks.at_least("in_channels", in_channels, 1), _checks.at_least("out_channels", out_channels, 1)
        )

    def forward(self, states: Tensor, graph: SpaceTimeGraph) -> Tensor:
        """Compute the outputs (K, C), in the order of the target rows."""
        _check(states, graph, self.lin, getattr(self.lin, "in_features", None))
        if graph.get("target") is None:
            return self.lin(states)  # type: ignore[no-any-return]
        rows = graph.target_rows
        if len(rows) == 0:
            raise ValueError("no row of the graph is a target; mark at least one in target")
        return self.lin(states.index_select(0, rows))  # type: ignore[no-any-return]

    @checked_arguments
    def reach(self, states: Reach, graph: SpaceTimeGraph) -> Tensor:
        """The receptive field of each target row's state, (K, V)."""
        return _fields(states, graph.target_rows, graph)


class ResidualHead(RowHead):
    r"""A linear map of each target row's state, added to its features: P = X_C + H W + b, (V, H) → (K, C).

    X_C are the first C features of the row. W and b are initially 0, so that an untrained forecast is persistence, and
    the model learns the difference between the next value and the last.

    Args:
        in_channels: H.
        out_channels: C, at most F.

    Example:
        >>> import graphseq as gs, torch
        >>> model = gs.nn.Model(gs.nn.LSTM(1, 8), 1, head=gs.nn.ResidualHead)
        >>> model(gs.from_sequence(torch.tensor([[3.0], [5.0]]))).tolist()
        [[3.0], [5.0]]
    """

    @checked_arguments
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels)
        nn.init.zeros_(self.lin.weight)
        nn.init.zeros_(self.lin.bias)

    def forward(self, states: Tensor, graph: SpaceTimeGraph) -> Tensor:
        """Compute the outputs (K, C), in the order of the target rows.

        Raises:
            ValueError: tokens in place of features, or fewer than C features.
        """
        _check(states, graph, self.lin, getattr(self.lin, "in_features", None))
        channels, x = self.lin.out_features, graph.get("x")
        if not isinstance(x, Tensor) or x.dim() != 2 or x.shape[1] < channels:
            came = _checks.shown(x)
            raise ValueError(f"x of the graph must have {channels} features a row or more to add to, got {came}")
        features: Tensor = x[graph.target_rows, :channels]
        return features + super().forward(states, graph)

    @checked_arguments
    def reach(self, states: Reach, graph: SpaceTimeGraph) -> Tensor:
        """The receptive field of each target row's state, with the row itself, (K, V)."""
        rows = graph.target_rows
        field = _fields(states, rows, graph).clone()
        field[torch.arange(len(rows)), rows.cpu()] = True
        return field


class GraphHead(Head):
    r"""A linear map of each graph's pooled states: P = pool(H) W + b, (V, H) → (B, C).

    Args:
        in_channels: H.
        out_channels: C.
        pool: "mean", "sum" or "max" over the rows of a graph.

    Example:
        >>> import graphseq as gs, torch
        >>> GraphHead(4, 2, "mean")(torch.zeros(3, 4), gs.from_sequence(torch.zeros(3, 1))).shape
        torch.Size([1, 2])
    """

    causal = False

    @checked_arguments
    def __init__(self, in_channels: int, out_channels: int, pool: Literal["mean", "sum", "max"] = "mean") -> None:
        super().__init__()
        self.pool = _checks.one_of("pool", pool, _POOLS)
        self.lin = nn.Linear(
            _checks.at_least("in_channels", in_channels, 1), _checks.at_least("out_channels", out_channels, 1)
        )

    def forward(self, states: Tensor, graph: SpaceTimeGraph) -> Tensor:
        """Compute the outputs (B, C), in the order of the graphs."""
        _check(states, graph, self.lin, getattr(self.lin, "in_features", None))
        pooled = _POOLS[self.pool](states, graph.get("batch"), graph.num_graphs)
        return self.lin(pooled)  # type: ignore[no-any-return]

    @checked_arguments
    def reach(self, states: Reach, graph: SpaceTimeGraph) -> Tensor:
        """The union of the receptive fields of all states of each graph, (B, V)."""
        fields = _fields(states, torch.arange(graph.num_nodes, device=graph.node.device), graph)
        counts = torch.zeros(graph.num_graphs, fields.shape[1], dtype=torch.long)
        return counts.index_add_(0, graph.graph_index.cpu(), fields.long()) > 0


class PairHead(Head):
    r"""A map of both states of each pair of rows, their product and the features of the pair, (V, H) → (K, C).

    .. math:: p_{ji} = f\big(h_j \,\|\, h_i \,\|\, h_j ⊙ h_i \,\|\, e_{ji}\big)

    f is linear, or has one hidden layer with a ReLU. The pairs (j, i), from row j to row i, are the columns of
    ``graph.edge_label_index`` (2, K), PyG's name for them; :math:`e_{ji}` are the rows of ``graph.pair_features``
    (K, P). Pass it to a model as ``Model(encoder, 2, head=PairHead)``, or with features of pairs as
    ``head=functools.partial(PairHead, pair_channels=P)``.

    Args:
        in_channels: H.
        out_channels: C.
        pair_channels: P; with 0, features of pairs are not read.
        mlp_channels: the size of the hidden layer; ``None`` for a linear f.

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

    @checked_arguments
    def __init__(
        self, in_channels: int, out_channels: int, *, pair_channels: int = 0, mlp_channels: int | None = None
    ) -> None:
        super().__init__()
        self.pair_channels = _checks.at_least("pair_channels", pair_channels, 0)
        out_channels = _checks.at_least("out_channels", out_channels, 1)
        self.in_channels = _checks.at_least("in_channels", in_channels, 1)
        width = 3 * in_channels + pair_channels
        self.lin = nn.Linear(width, out_channels)
        if mlp_channels is not None:
            hidden = _checks.at_least("mlp_channels", mlp_channels, 1)
            self.lin = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, out_channels))

    def forward(self, states: Tensor, graph: SpaceTimeGraph) -> Tensor:
        """Compute the outputs (K, C), in the order of the pairs."""
        _check(states, graph, self.lin, self.in_channels)
        source, target = (states.index_select(0, rows) for rows in _pairs(graph))
        inputs = [source, target, source * target]
        if self.pair_channels:
            features, expected = graph.get("pair_features"), (len(source), self.pair_channels)
            if features is None or features.shape != expected:
                came = "none" if features is None else tuple(features.shape)
                raise ValueError(f"pair_features must have shape {expected}, one row a pair; got {came}")
            inputs.append(features.to(states.dtype))
        return self.lin(torch.cat(inputs, dim=1))  # type: ignore[no-any-return]

    @checked_arguments
    def reach(self, states: Reach, graph: SpaceTimeGraph) -> Tensor:
        """The union of the receptive fields of both states of each pair, (K, V)."""
        rows, inverse = _pairs(graph).unique(return_inverse=True)
        return _fields(states, rows, graph)[inverse.cpu()].any(dim=0)


def _pairs(graph: SpaceTimeGraph) -> Tensor:
    index: Tensor | None = graph.get("edge_label_index")
    if index is None or index.dim() != 2 or index.shape[0] != 2 or not index.shape[1]:
        came = "none" if index is None else tuple(index.shape)
        raise ValueError(f"edge_label_index must hold the target pairs, (2, K), at least one; got {came}")
    return index
