"""Tasks on windows of a recorded graph: some consecutive times are a sample, and later ones its answer."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from copy import copy
from functools import cached_property
from typing import Generic, NamedTuple, Self, TypeVar

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data._parts import check_constant
from graphseq.data.adjacency import Adjacency
from graphseq.data.cache import BoundedCache
from graphseq.data.excerpt import Excerpt
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.parts_of_matrix import Snapshots
from graphseq.data.topology import Topology
from graphseq.tasks._parts import part_of
from graphseq.tasks.base import Task, repeat


class Cut(NamedTuple):
    """Windows as a batch: each counts its times from 0, and its nodes after those of the window before."""

    topology: Topology
    row: Tensor  #: row of the recording, for each row, (V,)
    batch: Tensor  #: window of each row, (V,)
    is_last: Tensor  #: True for rows of the last time of their window, (V,), ``bool``
    shift: Tensor  #: difference of a row's numbers in the batch and in the recording, for each window, (B,)


class Recording:
    """A recorded graph with rows sorted by time and node and edges by time, so that a window is a slice.

    Args:
        graph: one graph over time, with features (V, F).
        lags: number of times in a window.
        horizon: number of times from the last of a window to its answer.

    Raises:
        TypeError, ValueError: another kind of graph, or too few times.
    """

    def __init__(self, graph: SpaceTimeGraph, lags: int, horizon: int) -> None:
        _check_recording(graph)
        self.lags, self.horizon = _checks.at_least("lags", lags, 1), _checks.at_least("horizon", horizon, 1)
        topology = graph.topology
        self.times = topology.times
        if len(self.times) < lags + horizon:
            raise ValueError(
                f"graph has {len(self.times)} times; a window of lags={lags} and an answer horizon={horizon} later "
                f"need {lags + horizon}"
            )
        self.num_nodes = int(graph.node.max()) + 1
        moment = torch.searchsorted(self.times, graph.time)
        key = (moment * self.num_nodes).add_(graph.node)  # in place: of a long recording these tensors are large
        self.x, self.node, self.moment = graph.x, graph.node, moment
        self._order: Tensor | None = None
        if not bool((key[1:] > key[:-1]).all()):  # rows in order, as they mostly are, need no copies
            key, self._order = key.sort()
            self.x, self.node, self.moment = (part[self._order] for part in (graph.x, graph.node, moment))
        # Where every node is there at every time, the key of a row is its number.
        self._key = None if len(key) == self.num_nodes * len(self.times) else key
        self.first_row = _starts(self.moment, len(self.times))
        self._source = topology
        self._template = self._shared_by_windows(topology)
        self._repeated = BoundedCache()

    def in_order(self, values: Tensor) -> Tensor:
        """Return values of the rows of the graph, (V, …), in the order of the rows here."""
        return values if self._order is None else values[self._order]

    @cached_property
    def _spatial(self) -> Adjacency:
        """Edges between rows, by time, with their weights and features.

        They are written out when they are asked for: windows of a recording whose edges and nodes are always the same
        share those of one, and do without.
        """
        spatial = self._source.spatial
        index = spatial.edge_index if self._order is None else self._order.argsort()[spatial.edge_index]
        by_time = self.moment[index[0]].argsort(stable=True)
        weight, attr = (None if part is None else part[by_time] for part in (spatial.edge_weight, spatial.edge_attr))
        return Adjacency(index[:, by_time], weight, len(self.node), attr)

    @property
    def edge_index(self) -> Tensor:
        """Edges between rows, by time, (2, E)."""
        return self._spatial.edge_index

    @property
    def edge_weight(self) -> Tensor | None:
        """Their weights, (E,), if they have any."""
        return self._spatial.edge_weight

    @property
    def edge_attr(self) -> Tensor | None:
        """Their features, (E, D), if they have any."""
        return self._spatial.edge_attr

    @cached_property
    def first_edge(self) -> Tensor:
        """The first edge of each time, and the number of all, (T + 1,)."""
        return _starts(self.moment[self.edge_index[0]], len(self.times))

    def _shared_by_windows(self, topology: Topology) -> Topology | None:
        """Return the rows and edges of any window, if every node is present at every time and edges do not change."""
        count = topology.num_nodes
        if topology.static_edge_index is None or topology.num_rows != count * len(self.times):
            return None
        time = torch.arange(self.lags).repeat_interleave(count)
        static = (topology.static_edge_index, topology.static_edge_weight, None, topology.static_edge_attr)
        return Topology(self.node[: count * self.lags], time, None, None, *static)

    def later(self, ahead: int) -> Tensor:
        """Return the row of the same node ``ahead`` times after each row, (V,); -1 where there is none."""
        return self.row_at(self.moment + ahead, self.node)

    def row_at(self, moment: Tensor, node: Tensor) -> Tensor:
        """Return the row of each of these nodes at its moment, an index of the times; -1 where there is none."""
        key = (moment * self.num_nodes).add_(node)
        if self._key is None:
            return key.masked_fill_((moment < 0) | (moment >= len(self.times)), -1)
        index = torch.searchsorted(self._key, key).clamp(max=len(self._key) - 1)
        return index.where(self._key[index] == key, -1)

    def cut(self, start: Tensor) -> Cut:
        """Return the windows that begin at the moments ``start`` (B,), as one batch."""
        row, batch = slices(self.first_row[start], self.first_row[start + self.lags])
        size = self.first_row[start + self.lags] - self.first_row[start]
        shift = size.cumsum(0) - size - self.first_row[start]
        is_last = self.moment[row] == start[batch] + self.lags - 1
        return Cut(self._topology(start, row, batch), row, batch, is_last, shift)

    def _topology(self, start: Tensor, row: Tensor, batch: Tensor) -> Topology:
        if self._template is not None:
            template, size = self._template, len(start)
            repeated: Topology = self._repeated.get(size, lambda: repeat(template, size))
            return repeated
        moments = torch.arange(self.lags)[:, None] + start
        node, time = self.node[row] + batch * self.num_nodes, self.moment[row] - start[batch]
        num_nodes = self.num_nodes * len(start) if self._key is None else None
        return Excerpt(self._snapshots, moments, node, time, num_nodes)

    @cached_property
    def _snapshots(self) -> Snapshots:
        return Snapshots(self._spatial, self.first_row, self.first_edge)

    @cached_property
    def digest(self) -> str:
        """A hash of all that was recorded."""
        tensors = [self.x, self.node, self.times, self.moment]
        if self._template is None:
            tensors += [self.edge_index, self.edge_weight]
            tensors += [] if self.edge_attr is None else [self.edge_attr]
        else:
            source = self._source
            tensors += [source.static_edge_index, source.static_edge_weight, source.static_edge_attr]
        digest = hashlib.blake2b(digest_size=8)
        for tensor in tensors:
            digest.update(b"none" if tensor is None else tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


W = TypeVar("W", bound="Windowed")


class Split(NamedTuple, Generic[W]):
    """A task split by the time of the answers into training, validation and test set.

    Returned by :meth:`graphseq.tasks.Forecasting.split`.
    """

    train: W
    validation: W
    test: W

    @property
    def whole(self) -> W:
        """Everything before the test set: ``train`` and ``validation`` as one task."""
        return self.train.between(self.train.first, self.validation.last)


class Windowed(Task):
    """A task whose samples are windows of one recording.

    Args:
        recording: the recorded graph, sorted.
        answer_counts: number of answers of the window that ends at each time, (T,).
        first: earliest time of an answer, as an index of the recorded times; by default the earliest possible one. The
            window may begin before it.
        last: latest time of an answer, as an index of the recorded times; by default the last one.

    Raises:
        TypeError, ValueError: bounds without an answer between them.
    """

    @checked_arguments
    def __init__(self, recording: Recording, answer_counts: Tensor, first: int | None, last: int | None) -> None:
        self.recording, self._answer_counts = recording, answer_counts
        self.lags, self.horizon = recording.lags, recording.horizon
        self.hops = recording.lags - 1
        self._select(first, last)

    def _select(self, first: int | None, last: int | None) -> None:
        soonest, final = self.lags + self.horizon - 1, len(self.recording.times) - 1
        self.first = soonest if first is None else max(_checks.at_least("first", first, 0), soonest)
        self.last = final if last is None else min(_checks.at_least("last", last, 0), final)
        start = torch.arange(self.first, max(self.first, self.last + 1)) - soonest
        self._start = start[self._answer_counts[start + self.lags - 1] > 0]
        if not len(self._start):
            raise ValueError(
                f"there is no answer between first={first} and last={last}: answers to a window of lags={self.lags} "
                f"are at the times {soonest} to {final}, counted from 0, for nodes that are present then and at the "
                "window's end"
            )
        self.chance = self._chance()

    @checked_arguments
    def between(self, first: int | None, last: int | None) -> Self:
        """Return the same task on the answers at the times ``first`` to ``last``; the sorted recording is shared.

        Raises:
            TypeError, ValueError: bounds without an answer between them.
        """
        task = copy(self)
        task._select(first, last)
        return task

    @checked_arguments
    def split(self, train: float = 0.2, validation: float = 0.2) -> Split[Self]:
        """Return this task in three parts by the time of the answers, never shuffled.

        Of W windows the first ⌊train · W⌋ are for training, of which the last ⌊validation · train · W⌋ are the
        validation set; all later ones are the test set. The inputs of a window may be answers of an earlier part, since
        they are known at that time.

        Args:
            train: share of the windows before the test set, between 0 and 1.
            validation: share of those that is used for validation, between 0 and 1.

        Raises:
            TypeError, ValueError: a share outside 0 to 1, or one that leaves a part without a window.
        """
        before = part_of(len(self), _checks.between("train", train, 0, 1))
        held_out = part_of(before, _checks.between("validation", validation, 0, 1))
        sizes = {"train": before - held_out, "validation": held_out, "test": len(self) - before}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(
                    f"train={train} and validation={validation} leave no window for {name}: of {len(self)} windows, "
                    f"{before - held_out} would train, {held_out} validate and {len(self) - before} test"
                )
        answers = self._start.split(list(sizes.values()))
        offset = self.lags + self.horizon - 1
        return Split(*(self.between(int(times[0]) + offset, int(times[-1]) + offset) for times in answers))

    def __len__(self) -> int:
        """Return W, the number of windows."""
        return len(self._start)

    @property
    def config(self) -> dict[str, object]:
        """Name, windows, bounds, and a hash of the recording."""
        windows = {"lags": self.lags, "horizon": self.horizon, "first": self.first, "last": self.last}
        return {**super().config, **windows, "recording": self.recording.digest}

    @checked_arguments
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return ``size`` random windows, with replacement."""
        number = torch.randint(len(self), (_checks.at_least("size", size, 1),), generator=generator)
        return self._assemble(self._start[number], generator)

    @checked_arguments
    def windows(self, numbers: Tensor) -> SpaceTimeGraph:
        """Return these windows of the W, in this order; ``torch.arange(len(task))`` for all of them.

        Raises:
            TypeError, ValueError: numbers that are not integers 0 … W - 1, (B,), at least one.
        """
        return self._assemble(self._start[self._checked(numbers)], None)

    @checked_arguments
    def answer_times(self, numbers: Tensor) -> Tensor:
        """Return the recorded times of the answers of these windows, (B,)."""
        moment = self._start[self._checked(numbers)] + self.lags + self.horizon - 1
        return self.recording.times[moment]

    def _checked(self, numbers: Tensor) -> Tensor:
        count = _checks.is_tensor("numbers", numbers).numel()
        numbers = _checks.integer_rows("numbers", numbers, count)
        if not count or int(numbers.min()) < 0 or int(numbers.max()) >= len(self):
            raise ValueError(f"numbers must name windows 0 to {len(self) - 1}, at least one; got {numbers.tolist()}")
        return numbers

    @abstractmethod
    def _assemble(self, start: Tensor, generator: torch.Generator | None) -> SpaceTimeGraph:
        """Return the windows that begin at ``start`` (B,) with their answers; without a generator, always the same."""

    @abstractmethod
    def _chance(self) -> float:
        """Return the score of the best guess without any input, on these windows."""

    @abstractmethod
    def asked(self, graph: SpaceTimeGraph) -> tuple[Tensor, Tensor]:
        """Return the window of each answer by its index in the batch, (K,), and its node or nodes, (K,) or (K, 2)."""

    def _rows_of(self, graph: SpaceTimeGraph, row: Tensor) -> Tensor:
        """Return all rows of the node of each of these K rows, (K, V), ``bool``."""
        marks: Tensor = graph.node[row][:, None] == graph.node
        return marks


def slices(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return the numbers ``low[b]`` … ``high[b]`` - 1 of each b, one slice after another, and b for each number."""
    size = high - low
    owner = torch.arange(len(size), device=size.device).repeat_interleave(size)
    return torch.arange(len(owner), device=size.device) + (low - size.cumsum(0) + size)[owner], owner


def _starts(moment: Tensor, times: int) -> Tensor:
    """Return the first index of each moment in a sorted list of moments, and the end of the last one, (T + 1,)."""
    return torch.searchsorted(moment, torch.arange(times + 1, device=moment.device))


def _check_recording(graph: object) -> None:
    if not isinstance(graph, SpaceTimeGraph):
        raise TypeError(f"graph must be a SpaceTimeGraph, the whole recording; got {type(graph).__name__}")
    if graph.num_graphs != 1:
        raise ValueError(f"graph must be one recording, got a batch of {graph.num_graphs}")
    if graph.get("x") is None:
        raise ValueError("graph has no features x, the values to forecast, (V, F)")
    if not graph.x.is_floating_point():
        raise TypeError("graph holds integer tokens; a recording has features (V, F)")
    check_constant("graph", graph.topology)
