"""The best score that message passing allows: answers of rows, pairs or graphs that no message tells apart.

Message passing gives two rows the same state wherever colour refinement, the test of Weisfeiler and Leman (1-WL), gives
them the same colour (Xu et al., *How powerful are graph neural networks?*, 2019, lemma 2). So the most frequent answer
of each colour is the best that it can say, whatever its weights, width and depth. Rows of one colour may still differ
in their random walks: the chance to be back after k steps, ``AddRandomWalkPE`` of PyG, tells two triangles from a ring
of six.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from graphseq.evaluation.modes import evaluating
from graphseq.reach.diagnosis.problem import Problem, Sample
from graphseq.reach.diagnosis.scoring import Scoring

WALK_LENGTH = 16
_MOST_ROUNDS, _MOST_ROWS, _MOST_ENTRIES = 100, 200_000, 2**22
_ALIKE = 1e-3  # the difference of outputs, over their size, that rounding makes between rows of one colour


@dataclass(frozen=True)
class Ceiling:
    """Scores of the best functions of colours.

    Attributes:
        score: of the most frequent answer of each colour, among all answers: an upper bound for message passing.
        with_walks: of the same with return probabilities of random walks as further features, each answer guessed from
            the others; NaN where graphs are too large for it.
        mixed: the number of answers that share their colour with another answer.
        answers: the number of answers.
        is_blind: whether the model's outputs are the same where colours are.
    """

    score: float
    with_walks: float
    mixed: int
    answers: int
    is_blind: bool


def ceiling_of(model: nn.Module, problem: Problem) -> Ceiling | None:
    """The ceiling of message passing on the answers of a problem, and whether the model is below it.

    Args:
        model: a model that passes messages along edges.
        problem: its data; ``None`` is returned for endless data, sequences and very large graphs.
    """
    if problem.unlimited:
        return None
    samples = [*problem.trained_on(), *problem.heldout()]
    if any(sample.rows.is_temporal for sample in samples) or sum(s.rows.count for s in samples) > _MOST_ROWS:
        return None
    y = torch.cat([sample.y for sample in samples])
    first = [_marks(samples, None)]
    colour = _of_answers(samples, _refined(samples, first[0]))
    mixed = _mixed(colour, y)
    if not mixed:
        return Ceiling(1.0, math.nan, 0, len(y), False)
    score = _best(problem.scoring, colour, y)
    walks = math.nan
    if sum(int(n) ** 2 for s in samples for n in torch.bincount(s.rows.owner)) <= _MOST_ENTRIES:
        walks = _guessed(problem.scoring, _of_answers(samples, _refined(samples, _marks(samples, WALK_LENGTH))), y)
    return Ceiling(score, walks, mixed, len(y), _is_blind(model, samples, colour))


def _marks(samples: Sequence[Sample], walk_length: int | None) -> np.ndarray:
    """First colours of all rows: their features, with return probabilities where a length of walks is given."""
    columns = []
    for sample in samples:
        parts = [sample.x.reshape(sample.rows.count, -1).double()]
        parts += [] if sample.marks is None else [sample.marks.reshape(sample.rows.count, -1).double()]
        parts += [] if walk_length is None else [torch.from_numpy(return_probabilities(sample.rows.reads, walk_length))]
        columns.append(torch.cat(parts, dim=1))
    return np.unique(torch.cat(columns).numpy(), axis=0, return_inverse=True)[1].reshape(-1)


def return_probabilities(reads: sp.csr_array, length: int) -> np.ndarray:
    """The chances that a random walk from each row is back after 1 … ``length`` steps, rounded, (V, length).

    Args:
        reads: entry (i, j) is 1 where an edge leads from row j to row i, (V, V).
        length: the most steps.

    Source: Dwivedi et al., *Graph neural networks with learnable structural and positional representations* (2022).
    """
    degree = np.asarray(reads.sum(axis=1)).ravel()
    step = sp.csr_array(sp.diags_array(1 / np.maximum(degree, 1)) @ reads)
    walk, out = step, []
    for _ in range(length):
        out.append(np.round(walk.diagonal(), 9))
        walk = walk @ step
    return np.stack(out, axis=1)


def _refined(samples: Sequence[Sample], colour: np.ndarray) -> np.ndarray:
    """Colours after refinement by those of the rows before and after each along edges, until their number is stable."""
    shift, ends, marks = 0, [], []
    for sample in samples:
        ends.append(sample.rows.edges.numpy() + shift)
        shift += sample.rows.count
        width = ends[-1].shape[1]
        marks.append(np.zeros((width, 1)) if sample.edge_marks is None else sample.edge_marks.double().numpy())
    j, i = np.concatenate(ends, axis=1)
    wide = max(part.shape[1] for part in marks)
    kinds = np.concatenate([np.pad(part, ((0, 0), (0, wide - part.shape[1]))) for part in marks])
    kind = np.unique(kinds, axis=0, return_inverse=True)[1].reshape(-1) if len(kinds) else np.zeros(0, dtype=int)
    count = 0
    for _ in range(_MOST_ROUNDS):
        found = len(np.unique(colour))
        if found in (count, shift):
            break
        count = found
        ahead = _sums(i, np.stack([colour[j], kind], axis=1), shift)
        back = _sums(j, np.stack([colour[i], kind], axis=1), shift)
        colour = np.unique(np.stack([colour, ahead, back], axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    return colour


def _sums(at: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """A number for the multiset of the rows of ``values`` at each place: a sum of random integers, modulo 2⁶⁴."""
    kinds, number = np.unique(values, axis=0, return_inverse=True)
    drawn = np.random.default_rng(0).integers(-(2**62), 2**62, size=max(1, len(kinds)), dtype=np.int64)
    out = np.zeros(size, dtype=np.int64)
    np.add.at(out, at, drawn[number.reshape(-1)])
    return out


def _of_answers(samples: Sequence[Sample], colour: np.ndarray) -> Tensor:
    """The colour of each answer: of its row, of both rows of a pair, or of all rows of a graph, (K,)."""
    shift, parts = 0, []
    drawn = np.random.default_rng(1).integers(-(2**62), 2**62, size=int(colour.max()) + 1, dtype=np.int64)
    for sample in samples:
        own = colour[shift : shift + sample.rows.count]
        shift += sample.rows.count
        if sample.pairs is not None:
            a, b = own[sample.pairs.numpy()]
            parts.append(drawn[a] * 3 + drawn[b])
        elif sample.rows.targets is None:
            total = np.zeros(sample.rows.num_graphs, dtype=np.int64)
            np.add.at(total, sample.rows.owner.numpy(), drawn[own])
            parts.append(total[sample.rows.graphs.numpy()])
        else:
            parts.append(drawn[own[sample.rows.targets.numpy()]])
    return torch.from_numpy(np.unique(np.concatenate(parts), return_inverse=True)[1].reshape(-1))


def _mixed(colour: Tensor, y: Tensor) -> int:
    """The number of answers whose colour has another answer, too."""
    flat = y.reshape(len(y), -1).double()
    kinds = torch.unique(torch.cat([colour[:, None].double(), flat], dim=1), dim=0)[:, 0].long()
    several = torch.bincount(kinds, minlength=int(colour.max()) + 1) > 1
    return int(several[colour].sum())


def _best(scoring: Scoring, colour: Tensor, y: Tensor) -> float:
    """The score of the best output of each colour, on the answers themselves."""
    return scoring.of(_outputs(scoring, colour, y, leave_out=False), y).value


def _guessed(scoring: Scoring, colour: Tensor, y: Tensor) -> float:
    """The score of guesses from the other answers of each colour; of all other answers where there is none."""
    return scoring.of(_outputs(scoring, colour, y, leave_out=True), y).value


def _outputs(scoring: Scoring, colour: Tensor, y: Tensor, *, leave_out: bool) -> Tensor:
    """Outputs (K, …) that say the most frequent class of each colour, or the mean of its numbers."""
    like = scoring.constant(1)
    if scoring.kind == "classes":
        wanted = torch.nn.functional.one_hot(y.flatten().clamp(min=0).long(), like.shape[-1]).double()
    else:
        wanted = y.double().nan_to_num().reshape(len(y), -1)
    total = torch.zeros(int(colour.max()) + 1, wanted.shape[1], dtype=torch.float64).index_add_(0, colour, wanted)
    count = torch.bincount(colour).double()[:, None]
    own = (total[colour] - wanted * int(leave_out), count[colour] - int(leave_out))
    everyone = wanted.mean(dim=0)
    mean = (own[0] + 1e-6 * everyone) / (own[1] + 1e-6)
    mean = mean - 0.5 if scoring.kind == "labels" else mean
    return mean if scoring.kind == "classes" else mean.reshape(y.shape)


def _is_blind(model: nn.Module, samples: Sequence[Sample], colour: Tensor) -> bool:
    """True if the outputs of answers of one colour are the same, up to rounding."""
    with evaluating(model), torch.no_grad():
        outputs = torch.cat([sample.run(model, sample.x).double() for sample in samples]).reshape(len(colour), -1)
    if not bool(outputs.isfinite().all()):
        return False
    count = torch.bincount(colour).double()[:, None]
    mean = torch.zeros(len(count), outputs.shape[1], dtype=torch.float64).index_add_(0, colour, outputs) / count
    return float((outputs - mean[colour]).abs().max()) < _ALIKE * float(outputs.abs().max().clamp(min=1e-30))
