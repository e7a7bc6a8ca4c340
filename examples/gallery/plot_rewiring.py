"""Over-squashing and rewiring
===========================

Two cliques joined by a bridge: all messages between them go through one edge. FoSR adds edges that widen the spectral
gap, and the influence from one clique on the other grows.
"""

import networkx as nx
import torch
from matplotlib import pyplot as plt

import graphseq as gs

barbell = nx.barbell_graph(8, 2)
graph = gs.from_graph(barbell, x=torch.randn(18, 4, generator=torch.Generator().manual_seed(0)))
rewired = gs.reach.rewire(graph, "fosr", edges=6)
torch.manual_seed(0)
encoder = gs.nn.GCN(4, 32, num_layers=6)
print(gs.reach.compare(encoder, graph, rewired, samples=64))

places = nx.kamada_kawai_layout(barbell)
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for axes, one, title in zip(panels, (graph, rewired), ("before", "after 6 edges by FoSR"), strict=True):
    influence = gs.reach.influence(encoder, one, outputs=torch.tensor([0]))[0]
    gs.plot.draw_values(axes, one, influence / influence.max(), label="influence on node 0", pos=places)
    axes.set_title(title)
plt.show()
