"""Baselines that look at no neighbour, or learn nothing: constants, forecasters, subtree counts."""
