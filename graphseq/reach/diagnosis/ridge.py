"""Ridge regressions of answers on blocks of features and on random ReLU features of these."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq.reach.diagnosis.problem import Problem
from graphseq.reach.diagnosis.reader import Reader

_RANDOM_FEATURES = 256
_PENALTIES = (1e-3, 1e-1, 10.0)
_DROP = 0.5  # the share of the reader's skill that the loss of a ring costs if the ring is needed


class Fit:
    """A ridge regression on blocks of features (K, R, W), of which the penalty is the best on a fifth of them."""

    def __init__(self, problem: Problem, blocks: Tensor, y: Tensor, seed: int) -> None:
        self.scoring = problem.scoring
        flat = blocks.flatten(1)
        self.mean, self.scale = flat.mean(dim=0), _deviation(flat).clamp(min=1e-9)
        generator = torch.Generator().manual_seed(seed)
        self.random = torch.randn(flat.shape[1], _RANDOM_FEATURES, generator=generator, dtype=flat.dtype)
        self.random /= max(1, flat.shape[1]) ** 0.5
        self.offset = torch.randn(_RANDOM_FEATURES, generator=generator, dtype=flat.dtype)
        wanted = self._wanted(y)
        self.centre = wanted.mean(dim=0)
        a, cut = self._features(blocks), max(1, len(y) * 4 // 5)
        gram = _Ridge(a[:cut], wanted[:cut] - self.centre)
        trials = [(self._score(a[cut:] @ gram.weights(p) + self.centre, y[cut:]), p) for p in _PENALTIES]
        self.weights = _Ridge(a, wanted - self.centre).weights(max(trials)[1])

    def reader(self, hops: int, blocks: Tensor, y: Tensor) -> Reader:
        """The score on answers held out, as that of a reader shown ``hops`` hops."""
        output = self.output(blocks)
        return Reader(hops, self.scoring.of(output, y), self.scoring.each(output, y))

    def output(self, blocks: Tensor) -> Tensor:
        """The outputs for blocks of features, as those of a model."""
        return self._shaped(self._features(blocks) @ self.weights + self.centre)

    def needed(self, blocks: Tensor, y: Tensor, score: float) -> tuple[int, ...]:
        """The blocks whose permutation among answers costs at least half of the skill."""
        skill = self.scoring.skill(score)
        if skill < 0.1:
            return ()
        generator, out = torch.Generator().manual_seed(0), []
        for ring in range(blocks.shape[1]):
            mixed = blocks.clone()
            mixed[:, ring] = blocks[torch.randperm(len(blocks), generator=generator), ring]
            if skill - self.scoring.skill(self.scoring.of(self.output(mixed), y).value) > _DROP * skill:
                out.append(ring)
        return tuple(out)

    def _features(self, blocks: Tensor) -> Tensor:
        flat = ((blocks.flatten(1) - self.mean) / self.scale).clamp(-10, 10)
        return torch.cat([flat, torch.relu(flat @ self.random + self.offset)], dim=1)

    def _wanted(self, y: Tensor) -> Tensor:
        if self.scoring.kind == "classes":
            classes = max(int(y.max()) + 1, self.scoring.constant(1).shape[-1])
            return torch.nn.functional.one_hot(y.flatten().long(), classes).double()
        return y.double().nan_to_num().reshape(len(y), -1)

    def _shaped(self, output: Tensor) -> Tensor:
        if self.scoring.kind == "classes":
            return output
        like = self.scoring.constant(1)
        output = output - 0.5 if self.scoring.kind == "labels" else output
        return output.reshape(len(output), *like.shape[1:]) if output[:1].numel() == like.numel() else output

    def _score(self, output: Tensor, y: Tensor) -> float:
        return self.scoring.of(self._shaped(output), y).value if len(y) else 0.0


class _Ridge:
    """Ridge regressions of one matrix with several penalties, in the smaller of its two Gram matrices."""

    def __init__(self, a: Tensor, b: Tensor) -> None:
        self.a, self.b, self.is_wide = a, b, a.shape[1] > a.shape[0]
        gram = a @ a.T if self.is_wide else a.T @ a
        self.values, self.vectors = torch.linalg.eigh(gram)

    def weights(self, penalty: float) -> Tensor:
        inverse = 1 / (self.values.clamp(min=0) + penalty * len(self.a) / 100)
        if self.is_wide:
            wide: Tensor = self.a.T @ (self.vectors @ (inverse[:, None] * (self.vectors.T @ self.b)))
            return wide
        narrow: Tensor = self.vectors @ (inverse[:, None] * (self.vectors.T @ (self.a.T @ self.b)))
        return narrow


def _deviation(values: Tensor) -> Tensor:
    """The standard deviation of each column (N, M), 0 where there is only one row."""
    return values.std(dim=0) if len(values) > 1 else torch.zeros_like(values[0])
