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
        a = math.exp(lw[j] + tr * gg[j] - top)
        b = ti * gg[j]
        re += a * math.cos(b)
        im += a * math.sin(b)
    return top + 0.5 * math.log(re * re + im * im), math.atan2(im, re)
