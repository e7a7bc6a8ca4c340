"""Transforms from graph to graph, for ``Model(view=...)`` and for data."""
