"""A ball, a line and a cone
=========================

Three families on the same graph over time: a path of nine nodes over nine time steps. Outlines show what structure
allows to reach the middle node at the last step but two, colours how much it does in an untrained model.
"""

import networkx as nx
import torch
from matplotlib import pyplot as plt

import graphseq as gs

edges = gs.from_graph(nx.path_graph(9)).edge_index
graph = gs.from_signal(torch.randn(9, 9, 2, generator=torch.Generator().manual_seed(0)), edges)
target = 6 * 9 + 4
torch.manual_seed(0)
models = {}
for name, encoder in {
    "GCN, 3 layers": gs.nn.GCN(2, 16, num_layers=3),
    "LSTM": gs.nn.LSTM(2, 16),
    "GCN-LSTM": gs.nn.GCNLSTM(2, 16),
}.items():
    field = encoder.reach(graph, torch.tensor([target]))[0]
    models[name] = (field, gs.reach.influence(encoder, graph, outputs=torch.tensor([target]))[0])

figure, panels = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained")
gs.plot.draw_cones(panels, graph, target, models)
plt.show()
