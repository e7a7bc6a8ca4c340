"""Baselines that look at no neighbour, or learn nothing: constants, forecasters, subtree counts.

Names load on first use.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
