"""Baselines of forecasts: the last value and linear autoregressions; of links, recency and frequency of contacts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.forecast import Forecasting

_NOISE = 1e-6  #: rounding of features in float32, as a share of the largest singular value
BATCH = 256
"""Windows that are in memory at a time."""
_MOST = 2**26  #: numbers of a table to which weights are fitted as a whole; a larger one is never there at once


class Persistence(nn.Module):
    r"""The last value as the forecast: :math:`\hat y_v = x_{v, t}`, the first C features of each target row.

    Args:
        channels: C.

    Raises:
        ValueError: fewer than one; called on a graph, more than its x has.

    Example:
        >>> import graphseq as gs, torch
        >>> Persistence(channels=1)(gs.from_sequence(torch.tensor([[3.0, 0.0], [5.0, 1.0]]))).tolist()
        [[3.0], [5.0]]
    """

    @checked_arguments
    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.channels = _checks.at_least("channels", channels, 1)

    @checked_arguments
    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        """The last values, (K, C)."""
        x = _features(graph)
        if x.shape[1] < self.channels:
            raise ValueError(f"channels={self.channels}, but x has shape {tuple(x.shape)} in this graph")
        values: Tensor = x[graph.target_rows, : self.channels]
        return values


def _features(graph: SpaceTimeGraph) -> Tensor:
    """The features (V, F) of a graph, or an error if it has tokens or none."""
    x = graph.get("x")
    if not isinstance(x, Tensor) or x.dim() != 2 or not x.is_floating_point():
        raise ValueError(f"graph must have floating features x, (V, F); got {_checks.shown(x)}")
    return x


class Autoregression(nn.Module):
    r"""A linear forecast from the last p rows of a node, the same for all nodes.

    .. math:: \hat y_v = b + \sum_{k=0}^{p-1} \big(x_{v, t-k}\, W_k + m_{v, t-k}\, u_k\big)

    in all F features of x. Where a node was away at a time its features count 0, and :math:`m = 1` instead of 0, so
    absence has a weight of its own. The weights are those of least squares,

    .. math:: \min_{b, W, u} \sum_{\text{answers}} (y - \hat y)^2 + \lambda \big(\|W\|^2 + \|u\|^2\big),

    of the least norm where several do equally well, so that u = 0 where no node was ever away.

    Args:
        weight: W and u of k = 0, then of k = 1, …, (p·P, C), P = F + 1: the features of a node at a time, and the mark
            of its absence.
        bias: b, (C,).
        lags: p.

    Raises:
        ValueError: shapes that do not fit.

    Example:
        A value that doubles each time:

        >>> import graphseq as gs, torch
        >>> task = gs.tasks.Forecasting(gs.from_sequence(2.0 ** torch.arange(6)[:, None]), lags=1)
        >>> Autoregression.fit(task)(task.windows(torch.tensor([4]))).round(decimals=4).tolist()
        [[32.0]]
    """

    weight: Tensor
    bias: Tensor

    @checked_arguments
    def __init__(self, weight: Tensor, bias: Tensor, *, lags: int) -> None:
        super().__init__()
        self.lags = _checks.at_least("lags", lags, 1)
        if weight.dim() != 2 or bias.shape != weight.shape[1:] or len(weight) % lags:
            raise ValueError(
                f"weight must have shape (lags·P, C) and bias (C,), with lags={lags}; "
                f"got {tuple(weight.shape)} and {tuple(bias.shape)}"
            )
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    @classmethod
    @checked_arguments
    def fit(cls, task: Forecasting, *, ridge: float = 0.0) -> Self:
        """Fit the weights of least squared error on all windows of a task, in float64.

        Args:
            task: the training part of a forecast.
            ridge: λ, at least 0.

        Raises:
            TypeError: another task.
            ValueError: a ``ridge`` below 0 or not finite.
        """
        if not isinstance(task, Forecasting):
            raise TypeError(f"task must be Forecasting, got {type(task).__name__}")
        ridge = 0.0 if ridge == 0 else _checks.positive("ridge", ridge)

        def parts() -> Iterator[tuple[Tensor, Tensor]]:
            for numbers in torch.arange(len(task)).split(BATCH):
                graph = task.windows(numbers)
                yield cls._past(graph, task.lags).double(), graph.y

        first, y = next(parts())
        if first.numel() * len(task) / min(len(task), BATCH) <= _MOST:
            features, y = (torch.cat(part) for part in zip(*parts(), strict=True))
            center, mean = features.mean(dim=0), y.double().mean(dim=0)
            weight = _least_squares(features - center, y.double() - mean, ridge)
        else:
            center, mean = _means(parts())
            weight = _least_squares(*_condensed(parts(), center, mean), ridge)
        return cls(weight.to(y.dtype), (mean - center @ weight).to(y.dtype), lags=task.lags)

    @checked_arguments
    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        """Forecasts (K, C).

        Raises:
            ValueError: features of another width than those fitted to.
        """
        past = self._past(graph, self.lags)
        if past.shape[1] != len(self.weight):
            raise ValueError(f"fitted to {len(self.weight)} numbers an asked row, but this graph has {past.shape[1]}")
        return past @ self.weight + self.bias

    @classmethod
    def _past(cls, graph: SpaceTimeGraph, lags: int) -> Tensor:
        """The features of each target row's node at the last times, latest first, (K, lags · P)."""
        _features(graph)
        topology, features = graph.topology, cls._features(graph)
        moment, node = torch.searchsorted(topology.times, topology.time), topology.node_index
        # As many empty times before the first as the first row looks back.
        table = features.new_zeros(lags - 1 + len(topology.times), topology.num_nodes, features.shape[1] + 1)
        table[..., -1] = 1
        table[moment + lags - 1, node] = torch.cat([features, features.new_zeros(len(features), 1)], dim=1)
        rows = graph.target_rows
        back = moment[rows, None] + lags - 1 - torch.arange(lags, device=moment.device)
        return table[back, node[rows, None]].flatten(1)

    @classmethod
    def _features(cls, graph: SpaceTimeGraph) -> Tensor:
        """The features of each row that the forecast reads, (V, P - 1)."""
        x: Tensor = graph.x
        return x


class GraphAutoregression(Autoregression):
    r"""A linear forecast from the last p rows of a node and of its neighbours' means, the same for all nodes.

    .. math:: \hat y_v = b + \sum_{k=0}^{p-1} \big(x_{v, t-k}\, W_k + \bar x_{v, t-k}\, V_k
              + q_{v, t-k}\, r_k + m_{v, t-k}\, u_k\big), \qquad
              \bar x_{v,s} = \frac{\sum_u A_{uv,s}\, x_{u,s}}{\sum_u A_{uv,s}}

    with the edges that lead to v at that very time, by their weights; a self-loop that the graph has counts as a
    neighbour. Where none leads there the mean counts 0, and :math:`q = 1` instead of 0. All else is as in
    :class:`Autoregression`.

    Args:
        weight: W, V, r and u of k = 0, then of k = 1, …, (p·P, C), with P = 2F + 2.
        bias: b, (C,).
        lags: p.

    Raises:
        ValueError: shapes that do not fit; called on a graph, edge weights below 0, which have no mean.

    Source: Knight, Leeming, Nason and Nunes, *Generalized Network Autoregressive Processes and the GNAR Package*
    (2020), eq. 1, with neighbours of stage 1 and the same coefficients at all nodes. Theirs has no intercept, which
    data less its mean does not need, and gives a node's weight to the neighbours that are there, as here.

    Example:
        >>> import graphseq as gs
        >>> signal = gs.from_signal(torch.randn(20, 2, 1), torch.tensor([[0], [1]]))
        >>> GraphAutoregression.fit(gs.tasks.Forecasting(signal, lags=2)).weight.shape  # 2 lags of 4 terms
        torch.Size([8, 1])
    """

    @classmethod
    def _features(cls, graph: SpaceTimeGraph) -> Tensor:
        spatial = graph.topology.spatial
        source, reader = spatial.edge_index
        weight = graph.x.new_ones(len(source)) if spatial.edge_weight is None else spatial.edge_weight.to(graph.x.dtype)
        if bool((weight < 0).any()):
            edge = int((weight < 0).nonzero()[0])
            raise ValueError(
                f"edge_weight[{edge}] is {weight[edge].item():g}; a weighted mean of neighbours needs weights of 0 or "
                "more; take other weights, or leave the graph autoregression out"
            )
        total = graph.x.new_zeros(graph.num_rows, 1).index_add_(0, reader, weight[:, None])
        sums = torch.zeros_like(graph.x).index_add_(0, reader, weight[:, None] * graph.x[source])
        alone = total == 0
        return torch.cat([graph.x, sums / total.where(~alone, 1), alone.to(graph.x.dtype)], dim=1)


class Recency(nn.Module):
    """A score of pairs of nodes by the time since their last contact, 1/(1 + times since), and 0 where there was none.

    The score is the second of two outputs, the first being 0. It orders pairs; it is not calibrated.

    Example:
        Node 0 had an event with 1, and is asked whether its next is with 2 or with 1:

        >>> import graphseq as gs
        >>> graph = gs.from_events(torch.tensor([[0, 1, 0.0], [0, 2, 1.0]]), window=1)
        >>> window = gs.tasks.LinkPrediction(graph, lags=1).windows(torch.tensor([0]))
        >>> Recency()(window).tolist()
        [[0.0, 0.0], [0.0, 1.0]]
    """

    @checked_arguments
    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        """Scores of the pairs of a :class:`~graphseq.tasks.LinkPrediction`, (K, 2)."""
        return _scored(graph, 1)


class Frequency(nn.Module):
    """A score of pairs of nodes by the number of their contacts so far, log(1 + contacts).

    The score is the second of two outputs, the first being 0. It orders pairs; it is not calibrated.

    Example:
        Node 0 had an event with 1, and is asked whether its next is with 2 or with 1:

        >>> import graphseq as gs
        >>> graph = gs.from_events(torch.tensor([[0, 1, 0.0], [0, 2, 1.0]]), window=1)
        >>> window = gs.tasks.LinkPrediction(graph, lags=1).windows(torch.tensor([0]))
        >>> Frequency()(window).double().round(decimals=3).tolist()
        [[0.0, 0.0], [0.0, 0.693]]
    """

    @checked_arguments
    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        """Scores of the pairs of a :class:`~graphseq.tasks.LinkPrediction`, (K, 2)."""
        return _scored(graph, 0)


def _scored(graph: SpaceTimeGraph, feature: int) -> Tensor:
    features = graph.get("pair_features")
    if not isinstance(features, Tensor) or features.dim() != 2 or features.shape[1] <= feature:
        came = _checks.shown(features)
        raise ValueError(f"graph must have pair_features (K, 2), as batches of LinkPrediction have; got {came}")
    score = features[:, feature]
    return torch.stack([torch.zeros_like(score), score], dim=1)


def _means(parts: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """The means of features and answers over all parts."""
    sums, count = [torch.zeros(()), torch.zeros(())], 0
    for part in parts:
        sums = [so_far + values.double().sum(dim=0) for so_far, values in zip(sums, part, strict=True)]
        count += len(part[1])
    return sums[0] / count, sums[1] / count


def _condensed(parts: Iterable[tuple[Tensor, Tensor]], center: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """As many rows of features and answers as there are columns, with the least squares of all rows.

    They are R of A = QR, part by part, since Q keeps lengths: a long recording is never there as one table.
    """
    width, r = len(center), center.new_zeros(0, len(center) + len(mean))
    for features, y in parts:
        rows = torch.cat([features - center, y.double() - mean], dim=1)
        r = torch.linalg.qr(torch.cat([r, rows]), mode="r").R
    return r[:, :width], r[:, width:]


def _least_squares(features: Tensor, y: Tensor, ridge: float) -> Tensor:
    """The weights (P, C) of least squares, and of least norm where several do equally well."""
    if ridge:
        gram = features.t() @ features
        gram += ridge * torch.eye(len(gram), dtype=gram.dtype)
        return torch.cholesky_solve(features.t() @ y, torch.linalg.cholesky(gram))
    norm: Tensor = torch.linalg.vector_norm(features, dim=0)
    norm = norm.where(norm > 0, 1)
    unit = features / norm
    least, *_, most = torch.linalg.eigvalsh(unit.t() @ unit).tolist() if unit.shape[1] > 1 else (1.0, 1.0)
    if least > _NOISE**2 * most:
        weight: Tensor = torch.linalg.lstsq(features, y, driver="gelsd").solution
        return weight
    # Columns that follow from each other up to rounding, as the phases of a season at several lags: what is left of
    # them is noise, to which no weights are fitted.
    of_unit: Tensor = torch.linalg.lstsq(unit, y, rcond=_NOISE, driver="gelsd").solution
    scaled: Tensor = of_unit / norm[:, None]
    return scaled
