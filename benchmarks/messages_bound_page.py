"""The bound of the ranking in words: a part of docs/results/messages_ranked.md, from its record."""

from __future__ import annotations

from typing import Any

from graphseq.evaluation.tables import aligned
from graphseq.experiments.messages.features import KINDS

_GOAL = 0.40
_RULES = ("EdgeBank, four weeks", "recency, reply and popularity")

_TEXT = """
## Is {goal:.2f} within reach?

A learner of another kind on the same candidates: trees boosted (LightGBM, {trees} at most, as many as are best on the
validation weeks) on {features} features of the weeks before: of the pair, of two hops (common partners, persons that
alike sources write to, paths of two messages) and of both ends (new and old partners, answers to strangers, age,
trend). "Told the kind" leaves out the candidates of another kind than the pair's own, which no forecast may know:
whether the source has written to the candidate before, or the candidate to the source.

```
$ python benchmarks/messages_bound.py --out docs/links/ranked{parts}

{table}
```

- In the published models' state of knowledge the trees have {weeks} on the test weeks ({weeks_validation} on the
  validation weeks), the ranking model {model} ({model_validation}): {verdict}.{left_out}
- Exact times and numbers of the earlier messages, which weekly snapshots leave out, are worth
  {times_gain} to the trees and {model_times_gain} to the ranking model.
- Told the kind, the trees reach {told} ± {told_error} (standard error over pairs) in that state, and {told_times} with
  exact times: {told_verdict}.
- {neither_share:.0%} of the pairs have not been in touch. Even told so, the best of these learners ranks them at
  {neither:.3f} among strangers: whom one writes to for the first time is hardly in the past. With the other pairs
  ranked as by trees told their kind ({written:.2f} where written before, {answer:.2f} of first answers), {goal:.2f}
  would need {needed:.3f} of strangers.
- The rest is in the week itself. Asked at a pair's first message with all before it known ("stream"),
  {answers_stream} of the {pairs} pairs are first answers in place of {answers}, and the ranking model has {stream:.3f}.
- {goal:.2f} lies {distance:.1f} standard errors over pairs above the trees, and {nat_distance:.1f} above the best
  published line, NAT's {nat:.3f}. That two learners so unlike stop at the same place is evidence of what the weeks
  before tell, not a proof: features that neither reads may tell more.

### The details of the protocol

The candidates are drawn as in the published code: at most half of them written to in the training weeks, the rest from
all nodes, without replacement, those of the week left out. That code lets the source be one of its own candidates, here
it is none. EdgeBank of the published code, with a window of 15 % of the 20 weeks from the first snapshot to the last of
training, keeps four snapshots, and has the published score here.
"""

_MOVED = """
What a detail moves, by rules that learn nothing, on the test weeks:

```
{variants}
```

Over {draws} draws of the candidates, the rule has {lowest:.4f} to {highest:.4f}. {hardness}
"""


def section(record: dict[str, Any], ranked: list[dict[str, Any]], published: dict[str, float]) -> str:
    """Return the section from the record and the lines of the ranking."""
    lines = record["lines"]
    trees = {x["known"]: x for x in lines if x.get("without") == []}
    model = {x["known"]: x for x in ranked if x.get("without") == []}
    weeks, told = trees["weeks"]["test"], trees["weeks"]["test, told the kind"]
    told_all = [told, trees["times"]["test, told the kind"]]
    kinds = told["kinds"]
    pairs = sum(of["pairs"] for of in kinds.values())
    share = {kind: kinds[kind]["pairs"] / pairs for kind in KINDS}
    best = {kind: max(one["kinds"][kind]["mean"] for one in told_all) for kind in KINDS}
    known = sum(share[kind] * best[kind] for kind in KINDS[:2])
    draws = [x for x in lines if x.get("variant") == "as published"]
    rule = [x["test"][_RULES[1]] for x in draws]
    left_out = _left_out(lines, trees["weeks"])
    text = _TEXT.format(
        goal=_GOAL,
        trees=record["config"]["boosting"]["trees"],
        features=trees["weeks"]["features"],
        table=_learners(ranked, trees),
        weeks=f"{weeks['mean']:.3f}",
        weeks_validation=f"{trees['weeks']['validation']['mean']:.3f}",
        model=f"{model['weeks']['test']:.3f}",
        model_validation=f"{model['weeks']['validation']:.3f}",
        verdict=_verdict(trees["weeks"], model["weeks"]),
        left_out=left_out,
        times_gain=f"{trees['times']['test']['mean'] - weeks['mean']:+.3f}",
        model_times_gain=f"{model['times']['test'] - model['weeks']['test']:+.3f}",
        told=f"{told['mean']:.3f}",
        told_error=f"{told['error']:.3f}",
        told_times=f"{trees['times']['test, told the kind']['mean']:.3f}",
        parts="" if draws and left_out else " --parts trees details" if draws else " --parts trees",
        told_verdict=_told_verdict(max(one["mean"] for one in told_all)),
        neither_share=share[KINDS[2]],
        neither=best[KINDS[2]],
        written=best[KINDS[0]],
        answer=best[KINDS[1]],
        needed=(_GOAL - known) / share[KINDS[2]],
        answers_stream=model["stream"]["kinds"][KINDS[1]]["pairs"],
        answers=kinds[KINDS[1]]["pairs"],
        pairs=pairs,
        stream=model["stream"]["test"],
        distance=(_GOAL - weeks["mean"]) / weeks["error"],
        nat=published["NAT"],
        nat_distance=(_GOAL - published["NAT"]) / weeks["error"],
    )
    if not draws:
        return text
    moved = {"variants": _variants(lines), "draws": len(draws), "lowest": min(rule), "highest": max(rule)}
    return text + _MOVED.format(**moved, hardness=_hardness(lines))


def _learners(ranked: list[dict[str, Any]], trees: dict[str, Any]) -> str:
    rows = [["mean reciprocal rank", "knows", "test", "± error", "validation", *KINDS]]

    def row(name: str, known: str, test: dict[str, Any], validation: float) -> list[str]:
        kinds = [f"{test['kinds'][kind]['mean']:.3f} ({test['kinds'][kind]['pairs']})" for kind in KINDS]
        error = f"{test['error']:.3f}" if "error" in test else ""
        return [name, known, f"{test['mean']:.3f}", error, f"{validation:.3f}", *kinds]

    for known, tree in trees.items():
        for line in (x for x in ranked if x["known"] == known):
            if line.get("rule") == _RULES[1] or line.get("without") == []:
                rows.append(
                    row(line.get("rule", "ranking model"), known, {**line, "mean": line["test"]}, line["validation"])
                )
        rows.append(row("boosted trees", known, tree["test"], tree["validation"]["mean"]))
        told = "test, told the kind", "validation, told the kind"
        rows.append(row("boosted trees, told the kind", known, tree[told[0]], tree[told[1]]["mean"]))
    return aligned(rows, head=1)


def _variants(lines: list[dict[str, Any]]) -> str:
    rows = [["detail", "pairs", "neither", *_RULES]]
    for line in (x for x in lines if "variant" in x and x["draw"] == 1):
        scores = [f"{line['test'][rule]:.3f}" for rule in _RULES]
        rows.append([line["variant"], str(line["pairs"]), f"{line['neither']:.0%}", *scores])
    return aligned(rows, head=1)


def _verdict(trees: dict[str, Any], model: dict[str, Any]) -> str:
    gain, error = trees["test"]["mean"] - model["test"], trees["test"]["error"]
    if gain > 2 * error:
        return "they find what the model does not"
    if trees["test"]["mean"] >= _GOAL:
        return "the goal is reached"
    return f"{abs(gain) / error:.1f} standard errors over pairs from one another, and both below the goal"


def _told_verdict(reached: float) -> str:
    if reached < _GOAL:
        return f"{_GOAL:.2f} is not reached even by those who know for each pair whether the two have been in touch"
    return f"{_GOAL:.2f} is within reach of those alone who know for each pair whether the two have been in touch"


def _left_out(lines: list[dict[str, Any]], whole: dict[str, Any]) -> str:
    found = [x for x in lines if x.get("known") == "weeks" and x.get("without")]
    if not found:
        return ""
    worth = [f"{x['without'][0]} {whole['validation']['mean'] - x['validation']['mean']:+.3f}" for x in found]
    return f"\n  Gain of each group of features on the validation weeks: {', '.join(worth)}."


def _hardness(lines: list[dict[str, Any]]) -> str:
    found = {x["variant"]: x["test"][_RULES[1]] for x in lines if "variant" in x and x["draw"] == 1}
    itself = found["the source may be a candidate"] - found["as published"]
    return f"The one known difference from the published draw, the source as a candidate, moves it by {itself:+.4f}."
