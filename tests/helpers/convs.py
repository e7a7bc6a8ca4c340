"""Every convolution of PyG that is called as conv(x, edge_index), as a factory of in and out channels."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn

import graphseq as gs

WIDTH = 4  # in and out channels; some convolutions keep the width
FEATURES = 2  # of an edge, where a convolution reads them
Factory = Callable[[int, int], nn.Module]


def mlp(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(in_channels, 8), nn.Tanh(), nn.Linear(8, out_channels))


class TwoSteps(nn.Module):
    """Two convolutions in a module that no table knows."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first, self.second = pyg.SAGEConv(in_channels, 5), pyg.TAGConv(5, out_channels, K=2)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out: Tensor = self.second(self.first(x, edge_index).tanh(), edge_index)
        return out


class NoOwn(pyg.MessagePassing):  # type: ignore[misc]
    """A convolution of one's own, of the rows that lead to a row and not the row itself."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(aggr="add")
        self.lin = nn.Linear(in_channels, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out: Tensor = self.propagate(edge_index, x=self.lin(x))
        return out


class OverBatch(nn.Module):
    """A convolution that adds the mean over all rows of each graph, which it is told by ``batch``."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = pyg.GraphConv(in_channels, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor | None = None) -> Tensor:
        batch = edge_index.new_zeros(len(x)) if batch is None else batch
        out = self.conv(x, edge_index).tanh()
        return out + pyg.global_mean_pool(out, batch)[batch]


PNA = {"aggregators": ["mean", "std"], "scalers": ["identity", "amplification"], "deg": torch.tensor([1, 2, 2, 1])}

WEIGHTED: dict[str, Factory] = {  # that take edge_weight
    "GCNConv": gs.nn.GCNConv,
    "pyg.GCNConv": pyg.GCNConv,
    "pyg.GCNConv-no-loops": lambda a, b: pyg.GCNConv(a, b, add_self_loops=False),
    "pyg.GCNConv-plain": lambda a, b: pyg.GCNConv(a, b, normalize=False),
    "pyg.GCNConv-against": lambda a, b: pyg.GCNConv(a, b, flow="target_to_source"),
    "pyg.GCNConv-no-loops-against": lambda a, b: pyg.GCNConv(a, b, flow="target_to_source", add_self_loops=False),
    "WeightedSAGE": gs.nn.WeightedSAGE,
    "ChebConv-1": lambda a, b: pyg.ChebConv(a, b, K=1),
    "ChebConv-2": lambda a, b: pyg.ChebConv(a, b, K=2),
    "ChebConv-4": lambda a, b: pyg.ChebConv(a, b, K=4),
    "ChebConv-against": lambda a, b: pyg.ChebConv(a, b, K=3, flow="target_to_source"),
    "ChebConv-rw": lambda a, b: pyg.ChebConv(a, b, K=3, normalization="rw"),
    "TAGConv-3": lambda a, b: pyg.TAGConv(a, b, K=3),
    "TAGConv-plain": lambda a, b: pyg.TAGConv(a, b, K=2, normalize=False),
    "SGConv-2": lambda a, b: pyg.SGConv(a, b, K=2),
    "SGConv-no-loops": lambda a, b: pyg.SGConv(a, b, K=2, add_self_loops=False),
    "SSGConv-3": lambda a, b: pyg.SSGConv(a, b, alpha=0.1, K=3),
    "SSGConv-no-own": lambda a, b: pyg.SSGConv(a, b, alpha=0.0, K=2, add_self_loops=False),
    "APPNP-3": lambda a, b: pyg.APPNP(K=3, alpha=0.1),
    "APPNP-no-own": lambda a, b: pyg.APPNP(K=2, alpha=0.0, add_self_loops=False),
    "MixHopConv": lambda a, b: pyg.MixHopConv(a, b // 2, powers=[0, 2]),
    "MixHopConv-no-loops": lambda a, b: pyg.MixHopConv(a, b // 2, powers=[1, 3], add_self_loops=False),
    "GatedGraphConv-3": lambda a, b: pyg.GatedGraphConv(b, num_layers=3),
    "ARMAConv-3": lambda a, b: pyg.ARMAConv(a, b, num_stacks=2, num_layers=3, act=nn.Tanh()),
    "LGConv": lambda a, b: pyg.LGConv(),
    "GraphConv": pyg.GraphConv,
    "LEConv": pyg.LEConv,
    "SimpleConv": lambda a, b: pyg.SimpleConv(),
    "SimpleConv-sum": lambda a, b: pyg.SimpleConv(combine_root="sum"),
    "SimpleConv-loop": lambda a, b: pyg.SimpleConv(combine_root="self_loop"),
    "WLConvContinuous": lambda a, b: pyg.WLConvContinuous(),
    "AntiSymmetricConv": lambda a, b: pyg.AntiSymmetricConv(a),
    "AntiSymmetricConv-2-TAG": lambda a, b: pyg.AntiSymmetricConv(a, pyg.TAGConv(a, a, K=2), num_iters=2),
    "GPSConv-graph-norm": lambda a, b: pyg.GPSConv(a, pyg.GCNConv(a, a), norm="graph_norm"),
}
UNWEIGHTED: dict[str, Factory] = {  # that take neither edge_weight nor edge_attr
    "SAGEConv": pyg.SAGEConv,
    "SAGEConv-no-root": lambda a, b: pyg.SAGEConv(a, b, root_weight=False),
    "GINConv": lambda a, b: pyg.GINConv(mlp(a, b)),
    "MFConv": lambda a, b: pyg.MFConv(a, b, max_degree=3),
    "ClusterGCNConv": pyg.ClusterGCNConv,
    "EdgeConv": lambda a, b: pyg.EdgeConv(mlp(2 * a, b), aggr="mean"),
    "FeaStConv": lambda a, b: pyg.FeaStConv(a, b, heads=2),
    "AGNNConv": lambda a, b: pyg.AGNNConv(),
    "AGNNConv-no-loops": lambda a, b: pyg.AGNNConv(add_self_loops=False),
    "EGConv": lambda a, b: pyg.EGConv(a, b, num_heads=2, num_bases=2),
    "EGConv-no-loops": lambda a, b: pyg.EGConv(a, b, num_heads=2, num_bases=2, add_self_loops=False),
    "EGConv-mean": lambda a, b: pyg.EGConv(a, b, aggregators=["mean"], num_heads=2, num_bases=2, add_self_loops=False),
    "FiLMConv": pyg.FiLMConv,
    "GATConv": pyg.GATConv,
    "GATConv-no-loops": lambda a, b: pyg.GATConv(a, b, heads=3, concat=False, add_self_loops=False),
    "GATConv-residual": lambda a, b: pyg.GATConv(a, b, add_self_loops=False, residual=True),
    "GATv2Conv": pyg.GATv2Conv,
    "GATv2Conv-no-loops": lambda a, b: pyg.GATv2Conv(a, b, heads=3, concat=False, add_self_loops=False),
    "SuperGATConv": pyg.SuperGATConv,
    "TransformerConv": pyg.TransformerConv,
    "TransformerConv-no-root": lambda a, b: pyg.TransformerConv(a, b, root_weight=False),
    "ResGatedGraphConv": pyg.ResGatedGraphConv,
    "ResGatedGraphConv-no-root": lambda a, b: pyg.ResGatedGraphConv(a, b, root_weight=False),
    "GENConv": pyg.GENConv,
    "GeneralConv": pyg.GeneralConv,
    "GeneralConv-attention": lambda a, b: pyg.GeneralConv(a, b, attention=True, heads=2),
    "PNAConv": lambda a, b: pyg.PNAConv(a, b, **PNA),
    "DirGNNConv": lambda a, b: pyg.DirGNNConv(pyg.SAGEConv(a, b)),
    "DirGNNConv-GCN": lambda a, b: pyg.DirGNNConv(pyg.GCNConv(a, b)),
    "DirGNNConv-no-root": lambda a, b: pyg.DirGNNConv(pyg.SAGEConv(a, b), root_weight=False),
    "GPSConv": lambda a, b: pyg.GPSConv(a, pyg.SAGEConv(a, a)),
    "GPSConv-attention": lambda a, b: pyg.GPSConv(a, None),
    "TwoSteps": TwoSteps,
    "NoOwn": NoOwn,
    "OverBatch": OverBatch,
}
WITH_FEATURES: dict[str, Factory] = {  # that read edge_attr
    "GATConv-features": lambda a, b: pyg.GATConv(a, b, edge_dim=FEATURES),
    "GATv2Conv-features": lambda a, b: pyg.GATv2Conv(a, b, edge_dim=FEATURES),
    "TransformerConv-features": lambda a, b: pyg.TransformerConv(a, b, edge_dim=FEATURES),
    "ResGatedGraphConv-features": lambda a, b: pyg.ResGatedGraphConv(a, b, edge_dim=FEATURES),
    "GINEConv": lambda a, b: pyg.GINEConv(mlp(a, b), edge_dim=FEATURES),
    "NNConv": lambda a, b: pyg.NNConv(a, b, mlp(FEATURES, a * b)),
    "NNConv-no-root": lambda a, b: pyg.NNConv(a, b, mlp(FEATURES, a * b), root_weight=False),
    "GMMConv": lambda a, b: pyg.GMMConv(a, b, dim=FEATURES, kernel_size=3),
    "CGConv": lambda a, b: pyg.CGConv(a, dim=FEATURES),
    "GENConv-features": lambda a, b: pyg.GENConv(a, b, edge_dim=FEATURES),
    "GeneralConv-features": lambda a, b: pyg.GeneralConv(a, b, in_edge_channels=FEATURES),
    "PNAConv-features": lambda a, b: pyg.PNAConv(a, b, **PNA, edge_dim=FEATURES),
    "PDNConv": lambda a, b: pyg.PDNConv(a, b, edge_dim=FEATURES, hidden_channels=3),
    "PDNConv-no-loops": lambda a, b: pyg.PDNConv(a, b, edge_dim=FEATURES, hidden_channels=3, add_self_loops=False),
    "GPSConv-features": lambda a, b: pyg.GPSConv(a, pyg.GINEConv(mlp(a, a), edge_dim=FEATURES)),
}
CONVS = WEIGHTED | UNWEIGHTED | WITH_FEATURES
