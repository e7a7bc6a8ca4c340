"""The base classes of tasks: seeded batches, a loss, a score, and facts that are known beforehand."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from functools import wraps
from typing import TYPE_CHECKING, Any, Never, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import ShowsConstructor, checked_arguments
from graphseq._torch.buffers import Workspace
from graphseq._torch.cross_entropy import mean_cross_entropy
from graphseq.data.cache import BoundedCache
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import hops_to
from graphseq.data.topology import Topology
from graphseq.tasks._needed import farthest_relevant
from graphseq.tasks._right import are_right
from graphseq.tasks._shapes import check_classes, check_numbers, check_range

M = TypeVar("M", bound=Callable[..., Any])
_PIECE = 2**20  # numbers that are compared at a time


def of_own_batch(method: M) -> M:
    """Let a task's method say that a graph is no batch of the task, where it meets one that it cannot read."""

    @wraps(method)
    def read(self: Task, graph: SpaceTimeGraph) -> Any:
        try:
            return method(self, graph)
        except (AttributeError, ArithmeticError, IndexError, KeyError, RuntimeError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(f"graph must be a batch of this {type(self).__name__}; {reason}") from error

    return read  # type: ignore[return-value]


class Task(ShowsConstructor, ABC):
    """A source of batches with answers.

    A subclass has a ``batch`` and sets the attributes below. It may have a ``config`` of its own; without one,
    :func:`graphseq.fit` identifies it by the arguments of its constructor.

    Attributes:
        in_channels: F, or the number of token kinds where x holds tokens.
        out_channels: C, the number of classes, or the number of numbers in an answer.
        hops: distance, in hops of the space-time graph, from the rows that must be known to the row that is asked;
            if it differs between batches, the largest that occurs.
        chance: the score of the best guess without any input.
        causal: True if every row is asked for the next value, so that a model must not see later rows.
        per_graph: True if there is one answer for each graph, so that a model must pool, instead of one for each target
            row; then K = B.

    Example:
        A new task in full, which asks at the last token of a sequence for the first:

        >>> import graphseq as gs, torch
        >>> from torch_geometric.data import Batch
        >>> class FirstToken(gs.tasks.Task):
        ...     def __init__(self, length):
        ...         self.in_channels, self.out_channels, self.chance = 2, 2, 0.5
        ...         self.length, self.hops = length, length - 1
        ...     def batch(self, size, generator):
        ...         tokens = torch.randint(2, (self.checked_size(size), self.length), generator=generator)
        ...         last = torch.arange(self.length) == self.length - 1
        ...         return Batch.from_data_list([gs.from_sequence(row, y=row[:1], target=last) for row in tokens])
        >>> gs.testing.check_task(lambda: FirstToken(4), relevant_node=0)  # that it keeps the contract
    """

    in_channels: int
    out_channels: int
    hops: int
    chance: float
    causal: bool = False
    per_graph: bool = False
    _arguments: dict[str, object] | None = None

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """Keep the arguments of a class whose ``config`` cannot know them."""
        task = super().__new__(cls)
        if cls._has_own_arguments():
            task._arguments = _bound(cls, args, kwargs)
        return task

    if not TYPE_CHECKING:  # a type checker would take any attribute for one of a task's

        def __getattr__(self, name: str) -> Never:
            """Raise an error that explains the attribute of the contract that a task does not set."""
            if name in _MEANINGS:
                raise AttributeError(f"task {type(self).__name__} must set {name}: {_MEANINGS[name]}")
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @classmethod
    def _has_own_arguments(cls) -> bool:
        """Return True if a user's class has its own constructor, but no ``config`` at the same level or below."""
        nearest = next(base for base in cls.__mro__ if {"__init__", "config"} & vars(base).keys())
        return "config" not in vars(nearest) and not nearest.__module__.startswith("graphseq.")

    def __repr__(self) -> str:
        """The name and settings of the task, and the facts that are known beforehand, on one line."""
        facts = {"F": "in_channels", "C": "out_channels", "hops": "hops", "chance": "chance"}
        settings = {**self.config, **(self.arguments or {})} if "in_channels" in dir(self) else {}
        shown = {key: value for key, value in settings.items() if key not in ("task", *facts.values())}
        shown |= {name: getattr(self, key) for name, key in facts.items() if key in dir(self)}
        parts = [f"{key}={text}" for key, value in shown.items() if len(text := _shown(value)) <= 40]
        return f"{type(self).__name__}({', '.join(parts)})"

    @property
    def arguments(self) -> dict[str, object] | None:
        """The arguments of the constructor, where ``config`` cannot know them; else ``None``."""
        return self._arguments

    @abstractmethod
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return ``size`` new graphs with ``y`` and ``target``, a function of the state of the generator alone.

        Raises:
            TypeError, ValueError: a size that is not an integer of at least 1; :meth:`checked_size` refuses it.
        """

    @staticmethod
    @checked_arguments
    def checked_size(size: int) -> int:
        """Return the size of a batch, or refuse it.

        Raises:
            TypeError, ValueError: not an integer of at least 1.
        """
        return _checks.at_least("size", size, 1)

    @property
    def config(self) -> dict[str, object]:
        """Name and channels, which identify this task in records and when a run is resumed."""
        return {"task": type(self).__name__, "in_channels": self.in_channels, "out_channels": self.out_channels}

    @checked_arguments
    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        """Return the mean cross-entropy in nats of outputs (K, C) for classes y (K,).

        Raises:
            ValueError: shapes that do not fit; nothing is broadcast. A class that is no column of the outputs, -100
                among them: what is not to be answered is no target row.
        """
        check_classes(output, y)
        if y.dtype not in (torch.int64, torch.uint8):
            raise TypeError(f"y must hold classes in int64, got {y.dtype}; make it y.long()")
        workspace: Workspace = self.__dict__.setdefault("_workspace", Workspace())
        return mean_cross_entropy(output, y, workspace)

    @checked_arguments
    def score(self, output: Tensor, y: Tensor) -> Tensor:
        """Return the score of each answer, (K,): 1 where the most likely class is y, else 0, as where outputs are NaN.

        Raises:
            ValueError: shapes that do not fit, or a class that is no column of the outputs.
        """
        check_classes(output, y)
        check_range(output, y)
        return are_right(output.detach(), y).to(torch.get_default_dtype())

    @checked_arguments
    def best_constant(self, y: Tensor) -> Tensor:
        r"""Return the best constant output for answers ``y`` (K,): :math:`\log\,(n_c + 1) / \sum_k (n_k + 1)`, (C,).

        Counts :math:`n_c` are increased by one, so that no class has log 0.

        Raises:
            ValueError: answers that are not classes of this task.
        """
        if (
            y.dim() != 1
            or y.is_floating_point()
            or y.is_complex()
            or y.dtype == torch.bool
            or (y.numel() and not 0 <= int(y.min()) <= int(y.max()) < self.out_channels)
        ):
            raise ValueError(
                f"y must hold classes 0 to {self.out_channels - 1}, (K,); got {y.dtype} of shape {tuple(y.shape)}. "
                "A task whose answers are numbers is a Regression"
            )
        smooth = torch.bincount(y, minlength=self.out_channels).to(torch.get_default_dtype()) + 1
        return (smooth / smooth.sum()).log()

    @checked_arguments
    @of_own_batch
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the rows whose input is needed for the answer of each target row, (K, V), ``bool``.

        By default these are all rows at exactly ``hops`` hops from the target row, along edges that lead to it.

        Args:
            graph: a batch of this task; a small one, since K·V grows with its square.
        """
        rows = graph.target_rows
        hops = hops_to(graph.topology, rows, causal=self.causal, limit=self.hops)
        return (hops == self.hops).to(rows.device)

    @checked_arguments
    @of_own_batch
    def hops_needed(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the distance of the farthest relevant row from where each answer of a small batch is read, (K,)."""
        return farthest_relevant(graph, self.relevant_nodes(graph), causal=self.causal, per_graph=self.per_graph)

    @checked_arguments
    @of_own_batch
    def memory_items(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the rows that must be remembered at once, since a later row selects among them, (K, V), ``bool``.

        By default these are the :meth:`relevant_nodes`.

        Args:
            graph: a batch of this task.
        """
        return self.relevant_nodes(graph)

    @checked_arguments
    @of_own_batch
    def memory_content(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the content of the :meth:`memory_items` of each target row as M numbers, (K, M).

        By default these are the features of the items' rows side by side, in the order of the rows.

        Args:
            graph: a batch of this task, with features (V, F) and the same number of items for each target row.

        Raises:
            ValueError: target rows with different numbers of items.
        """
        items = self.memory_items(graph)
        counts = items.sum(dim=1)
        if bool((counts != counts[0]).any()):
            raise ValueError("target rows have different numbers of items; this task needs a memory_content of its own")
        content: Tensor = graph.x[items.nonzero()[:, 1]]
        return content.view(len(items), -1)


class Regression(Task):
    """A task whose answers are C numbers a target row, y (K, C), not classes, such as :class:`graphseq.tasks.Adding`.

    Attributes:
        tolerance: largest error of a correct answer, exclusive, for each of its numbers.
        chance: the highest score of a constant output.
    """

    tolerance: float

    @checked_arguments
    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        r"""Return the mean squared error :math:`\frac{1}{KC}\sum (o - y)^2`, in the squared units of the answer.

        Args:
            output: (K, C).
            y: (K, C).

        Raises:
            ValueError: shapes that do not fit; nothing is broadcast.
        """
        check_numbers(output, y)
        return torch.nn.functional.mse_loss(output, y.to(output.dtype))

    @checked_arguments
    def score(self, output: Tensor, y: Tensor) -> Tensor:
        """Return the score of each answer, (K,): 1 where all C numbers are within ``tolerance`` of y, else 0."""
        check_numbers(output, y)
        is_correct = ((output.detach() - y).abs() < self.tolerance).all(dim=1)
        return is_correct.to(torch.get_default_dtype())

    @checked_arguments
    def best_constant(self, y: Tensor) -> Tensor:
        """Return the best constant output for answers ``y`` (K, C): their mean, (C,).

        Raises:
            ValueError: no answers, or of another shape.
        """
        if y.dim() != 2 or y.shape[1] != self.out_channels or not len(y):
            raise ValueError(f"y must hold answers (K, {self.out_channels}), at least one; got {tuple(y.shape)}")
        return y.mean(dim=0)


_MEANINGS = {
    "in_channels": "F, or the number of token kinds where x holds tokens",
    "out_channels": "C, the number of classes, or the number of numbers in an answer",
    "hops": "the distance from the rows that must be known to the row that is asked",
    "chance": "the score of the best guess that knows nothing of the input",
}


def _shown(value: object) -> str:
    """A value as the prompt shows it, a number to four places."""
    return f"{value:.4g}" if isinstance(value, float) else repr(value)


def _bound(cls: type[Task], args: tuple[object, ...], kwargs: dict[str, object]) -> dict[str, object]:
    """Return the arguments of a constructor by name, including defaults; none if it would refuse them."""
    try:
        bound = inspect.signature(cls.__init__).bind(None, *args, **kwargs)
    except (TypeError, ValueError):
        return {}
    bound.apply_defaults()
    _, *arguments = bound.arguments.items()
    return dict(arguments)


class FixedTask(Task):
    """A task whose samples share rows, edges and targets of one template, such as :class:`graphseq.tasks.Adding`.

    Args:
        template: one sample's rows and edges; its x is not used.
        target: rows at which an output is asked for, (V,), ``bool``.
    """

    @checked_arguments
    def __init__(self, template: Topology, target: Tensor) -> None:
        self._template = template
        self._target = target
        self._repeated = BoundedCache()

    def _assemble(self, x: Tensor, y: Tensor) -> SpaceTimeGraph:
        """Return a batch with x (B, V, F) and y (B, …) on the repeated template."""
        size = len(x)

        def make() -> SpaceTimeGraph:
            rows = torch.arange(size).repeat_interleave(self._template.num_rows)
            return SpaceTimeGraph.from_topology(
                repeat(self._template, size), x.flatten(0, 1), y=y, target=self._target.repeat(size), batch=rows
            )

        kept: SpaceTimeGraph = self._repeated.get(size, make)
        graph = copy(kept)
        graph["x"], graph["y"] = x.flatten(0, 1), y
        for key in (*Topology.KEYS, "target", "batch"):  # what is written to one batch is not in the next
            value = kept.get(key)
            if value is not None:
                graph[key] = value.clone()
        return graph


def blocks(marks: Tensor) -> Tensor:
    """Return the marks of each graph, (B, K, V), as block-diagonal marks of their batch, (B·K, B·V)."""
    size, targets, rows = marks.shape
    out = marks.new_zeros(size, targets, size, rows)
    index = torch.arange(size, device=marks.device)
    out[index, :, index] = marks
    return out.view(size * targets, size * rows)


def share_of_best_constant(y: Tensor, tolerance: float) -> float:
    """Return the largest share of the numbers ``y`` (K,) that lie within ``tolerance`` of one constant."""
    ordered = torch.from_numpy(np.sort(y.double().cpu().numpy()))  # torch's sort has indices, too, of the same size
    most = 0
    for first in range(0, len(ordered), _PIECE):  # in pieces, since a long recording has many answers
        low = ordered[first : first + _PIECE]
        ends = torch.searchsorted(ordered, low + 2 * tolerance)
        most = max(most, int((ends - torch.arange(first, first + len(low))).max()))
    return most / len(ordered)


def repeat(topology: Topology, size: int) -> Topology:
    """Return ``size`` copies of a topology as one, as PyG's ``Batch`` joins them, without a loop over copies."""

    def repeated(values: Tensor | None) -> Tensor | None:
        return None if values is None else values.repeat(size, *[1] * (values.dim() - 1))

    def shifted(index: Tensor | None, step: int) -> Tensor | None:
        if index is None:
            return None
        moves = torch.arange(size, device=index.device).repeat_interleave(index.shape[-1]) * step
        return index.repeat(*[1] * (index.dim() - 1), size) + moves

    nodes = int(topology.node.max()) + 1
    node = shifted(topology.node, nodes)
    time = topology.time.repeat(size)
    assert node is not None  # noqa: S101 - a topology has rows
    return Topology(
        node,
        time,
        shifted(topology.edge_index, topology.num_rows),
        repeated(topology.edge_weight),
        shifted(topology.static_edge_index, nodes),
        repeated(topology.static_edge_weight),
        repeated(topology.edge_attr),
        repeated(topology.static_edge_attr),
    )


def path(rows: int) -> tuple[Topology, Tensor]:
    """Return the topology of one sequence of ``rows`` rows, and a target mark on the last row."""
    time = torch.arange(_checks.at_least("rows", rows, 1))
    target = torch.zeros(rows, dtype=torch.bool)
    target[-1] = True
    return Topology(torch.zeros_like(time), time, time.new_zeros((2, 0))), target
