r"""Gauss-Legendre panels of one neuron's law, and which of them agree with their halves.

Panel p holds nodes of log mass lw and g^2, and contributes S_p(theta) = sum_j exp(lw_j + theta g_j^2) to M(theta) of its bin.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldt.numerics.compiled import compiled
from ldt.numerics.exponentials import quick_cis, quick_exp

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: A panel's share agrees with its halves' to this, relative to the share or to SMALL of the bin's scale.
CONVERGED = 2e-14
SMALL = 1e-3
#: What lies this many nats below a bin's M at the start of a contour counts for nothing on it.
FADED = 45.0


class Panels(NamedTuple):
    """Panels [lo, hi]: nodes ``x`` (panel, node), log mass and g^2 (panel, node, inner node)."""

    lo: Array
    hi: Array
    x: Array
    lw: Array
    gg: Array

    def take(self, which: NDArray[np.bool_]) -> Panels:
        """The panels of a mask."""
        return Panels(*(array[which] for array in self))

    def place(self, cuts: tuple[float, ...]) -> Index:
        """The bin of each panel."""
        return np.searchsorted(np.asarray(cuts), 0.5 * (self.lo + self.hi)).astype(np.int64)

    def flat(self) -> tuple[Array, Array]:
        """(log mass, g^2), each (panel, all its nodes)."""
        shape = len(self.lo), self.lw.shape[1] * self.lw.shape[2]
        return np.ascontiguousarray(self.lw).reshape(shape), np.ascontiguousarray(self.gg).reshape(shape)


@lru_cache(maxsize=8)
def gauss(n: int) -> tuple[Array, Array]:
    """Nodes and weights of Gauss and Legendre's rule on [-1, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return nodes, weights


@compiled
def raise_scales(lw: Array, gg: Array, place: Index, tr: Array, first: Index, starts: Array, tops: Array) -> None:
    """Raise ``tops`` (point, bin) to the log of the largest term of each bin's own M at the real part of each point.

    A specialised bin's may be exp(-1000) of the whole and must still be accurate, but not below exp(-45) of its value at the start
    of its contour (point ``first``).  Where the tilt piles up against a cut that value hangs on the last nodes before it: at the
    rough nodes' saddle (``starts``) these ones may have e^700 times theirs, and the smaller is the scale.
    """
    points, bins = tops.shape
    here = np.full((bins, points), -np.inf)
    for p in range(lw.shape[0]):
        row = here[place[p]]
        for j in range(lw.shape[1]):
            for t in range(points):
                row[t] = max(row[t], lw[p, j] + tr[t] * gg[p, j])
    for b in range(bins):
        for t in range(points):
            f = first[t]
            if t > f and here[b, t] > -np.inf:
                here[b, t] = max(here[b, t], min(here[b, f], starts[f, b]) - FADED)
            tops[t, b] = max(tops[t, b], here[b, t])


@compiled
def _add(lw: Array, gg: Array, tr: Array, ti: Array, top: Array, re: Array, im: Array) -> None:
    """Add sum_j exp(lw_j + theta g_j^2 - top) at every point theta."""
    for j in range(lw.size):
        for t in range(tr.size):
            e = quick_exp(min(lw[j] + tr[t] * gg[j] - top[t], 690.0))
            c, s = quick_cis(ti[t] * gg[j])
            re[t] += e + e * c
            im[t] += e * s


@compiled
def apart(
    lw: Array, gg: Array, others_lw: Array, others_gg: Array, place: Index, tr: Array, ti: Array, needed: NDArray[np.bool_], tops: Array,
    g_error: float,
) -> NDArray[np.bool_]:  # fmt: skip
    """Which panels' shares of M differ from their twins' at one of the points, by more than can be asked for.

    The exponent theta g^2, where its exponential counts, is known to the relative error of g, and no quadrature can be asked for
    more than that.
    """
    out = np.zeros(lw.shape[0], dtype=np.bool_)
    points = tr.size
    for p in range(lw.shape[0]):
        b = place[p]
        top = np.empty(points)
        for t in range(points):
            top[t] = tops[t, b] if needed[t, b] else np.inf
        one_r, one_i, two_r, two_i = np.zeros(points), np.zeros(points), np.zeros(points), np.zeros(points)
        _add(lw[p], gg[p], tr, ti, top, one_r, one_i)
        _add(others_lw[p], others_gg[p], tr, ti, top, two_r, two_i)
        largest = 0.0
        for j in range(gg.shape[1]):
            largest = max(largest, gg[p, j])
        for t in range(points):
            exponent = min(largest, -60.0 / tr[t]) if tr[t] < 0.0 else largest
            tolerance = CONVERGED + 16.0 * g_error * math.hypot(tr[t], ti[t]) * exponent
            gap = math.hypot(one_r[t] - two_r[t], one_i[t] - two_i[t])
            out[p] = out[p] or (needed[t, b] and not gap <= tolerance * max(math.hypot(one_r[t], one_i[t]), SMALL))
    return out


@compiled
def raise_kept(lw: Array, gg: Array, place: Index, bins: int, tilts: Array, drop: float, keep: NDArray[np.bool_]) -> None:
    """Also keep the panels with a node of tilted mass within ``drop`` of the largest of the bin, at one of the tilts."""
    most, best = np.empty(lw.shape[0]), np.empty(bins)
    for theta in tilts:
        for b in range(bins):
            best[b] = -np.inf
        for p in range(lw.shape[0]):
            most[p] = -np.inf
            for j in range(lw.shape[1]):
                most[p] = max(most[p], lw[p, j] + theta * gg[p, j])
            best[place[p]] = max(best[place[p]], most[p])
        for p in range(lw.shape[0]):
            keep[p] = keep[p] or most[p] > best[place[p]] - drop


@compiled
def faded_beyond(x: Array, lw: Array, gg: Array, theta: float, steep: float, drop: float) -> int:
    """The first place beyond the last maximum of the tilted density (times x^steep) where it has fallen by ``drop`` nats, however low
    the maximum is; at the first place it counts for at least 1.  -1 where it has not."""
    density = np.empty(x.size)
    for i in range(x.size):
        density[i] = lw[i, 0] + theta * gg[i, 0]
        for j in range(1, lw.shape[1]):
            density[i] = max(density[i], lw[i, j] + theta * gg[i, j])
        density[i] += steep * math.log(x[i] / x[0]) if steep > 0.0 else 0.0
    last = x.size - 1
    while last > 0 and not density[last] >= density[last - 1]:
        last -= 1
    top = density[last] if last > 0 else max(density[0], 0.0)
    for i in range(last, x.size):
        if density[i] < top - drop:
            return i
    return -1
