"""A graph network whose layers follow cheapest paths to their end, and so see as far as the graph reaches."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._torch.precision import HALVES
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.convolutional.closure import Closure, closure
from graphseq.nn.convolutional.layered import LayerStack
from graphseq.nn.convolutional.relaxation import Edges, edges_of, relax


class MinPlusGCN(LayerStack):
    r"""L layers, each of which relaxes learned potentials along all edges to the fixed point, linear in all else.

    .. math:: P = e^{\gamma} ⊙ (H W_p + b_p), \qquad
              q_v = \min_u \big( p_u + e^{\theta} d(u, v) \big), \qquad m_v = \min_u p_u, \qquad r = q - m

    .. math:: H' = H + \big[ H \,\|\, r \,\|\, e^{-\gamma} ⊙ m \,\|\, \max_g r \,\|\, \min_g r \,\|\, \bar H \big] W + b

    u runs over all rows from which a path leads to v, d is the length of the shortest one. In each channel a row sees
    *how far* the row of the lowest potential is, r, and *what* that potential is, m. The maxima and minima are over
    groups of channels, H̄ is the mean over u. Nothing else is nonlinear: where the same rows win, a layer is linear in
    the distances, and so continues beyond those of its training.

    The minimum over neighbours is iterated with one cost until nothing changes, so the number of steps is the graph's
    own: it is no setting and, since further steps change nothing, no input. An edge of weight a has the length 1/a.

    **Aligned with shortest paths.** Bellman and Ford's recursion is one layer with a potential that is low at the
    source, so that layer has distances, the next one the distances from the rows that are farthest in these, and the
    third those from the far ends of the graph: eccentricity and diameter by double sweeps. Which rows start, what a
    hop costs and how distances are read is learned; that minima are taken over paths is not. A success says that a
    model of this form can be trained, not that any network would find shortest paths.

    The gains :math:`e^\gamma` are initially large, evenly spaced in the logarithm over 64 to 1024 times the spread
    of the features, and a unit of length costs 1/32. So a channel is at first the distance from one row, the lowest in
    a random linear function of the features, and not from several; rows that are lowest in such a function of
    distances are far out.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: L.
        groups: the number of groups of channels whose largest and smallest r are read, a divisor of H.
        mean: read the mean H̄. Without it a state depends on the winning rows alone: the receptive field is then all
            rows that can win, of which the derivative at one input shows a part, as of a maximum over rows.
        causal: read temporal edges past → future only.

    Shapes: graph of V rows → (V, H). Where edges lead one way, all pairs of rows with a path are stored, up to V².

    Raises:
        ValueError: a size below 1, or ``groups`` that do not divide H; called on a graph, a negative weight.
        TypeError: called on a graph with features of edges.

    Source: Bellman, *On a routing problem* (1958); Xu et al., *How neural networks extrapolate* (2021), section 4: what
    is linear beside the minimum extrapolates; Tang et al., *Towards scale-invariant graph-related problem solving by
    iterative homogeneous GNNs* (2020).

    Example:
        A path of 101 rows, seen from end to end by one layer:

        >>> import graphseq as gs, torch
        >>> encoder = MinPlusGCN(1, 8, num_layers=1)
        >>> path = gs.from_sequence(torch.eye(101)[:, :1])
        >>> encoder(path).shape, int(encoder.reach(path, torch.tensor([100])).sum())
        (torch.Size([101, 8]), 101)
    """

    @checked_arguments
    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 2,
        *,
        groups: int = 4,
        mean: bool = True,
        causal: bool = False,
    ) -> None:
        super().__init__(in_channels, hidden_channels, num_layers, causal=causal)
        self.groups, self.mean = _checks.at_least("groups", groups, 1), _checks.truth("mean", mean)
        if hidden_channels % groups:
            raise ValueError(f"hidden_channels must be a multiple of groups={groups}, got {hidden_channels}")
        self.lin = nn.Linear(in_channels, hidden_channels)
        self.blocks = nn.ModuleList(MinPlusLayer(hidden_channels, groups, mean) for _ in range(num_layers))

    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """Yield the states after the first map and after each layer, L + 1 of (V, H), from features (V, F)."""
        self._check_no_edge_attr(graph)
        paths = closure(graph, causal=self.causal)
        topology = graph.topology
        edges = topology.keep(
            ("relaxed edges", self.causal), lambda: edges_of(topology.spacetime(self.causal), paths.longest)
        )
        with self._in_full(x):
            h = self.lin(x)
        yield h
        for block in self.blocks:
            with self._in_full(x):
                h = block(h, edges, paths)
            yield h

    def _in_full(self, x: Tensor) -> torch.autocast:
        """Compute in the numbers of the parameters, also under autocast: 8 bits cannot tell distances apart.

        Raises:
            ValueError: parameters of 16 bits.
        """
        # A hop costs 1/32 at first, and potentials are up to 1024, where neighbouring numbers of bfloat16 are 8 apart,
        # of float16 1, of float32 1/8192. From 16 and 128 on a hop is rounded away by the first two.
        if (dtype := self.lin.weight.dtype) in HALVES:
            raise ValueError(
                f"MinPlusGCN has parameters in {str(dtype).removeprefix('torch.')}, in which distances cannot be told "
                "apart; keep the parameters in float32, and train with fit(precision='bfloat16')"
            )
        return torch.autocast(x.device.type, enabled=False)

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """All rows from which a path leads to each of ``rows``, (K, V)."""
        return closure(graph, causal=self.causal).reach(_checks.rows("rows", rows, graph.num_rows))


class MinPlusLayer(nn.Module):
    """One layer of :class:`MinPlusGCN`, (V, H) → (V, H).

    Args:
        channels: H.
        groups: the number of groups of channels whose largest and smallest distances are read.
        mean: read the mean of the states.
    """

    def __init__(self, channels: int, groups: int, mean: bool) -> None:
        super().__init__()
        self.groups, self.mean = groups, mean
        self.potential = nn.Linear(channels, channels)
        self.log_gain = nn.Parameter(torch.linspace(math.log(64), math.log(1024), channels))
        self.log_cost = nn.Parameter(torch.full((channels,), math.log(1 / 32)))
        self.read = nn.Linear((3 + mean) * channels + 2 * groups, channels)

    def forward(self, h: Tensor, edges: Edges, paths: Closure) -> Tensor:
        """Compute the states after the layer from those before it."""
        gain = self.log_gain.exp()
        potential = self.potential(h) * gain
        lowest = self.lowest(potential, edges, paths)
        far = self.relaxed(potential, edges) - lowest
        grouped = far.unflatten(1, (-1, self.groups))  # each has gains from the smallest to the largest
        parts = [h, far, lowest / gain, grouped.amax(1), grouped.amin(1)]
        if self.mean:
            parts.append(paths.mean(h))
        return h + self.read(torch.cat(parts, dim=1))  # type: ignore[no-any-return]

    def relaxed(self, potential: Tensor, edges: Edges) -> Tensor:
        """The potentials (V, H) relaxed along the edges."""
        return relax(potential, self.log_cost.exp(), edges)

    def lowest(self, potential: Tensor, edges: Edges, paths: Closure) -> Tensor:
        """The lowest of the potentials (V, H) from which a path leads to each row."""
        return paths.smallest(potential)
