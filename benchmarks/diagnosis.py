"""Accuracy of ``gs.diagnose`` on planted faults, as foresight of training, and of its advice.

Three questions, each on models of the library, of PyG and of torch:

- *Planted faults*: a hundred and nine kinds of case have a known fault. Each is checked independently of the
  diagnosis: a model with a fault is trained for longer than any trial and must fail, and its repaired twin must
  succeed; cases of which this does not hold are not decided, and are counted apart. The kinds that set thresholds are
  not those that test them.
- *Foresight*: untrained models are drawn at random on twenty-five kinds of task. The truth is the outcome of training;
  the score that the diagnosis expects of training alone, its ``outlook``, foresees success or failure. Nine kinds of
  task set thresholds, and sixteen others test them. Baselines: the best limit of hops for each family, of parameters,
  and of influence, and "always solved"; each is calibrated on the same nine.
- *Advice*: every first piece of advice on a decided case is followed, and the model trained again.

Run it with ``python benchmarks/diagnosis.py``: half an hour on two cores. It goes on where it was stopped. Outcomes of
training are kept in a file of their own, ``outcomes.jsonl``: where rules have changed, remove the other two and run it
again, and only the diagnoses are made anew.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent))
from diagnosis_cases import kinds, more_kinds
from diagnosis_models import Spec, build
from diagnosis_tasks import CALIBRATING, NEWEST, TESTING, drawn, hops_of
from diagnosis_worlds import further_kinds

import graphseq as gs
from graphseq import _files
from graphseq.reach.diagnosis import FINDINGS, Advice, Diagnosis, Evidence, Thresholds
from graphseq.reach.diagnosis import trial as trying
from graphseq.reach.diagnosis.confidence import distance
from graphseq.reach.diagnosis.diagnosis import problem_of
from graphseq.reach.diagnosis.problem import Problem, Request
from graphseq.training.history import machine

CHECK, LONG, RATE = 500, 1000, 5e-3  # steps of the trainings that check a fault and decide foresight, and their rate
SEEDS = {"known": 11, "tested": 3, "newest": 29}  # of the models drawn on tasks that set thresholds, and others
PER_ROUND = {"known": 3, "tested": 10, "newest": 3}
TITLES = {"set": "that set thresholds", "seen": "seen while rules were written", "new": "new"}


KEPT: Path | None = None  # a file of outcomes that are not trained again


def outcome(spec: Spec, steps: int = LONG) -> dict[str, float]:
    """The outcome of training a model, kept in a file: no rule of a diagnosis has part in it."""
    key = json.dumps([spec, steps], sort_keys=True)
    if KEPT is not None and KEPT.exists():
        for line in KEPT.read_text().splitlines():
            one = json.loads(line)
            if one["key"] == key:
                return {name: math.nan if value is None else value for name, value in one["outcome"].items()}
    found = trained_outcome(spec, steps)
    if KEPT is not None:
        plain = {name: None if math.isnan(value) else value for name, value in found.items()}
        with KEPT.open("a") as file:
            file.write(json.dumps({"key": key, "outcome": plain}) + "\n")
    return found


def trained_outcome(spec: Spec, steps: int) -> dict[str, float]:
    """Train the model of a specification for four times as many steps as a trial, at another rate."""
    model, data, options = build(spec)
    with torch.no_grad():
        problem = problem_of(model, data, Request(**options, seed=17))
    trained(model, problem, spec)
    trial = trying.train(model, problem, steps=steps, lr=RATE, seconds=600.0, seed=5)
    best, last = trial.best.heldout, trial.last
    return {
        "score": best.value,
        "low": best.low,
        "chance": problem.scoring.chance,
        "skill": problem.scoring.skill(best.value),
        "on_training": last.trained_on.value if last.trained_on else math.nan,
        "heldout": last.heldout.value,
    }


def trained(model: torch.nn.Module, problem: Problem, spec: Spec) -> None:
    """Train the model itself, for the cases of trained models."""
    if steps := spec.get("trained"):
        trial = trying.train(model, problem, steps=steps, lr=1e-2, seconds=600.0, seed=3)
        model.load_state_dict(trial.model.state_dict())


def diagnosed(spec: Spec) -> Diagnosis:
    """The diagnosis of a specification."""
    model, data, options = build(spec)
    if spec.get("trained"):
        with torch.no_grad():
            problem = problem_of(model, data, Request(**options, seed=0))
        trained(model, problem, spec)
    return gs.diagnose(model, data, seed=0, budget_seconds=600.0, **options)


def followed(spec: Spec, advice: Advice, steps: int) -> dict[str, float] | None:
    """The outcome of training after a piece of advice was followed; ``None`` for advice that changes no model."""
    arguments = advice.arguments
    layers = {"layers": arguments["num_layers"]} if "num_layers" in arguments else {}
    change: Spec
    if advice.action in ("none", "labels"):
        return None
    if advice.action == "rewire":
        change = {"rewired": arguments["hops"], **layers}
    elif advice.action in ("layers", "encoder"):
        change = {**layers, **({"family": arguments["family"]} if "family" in arguments else {})}
    elif advice.action == "direction":
        change = {"both_ways": True}
    elif advice.action == "width":
        change = {"width": arguments["hidden_channels"]}
    elif advice.action == "initialise" and "forget_bias" in arguments:
        change = {"spoilt": "orthogonal" if spec["family"] == "RNN" else "remembering"}
    elif advice.action in ("attach", "initialise"):
        change = {"spoilt": None}
    elif advice.action == "features":
        change = {"walks": arguments["walk_length"]}
    elif advice.action == "activation":
        change = {"activation": arguments["activation"], "residual": True}
    elif advice.action == "data":
        grown = {key: 10 * spec[key] for key in ("each", "sequences", "graphs") if key in spec}
        thinner = {key: spec[key] / 10 for key in ("inside", "between") if "each" in spec and key in spec}
        change = {**grown, **thinner, "trained": None}
    else:
        change = {}
    return outcome({**spec, **change}, steps)


def planted(name: str, seed: int, steps: int = CHECK) -> dict[str, Any]:
    """One planted case: its diagnosis, the checks of its fault, and what its advice brings."""
    fault, group, spec, twin = every_kind(seed)[name]
    spec = {**spec, "seed": seed}
    found = diagnosed(spec)
    e = found.evidence
    own = outcome(spec, steps)
    repaired = outcome({**spec, **twin}, steps) if twin else None
    advised = followed(spec, found.advice[0], steps)
    now = e.scores.heldout.value if found.finding in ("undertrained", "inconclusive") else own["score"]
    return {
        "name": name,
        "seed": seed,
        "group": group,
        "fault": fault,
        "finding": found.finding,
        "reason": found.sentences[1],
        "decided": is_decided(fault, e.skill(e.scores.heldout.value), own, repaired, e),
        "skill": e.skill(e.scores.heldout.value),
        "own": own,
        "repaired": repaired,
        "advice": found.advice[0].text,
        "advised": advised,
        "helps": None if advised is None else advised["low"] > now and advised["score"] - now > 0.05,
        **measures(found),
    }


def every_kind(seed: int) -> dict[str, Any]:
    """All kinds of planted case."""
    return {**kinds(seed), **more_kinds(seed), **further_kinds(seed)}


def is_decided(fault: str, skill: float, own: dict[str, float], repaired: dict[str, float] | None, e: Evidence) -> bool:
    """True if training for long confirms the fault: the model fails, and its repaired twin does not."""
    if fault == "solved":
        return skill >= trying.SOLVED
    if fault == "undertrained":
        return own["skill"] > skill + 0.3
    if fault == "no sign of a long-range problem":
        return skill > 0.2 and own["skill"] < skill + 0.1
    if fault == "overfitting":
        return e.scores.trained_on is not None and e.skill(e.scores.trained_on.value) > skill + 0.3
    if fault == "unlearnable as measured":
        return own["skill"] < 0.2
    return repaired is not None and own["skill"] < 0.75 and repaired["skill"] > own["skill"] + 0.3


def foreseen(number: int, part: str, steps: int = LONG) -> dict[str, Any]:
    """One untrained model: its diagnosis, and the outcome of training."""
    names = {"known": CALIBRATING, "tested": TESTING, "newest": NEWEST}[part]
    task, spec = list(drawn(number + 1, SEEDS[part], names))[number]
    found = diagnosed(spec)
    own = outcome(spec, steps)
    model, _, _ = build(spec)
    return {
        "task": task,
        "family": spec["family"],
        "group": "set" if task in CALIBRATING else "new" if task in NEWEST else "seen",
        "hops": hops_of(spec),
        "parameters": sum(p.numel() for p in model.parameters()),
        "finding": found.finding,
        "foreseen": found.evidence.skill(found.outlook) >= trying.SOLVED,
        "own": own,
        "is_clear": abs(own["skill"] - trying.SOLVED) > (own["score"] - own["low"]) / 1.96 / (1 - own["chance"]),
        **measures(found),
    }


def rounds(count: int) -> Iterator[tuple[str, int]]:
    """The part and number of each drawn model: thirteen that test for every three on tasks that set thresholds."""
    for start in range(0, count, PER_ROUND["tested"]):
        for number in range(start, min(start + PER_ROUND["tested"], count)):
            yield "tested", number
        for part in ("newest", "known"):
            first = start * PER_ROUND[part] // PER_ROUND["tested"]
            for number in range(first, first + PER_ROUND[part]):
                yield part, number


def measures(found: Diagnosis) -> dict[str, Any]:
    """The numbers behind a diagnosis that the record keeps."""
    e = found.evidence
    return {
        "influence": [e.before.influence, e.after.influence if e.after else None],
        "spread": [e.before.spread, e.after.spread if e.after else None],
        "sensitivity": [e.before.sensitivity, e.after.sensitivity if e.after else None],
        "hops_needed": e.structure.hops_needed,
        "within_reach": e.structure.within_reach,
        "outlook": e.skill(found.outlook),
        "is_near": distance(e, Thresholds(), found.finding) < 1,
        "trials": [[round(e.skill(score), 3) for score in trial.heldout] for trial in e.trials],
    }


# Baselines of foresight: each is set on the tasks of the group "set".


def limits(cases: list[dict[str, Any]], value: Callable[[dict[str, Any]], float]) -> tuple[float, int]:
    """The limit of a value, and its direction, with the most right predictions on some cases."""
    values = sorted({value(case) for case in cases if not math.isnan(value(case))})
    best = (-1, -math.inf, 1)
    for limit in [-math.inf, *values, math.inf]:
        for direction in (1, -1):
            right = sum((direction * value(c) <= direction * limit) == solved(c) for c in cases)
            best = max(best, (right, limit, direction))
    return best[1], best[2]


def solved(case: dict[str, Any]) -> bool:
    """True if training for long solved a case."""
    return bool(case["own"]["skill"] >= trying.SOLVED)


def baselines(cases: list[dict[str, Any]]) -> dict[str, list[bool]]:
    """The predictions of every baseline for some cases."""
    known = [case for case in cases if case["group"] == "set"]

    def influence(case: dict[str, Any]) -> float:
        value = case["influence"][0]
        return 1.0 if value is None else -value

    out: dict[str, list[bool]] = {"always solved": [True] * len(cases)}
    for name, value in (("parameters", lambda c: float(c["parameters"])), ("influence alone", influence)):
        limit, direction = limits(known, value)
        out[name] = [direction * value(case) <= direction * limit for case in cases]
    families = {case["family"] for case in cases}
    by_family = {}
    for family in families:
        some = [case for case in known if case["family"] == family] or known
        by_family[family] = limits(some, lambda c: float(c["hops"]))
    out["hops, a limit for each family"] = [
        by_family[c["family"]][1] * c["hops"] <= by_family[c["family"]][1] * by_family[c["family"]][0] for c in cases
    ]
    return out


def interval(differences: list[int]) -> tuple[float, float]:
    """The 95 % interval of a mean, from 2000 resamples."""
    values = torch.tensor(differences, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    means = values[torch.randint(len(values), (2000, len(values)), generator=generator)].mean(dim=1).sort().values
    return float(means[50]), float(means[1949])


# Tables.


def confusion(cases: list[dict[str, Any]]) -> str:
    """Planted faults and findings, one line a fault, of decided cases."""
    lines = [f"{'planted':33}{'cases':>6}{'right':>6}  found otherwise"]
    for fault in FINDINGS:
        some = [case for case in cases if case["fault"] == fault and case["decided"]]
        if some:
            wrong = Counter(case["finding"] for case in some if case["finding"] != fault)
            others = ", ".join(f"{name} {count}" for name, count in wrong.most_common())
            lines.append(f"{fault:33}{len(some):>6}{len(some) - sum(wrong.values()):>6}  {others}".rstrip())
    return "\n".join(lines)


def accuracy_of_groups(cases: list[dict[str, Any]]) -> str:
    """The share of right findings for each group of kinds."""
    lines = [f"{'kinds':28}{'kinds':>6}{'cases':>6}{'decided':>8}{'right':>6}{'share':>7}"]
    for group, title in TITLES.items():
        some = [case for case in cases if case["group"] == group]
        decided = [case for case in some if case["decided"]]
        right = sum(case["finding"] == case["fault"] for case in decided)
        names = len({case["name"] for case in some})
        share = f"{right / len(decided):.0%}" if decided else ""
        lines.append(f"{title:28}{names:>6}{len(some):>6}{len(decided):>8}{right:>6}{share:>7}".rstrip())
    return "\n".join(lines)


def foresight_table(cases: list[dict[str, Any]]) -> str:
    """The share of outcomes foreseen, of the diagnosis and of every baseline, on tasks that set nothing."""
    predictions = {"diagnosis": [case["foreseen"] for case in cases], **baselines(cases)}
    lines = [f"{'prediction':32}{'set':>6}{'others':>8}  diagnosis better by"]
    tested = [n for n, case in enumerate(cases) if case["group"] != "set"]
    known = [n for n, case in enumerate(cases) if case["group"] == "set"]
    hits = {name: [p == solved(c) for p, c in zip(some, cases, strict=True)] for name, some in predictions.items()}
    for name, some in hits.items():
        before, after = (sum(some[n] for n in part) / max(len(part), 1) for part in (known, tested))
        line = f"{name:32}{before:>6.0%}{after:>8.0%}"
        if name != "diagnosis" and tested:
            low, high = interval([hits["diagnosis"][n] - some[n] for n in tested])
            line += f"  {sum(hits['diagnosis'][n] - some[n] for n in tested) / len(tested):.0%} [{low:.0%}, {high:.0%}]"
        lines.append(line)
    lines.append(f"of {len(known)} models on tasks that set thresholds, and {len(tested)} on others")
    clear = [n for n in tested if cases[n]["is_clear"]]
    right = sum(hits["diagnosis"][n] for n in clear)
    lines.append(
        f"of the {len(clear)} others whose outcome is more than a standard error from the limit, {right} "
        f"({right / max(len(clear), 1):.0%}) were foreseen"
    )
    return "\n".join(lines)


def advice_table(cases: list[dict[str, Any]]) -> str:
    """The number of cases in which following the first piece of advice helped, by finding."""
    lines = [f"{'finding':33}{'followed':>9}{'helped':>7}"]
    total: list[bool] = []
    for finding in FINDINGS:
        some = [case["helps"] for case in cases if case["finding"] == finding and case["helps"] is not None]
        if some:
            total += some
            lines.append(f"{finding:33}{len(some):>9}{sum(some):>7}")
    lines.append(f"{'all':33}{len(total):>9}{sum(total):>7}  {sum(total) / max(len(total), 1):.0%}")
    return "\n".join(lines)


def confidences(cases: list[dict[str, Any]]) -> dict[str, tuple[int, int, int, int]]:
    """Right words and decided cases by finding, clear of the threshold and near it."""
    out = {}
    for finding in FINDINGS:
        some = [case for case in cases if case["finding"] == finding and case["decided"]]
        parts = [[case["fault"] == finding for case in some if case["is_near"] is near] for near in (False, True)]
        out[finding] = (sum(parts[0]), len(parts[0]), sum(parts[1]), len(parts[1]))
    return out


def main(
    out: Path, *, seeds: list[int], count: int, steps: tuple[int, int], jobs: int, names: list[str] | None
) -> None:
    """Run what is missing, print the tables, and write the record."""
    global KEPT  # noqa: PLW0603 - workers are forked
    KEPT = out / "outcomes.jsonl"
    chosen = names or [*every_kind(0)]
    cases = [{"name": name, "seed": seed, "steps": steps[0]} for seed in seeds for name in chosen]
    runs = gs.sweep(planted, cases, out / "planted.jsonl", jobs=jobs, progress=True)
    drawings = [{"number": number, "part": part, "steps": steps[1]} for part, number in rounds(count)]
    drawn_runs = gs.sweep(foreseen, drawings, out / "foresight.jsonl", jobs=jobs, progress=True)
    for run in [*runs, *drawn_runs]:
        if run.failed:
            print(run.config, run.error)
    some = [run.result for run in runs if not run.failed]
    foresight = [run.result for run in drawn_runs if not run.failed]
    config = {"seeds": seeds, "count": count, "steps": steps, "rate": RATE, "drawing_seeds": SEEDS}
    record = {
        "config": config,
        "machine": machine("cpu"),
        "thresholds": asdict(Thresholds()),
        "planted": some,
        "foresight": foresight,
    }
    for table in tables(record):
        print(table, end="\n\n")
    print("RECORD", confidences(some))
    _files.write_text(out / "results.json", json.dumps(record, indent=1) + "\n", overwrite=True)


def tables(record: dict[str, Any]) -> list[str]:
    """The tables of the page."""
    some, foresight = record["planted"], record["foresight"]
    return [accuracy_of_groups(some), confusion(some), foresight_table(foresight), advice_table(some)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/diagnosis"), help="where the records go")
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="seeds of the planted cases")
    parser.add_argument(
        "--count",
        type=int,
        default=200,
        help="drawn models on tasks that set nothing; three tenths more on those that do",
    )
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--tiny", action="store_true", help="a few cases and steps, to see that all of it runs")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.tiny:
        few = ["GCN of too few layers", "fresh RNN", "random classes of graphs"]
        main(given.out, seeds=[1], count=4, steps=(20, 20), jobs=1, names=few)
    else:
        main(given.out, seeds=given.seed, count=given.count, steps=(CHECK, LONG), jobs=given.jobs, names=None)
