"""Ranking of who is written to next, by a published protocol: candidates, memory of pairs, floors, a model, runs."""
