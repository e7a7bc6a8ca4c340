"""The view of graphs of PyG: one graph with masks, a list, a loader, or a batch; and of a space-time graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data, HeteroData

from graphseq import seeding
from graphseq.data.graph import SpaceTimeGraph
from graphseq.reach.diagnosis import needs
from graphseq.reach.diagnosis.problem import Problem, Request, Sample, first_output
from graphseq.reach.diagnosis.rows import Rows
from graphseq.reach.diagnosis.scoring import Scoring, kind_of
from graphseq.reach.diagnosis.values import check_answers, check_inputs, check_loss, known_answers
from graphseq.reach.probe import arguments
from graphseq.reach.probe.given import OURS
from graphseq.reach.probe.loaders import OF_LOADERS

Call = Callable[[nn.Module, Any], Tensor]
BATCH = 32
_MOST_GRAPHS = 4096
_SEEDS = "seed_mask"


class DataProblem(Problem):
    """Graphs with answers ``y``, in training and held-out parts.

    Args:
        model: the model.
        data: a graph, a list of graphs, or a loader of graphs or batches.
        request: its ``validation`` are graphs held out; without them, masks of the graph, or three tenths at random.
    """

    def __init__(self, model: nn.Module, data: object, request: Request) -> None:
        super().__init__()
        self._seed, self.hops, self.declared = request.seed, request.hops, request.hops is not None
        self._call, validation = request.call or by_names, request.validation
        graphs = _graphs(data, "data")
        self._single = graphs[0] if len(graphs) == 1 and not isinstance(graphs[0], Batch) else None
        self.loss, self._score = request.needed_loss, request.score
        if self._single is not None and validation is None:
            train, held = self._masks(self._single)
            self._train = [self._sample(self._single, train)]
            self._held = [self._sample(self._single, held)]
        else:
            if validation is None:
                graphs, tested = self._split(graphs)
            else:
                tested = _graphs(validation, "validation")
            self._pool = graphs
            self._joined: dict[int, Sample] = {}
            self._held = [self._sample(batch, None) for batch in _batches(tested)]
            self._train = [self._sample(batch, None) for batch in _batches(graphs[:1000])]
        if self._held[0].rows.pairs:
            self.kind = "pairs"
            if isinstance(graphs[0].get("y"), Tensor):
                self.notes.append("answers are edge_label, those of the pairs edge_label_index; y was left out")
        else:
            self.kind = "graphs" if self._held[0].rows.targets is None else "nodes"
        like = first_output(model, self._held[0])
        self._check(like, self._held[0].y)
        y = torch.cat([sample.y for sample in self._train])
        tested_y = torch.cat([sample.y for sample in self._held])
        self.scoring = Scoring(request.score, request.chance or "majority", y, like, tested_y)

    def _check(self, output: object, y: Tensor) -> None:
        if not isinstance(output, Tensor):
            raise TypeError(
                f"the model must give a tensor of outputs, got {type(output).__name__}; choose one by call=, a "
                "function of (model, graph)"
            )
        if len(output) != len(y):
            raise ValueError(
                f"the model gives {len(output)} outputs for {len(y)} answers in y; choose those that are answered by "
                "call=, a function of (model, graph)"
            )
        check_answers(kind_of(y, output), y)
        check_loss(self.loss, output, y)
        if self._score is not None:
            check_loss(self._score, output, y, "score")
        try:
            self.loss(output, y)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            raise ValueError(
                f"loss does not take the model's output {tuple(output.shape)} ({output.dtype}) and y {tuple(y.shape)} "
                f"({y.dtype}): {error}"
            ) from error

    def _masks(self, graph: Any) -> tuple[Tensor, Tensor]:
        """Numbers of the answers in training, and of those held out."""
        count = len(_answers(graph))
        if (seeds := _mask(graph, _SEEDS, count)) is not None:
            return self._drawn(seeds.nonzero()[:, 0], "seeds of sampled neighbourhoods")
        train, held = _mask(graph, "train_mask", count), _mask(graph, "val_mask", count)
        if held is None or not bool(held.any()):
            held = _mask(graph, "test_mask", count)
        if train is not None and held is not None and bool(train.any()) and bool(held.any()):
            return train.nonzero()[:, 0], held.nonzero()[:, 0]
        if train is not None and bool(train.any()) and not bool(train.all()):
            self.notes.append("there is no val_mask or test_mask, so scores are measured outside train_mask")
            return train.nonzero()[:, 0], (~train).nonzero()[:, 0]
        return self._drawn(torch.arange(count), "labelled pairs" if _is_of_pairs(graph) else "answers")

    def _drawn(self, answers: Tensor, kind: str) -> tuple[Tensor, Tensor]:
        """Seven tenths of some answers for training, and the others held out, at random."""
        count = len(answers)
        if count < 2:
            raise ValueError(f"data must have at least 2 answers, one of them to be held out; it has {count} {kind}")
        order = answers[torch.randperm(count, generator=self._generator(0))]
        cut = max(1, int(0.7 * count))
        said = f"{count - cut} of the {count} {kind} were held out at random"
        if kind == "labelled pairs":
            said += "; an edge that the model also reads is easier than a new one, so give validation="
        self.notes.append(f"there are no masks, so {said}" if kind == "answers" else said)
        return order[:cut].sort().values, order[cut:].sort().values

    def _split(self, graphs: list[Any]) -> tuple[list[Any], list[Any]]:
        if len(graphs) < 2:
            graphs = graphs[0].to_data_list()
        if len(graphs) < 2:
            raise ValueError("data must have at least 2 graphs, one of them to be held out, or give validation=")
        order = torch.randperm(len(graphs), generator=self._generator(0)).tolist()
        cut = max(1, int(0.7 * len(order)))
        self.notes.append(
            f"{len(order) - cut} of the {len(order)} graphs were held out at random; give validation= "
            "where the model was trained on all of them"
        )
        return [graphs[n] for n in order[:cut]], [graphs[n] for n in order[cut:]]

    def _generator(self, step: int) -> torch.Generator:
        return torch.Generator().manual_seed(seeding.derive(self._seed, seeding.TRAIN, 17, step))

    def train(self, step: int) -> Sample:
        """All rows of a single graph, or the next 32 graphs in a random order."""
        if self._single is not None and len(self._train) == 1:
            return self._train[0]
        number = step % -(-len(self._pool) // BATCH)
        if number not in self._joined:  # joined once, since that takes longer than a step
            order = torch.randperm(len(self._pool), generator=self._generator(1)).tolist()
            drawn = order[number * BATCH : (number + 1) * BATCH]
            self._joined[number] = self._sample(_joined([self._pool[n] for n in drawn]), None)
        return self._joined[number]

    def heldout(self) -> list[Sample]:
        """The answers held out."""
        return self._held

    def trained_on(self) -> list[Sample]:
        """The answers in training."""
        return self._train

    def measured(self, number: int = 0) -> Sample:
        """The single graph, or 32 graphs of training."""
        sample = self._train[0] if self._single is not None and len(self._train) == 1 else self.train(number)
        if self.hops is None:
            return sample
        return replace(sample, needed=needs.at(sample.rows, self.hops, len(sample.y)))

    def _sample(self, graph: Any, picked: Tensor | None) -> Sample:
        """A graph or a batch with some of its answers, or with all that a mask or a NaN does not leave out."""
        if _is_of_pairs(graph):
            return self._sample_of_pairs(graph, picked)
        y, owner = graph.y, _owner(graph)
        targets = self._targets(graph, owner)
        picked = _picked(graph, picked, targets)
        call = self._call

        def everywhere(model: nn.Module, x: Tensor) -> Tensor:
            return call(model, _with_x(graph, x))

        def run(model: nn.Module, x: Tensor) -> Tensor:
            output = everywhere(model, x)
            return output if picked is None or not isinstance(output, Tensor) else output[picked]

        graphs = torch.arange(int(owner.max()) + 1) if targets is None else owner[targets]
        if picked is not None:
            y, graphs = y[picked], graphs[picked]
            targets = None if targets is None else targets[picked]
        is_spacetime = isinstance(graph, SpaceTimeGraph)
        edges = graph.topology.spacetime().edge_index if is_spacetime else graph.edge_index
        answers_all = targets is not None and not (is_spacetime and len(graph.target_rows) != graph.num_nodes)
        rows = Rows(edges, owner, targets, graphs)
        return Sample(graph.x, y, run, everywhere if answers_all else None, rows, **_marks(graph, edges.shape[1]))

    def _targets(self, graph: Any, owner: Tensor) -> Tensor | None:
        """The row of each answer, (K,); ``None`` where answers are of whole graphs.

        Raises:
            ValueError: answers of another number.
        """
        number, count, num_graphs = len(graph.y), graph.num_nodes, int(owner.max()) + 1
        if isinstance(graph, SpaceTimeGraph) and number == len(graph.target_rows):
            return graph.target_rows
        # The last batch may have as many rows as graphs; then the kind that the earlier ones have decides.
        if (number == num_graphs and number != count) or self.kind == "graphs":
            return None
        if number == count:
            return torch.arange(count)
        raise ValueError(
            f"y has {number} answers for {count} nodes in {num_graphs} graphs; it must have one for each node or for "
            "each graph"
        )

    def _sample_of_pairs(self, graph: Any, picked: Tensor | None) -> Sample:
        graph, call = copy(graph), self._call
        if picked is not None:
            graph.edge_label_index, graph.edge_label = graph.edge_label_index[:, picked], graph.edge_label[picked]
        pairs = graph.edge_label_index
        owner = _owner(graph)

        def run(model: nn.Module, x: Tensor) -> Tensor:
            return call(model, _with_x(graph, x))

        rows = Rows(graph.edge_index, owner, None, owner[pairs[0]], pairs=True)
        marks = _marks(graph, graph.edge_index.shape[1])
        return Sample(graph.x, graph.edge_label, run, None, rows, pairs=pairs, **marks)


def _owner(graph: Any) -> Tensor:
    """The graph of a batch that each row belongs to, (V,)."""
    batch: object = graph.get("batch")
    return batch if isinstance(batch, Tensor) else torch.zeros(graph.num_nodes, dtype=torch.long)


def _picked(graph: Any, picked: Tensor | None, targets: Tensor | None) -> Tensor | None:
    """The numbers of the answers that are known and asked for; ``None`` for all."""
    if picked is None and targets is not None and not isinstance(graph, SpaceTimeGraph):
        mask = _mask(graph, _SEEDS, graph.num_nodes)
        mask = _mask(graph, "train_mask", graph.num_nodes) if mask is None else mask
        picked = None if mask is None else mask.nonzero()[:, 0]
    known = known_answers(graph.y, "y")
    if known is None:
        return picked
    return known.nonzero()[:, 0] if picked is None else picked[known[picked]]


def _marks(graph: Any, num_edges: int) -> dict[str, Tensor | None]:
    """Entries ``marks`` and ``edge_marks`` of a sample: all that a model may know of rows and edges beside x."""
    rows = [graph.get(key) for key in ("pos", "node_type", "z")]
    edges = [graph.get(key) for key in ("edge_weight", "edge_attr", "edge_type")]
    found = []
    for values, size in ((rows, graph.num_nodes), (edges, num_edges)):
        fitting = [v.detach().reshape(size, -1).double() for v in values if isinstance(v, Tensor) and len(v) == size]
        found.append(torch.cat(fitting, dim=1) if fitting else None)
    return {"marks": found[0], "edge_marks": found[1]}


def by_names(model: nn.Module, graph: Any) -> Tensor:
    """Call a model with the attributes of a graph that its signature names, or with the graph, as a probe does.

    Raises:
        ValueError: an argument without a default that the graph does not have.
    """
    if isinstance(graph, SpaceTimeGraph):
        if isinstance(model, OURS) or arguments.reads_data(model, graph):
            return model(graph)  # type: ignore[no-any-return]
        graph = graph.unroll()
    read = arguments.read(model, graph, "call=lambda m, graph: m(graph.x, …)")
    if "batch" in read.attributes.values() and graph.get("batch") is None:
        graph = copy(graph)
        graph.batch = torch.zeros(graph.num_nodes, dtype=torch.long, device=graph.x.device)
    return model(**read.fill(graph))  # type: ignore[no-any-return]


def is_graphs(data: object) -> bool:
    """True if data are graphs of PyG, alone or in a list or loader."""
    if isinstance(data, Data | HeteroData):
        return True
    first = next(iter(data), None) if isinstance(data, Iterable) and not isinstance(data, Tensor) else None
    return isinstance(first, Data | HeteroData)


def _graphs(data: object, argument: str) -> list[Any]:
    """The single graph, or all graphs of a list or loader one by one, on the CPU."""
    items: Sequence[object] = [data] if isinstance(data, Data | HeteroData) else list(data)  # type: ignore[call-overload]
    out: list[Any] = []
    for item in items:
        if isinstance(item, HeteroData):
            raise TypeError(f"{argument} is heterogeneous; make it homogeneous first: data.to_homogeneous()")
        if isinstance(item, Data) and isinstance(item.get("x"), list | tuple):
            raise TypeError(
                f"{argument} is bipartite: its x is {len(item.x)} tensors, of nodes of different kinds; give one x "
                "(V, F) of all nodes, with edges between their numbers"
            )
        if not isinstance(item, Data):
            raise TypeError(f"{argument} must hold graphs, but holds a {type(item).__name__}")
        if not isinstance(item.get("x"), Tensor) or not isinstance(_answers(item), Tensor):
            raise ValueError(
                f"{argument} needs x and y on every graph, or x, edge_label and edge_label_index, as tensors"
            )
        check_inputs(item.x, f"x of {argument}" if len(items) == 1 else f"x of graph {len(out)} of {argument}")
        graph = item.to("cpu")
        graph = _with_seeds(graph)
        splits = isinstance(graph, Batch) and (len(items) > 1 or graph.num_graphs > 1)
        out += graph.to_data_list() if splits else [graph]
        if len(out) >= _MOST_GRAPHS:
            break
    if not out:
        raise ValueError(f"{argument} has no graphs")
    return out


def _with_seeds(graph: Any) -> Any:
    """A batch of a loader of neighbourhoods with marks at its seeds, the first rows, which alone are asked."""
    count = graph.get("batch_size")
    if not isinstance(count, int) or "input_id" not in graph or _is_of_pairs(graph):
        return graph
    out = copy(graph)
    out[_SEEDS] = torch.arange(graph.num_nodes) < count
    for key in OF_LOADERS:
        if key in out:
            del out[key]
    return out


def _is_of_pairs(graph: Any) -> bool:
    """True if answers are those of pairs of rows, as ``RandomLinkSplit`` and ``LinkNeighborLoader`` give them."""
    return isinstance(graph.get("edge_label_index"), Tensor) and isinstance(graph.get("edge_label"), Tensor)


def _answers(graph: Any) -> Any:
    return graph.edge_label if _is_of_pairs(graph) else graph.get("y")


def _batches(graphs: list[Any]) -> list[Any]:
    return [_joined(graphs[start : start + 250]) for start in range(0, len(graphs), 250)]


def _joined(graphs: list[Any]) -> Any:
    return Batch.from_data_list(graphs)


def _mask(graph: Any, name: str, count: int) -> Tensor | None:
    mask = graph.get(name)
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or len(mask) != count:
        return None
    if mask.dim() == 2 and mask.shape[1] != 1:
        raise ValueError(
            f"{name} has {mask.shape[1]} columns, one for each of several splits; choose one, such as "
            f"data.{name} = data.{name}[:, 0], in all masks alike"
        )
    return mask[:, 0] if mask.dim() == 2 else mask


def _with_x(graph: Any, x: Tensor) -> Any:
    """The graph with other features, and with edge features and weights of their dtype."""
    if isinstance(graph, SpaceTimeGraph):
        return graph.replace(x=x)
    out = copy(graph)
    out.x = x
    if x.is_floating_point():
        for key in ("edge_weight", "edge_attr", "pos"):
            value = out.get(key)
            if isinstance(value, Tensor) and value.is_floating_point():
                out[key] = value.to(x.dtype)
    return out
