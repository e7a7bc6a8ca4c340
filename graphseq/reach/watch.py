"""A log of how far a model sees while it is trained, which leaves the training bit for bit as it would be."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from graphseq import _checks
from graphseq._arguments import check_fields
from graphseq._prompt import short_repr
from graphseq.reach.probe.function import Output
from graphseq.reach.probe.probe import Probe
from graphseq.reach.probe.source import Call


@short_repr
@dataclass
class WatchLog:
    """The measurements, one entry for each time; filled while the model is trained.

    Returned by :func:`graphseq.reach.watch`.
    """

    steps: list[int] = field(default_factory=list)  #: steps of the optimiser so far; 0 is before the first
    values: dict[str, list[float]] = field(default_factory=dict)  #: by quantity, one number a time
    gradients: dict[str, list[float]] = field(default_factory=dict)  #: norm of the gradient, by parameter, one a time
    notes: tuple[str, ...] = ()  #: what is not measured, and why

    def __post_init__(self) -> None:
        check_fields(self)

    def __getitem__(self, quantity: str) -> Tensor:
        """The values of one quantity, (M,)."""
        return torch.tensor(self.values[quantity], dtype=torch.float64)

    def to_dict(self) -> dict[str, object]:
        """The log as plain lists."""
        return {"steps": list(self.steps), **{name: list(values) for name, values in self.values.items()}}

    def __str__(self) -> str:
        """A table, one line a time."""
        head = "   step" + "".join(f"{name:>14}" for name in self.values)
        lines = [
            f"{step:7}" + "".join(f"{values[at]:14.4g}" for values in self.values.values())
            for at, step in enumerate(self.steps)
        ]
        return "\n".join([head, *lines, *self.notes])


@contextmanager
def watch(
    model: nn.Module,
    data: object,
    *,
    every: int = 100,
    samples: int = 32,
    seed: int = 0,
    call: Call | None = None,
    output: Output | None = None,
    rows: Tensor | None = None,
) -> Iterator[WatchLog]:
    """Measure a model while it is trained: before the first step, after every so many steps, and at the end.

    Quantities are "range" (mean distance of influence in hops, of answers at rows or pairs), "no_path" (share of
    influence from where no path leads), "limit" (distance of the last state of the rows from the limit of
    over-smoothing), "rank" (its effective rank) and "gradient" (norm of the gradients that the last step used, NaN
    before it). Steps are those of
    any optimiser of torch that holds a parameter of the model. The training goes on as it would alone, bit for bit.

    Args:
        model: one that :class:`~graphseq.reach.Probe` takes.
        data: what it is measured on; the training may use other data.
        every: the steps from one measurement to the next.
        samples: the number of answers whose range is measured.
        seed: of that sample.
        call: as of :class:`~graphseq.reach.Probe`.
        output: likewise.
        rows: likewise.

    Yields:
        The log, which grows while the model is trained.

    Raises:
        TypeError, ValueError: as :class:`~graphseq.reach.Probe`, before the training begins.

    Example:
        >>> import torch, torch_geometric as pyg
        >>> data = pyg.data.Data(x=torch.randn(4, 3), edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]))
        >>> model = pyg.nn.GCN(3, 8, num_layers=2, out_channels=2)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with watch(model, data, every=2) as log:
        ...     for _ in range(5):
        ...         optimizer.zero_grad()
        ...         model(data.x, data.edge_index).square().mean().backward()
        ...         optimizer.step()
        >>> log.steps
        [0, 2, 4, 5]
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, whose parameters are trained, got {type(model).__name__}")
    _checks.at_least("every", every, 1)
    _checks.at_least("samples", samples, 2)
    _checks.torch_seed("seed", seed)
    log = WatchLog()
    own = {id(parameter) for parameter in model.parameters()}
    steps = 0

    def measure() -> None:
        probe = Probe(model, data, call=call, output=output, rows=rows)
        log.steps.append(steps)
        for name, value in _quantities(probe, samples, seed).items():
            log.values.setdefault(name, []).append(value)
        norms = {name: _norm(parameter) for name, parameter in model.named_parameters()}
        for name, norm in norms.items():
            log.gradients.setdefault(name, []).append(norm)
        known = [norm for norm in norms.values() if not math.isnan(norm)]
        log.values.setdefault("gradient", []).append(math.hypot(*known) if known else math.nan)
        log.notes = ("no range: the model answers for graphs",) if probe.kind == "graph" else ()

    def after(optimizer: Optimizer, *_: object) -> None:
        nonlocal steps
        if any(id(parameter) in own for group in optimizer.param_groups for parameter in group["params"]):
            steps += 1
            if steps % every == 0:
                measure()

    measure()
    handle = register_optimizer_step_post_hook(after)
    try:
        yield log
        if log.steps[-1] != steps:
            measure()
    finally:
        handle.remove()


def _quantities(probe: Probe, samples: int, seed: int) -> dict[str, float]:
    found: dict[str, float] = {}
    if probe.kind != "graph":
        ranged = probe.range(samples=samples, seed=seed)
        found = {"range": ranged.graph, "no_path": float(ranged.no_path.mean())}
    layers = probe.over_layers("limit", "rank")
    return found | {name: float(values[-1]) for name, values in layers.values.items()}


def _norm(parameter: nn.Parameter) -> float:
    return math.nan if parameter.grad is None else float(torch.linalg.vector_norm(parameter.grad, dtype=torch.float64))
