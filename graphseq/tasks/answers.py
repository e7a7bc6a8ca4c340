"""Errors for outputs that do not fit a task's answers, and for objects that are not tasks, in the user's terms."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphseq.tasks.base import Regression, Task

_NEEDED = ("in_channels", "out_channels", "chance")


def check_task(task: object, argument: str = "task") -> None:
    """Raise if an object is not a task, or a task without the attributes that every evaluation needs.

    Raises:
        TypeError: not a :class:`~graphseq.tasks.Task`.
        ValueError: a task without channels or chance.
    """
    if not isinstance(task, Task):
        hint = ""
        if isinstance(task, type):
            hint = f"; {task.__name__} is a class, make a task of it first"
        elif isinstance(task, Data):
            hint = "; make a task of the graph first, such as gs.tasks.NodeClassification(graph, …)"
        raise TypeError(f"{argument} must be a graphseq.tasks.Task, got {type(task).__name__}{hint}")
    for name in _NEEDED:
        try:
            getattr(task, name)
        except AttributeError as error:
            raise ValueError(str(error)) from None


def check_model(model: object) -> None:
    """Raise if an object is not a model.

    Raises:
        TypeError: not a ``torch.nn.Module``.
        ValueError: one whose weights are without numbers.
    """
    if not isinstance(model, nn.Module):
        hint = f"; {model.__name__} is a class, make a model of it first" if isinstance(model, type) else ""
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}{hint}")
    if any(parameter.is_meta for parameter in model.parameters()):
        raise ValueError("model is on the meta device, where weights are without numbers; build it on another")


def loss_of(task: Task, output: Tensor, y: Tensor) -> Tensor:
    """Return the task's loss of a model's outputs.

    Raises:
        TypeError: the model gives no tensor.
        ValueError: outputs that do not fit the answers; the message names task, head and argument.
    """
    if not isinstance(output, Tensor):
        raise TypeError(f"the model must give a tensor of outputs (K, C), got {type(output).__name__}")
    # On an accelerator a class that is out of bounds ends the process's use of it; there it is looked for beforehand.
    if output.device.type != "cpu" and type(task).loss is Task.loss and (hint := mismatch(task, output, y)):
        raise ValueError(hint)
    try:
        return task.loss(output, y)
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        if hint := mismatch(task, output, y):
            # What torch says of it names no argument; the library's own error has the shapes.
            raise ValueError(f"{hint}. {error}" if type(error) is ValueError else hint) from error
        raise


def mismatch(task: Task, output: Tensor, y: Tensor) -> str:
    """Return why outputs do not fit a task's answers and which argument corrects it; empty if nothing is known."""
    answers = len(y) if y.dim() else 0
    if not output.is_floating_point():
        return f"the model must give outputs of floating-point numbers, got {_kind(output)}"
    if output.dim() != 2:
        return (
            f"the model must give outputs (K, C), one row for each of the K answers, got shape {tuple(output.shape)} "
            f"for y {tuple(y.shape)}"
        )
    if fault := _odd_answers(task, y):
        return fault
    if len(output) != answers:
        return _other_count(task, len(output), answers)
    return _other_width(task, output.shape[1], y)


def _odd_answers(task: Task, y: Tensor) -> str:
    """Return what is wrong with answers by themselves, where the task's loss is one of the base classes'."""
    name, own = type(task).__name__, type(task).loss
    if own is Regression.loss and y.dim() == 1:
        return f"{name} must give y of shape (K, C), C numbers an answer, got {tuple(y.shape)}; make it y[:, None]"
    if own is not Task.loss:
        return ""
    if y.dtype not in (torch.int64, torch.uint8):
        advice = "make it y.long(), or the task a Regression if its answers are numbers"
        return f"{name} must give classes in y, got {_kind(y)}; {advice}"
    if y.dim() != 1:
        return f"{name} must give one class an answer, y of shape (K,), got {tuple(y.shape)}"
    if len(y) and int(y.min()) < 0:
        return f"{name} has the class {int(y.min())} in y; classes are 0 to {task.out_channels - 1}"
    return ""


def _other_count(task: Task, outputs: int, answers: int) -> str:
    name = type(task).__name__
    if task.per_graph:
        return (
            f"{name} asks for one answer a graph, {answers} in this batch, but the model gives {outputs}; "
            "build it with pool='mean', 'sum' or 'max'"
        )
    return (
        f"{name} asks for {answers} answers in this batch, but the model gives {outputs}; a model with pool= "
        "answers once a graph, one without once a target row"
    )


def _other_width(task: Task, channels: int, y: Tensor) -> str:
    name = type(task).__name__
    if y.dim() == 1 and len(y) and not y.is_floating_point() and int(y.max()) >= channels:
        needed = max(task.out_channels, int(y.max()) + 1)
        advice = "" if task.out_channels >= needed else f"; the task itself says out_channels={task.out_channels}"
        return (
            f"{name} has the class {int(y.max())}, but the model's head gives {channels} outputs, for the classes 0 to "
            f"{channels - 1}; build it with out_channels={needed}{advice}"
        )
    if y.dim() == 2 and y.shape[1] != channels:
        return (
            f"{name} asks for {y.shape[1]} numbers an answer, but the model's head gives {channels}; build it with "
            f"out_channels={y.shape[1]}"
        )
    return ""


def not_finite(x: Tensor, y: Tensor) -> str:
    """Return the first number of a batch that is NaN or infinite, such as "y[0, 0] = nan"; empty if there is none."""
    for name, values in (("x", x), ("y", y)):
        if values.is_floating_point() and not bool(values.isfinite().all()):
            place = (~values.isfinite()).nonzero()[0].tolist()
            return f"{name}{place} = {values[tuple(place)].item()}"
    return ""


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
