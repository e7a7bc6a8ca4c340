"""Transforms from graph to graph, to be used as ``Model(transform=…)`` or called on data."""

from graphseq.transforms.dag import to_dag, unroll_time
from graphseq.transforms.growing import add_nodes_over_time, grow
from graphseq.transforms.orientation import root_at_targets, to_undirected
from graphseq.transforms.traversal import generations, to_sequence

__all__ = [
    "add_nodes_over_time",
    "generations",
    "grow",
    "root_at_targets",
    "to_dag",
    "to_sequence",
    "to_undirected",
    "unroll_time",
]
