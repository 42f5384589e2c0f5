"""OpenTURNS: its reliability algorithms with their default settings, sample sizes as the rows say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import openturns as ot
from events import Answer, Event
from scipy.special import log_ndtr

CALLS = [0]


class Limit(ot.OpenTURNSPythonFunction):  # type: ignore[misc]
    """A as OpenTURNS calls it, one point or many."""

    def __init__(self, event: Event) -> None:
        super().__init__(event.dimension, 1)
        self.event = event

    def _exec(self, x: Any) -> list[float]:
        CALLS[0] += 1
        return [float(self.event.scores(np.array(x)[None])[0])]

    def _exec_sample(self, x: Any) -> Any:
        CALLS[0] += len(x)
        return self.event.scores(np.asarray(x))[:, None]


def _event(event: Event, seed: int) -> Any:
    CALLS[0] = 0
    ot.RandomGenerator.SetSeed(seed)
    vector = ot.RandomVector(ot.Normal(event.dimension))
    return ot.ThresholdEvent(ot.CompositeRandomVector(ot.Function(Limit(event)), vector), ot.Greater(), event.level)


def _answer(result: Any) -> Answer:
    p = result.getProbabilityEstimate()
    return math.log(p) if p > 0.0 else -math.inf, result.getCoefficientOfVariation(), CALLS[0]


def subset(event: Event, seed: int, size: int = 10_000) -> Answer:
    asked = _event(event, seed)
    algorithm = ot.SubsetSampling(asked)
    algorithm.setMaximumOuterSampling(size // 100)
    algorithm.setBlockSize(100)
    algorithm.run()
    return _answer(algorithm.getResult())


def subset_large(event: Event, seed: int) -> Answer:
    return subset(event, seed, 100_000)


def _form(event: Event, seed: int) -> tuple[Any, Any]:
    asked = _event(event, seed)
    solver = ot.AbdoRackwitz()
    solver.setMaximumIterationNumber(1000)
    solver.setStartingPoint(list(event.start()))
    algorithm = ot.FORM(solver, asked)
    algorithm.run()
    return asked, algorithm.getResult()


def form(event: Event, seed: int) -> Answer:
    _, result = _form(event, seed)
    return float(log_ndtr(-result.getHasoferReliabilityIndex())), math.nan, CALLS[0]


def form_importance(event: Event, seed: int) -> Answer:
    _, result = _form(event, seed)
    algorithm = ot.PostAnalyticalImportanceSampling(result)
    algorithm.setMaximumOuterSampling(1000)
    algorithm.setBlockSize(100)
    algorithm.setMaximumCoefficientOfVariation(0.01)
    algorithm.run()
    return _answer(algorithm.getResult())


def nais(event: Event, seed: int) -> Answer:
    asked = _event(event, seed)
    algorithm = ot.NAIS(asked, 0.1)
    algorithm.setMaximumOuterSampling(100)
    algorithm.setBlockSize(100)
    algorithm.run()
    return _answer(algorithm.getResult())


def line(event: Event, seed: int) -> Answer:
    from openturns.experimental import LineSampling

    asked, result = _form(event, seed)
    algorithm = LineSampling(asked, result.getStandardSpaceDesignPoint())
    algorithm.setMaximumOuterSampling(1000)
    algorithm.run()
    return _answer(algorithm.getResult())
