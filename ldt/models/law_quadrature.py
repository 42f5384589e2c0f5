r"""The quadrature route: the cgf of any density, by Gauss-Legendre panels adapted to the tilted density exp(s x) p(x).

    K(s) - s m = log int p(x) exp(s (x - m)) dx,   m = E X (0 where that is not finite).

For real s the panels are halved until the Legendre coefficients of the tilted density have died on each (20 nodes a panel), which
grades them towards an end of the support where it is singular.  For s + it the same panels serve:

* slow: M(s + it)/M(s) = 1 + E_s[exp(iy) - 1 - iy], y = t (x - m_s), by the nodes; the tilted mean m_s is taken out before the sum,
  so that the ratio keeps its digits for n up to 1e6;
* fast: int P_k(u) exp(i z u) du = 2 i^k j_k(z) on each panel (DLMF 10.54.2), exact for any frequency.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from ldt.errors import ConvergenceError, NoTiltError
from ldt.models.laws import INF, Law, Range

EPS = 2.0**-52
ORDER = 20
NODES, WEIGHTS = np.polynomial.legendre.leggauss(ORDER)
#: Maps values at the nodes to Legendre coefficients.
ANALYSIS = np.array([(2 * k + 1) / 2.0 * WEIGHTS * np.polynomial.legendre.Legendre.basis(k)(NODES) for k in range(ORDER)])
REACH = 90.0  # the tilted log density falls this far below its top before it is cut off
TOLERANCE = 3e-16
MAX_PANELS = 6000
SMALL = 0.05  # tilt in standard deviations below which K comes from the nodes at s = 0
SLOW = 5.0  # |t| times the widest panel, below which the nodes resolve the oscillation


@dataclass(frozen=True)
class Panels:
    """``edges`` (m + 1), nodes ``x`` and tilted probabilities ``w`` (m * 20, sum 1); ``log_mass``: K(s) - s m; ``mean`` under the tilt."""

    edges: Any
    x: Any
    w: Any
    log_mass: float
    mean: float


class DensityLaw(Law):
    """A continuous SciPy law in standard units, by its density."""

    def __init__(self, dist: Any, shapes: tuple[float, ...], support: Range, ends: Range) -> None:
        self.dist, self.shapes, self.support, self.tilt_range = dist, shapes, support, ends
        self.name = str(dist.name)
        self._kept: dict[float, Panels] = {}
        self.mean, self.var = self._moments()

    def _moments(self) -> tuple[float, float]:
        """Mean and variance: SciPy's, replaced by the quadrature's own where that has both tails light."""
        mean, var = (float(v) for v in self.dist.stats(*self.shapes, moments="mv"))
        var = INF if var < 0.0 else var  # a formula beyond its range (invweibull with c < 2)
        if not (self.light("upper") and self.light("lower")):
            return mean, var
        self.mean = mean if math.isfinite(mean) else 0.0
        panels = self.panels(0.0)
        return panels.mean, float(np.sum(panels.w * (panels.x - panels.mean) ** 2))

    @property
    def defect(self) -> float:
        """|total mass - 1| as the quadrature sees it: a measure of the error of K."""
        try:
            return abs(math.expm1(self.panels(0.0).log_mass))
        except NoTiltError:  # a heavy tail longer than the quadrature's window: the panels' own tolerance stands in
            return 4.0 * TOLERANCE

    def tilted_defect(self, s: float) -> float:
        """Relative error of M(s): ``defect``, but where the density is infinite at the end z that the tilt looks at, what is missed lies
        next to z (nodes are rounded there) and counts exp(s z)/M(s) times."""
        found, z = max(self.defect, 2.0 * EPS), self.support[s > 0.0]
        if not math.isfinite(z) or s == 0.0:
            return found
        width = math.sqrt(self.var)
        near, far = (float(self.logpdf(z - math.copysign(h * width, s))) for h in (1e-9, 1e-6))
        return found * math.exp(min(s * z - float(np.real(self.cgf(np.array([s]))[0])), 700.0)) if near > far + 1.0 else found

    def panels(self, s: float) -> Panels:
        """The panels of the tilted density at real s."""
        if s not in self._kept:
            if len(self._kept) > 24:
                self._kept.pop(next(iter(self._kept)))
            self._kept[s] = self._adapt(s)
        return self._kept[s]

    def _log_tilted(self, x: Any, s: float, origin: float) -> Any:
        """log p(x) + s (x - origin); an origin where the tilted density is large keeps the digits at large |s|."""
        with np.errstate(all="ignore"):
            out = np.asarray(self.dist.logpdf(x, *self.shapes), dtype=float) + s * (x - origin)
        return np.where(np.isnan(out), -INF, out)

    def _adapt(self, s: float) -> Panels:
        if not (self.tilt_range[0] < s < self.tilt_range[1] or s == 0.0):
            raise NoTiltError(f"law: E exp(sX) of {self.name} is infinite at s = {s:g}")
        lo, hi, top, origin = self._window(s)
        edges = np.linspace(lo, hi, 9)
        done: list[tuple[Any, Any]] = []
        left, right = edges[:-1], edges[1:]
        scale = 0.0
        for _ in range(1050):  # towards an end at 0 where the density is infinite, as far as doubles go
            half = 0.5 * (right - left)
            x = 0.5 * (left + right)[:, None] + half[:, None] * NODES
            g = np.exp(self._log_tilted(x, s, origin) - top)
            mass = half * (g @ WEIGHTS)
            scale = max(scale, float(np.sum(mass)))
            rest = half * np.max(np.abs((g @ ANALYSIS.T)[:, -4:]), axis=1)
            # Nodes are rounded: a density that changes by its own size over ``half`` cannot be seen better than this.
            blur = 2e-15 * np.maximum(np.abs(left), np.abs(right)) / half
            good = (rest <= TOLERANCE * scale) | (rest <= blur * mass) | (blur > 0.1)
            done.append((left[good], right[good]))
            left, right = left[~good], right[~good]
            if len(left) == 0:
                break
            middle = 0.5 * (left + right)
            left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
            if sum(len(a) for a, _ in done) + len(left) > MAX_PANELS:
                raise ConvergenceError(f"law: the density of {self.name} is too rough for the quadrature at tilt {s:g}")
        else:
            done.append((left, right))
        a = np.sort(np.concatenate([a for a, _ in done]))
        return self._filled(np.append(a, hi), s, top, origin)

    def _filled(self, edges: Any, s: float, top: float, origin: float) -> Panels:
        half = 0.5 * np.diff(edges)
        x = (0.5 * (edges[:-1] + edges[1:])[:, None] + half[:, None] * NODES).ravel()
        w = np.exp(self._log_tilted(x, s, origin) - top) * (half[:, None] * WEIGHTS).ravel()
        total = float(np.sum(w))
        w = w / total
        return Panels(edges, x, w, top + math.log(total) + s * (origin - self.centre), float(w @ x))

    def _window(self, s: float) -> tuple[float, float, float, float]:
        """(lo, hi, top, origin): where the tilted density is within e^-REACH of its largest value e^top, which it takes at the origin."""
        a, b = self.support
        if math.isfinite(a) and math.isfinite(b):
            grid = np.unique(np.concatenate([[a], a + (b - a) * 0.5 * (1.0 + np.tanh(np.linspace(-17.0, 17.0, 801))), [b]]))
        else:
            steps = np.exp(np.linspace(math.log(1e-12), math.log(1e15), 1201))
            if math.isfinite(a):
                grid = np.concatenate([[a], a + steps])
            elif math.isfinite(b):
                grid = np.concatenate([b - steps[::-1], [b]])
            else:
                grid = np.concatenate([-steps[::-1], [0.0], steps])
        for _ in range(3):
            t = self._log_tilted(grid, s, self.centre)
            t = np.where(t == INF, -INF, t)  # an integrable infinity at an end
            i = int(np.argmax(t))
            fine = np.linspace(grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)], 101)
            grid = np.unique(np.concatenate([grid, fine]))
        origin = float(grid[i])
        t = self._log_tilted(grid, s, origin)
        t = np.where(t == INF, -INF, t)
        top = float(np.max(t))
        inside = np.flatnonzero(t > top - REACH)
        if (inside[0] == 0 and not math.isfinite(a)) or (inside[-1] == len(grid) - 1 and not math.isfinite(b)):
            raise NoTiltError(f"law: E exp(sX) of {self.name} is infinite at s = {s:g}, or its tail is longer than 1e15 units")
        lo, hi = grid[max(inside[0] - 1, 0)], grid[min(inside[-1] + 1, len(grid) - 1)]
        if not math.isfinite(top):
            raise ConvergenceError(f"law: the density of {self.name} vanishes on the whole grid at tilt {s:g}")
        return float(lo), float(hi), top, origin

    def centred(self, s: Any) -> Any:
        s = np.atleast_1d(np.asarray(s))
        flat = s.ravel()
        out = np.empty(flat.shape, dtype=complex if np.iscomplexobj(s) else float)
        for real in np.unique(np.real(flat)):
            chosen = np.flatnonzero(np.real(flat) == real)
            panels = self.panels(float(real))
            out[chosen] = self._centred_real(float(real), panels)
            if np.iscomplexobj(s):
                out[chosen] += self._along(panels, np.imag(flat[chosen]))
        return out.reshape(s.shape)

    def _centred_real(self, s: float, panels: Panels) -> float:
        """K(s) - s m; for small tilts by the nodes at s = 0, E[exp(sy) - 1 - sy], whose rounding is relative to the small sum."""
        if not self._whole():
            return panels.log_mass
        start = self.panels(0.0)
        if abs(s) * math.sqrt(self.var) < SMALL:
            z = s * (start.x - start.mean)
            return math.log1p(float(start.w @ (special.expm1(z) - z)))
        return panels.log_mass - start.log_mass

    def _whole(self) -> bool:
        """Whether the mass at s = 0 is within the quadrature's reach (both tails light), so that it can be divided out."""
        return self.light("upper") and self.light("lower")

    def _along(self, panels: Panels, t: Any) -> Any:
        """log[M(s + it)/M(s)] - it m of an array t."""
        from ldt.models.law_loops import legendre_transform, ratio_along

        t = np.ascontiguousarray(t, dtype=float)
        y = panels.x - panels.mean
        slow = np.abs(t) * float(np.max(np.diff(panels.edges))) < SLOW
        ratio = np.empty(t.shape, dtype=complex)
        re, im = ratio_along(t[slow], y, panels.w)
        ratio[slow] = re + 1j * im
        if not np.all(slow):
            half = 0.5 * np.diff(panels.edges)
            middle = 0.5 * (panels.edges[:-1] + panels.edges[1:]) - panels.mean
            density = panels.w.reshape(-1, ORDER) / WEIGHTS  # times half
            re, im = legendre_transform(t[~slow], middle, half, np.ascontiguousarray(density @ ANALYSIS.T))
            ratio[~slow] = re - 1.0 + 1j * im
        return special.log1p(ratio) + 1j * t * (panels.mean - self.centre)

    def cumulants(self, s: float) -> tuple[float, float, float, float, float]:
        panels = self.panels(s)
        y = panels.x - panels.mean
        m2, m3, m4 = (float(panels.w @ y**k) for k in (2, 3, 4))
        return float(self.centred(np.array([s]))[0]), panels.mean, m2, m3, m4 - 3.0 * m2 * m2

    def logpdf(self, x: Any) -> Any:
        return self.dist.logpdf(x, *self.shapes)

    def logsf(self, x: Any) -> Any:
        return self.dist.logsf(x, *self.shapes)

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return np.asarray(self.dist.rvs(*self.shapes, size=size, random_state=random), dtype=float)

    def tilted_sum_rvs(self, s: float, n: int, size: int, random: np.random.Generator) -> tuple[Any, Any]:
        """Drawn from a histogram of about 40,000 bars whose density is known exactly; the ratio is the weight."""
        panels = self.panels(s)
        cells = max(1, 40_000 // (len(panels.edges) - 1))
        edges = np.unique(np.concatenate([np.linspace(a, b, cells + 1) for a, b in zip(panels.edges[:-1], panels.edges[1:], strict=True)]))
        middle, width = 0.5 * (edges[:-1] + edges[1:]), np.diff(edges)
        origin = panels.mean
        p = np.exp(self._log_tilted(middle, s, origin) - panels.log_mass - s * (self.centre - origin)) * width
        p /= p.sum()
        total, log_q = np.cumsum(p), np.log(p / width)
        sums, logs = np.zeros(size), np.zeros(size)
        for first in range(0, n, max(1, 1_000_000 // size)):
            m = min(n - first, max(1, 1_000_000 // size))
            i = np.minimum(np.searchsorted(total, random.random((size, m)) * total[-1], side="right"), len(p) - 1)
            x = edges[i] + width[i] * random.random((size, m))
            sums += np.sum(x, axis=1)
            logs += np.sum(self._log_tilted(x, s, origin) - panels.log_mass - s * (self.centre - origin) - log_q[i], axis=1)
        return sums, logs
