"""Transforms from graph to graph, to be used as ``Model(transform=…)`` or called on data."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from graphseq._names import nearest as _nearest
from graphseq.transforms.dag import to_dag, unroll_time
from graphseq.transforms.growing import add_nodes_over_time, grow
from graphseq.transforms.orientation import root_at_targets, to_undirected
from graphseq.transforms.rewiring import add_virtual_node, fosr, k_hop, sdrf
from graphseq.transforms.traversal import generations, to_sequence

__all__ = [
    "add_nodes_over_time",
    "add_virtual_node",
    "fosr",
    "generations",
    "grow",
    "k_hop",
    "root_at_targets",
    "sdrf",
    "to_dag",
    "to_sequence",
    "to_undirected",
    "unroll_time",
]

if not _TYPE_CHECKING:  # a type checker would take any name for a public one
    __getattr__ = _nearest(__name__, __all__)
