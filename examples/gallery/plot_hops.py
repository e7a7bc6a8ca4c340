"""Hops on a graph
===============

Distance on a graph is counted in hops. A graph convolution of L layers sees the rows at L hops or fewer, so node 16
of the karate club needs as many layers to see node 26 as there are hops between them.
"""

import networkx as nx
from matplotlib import pyplot as plt

import graphseq as gs

graph = gs.from_graph(nx.karate_club_graph())
routes = gs.reach.routes(graph, 16, 26)
print(gs.reach.layers_needed(graph, 16, 26), "layers;", len(routes), "shortest routes")

figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
gs.plot.draw_hops(axes, graph, 16, routes=routes[:3])
plt.show()
