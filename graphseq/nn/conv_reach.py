"""The rows and arguments that a convolution reads: declared for PyG's kinds, measured for any other module."""

from __future__ import annotations

from torch import nn

from graphseq._arguments import checked_arguments
from graphseq.nn.conv_kinds import declared
from graphseq.nn.conv_pattern import ConvReach
from graphseq.nn.conv_probe import measured

__all__ = ["ConvReach", "conv_reach"]


@checked_arguments
def conv_reach(conv: nn.Module) -> ConvReach:
    """The receptive field of a convolution conv(x, edge_index), and the arguments that it takes.

    PyG's kinds are declared, and a module may declare its own in an attribute ``conv_reach``. Any other module is
    measured, from the Jacobian of a copy on a small graph; the module and torch's generator stay as they were.

    Raises:
        TypeError: the module is not called as conv(x, edge_index), or gives something other than one tensor.
        ValueError: it keeps edges from one call to the next, hears rows of other graphs, or reads rows in a way that a
            :class:`ConvReach` cannot say.

    Example:
        >>> from torch_geometric.nn import ChebConv
        >>> conv_reach(ChebConv(2, 2, K=3)).hops
        2
    """
    said = declared(conv)
    return measured(conv) if said is None else said
