"""Where blocks of work run: threads, any map-like callable (processes, for instance), or a Dask cluster.

Results never depend on it, because work is cut in fixed blocks, each with its own random stream (ldt.numerics.random), and block
results are combined in block order.  What is handed to the map is a module's function and plain data, so that it can be shipped.
Bytes agree between machines whose floating-point library agrees.

A sampling method tells how far it is through ``progress(done, total, logp, error)``: samples drawn and wanted as far as is known,
the running estimate of log P and its error (nats; NaN and inf while there is none), called after every block in the caller's thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ldt.errors import ModelError

Progress = Callable[[int, int, float, float], object]


def mapper(workers: Any) -> tuple[Callable[..., Any], Callable[[], None]]:
    """(map, close) for ``workers``: an integer number of threads, a map-like callable or a dask.distributed.Client."""
    if hasattr(workers, "get_executor"):
        executor = workers.get_executor()
        return executor.map, executor.shutdown
    if callable(workers):
        return workers, lambda: None
    if isinstance(workers, bool) or not isinstance(workers, (int, np.integer)) or not 1 <= workers <= 256:
        raise ModelError(f"workers: must be an integer from 1 to 256, a map-like callable or a Dask client, got {workers!r}")
    if workers == 1:
        return map, lambda: None
    pool = ThreadPoolExecutor(int(workers))
    return pool.map, lambda: pool.shutdown(cancel_futures=True)


def one_blas_thread() -> contextlib.AbstractContextManager[Any]:
    """BLAS on one thread, where threadpoolctl (the extra ldt[experiments]) is there to ask for it; nothing otherwise.

    For many products of small matrices: threads that wait for each other take several times the time, most of all on a busy machine.
    """
    try:
        import threadpoolctl
    except ImportError:
        return contextlib.nullcontext()
    limits: contextlib.AbstractContextManager[Any] = threadpoolctl.threadpool_limits(1, user_api="blas")
    return limits


def sample_count(samples: Any) -> int:
    """``samples`` as an integer; ModelError naming it otherwise."""
    if isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or not 2 <= samples <= 10**10:
        raise ModelError(f"samples: must be an integer from 2 to 1e10, got {samples!r}")
    return int(samples)


def checked_target(target_error: Any) -> float:
    """``target_error`` as a float; ModelError naming it otherwise."""
    if isinstance(target_error, bool) or not isinstance(target_error, (int, float)) or not 0.0 < target_error < 1.0:
        raise ModelError(f"target_error: must be a number between 0 and 1 (nats), got {target_error!r}")
    return float(target_error)


def checked_progress(progress: Any) -> Progress | None:
    """``progress`` if it is None or can be called; ModelError otherwise."""
    if progress is not None and not callable(progress):
        raise ModelError(f"progress: must be a callable of (done, total, logp, error), got {progress!r}")
    return progress  # type: ignore[no-any-return]


def interrupted(found: dict[str, Any], done: int, what: str = "samples") -> dict[str, Any]:
    """The fields of a result whose sampling Ctrl-C ended after ``done`` samples (or ``what``); the front door raises ldt.Interrupted with
    it."""
    status = "failed" if found.get("status") == "failed" else "warning"
    advice = "; ".join(filter(None, [f"interrupted after {done} {what}", found.get("advice", "")]))
    return {**found, "status": status, "advice": advice, "interrupted": True}
