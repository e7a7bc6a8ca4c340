r"""The distance over which the wave over depth carries a signal: group velocities in closed form, and measured fronts.

``WaveGCN`` iterates S ← 2S - S′ - c² (I - Â) S. A mode of Â with the eigenvalue λ turns by ω a layer,
:math:`\cos ω = 1 - \tfrac12 c^2 (1 - λ)`, so that the energy of each mode is conserved on every graph of which all
eigenvalues allow a real ω. What arrives depends on the dispersion, λ as a function of the wave number k along the path:

- path and ring: :math:`λ = (1 + 2\cos k)/3`, so :math:`\cos ω = 1 - \tfrac13 c^2 (1 - \cos k)`. At c² = 3, ω = k: every
  mode moves one hop a layer, and a pulse stays a pulse. Below, long waves move c/√3 hops a layer and short ones slower,
  so a pulse spreads, and its front falls as L^(-1/3).
- caterpillar of s legs at each row of the spine, degrees with self-loop 3 + s and 2:
  :math:`(λ - \tfrac{1 + 2\cos k}{3 + s})(λ - \tfrac12) = \tfrac{s}{2(3 + s)}`. Legs are resonators: two bands, each
  slower than the path, and at the edges of both the velocity is 0.
- tree in which each row has b children: the eigenvalues that reach deep are at most (1 + 2√b)/(2 + b) < 1. A wave from
  one row shares its energy among b branches at each row, so its amplitude falls as b^(-r/2) over r hops.

Run it with ``python benchmarks/longrange_waves.py``: a second. It prints the largest group velocity, and the hops at
which the front of a pulse is after 64 layers: the farthest row of the spine above 0.05 of the largest amplitude.
"""

from __future__ import annotations

import math

import networkx as nx
import torch

import graphseq as gs
from graphseq.nn.convolutional.wave import fastest

LAYERS = 64


def velocities(legs: int, squared: float) -> torch.Tensor:
    """Group velocities dω/dk on a caterpillar, in hops a layer, over wave numbers, of each band."""
    k = torch.linspace(1e-3, math.pi - 1e-3, 20001, dtype=torch.float64)
    along = (1 + 2 * k.cos()) / (3 + legs)
    middle, apart = (along + 0.5) / 2, (along - 0.5) / 2
    root = (apart.square() + legs / (2 * (3 + legs))).sqrt()
    bands = torch.stack([middle + root, middle - root] if legs else [along])
    turn = (1 - squared * (1 - bands) / 2).clamp(-1, 1).arccos()
    return (turn.diff(dim=1) / k.diff()).abs()


def front(legs: int, squared: float) -> int:
    """The hops at which a unit pulse is, after so many layers."""
    rows = 2 * LAYERS + 1
    graph = nx.path_graph(rows)
    graph.add_edges_from((row, rows + row * legs + leg) for row in range(rows) for leg in range(legs))
    wave = gs.nn.WaveGCN(1, 1, LAYERS, speed=math.sqrt(squared)).double()
    with torch.no_grad():
        wave.lin.weight.fill_(1)
        wave.angle.fill_(math.pi / 2)
        x = torch.zeros(len(graph), 1, dtype=torch.float64)
        x[LAYERS] = 1
        state = wave.trace(gs.from_graph(graph, x=x)).states[LAYERS + 1][:rows, 0].abs()
    return int((state > 0.05 * state.max()).nonzero()[:, 0].max()) - LAYERS


def main() -> None:
    """Print the table."""
    print(f"{'legs':>4}{'c²':>6}{'largest velocity':>18}{'times 64':>10}{'front after 64 layers':>24}")
    for legs in (0, 1, 2, 4):
        for squared in (2.0, fastest(3 + legs) ** 2):
            largest = float(velocities(legs, squared).max())
            print(f"{legs:>4}{squared:>6.2f}{largest:>18.3f}{LAYERS * largest:>10.1f}{front(legs, squared):>24}")


if __name__ == "__main__":
    main()
