"""What every test runs under: one thread, and the same drawn examples each time."""

from __future__ import annotations

import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("graphseq", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("graphseq")
