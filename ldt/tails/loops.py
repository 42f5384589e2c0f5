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
from ldt.numerics.exponentials import quick_cis, quick_exp

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
    x, y, fr, fi, length = np.empty(LANES), np.empty(LANES), np.empty(LANES), np.empty(LANES), np.empty(LANES)
    tr, ti, re, im, terms = np.empty(LANES), np.empty(LANES), np.empty(LANES), np.empty(LANES), np.empty(LANES)
    lr, li = np.zeros((bins, LANES)), np.zeros((bins, LANES))
    lasts = np.empty(LANES)
    quiet = 0
    nodes = 0
    last = 1.0
    while nodes < most and quiet < QUIET:
        for t in range(LANES):
            u = first + (nodes + t) * step
            y[t] = delta * math.sinh(u)
            x[t] = math.sqrt(s0 * s0 + q * q * y[t] * y[t])
            tr[t] = kappa * (x[t] * x[t] - y[t] * y[t])
            ti[t] = 2.0 * kappa * x[t] * y[t]
            # dx + i dy over x + i y or 1
            dy = delta * math.cosh(u)
            dx = q * q * y[t] / x[t] * dy
            fr[t], fi[t] = dx, dy
            if not density:
                norm = x[t] * x[t] + y[t] * y[t]
                fr[t], fi[t] = (dx * x[t] + dy * y[t]) / norm, (dy * x[t] - dx * y[t]) / norm
            if u == 0.0:
                fr[t], fi[t] = 0.5 * fr[t], 0.5 * fi[t]
            length[t] = math.sqrt(fr[t] * fr[t] + fi[t] * fi[t])
            lasts[t] = 0.0
        for b in range(bins):
            if ends[b]:
                log_moments_complex(tr, ti, lw[start[b] : start[b + 1]], gg[start[b] : start[b + 1]], deficit[b], lr[b], li[b])
        for i in range(sectors):
            for t in range(LANES):
                re[t], im[t] = -level * x[t], -level * y[t]
            for b in range(bins):
                n = counts[i, b]
                if n > 0.0:
                    for t in range(LANES):
                        re[t] += n * lr[b, t]
                        im[t] += n * li[b, t]
            if first + nodes == 0.0:
                scale[i] = re[0]
            for t in range(LANES):
                e = quick_exp(re[t] - scale[i])
                c, s = quick_cis(im[t])
                terms[t], re[t] = e * (fr[t] * s + (fi[t] * c + fi[t])), e * length[t]  # the imaginary part, and the size
            for t in range(LANES):
                total[i] += terms[t]
                if t % 2 == 0:
                    even[i] += terms[t]
                size[i] += re[t]
                lasts[t] = max(lasts[t], re[t] / size[i] * share[i])
        for t in range(LANES):
            last = lasts[t]
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
    sectors = len(counts)
    share, ends = np.exp(np.minimum(bounds, 0.0)), np.max(counts, axis=0) > 0.0
    scale, total, even, size = np.zeros((4, sectors))
    nodes, last, first, between = 0, 0.0, 0.0, step
    for halving in range(MAX_HALVINGS + 1):
        odd = even if halving == 0 else np.zeros(sectors)
        more, after = add_terms(
            level, density, s0, q, delta, first, between, ends, max_nodes, share, kappa, counts, start, lw, gg, deficit, scale, total, odd,
            size,
        )  # fmt: skip
        nodes, last = nodes + more, max(last, after)
        step = between if halving == 0 else 0.5 * between
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.where(size > 0.0, np.minimum(1.0, np.abs(total - 2.0 * even) / size) ** (7.0 / 6.0), 1.0)
        missed = float(np.sum(share[gap > 8.0 * EPS] * gap[gap > 8.0 * EPS]))
        if missed <= tolerance or 2 * nodes > max_nodes or not last < 1e-15:
            break
        even, first, between = total.copy(), 0.5 * step, step
    noise = np.maximum(8.0 * EPS, gap) * size
    return Sums(scale, total * (step / math.pi), noise * (step / math.pi), size * (step / math.pi), nodes, last, step)
