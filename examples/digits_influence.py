"""The influence of each pixel on each model of ``examples/digits.py``, drawn from the record of that script.

The first panel is the mean of the measured test digits. The others show, for each model, each pixel's share of the
influence on the output: the norm of its block of the Jacobian over the sum of all blocks, averaged over the digits.
If all pixels had the same influence, each would have 1.6 %.

Result: "0 hops" depends on few pixels, all of them inside, since max-pooling picks one pixel for each channel. Models
that read edges also depend on the empty margins. The GCN-LSTMs, which pool the states of all lines, depend on the
upper half, which more states have seen.

``python examples/digits_influence.py --record docs/digits/digits.json --out docs/digits`` writes influence.png.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from graphseq import _files
from graphseq.cli.messages import refusals


def figure(record: dict[str, Any]) -> Figure:
    """Draw the mean digit, and a map for each model."""
    images, shown = load_digits().images, record["config"]["shown"]
    runs = {name: of[0] for name, of in record["results"].items() if "influence" in of[0]}
    maps = {name: 100 * torch.tensor(run["influence"]).view(8, 8) for name, run in runs.items()}
    columns = (len(maps) + 2) // 2
    drawing = Figure(figsize=(2.3 * columns + 0.8, 5.4), layout="constrained")
    first, *panels = drawing.subplots(2, columns).flat
    first.imshow(images[len(images) // 2 :][:shown].mean(axis=0), cmap="gray_r")
    first.set_title(f"mean of {shown} digits", fontsize=11)
    largest = max(float(pixels.max()) for pixels in maps.values())
    for panel, (name, pixels) in zip(panels, maps.items(), strict=False):
        image = panel.imshow(pixels.numpy(), cmap="viridis", vmin=0, vmax=largest)
        panel.set_title(name.replace(", ", ":\n", 1), fontsize=11)
    for panel in (first, *panels):
        panel.set(xticks=range(8), yticks=range(8), xlabel="column", ylabel="line")
        panel.tick_params(labelsize=8, length=2)
        panel.set_visible(panel.has_data())
    drawing.colorbar(image, ax=panels, shrink=0.6).set_label("share of influence, %")
    return drawing


def main(record: Path, out: Path, overwrite: bool = False) -> Path:
    """Draw and save the figure; return its path."""
    drawing = figure(json.loads(record.read_text(encoding="utf-8")))
    out.mkdir(parents=True, exist_ok=True)
    path = out / "influence.png"
    return _files.write(path, lambda to: drawing.savefig(to, format="png", dpi=150), overwrite=overwrite)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=Path, default=Path("docs/digits/digits.json"), help="the record of digits.py")
    parser.add_argument("--out", type=Path, default=Path("out/digits"), help="folder for the figure")
    parser.add_argument("--overwrite", action="store_true", help="replace what is already there")
    options = parser.parse_args()
    with refusals(parser, record=options.record):
        print("wrote", main(options.record, options.out, options.overwrite))
