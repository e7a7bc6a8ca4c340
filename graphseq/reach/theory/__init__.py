r"""Closed forms of influence, smoothing and memory for simple graphs and weights, to test the measurements against.

Each docstring states the graph and the normalisation. Ã = A + I, Â = D̃^(-1/2) Ã D̃^(-1/2); on directed edges D̃ are
in-degrees, as in PyG's ``gcn_norm``, and row i of Â reads from j → i.
"""

from graphseq.reach.theory.backpropagation import RNNGradients, RNNWeights, rnn_gradients
from graphseq.reach.theory.graphs import commute_time, effective_resistance, ring_eigenvalues, stationary_weights
from graphseq.reach.theory.latch import latch_threshold
from graphseq.reach.theory.layers import (
    linear_gcn_influence,
    linear_gcn_singular_values,
    lstm_cell_gradient,
    lstm_horizon,
    lstm_parameters,
)
from graphseq.reach.theory.paths import best_depth, directed_path_weight, endless_path_weight, path_crossing, path_gap

__all__ = [
    "RNNGradients",
    "RNNWeights",
    "best_depth",
    "commute_time",
    "directed_path_weight",
    "effective_resistance",
    "endless_path_weight",
    "latch_threshold",
    "linear_gcn_influence",
    "linear_gcn_singular_values",
    "lstm_cell_gradient",
    "lstm_horizon",
    "lstm_parameters",
    "path_crossing",
    "path_gap",
    "ring_eigenvalues",
    "rnn_gradients",
    "stationary_weights",
]
