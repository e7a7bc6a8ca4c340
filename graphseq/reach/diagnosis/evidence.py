"""The measurements behind a diagnosis."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.nn import MessagePassing

from graphseq import nn as gnn
from graphseq._arguments import checked_arguments
from graphseq._prompt import short_repr
from graphseq.nn.encoder import Encoder
from graphseq.nn.recurrent.gated import GatedEncoder
from graphseq.nn.recurrent.linear_rnn import LinearRNNBase
from graphseq.nn.recurrent.rnn import RNNBase
from graphseq.reach.diagnosis import field, trial
from graphseq.reach.diagnosis.expressivity import Ceiling
from graphseq.reach.diagnosis.needs import Needed, Needs, few_at_a_time
from graphseq.reach.diagnosis.problem import Problem, Sample
from graphseq.reach.diagnosis.readers import Readers, read
from graphseq.reach.diagnosis.responses import Responder, Responses
from graphseq.reach.diagnosis.trial import Scores, Trial
from graphseq.reach.probe import taps

CLEAR = 2.5  # standard errors by which the best of several readers is clearly better than the best constant
_RECURRENT = (nn.RNNBase, nn.RNNCellBase, RNNBase, LinearRNNBase, GatedEncoder)


@dataclass(frozen=True)
class Structure:
    """The rows that the model can see and those that it must see.

    Attributes:
        declared: whether the needed rows are declared, by a task or the user; else they are measured by readers.
        hops_needed: the most hops from a needed row to its target; -1 where nothing is known to be needed.
        hops_reached: the most hops from which an input reaches an output; infinite if from everywhere, NaN for
            answers of whole graphs.
        within_reach: share of the answers that are computed from all rows that they need; NaN where these are unknown.
        recurrent: whether the model carries information along time by a recurrence.
        mixes: whether the model mixes the rows of a graph by message passing.
        repeats: whether the steps from row to row share weights.
        along_time: whether all edges are those of sequences.
        per_layer: hops that one layer reaches, where its convolutions read more than one; else 1.
        width: the fewest channels of any state between features and outputs; 0 where this is not known.
        against: share of the answers whose needed rows lie against the direction of the edges.
        numbers: how many numbers tell the classes apart, one fewer than there are; 0 for other answers.
    """

    declared: bool
    hops_needed: int
    hops_reached: float
    within_reach: float
    recurrent: bool
    mixes: bool
    repeats: bool
    along_time: bool
    per_layer: int
    width: int
    against: float = 0.0
    numbers: int = 0


@dataclass(frozen=True)
class Memory:
    """The share of the items that must be in memory at once which the state before the last linear map holds.

    Attributes:
        items: number of items at once.
        single: R² of a linear probe of the state for one item, the others blank; at least 0.
        together: R² of a linear probe for all items; at least 0.
        width: size of that state.
        numbers: how many numbers must be held.
    """

    items: int
    single: float
    together: float
    width: int
    numbers: int


@short_repr
@dataclass(frozen=True)
class Evidence:
    """The measurements on which a diagnosis is based.

    Returned by :func:`graphseq.diagnose`, as ``evidence``.

    Attributes:
        scores: of the model as it is.
        chance: the score of the best guess without any input.
        structure: what the model can and must see.
        readers: scores of cheap readers by hops, where needs are not declared.
        before: responses of the model as it is.
        after: responses of the copy that was trained; ``None`` without a trial.
        trials: the trainings of copies, the best first.
        memory: what the state holds, where several items must be in memory at once.
        notes: what was assumed or left out, in sentences.
        wider: the training of a copy with a wider state, where the width may be what is missing.
        ceiling: the best that message passing can say, where answers of rows or graphs share their colours.
        layers: the word by which more layers can be asked for, "num_layers" or "convolutions"; "" where there is none.
    """

    scores: Scores
    chance: float
    structure: Structure
    readers: Readers | None
    before: Responses
    after: Responses | None
    trials: tuple[Trial, ...]
    memory: Memory | None
    notes: tuple[str, ...]
    wider: Trial | None = None
    ceiling: Ceiling | None = None
    layers: str = "num_layers"

    @checked_arguments
    def skill(self, score: float) -> float:
        """A score on a scale on which chance is 0 and all right is 1."""
        return (score - self.chance) / max(1 - self.chance, 1e-9)

    @property
    def trial(self) -> Trial | None:
        """The best trial."""
        return self.trials[0] if self.trials else None


def measured_needs(found: Readers | None, sample: Sample) -> Needed | None:
    """The rows that the best reader needs, (K, V); ``None`` where it needs none in particular."""
    if found is None or not (found.rings or found.positions or found.against):
        return None
    if found.ahead is not None and found.errors_ahead < CLEAR:  # of a reader that may be as good as a constant
        return None
    rows = sample.rows
    if found.positions:
        place = torch.arange(rows.count) % (rows.count // rows.num_graphs)
        is_read = torch.isin(place, torch.tensor(found.positions))
        return Needs(lambda answers: is_read & (rows.hops(answers) == 0), len(sample.y), rows.count)
    rings, back = (torch.tensor(some, dtype=torch.long) for some in (found.rings, found.against))

    def marks(answers: Tensor) -> Tensor:
        hops, against = rows.hops(answers), rows.against(answers)
        return torch.isin(hops, rings) & ~against | torch.isin(hops, back) & against

    return Needs(marks, len(sample.y), rows.count)


def declared_needs(problem: Problem, sample: Sample, seed: int) -> Needed | None:
    """The rows that are declared to be needed, (K, V).

    Where only a number of hops is declared, and rows lie so far away along and against the direction of edges, cheap
    readers say which of these hold the answer.

    Raises:
        ValueError: no row is so many hops away from an answer.
    """
    rows, hops = sample.rows, problem.hops
    if hops is None or sample.needed is None:
        return sample.needed
    farthest, is_along, is_against = -1, False, False
    for answers in few_at_a_time(len(sample.y), rows.count):
        found, against = rows.hops(answers), rows.against(answers)
        farthest = max(farthest, int(found.max()))
        is_along = is_along or bool(((found == hops) & ~against).any())
        is_against = is_against or bool(((found == hops) & against).any())
    if not is_along and not is_against:
        if rows.targets is None:
            raise ValueError(f"hops is {hops}, but answers are those of whole graphs or pairs; leave hops out")
        raise ValueError(f"hops is {hops}, but no row is farther than {farthest} hops from a row with an answer")
    if not is_along or not is_against:
        return sample.needed
    readers = read(problem, seed)
    wants = readers is not None and hops in readers.against and hops not in readers.rings

    def marks(answers: Tensor) -> Tensor:
        return (rows.hops(answers) == hops) & (rows.against(answers) == wants)

    return Needs(marks, len(sample.y), rows.count)


def structure_of(
    model: nn.Module, responder: Responder, needed: Needed | None, *, declared: bool, numbers: int = 0
) -> Structure:
    """The structure of a model on a sample."""
    rows = responder.sample.rows
    needed_hops, within, against = -1, math.nan, 0.0
    if needed is not None and responder.groups:
        within = field.within_reach(responder, needed)
        some = torch.cat([rows.hops(group)[needed[group]] for group in responder.groups])
        needed_hops = int(some.max()) if len(some) else -1
        marks = torch.cat([(rows.against(group) & needed[group]).any(dim=1) for group in responder.groups])
        against = float(marks.double().mean())
    reached = field.hops_reached(responder)
    return Structure(
        declared,
        needed_hops,
        reached,
        within,
        is_recurrent(model),
        mixes(model),
        repeats(model),
        rows.is_paths,
        hops_per_layer(model),
        narrowest(model),
        against,
        numbers,
    )


def hops_per_layer(model: nn.Module) -> int:
    """The hops that one convolution of a model reads, by the K of ChebConv, TAGConv, SGConv and their like."""
    hops = 1
    for module in model.modules():
        if isinstance(module, MessagePassing):
            if isinstance(module, pyg.ChebConv):
                hops = max(hops, len(module.lins) - 1)
            elif isinstance(getattr(module, "K", None), int):
                hops = max(hops, module.K)
    return hops


def narrowest(model: nn.Module) -> int:
    """The width of the narrowest state: of recurrences, convolutions, and the input of the last linear map."""
    widths: list[int] = []
    last = 0
    for module in model.modules():
        if isinstance(module, nn.RNNBase | nn.RNNCellBase):
            widths.append(module.hidden_size)
        elif isinstance(module, MessagePassing):
            matrices = [parameter.shape[0] for parameter in module.parameters() if parameter.dim() == 2]
            widths += [max(matrices)] if matrices else []
        elif isinstance(module, Encoder):
            widths.append(module.hidden_channels)
        elif isinstance(module, nn.Linear | pyg.Linear):
            last = module.in_features if isinstance(module, nn.Linear) else module.in_channels
    return min([*widths, *([last] if last > 0 else [])], default=0)


def is_recurrent(model: nn.Module) -> bool:
    """True if any module is a recurrence in time."""
    return any(isinstance(module, _RECURRENT) for module in model.modules())


def mixes(model: nn.Module) -> bool:
    """True if any module passes messages along edges."""
    return any(
        isinstance(module, MessagePassing)
        or (isinstance(module, Encoder) and not isinstance(module, gnn.MLP | RNNBase | LinearRNNBase))
        for module in model.modules()
    )


def layers_of(model: nn.Module) -> str:
    """The word by which more layers can be asked for: an argument, or convolutions of which a model may have more."""
    mixing = [module for module in model.modules() if mixes(module)]
    if any("num_layers" in inspect.signature(type(module).__init__).parameters for module in mixing):
        return "num_layers"
    is_ours = any(isinstance(module, Encoder) for module in mixing)
    return "convolutions" if mixing and not is_ours else ""


def repeats(model: nn.Module) -> bool:
    """True if one layer is applied again and again: a recurrence, or a stack that shares its weights."""
    shared = (gnn.AntisymmetricGCN, gnn.StateSpaceGCN, gnn.WaveGCN)
    names = ("GatedGraphConv", "AntiSymmetricConv", "APPNP")
    return is_recurrent(model) or any(
        isinstance(module, shared) or type(module).__name__ in names for module in model.modules()
    )


def ready(model: nn.Module, problem: Problem) -> tuple[nn.Module, Sample, str]:
    """A copy in float64 and a sample for it; in float32, with a note, for a model that knows only this."""
    sample = problem.measured()
    copy, cast = trial.copied(model, torch.float64), sample.cast(torch.float64)
    try:
        with torch.no_grad():
            was = copy.training
            cast.run(copy.eval(), cast.x)
            copy.train(was)
        return copy, cast, ""
    except (RuntimeError, TypeError, ValueError):
        note = "the model cannot be computed in float64, so shares below about 1e-12 are noise"
        return trial.copied(model, torch.float32), sample.cast(torch.float32), note


def memory_of(model: nn.Module, sample: Sample, problem: Problem) -> Memory | None:
    """The share of the items that the state before the last linear map holds; ``None`` where one item is enough."""
    if sample.items is None or sample.content is None or not sample.x.is_floating_point():
        return None
    states: list[Tensor] = []
    blanks: list[Tensor] = []
    contents: list[Tensor] = []
    singles: list[Tensor] = []
    width = 0
    for number in range(12):
        part = problem.measured(number)
        if part.items is None or part.content is None:
            return None
        items, content = part.items, part.content
        part = part.cast(sample.x.dtype)
        farthest = torch.where(items, part.rows.hops(torch.arange(len(part.y))), -2).argmax(dim=1)
        keep = ~items.any(dim=0)
        keep[farthest] = True
        with torch.no_grad():
            state, alone = (_last_input(model, part, x) for x in (part.x, part.x * keep[:, None]))
        if state is None or alone is None:
            return None
        width = state.shape[1]
        states.append(state)
        blanks.append(alone)
        contents.append(content)
        singles.append(part.x[farthest])
    together = probe_r2(torch.cat(states), torch.cat(contents).to(sample.x.dtype))
    single = probe_r2(torch.cat(blanks), torch.cat(singles))
    return Memory(int(sample.items.sum(dim=1).max()), single, together, width, sample.content.shape[1])


def _last_input(model: nn.Module, sample: Sample, x: Tensor) -> Tensor | None:
    """The input of the last module with a weight matrix that gives one row an answer, (K, H)."""
    found: list[Tensor] = []

    def keep(module: nn.Module, name: str, inputs: tuple[object, ...], output: object) -> None:
        first = inputs[0] if inputs else None
        if isinstance(first, Tensor) and first.dim() == 2 and len(first) == len(sample.y) and hasattr(module, "weight"):
            found.append(first)

    with taps.hooked(model, list(dict(model.named_modules())), keep):
        sample.run(model, x)
    return found[-1] if found else None


def probe_r2(states: Tensor, targets: Tensor) -> float:
    """R² on held-out samples of a ridge regression of ``targets`` (N, M) on ``states`` (N, H), at least 0."""
    half = len(states) // 2
    scale = float(states[:half].std(dim=0).norm())
    if scale == 0 or not math.isfinite(scale):
        return 0.0
    state_mean, target_mean = states[:half].mean(dim=0), targets[:half].mean(dim=0)
    a = (states - state_mean) / scale
    penalty = 1e-6 * half * torch.eye(a.shape[1], dtype=a.dtype)
    weights = torch.linalg.solve(a[:half].T @ a[:half] + penalty, a[:half].T @ (targets[:half] - target_mean))
    residual = (targets[half:] - target_mean - a[half:] @ weights).square().sum()
    variance = (targets[half:] - targets[half:].mean(dim=0)).square().sum()
    return max(0.0, 1 - float(residual / variance)) if float(variance) > 0 else math.nan
