"""Public data sets by name: graphs over time, molecules and books, each from a pinned file, and features of them."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from graphseq._names import nearest as _nearest
from graphseq.datasets.descriptors import descriptors
from graphseq.datasets.molecules import esol, freesolv, mutag
from graphseq.datasets.registry import book, find
from graphseq.datasets.temporal import chickenpox, collegemsg, england_covid
from graphseq.datasets.words import word_features

__all__ = [
    "book",
    "chickenpox",
    "collegemsg",
    "descriptors",
    "england_covid",
    "esol",
    "find",
    "freesolv",
    "mutag",
    "word_features",
]

if not _TYPE_CHECKING:  # a type checker would take any name for a public one
    __getattr__ = _nearest(__name__, __all__)
