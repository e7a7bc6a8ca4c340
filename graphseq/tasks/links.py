"""Link prediction: edges of a later snapshot of a recorded graph, from a window of earlier snapshots."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from graphseq import _checks, seeding
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks._pairs import HistoricalNegatives, PairHistory, Positives, RandomNegatives
from graphseq.tasks.base import of_own_batch
from graphseq.tasks.windows import Recording, Windowed, slices

_SAMPLING = ("random", "historical")


class LinkPrediction(Windowed):
    r"""Classification of pairs of nodes by whether they have an edge in a later snapshot of a recorded graph.

    .. math:: y_{ji} = [A_{ji, t + h} \ne 0] \quad \text{from } x_{u, s},\ A_s, \quad s = t - p + 1, \dots, t

    A sample is a window of p = ``lags`` consecutive times, as in :class:`~graphseq.tasks.Forecasting`. The targets are
    pairs of nodes that are both present at its last time t: all that have an edge at time t + h, class 1, and for each
    of them ``negatives`` without one, class 0. Edges with an end that is absent at t are left out, since it has no
    state, and so are self-loops.

    With ``sampling="random"`` a negative has the same source as its edge and any other target, with equal probability.
    With ``"historical"`` it is any pair with an earlier edge, with equal probability; if there is none, as in
    "random". Most random negatives never had an edge, so a model that remembers earlier edges is right about nearly all
    of them; historical negatives test prediction instead of memory.

    A graph of this task has, besides rows and edges,

    - ``edge_label_index`` (2, K): source and target row of each pair, PyG's name;
    - ``y`` (K,): 0 or 1;
    - ``pair_features`` (K, 4): for the edges from source to target up to time t, :math:`\log(1 + n)` with n the sum of
      their weights, and :math:`1 / (1 + d)` with d the times since the last; then the same for edges back.

    A model for it is ``Model(encoder, 2, head=PairHead)``. Negatives are drawn anew for each batch, and are fixed by
    ``seed`` in :meth:`windows`. ``hops`` is p - 1, the distance of the oldest row of either end. Chance is the share of
    the more frequent class.

    Args:
        graph: the recording, x (V, F), such as from :func:`graphseq.from_events`; edge weights count events.
        lags: p.
        horizon: h.
        negatives: number of negatives for each positive.
        sampling: "random" or "historical".
        seed: seed of the negatives in :meth:`windows`.
        first: earliest time of an answer, as an index of the recorded times. Windows may begin before it.
        last: latest time of an answer, as an index of the recorded times.

    Raises:
        TypeError: ``graph`` is not a recording with features.
        ValueError: too few times, weights below 0, an unknown ``sampling``, bounds without an answer between them.

    Source: Poursafaei, Huang, Pelrine and Rabbany, *Towards Better Evaluation for Dynamic Link Prediction* (2022),
    section 4 on random and historical negatives. Theirs are drawn without replacement.

    Example:
        Node 0 has an event with 1, then with 2; of three nodes, 1 is the only possible negative:

        >>> import graphseq as gs, torch
        >>> graph = gs.from_events(torch.tensor([[0, 1, 0.0], [0, 2, 1.0]]), window=1)
        >>> window = gs.tasks.LinkPrediction(graph, lags=1).windows(torch.tensor([0]))
        >>> window.edge_label_index.tolist(), window.y.tolist()
        ([[0, 0], [2, 1]], [1, 0])
    """

    @checked_arguments
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
        self.seed = _checks.seed("seed", seed)
        recording = Recording(graph, lags, horizon)
        self.in_channels, self.out_channels = recording.x.shape[1], 2
        self._history, self._positives = PairHistory(recording), Positives(recording)
        self._random = RandomNegatives(recording, self._positives)
        self._historical = HistoricalNegatives(recording, self._positives) if sampling == "historical" else None
        super().__init__(recording, self._positives.counts, first, last)

    @property
    def config(self) -> dict[str, object]:
        """Name, windows, sampling, bounds, and a hash of the recording."""
        sampling = {"negatives": self.negatives, "sampling": self.sampling, "seed": self.seed}
        return {**super().config, **sampling}

    def _draw(self, which: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return negatives for these positives: source rows, target rows and a mark of those that exist."""
        which = which.repeat_interleave(self.negatives)
        source, target, exists = self._random.draw(which, generator)
        if self._historical is None:
            return source, target, exists
        earlier = self._historical.draw(which, generator)
        return earlier[0].where(earlier[2], source), earlier[1].where(earlier[2], target), earlier[2] | exists

    @cached_property
    def _fixed_negatives(self) -> tuple[Tensor, Tensor, Tensor]:
        """Negatives for every positive of the recording, fixed by the seed."""
        generator = torch.Generator().manual_seed(seeding.derive(self.seed, seeding.BUILD))
        return self._draw(torch.arange(len(self._positives.key)), generator)

    def _assemble(self, start: Tensor, generator: torch.Generator | None) -> SpaceTimeGraph:
        cut = self.recording.cut(start)
        last = start + self.lags - 1
        which, window = slices(self._positives.first[last], self._positives.first[last + 1])
        if generator is None:
            index = (which[:, None] * self.negatives + torch.arange(self.negatives)).flatten()
            source, target, exists = (tensor[index] for tensor in self._fixed_negatives)
        else:
            source, target, exists = self._draw(which, generator)
        pairs = torch.stack(
            [
                torch.cat([self._positives.source[which], source[exists]]),
                torch.cat([self._positives.target[which], target[exists]]),
            ]
        )
        window = torch.cat([window, window.repeat_interleave(self.negatives)[exists]])
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
        negatives = int(self._fixed_negatives[2].view(-1, self.negatives)[which].sum())
        return max(len(which), negatives) / (len(which) + negatives)

    @checked_arguments
    @of_own_batch
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """Return all rows of both nodes of each pair in its window, (K, V), ``bool``."""
        source, target = graph.edge_label_index
        return self._rows_of(graph, source) | self._rows_of(graph, target)

    @checked_arguments
    @of_own_batch
    def asked(self, graph: SpaceTimeGraph) -> tuple[Tensor, Tensor]:
        """Return the window of each pair, by its index in the batch, (K,), and its nodes in the recording, (K, 2)."""
        rows = graph.edge_label_index
        return graph.batch[rows[0]], graph.node[rows.t()] % self.recording.num_nodes
