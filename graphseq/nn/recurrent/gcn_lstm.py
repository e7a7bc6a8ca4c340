"""The long short-term memory whose gates are graph convolutions; its receptive field is a light cone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphseq._arguments import checked_arguments
from graphseq._torch.precision import HALVES, at_least_float32, in_full, is_mixed
from graphseq.data.topology import Topology
from graphseq.nn.cells import lstm_cell
from graphseq.nn.conv import GCNConv
from graphseq.nn.kernels.gcn_lstm import sequence
from graphseq.nn.kernels.gcn_lstm_forward import Weights
from graphseq.nn.kernels.schedule import Walk
from graphseq.nn.recurrent.gated import Conv, GatedEncoder, GatedLayer, Gates, NodeState, Sides


class GCNLSTMLayer(GatedLayer):
    """One layer of :class:`GCNLSTM`. ``peepholes`` holds w_i, w_f and w_o, (3, H), or is ``None``."""

    mode = "LSTM"

    def __init__(self, in_channels: int, hidden_channels: int, gates: Gates, conv: Conv, peepholes: bool) -> None:
        super().__init__(in_channels, hidden_channels, 4, 2, gates, conv)
        self.peepholes = nn.Parameter(torch.empty(3, hidden_channels)) if peepholes else None
        if self.peepholes is not None:
            nn.init.uniform_(self.peepholes, -(hidden_channels**-0.5), hidden_channels**-0.5)

    def cell(self, from_input: Tensor, from_state: Tensor, *state: Tensor) -> NodeState:
        """Compute h and c, (R, H) each."""
        return lstm_cell(from_input + from_state, state[1], self.peepholes)

    @property
    def is_torchs(self) -> bool:
        """True if the cell is that of torch's LSTM, which has no peepholes."""
        return self.peepholes is None

    def run(self, x: Tensor, topology: Topology, state: NodeState | None = None) -> tuple[Tensor, NodeState]:
        """Compute the outputs (V, H) and the last h and c of each node from its first, (N, H) each.

        ``GCNConv`` gates without hooks run over all steps in one kernel, which computes what :meth:`step_by_step` does.
        """
        if not self.reads_weights:
            return self.step_by_step(x, topology, state)
        if is_mixed(x):  # the kernel computes in one precision, so autocast is suspended around it
            with in_full(x) as full:
                out, last = self._all_steps(full, topology, state)
            kind = next(self.parameters()).dtype
            return (out.to(kind), tuple(part.to(kind) for part in last)) if kind in HALVES else (out, last)
        return self._all_steps(x, topology, state)

    def _all_steps(self, x: Tensor, topology: Topology, state: NodeState | None) -> tuple[Tensor, NodeState]:
        w_x, w_h, b_x, b_h = (at_least_float32(weight) for weight in self.weights())
        state = None if state is None else tuple(at_least_float32(part) for part in state)
        peepholes = None if self.peepholes is None else at_least_float32(self.peepholes)
        walk = Walk.over(topology, x.dtype if self.gates.of_state else None, self.gates.hops)
        return sequence(walk, self.mixed_input(x, topology), Weights(w_x, w_h, b_x + b_h, peepholes), state)


class GCNLSTM(GatedEncoder):
    r"""Long short-term memory whose gates are graph convolutions, over a dynamic graph.

    .. math:: [i\; f\; g\; o]_t = \hat A_t^L X_t W_x + b_x + \hat A_t^L H_{t-1} W_h + b_h, \qquad
              C_t = f ⊙ C_{t-1} + i ⊙ g, \qquad H_t = o ⊙ \tanh(C_t)

    with σ applied to i, f, o and tanh to g. Â_t belongs to the snapshot at time t; a node that is absent at t keeps its
    state and cell. On a sequence, where Â = I, it equals the LSTM, weight for weight. With peepholes, w_i ⊙ C_{t-1} is
    added to i, w_f ⊙ C_{t-1} to f and w_o ⊙ C_t to o.

    ``GCNConv`` gates run over all steps in one function with its own gradient; other gates, second derivatives and the
    transforms of ``torch.func`` run as a loop over the steps.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: the number of recurrent layers.
        convolve: which maps are graph convolutions, "both", "input" or "state"; the other is linear, row by row.
        hops: L, the hops of a convolution: Âᴸ in the place of Â.
        peepholes: whether the gates also depend on the cell.
        residual: add each layer's input to its output, from the second layer on.
        conv: a factory of any PyG convolution conv(x, edge_index) over neighbours for the gates, called with in and
            out channels; see :class:`GCN`.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1, an unknown ``convolve``, more than one hop with gates other than ``GCNConv``, or a
            ``conv`` that reads all rows of a graph.

    Source: Seo et al., *Structured sequence modeling with graph convolutional recurrent networks* (2016), with Kipf
    and Welling's convolution; Âᴸ: Wu et al., *Simplifying graph convolutional networks* (2019).

    Example:
        >>> import graphseq as gs, torch
        >>> signal = gs.from_signal(torch.zeros(5, 2, 3), torch.tensor([[0, 1], [1, 0]]))
        >>> gs.nn.GCNLSTM(3, 8)(signal).shape
        torch.Size([10, 8])
    """

    @checked_arguments
    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 1,
        *,
        convolve: Sides = "both",
        hops: int = 1,
        peepholes: bool = False,
        residual: bool = False,
        conv: Conv = GCNConv,
    ) -> None:
        gates = Gates.checked(convolve, hops)
        super().__init__(
            in_channels,
            hidden_channels,
            num_layers,
            lambda width: GCNLSTMLayer(width, hidden_channels, gates, conv, peepholes),
            residual=residual,
        )
