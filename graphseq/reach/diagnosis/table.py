"""The evidence of a diagnosis as a table of names and values."""

from __future__ import annotations

import math

from graphseq.reach.diagnosis.evidence import Evidence
from graphseq.reach.diagnosis.widened import FACTOR


def table(e: Evidence) -> list[tuple[str, str]]:
    """Pairs of name and value, without what was not measured."""
    s, before, after = e.structure, e.before, e.after
    lines = [("score held out", str(e.scores.heldout)), ("chance", f"{e.chance:.3f}")]
    if e.scores.heldout.count:
        lines.insert(1, ("answers held out", str(e.scores.heldout.count)))
    if e.scores.trained_on is not None:
        lines.append(("score on training data", str(e.scores.trained_on)))
    if e.trial is not None:
        lines.append((f"score of a copy, {e.trial.steps} steps", str(e.trial.best.heldout)))
    if e.readers is not None:
        best = e.readers.best
        shown = "the whole graph" if best.hops < 0 else f"{best.hops} hop{'s' * (best.hops != 1)}"
        lines.append((f"best cheap reader, shown {shown}", str(best.score)))
    if e.readers is not None and e.readers.ahead is not None:
        gain, error = e.readers.ahead
        lines.append(("a reader's gain over a constant, all answers", f"{gain:.3f} ± {1.96 * error:.3f}"))
    lines += _of_copies(e)
    if s.hops_needed >= 0:
        lines.append(("hops needed" if s.declared else "hops needed, measured", str(s.hops_needed)))
    if not math.isnan(s.hops_reached):
        lines.append(("hops within reach", "all" if math.isinf(s.hops_reached) else f"{s.hops_reached:.0f}"))
    if not math.isnan(s.within_reach):
        lines.append(("answers with all needed rows in reach", f"{s.within_reach:.0%}"))
    rows = (
        ("influence of the farthest needed rows", before.influence, after and after.influence),
        ("their share in the Jacobian", before.jacobian_share, after and after.jacobian_share),
        ("distance from over-smoothing", before.spread, after and after.spread),
        ("sensitivity of the loss", before.sensitivity, after and after.sensitivity),
    )
    for name, number, then in rows:
        if not math.isnan(number):
            lines.append((name, f"{number:.2g}" + ("" if then is None else f", after training {then:.2g}")))
    if e.memory is not None:
        lines.append(
            (f"probe R² of 1 item, of all {e.memory.items}", f"{e.memory.single:.2f}, {e.memory.together:.2f}")
        )
    return lines


def _of_copies(e: Evidence) -> list[tuple[str, str]]:
    """The score of a wider copy, and the most that message passing can score."""
    lines = []
    if e.wider is not None:
        lines.append((f"score of a copy {FACTOR} times as wide", str(e.wider.best.heldout)))
    if e.ceiling is not None and e.ceiling.mixed:
        lines.append(("most that message passing can score (1-WL)", f"{e.ceiling.score:.3f}"))
    return lines
