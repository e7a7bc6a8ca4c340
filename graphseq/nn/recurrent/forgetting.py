"""A GCN-LSTM with learned gates on nodes and edges, which mask parts of the next snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, logsigmoid

from graphseq import _checks
from graphseq._arguments import checked_arguments, checked_but
from graphseq._prompt import short_repr
from graphseq._torch import compat
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.nn.cells import lstm_cell
from graphseq.nn.conv import GCNConv, check_no_edge_attr
from graphseq.nn.encoder import Encoder
from graphseq.nn.recurrent._forgetting_snapshots import Snapshot, Snapshots, cone
from graphseq.nn.recurrent._forgetting_state import ForgettingState, StepState, gather_state, scatter_state
from graphseq.nn.recurrent.gated import Gates
from graphseq.nn.recurrent.gcn_lstm import GCNLSTMLayer
from graphseq.nn.trace import Trace

Forget = Literal["nodes", "edges", "both"]
# σ(3) = 0.95: initially the gates are nearly open, and still have a gradient.
_INITIAL_BIAS = 3.0


@short_repr
@dataclass(frozen=True)
class GateValues:
    """The gates of the nodes and edges of a graph at each row's own time, from 0, masked, to 1, fully kept.

    Returned by :meth:`graphseq.nn.ForgettingGCNLSTM.gate_values`.

    With ``accumulate`` they are the running products. Edges are those of ``graph.topology.spatial.edge_index``, which
    repeats static edges in each snapshot; self-loops are never masked and have 1.
    """

    node: Tensor  #: k_i of each row's node, (V,); 1 where only edges are gated
    edge: Tensor  #: k_ij of each edge, (E,); 1 where only nodes are gated
    factor: Tensor  #: φ_ij = k_i k_j k_ij, the factor of A_ij, (E,)


class ForgetGates(nn.Module):
    r"""The gates of :class:`ForgettingGCNLSTM`: logarithms of the gates of nodes and of pairs, from states.

    Args:
        channels: H.
        of_nodes: whether nodes have gates.
        of_edges: whether pairs of nodes have gates.
    """

    def __init__(self, channels: int, of_nodes: bool, of_edges: bool) -> None:
        super().__init__()
        self.node = _score(channels) if of_nodes else None
        self.edge = _score(channels) if of_edges else None
        if of_edges:
            self.source, self.target = nn.Linear(channels, channels, bias=False), nn.Linear(channels, channels)

    def forward(self, h: Tensor, snapshot: Snapshot) -> tuple[Tensor, Tensor]:
        """Compute log k_i (R,) and log k_ij (Q,) from states (R, H)."""
        node, edge = h.new_zeros(len(h)), h.new_zeros(len(snapshot.source))
        if self.node is not None:
            node = logsigmoid(self.node(h)[:, 0])
        if self.edge is not None:
            j, i = self.source(h)[snapshot.source], self.target(h)[snapshot.target]
            edge = logsigmoid(self.edge((j + i).tanh())[:, 0])
        return node, edge


def _score(channels: int) -> nn.Linear:
    score = nn.Linear(channels, 1)
    nn.init.constant_(score.bias, _INITIAL_BIAS)
    return score


class ForgettingGCNLSTM(Encoder):
    r"""A GCN-LSTM with learned gates that mask nodes and edges of the next snapshot.

    .. math:: k_i = σ(w^\top h_i + b), \qquad
              k_{ij} = σ\big(a^\top \tanh(W_s h_j + W_t h_i + b_t) + b_e\big), \qquad
              \tilde A'_{ij} = k_i k_j k_{ij} A_{ij} \; (i \ne j), \qquad \tilde A'_{ii} = \tilde A_{ii}

    .. math:: [i\; f\; g\; o]_t = \hat A'_t X_t W_x + b_x + \hat A'_t H_{t-1} W_h + b_h, \qquad
              \hat A' = \tilde D'^{-1/2} \tilde A' \tilde D'^{-1/2}

    and the rest as in :class:`GCNLSTM`, which it equals, weight for weight, where all gates are 1. h_i is the state of
    node i *before* the step, in the last layer; all layers use the same Â'. The degrees D̃' are those of Ã', so that
    the weight of a masked neighbour goes to the remaining ones. Self-loops are not gated: a masked node keeps its own
    input, state and cell, and is isolated in the snapshot.

    A node not seen before has state 0, so its gates depend on the biases alone, which are initially 3: σ(3) = 0.95.
    Without b_t, k_ij would be an odd function of (h_i, h_j) about b_e, and could not express that the two ends differ.

    With ``accumulate`` the running products replace the gates, so that a masked edge stays masked; the product of a
    node, or of a pair of nodes, is unchanged while it is absent. With a gate penalty λ, training follows the gradient
    of

    .. math:: \text{loss} + λ \left(\frac{1}{V} \sum k_i + \frac{1}{Q} \sum k_{ij}\right)

    an L1 penalty on the gates (or their products), with means over all times and only of the kinds that are gated. In
    training mode the backward pass of the loss adds the gradient of the penalty. Neither the states nor evaluation mode
    are affected. Segments of a pass (:class:`GradientCheckpointed`) share its means; :meth:`run`, which sees one piece
    of a stream, cannot know them, and refuses to train with a penalty.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: the number of recurrent layers.
        forget: the gates to learn, of "nodes", "edges" or "both"; the others are 1.
        accumulate: whether gates are multiplied over time.
        gate_penalty: λ, at least 0, in the units of the loss.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1, an unknown ``forget``, a gate penalty below 0.

    Source: form of k_ij: Brody, Alon and Yahav, *How attentive are graph attention networks?* (2022), eq. 7, with
    tanh; graph masks under an L1 penalty: Ying et al., *GNNExplainer* (2019), which has one mask a graph.

    Example:
        >>> import graphseq as gs, torch
        >>> signal = gs.from_signal(torch.zeros(5, 2, 3), torch.tensor([[0, 1], [1, 0]]))
        >>> encoder = gs.nn.ForgettingGCNLSTM(3, 8)
        >>> encoder(signal).shape
        torch.Size([10, 8])
        >>> values = encoder.gate_values(signal)
        >>> values.node.shape, values.edge.shape
        (torch.Size([10]), torch.Size([10]))
    """

    @checked_arguments
    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 1,
        *,
        forget: Forget = "both",
        accumulate: bool = False,
        gate_penalty: float = 0.0,
    ) -> None:
        super().__init__(in_channels, hidden_channels, causal=True)
        self.num_layers = _checks.layers("num_layers", num_layers, 1)
        self.forget = _checks.one_of("forget", forget, ("nodes", "edges", "both"))
        self.accumulate, self.gate_penalty = accumulate, _checks.between("gate_penalty", gate_penalty, 0, float("inf"))
        width = [in_channels] + [hidden_channels] * (num_layers - 1)
        gates = Gates.checked("both", 1)
        self.layers = nn.ModuleList(GCNLSTMLayer(inputs, hidden_channels, gates, GCNConv, False) for inputs in width)
        self.gates = ForgetGates(hidden_channels, forget != "edges", forget != "nodes")

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """Compute the states (V, H) from features (V, F)."""
        return self._all_steps(graph.topology, x, None).states

    @checked_but("state")
    def run(self, graph: SpaceTimeGraph, state: ForgettingState | None = None) -> tuple[Tensor, ForgettingState]:
        """Run over a piece of a stream and return its states (V, H) and the recurrent state to pass on to the next.

        Running over all pieces in turn gives what one pass over the whole stream gives.

        Args:
            graph: the piece, its times all after those of the pieces before; nodes keep their numbers.
            state: the recurrent state that the piece before returned; ``None`` for the first piece.

        Raises:
            TypeError: ``state`` is not a :class:`ForgettingState`.
            ValueError: the state of another encoder, or of a later time; or training with a gate penalty.
        """
        if self.is_penalised and torch.is_grad_enabled():
            raise ValueError(
                f"gate_penalty={self.gate_penalty} is a mean over all gates of a pass, which run() on a piece of a "
                "stream does not know; call the encoder on the whole graph, in GradientCheckpointed or TruncatedBPTT "
                "where memory is short, or call eval() first"
            )
        return self.run_segment(graph, state, graph.topology)

    @property
    def is_penalised(self) -> bool:
        """True in training with a gate penalty."""
        return self.training and self.gate_penalty > 0

    def run_segment(
        self, graph: SpaceTimeGraph, state: ForgettingState | None, whole: Topology
    ) -> tuple[Tensor, ForgettingState]:
        """Run over a segment of a pass, as :meth:`run` does.

        Args:
            graph: the segment.
            state: the recurrent state after the segment before; ``None`` for the first.
            whole: the topology of all segments together, over whose gates the penalty is a mean.
        """
        result = self._all_steps(graph.topology, self._features(graph.x), state, whole)
        accumulated = result.snapshots if self.accumulate else None
        return result.states, scatter_state(state, graph.topology, result.last, accumulated)

    @checked_but("state")
    def gate_values(self, graph: SpaceTimeGraph, state: ForgettingState | None = None) -> GateValues:
        """Compute the gates of each node and each edge of ``graph`` at its own time.

        Args:
            graph: as for ``encoder(graph)``.
            state: as for :meth:`run`, where the graph is a piece of a stream.
        """
        topology = graph.topology
        result = self._all_steps(topology, self._features(graph.x), state)
        node, edge = result.node, result.snapshots.of_edges(result.edge, topology)
        j, i = topology.spatial.edge_index
        factor = torch.where(j == i, 0.0, node[j] + node[i] + edge)
        return GateValues(node.exp(), edge.exp(), factor.exp())

    @checked_arguments
    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """The recurrent state after each time step, (N, S): h of the last layer down to the first, then c likewise.

        With ``accumulate`` the logarithms of the node's product of gates, and of those of the pairs that end at it,
        come after them.
        """
        self._check_no_edge_attr(graph)
        x, topology, states, out = self._leaf(graph), graph.topology, [], []
        snapshots = Snapshots.over(topology.sorted_by_time, x.dtype)
        accumulated = snapshots if self.accumulate else None
        state = gather_state(None, topology, snapshots, self.num_layers, x.new_empty(0, self.hidden_channels))
        for snapshot, rows in zip(snapshots.steps, _by_step(topology, x), strict=True):
            states.append(self._step(rows, state, snapshot)[0].packed(accumulated))
            state = state.unpacked(states[-1], accumulated)
            out.append(_at(state.states[-2], snapshot.nodes))
        return Trace("step", states, torch.cat(out)[topology.place_in_time])

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A light cone: one hop at the row's own time for each layer, and two more each step back, (K, V).

        The second hop comes from the normalisation: an entry of Â' depends on the degrees of both its ends, and these
        on the gates of all their neighbours. Running products do not widen the cone. Where stored self-loops have
        weight 0, normalisation can cancel a gate, and the result is then a superset of the receptive field.
        """
        rows = _checks.rows("rows", rows, graph.num_rows)
        return cone(graph.topology, self.num_layers, rows)

    def _all_steps(
        self, topology: Topology, x: Tensor, initial: ForgettingState | None, whole: Topology | None = None
    ) -> _ForwardPass:
        check_no_edge_attr(type(self).__name__, topology.edge_attr, topology.static_edge_attr)
        snapshots = Snapshots.over(topology.sorted_by_time, x.dtype)
        state = gather_state(initial, topology, snapshots, self.num_layers, x.new_empty(0, self.hidden_channels))
        out, nodes, edges = [], [], []
        for snapshot, rows in zip(snapshots.steps, _by_step(topology, x), strict=True):
            state, node, edge, h = self._step(rows, state, snapshot)
            out.append(h)
            nodes.append(node)
            edges.append(edge)
        states, node, edge = torch.cat(out), torch.cat(nodes), torch.cat(edges)
        if self.is_penalised:
            whole = topology if whole is None else whole
            num_pairs = len(Snapshots.over(whole.sorted_by_time, x.dtype).keys)
            mean = self._mean_gates(node, edge, whole.num_rows, num_pairs)
            states = _AddPenaltyGradient.apply(states, mean, self.gate_penalty)  # type: ignore[no-untyped-call]
        order = topology.place_in_time
        return _ForwardPass(states[order], node[order], edge, state, snapshots)

    def _step(self, x: Tensor, state: StepState, snapshot: Snapshot) -> tuple[StepState, Tensor, Tensor, Tensor]:
        """The state after a step, the logarithms of its gates (R,) and (Q,), and its outputs (R, H)."""
        parts = [_at(part, snapshot.nodes) for part in state.states]
        node, edge = self.gates(parts[-2], snapshot)
        of_node, of_pair = state.node, state.pair
        if self.accumulate:
            node, edge = node + _at(of_node, snapshot.nodes), edge + of_pair[snapshot.pair]
            of_node, of_pair = _put(of_node, snapshot.nodes, node), of_pair.index_copy(0, snapshot.pair, edge)
        adjacency = snapshot.normalised((node[snapshot.source] + node[snapshot.target] + edge).exp())
        new_parts: list[Tensor] = []
        for layer, h, c in zip(self._stack, parts[::2], parts[1::2], strict=True):
            x, cells = lstm_cell(_gate_inputs(layer, adjacency @ torch.cat([x, h], dim=1)), c)
            new_parts += [x, cells]
        states = (_put(old, snapshot.nodes, new) for old, new in zip(state.states, new_parts, strict=True))
        return StepState(tuple(states), of_node, of_pair), node, edge, x

    def _mean_gates(self, node: Tensor, edge: Tensor, num_rows: int, num_pairs: int) -> Tensor:
        """This segment's share of the mean node gate and the mean edge gate of the whole pass, added up.

        Kinds that are not gated are left out.
        """
        gated = ((node, num_rows, self.gates.node), (edge, num_pairs, self.gates.edge))
        return sum(
            (log.exp().mean() * (len(log) / count) for log, count, score in gated if score is not None and len(log)),
            node.new_zeros(()),
        )

    @property
    def _stack(self) -> list[GCNLSTMLayer]:
        return cast("list[GCNLSTMLayer]", list(self.layers))


class _ForwardPass(NamedTuple):
    """The results of all steps."""

    states: Tensor  # (V, H)
    node: Tensor  # (V,) logarithms of the gates, or products, of nodes
    edge: Tensor  # (Q₁ + … + Q_T,) and of the pairs of each snapshot
    last: StepState
    snapshots: Snapshots


class _AddPenaltyGradient(torch.autograd.Function):
    """The identity on states, whose backward pass adds λ times the gradient of the mean gates."""

    generate_vmap_rule = True

    @staticmethod
    def forward(states: Tensor, mean: Tensor, gate_penalty: float) -> Tensor:
        return states.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, float], output: Tensor) -> None:
        ctx.gate_penalty = inputs[2]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        return grad, grad.new_full((), ctx.gate_penalty), None


def _gate_inputs(layer: GCNLSTMLayer, mixed: Tensor) -> Tensor:
    """W_x and W_h on Â' [x h], (R, F + H) → (R, 4H).

    Raises:
        ValueError: a hook on a convolution itself, which is not called here.
    """
    if layer.reads_weights:
        w_x, w_h, b_x, b_h = layer.weights()
        return linear(mixed, torch.cat([w_x, w_h], dim=1), b_x + b_h)
    convs = [cast("GCNConv", conv) for conv in (layer.conv_x, layer.conv_h)]
    if any(map(compat.has_hooks, convs)):
        raise ValueError(
            "conv_x and conv_h of a ForgettingGCNLSTM must have no hooks, as their weights are used on masked "
            "snapshots; register hooks on their lin, or use torch.nn.utils.parametrize"
        )
    x, h = mixed.split([convs[0].in_channels, convs[1].in_channels], dim=1)
    of_input, of_state = (cast("Tensor", conv.lin(rows)) for conv, rows in zip(convs, (x, h), strict=True))
    _, _, b_x, b_h = layer.weights()
    return of_input + of_state + (b_x + b_h)


def _by_step(topology: Topology, x: Tensor) -> tuple[Tensor, ...]:
    rows: tuple[Tensor, ...] = x[topology.by_time].split(topology.step_sizes)
    return rows


def _at(part: Tensor, nodes: Tensor | None) -> Tensor:
    return part if nodes is None else part[nodes]


def _put(part: Tensor, nodes: Tensor | None, new: Tensor) -> Tensor:
    return new if nodes is None else part.index_copy(0, nodes, new)
