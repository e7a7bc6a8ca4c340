"""The model and the data of ``diagnose``, read from files of the user's own."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
from torch_geometric.data.separate import separate
from torch_geometric.data.storage import GlobalStorage

_SAFE = [Data, DataEdgeAttr, DataTensorAttr, GlobalStorage]
_TYPES = "a PyG Data or a list of them, a dict of tensors with x and y, or a pair of tensors (x, y)"


def load_data(path: str | Path) -> Any:
    """Read data without running any code that the file may hold.

    Returns:
        One PyG ``Data``, a list of them, or a pair of tensors.

    Raises:
        OSError: the file cannot be read.
        ValueError: no file of torch, one with objects of other classes, or with something else than data.
    """
    found = _loaded(Path(path), "DATA")
    if isinstance(found, dict):
        found = _of_dict(found, path)
    if isinstance(found, tuple) and len(found) >= 2 and isinstance(found[0], dict):
        return _of_collated(found[0], found[1], path)
    if isinstance(found, Data):
        return _with_answers([found], path)[0]
    if isinstance(found, list) and found and all(isinstance(one, Data) for one in found):
        return _with_answers(found, path)
    if isinstance(found, tuple | list) and len(found) == 2 and all(isinstance(one, Tensor) for one in found):
        return tuple(found)
    raise ValueError(f"DATA {path} holds {_described(found)}; it must be {_TYPES}")


def load_model(word: str, data: object) -> nn.Module:
    """Import what MODEL names and return the module that it is or gives.

    Raises:
        ValueError: no file or module of that name, an error in it, no such name, or one that gives no module.
    """
    place, colon, name = word.rpartition(":")
    if not colon or not place or not name:
        raise ValueError(f"MODEL must be FILE.py:NAME or package.module:NAME, got {word!r}")
    module = _imported(place)
    if not hasattr(module, name):
        public = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ValueError(f"MODEL: {place} has no {name!r}; it has {', '.join(public[:8]) or 'nothing to call'}")
    made = getattr(module, name)
    if not isinstance(made, nn.Module):
        made = _called(made, word, data)
    if not isinstance(made, nn.Module):
        raise ValueError(f"MODEL {word} must give a torch.nn.Module, got {type(made).__name__}")
    return made


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a state_dict into a model.

    Raises:
        ValueError: another file, or weights of another model; the message names the first that does not fit.
    """
    state = _loaded(path, "--weights")
    if isinstance(state, dict) and isinstance(state.get("model_state_dict"), dict):
        state = state["model_state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"--weights {path} must hold a state_dict, a dict of tensors; it holds {_described(state)}")
    own = model.state_dict()
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    shapes = [
        f"{key} is {tuple(state[key].shape)} there and {tuple(own[key].shape)} in the model"
        for key in own.keys() & state.keys()
        if own[key].shape != state[key].shape
    ]
    for problem in (missing and f"{missing[0]} is missing", unknown and f"the model has no {unknown[0]}", *shapes):
        if problem:
            raise ValueError(f"--weights {path} does not fit the model: {problem}")
    model.load_state_dict(state)


def loss_for(name: str | None, data: Any) -> tuple[str, Callable[[Tensor, Tensor], Tensor]]:
    """The loss of that name, or the one that fits the answers, with its name."""
    graph = data[0] if isinstance(data, list) else data
    y = data[1] if isinstance(data, tuple) else graph.edge_label if _is_of_pairs(graph) else graph.y
    if name is None:
        if not y.is_floating_point() and y.dtype != torch.bool:
            name = "cross_entropy"
        else:
            is_labels = y.dtype == torch.bool or bool(((y == 0) | (y == 1)).all())
            name = "binary_cross_entropy_with_logits" if is_labels else "mse_loss"
    loss: Callable[[Tensor, Tensor], Tensor] = getattr(F, name)
    return name, loss


def _loaded(path: Path, flag: str) -> Any:
    if path.is_dir():
        raise ValueError(f"{flag} {path} is a folder; name a file of torch.save in it")
    try:
        with torch.serialization.safe_globals(_SAFE):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(f"{flag} {path} {_refusal(path, error)}") from None
    except (RuntimeError, EOFError, KeyError, AttributeError, ImportError, UnicodeDecodeError) as error:
        reason = str(error).split(". ")[0].partition("\n")[0]
        why = f": {reason}" if " " in reason else ""  # a KeyError says no more than a key
        raise ValueError(f"{flag} {path} cannot be read as a file of torch.save{why}") from None


def _refusal(path: Path, error: Exception) -> str:
    """The reason why a file is not read: the classes in it that could run code, or that it is no file of torch."""
    try:
        unsafe = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    except (RuntimeError, ValueError, OSError, AttributeError, pickle.UnpicklingError):
        unsafe = []
    foreign = [name for name in unsafe if name not in {f"{one.__module__}.{one.__name__}" for one in _SAFE}]
    if any("data.batch" in name for name in foreign):
        return "holds a PyG Batch, which is not read without running code; save batch.to_data_list()"
    if any("AttrType" in name for name in foreign):
        return "holds what a transform has cached beside the data, which is not read; save data.to_dict()"
    if foreign:
        return (
            f"holds objects of {', '.join(foreign[:3])}, which are not read, since a file may run code; save plain "
            "tensors or PyG Data"
        )
    return f"cannot be read as a file of torch.save: {str(error).splitlines()[0][:80]}"


def _of_dict(found: dict[Any, Any], path: str | Path) -> Any:
    answers = found.get("y", found.get("edge_label") if "edge_label_index" in found else None)
    if not isinstance(found.get("x"), Tensor) or not isinstance(answers, Tensor):
        keys = ", ".join(map(str, list(found)[:8]))
        raise ValueError(f"DATA {path} holds a dict of {keys or 'nothing'}; it must have the tensors x and y")
    if "edge_index" not in found:
        return found["x"], found["y"]
    return Data.from_dict({str(key): value for key, value in found.items()})


def _of_collated(values: dict[str, Any], slices: object, path: str | Path) -> Any:
    """The graphs of a data set as PyG saves them: one collated graph, and where each begins."""
    whole = Data.from_dict(values)
    if not isinstance(slices, dict) or not slices:
        return _with_answers([whole], path)[0]
    count = len(next(iter(slices.values()))) - 1
    graphs = [separate(Data, whole, idx=i, slice_dict=slices, decrement=False) for i in range(count)]
    return _with_answers(graphs, path) if count > 1 else _with_answers(graphs, path)[0]


def _with_answers(graphs: list[Data], path: str | Path) -> list[Data]:
    for number, graph in enumerate(graphs):
        for key in ("x",) if _is_of_pairs(graph) else ("x", "y"):
            if not isinstance(graph.get(key), Tensor):
                which = f"graph {number} of " if len(graphs) > 1 else ""
                raise ValueError(f"DATA: {which}{path} has no {key}, a tensor; a diagnosis needs inputs and answers")
    return graphs


def _is_of_pairs(graph: Data) -> bool:
    """True if answers are those of pairs of nodes, as ``RandomLinkSplit`` gives them."""
    return isinstance(graph.get("edge_label"), Tensor) and isinstance(graph.get("edge_label_index"), Tensor)


def _imported(place: str) -> ModuleType:
    """Import a file or a module; its folder can be imported from, as when Python runs the file."""
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        path = Path(place).resolve()
        if not path.is_file():
            raise ValueError(f"MODEL: there is no file {place}")
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ValueError(f"MODEL: {place} is no file that Python can import")
        module = importlib.util.module_from_spec(spec)
        before = sys.modules.get(path.stem)
        sys.modules[path.stem] = module  # where dataclasses and pickle look for their module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            sys.modules.pop(path.stem, None)
            if before is not None:
                sys.modules[path.stem] = before
            raise
        return module
    except SystemExit as error:
        raise ValueError(
            f"MODEL: {place} ends the program when it is imported, with exit status {error.code}"
        ) from None
    except ValueError as error:
        if str(error).startswith("MODEL"):
            raise
        raise ValueError(_in_their_code(place, error)) from error
    except Exception as error:
        raise ValueError(_in_their_code(place, error)) from error


def _called(make: object, word: str, data: object) -> object:
    if not callable(make):
        raise ValueError(f"MODEL {word} must be a torch.nn.Module, or give one when called; got {type(make).__name__}")
    try:
        needed = [
            parameter.name
            for parameter in inspect.signature(make).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        ]
    except (TypeError, ValueError):
        needed = []
    if len(needed) > 1:
        raise ValueError(
            f"MODEL {word} needs {', '.join(needed)}; name a function without arguments, or of the data alone"
        )
    try:
        return make(data) if needed else make()
    except Exception as error:
        raise ValueError(_in_their_code(word, error)) from error


def _in_their_code(place: str, error: Exception) -> str:
    """One line on an error in the user's code, with its place there."""
    line, trace = "", error.__traceback__
    while trace is not None:
        name = Path(trace.tb_frame.f_code.co_filename).name
        if name == Path(place.rpartition(":")[0] if ":" in place else place).name:
            line = f", line {trace.tb_lineno}"
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.lineno:
        line = f", line {error.lineno}"
    return f"MODEL {place}{line}: {type(error).__name__}: {error}"


def _described(found: object) -> str:
    if isinstance(found, list | tuple):
        return f"a {type(found).__name__} of {len(found)}"
    return f"a {type(found).__name__}"
