r"""Compiled saddle points and contour sums of sectors.

A sector has count[b] neurons in bin b (nodes start[b] to start[b + 1]): K(s) = sum_b count[b] log M_b(kappa s^2).  Its tail
at level x is the Bromwich integral

    P = (1/2 pi i) int exp(K(s) - s x) ds/s        (density: without 1/s),

on the curve s = sqrt(s0^2 + q^2 y^2) + i y, 0 < q < 1.  There Re theta = kappa (s0^2 - (1 - q^2) y^2) falls monotonically from
its value at s0, so |exp K| <= exp K at that real part: the integrand is bounded by a decreasing function of y, and for large y
exp(-x Re s) decays as well, which a small N needs.  y = delta sinh(u) and the trapezoidal rule in u converge exponentially.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldt.models.loops import log_moment, log_moments_complex, tilted_terms
from ldt.numerics.compiled import compiled

Array = NDArray[np.float64]
Index = NDArray[np.int64]
EPS = 2.220446049250313e-16
#: Contour nodes taken at a time.
LANES = 16
#: Terms in a row that must be negligible before a contour sum ends.
QUIET = 8
MAX_HALVINGS = 4


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
        k1 = k2 = 0.0
        for b in range(count.size):
            if count[b] > 0.0:
                e, _ = tilted_terms(kappa * s * s, lw[start[b] : start[b + 1]], gg[start[b] : start[b + 1]])
                z = m1 = m2 = 0.0
                for j in range(e.size):
                    g = gg[start[b] + j]
                    z += e[j]
                    m1 += e[j] * g
                    m2 += e[j] * g * g
                m1 /= z
                k1 += count[b] * 2.0 * kappa * s * m1
                k2 += count[b] * (2.0 * kappa * m1 + 4.0 * (kappa * s) ** 2 * max(m2 / z - m1 * m1, 0.0))
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


class Sums(NamedTuple):
    """Sector i's integral is exp(``scale_i``) ``value_i``; ``nodes`` in all; the ``step`` at the end.

    ``noise`` bounds what value can be trusted to: 8 eps times the ``size``, the sum of the terms' sizes, and the trapezoid's own
    error.  The latter is c exp(-const/step), so that it would be the square of that of the doubled step (every other node), relative to
    the size, were c = 1; a far singularity of small c falls more slowly (where a bin's nodes begin at a cut c is 1e-6), and the power
    7/6 is taken.  ``last`` is the size of the last terms over the sum of sizes (a sum stops after QUIET terms in a row below 1e-18 of it).
    """

    scale: Array
    value: Array
    noise: Array
    size: Array
    nodes: int
    last: float
    step: float


@compiled
def add_terms(
    level: float, density: bool, s0: float, q: float, delta: float, first: float, step: float, ends: NDArray[np.bool_], most: int,
    share: Array, kappa: float, counts: Array, start: Index, lw: Array, gg: Array, deficit: Array, scale: Array, total: Array, even: Array,
    size: Array,
) -> tuple[int, float]:  # fmt: skip
    """Add the terms at u = first, first + step, ...; (nodes, last)."""
    sectors, bins = counts.shape
    x, y, dx, dy = np.empty(LANES), np.empty(LANES), np.empty(LANES), np.empty(LANES)
    tr, ti = np.empty(LANES), np.empty(LANES)
    lr, li = np.zeros((bins, LANES)), np.zeros((bins, LANES))
    quiet = 0
    nodes = 0
    last = 1.0
    while nodes < most and quiet < QUIET:
        for t in range(LANES):
            u = first + (nodes + t) * step
            y[t] = delta * math.sinh(u)
            dy[t] = delta * math.cosh(u)
            x[t] = math.sqrt(s0 * s0 + q * q * y[t] * y[t])
            dx[t] = q * q * y[t] / x[t] * dy[t]
            tr[t] = kappa * (x[t] * x[t] - y[t] * y[t])
            ti[t] = 2.0 * kappa * x[t] * y[t]
        for b in range(bins):
            if ends[b]:
                log_moments_complex(tr, ti, lw[start[b] : start[b + 1]], gg[start[b] : start[b + 1]], deficit[b], lr[b], li[b])
        for t in range(LANES):
            # Im[exp(re + i im) (dx + i dy) / (x + i y or 1)]
            fr, fi = dx[t], dy[t]
            if not density:
                norm = x[t] * x[t] + y[t] * y[t]
                fr, fi = (dx[t] * x[t] + dy[t] * y[t]) / norm, (dy[t] * x[t] - dx[t] * y[t]) / norm
            length = math.sqrt(fr * fr + fi * fi)
            half = 0.5 if first + nodes + t == 0.0 else 1.0
            last = 0.0
            for i in range(sectors):
                re = -level * x[t]
                im = -level * y[t]
                for b in range(bins):
                    if counts[i, b] > 0.0:
                        re += counts[i, b] * lr[b, t]
                        im += counts[i, b] * li[b, t]
                if half < 1.0:
                    scale[i] = re
                e = half * math.exp(re - scale[i])
                term = e * (fr * math.sin(im) + fi * math.cos(im))
                bound = e * length
                total[i] += term
                if t % 2 == 0:
                    even[i] += term
                size[i] += bound
                last = max(last, bound / size[i] * share[i])
            quiet = quiet + 1 if last < 1e-18 else 0
        nodes += LANES
    return nodes, last


def contour_sums(
    level: float, density: bool, s0: float, q: float, delta: float, step: float, tolerance: float, max_nodes: int, bounds: Array,
    kappa: float, counts: Array, start: Index, lw: Array, gg: Array, deficit: Array,
) -> Sums:  # fmt: skip
    """The integrals of sectors that share one path, and on it the bins' moments: ``counts[i, b]`` neurons of sector i in bin b.

    ``bounds``: log of the largest size that sector i's integral has on the path, relative to the answer; what is small for the
    answer is small enough.  The step is halved, by the nodes between, while the trapezoid's noise exceeds ``tolerance`` of the answer.
    """
    share, ends = np.exp(np.minimum(bounds, 0.0)), np.any(counts > 0.0, axis=0)
    scale, total, even, size, rest = np.zeros((5, len(counts)))
    nodes, last = 0, 0.0
    first, between = 0.0, step
    for halving in range(MAX_HALVINGS + 1):
        odd = even if halving == 0 else rest
        more, after = add_terms(
            level, density, s0, q, delta, first, between, ends, max_nodes, share, kappa, counts, start, lw, gg, deficit, scale, total, odd,
            size,
        )  # fmt: skip
        nodes, last = nodes + int(more), max(last, float(after))
        step = between if halving == 0 else 0.5 * between
        gap = np.minimum(1.0, np.abs(total - 2.0 * even) / size) ** (7.0 / 6.0)
        if np.sum(share * gap, where=gap > 8.0 * EPS) <= tolerance or 2 * nodes > max_nodes or not last < 1e-15:
            break
        even, first, between = total.copy(), 0.5 * step, step
    noise = np.maximum(8.0 * EPS, gap) * size
    return Sums(scale, total * (step / math.pi), noise * (step / math.pi), size * (step / math.pi), nodes, last, step)
