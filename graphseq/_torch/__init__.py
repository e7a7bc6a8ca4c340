"""Workarounds for torch, each in one place: buffers for large results, losses over many rows, mixed precision."""
