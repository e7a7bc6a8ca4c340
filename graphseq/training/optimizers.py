"""The names of optimisers, which commands list without loading torch."""

from __future__ import annotations

OPTIMIZERS = ("SGD", "momentum", "RMSprop", "Adam", "AdamW")
"""The optimisers that :func:`graphseq.fit` takes by name."""
