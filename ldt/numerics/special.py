"""Special functions for compiled loops: scalar, plain ``math``, good to a few units in the last place.

* ``erfcx(x) = exp(x^2) erfc(x)``: below 12 that product, with x^2 carried in two doubles; beyond, the
  asymptotic series sum_n (-1)^n (2n-1)!!/(2 x^2)^n / (x sqrt(pi)), whose 12 terms reach 1e-17 (DLMF 7.12.1).
* ``log_ndtr(x) = log Phi(x)``: -x^2/2 + log(erfcx(-x/sqrt 2)/2) for x < -1, log(erfc(-x/sqrt 2)/2) up to 0,
  and log1p(-Phi(-x)) above, with Phi(-x) to full relative accuracy although its condition number is x^2.
* ``log1mexp``, ``log_complement``, ``log_diff_exp``, ``log_add_exp``: Maechler, "Accurately computing log(1 - exp(-|a|))" (2012).
* ``cexpm1``, ``clog1p``: exp(z) - 1 and log(1 + z) of z = x + iy as two doubles, accurate relative to the
  modulus of the result.

Valid for every double; infinite results are returned, with and without Numba (plain ``math`` would raise).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.compiled import compiled

SQRT_HALF = math.sqrt(0.5)
INV_SQRT_PI = 1.0 / math.sqrt(math.pi)
LOG_2 = math.log(2.0)
EPS = 2.0**-52
TINY = 5e-324  # the least double
EXP_MAX = 709.782712893384  # log of the largest double
SPLIT = 134217729.0  # 2^27 + 1, Veltkamp's constant


@compiled
def _square_error(x: float, p: float) -> float:
    """x*x - p exactly, where p is x*x rounded (Veltkamp and Dekker); |x| < 1e150."""
    t = SPLIT * x
    high = t - (t - x)
    low = x - high
    return ((high * high - p) + 2.0 * high * low) + low * low


@compiled
def erfcx(x: float) -> float:
    """Scaled complementary error function exp(x^2) erfc(x); inf below -26.64, NaN for NaN.

    >>> erfcx(0.0), round(erfcx(1e8) * 1e8, 15)
    (1.0, 0.564189583547756)
    """
    if x < 12.0:
        p = x * x
        if x < 0.0 and p > 709.1:  # beyond the largest double after the factor 2
            if p > EXP_MAX:
                return math.inf
            half = math.exp(0.5 * p)  # 2 exp(p) may overflow where exp(p) does not
            return half * (half * (1.0 + _square_error(x, p)) * math.erfc(x))
        return math.exp(p) * (1.0 + _square_error(x, p)) * math.erfc(x)
    if x > 1e8:
        return INV_SQRT_PI / x
    q = 0.5 / (x * x)
    term = 1.0
    total = 0.0
    for n in range(1, 12):
        term *= -(2 * n - 1) * q
        total += term
    return (1.0 + total) * (INV_SQRT_PI / x)


@compiled
def log_ndtr(x: float) -> float:
    """log Phi(x), the logarithm of the standard normal distribution function (nats).

    Within a few units in the last place down to -1e154, where it overflows to -inf; above 37.5 the result is
    subnormal and loses digits with it, and above 38.5 it is -0.0.

    >>> log_ndtr(0.0) == -math.log(2.0), round(log_ndtr(-1e4), 3)
    (True, -50000010.129)
    """
    if x < -1.0:
        if x < -1.3e154:
            return -math.inf
        return math.log(0.5 * erfcx(-x * SQRT_HALF)) - 0.5 * x * x
    if x <= 0.0:
        return math.log(0.5 * math.erfc(-x * SQRT_HALF))
    if x < 1.0:
        return math.log1p(-0.5 * math.erfc(x * SQRT_HALF))
    if x > 40.0:
        return -0.0
    p = x * x
    return math.log1p(-0.5 * math.exp(-0.5 * p) * (1.0 - 0.5 * _square_error(x, p)) * erfcx(x * SQRT_HALF))


@compiled
def log_ndtr_array(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """``log_ndtr`` of every element of a float64 array of any shape; returns a new array of that shape.

    >>> log_ndtr_array(np.array([0.0, -1.0])).round(6)
    array([-0.693147, -1.841022])
    """
    out = np.empty(x.size)
    i = 0
    for value in x.flat:
        out[i] = log_ndtr(value)
        i += 1
    return out.reshape(x.shape)


@compiled
def log1mexp(x: float) -> float:
    """log(1 - exp(-x)) for x > 0; -inf at 0, NaN below.

    >>> round(log1mexp(1e-20), 9), log1mexp(800.0)
    (-46.05170186, -0.0)
    """
    if x > LOG_2:
        return math.log1p(-math.exp(-x))
    if x > 0.0:
        return math.log(-math.expm1(-x))
    return -math.inf if x == 0.0 else math.nan


def log_complement(logp: float, error: float) -> tuple[float, float]:
    """log(1 - P) and its absolute error from log P < 0 and the error of that.

    The error of a logarithm near 0 is relative to it: a complement of 1 - 1e-193 keeps its digits.

    >>> log_complement(-442.4, 1e-11)[1] < 1e-200
    True
    """
    logq = log1mexp(-logp)
    if not math.isfinite(error):
        return logq, error
    return logq, error * math.exp(min(logp - logq, EXP_MAX)) - EPS * logq + TINY


@compiled
def log_diff_exp(a: float, b: float) -> float:
    """log(exp(a) - exp(b)) for a >= b; -inf where they are equal, NaN where a < b.

    >>> round(log_diff_exp(-1e6, -1e6 - 1.0) + 1e6, 9), log_diff_exp(2.0, -math.inf)
    (-0.458675145, 2.0)
    """
    if b == -math.inf:
        return a
    if a == b:
        return -math.inf
    return a + log1mexp(a - b)


@compiled
def log_add_exp(a: float, b: float) -> float:
    """log(exp(a) + exp(b)); either may be -inf.

    >>> round(log_add_exp(-1e6, -1e6) + 1e6, 9), log_add_exp(-math.inf, -math.inf)
    (0.693147181, -inf)
    """
    if a < b:
        a, b = b, a
    if b == -math.inf or a == math.inf:
        return a
    return a + math.log1p(math.exp(b - a))


@compiled
def log_sum_exp(x: NDArray[np.float64]) -> float:
    """log of the sum of exp over a one-dimensional float64 array; -inf for an empty one, NaN if any is NaN.

    >>> round(log_sum_exp(np.array([-1e6, -1e6, -math.inf])) + 1e6, 9)
    0.693147181
    """
    top = -math.inf
    where = -1
    for i in range(x.size):
        if math.isnan(x[i]):
            return math.nan
        if x[i] > top:
            top = x[i]
            where = i
    if where < 0 or top == math.inf:
        return top
    total = 0.0
    for i in range(x.size):
        if i != where:
            total += math.exp(x[i] - top)
    return top + math.log1p(total)


@compiled
def cexpm1(x: float, y: float) -> tuple[float, float]:
    """Real and imaginary part of exp(x + iy) - 1; errors are a few ulp of the modulus, also near 0.

    >>> cexpm1(1e-20, 0.0), cexpm1(0.0, 1e-20)
    ((1e-20, 0.0), (-5e-41, 1e-20))
    """
    s = math.sin(0.5 * y)
    if x < EXP_MAX:
        return math.expm1(x) * math.cos(y) - 2.0 * s * s, math.exp(x) * math.sin(y)
    return math.inf * math.cos(y), math.inf * math.sin(y) if y != 0.0 else 0.0


@compiled
def clog1p(x: float, y: float) -> tuple[float, float]:
    """Real and imaginary part of log(1 + x + iy), principal branch; errors are a few ulp of the modulus.

    >>> clog1p(1e-20, 0.0), clog1p(-1.0, 0.0)
    ((1e-20, 0.0), (-inf, 0.0))
    """
    if abs(x) < 0.5 and abs(y) < 0.5:
        return 0.5 * math.log1p(x * (2.0 + x) + y * y), math.atan2(y, 1.0 + x)
    r = math.hypot(1.0 + x, y)
    return (math.log(r) if r > 0.0 else -math.inf), math.atan2(y, 1.0 + x)
