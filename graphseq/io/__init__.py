"""Readers of files: tables, JSON, edge lists, GraphML, CoNLL-U, SMILES and TU folders; graphs by name.

Names load on first use.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
