"""What every test runs under: one thread, the same drawn examples each time, and workers that start at once."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# What hypothesis keeps between runs belongs in no folder from which tests are called.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir()) / "graphseq-hypothesis"))
settings.register_profile("graphseq", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("graphseq")


def pytest_configure(config: pytest.Config) -> None:
    """Prepare a process that runs tests; the one that only hands them out to others loads nothing."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        return
    import forkserver  # noqa: PLC0415
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    forkserver.use()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Scripts that run, at however small a size, are slow."""
    for item in items:
        if item.path.parent.name in ("examples", "benchmarks"):
            item.add_marker("slow")
