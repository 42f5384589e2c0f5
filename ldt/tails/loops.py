r"""Compiled saddle points and contour sums of one sector.

A sector has count[b] neurons in bin b (nodes start[b] to start[b + 1]): K(s) = sum_b count[b] log M_b(kappa s^2).  Its tail
at level x is the Bromwich integral

    P = (1/2 pi i) int exp(K(s) - s x) ds/s        (density: without 1/s),

on the curve s = sqrt(s0^2 + q^2 y^2) + i y, 0 < q < 1.  There Re theta = kappa (s0^2 - (1 - q^2) y^2) falls monotonically from
its value at s0, so |exp K| <= exp K at that real part: the integrand is bounded by a decreasing function of y, and for large y
exp(-x Re s) decays as well, which a small N needs.  y = delta sinh(u) and the trapezoidal rule in u converge exponentially.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ldt.models.loops import log_moment, log_moment_complex, tilted_pair
from ldt.numerics.compiled import compiled

Array = NDArray[np.float64]
Index = NDArray[np.int64]
EPS = 2.220446049250313e-16


@compiled
def sector_cgf(
    s: float, kappa: float, count: Array, start: Index, lw: Array, gg: Array, deficit: Array
) -> tuple[float, float, float, float, float]:
    """(K, K', K'', third, fourth derivative) at real s > 0."""
    theta = kappa * s * s
    k0 = k1 = k2 = k3 = k4 = 0.0
    for b in range(count.size):
        n = count[b]
        if n == 0.0:
            continue
        i, j = start[b], start[b + 1]
        l0, l1, l2, l3, l4 = log_moment(theta, lw[i:j], gg[i:j], deficit[b])
        k0 += n * l0
        k1 += n * 2.0 * kappa * s * l1
        k2 += n * (2.0 * kappa * l1 + 4.0 * (kappa * s) ** 2 * l2)
        k3 += n * (12.0 * kappa * (kappa * s) * l2 + 8.0 * (kappa * s) ** 3 * l3)
        k4 += n * (12.0 * kappa**2 * l2 + 48.0 * kappa * (kappa * s) ** 2 * l3 + 16.0 * (kappa * s) ** 4 * l4)
    return k0, k1, k2, k3, k4


@compiled
def slope(s: float, kappa: float, count: Array, start: Index, lw: Array, gg: Array) -> tuple[float, float]:
    """(K', K'') at real s > 0, the latter to the digits that a Newton step needs."""
    theta = kappa * s * s
    k1 = k2 = 0.0
    for b in range(count.size):
        n = count[b]
        if n == 0.0:
            continue
        i, j = start[b], start[b + 1]
        l1, l2 = tilted_pair(theta, lw[i:j], gg[i:j])
        k1 += n * 2.0 * kappa * s * l1
        k2 += n * (2.0 * kappa * l1 + 4.0 * (kappa * s) ** 2 * l2)
    return k1, k2


@compiled
def saddle(
    level: float, guess: float, s_max: float, kappa: float, count: Array, start: Index, lw: Array, gg: Array
) -> float:
    """s > 0 with K'(s) = level, by Newton steps on log s inside a bracket (on log K' far above the level: K' ~ s near 0), halved where the
    steps do not shrink (between two wells they may cycle); NaN if none is found below s_max."""
    lo = 0.0
    hi = s_max
    last = math.inf
    s = min(guess, 0.5 * s_max)
    for _ in range(200):
        k1, k2 = slope(s, kappa, count, start, lw, gg)
        if k1 > level:
            hi = s
        else:
            lo = s
        if abs(k1 - level) <= 1e-13 * level:
            return s
        rise = (level - k1) / (s * k2) if k1 < 8.0 * level else math.log(level / k1) * (k1 / (s * k2))
        new = s * math.exp(min(2.0, rise))
        if not (lo < new < hi) or (hi < math.inf and abs(new - s) > 0.5 * last):
            new = 0.5 * (lo + hi) if hi < math.inf else 2.0 * s
        last = abs(new - s)
        if abs(new - s) <= 1e-15 * s:
            return new if new < s_max * (1.0 - 1e-13) else math.nan
        s = new
    return math.nan


@compiled
def contour_sum(
    level: float, density: bool, s0: float, q: float, delta: float, step: float, max_nodes: int,
    kappa: float, count: Array, start: Index, lw: Array, gg: Array, deficit: Array,
) -> tuple[float, float, float, int, float]:  # fmt: skip
    """(log scale, value, noise, nodes, last): the integral is exp(log scale) value.

    ``noise`` bounds what value can be trusted to: 8 eps times the sum of the terms' sizes, and the trapezoid's own error.  The
    latter is c exp(-const/step), so that it would be the square of that of the doubled step (every other node), relative to the
    size, were c = 1; a far singularity of small c falls more slowly (where a bin's nodes begin at a cut c is 1e-6), and the power 7/6
    is taken.  ``last`` is the size of the last term over the sum of sizes (the sum stops after 12 terms in a row below 1e-18 of it).
    """
    scale = 0.0
    total = 0.0
    even = 0.0
    size = 0.0
    small = 0
    nodes = 0
    last = 1.0
    for j in range(max_nodes):
        u = j * step
        y = delta * math.sinh(u)
        x = math.sqrt(s0 * s0 + q * q * y * y)
        dy = delta * math.cosh(u)
        dx = q * q * y / x * dy
        tr = kappa * (x * x - y * y)
        ti = 2.0 * kappa * x * y
        re = -level * x
        im = -level * y
        for b in range(count.size):
            if count[b] > 0.0:
                i, k = start[b], start[b + 1]
                lr, li = log_moment_complex(tr, ti, lw[i:k], gg[i:k], deficit[b])
                re += count[b] * lr
                im += count[b] * li
        if j == 0:
            scale = re
        # Im[exp(re + i im) (dx + i dy) / (x + i y or 1)]
        fr, fi = dx, dy
        if not density:
            norm = x * x + y * y
            fr, fi = (dx * x + dy * y) / norm, (dy * x - dx * y) / norm
        e = math.exp(re - scale)
        term = e * (fr * math.sin(im) + fi * math.cos(im))
        bound = e * math.sqrt(fr * fr + fi * fi)
        if j == 0:
            term *= 0.5
            bound *= 0.5
        total += term
        if j % 2 == 0:
            even += term
        size += bound
        nodes += 1
        last = bound / size
        small = small + 1 if last < 1e-18 else 0
        if small >= 12:
            break
    gap = min(1.0, abs(total - 2.0 * even) / size)
    noise = max(8.0 * EPS, gap ** (7.0 / 6.0)) * size
    return scale, total * step / math.pi, noise * step / math.pi, nodes, last
