r"""Saddle-point tails and densities of sums: Lugannani-Rice, on a lattice with its kernel (ldt.tails.saddlepoint.expansion).

On the wrong side of the mean the complement is taken; at the mean the expansion has its own limit, Phi(0) - l_3/(6 sqrt(2 pi)).  The
error is SAFETY times the larger of the next order and of its parts.  Discrete laws are not smooth, but nearly so when many terms add
up: what |E exp(itS)| is away from t = 0 under the tilt joins the error (_ripple).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ldt.errors import ConvergenceError
from ldt.models.sums import Sum
from ldt.results import Cost
from ldt.tails.expansion import expansion
from ldt.tails.saddlepoint import DOUBT, SAFETY
from ldt.tails.sum_exact import Value, _degenerate, _outside, _Scaled, caution, certain, complement, lattice_index
from ldt.tails.sum_saddle import derivatives, saddle


@dataclass(frozen=True)
class SumSaddleDetail:
    """The ``tilt``; the ``next_order`` and ``ripple`` (nats) of which the error is made; ``lattice``: span or None."""

    tilt: float
    next_order: float
    ripple: float
    lattice: float | None
    certain: str = ""


def saddlepoint_sum(model: Sum, x: float, *, density: bool = False, side: str = "upper") -> Value:
    """log P (or log p, or log P(S = x) on a lattice) and its error, in nats."""
    if model.degenerate:
        return _degenerate(model, x, density, side)
    upper = side == "upper"
    if model.lattice is not None:
        k, on = lattice_index(model, x)
        scaled: Any = _Scaled(model, *model.lattice)
        low, high = scaled.support
        if density and not on:
            return certain(0)
        if not density and not upper:
            k = k if on else k - 1  # P(J <= k)
        if k > high:
            return certain(0 if density or upper else 1)
        if k < low:
            return certain(0 if density or not upper else 1)
        if not density and k == (low if upper else high):
            return certain(1)
        value = _expanded(scaled, float(k), density, upper, 1.0)
        detail = value.detail
        return Value(value.logp, value.error, replace(detail, tilt=detail.tilt / model.lattice[0], lattice=model.lattice[0]))
    outside = _outside(model, x, density, side)
    return outside if outside is not None else _expanded(model, x, density, upper, 0.0)


def _expanded(model: Any, x: float, density: bool, upper: bool, span: float) -> Value:
    mean = model._mean
    towards = "upper" if (x >= mean if math.isfinite(mean) else upper) else "lower"
    if not model.light(towards):
        model.check_light(towards)
    if not density and (towards == "upper") != upper:  # the small tail first, then its complement
        beyond = x - span if upper else x + span  # P(J >= k) = 1 - P(J <= k - 1)
        return complement(_one(model, beyond, density, not upper, span))
    return _one(model, x, density, upper, span)


def _one(model: Any, x: float, density: bool, upper: bool, span: float) -> Value:
    sign = 1.0 if upper else -1.0
    towards = "upper" if x >= model._mean else "lower"
    if not density and (towards == "upper") != upper and abs(x - model._mean) > span:
        raise ConvergenceError("level: no saddle point on that side of the mean")
    at_mean = math.isfinite(model._mean) and abs(x - model._mean) <= 1e-13 * (abs(x) + math.sqrt(model._var))
    s = 0.0 if at_mean else saddle(model, x, towards, pole=False, tol=1e-13)
    k = derivatives(model, s)
    if not k[2] > 0.0:  # the last atom of the support: its tilt is infinite
        return Value(math.nan, math.inf, SumSaddleDetail(s, math.inf, 0.0, span or None))
    turned = sign if not density else 1.0
    cumulants = (k[0], turned * k[1], k[2], turned * k[3], k[4])
    # K is centred: K(s) - s x = centred(s) - s (x - E S)
    excess = model.excess(x)
    if turned * s < 0.0 and not density:  # within half a span of the mean, on its other side
        s, cumulants, excess = 0.0, _at_zero(model, turned), 0.0
    c0, c1, c2, c3, c4 = (float(c) for c in cumulants)
    value, following, parts, _ = expansion(float(turned * s), (c0, c1, c2, c3, c4), float(turned * excess), density, float(span))
    ripple = _ripple(model, s, span) if span or model.discrete else 0.0
    size = max(following, parts)
    rounding = 2.0**-50 * (1.0 + abs(k[0]) + abs(s * excess)) + (abs(excess) / math.sqrt(k[2]) if at_mean else 0.0)
    return Value(value, SAFETY * size + ripple + rounding, SumSaddleDetail(s, size, ripple, span or None))


def _at_zero(model: Any, turned: float) -> tuple[float, float, float, float, float]:
    k = derivatives(model, 0.0)
    return 0.0, turned * k[1], k[2], turned * k[3], k[4]


def _ripple(model: Any, s: float, span: float) -> float:
    """What |E_s exp(itS)| away from t = 0 adds to the inversion, relative to the main peak of width 1/sd.

    On a lattice the integral from 6/sd to pi/span, times 2 sd/sqrt(2 pi); off any lattice, where there is no end, its largest value up to
    2,000/sd, times 3.  A smooth law has none; a peak narrower than the grid of 20,000 points is missed.
    """
    root = math.sqrt(derivatives(model, s)[2])
    end = math.pi / span if span else 2000.0 / root
    t = np.linspace(6.0 / root, end, int(min(max(4.0 * root * end, 64.0), 20_000.0))) if end > 6.0 / root else np.empty(0)
    if len(t) == 0:
        return 0.0
    with np.errstate(all="ignore"):
        values = np.exp(np.real(model.centred(s + 1j * t)) - float(np.real(np.ravel(model.centred(np.array([s])))[0])))
    if not span:
        return 3.0 * float(np.max(values))
    return float(2.0 * root / math.sqrt(2.0 * math.pi) * np.mean(values) * (end - t[0]))


def run(model: Sum, level: float, *, density: bool, side: str) -> dict[str, Any]:
    """The method 'saddlepoint' for sums: a dict of TailResult fields."""
    value = saddlepoint_sum(model, level, density=density, side=side)
    found: dict[str, Any] = {
        "logp": value.logp, "error": value.error, "error_kind": "estimate", "detail": value.detail, "cost": Cost(nodes=1),
    }  # fmt: skip
    if value.detail.certain:
        return found | {"error_kind": "bound", "advice": f"{value.detail.certain} exactly: x is outside the support"}
    if not math.isfinite(value.logp) or not math.isfinite(value.error) or (value.logp > 0.0 and not density):
        return found | {
            "logp": math.nan, "error": math.inf, "status": "failed", "advice": "no saddle-point expansion holds here; use method='exact'",
        }  # fmt: skip
    if value.error > DOUBT * SAFETY:
        found |= {"status": "warning", "advice": "few or rough terms: the expansion is not reliable; use 'exact' or 'importance'"}
        return found
    return found | caution(model, level)
