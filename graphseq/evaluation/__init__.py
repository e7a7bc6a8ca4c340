"""Scores of a model and of its predictions, with intervals and tables."""
