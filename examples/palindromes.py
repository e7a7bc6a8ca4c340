"""Accuracy against palindrome length for plain RNNs and LSTMs, in a reference set-up and an improved one.

The last digit of a palindrome is predicted from the digits before it; it equals the first. Figures 1 to 3 show the RNN,
the LSTM, and both. A digit is given as one number (left) or one-hot (right). Each mark is the mean over seeds, the bar
its 95 % interval (Student's, cut at 0 and 1, from 3 seeds on), a dot one seed, tested on new palindromes. Where both
are drawn, the LSTM is shifted a little to the right, since equal points would hide each other.

- *Reference*: a model for each length, RMSprop, at most 10,000 steps of 128, from torch's initial weights or He's, the
  LSTM also with a bias of 1 in its forget gates.
- *Improved*: one model for all lengths, trained on lengths that double up to the dotted line, within the same steps,
  and tested beyond it. The RNN is initialised with latching units, the LSTM, too, or
  one-hot with gates for long memory.

A fourth figure has the form of the study's own: digits as one number, the lengths on which it drew its curves, and the
number of seeds at each.

Result: the reference RNN is right up to 14 digits, from some seeds farther, and the reference LSTM is at chance at 20.
From He's initial weights it is right at 30, and with a bias of 1 in its forget gates at 100. The improved models are
right at every length up to 10,000 in both encodings, far beyond the training lengths, since a latch keeps its value for
any time.

The numbers come from ``benchmarks/palindromes.py``, which takes hours; this script only draws its record:
``python examples/palindromes.py --records docs/palindromes/results.json --out docs/palindromes``.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from graphseq import _files
from graphseq.cli.messages import refusals

STUDY = "figures_of_the_study.png"
STUDY_LENGTHS = (4, 1000)
FIGURES = {"figure_1_rnn.png": ("RNN",), "figure_2_lstm.png": ("LSTM",), "figure_3_both.png": ("RNN", "LSTM")}
ENCODINGS = {"scalar": "a digit is one number", "one-hot": "a digit is one-hot"}
HE = "reference, He's start"
HE_BIAS = f"{HE}, forget bias 1"
STYLES = {"reference": ("--", "o"), HE: (":", "^"), HE_BIAS: ("-.", "D"), "improved": ("-", "s")}
COUNTED = {"RNN": HE, "LSTM": HE_BIAS}  # the set-up whose seeds are written above, in the study's form
COLOURS = {"RNN": "#0072b2", "LSTM": "#d55e00"}
Curve = dict[int, list[float]]


def curve(records: Sequence[dict[str, Any]], name: str, model: str, encoding: str) -> Curve:
    """Return the scores of all seeds at each test length."""
    scores: Curve = {}
    for record in records:
        config = record["config"]
        if (config["name"], config["model"], config["encoding"]) == (name, model, encoding):
            for test in record["test"]:
                scores.setdefault(test["length"], []).append(test["score"])
    return dict(sorted(scores.items()))


def interval(scores: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean and its 95 % interval over the seeds, cut at 0 and 1; from fewer than 3 seeds the mean alone."""
    mean = statistics.mean(scores)
    if len(scores) < 3:
        return mean, mean, mean
    half = float(stats.t.ppf(0.975, len(scores) - 1)) * statistics.stdev(scores) / len(scores) ** 0.5
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def trained_to(records: Sequence[dict[str, Any]], name: str, model: str, encoding: str) -> int:
    """Return the longest length that a set-up was trained on."""
    configs = [record["config"] for record in records]
    keys = (name, model, encoding)
    return max(max(c["lengths"]) for c in configs if (c["name"], c["model"], c["encoding"]) == keys)


def draw(axes: Axes, records: Sequence[dict[str, Any]], models: Sequence[str], encoding: str) -> None:
    """Draw the curves of some models on one panel."""
    for number, model in enumerate(models):
        for name, (line, mark) in STYLES.items():
            scores_of = curve(records, name, model, encoding)
            if not scores_of:
                continue
            lengths, points = (
                [length * 1.08**number for length in scores_of],
                [interval(scores) for scores in scores_of.values()],
            )
            mean = [point[0] for point in points]
            bars = [[m - low for m, low, _ in points], [high - m for m, _, high in points]]
            counts = sorted({len(scores) for scores in scores_of.values()})
            seeds = (
                f"{counts[0]} seed{'s' * (counts[0] > 1)}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"
            )
            shade = COLOURS[model] if name == "improved" or len(models) > 1 else "#555555"
            axes.errorbar(
                lengths, mean, bars, linestyle=line, marker=mark, color=shade, capsize=3, markersize=5, elinewidth=0.8,
                linewidth=2.5 - 1.2 * number if len(models) > 1 else 1.5,
                markerfacecolor=shade if name == "improved" else "white", label=f"{model}, {name} ({seeds})",
            )  # fmt: skip
            single = [
                (length, score) for length, scores in zip(lengths, scores_of.values(), strict=True) for score in scores
            ]
            axes.scatter(*zip(*single, strict=True), s=9, color=shade, alpha=0.5, linewidths=0)
            if name == "improved":
                longest = trained_to(records, name, model, encoding)
                axes.axvline(longest, color=shade, linewidth=0.8, linestyle=":")
                axes.annotate(
                    f"{model} trained up to {longest:,}", (longest, 0.5), rotation=90, va="center",
                    ha="left" if number else "right", fontsize=8, color=shade,
                )  # fmt: skip
    axes.axhline(0.1, color="#999999", linewidth=0.8)
    axes.annotate("chance", (0.99, 0.1), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8)
    axes.set(xscale="log", ylim=(0, 1.04), xlabel="palindrome length (digits)", title=ENCODINGS[encoding])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    low, high = axes.get_xlim()
    if high < 10 * low:  # of which matplotlib names lengths between powers of ten, too
        axes.xaxis.set_minor_formatter(lambda value, _: f"{value:.0f}" if abs(value - round(value)) < 1e-6 else "")
    axes.spines[["top", "right"]].set_visible(False)


def figure(records: Sequence[dict[str, Any]], models: Sequence[str]) -> Figure:
    """Draw a panel for each encoding, with the legend below."""
    drawing = Figure(figsize=(11, 5.4), layout="constrained")
    panels = drawing.subplots(1, len(ENCODINGS), sharey=True, sharex=True)
    for panel, encoding in zip(panels, ENCODINGS, strict=True):
        draw(panel, records, models, encoding)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False, fontsize=9)
        else:
            panel.text(0.5, 0.5, "no runs", ha="center", transform=panel.transAxes)
    panels[0].set_ylabel("accuracy on the last digit")
    return drawing


def study(records: Sequence[dict[str, Any]]) -> Figure:
    """Draw the study's figures 1 to 3 on digits as one number: the RNN, the LSTM, and both beside the improved ones."""
    drawing = Figure(figsize=(13, 4.4), layout="constrained")
    panels = drawing.subplots(1, 3, sharey=True)
    small = [name for name in STYLES if name != "improved"]
    for panel, models, names in zip(panels, FIGURES.values(), (small, small, list(STYLES)), strict=True):
        for number, model in enumerate(models):
            for name in names:
                if len(models) == 1 or name != "reference":
                    study_curve(panel, curve(records, name, model, "scalar"), name, model, 1.06**number)
                    if len(models) == 1 and name == COUNTED[model]:
                        seeds_above(panel, curve(records, name, model, "scalar"), COLOURS[model])
        panel.axhline(0.1, color="#999999", linewidth=0.8)
        panel.set(xscale="log", ylim=(0, 1.08), xlabel="palindrome length (digits)", title=" and ".join(models))
        lengths = (4, 6, 8, 10, 14, 20, 30, 100, *((300, 1000) if len(models) > 1 else ()))
        panel.set_xlim(3.6, 1.2 * lengths[-1])
        panel.set_xticks(lengths, [f"{length:,}" for length in lengths], minor=False)
        panel.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        panel.spines[["top", "right"]].set_visible(False)
        title = f"above: seeds of {COUNTED[models[0]].removeprefix('reference, ')}" if len(models) == 1 else ""
        if panel.get_legend_handles_labels()[0]:
            panel.legend(
                loc="upper center", bbox_to_anchor=(0.5, -0.17), frameon=False, fontsize=9, title=title,
                title_fontsize=8,
            )  # fmt: skip
        else:
            panel.text(0.5, 0.5, "no runs", ha="center", transform=panel.transAxes)
    panels[0].annotate("chance", (0.99, 0.1), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8)
    panels[0].set_ylabel("accuracy on the last digit")
    return drawing


def study_curve(axes: Axes, scores_of: Curve, name: str, model: str, shift: float) -> None:
    """Draw the mean over seeds at each length, and every seed as a dot."""
    first, last = STUDY_LENGTHS
    scores_of = {length: scores for length, scores in scores_of.items() if first <= length <= last}
    if not scores_of:
        return
    line, mark = STYLES[name]
    shade = "#777777" if name == "reference" else COLOURS[model]
    face = shade if name == "improved" else "white"
    axes.plot(
        [length * shift for length in scores_of], [statistics.mean(scores) for scores in scores_of.values()],
        linestyle=line, marker=mark, markersize=5, color=shade, markerfacecolor=face, label=f"{model}, {name}",
    )  # fmt: skip
    for length, scores in scores_of.items():
        axes.scatter([length * shift] * len(scores), scores, s=9, color=shade, alpha=0.5, linewidths=0)


def seeds_above(axes: Axes, scores_of: Curve, shade: str) -> None:
    """Write the number of seeds above each length."""
    for length, scores in scores_of.items():
        axes.annotate(str(len(scores)), (length, 1.03), ha="center", fontsize=7, color=shade)


def main(records: Path, out: Path, overwrite: bool = False) -> list[Path]:
    """Draw and save the four figures; return their paths."""
    files = [out / name for name in (*FIGURES, STUDY)]
    existing = [str(file) for file in files if file.exists()]
    if existing and not overwrite:
        raise FileExistsError(f"{', '.join(existing)} already there; choose another --out, or add --overwrite")
    runs = json.loads(records.read_text())["records"]
    out.mkdir(parents=True, exist_ok=True)
    drawings = [*(figure(runs, models) for models in FIGURES.values()), study(runs)]
    for file, drawing in zip(files, drawings, strict=True):
        _files.write(file, lambda to, f=drawing: f.savefig(to, format="png", dpi=150), overwrite=overwrite)
    return files


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--records",
        type=Path,
        default=Path("docs/palindromes/results.json"),
        help="the record of benchmarks/palindromes.py",
    )
    parser.add_argument("--out", type=Path, default=Path("out/palindromes"), help="folder for the figures")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    options = parser.parse_args()
    with refusals(parser, record=options.records):
        print("wrote", *main(options.records, options.out, options.overwrite))
