"""The report of a diagnosis: a PyG GCN of three layers, asked about features four hops away.

Eight groups of six are joined in a ring. The label of a node is the sign of the mean feature of the nodes at four hops,
which three layers do not reach. The report says so, and draws the receptive field of one answer, influence by distance
beside the closed form, smoothness and gradient over the layers, and the bottlenecks between the groups.

Run it with ``python examples/report.py``; it takes half a minute and writes report.html, report.pdf and report.png.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import networkx as nx
import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import GCN
from torch_geometric.utils import from_networkx

import graphseq as gs
from graphseq.cli.messages import refusals

FILES = ("report.html", "report.pdf", "report.png")


def graph(groups: int = 8, size: int = 6, hops: int = 4) -> Data:
    """Return groups in a ring, features of 8 numbers, and labels from the nodes at some hops."""
    data = from_networkx(nx.connected_caveman_graph(groups, size))
    data.x = torch.randn(data.num_nodes, 8, generator=torch.Generator().manual_seed(0))
    is_far = (gs.reach.measures.distances(data) == hops).float()
    data.y = (is_far @ data.x[:, 0] > 0).long()
    return data


def accuracy(output: Tensor, y: Tensor) -> Tensor:
    """Return the share of right answers."""
    return (output.argmax(dim=-1) == y).float().mean()


def main(out: Path, overwrite: bool = False, steps: int = 150) -> gs.reach.Diagnosis:
    """Diagnose, print the finding, and write the report to ``out``."""
    files = [out / name for name in FILES]
    existing = [str(file) for file in files if file.exists()]
    if existing and not overwrite:
        raise FileExistsError(f"{', '.join(existing)} already there; choose another --out, or add --overwrite")
    torch.manual_seed(0)
    model = GCN(8, 32, num_layers=3, out_channels=2)
    found = gs.reach.diagnose(model, graph(), loss=F.cross_entropy, score=accuracy, hops=4, steps=steps)
    print(found)
    out.mkdir(parents=True, exist_ok=True)
    found.to_html(files[0], overwrite=overwrite)
    found.to_pdf(files[1], overwrite=overwrite)
    found.plot().savefig(files[2], dpi=110)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/report"), help="folder for the report")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    arguments = parser.parse_args()
    with refusals(parser):
        main(arguments.out, arguments.overwrite)
