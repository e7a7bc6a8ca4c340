"""Worker processes that are forked from one server with everything loaded, instead of a new interpreter each."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager

from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.backend.context import set_start_method

LOADED = [
    *("torch", "torch_geometric", "scipy.sparse.csgraph", "scipy.stats", "networkx", "joblib", "distributed"),
    *("graphseq.nn", "graphseq.tasks", "graphseq.training.fit", "graphseq.evaluation.evaluate", "graphseq.baselines"),
    *("graphseq.experiments.engine.run", "graphseq.io", "graphseq.datasets", "graphseq.transforms"),
]


def use() -> None:
    """From now on joblib's workers are forked from the server, which starts with the first of them."""
    multiprocessing.set_forkserver_preload(LOADED)
    set_start_method("forkserver", force=True)


@contextmanager
def not_used() -> Iterator[None]:
    """Within the block joblib starts interpreters anew, as it does for a user."""
    get_reusable_executor().shutdown(wait=True, kill_workers=True)
    set_start_method(None, force=True)
    try:
        yield
    finally:
        get_reusable_executor().shutdown(wait=True, kill_workers=True)
        use()
