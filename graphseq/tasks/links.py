"""Links: which pairs of nodes of a recorded graph will have an edge, from a window of the edges before."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from graphseq import _checks, seeding
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks._pairs import HistoricalNegatives, PairHistory, Positives, RandomNegatives
from graphseq.tasks.windows import Recording, Windowed, slices

_SAMPLING = ("random", "historical")


class LinkPrediction(Windowed):
    r"""The edges of the next snapshot of a recorded graph, told from pairs without one.

    .. math:: y_{ji} = [A_{ji, t + h} \ne 0] \quad \text{from } x_{u, s},\ A_s, \quad s = t - p + 1, \dots, t

    A sample is a window of p = ``lags`` consecutive times, as in :class:`~graphseq.tasks.Forecasting`. It is asked for
    pairs of nodes that are both there at its last time t: all that have an edge at time t + h, class 1, and for each of
    them ``negatives`` that have none, class 0. An edge of which an end is not there at t is not asked for: no state
    could answer. Nor is one from a node to itself.

    With ``sampling="random"`` a pair without an edge has the same source as its edge and any other target, all alike.
    With ``"historical"`` it is any pair that had an edge before, all alike; where there is none, as in "random".
    Random pairs have mostly never met, so that whoever remembers who met whom is right about nearly all of them;
    historical ones tell memory from foresight.

    A graph of this task has, beside rows and edges,

    - ``edge_label_index`` (2, K): the pairs, from which row to which, as PyG names them;
    - ``y`` (K,): 0 or 1;
    - ``pair_features`` (K, 4): of the edges from the one to the other up to time t, :math:`\log(1 + n)` of their
      weights n, and :math:`1 / (1 + d)` of the times d since the last; then the same of edges back.

    A model of it is ``Model(encoder, 2, head=PairHead)``. Which pairs without an edge are asked is drawn afresh in each
    batch, but is always the same in :meth:`windows`, by ``seed``. ``hops`` is p - 1, the way to the oldest row of
    either end. Chance is the share of the commoner class.

    Args:
        graph: the recording, x (V, F), such as :func:`graphseq.from_events` gives; edge weights count events.
        lags: p.
        horizon: h.
        negatives: pairs without an edge for each that has one.
        sampling: "random" or "historical".
        seed: of the pairs without an edge in :meth:`windows`.
        first: the earliest time of an answer, counted from 0 among the recorded times. Windows may reach back beyond.
        last: the latest time of an answer, counted likewise.

    Raises:
        TypeError: ``graph`` is not a recording with features.
        ValueError: too few times, weights below 0, an unknown ``sampling``, bounds between which nothing can be asked.

    Source: Poursafaei, Huang, Pelrine and Rabbany, *Towards Better Evaluation for Dynamic Link Prediction* (2022),
    section 4 on random and historical negatives. Theirs are drawn without replacement.

    Example:
        Node 0 writes to 1, then to 2; of three nodes, 1 is the only one that it could have written to instead:

        >>> import graphseq as gs, torch
        >>> graph = gs.from_events(torch.tensor([[0, 1, 0.0], [0, 2, 1.0]]), window=1)
        >>> window = gs.tasks.LinkPrediction(graph, lags=1).windows(torch.tensor([0]))
        >>> window.edge_label_index.tolist(), window.y.tolist()
        ([[0, 0], [2, 1]], [1, 0])
    """

    def __init__(
        self,
        graph: SpaceTimeGraph,
        *,
        lags: int,
        horizon: int = 1,
        negatives: int = 1,
        sampling: Literal["random", "historical"] = "random",
        seed: int = 0,
        first: int | None = None,
        last: int | None = None,
    ) -> None:
        self.negatives = _checks.at_least("negatives", negatives, 1)
        self.sampling = _checks.one_of("sampling", sampling, _SAMPLING)
        self.seed = _checks.at_least("seed", seed, 0)
        recording = Recording(graph, lags, horizon)
        self.in_channels, self.out_channels = recording.x.shape[1], 2
        self._history, self._positives = PairHistory(recording), Positives(recording)
        self._random = RandomNegatives(recording, self._positives)
        self._seen = HistoricalNegatives(recording, self._positives) if sampling == "historical" else None
        super().__init__(recording, self._positives.counts, first, last)

    @property
    def config(self) -> dict[str, object]:
        """Name, windows, sampling, bounds, and a fingerprint of the recording."""
        drawn = {"negatives": self.negatives, "sampling": self.sampling, "seed": self.seed}
        return {**super().config, **drawn}

    def _draw(self, which: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Pairs without an edge for these with one: rows from and to, and which there are, (K·negatives,) each."""
        which = which.repeat_interleave(self.negatives)
        source, target, found = self._random.draw(which, generator)
        if self._seen is None:
            return source, target, found
        before = self._seen.draw(which, generator)
        return before[0].where(before[2], source), before[1].where(before[2], target), before[2] | found

    @cached_property
    def _held(self) -> tuple[Tensor, Tensor, Tensor]:
        """Pairs without an edge for every edge of the recording, always the same."""
        generator = torch.Generator().manual_seed(seeding.derive(self.seed, seeding.BUILD))
        return self._draw(torch.arange(len(self._positives.key)), generator)

    def _assemble(self, start: Tensor, generator: torch.Generator | None) -> SpaceTimeGraph:
        cut = self.recording.cut(start)
        last = start + self.lags - 1
        which, window = slices(self._positives.first[last], self._positives.first[last + 1])
        if generator is None:
            place = (which[:, None] * self.negatives + torch.arange(self.negatives)).flatten()
            source, target, found = (part[place] for part in self._held)
        else:
            source, target, found = self._draw(which, generator)
        pairs = torch.stack(
            [
                torch.cat([self._positives.source[which], source[found]]),
                torch.cat([self._positives.target[which], target[found]]),
            ]
        )
        window = torch.cat([window, window.repeat_interleave(self.negatives)[found]])
        order = window.argsort(stable=True)
        pairs, window = pairs[:, order], window[order]
        x = self.recording.x[cut.row]
        y = (order < len(which)).long()
        graph = SpaceTimeGraph.from_topology(cut.topology, x, y=y, batch=cut.batch)
        graph.edge_label_index = pairs + cut.shift[window]
        ends = self.recording.node[pairs]
        graph.pair_features = self._history.features(last[window], ends[0], ends[1]).to(x.dtype)
        return graph

    def _chance(self) -> float:
        last = self._start + self.lags - 1
        which, _ = slices(self._positives.first[last], self._positives.first[last + 1])
        none = int(self._held[2].view(-1, self.negatives)[which].sum())
        return max(len(which), none) / (len(which) + none)

    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """All rows of both nodes of each pair in its window, (K, V), ``bool``: what is needed is not known."""
        source, target = graph.edge_label_index
        return self._rows_of(graph, source) | self._rows_of(graph, target)

    def asked(self, graph: SpaceTimeGraph) -> tuple[Tensor, Tensor]:
        """The window of each pair, by its place in the batch, (K,), and its nodes in the recording, (K, 2)."""
        rows = graph.edge_label_index
        return graph.batch[rows[0]], graph.node[rows.t()] % self.recording.num_nodes
