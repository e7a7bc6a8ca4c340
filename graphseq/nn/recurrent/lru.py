"""The linear recurrent unit: a diagonal complex recurrence, each unit with a decay and a frequency of its own."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, glu

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._torch.precision import HALVES
from graphseq.nn.recurrent.linear_rnn import LinearRNNBase, LinearRNNLayer


class LRULayer(LinearRNNLayer):
    """One block of :class:`LRU`: normalisation, the recurrence, a gated map of its output, and a residual."""

    num_parts = 2
    has_readout = True

    def __init__(self, channels: int, r_min: float, r_max: float, max_phase: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        square = torch.rand(channels) * (r_max**2 - r_min**2) + r_min**2
        # ν = log(-log|λ|) in float64 first: float32 would lose 1 - |λ| where |λ| is nearly 1.
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
        if self.nu_log.dtype in HALVES:
            kind = str(self.nu_log.dtype).removeprefix("torch.")
            raise ValueError(
                f"LRU has parameters in {kind}, but its states are complex, for which torch has no 16-bit numbers; "
                "keep the parameters in float32, and train with fit(precision='bfloat16')"
            )
        return torch.polar((-self.nu_log.exp()).exp(), self.theta_log.exp())

    def factors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute λ, (1, H), and γ ⊙ B u, (R, H)."""
        real, imaginary = self.input(self.norm(x)).chunk(2, dim=-1)
        gain = self.gamma_log.exp()
        return self.eigenvalues()[None], torch.complex(gain * real, gain * imaginary)

    def readout(self, x: Tensor, h: Tensor) -> Tensor:
        """Compute x + GLU(GELU(Re(C h) + D ⊙ u)), (R, H)."""
        # Re(C h) = Re(C) Re(h) - Im(C) Im(h): the weights are [Re(C), -Im(C)].
        y = self.output(torch.cat([h.real, h.imag], dim=-1)) + self.direct * self.norm(x)
        return x + glu(self.mix(gelu(y)), dim=-1)


class LRU(LinearRNNBase):
    r"""Linear recurrent units along each node's time, computed by a parallel scan, in nonlinear blocks.

    .. math:: h_t = λ ⊙ h_{t-1} + γ ⊙ (B u_t), \qquad y_t = \mathrm{Re}(C h_t) + D ⊙ u_t, \qquad
              λ = \exp(-e^{ν} + i e^{θ})

    h, λ, B and C are complex, with as many units as channels. A block reads u = norm(x) and returns :math:`x + W_1
    φ(y) ⊙ σ(W_2 φ(y))`, with the GELU for φ; a linear map of the features comes before the first block. Initially
    ``|λ|²`` is uniform between the squares of ``r_min`` and ``r_max``, the phase is uniform up to ``max_phase``, and
    :math:`γ = \sqrt{1 - |λ|^2}`; ν, θ and log γ are trained. An input r steps back contributes with weight ``|λ|^r``.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: the number of blocks.
        r_min: the least initial ``|λ|``, from 0 up to ``r_max``.
        r_max: the greatest initial ``|λ|``, below 1; the time constant is about 1 / (1 - r_max) steps.
        max_phase: the greatest initial phase, in radians, above 0 and up to 2π.

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

    @checked_arguments
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
        max_phase = _checks.positive("max_phase", max_phase)
        _checks.between("max_phase", max_phase, 0, 2 * math.pi)
        layers = [
            LRULayer(hidden_channels, r_min, r_max, max_phase)
            for _ in range(_checks.layers("num_layers", num_layers, 1))
        ]
        super().__init__(in_channels, hidden_channels, layers, lift=nn.Linear(in_channels, hidden_channels))
