"""Training on long sequences in less memory: gradient checkpointing and truncated backpropagation through time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from graphseq import _checks
from graphseq._arguments import checked_arguments, checked_but
from graphseq._torch import compat
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.nn.encoder import Encoder
from graphseq.nn.recurrent.state import RecurrentState
from graphseq.nn.trace import Trace


@runtime_checkable
class _Streams(Protocol):
    def run(self, graph: SpaceTimeGraph, state: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]: ...


@runtime_checkable
class _PenalisesGates(Protocol):
    """An encoder whose backward pass adds the gradient of a mean over all gates of a pass, to which segments add up."""

    @property
    def is_penalised(self) -> bool: ...
    def run_segment(self, graph: SpaceTimeGraph, state: Any, whole: Topology) -> tuple[Tensor, RecurrentState]: ...


class GradientCheckpointed(Encoder):
    r"""A recurrent encoder with gradient checkpointing: equal states and gradients, less memory, one more forward pass.

    Time is cut into segments of k times, each of which starts from the last state of the one before. The intermediate
    values of a segment are discarded after the forward pass and recomputed during the backward pass. Memory then holds
    the states (V, H), the T/k recurrent states between segments, and the intermediate values of one segment instead of
    those of all T times. It is least with :math:`k \approx \sqrt T`; but each segment has a fixed cost, as much as
    hundreds of times of a small model, so choose k of 500 or more where memory allows. An RNN on a CPU stores its
    states only in any case, and gains nothing.

    Args:
        encoder: an encoder with ``run``: RNN, GRU, LSTM, GCNLSTM, GCNGRU, LRU, MinGRU, MinLSTM. Its weights appear in
            the ``state_dict`` under ``encoder.``.
        length: k, the number of times in a segment.

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

    @checked_but("encoder")
    def __init__(self, encoder: Encoder, length: int) -> None:
        if not isinstance(encoder, Encoder) or not isinstance(encoder, _Streams):
            raise TypeError(
                f"encoder must be a graphseq.nn.Encoder with run(), as recurrent encoders have it; got "
                f"{type(encoder).__name__}"
            )
        super().__init__(encoder.in_channels, encoder.hidden_channels, causal=encoder.causal)
        self.encoder = encoder
        self.length = _checks.at_least("length", length, 1)

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """Compute the states (V, H) from features (V, F)."""
        if compat.is_recording():
            return self._without_segments(graph, x)
        return self._by_segment(graph, x, None, graph.topology)[0]

    def _without_segments(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """The same states and gradients; what is recorded has no segments to recompute."""
        return self.encoder.encode(graph, x)

    @checked_but("state")
    def run(self, graph: SpaceTimeGraph, state: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]:
        """Run over a piece of a stream; see ``run`` of the encoder."""
        return self._by_segment(graph, self._features(graph.x), state, None)

    def _by_segment(
        self, graph: SpaceTimeGraph, x: Tensor, state: RecurrentState | None, whole: Topology | None
    ) -> tuple[Tensor, RecurrentState]:
        """Run over all segments; ``whole`` is the topology of the pass, ``None`` where this is a piece of a stream."""
        out = []
        # Copies of x, not views: in the backward pass a view would need a gradient of the size of x for each segment.
        for rows, segment in self._segments(graph.topology):
            states, state = self._checkpointed(segment, x[rows], state, whole)
            out.append(states)
        assert state is not None  # noqa: S101 - a graph has rows
        joined, topology = torch.cat(out), graph.topology
        return joined if topology.sorted_by_time is topology else joined[topology.place_in_time], state

    def _segments(self, topology: Topology) -> Iterator[tuple[Tensor, Topology]]:
        """The rows of each segment, and its topology."""
        segments = topology.keep(("segments", self.length), lambda: segments_of(topology, self.length))
        return zip(topology.by_time.split([segment.num_rows for segment in segments]), segments, strict=True)

    def _checkpointed(
        self, segment: Topology, x: Tensor, state: RecurrentState | None, whole: Topology | None
    ) -> tuple[Tensor, RecurrentState]:
        """Run over a segment without storing its intermediate values."""
        piece = SpaceTimeGraph.from_topology(segment, x)
        if whole is not None and isinstance(self.encoder, _PenalisesGates):
            run_segment = self.encoder.run_segment
            return checkpoint(run_segment, piece, state, whole, use_reentrant=False)  # type: ignore[no-any-return]
        run = cast("_Streams", self.encoder).run
        return checkpoint(run, piece, state, use_reentrant=False)  # type: ignore[no-any-return]

    @checked_arguments
    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """The trace of the encoder over all times, without segments."""
        return self.encoder.trace(graph)

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """The receptive field of the encoder, (K, V); segments do not change the states."""
        return self.encoder.reach(graph, rows)


class TruncatedBPTT(GradientCheckpointed):
    r"""A recurrent encoder with truncated backpropagation through time: equal states, gradients within segments only.

    Each segment starts from the last state of the one before, treated as a constant. With
    :math:`\mathcal L = \sum_s \mathcal L_s` the loss at the rows of each segment and m the state that it starts from,

    .. math:: g = \sum_s \left. \frac{\partial \mathcal L_s}{\partial \theta} \right|_{m_s \text{ fixed}}

    which is the full gradient where k ≥ T. Otherwise the term :math:`\sum_s (\partial \mathcal L_s / \partial m_s) \,
    (d m_s / dθ)` is missing: the loss in one segment does not train how the state is carried over from another.
    Segments whose rows get no gradient cost a forward pass only, unless the encoder penalises its gates; the others are
    recomputed, as in :class:`GradientCheckpointed`, so that it works with any loss and head, and with ``fit``
    unchanged. A gradient can be taken only once.

    Args:
        encoder: see :class:`GradientCheckpointed`.
        length: k, the number of times in a segment, and so the longest lag that a gradient spans.

    Shapes: graph of V rows → (V, H).

    Raises:
        TypeError, ValueError: as for :class:`GradientCheckpointed`; a ValueError also on a graph whose edge weights or
            features require a gradient.

    Source: Williams and Peng, *An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories* (1990): BPTT(h; h'), with h = h' = k and each loss carried back to the start of its segment.

    Example:
        >>> import graphseq as gs, torch
        >>> x = torch.randn(6, 3, requires_grad=True)
        >>> states = TruncatedBPTT(gs.nn.LSTM(3, 8), length=2)(gs.from_sequence(x))
        >>> (torch.autograd.grad(states[-1].sum(), x)[0].abs().sum(dim=1) > 0).tolist()
        [False, False, False, False, True, True]
    """

    def _without_segments(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        raise ValueError("model must not be a TruncatedBPTT, whose gradients OnTopology cannot cut; give its encoder")

    def _by_segment(
        self, graph: SpaceTimeGraph, x: Tensor, state: RecurrentState | None, whole: Topology | None
    ) -> tuple[Tensor, RecurrentState]:
        if not torch.is_grad_enabled():
            return super()._by_segment(graph, x, state, whole)
        if graph.topology.is_learned:
            raise ValueError(
                "edge_weight and edge_attr must not require a gradient in TruncatedBPTT, whose gradients are those of "
                "features and of the encoder's parameters; take GradientCheckpointed, or detach them"
            )
        if state is not None and not isinstance(state, RecurrentState):
            raise TypeError(
                f"state must be what run() returned, or None for the first piece; got {type(state).__name__}"
            )
        segments = []
        for rows, segment in self._segments(graph.topology):
            inputs = x[rows].detach().requires_grad_(x.requires_grad)
            states, state = self._checkpointed(segment, inputs, None if state is None else state.detach(), whole)
            segments.append(_DetachedSegment(rows, inputs, states))
        assert state is not None  # noqa: S101 - a graph has rows
        weights = [weight for weight in self.encoder.parameters() if weight.requires_grad]
        is_penalised = isinstance(self.encoder, _PenalisesGates) and self.encoder.is_penalised
        joined: Tensor = _JoinSegments.apply(segments, is_penalised, x, *weights)  # type: ignore[no-untyped-call]
        return joined, state.detach()


class _DetachedSegment(NamedTuple):
    """A segment with an autograd graph of its own."""

    rows: Tensor
    inputs: Tensor
    states: Tensor


class _JoinSegments(torch.autograd.Function):
    """The states of detached segments as one tensor (V, H); its backward pass skips segments of zero gradient.

    Where the backward pass of a segment adds the gradient of a penalty, none is skipped.
    """

    @staticmethod
    def forward(ctx: Any, segments: list[_DetachedSegment], is_penalised: bool, x: Tensor, *weights: Tensor) -> Tensor:
        ctx.segments, ctx.is_penalised, ctx.weights, ctx.x = segments, is_penalised, weights, x
        states = segments[0].states
        out = states.new_empty(len(x), states.shape[1])
        for segment in segments:
            out[segment.rows] = segment.states.detach()
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        grad_x = torch.zeros_like(ctx.x) if ctx.x.requires_grad else None
        sums: list[Tensor | None] = [None] * len(ctx.weights)
        for rows, inputs, states in ctx.segments:
            grad_states = grad[rows]
            if (ctx.is_penalised or grad_states.any()) and states.requires_grad:
                sources = [*([] if grad_x is None else [inputs]), *ctx.weights]
                gradients = list(torch.autograd.grad(states, sources, grad_states, allow_unused=True))
                if grad_x is not None:
                    grad_x[rows] = gradients.pop(0)
                sums = [_sum(a, b) for a, b in zip(sums, gradients, strict=True)]
        return None, None, grad_x, *sums


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return b if a is None else a if b is None else a + b


def segments_of(topology: Topology, length: int) -> list[Topology]:
    """Cut a topology into segments of ``length`` times, the last one possibly shorter, rows in the order of time."""
    whole = topology.sorted_by_time
    node, time = whole.node, whole.time
    sizes = [int(step_sizes.sum()) for step_sizes in torch.tensor(whole.step_sizes).split(length)]
    rows = zip(node.split(sizes), time.split(sizes), strict=True)
    if whole.edge_index is None:
        static = whole.static_edge_index, whole.static_edge_weight, None, whole.static_edge_attr
        return [Topology(nodes, times, None, None, *static) for nodes, times in rows]
    last = torch.tensor(sizes).cumsum(0).to(node.device)
    first = last - torch.tensor(sizes).to(node.device)
    segment = torch.searchsorted(last, whole.edge_index[0], right=True)
    by_segment = segment.argsort(stable=True)
    counts = torch.bincount(segment, minlength=len(sizes)).tolist()
    edges = (whole.edge_index - first[segment])[:, by_segment].split(counts, dim=1)
    weights, attrs = (
        [None] * len(sizes) if values is None else values[by_segment].split(counts)
        for values in (whole.edge_weight, whole.edge_attr)
    )
    return [
        Topology(nodes, times, edge, edge_weight, edge_attr=edge_attr)
        for (nodes, times), edge, edge_weight, edge_attr in zip(rows, edges, weights, attrs, strict=True)
    ]
