"""Readers, with which a model reads characters one after another: by its recurrent state, or its last rows again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.nn.conv import has_hooks
from graphseq.nn.heads import RowHead
from graphseq.nn.model import Model
from graphseq.nn.recurrent.gated import GatedEncoder, GatedLayer
from graphseq.nn.recurrent.rnn import RNNBase
from graphseq.nn.recurrent.state import RecurrentState
from graphseq.tasks.base import path, repeat

State = tuple[Tensor, ...]
"""The states of R readings, tensors (R, ·): arguments and results, never attributes."""

LONGEST = 256
"""The most rows of a receptive field that is read again at each character by default."""


class Reader(ABC):
    """A model that reads tokens one after another, R readings at a time, each with a state of its own.

    Attributes:
        model: the model, in the mode that it is in: put one with dropout into evaluation mode.
        head: its head.
        is_stateful: the model has a recurrent state, so that no token is read twice.
    """

    is_stateful: bool

    def __init__(self, model: Model) -> None:
        self.model = model
        self.head = cast("RowHead", model.head)

    @abstractmethod
    def begin(self, tokens: Tensor) -> tuple[Tensor, State]:
        """Return the logits (1, C) of the token after the tokens (T,), at least one, and the state after them."""

    @abstractmethod
    def advance(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the logits (R, C) of the token after one more token of each reading, (R,), and the states then."""


class _Streams(Protocol):
    in_channels: int

    def run(self, graph: SpaceTimeGraph, state: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]: ...


class StatefulReader(Reader):
    """A reader for any encoder that has ``run`` and a :class:`~graphseq.nn.RecurrentState`."""

    is_stateful = True

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._encoder = cast("_Streams", model.encoder)
        self._rows: dict[int, Topology] = {}

    @torch.no_grad()
    def begin(self, tokens: Tensor) -> tuple[Tensor, State]:
        """Read the whole text at once; the logits are those of its last row."""
        logits, state = self.read(tokens)
        return logits[-1:], state

    @torch.no_grad()
    def read(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the logits (T, C) after each of the tokens (T,) of a piece of a text, and the state after the piece.

        Args:
            tokens: the piece.
            state: the state after the piece before; ``None`` at the beginning.
        """
        time = torch.arange(len(tokens), device=tokens.device)
        return self._run(SpaceTimeGraph(tokens, torch.zeros_like(time), time), state)

    @torch.no_grad()
    def advance(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one row of each reading, all at one time."""
        size = len(tokens)
        if size not in self._rows:
            node = torch.arange(size, device=tokens.device)
            self._rows[size] = Topology(node, torch.zeros_like(node), node.new_empty((2, 0)))
        return self._run(SpaceTimeGraph.from_topology(self._rows[size], tokens), state)

    def _run(self, graph: SpaceTimeGraph, state: State | None) -> tuple[Tensor, State]:
        # Every piece begins at time 0 and its state is of the time before, so that topologies can be used again.
        memory = (
            None if state is None else RecurrentState(torch.arange(len(state[0]), device=state[0].device), state, -1)
        )
        states, after = self._encoder.run(graph, memory)
        return self.head.lin(states), after.parts


class CellReader(StatefulReader):
    """A stateful reader for layers that are torch's recurrent cells: each step is torch's fused cell."""

    def __init__(self, model: Model, cells: list[tuple[str, list[Tensor]]]) -> None:
        super().__init__(model)
        self._cells = cells

    @torch.no_grad()
    def advance(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Take one step of every cell."""
        x = nn.functional.one_hot(tokens, self._encoder.in_channels).to(state[0].dtype)
        after: list[Tensor] = []
        for mode, weights in self._cells:
            if mode == "LSTM":
                h, c = torch.lstm_cell(x, state[len(after) : len(after) + 2], *weights)
                after += [h, c]
            else:
                cell = torch.gru_cell if mode == "GRU" else torch.rnn_tanh_cell
                h = cell(x, state[len(after)], *weights)
                after.append(h)
            x = h
        return self.head.lin(x), tuple(after)


class WindowReader(Reader):
    """A reader for models without a recurrent state, which reads the last rows again at each character.

    Args:
        model: a causal model.
        window: the number of rows; rows before them are not seen.
    """

    is_stateful = False

    def __init__(self, model: Model, window: int) -> None:
        super().__init__(model)
        self.window = _checks.at_least("window", window, 1)
        self._paths: dict[tuple[int, int], tuple[Topology, Tensor, Tensor]] = {}

    @torch.no_grad()
    def begin(self, tokens: Tensor) -> tuple[Tensor, State]:
        """Read the last rows of the text."""
        return self._read(tokens[None, -self.window :])

    @torch.no_grad()
    def advance(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Read the last rows again, with one more."""
        return self._read(torch.cat([state[0], tokens[:, None]], dim=1)[:, -self.window :])

    def _read(self, tokens: Tensor) -> tuple[Tensor, State]:
        size, rows = tokens.shape
        if (size, rows) not in self._paths:
            topology, target = path(rows)
            batch = torch.arange(size).repeat_interleave(rows)
            self._paths[size, rows] = repeat(topology, size), target.repeat(size), batch
        topology, target, batch = self._paths[size, rows]
        graph = SpaceTimeGraph.from_topology(topology, tokens.flatten(), target=target, batch=batch).to(tokens.device)
        return self.model(graph), (tokens,)


def reader(model: Model, window: int | None = None) -> Reader:
    """Return the fastest reader of a model.

    Args:
        model: a model with the logits of the next character at each row of a sequence, as one trained on
            :class:`~graphseq.tasks.Characters` has.
        window: rows that a model without a recurrent state reads again at each character; by default its receptive
            field.

    Raises:
        TypeError: another kind of model.
        ValueError: the model sees later rows; ``window`` for a model with a recurrent state; or a model without one
            whose receptive field is too large to be read again, and no ``window``.

    Example:
        >>> import graphseq as gs
        >>> reader(gs.nn.Model(gs.nn.LSTM(3, 8), 3)).is_stateful
        True
        >>> reader(gs.nn.Model(gs.nn.GCN(3, 8, num_layers=4, causal=True), 3)).window
        6
    """
    if not isinstance(model, Model) or not isinstance(model.head, RowHead):
        raise TypeError(f"model must be a graphseq.nn.Model with one output a row, got {_name(model)}")
    if not model.causal:
        raise ValueError(f"text is generated by a model that sees no later rows, got {_name(model)}; use causal=True")
    if model.transform is None and _is_stateful(model):
        if window is not None:
            raise ValueError(
                f"window={_checks.plain(window)} is for a model without a recurrent state; {_name(model)} has one"
            )
        cells = _cells(model.encoder)
        return StatefulReader(model) if cells is None else CellReader(model, cells)
    return WindowReader(model, _receptive_field(model) if window is None else window)


def _is_stateful(model: Model) -> bool:
    """Return whether ``run`` of the encoder returns a plain recurrent state, by a call of it."""
    if not hasattr(model.encoder, "run"):
        return False
    device = next(model.parameters()).device
    zero = torch.zeros(1, dtype=torch.long, device=device)
    with torch.no_grad():
        state = cast("_Streams", model.encoder).run(SpaceTimeGraph(zero, zero, zero))[1]
    return type(state) is RecurrentState


def _cells(encoder: nn.Module) -> list[tuple[str, list[Tensor]]] | None:
    """Return kind and weights of each layer where all are torch's cells, as those of a GCN-LSTM are without edges."""
    if isinstance(encoder, RNNBase) and not has_hooks(encoder.kernel):  # a hook may set the weights
        return [
            (encoder.kernel.mode.removesuffix("_TANH"), list[Tensor](weights)) for weights in encoder.kernel.all_weights
        ]
    if isinstance(encoder, GatedEncoder) and not encoder.residual:
        layers = [cast("GatedLayer", layer) for layer in encoder.layers]
        if all(layer.reads_weights and layer.is_torchs for layer in layers):
            return [("GRU" if layer.num_parts == 1 else "LSTM", list(layer.weights())) for layer in layers]
    return None


def _receptive_field(model: Model) -> int:
    """Return the rows in the receptive field of the last row, and one: Â depends on whether there is one before."""
    sizes = [2**power for power in range(1, LONGEST.bit_length())]
    for before, rows in pairwise([1, *sizes]):
        topology, target = path(rows)
        graph = SpaceTimeGraph.from_topology(
            topology, torch.zeros(rows, dtype=torch.long), target=target, batch=torch.zeros(rows, dtype=torch.long)
        )
        seen = int(model.reach(graph)[0].sum())
        if seen <= before:
            return seen + 1
    raise ValueError(
        f"{_name(model)} has no recurrent state and a receptive field of more than {LONGEST} rows; give the number of "
        "rows to read again by window="
    )


def _name(model: object) -> str:
    return type(model.encoder).__name__ if isinstance(model, Model) else type(model).__name__
