"""The view of a :class:`~graphseq.tasks.Task`: fresh batches of a synthetic task, or a data set in two parts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphseq import seeding
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.model import Model
from graphseq.reach.diagnosis import needs
from graphseq.reach.diagnosis.needs import Needed
from graphseq.reach.diagnosis.problem import Problem, Request, Run, Sample, first_output
from graphseq.reach.diagnosis.rows import Rows
from graphseq.reach.diagnosis.scoring import Scoring
from graphseq.tasks.answers import check_task, loss_of
from graphseq.tasks.base import Regression, Task
from graphseq.tasks.characters import Characters
from graphseq.tasks.graphs import Collection
from graphseq.tasks.windows import Windowed

BATCH = 32
_LOOSE = 0.9  # the chance of a regression from which its tolerance tells nothing
_HELDOUT = 12  # batches of fresh samples on which scores are measured


class TaskProblem(Problem):
    """A task, trained on batches of 32 and scored on samples that no training draws.

    Args:
        model: a model, whose outputs decide whether answers are those of rows or of graphs.
        task: the task.
        request: its ``validation`` is the part of a data set held out; without it, three tenths drawn at random.
    """

    def __init__(self, model: nn.Module, task: Task, request: Request) -> None:
        super().__init__()
        validation, seed = request.validation, request.seed
        if validation is not None and not isinstance(validation, Task):
            raise TypeError(f"validation must be a task, as data is, got {type(validation).__name__}")
        for name in ("loss", "score", "chance", "call"):
            if getattr(request, name) is not None:
                raise TypeError(f"{name} was given, but a task has its own; leave {name} out")
        check_task(task)
        self.kind, self.causal = "task", task.causal
        self._task, self._test, self._seed, self.hops = task, validation or task, seed, request.hops
        self.unlimited = not isinstance(task, Collection | Windowed | Characters)
        self.declared = self.unlimited or self.hops is not None
        if isinstance(task, Collection) and validation is None:
            self._split(task)
        elif isinstance(task, Windowed | Characters) and validation is None:
            self.notes.append(
                "no validation was given, so scores are measured on further windows of the same recording"
            )
        self._wants_floats = isinstance(model, Model)
        self._width = model.encoder.in_channels if isinstance(model, Model) else 0
        self.loss = lambda output, y: loss_of(task, output, y)
        self._held = [self._sample(graph) for graph in self._graphs(self._test, seeding.EVALUATE, _HELDOUT, whole=True)]
        like = first_output(model, self._held[0])
        self.loss(like, self._held[0].y)  # raises for outputs that do not fit
        y = torch.cat([sample.y for sample in self._held])
        if isinstance(task, Regression) and task.chance > _LOOSE:
            self.notes.append(f"a constant is within the task's tolerance for {task.chance:.0%}, so the score is R²")
            self.scoring = Scoring(None, "majority", y, like, y)
        else:
            self.scoring = Scoring(task.score, task.chance, y, like, y)

    def _split(self, task: Collection) -> None:
        order = torch.randperm(
            len(task), generator=torch.Generator().manual_seed(seeding.derive(self._seed, seeding.EVALUATE, 7))
        )
        cut = max(1, int(0.7 * len(order)))
        if len(order) < 2:
            raise ValueError(f"task must have at least 2 samples, one of them to be held out; it has {len(order)}")
        self._task, self._test = task.part(order[:cut].sort().values), task.part(order[cut:].sort().values)
        self.notes.append(
            f"{len(order) - cut} of the {len(order)} samples were held out at random; give validation= where the "
            "model was trained on all of them"
        )

    def _graphs(self, task: Task, purpose: int, count: int, *, whole: bool) -> list[SpaceTimeGraph]:
        if whole and isinstance(task, Collection):
            numbers = torch.arange(len(task))
            if len(numbers) > 1000:
                picked = torch.randperm(len(numbers), generator=torch.Generator().manual_seed(self._seed))
                numbers = numbers[picked[:1000]].sort().values
            return [task.graphs(some) for some in numbers.split(250)]
        return [task.batch(BATCH, self._generator(purpose, step)) for step in range(count)]

    def _generator(self, purpose: int, step: int) -> torch.Generator:
        return torch.Generator().manual_seed(seeding.derive(self._seed, purpose, 16, step))

    def train(self, step: int) -> Sample:
        """A fresh batch of 32."""
        return self._sample(self._task.batch(BATCH, self._generator(seeding.TRAIN, step)))

    def heldout(self) -> list[Sample]:
        """The same 384 fresh graphs each time, or the part of a data set that is held out."""
        return self._held

    def trained_on(self) -> list[Sample]:
        """The training part of a data set."""
        if self.unlimited:
            return []
        return [self._sample(graph) for graph in self._graphs(self._task, seeding.TRAIN, 4, whole=True)]

    def measured(self, number: int = 0) -> Sample:
        """A batch of 32, with what the task declares."""
        graph = self._task.batch(BATCH, self._generator(seeding.BUILD, number))
        sample = self._sample(graph)
        if not self.declared:
            return sample
        return Sample(
            sample.x, sample.y, sample.run, sample.run_everywhere, sample.rows, *self._declarations(graph, sample)
        )

    def _declarations(
        self, graph: SpaceTimeGraph, sample: Sample
    ) -> tuple[Needed | None, Tensor | None, Tensor | None]:
        """The rows that each answer depends on, and those that must be in memory at once."""
        if self.hops is not None:
            return needs.at(sample.rows, self.hops, len(sample.y)), None, None
        task, per_graph = self._task, len(sample.y) != len(graph.target_rows)
        needed, items = task.relevant_nodes(graph), task.memory_items(graph)
        if per_graph:
            owner = graph.graph_index[graph.target_rows]
            needed, items = _union(needed, owner, graph.num_graphs), _union(items, owner, graph.num_graphs)
        if int(items.sum(dim=1).max()) < 2 or not bool((items & ~needed).any()):
            return needed, None, None  # the row that counts is known when it appears, so one at a time is enough
        try:
            content = task.memory_content(graph)
        except ValueError:
            return needed, None, None
        return needed, items, content.double() if len(content) == len(items) else None

    def _sample(self, graph: SpaceTimeGraph) -> Sample:
        x = graph.x
        if x.dim() == 1 and self._wants_floats:
            x = torch.nn.functional.one_hot(x.long(), self._width).to(torch.get_default_dtype())
        pairs = graph.get("edge_label_index")
        targets, y = graph.target_rows, graph.y
        owner = graph.graph_index
        if pairs is not None:
            rows = Rows(self._edges(graph), owner, None, owner[pairs[0]], pairs=True)
        elif self._task.per_graph or len(y) != len(targets):
            rows = Rows(self._edges(graph), owner, None, torch.arange(len(y)))
        else:
            is_temporal = graph.topology.spatial.edge_index.shape[1] == 0
            rows = Rows(self._edges(graph), owner, targets, owner[targets], is_temporal=is_temporal)
        everywhere = None if rows.targets is None else _run(graph.replace(target=None, y=None))
        return Sample(x, y, _run(graph), everywhere, rows, pairs=pairs)

    def _edges(self, graph: SpaceTimeGraph) -> Tensor:
        return graph.topology.spacetime(self.causal).edge_index


def _run(graph: SpaceTimeGraph) -> Run:
    def run(model: nn.Module, x: Tensor) -> Tensor:
        output = model(graph.replace(x=x))
        if not isinstance(output, Tensor):
            raise TypeError(f"the model must give a tensor of outputs (K, C), got {type(output).__name__}")
        return output

    return run


def _union(marks: Tensor, owner: Tensor, size: int) -> Tensor:
    """The union of the marks (K, V) of the targets of each graph, (B, V)."""
    counts = torch.zeros(size, marks.shape[1], dtype=torch.long)
    return counts.index_add_(0, owner, marks.long()) > 0
