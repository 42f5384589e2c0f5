r"""exp and sin/cos without calls, for inner loops that the compiler turns into vector instructions (ten times libm's speed).

    e^a = 2^k e^r,  a = k log 2 + r, |r| <= log(2)/2;      e^(ib) = i^q e^(ir),  b = q pi/2 + r, |r| <= pi/4

with r from a product in two or three parts (Cody & Waite 1980) and Taylor series of e^r - 1, sin r and cos r - 1 to the double's
last digit.  Errors of a few eps: of e^a - 1 relative to it, of sin and cos absolute, as long as |b| <= 1.6e6 (q then has 20 bits and
its products with the parts of pi/2 are exact); beyond, eps |b|, as much as b's own rounding makes.  Valid for |a| <= 700.
"""

from __future__ import annotations

import math

import numpy as np

from ldt.numerics.compiled import compiled

#: Where doubles are a radian apart, and no phase has a digit left, it is held.
MAX_PHASE = 2.0**52

LOG2E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
TWO_OVER_PI = 0.6366197723675814
HALF_PI = (1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624879595063154e-21)
HALF_PI_1, HALF_PI_2, HALF_PI_3 = HALF_PI
E2, E3, E4, E5, E6, E7, E8, E9, E10, E11, E12, E13 = (1.0 / math.factorial(n) for n in range(2, 14))
S3, S5, S7, S9, S11, S13, S15 = ((-1.0) ** n / math.factorial(2 * n + 1) for n in range(1, 8))
C2, C4, C6, C8, C10, C12, C14, C16 = ((-1.0) ** n / math.factorial(2 * n) for n in range(1, 9))


@compiled
def _reduced(a: float) -> tuple[float, float]:
    """(e^r - 1, 2^k) of a = k log 2 + r."""
    k = math.floor(a * LOG2E + 0.5)
    r = (a - k * LN2_HIGH) - k * LN2_LOW
    p = E9 + r * (E10 + r * (E11 + r * (E12 + r * E13)))
    p = r + r * r * (E2 + r * (E3 + r * (E4 + r * (E5 + r * (E6 + r * (E7 + r * (E8 + r * p)))))))
    return p, np.int64((np.int64(k) + 1023) << 52).view(np.float64)


@compiled
def quick_expm1(a: float) -> float:
    """e^a - 1 for |a| <= 700.

    >>> abs(quick_expm1(1e-9) / math.expm1(1e-9) - 1.0) < 5e-16
    True
    """
    p, two = _reduced(float(a))  # without Numba a NumPy scalar, three times as slow
    return float(p * two + (two - 1.0))


@compiled
def quick_exp(a: float) -> float:
    """e^a; 0 below a = -700, where all that it is used for has fallen to nothing.  Valid to a = 700.

    >>> abs(quick_exp(-3.0) / math.exp(-3.0) - 1.0) < 5e-16, quick_exp(-1e9)
    (True, 0.0)
    """
    p, two = _reduced(max(float(a), -701.0))
    return float(p * two + two) if a > -700.0 else 0.0


@compiled
def quick_cis(b: float) -> tuple[float, float]:
    """(cos b - 1, sin b).

    >>> c, s = quick_cis(2.0)
    >>> abs(c + 1.0 - math.cos(2.0)) < 3e-16, abs(s - math.sin(2.0)) < 3e-16
    (True, True)
    """
    b = min(max(float(b), -MAX_PHASE), MAX_PHASE)
    q = math.floor(b * TWO_OVER_PI + 0.5)
    r = ((b - q * HALF_PI_1) - q * HALF_PI_2) - q * HALF_PI_3
    x = r * r
    s = r + r * x * (S3 + x * (S5 + x * (S7 + x * (S9 + x * (S11 + x * (S13 + x * S15))))))
    c = x * (C2 + x * (C4 + x * (C6 + x * (C8 + x * (C10 + x * (C12 + x * (C14 + x * C16)))))))
    n = int(q)
    sine = 1.0 + c if n & 1 else s
    cosine = s if n & 1 else 1.0 + c
    sine = -sine if n & 2 else sine
    cosine = -cosine if (n + 1) & 2 else cosine
    return (c if (n & 3) == 0 else cosine - 1.0), sine


__all__ = ["quick_cis", "quick_exp", "quick_expm1"]
