"""The view of sequences in tensors: x (B, T, F) and y (B, …) or (B, T, …), or a loader of such pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from graphseq import seeding
from graphseq.reach.diagnosis import needs
from graphseq.reach.diagnosis.problem import Problem, Request, Run, Sample, first_output
from graphseq.reach.diagnosis.rows import Rows
from graphseq.reach.diagnosis.scoring import Scoring, kind_of
from graphseq.reach.diagnosis.values import check_answers, check_inputs, check_loss, known_answers
from graphseq.reach.probe.layout import axes_of

SequenceCall = Callable[[nn.Module, Tensor], Tensor]
BATCH = 32


class SequenceProblem(Problem):
    """Sequences with answers at the end, or at every step.

    Args:
        model: the model.
        data: a pair (x, y) of tensors, a ``TensorDataset``, or a loader of pairs.
        request: its ``validation`` are pairs held out; without them, three tenths drawn at random.
    """

    def __init__(self, model: nn.Module, data: object, request: Request) -> None:
        super().__init__()
        self.kind, self._seed, self._call, self.loss = "sequences", request.seed, request.call, request.needed_loss
        self.hops, self.declared = request.hops, request.hops is not None
        validation = request.validation
        x, y = _pair(data, "data")
        if validation is None:
            order = torch.randperm(len(x), generator=self._generator(0))
            cut = max(1, int(0.7 * len(order)))
            if cut == len(order):
                raise ValueError(f"data must have at least 2 sequences, one of them to be held out; x has {len(x)}")
            tested = x[order[cut:]], y[order[cut:]]
            x, y = x[order[:cut]], y[order[:cut]]
            self.notes.append(
                f"{len(order) - cut} of the {len(order)} sequences were held out at random; give validation= where "
                "the model was trained on all of them"
            )
        else:
            tested = _pair(validation, "validation")
        _check_axes(model, x, self._call)
        self._x, self._y = x, y
        self._at_each_step = self._asks_each_step(model, tested)
        self._held = [self._sample(*part) for part in zip(tested[0].split(250), tested[1].split(250), strict=True)]
        like = first_output(model, self._held[0])
        check_answers(kind_of(self._held[0].y, like), self._held[0].y)
        check_loss(self.loss, like, self._held[0].y)
        if request.score is not None:
            check_loss(request.score, like, self._held[0].y, "score")
        try:
            self.loss(like, self._held[0].y)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            raise ValueError(
                f"loss does not take the model's output {tuple(like.shape)} ({like.dtype}) and y "
                f"{tuple(self._held[0].y.shape)} ({self._held[0].y.dtype}): {error}; give call=, a function of "
                "(model, x) that gives the outputs"
            ) from error
        train_y = self._sample(x[:1000], y[:1000]).y
        tested_y = torch.cat([sample.y for sample in self._held])
        self.scoring = Scoring(request.score, request.chance or "majority", train_y, like, tested_y)

    def _generator(self, step: int) -> torch.Generator:
        return torch.Generator().manual_seed(seeding.derive(self._seed, seeding.TRAIN, 18, step))

    def train(self, step: int) -> Sample:
        """A batch of 32 random sequences."""
        drawn = torch.randperm(len(self._x), generator=self._generator(step + 1))[:BATCH]
        return self._sample(self._x[drawn], self._y[drawn])

    def heldout(self) -> list[Sample]:
        """The sequences held out."""
        return self._held

    def trained_on(self) -> list[Sample]:
        """The sequences of training, at most 1000."""
        return [self._sample(x, y) for x, y in zip(self._x[:1000].split(250), self._y[:1000].split(250), strict=True)]

    def measured(self, number: int = 0) -> Sample:
        """32 sequences of training."""
        sample = self.train(number)
        if self.hops is None:
            return sample
        return replace(sample, needed=needs.at(sample.rows, self.hops, len(sample.y)))

    def _asks_each_step(self, model: nn.Module, part: tuple[Tensor, Tensor]) -> bool:
        """True if there is an answer at each step: by the shape of y, and of the outputs where y are numbers (B, T)."""
        x, y = part
        if y.dim() < 2 or y.shape[1] != x.shape[1]:
            return False
        if y.dim() >= 3 or not y.is_floating_point():
            return True
        self._at_each_step = False
        like = first_output(model, replace(self._sample(x[:2], y[:2]), x=x[:2], run=self._raw))
        is_each = isinstance(like, Tensor) and like.dim() >= 2 and like.shape[1] == x.shape[1]
        if is_each:
            self.notes.append(f"y {tuple(y.shape)} is taken for one answer at each of the {x.shape[1]} steps")
        return is_each

    def _raw(self, model: nn.Module, x: Tensor) -> Tensor:
        """The outputs of the model in their own shape: the first of a tuple, as ``nn.LSTM`` gives it."""
        output: Tensor | tuple[Tensor, ...] = model(x) if self._call is None else self._call(model, x)
        return output[0] if isinstance(output, tuple) else output

    def _sample(self, x: Tensor, y: Tensor) -> Sample:
        size, steps = x.shape[:2]
        at_each_step = self._at_each_step
        rows = torch.arange(size * steps).view(size, steps)
        owner = torch.arange(size).repeat_interleave(steps)
        forwards = torch.stack([rows[:, :-1].flatten(), rows[:, 1:].flatten()])
        edges = torch.cat([forwards, forwards.flip(0)], dim=1)
        targets = rows.flatten() if at_each_step else rows[:, -1]
        answers = y.flatten(0, 1) if at_each_step else y
        known = known_answers(answers, "y") if at_each_step else None
        if known is not None:
            targets, answers = targets[known], answers[known]

        def everywhere(model: nn.Module, flat: Tensor) -> Tensor:
            shaped = flat.view(size, steps, *flat.shape[1:])
            output = self._raw(model, shaped)
            if at_each_step:
                return output.flatten(0, 1)
            return output[:, -1] if output.dim() == 3 and output.shape[1] == steps else output

        def run(model: nn.Module, flat: Tensor) -> Tensor:
            output = everywhere(model, flat)
            return output if known is None else output[known]

        every: Run | None = everywhere if at_each_step else None
        structure = Rows(edges, owner, targets, owner[targets], is_temporal=True, later=forwards)
        return Sample(x.flatten(0, 1), answers, run, every, structure)


def _check_axes(model: nn.Module, x: Tensor, call: SequenceCall | None) -> None:
    """Refuse a model whose layers read other axes than x (B, T, F), which would mix the sequences of a batch.

    Raises:
        ValueError: a recurrence without ``batch_first``, or a convolution that is given (B, F, T).
    """
    if call is not None or x.dim() not in ((3,) if x.is_floating_point() else (2,)):
        return
    few = x[: min(len(x), 3 if x.shape[1] != 3 else 2)]
    try:
        axes = axes_of(model, few, None, lambda: model(few))
    except (RuntimeError, TypeError, ValueError, IndexError):
        return  # said when the model is run, or no layer says which axes it reads
    if axes in ("TBF", "TB", "BFT"):
        order = {"TBF": "0, 1", "TB": "0, 1", "BFT": "1, 2"}[axes]
        raise ValueError(
            f"the model reads x as ({', '.join(axes)}), and x of data is {'(B, T, F)' if x.dim() == 3 else '(B, T)'}, "
            f"{tuple(x.shape)}; {'' if axes == 'BFT' else 'build it with batch_first=True, or '}give "
            f"call=lambda m, x: m(x.transpose({order})), with x (B, T, F) and outputs of as many sequences"
        )


def is_pairs(data: object) -> bool:
    """True if data are a pair of tensors, or a data set or loader of such pairs."""
    if isinstance(data, TensorDataset):
        return len(data.tensors) == 2
    if isinstance(data, tuple | list) and len(data) == 2 and all(isinstance(part, Tensor) for part in data):
        return True
    first = next(iter(data), None) if isinstance(data, Iterable) and not isinstance(data, Tensor) else None
    return isinstance(first, tuple | list) and len(first) == 2 and all(isinstance(part, Tensor) for part in first)


def _pair(data: object, argument: str) -> tuple[Tensor, Tensor]:
    if isinstance(data, TensorDataset):
        x, y = data.tensors
    elif isinstance(data, tuple | list) and len(data) == 2 and all(isinstance(part, Tensor) for part in data):
        x, y = data
    else:
        parts = list(data)  # type: ignore[call-overload]
        x, y = (torch.cat([part[n] for part in parts]) for n in (0, 1))
    if x.dim() < 2 or len(x) != len(y):
        raise ValueError(
            f"{argument} must be x (B, T, F), or (B, T) of tokens, and y of as many answers; got x {tuple(x.shape)} "
            f"and y {tuple(y.shape)}"
        )
    x, y = x.detach().cpu(), y.detach().cpu()
    check_inputs(x, f"x of {argument}")
    known = known_answers(y, f"y of {argument}")
    return (x, y) if known is None else (x[known], y[known])
