"""Fused implementations of layers, each equal to the plain equations."""
