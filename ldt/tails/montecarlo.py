r"""Plain Monte Carlo: the honest baseline for events that are not rare.

Tail: A is drawn, readouts and all, and hits are counted; the interval is the mid-P one of the binomial law (Lancaster 1961), which
is calibrated where the exact one (Clopper & Pearson 1934, given too) covers too much (docs/calibration.md).
Density: the mean of the normal density of variance V(w), which the readouts integrated out give.
Needs nothing of the model but draws, so it also holds where no tilt exists.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ldt.errors import ModelError
from ldt.numerics.random import block_generator, entropy_of
from ldt.numerics.sums import LogSums
from ldt.numerics.workers import checked_progress, checked_target, interrupted, mapper, sample_count
from ldt.results import Cost
from ldt.tails.atoms import log_event

BLOCK_NEURONS = 1_000_000
MAX_NEURONS = 4_000_000_000
#: Samples if nothing is asked, and of the first round where an error is.
SAMPLES = 100_000
FIRST = 10_000


@dataclass(frozen=True)
class MonteCarloDetail:
    """``hits`` in ``samples`` (tail), the 95 % mid-P ``interval`` of log P, and Clopper and Pearson's ``exact_interval``, which covers at
    least 95 %; None for an end that is infinite, and for the density's exact interval."""

    samples: int
    hits: int | None
    interval: tuple[float | None, float | None]
    exact_interval: tuple[float | None, float | None] | None = None

    def complement(self) -> dict[str, Any]:
        """The result's fields for the event that the samples without a hit are in."""
        return {} if self.hits is None else {"status": "ok", "advice": "", **proportion(self.samples - self.hits, self.samples)}


def draw_variances(model: Any, n: int, random: np.random.Generator) -> Any:
    """V(w) of n networks drawn from the prior."""
    total = np.zeros(n)
    for first in range(0, model.width, BLOCK_NEURONS):
        m = min(model.width - first, BLOCK_NEURONS)
        w, rho = model.neuron.prior_draw((n, m), random)
        total += np.sum(model.unit_overlap(w, rho) ** 2, axis=1)
    return 2.0 * model.variance_scale * total


@dataclass(frozen=True)
class _Block:
    """What it takes to draw from a model: shipped with every block."""

    model: Any
    level: float
    density: bool
    entropy: int


def block_hits(task: tuple[int, int], *, what: _Block) -> int | LogSums:
    """Hits among n samples of block b, or for the density the sums of their weights."""
    b, n = task
    random = block_generator(what.entropy, b)
    v = draw_variances(what.model, n, random)
    if what.density:
        return LogSums.of(log_event(what.level, v, True))
    return int(np.count_nonzero(random.standard_normal(n) * np.sqrt(v) >= what.level))


def montecarlo(
    model: Any, level: float, *, density: bool = False, side: str = "upper", samples: Any = None, target_error: Any = None,
    rng: Any = None, workers: Any = 1, progress: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """Estimate log P(A >= level) (or log p) at level > 0; a dict of TailResult fields.

    Sampling stops at an error of ``target_error`` nats, if given, or after ``samples`` (100,000; with an error asked, MAX_NEURONS
    neurons).
    """
    entropy = entropy_of(rng)
    found = counted(
        partial(block_hits, what=_Block(model, level, density, entropy)), LogSums() if density else 0,
        mean_weight if density else proportion, samples=samples, target_error=target_error, default=SAMPLES,
        most=MAX_NEURONS // model.width, what=f"{model.width:.3g} neurons",
        block=max(1, min(65_536, BLOCK_NEURONS // model.width)), workers=workers, progress=progress,
    )  # fmt: skip
    return {"seed": entropy, **found}


def counted(
    work: Callable[[tuple[int, int]], Any], total: Any, answer: Callable[[Any, int], dict[str, Any]], *, samples: Any, target_error: Any,
    default: int, most: int, what: str, block: int, workers: Any, progress: Any,
) -> dict[str, Any]:  # fmt: skip
    """``answer(sum of work((b, n)) over blocks b of n samples, samples drawn)``: TailResult fields.

    Sampling stops at the error asked for or after ``samples`` (``default``, or with an error asked ``most``, which is what can be drawn of
    ``what``); Ctrl-C leaves the answer of the blocks that were finished.
    """
    target = checked_target(target_error) if target_error is not None else 0.0
    cap = sample_count(samples) if samples is not None else most if target else min(default, most)
    if cap > most or cap < 2:
        raise ModelError(f"samples: {cap} samples of {what} are too many; at most {most} here")
    checked_progress(progress)
    drawn = blocks = 0
    goal = min(cap, FIRST) if target else cap
    stopped = False

    def now() -> dict[str, Any]:
        if drawn < 2:
            return {"logp": math.nan, "error": math.inf, "status": "failed", "advice": "no samples yet"}
        return answer(total, drawn)

    run, close = mapper(workers)
    try:
        while drawn < goal:
            tasks = [(blocks + i, min(block, goal - drawn - i * block)) for i in range(-(-(goal - drawn) // block))]
            blocks += len(tasks)
            for (_, n), part in zip(tasks, run(work, tasks), strict=True):
                total, drawn = total + part, drawn + n  # one step: an interruption leaves whole blocks
                if progress is not None:
                    found = now()
                    progress(drawn, _wanted(found["error"], drawn, target, cap), found["logp"], found["error"])
            goal = min(_wanted(now()["error"], drawn, target, cap), 8 * drawn)
    except KeyboardInterrupt:
        stopped = True
    finally:
        close()
    found = {"error_kind": "stderr", "cost": Cost(samples=drawn), **now()}
    if target and found["error"] > target and found.get("status", "ok") == "ok":
        found |= {"status": "warning", "advice": f"the error asked for ({target:g}) needs more samples; pass samples=, or use 'importance'"}
    return interrupted(found, drawn) if stopped else found


def _wanted(error: float, drawn: int, target: float, cap: int) -> int:
    """Samples in all that the error asked for will take, by the present one."""
    if not target:
        return cap
    if error <= target:
        return drawn
    return int(min(cap, 1.05 * drawn * (error / target) ** 2 + 2)) if math.isfinite(error) else cap


def mean_weight(sums: LogSums, _: int) -> dict[str, Any]:
    """TailResult fields of a density from the sums of its weights."""
    logp, error = sums.log_mean(), math.sqrt(sums.relative_variance() / sums.n)
    if logp == -math.inf:
        return {"logp": math.nan, "error": math.inf, "status": "failed", "advice": "every weight is 0; use 'importance' or 'exact'"}
    found = {"logp": logp, "error": error, "detail": MonteCarloDetail(sums.n, None, (logp - 1.96 * error, logp + 1.96 * error))}
    if not error > 0.0 or sums.largest > 0.05 * sums.first:
        return found | {"status": "warning", "advice": "few samples carry the estimate; use method='importance' or 'exact'"}
    return found


def midp_interval(hits: int, n: int, miss: float = 0.05) -> tuple[float, float]:
    """The mid-P interval of a proportion: the p at which P(more hits) + P(as many)/2 is miss/2, and 1 - miss/2 (Lancaster 1961).

    Clopper and Pearson's counts "as many" in full: it covers at least 95 %, and up to 100 % where hits are few.  Without a hit the
    upper end is the exact one-sided bound, 1 - miss^(1/n).

    >>> [round(p, 6) for p in midp_interval(0, 100)]
    [0.0, 0.029513]
    """
    from scipy.optimize import brentq
    from scipy.special import betainc, betaincc, betaincinv

    def end(share: float, low: float, high: float) -> float:
        """p where [P(X > hits) + P(X >= hits)]/2 = share (as 1 - share of the complements near the top), between exact ends."""

        def gap(p: float) -> float:
            if share > 0.5:
                return (1.0 - share) - 0.5 * float(betaincc(hits, n - hits + 1, p) + betaincc(hits + 1, n - hits, p))
            return 0.5 * float(betainc(hits, n - hits + 1, p) + betainc(hits + 1, n - hits, p)) - share

        return float(brentq(gap, low, high, xtol=1e-300, rtol=1e-13))

    half = 0.5 * miss
    if hits == 0:
        return 0.0, -math.expm1(math.log(miss) / n)
    if hits == n:
        return math.exp(math.log(miss) / n), 1.0
    a, b = (hits, n - hits + 1), (hits + 1, n - hits)
    ends = [(float(betaincinv(*a, share)), float(betaincinv(*b, share))) for share in (half, 1.0 - half)]
    return end(half, *ends[0]), end(1.0 - half, *ends[1])


def proportion(hits: int, n: int) -> dict[str, Any]:
    """TailResult fields of a probability from ``hits`` in n samples.

    Where every sample hits, log P = 0 is the edge of what is known, log P > log(0.05)/n with 95 % confidence; the error is such that
    1.96 of it reach there (a true log P beyond that leaves no sample out in less than 5 % of runs).
    """
    from scipy.special import betaincinv

    low, high = midp_interval(hits, n)
    interval = (math.log(low) if hits else None, math.log(high))
    exact = (
        math.log(float(betaincinv(hits, n - hits + 1, 0.025))) if hits else None,
        math.log(float(betaincinv(hits + 1, n - hits, 0.975))) if hits < n else 0.0,
    )
    detail = MonteCarloDetail(n, hits, interval, exact)
    if hits == 0:
        advice = f"no sample reached the level, so that only log P < {interval[1]:.4g} is known (95 %); use 'exact' or 'importance'"
        return {"logp": math.nan, "error": math.inf, "detail": detail, "status": "failed", "advice": advice}
    logp = math.log(hits / n)
    # One standard error of log P; at a proportion of 1 the interval's lower end stands in.
    error = math.sqrt((1.0 - hits / n) / hits) if hits < n else -math.log(low) / 1.96
    found = {"logp": logp, "error": error, "detail": detail}
    if hits == n:
        found["advice"] = f"every sample reached the level, so that only log P > {interval[0]:.4g} is known (95 %)"
    if hits < 20:
        found |= {"status": "warning", "advice": f"{hits} hits only: read the interval, not the standard error, or draw more"}
    return found
