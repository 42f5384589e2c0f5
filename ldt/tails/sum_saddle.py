r"""Where a contour crosses the real axis: the saddle of K(s) - s x - log|s| (tails) or of K(s) - s x (densities), and how far the
tilted law reaches from there.

Both functions are convex between 0 and the end of the tilt range, so that a bracket and the secant rule on a logarithmic scale
of s find the root whatever its size.  By Chernoff, the tilted law (of S, and with the tail's exponential factor) beyond x + L has
probability below e^-40 for L = min_a [phi(s0 + a) - phi(s0) + 40]/a, phi the function above.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ldt.errors import LdtError, NoTiltError
from ldt.models.sums import Sum

#: Probability beyond the reach: e^-EXPONENT.
EXPONENT = 42.0
#: Tilts below this, in units of 1/sd, are near 0: the tilt range ends further out.
NEAR = 1e-3


def unit(model: Sum) -> float:
    """The scale of s: one over the standard deviation where that exists."""
    return 1.0 / math.sqrt(model._var) if 0.0 < model._var < math.inf else 1.0


def derivatives(model: Sum, s: float) -> tuple[float, float, float, float, float]:
    """Cumulants at s, with K' = inf (of the side of s) where they overflow or the tilt range has been left, and K' = E S where s is too
    near 0 for the quadrature of a heavy tail on the other side."""
    with np.errstate(all="ignore"):
        try:
            k = model.cumulants(s)
        except NoTiltError:
            if abs(s) < NEAR * unit(model):
                return 0.0, model._mean, math.inf, math.nan, math.nan
            k = (math.inf,) * 5
        except (OverflowError, ZeroDivisionError, LdtError):
            k = (math.inf,) * 5
    if not math.isfinite(k[1]):
        return math.inf, math.copysign(math.inf, s), math.inf, math.inf, math.inf
    return k


def curvature(model: Sum, s0: float, pole: bool) -> float:
    """Second derivative at s0 of K - s x - log|s| (``pole``) or of K - s x; positive also where K'' has sunk into rounding."""
    k2 = derivatives(model, s0)[2]
    return max(k2, 1e-300) + (1.0 / s0 * (1.0 / s0) if pole else 0.0)


def root(slope: Callable[[float], float], end: float, scale: float, cap: float, tol: float) -> float:
    """The zero of an increasing function of s > 0 below ``end``; ``cap`` (or nearly ``end``) where there is none."""

    def at(u: float) -> float:
        r = scale * math.exp(u)
        return min(r if end == math.inf else end * (r / (r + end)), cap)

    def f(u: float) -> float:
        return math.asinh(min(max(slope(at(u)) * scale, -1e300), 1e300))

    u, value = 0.0, f(0.0)
    step = 1.0 if value < 0.0 else -1.0
    low = high = u
    f_low = f_high = value
    while value * step < 0.0:
        last, previous = u, value
        u += step
        if abs(u) > 690.0 or (step > 0.0 and at(u) == at(last)):
            return at(last)
        value = f(u)
        step *= 2.0
        (low, f_low, high, f_high) = (last, previous, u, value) if step > 0.0 else (u, value, last, previous)
    for i in range(200):
        if high - low < tol or f_low == f_high:
            break
        middle = 0.5 * (low + high) if i % 3 == 2 else high - f_high * (high - low) / (f_high - f_low)
        if not low < middle < high:
            middle = 0.5 * (low + high)
            if not low < middle < high:
                break
        value = f(middle)
        if value < 0.0:
            low, f_low = middle, value
        elif value > 0.0:
            high, f_high = middle, value
        else:
            return at(middle)
    return at(low if abs(f_low) < abs(f_high) else high)


def saddle(model: Sum, x: float, side: str, *, pole: bool, tol: float = 1e-2) -> float:
    """s0 of the sign of ``side`` ('upper': s0 > 0) where K'(s0) = x + 1/s0 (``pole``) or K'(s0) = x."""
    sign = 1.0 if side == "upper" else -1.0
    end = model.tilt_range[1] if sign > 0.0 else -model.tilt_range[0]
    finite = math.isfinite(model.support[1] if sign > 0.0 else model.support[0])
    cap = 300.0 / model.lattice[0] if model.lattice is not None and finite else math.inf

    def slope(r: float) -> float:
        return sign * (derivatives(model, sign * r)[1] - x) - (1.0 / r if pole else 0.0)

    s0 = sign * root(slope, end, unit(model), cap, tol)
    if tol > 1e-6:  # to a twentieth of the tilted law's width, however narrow
        wide = 0.05 / (abs(s0) * math.sqrt(curvature(model, s0, pole)))
        if wide < tol:
            s0 = sign * root(slope, end, unit(model), cap, max(wide, 1e-12))
    return s0


def reach(model: Sum, x: float, s0: float, *, density: bool) -> tuple[float, float]:
    """(left, right): distances from x beyond which the tilted law has probability below e^-42, by Chernoff's bound."""
    frame = model.frame(s0, x)

    def phi(s: float) -> float:
        with np.errstate(all="ignore"):
            try:
                value = float(np.real(frame.cgf(np.array([s]))[0])) - s * frame.excess
            except (OverflowError, LdtError):
                return math.inf
        return value if density else value - math.log(abs(s))

    base = phi(s0)
    found = []
    for sign, end in ((-1.0, model.tilt_range[0]), (1.0, model.tilt_range[1])):
        if not density and s0 * sign < 0.0:
            end = 0.0  # the pole
        room = abs(end - s0)
        a0 = math.sqrt(2.0 * EXPONENT / curvature(model, s0, not density))
        steps = [a0 * f for f in (0.125, 0.25, 0.5, 1.0, 2.0) if a0 * f < room]
        if room < math.inf:
            steps += [room * f for f in (0.25, 0.5, 0.75, 0.9, 0.97)]
        bounds = [(phi(s0 + sign * a) - base + EXPONENT) / a for a in steps]
        found.append(min((b for b in bounds if math.isfinite(b)), default=math.inf))
    return found[0], found[1]


