"""Standardisation of features by a training period, and seasonal features."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import check_fields, checked_arguments
from graphseq._prompt import short_repr
from graphseq.data._validate import check_finite
from graphseq.data.graph import SpaceTimeGraph

_GAPS = 1000  # numbers of nodes a row that are still a table of sensible size


@short_repr
@dataclass(frozen=True)
class Scaler:
    r"""Standardise each channel by its mean and standard deviation over the rows before a time.

    .. math:: z_{vf} = \frac{x_{vf} - \mu_f}{\sigma_f}, \qquad
              \mu_f = \frac{1}{n} \sum_{t < t_0} x_{vf}, \qquad
              \sigma_f^2 = \frac{1}{n} \sum_{t < t_0} (x_{vf} - \mu_f)^2

    with μ and σ for each node, or for all nodes together. No row at or after t₀ can change them. A channel that is
    constant before t₀, such as the counts of a node without events so far, has no scale: it is centred and σ = 1.

    Attributes:
        mean: μ, (N, F), NaN for a node without a row before t₀; (1, F) for all nodes together.
        deviation: σ, of the same shape.
        per: "node" or "all".

    Example:
        >>> import graphseq as gs, torch
        >>> graph = gs.from_sequence(torch.tensor([[1.0], [3.0], [100.0]]))
        >>> scaler = Scaler.fit(graph, until=2)
        >>> scaler.transform(graph).x.flatten().tolist()
        [-1.0, 1.0, 98.0]
        >>> scaler.inverse(torch.tensor([[98.0]]), torch.tensor([0])).tolist()
        [[100.0]]
    """

    mean: Tensor
    deviation: Tensor
    per: Literal["node", "all"]

    def __post_init__(self) -> None:
        check_fields(self)
        if self.mean.dim() != 2 or self.deviation.shape != self.mean.shape:
            shapes = f"{tuple(self.mean.shape)} and {tuple(self.deviation.shape)}"
            raise ValueError(f"mean and deviation must both have shape (N, F), or (1, F) for all nodes, got {shapes}")

    @classmethod
    @checked_arguments
    def fit(cls, graph: SpaceTimeGraph, *, until: int, per: Literal["node", "all"] = "node") -> Scaler:
        """Return the scaler of the rows before a time.

        Args:
            graph: the whole recording, x (V, F).
            until: t₀ as an index of the recorded times: rows at this time and later are not read. For a split, use
                ``split.whole.last + 1``.
            per: "node" for each node separately, "all" for all nodes together.

        Raises:
            TypeError: tokens in place of features.
            ValueError: ``until`` below 1 or beyond the last time, a node whose first row is not before it, or a feature
                before it that is not finite.
        """
        _check_features(graph)
        _checks.one_of("per", per, ("node", "all"))
        times = graph.topology.times
        until = _checks.at_least("until", until, 1)
        if until > len(times):
            raise ValueError(f"until must be at most {len(times)}, the number of times of the graph; got {until}")
        known = graph.time <= times[until - 1]
        node = graph.node if per == "node" else torch.zeros_like(graph.node)
        _check_dense(node)
        late = node[~torch.isin(node, node[known])]
        if late.numel():
            raise ValueError(
                f'node {int(late.min())} has no row before until={until}, so no scale; take a later one, or per="all"'
            )
        check_finite(torch.where(known[:, None], graph.x, 0), graph.topology)
        return cls(*_moments(graph.x[known], node[known]), per)

    @checked_arguments
    def transform(self, graph: SpaceTimeGraph) -> SpaceTimeGraph:
        """Return the same graph with scaled features; everything else stays.

        Raises:
            TypeError: tokens in place of features.
            ValueError: another number of channels, or a node without a scale.
        """
        _check_features(graph)
        mean, deviation = self._of(graph.node)
        if graph.x.shape[1] != mean.shape[1]:
            raise ValueError(f"graph has {graph.x.shape[1]} channels, but the scaler was fitted to {mean.shape[1]}")
        return graph.replace(x=((graph.x - mean) / deviation).to(graph.x.dtype))

    @checked_arguments
    def inverse(self, values: Tensor, node: Tensor) -> Tensor:
        """Return scaled values in the units of the recording: z σ + μ.

        Args:
            values: values of the first C channels, (K, C).
            node: node of each value, (K,).

        Raises:
            TypeError: nodes that are no integers.
            ValueError: shapes that do not fit, or a node without a scale.
        """
        most = self.mean.shape[1]
        if values.dim() != 2 or values.shape[1] > most:
            raise ValueError(f"values must have shape (K, C), C at most {most}; got {tuple(values.shape)}")
        if values.is_complex() or values.dtype == torch.bool:
            raise TypeError(f"values must hold real numbers, got dtype {values.dtype}")
        if node.shape != (len(values),):
            raise ValueError(
                f"node must have shape ({len(values)},), one for each row of values; got {tuple(node.shape)}"
            )
        mean, deviation = self._of(_checks.integer_rows("node", node, len(values)))
        channels = values.shape[1]
        return (values * deviation[:, :channels] + mean[:, :channels]).to(values.dtype)

    def _of(self, node: Tensor) -> tuple[Tensor, Tensor]:
        """Return μ and σ of each of these nodes, (K, F) or (1, F)."""
        if self.per == "all":
            return self.mean.to(node.device), self.deviation.to(node.device)
        mean = self.mean.to(node.device)
        strange = (node < 0) | (node >= len(mean)) | mean[node.clamp(0, len(mean) - 1)].isnan().any(dim=1)
        if bool(strange.any()):
            raise ValueError(f"node {int(node[strange][0])} has no scale: it was not among those fitted to")
        return mean[node], self.deviation.to(node.device)[node]


@checked_arguments
def add_seasonal_features(graph: SpaceTimeGraph, period: float) -> SpaceTimeGraph:
    r"""Return the same graph with two more features, the phase of each row in a season.

    .. math:: \big(\sin 2\pi t / P,\ \cos 2\pi t / P\big)

    Args:
        graph: x (V, F) becomes (V, F + 2).
        period: P, in the units of ``graph.time``.

    Raises:
        TypeError: tokens in place of features, or a period that is no number.
        ValueError: a period that is not above 0.

    Example:
        >>> import graphseq as gs, torch
        >>> add_seasonal_features(gs.from_sequence(torch.zeros(3, 1)), period=4).x.round(decimals=6).abs().tolist()
        [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    _check_features(graph)
    angle = 2 * math.pi * (graph.time.double() / _checks.positive("period", period))
    if not bool(angle.isfinite().all()):
        raise ValueError(f"period={period} is too short for times up to {int(graph.time.abs().max())}")
    season = torch.stack([angle.sin(), angle.cos()], dim=1).to(graph.x.dtype)
    return graph.replace(x=torch.cat([graph.x, season], dim=1))


def _moments(x: Tensor, node: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of the rows of each node, (N, F), in float64."""
    x = x.double()
    shape, count = (int(node.max()) + 1, x.shape[1]), torch.bincount(node)[:, None]
    mean = x.new_zeros(shape).index_add_(0, node, x) / count
    deviation = (x.new_zeros(shape).index_add_(0, node, (x - mean[node]) ** 2) / count).sqrt()
    index = node[:, None].expand_as(x)
    highest, lowest = (
        x.new_zeros(shape).scatter_reduce_(0, index, x, to, include_self=False) for to in ("amax", "amin")
    )
    return mean, deviation.where(highest > lowest, 1)


def _check_dense(node: Tensor) -> None:
    """Raise if numbers of nodes are so large that a scale for each number would not fit in memory."""
    largest = int(node.max()) if len(node) else 0
    if largest > _GAPS * len(node) + 2**20:
        raise ValueError(
            f"graph has a node {largest} among {len(node)} rows; a scale for each node needs numbers without large "
            "gaps: number the nodes from 0, torch.unique(node, return_inverse=True), before"
        )


def _check_features(graph: SpaceTimeGraph) -> None:
    if not isinstance(graph, SpaceTimeGraph):
        raise TypeError(f"graph must be a SpaceTimeGraph, got {type(graph).__name__}")
    if graph.get("x") is None:
        raise ValueError("graph has no features x, (V, F); give it some: graph.replace(x=…)")
    if not graph.x.is_floating_point():
        raise TypeError("graph holds integer tokens; only features (V, F) have a scale")
