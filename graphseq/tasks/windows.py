"""Windows of a recorded graph: some consecutive times of it are a sample, and what comes later is the answer."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from copy import copy
from functools import cached_property
from typing import Generic, NamedTuple, Self, TypeVar

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.data.cache import BoundedCache
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.tasks.base import Task, repeat


class Cut(NamedTuple):
    """Windows side by side: each counts its times from 0, and numbers its nodes after those of the one before."""

    topology: Topology
    row: Tensor  #: which row of the recording each row is, (V,)
    batch: Tensor  #: which window it belongs to, (V,)
    is_last: Tensor  #: whether it is of the last time of its window, (V,), ``bool``
    shift: Tensor  #: what a row's number in the recording grows by to be that in the batch, by window, (B,)


class Recording:
    """A recorded graph, its rows sorted by time and node and its edges by time, so that a window of it is a slice.

    Args:
        graph: one graph over time, with features (V, F).
        lags: times in a window.
        horizon: times from the last of a window to that of its answer.

    Raises:
        TypeError, ValueError: not such a graph, or too few times in it.
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
        self._key, order = (moment * self.num_nodes + graph.node).sort()
        self.x, self.node, self.moment = graph.x[order], graph.node[order], moment[order]
        self.first_row = _starts(self.moment, len(self.times))
        spatial = topology.spatial
        index = order.argsort()[spatial.edge_index]
        by_time = self.moment[index[0]].argsort(stable=True)
        self.edge_index = index[:, by_time]
        self.edge_weight = None if spatial.edge_weight is None else spatial.edge_weight[by_time]
        self.first_edge = _starts(self.moment[self.edge_index[0]], len(self.times))
        self._template = self._shared_by_windows(topology)
        self._repeated = BoundedCache()

    def _shared_by_windows(self, topology: Topology) -> Topology | None:
        """The rows and edges of any window, where every node is there at every time and edges stay as they are."""
        every = topology.num_nodes
        if topology.static_edge_index is None or topology.num_rows != every * len(self.times):
            return None
        time = torch.arange(self.lags).repeat_interleave(every)
        static = (topology.static_edge_index, topology.static_edge_weight)
        return Topology(self.node[: every * self.lags], time, None, None, *static)

    def later(self, ahead: int) -> Tensor:
        """The row of the same node ``ahead`` times after each row, (V,); -1 where it is not there then."""
        return self.row_at(self.moment + ahead, self.node)

    def row_at(self, moment: Tensor, node: Tensor) -> Tensor:
        """The row of each of these nodes at its moment, counted from 0; -1 where it is not there then."""
        wanted = moment * self.num_nodes + node
        found = torch.searchsorted(self._key, wanted).clamp(max=len(self._key) - 1)
        return found.where(self._key[found] == wanted, -1)

    def cut(self, start: Tensor) -> Cut:
        """The windows that begin at the moments ``start`` (B,), as one batch."""
        row, batch = slices(self.first_row[start], self.first_row[start + self.lags])
        size = self.first_row[start + self.lags] - self.first_row[start]
        shift = size.cumsum(0) - size - self.first_row[start]
        is_last = self.moment[row] == start[batch] + self.lags - 1
        return Cut(self._topology(start, row, batch, shift), row, batch, is_last, shift)

    def _topology(self, start: Tensor, row: Tensor, batch: Tensor, shift: Tensor) -> Topology:
        if self._template is not None:
            template, size = self._template, len(start)
            repeated: Topology = self._repeated.get(size, lambda: repeat(template, size))
            return repeated
        edge, owner = slices(self.first_edge[start], self.first_edge[start + self.lags])
        return Topology(
            self.node[row] + batch * self.num_nodes,
            self.moment[row] - start[batch],
            self.edge_index[:, edge] + shift[owner],
            None if self.edge_weight is None else self.edge_weight[edge],
        )

    @cached_property
    def digest(self) -> str:
        """A fingerprint of all that was recorded."""
        parts = (self.x, self.node, self.times, self.moment, self.edge_index, self.edge_weight)
        mixed = hashlib.blake2b(digest_size=8)
        for part in parts:
            mixed.update(b"none" if part is None else part.detach().cpu().contiguous().numpy().tobytes())
        return mixed.hexdigest()


W = TypeVar("W", bound="Windowed")


class Split(NamedTuple, Generic[W]):
    """One task in three, by the time of the answers: earlier ones train, later ones judge, and none is in two."""

    train: W
    validation: W
    test: W

    @property
    def whole(self) -> W:
        """All before the test: ``train`` and ``validation`` as one task, for what needs no validation."""
        return self.train.between(self.train.first, self.validation.last)


class Windowed(Task):
    """A task whose samples are windows of one recording.

    Args:
        recording: the recorded graph, sorted.
        asked: how much is asked at the last time of a window, by that time, (T,).
        first: the earliest time of an answer, counted among the recording's times from 0; without it, the earliest
            that there is. The window before the answer may reach back beyond it.
        last: the latest time of an answer, counted likewise; without it, the last that there is.

    Raises:
        TypeError, ValueError: bounds between which nothing can be asked.
    """

    def __init__(self, recording: Recording, asked: Tensor, first: int | None, last: int | None) -> None:
        self.recording, self._asked = recording, asked
        self.lags, self.horizon = recording.lags, recording.horizon
        self.hops = recording.lags - 1
        self._select(first, last)

    def _select(self, first: int | None, last: int | None) -> None:
        soonest, final = self.lags + self.horizon - 1, len(self.recording.times) - 1
        self.first = soonest if first is None else max(_checks.at_least("first", first, 0), soonest)
        self.last = final if last is None else min(_checks.at_least("last", last, 0), final)
        start = torch.arange(self.first, max(self.first, self.last + 1)) - soonest
        self._start = start[self._asked[start + self.lags - 1] > 0]
        if not len(self._start):
            raise ValueError(
                f"nothing can be asked between first={first} and last={last}: answers to a window of lags={self.lags} "
                f"lie at the times {soonest} to {final}, counted from 0, where a node is there then and at the "
                "window's end"
            )
        self.chance = self._chance()

    def between(self, first: int | None, last: int | None) -> Self:
        """The same task on the answers at the times ``first`` to ``last``; the sorted recording is shared.

        Raises:
            TypeError, ValueError: bounds between which nothing can be asked.
        """
        part = copy(self)
        part._select(first, last)
        return part

    def split(self, train: float = 0.2, validation: float = 0.2) -> Split[Self]:
        """This task in three parts by the time of the answers, never shuffled.

        Of W windows the first ⌊train · W⌋ are there to train on, but the last ⌊validation · train · W⌋ of these to
        stop or choose by; all later ones test. A window's inputs may be answers of an earlier part: they are known
        by then.

        Args:
            train: the share of the windows before the test, between 0 and 1.
            validation: the share of those that is kept for validation, between 0 and 1.

        Raises:
            TypeError, ValueError: a share outside 0 to 1, or one that leaves a part without a window.
        """
        before = int(_checks.between("train", train, 0, 1) * len(self))
        kept = int(_checks.between("validation", validation, 0, 1) * before)
        sizes = {"train": before - kept, "validation": kept, "test": len(self) - before}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(
                    f"train={train} and validation={validation} leave no window for {name}: of {len(self)} windows, "
                    f"{before - kept} would train, {kept} validate and {len(self) - before} test"
                )
        answers = self._start.split(list(sizes.values()))
        offset = self.lags + self.horizon - 1
        return Split(*(self.between(int(part[0]) + offset, int(part[-1]) + offset) for part in answers))

    def __len__(self) -> int:
        """W: how many windows there are."""
        return len(self._start)

    @property
    def config(self) -> dict[str, object]:
        """Name, windows, bounds, and a fingerprint of the recording."""
        windows = {"lags": self.lags, "horizon": self.horizon, "first": self.first, "last": self.last}
        return {**super().config, **windows, "recording": self.recording.digest}

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """``size`` windows drawn evenly, with replacement."""
        number = torch.randint(len(self), (_checks.at_least("size", size, 1),), generator=generator)
        return self._assemble(self._start[number], generator)

    def windows(self, numbers: Tensor) -> SpaceTimeGraph:
        """These windows of the W, in this order; ``torch.arange(len(task))`` for all of them.

        Raises:
            TypeError, ValueError: numbers that are no integers 0 … W - 1, (B,), at least one.
        """
        return self._assemble(self._start[self._checked(numbers)], None)

    def answer_times(self, numbers: Tensor) -> Tensor:
        """When the answers of these windows were recorded, (B,)."""
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
        """The windows that begin at ``start`` (B,), asked; without a generator, always the same."""

    @abstractmethod
    def _chance(self) -> float:
        """The score of the best guess that knows nothing of the input, on the windows there are."""

    @abstractmethod
    def asked(self, graph: SpaceTimeGraph) -> tuple[Tensor, Tensor]:
        """The window of each answer, by its place in the batch, (K,), and its node in the recording, (K,) or (K, 2)."""

    def _rows_of(self, graph: SpaceTimeGraph, row: Tensor) -> Tensor:
        """All rows of the node that each of these K rows observes, (K, V), ``bool``."""
        marks: Tensor = graph.node[row][:, None] == graph.node
        return marks


def slices(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers ``low[b]`` … ``high[b]`` - 1 of each b, one slice after another, and the b of each number."""
    size = high - low
    owner = torch.arange(len(size), device=size.device).repeat_interleave(size)
    return torch.arange(len(owner), device=size.device) + (low - size.cumsum(0) + size)[owner], owner


def _starts(moment: Tensor, times: int) -> Tensor:
    """Where each moment begins in a sorted list of moments, and where the last one ends, (T + 1,)."""
    return torch.searchsorted(moment, torch.arange(times + 1, device=moment.device))


def _check_recording(graph: object) -> None:
    if not isinstance(graph, SpaceTimeGraph):
        raise TypeError(f"graph must be a SpaceTimeGraph, the whole recording; got {type(graph).__name__}")
    if graph.num_graphs != 1:
        raise ValueError(f"graph must be one recording, got a batch of {graph.num_graphs}")
    if not graph.x.is_floating_point():
        raise TypeError("graph holds integer tokens; a recording has features (V, F)")
