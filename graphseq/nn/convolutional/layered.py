"""The base class of encoders that are a stack of layers, and their receptive field, a ball."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.conv_pattern import ConvReach
from graphseq.nn.encoder import Encoder
from graphseq.nn.trace import Trace

GCN_REACH = ConvReach(1, reads_edge_weight=True, dropped="source")  # of a product with Â


class LayerStack(Encoder):
    """An encoder that is a stack of layers: its output is the state after the last.

    A new stack is a subclass with a constructor, :meth:`layers` and :meth:`~graphseq.nn.Encoder.reach`;
    :func:`ball` is the receptive field of L one-hop convolutions, and :func:`graphseq.nn.conv.convolve` applies any
    PyG convolution of the form conv(x, edge_index).

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: L.
        causal: whether a state depends on no later row.

    Example:
        A new stack in full, of GraphSAGE convolutions with tanh:

        >>> import graphseq as gs, torch
        >>> from torch_geometric.nn import SAGEConv
        >>> from graphseq.nn.conv import convolve
        >>> from graphseq.nn.convolutional.layered import LayerStack, ball
        >>> class SAGE(LayerStack):
        ...     def __init__(self, in_channels, hidden_channels, num_layers=2):
        ...         super().__init__(in_channels, hidden_channels, num_layers, causal=False)
        ...         widths = [in_channels] + [hidden_channels] * num_layers
        ...         self.convs = torch.nn.ModuleList(SAGEConv(a, b) for a, b in zip(widths, widths[1:]))
        ...     def layers(self, graph, x):
        ...         for conv in self.convs:
        ...             x = convolve(conv, x, graph.topology.spacetime()).tanh()
        ...             yield x
        ...     def reach(self, graph, rows):
        ...         return ball(graph, rows, self.num_layers, causal=False)
        >>> SAGE(3, 8)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
    """

    @checked_arguments
    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int, *, causal: bool) -> None:
        super().__init__(in_channels, hidden_channels, causal=causal)
        self.num_layers = _checks.layers("num_layers", num_layers, 1)

    @abstractmethod
    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """Yield the states after each layer, L of (V, ·), the last of which is (V, H), from features (V, F)."""

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """Compute the states (V, H) from features (V, F)."""
        h = x
        for h in self.layers(graph, x):  # noqa: B007 - the last state is the output
            pass
        return h

    @checked_arguments
    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """The features, and the states after each layer."""
        x = self._leaf(graph)
        states = [x, *self.layers(graph, x)]
        return Trace("layer", states, states[-1])


def ball(graph: SpaceTimeGraph, rows: Tensor, hops: int, *, causal: bool) -> Tensor:
    """The rows within ``hops`` of each of ``rows`` (K,) in the space-time graph, (K, V) of ``bool``."""
    topology = graph.topology
    pattern = topology.keep(("conv pattern", causal, GCN_REACH), lambda: GCN_REACH.pattern(topology.spacetime(causal)))
    fields = seeds(rows, pattern.shape[0])
    for _ in range(hops):
        fields = fields @ pattern
    return torch.from_numpy(fields.toarray())


def seeds(rows: Tensor, num_rows: int) -> sp.csr_array:
    """The indicator of each of ``rows`` (K,), (K, V) of ``bool``."""
    columns = rows.cpu().numpy()
    index = (np.arange(len(columns)), columns)
    return sp.csr_array((np.ones(len(columns), dtype=bool), index), shape=(len(columns), num_rows))
