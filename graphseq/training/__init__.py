"""Callbacks, learning-rate schedules and process groups for ``graphseq.fit`` and its relatives.

Names load on first use.
"""

from graphseq._names import attach as _attach

__getattr__, __dir__, __all__ = _attach(__name__, __file__)
