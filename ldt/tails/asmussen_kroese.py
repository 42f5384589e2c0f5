r"""Conditional Monte Carlo for sums of heavy-tailed terms (Asmussen & Kroese, Adv. Appl. Prob. 38 (2006) 545, eq. 2.5).

By exchangeability the last term may be called the largest, and integrating it out exactly,

    P(S_n > t) = n E G(max(M, t - S)),      S = X_1 + ... + X_(n-1),  M = max(X_1, ..., X_(n-1)),  G(x) = P(X > x).

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
from typing import Any

import numpy as np

from ldt.errors import ModelError
from ldt.models.heavy_sum import MAX_DRAWS, PIECE, bulk_scale, heavy_side
from ldt.numerics.random import block_generator, entropy_of
from ldt.numerics.workers import mapper, sample_count
from ldt.results import Cost

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
    model: Any, level: float, *, density: bool = False, side: str = "upper", samples: Any = 100_000, rng: Any = None, workers: Any = 1
) -> dict[str, Any]:
    """Estimate log P(S >= level): a dict of TailResult fields with the verdict."""
    term, n, size = model.term, model.n, sample_count(samples)
    t = heavy_side(model, level, side, "conditional")
    if size * n > MAX_DRAWS:
        raise ModelError(f"samples: {size} samples of {n:.3g} terms are too many; at most {MAX_DRAWS // n} here")
    entropy = entropy_of(rng)
    block = max(1, min(65_536, PIECE // n))
    tasks = [(b, min(block, size - b * block)) for b in range(-(-size // block))]

    def one(task: tuple[int, int]) -> Any:
        return log_weights(term, n, t, task[1], block_generator(entropy, task[0]))

    run_map, close = mapper(workers)
    try:
        logs = np.concatenate(list(run_map(one, tasks)))
    finally:
        close()
    top = float(np.max(logs))
    weights = np.exp(logs - top)
    mean, sd = float(np.mean(weights)), float(np.std(weights, ddof=1)) if size > 1 else math.inf
    sigma, share = help_of_bulk(term, n, t)
    growth = math.exp(min(sigma * sigma, 300.0))
    predicted = (growth + 2.0) * math.sqrt(max(growth - 1.0, 0.0) / size)
    measured = float(np.mean(((weights - mean) / sd) ** 3)) / math.sqrt(size) if sd > 0.0 else 0.0
    largest = float(np.max(weights)) / (mean * size)
    reasons = []
    if share > 0.5 and n > 1:
        reasons.append("the sum reaches the level by many small terms, or half of it does")
    elif predicted > SKEW:
        reasons.append(f"the bulk must help by {sigma:.2g} standard deviations, which {size} draws do not cover")
    if measured > SKEW or largest > SHARE:
        reasons.append(f"a few draws carry the estimate (the largest has {100 * largest:.1f} % of it)")
    found: dict[str, Any] = {
        "logp": min(top + math.log(mean), 0.0), "error": sd / mean / math.sqrt(size) + 2.0**-52, "error_kind": "stderr", "seed": entropy,
        "cost": Cost(samples=size), "detail": ConditionalDetail(sigma, predicted, measured, largest, tuple(reasons)),
    }  # fmt: skip
    if reasons:
        advice = f"not to be trusted: {'; '.join(reasons)}; the standard error does not see it. Use method='exact'"
        found |= {"status": "warning", "advice": advice if term.law is not None else advice.replace("Use method='exact'", "Draw more")}
    return found


def log_weights(term: Any, n: int, t: float, size: int, random: np.random.Generator) -> Any:
    """log of n G(max(M, t - S)) for ``size`` draws."""
    total, largest = np.zeros(size), np.full(size, -math.inf)
    piece = max(1, PIECE // size)
    for first in range(0, n - 1, piece):
        x = term.rvs((size, min(piece, n - 1 - first)), random)
        total += np.sum(x, axis=1)
        largest = np.maximum(largest, np.max(x, axis=1))
    return math.log(n) + term.log_sf(np.maximum(largest, t - total))
