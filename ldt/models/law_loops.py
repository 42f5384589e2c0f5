"""Compiled loops of the quadrature route: the characteristic function of a density given on panels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.compiled import compiled

Array = NDArray[np.float64]


@compiled
def ratio_along(t: Array, y: Array, w: Array) -> tuple[Array, Array]:
    """Real and imaginary part of sum_j w_j (exp(i t y_j) - 1) for an array t, accurate relative to the sum where sum w_j y_j = 0."""
    m, n = t.size, y.size
    real, imag = np.empty(m), np.empty(m)
    for k in range(m):
        a = 0.0
        b = 0.0
        for j in range(n):
            z = t[k] * y[j]
            h = math.sin(0.5 * z)
            a -= 2.0 * w[j] * h * h
            if abs(z) < 0.2:  # sin z - z: the sum of w_j z_j is 0 up to rounding
                q = z * z
                b += w[j] * z * q * (-1.0 / 6.0 + q * (1.0 / 120.0 - q * (1.0 / 5040.0 - q * (1.0 / 362880.0 - q / 39916800.0))))
            else:
                b += w[j] * (math.sin(z) - z)
        real[k] = a
        imag[k] = b
    return real, imag


@compiled
def spherical_bessel(z: float, out: Array) -> None:
    """j_0(z) .. j_(m-1)(z), z >= 0: upward where that is stable (z > m), else downward from well above m (DLMF 10.51.1, 3.6(ii))."""
    m = out.size
    if z < 1e-8:
        for k in range(m):
            out[k] = 0.0
        out[0] = 1.0
        out[1] = z / 3.0
        return
    first = math.sin(z) / z
    second = (first - math.cos(z)) / z
    if z > m:
        out[0] = first
        out[1] = second
        for k in range(1, m - 1):
            out[k + 1] = (2 * k + 1) / z * out[k] - out[k - 1]
        return
    above = 0.0
    here = 1e-290
    for k in range(m + 30, 0, -1):
        below = (2 * k + 1) / z * here - above
        above = here
        here = below
        if k - 1 < m:
            out[k - 1] = here
        if abs(here) > 1e200:
            here *= 1e-250
            above *= 1e-250
            for i in range(k - 1, m):
                out[i] *= 1e-250
    factor = first / out[0] if abs(first) > abs(second) else second / out[1]
    for k in range(m):
        out[k] *= factor


@compiled
def legendre_transform(t: Array, middle: Array, half: Array, coefficients: Array) -> tuple[Array, Array]:
    """sum over panels of int f(x) exp(itx) dx, f = sum_k c_k P_k((x - middle)/half)/half; real and imaginary parts for an array t."""
    orders = coefficients.shape[1]
    bessel = np.empty(orders)
    real, imag = np.zeros(t.size), np.zeros(t.size)
    for i in range(t.size):
        sign = 1.0 if t[i] >= 0.0 else -1.0
        for p in range(middle.size):
            spherical_bessel(abs(t[i]) * half[p], bessel)
            even = 0.0
            odd = 0.0
            flip = 2.0
            for k in range(0, orders - 1, 2):
                even += flip * coefficients[p, k] * bessel[k]
                odd += flip * coefficients[p, k + 1] * bessel[k + 1]
                flip = -flip
            odd *= sign
            c = math.cos(t[i] * middle[p])
            s = math.sin(t[i] * middle[p])
            real[i] += even * c - odd * s
            imag[i] += even * s + odd * c
    return real, imag
