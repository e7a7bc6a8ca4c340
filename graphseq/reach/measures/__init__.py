"""The measures of the literature, each under its own name and with its source, as functions of tensors and graphs."""

from graphseq.reach.measures.distance import distances
from graphseq.reach.measures.edges import AnyGraph, Edges, edges_of
from graphseq.reach.measures.hop_influence import HopInfluence, hop_influence, hop_influence_on_subgraphs
from graphseq.reach.measures.mixing import pairwise_mixing
from graphseq.reach.measures.range import Range, influence_range

__all__ = [
    "AnyGraph",
    "Edges",
    "HopInfluence",
    "Range",
    "distances",
    "edges_of",
    "hop_influence",
    "hop_influence_on_subgraphs",
    "influence_range",
    "pairwise_mixing",
]
