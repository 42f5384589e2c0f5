r"""Plain Monte Carlo: the honest baseline for events that are not rare.

Tail: A is drawn, readouts and all, and hits are counted; the interval is the exact binomial one (Clopper & Pearson 1934).
Density: the mean of the normal density of variance V(w), which the readouts integrated out give.
Needs nothing of the model but draws, so it also holds where no tilt exists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldt.errors import ModelError
from ldt.numerics.random import block_generator, entropy_of
from ldt.numerics.workers import mapper, sample_count
from ldt.results import Cost
from ldt.tails.importance import log_event

BLOCK_NEURONS = 1_000_000
MAX_NEURONS = 4_000_000_000


@dataclass(frozen=True)
class MonteCarloDetail:
    """``hits`` in ``samples`` (tail), and the 95 % ``interval`` of log P; None for a bound that is infinite."""

    samples: int
    hits: int | None
    interval: tuple[float | None, float | None]

    def complement(self) -> dict[str, Any]:
        """The result's fields for the event that the samples without a hit are in."""
        return {} if self.hits is None else {"status": "ok", "advice": "", **_proportion(self.samples - self.hits, self.samples)}


def draw_variances(model: Any, n: int, random: np.random.Generator) -> Any:
    """V(w) of n networks drawn from the prior."""
    total = np.zeros(n)
    for first in range(0, model.width, BLOCK_NEURONS):
        m = min(model.width - first, BLOCK_NEURONS)
        w, rho = model.neuron.prior_draw((n, m), random)
        total += np.sum(model.unit_overlap(w, rho) ** 2, axis=1)
    return 2.0 * model.variance_scale * total


def montecarlo(
    model: Any, level: float, *, density: bool = False, side: str = "upper", samples: Any = 100_000, rng: Any = None, workers: Any = 1
) -> dict[str, Any]:
    """Estimate log P(A >= level) (or log p) at level > 0; a dict of TailResult fields."""
    n = sample_count(samples)
    if n * model.width > MAX_NEURONS:
        raise ModelError(f"samples: {n} samples of {model.width:.3g} neurons are too many; at most {MAX_NEURONS // model.width} here")
    entropy = entropy_of(rng)
    block = max(1, min(65_536, BLOCK_NEURONS // model.width))
    tasks = [(b, min(block, n - b * block)) for b in range(-(-n // block))]

    def one(task: tuple[int, int]) -> tuple[int, Any]:
        random = block_generator(entropy, task[0])
        v = draw_variances(model, task[1], random)
        if density:
            return 0, log_event(level, v, True)
        return int(np.count_nonzero(random.standard_normal(task[1]) * np.sqrt(v) >= level)), None

    run, close = mapper(workers)
    try:
        parts = list(run(one, tasks))
    finally:
        close()
    found: dict[str, Any] = {"seed": entropy, "error_kind": "stderr", "cost": Cost(samples=n)}
    if density:
        return found | _mean(np.concatenate([p for _, p in parts]))
    return found | _proportion(sum(h for h, _ in parts), n)


def _mean(logs: Any) -> dict[str, Any]:
    top = float(np.max(logs))
    weights = np.exp(logs - top)
    mean = float(np.mean(weights))
    error = float(np.std(weights, ddof=1)) / mean / math.sqrt(len(logs))
    logp = top + math.log(mean)
    found = {"logp": logp, "error": error, "detail": MonteCarloDetail(len(logs), None, (logp - 1.96 * error, logp + 1.96 * error))}
    if not error > 0.0 or float(np.max(weights)) > 0.05 * float(np.sum(weights)):
        return found | {"status": "warning", "advice": "few samples carry the estimate; use method='importance' or 'exact'"}
    return found


def _proportion(hits: int, n: int) -> dict[str, Any]:
    from scipy.special import betaincinv

    low = float(betaincinv(hits, n - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 0.975)) if hits < n else 1.0
    interval = (math.log(low) if hits else None, math.log(high))
    detail = MonteCarloDetail(n, hits, interval)
    if hits == 0:
        advice = f"no sample reached the level, so that only log P < {interval[1]:.4g} is known (95 %); use 'exact' or 'importance'"
        return {"logp": math.nan, "error": math.inf, "detail": detail, "status": "failed", "advice": advice}
    logp = math.log(hits / n)
    # One standard error of log P; at a proportion of 1 the interval's lower end stands in.
    error = math.sqrt((1.0 - hits / n) / hits) if hits < n else -math.log(low) / 1.96
    found = {"logp": logp, "error": error, "detail": detail}
    if hits < 20:
        found |= {"status": "warning", "advice": f"{hits} hits only: read the interval, not the standard error, or draw more"}
    return found
