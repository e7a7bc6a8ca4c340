"""The linear recurrent unit: a memory that turns and fades at a rate of its own in each unit, whatever it reads."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, glu

from graphseq import _checks
from graphseq.nn.recurrent.linear_rnn import LinearRNNBase, ScannedLayer


class LRULayer(ScannedLayer):
    """One block: normalisation, the recurrence, a gated map of its output, and the input added; see :class:`LRU`."""

    parts = 2
    reads = True

    def __init__(self, channels: int, r_min: float, r_max: float, max_phase: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        square = torch.rand(channels) * (r_max**2 - r_min**2) + r_min**2
        # The logarithms of -log|λ| and of λ's phase, in floats that hold 1 - |λ| where |λ| is nearly 1.
        self.nu_log = nn.Parameter((-0.5 * square.double().log()).log().to(square))
        self.theta_log = nn.Parameter((torch.rand(channels) * max_phase).log())
        self.gamma_log = nn.Parameter(0.5 * (-torch.expm1(-2 * self.nu_log.detach().exp())).log())
        self.input = nn.Linear(channels, 2 * channels, bias=False)
        self.output = nn.Linear(2 * channels, channels, bias=False)
        self.direct = nn.Parameter(torch.randn(channels))
        self.mix = nn.Linear(channels, 2 * channels)
        nn.init.normal_(self.input.weight, std=(2 * channels) ** -0.5)
        nn.init.normal_(self.output.weight, std=channels**-0.5)

    def eigenvalues(self) -> Tensor:
        """λ, (H,), complex."""
        return torch.polar((-self.nu_log.exp()).exp(), self.theta_log.exp())

    def factors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """λ, (1, H), and γ ⊙ B x."""
        real, imaginary = self.input(self.norm(x)).chunk(2, dim=-1)
        gain = self.gamma_log.exp()
        return self.eigenvalues()[None], torch.complex(gain * real, gain * imaginary)

    def read(self, x: Tensor, h: Tensor) -> Tensor:
        """The input, and a gated map of Re(C h) + D x added."""
        # Re(C h) = Re(C) Re(h) - Im(C) Im(h): the weights are [Re(C), -Im(C)].
        y = self.output(torch.cat([h.real, h.imag], dim=-1)) + self.direct * self.norm(x)
        return x + glu(self.mix(gelu(y)), dim=-1)


class LRU(LinearRNNBase):
    r"""Linear recurrent units along each node's time, all steps in one parallel scan, in blocks that are not linear.

    .. math:: h_t = λ ⊙ h_{t-1} + γ ⊙ (B u_t), \qquad y_t = \mathrm{Re}(C h_t) + D ⊙ u_t, \qquad
              λ = \exp(-e^{ν} + i e^{θ})

    h, λ, B and C are complex, with as many units as channels. A block reads u = norm(x) and gives
    :math:`x + W_1 φ(y) ⊙ σ(W_2 φ(y))`, with the GELU for φ; a linear map takes the features to the first. At first
    |λ|² is uniform between the squares of ``r_min`` and ``r_max``, the phase uniform up to ``max_phase``, and
    :math:`γ = \sqrt{1 - |λ|^2}`; ν, θ and log γ are trained. What was read r steps ago has faded to |λ|^r.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: blocks.
        r_min: the least |λ| at first, from 0 up to ``r_max``.
        r_max: the greatest, below 1: a memory of about 1 / (1 - r_max) steps.
        max_phase: the greatest phase at first, in radians, above 0 and up to 2π.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1, or a radius or phase out of range.

    Source: Orvieto et al., *Resurrecting recurrent neural networks for long sequences* (2023), eq. 5 to 8 and lemma
    3.2.

    Example:
        >>> import graphseq as gs, torch
        >>> gs.nn.LRU(3, 8)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 1,
        *,
        r_min: float = 0.0,
        r_max: float = 0.999,
        max_phase: float = 2 * math.pi,
    ) -> None:
        _checks.at_least("in_channels", in_channels, 1)
        _checks.at_least("hidden_channels", hidden_channels, 1)
        r_max = _checks.between("r_max", r_max, 0, math.nextafter(1, 0))
        r_min = _checks.between("r_min", r_min, 0, math.nextafter(r_max, 0))
        _checks.positive("max_phase", max_phase)
        _checks.between("max_phase", max_phase, 0, 2 * math.pi)
        layers = [
            LRULayer(hidden_channels, r_min, r_max, max_phase)
            for _ in range(_checks.at_least("num_layers", num_layers, 1))
        ]
        super().__init__(in_channels, hidden_channels, layers, lift=nn.Linear(in_channels, hidden_channels))
