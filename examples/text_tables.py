"""Tables and figures of the trainings on texts recorded by ``benchmarks/text_rows.py``, beside the reference's results.

From ``rows.json`` it prints and writes the table of six rows, with the reference's accuracy and loss beside those of
its set-up and of the improved one here, each with bits per character on held-out text; samples during training (tables
1 to 3: lengths 10, 30 and 60 after 100, 1000, 2000, 5000 and 8400 steps); greedy samples and those at temperatures
0.5, 1 and 2 (tables 4 and 5: lengths 60 and 120); continuations of the book; and the accuracy and loss of 2 × 128 and
2 × 512 during training (figures 5 and 6). From first_characters.json beside it, where it is there, come texts whose
first character is drawn from all characters, from capitals and from small letters. Rows without a run are marked. The
bits in the figures are of 500 windows of the held-out text, those in the table of all of it.

Result: every improved row is above the reference in accuracy; greedy texts repeat themselves, and those at temperature
2 have few words.

    python examples/text_tables.py --rows docs/text/rows.json --out docs/text
"""

from __future__ import annotations

import argparse
import json
import math
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from graphseq import _files
from graphseq.cli.messages import refusals

Rows = dict[tuple[str, str], dict[str, Any]]  # by row of the table, and set-up
NAMES = {
    "grimms_2x128": "grimms_fairy_tails, 2 × 128",
    "grimms_2x256": "grimms_fairy_tails, 2 × 256",
    "grimms_2x512": "grimms_fairy_tails, 2 × 512",
    "grimms_3x128": "grimms_fairy_tails, 3 × 128",
    "NL_darwin_2x128": "NL_darwin, 2 × 128",
    "EN_democracy_2x128": "EN_democracy, 2 × 128",
}
REFERENCE = {
    "grimms_2x128": "63.7 %  1.1",
    "grimms_2x256": "69.01 % 0.98",
    "grimms_2x512": "75 %    0.75",
    "grimms_3x128": "64.64 % 1.15",
    "NL_darwin_2x128": "60 %    1.29",
    "EN_democracy_2x128": "67.0 %  1.08",
}
FURTHER = {"half": "2 × 352", "quarter": "fewer steps", "dropout": "dropout of 0.2"}
LABELS = {"reference": "its set-up, here", **FURTHER}
STEPS, NOT_RUN = (100, 1000, 2000, 5000, 8400), "not run"
FIGURES = {"figure5.png": "grimms_2x128", "figure6.png": "grimms_2x512"}


def read(file: Path) -> Rows:
    """Return the recorded trainings by row and set-up."""
    return {(row["row"], row["setup"]): row for row in json.loads(file.read_text(encoding="utf-8"))}


def table(rows: Rows) -> str:
    """Return a table with a line for each row: training accuracy and loss, and bits per character on held-out text."""
    lines = [
        f"{'':28} {'reference':14} {'its set-up, here':22} {'improved':22}",
        f"{'':28} {'acc.    loss':14} {'acc.    loss   bits':22} {'acc.    loss   bits':22}",
    ]
    for key, name in NAMES.items():
        cells = [f"{_cell(rows.get((key, setup))):22}" for setup in ("reference", "improved")]
        lines.append(f"{name:28} {REFERENCE[key]:14} {' '.join(cells)}".rstrip())
    for (key, setup), row in rows.items():
        if setup in FURTHER:
            share = row["multiply_adds"] / row["reference_multiply_adds"]
            lines.append(f"{f'{NAMES[key]}: {FURTHER[setup]}, {share:.0%} of its compute':66} {_cell(row)}")
    return "\n".join(lines)


def _cell(row: dict[str, Any] | None) -> str:
    return NOT_RUN if row is None else f"{row['accuracy']:.2%} {row['loss']:.3f}  {row['bits_in_windows']:.3f}"


def samples(row: dict[str, Any]) -> str:
    """Return tables 1 to 5, of samples during and after training, and continuations of the book."""
    reports, lines = {report["step"]: report for report in row["reports"]}, []
    for number, length in enumerate((10, 30, 60), start=1):
        lines.append(f"\nTable {number}: {length} characters during training, greedy and at temperature 1")
        for step in (step for step in STEPS if step in reports):
            greedy, drawn = (_sample(reports[step], temperature, length) for temperature in (0, 1))
            lines.append(f"{step:6}  {greedy}\n{'':6}  {drawn}")
    last = row["reports"][-1]
    for number, length in ((4, 60), (5, 120)):
        lines.append(f"\nTable {number}: {length} characters after step {last['step']}")
        for temperature in (0, 0.5, 1, 2):
            method = f"at {temperature:g}" if temperature else "greedy"
            lines.append(f"{method:>6}  {_sample(last, temperature, length)}")
    completions = row["completions"]
    lines.append(f"\nContinuations of {completions['prompt']!r}")
    lines += [f"{method:>21}  {text!r}" for method, text in completions.items() if method != "prompt"]
    return "\n".join(lines)


def _sample(report: dict[str, Any], temperature: float, length: int) -> str:
    return repr(
        next(s["text"] for s in report["samples"] if (s["temperature"], len(s["text"])) == (temperature, length))
    )


def by_first_character(record: dict[str, Any]) -> str:
    """Return a table for each set that the first character is drawn from, of the reference's set-up in training."""
    texts, lines = record["samples"], []
    for name in ("all", "capitals", "small letters"):
        lines.append(f"\nFirst character drawn from {name}: 10, 30 and 60 characters during training, greedy")
        for step in map(str, STEPS):
            if name not in texts.get(step, {}):
                lines.append(f"{step:>6}  {NOT_RUN}")
                continue
            lines += [f"{step if number == 0 else '':>6}  {text!r}" for number, text in enumerate(texts[step][name])]
    return "\n".join(lines)


def figure(rows: Rows, key: str) -> Figure | None:
    """Draw accuracy and loss during training, with the reference's final values; ``None`` if no run is recorded."""
    setups = {setup: row for (name, setup), row in rows.items() if name == key}
    if not setups:
        return None
    drawing = Figure(figsize=(12, 3.6), layout="constrained")
    panels = dict(zip(("accuracy", "loss", "bits"), drawing.subplots(1, 3), strict=True))
    for setup, row in setups.items():
        curves = row["curves"]
        for measure in ("accuracy", "loss"):
            panels[measure].plot(curves["step"], curves[measure], label=LABELS.get(setup, setup), linewidth=1)
        reports = row["reports"][1:]
        panels["bits"].plot(
            [report["step"] for report in reports], [report["bits"] for report in reports], ".-", linewidth=1
        )
    for measure, value in next(iter(setups.values()))["reference"].items():
        panels[measure].axhline(value, color="k", linestyle="--", linewidth=0.8, label="reference, final")
    panels["accuracy"].set(title=f"{NAMES[key]}: accuracy", xlabel="step")
    panels["loss"].set(title="training loss (nats per character)", xlabel="step", ylim=(None, math.log(12)))
    panels["bits"].set(title="held-out text (bits per character)", xlabel="step")
    panels["accuracy"].legend(fontsize="small")
    return drawing


def main(file: Path, out: Path) -> str:
    """Print the tables; write tables and figures, replacing existing ones."""
    rows = read(file)
    small = rows.get(("grimms_2x128", "improved"))
    text = f"{table(rows)}\n{samples(small) if small else 'Tables 1 to 5: not run'}\n"
    if (first := file.with_name("first_characters.json")).exists():
        text += by_first_character(json.loads(first.read_text(encoding="utf-8"))) + "\n"
    out.mkdir(parents=True, exist_ok=True)
    _files.write_text(out / "tables.txt", text, overwrite=True)
    for name, key in FIGURES.items():
        drawing = figure(rows, key)
        if drawing is not None:
            save = partial(drawing.savefig, format="png", dpi=150)
            _files.write(out / name, save, overwrite=True)
    print(text)
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows", type=Path, default=Path("docs/text/rows.json"), help="the record of benchmarks/text_rows.py"
    )
    parser.add_argument("--out", type=Path, default=Path("out/text_tables"), help="folder for tables and figures")
    arguments = parser.parse_args()
    with refusals(parser, record=arguments.rows):
        main(arguments.rows, arguments.out)
