"""A recurrence that forgets parts of the graph: it learns which nodes and edges to leave out of the next snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, logsigmoid

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.nn.cells import lstm_cell
from graphseq.nn.conv import GCNConv
from graphseq.nn.encoder import Encoder
from graphseq.nn.recurrent._forgetting_snapshots import Snapshot, Snapshots, cone
from graphseq.nn.recurrent._forgetting_state import ForgettingState, Held, gather_state, scatter_state
from graphseq.nn.recurrent.gated import Gates
from graphseq.nn.recurrent.gcn_lstm import GCNLSTMLayer
from graphseq.nn.trace import Trace

Forget = Literal["nodes", "edges", "both"]
# σ(3) = 0.95: at first nearly all of the graph is kept, and a gate still has a gradient.
_FIRST_BIAS = 3.0


@dataclass(frozen=True)
class GateValues:
    """What was kept of a graph, from 1, all of it, to 0, forgotten: the gates multiplied on at each row's own time.

    With ``accumulate`` they are the running products. Edges are those of ``graph.topology.spatial.edge_index``, which
    writes static ones out; edges from a row to itself are never forgotten and have 1.
    """

    node: Tensor  #: k_i of each row's node, (V,); 1 where only edges are gated
    edge: Tensor  #: k_ij of each edge by itself, (E,); 1 where only nodes are gated
    factor: Tensor  #: φ_ij = k_i k_j k_ij, what A_ij was multiplied with, (E,)


class ForgetGates(nn.Module):
    r"""Gates of nodes and of pairs of nodes from their states, as logarithms; see :class:`ForgettingGCNLSTM`.

    Args:
        channels: H.
        of_nodes: whether nodes have gates.
        of_edges: whether pairs of them have.
    """

    def __init__(self, channels: int, of_nodes: bool, of_edges: bool) -> None:
        super().__init__()
        self.node = _score(channels) if of_nodes else None
        self.edge = _score(channels) if of_edges else None
        if of_edges:
            self.source, self.target = nn.Linear(channels, channels, bias=False), nn.Linear(channels, channels)

    def forward(self, h: Tensor, snapshot: Snapshot) -> tuple[Tensor, Tensor]:
        """Gates log k_i (R,) and log k_ij (Q,) from states (R, H)."""
        node, edge = h.new_zeros(len(h)), h.new_zeros(len(snapshot.source))
        if self.node is not None:
            node = logsigmoid(self.node(h)[:, 0])
        if self.edge is not None:
            j, i = self.source(h)[snapshot.source], self.target(h)[snapshot.target]
            edge = logsigmoid(self.edge((j + i).tanh())[:, 0])
        return node, edge


def _score(channels: int) -> nn.Linear:
    score = nn.Linear(channels, 1)
    nn.init.constant_(score.bias, _FIRST_BIAS)
    return score


class ForgettingGCNLSTM(Encoder):
    r"""A GCN-LSTM that learns which nodes and edges to forget in the next snapshot.

    .. math:: k_i = σ(w^\top h_i + b), \qquad
              k_{ij} = σ\big(a^\top \tanh(W_s h_j + W_t h_i + b_t) + b_e\big), \qquad
              \tilde A'_{ij} = k_i k_j k_{ij} A_{ij} \; (i \ne j), \qquad \tilde A'_{ii} = \tilde A_{ii}

    .. math:: [i\; f\; g\; o]_t = \hat A'_t X_t W_x + b_x + \hat A'_t H_{t-1} W_h + b_h, \qquad
              \hat A' = \tilde D'^{-1/2} \tilde A' \tilde D'^{-1/2}

    and the rest as in :class:`GCNLSTM`, which it equals, weight for weight, where all gates are 1. h_i is the state of
    node i *before* the step, in the last layer: one decision a step, by the layer that knows most, and all layers read
    the same Â'. The degrees D̃' are those of Ã', so that what is forgotten leaves its share to the rest. The self-loop
    stays: a forgotten node keeps its own input, state and cell, and is cut out of the snapshot.

    A node not seen before has the state 0, so its gates come from the biases, which begin at 3: σ(3) = 0.95. Without
    b_t, k_ij = k(h_i, h_j) would be odd about b_e, and could not say "the two ends differ".

    With ``accumulate`` the running products take the place of the gates, so what is forgotten stays so; the product
    of a node, or of a pair of nodes, waits while it is away. With a gate penalty λ, training follows the gradient of

    .. math:: \text{loss} + λ \left(\frac{1}{V} \sum k_i + \frac{1}{Q} \sum k_{ij}\right)

    (means over all times of what is multiplied on, of the kinds that are gated), an L1 penalty: in training mode, the
    backward pass of a loss adds the second gradient to the first. States, and all in evaluation mode, are as without.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: recurrent layers, one upon the other.
        forget: which gates there are, of "nodes", of "edges", or of "both"; the others are 1.
        accumulate: whether what is forgotten stays forgotten.
        gate_penalty: λ, at least 0, in the units of the loss.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1, an unknown ``forget``, a gate penalty below 0.

    Source: form of k_ij: Brody, Alon and Yahav, *How attentive are graph attention networks?* (2022), eq. 7, with
    tanh; gates under an L1 penalty that mask a graph: Ying et al., *GNNExplainer* (2019), there one mask a graph.

    Example:
        >>> import graphseq as gs, torch
        >>> signal = gs.from_signal(torch.zeros(5, 2, 3), torch.tensor([[0, 1], [1, 0]]))
        >>> encoder = gs.nn.ForgettingGCNLSTM(3, 8)
        >>> encoder(signal).shape
        torch.Size([10, 8])
        >>> kept = encoder.gate_values(signal)
        >>> kept.node.shape, kept.edge.shape
        (torch.Size([10]), torch.Size([10]))
    """

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
        self.num_layers = _checks.at_least("num_layers", num_layers, 1)
        self.forget = _checks.one_of("forget", forget, ("nodes", "edges", "both"))
        self.accumulate, self.gate_penalty = accumulate, _checks.between("gate_penalty", gate_penalty, 0, float("inf"))
        width = [in_channels] + [hidden_channels] * (num_layers - 1)
        gates = Gates.checked("both", 1)
        self.layers = nn.ModuleList(GCNLSTMLayer(each, hidden_channels, gates, GCNConv, False) for each in width)
        self.gates = ForgetGates(hidden_channels, forget != "edges", forget != "nodes")

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """States (V, H) from features (V, F)."""
        return self._over(graph.topology, x, None).states

    def run(self, graph: SpaceTimeGraph, memory: ForgettingState | None = None) -> tuple[Tensor, ForgettingState]:
        """States (V, H) of a piece of a stream, and what is remembered for the next: together, one long pass.

        Args:
            graph: the piece, its times all after those of the pieces before; nodes are known by their numbers.
            memory: what the piece before returned; ``None`` at the beginning.

        Raises:
            TypeError: a memory of another kind.
            ValueError: a memory of another encoder, or of a later time.
        """
        found = self._over(graph.topology, self._features(graph.x), memory)
        lasting = found.snapshots if self.accumulate else None
        return found.states, scatter_state(memory, graph.topology, found.held, lasting)

    def gate_values(self, graph: SpaceTimeGraph, memory: ForgettingState | None = None) -> GateValues:
        """What was kept of each node and each edge of ``graph`` at its own time.

        Args:
            graph: as for ``encoder(graph)``.
            memory: as for :meth:`run`, where the graph is a piece of a stream.
        """
        topology = graph.topology
        found = self._over(topology, self._features(graph.x), memory)
        node, edge = found.node, found.snapshots.of_edges(found.edge, topology)
        j, i = topology.spatial.edge_index
        factor = torch.where(j == i, 0.0, node[j] + node[i] + edge)
        return GateValues(node.exp(), edge.exp(), factor.exp())

    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """What each node remembers after each step, (N, S).

        h of the last layer down to the first, then c likewise; with ``accumulate`` also the logarithms of the node's
        product of gates and of those of the pairs in which it reads.
        """
        x, topology, states, out = self._cut(graph), graph.topology, [], []
        snapshots = Snapshots.over(topology.sorted_by_time, x.dtype)
        lasting = snapshots if self.accumulate else None
        held = gather_state(None, topology, snapshots, self.num_layers, x.new_empty(0, self.hidden_channels))
        for snapshot, rows in zip(snapshots.each, _by_step(topology, x), strict=True):
            states.append(self._step(rows, held, snapshot)[0].packed(lasting))
            held = held.unpacked(states[-1], lasting)
            out.append(_at(held.states[-2], snapshot.nodes))
        return Trace("step", states, torch.cat(out)[topology.place_in_time])

    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A light cone: one hop at the row's own time for each layer, and two more each step back, (K, V).

        Two, since an entry of Â' has the degrees of both its ends in it, and these the gates of all that the ends read.
        Running products are of older states of the same nodes, which the cell has read already: they widen nothing.
        Where stored self-loops have weight 0, normalising can take a gate out again, and this says too much.
        """
        return cone(graph.topology, self.num_layers, rows)

    def _over(self, topology: Topology, x: Tensor, memory: ForgettingState | None) -> _Passed:
        """All steps."""
        snapshots = Snapshots.over(topology.sorted_by_time, x.dtype)
        held = gather_state(memory, topology, snapshots, self.num_layers, x.new_empty(0, self.hidden_channels))
        out, nodes, edges = [], [], []
        for snapshot, rows in zip(snapshots.each, _by_step(topology, x), strict=True):
            held, node, edge, state = self._step(rows, held, snapshot)
            out.append(state)
            nodes.append(node)
            edges.append(edge)
        states, node, edge = torch.cat(out), torch.cat(nodes), torch.cat(edges)
        if self.training and self.gate_penalty:
            states = _Pressed.apply(states, self._mean(node, edge), self.gate_penalty)  # type: ignore[no-untyped-call]
        back = topology.place_in_time
        return _Passed(states[back], node[back], edge, held, snapshots)

    def _step(self, x: Tensor, held: Held, snapshot: Snapshot) -> tuple[Held, Tensor, Tensor, Tensor]:
        """What is held after a step, the logarithms of its gates (R,) and (Q,), and its states (R, H)."""
        there = [_at(part, snapshot.nodes) for part in held.states]
        node, edge = self.gates(there[-2], snapshot)
        of_node, of_pair = held.node, held.pair
        if self.accumulate:
            node, edge = node + _at(of_node, snapshot.nodes), edge + of_pair[snapshot.pair]
            of_node, of_pair = _put(of_node, snapshot.nodes, node), of_pair.index_copy(0, snapshot.pair, edge)
        hat = snapshot.normalised((node[snapshot.source] + node[snapshot.target] + edge).exp())
        after: list[Tensor] = []
        for layer, h, c in zip(self._stack, there[::2], there[1::2], strict=True):
            w_x, w_h, b_x, b_h = layer.weights()
            mixed = hat @ torch.cat([x, h], dim=1)
            x, cells = lstm_cell(linear(mixed, torch.cat([w_x, w_h], dim=1), b_x + b_h), c)
            after += [x, cells]
        states = (_put(old, snapshot.nodes, new) for old, new in zip(held.states, after, strict=True))
        return Held(tuple(states), of_node, of_pair), node, edge, x

    def _mean(self, node: Tensor, edge: Tensor) -> Tensor:
        """The mean gate of each kind that is gated, added up."""
        gated = ((node, self.gates.node), (edge, self.gates.edge))
        return sum((log.exp().mean() for log, score in gated if score is not None and len(log)), node.new_zeros(()))

    @property
    def _stack(self) -> list[GCNLSTMLayer]:
        return cast("list[GCNLSTMLayer]", list(self.layers))


class _Passed(NamedTuple):
    """What came of a pass over all steps."""

    states: Tensor  # (V, H)
    node: Tensor  # (V,) logarithms of what was multiplied on, of nodes
    edge: Tensor  # (Q₁ + … + Q_T,) and of the pairs of each snapshot by themselves
    held: Held
    snapshots: Snapshots


class _Pressed(torch.autograd.Function):
    """States as they are, whose gradient comes with λ times that of a mean gate."""

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


def _by_step(topology: Topology, x: Tensor) -> tuple[Tensor, ...]:
    rows: tuple[Tensor, ...] = x[topology.by_time].split(topology.step_sizes)
    return rows


def _at(part: Tensor, nodes: Tensor | None) -> Tensor:
    return part if nodes is None else part[nodes]


def _put(part: Tensor, nodes: Tensor | None, new: Tensor) -> Tensor:
    return new if nodes is None else part.index_copy(0, nodes, new)
