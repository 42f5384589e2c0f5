"""rareeventestimation: sequential importance sampling, the ensemble Kalman filter and CBREE, defaults, 2000 samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from events import Answer, Event
from rareeventestimation.problem.problem import NormalProblem
from rareeventestimation.solver import CBREE, ENKF, SIS

SIZE = 2000


def _solved(event: Event, seed: int, solver: Any) -> Answer:
    def limit(x: np.ndarray) -> Any:
        values = event.level - event.scores(np.atleast_2d(x))
        return values if x.ndim > 1 else float(values[0])

    problem = NormalProblem(limit, event.dimension, SIZE)
    problem.set_sample(SIZE, seed=seed)
    found = solver.solve(problem)
    if found is None:
        raise RuntimeError("no solution")
    p = float(np.ravel(found.prob_fail_hist)[-1])
    return math.log(p) if p > 0.0 else -math.inf, math.nan, int(found.costs)


def sis(event: Event, seed: int) -> Answer:
    return _solved(event, seed, SIS(seed=seed))


def sis_sampling(event: Event, seed: int) -> Answer:
    return _solved(event, seed, SIS(seed=seed, mixture_model="aCS"))


def enkf(event: Event, seed: int) -> Answer:
    return _solved(event, seed, ENKF(seed=seed))


def cbree(event: Event, seed: int) -> Answer:
    return _solved(event, seed, CBREE(seed=seed))
