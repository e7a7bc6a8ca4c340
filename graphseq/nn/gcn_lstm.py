"""The recurrence whose gates are graph convolutions: a light cone of one hop a time step."""

from __future__ import annotations

from collections.abc import Callable

import scipy.sparse as sp
import torch
from scipy.sparse import csgraph
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from graphseq import _checks
from graphseq.graph import SpaceTimeGraph
from graphseq.nn.cells import lstm_cell
from graphseq.nn.conv import GCNConv, convolve
from graphseq.nn.encoder import Encoder
from graphseq.nn.trace import Trace, through_time
from graphseq.topology import Step, Topology


class GCNLSTMLayer(nn.Module):
    r"""One recurrent layer; see :class:`GCNLSTM`.

    ``conv_x`` and ``conv_h`` hold the weights that ``nn.LSTM`` calls ``weight_ih, bias_ih`` and ``weight_hh, bias_hh``.
    """

    def __init__(self, in_channels: int, hidden_channels: int, conv: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        self.hidden_channels = hidden_channels
        before = torch.get_rng_state()
        self.conv_x = conv(in_channels, 4 * hidden_channels)
        self.conv_h = conv(hidden_channels, 4 * hidden_channels)
        if isinstance(self.conv_x, GCNConv) and isinstance(self.conv_h, GCNConv):
            # What PyG drew is thrown away, so that one seed gives this and nn.LSTM the same weights.
            torch.set_rng_state(before)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw ``GCNConv`` gates as ``nn.LSTM`` draws its own, in its order; others keep their own initialisation."""
        if not (isinstance(self.conv_x, GCNConv) and isinstance(self.conv_h, GCNConv)):
            return
        bound = self.hidden_channels**-0.5
        for weight in (self.conv_x.lin.weight, self.conv_h.lin.weight, self.conv_x.bias, self.conv_h.bias):
            nn.init.uniform_(weight, -bound, bound)

    def forward(self, x: Tensor, topology: Topology) -> Tensor:
        """States (V, H) from inputs (V, F), rows in the order of time; a node that is away keeps its state."""
        conv_x, conv_h = self.conv_x, self.conv_h
        if topology.spatial.is_identity and isinstance(conv_x, GCNConv) and isinstance(conv_h, GCNConv):
            weights = [conv_x.lin.weight, conv_h.lin.weight, conv_x.bias, conv_h.bias]
            return self.along_time(x, topology, weights)
        return self.step_by_step(x, topology)

    def step_by_step(self, x: Tensor, topology: Topology) -> Tensor:
        """Snapshot after snapshot."""
        from_input = convolve(self.conv_x, x, topology.spatial)  # for all times at once
        h = c = from_input.new_zeros(topology.num_nodes, self.hidden_channels)
        out: list[Tensor] = []
        for step, term in zip(topology.steps, from_input.split(topology.step_sizes), strict=True):
            h_there, c_there = _take(h, step), _take(c, step)
            h_there, c_there = lstm_cell(term + convolve(self.conv_h, h_there, step.adjacency), c_there)
            h, c = _put(h, step, h_there), _put(c, step, c_there)
            out.append(h_there)
        return torch.cat(out)

    def update(self, x: Tensor, h: Tensor, c: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """One snapshot: inputs (R, F), states and cells (R, H) before it → states and cells after it."""
        gates = convolve(self.conv_x, x, step.adjacency) + convolve(self.conv_h, h, step.adjacency)
        return lstm_cell(gates, c)

    def along_time(self, x: Tensor, topology: Topology, weights: list[Tensor]) -> Tensor:
        """The same without edges, where Â = I: torch's fused LSTM on these very weights."""
        rows = topology.sequences.pack(x)
        zero = x.new_zeros(1, topology.num_nodes, self.hidden_channels)
        start, train = (zero, zero), self.training
        # Last: biases, one layer, no dropout, training, one direction, and for even lengths not batch-first.
        if isinstance(rows, PackedSequence):
            data = torch.lstm(rows.data, rows.batch_sizes, start, weights, True, 1, 0.0, train, False)[0]
            return topology.sequences.unpack(PackedSequence(data, rows.batch_sizes))
        return topology.sequences.unpack(torch.lstm(rows, start, weights, True, 1, 0.0, train, False, False)[0])


class GCNLSTM(Encoder):
    r"""Long short-term memory whose gates are graph convolutions, over a graph that changes.

    .. math:: [i\; f\; g\; o]_t = \hat A_t X_t W_x + b_x + \hat A_t H_{t-1} W_h + b_h, \qquad
              C_t = f ⊙ C_{t-1} + i ⊙ g, \qquad H_t = o ⊙ \tanh(C_t)

    with i, f, o under σ and g under tanh. Â_t belongs to the snapshot at time t; a node that is away at t keeps its
    state until it is back. Without edges Â = I and this **is** the LSTM, weight for weight: ``conv_x`` holds
    ``weight_ih`` and ``bias_ih``, ``conv_h`` holds ``weight_hh`` and ``bias_hh``. On one snapshot it is one gated GCN
    layer. Information moves one hop a time step, and one more for each layer: a light cone.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: recurrent layers, one upon the other.
        conv: a factory of any PyG convolution conv(x, edge_index) of one hop for the gates, called with in and out
            channels; see :class:`GCN`.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1.

    Source: Seo et al., *Structured sequence modeling with graph convolutional recurrent networks* (2016), eq. 7 to 8
    without peepholes, with Kipf and Welling's convolution.

    Example:
        >>> import graphseq as gs, torch
        >>> signal = gs.from_signal(torch.zeros(5, 2, 3), torch.tensor([[0, 1], [1, 0]]))
        >>> gs.nn.GCNLSTM(3, 8)(signal).shape
        torch.Size([10, 8])
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 1,
        *,
        conv: Callable[[int, int], nn.Module] = GCNConv,
    ) -> None:
        super().__init__(in_channels, hidden_channels, causal=True)
        self.num_layers = _checks.at_least("num_layers", num_layers, 1)
        widths = [in_channels] + [hidden_channels] * num_layers
        self.layers = nn.ModuleList(GCNLSTMLayer(a, hidden_channels, conv) for a in widths[:-1])

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """States (V, H) from features (V, F)."""
        topology = graph.topology
        in_order = topology.sorted_by_time
        h = x if in_order is topology else x[topology.by_time]
        for layer in self.layers:
            h = layer(h, in_order)
        return h if in_order is topology else h[topology.place_in_time]

    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """What each node remembers after each step: h of the last layer down to the first, then c likewise, (N, S)."""
        memory = 2 * self.num_layers * self.hidden_channels
        states, out = through_time(graph.topology, self._cut(graph), memory, self.hidden_channels, self._step)
        return Trace("step", states, out)

    def _step(self, x: Tensor, memory: Tensor, step: Step) -> Tensor:
        held = memory.split(self.hidden_channels, dim=1)
        above: list[Tensor] = []
        cells: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            place = self.num_layers - 1 - number
            assert isinstance(layer, GCNLSTMLayer)  # noqa: S101 - a ModuleList forgets what it was given
            x, c = layer.update(x, held[place], held[place + self.num_layers], step)
            above.insert(0, x)
            cells.insert(0, c)
        return torch.cat(above + cells, dim=1)

    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A light cone: one hop at the row's own time for each layer, and one more each step back, (K, V)."""
        size = graph.topology.num_rows
        reads = _cone(graph.topology, len(self.layers))
        found = torch.zeros(len(rows), size, dtype=torch.bool)
        for k, row in enumerate(rows.tolist()):
            # A search a row, which visits each read once, whatever the number of steps back.
            seen = csgraph.breadth_first_order(reads, len(self.layers) * size + row, return_predecessors=False)
            found[k, torch.from_numpy(seen[seen < size]).long()] = True
        return found


def _take(state: Tensor, step: Step) -> Tensor:
    return state if step.is_everyone else state[step.nodes]


def _put(state: Tensor, step: Step, new: Tensor) -> Tensor:
    return new if step.is_everyone else state.index_copy(0, step.nodes, new)


def _cone(topology: Topology, layers: int) -> sp.csr_array:
    """What each layer's row reads, (V (L + 1), V (L + 1)): the inputs first, then the states of layer upon layer."""
    space = topology.spatial.pattern
    # H_t reads the state before of each node next to it, C_t that of its own: a stored self-loop of weight 0 hides a
    # node from its own H, never from its own C.
    state = (space + sp.eye_array(topology.num_rows, dtype=bool, format="csr")) @ _one_step_back(topology)
    within = sp.block_diag([sp.csr_array(state.shape, dtype=bool), *[state] * layers])
    below = sp.kron(sp.eye_array(layers + 1, k=-1, dtype=bool), space)
    return sp.csr_array(within + below, dtype=float)


def _one_step_back(topology: Topology) -> sp.csr_array:
    """From each row to what the recurrence holds for its node before that time, (V, V)."""
    before, after = topology.temporal_edges.cpu().numpy()
    ones = torch.ones(len(before), dtype=torch.bool).numpy()
    return sp.csr_array((ones, (after, before)), shape=(topology.num_rows, topology.num_rows))
