"""A model with an embedding of the features before its transform."""

from __future__ import annotations

from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.model import Model


class EmbeddedModel(nn.Module):
    r"""A model whose features are embedded row by row before its transform.

    .. math:: P = \mathrm{model}(e(X), A), \qquad e: (V, F) → (V, F')

    A transform that repeats a row at many times, as :func:`graphseq.transforms.grow` and
    :func:`graphseq.transforms.add_nodes_over_time` do, repeats its embedding, computed once and with one dropout mask.

    Args:
        embed: a module from features (V, F) to (V, F'), row by row, such as a linear map between dropouts.
        model: a model of F' features.

    Raises:
        TypeError: ``model`` is not a :class:`Model`.
        ValueError: ``embed`` returns another number of rows, when called on a graph.

    Example:
        >>> import graphseq as gs, torch
        >>> embed = nn.Sequential(nn.Linear(100, 8), nn.ReLU(), nn.Dropout(0.5))
        >>> model = EmbeddedModel(embed, gs.nn.Model(gs.nn.GCNLSTM(8, 8), 2, transform=gs.transforms.grow))
        >>> model(gs.from_sequence(torch.zeros(4, 100))).shape
        torch.Size([4, 2])
    """

    @checked_arguments
    def __init__(self, embed: nn.Module, model: Model) -> None:
        super().__init__()
        if not isinstance(model, Model):
            raise TypeError(f"model must be a graphseq.nn.Model, got {type(model).__name__}")
        self.embed = embed
        self.model = model

    @property
    def causal(self) -> bool:
        """True if an output depends on no later row."""
        return self.model.causal

    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        """Compute the outputs (K, C) or (B, C)."""
        if not isinstance(graph, SpaceTimeGraph):
            raise _checks.no_graph("graph", graph)
        x = self.embed(_features(self.embed, graph))
        if x.dim() != 2 or len(x) != graph.num_rows:
            raise ValueError(f"embed must return one row for each of {graph.num_rows}, but gave {tuple(x.shape)}")
        return self.model(graph.replace(x=x))  # type: ignore[no-any-return]

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph) -> Tensor:
        """The receptive field of each output, which is that of the model: (K, V) or (B, V) of ``bool``."""
        return self.model.reach(graph)


def _features(embed: nn.Module, graph: SpaceTimeGraph) -> Tensor:
    """The features of a graph, or an error if a module cannot embed them."""
    x = graph.get("x")
    if not isinstance(x, Tensor):
        raise TypeError(f"graph must have features x, a torch.Tensor, to be embedded; it has {type(x).__name__}")
    if not isinstance(embed, nn.Embedding):
        if x.is_floating_point():
            _checks.alike(embed, x, "x", "graph")
        return x
    if x.is_meta or x.is_floating_point():
        raise TypeError(f"graph must hold tokens in x, (V,), for embed reads tokens; got {_checks.shown(x)}")
    size = embed.num_embeddings
    if x.is_cpu and x.numel() and not 0 <= int(x.min()) <= int(x.max()) < size:
        raise ValueError(f"graph must hold tokens 0 to {size - 1} in x for embed, got {int(x.min())} to {int(x.max())}")
    return x
