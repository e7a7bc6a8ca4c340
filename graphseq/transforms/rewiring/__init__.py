"""Rewiring: transforms that add and remove edges of static graphs, so that messages pass more easily."""

from graphseq.transforms.rewiring.fosr import fosr
from graphseq.transforms.rewiring.k_hop import k_hop
from graphseq.transforms.rewiring.sdrf import sdrf
from graphseq.transforms.rewiring.virtual_node import add_virtual_node

__all__ = ["add_virtual_node", "fosr", "k_hop", "sdrf"]
