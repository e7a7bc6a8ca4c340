"""A GCN that is a wave equation over depth, which transports signals where graph convolutions diffuse them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.convolutional.layered import LayerStack, ball
from graphseq.nn.convolutional.state_space import mixer


class WaveGCN(LayerStack):
    r"""L steps of the wave equation over depth, with one speed a channel, then a two-layer network on each row.

    .. math:: S^{(l+1)} = 2 S^{(l)} - S^{(l-1)} - (I - \hat A) S^{(l)} C^2, \qquad
              S^{(1)} = S^{(0)} - \tfrac12 (I - \hat A) S^{(0)} C^2, \qquad S^{(0)} = X B

    with C = diag(c_1 … c_H). That is :math:`S^{(l)}_h = T_l(I - \tfrac12 c_h^2 (I - \hat A)) S^{(0)}_h` with T_l the
    Chebyshev polynomial; the output is :math:`H = \mathrm{ReLU}(S^{(L)} W_1 + b_1) W_2 + b_2`. It is a state-space
    recurrence over depth whose state is two layers.

    Graph convolutions diffuse: a signal over r hops is attenuated to 3^(-r) by r layers. A wave conserves its energy.
    On a ring with c² = 3 it moves by exactly one hop a layer, half of it in each direction, without loss: there
    Â = (P + 1 + P⁻¹) / 3, P the rotation by one row, and S^(l+1) + S^(l-1) = (P + P⁻¹) S^(l), d'Alembert's equation.

    Eigenvalues of I - Â lie in [0, 2 - 2/d], d the largest degree of Ã, so every c² up to 2d / (d - 1) is stable: 2
    on every graph, 3 where no row has more than two neighbours. Speeds are learned within that range, ``c_h = c |sin
    θ_h|``. Initially they are evenly spaced over (0, c], so that at depth L the fronts cover all distances up to c L
    / √3.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: L, the number of steps; the receptive field is L hops.
        speed: c, the largest speed, above 0 and at most 2; √2 is stable on every graph of non-negative weights.
        causal: read temporal edges past → future only. Â is then not symmetric, and the stability bounds do not hold.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1, a speed outside 0 to 2.

    Source: the leapfrog of Courant, Friedrichs and Lewy (1928) on a graph; Rusch et al., *Graph-coupled oscillator
    networks* (2022), with a linear coupling Â X and no damping.

    Example:
        On a ring of 6 both halves of a unit pulse meet at the opposite row after 3 layers:

        >>> import graphseq as gs, networkx as nx, torch
        >>> wave = WaveGCN(1, 1, num_layers=3, speed=3**0.5)
        >>> _ = wave.lin.weight.data.fill_(1.0)
        >>> ring = gs.from_graph(nx.cycle_graph(6), x=torch.eye(6)[:, :1])
        >>> wave.trace(ring).states[4].detach().round(decimals=4).abs().flatten().tolist()
        [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    """

    @checked_arguments
    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 2,
        *,
        speed: float = 2**0.5,
        causal: bool = False,
    ) -> None:
        super().__init__(in_channels, hidden_channels, num_layers, causal=causal)
        self.speed = _checks.between("speed", _checks.positive("speed", speed), 0, 2)
        self.lin = nn.Linear(in_channels, hidden_channels, bias=False)
        spread = torch.arange(1, hidden_channels + 1, dtype=torch.float64) / hidden_channels
        self.angle = nn.Parameter(spread.asin().to(torch.get_default_dtype()))
        self.mix = mixer(hidden_channels)

    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """Yield the states of the wave, L + 1 of (V, H), and the output, (V, H), from features (V, F)."""
        self._check_no_edge_attr(graph)
        operator = graph.topology.spacetime(self.causal).normalised(x.dtype)
        squared = (self.speed * self.angle.sin()) ** 2
        state = self.lin(x)
        yield state
        before, state = state, state + 0.5 * squared * (operator @ state - state)
        yield state
        for _ in range(self.num_layers - 1):
            before, state = state, 2 * state - before + squared * (operator @ state - state)
            yield state
        yield self.mix(state)

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A ball: the rows within L hops, (K, V)."""
        rows = _checks.rows("rows", rows, graph.num_rows)
        return ball(graph, rows, self.num_layers, causal=self.causal)


def fastest(largest_degree: float) -> float:
    r"""The largest stable speed on graphs whose row sums of Ã are at most d: √(2 d / (d - 1)).

    Args:
        largest_degree: d, self-loops counted, above 1; 3 on a ring.

    Raises:
        ValueError: d is 1 or below, as on a graph without edges.

    Source: xᵀ Â x ≥ Σ (2/d_i - 1) x_i², since 2 y_i y_j ≥ -(y_i² + y_j²) on each edge; the leapfrog needs c² μ ≤ 4.

    Example:
        >>> round(fastest(3) ** 2, 6)
        3.0
    """
    d = _checks.positive("largest_degree", largest_degree)
    if d <= 1:
        raise ValueError(f"largest_degree counts the self-loop, so on a graph with edges it is above 1; got {d}")
    return math.sqrt(2 * d / (d - 1))
