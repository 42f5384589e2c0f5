"""Compiled sums of a cube's transform on a turned ray, as vector instructions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.compiled import compiled
from ldt.numerics.exponentials import quick_cis, quick_expm1

Complex = NDArray[np.complex128]


@compiled
def expm1_sums(s: Complex, places: Complex, weights: Complex) -> Complex:
    """sum_j weights_j expm1(s places_j) for every s, where no s places_j has a positive real part.

    >>> s = np.array([0.1 + 0.2j])
    >>> bool(abs(expm1_sums(s, np.array([-1.0 + 0j]), np.array([2.0 + 0j]))[0] - 2.0 * (np.exp(-s[0]) - 1.0)) < 1e-15)
    True
    """
    out = np.zeros(s.size, dtype=np.complex128)
    n = places.size
    re, im = np.empty(n), np.empty(n)
    for i in range(s.size):
        for j in range(n):
            z = s[i] * places[j]
            e = quick_expm1(max(z.real, -700.0))
            c, sine = quick_cis(z.imag)
            # exp(a + ib) - 1 = expm1(a) + exp(a) (cos b - 1) + i exp(a) sin b
            re[j] = e + (e + 1.0) * c
            im[j] = (e + 1.0) * sine
        for j in range(n):
            out[i] += weights[j] * complex(re[j], im[j])
    return out


__all__ = ["expm1_sums"]
