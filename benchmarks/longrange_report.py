"""Table and figure of ``longrange_model.py``: errors on ECHO, regenerated, against the hops that a question needs.

Run it with ``python benchmarks/longrange_report.py``: it reads docs/longrange/model.json, prints the table and writes
model.png beside it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

LARGEST = 40  # the diameter up to which models were trained
PUBLISHED = {"sssp": ("ONDA", 0.085), "ecc": ("ONDA", 0.885), "diam": ("GRIT", 1.014)}
TITLES = {"sssp": "shortest paths", "ecc": "eccentricity", "diam": "diameter"}
PLAIN = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}  # behind words that lines would cross

Record = dict[str, Any]


def runs(record: Record, task: str) -> dict[str, list[Record]]:
    """The runs of a task by model and steps, over seeds."""
    found: dict[str, list[Record]] = {}
    for key, value in record.items():
        own, *rest = key.split(" | ")
        if own == task and len(rest) == 3:
            found.setdefault(f"{rest[0]} | {rest[1]}", []).append(value)
    return found


def shown(values: list[float]) -> str:
    """A mean and the range of the seeds."""
    spread = "" if len(values) == 1 else f" ({min(values):.3f}-{max(values):.3f})"
    return f"{mean(values):.3f}{spread}"


def table(record: Record) -> list[str]:
    """One line a model and task."""
    lines = [f"{'':34}{'seeds':>6}{'test, 17-40 hops':>26}{'graphs of 41-80':>26}{'parameters':>12}{'seconds':>9}"]
    for task, title in TITLES.items():
        floor = record.get(f"{task} | floors")
        if floor is None:
            continue
        lines.append(title)
        lines += [f"  {name:32}{'':6}{value:>26.3f}" for name, value in floor.items()]
        name, value = PUBLISHED[task]
        lines.append(f"  {f'{name}, published, other graphs':32}{'':6}{value:>26.3f}")
        for model, seeds in runs(record, task).items():
            inside, beyond = (shown([run[part] for run in seeds]) for part in ("test", "beyond"))
            size, seconds = seeds[0]["parameters"], mean(run["seconds"] for run in seeds)
            lines.append(f"  {model:32}{len(seeds):>6}{inside:>26}{beyond:>26}{size:>12}{seconds:>9.0f}")
    return lines


def transfers(record: Record) -> list[str]:
    """One line a graph: the accuracies of the seeds at 100 hops, trained there, and trained on short paths."""
    lines = [f"{'transfer over 100 hops':24}{'trained there':>16}{'trained on paths of 2 to 12 hops':>36}"]
    found: dict[str, list[Record]] = {}
    for key, value in record.items():
        if key.startswith("transfer | "):
            found.setdefault(key.split(" | ")[1], []).append(value)
    short = found.pop("zero-shot", [])
    for shape in (*found, "path of 1000"):
        there = ", ".join(f"{run['accuracy']:.2f}" for run in found.get(shape, []))
        lines.append(f"  {shape:22}{there:>16}{', '.join(f'{run[shape]:.2f}' for run in short):>36}")
    return lines


def matches(record: Record) -> list[str]:
    """One line for each depth and kind of first weights of Tree-NeighborsMatch, with the accuracies of the seeds."""
    lines = [f"{'NeighborsMatch':24}{'first weights':>14}{'in training':>25}{'on new samples':>25}{'steps':>25}"]
    found: dict[tuple[str, str], list[Record]] = {}
    for key, run in record.items():
        if key != "machine":
            depth, first, _ = key.split(" | ")
            found.setdefault((depth, first), []).append(run)
    for (depth, first), seeds in sorted(found.items()):
        training, new = (
            ", ".join(f"{run[name]:.2f}" for run in seeds) for name in ("training accuracy", "accuracy on new samples")
        )
        steps = ", ".join(str(run["steps"]) for run in seeds)
        lines.append(f"  {depth:22}{first:>14}{training:>25}{new:>25}{steps:>25}")
    return lines


def draw(axes: Axes, record: Record, task: str) -> None:
    """Errors against hops: of test graphs up to 40, and beyond on the graphs of 41 to 80."""
    for number, (model, seeds) in enumerate(runs(record, task).items()):
        for seed in seeds:
            for part, dashes in (("test by hops", "-"), ("beyond by hops", ":")):
                hops, errors = seed[part]["hops"], [max(error, 1e-3) for error in seed[part]["mae"]]
                label = model.split(" | ")[0] if part == "test by hops" and seed is seeds[0] else None
                axes.plot(hops, errors, dashes, color=f"C{number}", linewidth=1.2, label=label)
    axes.axvline(LARGEST, color="0.6", linewidth=0.8)
    name, value = PUBLISHED[task]
    axes.axhline(value, color="0.4", linewidth=0.8, linestyle="--")
    label = {"fontsize": "small", "color": "0.3", "va": "bottom", "ha": "left", "bbox": PLAIN}
    axes.annotate(f"- - {name}, published: {value:g}", (2, 1.2e-3), **label)
    axes.set(title=TITLES[task], xlabel="hops that the question needs", yscale="log", xlim=(0, 81), ylim=(1e-3, 20))
    axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False)


def report(out: Path) -> str:
    """The table of the records of a folder, as the page of results has it."""
    record: Record = json.loads((out / "model.json").read_text())
    lines = [*table(record), *transfers(record)]
    if (out / "match.json").exists():
        lines += matches(json.loads((out / "match.json").read_text()))
    return "\n".join(line.rstrip() for line in lines)


def main() -> None:
    """Print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/longrange"))
    out = parser.parse_args().out
    print(report(out))
    record: Record = json.loads((out / "model.json").read_text())
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    for axes, task in zip(figure.subplots(1, 3, sharey=True), TITLES, strict=True):
        draw(axes, record, task)
    figure.axes[0].set_ylabel("mean absolute error in hops")
    figure.suptitle("One line a seed. Solid: test graphs of 17 to 40 hops. Dotted: graphs of 41 to 80", fontsize=9)
    figure.savefig(out / "model.png", dpi=130)


if __name__ == "__main__":
    main()
