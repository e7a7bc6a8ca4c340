"""The minimal long short-term memory, whose gates depend on the input alone and sum to one."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import softplus

from graphseq._arguments import checked_arguments
from graphseq.nn.recurrent.linear_rnn import LinearRNNBase, LinearRNNLayer, input_widths


class MinLSTMLayer(LinearRNNLayer):
    """One layer of :class:`MinLSTM`. ``gates`` maps the input to the pre-activations of f, i and h̃, (…, 3H)."""

    def __init__(self, in_channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.gates = nn.Linear(in_channels, 3 * hidden_channels)

    def factors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute f' and i' ⊙ h̃, by σ(f) / (σ(f) + σ(i)) = σ(log σ(f) - log σ(i))."""
        f, i, candidate = self.gates(x).chunk(3, dim=-1)
        odds = softplus(-i) - softplus(-f)
        return odds.sigmoid(), (-odds).sigmoid() * candidate


class MinLSTM(LinearRNNBase):
    r"""Minimal long short-term memory along each node's time, computed by a parallel scan.

    .. math:: f_t = σ(W_f x_t + b_f), \quad i_t = σ(W_i x_t + b_i), \quad \tilde h_t = W_h x_t + b_h, \quad
              h_t = \frac{f_t}{f_t + i_t} ⊙ h_{t-1} + \frac{i_t}{f_t + i_t} ⊙ \tilde h_t

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: the number of recurrent layers.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1.

    Source: Feng et al., *Were RNNs all we needed?* (2024), section 3.2, with its normalised gates.

    Example:
        >>> import graphseq as gs, torch
        >>> gs.nn.MinLSTM(3, 8)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
    """

    @checked_arguments
    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 1) -> None:
        widths = input_widths(in_channels, hidden_channels, num_layers)
        super().__init__(in_channels, hidden_channels, (MinLSTMLayer(width, hidden_channels) for width in widths))
