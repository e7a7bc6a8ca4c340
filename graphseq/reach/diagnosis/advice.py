"""What to change after a diagnosis, the most promising first."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn

from graphseq.reach.diagnosis.evidence import Evidence
from graphseq.reach.diagnosis.problem import Problem


@dataclass(frozen=True)
class Advice:
    """One change.

    Attributes:
        action: a word for programs: "layers", "fewer layers", "encoder", "width", "train", "attach", "initialise",
            "regularise", "data" or "none".
        text: the change in words and numbers.
        arguments: its numbers by name.
    """

    action: str
    text: str
    arguments: dict[str, object] = field(default_factory=dict)


def advise(finding: str, e: Evidence, model: nn.Module, problem: Problem) -> tuple[Advice, ...]:
    """The changes that would help against a finding."""
    needed = e.structure.hops_needed
    reached = e.structure.hops_reached
    if finding == "under-reaching" and needed > reached:
        more = int(needed - reached)
        return (Advice("layers", f"{more} more layer{'s' * (more > 1)}: num_layers={needed}", {"num_layers": needed}),)
    return ()
