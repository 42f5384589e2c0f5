"""A Dask cluster to sample on: one of this machine's own, or one that runs already (extra ``ldt[cluster]``)."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ldt.errors import ModelError

TIMEOUT = 20


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started here ignore Ctrl-C, which reaches all of a terminal's: the program that started them ends them in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def cluster(address: str, workers: int = 1) -> Iterator[Any]:
    """A client for ``workers=`` of the sampling methods: of the scheduler at ``address``, or ('local') of ``workers`` processes started
    for the purpose and stopped afterwards."""
    try:
        import dask.config
        from dask.distributed import Client, LocalCluster
    except ImportError:
        raise ModelError("scheduler: needs Dask: pip install 'ldt[cluster]'") from None
    if address == "local":
        with _deaf_to_interrupts(), dask.config.set({"logging.distributed": "critical"}):
            own = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL)
        with own, Client(own) as client:
            yield client
        return
    try:
        client = Client(address, timeout=TIMEOUT)
    except (OSError, ValueError, TimeoutError) as error:
        raise ModelError(f"scheduler: no cluster at {address!r} ({str(error) or type(error).__name__})") from None
    with client:
        yield client
