"""The table and the figure of ``molecules.py``, with published results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from graphseq.evaluation.tables import aligned, students_interval
from graphseq.plot.lines import despine

UNITS = {"MUTAG": "accuracy, %", "ESOL": "RMSE, log mol/L", "FreeSolv": "RMSE, kcal/mol"}
# Mean and standard deviation. Xu et al., "How powerful are graph neural networks?", ICLR 2019, table 1: over ten folds;
# of the networks at that one epoch at which the ten, averaged, are best. Wu et al., "MoleculeNet", Chem. Sci. 9, 2018:
# over three random splits, 80 % to train, 10 % to choose by and 10 % to test, GC being their graph convolutions.
PUBLISHED = {
    "WL subtree, Xu et al. 2019": {"MUTAG": (90.4, 5.7)},
    "GCN, Xu et al. 2019": {"MUTAG": (85.6, 5.8)},
    "GIN-0, Xu et al. 2019": {"MUTAG": (89.4, 5.6)},
    "GC, Wu et al. 2018": {"ESOL": (0.97, 0.01), "FreeSolv": (1.40, 0.16)},
    "MPNN, Wu et al. 2018": {"ESOL": (0.58, 0.03), "FreeSolv": (1.15, 0.12)},
}
Record = dict[str, Any]


def table(records: Sequence[Record]) -> str:
    """Return a table with a line for each model: mean and interval on each data set, parameters, core seconds."""
    sets = {record["data"]: UNITS.get(record["data"], record["measure"]) for record in records}
    models = dict.fromkeys(record["model"] for record in sorted(records, key=lambda record: not record["baseline"]))
    cells = {(record["model"], record["data"]): record for record in records}
    heads = [f"{name}: {measure}" for name, measure in sets.items()]
    rows = [["model", *heads, "parameters", "core seconds"]]
    for model in models:
        of_model = [cells.get((model, name)) for name in sets]
        present = [record for record in of_model if record is not None]
        counts = list(dict.fromkeys(f"{record['parameters']:,}" for record in present))
        seconds = f"{sum(record['seconds'] for record in present):.1f}"
        rows.append(
            [model, *("" if record is None else _cell(record) for record in of_model), " to ".join(counts), seconds]
        )
    for name, values in PUBLISHED.items():
        if any(data in values for data in sets):
            published = [_published(data, values[data]) if data in values else "" for data in sets]
            rows.append([f"published: {name}", *published, "", ""])
    return aligned(rows, head=1)


def _cell(record: Record) -> str:
    low, high = students_interval(record["scores"])
    mean = sum(record["scores"]) / len(record["scores"])
    digits = 1 if record["measure"] == "accuracy, %" else 2
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _published(data: str, value: tuple[float, float]) -> str:
    digits = 1 if data == "MUTAG" else 2
    return f"{value[0]:.{digits}f} ± {value[1]:.{digits}f}"


def figure(records: Sequence[Record]) -> Figure:
    """Draw a panel for each data set: dots with intervals, baselines in grey, published results hollow."""
    sets = list(dict.fromkeys(record["data"] for record in records))
    drawing = Figure(figsize=(1.5 + 4.3 * len(sets), 4.6), layout="constrained")
    for axes, data in zip(drawing.subplots(1, len(sets), squeeze=False)[0], sets, strict=True):
        results = [record for record in records if record["data"] == data]
        others = {name: values[data] for name, values in PUBLISHED.items() if data in values}
        for at, record in enumerate(results):
            colour = "0.5" if record["baseline"] else "#0072B2"
            axes.hlines(at, *students_interval(record["scores"]), color=colour, linewidth=2)
            axes.plot(sum(record["scores"]) / len(record["scores"]), at, "o", color=colour)
        for at, (mean, spread) in enumerate(others.values(), start=len(results)):
            axes.hlines(at, mean - spread, mean + spread, color="#D55E00", linewidth=1)
            axes.plot(mean, at, "D", color="#D55E00", markerfacecolor="w")
        axes.set_yticks(range(len(results) + len(others)), [*(record["model"] for record in results), *others])
        axes.invert_yaxis()
        axes.set(title=data, xlabel=UNITS.get(data, results[0]["measure"]))
        despine(axes)
    return drawing
