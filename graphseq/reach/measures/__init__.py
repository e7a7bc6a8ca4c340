"""The measures of the literature, each under its own name and with its source, as functions of tensors and graphs."""

from graphseq.data.curvature import Curvature, balanced_forman_curvature
from graphseq.data.edges import AnyGraph, Edges, edges_of
from graphseq.reach.measures.distance import distances
from graphseq.reach.measures.gap import spectral_gap
from graphseq.reach.measures.graph_topology import Bottleneck, GraphTopology, topology
from graphseq.reach.measures.hop_influence import HopInfluence, hop_influence, hop_influence_on_subgraphs
from graphseq.reach.measures.layer_operator import LayerOperator, layer_operator
from graphseq.reach.measures.lyapunov import lyapunov_exponents, step_jacobians
from graphseq.reach.measures.memory import Horizon, gradient_over_lags, memory_horizon
from graphseq.reach.measures.mixing import pairwise_mixing
from graphseq.reach.measures.operators import operator
from graphseq.reach.measures.range import Range, influence_range
from graphseq.reach.measures.sensitivity import message_passing_bound, sensitivity_bound, weights_bound

__all__ = [
    "AnyGraph",
    "Bottleneck",
    "Curvature",
    "Edges",
    "GraphTopology",
    "HopInfluence",
    "Horizon",
    "LayerOperator",
    "Range",
    "balanced_forman_curvature",
    "distances",
    "edges_of",
    "gradient_over_lags",
    "hop_influence",
    "hop_influence_on_subgraphs",
    "influence_range",
    "layer_operator",
    "lyapunov_exponents",
    "memory_horizon",
    "message_passing_bound",
    "operator",
    "pairwise_mixing",
    "sensitivity_bound",
    "spectral_gap",
    "step_jacobians",
    "topology",
    "weights_bound",
]
