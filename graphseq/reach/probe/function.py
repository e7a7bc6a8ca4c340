"""A model on its data as one function of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments, checked_but
from graphseq._prompt import short_repr
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.encoder import Encoder
from graphseq.nn.model import Model
from graphseq.reach.jacobian import Jacobian, owners_by_graph, owners_of
from graphseq.reach.probe import loaders, taps
from graphseq.reach.probe import outputs as answers
from graphseq.reach.probe.apart import are_apart
from graphseq.reach.probe.given import check_data
from graphseq.reach.probe.gradient import check_all_gradients, check_gradient, is_known_whole
from graphseq.reach.probe.inputs import Place, evaluate, find_input, of_data, of_module
from graphseq.reach.probe.outputs import Kind, Reader, Sizes
from graphseq.reach.probe.rows import numbers_at, numbers_of_answers
from graphseq.reach.probe.source import Call, Source, said, source, why_not_given
from graphseq.reach.probe.still import double_copy, still

_LARGE = 2**24  # entries of x from which on a model is not copied to float64 for a test
_NUMBERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
_SMALL = 2**12  # entries of the largest activation of a pass
Output = Kind | Callable[[object], object]


@short_repr
@dataclass(frozen=True)
class Trace:
    """The outputs of one call of a model and the states on the way, all in one autograd graph."""

    out: Tensor  #: (K, C)
    states: Mapping[str, Tensor]  #: by name, in the order of calls: (V, H) where there is one line a row


class RowFunction:
    """A model on its data as one function from features (V, F) to answers (K, C): what every measurement needs.

    The arguments are those of :class:`graphseq.reach.Probe`.
    """

    @checked_but("model", "data")
    def __init__(
        self,
        model: Callable[..., object],
        data: object,
        *,
        call: Call | None = None,
        output: Output | None = None,
        rows: Tensor | None = None,
        states: Sequence[str] | None = None,
        layout: str | None = None,
        input: str | None = None,
        tokens: str = "embedding",
        detached: bool = False,
        double: bool = False,
    ) -> None:
        _checks.one_of("tokens", tokens, ("embedding", "one-hot"))
        self.options: dict[str, Any] = {"call": call, "output": output, "rows": rows, "states": states}
        self.options |= {"layout": layout, "input": input, "tokens": tokens, "detached": detached}
        self._is_double = double
        self._tested: set[str] = set()
        if double:
            model = double_copy(model)
        if callable(model):
            check_data("data", model, data)
        joined = loaders.read(model, data, self.options)
        if joined is not None:
            data, rows, output = joined.data, self.options["rows"], self.options["output"]
        self._join_notes = () if joined is None else joined.notes
        self.model, self.data = model, data
        self.source: Source = source(model, data, call, layout)
        self.state_names = taps.names(model, states)  #: of the modules whose outputs are states
        with still(model):
            with said(self.source, call):
                self._place = self._input(input, tokens)
                raw, _ = evaluate(model, self.source, [(self._place, self._place.value)], ())
            self._raw_notes = answers.note(raw, output)
            self._reader = self._find_reader(raw, output, rows)
            out = self._read(raw)
        self.x: Tensor = self._place.value.clone()
        self._answer_rows = self._rows_of_answers(len(out), rows)
        self._kept: dict[str, Place] | None = None
        self.out_channels: int = out.shape[1]  #: C
        self.num_outputs: int = len(out)  #: K
        if joined is not None:
            parts = loaders.options_of_each(joined, self.options, None if self.source.is_ours else self.kind)
            alone = [RowFunction(model, batch, **options) for batch, options in parts]
            loaders.check_apart(out.detach(), [one.function(one.x).detach() for one in alone])

    # What the model and its data are

    @property
    def graph(self) -> SpaceTimeGraph:
        """The V rows and the edges between them, on which hops are counted."""
        return self.source.rows.graph

    @property
    def graph_index(self) -> Tensor:
        """The graph, or the sequence, that each row belongs to, (V,)."""
        return self.graph.graph_index

    @property
    def num_rows(self) -> int:
        """V."""
        return self.source.rows.number

    @property
    def kind(self) -> Kind:
        """The kind of an answer: "node", "edge" or "graph"."""
        return self._reader.kind

    @property
    def output_rows(self) -> Tensor | None:
        """The row of each answer, (K,), or both ends of each pair, (2, K); ``None`` where an answer is of a graph."""
        return self._answer_rows

    @property
    def output_graphs(self) -> Tensor:
        """The graph of each answer, (K,)."""
        if self._answer_rows is None:
            return torch.arange(self.num_outputs, device=self.graph_index.device)
        return self.graph_index[self._answer_rows if self._answer_rows.dim() == 1 else self._answer_rows[1]]

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on how the model is called: what it gets by another name, and what it does not read."""
        return (*self._join_notes, *self.source.notes, *self._raw_notes)

    @property
    def states(self) -> dict[str, Tensor]:
        """The states on the data, by name, in the order of calls: (V, H) where there is one line a row."""
        return {name: place.value for name, place in self.places.items()}

    @property
    def places(self) -> dict[str, Place]:
        """The states on the data with what their lines are of, by name; found at first use."""
        if self._kept is None:
            with still(self.model), torch.no_grad():
                _, recorder = evaluate(self.model, self.source, [(self._place, self.x)], self.state_names)
            self._kept = {name: place for name, (_, place) in self._places_in(recorder).items()}
        return self._kept

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters of the model; none of a function that is no module."""
        return self.model.parameters() if isinstance(self.model, nn.Module) else iter(())

    def doubled(self) -> RowFunction:
        """This function in float64, of a copy of the model; itself where it is so, or where it cannot be copied."""
        if self._is_double or self.x.dtype == torch.float64 or not isinstance(self.model, nn.Module):
            return self
        try:
            return RowFunction(self.model, self.data, double=True, **self.options)
        except (
            RuntimeError,
            TypeError,
        ):  # a call=… with tensors of its own in float32, or weights that cannot be copied
            return self

    # The function

    @checked_arguments
    @contextmanager
    def opened(self, *, weights: bool = False) -> Iterator[None]:
        """Keep the model in evaluation mode for several calls, and restore it on exit.

        Args:
            weights: let gradients flow to the parameters that require them.
        """
        with still(self.model, weights=weights):
            yield

    @checked_arguments
    def function(self, x: Tensor, *, weights: bool = True) -> Tensor:
        """Compute the answers (K, C) at features x (V, F), in evaluation mode and with gradients.

        Args:
            x: (V, F).
            weights: let gradients flow to the parameters that require them, too.
        """
        return self.trace(x, states=False, weights=weights).out

    @checked_arguments
    def trace(self, x: Tensor, *, states: bool = True, weights: bool = True) -> Trace:
        """Compute the answers and the states at features x, in one autograd graph.

        Args:
            x: (V, F).
            states: record states.
            weights: let gradients flow to the parameters that require them, too.
        """
        if x.shape != self.x.shape:
            raise ValueError(f"x must be (V, F) = {tuple(self.x.shape)}, got {tuple(x.shape)}")
        with still(self.model, weights=weights):
            raw, recorder = evaluate(self.model, self.source, [(self._place, x)], self.state_names if states else ())
            out = self._read(raw)
            check_gradient(x, out, self._place.name, partial(self._answers, self._place))
        found = self._places_in(recorder)
        return Trace(out, {name: tensor for name, (tensor, _) in found.items()})

    @contextmanager
    def jacobian(self, outputs: Tensor | None = None, wrt: str = "x") -> Iterator[Jacobian]:
        """Yield the Jacobian of some answers, with the model in evaluation mode; it is restored on exit.

        Args:
            outputs: the numbers of the answers, (K,); ``None`` for all.
            wrt: "x", "edge_attr", "edge_weight", or the name of a state.

        Raises:
            ValueError: an answer or a state that does not exist, or a model that is random in evaluation mode.
        """
        view, picked = self._restricted(outputs)
        place = self.place(wrt)
        self._check_derivative(wrt)
        with still(self.model):
            leaf = place.value.detach().clone().requires_grad_()
            with torch.no_grad():
                first = view._answers(place, leaf)
            out = view._answers(place, leaf)
            if not torch.allclose(out, first, rtol=1e-3, atol=1e-5, equal_nan=True):
                raise ValueError(
                    "model gives different outputs for the same input in evaluation mode; remove its randomness, since "
                    "an influence is that of one function"
                )
            check_gradient(leaf, out, place.name, partial(view._answers, place))
            width = view._width(out)
            # On a CPU batches of passes save only the overhead of a call, and gathers and scatters are slower in them.
            batched = self.source.is_ours or leaf.is_cuda or width <= _SMALL
            owners = partial(view._owners, place, picked)
            yield Jacobian(leaf, out, picked.to(leaf.device), width, owners, batched=batched)

    def _check_derivative(self, wrt: str = "x") -> None:
        """Refuse a model of which a part has no gradient, at the first measurement of each place.

        Args:
            wrt: what counts as input, as for :meth:`place`.

        Raises:
            ValueError: the answers change otherwise than by their gradient.
        """
        is_tested = wrt in self._tested or (wrt == "x" and is_known_whole(self.model))
        if self.options["detached"] or is_tested:
            return
        exact = self.doubled() if self.x.numel() <= _LARGE else self
        own = exact.place(wrt)
        with exact.opened():
            check_all_gradients(exact.model, own.value, own.name, partial(exact._answers, own))
        self._tested.add(wrt)

    @checked_arguments
    def place(self, wrt: str) -> Place:
        """The place of a call with a name: "x", "edge_attr", "edge_weight", or a state.

        Raises:
            ValueError: there is none of this name.
        """
        if wrt == "x":
            return self._place
        if wrt in ("edge_attr", "edge_weight"):
            if wrt not in self.source.tensors:
                why = why_not_given(self.source, self.data, wrt, has_call=self.options["call"] is not None)
                raise ValueError(f"wrt={wrt!r}: {why}")
            return of_data(self.source, wrt)
        if wrt in self.places and self.places[wrt].module is not None:
            return self.places[wrt]
        raise ValueError(
            f"wrt={wrt!r} is no state of {type(self.model).__name__}; it has "
            f"{', '.join(['x', *self.places])}; others are named by states=[…]"
        )

    @checked_arguments
    def outputs_at(self, nodes: object) -> Tensor:
        """The numbers of the answers at some rows, (K,).

        Args:
            nodes: numbers of rows, or a mask (V,) of ``bool``.

        Raises:
            ValueError: answers that are not of rows, or a row without an answer.
        """
        if self._answer_rows is None or self._answer_rows.dim() == 2:
            raise ValueError(f"nodes=… is of answers at rows, and these are of {self.kind}s; choose them by outputs=…")
        return numbers_at(nodes, self._answer_rows, self.num_rows)

    # Parts of the above

    @property
    def _is_encoder(self) -> bool:
        return isinstance(self.model, Encoder) and self.source.is_ours

    def _answers(self, place: Place, value: Tensor) -> Tensor:
        raw, _ = evaluate(self.model, self.source, [(place, value)], ())
        return self._read(raw)

    def _read(self, raw: object) -> Tensor:
        """The answers (K, C) in what the model returned."""
        out = self._reader.read(raw, self.source.rows)
        return out[self.graph.target_rows] if self._is_encoder else out

    def _input(self, module: str | None, tokens: str) -> Place:
        if module is None:
            return find_input(self.model, self.source, tokens)
        (name,) = taps.names(self.model, [module], "input")
        with torch.no_grad():
            _, recorder = evaluate(self.model, self.source, [], [name])
        if not recorder.calls():
            raise ValueError(f"input={module!r} is a module that the model does not call on this data")
        return of_module(*recorder.calls()[0], self.source)

    def _find_reader(self, raw: object, output: Output | None, rows: Tensor | None) -> Reader:
        if self.source.is_ours and output is None:
            return Reader(answers.kind_of_ours(self.model), has_all_rows=isinstance(self.model, Encoder))
        if rows is not None:
            return Reader("node", output if callable(output) else None)
        sizes = Sizes(self.num_rows, self.source.num_edges, self.graph.num_graphs)
        return answers.reader(raw, output, self.source.rows, sizes)

    def _rows_of_answers(self, number: int, rows: Tensor | None) -> Tensor | None:
        if self.kind == "graph":
            return None
        if rows is not None:
            at = _checks.integer_rows("rows", rows, number).to(self.graph_index.device)
            if len(at) and (int(at.min()) < 0 or int(at.max()) >= self.num_rows):
                raise ValueError(f"rows must lie in 0 to {self.num_rows - 1}, got {at.tolist()}")
            return at
        if self.kind == "edge":
            return self.source.pairs
        if self.source.is_ours:
            return self.graph.target_rows
        return torch.arange(self.num_rows, device=self.graph_index.device)

    def _places_in(self, recorder: taps.Recorder) -> dict[str, tuple[Tensor, Place]]:
        found = {}
        for name, call, module, tensor in recorder.calls():
            place = of_module(name, call, module, tensor, self.source)
            lines = place.flatten(tensor)
            found[recorder.label(name, call)] = (lines, place)
        return found

    def _restricted(self, outputs: Tensor | None) -> tuple[RowFunction, Tensor]:
        """This function with no more answers than needed, and the number of each wanted answer among them."""
        if outputs is None:
            return self, torch.arange(self.num_outputs)
        outputs = numbers_of_answers(outputs, self.num_outputs)
        if not self.source.is_ours or self.kind != "node":
            return self, outputs
        distinct, index = outputs.unique(return_inverse=True)
        target = torch.zeros(self.num_rows, dtype=torch.bool, device=self.graph.node.device)
        target[self.graph.target_rows[distinct.to(target.device)]] = True
        view = copy(self)
        view.source = source(self.model, self.graph.replace(target=target, y=None), None, None)
        view._place = of_data(view.source, "x")
        return view, index

    def _width(self, out: Tensor) -> int:
        """The number of entries in the largest activation."""
        if isinstance(self.model, Encoder | Model) and self.source.is_ours:
            encoder = self.model if isinstance(self.model, Encoder) else self.model.encoder
            transform = None if isinstance(self.model, Encoder) else self.model.transform
            rows = self.num_rows if transform is None else transform(self.graph.replace(x=self.x)).num_rows
            return rows * max(self.x.shape[1], encoder.hidden_channels)
        return max([self.x.numel(), out.numel(), *(place.value.numel() for place in self.places.values())])

    def _owners(self, place: Place, picked: Tensor) -> Tensor | None:
        """The answer that each line of a place belongs to, in the fewest passes that the structure allows."""
        model: Any = self.model
        if self.source.is_ours and place.name == "x" and self.kind != "graph":
            fields = model.reach(*(self.graph, self.graph.target_rows)[: 1 + isinstance(model, Encoder)])
            return owners_of(fields[picked.cpu()])
        if self.graph.num_graphs == 1:
            return None
        if place.of == "rows":
            lines = self.graph_index
        elif place.of == "edges" and self.source.edge_index is not None:
            lines = self.graph_index[self.source.edge_index[1]]
        else:
            return None
        if len(lines) != len(place.value) or not are_apart(
            partial(self._answers, place), place.value, lines, self.output_graphs
        ):
            return None
        return owners_by_graph(self.output_graphs.cpu()[picked.cpu()], lines.cpu())
