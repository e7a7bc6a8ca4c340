"""Graphs from where people keep them: edge lists, GraphML, JSON, and networkx's own by name.

Whatever the form, what comes out is one plain graph, and a word on everything that was changed to make it one.
"""

from graphseq.graphfiles.named import NAMES, named_graph
from graphseq.graphfiles.plain import Edge, Listed, PlainGraph, plain_graph
from graphseq.graphfiles.reading import FORMATS, read_graph

__all__ = ["FORMATS", "NAMES", "Edge", "Listed", "PlainGraph", "named_graph", "plain_graph", "read_graph"]
