"""Graphs and sequences as one: time is a path.

Names load on first use, so that importing the package, or asking the command line for help, costs nothing.
"""

from graphseq._names import attach as _attach
from graphseq._torch.imports import defer as _defer

_defer()

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = _attach(__name__, __file__)
