"""A copy of a model with a wider state, to see if its width is what keeps it from learning."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch_geometric import nn as pyg
from torch_geometric.nn import MessagePassing

from graphseq import seeding
from graphseq.evaluation.modes import evaluating
from graphseq.reach.diagnosis.problem import Problem
from graphseq.reach.diagnosis.trial import copied

FACTOR = 8
_SIZES = ("in_features", "out_features", "in_channels", "out_channels", "hidden_size", "num_features", "channels")
_KINDS = (nn.Linear, pyg.Linear, nn.RNNBase, nn.RNNCellBase, nn.LayerNorm, nn.BatchNorm1d, nn.Conv1d, MessagePassing)


def widened(model: nn.Module, problem: Problem, width: int, seed: int, factor: int = FACTOR) -> nn.Module | None:
    """A freshly initialised copy whose states of ``width`` numbers have ``factor`` times as many.

    Args:
        model: a model of linear maps, recurrences, norms and convolutions.
        problem: its data, on which the copy must give outputs of the same shape.
        width: that of the states; all sizes of this number are taken for it.
        seed: of the new weights.
        factor: of the width; 1 for new weights alone.

    Returns:
        ``None`` where the inputs or outputs have this size, too, or the copy cannot be made or run.
    """
    sample = problem.heldout()[0]
    with evaluating(model), torch.no_grad():
        wanted = sample.run(model, sample.x).shape
    features = sample.x.shape[-1] if sample.x.is_floating_point() else 0
    if width in (features, *wanted[1:]) or any(isinstance(m, nn.Embedding) for m in model.modules()):
        return None
    copy = copied(model)
    with seeding.forked(seed, seeding.BUILD, 23):
        both = any(isinstance(m, nn.RNNBase) and m.bidirectional for m in model.modules())
        sizes = {width: width * factor, **({2 * width: 2 * width * factor} if both else {})}
        for module in list(copy.modules()):
            _widen(module, width, factor, sizes)
        try:
            with evaluating(copy), torch.no_grad():
                return copy if sample.run(copy, sample.x).shape == wanted else None
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
            return None


def _widen(module: nn.Module, width: int, factor: int, sizes: dict[int, int]) -> None:
    """Give a module the new sizes in place of its own, with new weights."""
    if isinstance(module, nn.RNNBase):
        _rebuild(module, width, factor, sizes)
        return
    if isinstance(module, _KINDS):
        for name in _SIZES:
            if getattr(module, name, None) in sizes:
                setattr(module, name, sizes[getattr(module, name)])
        if isinstance(module, nn.LayerNorm):
            module.normalized_shape = tuple(sizes.get(size, size) for size in module.normalized_shape)
    gates = 4 if isinstance(module, nn.LSTMCell) else 3 if isinstance(module, nn.GRUCell) else 1
    first = {gates * old: gates * new for old, new in sizes.items()}
    changed = False
    tensors = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    for name, value in tensors:
        if not value.is_floating_point() or not value.dim():
            continue
        shape = [(first if n == 0 else sizes).get(size, size) for n, size in enumerate(value.shape)]
        if shape != list(value.shape) or factor == 1:
            new = torch.randn(shape) * (float(value.detach().std()) if value.numel() > 1 else 0.0)
            setattr(module, name, nn.Parameter(new, value.requires_grad) if isinstance(value, nn.Parameter) else new)
            changed = True
    if changed and callable(reset := getattr(module, "reset_parameters", None)):
        reset()


def _rebuild(module: nn.RNNBase, width: int, factor: int, sizes: dict[int, int]) -> None:
    """Make a recurrence of torch again with other sizes, in its place."""
    if module.hidden_size != width or module.proj_size:
        return
    kind: Any = type(module)
    options = {"nonlinearity": module.nonlinearity} if isinstance(module, nn.RNN) else {}
    new = kind(
        sizes.get(module.input_size, module.input_size),
        width * factor,
        module.num_layers,
        bias=module.bias,
        batch_first=module.batch_first,
        dropout=module.dropout,
        bidirectional=module.bidirectional,
        **options,
    )
    module.__dict__.update(new.__dict__)
