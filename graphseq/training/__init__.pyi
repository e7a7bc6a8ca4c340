"""Training: the public names."""

from . import distributed as distributed
