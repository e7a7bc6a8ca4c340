"""Graphs and sequences as one: time is a path.

Names load on first use, so that importing the package, or asking the command line for help, costs nothing.
"""

import lazy_loader as _lazy

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
