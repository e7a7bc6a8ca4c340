"""A model's Jacobian, met only through backward passes that are batched, and shared where structure allows it.

Two outputs that no row can reach both may be asked in one backward pass: each row's gradient then belongs to one of
them. This is compressed differentiation after Curtis, Powell and Reid, *On the estimation of sparse Jacobian matrices*
(1974), with the model's reach as the sparsity pattern. The whole graph takes part in every pass.
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

# Bytes that one activation of all passes of a batch may take: what stays in cache on a CPU, what fills a GPU.
_BATCH_BYTES = {"cpu": 2**21, "cuda": 2**28}
_MOST_PASSES = 256


class Jacobian:
    """The Jacobian of outputs (K, C) in features (V, F), as :func:`jacobian` opens it."""

    def __init__(self, model: Model | Encoder, graph: SpaceTimeGraph, out: Tensor, rows: int, picked: Tensor) -> None:
        self.x: Tensor = graph.x
        self.out = out  # as the model gave it; output k is out[picked[k]]
        self._model, self._graph, self._rows, self._picked = model, graph, rows, picked
        self._can_batch = True

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """K, C, V, F."""
        rows, features = self.x.shape
        return len(self._picked), self.out.shape[1], rows, features

    @property
    def chunk(self) -> int:
        """How many backward passes to batch."""
        widest = self._rows * max(self.x.shape[1], _encoder(self._model).hidden_channels)
        fits: int = _BATCH_BYTES.get(self.x.device.type, 2**21) // (widest * self.x.element_size())
        return max(1, min(_MOST_PASSES, fits))

    def pull(self, passes: int, member: Tensor, output: Tensor, direction: Tensor) -> Tensor:
        """Gradients (P, V, F) of P scalars, each a sum over outputs k of direction · out_k.

        Args:
            passes: P.
            member: the pass each of M terms belongs to, (M,).
            output: the output k of each term, (M,).
            direction: its direction, (M, C).
        """
        seeds = self.out.new_zeros(passes, *self.out.shape)
        seeds.index_put_((member, self._picked[output]), direction.to(seeds.dtype), accumulate=True)
        if not self.out.requires_grad:
            return self.x.new_zeros(passes, *self.x.shape)
        if self._can_batch and passes > 1:
            try:
                return self._grad(seeds, batched=True)
            except RuntimeError:
                # Some operation has no rule for batches; if that was not it, the loop fails in the same way.
                self._can_batch = False
        return torch.stack([self._grad(seed, batched=False) for seed in seeds])

    def _grad(self, seed: Tensor, *, batched: bool) -> Tensor:
        found: Tensor | None = torch.autograd.grad(
            self.out, self.x, seed, retain_graph=True, allow_unused=True, is_grads_batched=batched
        )[0]
        return self.x.new_zeros(*seed.shape[: int(batched)], *self.x.shape) if found is None else found

    def owners(self) -> Tensor:
        """Which output each row's gradient belongs to, pass by pass: (G, V), -1 where to none.

        G is how many passes ask every output once a channel, K where no two can share one.
        """
        k, _, v, _ = self.shape
        alone = torch.arange(k, device=self.x.device)[:, None].expand(k, v)
        if k == 1:
            return alone
        reach = _reach(self._model, self._graph)[self._picked.cpu()]
        colour = shared(reach.numpy())
        passes = int(colour.max()) + 1
        if passes == k or not self._stays_within(reach):
            return alone
        owner = torch.full((passes, v), -1)
        output, row = reach.nonzero().t()
        owner[torch.from_numpy(colour)[output], row] = output
        return owner.to(self.x.device)

    def _stays_within(self, reach: Tensor) -> bool:
        """Whether a few outputs heed the reach that their encoder declares: a layer such as PairNorm does not."""
        some = torch.linspace(0, len(reach) - 1, min(len(reach), 4)).long()
        g = torch.Generator().manual_seed(0)
        direction = torch.randn(len(some), self.out.shape[1], generator=g, dtype=torch.float64).to(self.x.device)
        found = self.pull(len(some), torch.arange(len(some), device=self.x.device), some.to(self.x.device), direction)
        return not bool(((found != 0).any(-1).cpu() & ~reach[some]).any())


def shared(reach: np.ndarray) -> np.ndarray:
    """Numbers (K,) of groups of outputs whose reach, (K, V) of ``bool``, does not meet; the first group that fits.

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
    """Open the Jacobian of some outputs, in evaluation mode; afterwards the model is as it was.

    Args:
        model: a model, or an encoder, whose outputs are then the states of the target rows.
        graph: V rows. Tokens are read as one-hot rows, and features in the number type of the model's weights.
        outputs: which outputs, (K,); all of them where ``None``.

    Raises:
        TypeError: neither a model nor an encoder.
        ValueError: an output that the model does not have, or a model that is random in evaluation mode too.
    """
    if not isinstance(model, Model | Encoder):
        raise TypeError(f"model must be a graphseq.nn.Model or Encoder, got {type(model).__name__}")
    with torch.inference_mode(False), torch.enable_grad(), _still(model):
        asked, picked = _asked(model, graph, outputs)
        leaf = _features(model, graph).detach().clone().requires_grad_()
        seen = asked.replace(x=leaf)
        with torch.no_grad():
            first = _outputs(model, seen)
        out = _outputs(model, seen)
        if not torch.allclose(out, first, rtol=1e-3, atol=1e-5, equal_nan=True):
            raise ValueError(
                "model gives different outputs for the same input in evaluation mode; an influence is that of one "
                "function: take the randomness out"
            )
        transform = model.transform if isinstance(model, Model) else None
        yield Jacobian(
            model, seen, out, seen.num_rows if transform is None else transform(seen).num_rows, picked.to(leaf.device)
        )


@contextmanager
def _still(model: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradients of weights; cuDNN's recurrences, which differentiate only in training, are off."""
    modes = {module: module.training for module in model.modules()}
    needs = {parameter: parameter.requires_grad for parameter in model.parameters()}
    with ExitStack() as stack:
        if next(model.parameters()).is_cuda:
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        try:
            model.eval().requires_grad_(False)
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode
            for parameter, need in needs.items():
                parameter.requires_grad_(need)


def _asked(model: Model | Encoder, graph: SpaceTimeGraph, outputs: Tensor | None) -> tuple[SpaceTimeGraph, Tensor]:
    """The graph asked at those outputs only, and where each of them then stands."""
    by_row = isinstance(model, Encoder) or isinstance(model.head, RowHead)
    number = len(graph.target_rows) if by_row else graph.num_graphs
    if outputs is None:
        return graph, torch.arange(number)
    outputs = _checks.is_tensor("outputs", outputs).cpu()
    if outputs.dim() != 1 or outputs.numel() == 0 or outputs.is_floating_point() or outputs.dtype == torch.bool:
        raise ValueError(f"outputs must be numbers of shape (K,), got {outputs.dtype} {tuple(outputs.shape)}")
    if int(outputs.min()) < 0 or int(outputs.max()) >= number:
        raise ValueError(f"outputs must lie in 0 to {number - 1}, got {outputs.tolist()}")
    if not by_row:
        return graph, outputs
    different, place = outputs.unique(return_inverse=True)
    target = torch.zeros(graph.num_rows, dtype=torch.bool, device=graph.node.device)
    target[graph.target_rows[different.to(target.device)]] = True
    return graph.replace(target=target, y=None), place


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
