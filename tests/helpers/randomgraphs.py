"""Short names for the small random graphs of ``graphseq.testing``, and for what is measured on them."""

from __future__ import annotations

from graphseq.testing.graphs import jacobian_pattern as seen
from graphseq.testing.graphs import join, renumbered
from graphseq.testing.graphs import random_graph as draw
from graphseq.testing.graphs import random_sequence as sequence
from graphseq.testing.graphs import with_features as with_x

__all__ = ["draw", "join", "renumbered", "seen", "sequence", "with_x"]
