"""A model on the rows and edges of one graph as a function of features alone, for torch.compile and torch.export."""

from __future__ import annotations

from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.encoder import Encoder
from graphseq.nn.model import Model
from graphseq.nn.recorded import Recorded


class OnTopology(nn.Module):
    """A model or an encoder on one graph, its rows and edges fixed: ``on_topology(x)`` is ``model(graph)`` with that x.

    ``torch.compile(model, fullgraph=True)(graph)`` compiles a model as it is, on the rows and edges of each graph that
    it is given; this is a module whose input is a tensor, which can be exported, too.

    All that follows from rows and edges is computed once, when it is made, and what is left are operations of torch on
    features and parameters, without a look at numbers: ``torch.compile(on_topology, fullgraph=True)`` and
    ``torch.export.export(on_topology, (x,))`` take it. What is exported has operations of torch alone; what is compiled
    has some of this library, such as a stack of convolutions as one. It shares the parameters with the model, whose
    training it follows, under their names with "__" for ".", and has gradients; weights and features of edges are fixed
    with the rows. A recurrence with convolutions is written out step by step, so keep to graphs of some hundred times.

    Args:
        model: a :class:`Model` or an :class:`Encoder`; in training mode dropout is written down as it is, and so in
            evaluation mode is its absence.
        graph: features (V, F) of the type of the model's parameters, with the rows, edges and targets to be fixed.

    Shapes: features (V, F) → (K, C) of a model, (V, H) of an encoder.

    Raises:
        TypeError: another module than a model or an encoder, or tokens in place of features.
        ValueError: called on features of another shape or type, or in another mode than it was made in.

    Example:
        >>> import graphseq as gs, torch
        >>> graph = gs.from_signal(torch.randn(4, 2, 3), torch.tensor([[0, 1], [1, 0]]))
        >>> encoder = gs.nn.GCNLSTM(3, 8)
        >>> fixed = OnTopology(encoder, graph)
        >>> torch.allclose(fixed(graph.x), encoder(graph), atol=1e-6)
        True
        >>> exported = torch.export.export(fixed, (graph.x,))
    """

    @checked_arguments
    def __init__(self, model: nn.Module, graph: SpaceTimeGraph) -> None:
        super().__init__()
        if not isinstance(model, Model | Encoder):
            raise TypeError(f"model must be a graphseq.nn.Model or a graphseq.nn.Encoder, got {type(model).__name__}")
        features = graph.get("x")
        if not isinstance(features, Tensor) or features.dim() != 2 or not features.is_floating_point():
            raise TypeError(f"x must hold features (V, F) of floats, got {_checks.shown(features)}")
        _checks.alike(model, features, "x", "graph")
        self.training, self._is_meta = model.training, graph.x.is_meta
        self._shape, self._dtype, self._mode = tuple(graph.x.shape), graph.x.dtype, model.training
        # The very parameters and buffers of the model, without its modules, into which torch.compile need not look.
        names = [name for name, _ in (*model.named_parameters(), *model.named_buffers())]
        self._names = [name.replace(".", "__") for name in names]
        for name, weight in model.named_parameters():
            self.register_parameter(name.replace(".", "__"), weight)
        for name, buffer in model.named_buffers():
            self.register_buffer(name.replace(".", "__"), buffer)
        self._recorded = Recorded(model, graph)

    def _values(self) -> list[Tensor]:
        return [getattr(self, name) for name in self._names]

    def forward(self, x: Tensor) -> Tensor:
        """Compute the outputs from features (V, F)."""
        if not isinstance(x, Tensor):
            raise TypeError(f"x must be a torch.Tensor, got {type(x).__name__}")
        if x.is_nested:
            raise TypeError("x must be a dense tensor, got a nested one")
        if tuple(x.shape) != self._shape or x.dtype != self._dtype:
            raise ValueError(
                f"x must have shape {self._shape} and dtype {self._dtype}, as on the graph; got {tuple(x.shape)} and "
                f"{x.dtype}"
            )
        if x.is_meta != self._is_meta:
            raise ValueError(f"x must be on the device of the graph, or of another kind with numbers; got {x.device}")
        if self.training != self._mode:
            modes = {True: "training", False: "evaluation"}
            raise ValueError(
                f"the model was in {modes[self._mode]} mode when it was fixed to its graph, and is in "
                f"{modes[self.training]} mode; make another OnTopology in this mode"
            )
        out: Tensor = self._recorded(x, *self._values())
        return out
