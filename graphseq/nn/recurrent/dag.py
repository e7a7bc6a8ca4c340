"""Recurrent networks on directed acyclic graphs: the state of a row depends on the summed states of its children."""

from __future__ import annotations

from abc import abstractmethod

import torch
from scipy.sparse import csgraph
from torch import Tensor, nn
from torch.nn.functional import linear

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.cells import gru_cell, lstm_cell, rnn_cell
from graphseq.nn.encoder import Encoder
from graphseq.nn.recurrent._dag_schedule import Ancestry, Generation
from graphseq.nn.recurrent.rnn import GRU, LSTM, RNN, along_time
from graphseq.nn.trace import Trace

Weights = tuple[Tensor, Tensor, Tensor, Tensor]  # of one layer: W_x, W_h, b_x, b_h


class ChildSum(Encoder):
    """An encoder that runs a recurrence over a directed acyclic graph; DAGRNN, DAGGRU and DAGLSTM derive from it.

    A row reads its children: the sources of its spatial edges, and the previous row of its node. A tree whose edges
    lead to the root is read from the leaves up. An edge of weight w counts as w edges, and one of weight 0 as none.
    Rows are computed by generation, those of all graphs of a batch together, and each edge carries one message, so the
    cost is linear in rows and edges for any depth. Where the graph consists of paths, torch's fused kernel runs on
    them.

    A new cell is a subclass with :meth:`_update`, and with :meth:`_message` where children send more than their state.

    Args:
        kernel: torch's ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM``, not batch-first, which holds the weights.

    Example:
        A new cell in full, a vanilla one that takes the mean of its children's states in place of their sum:

        >>> import graphseq as gs, networkx as nx, torch
        >>> from graphseq.nn.cells import rnn_cell
        >>> from graphseq.nn.recurrent.dag import ChildSum
        >>> class MeanRNN(ChildSum):
        ...     def __init__(self, in_channels, hidden_channels):
        ...         super().__init__(gs.nn.RNN(in_channels, hidden_channels).kernel)
        ...     def _update(self, weights, term, messages, generation):
        ...         _, w_h, _, b_h = weights
        ...         if messages is None:  # rows without children
        ...             return rnn_cell(term + b_h)
        ...         count = generation.aggregate(torch.ones_like(messages[:, :1]))
        ...         return rnn_cell(term + generation.aggregate(messages) / count @ w_h.T + b_h)
        >>> gs.testing.check_encoder(lambda in_channels: MeanRNN(in_channels, 8), acyclic=True)
    """

    @checked_arguments
    def __init__(self, kernel: nn.RNNBase) -> None:
        super().__init__(kernel.input_size, kernel.hidden_size, causal=True)
        self.num_layers = kernel.num_layers
        self.kernel = kernel

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """Compute the states (V, H) from features (V, F)."""
        self._check_no_edge_attr(graph)
        dag = Ancestry.of(graph.topology)
        if dag.sequences is None:
            return self.by_generation(dag, x)
        return along_time(self.kernel, dag.sequences, x)

    def by_generation(self, dag: Ancestry, x: Tensor) -> Tensor:
        """Compute the states (V, H) generation by generation, for rows with any number of children."""
        x = x.index_select(0, dag.order)
        for layer in range(self.num_layers):
            x = self._layer(dag, x, self._weights(layer))
        return x.index_select(0, dag.position)

    def _layer(self, dag: Ancestry, x: Tensor, weights: Weights) -> Tensor:
        """Compute the states (V, H) of one layer from inputs (V, ·), rows sorted by generation."""
        inbox: list[list[Tensor]] = [[] for _ in dag.generations]
        out: list[Tensor] = []
        terms = linear(x, weights[0], weights[2]).split(dag.sizes)
        for generation, term, received in zip(dag.generations, terms, inbox, strict=True):
            messages = torch.cat(received) if received else None
            received.clear()  # frees the messages once they are used
            state = self._update(weights, term, messages, generation)
            out.append(state[:, : self.hidden_channels])
            if generation.receivers:
                sent = self._message(weights, state).index_select(0, generation.sender)
                sizes = list(generation.receivers.values())
                for receiver, batch in zip(generation.receivers, sent.split(sizes), strict=True):
                    inbox[receiver].append(batch)
        return torch.cat(out)

    @checked_arguments
    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """The features, the recurrent state (V, S) after each generation, and the output.

        The state is h of the last layer down to the first, then c likewise; it is zero for rows of later generations.
        Generations count as layers: rows of one generation may be of many times, and rows of one time of many
        generations.
        """
        self._check_no_edge_attr(graph)
        x = self._leaf(graph)
        dag = Ancestry.of(graph.topology)
        parts = self.num_layers * (2 if self.kernel.mode == "LSTM" else 1)
        state = x.new_zeros(dag.num_rows, parts * self.hidden_channels)
        states = [x]
        for generation in dag.generations:
            child_state = state.index_select(0, generation.children)
            state = state.index_copy(0, generation.rows, self._step(x[generation.rows], child_state, generation))
            states.append(state)
        out = state[:, : self.hidden_channels]
        return Trace("layer", [*states, out], out)

    def _step(self, x: Tensor, child_state: Tensor, generation: Generation) -> Tensor:
        """The state (R, S) of the rows of a generation, from features (R, F) and their children's state (E, S)."""
        new: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            weights, column = self._weights(layer), self.num_layers - 1 - layer
            children = torch.cat(child_state.split(self.hidden_channels, dim=1)[column :: self.num_layers], dim=1)
            messages = self._message(weights, children) if len(children) else None
            state = self._update(weights, linear(x, weights[0], weights[2]), messages, generation)
            new.insert(0, state.split(self.hidden_channels, dim=1))
            x = new[0][0]
        return torch.cat([part for kind in zip(*new, strict=True) for part in kind], dim=1)

    def _weights(self, layer: int) -> Weights:
        w_x, w_h, b_x, b_h = self.kernel.all_weights[layer]
        return w_x, w_h, b_x, b_h

    def _message(self, weights: Weights, state: Tensor) -> Tensor:
        """The message that each row sends along its leaving edges, (R, ·), from its state (R, ·)."""
        return state

    @abstractmethod
    def _update(self, weights: Weights, term: Tensor, messages: Tensor | None, generation: Generation) -> Tensor:
        """The state of the rows of a generation, (R, ·), h first.

        Args:
            weights: of the layer.
            term: W_x x + b_x, (R, ·).
            messages: the messages of the entering edges, (E, ·); ``None`` where there are no such edges.
            generation: the rows and edges.
        """

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A row, its children, their children, and so on, (K, V)."""
        rows = _checks.rows("rows", rows, graph.num_rows)
        reads = Ancestry.of(graph.topology).reads
        field = torch.zeros(len(rows), reads.shape[0], dtype=torch.bool)
        for k, row in enumerate(rows.tolist()):
            visited = csgraph.breadth_first_order(reads, row, return_predecessors=False)
            field[k, torch.from_numpy(visited).long()] = True
        return field


class DAGRNN(ChildSum):
    r"""Vanilla recurrent network on a directed acyclic graph.

    .. math:: \tilde h_j = \sum_{k \in C(j)} h_k, \qquad
              h_j = \tanh(W_{hx} x_j + b_{hx} + W_{hh} \tilde h_j + b_{hh})

    C(j) are the children of row j: the rows that its spatial edges lead from, and the previous row of its node. On a
    path this equals :class:`RNN`, weight for weight, and takes its ``state_dict``; ``kernel`` takes that of ``nn.RNN``.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: the number of recurrent layers.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1; called on a graph, a cycle of spatial edges, which is named. An undirected edge is
            one, and so is a self-loop.

    Source: Elman (1990), with the child sum of Tai, Socher and Manning (2015), eq. 2, as its state.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> both_to_one = gs.from_graph(nx.DiGraph([(0, 2), (1, 2)]), x=torch.eye(3))
        >>> gs.nn.DAGRNN(3, 8)(both_to_one).shape
        torch.Size([3, 8])
    """

    @checked_arguments
    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 1) -> None:
        super().__init__(RNN(in_channels, hidden_channels, num_layers).kernel)

    def _update(self, weights: Weights, term: Tensor, messages: Tensor | None, generation: Generation) -> Tensor:
        _, w_h, _, b_h = weights
        return rnn_cell(term + (b_h if messages is None else linear(generation.aggregate(messages), w_h, b_h)))


class DAGGRU(ChildSum):
    r"""Gated recurrent unit on a directed acyclic graph; gates in :func:`graphseq.nn.cells.gru_cell`.

    .. math:: \tilde h_j = \sum_{k \in C(j)} h_k, \qquad h_j = \mathrm{GRU}(x_j, \tilde h_j)

    C(j) are the children of row j: the rows that its spatial edges lead from, and the previous row of its node. On a
    path this equals :class:`GRU`, weight for weight, and takes its ``state_dict``; ``kernel`` takes that of ``nn.GRU``.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: the number of recurrent layers.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1; called on a graph, a cycle of spatial edges, which is named. An undirected edge is
            one, and so is a self-loop.

    Source: Cho et al. (2014), eq. 5 to 8, with the child sum of Tai, Socher and Manning (2015), eq. 2, as its state.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> both_to_one = gs.from_graph(nx.DiGraph([(0, 2), (1, 2)]), x=torch.eye(3))
        >>> gs.nn.DAGGRU(3, 8)(both_to_one).shape
        torch.Size([3, 8])
    """

    @checked_arguments
    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 1) -> None:
        super().__init__(GRU(in_channels, hidden_channels, num_layers).kernel)

    def _update(self, weights: Weights, term: Tensor, messages: Tensor | None, generation: Generation) -> Tensor:
        _, w_h, _, b_h = weights
        if messages is None:
            return gru_cell(term, b_h, term.new_zeros(len(term), self.hidden_channels))
        h = generation.aggregate(messages)
        return gru_cell(term, linear(h, w_h, b_h), h)


class DAGLSTM(ChildSum):
    r"""The child-sum Tree-LSTM on any directed acyclic graph, with one forget gate for each child.

    .. math:: \tilde h_j &= \sum_{k \in C(j)} h_k, \qquad
              i_j, o_j = σ(W x_j + U \tilde h_j + b), \quad u_j = \tanh(W x_j + U \tilde h_j + b) \\
              f_{jk} &= σ(W_f x_j + U_f h_k + b_f) \qquad \text{for } k \in C(j) \\
              c_j &= i_j ⊙ u_j + \sum_{k \in C(j)} f_{jk} ⊙ c_k, \qquad h_j = o_j ⊙ \tanh(c_j)

    with weights of their own for i, o, u and f. C(j) are the children of row j: the rows that its spatial edges lead
    from, and the previous row of its node. On a path this equals :class:`LSTM`, weight for weight, and takes its
    ``state_dict``; ``kernel`` takes that of ``nn.LSTM``, W and U being ``weight_ih`` and ``weight_hh``, b the sum of
    both biases.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: the number of recurrent layers.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1; called on a graph, a cycle of spatial edges, which is named. An undirected edge is
            one, and so is a self-loop.

    Source: Tai, Socher and Manning, *Improved semantic representations from tree-structured long short-term memory
    networks* (2015), eq. 2 to 8.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> both_to_one = gs.from_graph(nx.DiGraph([(0, 2), (1, 2)]), x=torch.eye(3))
        >>> gs.nn.DAGLSTM(3, 8)(both_to_one).shape
        torch.Size([3, 8])
    """

    @checked_arguments
    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 1) -> None:
        super().__init__(LSTM(in_channels, hidden_channels, num_layers).kernel)

    def _weights(self, layer: int) -> Weights:
        """The weights with both biases in b_x, where every child's forget gate uses them, and an open gate in b_h."""
        w_x, w_h, b_x, b_h = super()._weights(layer)
        open_gate = torch.zeros_like(b_h)
        open_gate[self._forget] = torch.inf
        return w_x, w_h, b_x + b_h, open_gate

    @property
    def _forget(self) -> slice:
        return slice(self.hidden_channels, 2 * self.hidden_channels)

    def _message(self, weights: Weights, state: Tensor) -> Tensor:
        """h, c and U_f h, (R, 3 H)."""
        return torch.cat([state, linear(state[:, : self.hidden_channels], weights[1][self._forget])], dim=1)

    def _update(self, weights: Weights, term: Tensor, messages: Tensor | None, generation: Generation) -> Tensor:
        _, w_h, _, open_gate = weights
        if messages is None:
            return torch.cat(lstm_cell(term + open_gate, term.new_zeros(len(term), self.hidden_channels)), dim=1)
        h, c, forget = messages.chunk(3, dim=1)
        gated = (generation.at_edges(term[:, self._forget]) + forget).sigmoid() * c
        h, c = generation.aggregate(torch.cat([h, gated], dim=1)).chunk(2, dim=1)
        # The forget gates of the children are already applied, so that of the cell is open: σ(∞) = 1.
        return torch.cat(lstm_cell(term + linear(h, w_h, open_gate), c), dim=1)
