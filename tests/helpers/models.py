"""Models of PyG's kinds, and a batch of graphs to call them on."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.utils import to_dense_batch

F64 = torch.float64


def graph(nodes: int, edges: int, seed: int, isolated: int = 1) -> Data:
    """A random directed graph with features of edges, whose last nodes have no edge."""
    g = torch.Generator().manual_seed(seed)
    index = torch.randint(0, nodes - isolated, (2, edges), generator=g)
    # Of several self-loops of a row GCNConv keeps the weight of one, and which is not defined on a CUDA device.
    pairs = index.T.tolist()
    index = index[:, [i != j or [i, j] not in pairs[:at] for at, (i, j) in enumerate(pairs)]]
    edges = index.shape[1]
    return Data(
        x=torch.randn(nodes, 3, generator=g, dtype=F64),
        edge_index=index,
        edge_weight=torch.rand(edges, generator=g, dtype=F64) + 0.5,
        edge_attr=torch.randn(edges, 2, generator=g, dtype=F64),
        pos=torch.randn(nodes, 3, generator=g, dtype=F64),
    )


def batch() -> Batch:
    return Batch.from_data_list([graph(7, 13, 1), graph(5, 8, 2), graph(4, 3, 3, isolated=2)])


class Stack(nn.Module):
    """Two convolutions with a ReLU between them, called with what their signature takes."""

    def __init__(self, *convs: nn.Module) -> None:
        super().__init__()
        self.convs = nn.ModuleList(convs)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for conv in self.convs[:-1]:
            x = torch.tanh(conv(x, edge_index))
        return self.convs[-1](x, edge_index)


class WithEdges(Stack):
    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:  # type: ignore[override]
        for conv in self.convs:
            x = conv(x, edge_index, edge_attr)
        return x


class WithBatch(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.first, self.norm, self.last = pyg.GCNConv(3, 4), norm, pyg.GCNConv(4, 2)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return self.last(self.norm(self.first(x, edge_index), batch).tanh(), edge_index)


class VirtualNode(nn.Module):
    """A node of each graph that hears all nodes, and is heard by all."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.lin, self.last = pyg.GCNConv(3, 4), nn.Linear(4, 4), pyg.GCNConv(4, 2)

    def forward(self, data: Data) -> Tensor:
        x = self.first(data.x, data.edge_index).tanh()
        x = x + self.lin(pyg.global_mean_pool(x, data.batch))[data.batch].sigmoid()
        return self.last(x, data.edge_index)


def mlp(width: int, out: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, 4), nn.Tanh(), nn.Linear(4, out))


DEGREES = torch.tensor([3, 5, 4, 2, 1])
MODELS: dict[str, Callable[[], nn.Module]] = {
    "GCN": lambda: pyg.GCN(3, 4, 3, 2),
    "GCN-norm": lambda: pyg.GCN(3, 4, 3, 2, norm="batch_norm", dropout=0.5),
    "GAT": lambda: pyg.GAT(3, 4, 2, 2, heads=2),
    "GIN": lambda: pyg.GIN(3, 4, 2, 2, act="tanh"),
    "SAGE": lambda: pyg.GraphSAGE(3, 4, 2, 2),
    "SAGE-max": lambda: pyg.GraphSAGE(3, 4, 2, 2, aggr="max"),
    "EdgeCNN": lambda: pyg.EdgeCNN(3, 4, 2, 2, act="tanh"),
    "GraphConv": lambda: Stack(pyg.GraphConv(3, 4), pyg.GraphConv(4, 2)),
    "TAG": lambda: Stack(pyg.TAGConv(3, 4, K=3), pyg.TAGConv(4, 2, K=2)),
    "Cheb": lambda: Stack(pyg.ChebConv(3, 4, K=3), pyg.ChebConv(4, 2, K=2)),
    "SG": lambda: Stack(pyg.SGConv(3, 2, K=3)),
    "APPNP": lambda: Stack(pyg.GCNConv(3, 2), pyg.APPNP(K=4, alpha=0.1)),
    "GatedGraph": lambda: Stack(pyg.GatedGraphConv(4, num_layers=3)),
    "Transformer": lambda: Stack(pyg.TransformerConv(3, 2, heads=2), pyg.TransformerConv(4, 2)),
    "GATv2-edges": lambda: WithEdges(pyg.GATv2Conv(3, 4, edge_dim=2), pyg.GATv2Conv(4, 2, edge_dim=2)),
    "GINE": lambda: WithEdges(pyg.GINEConv(mlp(3, 3), edge_dim=2), pyg.GINEConv(mlp(3, 2), edge_dim=2)),
    "PNA": lambda: Stack(pyg.PNAConv(3, 2, ["mean", "max", "std"], ["identity", "amplification"], DEGREES)),
    "GPS": lambda: WithBatch(pyg.GPSConv(4, None, heads=2)),
    "JumpingKnowledge": lambda: pyg.GCN(3, 4, 3, 2, jk="lstm"),
    "GraphNorm": lambda: WithBatch(pyg.GraphNorm(4)),
    "PairNorm": lambda: WithBatch(pyg.PairNorm()),
    "VirtualNode": VirtualNode,
    "Sequential": lambda: pyg.Sequential(
        "x, edge_index, edge_weight", [(pyg.GCNConv(3, 2), "x, edge_index, edge_weight -> x"), nn.Tanh()]
    ),
}


class GPS(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = pyg.GPSConv(3, pyg.GCNConv(3, 3), heads=1)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return self.conv(x, edge_index, batch)


class TypedEdges(nn.Module):
    """A convolution that takes more than x and edges."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([pyg.RGCNConv(3, 4, 2), pyg.RGCNConv(4, 2, 2)])

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        edge_type = (edge_index[0] > edge_index[1]).long()
        return self.convs[1](self.convs[0](x, edge_index, edge_type).tanh(), edge_index, edge_type)


class Initial(nn.Module):
    """GCNII: every layer reads the first state, too."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([pyg.GCN2Conv(3, 0.1, 0.5, layer) for layer in (1, 2, 3)])

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        h = x
        for conv in self.convs:
            h = conv(h, x, edge_index).tanh()
        return h


class Attention(nn.Module):
    """Attention over the nodes of each graph, padded to the largest."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(3, 1, batch_first=True)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        dense, mask = to_dense_batch(x, batch)
        return self.attention(dense, dense, dense, key_padding_mask=~mask)[0][mask]


MODELS["GPS"] = GPS
MODELS["RGCN"] = TypedEdges
MODELS["GCNII"] = Initial
MODELS["Attention"] = Attention
MODELS["DirGNN"] = lambda: pyg.DirGNNConv(pyg.GCNConv(3, 2))
MODELS["AntiSymmetric"] = lambda: pyg.AntiSymmetricConv(3)


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    return MODELS[name]().double().eval()
