"""Responses of a model's outputs to noise on its inputs: influence, smoothness, gradients, and receptive fields.

All of it is a property of the function alone, whatever the modules it is made of. It is measured in float64 on a copy
in evaluation mode, around the inputs of the data with a little noise on all of them, so that no unit of ReLU stays at
its kink. Where features are integers, a row's noise is the input of another row, and there are no gradients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.sparse import csgraph
from torch import Tensor, nn

from graphseq import seeding
from graphseq.evaluation.modes import evaluating
from graphseq.reach.diagnosis.needs import Needed, that_need
from graphseq.reach.diagnosis.problem import Problem, Run, Sample
from graphseq.reach.diagnosis.trial import gradient_of
from graphseq.reach.probe import taps

_DRAWS = 3
_HEARD = 1e-5  # the share in the Jacobian below which a row is not heard
_MOST = 8  # groups of answers, where a graph is alone
_BASE = 0.3  # the noise at the point of measurement, in units of the features' root mean square


@dataclass(frozen=True)
class Responses:
    """Measurements of one state of a model.

    Shares are of squared amplitudes, so 1e-6 is a thousandth in amplitude.

    Attributes:
        influence: share of the farthest needed rows in the response of the output to noise on all inputs.
        jacobian_share: the same share in the squared norm of the Jacobian; NaN without gradients.
        response: amplitude of the response to noise on all inputs over that of the outputs' own variation.
        spread: share of the response of all rows that is no common pattern of them; NaN where not measured.
        sensitivity: change of the loss under noise on all inputs, to first order; NaN without gradients.
        heard: the most hops from which, and beyond, rows have a share above 1e-5 in the Jacobian; infinite if all have,
            NaN without gradients or rows of answers.
    """

    influence: float
    jacobian_share: float
    response: float
    spread: float
    sensitivity: float
    heard: float = math.nan


class Responder:
    """A model at rest, and one sample of its problem.

    Args:
        model: a copy, in the dtype of the sample.
        problem: for its loss.
        sample: the rows.
        needed: rows that the answers depend on, (K, V); ``None`` where this is not known.
        seed: of all draws.
        can_smooth: whether the model mixes rows of a graph, so that its smoothness is of interest.
    """

    def __init__(
        self, model: nn.Module, problem: Problem, sample: Sample, needed: Needed | None, seed: int, *, can_smooth: bool
    ) -> None:
        self.model, self.problem, self.sample, self.needed = model, problem, sample, needed
        self.generator = torch.Generator().manual_seed(seed)
        self.can_smooth = can_smooth
        answers = torch.arange(len(sample.y))
        if needed is not None:
            answers = that_need(needed)
        self.groups = sample.rows.one_each(answers, self.generator, most=_MOST) if len(answers) else []
        self.is_float = sample.x.is_floating_point()
        self.scale = self._scale()

    def measure(self) -> Responses:
        """All measurements."""
        with evaluating(self.model), torch.no_grad():
            influence, response = self._influence()
            spread = self._spread() if self.can_smooth else math.nan
        with evaluating(self.model), torch.enable_grad():
            jacobian, sensitivity = self._gradients() if self.is_float else (math.nan, math.nan)
            heard = self._heard() if self.is_float and self.needed is None else math.nan
        return Responses(influence, jacobian, response, spread, sensitivity, heard)

    def farthest(self, answers: Tensor) -> Tensor:
        """Marks of the farthest needed rows of each answer, those of its most hops, (k, V)."""
        assert self.needed is not None  # noqa: S101 - asked for only where it is known
        rows = self.sample.rows
        needed = self.needed[answers]
        if rows.targets is None:
            return needed
        hops = torch.where(needed, rows.hops(answers), -2)
        return needed & (hops == hops.max(dim=1, keepdim=True).values)

    def _scale(self) -> float:
        if not self.is_float:
            return 1.0
        scale = float(self.sample.x.square().mean().sqrt())
        return scale if scale > 0 and math.isfinite(scale) else 1.0

    def _noise(self, rows: Tensor, size: float = 1.0) -> Tensor:
        noise = torch.randn(self.sample.x.shape, generator=self.generator, dtype=self.sample.x.dtype)
        shape = (-1, *[1] * (noise.dim() - 1))
        return noise * self.scale * size * rows.view(shape)

    def _moved(self, x: Tensor, rows: Tensor) -> Tensor:
        """The inputs x with noise on the marked rows, or with those of other rows in their place."""
        if self.is_float:
            return x + self._noise(rows)
        drawn = torch.randint(len(x), (len(x),), generator=self.generator)
        return torch.where(rows.view(-1, *[1] * (x.dim() - 1)), x[drawn], x)

    def _base(self) -> Tensor:
        everyone = torch.ones(self.sample.rows.count, dtype=torch.bool)
        return self.sample.x + self._noise(everyone, _BASE) if self.is_float else self.sample.x

    def output(self, x: Tensor) -> Tensor:
        """Outputs (K, C)."""
        with seeding.forked(0, seeding.EVALUATE, 21):  # the same draws in each call of a model that draws at rest
            out = self.sample.run(self.model, x)
        return out.reshape(len(out), -1)

    def _influence(self) -> tuple[float, float]:
        """Share of the farthest needed rows, and the size of the response to all rows."""
        everyone = torch.ones(self.sample.rows.count, dtype=torch.bool)
        far = rest = total = 0.0
        clean = self.output(self.sample.x)
        spread = float((clean - clean.mean(dim=0)).square().mean()) + 1e-30 * float(clean.square().mean())
        for _ in range(_DRAWS):
            x = self._base()
            base = self.output(x)
            change = self.output(self._moved(x, everyone)) - base
            total += float(change.square().mean())
            if self.needed is None:
                continue
            for group in self.groups:
                marked = self.farthest(group).any(dim=0)
                far += _square(self.output(self._moved(x, marked)) - base, group)
                rest += _square(self.output(self._moved(x, ~marked)) - base, group)
        size = math.sqrt(total / _DRAWS / spread) if spread > 0 else math.nan
        if not math.isfinite(far + rest) or far + rest == 0:
            return (math.nan, size) if self.needed is None else (0.0, size)
        return far / (far + rest), size

    def _gradients(self) -> tuple[float, float]:
        """Share of the farthest needed rows in the Jacobian, and the sensitivity of the loss."""
        far = total = 0.0
        x = self._base().requires_grad_()
        out = self.output(x)
        if self.needed is not None:
            for group in self.groups:
                marked = self.farthest(group).any(dim=0)
                for _ in range(_DRAWS):
                    signs = torch.randint(0, 2, out[group].shape, generator=self.generator).to(out.dtype) * 2 - 1
                    squares = gradient_of((out[group] * signs).sum(), x).square().flatten(1).sum(dim=1)
                    far, total = far + float(squares[marked].sum()), total + float(squares.sum())
        raw = self.sample.run(self.model, x)
        loss = self.problem.loss(raw, self.sample.y) * len(self.sample.y)
        squares = gradient_of(loss, x).square().flatten(1).sum(dim=1) * self.scale**2
        graphs = torch.zeros(self.sample.rows.num_graphs, dtype=x.dtype).index_add_(0, self.sample.rows.owner, squares)
        answers = torch.bincount(self.sample.rows.graphs, minlength=len(graphs)).clamp(min=1)
        sensitivity = float((graphs.sqrt() / answers.sqrt()).mean())
        share = math.nan if self.needed is None else far / total if total > 0 else 0.0
        return share, sensitivity if math.isfinite(sensitivity) else math.inf

    def _heard(self) -> float:
        """The most hops from which, and beyond, rows have a share in the squared norm of the Jacobian."""
        rows, x = self.sample.rows, self._base().requires_grad_()
        if rows.targets is None or not self.groups:
            return math.nan
        out, parts = self.output(x), []
        for group in self.groups[:2]:
            signs = torch.randint(0, 2, out[group].shape, generator=self.generator).to(out.dtype) * 2 - 1
            squares = gradient_of((out[group] * signs).sum(), x).square().flatten(1).sum(dim=1)
            hops = rows.hops(group).amax(dim=0)  # a row is of the graph of one answer at most
            parts.append((hops[hops >= 0], squares[hops >= 0]))
        hops, squares = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
        sums = torch.zeros(int(hops.max()) + 1, dtype=squares.dtype).index_add_(0, hops, squares)
        share = sums.flip(0).cumsum(0).flip(0) / sums.sum()
        if not bool(share[0] > 0):
            return math.nan
        heard = int((share >= _HEARD).nonzero()[-1])
        return math.inf if heard == len(sums) - 1 else float(heard)

    def _spread(self) -> float:
        """1 - σ₁² / Σσ² of the responses of all rows to several draws of noise, over the components of the graph.

        It is 0 where every row answers any noise alike up to a factor of its own, whatever the limit of smoothing.
        Where responses are lost in rounding, it is the share of the states that differs between rows.
        """
        everyone = torch.ones(self.sample.rows.count, dtype=torch.bool)
        run = self.sample.run_everywhere or last_states(self.sample)
        changes, largest = [], 0.0
        for _ in range(8):
            x = self._base()
            states = run(self.model, x), run(self.model, self._moved(x, everyone))
            if any(state.shape[0] != self.sample.rows.count for state in states):
                return math.nan
            changes.append((states[1] - states[0]).reshape(self.sample.rows.count, -1))
            largest = max(largest, float(states[0].abs().max()))
        stacked = torch.cat(changes, dim=1)
        rounding = 1e6 * torch.finfo(stacked.dtype).eps
        if float(stacked.abs().max()) < rounding * largest:
            last = states[0].reshape(self.sample.rows.count, -1)
            return float((last - last.mean(dim=0)).square().sum() / last.square().sum())
        return _rest_of_rank_one(stacked, self.sample)


def _rest_of_rank_one(changes: Tensor, sample: Sample) -> float:
    label = torch.from_numpy(csgraph.connected_components(sample.rows.reads, connection="weak")[1]).long()
    sizes = torch.bincount(label)
    rest = total = 0.0
    for component in (sizes > 1).nonzero()[:16, 0].tolist():
        block = changes[label == component]
        largest = float(block.abs().max())
        if not (largest > 0 and math.isfinite(largest)):
            continue
        block = block / largest
        if len(block) > 512:
            block = block[torch.randperm(len(block), generator=torch.Generator().manual_seed(0))[:512]]
        squares = torch.linalg.svdvals(block).square()
        rest, total = rest + float(squares[1:].sum() / squares.sum()), total + 1
    return rest / total if total else math.nan


def last_states(sample: Sample) -> Run:
    """The last states (V, H) that any module of a model gives, one for each row; by hooks."""

    def run(model: nn.Module, x: Tensor) -> Tensor:
        found: list[Tensor] = []

        def keep(module: nn.Module, name: str, inputs: tuple[object, ...], output: object) -> None:
            if isinstance(output, Tensor) and output.dim() == 2 and len(output) == sample.rows.count:
                found.append(output)

        with taps.hooked(model, list(dict(model.named_modules())), keep):
            sample.run(model, x)
        return found[-1] if found else x.new_zeros(0, 1)

    return run


def _square(change: Tensor, group: Tensor) -> float:
    return float(change[group].square().sum())
