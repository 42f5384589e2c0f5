"""Compiled loops over the nodes of one neuron's overlap law.

Nodes are given as log weights ``lw`` (the log prior mass of the node) and ``gg`` = g^2.  ``deficit`` is what is missing from
the prior mass to 1 (0 for the whole law, the specialised mass for the typical sector); with ``deficit`` >= 0 log M is formed
as log1p(sum w expm1(theta g^2) - deficit), which keeps its relative accuracy when theta g^2 is tiny and N up to 1e12
multiplies it (w expm1(a) as exp(log w + a) - w for a > 1: far nodes have tiny w and huge a).  ``deficit`` < 0, or a moment
too large for squares in doubles, takes the plain log-sum-exp.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.compiled import compiled

Array = NDArray[np.float64]

#: Terms below exp(-FAINT) of the largest (or, where M - 1 is summed, of 1) are left out: most nodes count for one part of a contour only.
FAINT = 85.0
#: Above this exponent of a term, squares of M would come near overflow; the shifted log-sum-exp is used instead.
BIG = 300.0


@compiled
def log_moment(theta: float, lw: Array, gg: Array, deficit: float) -> tuple[float, float, float, float, float]:
    """(log M, L', L'', L''', L'''') at real theta: log M and the cumulants of g^2 under the tilt."""
    n = lw.size
    top = -np.inf
    for j in range(n):
        top = max(top, lw[j] + theta * gg[j])
    z = 0.0
    m1 = 0.0
    excess = 0.0
    direct = deficit >= 0.0 and top < BIG
    for j in range(n):
        a = theta * gg[j]
        e = math.exp(lw[j] + a - top)
        z += e
        m1 += e * gg[j]
        if direct:
            w = math.exp(lw[j])
            excess += math.exp(lw[j] + a) - w if a > 1.0 else w * math.expm1(a)
    m1 /= z
    c2 = 0.0
    c3 = 0.0
    c4 = 0.0
    for j in range(n):
        e = math.exp(lw[j] + theta * gg[j] - top)
        x = gg[j] - m1
        c2 += e * x * x
        c3 += e * x * x * x
        c4 += e * x * x * x * x
    c2 /= z
    c3 /= z
    c4 = c4 / z - 3.0 * c2 * c2
    log_m = math.log1p(excess - deficit) if direct else top + math.log(z)
    return log_m, m1, c2, c3, c4


@compiled
def piecewise(place: Array, pieces: Array) -> Array:
    """Chebyshev series (Clenshaw) on equal pieces of 0 <= place <= 1; ``pieces`` has shape (pieces, terms)."""
    count, terms = pieces.shape
    out = np.empty(place.size)
    for j in range(place.size):
        x = place[j] * count
        i = min(max(int(x), 0), count - 1)
        t = 2.0 * (x - i) - 1.0
        b1 = 0.0
        b2 = 0.0
        for k in range(terms - 1, 0, -1):
            b1, b2 = 2.0 * t * b1 - b2 + pieces[i, k], b1
        out[j] = t * b1 - b2 + pieces[i, 0]
    return out


@compiled
def tilted_pair(theta: float, lw: Array, gg: Array) -> tuple[float, float]:
    """(L', L'') at real theta: mean and variance of g^2 under the tilt, the latter to the digits that a Newton step needs."""
    top = -np.inf
    for j in range(lw.size):
        top = max(top, lw[j] + theta * gg[j])
    z = 0.0
    m1 = 0.0
    m2 = 0.0
    for j in range(lw.size):
        a = lw[j] + theta * gg[j] - top
        if a > -FAINT:
            e = math.exp(a)
            z += e
            m1 += e * gg[j]
            m2 += e * gg[j] * gg[j]
    m1 /= z
    return m1, max(m2 / z - m1 * m1, 0.0)


@compiled
def log_moment_complex(tr: float, ti: float, lw: Array, gg: Array, deficit: float) -> tuple[float, float]:
    """log M at complex theta = tr + i ti, as (real, imaginary)."""
    n = lw.size
    top = -np.inf
    for j in range(n):
        top = max(top, lw[j] + tr * gg[j])
    re = 0.0
    im = 0.0
    if deficit >= 0.0 and top < BIG:
        for j in range(n):
            a = tr * gg[j]
            if lw[j] < -FAINT and lw[j] + a < -FAINT:
                continue
            b = ti * gg[j]
            w = math.exp(lw[j])
            half = math.sin(0.5 * b)
            grow = math.exp(lw[j] + a) - w if a > 1.0 else w * math.expm1(a)
            # exp(a + ib) - 1 = expm1(a) cos b + (cos b - 1) + i exp(a) sin b
            re += grow * math.cos(b) - 2.0 * w * half * half
            im += (grow + w) * math.sin(b)
        re -= deficit
        if re > -0.5:
            # log|1 + z| = log1p(2 Re z + |z|^2)/2
            return 0.5 * math.log1p(re * (2.0 + re) + im * im), math.atan2(im, 1.0 + re)
        re = 0.0
        im = 0.0
    for j in range(n):
        a = lw[j] + tr * gg[j] - top
        if a < -FAINT:
            continue
        a = math.exp(a)
        b = ti * gg[j]
        re += a * math.cos(b)
        im += a * math.sin(b)
    return top + 0.5 * math.log(re * re + im * im), math.atan2(im, re)
