"""Forecasting: later values at each node of a recorded graph, from a window of earlier snapshots."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import Regression, of_own_batch, share_of_best_constant
from graphseq.tasks.windows import Recording, Windowed


class Forecasting(Windowed, Regression):
    r"""Forecasting of the next values at each node of a recorded graph from a window of snapshots.

    .. math:: y_v = \big(x_{v, t + h, 1}, \dots, x_{v, t + h, C}\big) \quad \text{from } x_{u, s},\ A_s,
              \quad s = t - p + 1, \dots, t, \quad u = 1, \dots, N

    A sample is a window of p = ``lags`` consecutive times of the recording, with its rows, its edges and their weights;
    h = ``horizon``. The target rows are those of the last time t whose node is present at time t + h. Nodes and edges
    may come and go. Times are counted among the recorded ones, so that a gap is one step. A model may read all rows of
    the window in both directions, since all answers are later.

    ``hops`` is p - 1, the distance of the oldest row of the same node. Chance is the largest share of all answers
    within ``tolerance`` of one constant; of several channels, the smallest such share, which no constant exceeds.

    Args:
        graph: the recording, x (V, F); its ``y`` and ``target`` are not read.
        lags: p.
        horizon: h.
        channels: C; the first C columns of x are forecast, the others are inputs only.
        tolerance: error below which each number of an answer is correct, in units of x: by default half a standard
            deviation, if x is scaled.
        first: earliest time of an answer, as an index of the recorded times. Windows may begin before it.
        last: latest time of an answer, as an index of the recorded times.
        observed: rows of the recording whose values were observed, (V,), ``bool``; the others, which hold something in
            the place of a missing value, are inputs only, and no answer is asked there. By default all were.

    y is (K, C). In a batch each window counts its times from 0.

    Raises:
        TypeError: ``graph`` is not a recording with features.
        ValueError: too few times, more channels than x has, bounds without an answer between them.

    Example:
        Two nodes at four times, and the first window of two times:

        >>> import graphseq as gs, torch
        >>> x = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]])[..., None]
        >>> task = gs.tasks.Forecasting(gs.from_signal(x, torch.tensor([[0, 1], [1, 0]])), lags=2)
        >>> window = task.windows(torch.tensor([0]))
        >>> window.x.flatten().tolist(), window.target.tolist(), window.y.flatten().tolist()
        ([1.0, 10.0, 2.0, 20.0], [False, False, True, True], [3.0, 30.0])
    """

    @checked_arguments
    def __init__(
        self,
        graph: SpaceTimeGraph,
        *,
        lags: int,
        horizon: int = 1,
        channels: int = 1,
        tolerance: float = 0.5,
        first: int | None = None,
        last: int | None = None,
        observed: Tensor | None = None,
    ) -> None:
        recording = Recording(graph, lags, horizon)
        self.in_channels = recording.x.shape[1]
        self.out_channels = _checks.at_least("channels", channels, 1)
        if channels > self.in_channels:
            raise ValueError(f"channels={channels} columns of x are to be forecast, but x has {self.in_channels}")
        self.tolerance = _checks.positive("tolerance", tolerance)
        self._answers_known: int | None = None
        self._answer = recording.later(horizon)
        if observed is not None:
            if observed.dtype != torch.bool or observed.shape != graph.node.shape:
                raise ValueError(
                    f"observed must be bool of shape (V,) = {tuple(graph.node.shape)}, got {observed.dtype} of shape "
                    f"{tuple(observed.shape)}"
                )
            self._answers_known = int(observed.sum())
            known = recording.in_order(observed)
            self._answer = self._answer.where(known[self._answer] & (self._answer >= 0), -1)
        counts = torch.bincount(recording.moment[self._answer >= 0], minlength=len(recording.times))
        super().__init__(recording, counts, first, last)

    @property
    def config(self) -> dict[str, object]:
        """Name, windows, tolerance, bounds, and a hash of the recording."""
        answers = {} if self._answers_known is None else {"answers": self._answers_known}
        return {**super().config, "tolerance": self.tolerance, **answers}

    def _assemble(self, start: Tensor, generator: torch.Generator | None) -> SpaceTimeGraph:
        cut = self.recording.cut(start)
        answer = self._answer[cut.row].where(cut.is_last, -1)
        target = answer >= 0
        y = self.recording.x[answer[target], : self.out_channels]
        x = self.recording.x[cut.row]
        return SpaceTimeGraph.from_topology(cut.topology, x, y=y, target=target, batch=cut.batch)

    def _chance(self) -> float:
        """Return the largest share of answers within τ of one constant, for the channel where it is smallest."""
        ends = torch.zeros(len(self.recording.times), dtype=torch.bool)
        ends[self._start + self.lags - 1] = True
        answer = self._answer[ends[self.recording.moment] & (self._answer >= 0)]
        y = self.recording.x[answer, : self.out_channels]
        return min(share_of_best_constant(channel, self.tolerance) for channel in y.t())

    @checked_arguments
    @of_own_batch
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """Return all rows of the target row's own node in its window, (K, V), ``bool``.

        The needed inputs of real data are not known; these are the ones that an autoregression reads.
        """
        return self._rows_of(graph, graph.target_rows)

    @checked_arguments
    @of_own_batch
    def asked(self, graph: SpaceTimeGraph) -> tuple[Tensor, Tensor]:
        """Return the window of each answer, by its index in the batch, and its node in the recording, (K,) each."""
        rows = graph.target_rows
        return graph.batch[rows], graph.node[rows] % self.recording.num_nodes
