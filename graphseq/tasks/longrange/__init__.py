"""Benchmarks of long range: graphs generated from published descriptions, published sets, and their repaired forms."""
