"""Graph convolutions against PyG, and against their matrix products alone.

Forward and backward of one layer, and a whole training step of an 8-layer GCN (loss, gradients, Adam), as PyG's
``GCNConv`` on an ``edge_index``, as the same layer on a sparse Â made beforehand, and as graphseq, all with the same
weights; outputs and gradients agree to 1e-5 of the largest. The lower bound is the dense products alone: X W forward,
G Wᵀ and Xᵀ G backward, layer by layer, each into a new tensor, as in any model; "in place" is the same into an existing
tensor, which takes half the time at a million rows, where new memory pages are expensive. The record also has the time
to copy the bytes that must move: X, Y, G and the gradient in X, once each, and X once more for the gradient in W.

    OMP_NUM_THREADS=2 python benchmarks/gcn.py --out gcn.json
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch_geometric.nn import GCNConv as PyGConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from turns import compared, in_turn

import graphseq as gs
from graphseq.data.topology import Topology
from graphseq.training.history import machine

LAYERS = 8
Pass = Callable[[], Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


def paths(rows: int, count: int = 1) -> Tensor:
    """Return the edges of a number of paths, in both directions."""
    forth = torch.arange(rows - 1) + rows * torch.arange(count)[:, None]
    return both(torch.stack([forth.flatten(), forth.flatten() + 1]))


def both(edges: Tensor) -> Tensor:
    """Return the edges in both directions."""
    return torch.cat([edges, edges.flip(0)], dim=1)


def from_networkx(graph: nx.Graph) -> Tensor:
    """Return the edges in both directions, with renumbered nodes."""
    return both(torch.tensor(list(nx.convert_node_labels_to_integers(graph).edges)).t())


def directed(rows: int, seed: int) -> Tensor:
    """Return five random edges out of each row."""
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.arange(rows).repeat(5), torch.randint(rows, (5 * rows,), generator=generator)])


def graphs(scale: float, seed: int) -> dict[str, tuple[Tensor, int, int]]:
    """Return edges, rows and channels by name: paths of three sizes, and other graphs."""
    few, some, many = (max(10, int(scale * rows)) for rows in (3840, 100_000, 1_000_000))
    side = int(some**0.5)
    return {
        f"{few // 30 or 1} paths of 30 rows": (paths(30, few // 30 or 1), 30 * (few // 30 or 1), 128),
        "one path, 64 channels": (paths(some), some, 64),
        "one path, 16 channels": (paths(many), many, 16),
        "random regular": (from_networkx(nx.random_regular_graph(4, some // 2 * 2, seed=seed)), some // 2 * 2, 64),
        "power law": (from_networkx(nx.barabasi_albert_graph(some, 3, seed=seed)), some, 64),
        "grid": (from_networkx(nx.grid_2d_graph(side, side)), side * side, 64),
        "directed": (directed(some, seed), some, 64),
        "directed, weighted": (directed(some, seed), some, 64),
    }


def as_pyg(edge_index: Tensor, weight: Tensor | None, rows: int, layers: list[gs.nn.GCNConv]) -> dict[str, list[Pass]]:
    """Return PyG's layers with these weights: on edges, as a user would write it, and on a sparse Â made beforehand."""
    index, value = gcn_norm(edge_index, weight, rows)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse")
        sparse = torch.sparse_coo_tensor(index.flip(0), value, (rows, rows)).coalesce().to_sparse_csr()
    contenders: dict[str, list[Pass]] = {"PyG, edge_index": [], "PyG, sparse": []}
    for layer in layers:
        for name, given, normalize in (
            ("PyG, edge_index", (edge_index, weight), True),
            ("PyG, sparse", (sparse,), False),
        ):
            conv = PyGConv(layer.in_channels, layer.out_channels, normalize=normalize).to(edge_index.device)
            conv.load_state_dict(layer.state_dict())
            contenders[name].append(Called(conv, given))
    return contenders


class Called(torch.nn.Module):
    """A convolution and the graph on which it is called."""

    def __init__(self, conv: torch.nn.Module, given: tuple[Tensor | None, ...]) -> None:
        super().__init__()
        self.conv, self.given = conv, given

    def forward(self, x: Tensor) -> Tensor:
        """States from states."""
        out: Tensor = self.conv(x, *self.given)
        return out


class Stacked(torch.nn.Module):
    """Layers with ReLU between them."""

    def __init__(self, layers: list[torch.nn.Module]) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """States after all."""
        for number, layer in enumerate(self.layers):
            x = layer(x.relu() if number else x)
        return x


def gradients_of(model: torch.nn.Module, x: Tensor, g: Tensor) -> Callable[[], list[Tensor]]:
    """Return a forward and a backward pass: the output, and the gradients of x and all weights."""

    def once() -> list[Tensor]:
        x.grad = None
        model.zero_grad()
        out = model(x)
        out.backward(g)
        return [out.detach(), x.grad, *(p.grad for p in model.parameters())]

    return once


def step_of(model: torch.nn.Module, x: Tensor, y: Tensor, loss_of: Loss = cross_entropy) -> Callable[[], Tensor]:
    """Return a training step: cross-entropy of every row, gradients, Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)

    def once() -> Tensor:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return once


def products(x: Tensor, g: Tensor, weight: Tensor, layers: int, *, of_x: bool) -> dict[str, Callable[[], None]]:
    """Return the dense products alone, in both directions; the gradient in the features only if ``of_x``."""
    there = torch.empty_like(x)

    def once(out: Tensor | None = None) -> None:
        for number in range(layers):
            torch.mm(x, weight, out=out)
            torch.mm(g.t(), x)
            if number or of_x:
                torch.mm(g, weight, out=out)

    return {"products": once, "products in place": lambda: once(there)}


def copies(x: Tensor) -> Callable[[], None]:
    """Return five reads or writes of as many bytes; a copy is two of them."""
    there = torch.empty_like(x)

    def once() -> None:
        there.copy_(x)
        x.copy_(there)
        there[: len(x) // 2].copy_(x[: len(x) // 2])

    return once


def measure(
    case: tuple[Tensor, int, int], weighted: bool, rounds: int, seed: int, device: torch.device
) -> dict[str, object]:
    """Measure a layer and a training step of all contenders on one graph."""
    edge_index, rows, channels = case
    torch.manual_seed(seed)
    weight = (torch.rand(edge_index.shape[1]) + 0.5).to(device) if weighted else None
    x, g, y = (tensor.to(device) for tensor in (*torch.randn(2, rows, channels), torch.randint(channels, (rows,))))
    layers = [gs.nn.GCNConv(channels, channels).to(device) for _ in range(LAYERS)]
    edge_index, at = edge_index.to(device), torch.zeros(rows, dtype=torch.long, device=device)
    rows_and_edges = Topology(torch.arange(rows, device=device), at, edge_index, weight)
    graph = gs.SpaceTimeGraph.from_topology(rows_and_edges, x, y=y)
    theirs = as_pyg(edge_index, weight, rows, layers)
    ours = gs.nn.GCN(channels, channels, LAYERS).to(device)
    ours.load_state_dict({f"convs.{n}.{k}": v for n, conv in enumerate(layers) for k, v in conv.state_dict().items()})
    one = {"graphseq": Called(layers[0], (graph.topology.spatial,))} | {
        name: stack[0] for name, stack in theirs.items()
    }
    x_leaf = x.clone().requires_grad_()
    passes = {name: gradients_of(model, x_leaf, g) for name, model in one.items()}
    off = agreement({name: once() for name, once in passes.items()})
    dense = layers[0].lin.weight.detach()
    floor = {**products(x, g, dense, 1, of_x=True), "bytes": copies(x.clone())}
    layer = compared(in_turn({**passes, **floor}, rounds, device), "products", "products in place", "graphseq")
    loss_of = gs.tasks.NodeClassification(graph, num_classes=channels, num_neighbors=[-1]).loss
    steps = {"graphseq": step_of(OnGraph(ours, graph), x, y, loss_of)}
    steps |= {name: step_of(Stacked(stack), x, y) for name, stack in theirs.items()}
    floor = products(x, g, dense, LAYERS, of_x=False)
    turns = in_turn({**steps, **floor}, max(2, rounds // 3), device)
    step = compared(turns, "products", "products in place", "graphseq")
    size = {"rows": rows, "edges": edge_index.shape[1], "channels": channels}
    return {**size, "largest_difference": off, "layer": layer, "training_step": step}


class OnGraph(torch.nn.Module):
    """An encoder on one graph, called with its features alone."""

    def __init__(self, encoder: torch.nn.Module, graph: gs.SpaceTimeGraph) -> None:
        super().__init__()
        self.encoder, self.graph = encoder, graph

    def forward(self, x: Tensor) -> Tensor:
        """States of all rows."""
        out: Tensor = self.encoder(self.graph)
        return out


def agreement(outputs: dict[str, list[Tensor]]) -> float:
    """Return the largest difference from PyG's numbers, relative to the largest number of the tensor."""
    expected = outputs["PyG, edge_index"]
    return max(
        float((a - b).abs().max() / b.abs().max())
        for name in outputs
        for a, b in zip(outputs[name], expected, strict=True)
    )


def main() -> None:
    """Measure, print the results, and write them to the file of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of a layer; a third of it for training steps")
    parser.add_argument("--seed", type=int, default=0, help="of graphs and weights")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these graphs alone")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="where to compute")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    results = {}
    for name, case in graphs(options.scale, options.seed).items():
        if options.only and name not in options.only:
            continue
        row = results[name] = measure(case, "weighted" in name, options.rounds, options.seed, options.device)
        for kind in ("layer", "training_step"):
            ratios = ", ".join(f"{name} {times['times_products']['median']:.2f}" for name, times in row[kind].items())
            print(f"{name}, {kind.replace('_', ' ')}: times the products: {ratios}", flush=True)
    if options.out:
        settings = {"scale": options.scale, "rounds": options.rounds, "seed": options.seed}
        record = {"settings": settings, "results": results, "machine": machine(options.device)}
        options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
