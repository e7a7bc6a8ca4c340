"""The next person written to, by a published protocol: a ranking among 1,000 others, with floors and parts left out.

The protocol is that of UTG's weekly UCI messages: 29 weekly snapshots of pairs, 21 to train, 4 to validate, 4 to test.
Each pair that writes in a week is ranked among 1,000 nodes that its writer does not write to in that week: those that
it wrote to in the training weeks, at most half, and others. The score is the mean reciprocal rank.

A model is asked in one of three states of knowledge: "weeks", the pairs of the weeks before, as published; "times", the
messages of the weeks before with their times; "stream", all messages before the pair's first one of the week, by their
times, those of the same week included.

Run it with ``python benchmarks/messages_ranked.py --out docs/links/ranked``, a quarter of an hour of one core. It
writes every run as it ends, goes on where it stopped, and at the end writes docs/results/messages_ranked.md, with what
``messages_bound.py`` recorded there; with ``--page`` it does that alone.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from messages_bound_page import section

from graphseq import _files
from graphseq.evaluation.tables import aligned, students_interval
from graphseq.experiments.messages.features import KINDS, PARTS, Known
from graphseq.experiments.messages.protocol import published_parts, read_messages
from graphseq.experiments.messages.run import Settings, baseline_scores, prepare, train
from graphseq.training.history import machine

PAGE = Path(__file__).parents[1] / "docs" / "results" / "messages_ranked.md"
SEEDS = (0, 1, 2, 3, 4)
KNOWN: tuple[Known, ...] = ("weeks", "times", "stream")
VARIANTS: dict[tuple[str, ...], tuple[int, ...]] = {
    (): SEEDS,
    ("graph",): (0,),
    **{("graph", part): (0,) for part in PARTS},
}
"""What is left out, and the seeds: without the graph nothing is random."""
PUBLISHED = {"GCLSTM": 0.093, "EGCN": 0.121, "EdgeBank": 0.165, "DyGFormer": 0.334, "NAT": 0.356}
"""Mean reciprocal ranks of Huang et al., *UTG: Towards a Unified View of Snapshot and Event Based Models for Temporal
Graphs* (2024), arXiv:2407.12269, data set UCI."""

_HEAD = """# Who is written to next, ranked

Each pair of students that writes in a week is ranked among 1,000 others to whom its writer does not write in it, by the
protocol of Huang et al., *UTG: Towards a Unified View of Snapshot and Event Based Models for Temporal Graphs* (2024,
[arXiv:2407.12269](https://arxiv.org/abs/2407.12269), data set UCI): 29 weekly snapshots with 26,628 pairs, 21 to train,
4 to validate, 4 to test ({pairs} pairs). Of the 1,000 at most half are persons written to in the training weeks (all of
them, if fewer), the rest others. The score is the mean reciprocal rank, of ties the mean rank. The candidates are drawn
anew, since the published draw is not at hand. EdgeBank of four weeks has {edgebank:.3f} here, and EdgeBank
{published:.3f} as published.

```
$ python benchmarks/messages_ranked.py --out docs/links/ranked{chosen}

{table}
```

A model that knows "weeks" is asked for a week with the pairs of the weeks before, once a week, as published models are.
"times" knows the messages of the weeks before with their times. "stream" is asked at the first message of the pair in
the week and knows all before it, of that week too: another question, which the published lines do not answer. A pair is
a first answer by what is known.

The intervals are Student's over five seeds (weights and signatures of nodes; without the graph nothing is random). Over
test pairs, the standard error of a line is about {error:.3f}. Settings were chosen on the validation weeks with seed
100, the step of each run on them too.

The model is `graphseq.experiments.messages.model.PairIntensity`: the logarithm of a sum of decayed counts with positive
learned weights, and of a term of the states of both ends in a GCN-LSTM over the snapshots before.

"""


def done(path: Path) -> list[dict[str, Any]]:
    """Return the runs so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def write(path: Path, line: dict[str, Any]) -> None:
    """Append one line, so that it is on the disk before the next run begins."""
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def runs(out: Path, settings: Settings, states: Sequence[Known]) -> Iterator[dict[str, Any]]:
    """Compute what is not there yet, and yield it line by line."""
    messages = read_messages()
    parts = published_parts(messages.num_snapshots)
    lines = done(out / "runs.jsonl")
    there = [(line["known"], tuple(line["without"]), line["seed"]) for line in lines if "rule" not in line]
    for known in states:
        missing = [(w, seed) for w, seeds in VARIANTS.items() for seed in seeds if (known, w, seed) not in there]
        ruled = any(line["known"] == known and "rule" in line for line in lines)
        if missing or not ruled:
            prepared = prepare(messages, parts, known, settings)
            yield from [] if ruled else baseline_scores(prepared)
            yield from (train(prepared, settings, seed, without=without) for without, seed in missing)


def summary(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one line a rule or variant and state of knowledge, with means over seeds."""
    found = []
    for known in KNOWN:
        found += [line for line in lines if line["known"] == known and "rule" in line]
        for without in VARIANTS:
            of = [line for line in lines if line["known"] == known and line.get("without") == list(without)]
            if of:
                found.append({"known": known, "without": list(without), **_means(of)})
    return found


def _means(runs: list[dict[str, Any]]) -> dict[str, Any]:
    mean = {part: sum(run[part] for run in runs) / len(runs) for part in ("validation", "test", "error")}
    kinds = {
        kind: {"pairs": of["pairs"], "mean": sum(run["kinds"][kind]["mean"] for run in runs) / len(runs)}
        for kind, of in runs[0]["kinds"].items()
    }
    low, high = students_interval([run["test"] for run in runs]) if len(runs) > 1 else (mean["test"],) * 2
    return {**mean, "kinds": kinds, "low": low, "high": high, "seeds": len(runs)}


def table(lines: list[dict[str, Any]]) -> str:
    """Return all lines, and the published ones."""
    rows = [["mean reciprocal rank", "knows", "test", "95 % over seeds", "validation", *KINDS]]
    for line in lines:
        learned = f"without {', '.join(line['without'])}" if line.get("without") else "all parts and the graph"
        interval = f"[{line['low']:.3f}, {line['high']:.3f}]" if line.get("seeds", 1) > 1 else ""
        kinds = [f"{of['mean']:.3f} ({of['pairs']})" for of in (line["kinds"][kind] for kind in KINDS)]
        name = line.get("rule", learned)
        rows.append([name, line["known"], f"{line['test']:.3f}", interval, f"{line['validation']:.3f}", *kinds])
    rows += [[f"published: {name}", "weeks", f"{value:.3f}", "", "", "", "", ""] for name, value in PUBLISHED.items()]
    return aligned(rows, head=1)


def page(out: Path) -> str:
    """Return the page, from the record alone."""
    record = json.loads((out / "ranked.json").read_text())
    lines = record["lines"]

    def line(known: str, **of: Any) -> dict[str, Any]:
        return next(x for x in lines if x["known"] == known and all(x.get(key) == value for key, value in of.items()))

    recorded = [known for known in KNOWN if any(x["known"] == known for x in lines)]
    best = {known: line(known, without=[]) for known in recorded}
    rule = line("weeks", rule="recency, reply and popularity")
    kinds, pairs = best["weeks"]["kinds"], sum(of["pairs"] for of in best["weeks"]["kinds"].values())
    share = {kind: of["pairs"] / pairs for kind, of in kinds.items()}
    needed = (0.4 - sum(share[kind] * kinds[kind]["mean"] for kind in KINDS[1:])) / share[KINDS[0]]
    text = _HEAD.format(
        pairs=pairs,
        edgebank=line("weeks", rule="EdgeBank, four weeks")["test"],
        published=PUBLISHED["EdgeBank"],
        table="\n".join(record["table"]),
        chosen="" if len(recorded) == len(KNOWN) else f" --known {' '.join(recorded)}",
        error=best["weeks"]["error"],
    )
    answers = {known: best[known]["kinds"][KINDS[1]]["pairs"] for known in recorded}
    findings = [
        f"- Weeks alone: {best['weeks']['test']:.3f}; the rule that learns nothing has {rule['test']:.3f}.",
        f"- {share[KINDS[2]]:.0%} of the test pairs have not been in touch before the week: their mean reciprocal",
        f"  rank is {kinds[KINDS[2]]['mean']:.3f}. For 0.40 over all, pairs that have written before would have to",
        f"  reach {needed:.2f} in place of {kinds[KINDS[0]]['mean']:.2f}.",
    ]
    if "stream" in recorded:
        findings += [
            "- The stream is asked at the first message of a pair in a week, and knows all before it, those of the",
            f"  week too: {best['stream']['test']:.3f}, of another question. {answers['stream']} of its pairs are",
            f"  first answers, of the weeks' {answers['weeks']}.",
        ]
    for known in recorded:
        plain = line(known, without=["graph"])["test"]
        effects = [f"{part} {plain - line(known, without=['graph', part])['test']:+.3f}" for part in PARTS]
        graph = best[known]["test"] - plain
        findings.append(f"- Gain of each part, {known}: the graph {graph:+.3f}; without it, {', '.join(effects)}.")
    bound = out / "bound.json"
    more = section(json.loads(bound.read_text()), lines, PUBLISHED) if bound.exists() else ""
    return text + "\n".join([*findings, ""]) + more


def main(out: Path, settings: Settings, states: Sequence[Known] = KNOWN) -> None:
    """Compute what is missing of these states of knowledge, and write the record."""
    out.mkdir(parents=True, exist_ok=True)
    config = {"config": asdict(settings)}
    if (out / "config.json").exists() and json.loads((out / "config.json").read_text()) != config:
        raise ValueError(f"{out} holds runs of other settings; choose another --out")
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    for line in runs(out, settings, states):
        write(out / "runs.jsonl", line)
        print(line["known"], line.get("rule", f"without {line.get('without')}"), line.get("seed", ""), line["test"])
    lines = summary(done(out / "runs.jsonl"))
    record = {**config, "machine": machine("cpu"), "lines": lines, "table": table(lines).splitlines()}
    _files.write_text(out / "ranked.json", json.dumps(record, indent=1) + "\n", overwrite=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/links/ranked"), help="folder of the runs")
    parser.add_argument("--page", action="store_true", help="write the page from the record, and train nothing")
    parser.add_argument("--known", nargs="+", choices=KNOWN, default=list(KNOWN), help="states of knowledge to run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not arguments.page:
        main(arguments.out, Settings(), arguments.known)
    _files.write_text(PAGE, page(arguments.out), overwrite=True)
