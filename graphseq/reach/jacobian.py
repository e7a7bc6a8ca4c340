"""The Jacobian of a model, computed by batched backward passes that outputs of disjoint receptive fields share.

Where no row is in the receptive fields of two outputs, one backward pass gives the gradients of both, since each row's
gradient belongs to one of them. This is compressed differentiation after Curtis, Powell and Reid, *On the estimation of
sparse Jacobian matrices* (1974), with the receptive fields as the sparsity pattern. Every pass runs on the whole graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.encoder import Encoder
from graphseq.nn.heads import RowHead
from graphseq.nn.model import Model

# The most bytes of one activation of a batch of passes: small enough for the cache of a CPU, large enough for a GPU.
_BATCH_BYTES = {"cpu": 2**21, "cuda": 2**28}
_MOST_PASSES = 256


class Jacobian:
    """The Jacobian of outputs (K, C) in features (V, F), as :func:`jacobian` yields it."""

    def __init__(self, model: Model | Encoder, graph: SpaceTimeGraph, out: Tensor, rows: int, picked: Tensor) -> None:
        self.x: Tensor = graph.x
        self.out = out  # the model's output; output k is out[picked[k]]
        self._model, self._graph, self._rows, self._picked = model, graph, rows, picked
        self._can_batch = True

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """K, C, V, F."""
        rows, features = self.x.shape
        return len(self._picked), self.out.shape[1], rows, features

    @property
    def chunk(self) -> int:
        """The number of backward passes in a batch."""
        widest = self._rows * max(self.x.shape[1], _encoder(self._model).hidden_channels)
        fits: int = _BATCH_BYTES.get(self.x.device.type, 2**21) // (widest * self.x.element_size())
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
        if k == 1:
            return separate
        fields = _reach(self._model, self._graph)[self._picked.cpu()]
        colour = shared(fields.numpy())
        passes = int(colour.max()) + 1
        if passes == k or not self._stays_within(fields):
            return separate
        owner = torch.full((passes, v), -1)
        output, row = fields.nonzero().t()
        owner[torch.from_numpy(colour)[output], row] = output
        return owner.to(self.x.device)

    def _stays_within(self, fields: Tensor) -> bool:
        """Test on a few outputs that gradients vanish outside the receptive fields that the encoder declares."""
        sample = torch.linspace(0, len(fields) - 1, min(len(fields), 4)).long()
        g = torch.Generator().manual_seed(0)
        direction = torch.randn(len(sample), self.out.shape[1], generator=g, dtype=torch.float64).to(self.x.device)
        passes = torch.arange(len(sample), device=self.x.device)
        gradients = self.pull(len(sample), passes, sample.to(self.x.device), direction)
        return not bool(((gradients != 0).any(-1).cpu() & ~fields[sample]).any())


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


@contextmanager
def jacobian(model: Model | Encoder, graph: SpaceTimeGraph, outputs: Tensor | None) -> Iterator[Jacobian]:
    """Yield the Jacobian of some outputs, with the model in evaluation mode; the model is restored on exit.

    Args:
        model: a model, or an encoder, whose outputs are then the states of the target rows.
        graph: V rows. Tokens are read as one-hot rows, and features are cast to the dtype of the model's weights.
        outputs: the outputs, (K,); ``None`` for all.

    Raises:
        TypeError: neither a model nor an encoder.
        ValueError: an output that does not exist, or a model that is random in evaluation mode.
    """
    if not isinstance(model, Model | Encoder):
        raise TypeError(f"model must be a graphseq.nn.Model or Encoder, got {type(model).__name__}")
    with torch.inference_mode(False), torch.enable_grad(), _still(model):
        targeted, picked = _with_targets(model, graph, outputs)
        leaf = _features(model, graph).detach().clone().requires_grad_()
        targeted = targeted.replace(x=leaf)
        with torch.no_grad():
            first = _outputs(model, targeted)
        out = _outputs(model, targeted)
        if not torch.allclose(out, first, rtol=1e-3, atol=1e-5, equal_nan=True):
            raise ValueError(
                "model gives different outputs for the same input in evaluation mode; remove its randomness, since an "
                "influence is that of one function"
            )
        transform = model.transform if isinstance(model, Model) else None
        num_rows = targeted.num_rows if transform is None else transform(targeted).num_rows
        yield Jacobian(model, targeted, out, num_rows, picked.to(leaf.device))


@contextmanager
def _still(model: torch.nn.Module) -> Iterator[None]:
    """Set evaluation mode without gradients of weights, and without cuDNN, whose recurrences need training mode."""
    modes = {module: module.training for module in model.modules()}
    flags = {parameter: parameter.requires_grad for parameter in model.parameters()}
    with ExitStack() as stack:
        if next(model.parameters()).is_cuda:
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        try:
            model.eval().requires_grad_(False)
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode
            for parameter, flag in flags.items():
                parameter.requires_grad_(flag)


def _with_targets(
    model: Model | Encoder, graph: SpaceTimeGraph, outputs: Tensor | None
) -> tuple[SpaceTimeGraph, Tensor]:
    """The graph with only the chosen outputs as targets, and the index of each output among them."""
    by_row = isinstance(model, Encoder) or isinstance(model.head, RowHead)
    number = len(graph.target_rows) if by_row else graph.num_graphs
    if outputs is None:
        return graph, torch.arange(number)
    outputs = _checks.is_tensor("outputs", outputs).cpu()
    if outputs.dim() != 1 or outputs.numel() == 0 or outputs.is_floating_point() or outputs.dtype == torch.bool:
        raise ValueError(f"outputs must be integers of shape (K,), got {outputs.dtype} {tuple(outputs.shape)}")
    if int(outputs.min()) < 0 or int(outputs.max()) >= number:
        raise ValueError(f"outputs must lie in 0 to {number - 1}, got {outputs.tolist()}")
    if not by_row:
        return graph, outputs
    distinct, index = outputs.unique(return_inverse=True)
    target = torch.zeros(graph.num_rows, dtype=torch.bool, device=graph.node.device)
    target[graph.target_rows[distinct.to(target.device)]] = True
    return graph.replace(target=target, y=None), index


def _features(model: Model | Encoder, graph: SpaceTimeGraph) -> Tensor:
    x = _encoder(model)._features(graph.x)
    return x.to(next(model.parameters()).dtype)


def _encoder(model: Model | Encoder) -> Encoder:
    return model if isinstance(model, Encoder) else model.encoder


def _outputs(model: Model | Encoder, graph: SpaceTimeGraph) -> Tensor:
    out: Tensor = model(graph)
    return out[graph.target_rows] if isinstance(model, Encoder) else out


def _reach(model: Model | Encoder, graph: SpaceTimeGraph) -> Tensor:
    return model.reach(graph, graph.target_rows) if isinstance(model, Encoder) else model.reach(graph)
