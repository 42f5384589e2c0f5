r"""Inversion of a cumulant generating function along a path in the complex plane.

    P(S >= x) = (1/2 pi i) int exp(K(s) - s x) ds/s,  Re s0 > 0;       -P(S < x) for Re s0 < 0;       p(x): without 1/s.

``bent``     K analytic off the real axis: s = s0 + w [i sinh u + q (cosh u - 1)], a hyperbola that leaves s0 vertically and turns to
             the side where exp(-s x) falls.  The trapezoid rule in u converges exponentially whatever the scales of K, since e^u
             runs through them all (Trefethen & Weideman 2014, sec. 15).
``straight`` K analytic in a strip: s = s0 + it in equal steps h.  The sum equals the integral plus the tilted probability beyond
             2 pi/h (Poisson summation), which Chernoff's bound makes negligible.  Where exp(K) decays slowly the tail is cut
             smoothly by erfc, which costs exp(-(delta d)^2/4) at a distance d from where the law of S is not smooth; the width
             is doubled until the sum stops changing.
``periodic`` S on the integers: one period of the straight line, kernel 1/(1 - e^-s); exact but for the tilted probability beyond
             the number of nodes, bounded likewise.

K is passed about a pivot (``ldt.models.sums.Frame``): ``cgf(s) - s excess`` is K(s) - s x, and ``scale`` its value at s0, which
the caller knows to more digits than complex arithmetic gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

EPS = 2.0**-52
Cgf = Callable[[Any], Any]


@dataclass(frozen=True)
class Inverted:
    """``log_value`` of the tail on the side of s0 (or of the density), ``noise`` relative to it, ``nodes``, whether the sum ``decayed``."""

    log_value: float
    noise: float
    nodes: int
    decayed: bool


def _closed(total: float, absolute: float, log_scale: float, nodes: int, decayed: bool, rest: float = 0.0) -> Inverted:
    if not total > 0.0:
        return Inverted(math.nan, math.inf, nodes, decayed)
    return Inverted(log_scale + math.log(total), (EPS * absolute * 2.0 + rest) / total, nodes, decayed)


def bent(
    cgf: Cgf, excess: float, s0: float, scale: float, width: float, slope: float, step: float, density: bool,
    atom: tuple[float, float] | None = None,
) -> Inverted:  # fmt: skip
    """Along the hyperbola; ``atom`` = (log probability, distance of the atom from x) is taken out of the integrand."""
    sign = 1.0 if density or s0 > 0.0 else -1.0
    base = complex(cgf(np.array([s0 + 0.0j]))[0])
    total, absolute, largest, nodes, k = 0.0, 0.0, 0.0, 0, 0
    decayed = False
    while not decayed and k * step < 600.0:
        u = step * np.arange(k, k + 64)
        path = width * (1j * np.sinh(u) + slope * (np.cosh(u) - 1.0))
        s = s0 + path
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            f = np.exp(cgf(s) - base - path * excess)
            if atom is not None:
                f = f - np.exp(atom[0] + s * atom[1] - scale)
            if not density:
                f = f / s
            f = f * (width * (1j * np.cosh(u) + slope * np.sinh(u)))
        if k == 0:
            f[0] *= 0.5
        f = np.where(np.isfinite(f), f, 0.0)
        size = float(np.max(np.abs(f)))
        total += float(np.sum(np.imag(f)))
        absolute += float(np.sum(np.abs(f)))
        largest = max(largest, size)
        nodes += 64
        k += 64
        decayed = float(np.max(np.abs(f[-16:]))) < 1e-18 * largest
    factor = step / math.pi
    return _closed(sign * factor * total, factor * absolute, scale, nodes, decayed)


def straight(
    cgf: Cgf, excess: float, s0: float, scale: float, step: float, density: bool, most: int, atom: tuple[float, float] | None = None,
    tolerance: float = 1e-14,
) -> Inverted:  # fmt: skip
    """Along the vertical line with smooth cut-offs of growing width; ``atom`` as in ``bent``."""
    sign = 1.0 if density or s0 > 0.0 else -1.0
    base = complex(cgf(np.array([s0 + 0.0j]))[0])
    g = np.empty(0)
    bound = np.empty(0)
    n, last, best, quiet = 128, math.nan, (math.nan, math.inf), 0
    while n <= most:
        t = step * np.arange(len(g), n)
        s = s0 + 1j * t
        f = np.exp(cgf(s) - base - 1j * t * excess)
        if atom is not None:
            f = f - np.exp(atom[0] + s * atom[1] - scale)
        if not density:
            f = f / s
        g, bound = np.append(g, np.real(f)), np.append(bound, np.abs(f))
        if float(np.max(bound[-n // 4 :])) < 1e-18 * float(np.max(bound)):  # all has decayed: no cut-off
            total = step / math.pi * (float(np.sum(g)) - 0.5 * g[0])
            return _closed(sign * total, step / math.pi * float(np.sum(bound)), scale, n, True)
        cut = 0.5 * special.erfc(np.linspace(-6.0, 6.0, n))
        total = step / math.pi * (float(cut @ g) - 0.5 * g[0])
        absolute = step / math.pi * float(np.sum(bound))
        change = abs(total - last)
        quiet = quiet + 1 if change < 4.0 * tolerance * absolute else 0
        if change < best[1]:
            best = (total, change)
        if quiet == 2:
            return _closed(sign * total, absolute, scale, n, True, change)
        last, n = total, 2 * n
    total, change = best
    return _closed(sign * total, step / math.pi * float(np.sum(bound)), scale, len(g), False, change)


def periodic(cgf: Cgf, excess: float, s0: float, scale: float, m: int, density: bool) -> Inverted:
    """Over one period, S - x on the integers; ``excess`` = x - E S; P(S >= x) for s0 > 0, P(S < x) for s0 < 0."""
    sign = 1.0 if density or s0 > 0.0 else -1.0
    base = complex(cgf(np.array([s0 + 0.0j]))[0])
    total = absolute = 0.0
    half = m // 2  # nodes 0 .. half of m: the others are conjugates
    for first in range(0, half + 1, 1 << 16):
        k = np.arange(first, min(first + (1 << 16), half + 1))
        turn = 2j * math.pi / m * k
        s = s0 + turn
        f = np.exp(cgf(s) - base - turn * excess)
        if not density:
            f = f / -special.expm1(-s)
        weight = np.where((k == 0) | (2 * k == m), 1.0, 2.0) / m
        total += float(weight @ np.real(f))
        absolute += float(weight @ np.abs(f))
    return _closed(sign * total, absolute, scale, half + 1, True)
