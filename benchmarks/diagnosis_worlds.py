"""Further data of ``diagnosis.py``: rings that 1-WL does not tell apart, grids, links, answers at every step."""

from __future__ import annotations

from random import Random
from typing import Any

import networkx as nx
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.transforms import AddRandomWalkPE
from torch_geometric.utils import stochastic_blockmodel_graph, to_undirected

Spec = dict[str, Any]
CLASSES = 5


def _walks(graph: Data, spec: Spec) -> Data:
    return AddRandomWalkPE(walk_length=spec["walks"], attr_name=None)(graph) if spec.get("walks") else graph


def _edges(graph: nx.Graph) -> Tensor:
    one_way = torch.tensor(list(graph.edges), dtype=torch.long).reshape(-1, 2).T
    return torch.cat([one_way, one_way.flip(0)], dim=1)


def cycles(spec: Spec) -> tuple[list[Data], int, int]:
    """A ring, or two rings with as many nodes together: 1-WL gives all nodes one colour."""
    out = []
    for number in range(spec.get("graphs", 200)):
        size, y = int(torch.randint(7, 12, ())), number % 2
        short = int(torch.randint(3, size // 2 + 1, ()))
        graph = nx.disjoint_union(nx.cycle_graph(short), nx.cycle_graph(size - short)) if y else nx.cycle_graph(size)
        label = torch.randint(2, (1,)) if spec.get("labels") == "random" else torch.tensor([y])
        out.append(_walks(Data(x=torch.ones(size, 1), edge_index=_edges(graph), y=label), spec))
    return out, 1 + spec.get("walks", 0), 2


def cubic(spec: Spec) -> tuple[Data, int, int]:
    """Random 3-regular graphs with constant features; the question at each node is if it is in a triangle."""
    parts = [
        nx.circular_ladder_graph(3) if n % 3 == 0 else nx.random_regular_graph(3, 8, seed=spec["seed"] * 100 + n)
        for n in range(spec.get("graphs", 40))
    ]
    graph = nx.disjoint_union_all(parts)
    y = torch.tensor([int(count > 0) for count in nx.triangles(graph).values()])
    drawn = torch.rand(len(y))
    data = Data(x=torch.ones(len(y), 1), edge_index=_edges(graph), y=y, train_mask=drawn < 0.5, val_mask=drawn >= 0.5)
    return _walks(data, spec), 1 + spec.get("walks", 0), 2


def grid(spec: Spec) -> tuple[list[Data], int, int]:
    """A grid whose corner is asked for the class at a node ``hops`` away."""
    side = spec["hops"] // 2 + 1
    graph = nx.convert_node_labels_to_integers(nx.grid_2d_graph(side, spec["hops"] - side + 2))
    far = max(nx.single_source_shortest_path_length(graph, 0).items(), key=lambda pair: pair[1])[0]
    edge_index, mask = _edges(graph), torch.arange(graph.number_of_nodes()) == 0
    if step := spec.get("rewired"):
        edge_index = torch.cat([edge_index, torch.tensor([[0, far], [far, 0]])], dim=1) if step else edge_index
    out = []
    for _ in range(spec.get("graphs", 256)):
        x, y = 0.1 * torch.randn(len(mask), CLASSES + 1), torch.randint(CLASSES, (1,))
        x[far, y], x[0, CLASSES] = 1.0, 1.0
        if spec.get("labels") == "random":
            y = torch.randint(CLASSES, (1,))
        out.append(Data(x=x, edge_index=edge_index, y=y.expand(len(mask)).clone(), train_mask=mask))
    return out, CLASSES + 1, CLASSES


def links(spec: Spec) -> tuple[Data, int, int]:
    """Pairs of a block model: are they of one block? Features show the blocks weakly."""
    each, count = spec.get("each", 60), 3
    edge_index = stochastic_blockmodel_graph([each] * count, torch.eye(count) * 0.15 + 0.02)
    block = torch.arange(count).repeat_interleave(each)
    x = F.one_hot(block, count) * spec.get("signal", 0.7) + torch.randn(len(block), count)
    pairs = torch.randint(len(block), (2, spec.get("pairs", 900)))
    y = (block[pairs[0]] == block[pairs[1]]).long()
    if spec.get("labels") == "random":
        y = torch.randint(2, y.shape)
    return Data(x=x, edge_index=edge_index, edge_label_index=pairs, edge_label=y), count, 2


def heterophily(spec: Spec) -> tuple[Data, int, int]:
    """Two classes of nodes whose edges lead mostly to the other one."""
    each = spec.get("each", 100)
    edge_index = to_undirected(stochastic_blockmodel_graph([each] * 2, torch.tensor([[0.01, 0.08], [0.08, 0.01]])))
    y = torch.arange(2).repeat_interleave(each)
    x = F.one_hot(y, 2) * spec.get("signal", 0.6) + torch.randn(2 * each, 2)
    drawn = torch.rand(len(y))
    return Data(x=x, edge_index=edge_index, y=y, train_mask=drawn < 0.5, val_mask=drawn > 0.5), 2, 2


def echo(spec: Spec) -> tuple[tuple[Tensor, Tensor], int, int]:
    """Sequences that are asked at every step for the token some steps before."""
    tokens = torch.randint(4, (spec.get("sequences", 500), spec["steps"]))
    y = tokens.roll(spec["delay"], dims=1)
    y[:, : spec["delay"]] = -100
    if spec.get("labels") == "random":
        y = torch.where(y >= 0, torch.randint(4, y.shape), y)
    return (F.one_hot(tokens, 4).float(), y), 4, 4


def parity(spec: Spec) -> tuple[tuple[Tensor, Tensor], int, int]:
    """Sequences of bits whose class is the parity of the first few."""
    bits = torch.randint(2, (spec.get("sequences", 1500), spec["steps"]))
    return (F.one_hot(bits, 2).float(), bits[:, : spec.get("bits", 2)].sum(dim=1) % 2), 2, 2


WORLDS = {
    "cycles": cycles,
    "cubic": cubic,
    "grid": grid,
    "links": links,
    "heterophily": heterophily,
    "echo": echo,
    "parity": parity,
}


class OfPairs(nn.Module):
    """Convolutions of PyG, and a linear map of the product and the sum of both states of a pair."""

    def __init__(self, convs: list[nn.Module], width: int, out_channels: int) -> None:
        super().__init__()
        self.convs, self.lin = nn.ModuleList(convs), nn.Linear(2 * width, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor, edge_label_index: Tensor) -> Tensor:
        """Compute the outputs of pairs."""
        for number, conv in enumerate(self.convs):
            x = conv(torch.relu(x) if number else x, edge_index)
        a, b = x[edge_label_index[0]], x[edge_label_index[1]]
        return self.lin(torch.cat([a * b, a + b], dim=1))  # type: ignore[no-any-return]


def further_kinds(seed: int) -> dict[str, tuple[str, str, Spec, Spec]]:
    """Thirty further kinds of planted case, which were added when all rules and thresholds were fixed."""
    r = Random(seed + 77)  # noqa: S311
    w, h = r.choice([16, 24, 32]), r.randint(4, 5)
    ring = {"world": "cycles", "width": w}
    first = {"world": "sequences", "width": w}
    blind, walks = "limited expressivity", {"walks": 6}
    cases: list[tuple[str, str, Spec, Spec]] = [
        ("GIN on one ring or two", blind, {**ring, "family": "GIN", "layers": 3}, walks),
        ("PyG GCN on one ring or two", blind, {**ring, "family": "GCN", "layers": 4}, walks),
        ("GraphConv on one ring or two", blind, {**ring, "family": "GraphConv", "layers": 2}, walks),
        (
            "SAGE on triangles of cubic graphs",
            blind,
            {"world": "cubic", "family": "SAGE", "layers": 3, "width": w},
            walks,
        ),
        (
            "GIN on triangles of cubic graphs",
            blind,
            {"world": "cubic", "family": "GIN", "layers": 4, "width": w},
            walks,
        ),
        ("GIN with walks on rings", "undertrained", {**ring, **walks, "family": "GIN", "layers": 2}, {}),
        (
            "random classes of rings",
            "unlearnable as measured",
            {**ring, "graphs": 400, "labels": "random", "family": "GIN", "layers": 2},
            {},
        ),
        (
            "GCN across a grid",
            "under-reaching",
            {"world": "grid", "hops": h, "family": "GCN", "layers": 2, "width": w},
            {"layers": h},
        ),
        (
            "SAGE across a grid",
            "under-reaching",
            {"world": "grid", "hops": h, "family": "SAGE", "layers": h - 1, "width": w},
            {"layers": h},
        ),
        (
            "GIN far across a grid",
            "under-reaching",
            {"world": "grid", "hops": 8, "family": "GIN", "layers": 4, "width": w},
            {"hops": 2, "layers": 2},
        ),
        (
            "GCN far across a grid",
            "over-squashing",
            {"world": "grid", "hops": 15, "family": "GCN", "layers": 15, "width": w},
            {"hops": 2, "layers": 2},
        ),
        (
            "fresh SAGE on a grid",
            "undertrained",
            {"world": "grid", "hops": 2, "family": "SAGE", "layers": 2, "width": w},
            {},
        ),
        (
            "trained GCN on a grid",
            "solved",
            {"world": "grid", "hops": 2, "family": "GCN", "layers": 2, "width": 32, "trained": 400},
            {},
        ),
        (
            "dead GCN on a grid",
            "dead path",
            {"world": "grid", "hops": 3, "family": "GCN", "layers": 3, "width": w, "spoilt": "dead"},
            {"spoilt": None},
        ),
        (
            "large weights on a grid",
            "exploding gradient",
            {"world": "grid", "hops": 3, "family": "SAGE", "layers": 4, "width": w, "spoilt": "large"},
            {"spoilt": None, "layers": 3},
        ),
        (
            "random classes on a grid",
            "unlearnable as measured",
            {"world": "grid", "hops": 2, "labels": "random", "family": "GCN", "layers": 2, "width": w},
            {},
        ),
        ("fresh GCN on links", "undertrained", {"world": "links", "family": "GCN", "layers": 2, "width": w}, {}),
        (
            "random links",
            "unlearnable as measured",
            {"world": "links", "labels": "random", "family": "SAGE", "layers": 2, "width": w},
            {},
        ),
        (
            "fresh SAGE under heterophily",
            "undertrained",
            {"world": "heterophily", "family": "SAGE", "layers": 2, "width": w},
            {},
        ),
        (
            "deep GCN under heterophily",
            "over-smoothing",
            {"world": "heterophily", "family": "GCN", "layers": 30, "width": 8},
            {"family": "SAGE", "layers": 2, "width": 16},
        ),
        (
            "trained SAGE under heterophily",
            "no sign of a long-range problem",
            {
                "world": "heterophily",
                "signal": 0.3,
                "family": "SAGE",
                "layers": 2,
                "width": 16,
                "trained": 80,
                "each": 150,
            },
            {},
        ),
        (
            "MLP that cannot hear its neighbours",
            "under-reaching",
            {"world": "heterophily", "signal": 0.2, "each": 150, "family": "MLP", "layers": 2, "width": w},
            {"family": "SAGE", "layers": 2},
        ),
        (
            "fresh GRU on an echo",
            "undertrained",
            {"world": "echo", "steps": 10, "delay": r.randint(1, 2), "family": "GRU", "width": 32, "asked": None},
            {},
        ),
        (
            "convolutions on a long echo",
            "under-reaching",
            {"world": "echo", "steps": 14, "delay": 7, "family": "Conv", "layers": 2, "width": w},
            {"layers": 7},
        ),
        (
            "random classes at every step",
            "unlearnable as measured",
            {"world": "echo", "steps": 8, "delay": 1, "labels": "random", "family": "GRU", "width": w},
            {},
        ),
        (
            "GRU of one unit on an echo",
            "capacity",
            {"world": "echo", "steps": 12, "delay": 4, "family": "GRU", "width": 1},
            {"width": 48, "delay": 2},
        ),
        (
            "fresh LSTM on the parity of two bits",
            "undertrained",
            {"world": "parity", "steps": 4, "bits": 2, "family": "GRU", "width": 32},
            {},
        ),
        (
            "forgetting LSTM on the parity of two bits",
            "vanishing gradient",
            {"world": "parity", "steps": 60, "bits": 2, "family": "LSTM", "width": 32, "spoilt": "forgetting"},
            {"spoilt": None, "steps": 4, "family": "GRU"},
        ),
        (
            "latched GRU",
            "dead path",
            {**first, "steps": 8, "family": "RNN", "spoilt": "latched", "width": 24},
            {"spoilt": None, "steps": 4},
        ),
        (
            "detached SAGE on a grid",
            "dead path",
            {"world": "grid", "hops": 3, "family": "SAGE", "layers": 3, "width": 3, "spoilt": "detached"},
            {"spoilt": None, "width": 32},
        ),
    ]
    return {name: (fault, "new", spec, twin) for name, fault, spec, twin in cases}
