"""The regions of a picture as a graph: their hop distances, and the influence between them in a GCN.

scikit-image's picture of a cup of coffee is divided into superpixels by SLIC. Each is a node with edges to those that
it touches, and with its mean colour and its centroid as features. The panels show, over the picture:

- the graph;
- the hop distance of each region from the one in the middle, which is the number of layers that a GCN needs;
- the influence of each region on the state of the middle one in an untrained GCN of four layers (the norm of its block
  of the Jacobian, averaged over several seeds). Grey regions have no influence.

Result: the coloured regions of the third panel are exactly those within four hops in the second, and at four hops the
influence is a fiftieth, or less, of that of the region itself: a receptive field shows what can be used, not how much.

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
from graphseq.cli.messages import refusals
from graphseq.plot.cones import shared_norm
from graphseq.plot.regions import COLOURS
from graphseq.training.history import machine

PICTURES = ("astronaut", "chelsea", "coffee", "rocket")  # in colour, and part of the package
LAYERS, HIDDEN, SEEDS = 4, 16, 10


def cut(picture: str, regions: int) -> tuple[Tensor, Tensor]:
    """Return the picture (R, W, 3) from 0 to 1, and the superpixel of each pixel, (R, W)."""
    pixels = getattr(skimage.data, picture)()
    labels = slic(pixels, n_segments=regions, compactness=25, start_label=0)
    return torch.from_numpy(pixels / 255.0).float(), torch.from_numpy(labels)


def influence(graph: gs.SpaceTimeGraph, target: int) -> Tensor:
    """Return the influence of each region on the state of ``target``, averaged over several untrained GCNs, (N,)."""
    influences = []
    for seed in range(SEEDS):
        with seeding.forked(seed, seeding.BUILD):
            gcn = gs.nn.GCN(graph.x.shape[1], HIDDEN, LAYERS).double()
        influences.append(gs.reach.influence(gcn, graph, outputs=torch.tensor([target]))[0])
    return torch.stack(influences).mean(dim=0)


def figure(
    image: Tensor, labels: Tensor, graph: gs.SpaceTimeGraph, target: int, hops: Tensor, influences: Tensor
) -> Figure:
    """Draw the graph, the hops and the influence, each over the picture."""
    drawing = Figure(figsize=(12.5, 3.2), layout="constrained")
    panels = drawing.subplots(1, 3)
    farthest = int(hops.max())
    steps = BoundaryNorm([0.5 + hop for hop in range(farthest + 1)], 256)
    scale = shared_norm([influences])
    gs.plot.draw_regions(panels[0], image, labels, graph)
    panels[0].set_title(f"{graph.num_rows} regions, {graph.edge_index.shape[1] // 2} pairs that touch")
    gs.plot.draw_regions(panels[1], image, labels, graph, hops.float(), norm=steps, marked=target)
    panels[1].set_title("hops from the region with the star")
    gs.plot.draw_regions(panels[2], image, labels, graph, influences, norm=scale, marked=target)
    panels[2].set_title(f"{int((influences > 0).sum())} have influence on it in a GCN of {LAYERS} layers")
    bar = drawing.colorbar(ScalarMappable(steps, COLOURS), ax=panels[1], shrink=0.8, ticks=range(1, farthest + 1))
    bar.set_label("hops")
    drawing.colorbar(ScalarMappable(scale, COLOURS), ax=panels[2], shrink=0.8).set_label("influence; grey: none")
    return drawing


def main(out: Path, picture: str = "coffee", regions: int = 150, overwrite: bool = False) -> dict[str, Any]:
    """Divide the picture, measure, draw and save; return the record."""
    files = [out / "regions.png", out / "regions.json"]
    existing = [str(file) for file in files if file.exists()]
    if existing and not overwrite:
        raise FileExistsError(f"{', '.join(existing)} already there; choose another --out, or add --overwrite")
    image, labels = cut(picture, regions)
    graph = gs.region_graph(image, labels)
    target = int((graph.x[:, -2:] - 0.5).square().sum(dim=1).argmin())
    hops, influences = gs.reach.hop_distances(graph, torch.tensor([target]))[0], influence(graph, target)
    profile = gs.reach.by_hop(influences[None], hops[None])
    config = {"picture": picture, "regions asked for": regions, "layers": LAYERS, "hidden": HIDDEN, "seeds": SEEDS}
    record: dict[str, Any] = {"config": config, "machine": {**machine(), "scikit-image": version("scikit-image")}}
    record |= {"regions": graph.num_rows, "touching": graph.edge_index.shape[1] // 2, "asked": target}
    record |= {"regions by hop": hops.bincount().tolist(), "influence by hop": profile.value.tolist()}
    record["mean influence by hop"] = [float(influences[hops == hop].mean()) for hop in range(int(hops.max()) + 1)]
    out.mkdir(parents=True, exist_ok=True)
    drawing = figure(image, labels, graph, target, hops, influences)
    _files.write(files[0], lambda file: drawing.savefig(file, format="png", dpi=110), overwrite=overwrite)
    _files.write_text(files[1], json.dumps(record, indent=1) + "\n", overwrite=overwrite)
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/regions"), help="folder for the figure and the record")
    parser.add_argument("--picture", default="coffee", choices=PICTURES, help="a picture of scikit-image")
    parser.add_argument("--regions", type=int, default=150, help="number of superpixels for SLIC")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    options = parser.parse_args()
    with refusals(parser):
        record = main(options.out, options.picture, options.regions, options.overwrite)
        print(json.dumps({key: record[key] for key in ("regions by hop", "mean influence by hop")}))
