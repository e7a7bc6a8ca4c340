"""The Jacobian of each step of a recurrence inside any model, along the states that it has on the data."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from graphseq import _checks
from graphseq.reach.measures.lyapunov import step_jacobians
from graphseq.reach.probe import taps
from graphseq.reach.probe.chain import chain_of
from graphseq.reach.probe.function import RowFunction
from graphseq.reach.probe.inputs import evaluate
from graphseq.reach.probe.still import still
from graphseq.reach.spectrum import dense_jacobian

Step = Callable[[Tensor, Tensor], Tensor]


def jacobians_of_steps(function: RowFunction, sequence: int, module: str | None) -> Tensor:
    """Compute the Jacobian of each step; see :meth:`graphseq.reach.Probe.step_jacobians`."""
    _checks.at_least("sequence", sequence, 0)
    if function.source.is_ours:
        if module is not None:
            raise ValueError(f"module={module!r} is of models of others; one of this library has one recurrence")
        return _of_ours(function, sequence)
    name = _name(function, module)
    found: nn.Module = dict(function.model.named_modules())[name]  # type: ignore[attr-defined]
    with still(function.model):
        return _of_module(function, name, found, sequence)


def _name(function: RowFunction, module: str | None) -> str:
    """The recurrent module to measure, by name."""
    kinds = (nn.RNNBase, nn.RNNCellBase)
    modules = dict(function.model.named_modules()) if isinstance(function.model, nn.Module) else {}
    names: list[str] = [name for name, each in modules.items() if isinstance(each, kinds)]
    if module is not None:
        if module not in names:
            there = ", ".join(repr(name) for name in names) or "none"
            raise ValueError(
                f"module={module!r} is no recurrent module of the model (nn.RNN, GRU, LSTM, cells): {there}"
            )
        return module
    if not names:
        raise ValueError(
            "the model has no recurrent module (nn.RNN, GRU, LSTM, cells); of a recurrence written by hand, measure "
            "its step: reach.measures.step_jacobians(step, state, inputs)"
        )
    if len(names) > 1:
        raise ValueError(f"the model has several recurrent modules; choose one: module={' or '.join(map(repr, names))}")
    return names[0]


def _of_module(function: RowFunction, name: str, module: nn.Module, sequence: int) -> Tensor:
    calls: list[tuple[tuple[object, ...], object]] = []

    def look(_: nn.Module, name: str, inputs: tuple[object, ...], output: object) -> object:
        if isinstance(module, nn.RNNCellBase):  # h is computed from c: as copies neither leads through the other
            output = tuple(part.clone() for part in output) if isinstance(output, tuple) else output.clone()  # type: ignore[attr-defined]
        calls.append((inputs, output))
        return output

    with taps.hooked(function.model, [name], look):
        leaf = function.x.clone().requires_grad_()
        evaluate(function.model, function.source, [(function.place("x"), leaf)], ())
    if not calls:
        raise ValueError(f"module={name!r} is not called on this data")
    if isinstance(module, nn.RNNCellBase):
        return _of_cell([output for _, output in calls], sequence)
    if len(calls) > 1:
        raise ValueError(f"module={name!r} is called {len(calls)} times, so that it has no one sequence of states")
    assert isinstance(module, nn.RNNBase)  # noqa: S101 - one of the kinds above
    if module.bidirectional:
        raise ValueError(f"module={name!r} reads both ways, so that no state follows from the one before it alone")
    inputs = calls[0][0]
    read = _sequence(inputs[0], module, sequence)
    state = _first(inputs[1] if len(inputs) > 1 else None, module, sequence, read)
    return step_jacobians(_step(module), state, read)


def _of_cell(outputs: list[object], sequence: int) -> Tensor:
    """The Jacobians of what a cell returns in one call in what it returned in the call before, through the model."""
    parts = [output if isinstance(output, tuple) else (output,) for output in outputs]
    size = parts[0][0].shape[0] if parts[0][0].dim() == 2 else 1
    _check(sequence, size)
    width = sum(part.shape[-1] for part in parts[0])
    found = torch.zeros(len(parts) - 1, width, width, dtype=parts[0][0].dtype)
    for at in range(1, len(parts)):
        rows = [part.reshape(size, -1)[sequence] for part in parts[at]]
        blocks = [torch.cat([_block(row, before, size, sequence) for before in parts[at - 1]], dim=1) for row in rows]
        found[at - 1] = torch.cat(blocks)
    return found


def _block(after: Tensor, before: Tensor, size: int, sequence: int) -> Tensor:
    if not after.requires_grad or not before.requires_grad:
        return after.new_zeros(after.numel(), before.shape[-1]).detach()
    whole = dense_jacobian(after, before)
    return whole.reshape(after.numel(), size, -1)[:, sequence].detach()


def _sequence(read: object, module: nn.RNNBase, sequence: int) -> Tensor:
    """The inputs of one sequence over time, (T, F)."""
    if isinstance(read, PackedSequence):
        padded, lengths = pad_packed_sequence(read, batch_first=True)
        _check(sequence, len(padded))
        return padded[sequence, : int(lengths[sequence])].detach()
    assert isinstance(read, Tensor)  # noqa: S101 - the input of a recurrence
    batch = read[None] if read.dim() == 2 else read if module.batch_first else read.transpose(0, 1)
    _check(sequence, len(batch))
    return batch[sequence].detach()


def _first(given: object, module: nn.RNNBase, sequence: int, read: Tensor) -> Tensor:
    """The state before the first step: h, and for an LSTM c, of all layers, joined."""
    width = (module.proj_size or module.hidden_size) * module.num_layers
    cells = module.hidden_size * module.num_layers if isinstance(module, nn.LSTM) else 0
    if given is None:
        return read.new_zeros(width + cells)
    parts = given if isinstance(given, tuple) else (given,)
    at = [part.detach() if part.dim() == 2 else part[:, sequence].detach() for part in parts]
    return torch.cat([part.flatten() for part in at])


def _step(module: nn.RNNBase) -> Step:
    """One step of a recurrent module as a function of (input, state)."""
    layers, out = module.num_layers, module.proj_size or module.hidden_size

    def step(x: Tensor, state: Tensor) -> Tensor:
        h = state[: layers * out].view(layers, 1, out)
        if not isinstance(module, nn.LSTM):
            last: Tensor = module(x.view(1, 1, -1), h)[1]
            return last.flatten()
        c = state[layers * out :].view(layers, 1, module.hidden_size)
        _, (h, c) = module(x.view(1, 1, -1), (h, c))
        return torch.cat([h.flatten(), c.flatten()])

    return step


def _of_ours(function: RowFunction, sequence: int) -> Tensor:
    """The Jacobians of the steps of a trace, of the nodes of one graph, from the second step on."""
    with chain_of(function) as chain:
        if chain.axis != "step":
            raise ValueError("the states of the model are those of layers and not of steps of a recurrence")
        owner = chain.states[0].new_zeros(len(chain.states[0]), dtype=torch.long)
        owner[function.graph.topology.node_index] = function.graph_index
        _check(sequence, int(owner.max()) + 1)
        nodes = (owner == sequence).nonzero()[:, 0]
        found = []
        for before, after in zip(chain.states[:-1], chain.states[1:], strict=True):
            whole = dense_jacobian(after[nodes], before)
            found.append(whole.reshape(len(whole), *before.shape)[:, nodes].flatten(1).detach())
        size = len(nodes) * chain.states[0].shape[1]
        return torch.stack(found) if found else chain.states[0].new_zeros(0, size, size).detach()


def _check(sequence: int, count: int) -> None:
    if sequence >= count:
        raise ValueError(f"sequence must lie in 0 to {count - 1}, got {sequence}")
