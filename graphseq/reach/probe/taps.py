"""The states inside a model, read and replaced by forward hooks on its modules."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase

import torch_geometric.nn
from torch import Tensor, nn

from graphseq._torch import compat

_PYG_NORMS = tuple(
    getattr(torch_geometric.nn, name)
    for name in (
        "BatchNorm", "InstanceNorm", "LayerNorm", "GraphNorm", "GraphSizeNorm", "PairNorm", "MeanSubtractionNorm",
        "MessageNorm", "DiffGroupNorm",
    )
)  # fmt: skip
LAYERS: tuple[type[nn.Module], ...] = (
    torch_geometric.nn.MessagePassing,
    torch_geometric.nn.GPSConv,
    torch_geometric.nn.DirGNNConv,
    torch_geometric.nn.AntiSymmetricConv,
    nn.RNNBase,
    nn.RNNCellBase,
    nn.MultiheadAttention,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
    nn.Conv1d,
)
NORMS: tuple[type[nn.Module], ...] = (
    *_PYG_NORMS,
    *compat.BATCH_NORMS,
    *compat.INSTANCE_NORMS,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)
POOLS: tuple[type[nn.Module], ...] = (torch_geometric.nn.Aggregation, torch_geometric.nn.JumpingKnowledge)

Hook = Callable[[nn.Module, str, tuple[object, ...], object], object]


def names(model: object, patterns: Sequence[str] | None, argument: str = "states") -> list[str]:
    """The names of the modules whose outputs are states.

    Args:
        model: a module, or another callable, which has none.
        patterns: names of modules, in which ``*`` stands for one part between dots, such as ``convs.*``; ``None`` for
            all layers, norms and pooling modules that are in no other layer.
        argument: the name of the argument that holds them.

    Raises:
        ValueError: a pattern that fits no module.
    """
    if not isinstance(model, nn.Module):
        if patterns:
            raise ValueError(f"{argument}={list(patterns)}: the model is a function, in which no module can be found")
        return []
    if patterns is None:
        return names_of(model, LAYERS + NORMS + POOLS)
    modules = dict(model.named_modules())
    chosen: list[str] = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        fitting = [name for name in modules if _fits(name, pattern)]
        if not fitting:
            near = difflib.get_close_matches(pattern, list(modules), n=3, cutoff=0.0)
            raise ValueError(
                f"{argument}={pattern!r} fits no module of {type(model).__name__}; nearest: {', '.join(near)}"
            )
        chosen.extend(name for name in fitting if name not in chosen)
    return chosen


def names_of(model: object, kinds: tuple[type[nn.Module], ...]) -> list[str]:
    """The names of the modules of some kinds that are in no other layer or norm of PyG, which wraps torch's."""
    modules = dict(model.named_modules()) if isinstance(model, nn.Module) else {}
    found = [name for name, module in modules.items() if isinstance(module, kinds)]
    layers = [name for name in found if isinstance(modules[name], LAYERS + _PYG_NORMS)]
    return [name for name in found if not any(_is_inside(name, layer) for layer in layers)]


def _is_inside(name: str, layer: str) -> bool:
    return name != layer and (layer == "" or name.startswith(f"{layer}."))


def _fits(name: str, pattern: str) -> bool:
    parts, wanted = name.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


@contextmanager
def hooked(model: object, chosen: Sequence[str], hook: Hook) -> Iterator[None]:
    """Call ``hook(module, name, inputs, output)`` after each call of some modules; what it returns is the output."""
    modules = dict(model.named_modules()) if isinstance(model, nn.Module) else {}
    handles = []
    try:
        for name in chosen:

            def after(
                module: nn.Module,
                inputs: tuple[object, ...],
                named: dict[str, object],
                output: object,
                name: str = name,
            ) -> object:
                return hook(module, name, (*inputs, *named.values()), output)

            handles.append(modules[name].register_forward_hook(after, with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def first_tensor(output: object) -> Tensor | None:
    """The tensor that an output is, or that comes first in it; ``None`` where there is none."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, tuple | list) and output:
        return first_tensor(output[0])
    return None


def with_first(output: object, tensor: Tensor) -> object:
    """The output with its first tensor replaced."""
    if isinstance(output, Tensor):
        return tensor
    if isinstance(output, tuple | list) and output:
        changed = [with_first(output[0], tensor), *output[1:]]
        if isinstance(output, list):
            return changed
        return type(output)(*changed) if hasattr(output, "_fields") else tuple(changed)
    return output


class Recorder:
    """The outputs of modules, by name: "conv", or "conv[0]", "conv[1]" for a module that is called several times."""

    def __init__(self) -> None:
        self._calls: list[tuple[str, int, nn.Module, Tensor]] = []
        self._counts: dict[str, int] = {}

    def __call__(self, module: nn.Module, name: str, inputs: tuple[object, ...], output: object) -> object:
        """Record a call, as a hook; the model goes on with a copy, so that what it writes in place is no state."""
        at = self._counts.get(name, 0)
        self._counts[name] = at + 1
        tensor = first_tensor(output)
        if tensor is None or tensor.is_nested:  # nested ones have no line for each row
            return None
        self._calls.append((name, at, module, tensor))
        return with_first(output, tensor.clone())

    def calls(self) -> list[tuple[str, int, nn.Module, Tensor]]:
        """The name, the number of the call, the module and the tensor of each call, in their order."""
        return list(self._calls)

    def label(self, name: str, call: int) -> str:
        """The name of a state: that of its module, with the number of the call where there are several."""
        return (name or "model") if self._counts[name] == 1 else f"{name or 'model'}[{call}]"
