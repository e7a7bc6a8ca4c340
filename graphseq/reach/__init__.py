"""How far models see: what structure alone says, what is measured, and what must be where it can be written down."""

from graphseq.reach import theory
from graphseq.reach.hops import hop_distances, hops_reached, space_hops, time_lags
from graphseq.reach.influence import (
    Estimate,
    ProfileEstimate,
    TooLargeError,
    estimate_by_hop,
    estimate_influence,
    influence,
)
from graphseq.reach.profile import Grid, Profile, by_hop, by_lag, by_lag_and_hop, mean_distance
from graphseq.reach.structure import UnreachableError, layers_needed, receptive_field, routes

__all__ = [
    "Estimate",
    "Grid",
    "Profile",
    "ProfileEstimate",
    "TooLargeError",
    "UnreachableError",
    "by_hop",
    "by_lag",
    "by_lag_and_hop",
    "estimate_by_hop",
    "estimate_influence",
    "hop_distances",
    "hops_reached",
    "influence",
    "layers_needed",
    "mean_distance",
    "receptive_field",
    "routes",
    "space_hops",
    "theory",
    "time_lags",
]
