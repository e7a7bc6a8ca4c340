"""The base class of every encoder: one state a row, and the exact receptive field of each row."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.conv import check_no_edge_attr
from graphseq.nn.recipe import Rebuildable
from graphseq.nn.recorded import OF_ROWS, compiled, compiles
from graphseq.nn.trace import Trace


class Encoder(Rebuildable, ABC):
    """A module that computes one state for each row of a graph: ``encoder(graph)`` is (V, H).

    To add an encoder, derive from the base class that fits and implement what it leaves abstract:

    - :class:`~graphseq.nn.convolutional.layered.LayerStack`, a stack of layers: ``layers`` and ``reach``;
    - :class:`~graphseq.nn.recurrent.linear_rnn.LinearRNNBase`, linear recurrences in parallel scans: a layer's
      ``factors``;
    - :class:`~graphseq.nn.recurrent.gated.GatedEncoder`, recurrences whose gates are graph convolutions: a layer's
      ``cell``;
    - this class, for anything else: :meth:`encode` and :meth:`reach`, and :meth:`trace` where there are intermediate
      states to show.

    :func:`graphseq.testing.check_encoder` holds an encoder to the contract of all encoders. To add one to the library,
    export it in ``graphseq/nn/__init__.py`` and add a line to ``FAMILIES`` in ``tests/helpers/families.py``.

    Args:
        in_channels: F, or the number of distinct tokens where x holds tokens.
        hidden_channels: H.
        causal: whether a state depends on no later row.

    Example:
        A new encoder in full, with a receptive field of one row:

        >>> import graphseq as gs, torch
        >>> class Affine(gs.nn.Encoder):
        ...     def __init__(self, in_channels, hidden_channels):
        ...         super().__init__(in_channels, hidden_channels, causal=True)
        ...         self.lin = torch.nn.Linear(in_channels, hidden_channels)
        ...     def encode(self, graph, x):
        ...         return self.lin(x)
        ...     def reach(self, graph, rows):
        ...         return torch.eye(graph.num_rows, dtype=torch.bool)[rows.cpu()]
        >>> Affine(3, 8)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
        >>> gs.testing.check_encoder(lambda in_channels: Affine(in_channels, 8))  # that it keeps the contract
    """

    @checked_arguments
    def __init__(self, in_channels: int, hidden_channels: int, *, causal: bool) -> None:
        super().__init__()
        self.in_channels = _checks.at_least("in_channels", in_channels, 1)
        self.hidden_channels = _checks.at_least("hidden_channels", hidden_channels, 1)
        self.causal = causal

    def __init_subclass__(cls, **options: object) -> None:
        """Give a class that changes :meth:`encode` alone the plain trace: that of its base is of other states."""
        super().__init_subclass__(**options)
        if _place(cls, "encode") < _place(cls, "trace", "layers", "_step"):
            cls.trace = Encoder.trace  # type: ignore[method-assign]

    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        """Compute the states (V, H) of the rows of ``graph``.

        Raises:
            TypeError: features and weights of different number types.
            ValueError: the graph has no rows, features of another width, or tokens out of range.
        """
        if not isinstance(graph, SpaceTimeGraph):
            raise _checks.no_graph("graph", graph)
        if compiles(self):
            return compiled(self, graph, OF_ROWS)
        return self.encode(graph, self._features(graph.x))

    @abstractmethod
    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """Compute the states (V, H) from features x (V, F); tokens come as one-hot rows."""

    @abstractmethod
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """The receptive field of each of ``rows`` (K,), from structure alone: (K, V) of ``bool``.

        Entry (k, v) is true where the input of row v can change the state of row ``rows[k]``. It must equal the
        non-zero pattern of the Jacobian, which :func:`graphseq.testing.check_encoder` checks.
        """

    @checked_arguments
    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """The intermediate states of the encoder, in one autograd graph with its output.

        By default the features and the output, as of a single layer. The features, which come first in a trace of
        layers, are a leaf of the autograd graph.
        """
        x = self._leaf(graph)
        out = self.encode(graph, x)
        return Trace("layer", [x, out], out)

    def _leaf(self, graph: SpaceTimeGraph) -> Tensor:
        return self._features(graph.x).detach().requires_grad_()

    def _check_no_edge_attr(self, graph: SpaceTimeGraph) -> None:
        """Refuse a graph with features of edges, for encoders that read edges and have no place for these."""
        topology = graph.topology
        check_no_edge_attr(type(self).__name__, topology.edge_attr, topology.static_edge_attr)

    def _features(self, x: Tensor) -> Tensor:
        name = type(self).__name__
        if not isinstance(x, Tensor):
            raise TypeError(f"graph must have features x, a torch.Tensor, for {name}; it has {type(x).__name__}")
        if x.shape[0] == 0:
            raise ValueError(f"{name} got a graph without rows; it needs at least one row")
        if x.dim() == 1:
            if x.is_meta:
                raise ValueError(f"graph must hold numbers for {name}, but is on the meta device, which holds none")
            if int(x.max()) >= self.in_channels or int(x.min()) < 0:
                bad = int(x.max()) if int(x.max()) >= self.in_channels else int(x.min())
                raise ValueError(f"{name} has in_channels={self.in_channels}, but x holds token {bad}")
            weight = next(self.parameters())
            return torch.nn.functional.one_hot(x.long(), self.in_channels).to(weight.dtype)
        if x.shape[1] != self.in_channels:
            raise ValueError(f"{name} has in_channels={self.in_channels}, but x has {x.shape[1]} features a row")
        _checks.alike(self, x, "x", "graph")
        return x


def _place(kind: type, *names: str) -> int:
    """The number of bases, the class itself the first, above which one of the names is defined."""
    return next((place for place, base in enumerate(kind.__mro__) if any(name in vars(base) for name in names)), 99)
