"""The minimal gated recurrent unit, whose gates depend on the input alone, so that all steps are computed at once."""

from __future__ import annotations

from torch import Tensor, nn

from graphseq._arguments import checked_arguments
from graphseq.nn.recurrent.linear_rnn import LinearRNNBase, LinearRNNLayer, input_widths


class MinGRULayer(LinearRNNLayer):
    """One layer of :class:`MinGRU`. ``gates`` maps the input to the pre-activations of z and h̃, (…, 2H)."""

    def __init__(self, in_channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.gates = nn.Linear(in_channels, 2 * hidden_channels)

    def factors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute 1 - z, accurate where it is small, and z ⊙ h̃."""
        z, candidate = self.gates(x).chunk(2, dim=-1)
        return (-z).sigmoid(), z.sigmoid() * candidate


class MinGRU(LinearRNNBase):
    r"""Minimal gated recurrent unit along each node's time, computed by a parallel scan.

    .. math:: z_t = σ(W_z x_t + b_z), \qquad \tilde h_t = W_h x_t + b_h, \qquad
              h_t = (1 - z_t) ⊙ h_{t-1} + z_t ⊙ \tilde h_t

    The gates of a single layer are equal at all times with equal inputs; from the second layer on they also depend on
    the past.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: the number of recurrent layers.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1.

    Source: Feng et al., *Were RNNs all we needed?* (2024), section 3.1.

    Example:
        >>> import graphseq as gs, torch
        >>> gs.nn.MinGRU(3, 8)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
    """

    @checked_arguments
    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 1) -> None:
        widths = input_widths(in_channels, hidden_channels, num_layers)
        super().__init__(in_channels, hidden_channels, (MinGRULayer(width, hidden_channels) for width in widths))
