"""Recurrent networks along each node's time, over sequences of any lengths."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments, checked_but
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.sequences import Sequences
from graphseq.data.topology import Step
from graphseq.nn.cells import gru_cell, lstm_cell, rnn_cell
from graphseq.nn.encoder import Encoder
from graphseq.nn.kernels.rnn import recur
from graphseq.nn.recurrent.state import RecurrentState, gather_state, scatter_state
from graphseq.nn.trace import Trace, through_time


class RNNBase(Encoder):
    """An encoder that runs one of torch's recurrences along each node's rows in time; RNN, GRU and LSTM derive from it.

    A row's state depends on its own past alone. The state starts at zero for each node and is not kept between calls;
    :meth:`run` takes and returns it. For a cell that torch does not have, :class:`~graphseq.nn.Encoder` lists the base
    classes to derive from.

    Args:
        kernel: torch's ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM``, not batch-first.
    """

    @checked_arguments
    def __init__(self, kernel: nn.RNNBase) -> None:
        super().__init__(kernel.input_size, kernel.hidden_size, causal=True)
        self.num_layers = kernel.num_layers
        self.kernel = kernel

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """Compute the states (V, H) from features (V, F)."""
        return along_time(self.kernel, graph.topology.sequences, x)

    @checked_but("state")
    def run(self, graph: SpaceTimeGraph, state: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]:
        """Run over a piece of a stream and return its states (V, H) and the recurrent state to pass on to the next.

        Running over all pieces in turn gives what one pass over the whole stream gives.

        Args:
            graph: the piece, its times all after those of the pieces before; nodes keep their numbers.
            state: the recurrent state that the piece before returned; ``None`` for the first piece.

        Raises:
            ValueError: the state of another encoder, or of a later time.

        Example:
            >>> import graphseq as gs, torch
            >>> encoder, state = gs.nn.LSTM(3, 8), None
            >>> for time in range(2):
            ...     piece = gs.SpaceTimeGraph(torch.zeros(1, 3), torch.tensor([7]), torch.tensor([time]))
            ...     out, state = encoder.run(piece, state)
        """
        topology, x = graph.topology, self._features(graph.x)
        sequences, kinds = topology.sequences, 2 if self.kernel.mode == "LSTM" else 1
        # The kernel takes one sequence a node, the longest first.
        rows = torch.arange(topology.num_nodes, device=x.device)
        node = topology.node_index[rows if sequences.order is None else sequences.order[: topology.num_nodes]]
        before = gather_state(state, topology, kinds * self.num_layers, x.new_empty(0, self.hidden_channels))
        first = [torch.stack(before[kind::kinds])[:, node] for kind in range(kinds)]
        kernel = partial(recur, self.kernel)
        out, states = sequences.along(x, kernel, first[0] if kinds == 1 else tuple(first), exact=True)
        last = sequences.last(states)
        by_kind = [part[:, node.argsort()] for part in ([last] if kinds == 1 else last)]
        parts = tuple(part[layer] for layer in range(self.num_layers) for part in by_kind)
        return out, scatter_state(state, topology, parts)

    @checked_arguments
    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """The recurrent state after each time step, (N, S): h of the last layer down to the first, then c likewise."""
        depth = self.num_layers * (2 if self.kernel.mode == "LSTM" else 1)
        states, out = through_time(
            graph.topology, self._leaf(graph), depth * self.hidden_channels, self.hidden_channels, self._step
        )
        return Trace("step", states, out)

    def _step(self, x: Tensor, state: Tensor, _: Step) -> Tensor:
        parts = state.split(self.hidden_channels, dim=1)
        hidden: list[Tensor] = []
        cells: list[Tensor] = []
        for layer in range(self.num_layers):
            index = self.num_layers - 1 - layer
            h, c = parts[index], parts[index + self.num_layers] if self.kernel.mode == "LSTM" else None
            w_x, w_h, b_x, b_h = self.kernel.all_weights[layer]
            a, s = nn.functional.linear(x, w_x, b_x), nn.functional.linear(h, w_h, b_h)
            if c is not None:
                x, c = lstm_cell(a + s, c)
                cells.insert(0, c)
            else:
                x = gru_cell(a, s, h) if self.kernel.mode == "GRU" else rnn_cell(a + s)
            hidden.insert(0, x)
        return torch.cat(hidden + cells, dim=1)

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A line: the rows of the same node up to the same time, (K, V)."""
        rows = _checks.rows("rows", rows, graph.num_rows)
        node, time = graph.node, graph.time
        same = node[rows][:, None] == node
        line: Tensor = same & (time <= time[rows][:, None])
        return line.cpu()


def along_time(kernel: nn.RNNBase, sequences: Sequences, x: Tensor) -> Tensor:
    """Run a recurrence along each sequence from a state of zero: inputs (V, F) → states (V, H)."""
    zero = x.new_zeros(kernel.num_layers, sequences.count, kernel.hidden_size)
    return sequences.along(x, partial(recur, kernel), (zero, zero) if kernel.mode == "LSTM" else zero)[0]


class RNN(RNNBase):
    r"""Vanilla recurrent network along each node's time.

    .. math:: h_t = \tanh(W_{hx} x_t + b_{hx} + W_{hh} h_{t-1} + b_{hh})

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: the number of recurrent layers.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1.

    Source: Elman (1990). The two biases are torch's.

    Example:
        >>> import graphseq as gs, torch
        >>> gs.nn.RNN(3, 8)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
    """

    @checked_arguments
    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 1) -> None:
        super().__init__(nn.RNN(*_sizes(in_channels, hidden_channels, num_layers)))


class GRU(RNNBase):
    """Gated recurrent unit along each node's time; equations in :func:`graphseq.nn.cells.gru_cell`.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: the number of recurrent layers.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1.

    Source: Cho et al. (2014), eq. 5 to 8.

    Example:
        >>> import graphseq as gs, torch
        >>> gs.nn.GRU(3, 8)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
    """

    @checked_arguments
    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 1) -> None:
        super().__init__(nn.GRU(*_sizes(in_channels, hidden_channels, num_layers)))


class LSTM(RNNBase):
    """Long short-term memory along each node's time; equations in :func:`graphseq.nn.cells.lstm_cell`.

    A layer of n units on d inputs has 4(dn + n² + n) parameters in the literature; torch keeps a second bias, so here
    it is 4(dn + n² + 2n).

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: the number of recurrent layers.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1.

    Source: Hochreiter and Schmidhuber (1997), Gers et al. (2000).

    Example:
        >>> import graphseq as gs, torch
        >>> gs.nn.LSTM(3, 8)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
    """

    @checked_arguments
    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 1) -> None:
        super().__init__(nn.LSTM(*_sizes(in_channels, hidden_channels, num_layers)))


def _sizes(in_channels: int, hidden_channels: int, num_layers: int) -> tuple[int, int, int]:
    return (
        _checks.at_least("in_channels", in_channels, 1),
        _checks.at_least("hidden_channels", hidden_channels, 1),
        _checks.layers("num_layers", num_layers, 1),
    )


@checked_arguments
def step_by_step(encoder: RNNBase, graph: SpaceTimeGraph) -> Tensor:
    r"""Compute the states of a recurrent encoder from its equations, row by row, as a reference for the kernels.

    .. math::
        \text{RNN:}\quad  & h_t = \tanh(W_{hx} x_t + W_{hh} h_{t-1} + b) \\
        \text{LSTM:}\quad & g_t = \tanh(W_{gx} x_t + W_{gh} h_{t-1} + b_g), \quad
                            i_t, f_t, o_t = σ(W_{\cdot x} x_t + W_{\cdot h} h_{t-1} + b_\cdot) \\
                          & c_t = g_t ⊙ i_t + c_{t-1} ⊙ f_t, \quad h_t = \tanh(c_t) ⊙ o_t \\
        \text{GRU:}\quad  & \text{see } \texttt{graphseq.nn.cells.gru\_cell}

    It is slow, and the kernels are tested against it.

    Args:
        encoder: an :class:`RNN`, :class:`GRU` or :class:`LSTM`.
        graph: V rows with floating features (V, F).

    Returns:
        States (V, H), equal to ``encoder(graph)`` up to rounding.

    Example:
        >>> import graphseq as gs
        >>> encoder, graph = gs.nn.LSTM(1, 3), gs.from_sequence(torch.ones(4, 1))
        >>> torch.allclose(step_by_step(encoder, graph), encoder(graph), atol=1e-6)
        True
    """
    kernel = encoder.kernel
    inputs = list(encoder._features(graph.get("x")))
    for layer in range(kernel.num_layers):
        w_x, w_h = getattr(kernel, f"weight_ih_l{layer}"), getattr(kernel, f"weight_hh_l{layer}")
        b_x, b_h = getattr(kernel, f"bias_ih_l{layer}"), getattr(kernel, f"bias_hh_l{layer}")
        states: dict[int, tuple[Tensor, Tensor]] = {}
        outputs = list(inputs)
        for row in graph.time.argsort(stable=True).tolist():
            node = int(graph.node[row])
            zero = w_h.new_zeros(kernel.hidden_size)
            h, c = states.get(node, (zero, zero))
            states[node] = _update(kernel.mode, w_x @ inputs[row] + b_x, w_h @ h + b_h, h, c)
            outputs[row] = states[node][0]
        inputs = outputs
    return torch.stack(inputs)


def _update(mode: str, a: Tensor, s: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    if mode == "RNN_TANH":
        return torch.tanh(a + s), c
    if mode == "GRU":
        (a_r, a_z, a_n), (s_r, s_z, s_n) = a.chunk(3), s.chunk(3)
        r, z = torch.sigmoid(a_r + s_r), torch.sigmoid(a_z + s_z)
        return (1 - z) * torch.tanh(a_n + r * s_n) + z * h, c
    i, f, g, o = (a + s).chunk(4)
    c = torch.tanh(g) * torch.sigmoid(i) + c * torch.sigmoid(f)
    return torch.tanh(c) * torch.sigmoid(o), c
