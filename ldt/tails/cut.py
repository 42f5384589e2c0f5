r"""Tails of sums without a tilt, by their moment generating function's cut.

Let phi(s) = E exp(s X) be analytic in the upper half-plane, with boundary values phi(s + i0) on the positive axis, where the
moment itself is infinite (ldt.models.cubic, ldt.models.heavy).  Folding the Bromwich line on the cut,

    P(S_n > t) = (1/pi) Im int_C phi(s)^n e^(-st) ds/s,        p(t) = (1/pi) Im int_C phi(s)^n e^(-st) ds,

for every path C from 0 to infinity in the closed upper half-plane.  The path taken is

1. the cut itself, from 0 to s_1: there the integrand is |phi|^n sin(n arg phi) e^(-st)/s >= 0, exponentially small at small s, and
   evaluated as the exponential of a sum of logarithms.  It holds the *large jumps*;
2. a ray from s_1 into the upper half-plane, along which it decays.  It holds the *many small* terms.

s_1 is the first of: the valley of |phi|^n e^(-st)/s (the saddle point of the asymptotic, divergent, cumulant series), the point where
n arg phi = pi/2, and the point beyond which nothing is left.  Neither part cancels.  Alone, the cut cancels by
e^(n K) for large n in the many-small regime, and the vertical line loses the jumps.

A law on [0, inf) has a Laplace transform, s < 0, so that its lower tail has a saddle s_1 < 0 and needs the ray alone.

Each integral is taken by composite Gauss-Legendre rules whose panels are doubled until nothing changes; all of it twice, with another
s_1, another angle and another rule.  The reported error is twice the change plus the rounding of the exponents times the sum of moduli.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ldt.errors import ConvergenceError

EPS = 2.0**-52
#: What is left out lies this many nats below the largest.
DROP = 42.0
STEP = 0.2  # of the scan in log s
MAX_SCAN = 20_000
#: A change of the exponent from one grid point to the next below which the grid resolves it.
FLAT = 1.5
MAX_PANELS = 4096
#: Doublings in a row that bring an integral no further, after which it is left with its last change as noise.
VAIN = 3
#: A relative change of an integral by which its last refinement was not needed any more.
ENOUGH = 1e-13
#: As many times the first panels, and a smooth integral is known to three digits: it is none.
PATIENCE = 64
#: An error of log P (nats) from which on there is no answer.
WORTHLESS = 0.1
#: (shift of s_1, angle of the ray in degrees, nodes a panel) of the two evaluations.
VARIATIONS = ((1.0, 63.0, 20), (0.83, 54.0, 17))


class CutLaw(Protocol):
    """One term X of the sum: its moment generating function on the cut and above it."""

    one_sided: bool

    def cut(self, s: Any) -> tuple[Any, Any]:
        """(log |phi(s + i0)|, log arg phi(s + i0)) for an array of s > 0."""

    def off(self, s: Any) -> Any:
        """log phi(s) for an array of complex s with Im s >= 0 (for s near the cut: the boundary value from above)."""

    def smallest(self, n: float, t: float) -> float:
        """An s > 0 below which n arg phi is negligible and phi^n e^(-st) is 1."""

    def varied(self) -> CutLaw:
        """The same law evaluated in another way."""


@dataclass(frozen=True)
class CutDetail:
    """``jump``: share of the cut in P; ``turn``: s_1; ``cancellation``: sum of moduli over P; ``nodes`` in all."""

    jump: float
    turn: float
    cancellation: float
    nodes: int = 0
    path: str = "cut"
    certain: str = ""


@dataclass(frozen=True)
class _Found:
    log: float
    noise: float
    nodes: int
    detail: CutDetail


def log_upper(law: CutLaw, n: int, t: float, density: bool = False) -> tuple[float, float, int, CutDetail]:
    """(log P(S > t) or log p(t), its error, nodes, detail); for t to the right of the bulk or within it."""
    return _twice(_upper, law, n, t, density)


def log_lower(law: CutLaw, n: int, t: float, density: bool = False) -> tuple[float, float, int, CutDetail]:
    """(log P(S <= t) or log p(t), ...) of a law on [0, inf) by the saddle at s < 0; for 0 < t to the left of the bulk or within it."""
    return _twice(_lower, law, n, t, density)


def _twice(evaluate: Any, law: CutLaw, n: int, t: float, density: bool) -> tuple[float, float, int, CutDetail]:
    one = evaluate(law, n, t, density, *VARIATIONS[0])
    if not one.noise < WORTHLESS:  # whatever the other says
        return one.log, math.inf, one.nodes, one.detail
    two = evaluate(law.varied(), n, t, density, *VARIATIONS[1])
    error = 2.0 * abs(one.log - two.log) + max(one.noise, two.noise) + 2.0 * EPS * (1.0 + abs(one.log))
    nodes = one.nodes + two.nodes
    return one.log, error, nodes, replace(one.detail, nodes=nodes)


def _log_sine(log_angle: Any) -> Any:
    """log sin(e^a), elementwise, for e^a < pi."""
    angle = np.exp(np.minimum(log_angle, 1.2))
    with np.errstate(divide="ignore"):
        return np.where(log_angle < -9.0, log_angle - angle * angle / 6.0, np.log(np.abs(np.sin(angle))))


class _Cut:
    """The integrand on the cut in v = log s: h = log |phi^n e^(-st)/s|, g = log(integrand ds/dv), log(n arg phi)."""

    def __init__(self, law: CutLaw, n: int, t: float, density: bool) -> None:
        self.law, self.n, self.t, self.power = law, n, t, 0.0 if density else 1.0
        self.nodes = 0

    def __call__(self, v: Any) -> tuple[Any, Any, Any]:
        s = np.exp(v)
        size, angle = self.law.cut(s)
        self.nodes += s.size
        angle = angle + math.log(self.n)
        h = self.n * size - s * self.t - self.power * v
        with np.errstate(invalid="ignore"):  # beyond the tilts of a light factor h is infinite: past the valley, and of no weight
            g = np.where(np.isfinite(h), h + v + _log_sine(angle), -np.inf)
        return h, g, angle

    def at(self, v: float) -> tuple[float, float, float]:
        h, g, angle = self(np.array([v]))
        return float(h[0]), float(g[0]), float(angle[0])

    def scan(self) -> tuple[Any, Any, float, bool]:
        """(v, g) on a grid up to the turn, the turn v_1, and whether the integrand goes on beyond it."""
        lo = math.log(self.law.smallest(self.n, self.t))
        grid: list[float] = []
        values: list[float] = []
        lowest = math.inf
        top, last, highest, fallen = -math.inf, math.inf, -math.inf, False
        for start in range(0, MAX_SCAN, 64):
            v = lo + STEP * np.arange(start, start + 64)
            h, g, angle = self(v)
            for i in range(64):
                valley = fallen and h[i] >= last
                if valley or angle[i] > LOG_RIGHT:
                    flat = valley and float(h[i]) < last + FLAT  # so near the valley that its bottom need not be sought
                    turn = float(v[i]) - STEP if flat and grid else self._turn(float(v[i]), valley, lo)
                    return np.array(grid), np.array(values), turn, True
                if not grid:
                    lowest = float(h[i])
                if not fallen and h[i] > lowest + 2.0:  # a density below the mean: the ray starts at 0
                    return np.array([lo]), np.array([-math.inf]), lo, True
                highest = max(highest, float(h[i]))
                fallen = fallen or h[i] < highest - 1e-3
                top = max(top, float(g[i]))
                if max(g[i], h[i] + v[i]) < top - DROP - 4.0:
                    return np.array(grid), np.array(values), float(v[i]), False
                last = float(h[i])
                grid.append(float(v[i]))
                values.append(float(g[i]))
        where = math.exp(float(v[-1]))
        raise ConvergenceError(f"level: no end of the integrand on the cut was found up to s = {where:.3g}; use method='conditional'")

    def _turn(self, v: float, valley: bool, lo: float) -> float:
        from scipy.optimize import brentq, minimize_scalar

        if valley:
            found = minimize_scalar(lambda x: self.at(x)[0], bounds=(max(v - 2 * STEP, lo), v), method="bounded", options={"xatol": 1e-4})
            return float(found.x)
        return float(brentq(lambda x: self.at(x)[2] - LOG_RIGHT, v - STEP, v, xtol=1e-3))

    def shifted(self, v: float, step: float) -> float:
        """v + step, the step halved until h is no more than half a nat above h(v): another path that does not cancel either."""
        value = self.at(v)[0]
        while step != 0.0 and self.at(v + step)[0] > value + 0.5:
            step *= 0.5
        return v + step

    def window(self, grid: Any, values: Any, end: float) -> tuple[float, float, float]:
        """(a, b, top): where g is within DROP of its largest value on (-inf, end]."""
        from scipy.optimize import minimize_scalar

        keep = grid < end
        grid, values = np.append(grid[keep], end), np.append(values[keep], self.at(end)[1])
        k = int(np.argmax(values))
        low, high = float(grid[max(k - 1, 0)]), float(grid[min(k + 1, len(grid) - 1)])
        sharp = float(values[k] - min(values[max(k - 1, 0)], values[min(k + 1, len(grid) - 1)])) > FLAT
        if high > low and sharp:
            options = {"xatol": 1e-12 * max(1.0, abs(low))}
            found = minimize_scalar(lambda x: -self.at(x)[1], bounds=(low, high), method="bounded", options=options)
            if -float(found.fun) > values[k]:
                place = int(np.searchsorted(grid, found.x))
                grid, values = np.insert(grid, place, float(found.x)), np.insert(values, place, -float(found.fun))
        top = float(np.max(values))
        if not top > top - DROP:  # exponents whose rounding exceeds DROP: a jump that no sum of doubles will see
            return end, end, -math.inf
        inside = np.flatnonzero(values > top - DROP)
        first, last = int(inside[0]), int(inside[-1])
        a = self._crossing(float(grid[first - 1]), float(grid[first]), top, float(values[first - 1])) if first > 0 else float(grid[0]) - 4.0
        b = self._crossing(float(grid[last + 1]), float(grid[last]), top, float(values[last + 1])) if last + 1 < len(grid) else end
        return a, b, top

    def _crossing(self, outside: float, inside: float, top: float, value: float) -> float:
        """Where g has fallen by DROP; the grid's next point outside if it is no more than twice as far down."""
        if value > top - 2.0 * DROP:
            return outside
        for _ in range(60):
            middle = 0.5 * (outside + inside)
            if middle in (outside, inside):
                break
            value = self.at(middle)[1]
            outside, inside = (middle, inside) if value < top - DROP else (outside, middle)
            if abs(value - top + DROP) < 1.0:
                break
        return outside


LOG_RIGHT = math.log(0.5 * math.pi)


def _composite(integrand: Any, a: float, b: float, nodes: int, rounding: float) -> tuple[complex, float, float, int]:
    """(integral, sum of moduli, noise, nodes) of ``integrand`` over [a, b]: panels are doubled until no more than ENOUGH, or
    the relative ``rounding`` of its values, changes."""
    x, w = _rule(nodes)
    first = max(4, math.ceil((b - a) / 6.0))
    old, before, count, panels, vain = None, math.inf, 0, first, 0
    while True:
        half = 0.5 * (b - a) / panels
        points = a + half * (2.0 * np.arange(panels)[:, None] + 1.0 + x)
        values = integrand(points.ravel()) * np.tile(half * w, panels)
        count += values.size
        total, moduli = complex(np.sum(values)), float(np.sum(np.abs(values)))
        if not math.isfinite(moduli):  # an overflow, which no finer rule undoes
            return total, moduli, math.inf, count
        change = math.inf if old is None else abs(total - old)
        # at rounding the changes stop falling, whatever that rounding is
        stuck = change < 1e-7 * moduli and change > 0.1 * before
        vain = vain + 1 if old is not None and change > 0.5 * before else 0  # values that are noise: no rule converges
        slow = panels >= PATIENCE * first and change > 1e-3 * moduli
        if change <= max(rounding, ENOUGH) * moduli or stuck or slow or vain >= VAIN or panels >= MAX_PANELS:
            return total, moduli, (max(change, before) if stuck else change) + rounding * moduli, count
        old, before, panels = total, change, 2 * panels


@functools.cache
def _rule(nodes: int) -> tuple[Any, Any]:
    return np.polynomial.legendre.leggauss(nodes)


def _upper(law: CutLaw, n: int, t: float, density: bool, shift: float, degrees: float, nodes: int) -> _Found:
    cut = _Cut(law, n, t, density)
    grid, values, end, more = cut.scan()
    if more:
        end = cut.shifted(end, math.log(shift))
    a, b, top = cut.window(grid, values, end)
    rounding = EPS * (32.0 + _size(law, n, t, math.exp(b)))
    jump, jump_moduli, noise, count = 0j, 0.0, 0.0, 0
    if top > -math.inf:
        jump, jump_moduli, noise, count = _composite(lambda v: np.exp(cut(v)[1] - top), a, b, nodes, rounding)
    elif not more:
        raise ConvergenceError(f"level: the integrand on the cut is lost in rounding at t = {t:.6g}; use method='conditional'")
    if not more:
        return _Found(top + math.log(jump.real / math.pi), noise / jump.real, count + cut.nodes, CutDetail(1.0, math.exp(end), 1.0))
    log_ray, ray, ray_noise, ray_count, moduli = _ray(law, n, t, density, math.exp(end), degrees, nodes)
    base = max(top, log_ray)
    one, two = jump.real * math.exp(top - base), ray.imag * math.exp(log_ray - base)
    total = one + two
    if not total > 0.0:
        raise ConvergenceError(f"level: the two parts of the path cancel at t = {t:.6g}; use method='conditional' or 'montecarlo'")
    noise = (noise * math.exp(top - base) + ray_noise * math.exp(log_ray - base)) / total
    lost = (jump_moduli * math.exp(top - base) + moduli * math.exp(log_ray - base)) / total
    detail = CutDetail(one / total, math.exp(end), lost)
    return _Found(base + math.log(total / math.pi), noise, count + cut.nodes + ray_count, detail)


def _size(law: CutLaw, n: int, t: float, s: complex) -> float:
    """The size of the exponent's parts at s, which its rounding is relative to."""
    return float(abs(n * law.off(np.array([s], dtype=complex))[0]) + abs(s * t))


def _ray(
    law: CutLaw, n: int, t: float, density: bool, start: float, degrees: float, nodes: int
) -> tuple[float, complex, float, int, float]:
    """The integral on the ray from ``start``: its scale (log), integral, noise, nodes and moduli, the last three over the scale."""
    turn = complex(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
    power = 0.0 if density else 1.0

    def exponent(rho: Any) -> Any:
        s = start + rho * turn
        return n * law.off(s) - s * t - power * np.log(s if start > 0.0 else -s)

    v, size = np.empty(0), np.empty(0)
    lo, end = math.log(abs(start)) - 34.0, np.empty(0, dtype=int)
    while not len(end):  # out to where nothing is left
        if len(v) > MAX_SCAN or (len(v) and v[-1] > 680.0):
            raise ConvergenceError("level: the integrand does not decay along the path")
        more = lo + 0.25 * np.arange(len(v), len(v) + 96)
        v, size = np.append(v, more), np.append(size, exponent(np.exp(more)).real)
        weight = size + v
        top = int(np.argmax(weight))
        end = np.flatnonzero(weight[top:] < weight[top] - DROP)
    base = float(exponent(np.array([0.0])).real[0])
    far = math.exp(float(v[top + end[0]]))
    bend = np.flatnonzero(size < base - 1.0)
    width = min(math.exp(float(v[bend[0]])), far) if len(bend) else far
    base = max(base, float(np.max(size[: top + 1]))) + math.log(width)

    def integrand(u: Any) -> Any:
        return np.exp(exponent(width * np.expm1(u)) + u + math.log(width) - base) * turn

    rounding = EPS * (32.0 + _size(law, n, t, start + width * turn))
    total, moduli, noise, count = _composite(integrand, 0.0, math.log1p(far / width), nodes, rounding)
    return base, total, noise, count + len(v), moduli


def _lower(law: CutLaw, n: int, t: float, density: bool, shift: float, degrees: float, nodes: int) -> _Found:
    from scipy.optimize import minimize_scalar

    power = 0.0 if density else 1.0

    def height(v: float) -> float:
        s = -math.exp(v)
        return n * float(law.off(np.array([complex(s, 0.0)]))[0].real) - s * t - power * v

    grid = math.log(law.smallest(n, t)) + np.arange(-4.0, 700.0, 1.0)
    values, k = [], 0
    for v in grid:
        values.append(height(float(v)))
        if len(values) > 2 and values[-1] > values[-2]:
            break
    k = int(np.argmin(values))
    ends = (grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)])
    found = minimize_scalar(height, bounds=ends, method="bounded", options={"xatol": 1e-5})
    v, step = float(found.x), math.log(shift)
    while step != 0.0 and height(v + step) > float(found.fun) + 0.5:
        step *= 0.5
    base, ray, noise, count, moduli = _ray(law, n, t, density, -math.exp(v + step), degrees, nodes)
    if not ray.imag > 0.0:
        raise ConvergenceError(f"level: the path cancels at t = {t:.6g}; use method='montecarlo'")
    log = base + math.log(ray.imag / math.pi)
    return _Found(log, noise / ray.imag, count + len(values), CutDetail(0.0, -math.exp(v), moduli / ray.imag))
