"""How a trained model reads characters one after another: from what it remembers, or from its last rows again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.nn.heads import RowHead
from graphseq.nn.model import Model
from graphseq.nn.recurrent.gated import GatedEncoder, GatedLayer
from graphseq.nn.recurrent.rnn import RNNBase
from graphseq.nn.recurrent.state import RecurrentState
from graphseq.tasks.base import path, repeat

State = tuple[Tensor, ...]
"""What R readings remember, (R, ·) each: given and returned, never kept."""

LONGEST = 256
"""How many rows back a model without memory may see, for its last rows to be read again at each character."""


class Reader(ABC):
    """Reads tokens one after another with one model; R readings at a time, each with a state of its own.

    Attributes:
        model: in the mode it is in: put one that has dropout into evaluation mode.
        head: its head.
        carries: whether a state is carried, so that nothing is read twice.
    """

    carries: bool

    def __init__(self, model: Model) -> None:
        self.model = model
        self.head = cast("RowHead", model.head)

    @abstractmethod
    def begin(self, tokens: Tensor) -> tuple[Tensor, State]:
        """Logits (1, C) of what follows the tokens (T,), at least one, and what is remembered of them."""

    @abstractmethod
    def advance(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits (R, C) of what follows one more token each, (R,), and what is remembered then."""


class _Streams(Protocol):
    in_channels: int

    def run(self, graph: SpaceTimeGraph, state: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]: ...


class CarryingReader(Reader):
    """Carries the state of any encoder that has ``run`` and a :class:`~graphseq.nn.RecurrentState`."""

    carries = True

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._encoder = cast("_Streams", model.encoder)
        self._rows: dict[int, Topology] = {}

    @torch.no_grad()
    def begin(self, tokens: Tensor) -> tuple[Tensor, State]:
        """The whole text at once, and its last row."""
        logits, state = self.read(tokens)
        return logits[-1:], state

    @torch.no_grad()
    def read(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits (T, C) after each of the tokens (T,) of a piece of one text, and what is remembered at last.

        Args:
            tokens: the piece.
            state: what the piece before returned; ``None`` at the beginning.
        """
        time = torch.arange(len(tokens), device=tokens.device)
        return self._run(SpaceTimeGraph(tokens, torch.zeros_like(time), time), state)

    @torch.no_grad()
    def advance(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """One row for each reading, all at one time."""
        size = len(tokens)
        if size not in self._rows:
            node = torch.arange(size, device=tokens.device)
            self._rows[size] = Topology(node, torch.zeros_like(node), node.new_empty((2, 0)))
        return self._run(SpaceTimeGraph.from_topology(self._rows[size], tokens), state)

    def _run(self, graph: SpaceTimeGraph, state: State | None) -> tuple[Tensor, State]:
        # Every piece begins at time 0, so what is remembered is of the time before; then topologies can be kept.
        memory = (
            None if state is None else RecurrentState(torch.arange(len(state[0]), device=state[0].device), state, -1)
        )
        states, after = self._encoder.run(graph, memory)
        return self.head.lin(states), after.parts


class CellReader(CarryingReader):
    """The same where all layers are torch's recurrent cells: each step is torch's fused cell on these very weights."""

    def __init__(self, model: Model, cells: list[tuple[str, list[Tensor]]]) -> None:
        super().__init__(model)
        self._cells = cells

    @torch.no_grad()
    def advance(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """One step of every cell."""
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
    """Reads the last rows again at each character: for models that carry no state.

    Args:
        model: any that is causal.
        window: how many rows; what was before them is not seen.
    """

    carries = False

    def __init__(self, model: Model, window: int) -> None:
        super().__init__(model)
        self.window = _checks.at_least("window", window, 1)
        self._paths: dict[tuple[int, int], tuple[Topology, Tensor, Tensor]] = {}

    @torch.no_grad()
    def begin(self, tokens: Tensor) -> tuple[Tensor, State]:
        """The last rows of the text."""
        return self._read(tokens[None, -self.window :])

    @torch.no_grad()
    def advance(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """The last rows again, with one more."""
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
    """The fastest way in which ``model`` can read a text to its end and go on.

    Args:
        model: gives the next character's logits at each row of a sequence, as :class:`~graphseq.tasks.Characters` asks.
        window: for a model that carries no state, how many rows it reads again at each character; without it, as many
            as it sees.

    Raises:
        TypeError: something else than such a model.
        ValueError: the model sees later rows; ``window`` for one that carries a state, which needs none; or a model
            without a state that sees too far back for its rows to be read again, and no ``window``.

    Example:
        >>> import graphseq as gs
        >>> reader(gs.nn.Model(gs.nn.LSTM(3, 8), 3)).carries
        True
        >>> reader(gs.nn.Model(gs.nn.GCN(3, 8, num_layers=4, causal=True), 3)).window
        6
    """
    if not isinstance(model, Model) or not isinstance(model.head, RowHead):
        raise TypeError(f"model must be a graphseq.nn.Model with one output a row, got {_called(model)}")
    if not model.causal:
        raise ValueError(f"a text is written by a model that sees no later rows, got {_called(model)}; use causal=True")
    if model.transform is None and _carries(model):
        if window is not None:
            raise ValueError(f"window={window} is for a model that carries no state; {_called(model)} carries one")
        cells = _cells(model.encoder)
        return CarryingReader(model) if cells is None else CellReader(model, cells)
    return WindowReader(model, _sees(model) if window is None else window)


def _carries(model: Model) -> bool:
    """Whether the encoder has ``run`` with a plain memory: found by asking it."""
    if not hasattr(model.encoder, "run"):
        return False
    device = next(model.parameters()).device
    zero = torch.zeros(1, dtype=torch.long, device=device)
    with torch.no_grad():
        memory = cast("_Streams", model.encoder).run(SpaceTimeGraph(zero, zero, zero))[1]
    return type(memory) is RecurrentState


def _cells(encoder: nn.Module) -> list[tuple[str, list[Tensor]]] | None:
    """Kind and weights of each layer, where all are torch's cells; a graph of no edges makes a GCN-LSTM such a one."""
    if isinstance(encoder, RNNBase):
        return [
            (encoder.kernel.mode.removesuffix("_TANH"), list[Tensor](weights)) for weights in encoder.kernel.all_weights
        ]
    if isinstance(encoder, GatedEncoder) and not encoder.residual:
        layers = [cast("GatedLayer", layer) for layer in encoder.layers]
        if all(layer.is_plain and layer.is_torchs for layer in layers):
            return [("GRU" if layer.num_parts == 1 else "LSTM", list(layer.weights())) for layer in layers]
    return None


def _sees(model: Model) -> int:
    """Rows from the earliest that can change the last row's output, and one: Â knows whether there is one before."""
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
        f"{_called(model)} carries no state and sees more than {LONGEST} rows back; say how many it is to read again: "
        "window="
    )


def _called(model: object) -> str:
    return type(model.encoder).__name__ if isinstance(model, Model) else type(model).__name__
