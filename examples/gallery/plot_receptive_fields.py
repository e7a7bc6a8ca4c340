"""Receptive fields of GCNs
========================

The rows that a GCN sees from the corner of a grid, with one, three and six layers. Rows outside the field are white:
no weights and no training can make the output depend on them.
"""

import networkx as nx
from matplotlib import pyplot as plt

import graphseq as gs

grid = nx.convert_node_labels_to_integers(nx.grid_2d_graph(6, 6))
graph = gs.from_graph(grid)
places = {node: divmod(node, 6) for node in grid}

figure, panels = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
gs.plot.draw_receptive_fields(panels, graph, 0, [1, 3, 6], pos=places)
plt.show()
