"""All that the figures of a report show, as data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import MessagePassing

from graphseq.data.curvature import Curvature, balanced_forman_curvature
from graphseq.data.hops import shortest_paths
from graphseq.evaluation.modes import evaluating
from graphseq.reach.diagnosis.problem import Sample
from graphseq.reach.diagnosis.subject import Subject
from graphseq.reach.measures.operators import operator
from graphseq.reach.measures.sensitivity import operator_power
from graphseq.reach.report.inputs import point, row_influence, state_influence
from graphseq.reach.report.layers import Layers, layers_of
from graphseq.reach.report.view import View, view

_ANSWERS = 12  # answers over which influence by hop is averaged
_FEWER = 3  # the same where the data is large
_LARGE = 20_000  # rows
_MOST_EDGES = 50_000  # for curvatures


@dataclass(frozen=True)
class Page:
    """The data of the five figures of a report; what could not be measured is ``None``, and ``notes`` say why."""

    name: str  #: of the model
    answer: int  #: the answer whose receptive field is shown
    target: int | None  #: its row; ``None`` for the answer of a whole graph or of a pair
    graph: int  #: the number of its graph in the sample
    num_graphs: int  #: of the sample
    first_row: int  #: the first row of that graph, which the figures count as row 0
    field: View  #: the rows around it
    influence: Tensor | None  #: of the rows of ``field`` on it, (n,), float64
    by_hop: Tensor | None  #: mean influence of all rows at 0, 1, … hops, (D + 1,)
    state: str | None  #: the state of rows on which ``by_hop`` is the influence; ``None`` for answers at rows
    closed_form: Tensor | None  #: (Â^L) summed over the same rows, scaled to the same total, (D + 1,)
    depth: int  #: L, the number of convolutions found in the model
    measured: int  #: the number of answers in ``by_hop``
    layers: Layers | None
    bottlenecks: View | None  #: the rows around the edges of the lowest curvature
    curvature: Curvature | None  #: of the edges among them, as positions in its rows
    notes: tuple[str, ...]


def measure(subject: Subject) -> Page:
    """Measure what the figures of a report show; the same subject gives the same page."""
    sample, model = subject.sample, subject.model
    generator = torch.Generator().manual_seed(subject.seed)
    answers, rows, layers, found = _influences(subject, generator)
    notes = list(found.notes)
    if layers is None:
        notes.append("no states with one line a row were found, so that nothing is shown over layers")
    first = int(answers[0])
    graph = int(sample.rows.graphs[first])
    target = None if sample.rows.targets is None else int(sample.rows.targets[first])
    field = view(sample.rows, graph, _centre(sample, target, graph, found.on_answers))
    depth = sum(isinstance(module, MessagePassing) for module in model.modules())
    hops = _hops(sample, answers, rows, found, depth)
    notes.extend(hops.notes)
    narrow, curvature = _bottlenecks(sample, graph, notes)
    return Page(
        name=type(model).__name__,
        answer=first,
        target=target,
        graph=graph,
        num_graphs=sample.rows.num_graphs,
        first_row=int((sample.rows.owner == graph).nonzero()[0, 0]),
        field=field,
        influence=None if found.on_answers is None else found.on_answers[0][field.rows],
        by_hop=hops.measured,
        state=hops.state,
        closed_form=hops.closed_form,
        depth=depth,
        measured=len(answers) if hops.state is None else len(rows),
        layers=layers,
        bottlenecks=narrow,
        curvature=curvature,
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Influences:
    """The influence of all rows on answers and, where answers are not those of single rows, on a state of rows."""

    on_answers: Tensor | None
    on_state: tuple[str, Tensor] | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Hops:
    """Mean influence by hop, on answers or on a state, and what a power of Â has there."""

    measured: Tensor | None = None
    closed_form: Tensor | None = None
    state: str | None = None
    notes: tuple[str, ...] = ()


def _influences(subject: Subject, generator: torch.Generator) -> tuple[Tensor, Tensor, Layers | None, _Influences]:
    """The answers and rows that are measured, the states over layers, and the influences, at one point."""
    sample, model = subject.sample, subject.model
    notes: tuple[str, ...] = ()
    with torch.random.fork_rng([]), torch.inference_mode(False), torch.enable_grad(), evaluating(model):
        x = point(sample, generator)
        answers = _answers(sample, generator)
        found = row_influence(model, sample, answers, x, generator)
        if found is None:
            notes = ("influence is not measured: inputs are integers, of more than 200 rows a graph",)
        elif not bool(found.isfinite().all()):
            found = None
            notes = ("influence is not measured: a derivative is not finite",)
        elif not x.is_floating_point():
            notes = ("inputs are integers: influence is the change of the answer where a row shows another's input",)
        layers = layers_of(model, sample, subject.loss, x)
        of_state, rows = None, _rows_of(sample, answers, generator)
        if found is not None and sample.rows.targets is None:
            of_state = state_influence(model, sample, rows, x, generator)
    return answers, rows, layers, _Influences(found, of_state, notes)


def _centre(sample: Sample, target: int | None, graph: int, influence: Tensor | None) -> Tensor:
    """The row around which a field is shown: that of the answer, or the one that influences it most."""
    if target is not None:
        return torch.tensor([target])
    if influence is not None:
        return influence[0].argmax()[None]
    return (sample.rows.owner == graph).nonzero()[:1, 0]


def _hops(sample: Sample, answers: Tensor, rows: Tensor, found: _Influences, depth: int) -> _Hops:
    """Influence by hop on answers at rows; on a state of rows where answers are at none."""
    if found.on_answers is None:
        return _Hops()
    if sample.rows.targets is not None:
        return _Hops(*_by_hop(sample, sample.rows.targets[answers], found.on_answers, depth))
    if found.on_state is None or not bool(found.on_state[1].isfinite().all()):
        return _Hops(notes=("answers are those of whole graphs or of pairs: no distance to a row is defined",))
    state, values = found.on_state
    note = (
        "answers are those of whole graphs or of pairs, at no distance from a row: influence by distance is that "
        f"on the last state of single rows, {state}"
    )
    return _Hops(*_by_hop(sample, rows, values, depth), state, (note,))


def _answers(sample: Sample, generator: torch.Generator) -> Tensor:
    """Some answers, first the one whose needed rows lie farthest, where these are known."""
    count = len(sample.y)
    most = min(count, _FEWER if sample.rows.count > _LARGE else _ANSWERS)
    drawn = torch.randperm(count, generator=generator)[:most]
    if sample.needed is None or sample.rows.targets is None:
        return drawn
    hops = torch.where(sample.needed[drawn], sample.rows.hops(drawn), -1).amax(dim=1)
    return drawn[hops.argsort(descending=True, stable=True)]


def _rows_of(sample: Sample, answers: Tensor, generator: torch.Generator) -> Tensor:
    """Some rows of the graphs of some answers, as many as the answers may be."""
    members = torch.isin(sample.rows.owner, sample.rows.graphs[answers]).nonzero()[:, 0]
    most = _FEWER if sample.rows.count > _LARGE else _ANSWERS
    return members[torch.randperm(len(members), generator=generator)[:most]]


def _by_hop(sample: Sample, targets: Tensor, influence: Tensor, depth: int) -> tuple[Tensor, Tensor | None]:
    hops = shortest_paths(sample.rows.reads, targets)
    is_near = hops >= 0
    width = int(hops.max()) + 1
    at = torch.where(is_near, hops, 0)

    def sums(values: Tensor) -> Tensor:
        empty = values.new_zeros(len(values), width)
        return empty.scatter_add_(1, at, torch.where(is_near, values, 0.0)).mean(dim=0)

    measured = sums(influence)
    if not depth or not float(measured.sum()) > 0:
        return measured, None
    graph = Data(edge_index=sample.rows.edges, num_nodes=sample.rows.count)
    power = sums(operator_power(operator(graph), depth, targets))
    return measured, power * float(measured.sum() / power.sum()) if float(power.sum()) > 0 else None


def _bottlenecks(sample: Sample, graph: int, notes: list[str]) -> tuple[View | None, Curvature | None]:
    """The curvature of the edges of one graph, whatever their direction, around the lowest."""
    rows = sample.rows
    members = (rows.owner == graph).nonzero()[:, 0]
    both = ((rows.reads + rows.reads.T)[members.numpy()][:, members.numpy()]).tocoo()
    if not both.nnz:
        notes.append("the graph has no edges, and so no bottlenecks")
        return None, None
    if both.nnz // 2 > _MOST_EDGES:
        notes.append(f"bottlenecks are not looked for above {_MOST_EDGES:,} edges")
        return None, None
    index = torch.stack([torch.from_numpy(both.col).long(), torch.from_numpy(both.row).long()])
    found = balanced_forman_curvature(Data(edge_index=index, num_nodes=len(members)))
    lowest = found.value.argsort(stable=True)[:3]
    shown = view(rows, graph, members[found.edge_index[:, lowest].flatten().unique()])
    position = {row: at for at, row in enumerate(shown.rows.tolist())}
    pairs, values = [], []
    for (i, j), value in zip(members[found.edge_index.t()].tolist(), found.value.tolist(), strict=True):
        if i in position and j in position:
            pairs.append((position[i], position[j]))
            values.append(value)
    return shown, Curvature(torch.tensor(pairs).reshape(-1, 2).t(), torch.tensor(values, dtype=torch.float64))


def plain(page: Page) -> dict[str, object]:
    """The page as plain data that fits in JSON; numbers that are not finite are ``None``."""
    layers = page.layers
    lowest = _lowest(page)
    return {
        "model": page.name,
        "answer": page.answer,
        "graph": page.graph,
        "row": None if page.target is None else page.target - page.first_row,
        "influence_by_hop": _numbers(page.by_hop),
        "influence_on_state": page.state,
        "closed_form_by_hop": _numbers(page.closed_form),
        "convolutions": page.depth,
        "answers_measured": page.measured,
        "layers": None
        if layers is None
        else {
            "names": list(layers.names),
            "gradient": _list(layers.gradient),
            "smoothness": {name: _list(values) for name, values in layers.smoothness.items()},
        },
        "bottlenecks": lowest,
        "notes": list(page.notes),
    }


def _lowest(page: Page) -> list[dict[str, float]] | None:
    shown, curvature = page.bottlenecks, page.curvature
    if shown is None or curvature is None:
        return None
    order = curvature.value.argsort(stable=True)[:10]
    return [
        {
            "source": int(shown.rows[curvature.edge_index[0, at]]) - page.first_row,
            "target": int(shown.rows[curvature.edge_index[1, at]]) - page.first_row,
            "curvature": float(curvature.value[at]),
        }
        for at in order.tolist()
    ]


def _numbers(values: Tensor | None) -> list[float | None] | None:
    return None if values is None else _list(values.tolist())


def _list(values: list[float]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values]
