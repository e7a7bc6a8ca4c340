"""Which pixels each model of ``examples/digits.py`` looks at, drawn from what that script recorded.

Left the mean of the test digits that were measured, and beside it for each model the share that each pixel has in all
influence on a digit's answer: the norm of that block of the Jacobian, over the sum of all, the mean over the digits.
If all pixels counted alike, each would have 1.6 %.

What to expect: "0 hops" rests on few pixels, all of them inside, since the largest over all pixels is that of one; what
reads edges also looks at the empty margins, that there is nothing there. The GCN-LSTMs, which answer from states of
all lines, rest on the upper half, which more states have seen.

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


def figure(record: dict[str, Any]) -> Figure:
    """The mean digit, and a map a model."""
    images, shown = load_digits().images, record["config"]["shown"]
    runs = {name: own[0] for name, own in record["results"].items() if "influence" in own[0]}
    maps = {name: 100 * torch.tensor(run["influence"]).view(8, 8) for name, run in runs.items()}
    columns = (len(maps) + 2) // 2
    drawing = Figure(figsize=(2.3 * columns + 0.8, 5.4), layout="constrained")
    first, *panels = drawing.subplots(2, columns).flat
    first.imshow(images[len(images) // 2 :][:shown].mean(axis=0), cmap="gray_r")
    first.set_title(f"mean of {shown} digits", fontsize=11)
    most = max(float(each.max()) for each in maps.values())
    for panel, (name, each) in zip(panels, maps.items(), strict=False):
        drawn = panel.imshow(each.numpy(), cmap="viridis", vmin=0, vmax=most)
        panel.set_title(name.replace(", ", ":\n", 1), fontsize=11)
    for panel in (first, *panels):
        panel.set(xticks=range(8), yticks=range(8), xlabel="column", ylabel="line")
        panel.tick_params(labelsize=8, length=2)
        panel.set_visible(panel.has_data())
    drawing.colorbar(drawn, ax=panels, shrink=0.6).set_label("share of influence, %")
    return drawing


def main(record: Path, out: Path, overwrite: bool = False) -> Path:
    """Draw, write, and return where it is."""
    drawing = figure(json.loads(record.read_text(encoding="utf-8")))
    out.mkdir(parents=True, exist_ok=True)
    path = out / "influence.png"
    return _files.write(path, lambda to: drawing.savefig(to, format="png", dpi=150), overwrite=overwrite)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=Path, default=Path("docs/digits/digits.json"), help="what was recorded")
    parser.add_argument("--out", type=Path, default=Path("out/digits"), help="folder for the figure")
    parser.add_argument("--overwrite", action="store_true", help="replace what is already there")
    options = parser.parse_args()
    try:
        print("wrote", main(options.record, options.out, options.overwrite))
    except FileExistsError as refusal:
        parser.error(str(refusal))
