"""How far models see: hop distances, and what structure alone says of a model's reach."""

from graphseq.reach.hops import hop_distances, hops_reached

__all__ = ["hop_distances", "hops_reached"]
