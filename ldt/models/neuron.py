r"""The law of one neuron's overlap g under the prior, and its discretisation.

The tail needs only M(theta) = E exp(theta g^2).  Its integral is one-dimensional where g depends on one coordinate x:

* concentrated overlap (and linear): x = w_1 ~ N(0, sigma_w^2/d);
* full overlap of erf: g depends on v = w_1/sqrt(1 + 2 rho) alone, u = v/sqrt(1 + 2 v^2).  With b = d/(2 sigma_w^2),
  a = (d - 1)/2, rho ~ Gamma(a, rate b), the density of v is exactly

      p(v) = sqrt(b/pi) exp(-b v^2) (1 + 2 v^2)^(-a) E[sqrt(1 + 2 z/(b (1 + 2 v^2)))],   z ~ Gamma(a, 1),

  (change of variables, derived in docs/theory.md; the expectation by generalised Gauss-Laguerre quadrature).

For every other full overlap it is two-dimensional, in w_1 and r = |w_perp| (density prop. to r^(d-2) exp(-b r^2)).

Nodes are composite Gauss-Legendre panels: kept where prior or tilted mass is above exp(-60) of its peak, and halved until
M is converged at the given complex test points.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldt.errors import ConvergenceError, MethodError, NoTiltError
from ldt.models.loops import log_moment
from ldt.models.panels import Panels, apart, faded_beyond, gauss, raise_kept, raise_scales
from ldt.numerics.compression import gauss_rules

Array = NDArray[np.float64]

#: Nodes whose prior mass and tilted mass are both below exp(-DROP) of the peak are left out.
DROP = 60.0
EPS = float(np.finfo(float).eps)
#: Nodes a panel, and of a two-dimensional law's inner panels in a second evaluation (the outer ones have fewer there).
ORDER, OTHER = 16, 18
MAX_RADIAL_PANELS = 64
#: Nodes in panels that are still to be halved, at most.
MAX_NODES = 10_000_000
#: log2 of a mass that is rounding.
HALVINGS = 45
#: (points of a rule, parts) that a panel of a two-dimensional law is brought down to, tried in turn.
COMPRESSED = ((12, 1), (20, 1), (8, 16), (14, 16))
#: How far out, in standard deviations of the coordinate, a tilt may put mass.
MAX_REACH = 1e5


class Nodes(NamedTuple):
    """Nodes of the overlap law: ``x`` = |coordinate| (ascending), ``lw`` log prior mass, ``gg`` = g^2, and the panel
    edges between which they lie."""

    x: Array
    lw: Array
    gg: Array
    edges: Array


class Contour(NamedTuple):
    """Points ``theta`` on a sector's contour, starting on the real axis; for each bin whether the sector has neurons in it (``needed``),
    and log M there at the start, as far as it is known (``start``; inf where it is not)."""

    theta: NDArray[np.complex128]
    needed: NDArray[np.bool_]
    start: Array


def gamma_quadrature(a: float) -> tuple[Array, Array]:
    """Nodes and probability weights of the law Gamma(a, 1): the trapezoidal rule in v = log(z/a), where z's density is
    exp(-a (e^v - 1 - v)), cut where that is e^-80.

    With the step h the error is at most about exp(-2 pi y/h) cos(y)^-a for any y < pi/2, as |Im v| < y is a strip on which the means of
    sqrt(1 + 2 z t), t > 0, are analytic and the density grows so (Trefethen & Weideman 2014, SIAM Review 56, 385, Theorem 5.1); with the
    best y this h makes it 1e-16 for every a.
    """
    c = 80.0 / a
    low, high, h = c + math.sqrt(2.0 * c), min(math.sqrt(2.0 * c), math.log(2.0 + 2.0 * c)), 1.0 / math.sqrt(18.0 + 2.25 * a)
    v = np.arange(-math.ceil(low / h), math.ceil(high / h) + 1) * h
    omega = np.exp(-a * (np.expm1(v) - v))
    return a * np.exp(v), omega / math.fsum(omega)


def _log_mean_root(a: float, t_max: float) -> np.polynomial.Chebyshev:
    """log E sqrt(1 + 2 z t), z ~ Gamma(a, 1), as a Chebyshev series in 2 t/t_max - 1 on 0 <= t <= t_max, to 1e-15.

    The coefficients come from a cosine transform: NumPy's ``Chebyshev.interpolate`` loses 5e-14 at t = t_max, where the prior has its mass.
    """
    from scipy.fft import dct

    z, omega = gamma_quadrature(a)
    n = 61
    y = np.cos(np.pi * (np.arange(n) + 0.5) / n)
    # 1 + E[sqrt(1 + x) - 1] with the root's difference rationalised: exact as t -> 0.
    x = z * t_max * (1.0 + y[:, None])
    coefficients = dct(np.log1p((x / (1.0 + np.sqrt(1.0 + x))) @ omega)) / n
    coefficients[0] *= 0.5
    return np.polynomial.Chebyshev(coefficients)


class NeuronLaw:
    """One neuron's overlap: coordinate, prior density, g, quadrature nodes and prior draws."""

    def __init__(self, model: Any) -> None:
        self.model = model  # of any width: nothing here depends on it, on the readouts or on c
        d, sw2 = model.dim, model.weight_variance
        self.b = d / (2.0 * sw2)
        self.a = 0.5 * (d - 1)
        self.scale = math.sqrt(sw2 / d)
        full = model.overlap == "full"
        self.kind = "v" if full and model.activation == "erf" else "wr" if full and model.activation != "linear" else "w"
        if self.kind == "v":
            self.scale /= math.sqrt(1.0 + 2.0 * sw2 * (d - 1) / d)
            self._log_mean = _log_mean_root(self.a, 1.0 / self.b)
        self._grids: dict[float, tuple[Array, Array, Array]] = {}
        degrees = {k % 2 for k, _ in model.target if not (model.activation == "erf" and k % 2 == 0)}
        self.even = len(degrees) == 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Shipped as the model that it is of, without the tables."""
        return NeuronLaw, (self.model,)

    @cached_property
    def g_error(self) -> float:
        """Relative error of g: rounding for the closed forms, the table's for a computed overlap.

        The table's error is absolute, and b_k ~ q^k for small q: at a small weight variance little of it may be left.  ConvergenceError
        where less than three digits are.
        """
        from ldt.models.hermite import hermite_table

        model = self.model
        if model.activation in ("erf", "relu", "linear"):
            return EPS
        error = hermite_table(model._phi, tuple(k for k, _ in model.target)).error
        sigma = math.sqrt(model.weight_variance)
        w = np.geomspace(self.scale, 30.0 * sigma, 40)
        q = np.hypot(w, sigma)
        absolute = error * (1.0 + q) * sum(abs(y) * (w / q) ** k for k, y in model.target)
        size = np.maximum.accumulate(np.abs(np.asarray(model.unit_overlap(w, model.weight_variance))))
        relative = float(np.max(absolute / np.maximum(size, 1e-300)))
        if relative > 1e-3:
            raise ConvergenceError(
                f"activation: its computed overlap is lost in rounding at weights as small as |w| = {sigma:.3g} (sigma_w);"
                " a larger weight_variance is needed"
            )
        return max(3e-13, relative)

    # -- density and overlap on the coordinate ---------------------------------------------------------------------------

    def log_prior(self, x: Array) -> Array:
        """Log prior density of the (outer) coordinate at x, x of either sign."""
        out: Array = 0.5 * math.log(self.b / math.pi) - self.b * x * x
        if self.kind == "v":
            grow = 1.0 + 2.0 * x * x
            out = out - self.a * np.log1p(2.0 * x * x) + self._log_mean(2.0 / grow - 1.0)
        return out

    def g(self, x: Array) -> Array:
        """The unit overlap on the one-dimensional coordinate."""
        if self.kind == "v":
            # The full form at (w, rho) = (x, 0) has u = x/sqrt(1 + 2 x^2): v at rho = 0.
            return np.asarray(self.model.unit_overlap(x, 0.0))
        if self.model.overlap == "full":
            return np.asarray(self.model.unit_overlap(x, self.model.weight_variance))
        return np.asarray(self.model.unit_overlap(x))

    def radial_window(self, x: Array, theta: float, reach: float) -> tuple[Array, Array]:
        """Where |w_perp| has prior or tilted mass at each outer x (``reach`` standard deviations of the prior, or exp(-DROP))."""
        a, b = self.a, self.b
        mode, sd = math.sqrt(max(2.0 * a - 1.0, 0.0) / (2.0 * b)), 0.5 / math.sqrt(b)
        lo = np.full(len(x), max(0.0, mode - reach * sd))
        hi = np.full(len(x), mode + reach * sd)
        if theta > 0.0:
            start = max(0.0, mode - 40.0 * sd)
            grid = np.concatenate([np.geomspace(1e-3 * mode + 1e-9, start + sd, 60), np.linspace(start, mode + 12.0 * sd, 140)[1:] + sd])
            grid = np.unique(grid)
            dens = self._log_radial(grid) + theta * self._gg(x[:, None], grid[None, :])
            inside = dens > dens.max(axis=1, keepdims=True) - DROP
            first = np.argmax(inside, axis=1)
            last = inside.shape[1] - 1 - np.argmax(inside[:, ::-1], axis=1)
            lo = np.minimum(lo, grid[np.maximum(first - 1, 0)])
            hi = np.maximum(hi, grid[np.minimum(last + 1, len(grid) - 1)])
            lo[lo < 2e-3 * mode + 1e-8] = 0.0
        return lo, hi

    def inner(self, x: Array, theta: float, order: int = ORDER) -> tuple[Array, Array]:
        """Log mass and g^2 on the inner nodes r = |w_perp| of each outer x (kind ``wr``), ``order`` a panel; shape (len(x), inner)."""
        parts = [self._inner_block(x[i : i + 256], theta, order) for i in range(0, len(x), 256)]
        widest = max(p[0].shape[1] for p in parts)
        # Blocks whose window is narrower are filled up with nodes of no mass.
        pads = [((0, 0), (0, widest - p[0].shape[1])) for p in parts]
        lw = np.concatenate([np.pad(p[0], pad, constant_values=-np.inf) for p, pad in zip(parts, pads, strict=True)])
        return lw, np.concatenate([np.pad(p[1], pad) for p, pad in zip(parts, pads, strict=True)])

    def _inner_block(self, x: Array, theta: float, order: int) -> tuple[Array, Array]:
        """Equal panels in r, halving towards 0: g may depend on the direction even there (relu), on the scale r ~ x, and far out on a
        contour it is the smallest |w| that count, down to where their mass, |w|^d, is rounding."""
        nodes, weights = gauss(order)
        lo, hi = self.radial_window(x, theta, 11.0)
        panels = max(6, math.ceil(float(np.max(hi - lo)) * 2.0 * math.sqrt(self.b) / 2.5))
        if panels > MAX_RADIAL_PANELS:
            raise MethodError(
                f"dim: the full overlap of {self.model.activation_name} is two-dimensional, too fine to integrate at d = {self.model.dim};"
                " use overlap='concentrated', or method='montecarlo'"
            )
        edges = np.arange(panels + 1) / panels
        if np.any(lo == 0.0):
            edges = np.concatenate([[0.0], edges[1] * 0.5 ** np.arange(math.ceil(HALVINGS / self.model.dim), 0, -1), edges[1:]])
        t = (edges[:-1, None] + 0.5 * np.diff(edges)[:, None] * (nodes + 1.0)).ravel()
        wt = (0.5 * np.diff(edges)[:, None] * weights).ravel()
        r = lo[:, None] + (hi - lo)[:, None] * t
        lw = np.log((hi - lo)[:, None] * wt) + self._log_radial(r)
        return lw, self._gg(x[:, None], r)

    def _log_radial(self, r: Array) -> Array:
        """Log density of r = |w_perp|, 2 b^a r^(2a-1) exp(-b r^2)/Gamma(a), relative to its mode: the terms are of size a log a and would
        cancel (1e-10 lost at d = 1e5)."""
        from scipy.special import xlogy  # r = 0 is a place like any other at d = 2

        h = self.a - 0.5
        if h < 2.0:
            top = math.log(2.0) + self.a * math.log(self.b) - math.lgamma(self.a)
            return np.asarray(top + xlogy(2.0 * h, r) - self.b * r * r)
        mode = math.sqrt(h / self.b)
        x = (r - mode) * (r + mode) / mode**2
        with np.errstate(divide="ignore"):
            return np.asarray(self._log_radial_mode + h * (np.log1p(np.maximum(x, -1.0)) - x))

    @cached_property
    def _log_radial_mode(self) -> float:
        """Log density of |w_perp| at its mode, log[2 sqrt(b) h^h exp(-h)/Gamma(h + 1/2)], h = a - 1/2, rounded once."""
        import mpmath

        ctx = mpmath.MPContext()
        ctx.dps = 40
        h = ctx.mpf(self.a) - 0.5
        return float(ctx.log(2 * ctx.sqrt(ctx.mpf(self.b))) + h * ctx.log(h) - h - ctx.loggamma(h + 0.5))

    def _gg(self, x: Array, r: Array) -> Array:
        return np.asarray(self.model.unit_overlap(x + 0.0 * r, r * r + 0.0 * x) ** 2)

    def atoms(self, x: Array, theta: float = 0.0, order: int = ORDER) -> tuple[Array, Array]:
        """Log prior mass (per dx, x < 0 folded onto x > 0) and g^2 at outer x > 0, ``order`` nodes an inner panel; (len(x), inner)."""
        sides = [x] if self.even else [x, -x]
        fold = math.log(2.0) if self.even else 0.0
        lws, ggs = [], []
        for side in sides:
            outer = self.log_prior(side)[:, None] + fold
            if self.kind == "wr":
                inner, gg = self.inner(side, theta, order)
                lws.append(outer + inner)
            else:
                gg = self.g(side)[:, None] ** 2
                lws.append(outer)
            ggs.append(gg)
        return np.concatenate(lws, axis=1), np.concatenate(ggs, axis=1)

    # -- range of the tilt -----------------------------------------------------------------------------------------------

    @cached_property
    def theta_max(self) -> float:
        """sup of theta with M(theta) finite: d/(2 sigma_w^2) over the limit of g^2/w^2; inf for a bounded g.

        NoTiltError where g grows faster than w: then A has no exponential moments.
        """
        from ldt.models.hermite import HOMOGENEOUS, Q_MAX

        if self.model.activation in ("erf", "tanh"):
            return math.inf
        if self.model.activation in HOMOGENEOUS:
            sides = [1.0] if self.even else [1.0, -1.0]
            cosine = np.linspace(1e-3, 1.0, 2000)
            best = 0.0
            for side in sides:
                # On the ray of cosine t the exponent is |w|^2 (theta g(t)^2 - b): the largest g^2/|w|^2 ends the range.
                if self.kind == "w":
                    big = 1e8
                    best = max(best, float(self.g(np.array([side * big]))[0] / big) ** 2)
                else:
                    values = self.model.unit_overlap(side * cosine, 1.0 - cosine**2) ** 2
                    best = max(best, float(values.max()))
            return float(self.b / best) if best else math.inf  # He_k's that cancel far out leave a bounded g
        # |g| ~ w^p far out: p > 1 has no exponential moments, p < 1 has all of them, p = 1 ends the range.
        far = np.array([0.45, 0.9]) * Q_MAX
        size = np.max([np.abs(self.model.unit_overlap(s * far, self.model.weight_variance)) for s in (1.0, -1.0)], axis=0)
        power = math.log2(size[1] / size[0]) if size.min() > 1e-9 else 0.0
        if power > 1.1:
            raise NoTiltError("activation: its overlap grows faster than w, so E exp(sA) is infinite; use method='montecarlo'")
        return math.inf if power < 0.9 else self.b / float(size[1] / far[1]) ** 2

    def log_moment_below(self, theta: float) -> float:
        """A lower bound on log M at theta < 0, to a factor of order one: max over x of P(|coordinate| < x) exp(theta sup g^2), and for a
        two-dimensional overlap, which may vanish as |w| does and nowhere else, over rho of P(|w| < rho) exp(theta sup g^2)."""
        _, log_mass, gg = self._small_ball
        found = float(np.max(log_mass + theta * gg))
        return found if self.kind != "wr" else max(found, float(np.max(self._whole_ball[0] + theta * self._whole_ball[1])))

    @cached_property
    def _whole_ball(self) -> tuple[Array, Array]:
        """(log P(|w| < rho), sup g^2 there): |w|^2 ~ Gamma(h, rate b), h = d/2, and P(h, x) >= x^h e^(-x)/Gamma(h + 1) (DLMF 8.7.1)."""
        rho = np.geomspace(1e-12, 14.0, 300) * self.scale * math.sqrt(self.model.dim)
        h, x, cosine = 0.5 * self.model.dim, self.b * rho**2, np.linspace(-1.0, 1.0, 101)
        gg = self._gg(rho[:, None] * cosine, rho[:, None] * np.sqrt(1.0 - cosine**2))
        return h * np.log(x) - x - math.lgamma(h + 1.0), np.maximum.accumulate(np.max(gg, axis=1))

    @cached_property
    def _small_ball(self) -> tuple[Array, Array, Array]:
        unit, log_mass = _normal_ball()
        if self.kind == "wr":  # further in, for the density of a few neurons at levels all but 0, is too dear
            unit, log_mass = unit[-300:], log_mass[-300:]
        x = unit * self.scale
        gg = np.max(self.atoms(x)[1], axis=1)
        return x, log_mass, np.maximum.accumulate(gg)

    # -- nodes -----------------------------------------------------------------------------------------------------------

    @property
    def limit(self) -> float:
        """The largest |coordinate| that is looked at."""
        from ldt.models.hermite import Q_MAX

        end = MAX_REACH * self.scale
        return min(end, 0.9 * Q_MAX) if self.g_error > EPS else end

    def _survey(self, theta: float) -> tuple[Array, Array, Array]:
        """(x, log mass, g^2) from one standard deviation out to ``limit``, few and far between."""
        x = self.scale * _survey_places(self.limit / self.scale, 2000 if self.kind != "wr" else 500)
        return (x, *self.atoms(x, theta))

    @cached_property
    def _plain_survey(self) -> tuple[Array, Array, Array]:
        return self._survey(0.0)

    def reach(self, theta: float) -> float:
        """Where the tilted density has fallen by exp(-DROP) from its last maximum, however low that one is: of the density of x or, for
        an overlap that is linear far out, of log x (near the end of its tilts a wide plateau there is a well as much as a peak is).

        NoTiltError if it has not within MAX_REACH standard deviations.
        """
        x, lw, gg = self._survey(theta) if self.kind == "wr" else self._plain_survey
        end = faded_beyond(x, lw, gg, theta, 1.0 if self.theta_max < math.inf else 0.0, DROP)
        if end < 0:
            raise NoTiltError(
                f"level: the tilt that it needs reaches beyond |w| = {x[-1]:.3g}: too high a level, or a neuron with an unbounded overlap"
                " carries it; method='montecarlo' applies"
            )
        return max(14.0 * self.scale, float(x[end]))

    def rough(self, theta: float, least: float = 0.0, step: float = 0.5) -> Nodes:
        """Trapezoid nodes for 0 <= tilt <= theta, and out to ``least``, every ``step`` standard deviations: where the wells are, before
        the real quadrature."""
        step *= self.scale
        x_end = max(self.reach(theta), least)
        n = int(x_end / step)
        if n > 60_000:
            x = np.asarray(step * np.concatenate([np.arange(40) + 0.5, np.geomspace(40.5, n, 40_000)]), dtype=np.float64)
            lw, gg = self.atoms(x, theta)
            lw = lw + np.log(np.gradient(x))[:, None]
        elif self.kind == "wr":
            x, lw, gg = self._even_grid(n, step, theta)
        else:
            x, lw, gg = (array[:n] for array in self._plain_grid(n, step))
        m = lw.shape[1]
        return Nodes(x if m == 1 else np.repeat(x, m), lw.ravel(), gg.ravel(), np.array([0.0, x_end]))

    def _even_grid(self, n: int, step: float, theta: float = 0.0) -> tuple[Array, Array, Array]:
        """(x, log mass, g^2) at n places ``step`` apart."""
        x = np.asarray((np.arange(n) + 0.5) * step, dtype=np.float64)
        lw, gg = self.atoms(x, theta)
        return x, lw + math.log(step), gg

    def _plain_grid(self, n: int, step: float) -> tuple[Array, Array, Array]:
        """The even grid of a one-dimensional law, at least n places (60,000 at most), kept as far as it has been asked for."""
        grid = self._grids.get(step)
        if grid is None or len(grid[0]) < n:
            grid = self._grids[step] = self._even_grid(min(max(2 * n, 256), 60_000), step)
        return grid

    @cached_property
    def first_tilt(self) -> float:
        """A tilt at which it begins to matter: on the typical neurons (4/g^2), or where theta g^2 comes near the prior's b w^2."""
        x, _, gg = self._plain_survey
        largest = np.max(gg, axis=1)
        typical = float(np.max(largest, where=x <= 14.0 * self.scale, initial=1e-300))
        return float(min(4.0 / typical, 0.3 * self.b / max(float(np.max(largest / (x * x))), 1e-300)))

    def nodes(self, tilts: Array, contours: list[Contour], cuts: tuple[float, ...], x_end: float, order: int = ORDER) -> Nodes:
        """Nodes on which M is accurate for real ``tilts`` and on the ``contours``; the ``cuts`` become panel edges.

        Panels are kept by prior mass and by tilted mass, bin by bin, and halved until both halves agree
        with the whole to 2e-14 of the bin's M.  ConvergenceError after 30 halvings.
        """
        theta = float(np.max(tilts)) if len(tilts) else 0.0
        sizes = [len(c.theta) for c in contours]
        points = np.concatenate([c.theta for c in contours])
        tr, ti = np.ascontiguousarray(points.real), np.ascontiguousarray(points.imag)
        first = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
        needed, starts = (np.repeat(v, sizes, axis=0) for v in zip(*(c[1:] for c in contours), strict=True))
        edges = self._first_edges(points, cuts, x_end, order)
        lo, hi = edges[:-1], edges[1:]
        if self.kind == "wr":  # few nodes first: the empty panels of a two-dimensional law are many and dear
            kept = self._kept(self._panels(lo, hi, theta, 4), tilts, cuts)
            lo, hi = lo[kept], hi[kept]
        panels = self._panels(lo, hi, theta, order)
        panels = panels.take(self._kept(panels, tilts, cuts))
        tops = np.full((len(points), len(cuts) + 1), -np.inf)
        done: list[Panels] = []
        for _ in range(30):
            middle = 0.5 * (panels.lo + panels.hi)
            lo, hi = (np.stack(ends, axis=1).ravel() for ends in ((panels.lo, middle), (middle, panels.hi)))
            halves, place = self._panels(lo, hi, theta, order), panels.place(cuts)
            lw, gg = (array.reshape(len(middle), -1) for array in halves.flat())
            raise_scales(lw, gg, place, tr, first, starts, tops)
            bad = apart(*panels.flat(), lw, gg, place, tr, ti, needed, tops, self.g_error)
            done.append(panels.take(~bad))
            if not bad.any():
                break
            if bad.sum() * max(panels.lw[0].size, 500) > MAX_NODES:
                raise ConvergenceError("overlap: the quadrature over one neuron needs too many nodes; is the activation smooth?")
            panels = halves.take(np.repeat(bad, 2))
        else:
            raise ConvergenceError("overlap: the quadrature over one neuron did not converge; is the activation smooth?")
        if self.kind == "wr":
            done = [few for panels in done for few in self._compressed(panels, theta, (tr, ti, needed, tops), cuts)]
        return self._flat(done, tilts, cuts, edges)

    def _compressed(
        self, panels: Panels, theta: float, points: tuple[Array, Array, Any, Array], cuts: tuple[float, ...]
    ) -> Iterator[Panels]:
        """The panels with few nodes each (at their middles) in place of a two-dimensional law's many, wherever M does not change by it."""
        for n, parts in COMPRESSED:
            lw, gg = panels.flat()
            if not len(lw) or lw.shape[1] <= n * parts:
                break
            weights, values = gauss_rules(lw + theta * gg, gg, n, parts)
            values = np.maximum(values, 0.0)
            few = Panels(
                panels.lo, panels.hi, 0.5 * (panels.lo + panels.hi)[:, None], (weights - theta * values)[:, None], values[:, None]
            )
            few_lw, few_gg = few.flat()
            bad = apart(lw, gg, few_lw, few_gg, panels.place(cuts), *points, self.g_error)
            yield few.take(~bad)
            panels = panels.take(bad)
        yield panels

    def _first_edges(self, points: NDArray[np.complex128], cuts: tuple[float, ...], x_end: float, order: int) -> Array:
        """Panels of about two standard deviations, wider far out, where only a plateau or a lone well can be (40 standard deviations
        are still sampled finely enough not to miss a well), and halving towards 0 until |theta| g^2 <= 1 there (far out on
        a contour only the smallest overlaps count), with the cuts among the edges.  Of an overlap that is linear far out the event takes a
        part of the plateau as narrow as the prior: panels grow to two of their first widths there."""
        width = (2.0 if order == ORDER else 1.7) * self.scale
        widest = (20.0 if self.theta_max == math.inf else 2.0) * width
        # No panel that cannot be halved.
        edges = np.array([*(x for x in _growing(width, x_end, widest) if x < (1.0 - 1e-9) * x_end), x_end])
        ball, _, gg = self._small_ball
        x = float(ball[max(int(np.searchsorted(gg * np.max(np.abs(points)), 1.0)) - 1, 0)])
        if x < 0.5 * width:
            halvings = width * 0.5 ** np.arange(math.ceil(math.log2(width / x)), 0, -1)
            edges = np.concatenate([[0.0], halvings, edges[1:]])
        return np.union1d(edges, [c for c in cuts if c < x_end])

    def _flat(self, done: list[Panels], tilts: Array, cuts: tuple[float, ...], edges: Array) -> Nodes:
        """The nodes of all panels in ascending order, without those of a two-dimensional law that carry no mass."""
        xs = np.concatenate([np.repeat(p.x.ravel(), p.lw.shape[2]) for p in done])
        lw = np.concatenate([p.lw.ravel() for p in done])
        gg = np.concatenate([p.gg.ravel() for p in done])
        order = np.argsort(xs, kind="stable")
        xs, lw, gg = xs[order], lw[order], gg[order]
        if self.kind == "wr":
            keep = lw > -DROP - 15.0
            for t in tilts:
                tilted = lw + t * gg
                for part in _parts(xs, cuts):
                    if part.any():
                        keep |= part & (tilted > tilted[part].max() - DROP)
            xs, lw, gg = xs[keep], lw[keep], gg[keep]
        return Nodes(np.ascontiguousarray(xs), np.ascontiguousarray(lw), np.ascontiguousarray(gg), edges)

    def _panels(self, lo: Array, hi: Array, theta: float, order: int) -> Panels:
        nodes, weights = gauss(order)
        x = lo[:, None] + 0.5 * (hi - lo)[:, None] * (nodes + 1.0)
        lw, gg = self.atoms(x.ravel(), theta, ORDER if order == ORDER else OTHER)
        lw = lw.reshape(len(lo), order, -1) + np.log(0.5 * (hi - lo)[:, None] * weights)[:, :, None]
        return Panels(lo, hi, x, lw, gg.reshape(lw.shape))

    def _kept(self, panels: Panels, tilts: Array, cuts: tuple[float, ...]) -> NDArray[np.bool_]:
        """Panels with prior mass, or with tilted mass at one of the tilts, bin by bin."""
        keep: NDArray[np.bool_] = np.max(panels.lw, axis=(1, 2)) > -DROP - 10.0
        if self.kind != "wr":  # the halved panels near 0 are there because a contour ends on them
            keep |= panels.hi <= self.scale
        raise_kept(*panels.flat(), panels.place(cuts), len(cuts) + 1, tilts, DROP, keep)
        return keep

    # -- moments and prior draws -----------------------------------------------------------------------------------------

    def moments(self, order: int) -> tuple[float, ...]:
        """(1, E g^2, E g^4, ...) under the prior, to quadrature accuracy."""
        x_end = 14.0 * self.scale if self.kind != "v" else 20.0 * self.scale
        nodes = self.nodes(np.array([0.0]), [real_contour(0.0)], (), x_end)
        return tuple(float(np.sum(np.exp(nodes.lw) * nodes.gg**k)) for k in range(order + 1))

    def prior_draw(self, shape: tuple[int, ...], random: np.random.Generator) -> tuple[Array, Array]:
        """(w_1, rho) from the prior; rho is sigma_w^2 for the concentrated form."""
        w = random.standard_normal(shape) * math.sqrt(self.model.weight_variance / self.model.dim)
        if self.model.overlap == "concentrated":
            return w, np.full(shape, self.model.weight_variance)
        return w, random.gamma(self.a, 1.0 / self.b, shape)


@lru_cache(maxsize=64)
def _shared(model: Any) -> NeuronLaw:
    return NeuronLaw(model)


def neuron_law(model: Any) -> NeuronLaw:
    """The law of one neuron of the model: one object for all widths, readouts and conventions, with what it has tabulated.

    The last 64 are kept, of named activations (a callable may hold anything).
    """
    if not isinstance(model.activation, str):
        return NeuronLaw(model)
    return _shared(replace(model, width=1, readout_variance=1.0, c=1.0, label=""))


@lru_cache(maxsize=1)
def _normal_ball() -> tuple[Array, Array]:
    """(x, log of the mass of a standard normal law within x)."""
    from scipy.special import erf

    x = np.concatenate([np.geomspace(1e-50, 1e-12, 300, endpoint=False), np.geomspace(1e-12, 14.0, 300)])
    return x, np.log(erf(x / math.sqrt(2.0)))


@lru_cache(maxsize=8)
def _survey_places(limit: float, n: int) -> Array:
    return np.geomspace(1.0, limit, n)


def real_contour(theta: float) -> Contour:
    """The one point theta, for a law in one bin."""
    return Contour(np.array([complex(theta)]), np.array([True]), np.array([np.inf]))


def _growing(width: float, end: float, widest: float) -> Iterator[float]:
    """0, width, 2 width, ... below end, in steps that grow to a twentieth of the position and at most ``widest``."""
    x = 0.0
    while x < end:
        yield x
        x += min(max(width, 0.05 * x), widest)


def _parts(x: Array, cuts: tuple[float, ...]) -> list[NDArray[np.bool_]]:
    edges = (-math.inf, *sorted(cuts), math.inf)
    return [(x >= lo) & (x < hi) for lo, hi in itertools.pairwise(edges)]


def chain_rule(s: float, kappa: float, terms: list[tuple[float, tuple[float, ...]]]) -> tuple[float, ...]:
    """(K, K', ..., K'''') of K(s) = sum_i n_i L_i(kappa s^2) from the terms (n_i, (L, L', ..., L''''))."""
    k0 = k1 = k2 = k3 = k4 = 0.0
    for n, (l0, l1, l2, l3, l4) in terms:
        k0 += n * l0
        k1 += n * 2.0 * kappa * s * l1
        k2 += n * (2.0 * kappa * l1 + 4.0 * (kappa * s) ** 2 * l2)
        k3 += n * (12.0 * kappa**2 * s * l2 + 8.0 * (kappa * s) ** 3 * l3)
        k4 += n * (12.0 * kappa**2 * l2 + 48.0 * kappa**3 * s**2 * l3 + 16.0 * (kappa * s) ** 4 * l4)
    return k0, k1, k2, k3, k4


def cgf_derivatives(model: Any, s: float) -> tuple[float, ...]:
    """(K, K', ..., K'''') of the whole law at real s, on nodes made for that s."""
    law = model.neuron
    theta = model.variance_scale * s * s
    if theta >= law.theta_max:
        raise NoTiltError(f"s: E exp(sA) is infinite for |s| >= {math.sqrt(law.theta_max / model.variance_scale):.6g}")
    rough = law.rough(theta)
    nodes = law.nodes(np.array([0.0, theta]), [real_contour(theta)], (), float(rough.edges[-1]))
    return chain_rule(s, model.variance_scale, [(float(model.width), log_moment(theta, nodes.lw, nodes.gg, 0.0))])

