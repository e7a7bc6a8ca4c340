"""Measurement of a model without a trace: its modes, buffers, attributes, gradients and all random state stay."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from graphseq._torch import compat

# What nn.Module keeps in its __dict__ and this module restores by itself, or leaves alone: a hook that a user registers
# while a measurement runs is the user's.
_OWN = ("_parameters", "_buffers", "_modules")


@contextmanager
def still(model: object, *, weights: bool = False) -> Iterator[None]:
    """Set evaluation mode with gradients on, and restore on exit all that a call of the model may have changed.

    Restored are the mode of every submodule, ``requires_grad`` of every parameter, buffers, other attributes (such as
    what a convolution with ``cached=True`` keeps), and the random state of torch, numpy and Python. Hooks stay and are
    called. It works within ``torch.no_grad`` and ``torch.inference_mode``. A function that is no module has no modes to
    set.

    Args:
        model: a module, or any other callable.
        weights: let gradients flow to the parameters that require them; by default to none.
    """
    modules = list(dict.fromkeys(model.modules())) if isinstance(model, nn.Module) else []
    scripted = {module for module in modules if isinstance(module, torch.jit.ScriptModule)}
    attributes = [dict(module.__dict__) for module in modules]
    buffers = [compat.buffers_of(module) for module in modules]
    values = [(buffer, buffer.detach().clone()) for held in buffers for buffer in held.values() if buffer is not None]
    held_mode = {module: module.training for module in modules}
    flags = {p: p.requires_grad for module in modules for p in module.parameters(recurse=False)}
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(random_state(flags))
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))  # the other kernels have no batched gradients
        stack.enter_context(_layers_by_parts())
        if any(parameter.is_cuda for parameter in flags):
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))  # its recurrences need training mode
        try:
            if isinstance(model, nn.Module):
                model.eval()
            if not weights:
                for parameter in flags:
                    parameter.requires_grad_(False)
            yield
        finally:
            for module, held, tensors in zip(modules, attributes, buffers, strict=True):
                if module in scripted:  # which keeps no attributes in Python; its buffers are restored below
                    module.train(held_mode[module])
                    continue
                _restore(module.__dict__, held)
                compat.restore_buffers(module, tensors)
            _restore_values(values)
            for parameter, flag in flags.items():
                parameter.requires_grad_(flag)


def _restore(current: dict[str, object], before: dict[str, object]) -> None:
    for name in [name for name in current if name not in before]:
        del current[name]
    for name, value in before.items():
        if name not in _OWN and (name not in current or current[name] is not value):
            current[name] = value


def _restore_values(values: list[tuple[Tensor, Tensor]]) -> None:
    with torch.no_grad():
        for buffer, before in values:
            if not torch.equal(buffer.detach().reshape(-1).view(torch.uint8), before.reshape(-1).view(torch.uint8)):
                buffer.copy_(before)


@contextmanager
def _layers_by_parts() -> Iterator[None]:
    """Keep attention and Transformer layers from their fused path for inference.

    Without gradients it gives other values at padding, and nested tensors, which have no shape, to the layers.
    """
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextmanager
def attributes_kept(objects: Sequence[object]) -> Iterator[None]:
    """Put back the attributes of some objects on exit, such as the epoch that a sampler counts."""
    before = [dict(vars(each)) for each in objects]
    try:
        yield
    finally:
        for each, held in zip(objects, before, strict=True):
            _restore(vars(each), held)


@contextmanager
def random_state(flags: Iterable[nn.Parameter] = ()) -> Iterator[None]:
    """Put back the random state of torch, numpy and Python on exit, also of the devices of some parameters."""
    devices = {parameter.device.index or 0 for parameter in flags if parameter.is_cuda}
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the state that others draw from
    with torch.random.fork_rng(sorted(devices)):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


def double_copy(model: object) -> nn.Module:
    """A copy of a module in float64; the random state stays."""
    if not isinstance(model, nn.Module):
        raise TypeError("double=True copies a module to float64, and model is a function; give it a module")
    with torch.random.fork_rng([]):  # a copy of PyG's Linear draws new weights first, in some versions
        return deepcopy(model).double()
