"""The operations of a model on one graph, written down as a function of features and parameters."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from graphseq._torch import compat
from graphseq._torch.operations import portable, without_gradient
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology

OF_ROWS = ("batch",)  # what encoders read beside features, rows and edges
OF_ANSWERS = (*OF_ROWS, "target", "edge_label_index", "pair_features")  # what heads read


class Recorded(nn.Module):
    """A model on a graph, as a function of features and of its parameters and buffers, in their order.

    Args:
        model: an encoder or a model, in the mode that is written down.
        graph: rows, edges, targets and the like, which are fixed.
    """

    def __init__(self, model: nn.Module, graph: SpaceTimeGraph) -> None:
        super().__init__()
        # An example, since what is recorded are the operations, not the numbers.
        x = graph.x.detach().clone()
        names = [name for name, _ in (*model.named_parameters(), *model.named_buffers())]

        def run(features: Tensor, *values: Tensor) -> Tensor:
            out: Tensor = torch.func.functional_call(
                model, dict(zip(names, values, strict=True)), (graph.replace(x=features),)
            )
            return out

        with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []), torch.no_grad():
            recorded: fx.GraphModule = compat.recorded(run, x, *tensors_of(model))  # type: ignore[assignment]
        # Torch's own module is of a kind that it will not compile.
        self.with_gradient = fx.GraphModule(recorded, recorded.graph)
        self.quiet, self.portable = without_gradient(recorded), portable(recorded)

    def forward(self, x: Tensor, *values: Tensor) -> Tensor:
        """Compute the outputs from features (V, F) and the values of parameters and buffers."""
        recorded = self.with_gradient if torch.is_grad_enabled() else self.quiet
        if torch.compiler.is_exporting():
            recorded = self.portable
        out: Tensor = recorded(x, *values)
        return out


def tensors_of(model: nn.Module) -> list[Tensor]:
    """The parameters and buffers of a model, in the order in which they are given to what was recorded."""
    return [*model.parameters(), *model.buffers()]


def compiles(model: nn.Module) -> bool:
    """True where torch.compile looks at the model now, and can: torch refuses its own RNN, GRU and LSTM by default."""
    if not torch.compiler.is_compiling() or compat.is_recording() or torch.compiler.is_exporting():
        return False
    return bool(_is_seen_through(model))


@compat.constant_when_compiled
def _is_seen_through(model: nn.Module) -> bool:
    return compat.compiles_rnn() or not any(isinstance(part, nn.RNN | nn.GRU | nn.LSTM) for part in model.modules())


def compiled(model: nn.Module, graph: SpaceTimeGraph, keys: tuple[str, ...]) -> Tensor:
    """``model(graph)`` as torch.compile is to see it: one graph of operations on features and parameters.

    Rows, edges, what ``keys`` name and modes are constants of it: another topology is compiled anew, and where they
    have other contents, that is noticed when it is called.
    """
    x, topology = graph.x, graph.topology
    modes = [part.training for part in model.modules()]
    entry = topology.recorded[_record(model, topology, x, modes, keys, *(graph.get(key) for key in keys))]
    for name, then in entry.fixed.items():
        compat.check_later((graph[name] == then).all(), _CHANGED)
    out: Tensor = entry.recorded(x, *tensors_of(model))
    return out


_CHANGED = (
    "graph has other rows, edges or targets than the graph that the model was compiled on, in tensors of the same "
    "shapes; call the model that is not compiled, or compile its encoder alone, which reads no targets"
)
_MOST = 32  # models and modes of which the operations on one topology are kept


class _Entry:
    """The operations of a model, and the contents of a graph for which it holds true."""

    def __init__(self, model: nn.Module, graph: SpaceTimeGraph, keys: tuple[str, ...]) -> None:
        self.recorded = Recorded(model, graph)
        given = {key: graph.get(key) for key in (*Topology.KEYS, *keys)}
        self.fixed = {key: value.detach().clone() for key, value in given.items() if value is not None}


@compat.constant_when_compiled
def _record(
    model: nn.Module, topology: Topology, x: Tensor, _: list[bool], keys: tuple[str, ...], *values: Tensor | None
) -> int:
    """Record a model on these rows and edges, and return where among ``topology.recorded`` it stands."""
    graph = SpaceTimeGraph.from_topology(topology, x.detach())
    for key, value in zip(keys, values, strict=True):
        if value is not None:
            graph[key] = value.detach().clone()  # torch compiles anew where a constant is the tensor that is given
    place = max(topology.recorded, default=0) + 1
    topology.recorded[place] = _Entry(model, graph, keys)
    if len(topology.recorded) > _MOST:
        del topology.recorded[min(topology.recorded)]
    return place
