r"""Conditional Monte Carlo for sums of heavy-tailed terms (Asmussen & Kroese, Adv. Appl. Prob. 38 (2006) 545, eq. 2.5).

By exchangeability the last term may be called the largest, and integrating it out exactly,

    P(S_n > t) = n E G(max(M, t - S)),      S = X_1 + ... + X_(n-1),  M = max(X_1, ..., X_(n-1)),  G(x) = P(X > x),
    p(t) = n E[f(t - S); t - S > M].

It is unbiased for every law.  Its relative error is bounded for regularly varying tails, and it deceives wherever the event needs
the bulk S to help: the weight grows as exp(lam S) with lam the hazard rate at the jump that is left, so its logarithm has standard
deviation sigma = lam sd(S), and the mean of such weights is made by draws at sigma standard deviations, which a sample does not hold.
The verdict predicts sigma (self-consistently: S = s*, s* = lam(t - s*) var S) and from it the skewness of the mean of the sample,

    skew = (e^(sigma^2) + 2) sqrt(e^(sigma^2) - 1)/sqrt(samples),

and gives a warning where the bulk takes more than half of t (many small terms, no jump), where the predicted or the measured skewness
exceeds SKEW, or where one draw in the sample carries more than SHARE of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ldt.models.heavy_sum import MAX_DRAWS, PIECE, as_heavy, bulk_scale, heavy_side, standard
from ldt.numerics.random import block_generator, entropy_of
from ldt.numerics.sums import LogSums
from ldt.tails.montecarlo import SAMPLES, counted

SKEW = 0.1
SHARE = 0.02


@dataclass(frozen=True)
class ConditionalDetail:
    """``sigma``: predicted standard deviation of the log weights (inf: no jump is needed); skewness of the sample's mean, predicted
    and measured; ``largest``: the share of one draw; ``reasons``: why not to trust it (empty: none found)."""

    sigma: float
    predicted_skewness: float
    measured_skewness: float
    largest: float
    reasons: tuple[str, ...]


def help_of_bulk(term: Any, n: int, t: float) -> tuple[float, float]:
    """(sigma, share of t that the bulk takes); (inf, 1) where it takes all."""
    sd = bulk_scale(term, n - 1.0) if n > 1 else 0.0
    centre = (n - 1) * term.mean if math.isfinite(term.mean) else 0.0
    rest = t - centre
    s = 0.0
    for _ in range(200):
        if not s < 0.5 * rest:
            return math.inf, 1.0
        new = term.hazard(rest - s) * sd * sd
        if abs(new - s) < 1e-9 * (abs(s) + 1e-300):
            break
        s = new
    return term.hazard(rest - s) * sd, s / rest


def run(
    model: Any, level: float, *, density: bool = False, side: str = "upper", samples: Any = None, target_error: Any = None, rng: Any = None,
    workers: Any = 1, progress: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """Estimate log P(S >= level), or log p(level), from 100,000 draws or ``samples``: a dict of TailResult fields with the verdict."""
    one = as_heavy(model, "conditional", side)
    term, n = one.term, one.n
    t = float(standard(one, level, "upper")[0]) if density else heavy_side(one, level, side, "conditional")
    if density and t < 0.0 and term.symmetric:
        t = -t
    entropy = entropy_of(rng)
    sigma, share = help_of_bulk(term, n, t)
    growth = math.exp(min(sigma * sigma, 300.0))

    def answer(sums: LogSums, size: int) -> dict[str, Any]:
        if sums.first == 0.0:
            none = "every weight is 0: the level is below the largest terms"
            return {"logp": math.nan, "error": math.inf, "status": "failed", "advice": none}
        logp, error = sums.log_mean(), math.sqrt(sums.relative_variance() / size) + 2.0**-52
        predicted = (growth + 2.0) * math.sqrt(max(growth - 1.0, 0.0) / size)
        measured, largest = sums.skewness() / math.sqrt(size), sums.largest / sums.first
        reasons = []
        if share > 0.5 and n > 1:
            reasons.append("the sum reaches the level by many small terms, or half of it does")
        elif predicted > SKEW:
            reasons.append(f"the bulk must help by {sigma:.2g} standard deviations, which {size} draws do not cover")
        if largest > SHARE:
            reasons.append(f"a few draws carry the estimate (the largest has {100 * largest:.1f} % of it)")
        elif measured > SKEW:
            reasons.append(f"the estimate is skewed ({measured:.2g}, trusted up to {SKEW})")
        found: dict[str, Any] = {
            "logp": logp if density else min(logp, 0.0), "error": error,
            "detail": ConditionalDetail(sigma, predicted, measured, largest, tuple(reasons)),
        }  # fmt: skip
        if reasons:
            better = "Use method='exact'" if term.law is not None else "Draw more"
            advice = f"not to be trusted: {'; '.join(reasons)}; the standard error does not see it. {better}"
            found |= {"status": "warning", "advice": advice}
        return found

    found = counted(
        partial(block_sums, what=_Block(one, t, density, entropy)), LogSums(), answer, samples=samples, target_error=target_error,
        default=SAMPLES, most=MAX_DRAWS // n, what=f"{n:.3g} terms", block=max(1, min(65_536, PIECE // n)), workers=workers,
        progress=progress,
    )  # fmt: skip
    return {"seed": entropy, **found}


@dataclass(frozen=True)
class _Block:
    """What it takes to draw weights: shipped with every block."""

    model: Any
    t: float
    density: bool
    entropy: int


def block_sums(task: tuple[int, int], *, what: _Block) -> LogSums:
    """The sums of the weights of one block."""
    b, size = task
    logs = log_weights(what.model.term, what.model.n, what.t, size, block_generator(what.entropy, b), what.density)
    return LogSums.of(logs - math.log(what.model.factor) if what.density else logs)


def log_weights(term: Any, n: int, t: float, size: int, random: np.random.Generator, density: bool = False) -> Any:
    """log of n G(max(M, t - S)) for ``size`` draws; for the density, of n f(t - S) where t - S > M."""
    total, largest = np.zeros(size), np.full(size, -math.inf)
    piece = max(1, PIECE // size)
    for first in range(0, n - 1, piece):
        x = term.rvs((size, min(piece, n - 1 - first)), random)
        total += np.sum(x, axis=1)
        largest = np.maximum(largest, np.max(x, axis=1))
    if density:
        return np.where(t - total > largest, math.log(n) + term.log_pdf(t - total), -math.inf)
    return math.log(n) + term.log_sf(np.maximum(largest, t - total))
