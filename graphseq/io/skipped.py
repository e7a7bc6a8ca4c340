"""What is to be done with an entry of a file that cannot be read, and what is told of one that was left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OnError = Literal["refuse", "skip"]
"""Refuse the file, naming the entry, or skip the entry and list it."""
ON_ERROR = ("refuse", "skip")


@dataclass(frozen=True)
class Skipped:
    """An entry that could not be read, and why."""

    name: str  #: what it goes by: a sentence by its ``sent_id`` or number, a molecule by its SMILES
    line: int  #: the line at fault, counted from 1
    reason: str
