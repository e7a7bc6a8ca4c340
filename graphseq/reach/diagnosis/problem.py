"""One view of any data with answers: samples for training, samples held out, a loss, a score and its chance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from graphseq.reach.diagnosis.needs import Needed
from graphseq.reach.diagnosis.rows import Rows
from graphseq.reach.diagnosis.scoring import ScoreFunction, Scoring

Run = Callable[[nn.Module, Tensor], Tensor]


@dataclass(frozen=True)
class Sample:
    """Rows with answers, and how a model is run on them.

    Attributes:
        x: features (V, F) or integers, one entry a row.
        y: answers, (K, …).
        run: the outputs (K, …) of a model for features x.
        run_everywhere: the outputs of a model at every row, (V, …); ``None`` where there are none.
        rows: the rows and their edges.
        needed: rows whose input each answer depends on, (K, V) of ``bool``; ``None`` where this is not declared.
        items: rows that must be in memory at once, (K, V) of ``bool``; ``None`` where this is not declared.
        content: what those rows hold, (K, M).
        pairs: the two rows of each answer, where answers are those of pairs, (2, K); else ``None``.
        marks: what else a model may know of each row, such as its position, (V, ·); ``None`` for nothing.
        edge_marks: what a model may know of each edge, its weight, type or features, (E, ·); ``None`` for nothing.
    """

    x: Tensor
    y: Tensor
    run: Run
    run_everywhere: Run | None
    rows: Rows
    needed: Needed | None = None
    items: Tensor | None = None
    content: Tensor | None = None
    pairs: Tensor | None = None
    marks: Tensor | None = None
    edge_marks: Tensor | None = None

    def cast(self, dtype: torch.dtype) -> Sample:
        """The sample with features of another dtype; integers stay as they are."""
        return replace(self, x=self.x.to(dtype)) if self.x.is_floating_point() else self


@dataclass(frozen=True)
class Request:
    """The user's words about data: the arguments of :func:`~graphseq.reach.diagnose` of the same names."""

    loss: Callable[[Tensor, Tensor], Tensor] | None = None
    score: ScoreFunction | None = None
    chance: float | str | None = None
    validation: object = None
    call: Callable[..., Tensor] | None = None
    hops: int | None = None
    seed: int = 0

    @property
    def needed_loss(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The loss.

        Raises:
            ValueError: there is none.
        """
        if self.loss is None:
            raise ValueError(
                "loss is needed for this data, such as torch.nn.functional.cross_entropy; only a task has its own"
            )
        return self.loss


def first_output(model: nn.Module, sample: Sample) -> Tensor:
    """The outputs of a model on a sample.

    Raises:
        TypeError, ValueError: a model that cannot be run on it, or answers it with NaN before any training.
    """
    try:
        with torch.no_grad():
            output = sample.run(model, sample.x)
    except (TypeError, ValueError) as error:
        raise type(error)(f"model cannot read the data: {error}") from error
    except (RuntimeError, IndexError) as error:
        shape = f"{tuple(sample.x.shape)} ({sample.x.dtype})"
        raise ValueError(f"the model cannot be run on data with x {shape}: {error}") from error
    if not isinstance(output, Tensor):
        what = f"a {type(output).__name__}"
        if isinstance(output, list | tuple | dict):
            what += f" of {len(output)}"
        which = "0" if isinstance(output, list | tuple) else "…"
        raise TypeError(
            f"the model gives {what}, and a diagnosis judges one tensor of answers; name it: call=lambda model, data: "
            f"model(…)[{which}], with what the model takes of data in the brackets"
        )
    missing = output.isnan()
    if bool(missing.any()) and not _overflows(model, sample):
        raise ValueError(
            f"the model gives NaN for {int(missing.sum())} of its {missing.numel()} outputs as it is given; look for a "
            "division by 0, or the logarithm or root of a number below 0, that makes them"
        )
    return output


def _overflows(model: nn.Module, sample: Sample) -> bool:
    """True where the outputs are finite in float64, so that large weights are the fault, which a diagnosis names."""
    try:
        with torch.no_grad(), torch.random.fork_rng([]):
            cast = sample.cast(torch.float64)
            return bool(cast.run(deepcopy(model).double(), cast.x).isfinite().all())
    except (RuntimeError, TypeError, ValueError):
        return False


class Problem(ABC):
    """A problem that a model has to learn, as samples, a loss and a score.

    Attributes:
        loss: mean loss of outputs and answers.
        scoring: the score of outputs, its chance and its interval.
        declared: whether the rows that an answer depends on are declared.
        hops: how far away the needed rows lie, where the user declares no more; else ``None``.
        causal: whether no output may depend on later rows.
        unlimited: whether every training sample is new, so that nothing can be learnt by heart.
        notes: what was assumed, in sentences.
    """

    loss: Callable[[Tensor, Tensor], Tensor]
    scoring: Scoring
    declared: bool = False
    hops: int | None = None
    causal: bool = False
    unlimited: bool = False
    kind: str = "nodes"

    def __init__(self) -> None:
        self.notes: list[str] = []

    @abstractmethod
    def train(self, step: int) -> Sample:
        """The training sample of a step."""

    @abstractmethod
    def heldout(self) -> list[Sample]:
        """Samples on which scores are measured; no training sees them."""

    @abstractmethod
    def trained_on(self) -> list[Sample]:
        """The samples of training on which scores are measured, too; none where every one is new."""

    @abstractmethod
    def measured(self, number: int = 0) -> Sample:
        """A sample on which responses and gradients are measured; another one for each number."""
