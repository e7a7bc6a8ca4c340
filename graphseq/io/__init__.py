"""Readers of files: tables, JSON, edge lists, GraphML, CoNLL-U, SMILES and TU folders; graphs by name.

Names load on first use.
"""

from graphseq._names import attach as _attach

__getattr__, __dir__, __all__ = _attach(__name__, __file__)
