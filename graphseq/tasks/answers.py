"""Errors for outputs that do not fit a task's answers, and for objects that are not tasks, in the user's terms."""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.data import Data

from graphseq.tasks.base import Task

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
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")


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
    except (ValueError, IndexError, RuntimeError) as error:
        if hint := mismatch(task, output, y):
            raise ValueError(f"{hint}. {error}") from error
        raise


def mismatch(task: Task, output: Tensor, y: Tensor) -> str:
    """Return why outputs do not fit a task's answers and which argument corrects it; empty if nothing is known."""
    name, answers = type(task).__name__, len(y) if y.dim() else 0
    if output.dim() != 2:
        return ""
    if len(output) != answers:
        if task.per_graph:
            return (
                f"{name} asks for one answer a graph, {answers} in this batch, but the model gives {len(output)}; "
                "build it with pool='mean', 'sum' or 'max'"
            )
        return (
            f"{name} asks for {answers} answers in this batch, but the model gives {len(output)}; a model with pool= "
            "answers once a graph, one without once a target row"
        )
    channels = output.shape[1]
    if y.dim() == 1 and answers and not y.is_floating_point() and int(y.max()) >= channels:
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
