r"""erf for averages over many points, three times as fast as libm's: fifth-order Taylor steps from a table on [0, 6] of spacing 1/32,

    erf(x_k + t) = erf(x_k) + sum_(n=1..5) t^n erf^(n)(x_k)/n!,   erf^(n)(x) = (2/sqrt pi) (-1)^(n-1) H_(n-1)(x) e^(-x^2),  |t| <= 1/64.

Absolute error below 1.4e-12 (the next term, |erf^(6)| <= 66 over 6! 64^6); 1 beyond 6.  Not for tails.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.compiled import compiled

Array = NDArray[np.float64]
PER_UNIT = 32
LAST = 6.0


@lru_cache(maxsize=1)
def erf_table() -> Array:
    """Taylor coefficients of erf, orders 0 to 5, at 0, 1/32, ..., 6: shape (193, 6).

    >>> erf_table().shape
    (193, 6)
    """
    from scipy.special import erf

    x = np.arange(int(LAST * PER_UNIT) + 1) / PER_UNIT
    columns = [erf(x)]
    for n in range(1, 6):
        hermite = np.polynomial.hermite.hermval(x, [0.0] * (n - 1) + [1.0])
        columns.append(2.0 / math.sqrt(math.pi) * (-1.0) ** (n - 1) * hermite * np.exp(-x * x) / math.factorial(n))
    table = np.ascontiguousarray(np.stack(columns, axis=1))
    table.setflags(write=False)
    return table


@compiled
def erf_all(x: Array, table: Array) -> Array:
    """erf of every entry of x (rows, points)."""
    out = np.empty_like(x)
    for a in range(x.shape[0]):
        for t in range(x.shape[1]):
            size = min(abs(x[a, t]), 6.0)
            k = int(size * 32.0 + 0.5)
            d = size - k * 0.03125
            c = table[k]
            out[a, t] = math.copysign(c[0] + d * (c[1] + d * (c[2] + d * (c[3] + d * (c[4] + d * c[5])))), x[a, t])
    return out


@compiled
def erf_sums(x: Array, weights: Array, table: Array) -> Array:
    """sum_t weights_t erf(x_at), shape (rows, points) -> (rows,)."""
    out = np.empty(x.shape[0])
    for a in range(x.shape[0]):
        total = 0.0
        for t in range(x.shape[1]):
            size = min(abs(x[a, t]), 6.0)
            k = int(size * 32.0 + 0.5)
            d = size - k * 0.03125
            c = table[k]
            total += weights[t] * math.copysign(c[0] + d * (c[1] + d * (c[2] + d * (c[3] + d * (c[4] + d * c[5])))), x[a, t])
        out[a] = total
    return out


__all__ = ["erf_all", "erf_sums", "erf_table"]
