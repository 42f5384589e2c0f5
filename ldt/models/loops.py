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
from ldt.numerics.exponentials import quick_cis, quick_exp, quick_expm1

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Terms below exp(-FAINT) of the largest (or, where M - 1 is summed, of 1) are left out: most nodes count for one part of a contour only.
FAINT = 85.0
#: Above this exponent of a term, squares of M would come near overflow; the shifted log-sum-exp is used instead.
BIG = 300.0


@compiled
def log_moment(theta: float, lw: Array, gg: Array, deficit: float) -> tuple[float, float, float, float, float]:
    """(log M, L', L'', L''', L'''') at real theta: log M and the cumulants of g^2 under the tilt."""
    e, top = tilted_terms(theta, lw, gg)
    z = 0.0
    m1 = 0.0
    for j in range(lw.size):
        z += e[j]
        m1 += e[j] * gg[j]
    m1 /= z
    c2 = 0.0
    c3 = 0.0
    c4 = 0.0
    for j in range(lw.size):
        x = gg[j] - m1
        c2 += e[j] * x * x
        c3 += e[j] * x * x * x
        c4 += e[j] * x * x * x * x
    c2 /= z
    c3 /= z
    c4 = c4 / z - 3.0 * c2 * c2
    log_m = top + math.log(z)
    if deficit >= 0.0 and top < BIG:
        for j in range(lw.size):
            a = theta * gg[j]
            w = quick_exp(lw[j])
            e[j] = quick_exp(lw[j] + a) - w if a > 1.0 else w * quick_expm1(max(a, -700.0))
        excess = np.sum(e) - deficit
        log_m = math.log1p(excess) if excess > -0.5 else log_m  # below, 1 + excess has lost digits
    return log_m, m1, c2, c3, c4


@compiled
def tilted_terms(theta: float, lw: Array, gg: Array) -> tuple[Array, float]:
    """(exp(lw + theta gg - top), top): the tilted weights over the largest."""
    n = lw.size
    e = np.empty(n)
    for j in range(n):
        e[j] = lw[j] + theta * gg[j]
    top = -np.inf
    for j in range(n):
        top = max(top, e[j])
    for j in range(n):
        e[j] = quick_exp(e[j] - top)
    return e, top


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
def bin_sizes(theta: float, start: Index, lw: Array, gg: Array) -> Array:
    """log M of each bin at real theta (-inf of a bin without nodes)."""
    out = np.full(start.size - 1, -np.inf)
    for b in range(out.size):
        if start[b] < start[b + 1]:
            e, top = tilted_terms(theta, lw[start[b] : start[b + 1]], gg[start[b] : start[b + 1]])
            out[b] = top + math.log(np.sum(e))
    return out


@compiled
def log_moments_complex(tr: Array, ti: Array, lw: Array, gg: Array, deficit: float, lr: Array, li: Array) -> None:
    """log M at the complex points theta = tr + i ti, as real and imaginary part into ``lr`` and ``li``: the inner loop is over the
    points, so that each node's exponentials are vector instructions.  Points of one call should be close: whether M - 1 is summed, and
    how, is decided by the largest real part."""
    n = tr.size
    most = tr[0]
    for t in range(n):
        most = max(most, tr[t])
    top = -np.inf
    for j in range(lw.size):
        top = max(top, lw[j] + most * gg[j])
    plain = not (deficit >= 0.0 and top < BIG)
    if not plain:
        for t in range(n):
            lr[t] = -deficit
            li[t] = 0.0
        for j in range(lw.size):
            g, w = gg[j], math.exp(lw[j])
            if lw[j] < -FAINT and lw[j] + most * g < -FAINT:
                continue
            if most * g > 1.0:
                for t in range(n):
                    e = quick_exp(lw[j] + tr[t] * g)
                    c, s = quick_cis(ti[t] * g)
                    lr[t] += (e - w) + e * c
                    li[t] += e * s
            else:
                for t in range(n):
                    e = w * quick_expm1(max(tr[t] * g, -700.0))
                    c, s = quick_cis(ti[t] * g)
                    # exp(a + ib) - 1 = expm1(a) + exp(a) (cos b - 1) + i exp(a) sin b
                    lr[t] += e + (e + w) * c
                    li[t] += (e + w) * s
        for t in range(n):
            # log|1 + z| = log1p(2 Re z + |z|^2)/2; below, 1 + z has lost digits
            plain = plain or not lr[t] > -0.5
        if not plain:
            for t in range(n):
                lr[t], li[t] = 0.5 * math.log1p(lr[t] * (2.0 + lr[t]) + li[t] * li[t]), math.atan2(li[t], 1.0 + lr[t])
            return
    tops = np.full(n, -np.inf)
    for j in range(lw.size):
        for t in range(n):
            tops[t] = max(tops[t], lw[j] + tr[t] * gg[j])
    for t in range(n):
        lr[t] = 0.0
        li[t] = 0.0
    for j in range(lw.size):
        g = gg[j]
        largest = -np.inf
        for t in range(n):
            largest = max(largest, lw[j] + tr[t] * g - tops[t])
        if largest < -FAINT:
            continue
        for t in range(n):
            e = quick_exp(lw[j] + tr[t] * g - tops[t])
            c, s = quick_cis(ti[t] * g)
            lr[t] += e * c + e
            li[t] += e * s
    for t in range(n):
        lr[t], li[t] = tops[t] + 0.5 * math.log(lr[t] * lr[t] + li[t] * li[t]), math.atan2(li[t], lr[t])
