"""Needs of the answers, measured: the score of a cheap reader against the hops it is shown.

A reader is a ridge regression on the features of a target's rows, averaged over the rows at 0, 1, 2, … hops, and on 256
random ReLU features of these (Rahimi and Recht, *Random features for large-scale kernel machines*, 2007). It needs no
training by gradients, so that it fails for none of the reasons for which a deep model does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq.reach.diagnosis.problem import Problem, Sample
from graphseq.reach.diagnosis.reader import Reader, fewest
from graphseq.reach.diagnosis.ridge import Fit

_MOST_ANSWERS, _MOST_ENTRIES, _MOST_COLUMNS = 800, 2**24, 1200
_FOLDS, _FEW_GRAPHS = 5, 10


@dataclass(frozen=True)
class Readers:
    """Readers by hops, and the rings that the best of them needs."""

    readers: tuple[Reader, ...]
    rings: tuple[int, ...]  #: hops whose rows the best reader needs, along the edges where these have a direction
    positions: tuple[int, ...]  #: rows of each graph that it needs, where graphs are alike and answers are of graphs
    against: tuple[int, ...] = ()  #: hops of the rows that it needs against the direction of the edges
    ahead: tuple[float, float] | None = None  #: by which a reader fitted to four fifths of all answers is better on the
    #: others than the best constant, and the standard error; ``None`` where answers held out suffice

    @property
    def errors_ahead(self) -> float:
        """The advantage over the best constant in standard errors; NaN where it is not measured."""
        if self.ahead is None:
            return math.nan
        return self.ahead[0] / max(self.ahead[1], 1e-9)

    @property
    def best(self) -> Reader:
        """The reader of the fewest hops that is no worse than the one with the highest score."""
        return fewest(self.readers)

    def within(self, hops: float) -> Reader:
        """The best of the readers shown at most ``hops``."""
        some = [reader for reader in self.readers if reader.hops <= hops] or [self.readers[0]]
        return max(some, key=lambda reader: reader.score.value)


def read(problem: Problem, seed: int) -> Readers | None:
    """Fit readers of a problem; ``None`` for answers of pairs of rows that are not named."""
    train, held = _collected(problem)
    if any(sample.rows.pairs for sample in (*train, *held)):
        return _of_pairs(problem, train, held, seed) if train[0].pairs is not None else None
    if train[0].rows.targets is None:
        return _of_graphs(problem, train, held, seed)
    return _of_rows(problem, train, held, seed)


def _collected(problem: Problem) -> tuple[list[Sample], list[Sample]]:
    train = problem.trained_on() or [problem.train(10_000 + step) for step in range(32)]
    return train, problem.heldout()


def _of_rows(problem: Problem, train: list[Sample], held: list[Sample], seed: int) -> Readers:
    picked_train, picked_held = (_picked(samples, seed) for samples in (train, held))
    places, sides = _places((picked_train, picked_held))
    farthest = max(int(place.max()) for part in places for place in part) // sides
    rings = [ring for ring in range(farthest + 1) if ring <= 128]
    width = max(2, min(64, _MOST_COLUMNS // (sides * len(rings))))
    project = _projection(torch.cat([_floats(s.x) for s, _ in picked_train]), width)
    blocks = []
    for part, part_places in zip((picked_train, picked_held), places, strict=True):
        every = list(range(sides * len(rings)))
        rows = [_rings(project(_floats(s.x)), place, every) for (s, _), place in zip(part, part_places, strict=True)]
        blocks.append(torch.cat(rows))
    y = [torch.cat([s.y[a] for s, a in part]) for part in (picked_train, picked_held)]
    levels = sorted({0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, rings[-1]} & set(rings))
    readers, fits = [], []
    for level in levels:
        shown = sides * (level + 1)
        fitted = Fit(problem, blocks[0][:, :shown], y[0], seed)
        readers.append(fitted.reader(level, blocks[1][:, :shown], y[1]))
        fits.append(fitted)
    best = readers.index(fewest(readers))
    needed = fits[best].needed(blocks[1][:, : sides * (levels[best] + 1)], y[1], readers[best].score.value)
    along, against = (tuple(place // sides for place in needed if place % sides == side) for side in (0, 1))
    owners = [_owners([(s.rows.graphs[a], s.rows.num_graphs) for s, a in part]) for part in (picked_train, picked_held)]
    top = max(range(len(readers)), key=lambda n: readers[n].score.value)
    widths = [sides * (levels[n] + 1) for n in sorted({best, top})]
    ahead = _ahead(problem, readers[best], [[b[:, :n] for b in blocks] for n in widths], y, owners, seed)
    return Readers(tuple(readers), along, (), against, ahead)


def _places(parts: Sequence[list[tuple[Sample, Tensor]]]) -> tuple[list[list[Tensor]], int]:
    """Hops of all rows (K, V), and 1; or twice the hops, one more against the direction of the edges, and 2."""
    hops = [[s.rows.hops(a) for s, a in part] for part in parts]
    against = [[s.rows.against(a) for s, a in part] for part in parts]
    if not any(bool(marks.any()) for part in against for marks in part):
        return hops, 1
    both = [
        [torch.where(h >= 0, 2 * h + marks.long(), -1) for h, marks in zip(*pair, strict=True)]
        for pair in zip(hops, against, strict=True)
    ]
    return both, 2


def _of_graphs(problem: Problem, train: list[Sample], held: list[Sample], seed: int) -> Readers:
    sizes = {int(n) for s in (*train, *held) for n in torch.bincount(s.rows.owner)}
    y = [torch.cat([s.y for s in part])[:_MOST_ANSWERS] for part in (train, held)]
    project = _projection(torch.cat([_floats(s.x) for s in train])[:20000], 32)
    readers: list[Reader] = []
    shown: list[list[Tensor]] = []
    for hops in (0, 1, 2, 3, 4):
        pooled = [_pooled(part, project, hops, seed)[:_MOST_ANSWERS] for part in (train, held)]
        readers.append(Fit(problem, pooled[0][:, None], y[0], seed).reader(hops, pooled[1][:, None], y[1]))
        shown.append([part[:, None] for part in pooled])
    positions: tuple[int, ...] = ()
    if len(sizes) == 1 and (size := sizes.pop()) <= 128:
        blocks = [
            torch.cat([project(_floats(s.x)).view(-1, size, project.width) for s in part])[:_MOST_ANSWERS]
            for part in (train, held)
        ]
        fitted = Fit(problem, blocks[0], y[0], seed)
        reader = fitted.reader(-1, blocks[1], y[1])
        if reader.score.value > max(r.score.value for r in readers):
            positions = fitted.needed(blocks[1], y[1], reader.score.value)
        readers.append(reader)
        shown.append(blocks)
    return Readers(tuple(readers), (), positions, (), _ahead_of_best(problem, readers, shown, y, seed))


def _of_pairs(problem: Problem, train: list[Sample], held: list[Sample], seed: int) -> Readers:
    y = [torch.cat([s.y for s in part])[:_MOST_ANSWERS] for part in (train, held)]
    project = _projection(torch.cat([_floats(s.x) for s in train])[:20000], 32)
    readers: list[Reader] = []
    shown: list[list[Tensor]] = []
    for hops in (0, 1, 2, 3, 4):
        both = [_of_both(part, project, hops)[:_MOST_ANSWERS, None] for part in (train, held)]
        readers.append(Fit(problem, both[0], y[0], seed).reader(hops, both[1], y[1]))
        shown.append(both)
    return Readers(tuple(readers), (), (), (), _ahead_of_best(problem, readers, shown, y, seed))


def _ahead_of_best(
    problem: Problem, readers: list[Reader], shown: list[list[Tensor]], y: list[Tensor], seed: int
) -> tuple[float, float] | None:
    """``_ahead`` of the best reader and of that with the highest score, where each answer is of a graph of its own."""
    top = max(range(len(readers)), key=lambda n: readers[n].score.value)
    best = readers.index(fewest(readers))
    owners = [torch.arange(len(part)) for part in y]
    return _ahead(problem, readers[best], [shown[n] for n in sorted({best, top})], y, owners, seed)


def _owners(parts: list[tuple[Tensor, int]]) -> Tensor:
    """Numbers of the graphs of answers, over samples, (K,)."""
    shift, out = 0, []
    for graphs, count in parts:
        out.append(graphs + shift)
        shift += count
    return torch.cat(out)


def _ahead(
    problem: Problem, best: Reader, shown: list[list[Tensor]], y: list[Tensor], owners: list[Tensor], seed: int
) -> tuple[float, float] | None:
    """The advantage of readers over the best constant on answers that they were not fitted to, of all there are.

    Args:
        problem: for its scores.
        best: the best reader on answers held out.
        shown: the features of training and of answers held out, of each reader to try; the better one counts.
        y: answers of training, and those held out.
        owners: the graphs of both.
        seed: of the folds.

    Returns:
        The mean difference of scores and its standard error; ``None`` where the answers held out leave no doubt, are
        many, or have no scores of their own.
    """
    every = torch.cat(y)
    half = (best.score.high - best.score.low) / 2
    is_clear = best.score.value - 2 * half > problem.scoring.chance
    if is_clear or problem.unlimited or len(every) > _MOST_ANSWERS or len(every) < _FOLDS:
        return None
    owner = torch.cat([owners[0], owners[1] + int(owners[0].max()) + 1])
    several = len(owner.unique()) >= _FEW_GRAPHS
    number = torch.unique(owner, return_inverse=True)[1] if several else torch.arange(len(every))
    order = torch.randperm(int(number.max()) + 1, generator=torch.Generator().manual_seed(seed))
    fold = order[number] % _FOLDS
    found = []
    for parts in shown:
        blocks, each = torch.cat(parts), torch.full((len(every),), math.nan, dtype=torch.float64)
        for n in range(_FOLDS):
            test = fold == n
            if not bool(test.any()) or bool(test.all()):
                continue
            hits = problem.scoring.each(
                Fit(problem, blocks[~test], every[~test], seed).output(blocks[test]), every[test]
            )
            if hits is None:
                return None
            each[test] = hits
        constant = problem.scoring.each(problem.scoring.best_constant_of(every), every)
        if constant is None:
            return None
        gain = each - constant
        if several:
            gain = torch.bincount(number, weights=gain) / torch.bincount(number)
        gain = gain[~gain.isnan()]
        found.append((float(gain.mean()), float(gain.std()) / len(gain) ** 0.5))
    return max(found, key=lambda pair: pair[0] / max(pair[1], 1e-9))


def _of_both(samples: list[Sample], project: _Projection, hops: int) -> Tensor:
    """Products, sums and distances of the features of two rows, averaged over 0 … hops, (K, ·)."""
    out = []
    for sample in samples:
        assert sample.pairs is not None  # noqa: S101 - asked for only with pairs
        states = _averaged(project(_floats(sample.x)), sample, hops)
        a, b = states[sample.pairs[0]], states[sample.pairs[1]]
        out.append(torch.cat([a * b, a + b, (a - b).abs()], dim=1))
    return torch.cat(out)


def _averaged(x: Tensor, sample: Sample, hops: int) -> Tensor:
    """Features beside their means over neighbours, again and again, and degrees, (V, (hops + 1) F + 1)."""
    j, i = sample.rows.edges
    keep = j != i
    j, i = j[keep], i[keep]
    degree = torch.bincount(i, minlength=len(x)).to(x.dtype)[:, None]
    shown = [x, degree.log1p()]
    for _ in range(hops):
        x = torch.zeros_like(x).index_add_(0, i, x[j]) / degree.clamp(min=1)
        shown.append(x)
    return torch.cat(shown, dim=1)


class _Projection:
    """The first principal components of features, or the features themselves where they are few."""

    def __init__(self, x: Tensor, width: int) -> None:
        self.mean, self.basis = x.mean(dim=0), None
        if x.shape[1] > width:
            some = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:2000]] - self.mean
            _, self.basis = torch.linalg.eigh(some.T @ some)
            self.basis = self.basis[:, -width:]
        self.width = min(width, x.shape[1])

    def __call__(self, x: Tensor) -> Tensor:
        return x if self.basis is None else (x - self.mean) @ self.basis


def _projection(x: Tensor, width: int) -> _Projection:
    return _Projection(x, width)


def _floats(x: Tensor) -> Tensor:
    """Features as floats; integers of few kinds as one-hot columns."""
    if x.is_floating_point():
        return x.detach().double()
    columns = x.reshape(len(x), -1)
    kinds = [min(int(column.max()) + 1, 64) for column in columns.T]
    hot = [torch.nn.functional.one_hot(column.clamp(0, k - 1), 64) for column, k in zip(columns.T, kinds, strict=True)]
    return torch.cat(hot, dim=1).double()


def _picked(samples: list[Sample], seed: int) -> list[tuple[Sample, Tensor]]:
    """Some answers of each sample, few enough that their distances to all rows fit."""
    generator = torch.Generator().manual_seed(seed)
    total = sum(len(s.y) for s in samples)
    out: list[tuple[Sample, Tensor]] = []
    taken = 0
    for sample in samples:
        share = -(-len(sample.y) * _MOST_ANSWERS // max(total, 1))
        count = min(len(sample.y), share, max(1, _MOST_ENTRIES // sample.rows.count))
        if taken >= _MOST_ANSWERS and out:
            break
        out.append((sample, torch.randperm(len(sample.y), generator=generator)[:count].sort().values))
        taken += count
    return out


def _rings(x: Tensor, hops: Tensor, rings: list[int]) -> Tensor:
    """The mean features of the rows at each number of hops, and how many they are, (K, R, F + 1)."""
    out = []
    for ring in rings:
        member = (hops == ring).to(x.dtype)
        count = member.sum(dim=1, keepdim=True)
        out.append(torch.cat([member @ x / count.clamp(min=1), count.log1p()], dim=1))
    return torch.stack(out, dim=1)


def _pooled(samples: list[Sample], project: _Projection, hops: int, seed: int) -> Tensor:
    """Mean and sum over each graph of random ReLU features of rows, which are shown ``hops`` hops, (B, ·)."""
    out = []
    for sample in samples:
        x = project(_floats(sample.x))
        j, i = sample.rows.edges
        keep = j != i
        j, i = j[keep], i[keep]
        degree = torch.bincount(i, minlength=len(x)).to(x.dtype)[:, None]
        shown = [x, degree]
        for _ in range(hops):
            x = torch.zeros_like(x).index_add_(0, i, x[j]) / degree.clamp(min=1)
            shown.append(x)
        flat = torch.cat(shown, dim=1)
        generator = torch.Generator().manual_seed(seed)
        weight = torch.randn(flat.shape[1], 128, generator=generator, dtype=flat.dtype)
        states = torch.cat(
            [flat, torch.relu(flat @ weight + torch.randn(128, generator=generator, dtype=flat.dtype))], 1
        )
        size = sample.rows.num_graphs
        total = torch.zeros(size, states.shape[1], dtype=states.dtype).index_add_(0, sample.rows.owner, states)
        count = torch.bincount(sample.rows.owner, minlength=size).to(x.dtype)[:, None]
        out.append(torch.cat([total / count, total, count], dim=1))
    return torch.cat(out)
