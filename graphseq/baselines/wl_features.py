"""The Weisfeiler-Lehman subtree kernel: the subtree patterns, up to a number of hops, that two graphs share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import networkx as nx
import numpy as np
import scipy.sparse as sp

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph


@checked_arguments
def subtree_features(graphs: Sequence[SpaceTimeGraph], iterations: int = 5) -> sp.csr_array:
    r"""Counts of each subtree pattern in each graph; the kernel is the product of these counts.

    .. math:: l^{(0)}_v = x_v, \qquad
              l^{(i)}_v = \big(l^{(i-1)}_v, \{\!\{ l^{(i-1)}_u : u \in N(v) \}\!\}\big), \qquad
              φ(G)_{i, l} = \big|\{v : l^{(i)}_v = l\}\big|, \qquad K(G, G') = φ(G) \cdot φ(G')

    Two nodes have the same first label where their features are equal in every channel. Labels are networkx's, hashes
    of 16 bytes, so that collisions are not to be expected.

    Args:
        graphs: static graphs, B of them; edges are read without direction and weight.
        iterations: radius of a pattern in hops, from 0.

    Returns:
        Counts (B, D) of the D patterns that occur in any of the graphs: ``K = counts @ counts.T`` is (B, B). No answer
        is read, so all graphs of a data set may be counted at once, before they are split.

    Raises:
        ValueError: ``iterations`` below 0, or no graphs.

    Source: Shervashidze, Schweitzer, van Leeuwen, Mehlhorn and Borgwardt, *Weisfeiler-Lehman graph kernels*, JMLR 12
    (2011), definition 4 and section 3.2; ``networkx.weisfeiler_lehman_subgraph_hashes``.

    Example:
        Two paths, a-a-b and a-b-a, have the same nodes and no neighbourhood in common:

        >>> import graphseq as gs, torch
        >>> path, a, b = nx.path_graph(3), [1.0, 0.0], [0.0, 1.0]
        >>> graphs = [gs.from_graph(path, x=torch.tensor(x)) for x in ([a, a, b], [a, b, a])]
        >>> for counts in (subtree_features(graphs, 0), subtree_features(graphs, 1)):
        ...     print((counts @ counts.T).toarray().tolist())
        [[5.0, 5.0], [5.0, 5.0]]
        [[8.0, 5.0], [5.0, 10.0]]
    """
    _checks.layers("iterations", iterations, 0)
    if not graphs:
        raise ValueError("graphs is empty; at least one graph is needed")
    counts = [_patterns(graph, iterations) for graph in graphs]
    column = {pattern: number for number, pattern in enumerate(dict.fromkeys(p for count in counts for p in count))}
    columns = [column[pattern] for count in counts for pattern in count]
    ends = np.cumsum([0, *(len(count) for count in counts)])
    values = np.array([float(value) for count in counts for value in count.values()])
    return sp.csr_array((values, np.array(columns), ends), shape=(len(graphs), len(column)))


def _patterns(graph: SpaceTimeGraph, iterations: int) -> Counter[tuple[int, str]]:
    """Counts of the patterns of a graph, by their radius."""
    plain = nx.Graph()
    plain.add_nodes_from((row, {"label": str(x)}) for row, x in enumerate(graph.x.tolist()))
    plain.add_edges_from(graph.topology.spatial.edge_index.t().tolist())
    own_labels = Counter((0, data["label"]) for _, data in plain.nodes(data=True))
    if not iterations:
        return own_labels
    labels = nx.weisfeiler_lehman_subgraph_hashes(plain, node_attr="label", iterations=iterations)
    return own_labels + Counter((radius, label) for row in labels.values() for radius, label in enumerate(row, start=1))
