"""The gated recurrent unit whose gates are graph convolutions."""

from __future__ import annotations

from torch import Tensor

from graphseq._arguments import checked_arguments
from graphseq.nn.cells import gru_cell
from graphseq.nn.conv import GCNConv
from graphseq.nn.recurrent.gated import Conv, GatedEncoder, GatedLayer, Gates, NodeState, Sides


class GCNGRULayer(GatedLayer):
    """One layer of :class:`GCNGRU`."""

    mode = "GRU"

    def __init__(self, in_channels: int, hidden_channels: int, gates: Gates, conv: Conv) -> None:
        super().__init__(in_channels, hidden_channels, 3, 1, gates, conv)

    def cell(self, from_input: Tensor, from_state: Tensor, *state: Tensor) -> NodeState:
        """Compute h, (R, H)."""
        return (gru_cell(from_input, from_state, state[0]),)


class GCNGRU(GatedEncoder):
    r"""Gated recurrent unit whose gates are graph convolutions, over a dynamic graph.

    .. math:: [a_r\; a_z\; a_n]_t = \hat A_t^L X_t W_x + b_x, \qquad
              [s_r\; s_z\; s_n]_t = \hat A_t^L H_{t-1} W_h + b_h, \qquad
              H_t = (1 - z) ⊙ \tanh(a_n + r ⊙ s_n) + z ⊙ H_{t-1}

    with r = σ(a_r + s_r) and z = σ(a_z + s_z). Â_t belongs to the snapshot at time t; a node that is absent at t keeps
    its state. On a sequence, where Â = I, it equals torch's GRU, weight for weight: the reset gate is applied after the
    state map, where Seo et al. apply it before.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: the number of recurrent layers.
        convolve: which maps are graph convolutions, "both", "input" or "state"; the other is linear, row by row.
        hops: L, the hops of a convolution: Âᴸ in the place of Â.
        residual: add each layer's input to its output, from the second layer on.
        conv: a factory of any PyG convolution conv(x, edge_index) over neighbours for the gates; see :class:`GCN`.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1, an unknown ``convolve``, more than one hop with gates other than ``GCNConv``, or a
            ``conv`` that reads all rows of a graph.

    Source: Seo et al., *Structured sequence modeling with graph convolutional recurrent networks* (2016), with the
    unit of :func:`graphseq.nn.cells.gru_cell` and Kipf and Welling's convolution.

    Example:
        >>> import graphseq as gs, torch
        >>> signal = gs.from_signal(torch.zeros(5, 2, 3), torch.tensor([[0, 1], [1, 0]]))
        >>> gs.nn.GCNGRU(3, 8)(signal).shape
        torch.Size([10, 8])
    """

    @checked_arguments
    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 1,
        *,
        convolve: Sides = "both",
        hops: int = 1,
        residual: bool = False,
        conv: Conv = GCNConv,
    ) -> None:
        gates = Gates.checked(convolve, hops)
        super().__init__(
            in_channels,
            hidden_channels,
            num_layers,
            lambda width: GCNGRULayer(width, hidden_channels, gates, conv),
            residual=residual,
        )
