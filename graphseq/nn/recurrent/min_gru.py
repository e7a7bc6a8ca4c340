"""The minimal gated recurrent unit: gates that do not see the state, so that no step waits for the one before."""

from __future__ import annotations

from torch import Tensor, nn

from graphseq.nn.recurrent.linear_rnn import LinearRNNBase, ScannedLayer, input_widths


class MinGRULayer(ScannedLayer):
    """One recurrent layer; see :class:`MinGRU`. ``gates`` gives those of z and of the candidate, (…, 2H)."""

    def __init__(self, in_channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.gates = nn.Linear(in_channels, 2 * hidden_channels)

    def factors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """1 - z, exact where z is small, and z ⊙ h̃."""
        z, candidate = self.gates(x).chunk(2, dim=-1)
        return (-z).sigmoid(), z.sigmoid() * candidate


class MinGRU(LinearRNNBase):
    r"""Minimal gated recurrent unit along each node's time, all steps in one parallel scan.

    .. math:: z_t = σ(W_z x_t + b_z), \qquad \tilde h_t = W_h x_t + b_h, \qquad
              h_t = (1 - z_t) ⊙ h_{t-1} + z_t ⊙ \tilde h_t

    A gate of one layer cannot tell one time from another where the inputs are alike; from the second layer on, it can.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: recurrent layers, one upon the other.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1.

    Source: Feng et al., *Were RNNs all we needed?* (2024), section 3.1.

    Example:
        >>> import graphseq as gs, torch
        >>> gs.nn.MinGRU(3, 8)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
    """

    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 1) -> None:
        widths = input_widths(in_channels, hidden_channels, num_layers)
        super().__init__(in_channels, hidden_channels, (MinGRULayer(width, hidden_channels) for width in widths))
