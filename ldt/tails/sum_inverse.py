r"""Quantiles of sums by inversion of their exact tails.

On a lattice the smallest point is found by bisection.  Otherwise log F(x) = log q (or log of the survival function, whichever is small) is
solved by Newton's rule, x -= (log F - log q) F/p with the exact density p, kept inside a bracket, until x stops changing.
"""

from __future__ import annotations

import math

import numpy as np

from ldt.errors import ConvergenceError, MethodError
from ldt.models.sums import Sum
from ldt.tails.sum_exact import lattice_index, sum_exact

EPS = 2.0**-52
#: Probabilities of a lattice law that agree to this count as equal, so that ppf(cdf(k)) = k whatever the last digits do.
EQUAL = 5e-13


def quantile(model: Sum, q: float, lower: bool) -> float:
    """The smallest x with P(S <= x) >= q (``lower``), or with P(S > x) <= q; q in [0, 1]."""
    low, high = model.support
    if model.degenerate:
        return model._mean
    if q == (0.0 if lower else 1.0):
        return low - 1.0 if model.lattice is not None and math.isfinite(low) else low
    if q == (1.0 if lower else 0.0):
        return high
    # the smaller of the two probabilities; 1 - q is exact for q >= 1/2
    small_lower, p = (True, q) if lower else (False, q)
    if q > 0.5:
        small_lower, p = not small_lower, 1.0 - q
    target = math.log(p)
    if model.lattice is not None:
        return _on_lattice(model, target, small_lower)
    if model.discrete:
        raise MethodError("ppf: the law is discrete and off any lattice; list its values with method='exact' of ldt.tail instead")
    return _newton(model, target, small_lower)


def _enough(model: Sum, k: int, target: float, lower: bool) -> bool:
    """Whether P(J <= k) >= q, from the small side: P(J <= k) >= p, or P(J > k) <= p."""
    assert model.lattice is not None
    span, offset = model.lattice
    value = sum_exact(model, offset + span * (k if lower else k + 1), side="lower" if lower else "upper")
    slack = value.error + EQUAL + 4.0 * EPS * abs(target)
    return value.logp >= target - slack if lower else value.logp <= target + slack


def _on_lattice(model: Sum, target: float, lower: bool) -> float:
    assert model.lattice is not None
    span, offset = model.lattice
    ends: list[float] = [round((e - offset) / span) if math.isfinite(e) else e for e in model.support]
    k = lattice_index(model, _bulk(model))[0]
    step = max(1, round(math.sqrt(model._var) / span)) if math.isfinite(model._var) else 1
    if _enough(model, k, target, lower):
        top = k
        while k >= ends[0] and _enough(model, k, target, lower):
            top, k, step = k, k - step, 2 * step
        bottom = int(max(k, ends[0] - 1))
    else:
        bottom = k
        while k < ends[1] and not _enough(model, k, target, lower):
            bottom, k, step = k, k + step, 2 * step
        top = int(min(k, ends[1]))
    while top - bottom > 1:
        middle = (bottom + top) // 2
        if _enough(model, middle, target, lower):
            top = middle
        else:
            bottom = middle
    return offset + span * top


def _bulk(model: Sum) -> float:
    """The mean, or where that is not finite an end of the support, or 0."""
    return model._mean if math.isfinite(model._mean) else next((e for e in model.support if math.isfinite(e)), 0.0)


def _start(model: Sum, target: float, side: str) -> tuple[float, float]:
    """A first guess and its scale: the mean and the standard deviation; for a heavy tail, the jump that alone has the probability."""
    one = None if model.light(side) else model.heavy(side)
    if one is None:
        x = _bulk(model)
        return x, math.sqrt(model._var) if math.isfinite(model._var) else max(abs(x), 1.0)
    jump = float(one.term.isf(np.array([min(target - math.log(one.n), -1.0)]))[0])
    bulk = (one.n - 1) * one.term.mean if math.isfinite(one.term.mean) else 0.0
    sign = -one.sign if one.term.symmetric and (side == "upper") == (one.sign < 0.0) else one.sign
    return one.sign * one.shift + sign * one.factor * (bulk + jump), one.factor * abs(jump)


def _log_rest(log_p: float) -> float:
    """log(1 - p)."""
    return math.log(-math.expm1(log_p)) if log_p < 0.0 else -math.inf


def _newton(model: Sum, target: float, lower: bool) -> float:
    low, high = model.support
    side = "lower" if lower else "upper"
    sign = 1.0 if lower else -1.0

    def gap(x: float) -> float:
        """Increasing in x: positive where x is too large."""
        return sign * (sum_exact(model, x, side=side).logp - target)

    if model.atom is not None and math.isfinite(model.atom[0]):
        a, log_atom = model.atom
        with_it = sum_exact(model, a, side="lower").logp  # log P(S <= a), and of P(S < a)
        without = with_it + _log_rest(min(log_atom - with_it, 0.0)) if with_it > -math.inf else with_it
        if without < target <= with_it if lower else _log_rest(with_it) <= target < _log_rest(without):
            return a
    x, sd = _start(model, target, side)
    value = gap(x)
    step, a, b = sd, x, x
    for _ in range(1100):
        if value == 0.0:
            return x
        nxt = x - step if value > 0.0 else x + step
        if not low < nxt < high:
            nxt = 0.5 * (x + (low if value > 0.0 else high))
        other = gap(nxt)
        if (other > 0.0) != (value > 0.0):
            a, b = sorted((x, nxt))
            break
        x, value, step = nxt, other, 2.0 * step
    else:
        raise ConvergenceError("ppf: no bracket was found for this probability")
    x, value, last = nxt, other, math.inf
    for _ in range(200):
        if value > 0.0:
            b = x
        else:
            a = x
        if value == 0.0 or b - a <= 2.0 * EPS * max(abs(a), abs(b)):
            return x
        log_f = target + sign * value
        try:
            slope = math.exp(min(sum_exact(model, x, density=True).logp - log_f, 700.0))
            nxt = x - value / slope if slope > 0.0 else math.nan
        except (MethodError, ConvergenceError):  # an infinite density: halve
            nxt = math.nan
        moved = abs(nxt - x)
        if moved <= EPS * abs(x) or (last <= 1e-11 * abs(x) and moved >= 0.5 * last):  # the steps have sunk into rounding
            return nxt
        last = moved
        if not a < nxt < b:
            nxt = 0.5 * (a + b)
        x = nxt
        value = gap(x)
    return x
