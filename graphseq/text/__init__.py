"""Texts: to train a model on the next character, and to have it write."""

from graphseq.text.generation import Beam, beam_search, generate, greedy
from graphseq.text.spelling import first_character, nearest

__all__ = ["Beam", "beam_search", "first_character", "generate", "greedy", "nearest"]
