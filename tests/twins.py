"""A second twin: any overlap, any variances, in ball arithmetic (python-flint), quick enough to be called by the dozen.

P(A >= alpha) = (1/2 pi i) int M(kappa s^2)^N exp(-s alpha) ds/s with kappa = c^2 sigma_a^2/(2N).  M is a trapezoid sum over the
neuron's coordinate, the contour s = s_0 cosh t + i tan(phi) s_0 sinh t a trapezoid sum over t; both are done on two offset grids
that share no node, at a working precision that is raised until the measured cancellation is paid for.  Nothing is imported from
the package, and nothing is split into sectors.  The overlaps are written out again here, from the Hermite identity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
from flint import acb, arb, ctx
from mpmath import mp

Overlap = Callable[[Any, Any], Any]


def hermite_value(k: int, x: Any) -> Any:
    """He_k(x) by its recurrence."""
    a, b = 1 + 0 * x, x
    for n in range(1, k + 1):
        a, b = b, x * b - n * a
    return a


# -- overlaps: g(w, rho) in arb (or float) arithmetic ------------------------------------------------------------------------


def _root(x: Any) -> Any:
    return x.sqrt() if isinstance(x, arb) else np.sqrt(x)


def erf_power(k: int) -> Overlap:
    """u^k, u = w/sqrt(1 + 2(w^2 + rho)): the talk's unit overlap of erf with one He_k."""
    return lambda w, rho: (w / _root(1 + 2 * (w * w + rho))) ** k


def erf_raw(terms: dict[int, float]) -> Overlap:
    """<erf(w.x), sum_k y_k He_k> for odd k: derivatives of erf averaged, C_k = (2/sqrt pi) (-1)^m (2m - 1)!! 2^m."""

    def g(w: Any, rho: Any) -> Any:
        u = w / _root(1 + 2 * (w * w + rho))
        out = 0 * u
        for k, y in terms.items():
            m = (k - 1) // 2
            size = math.prod(range(1, 2 * m, 2)) * 2**m * (-1) ** m
            pi = arb.pi() if isinstance(u, arb) else math.pi
            out = out + 2 / _root(pi) * size * y * u**k
        return out

    return g


def relu_raw(terms: dict[int, float]) -> Overlap:
    """<relu(w.x), sum_k y_k He_k>: |w| cos^k b_k, b_0 = b_2 = 1/sqrt(2 pi), b_1 = 1/2, b_4 = -1/sqrt(2 pi), b_6 = 3/sqrt(2 pi)."""
    even = {0: 1, 2: 1, 4: -1, 6: 3}

    def g(w: Any, rho: Any) -> Any:
        q = _root(w * w + rho)
        pi = arb.pi() if isinstance(q, arb) else math.pi
        return sum(y * q * (w / q) ** k * (1 / (2 + 0 * q) if k == 1 else even[k] / _root(2 * pi)) for k, y in terms.items())

    return g


def linear_raw(slope: float = 1.0) -> Overlap:
    """<w.x, slope He_1> = slope w."""
    return lambda w, rho: slope * w + 0 * rho


def tanh_raw(terms: dict[int, float]) -> Overlap:
    """<tanh(w.x), sum_k y_k He_k(x_1)> = sum_k y_k cos^k E[tanh(q z) He_k(z)], by a trapezoid sum over z (arb only)."""

    def g(w: Any, rho: Any) -> Any:
        q = _root(w * w + rho)
        # Poles of tanh at z = i pi/(2 q): the trapezoid error is exp(-pi^2/(q h)).
        digits = 0.302 * ctx.prec
        h = min(0.25, 9.8 / (2.4 * digits * max(float(q), 1e-3)))
        end = int(math.sqrt(2 * 2.4 * digits) / h) + 2
        out = arb(0)
        for j in range(1, end):
            z = arb(j) * h
            e = (-2 * q * z).exp()
            weight = 2 * h * (-z * z / 2).exp() / (2 * arb.pi()).sqrt() * (1 - e) / (1 + e)
            for k, y in terms.items():
                out += y * (w / q) ** k * weight * hermite_value(k, z)
        return out

    return g


# -- the law -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Twin:
    """The numbers behind a model; ``scale`` = |c| multiplies ``overlap``; ``even``: g^2 is even in w."""

    width: int
    dim: int
    overlap: Overlap
    scale: float = 1.0
    full: bool = False
    readout: float = 1.0
    weight: float = 1.0
    even: bool = True
    one_coordinate: bool = False  # full and erf: g depends on w/sqrt(1 + 2 rho) alone

    @property
    def kappa(self) -> Any:
        """theta = kappa s^2."""
        return arb(self.scale) ** 2 * arb(self.readout) / (2 * self.width)

    def rows(self, end: float, step: float, offset: float, fine: float = 1.0) -> list[tuple[Any, Any]]:
        """(probability, g^2) of trapezoid nodes z = (j + offset) step, |z| < end, z = w sqrt(d)/sigma_w."""
        count = int(end / step) + 1
        js = range(0 if self.even else -count, count)
        if self.full:
            both = [2 if self.even and (j or offset) else 1 for j in js]
            rows = (self._full_rows((j + arb(offset)) * arb(step), step * m, offset, fine) for j, m in zip(js, both, strict=True))
            return [r for part in rows for r in part]
        sd = (arb(self.weight) / self.dim).sqrt()
        rho = arb(self.weight)
        out = []
        for j in js:
            z = (j + arb(offset)) * arb(step)
            p = step * (2 if self.even and (j or offset) else 1) * (-z * z / 2).exp() / (2 * arb.pi()).sqrt()
            out.append((p, self.overlap(z * sd, rho) ** 2))
        return out

    def _full_rows(self, z: Any, mass: float, offset: float, fine: float) -> list[tuple[Any, Any]]:
        sd = (arb(self.weight) / self.dim).sqrt()
        w = arb(z) * sd
        if self.one_coordinate:
            # tau = w/sqrt(1 + 2 rho): E sqrt(1 + 2 rho) exp(-z^2 (1 + 2 rho)/2)/sqrt(2 pi), rho from its own trapezoid sum.
            radial = _radial(self.dim, float(self.weight), ctx.prec, offset, fine)
            top = sum((p * (1 + 2 * rho).sqrt() * (-arb(z) ** 2 * rho).exp() for p, rho in radial), arb(0))
            p = mass * top * (-arb(z) ** 2 / 2).exp() / (2 * arb.pi()).sqrt()
            return [(p, self.overlap(w, arb(0)) ** 2)]
        p = mass * (-arb(z) ** 2 / 2).exp() / (2 * arb.pi()).sqrt()
        return [(p * q, self.overlap(w, rho) ** 2) for q, rho in _radial(self.dim, float(self.weight), ctx.prec, offset, fine)]


@lru_cache(maxsize=8)
def _radial(dim: int, weight: float, prec: int, offset: float, fine: float) -> list[tuple[Any, Any]]:
    """(probability, rho) of a trapezoid sum in log y, y = d rho/(2 sigma_w^2) ~ Gamma((d - 1)/2)."""
    m = arb(dim - 1) / 2
    nats = 0.693 * prec + 10
    # The integrand exp(m x - e^x) is entire; its width 1/sqrt(m) and the strip |Im x| < pi/2 bound the step.
    step = fine * min(7.0 / nats, 3.0 / math.sqrt(nats * (float(m) + 1)))
    out = []
    mid = math.log(float(m))
    for sign in (1, -1):
        j = 0 if sign == 1 else 1
        while True:
            x = mid + (sign * j + arb(offset)) * arb(step)
            y = x.exp()
            log_p = m * x - y - m.lgamma()
            if float(log_p) < -nats - 20 and j > 4:
                break
            out.append((log_p.exp() * step, 2 * arb(weight) * y / dim))
            j += 1
    return out


def _saddle(twin: Twin, alpha: float) -> tuple[float, float, float, float]:
    """(s_0, theta_0, reach in z, relative spread of s) by bisection on plain floats; any s_0 is right."""
    saved, ctx.prec = ctx.prec, 53
    try:
        reach = 16.0
        while True:
            step = reach / 160 if not twin.full or twin.one_coordinate else reach / 60
            rows = twin.rows(reach, step, 0.5)
            gg = np.array([float(x) for _, x in rows])
            log_p = np.array([float(p.log()) for p, _ in rows])
            kappa = float(twin.kappa)
            lo, hi = 1e-12, 1e12

            def slope(s: float, log_p: Any = log_p, gg: Any = gg, kappa: float = kappa) -> float:
                e = log_p + kappa * s * s * gg
                q = np.exp(e - e.max())
                return float(2 * kappa * s * twin.width * np.sum(q * gg) / np.sum(q))

            for _ in range(90):
                s = math.sqrt(lo * hi)
                lo, hi = (s, hi) if slope(s) < alpha else (lo, s)
            e = log_p + kappa * s * s * gg
            used = np.exp(e - e.max())
            edge = max(len(used) // 40, 1)
            tail = max(used[-edge:].max(), used[:edge].max() if not twin.even else 0.0)
            if tail < 1e-30 or reach > 3000:
                curvature = (slope(1.001 * s) - slope(s)) / (0.001 * s)
                return s, kappa * s * s, reach, 1.0 / (s * math.sqrt(curvature))
            reach *= 1.35
    finally:
        ctx.prec = saved


def tail(twin: Twin, alpha: float, *, density: bool = False, goal: float = 1e-15) -> tuple[Any, Any]:
    """(log P(A >= alpha) or log p(alpha), its error) as mpf; the sums on two offset grids in w and t agree to it."""
    s0, theta0, reach, spread = _saddle(twin, alpha)
    saved = ctx.prec
    prec = 53 + int(math.log2(twin.width + 1)) + 60
    step_z, step_t, fine = reach / 100, 0.2, 1.0
    try:
        for _ in range(24):
            ctx.prec = prec
            nodes = [_kept(twin, reach, step_z, offset, theta0, fine) for offset in (0.0, 0.5)]
            values = [
                _contour(twin, alpha, s0, nodes[i], (step_t, spread), i / 2, density) for i in (0, 1)
            ]
            (one, size, radius, base), (two, _, _, _) = values
            mean = (one + two) / 2
            lost = float((size / abs(mean)).log()) / math.log(2) if float(abs(mean)) > 0 else 1e9
            if lost > prec - 75 - math.log2(twin.width + 1):
                prec = int(min(lost, 4 * prec) + 90 + math.log2(twin.width + 1))
                continue
            gap = float(abs(one - two) / abs(mean))
            if gap < goal and float(radius / abs(mean)) < goal:
                log = mean.log() + base
                with mp.workdps(40):
                    return mp.mpf(log.mid().str(40, radius=False)), mp.mpf(max(gap, 1e-20))
            # Which grid is to blame?  Compare the two overlap grids on one contour grid.
            same = _contour(twin, alpha, s0, nodes[1], (step_t, spread), 0.0, density)[0]
            if float(abs(same - one) / abs(mean)) > goal:
                step_z /= 1.6
            else:
                step_t /= 1.6
        raise ArithmeticError(f"twin: no convergence at {twin}, {alpha}")
    finally:
        ctx.prec = saved


def _kept(twin: Twin, reach: float, step: float, offset: float, theta0: float, fine: float) -> list[tuple[Any, Any]]:
    need = 0.6932 * ctx.prec + 10
    end = max(reach, math.sqrt(2 * need) + 1)
    rows = twin.rows(end, step, offset, fine)
    logs = [float(p.log()) if p > 0 else -1e9 for p, _ in rows]
    tilted = [a + theta0 * float(g) for a, (_, g) in zip(logs, rows, strict=True)]
    top = max(tilted)
    return [r for r, a, b in zip(rows, logs, tilted, strict=True) if a > -need or b > top - need]


def _contour(
    twin: Twin, alpha: float, s0: float, nodes: list[tuple[Any, Any]], pace: tuple[float, float], offset: float, density: bool
) -> tuple[Any, Any, Any, Any]:
    """(sum, sum of sizes, ball radius, log base) of the trapezoid sum over v, t = spread sinh v."""
    kappa, level, slope = twin.kappa, arb(alpha), arb("1.3")
    start, step, spread = arb(s0), arb(pace[0]), arb(min(pace[1], 1.0))

    def log_free(s: Any) -> Any:
        theta = kappa * s * s
        m = acb(0)
        for p, gg in nodes:
            m += p * (theta * gg).exp()
        return m

    m0 = log_free(acb(start)).real
    base = twin.width * m0.log() - start * level
    total, size, radius, j = arb(0), arb(0), arb(0), 0
    while True:
        v = (j + arb(offset)) * step
        t = spread * v.sinh()
        s = acb(start * t.cosh(), slope * start * t.sinh())
        ds = acb(start * t.sinh(), slope * start * t.cosh()) * spread * v.cosh()
        value = (log_free(s) / m0) ** twin.width * (-(s - start) * level).exp() * (ds if density else ds / s)
        term = value.imag if offset or j else value.imag / 2
        bound = abs(value)
        total += term.mid()
        size += arb(bound.mid())
        radius += arb(term.rad())
        j += 1
        # The integrand may die and come back (an integer number of neurons): only |M(theta)| <= M(Re theta), which falls, ends it.
        if float(bound) < 2.0 ** (-ctx.prec) * float(size) and j % 4 == 0:
            real = sum((p * ((kappa * s * s).real * gg).exp() for p, gg in nodes), arb(0)) / m0
            rest = real**twin.width * (-(s.real - start) * level).exp() * abs(ds if density else ds / s)
            if float(rest) < 2.0 ** (-ctx.prec) * float(size):
                break
        if j > 40_000:
            raise ArithmeticError("twin: the contour does not end")
    return total * step / arb.pi(), size * step / arb.pi(), radius * step / arb.pi(), base


# -- other roads -------------------------------------------------------------------------------------------------------------


def one_neuron(dim: int, alpha: float, power: int = 3, *, density: bool = False) -> Any:
    """N = 1, concentrated, erf: log E Phi(-alpha/|g|) (or log of the density), one real integral by mpmath.quad and no contour."""
    with mp.workdps(30):
        sd = 1 / mp.sqrt(dim)

        def log_term(z: Any) -> Any:
            w = z * sd
            g = (w / mp.sqrt(3 + 2 * w * w)) ** power
            return -z * z / 2 - alpha * alpha / (2 * g * g)

        # The integrand's top, by golden ratio on the unimodal exponent; then quad on pieces around it.
        lo, hi = mp.mpf("1e-6"), mp.mpf(400)
        for _ in range(200):
            a, b = lo + (hi - lo) * 0.382, lo + (hi - lo) * 0.618
            lo, hi = (a, hi) if log_term(a) < log_term(b) else (lo, b)
        top, peak = lo, log_term(lo)

        def integrand(z: Any) -> Any:
            w = z * sd
            g = (w / mp.sqrt(3 + 2 * w * w)) ** power
            if g < mp.mpf("1e-60"):
                return mp.zero
            value = mp.npdf(alpha / g) / g if density else mp.erfc(alpha / g / mp.sqrt(2)) / 2
            return 2 * mp.npdf(z) * value * mp.exp(-peak)

        near = [top * x for x in (0, 0.25, 0.5, 0.7, 0.85, 1, 1.15, 1.3)]
        points = near + [near[-1] + x for x in (0.5, 1, 2, 3, 5, 8, 12, 20, 40)]
        return mp.log(mpmath.quad(integrand, points, maxdegree=10)) + peak


def variance_gamma(count: int, scale: float, alpha: float) -> Any:
    """log P(A >= alpha) of A = scale sum_(i <= count) x_i y_i, x, y ~ N(0, 1): log E Phi(-z/sqrt V), V ~ chi^2_count, by quad."""
    with mp.workdps(30):
        half, z = mp.mpf(count) / 2, mp.mpf(alpha) / mp.mpf(scale)
        top = half + mp.sqrt(half * half + z * z)  # v (v - count) = z^2: near the peak; only places the panels

        def log_term(u: Any) -> Any:
            v = mp.exp(u)
            return half * u - v / 2 + mp.log(mp.erfc(z / mp.sqrt(2 * v)) / 2)

        centre, width = mp.log(top), 1 / mp.sqrt(half + z)
        for _ in range(60):  # uphill
            step = max((-width, 0, width), key=lambda h: log_term(centre + h))
            centre, width = centre + step, width if step else width / 2
        peak, width = log_term(centre), 1 / mp.sqrt(half + z)
        points = [centre + width * x for x in (-40, -24, -16, -10, -6, -3, -1, 1, 3, 6, 10, 16, 24, 40)]
        value = mpmath.quad(lambda u: mp.exp(log_term(u) - peak), points)
        return mp.log(value) + peak - mp.loggamma(half) - half * mp.log(2)


def free_cgf(twin: Twin, s: Any) -> Any:
    """K(s) by mpmath.quad over the neuron's coordinate (concentrated form), from the definition."""
    sd = mp.sqrt(mp.mpf(twin.weight) / twin.dim)
    kappa = mp.mpf(twin.scale) ** 2 * mp.mpf(twin.readout) / (2 * twin.width)

    def integrand(z: Any) -> Any:
        w = z * sd
        g = w / mp.sqrt(1 + 2 * (w * w + mp.mpf(twin.weight)))
        return mp.npdf(z) * mp.exp(kappa * s * s * g**6)

    return twin.width * mp.log(2 * mpmath.quad(integrand, [0, 1, 2, 4, 6, 8, 11, 14, 18, 24]))


def definition_overlap(phi: Callable[[Any], Any], terms: dict[int, float], w: float, radius: float, *, kink: bool = False) -> float:
    """<phi(w.x), sum_k y_k He_k(x_1)> as a double integral over (x_1, x_2), w.x = w x_1 + radius x_2: no identity used.

    ``kink``: phi has one at 0, so that the inner range is broken at x_2 = -w x_1/radius.
    """
    nodes, weights = np.polynomial.legendre.leggauss(40)

    def panels(edges: Any) -> tuple[Any, Any]:
        mid, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * (edges[1:] - edges[:-1])
        return (mid[:, None] + half[:, None] * nodes).ravel(), (half[:, None] * weights).ravel()

    x1, w1 = panels(np.linspace(-11.0, 11.0, 23))
    total = 0.0
    for x, mass in zip(x1, w1, strict=True):
        cut = [float(np.clip(-w * x / radius, -10.99, 10.99))] if kink and radius > 0 else []
        x2, w2 = panels(np.array(sorted([-11.0, *np.linspace(-9.9, 9.9, 19), 11.0, *cut])))
        inner = np.sum(w2 * np.exp(-0.5 * x2 * x2) * phi(w * x + radius * x2)) / math.sqrt(2 * math.pi)
        target = sum(y * hermite_value(k, x) for k, y in terms.items())
        total += mass * math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi) * inner * target
    return total


def network_alignment(
    phi: Callable[[Any], Any], terms: dict[int, float], width: int, dim: int, size: int, rng: np.random.Generator
) -> Any:
    """Draws of <f, y>, f = sum_i a_i phi(w_i.x), all N d weights drawn; the average over x by Gauss-Hermite."""
    x, mass = np.polynomial.hermite_e.hermegauss(60)
    mass = mass / mass.sum()
    y = sum(v * hermite_value(k, x) for k, v in terms.items())
    out = np.empty(size)
    for i in range(size):
        w = rng.standard_normal((width, dim)) / math.sqrt(dim)
        a = rng.standard_normal(width) / math.sqrt(width)
        # w.x has the law of w_1 x_1 + |w_perp| x_2.
        first, rest = w[:, 0], np.sqrt(np.sum(w[:, 1:] ** 2, axis=1))
        values = phi(first[:, None, None] * x[:, None] + rest[:, None, None] * x[None, :])
        out[i] = float(np.einsum("n,nij,i,j->", a, values, mass * y, mass))
    return out
