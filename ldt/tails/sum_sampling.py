r"""Sampling tails of sums: tilted importance sampling and plain Monte Carlo, in fixed blocks.

    P(S >= x) = E_s[exp(K(s) - s S); S >= x],   K'(s) = x:   every term is drawn from its own tilted law

(Siegmund 1976).  Laws whose tilted form is a named law are drawn exactly, and sums of equal ones in one go; other densities from a
histogram whose ratio to the tilted density joins the weight, so that the estimate stays unbiased whatever the quadrature says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldt.errors import MethodError, ModelError
from ldt.models.laws import Affine, Law
from ldt.models.sums import Sum
from ldt.numerics.random import block_generator, entropy_of
from ldt.numerics.workers import mapper, sample_count
from ldt.results import Cost
from ldt.tails.montecarlo import _proportion
from ldt.tails.sum_exact import caution, lattice_index
from ldt.tails.sum_saddle import saddle

BLOCK = 8192
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


def _blocks(samples: Any, model: Sum) -> tuple[int, list[tuple[int, int]]]:
    n = sample_count(samples)
    terms = sum(count for law, count in model.parts if _one_by_one(law))
    if n * max(terms, 1) > MAX_TERMS:
        raise ModelError(f"samples: {n} samples of {terms} terms are too many; at most {MAX_TERMS // max(terms, 1)} here")
    return n, [(b, min(BLOCK, n - b * BLOCK)) for b in range(-(-n // BLOCK))]


def _one_by_one(law: Law) -> bool:
    """Whether a sum of this law is drawn term by term."""
    return type(law.base if isinstance(law, Affine) else law).sum_rvs is Law.sum_rvs


def importance(
    model: Sum, level: float, *, density: bool = False, side: str = "upper", samples: Any = 20_000, rng: Any = None, workers: Any = 1
) -> dict[str, Any]:
    """Estimate log P(S >= level), or <=, by the tilt whose mean is the level; a dict of TailResult fields."""
    if density:
        raise MethodError("method: 'importance' gives tails of sums, not densities; use 'exact' or 'saddlepoint'")
    n, tasks = _blocks(samples, model)
    entropy = entropy_of(rng)
    inside = model.degenerate or (level <= model._mean) == (side == "upper")
    if not inside:
        model.check_light(side)
    bounded = model.support[0] < level < model.support[1]
    s = 0.0 if inside or not bounded else saddle(model, level, side, pole=False, tol=1e-6)
    edge = _boundary(model, level, side)
    scale = model.frame(s, level).scale

    def one(task: tuple[int, int]) -> Any:
        sums, logs = model.draw_tilted(s, task[1], block_generator(entropy, task[0])) if s else _plain(model, task, entropy)
        hit = sums >= edge if side == "upper" else sums <= edge
        return np.where(hit, logs + scale - s * (sums - level), -math.inf)

    run, close = mapper(workers)
    try:
        logs = np.concatenate(list(run(one, tasks)))
    finally:
        close()
    top = float(np.max(logs))
    found: dict[str, Any] = {"seed": entropy, "error_kind": "stderr", "cost": Cost(samples=n)}
    if top == -math.inf:
        return found | {"logp": math.nan, "error": math.inf, "status": "failed", "advice": "no sample reached the event; use 'exact'"}
    w = np.exp(logs - top)
    mean = float(np.mean(w))
    ess = float(np.sum(w)) ** 2 / float(w @ w)
    # What n samples never met has a probability of order 1/n: no error below that is believed.
    error = math.sqrt(float(np.var(w, ddof=1)) / n / mean**2 + (1.0 / n) ** 2)
    detail = SumSamplingDetail(n, s, ess, float(np.max(w)) / float(np.sum(w)))
    found |= {"logp": top + math.log(mean), "error": error, "detail": detail}
    if ess < 50.0 or detail.largest > 0.05:
        return found | {"status": "warning", "advice": "few samples carry the estimate, so that its error may be too small; draw more"}
    return found | caution(model, level)


def _plain(model: Sum, task: tuple[int, int], entropy: int) -> tuple[Any, Any]:
    sums = model.draw(task[1], block_generator(entropy, task[0]))
    return sums, np.zeros(len(sums))


def montecarlo(
    model: Sum, level: float, *, density: bool = False, side: str = "upper", samples: Any = 100_000, rng: Any = None, workers: Any = 1
) -> dict[str, Any]:
    """Hits among plain draws, with the exact binomial interval; a dict of TailResult fields."""
    if density:
        raise MethodError("method: 'montecarlo' gives tails of sums, not densities; use 'exact' or 'saddlepoint'")
    n, tasks = _blocks(samples, model)
    entropy, edge = entropy_of(rng), _boundary(model, level, side)

    def one(task: tuple[int, int]) -> int:
        sums = _plain(model, task, entropy)[0]
        return int(np.count_nonzero(sums >= edge if side == "upper" else sums <= edge))

    run, close = mapper(workers)
    try:
        hits = sum(run(one, tasks))
    finally:
        close()
    return {"seed": entropy, "error_kind": "stderr", "cost": Cost(samples=n)} | _proportion(hits, n)
