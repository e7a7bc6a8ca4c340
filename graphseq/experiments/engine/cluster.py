"""Runs on an existing dask.distributed cluster.

The client of dask is used, not joblib's backend for it: that one waits for ever once the scheduler gave a run up
because its workers died (joblib 1.6), and lets runs that only waited at a worker be blamed for its death.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from types import ModuleType
from typing import Any

from graphseq.experiments.engine.configs import Config
from graphseq.experiments.engine.run import Run, Work, carry_out

_LOOK_EVERY = 2.0  # seconds between looks for workers that came or went while no run gets ready


class Cluster:
    """The workers of a scheduler, each with one run at a time.

    A run whose worker dies is repeated by the scheduler elsewhere, and given up as its setting
    ``distributed.scheduler.allowed-failures`` has it, after four workers by default.

    Args:
        work: what is run; sent by value where it was defined in the main script, else the workers must be able to
            import it, as they must graphseq.
        address: of the scheduler, such as "tcp://10.0.0.1:8786".
        patience: seconds to wait for the scheduler, and for workers while there are none.
    """

    def __init__(self, work: Work, address: str, *, patience: float = 30.0) -> None:
        self.work = work
        self.address = address
        self.patience = patience
        self._dask = _distributed()

    def runs(self, configs: Mapping[str, Config]) -> Iterator[Run]:
        """Carry out all of ``configs``, which are by key, and yield each run as soon as it is ready.

        Raises:
            ConnectionError: no scheduler answers, it goes away, or no worker is there for too long.
        """
        if not configs:
            return
        waiting = iter(configs.items())
        under_way: dict[Any, tuple[str, Config, float]] = {}
        with self._connected() as client:
            workers = self._workers(client)
            while True:
                # No more at a time than there are workers, so that none waits at one that another run kills.
                for key, config in islice(waiting, max(0, workers - len(under_way))):
                    future = client.submit(carry_out, self.work, config, pure=False)
                    under_way[future] = (key, config, time.monotonic())
                if not under_way:
                    return
                for future in self._ready(client, list(under_way)):
                    yield self._run_of(future, *under_way.pop(future))
                workers = self._workers(client)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            client = self._dask.Client(self.address, timeout=self.patience, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConnectionError(
                f"cluster {self.address}: no scheduler answered within {self.patience:g} s ({error}); start one with "
                "'dask scheduler' and workers with 'dask worker', or check the address"
            ) from None
        with client:
            yield client

    def _workers(self, client: Any) -> int:
        """The number of workers; waits while there are none."""
        until = time.monotonic() + self.patience
        while not (count := len(client.nthreads())):
            if client.status != "running":
                raise ConnectionError(f"cluster {self.address}: the connection to the scheduler was lost")
            if time.monotonic() > until:
                raise ConnectionError(
                    f"cluster {self.address} has had no worker for {self.patience:g} s; start workers with 'dask "
                    "worker' and call again: what is finished is kept"
                )
            time.sleep(0.1)
        return count

    def _ready(self, client: Any, futures: list[Any]) -> list[Any]:
        """Return the futures that are ready; none where it is time to look for workers."""
        try:
            with client.as_current():
                return list(self._dask.wait(futures, timeout=_LOOK_EVERY, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            return []
        except self._dask.CancelledError:
            raise ConnectionError(
                f"cluster {self.address}: the connection to the scheduler was lost; what is finished is kept"
            ) from None

    def _run_of(self, future: Any, key: str, config: Config, started: float) -> Run:
        if future.status == "finished":
            run: Run = future.result()
            return run
        error, seconds = future.exception(), time.monotonic() - started
        if isinstance(error, self._dask.KilledWorker):
            deaths = error.allowed_failures + 1
            text = (
                f"WorkerDied: {deaths} of the cluster's workers died while they ran it; perhaps it needs more memory "
                "than they have"
            )
            return Run(key, config, None, text, seconds=seconds, attempt=deaths)
        return Run(key, config, None, f"{type(error).__name__}: {error}", seconds=seconds)


def _distributed() -> ModuleType:
    try:
        import distributed  # noqa: PLC0415 - an extra, loaded only when it is needed
    except ImportError:
        raise ModuleNotFoundError(
            "dask.distributed is not installed; have it by: pip install 'graphseq[cluster]', or leave out cluster="
        ) from None
    module: ModuleType = distributed
    return module
