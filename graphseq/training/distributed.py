"""Training in several processes, each with a share of every batch: DistributedDataParallel under ``torchrun``."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, TypeVar, cast
from weakref import WeakSet

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.tasks.base import Task
from graphseq.training import launch
from graphseq.training.launch import launched

__all__ = ["ProcessGroup", "SingleProcess", "launched", "process_group", "share_of"]

T = TypeVar("T")
_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_OF_ROWS, _OF_ANSWERS = ("batch", "n_id"), ("pair_features",)  # what graphs have besides what every graph has


class SingleProcess:
    """A process that trains alone, on whole batches.

    The counterpart of :class:`graphseq.training.distributed.ProcessGroup`, taken by :func:`graphseq.fit`.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
    """

    rank, size = 0, 1

    @property
    def is_first(self) -> bool:
        """True in the process that writes files and shows progress."""
        return self.rank == 0

    def replicate(self, model: nn.Module) -> nn.Module:
        """``model``, in a form whose gradients are those of the whole batch."""
        return model

    def share(self, task: Task, graph: SpaceTimeGraph) -> tuple[SpaceTimeGraph, float]:
        """This process's part of a batch, and the weight of its loss."""
        return graph, 1.0

    def mean(self, *values: float) -> list[float]:
        """The mean of each value over all processes."""
        return list(values)

    def gather(self, *parts: Tensor) -> list[Tensor]:
        """Each tensor with the parts of all processes, in their order, on the CPU."""
        return list(parts)

    def any(self, reason: str | None) -> str | None:
        """The reason of the lowest process that has one, the same in all of them."""
        return reason

    def first(self, work: Callable[[], T]) -> T:
        """Run ``work`` in the first process alone; all processes get its result, or its error."""
        return work()

    def wait(self) -> None:
        """Wait until all processes have come here."""

    def agree(self, facts: Mapping[str, object]) -> None:
        """Refuse a run whose processes were given different arguments.

        Args:
            facts: what must be the same in all of them, by the name of the argument; mappings are compared part by
                part.

        Raises:
            ValueError: they differ, in all of them with the same message, which names the first difference.
        """


class ProcessGroup(SingleProcess):
    r"""Processes that train one model together, to be given to :func:`graphseq.fit`; :func:`process_group` makes it.

    Made by :func:`graphseq.training.distributed.process_group`.

    All of them draw the batch of a step, which is a function of seed and step, and each keeps a share of its B graphs,
    the shares one after another and of B/P graphs each, or one more. Losses are means over asked rows, or graphs, of
    which a process may have more than another, so that what DistributedDataParallel averages over P processes is

    .. math:: \frac{1}{P} \sum_p \frac{P \, K_p}{K} \nabla \mathcal L_p = \nabla \mathcal L

    with K_p of all K rows: the gradient of one process on the whole batch, up to rounding. What draws random numbers
    inside a model (dropout) or looks across graphs (batch normalisation) does so in each share by itself, so the curve
    is then not that of one process.
    """

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._replicas: WeakSet[DistributedDataParallel] = WeakSet()

    def replicate(self, model: nn.Module) -> nn.Module:
        """``model`` in torch's DistributedDataParallel, with the first process's weights."""
        # A share may leave a weight out that another uses: gates over edges, say, where its graphs have none.
        replica = DistributedDataParallel(model, find_unused_parameters=True)
        self._replicas.add(replica)
        return replica

    def share(self, task: Task, graph: SpaceTimeGraph) -> tuple[SpaceTimeGraph, float]:
        """This process's graphs of a batch, and :math:`P K_p / K`.

        Raises:
            ValueError: fewer graphs than processes.
        """
        part = share_of(task, graph, self.rank, self.size)
        return part, len(part.y) * self.size / len(graph.y)

    def mean(self, *values: float) -> list[float]:
        """The mean of each value over all processes, the same in all of them."""
        total = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(total)
        means: list[float] = (total / self.size).tolist()
        return means

    def gather(self, *parts: Tensor) -> list[Tensor]:
        """Each tensor with the parts of all processes, in their order, on the CPU."""
        gathered: list[list[Tensor]] = [[]] * self.size
        dist.all_gather_object(gathered, [part.cpu() for part in parts])
        return [torch.cat(shares) for shares in zip(*gathered, strict=True)]

    def any(self, reason: str | None) -> str | None:
        """The reason of the lowest process that has one, the same in all of them."""
        if self.mean(float(reason is not None)) == [0]:
            return None
        reasons: list[str | None] = [None] * self.size
        dist.all_gather_object(reasons, reason)
        return next(given for given in reasons if given is not None)

    def first(self, work: Callable[[], T]) -> T:
        """Run ``work`` in the first process alone; all processes get its result, or its error."""
        outcome: list[object] = [None, None]
        if self.is_first:
            try:
                outcome[0] = work()
            except Exception as error:  # whatever it is, the others wait for it
                outcome[1] = error if _can_be_sent(error) else RuntimeError(str(error))
        dist.broadcast_object_list(outcome)
        if isinstance(outcome[1], Exception):
            raise outcome[1]
        return cast("T", outcome[0])

    def wait(self) -> None:
        """Wait until all processes have come here."""
        dist.barrier()

    def agree(self, facts: Mapping[str, object]) -> None:
        """Compare with the first process; see :meth:`SingleProcess.agree`."""
        mine = dict(_flat(facts))
        everyones: list[dict[str, str]] = [{}] * self.size
        dist.all_gather_object(everyones, mine)
        for rank, theirs in enumerate(everyones):
            if name := next(
                (name for name in everyones[0] | theirs if theirs.get(name) != everyones[0].get(name)), None
            ):
                first, other = (_short(facts.get(name), "nothing") for facts in (everyones[0], theirs))
                raise ValueError(
                    f"all processes of a run need the same arguments, but {name} is {first} in process 0 and {other} "
                    f"in process {rank} of {self.size}"
                )

    def close(self) -> None:
        """Leave the group: its connections end, and with them the wait of processes that expect an answer."""
        # torch ends the connections once nothing refers to the group, and a replica does: that of an error's traceback,
        # say. A replica that is freed after the group waits for the threads of the connections while it has Python's
        # global lock, which one of these threads may need before it can end.
        for replica in self._replicas:
            vars(replica).update(reducer=None, logger=None, process_group=None)
        dist.destroy_process_group()


@contextmanager
def process_group(backend: str = "gloo") -> Iterator[ProcessGroup]:
    """A block in which this process belongs to the group that ``torchrun`` started.

    Args:
        backend: torch's means of exchange: "gloo" on processors, "nccl" on graphics cards.

    Raises:
        ValueError: not started by ``torchrun``; the message says how.
        ConnectionError: another of the processes ended.

    Example:
        In a script of one's own, started by ``torchrun --nproc-per-node 2 script.py``::

            with gs.distributed.process_group() as group:
                history = gs.fit(model, task, seed=0, group=group)
    """
    if missing := [name for name in _VARIABLES if name not in os.environ]:
        raise ValueError(
            f"{', '.join(missing)} must be set in the environment, as torchrun does: start this by torchrun "
            "--nproc-per-node 2 -m graphseq text train …, or torchrun with a script of yours"
        )
    for name in ("WORLD_SIZE", "RANK", "MASTER_PORT"):
        launch.number(name)
    group = None
    try:
        dist.init_process_group(backend)
        group = ProcessGroup()
        yield group
    except (RuntimeError, dist.DistError) as error:
        if not any(word in str(error) for word in ("gloo", "Connection", "NCCL", "closed by peer")):
            raise
        raise ConnectionError(
            f"another process of this run ended, so process {os.environ['RANK']} of {os.environ['WORLD_SIZE']} stops; "
            "its own message says why, and the last checkpoint is kept"
        ) from error
    finally:
        if group is not None:
            group.close()


class _Share(NamedTuple):
    rows: Tensor  # of the batch, (R,)
    position: Tensor  # of each row of the batch among them, (V,)
    topology: Topology


def share_of(task: Task, graph: SpaceTimeGraph, rank: int, size: int) -> SpaceTimeGraph:
    """The graphs of a batch that fall to process ``rank`` of ``size``, as a batch of their own.

    Args:
        task: the task that drew the batch; its ``per_graph`` is True where ``y`` has one entry a graph.
        graph: B graphs, B ≥ ``size``.
        rank: 0 … ``size`` - 1.
        size: number of processes.

    Raises:
        ValueError: fewer graphs than processes, or an attribute that is known neither as one of rows nor of answers.

    Example:
        >>> import graphseq as gs
        >>> task = gs.tasks.Palindrome(3)
        >>> share_of(task, task.batch(4, torch.Generator()), rank=1, size=2).num_graphs
        2
    """
    count, batch = graph.num_graphs, graph.get("batch")
    if count < size or batch is None:
        raise ValueError(
            f"a batch of {count} cannot be shared among {size} processes; batch_size must be at least that"
        )
    first, last = count * rank // size, count * (rank + 1) // size
    mine = (batch >= first) & (batch < last)
    share = graph.topology.keep(("share", count, rank, size), lambda: _cut(graph.topology, mine))
    target, pairs = graph.get("target"), graph.get("edge_label_index")
    if task.per_graph:
        answers = torch.arange(first, last, device=batch.device)
    else:
        target_rows = graph.target_rows if pairs is None else pairs[0]
        answers = mine[target_rows].nonzero()[:, 0]
    portion = SpaceTimeGraph.from_topology(
        share.topology, graph.x[share.rows], y=graph.y[answers], target=None if target is None else target[share.rows]
    )
    portion.batch = batch[share.rows] - first
    if pairs is not None:
        portion.edge_label_index = share.position[pairs[:, answers]]
    for key in set(graph.keys()) - set(portion.keys()) - {*Topology.KEYS, "ptr"}:
        if key not in (*_OF_ROWS, *_OF_ANSWERS):
            raise ValueError(
                f"a batch with {key!r} cannot be shared: it is not known which part belongs to which graph"
            )
        portion[key] = graph[key][share.rows if key in _OF_ROWS else answers]
    return portion


def _cut(topology: Topology, mine: Tensor) -> _Share:
    rows, position = mine.nonzero()[:, 0], mine.cumsum(0) - 1
    names = topology.node[rows].unique()
    index, values = topology.edge_index, (topology.edge_weight, topology.edge_attr)
    if index is not None:
        inside = mine[index[0]]
        index, values = position[index[:, inside]], _those(values, inside)
    static, static_values = topology.static_edge_index, (topology.static_edge_weight, topology.static_edge_attr)
    if static is not None:
        inside = torch.isin(static, names).all(dim=0)
        static, static_values = torch.searchsorted(names, static[:, inside]), _those(static_values, inside)
    node = torch.searchsorted(names, topology.node[rows])
    (weight, attr), (static_weight, static_attr) = values, static_values
    kept = Topology(node, topology.time[rows], index, weight, static, static_weight, attr, static_attr)
    return _Share(rows, position, kept)


def _those(values: tuple[Tensor | None, Tensor | None], inside: Tensor) -> tuple[Tensor | None, Tensor | None]:
    weight, attr = values
    return None if weight is None else weight[inside], None if attr is None else attr[inside]


def _flat(facts: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in facts.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", repr(value)


def _short(text: str | None, otherwise: str) -> str:
    """A text, or where it is long its ends, between which two may differ."""
    text = text or otherwise
    return text if len(text) < 200 else f"{text[:90]}…{text[-90:]} ({hashlib.sha256(text.encode()).hexdigest()[:8]})"


def _can_be_sent(error: Exception) -> bool:
    try:
        return type(pickle.loads(pickle.dumps(error))) is type(error)  # noqa: S301 - made in this very line
    except Exception:  # a type with a constructor of its own
        return False
