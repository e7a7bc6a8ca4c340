"""Long sequences in little memory: a recurrence over segments of time, recomputed or cut off at their ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.nn.encoder import Encoder
from graphseq.nn.recurrent.state import RecurrentState
from graphseq.nn.trace import Trace


@runtime_checkable
class _Streams(Protocol):
    def run(self, graph: SpaceTimeGraph, memory: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]: ...


class GradientCheckpointed(Encoder):
    r"""The same encoder, the same states, the same gradients, in less memory and one forward pass more.

    Time is read in segments of k times, each from the memory that the one before it left. A segment's inside is thrown
    away once it is read, and worked out again when the gradient comes by: memory grows with the states (V, H) that come
    out, the T/k memories between segments, and the inside of one segment, instead of the inside of all T times. What
    is held beside the states is least with :math:`k \approx \sqrt T`, but a segment has a cost of its own, as much as
    some hundreds of times that a small kernel reads: take k of 500 or more where memory allows. An RNN on a CPU keeps
    its states alone in any case, and has nothing to gain.

    Args:
        encoder: one that reads streams by ``run``: RNN, GRU, LSTM, GCNLSTM, GCNGRU, LRU, MinGRU, MinLSTM. Its weights
            are this one's, under ``encoder.``.
        length: k, times in a segment.

    Shapes: graph of V rows → (V, H).

    Raises:
        TypeError: an encoder without ``run``.
        ValueError: a length below 1.

    Source: Chen et al., *Training deep nets with sublinear memory cost* (2016), section 4, by
    ``torch.utils.checkpoint``.

    Example:
        >>> import graphseq as gs, torch
        >>> graph, lstm = gs.from_sequence(torch.randn(1000, 3)), gs.nn.LSTM(3, 8)
        >>> torch.allclose(GradientCheckpointed(lstm, length=32)(graph), lstm(graph), atol=1e-6)
        True
    """

    def __init__(self, encoder: Encoder, length: int) -> None:
        if not isinstance(encoder, Encoder) or not isinstance(encoder, _Streams):
            raise TypeError(
                f"encoder must be a graphseq.nn.Encoder that reads streams by run(), got {type(encoder).__name__}; "
                "recurrent ones do"
            )
        super().__init__(encoder.in_channels, encoder.hidden_channels, causal=encoder.causal)
        self.encoder = encoder
        self.length = _checks.at_least("length", length, 1)

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """States (V, H) from features (V, F)."""
        return self._read(graph, x, None)[0]

    def run(self, graph: SpaceTimeGraph, memory: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]:
        """States (V, H) of a piece of a stream, and what is remembered for the next; as of the encoder itself."""
        return self._read(graph, self._features(graph.x), memory)

    def _read(self, graph: SpaceTimeGraph, x: Tensor, memory: RecurrentState | None) -> tuple[Tensor, RecurrentState]:
        states = []
        # Copies, not views, of x: a view kept for the backward pass would keep a gradient of all of x for each segment.
        for rows, part in self._segments(graph.topology):
            found, memory = self._segment(part, x[rows], memory)
            states.append(found)
        assert memory is not None  # noqa: S101 - a graph has rows
        out, topology = torch.cat(states), graph.topology
        return out if topology.sorted_by_time is topology else out[topology.place_in_time], memory

    def _segments(self, topology: Topology) -> Iterator[tuple[Tensor, Topology]]:
        """Each segment's rows, and what is among them."""
        parts = topology.keep(("segments", self.length), lambda: segments_of(topology, self.length))
        return zip(topology.by_time.split([part.num_rows for part in parts]), parts, strict=True)

    def _segment(self, part: Topology, x: Tensor, memory: RecurrentState | None) -> tuple[Tensor, RecurrentState]:
        """States of a segment's rows, with nothing kept of how they came about."""
        run, piece = cast("_Streams", self.encoder).run, SpaceTimeGraph.from_topology(part, x)
        return checkpoint(run, piece, memory, use_reentrant=False)  # type: ignore[no-any-return]

    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """What the encoder holds on its way, as if it read all times in one."""
        return self.encoder.trace(graph)

    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """That of the encoder: states are the same, whatever gradients are."""
        return self.encoder.reach(graph, rows)


class TruncatedBPTT(GradientCheckpointed):
    r"""The same encoder and the same states; gradients end where a segment of time begins.

    A segment is told what the one before it remembered, as a number: backpropagation through time, truncated. With
    :math:`\mathcal L = \sum_s \mathcal L_s` the loss at the rows of each segment and m the memory that it starts from,

    .. math:: g = \sum_s \left. \frac{\partial \mathcal L_s}{\partial \theta} \right|_{m_s \text{ fixed}}

    which is the plain gradient where k ≥ T, and otherwise that less :math:`\sum_s (\partial \mathcal L_s / \partial
    m_s) \, (d m_s / dθ)`: what is asked in one segment does not teach how to keep what was shown in another. Segments
    in which nothing is asked cost a forward pass alone; the others are recomputed, as by
    :class:`GradientCheckpointed`, so that any loss and head will do and ``fit`` need not know. A gradient can be taken
    once only.

    Args:
        encoder: see :class:`GradientCheckpointed`.
        length: k, times in a segment, and so the most that a gradient goes back.

    Shapes: graph of V rows → (V, H).

    Raises:
        TypeError, ValueError: as for :class:`GradientCheckpointed`.

    Source: Williams and Peng, *An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories* (1990): BPTT(h; h'), with h = h' = k and each loss carried back to its segment's beginning.

    Example:
        >>> import graphseq as gs, torch
        >>> x = torch.randn(6, 3, requires_grad=True)
        >>> states = TruncatedBPTT(gs.nn.LSTM(3, 8), length=2)(gs.from_sequence(x))
        >>> (torch.autograd.grad(states[-1].sum(), x)[0].abs().sum(dim=1) > 0).tolist()
        [False, False, False, False, True, True]
    """

    def _read(self, graph: SpaceTimeGraph, x: Tensor, memory: RecurrentState | None) -> tuple[Tensor, RecurrentState]:
        if not torch.is_grad_enabled():
            return super()._read(graph, x, memory)
        apart = []
        for rows, part in self._segments(graph.topology):
            inputs = x[rows].detach().requires_grad_(x.requires_grad)
            states, memory = self._segment(part, inputs, None if memory is None else memory.detach())
            apart.append(_Apart(rows, inputs, states))
        assert memory is not None  # noqa: S101 - a graph has rows
        weights = [weight for weight in self.encoder.parameters() if weight.requires_grad]
        joined: Tensor = _Beside.apply(apart, x, *weights)  # type: ignore[no-untyped-call]
        return joined, memory.detach()


class _Apart(NamedTuple):
    """A segment that gradients do not leave."""

    rows: Tensor
    inputs: Tensor
    states: Tensor


class _Beside(torch.autograd.Function):
    """The states of segments that are apart, (V, H); backwards, segments in which nothing is asked are passed over."""

    @staticmethod
    def forward(ctx: Any, apart: list[_Apart], x: Tensor, *weights: Tensor) -> Tensor:
        ctx.apart, ctx.weights, ctx.x = apart, weights, x
        states = apart[0].states
        out = states.new_empty(len(x), states.shape[1])
        for part in apart:
            out[part.rows] = part.states.detach()
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        of_x = torch.zeros_like(ctx.x) if ctx.x.requires_grad else None
        sums: list[Tensor | None] = [None] * len(ctx.weights)
        for rows, inputs, states in ctx.apart:
            asked = grad[rows]
            if asked.any() and states.requires_grad:
                wanted = [*([] if of_x is None else [inputs]), *ctx.weights]
                found = list(torch.autograd.grad(states, wanted, asked, allow_unused=True))
                if of_x is not None:
                    of_x[rows] = found.pop(0)
                sums = [_sum(a, b) for a, b in zip(sums, found, strict=True)]
        return None, of_x, *sums


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return b if a is None else a if b is None else a + b


def segments_of(topology: Topology, length: int) -> list[Topology]:
    """A topology cut into pieces of ``length`` times, the last one of what is left, rows in the order of time."""
    whole = topology.sorted_by_time
    node, time = whole.node, whole.time
    ends = torch.tensor(whole.step_sizes).split(length)
    sizes = [int(part.sum()) for part in ends]
    static = whole.static_edge_index, whole.static_edge_weight
    rows = zip(node.split(sizes), time.split(sizes), strict=True)
    if whole.edge_index is None:
        return [Topology(nodes, times, None, None, *static) for nodes, times in rows]
    last = torch.tensor(sizes).cumsum(0).to(node.device)
    first = last - torch.tensor(sizes).to(node.device)
    segment = torch.searchsorted(last, whole.edge_index[0], right=True)
    by_segment = segment.argsort(stable=True)
    counts = torch.bincount(segment, minlength=len(sizes)).tolist()
    edges = (whole.edge_index - first[segment])[:, by_segment].split(counts, dim=1)
    weight = whole.edge_weight
    weights = [None] * len(sizes) if weight is None else weight[by_segment].split(counts)
    return [
        Topology(nodes, times, edge, each, *static)
        for (nodes, times), edge, each in zip(rows, edges, weights, strict=True)
    ]
