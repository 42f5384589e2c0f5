"""Where blocks of work run: threads, or any map-like callable (processes, a cluster).  Results never depend on it, because work is cut
in fixed blocks, each with its own random stream (ldt.numerics.random), and block results are combined in block order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ldt.errors import ModelError


def mapper(workers: Any) -> tuple[Callable[..., Any], Callable[[], None]]:
    """(map, close) for ``workers``: an integer number of threads or a map-like callable."""
    if callable(workers):
        return workers, lambda: None
    if isinstance(workers, bool) or not isinstance(workers, (int, np.integer)) or not 1 <= workers <= 256:
        raise ModelError(f"workers: must be an integer from 1 to 256 or a map-like callable, got {workers!r}")
    if workers == 1:
        return map, lambda: None
    pool = ThreadPoolExecutor(int(workers))
    return pool.map, pool.shutdown


def sample_count(samples: Any) -> int:
    """``samples`` as an integer; ModelError naming it otherwise."""
    if isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or not 2 <= samples <= 10**10:
        raise ModelError(f"samples: must be an integer from 2 to 1e10, got {samples!r}")
    return int(samples)
