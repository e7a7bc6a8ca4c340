"""Over-smoothing, layer by layer
==============================

The Dirichlet energy of the states after each layer, on the karate club. A plain GCN smooths; residual connections and
norms keep the rows apart.
"""

import networkx as nx
import torch
from matplotlib import pyplot as plt

import graphseq as gs

graph = gs.from_graph(nx.karate_club_graph(), x=torch.randn(34, 16, generator=torch.Generator().manual_seed(0)))
torch.manual_seed(0)
curves = {}
for name, encoder in {
    "GCN": gs.nn.GCN(16, 32, num_layers=32),
    "GCN, residual": gs.nn.GCN(16, 32, num_layers=32, residual=True),
    "GCN, PairNorm": gs.nn.GCN(16, 32, num_layers=32, norm=gs.nn.PairNorm),
    "GCNII": gs.nn.GCNII(16, 32, num_layers=32),
}.items():
    curves[name] = gs.reach.over_layers(encoder, graph, "dirichlet")

figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
gs.plot.draw_over_layers(axes, curves, ylabel="Dirichlet energy")
plt.show()
