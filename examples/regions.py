"""Regions of a picture as a graph: how far they are from one another, and how far graph convolutions look.

scikit-image's picture of a cup of coffee is cut into superpixels by its own SLIC, and each becomes a node, joined to
those that it touches, with its mean colour and its centroid as features. Drawn over the picture:

- the graph;
- how many hops each region is from the one in the middle: a GCN needs as many layers to bring it there;
- how much each moves the state of the middle one in a GCN of four layers, as it is before training (the mean over its
  first weights from several seeds): the norm of that block of the Jacobian. What shows in grey moves it not at all.

What to expect: the coloured part of the third picture is exactly what is within four hops in the second, and what is
four hops away counts a fiftieth, or less, of the region itself: reach is what may be used, not what is.

``python examples/regions.py`` takes a few seconds and writes regions.png and regions.json; ``--picture astronaut``, or
another colour picture that comes with scikit-image, is cut in the same way.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import skimage.data
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from skimage.segmentation import slic
from torch import Tensor

import graphseq as gs
from graphseq import _files, seeding
from graphseq.plot.cones import shared_norm
from graphseq.plot.regions import COLOURS
from graphseq.training.history import machine

PICTURES = ("astronaut", "chelsea", "coffee", "rocket")  # in colour, and part of the package itself
LAYERS, HIDDEN, SEEDS = 4, 16, 10


def cut(picture: str, regions: int) -> tuple[Tensor, Tensor]:
    """The picture (R, W, 3) from 0 to 1, and which superpixel each pixel belongs to, (R, W)."""
    pixels = getattr(skimage.data, picture)()
    labels = slic(pixels, n_segments=regions, compactness=25, start_label=0)
    return torch.from_numpy(pixels / 255.0).float(), torch.from_numpy(labels)


def influence(graph: gs.SpaceTimeGraph, asked: int) -> Tensor:
    """How much each region moves the state of ``asked``, the mean over several untrained GCNs, (N,)."""
    found = []
    for seed in range(SEEDS):
        with seeding.forked(seed, seeding.BUILD):
            gcn = gs.nn.GCN(graph.x.shape[1], HIDDEN, LAYERS).double()
        found.append(gs.reach.influence(gcn, graph, outputs=torch.tensor([asked]))[0])
    return torch.stack(found).mean(dim=0)


def figure(image: Tensor, labels: Tensor, graph: gs.SpaceTimeGraph, asked: int, hops: Tensor, moved: Tensor) -> Figure:
    """The graph, the hops and the influence, each over the picture."""
    drawing = Figure(figsize=(12.5, 3.2), layout="constrained")
    panels = drawing.subplots(1, 3)
    farthest = int(hops.max())
    steps = BoundaryNorm([0.5 + hop for hop in range(farthest + 1)], 256)
    scale = shared_norm([moved])
    gs.plot.draw_regions(panels[0], image, labels, graph)
    panels[0].set_title(f"{graph.num_rows} regions, {graph.edge_index.shape[1] // 2} pairs that touch")
    gs.plot.draw_regions(panels[1], image, labels, graph, hops.float(), norm=steps, marked=asked)
    panels[1].set_title("how far the one with the star is")
    gs.plot.draw_regions(panels[2], image, labels, graph, moved, norm=scale, marked=asked)
    panels[2].set_title(f"{int((moved > 0).sum())} move it in a GCN of {LAYERS} layers")
    bar = drawing.colorbar(ScalarMappable(steps, COLOURS), ax=panels[1], shrink=0.8, ticks=range(1, farthest + 1))
    bar.set_label("hops")
    drawing.colorbar(ScalarMappable(scale, COLOURS), ax=panels[2], shrink=0.8).set_label("influence; grey: none")
    return drawing


def main(out: Path, picture: str = "coffee", regions: int = 150, overwrite: bool = False) -> dict[str, Any]:
    """Cut, measure, draw, write, and return the record."""
    files = [out / "regions.png", out / "regions.json"]
    there = [str(file) for file in files if file.exists()]
    if there and not overwrite:
        raise FileExistsError(f"{', '.join(there)} already there; choose another --out, or add --overwrite")
    image, labels = cut(picture, regions)
    graph = gs.region_graph(image, labels)
    asked = int((graph.x[:, -2:] - 0.5).square().sum(dim=1).argmin())
    hops, moved = gs.reach.hop_distances(graph, torch.tensor([asked]))[0], influence(graph, asked)
    profile = gs.reach.by_hop(moved[None], hops[None])
    config = {"picture": picture, "regions asked for": regions, "layers": LAYERS, "hidden": HIDDEN, "seeds": SEEDS}
    record: dict[str, Any] = {"config": config, "machine": {**machine(), "scikit-image": version("scikit-image")}}
    record |= {"regions": graph.num_rows, "touching": graph.edge_index.shape[1] // 2, "asked": asked}
    record |= {"regions by hop": hops.bincount().tolist(), "influence by hop": profile.value.tolist()}
    record["mean influence by hop"] = [float(moved[hops == hop].mean()) for hop in range(int(hops.max()) + 1)]
    out.mkdir(parents=True, exist_ok=True)
    drawing = figure(image, labels, graph, asked, hops, moved)
    _files.write(files[0], lambda file: drawing.savefig(file, format="png", dpi=110), overwrite=overwrite)
    _files.write_text(files[1], json.dumps(record, indent=1) + "\n", overwrite=overwrite)
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/regions"), help="folder for picture and numbers")
    parser.add_argument("--picture", default="coffee", choices=PICTURES, help="of scikit-image")
    parser.add_argument("--regions", type=int, default=150, help="how many superpixels SLIC is asked for")
    parser.add_argument("--overwrite", action="store_true", help="replace what is already there")
    options = parser.parse_args()
    try:
        found = main(options.out, options.picture, options.regions, options.overwrite)
        print(json.dumps({key: found[key] for key in ("regions by hop", "mean influence by hop")}))
    except FileExistsError as refusal:
        parser.error(str(refusal))
