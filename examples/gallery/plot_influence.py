"""Influence against hops
======================

How much an output changes with the input some hops away, for untrained models on a path of 24 rows. The GCN ends at
its depth and falls on the way (over-squashing); the recurrences go on, each with its own rate.
"""

import torch
from matplotlib import pyplot as plt

import graphseq as gs

graph = gs.from_sequence(torch.randn(24, 4, generator=torch.Generator().manual_seed(0)))
last = torch.tensor([23])
torch.manual_seed(0)
lstm = gs.nn.LSTM(4, 32)
chrono = gs.nn.LSTM(4, 32)
gs.nn.chrono_(chrono, longest=24.0, generator=torch.Generator().manual_seed(0))
profiles = {}
for name, encoder in {
    "GCN, 12 layers": gs.nn.GCN(4, 32, num_layers=12),
    "LSTM": lstm,
    "LSTM, first weights for long memory": chrono,
    "Wave, 12 layers": gs.nn.WaveGCN(4, 32, num_layers=12),
}.items():
    influence = gs.reach.influence(encoder, graph, outputs=last)
    profiles[name] = gs.reach.by_hop(influence, gs.reach.hop_distances(graph, last))

figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
gs.plot.draw_influence_by_hop(axes, profiles)
plt.show()
