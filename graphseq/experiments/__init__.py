"""Experiments: many models on the same data, run by run into a folder of results, and what is written of them."""
