"""The Jacobian of a model, computed by batched backward passes that outputs of disjoint receptive fields share.

Where no row is in the receptive fields of two outputs, one backward pass gives the gradients of both, since each row's
gradient belongs to one of them. This is compressed differentiation after Curtis, Powell and Reid, *On the estimation of
sparse Jacobian matrices* (1974), with the receptive fields as the sparsity pattern. Every pass runs on the whole graph.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.encoder import Encoder
from graphseq.nn.model import Model
from graphseq.reach.probe.still import still

# The most bytes of one activation of a batch of passes: small enough for the cache of a CPU, large enough for a GPU.
_BATCH_BYTES = {"cpu": 2**21, "cuda": 2**28}
_MOST_PASSES = 256
_still = still
_CHECKED = 4  # outputs whose gradients are tested to vanish outside their fields before passes are shared


class Jacobian:
    """The Jacobian of outputs (K, C) in inputs (V, F).

    Args:
        x: the inputs, a leaf of the autograd graph of ``out``, (V, F).
        out: the outputs of the model; output k is ``out[picked[k]]``.
        picked: (K,).
        width: the number of entries in the largest activation of a pass.
        owners: the owner of each row in each of the fewest passes that the structure allows, (G, V), -1 where there is
            none; or ``None`` where it allows no sharing. It is tested before it is used.
        batched: compute several passes at a time; where an operation does not allow it they are taken one by one.
    """

    def __init__(
        self,
        x: Tensor,
        out: Tensor,
        picked: Tensor,
        width: int,
        owners: Callable[[], Tensor | None] | None = None,
        *,
        batched: bool = True,
    ) -> None:
        self.x, self.out = x, out
        self._picked, self._width, self._structure = picked, width, owners
        self._can_batch = batched

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """K, C, V, F."""
        rows, features = self.x.shape
        return len(self._picked), self.out.shape[1], rows, features

    @property
    def chunk(self) -> int:
        """The number of backward passes in a batch."""
        fits: int = _BATCH_BYTES.get(self.x.device.type, 2**21) // (self._width * self.x.element_size())
        return max(1, min(_MOST_PASSES, fits))

    def pull(self, passes: int, member: Tensor, output: Tensor, direction: Tensor) -> Tensor:
        """Compute the gradients (P, V, F) of P scalars, each a sum over outputs k of direction · out_k.

        Args:
            passes: P.
            member: the pass of each of M terms, (M,).
            output: the output k of each term, (M,).
            direction: the direction of each term, (M, C).
        """
        seeds = self.out.new_zeros(passes, *self.out.shape)
        seeds.index_put_((member, self._picked[output]), direction.to(seeds.dtype), accumulate=True)
        if not self.out.requires_grad:
            return self.x.new_zeros(passes, *self.x.shape)
        if self._can_batch and passes > 1:
            try:
                return self._grad(seeds, batched=True)
            except RuntimeError:
                # Some operations do not support batched gradients; any other error is raised again by the loop.
                self._can_batch = False
        return torch.stack([self._grad(seed, batched=False) for seed in seeds])

    def _grad(self, seed: Tensor, *, batched: bool) -> Tensor:
        gradient: Tensor | None = torch.autograd.grad(
            self.out, self.x, seed, retain_graph=True, allow_unused=True, is_grads_batched=batched
        )[0]
        return self.x.new_zeros(*seed.shape[: int(batched)], *self.x.shape) if gradient is None else gradient

    def owners(self) -> Tensor:
        """The output that each row's gradient belongs to in each pass: (G, V), -1 where there is none.

        G is the number of passes for one channel of all outputs, K where no two outputs can share a pass.
        """
        k, _, v, _ = self.shape
        separate = torch.arange(k, device=self.x.device)[:, None].expand(k, v)
        owner = None if k == 1 or self._structure is None else self._structure()
        if owner is None or len(owner) == k or not self._stays_within(owner):
            return separate
        return owner.to(self.x.device)

    def _stays_within(self, owner: Tensor) -> bool:
        """Test on a few outputs that gradients vanish at rows that other outputs own, or none."""
        k = len(self._picked)
        sample = torch.linspace(0, k - 1, min(k, _CHECKED)).long()
        g = torch.Generator().manual_seed(0)
        direction = torch.randn(len(sample), self.out.shape[1], generator=g, dtype=torch.float64).to(self.x.device)
        passes = torch.arange(len(sample), device=self.x.device)
        gradients = self.pull(len(sample), passes, sample.to(self.x.device), direction)
        fields = torch.stack([(owner == output).any(0) for output in sample.tolist()])
        return not bool(((gradients != 0).any(-1).cpu() & ~fields.cpu()).any())


def owners_of(fields: Tensor) -> Tensor:
    """The owner of each row in each pass that outputs of disjoint receptive fields share.

    Args:
        fields: the receptive field of each output, (K, V) of ``bool``.

    Returns:
        (G, V); -1 where no output owns a row.
    """
    colour = shared(fields.numpy())
    owner = torch.full((int(colour.max()) + 1, fields.shape[1]), -1)
    output, row = fields.nonzero().t()
    owner[torch.from_numpy(colour)[output], row] = output
    return owner


def owners_by_graph(output_graph: Tensor, row_graph: Tensor) -> Tensor:
    """The owner of each row in each pass that outputs of different graphs share.

    Args:
        output_graph: the graph of each output, (K,).
        row_graph: the graph of each row, (V,).

    Returns:
        (G, V), G the most outputs of one graph; -1 where no output owns a row.

    Example:
        >>> owners_by_graph(torch.tensor([0, 0, 1]), torch.tensor([0, 0, 1, 1])).tolist()
        [[0, 0, 2, 2], [1, 1, -1, -1]]
    """
    counts = torch.bincount(output_graph, minlength=int(row_graph.max()) + 1)
    table = output_graph.new_full((int(counts.max()), len(counts)), -1)
    table[positions_in(output_graph), output_graph] = torch.arange(len(output_graph), device=table.device)
    return table[:, row_graph]


def positions_in(graph: Tensor) -> Tensor:
    """The number of each entry among those of its graph, in their order, (K,).

    Example:
        >>> positions_in(torch.tensor([0, 1, 1, 0, 1])).tolist()
        [0, 0, 1, 1, 2]
    """
    order = torch.argsort(graph, stable=True)
    counts = torch.bincount(graph)
    first = counts.cumsum(0) - counts
    position = torch.empty_like(order)
    position[order] = torch.arange(len(order), device=order.device) - first[graph[order]]
    return position


def shared(reach: np.ndarray) -> np.ndarray:
    """Group outputs of disjoint receptive fields, (K, V) of ``bool``: each joins the first group that it fits.

    Returns:
        The group of each output, (K,).

    Example:
        >>> shared(np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]], dtype=bool)).tolist()
        [0, 1, 0]
    """
    taken = np.zeros_like(reach)
    free = np.full(len(reach), reach.shape[1])
    colour = np.zeros(len(reach), dtype=np.int64)
    groups = 0
    for k, row in enumerate(reach):
        columns = row.nonzero()[0]
        roomy = (free[:groups] >= len(columns)).nonzero()[0]
        fits = roomy[~taken[np.ix_(roomy, columns)].any(axis=1)]
        group = int(fits[0]) if len(fits) else groups
        groups = max(groups, group + 1)
        taken[group, columns] = True
        free[group] -= len(columns)
        colour[k] = group
    return colour


def _features(model: Model | Encoder, graph: SpaceTimeGraph) -> Tensor:
    x = graph.get("x")
    if isinstance(x, Tensor) and x.is_floating_point():
        x = x.to(next(model.parameters()).dtype)
    return _encoder(model)._features(x)


def _encoder(model: Model | Encoder) -> Encoder:
    return model if isinstance(model, Encoder) else model.encoder
