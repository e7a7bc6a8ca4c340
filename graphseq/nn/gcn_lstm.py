"""The recurrence whose gates are graph convolutions: a light cone of one hop a time step."""

from __future__ import annotations

from collections.abc import Callable

import scipy.sparse as sp
import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq.graph import SpaceTimeGraph
from graphseq.nn.cells import lstm_cell
from graphseq.nn.conv import GCNConv, convolve
from graphseq.nn.encoder import Encoder
from graphseq.nn.gcn import seeds
from graphseq.topology import Step, Topology


class GCNLSTMLayer(nn.Module):
    r"""One recurrent layer; see :class:`GCNLSTM`.

    ``conv_x`` and ``conv_h`` hold the weights that ``nn.LSTM`` calls ``weight_ih, bias_ih`` and ``weight_hh, bias_hh``.
    """

    def __init__(self, in_channels: int, hidden_channels: int, conv: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        self.hidden_channels = hidden_channels
        self.conv_x = conv(in_channels, 4 * hidden_channels)
        self.conv_h = conv(hidden_channels, 4 * hidden_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw ``GCNConv`` gates as ``nn.LSTM`` draws its own, in its order; others keep their own initialisation."""
        if not (isinstance(self.conv_x, GCNConv) and isinstance(self.conv_h, GCNConv)):
            return
        bound = self.hidden_channels**-0.5
        for weight in (self.conv_x.lin.weight, self.conv_h.lin.weight, self.conv_x.bias, self.conv_h.bias):
            nn.init.uniform_(weight, -bound, bound)

    def forward(self, x: Tensor, topology: Topology) -> Tensor:
        """States (V, H) from inputs (V, F), snapshot after snapshot; a node that is away keeps its state."""
        from_input = convolve(self.conv_x, x, topology.spatial)
        h = c = from_input.new_zeros(topology.num_nodes, self.hidden_channels)
        rows: list[Tensor] = []
        out: list[Tensor] = []
        for step in topology.steps:
            h_there, c_there = _take(h, step), _take(c, step)
            gates = from_input[step.rows] + convolve(self.conv_h, h_there, step.adjacency)
            h_there, c_there = lstm_cell(gates, c_there)
            h, c = _put(h, step, h_there), _put(c, step, c_there)
            rows.append(step.rows)
            out.append(h_there)
        place = torch.empty_like(topology.node)
        place[torch.cat(rows)] = torch.arange(topology.num_rows, device=place.device)
        return torch.cat(out)[place]


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
        conv: a factory of any PyG convolution conv(x, edge_index) for the gates, called with in and out channels.

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
        h = x
        for layer in self.layers:
            h = layer(h, graph.topology)
        return h

    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A light cone: one hop at the row's own time for each layer, and one more each step back, (K, V)."""
        topology = graph.topology
        space = topology.spatial.pattern
        back = _one_step_back(topology)
        cone = seeds(rows, topology.num_rows)
        for _ in self.layers:
            front = cone
            while front.nnz:
                # H_t reads the state before of each node next to it; C_t only its own, which is among them.
                front = (front @ space @ back) > cone
                cone = cone + front
            cone = cone @ space
        return torch.from_numpy(cone.toarray())


def _take(state: Tensor, step: Step) -> Tensor:
    return state if step.is_everyone else state[step.nodes]


def _put(state: Tensor, step: Step, new: Tensor) -> Tensor:
    return new if step.is_everyone else state.index_copy(0, step.nodes, new)


def _one_step_back(topology: Topology) -> sp.csr_array:
    """From each row to what the recurrence holds for its node before that time, (V, V)."""
    before, after = topology.temporal_edges.cpu().numpy()
    ones = torch.ones(len(before), dtype=torch.bool).numpy()
    return sp.csr_array((ones, (after, before)), shape=(topology.num_rows, topology.num_rows))
