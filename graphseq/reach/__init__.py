"""Diagnostics of models on graphs: receptive fields, Jacobians, influence, smoothness, gradients, and closed forms."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from graphseq._names import nearest as _nearest
from graphseq.reach import measures, theory
from graphseq.reach.compare import Comparison, compare
from graphseq.reach.diagnosis import FINDINGS, Advice, Diagnosis, Evidence, Thresholds, diagnose
from graphseq.reach.hops import hop_distances, hops_reached, space_hops, time_lags
from graphseq.reach.influence import (
    Estimate,
    ProfileEstimate,
    estimate_by_hop,
    estimate_influence,
    influence,
)
from graphseq.reach.layer_jacobians import LayerJacobians, layer_jacobians
from graphseq.reach.limit import distance_to_limit
from graphseq.reach.mad import mad, mad_gap
from graphseq.reach.measures import topology
from graphseq.reach.probe.by_hop import HopProfile
from graphseq.reach.probe.norms import TooLargeError
from graphseq.reach.probe.probe import Probe
from graphseq.reach.profile import Grid, Profile, by_hop, by_lag, by_lag_and_hop, mean_distance, mean_lag
from graphseq.reach.ranks import effective_rank, rank_collapse
from graphseq.reach.rewire import rewire
from graphseq.reach.signal import StateGradients, parameter_gradients, row_gradients, state_gradients
from graphseq.reach.smoothness import dirichlet_energy, rayleigh_quotient
from graphseq.reach.spectrum import layer_spectrum
from graphseq.reach.states import over_layers
from graphseq.reach.structure import UnreachableError, layers_needed, receptive_field, routes
from graphseq.reach.watch import WatchLog, watch

__all__ = [
    "FINDINGS",
    "Advice",
    "Comparison",
    "Diagnosis",
    "Estimate",
    "Evidence",
    "Grid",
    "HopProfile",
    "LayerJacobians",
    "Probe",
    "Profile",
    "ProfileEstimate",
    "StateGradients",
    "Thresholds",
    "TooLargeError",
    "UnreachableError",
    "WatchLog",
    "by_hop",
    "by_lag",
    "by_lag_and_hop",
    "compare",
    "diagnose",
    "dirichlet_energy",
    "distance_to_limit",
    "effective_rank",
    "estimate_by_hop",
    "estimate_influence",
    "hop_distances",
    "hops_reached",
    "influence",
    "layer_jacobians",
    "layer_spectrum",
    "layers_needed",
    "mad",
    "mad_gap",
    "mean_distance",
    "mean_lag",
    "measures",
    "over_layers",
    "parameter_gradients",
    "rank_collapse",
    "rayleigh_quotient",
    "receptive_field",
    "rewire",
    "routes",
    "row_gradients",
    "space_hops",
    "state_gradients",
    "theory",
    "time_lags",
    "topology",
    "watch",
]

if not _TYPE_CHECKING:  # a type checker would take any name for a public one
    __getattr__ = _nearest(__name__, __all__)
