r"""Sampling tails of sums: tilted importance sampling and plain Monte Carlo, in fixed blocks.

    P(S >= x) = E_s[exp(K(s) - s S); S >= x],   K'(s) = x:   every term is drawn from its own tilted law

(Siegmund 1976).  Laws whose tilted form is a named law are drawn exactly, and sums of equal ones in one go; other densities from a
histogram whose ratio to the tilted density joins the weight, so that the estimate stays unbiased whatever the quadrature says.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldt.errors import ModelError
from ldt.models.laws import Affine, Law
from ldt.models.sums import Sum
from ldt.numerics.random import block_generator, entropy_of
from ldt.numerics.sums import LogSums
from ldt.numerics.workers import checked_progress, checked_target, interrupted, mapper, sample_count
from ldt.results import Cost
from ldt.tails.montecarlo import proportion
from ldt.tails.sum_exact import caution, lattice_index
from ldt.tails.sum_saddle import saddle

BLOCK = 8192
#: Samples of the first round where an error is asked for.
FIRST = 4096
#: Terms drawn at most in one call.
MAX_TERMS = 4_000_000_000


@dataclass(frozen=True)
class SumSamplingDetail:
    """``samples`` drawn at this ``tilt``; ``ess`` effective samples among them; ``largest`` share of one sample in the estimate."""

    samples: int
    tilt: float
    ess: float
    largest: float


def _boundary(model: Sum, x: float, side: str) -> float:
    """x, moved off the lattice by half a span into the event's outside, so that rounding of sums decides nothing."""
    if model.lattice is None:
        tie = 64.0 * 2.0**-52 * (abs(x) + abs(model._mean)) if model.discrete else 0.0
        return x - tie if side == "upper" else x + tie
    span, offset = model.lattice
    k, on = lattice_index(model, x)
    return offset + span * (k - 0.5 if side == "upper" or not on else k + 0.5)


@dataclass(frozen=True)
class _Block:
    """What it takes to draw from a sum: shipped with every block.  ``scale`` = K(s) - s level."""

    model: Sum
    level: float
    edge: float
    upper: bool
    s: float
    scale: float
    entropy: int

    def hit(self, sums: Any) -> Any:
        """Which of the sums are in the event."""
        return sums >= self.edge if self.upper else sums <= self.edge


def block_weights(task: tuple[_Block, int, int]) -> LogSums:
    """Sums of the weights exp(K(s) - s S) on the event, of n samples of block b."""
    what, b, n = task
    random = block_generator(what.entropy, b)
    if what.s == 0.0:
        return LogSums.of(np.where(what.hit(what.model.draw(n, random)), 0.0, -math.inf))
    sums, logs = what.model.draw_tilted(what.s, n, random)
    return LogSums.of(np.where(what.hit(sums), logs + what.scale - what.s * (sums - what.level), -math.inf))


def block_hits(task: tuple[_Block, int, int]) -> int:
    """Hits among n plain samples of block b."""
    what, b, n = task
    return int(np.count_nonzero(what.hit(what.model.draw(n, block_generator(what.entropy, b)))))


def _one_by_one(law: Law) -> bool:
    """Whether a sum of this law is drawn term by term."""
    return type(law.base if isinstance(law, Affine) else law).sum_rvs is Law.sum_rvs


def _sampled(
    one: Callable[[Any], Any], answer: Callable[[Any, int], dict[str, Any]], start: Any, what: _Block, usual: int,
    samples: Any, target_error: Any, workers: Any, progress: Any,
) -> dict[str, Any]:  # fmt: skip
    """Whole blocks until ``samples`` or ``target_error``; the result's fields."""
    target = checked_target(target_error) if target_error is not None else 0.0
    terms = sum(count for law, count in what.model.parts if _one_by_one(law))
    most = MAX_TERMS // max(terms, 1)
    cap = sample_count(samples) if samples is not None else most if target else min(usual, most)
    if not 2 <= cap <= most:
        raise ModelError(f"samples: {cap} samples of {terms} terms are too many; at most {most} here")
    checked_progress(progress)
    total, drawn, blocks, stopped = start, 0, 0, False
    goal = min(cap, FIRST) if target else cap
    run, close = mapper(workers)
    try:
        while drawn < goal:
            tasks = [(what, blocks + i, min(BLOCK, goal - drawn - i * BLOCK)) for i in range(-(-(goal - drawn) // BLOCK))]
            blocks += len(tasks)
            for (_, _, n), part in zip(tasks, run(one, tasks), strict=True):
                total, drawn = total + part, drawn + n
                if progress is not None:
                    now = answer(total, drawn)
                    progress(drawn, goal, now["logp"], now["error"])
            error = answer(total, drawn)["error"]
            if not target or error <= target:
                break
            need = 1.05 * drawn * (error / target) ** 2 + 2 if math.isfinite(error) else cap
            goal = int(min(cap, need, 8 * drawn))
    except KeyboardInterrupt:
        stopped = True
    finally:
        close()
    found = {"seed": what.entropy, "error_kind": "stderr", "cost": Cost(samples=drawn), **answer(total, drawn)}
    if target and found["error"] > target and found.get("status", "ok") == "ok":
        found |= {"status": "warning", "advice": f"the error asked for ({target:g}) needs more samples; pass samples="}
    if found.get("status", "ok") == "ok":
        found |= caution(what.model, what.level)
    return interrupted(found, drawn) if stopped else found


def importance(
    model: Sum, level: float, *, density: bool = False, side: str = "upper", samples: Any = None, target_error: Any = None, rng: Any = None,
    workers: Any = 1, progress: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """Estimate log P(S >= level), or <=, by the tilt whose mean is the level (20,000 samples); a dict of TailResult fields."""
    inside = model.degenerate or (level <= model._mean) == (side == "upper")
    if not inside:
        model.check_light(side)
    bounded = model.support[0] < level < model.support[1]
    s = 0.0 if inside or not bounded else saddle(model, level, side, pole=False, tol=1e-6)
    what = _Block(model, level, _boundary(model, level, side), side == "upper", s, model.frame(s, level).scale, entropy_of(rng))

    def answer(sums: LogSums, drawn: int) -> dict[str, Any]:
        if sums.log_mean() == -math.inf if drawn else True:
            return {"logp": math.nan, "error": math.inf, "status": "failed", "advice": "no sample reached the event; use 'exact'"}
        # What n samples never met has a probability of order 1/n: no error below that is believed.
        error = math.sqrt(sums.relative_variance() / drawn + 1.0 / drawn**2)
        detail = SumSamplingDetail(drawn, s, sums.first**2 / sums.second, sums.largest / sums.first)
        found = {"logp": sums.log_mean(), "error": error, "detail": detail}
        if detail.ess < 50.0 or detail.largest > 0.05:
            found |= {"status": "warning", "advice": "few samples carry the estimate, so that its error may be too small; draw more"}
        return found

    return _sampled(block_weights, answer, LogSums(), what, 20_000, samples, target_error, workers, progress)


def montecarlo(
    model: Sum, level: float, *, density: bool = False, side: str = "upper", samples: Any = None, target_error: Any = None, rng: Any = None,
    workers: Any = 1, progress: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """Hits among plain draws (100,000), with their binomial interval; a dict of TailResult fields."""
    what = _Block(model, level, _boundary(model, level, side), side == "upper", 0.0, 0.0, entropy_of(rng))

    def answer(hits: int, drawn: int) -> dict[str, Any]:
        if drawn < 2:
            return {"logp": math.nan, "error": math.inf, "status": "failed", "advice": "no samples yet"}
        return proportion(hits, drawn)

    return _sampled(block_hits, answer, 0, what, 100_000, samples, target_error, workers, progress)
