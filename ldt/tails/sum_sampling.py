r"""Sampling tails and densities of sums: tilted importance sampling and plain Monte Carlo, in fixed blocks.

    P(S >= x) = E_s[exp(K(s) - s S); S >= x],   K'(s) = x:   every term is drawn from its own tilted law

(Siegmund 1976).  Laws whose tilted form is a named law are drawn exactly, and sums of equal ones in one go; other densities from a
histogram whose ratio to the tilted density joins the weight, so that the estimate stays unbiased whatever the quadrature says.

Density: one term X' with a known density f is integrated out, the rest R is drawn,

    p(x) = E_s[exp(K_R(s) - s R) f(x - R)],

a term of the widest law, since the relative variance grows as sd(R)/sd(X').  Of a discrete sum, P(S = x) by counting S = x.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ldt.errors import MethodError
from ldt.models.laws import Affine, Law
from ldt.models.sums import Sum
from ldt.numerics.random import block_generator, entropy_of
from ldt.numerics.sums import LogSums
from ldt.tails.montecarlo import SAMPLES, counted, mean_weight, proportion
from ldt.tails.sum_exact import caution, lattice_index
from ldt.tails.sum_saddle import saddle

BLOCK = 8192
#: Terms drawn at most in one call.
MAX_TERMS = 4_000_000_000
#: Of importance sampling, if nothing is asked.
TILTED = 20_000


@dataclass(frozen=True)
class SumSamplingDetail:
    """``samples`` drawn at this ``tilt``; ``ess`` effective samples among them; ``largest`` share of one sample in the estimate."""

    samples: int
    tilt: float
    ess: float
    largest: float


def edge_of(model: Sum, x: float, side: str) -> float:
    """x, moved off the lattice by half a span into the event's outside, so that rounding of sums decides nothing."""
    if model.lattice is None:
        tie = 64.0 * 2.0**-52 * (abs(x) + abs(model._mean)) if model.discrete else 0.0
        return x - tie if side == "upper" else x + tie
    span, offset = model.lattice
    k, on = lattice_index(model, x)
    return offset + span * (k - 0.5 if side == "upper" or not on else k + 0.5)


@dataclass(frozen=True)
class _Block:
    """What it takes to draw weights: shipped with every block.  ``scale`` = K(s) - s level of ``model``, which for a density is the sum
    without the term whose law is ``last``; the event is low <= S <= high."""

    model: Sum
    level: float
    low: float
    high: float
    s: float
    scale: float
    last: Law | None
    entropy: int


def block_weights(task: tuple[int, int], *, what: _Block) -> LogSums:
    """Sums of the weights exp(K(s) - s S) on the event (or times the last term's density) of n samples of block b."""
    b, n = task
    random = block_generator(what.entropy, b)
    if what.s == 0.0:
        sums, logs = what.model.draw(n, random), np.zeros(n)
    else:
        sums, logs = what.model.draw_tilted(what.s, n, random)
        logs = logs + what.scale - what.s * (sums - what.level)
    if what.last is None:
        return LogSums.of(np.where((sums >= what.low) & (sums <= what.high), logs, -math.inf))
    with np.errstate(divide="ignore"):
        return LogSums.of(logs + np.asarray(what.last.logpdf(what.level - sums), dtype=float))


def block_hits(task: tuple[int, int], *, what: _Block) -> int:
    """Hits among n plain samples of block b."""
    b, n = task
    sums = what.model.draw(n, block_generator(what.entropy, b))
    return int(np.count_nonzero((sums >= what.low) & (sums <= what.high)))


def _task(model: Sum, level: float, density: bool, side: str, s: float, rng: Any) -> _Block:
    if density and not (model.discrete or model.degenerate):
        rest, last = _without_one(model, s)
        return _Block(rest, level, 0.0, 0.0, s, rest.frame(s, level).scale if s else 0.0, last, entropy_of(rng))
    low = edge_of(model, level, "upper") if density or side == "upper" else -math.inf
    high = edge_of(model, level, "lower") if density or side == "lower" else math.inf
    if density and model.lattice is not None and not lattice_index(model, level)[1]:
        low, high = math.inf, -math.inf  # no such value
    return _Block(model, level, low, high, s, model.frame(s, level).scale if s else 0.0, None, entropy_of(rng))


def _without_one(model: Sum, s: float) -> tuple[Sum, Law]:
    """(the sum without one term, that term's law): of those whose density is known the one that is widest under the tilt."""
    known = [i for i, (law, _) in enumerate(model.parts) if not law.discrete and has_density(law)]
    if not known:
        raise MethodError("method: sampling a density needs a term whose own density is known; use method='exact'")
    best = max(known, key=lambda i: model.parts[i][0].cumulants(s)[2] if s else model.parts[i][0].var)
    parts = [(law, n - (i == best)) for i, (law, n) in enumerate(model.parts)]
    return model.rebuilt([part for part in parts if part[1]]), model.parts[best][0]


def has_density(law: Law) -> bool:
    """Whether the density of one term is known."""
    inner = law.base if isinstance(law, Affine) else law
    return "logpdf" in vars(inner) or type(inner).logpdf is not Law.logpdf


def _one_by_one(law: Law) -> bool:
    """Whether a sum of this law is drawn term by term."""
    return type(law.base if isinstance(law, Affine) else law).sum_rvs is Law.sum_rvs


def _sampled(model: Sum, work: Any, total: Any, answer: Any, what: _Block, default: int, options: dict[str, Any]) -> dict[str, Any]:
    terms = sum(count for law, count in model.parts if _one_by_one(law))
    most = MAX_TERMS // max(terms, 1)
    found = counted(
        partial(work, what=what), total, answer, default=default, most=most, what=f"{terms:.3g} terms", block=BLOCK, **options
    )  # fmt: skip
    if found.get("status", "ok") == "ok":
        found |= caution(model, what.level)
    return {"seed": what.entropy, **found}


def importance(
    model: Sum, level: float, *, density: bool = False, side: str = "upper", samples: Any = None, target_error: Any = None, rng: Any = None,
    workers: Any = 1, progress: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """Estimate log P(S >= level), <=, or log p(level), by the tilt whose mean is the level (20,000 samples); TailResult fields."""
    towards = side if not density else "upper" if level >= model._mean else "lower"
    inside = model.degenerate or (math.isfinite(model._mean) and (level <= model._mean) == (towards == "upper"))
    if not inside:
        model.check_light(towards)
    bounded = model.support[0] < level < model.support[1]
    s = 0.0 if inside or not bounded else saddle(model, level, towards, pole=False, tol=1e-6)
    what = _task(model, level, density, side, s, rng)

    def answer(sums: LogSums, drawn: int) -> dict[str, Any]:
        if sums.log_mean() == -math.inf:
            return {"logp": math.nan, "error": math.inf, "status": "failed", "advice": "no sample reached the event; use 'exact'"}
        # What n samples never met has a probability of order 1/n: no error below that is believed.
        error = math.sqrt(sums.relative_variance() / drawn + 1.0 / drawn**2)
        detail = SumSamplingDetail(drawn, s, sums.first**2 / sums.second, sums.largest / sums.first)
        found = {"logp": sums.log_mean(), "error": error, "detail": detail}
        if detail.ess < 50.0 or detail.largest > 0.05:
            found |= {"status": "warning", "advice": "few samples carry the estimate, so that its error may be too small; draw more"}
        return found

    options = {"samples": samples, "target_error": target_error, "workers": workers, "progress": progress}
    return _sampled(model, block_weights, LogSums(), answer, what, TILTED, options)


def montecarlo(
    model: Sum, level: float, *, density: bool = False, side: str = "upper", samples: Any = None, target_error: Any = None, rng: Any = None,
    workers: Any = 1, progress: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """Hits among plain draws (100,000), with their binomial interval; a density as the mean of the last term's; TailResult fields."""
    what = _task(model, level, density, side, 0.0, rng)
    smooth = what.last is not None
    work, total, answer = (block_weights, LogSums(), mean_weight) if smooth else (block_hits, 0, proportion)
    options = {"samples": samples, "target_error": target_error, "workers": workers, "progress": progress}
    found = _sampled(model, work, total, answer, what, SAMPLES, options)
    if not model.light("upper") or not model.light("lower"):
        found["advice"] = found.get("advice", "").replace("'importance'", "'conditional'")
    return found
