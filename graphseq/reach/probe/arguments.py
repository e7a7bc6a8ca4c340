"""The arguments of a model's call, read from its signature and filled from the data by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch_geometric.nn
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.typing import SparseTensor

_FEATURES = (
    "x",
    "X",
    "input",
    "inputs",
    "src",
    "features",
    "feature",
    "feats",
    "feat",
    "node_features",
    "node_feat",
    "h",
)
_ANSWERS = ("y", "label", "labels", "target", "targets")  # optional: a model given them returns its loss, or copies
_DATA = ("data", "graph", "g", "batch", "batch_data", "graphs")
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_SAID = ("edge_index", "edge_attr", "edge_weight", "batch", "pos", "adj_t")


@dataclass(frozen=True)
class Arguments:
    """The arguments of a call: attributes of the data by parameter, or the data itself."""

    attributes: Mapping[str, str]  #: the data's attribute that each parameter gets; "" stands for the whole data
    notes: tuple[str, ...]  #: what was filled in by another name, and what the data carries and the model never gets

    def words(self, model: Callable[..., object]) -> str:
        """The call, as Python writes it."""
        given = ", ".join(f"{name}={attribute or 'data'}" for name, attribute in self.attributes.items())
        return f"called as {_name(model)}({given})"

    def fill(self, data: Data) -> dict[str, object]:
        """The keyword arguments, from the data."""
        return {name: data if attribute == "" else data[attribute] for name, attribute in self.attributes.items()}


HINT = "call=lambda m, x: m(x, …)"


def read(model: Callable[..., object], data: Data, hint: str = HINT) -> Arguments:
    """Read which attribute of the data each parameter of a model's call gets.

    A parameter gets the attribute of its own name. Beside these, ``x`` may be called by another usual name, ``batch``
    of a single graph is zeros, ``adj_t`` may stand for ``edge_index``, and a model of one parameter ``data`` gets the
    data. Optional parameters are filled where the data has a tensor of that name, but for ``y`` and the like.

    Args:
        model: a module or another callable.
        data: PyG data.
        hint: the argument by which a user says how the model is called, for messages.

    Raises:
        ValueError: a parameter that the data has no attribute for, or a signature that names none.
    """
    parameters = _parameters(model, hint)
    held = {key for key in data.keys() if isinstance(data[key], Tensor | SparseTensor)}  # noqa: SIM118
    if reads_data(model, data):
        return Arguments({parameters[0].name: ""}, ())
    attributes: dict[str, str] = {}
    notes: list[str] = []
    has_x = any(p.name == "x" for p in parameters)
    for at, parameter in enumerate(parameters):
        name, is_required = parameter.name, parameter.default is parameter.empty
        if name in _ANSWERS and not is_required:
            continue
        if name in held and (name == "x" or has_x or at > 0 or name not in _FEATURES):
            attributes[name] = name
        elif at == 0 and not has_x and (name in _FEATURES or is_required):
            attributes[name] = "x"
            notes.append(f"{name} is given x")
        elif name == "edge_index" and "adj_t" in held:
            attributes[name] = "adj_t"
            notes.append("edge_index is given adj_t")
        elif name == "batch" and is_required:
            attributes[name] = "batch"
            notes.append("batch is given zeros: data is one graph")
        elif is_required:
            raise ValueError(_lacking(model, name, held, hint))
    if "x" not in attributes.values():
        raise ValueError(
            f"{_name(model)} takes {', '.join(p.name for p in parameters)}, none of which is x; say how it is called: "
            f"{hint}"
        )
    unread = [key for key in _SAID if key in held and key not in attributes.values()]
    notes.extend(f"{key} of the data is not read by the model" for key in unread)
    return Arguments(attributes, tuple(notes))


def reads_data(model: Callable[..., object], data: Data) -> bool:
    """True for a model with one required parameter, which is the data as a whole."""
    parameters = _named(model)
    held = {key for key in data.keys() if isinstance(data[key], Tensor | SparseTensor)}  # noqa: SIM118
    return len([p for p in parameters if p.default is p.empty]) == 1 and _is_data(parameters[0], held)


def check_one(model: Callable[..., object]) -> None:
    """Refuse a model that cannot be called with one tensor alone.

    Raises:
        ValueError: a second required parameter, or a signature that names none.
    """
    required = [p.name for p in _parameters(model) if p.default is p.empty]
    if len(required) > 1:
        raise ValueError(
            f"{_name(model)} requires {', '.join(required)}, and data is one tensor; say how it is called: "
            "call=lambda m, x: m(x, …)"
        )


def _parameters(model: Callable[..., object], hint: str = HINT) -> list[inspect.Parameter]:
    """The named parameters of a model's call."""
    if isinstance(model, torch_geometric.nn.Sequential):
        names = model.signature.param_dict  # its forward names none
        return [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    named = _named(model)
    if not named and isinstance(model, nn.Module):  # a wrapper that passes all on, such as nn.DataParallel
        inner = list(model.children())
        named = _parameters(inner[0]) if len(inner) == 1 else []
    if not named:
        raise ValueError(
            f"the signature of the model, {_name(model)}, names no parameters; say how it is called: {hint}"
        )
    return named


def _named(model: Callable[..., object]) -> list[inspect.Parameter]:
    try:
        signature = inspect.signature(model.forward if isinstance(model, nn.Module) else model)
    except (TypeError, ValueError):
        return []
    kinds = (*_POSITIONAL, inspect.Parameter.KEYWORD_ONLY)
    return [parameter for parameter in signature.parameters.values() if parameter.kind in kinds]


def _is_data(parameter: inspect.Parameter, held: set[str]) -> bool:
    """True for the one required parameter of a model that reads the data as a whole."""
    annotation = parameter.annotation
    if isinstance(annotation, type) and issubclass(annotation, Data):
        return True
    words = str(annotation)
    return parameter.name in _DATA and "Tensor" not in words and parameter.name not in held - {"batch"}


def _lacking(model: Callable[..., object], name: str, held: set[str], hint: str) -> str:
    return (
        f"{_name(model)} requires {name}, which data lacks; it has {', '.join(sorted(held))}. Add data.{name}, or say "
        f"how the model is called: {hint}"
    )


def _name(model: Callable[..., object]) -> str:
    return type(model).__name__ if isinstance(model, nn.Module) else getattr(model, "__name__", type(model).__name__)
