"""The page docs/results/verdict.md, made from the record of ``diagnosis.py``.

Run it with ``python benchmarks/diagnosis_page.py`` after ``diagnosis.py``.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent))
import diagnosis

import graphseq as gs
from graphseq import _files

ROOT = Path(__file__).parents[1]
TEMPLATE = Path(__file__).with_suffix(".md")
SEEN = 53  # models on tasks that set nothing whose outcomes were in view when the rule of the outlook was last changed


def page(record: dict[str, Any]) -> str:
    """The text of the page."""
    planted, foresight = record["planted"], record["foresight"]
    held_out = [case for case in planted if case["group"] != "set"]
    decided = [case for case in held_out if case["decided"]]
    tested = [case for case in foresight if case["group"] != "set"]
    hits = [case["foreseen"] == diagnosis.solved(case) for case in tested]
    later: list[bool] = []
    drawn: Counter[str] = Counter()  # models of each group so far, in the order of drawing
    for hit, case in zip(hits, tested, strict=True):
        drawn[case["group"]] += 1
        if case["group"] == "new" or drawn[case["group"]] > SEEN:
            later.append(hit)
    names = {group: len({case["name"] for case in planted if case["group"] == group}) for group in diagnosis.TITLES}
    values = {
        "example": example(),
        "new_kinds": new_kinds([case for case in decided if case["group"] == "new"], names["new"]),
        "tasks": len({case["task"] for case in foresight}),
        "new_tasks": new_tasks([hit for hit, case in zip(hits, tested, strict=True) if case["group"] == "new"]),
        "kinds": sum(names.values()),
        "kinds_set": names["set"],
        "kinds_seen": names["seen"],
        "steps": record["config"]["steps"][0],
        "count": record["config"]["count"],
        "undecided": sum(not case["decided"] for case in planted),
        "cases": len(planted),
        "right": sum(case["finding"] == case["fault"] for case in decided),
        "decided": len(decided),
        "tested": len(tested),
        "hits": sum(hits),
        "share": f"{sum(hits) / max(len(hits), 1):.0%}",
        "seen": SEEN,
        "later": len(later),
        "later_hits": sum(later),
        "later_share": f"{sum(later) / max(len(later), 1):.0%}",
        "wrong": wrong(planted),
        "missed": missed(tested),
        "helpless": helpless(planted),
    }
    for name, table in zip(("groups", "faults", "foresight", "advice"), diagnosis.tables(record), strict=True):
        values[f"table_{name}"] = table
    return TEMPLATE.read_text().format_map(values)


def new_kinds(decided: list[dict[str, Any]], count: int) -> str:
    """The sentence on planted kinds whose results changed no rule."""
    if not count:
        return "Kinds that were new when the rules stood are not in this record yet."
    right = sum(case["finding"] == case["fault"] for case in decided)
    return (
        f"{count} kinds are new: they were drawn up when the rules stood, and no rule was changed after their\n"
        f"results; {right} of {len(decided)} decided cases of these are right."
    )


def new_tasks(hits: list[bool]) -> str:
    """The clause on models drawn on kinds of task whose results changed no rule."""
    return f", of those on kinds that were new when the rules stood {sum(hits)} of {len(hits)}" if hits else ""


def example() -> str:
    """The diagnosis on the page, as it is printed."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        model = gs.nn.Model(gs.nn.GCN(10, 32, num_layers=4), 10)
        return str(gs.diagnose(model, gs.tasks.Transfer(length=9, shape="ring")))


def wrong(planted: list[dict[str, Any]]) -> str:
    """The planted cases with another word."""
    lines = [
        f"- {case['name']} ({case['group']}): {case['finding']} for {case['fault']}. {case['reason']}"
        for case in planted
        if case["decided"] and case["finding"] != case["fault"]
    ]
    return "\n".join(["Found otherwise:", "", *lines]) if lines else "No decided case was found otherwise."


def missed(tested: list[dict[str, Any]]) -> str:
    """The outcomes that were not foreseen, by kind of task."""
    some = [case for case in tested if case["foreseen"] != diagnosis.solved(case)]
    kinds = ", ".join(f"{task} {count}" for task, count in Counter(case["task"] for case in some).most_common())
    near = sum(not case["is_clear"] for case in some)
    hopeful = sum(case["foreseen"] for case in some)
    return (
        f"Of the {len(some)} missed, {near} ended within a standard error of nine tenths; {hopeful} were expected to\n"
        f"be solved and were not, {len(some) - hopeful} were solved and not expected to be. By kind of task: "
        f"{kinds or 'none'}."
    )


def helpless(planted: list[dict[str, Any]]) -> str:
    """The cases in which following the advice did not help."""
    lines = [f"- {case['name']}, {case['finding']}: {case['advice']}" for case in planted if case["helps"] is False]
    return "\n".join(["It did not help with", "", *lines]) if lines else "It helped with all."


def main() -> None:
    """Write the page."""
    record = json.loads((ROOT / "docs" / "diagnosis" / "results.json").read_text())
    _files.write_text(ROOT / "docs" / "results" / "verdict.md", page(record), overwrite=True)


if __name__ == "__main__":
    main()
