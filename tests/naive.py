"""Slow, obvious twins for the tests.  Nothing here imports the package: every number is found by another road.

* ``flint_tail``        the contour integral in ball arithmetic (python-flint), on a broken line, Gauss-Legendre in w;
* ``n1_tail``           N = 1, no contour at all: P = E[Phi(-alpha/(scale |g|))], to the digits of mp;
* ``n1_tail_full``      the same with the full overlap, a plain double integral in floats;
* ``hermite_overlap``   <phi(w.x), He_k(x_1)> as an integral over x, from the definition;
* ``sample_alignment``  plain draws of A with all N d weights;
* ``variance_gamma``    the linear overlap in closed form (Bessel K), by quadrature of the density.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from mpmath import mp


def to_mpf(ball: Any) -> Any:
    """The midpoint of a python-flint ball as an mpf (at the caller's mp precision)."""
    return mp.mpf(ball.mid().str(60, radius=False))


def _overlap_nodes(dim: int, full: bool, power: int, end: float, order: int) -> list[tuple[Any, Any]]:
    """(weight, g^2) of Gauss-Legendre nodes, panels of width 1 over z = sqrt(d) x coordinate in (0, end), both signs.

    concentrated: the coordinate is w ~ N(0, 1/d), u = w/sqrt(3 + 2 w^2).  full: the coordinate is tau = w/sqrt(1 + 2 rho), whose
    density is a Tricomi function, u = tau/sqrt(1 + 2 tau^2).  g = u^power.
    """
    from flint import arb

    rule = [arb.legendre_p_root(order, i, weight=True) for i in range(order)]
    a, n = arb(dim), arb(dim - 1)
    out = []
    for panel in range(int(end) + 1):
        for x, weight in rule:
            z = panel + (1 + x) / 2
            square = z * z / a
            p = weight * (-z * z / 2).exp() / (2 * arb.pi()).sqrt()  # weight/2 for the panel, 2 for the two signs
            if full:
                tricomi = (a * (1 + 2 * square) / 4).hypgeom_u(n / 2, (n + 3) / 2)
                p *= (a / 4) ** (n / 2) * tricomi
            u2 = square / ((1 if full else 3) + 2 * square)
            out.append((p, u2**power))
    return out


def flint_tail(
    width: int,
    dim: int,
    alpha: float | str,
    *,
    full: bool = False,
    prefactor: float = 1.0,
    power: int = 3,
    density: bool = False,
    digits: int = 25,
    order: int = 30,
    lost: int = 10,
    trial_saddle: float | None = None,
) -> tuple[Any, Any]:
    """(log P(A >= alpha) or log p(alpha), radius) for erf and He_power at unit variances.

    The path: up from s_0 to s_0 + i Y, Y = s_0 (or more where s_0 is small), then along the ray of slope 1, on which Re s^2
    never exceeds s_0^2 - Y^2 + ..., i.e. stays at or below its value at the corner; acb.integral bounds its own error.
    ``lost`` decimal digits of cancellation are allowed for; the radius does not cover the quadrature in w (vary ``order``).
    """
    from flint import acb, arb, ctx

    saved = ctx.prec
    try:
        ctx.prec = int(3.33 * (digits + lost)) + 60
        level = arb(str(alpha)) if isinstance(alpha, str) else arb(alpha)
        kappa = arb(prefactor) ** 2 / (2 * width)
        s0 = trial_saddle or _float_saddle(width, dim, float(alpha), full, float(prefactor), power)
        theta0 = float(kappa) * s0 * s0
        need = 2.303 * (digits + lost)
        end = np.sqrt(2 * (theta0 * 2.0 ** (-power) + need)) + 2
        floor = -need - 30
        nodes = [
            (p, gg)
            for p, gg in _overlap_nodes(dim, full, power, end, order)
            if float(p.log()) > floor or float(p.log()) + theta0 * float(gg) > floor
        ]
        shift = arb(0)

        def integrand(s: Any, _analytic: bool) -> Any:
            theta = kappa * s * s
            m = acb(0)
            for p, gg in nodes:
                m += p * (theta * gg).exp()
            value = m**width * (-(s - s0) * level - shift).exp()
            return value if density else value / s

        shift = (integrand(acb(s0), False) * (1 if density else s0)).real.log()
        corner = max(s0, 5.0 / float(alpha))
        ray = (need + 20) / float(alpha)
        goal = arb(10) ** (-digits - lost) * (1 if not density else s0)
        a, b, c = acb(s0), acb(s0, corner), acb(s0 + ray, corner + ray)
        total = acb.integral(integrand, a, b, abs_tol=goal, rel_tol=goal) + acb.integral(
            integrand, b, c, abs_tol=goal, rel_tol=goal
        )
        probability = total.imag / arb.pi()
        log = probability.log() + shift - s0 * level
        if not log.is_finite():
            raise ArithmeticError("flint_tail: no digit survived the cancellation; ask for more with lost=")
        return to_mpf(log), to_mpf(log.rad())
    finally:
        ctx.prec = saved


def _float_saddle(width: int, dim: int, alpha: float, full: bool, prefactor: float, power: int) -> float:
    """s with K'(s) = alpha, to a few digits, on a plain float grid (full: by plain averaging over rho)."""
    z = np.linspace(0.0, 200.0, 8001)
    if full:
        rho = np.random.default_rng(1).chisquare(dim - 1, 400) / dim
        x = z / np.sqrt(dim)
        log_p = np.log(np.mean(np.sqrt(1 + 2 * rho) * np.exp(-np.outer(z * z, rho)), axis=1) + 1e-300) - z * z / 2
        u2 = x * x / (1 + 2 * x * x)
    else:
        log_p, u2 = -z * z / 2, z * z / (3 * dim + 2 * z * z)
    gg = u2**power
    lo, hi = 1e-6, 1e9
    kappa = prefactor**2 / (2 * width)
    for _ in range(60):
        s = np.sqrt(lo * hi)
        e = log_p + kappa * s * s * gg
        q = np.exp(e - e.max())
        slope = 2 * kappa * s * width * np.sum(q * gg) / np.sum(q)
        lo, hi = (s, hi) if slope < alpha else (lo, s)
    return float(np.sqrt(lo * hi))


def n1_tail(alpha: Any, g: Callable[[Any], Any], dim: int, *, scale: Any = 1, density: bool = False) -> Any:
    """Log of E[Phi(-alpha/(scale |g(w)|))] (or of the density) at N = 1, w ~ N(0, 1/dim), scale = c sigma_a; digits of mp.

    Plain trapezoid over z = w sqrt(dim), halved until it stands.
    """
    alpha, root = mp.mpf(alpha), mp.sqrt(dim)

    def integrand(z: Any) -> Any:
        sd = scale * abs(g(z / root))
        if not sd:
            return mp.zero
        return mp.npdf(z) * (mp.npdf(alpha / sd) / sd if density else mp.ncdf(-alpha / sd))

    reach, step, old = 10 + 40 * root, mp.mpf(1) / 2, mp.zero
    while True:
        total = mp.zero
        for sign in (1, -1):
            z, top = step * mp.mpf(2) / 3 * (1 if sign > 0 else mp.mpf(1) / 2), mp.zero
            while z < reach:
                term = integrand(sign * z)
                total, top, z = total + step * term, max(top, term), z + step
                if term < top * mp.eps / 1000 and z > 5 + root:
                    break
        if abs(total - old) < 1000 * mp.eps * total:
            return mp.log(total)
        old, step = total, step / 2


def n1_tail_full(alpha: float, g: Callable[[Any, Any], Any], dim: int, *, scale: float = 1.0) -> float:
    """Log of E[Phi(-alpha/(scale |g(w, rho)|))], w ~ N(0, 1/dim), dim rho ~ chi^2_(dim-1), in floats.

    Gauss-Legendre panels in z = w sqrt(dim) and in r = sqrt(dim rho), the whole plane, no reduction.
    """
    from scipy.special import gammaln, log_ndtr

    x, weight = np.polynomial.legendre.leggauss(20)
    panels = np.arange(0.0, 30.0, 0.25)
    z = (panels[:, None] + 0.125 * (x + 1)).ravel()
    dz = np.tile(0.125 * weight, len(panels))
    n = dim - 1
    log_r = np.log(z) * (n - 1) - z * z / 2 - (n / 2 - 1) * np.log(2.0) - gammaln(n / 2)  # the chi density of r
    log_z = -z * z / 2 - 0.5 * np.log(2 * np.pi)
    total = 0.0
    for sign in (1.0, -1.0):
        sd = scale * np.abs(g(sign * z[:, None] / np.sqrt(dim), z[None, :] ** 2 / dim))
        with np.errstate(divide="ignore"):
            logs = log_z[:, None] + log_r[None, :] + log_ndtr(-alpha / sd)
        total += float(np.sum(np.exp(logs) * dz[:, None] * dz[None, :]))
    return float(np.log(total))


def hermite_overlap(phi: Callable[[Any], Any], k: int, w1: float, rho: float) -> float:
    """E[phi(w.x) He_k(x_1)] for |w_perp|^2 = rho, from the definition: an integral over two directions of x.

    x_1 = t y + sqrt(1 - t^2) v with y along w; panels in y with an edge at 0, so that a kink of phi does no harm.
    """
    length = np.hypot(w1, np.sqrt(rho))
    t = w1 / length
    x, weight = np.polynomial.legendre.leggauss(30)
    edges = np.arange(-14.0, 14.0, 0.5)
    y = (edges[:, None] + 0.25 * (x + 1)).ravel()
    py = np.tile(0.25 * weight, len(edges)) * np.exp(-y * y / 2) / np.sqrt(2 * np.pi)
    v, pv = np.polynomial.hermite_e.hermegauss(40)
    x1 = t * y[:, None] + np.sqrt(1 - t * t) * v[None, :]
    he = np.polynomial.hermite_e.hermeval(x1, [0.0] * k + [1.0])
    return float(np.sum(py * phi(length * y) * (he @ pv) / np.sqrt(2 * np.pi)))


def sample_alignment(width: int, dim: int, size: int, rng: np.random.Generator, *, full: bool = True) -> Any:
    """Draws of A = sum_i a_i u_i^3 for erf and He_3 (c = 1, unit variances) from all width * dim weights, no reduction.

    full: u = w_1/sqrt(1 + 2 |w|^2) with the whole vector w; else |w_perp|^2 is replaced by 1.
    """
    out = np.empty(size)
    for i in range(size):
        a = rng.normal(size=width) / np.sqrt(width)
        w = rng.normal(size=(width, dim)) / np.sqrt(dim)
        norm2 = np.sum(w**2, axis=1) if full else w[:, 0] ** 2 + 1.0
        out[i] = np.sum(a * w[:, 0] ** 3 / (1.0 + 2.0 * norm2) ** 1.5)
    return out


def variance_gamma(alpha: Any, terms: int, b: Any, *, density: bool = False) -> Any:
    """Log tail or density at alpha of the law with E exp(sA) = (1 - b^2 s^2)^(-terms/2), digits of mp.

    A = b sqrt(V) Z with V ~ chi^2_terms, Z normal: trapezoid over log V, halved until it stands.  (mpmath's besselk, which the density has
    in closed form, is good to 1e-12 only at large argument.)
    """
    z, b, half = mp.mpf(alpha) / mp.mpf(b), mp.mpf(b), mp.mpf(terms) / 2
    reach = z + 3 * mp.dps + 50 + terms

    def integrand(t: Any) -> Any:
        v = mp.exp(t)
        event = mp.npdf(z / mp.sqrt(v)) / (b * mp.sqrt(v)) if density else mp.ncdf(-z / mp.sqrt(v))
        return mp.exp(half * t - v / 2) * event

    low, high, step, old = mp.log(z * z / (2 * reach)), mp.log(2 * reach), mp.mpf(1) / 8, mp.zero
    while True:
        total = step * mp.fsum(integrand(low + i * step) for i in range(int((high - low) / step) + 1))
        if abs(total - old) < 1000 * mp.eps * total:
            return mp.log(total) - half * mp.log(2) - mp.loggamma(half)
        old, step = total, step / 2
