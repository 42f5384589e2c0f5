r"""The principle of one big jump, with the bulk at its mean:

    P(S_n > t) ~ n G(t - (n-1) mu),      p(t) ~ n f(t - (n-1) mu),

mu = E X where it is finite, else 0 (Foss, Korshunov & Zachary, Introduction to Heavy-Tailed and Subexponential Distributions, 2013,
ch. 3 and 5).

Its error is an estimate from the next orders: the bulk's fluctuations help by E exp(lam S) = exp(sigma^2/2) at leading order,
sigma = lam sd(S) with lam the hazard rate at the jump; where the variance is infinite, by lam times the size of the largest terms;
and two jumps add n G.  Where that exceeds 1/2 the asymptote is not one yet: the status is a warning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldt.errors import MethodError
from ldt.models.heavy_sum import as_heavy, bulk_scale, heavy_side


@dataclass(frozen=True)
class JumpDetail:
    """``jump``: the size of the one large term in units of S; ``sigma``: by how much (log) the bulk's fluctuations help."""

    jump: float
    sigma: float


def run(model: Any, level: float, *, density: bool, side: str) -> dict[str, Any]:
    """log of the asymptote at ``level``: a dict of TailResult fields."""
    model = as_heavy(model, "bigjump", side)
    term, n = model.term, model.n
    t = _at(model, level) if density else heavy_side(model, level, side, "bigjump")
    jump = t - (n - 1) * (term.mean if math.isfinite(term.mean) else 0.0)
    if not jump > max(term.support, 0.0):
        raise MethodError("level: below the mean no jump is needed; use method='exact' or 'montecarlo'")
    log_one = float((term.log_pdf if density else term.log_sf)(np.array([jump]))[0])
    logp = math.log(n) + log_one - (math.log(model.factor) if density else 0.0)
    log_tail = math.log(n) + float(term.log_sf(np.array([jump]))[0])
    sigma = term.hazard(jump) * bulk_scale(term, n - 1.0) if n > 1 else 0.0
    error = 2.0**-50 * (1.0 + abs(logp))
    if n > 1:
        spread = sigma * sigma if math.isfinite(term.var) else 2.0 * sigma
        error += spread + 2.0 * math.exp(min(log_tail, 0.0)) + (2.0 * sigma if density else 0.0)
    found: dict[str, Any] = {
        "logp": logp if density else min(logp, 0.0), "error": error, "error_kind": "estimate",
        "detail": JumpDetail(jump * model.factor, sigma),
    }  # fmt: skip
    if error > 0.5:
        advice = f"one big jump does not describe the event yet: the bulk helps by exp(sigma^2/2), sigma = {sigma:.2g}; use method='exact'"
        found |= {"status": "warning", "advice": advice}
    return found


def _at(model: Any, level: float) -> float:
    t = float((model.sign * level - model.shift) / model.factor)
    return abs(t) if model.term.symmetric else t
