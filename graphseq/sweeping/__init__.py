"""A grid of runs, on this machine or on a cluster, by one call; what is finished is never run again."""

from graphseq.sweeping.run import Run
from graphseq.sweeping.sweeps import sweep

__all__ = ["Run", "sweep"]
