r"""Exponents of a curve cost(d): local ones between neighbours, and a fit over a window that never comes without its drift.

    local   e_i = ln(y_(i+1)/y_i) / ln(d_(i+1)/d_i)
    fit     slope of the least-squares line through (ln d, ln y): sum_i c_i ln y_i, c_i = (x_i - mean x)/sum (x - mean x)^2
    drift   (last local - first local) / decades of d between the two pairs' midpoints
    error   from the errors of the y_i (independent), to first order: de = sum |coefficient| dy/y in quadrature

Every point weighs the same: weights 1/error^2 would let the smallest d decide.  An exponent that drifts has no error bar
that means anything but its drift, so the two are reported together.  Valid for y > 0 and d increasing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ldt.errors import ModelError
from ldt.results import _Record


@dataclass(frozen=True)
class LocalExponent(_Record):
    """d ln y/d ln d between ``low`` and ``high``, with the standard error that the y's errors give it."""

    low: float
    high: float
    exponent: float
    error: float

    @property
    def middle(self) -> float:
        """Geometric midpoint of the pair."""
        return math.sqrt(self.low * self.high)


@dataclass(frozen=True)
class WindowFit(_Record):
    """Least-squares ``exponent`` over d from ``low`` to ``high`` (``points`` of them), the local exponents at its two ends,
    and their ``drift`` per decade of d (NaN with two points).  ``error`` is the sampling error alone."""

    low: float
    high: float
    points: int
    exponent: float
    error: float
    first: float
    last: float
    drift: float


def local_exponents(d: Sequence[float], y: Sequence[float], errors: Sequence[float] | None = None) -> tuple[LocalExponent, ...]:
    """Exponents between neighbours, one fewer than there are points.

    >>> [e.exponent for e in local_exponents([1, 2, 4], [3.0, 24.0, 192.0])]
    [3.0, 3.0]
    """
    _check(d, y)
    sigma = errors if errors is not None else [0.0] * len(y)
    found = []
    for i in range(len(d) - 1):
        run = math.log(d[i + 1] / d[i])
        error = math.hypot(sigma[i] / y[i], sigma[i + 1] / y[i + 1]) / run
        found.append(LocalExponent(float(d[i]), float(d[i + 1]), math.log(y[i + 1] / y[i]) / run, error))
    return tuple(found)


def window_fit(d: Sequence[float], y: Sequence[float], errors: Sequence[float] | None = None) -> WindowFit:
    """The fit over all the points given; ModelError for fewer than two.

    >>> fit = window_fit([10, 100, 1000], [5.0, 50.0, 500.0])
    >>> round(fit.exponent, 12), fit.points, abs(fit.drift) < 1e-12
    (1.0, 3, True)
    """
    local = local_exponents(d, y, errors)
    if not local:
        raise ModelError("dims: an exponent needs two values of d")
    sigma = errors if errors is not None else [0.0] * len(y)
    x = [math.log(v / d[0]) for v in d]
    mean = sum(x) / len(x)
    spread = sum((v - mean) ** 2 for v in x)
    weights = [(v - mean) / spread for v in x]
    slope = sum(c * math.log(v / y[0]) for c, v in zip(weights, y, strict=True))
    error = math.hypot(*(c * s / v for c, s, v in zip(weights, sigma, y, strict=True)))
    drift = math.nan
    if len(local) > 1:
        drift = (local[-1].exponent - local[0].exponent) / math.log10(local[-1].middle / local[0].middle)
    return WindowFit(float(d[0]), float(d[-1]), len(d), slope, error, local[0].exponent, local[-1].exponent, drift)


def window_fits(d: Sequence[float], y: Sequence[float], errors: Sequence[float] | None = None) -> tuple[WindowFit, ...]:
    """Fits over the whole grid and over its upper half (at least three points), where that is less than the whole.

    >>> d = [1.0, 2.0, 4.0, 8.0, 16.0]
    >>> [(f.low, f.high) for f in window_fits(d, d)]
    [(1.0, 16.0), (4.0, 16.0)]
    """
    if len(d) < 2:
        return ()
    whole = window_fit(d, y, errors)
    start = len(d) - max(3, (len(d) + 1) // 2)
    if start < 1:
        return (whole,)
    return whole, window_fit(d[start:], y[start:], errors[start:] if errors is not None else None)


def _check(d: Sequence[float], y: Sequence[float]) -> None:
    if len(d) != len(y):
        raise ModelError(f"y: must have one value for each d, got {len(y)} for {len(d)}")
    if any(not (math.isfinite(v) and v > 0.0) for v in (*d, *y)) or any(b <= a for a, b in pairwise(d)):
        raise ModelError("d, y: must be positive and finite, d increasing")


__all__ = ["LocalExponent", "WindowFit", "local_exponents", "window_fit", "window_fits"]
