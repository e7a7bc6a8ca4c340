"""Formulas without the network: sphinx-mathjax-offline, declared safe for pages that are read by several processes."""

from __future__ import annotations

import importlib
from typing import Any

mathjax_offline = importlib.import_module("sphinx-mathjax-offline")


def setup(app: Any) -> dict[str, bool]:
    """Register the copy of MathJax, which is made once, when all pages are written."""
    mathjax_offline.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
