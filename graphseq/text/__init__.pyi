"""The public names of text generation."""

from .generation import Beam as Beam
from .generation import beam_search as beam_search
from .generation import generate as generate
from .generation import greedy as greedy
from .vocabulary import first_character as first_character
from .vocabulary import nearest as nearest
