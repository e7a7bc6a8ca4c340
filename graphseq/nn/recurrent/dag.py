"""Recurrent networks on directed acyclic graphs: a row reads all its children, whose states are summed."""

from __future__ import annotations

from abc import abstractmethod

import torch
from scipy.sparse import csgraph
from torch import Tensor, nn
from torch.nn.functional import linear

from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.cells import gru_cell, lstm_cell, rnn_cell
from graphseq.nn.encoder import Encoder
from graphseq.nn.recurrent._dag_schedule import Ancestry, Generation
from graphseq.nn.recurrent.rnn import GRU, LSTM, RNN, along_time
from graphseq.nn.trace import Trace

Weights = tuple[Tensor, Tensor, Tensor, Tensor]  # of one layer: W_x, W_h, b_x, b_h


class ChildSum(Encoder):
    """What the recurrences on directed acyclic graphs share: one batch of work a generation, all graphs together.

    A row reads the rows that edges lead from, its children: the sources of its spatial edges, and the row of its node
    before it. A tree whose edges lead to the root is read from the leaves up. An edge of weight w counts as w edges,
    so one of weight 0 as none. What a row remembers is sent along each edge once, so the work is that of the rows and
    edges, whatever the depth; where all there is are paths, they go to torch's fused kernel.

    Args:
        kernel: torch's ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM``, not batch-first, whose weights these are.
    """

    def __init__(self, kernel: nn.RNNBase) -> None:
        super().__init__(kernel.input_size, kernel.hidden_size, causal=True)
        self.num_layers = kernel.num_layers
        self.kernel = kernel

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """States (V, H) from features (V, F)."""
        dag = Ancestry.of(graph.topology)
        if dag.sequences is None:
            return self.by_generation(dag, x)
        return along_time(self.kernel, dag.sequences, x)

    def by_generation(self, dag: Ancestry, x: Tensor) -> Tensor:
        """The same without the fused kernel, which knows no row of two children."""
        x = x.index_select(0, dag.order)
        for layer in range(self.num_layers):
            x = self._layer(dag, x, self._weights(layer))
        return x.index_select(0, dag.place)

    def _layer(self, dag: Ancestry, x: Tensor, weights: Weights) -> Tensor:
        """States (V, H) of one layer from inputs (V, ·), rows by generation."""
        inbox: list[list[Tensor]] = [[] for _ in dag.generations]
        out: list[Tensor] = []
        terms = linear(x, weights[0], weights[2]).split(dag.sizes)
        for generation, term, parcels in zip(dag.generations, terms, inbox, strict=True):
            told = torch.cat(parcels) if parcels else None
            parcels.clear()  # so that what is read is not held for longer
            memory = self._update(weights, term, told, generation)
            out.append(memory[:, : self.hidden_channels])
            if generation.receivers:
                sent = self._tell(weights, memory).index_select(0, generation.sent)
                sizes = list(generation.receivers.values())
                for receiver, parcel in zip(generation.receivers, sent.split(sizes), strict=True):
                    inbox[receiver].append(parcel)
        return torch.cat(out)

    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """What all rows remember after each generation, zero where their own is yet to come, (V, S).

        Features first; then h of the last layer down to the first and c likewise; what the encoder gives last.
        Generations count as layers: rows of one generation may be of many times, and rows of one time of many.
        """
        x = self._cut(graph)
        dag = Ancestry.of(graph.topology)
        parts = self.num_layers * (2 if self.kernel.mode == "LSTM" else 1)
        held = x.new_zeros(dag.num_rows, parts * self.hidden_channels)
        states = [x]
        for generation in dag.generations:
            read = held.index_select(0, generation.children)
            held = held.index_copy(0, generation.rows, self._step(x[generation.rows], read, generation))
            states.append(held)
        out = held[:, : self.hidden_channels]
        return Trace("layer", [*states, out], out)

    def _step(self, x: Tensor, read: Tensor, generation: Generation) -> Tensor:
        """What the rows of a generation remember, (R, S), from features (R, F) and what their children do, (E, S)."""
        new: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            weights, place = self._weights(layer), self.num_layers - 1 - layer
            children = torch.cat(read.split(self.hidden_channels, dim=1)[place :: self.num_layers], dim=1)
            told = self._tell(weights, children) if len(children) else None
            memory = self._update(weights, linear(x, weights[0], weights[2]), told, generation)
            new.insert(0, memory.split(self.hidden_channels, dim=1))
            x = new[0][0]
        return torch.cat([part for kind in zip(*new, strict=True) for part in kind], dim=1)

    def _weights(self, layer: int) -> Weights:
        w_x, w_h, b_x, b_h = self.kernel.all_weights[layer]
        return w_x, w_h, b_x, b_h

    def _tell(self, weights: Weights, memory: Tensor) -> Tensor:
        """What rows tell their readers, from what they remember, (R, ·)."""
        return memory

    @abstractmethod
    def _update(self, weights: Weights, term: Tensor, told: Tensor | None, generation: Generation) -> Tensor:
        """What rows remember, h first, from their input's term (R, ·) and what they are told, (E, ·) or nothing."""

    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A row and all its ancestors in the order of reading: its children, theirs, and so on, (K, V)."""
        reads = Ancestry.of(graph.topology).reads
        found = torch.zeros(len(rows), reads.shape[0], dtype=torch.bool)
        for k, row in enumerate(rows.tolist()):
            seen = csgraph.breadth_first_order(reads, row, return_predecessors=False)
            found[k, torch.from_numpy(seen).long()] = True
        return found


class DAGRNN(ChildSum):
    r"""Vanilla recurrent network on a directed acyclic graph.

    .. math:: \tilde h_j = \sum_{k \in C(j)} h_k, \qquad
              h_j = \tanh(W_{hx} x_j + b_{hx} + W_{hh} \tilde h_j + b_{hh})

    C(j) are the children of row j: the rows that its spatial edges lead from, and the row of its node before it. On a
    path this **is** :class:`RNN`, weight for weight, and takes its ``state_dict``; ``kernel`` takes that of ``nn.RNN``.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: recurrent layers, one upon the other.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1; called on a graph, a cycle of spatial edges, which is named. An undirected edge is
            one, and so is a self-loop: a row cannot wait for itself.

    Source: Elman (1990), its state that of the children as Tai, Socher and Manning (2015), eq. 2, sum it.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> both_to_one = gs.from_graph(nx.DiGraph([(0, 2), (1, 2)]), x=torch.eye(3))
        >>> gs.nn.DAGRNN(3, 8)(both_to_one).shape
        torch.Size([3, 8])
    """

    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 1) -> None:
        super().__init__(RNN(in_channels, hidden_channels, num_layers).kernel)

    def _update(self, weights: Weights, term: Tensor, told: Tensor | None, generation: Generation) -> Tensor:
        _, w_h, _, b_h = weights
        return rnn_cell(term + (b_h if told is None else linear(generation.total(told), w_h, b_h)))


class DAGGRU(ChildSum):
    r"""Gated recurrent unit on a directed acyclic graph; gates in :func:`graphseq.nn.cells.gru_cell`.

    .. math:: \tilde h_j = \sum_{k \in C(j)} h_k, \qquad h_j = \mathrm{GRU}(x_j, \tilde h_j)

    C(j) are the children of row j: the rows that its spatial edges lead from, and the row of its node before it. On a
    path this **is** :class:`GRU`, weight for weight, and takes its ``state_dict``; ``kernel`` takes that of ``nn.GRU``.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: recurrent layers, one upon the other.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1; called on a graph, a cycle of spatial edges, which is named. An undirected edge is
            one, and so is a self-loop: a row cannot wait for itself.

    Source: Cho et al. (2014), eq. 5 to 8, its state that of the children as Tai, Socher and Manning (2015), eq. 2, sum
    it.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> both_to_one = gs.from_graph(nx.DiGraph([(0, 2), (1, 2)]), x=torch.eye(3))
        >>> gs.nn.DAGGRU(3, 8)(both_to_one).shape
        torch.Size([3, 8])
    """

    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 1) -> None:
        super().__init__(GRU(in_channels, hidden_channels, num_layers).kernel)

    def _update(self, weights: Weights, term: Tensor, told: Tensor | None, generation: Generation) -> Tensor:
        _, w_h, _, b_h = weights
        if told is None:
            return gru_cell(term, b_h, term.new_zeros(len(term), self.hidden_channels))
        h = generation.total(told)
        return gru_cell(term, linear(h, w_h, b_h), h)


class DAGLSTM(ChildSum):
    r"""The child-sum Tree-LSTM on any directed acyclic graph: one forget gate for each child.

    .. math:: \tilde h_j &= \sum_{k \in C(j)} h_k, \qquad
              i_j, o_j = σ(W x_j + U \tilde h_j + b), \quad u_j = \tanh(W x_j + U \tilde h_j + b) \\
              f_{jk} &= σ(W_f x_j + U_f h_k + b_f) \qquad \text{for } k \in C(j) \\
              c_j &= i_j ⊙ u_j + \sum_{k \in C(j)} f_{jk} ⊙ c_k, \qquad h_j = o_j ⊙ \tanh(c_j)

    with weights of their own for i, o, u and f. C(j) are the children of row j: the rows that its spatial edges lead
    from, and the row of its node before it. On a path this **is** :class:`LSTM`, weight for weight, and takes its
    ``state_dict``; ``kernel`` takes that of ``nn.LSTM``, W and U being ``weight_ih`` and ``weight_hh``, b the sum of
    both biases.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: recurrent layers, one upon the other.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1; called on a graph, a cycle of spatial edges, which is named. An undirected edge is
            one, and so is a self-loop: a row cannot wait for itself.

    Source: Tai, Socher and Manning, *Improved semantic representations from tree-structured long short-term memory
    networks* (2015), eq. 2 to 8.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> both_to_one = gs.from_graph(nx.DiGraph([(0, 2), (1, 2)]), x=torch.eye(3))
        >>> gs.nn.DAGLSTM(3, 8)(both_to_one).shape
        torch.Size([3, 8])
    """

    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 1) -> None:
        super().__init__(LSTM(in_channels, hidden_channels, num_layers).kernel)

    def _weights(self, layer: int) -> Weights:
        """Both biases at the input, where each child's forget gate finds them; at the state, the open gate."""
        w_x, w_h, b_x, b_h = super()._weights(layer)
        held_open = torch.zeros_like(b_h)
        held_open[self._forget] = torch.inf
        return w_x, w_h, b_x + b_h, held_open

    @property
    def _forget(self) -> slice:
        return slice(self.hidden_channels, 2 * self.hidden_channels)

    def _tell(self, weights: Weights, memory: Tensor) -> Tensor:
        """h, c, and the part of h in the forget gate of whoever reads it, (R, 3 H)."""
        return torch.cat([memory, linear(memory[:, : self.hidden_channels], weights[1][self._forget])], dim=1)

    def _update(self, weights: Weights, term: Tensor, told: Tensor | None, generation: Generation) -> Tensor:
        _, w_h, _, held_open = weights
        if told is None:
            return torch.cat(lstm_cell(term + held_open, term.new_zeros(len(term), self.hidden_channels)), dim=1)
        h, c, forget = told.chunk(3, dim=1)
        kept = (generation.at_edges(term[:, self._forget]) + forget).sigmoid() * c
        h, c = generation.total(torch.cat([h, kept], dim=1)).chunk(2, dim=1)
        # What is forgotten was, child by child, so the gate of the cell stands open: σ(∞) = 1.
        return torch.cat(lstm_cell(term + linear(h, w_h, held_open), c), dim=1)
