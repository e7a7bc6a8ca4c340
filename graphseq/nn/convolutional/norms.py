"""Norms between graph convolutions: what each of them reads, and one way to call them."""

from __future__ import annotations

import copy
import inspect
from typing import Literal

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn

from graphseq import seeding
from graphseq._torch import compat
from graphseq.data.graph import SpaceTimeGraph

NormReads = Literal["row", "size", "graph"]
"""The part of a graph that a norm reads: the row alone, the number of rows too, or all rows."""

_OVER_GRAPHS = (pyg.PairNorm, pyg.GraphNorm, pyg.InstanceNorm, pyg.MeanSubtractionNorm)
_BY_ROW = (nn.Identity, nn.LayerNorm, nn.GroupNorm, nn.BatchNorm1d, pyg.BatchNorm, pyg.DiffGroupNorm)


class NormReach:
    """The part of a graph that a norm reads, and its call, ``norm(h)`` or ``norm(h, batch, num_graphs)``.

    In training, a batch norm also reads the statistics of the whole batch, as everywhere; that is not counted here.

    Args:
        norm: the norm, a module of (V, H) → (V, H).

    Raises:
        TypeError: a norm that needs other arguments.
        ValueError: a norm whose rows depend on other graphs of a batch.
    """

    def __init__(self, norm: nn.Module) -> None:
        self.takes_batch = _takes_batch(norm)
        self.reads: NormReads = _reads(norm, self.takes_batch)

    def __call__(self, norm: nn.Module, h: Tensor, graph: SpaceTimeGraph) -> Tensor:
        """Apply the norm to the states (V, H) of the rows of ``graph``."""
        if not self.takes_batch:
            return norm(h)  # type: ignore[no-any-return]
        # PyG's LayerNorm adds eps in another place where it is given no batch.
        batch = graph.graph_index if isinstance(norm, pyg.LayerNorm) else graph.get("batch")
        return norm(h, batch, graph.num_graphs)  # type: ignore[no-any-return]


def _takes_batch(norm: nn.Module) -> bool:
    parameters = list(inspect.signature(norm.forward).parameters.values())[1:]
    further = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if further:
        raise TypeError(
            f"norm must be a norm of states, norm(x) or norm(x, batch, batch_size); {type(norm).__name__} also needs "
            f"{', '.join(further)}"
        )
    return bool(parameters) and parameters[0].name == "batch"


def _reads(norm: nn.Module, takes_batch: bool) -> NormReads:
    for part in norm.modules():
        if isinstance(part, compat.BATCH_NORMS) and not part.track_running_stats:
            raise ValueError(
                f"norm: {type(part).__name__} with track_running_stats=False reads all rows of a batch, also in "
                "evaluation; leave it True, or take a norm over each graph such as GraphNorm"
            )
    if type(norm) in _BY_ROW or (isinstance(norm, pyg.LayerNorm) and norm.mode == "node"):
        return "row"
    if isinstance(norm, pyg.GraphSizeNorm):
        return "size"
    if isinstance(norm, (*_OVER_GRAPHS, pyg.LayerNorm)):
        return "graph"
    return _measured(norm, takes_batch)


def _measured(norm: nn.Module, takes_batch: bool) -> NormReads:
    """The part of a graph that an unknown norm reads, from its Jacobian on two graphs of two rows and one."""
    batch = torch.tensor([0, 0, 1])
    with seeding.forked(0, seeding.BUILD), torch.inference_mode(False), torch.enable_grad():
        twin = copy.deepcopy(norm).cpu().double().eval()
        width = next((weight.shape[-1] for weight in twin.parameters()), getattr(twin, "channels", 4))
        x = torch.randn(3, width, dtype=torch.float64, requires_grad=True)
        try:
            out = twin(x, batch, 2) if takes_batch else twin(x)
        except Exception as error:
            raise TypeError(
                f"norm: {type(norm).__name__} could not be called on states (V, {width}): {error}"
            ) from error
        slopes = [torch.autograd.grad(row @ torch.randn_like(row), x, retain_graph=True)[0] for row in out]
    found = torch.stack([slope.abs().sum(dim=1) > 0 for slope in slopes])
    if bool(found[batch[:, None] != batch].any()):
        raise ValueError(
            f"norm: {type(norm).__name__} lets a row hear rows of other graphs in its batch; take one that is called "
            "as norm(x, batch, batch_size)"
        )
    return "graph" if bool(found[0, 1]) else "size" if takes_batch else "row"
