r"""Laws with a heavy upper tail, through their moment generating function on its cut and above it (``ldt.tails.cut.CutLaw``).

*Laws on [0, inf)* whose survivor function G(x) = P(X > x) is analytic for 0 <= arg x < pi.  By parts,

    phi(s) - 1 = s int_0^inf e^(sx) G(x) dx,

first for Re s < 0, then for all s in the closed upper half-plane by turning the path of x: along the axis to x_1, then on a ray of angle
chi with Re(s e^(i chi)) < 0.  On the cut x_1 is the valley of e^(sx) G(x), where s is the hazard rate: the ray then starts at the saddle
point, Im phi = s Im int_ray does not cancel however small it is, and it is carried as a logarithm.  The form with G keeps phi - 1 to full
relative accuracy, which n = 10^6 needs, and holds for infinite means.

*Student's t* with nu degrees of freedom, a = nu/2, z = -i s sqrt(nu) (Hurst 1995; DLMF 10.27.8 on the cut, q = s sqrt(nu)):

    phi(s) = 2^(1-a)/Gamma(a) z^a K_a(z),      phi(s + i0) = 2^(-a) pi/Gamma(a) q^a [-Y_a(q) + i J_a(q)],

and for small |z|, where that loses phi - 1, the mixture over V ~ Gamma(a, rate a), phi(s) - 1 = E expm1(s^2/(2V)), with V on a path that
turns to arg V = -3 pi/4 below |V| ~ |s|.

*Inverse gamma* of shape a: phi(s) = 2 (-s)^(a/2) K_a(2 sqrt(-s))/Gamma(a), which is Student's with nu = 2a at sqrt(2s/a): t is a normal
variable whose variance is a times this one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from functools import cache
from typing import Any

import numpy as np

from ldt.errors import ConvergenceError
from ldt.numerics.complexes import expm1, log1p

#: What is left out of an integral lies this many nats below the rest.
REACH = 40.0
BLOCK = 256


class PositiveLaw:
    """A law on [0, inf) by its complex log survivor and log distribution functions.

    ``index``: P(X > x) ~ x^-index (inf if it falls faster); ``grain``: the scale in log x on which G changes.
    """

    one_sided = True

    def __init__(self, name: str, log_sf: Callable[[Any], Any], log_cdf: Callable[[Any], Any], index: float, grain: float = 1.0) -> None:
        self.name, self.log_sf, self.log_cdf, self.index, self.grain = name, log_sf, log_cdf, index, grain
        self.angle, self.nodes, self.lean, self.half = 120.0, 14, 0.25, 0.5
        self.grid = np.exp(np.arange(-REACH, 690.0, 0.5))
        with np.errstate(all="ignore"):
            self.log_grid = np.maximum(np.nan_to_num(log_sf(self.grid), nan=-1e300, neginf=-1e300), -1e300)
            hazard = np.nan_to_num(self.hazard(self.grid), nan=0.0, posinf=0.0)
        #: the largest hazard rate at or beyond each point of the grid: it falls
        self.envelope = np.maximum.accumulate(hazard[::-1])[::-1]

    def varied(self) -> PositiveLaw:
        """The same law on other paths with other rules."""
        other = copy(self)
        other.angle, other.nodes, other.lean, other.half = 106.0, 17, 0.35, 0.47
        return other

    def smallest(self, n: float, t: float) -> float:
        """An s > 0 below which the integrand on the cut is negligible: n P(X > 1/s) is e^-48 of P(X > t), and s (t + n X) << 1."""
        start = 0.0 if t <= 0.0 else float(self.log_sf(np.array([t]))[0])
        rest = np.flatnonzero(self.log_grid + math.log(n) < min(0.0, start + math.log(n)) - 48.0)
        if not len(rest):
            raise ConvergenceError(f"level: the tail of {self.name} leaves the range of double precision here; use method='bigjump'")
        bulk = float(self.grid[np.argmax(self.log_grid < -2.0)])
        return min(1.0 / float(self.grid[rest[0]]), 1e-3 / (max(t, 0.0) + n * bulk))

    def hazard(self, x: Any) -> Any:
        """-d log G/dx at real x, by a complex step (exact to rounding)."""
        step = 1e-20 * x
        return -self.log_sf(x + 1j * step).imag / step

    def _leave(self, s: Any) -> Any:
        """x_1 for each complex s: the last root of hazard = max(Re s, lean |s|), and 0.3/|s| where there is none; off the cut no further
        than where e^(Re s x) G(x) has vanished."""
        target = np.maximum(s.real, self.lean * np.abs(s))
        below = len(self.grid) - np.searchsorted(self.envelope[::-1], target)  # grid points whose envelope is >= target
        out = 0.3 / np.abs(s)
        root = (below > 0) & (below < len(self.grid))
        if np.any(root):
            low, high = np.log(self.grid[below[root] - 1]), np.log(self.grid[below[root]])
            for _ in range(46):
                middle = 0.5 * (low + high)
                above = self.hazard(np.exp(middle)) > target[root]
                low, high = np.where(above, middle, low), np.where(above, high, middle)
            out[root] = np.exp(high)
        off = np.abs(s.imag) > 0.0
        if np.any(off):
            with np.errstate(over="ignore"):
                gone = s[off].real[:, None] * self.grid + self.log_grid < -REACH - 4.0
            first = np.where(np.any(gone, axis=1), self.grid[np.argmax(gone, axis=1)], np.inf)
            out[off] = np.minimum(out[off], first)
        return out

    def _transform(self, s: Any) -> tuple[Any, Any, Any]:
        """(int over the axis, int over the ray without its scale, log of that scale) of e^(sx) G(x) dx, for complex s in blocks."""
        parts = [self._block(s[i : i + BLOCK]) for i in range(0, len(s), BLOCK)]
        axis, ray, scale = (np.concatenate(p) for p in zip(*parts, strict=True))
        return axis, ray, scale

    def _block(self, s: Any) -> tuple[Any, Any, Any]:
        end = self._leave(s)
        knee = end * math.exp(-2.0)
        scale = s.real * end + self.log_sf(end)
        # the axis: in log x up to the knee, in x from there on, where e^(sx) turns
        low = np.maximum(np.minimum(np.log(knee) - 2.0, 0.0) - REACH, np.log(1e-24 / np.abs(s)))
        low = np.minimum(low, np.log(knee) - 5.0)
        panels = math.ceil(float(np.max(np.log(knee) - low)) / (1.5 * self.grain)) + 1
        y = low[:, None] + (np.log(knee) - low)[:, None] * self._points(panels)
        at = np.exp(y)
        with np.errstate(under="ignore"):
            values = np.exp(s[:, None] * at + (self.log_sf(at) + y))
        axis = np.einsum("ij,j->i", values, self._weights(panels)) * (np.log(knee) - low)
        turns = np.abs(s.imag) * end
        panels = math.ceil(3.0 / self.grain + float(np.max(turns)) / 8.0) + 1
        at = knee[:, None] + (end - knee)[:, None] * self._points(panels)
        with np.errstate(under="ignore"):
            values = np.exp(s[:, None] * at + self.log_sf(at))
        axis += np.einsum("ij,j->i", values, self._weights(panels)) * (end - knee)
        # the ray
        phase = np.angle(s)
        chi = np.maximum(np.deg2rad(self.angle) - phase, 0.0)
        turn = np.exp(1j * chi)
        width = end / np.sqrt(1.0 + np.abs(s) * end)
        last = np.log1p((REACH + 6.0) / (np.abs(s) * -np.cos(phase + chi) * width)) + 6.0
        trial = np.linspace(0.0, 1.0, 60)[1:]
        u = last[:, None] * trial
        at = end[:, None] + width[:, None] * np.expm1(u) * turn[:, None]
        with np.errstate(under="ignore", over="ignore", invalid="ignore"):
            alive = (s[:, None] * at + self.log_sf(at)).real + u - scale[:, None] > -REACH - 4.0
        last *= trial[np.minimum(np.where(np.any(alive, axis=1), len(trial) - np.argmax(alive[:, ::-1], axis=1), 0), len(trial) - 1)]
        panels = math.ceil((4.0 + float(np.max(last))) / min(1.0, 2.0 * self.grain))
        u = last[:, None] * self._points(panels)
        at = end[:, None] + width[:, None] * np.expm1(u) * turn[:, None]
        with np.errstate(under="ignore", over="ignore", invalid="ignore"):
            values = np.exp(s[:, None] * at + self.log_sf(at) + u - scale[:, None])
            ray = np.einsum("ij,j->i", values, self._weights(panels)) * last * width * turn
        ray[(scale < -REACH) & (s.imag != 0.0)] = 0.0
        ray[scale < -1e9] = 1j  # nothing but rounding is left of such an exponent, and nothing of its exponential
        return axis, ray, scale

    def _points(self, panels: int) -> Any:
        return ((np.arange(panels)[:, None] + 0.5 * (1.0 + _rule(self.nodes)[0])) / panels).ravel()

    def _weights(self, panels: int) -> Any:
        return np.tile(_rule(self.nodes)[1], panels) * (0.5 / panels)

    def cut(self, s: Any) -> tuple[Any, Any]:
        """(log |phi(s + i0)|, log arg phi(s + i0)) for an array of s > 0."""
        axis, ray, scale = self._transform(s + 0j)
        with np.errstate(under="ignore", divide="ignore", invalid="ignore"):
            log_phi = log1p(s * (axis + ray * np.exp(scale)))
            log_imaginary = np.log(np.maximum(ray.imag, 0.0) * s) + scale
            small = log_imaginary < -9.0
            ratio = log_imaginary - np.log1p(s * (axis.real + ray.real * np.exp(scale)))
            angle = np.where(small, ratio - np.exp(2.0 * ratio) / 3.0, np.log(np.maximum(log_phi.imag, 1e-300)))
        return log_phi.real, angle

    def off(self, s: Any) -> Any:
        """log phi(s) for an array of complex s, Im s >= 0."""
        s = np.asarray(s, dtype=complex)
        axis, ray, scale = self._transform(s)
        out = log1p(s * (axis + ray * np.exp(scale)))
        small = (out.real < -3.0) & (np.angle(s) > 0.5)
        if np.any(small):
            out[small] = np.concatenate([self._small(s[small][i : i + BLOCK]) for i in range(0, int(small.sum()), BLOCK)])
        return out

    def _small(self, s: Any) -> Any:
        """log phi where it is small: phi = -s int_0^inf e^(sx) P(X <= x) dx on a ray from 0, in log |x| over what is not lost."""
        turn = np.exp(1j * (np.pi - np.angle(s)) * self.half)[:, None]
        scale = np.log(np.abs(s))[:, None]
        ends = -scale + np.minimum(-REACH - 4.0, -0.5 * scale), 8.0 - np.minimum(scale, 0.0)  # wide enough for any law near 0
        y = ends[0] + (ends[1] - ends[0]) * np.linspace(0.0, 1.0, 700)

        def exponent(y: Any) -> Any:
            x = np.exp(y) * turn
            return s[:, None] * x + self.log_cdf(x) + y

        with np.errstate(all="ignore"):
            size = np.nan_to_num(exponent(y).real, nan=-1e300, neginf=-1e300)
        top = np.max(size, axis=1)
        alive = size > top[:, None] - REACH - 4.0
        rows, last = np.arange(len(s)), y.shape[1] - 1
        low = y[rows, np.maximum(np.argmax(alive, axis=1) - 1, 0)]
        high = y[rows, np.minimum(last - np.argmax(alive[:, ::-1], axis=1) + 1, last)]
        panels = math.ceil(float(np.max(high - low)) / 0.9) + 8
        with np.errstate(all="ignore"):
            values = np.nan_to_num(np.exp(exponent(low[:, None] + (high - low)[:, None] * self._points(panels)) - top[:, None]), nan=0.0)
        return np.log(-s * (np.einsum("ij,j->i", values, self._weights(panels))) * (high - low) * turn[:, 0]) + top


class StudentLaw:
    """Student's t with ``df`` degrees of freedom, standard form."""

    one_sided = False

    def __init__(self, df: float) -> None:
        self.name, self.df, self.index, self.a = f"t({df:g})", df, df, 0.5 * df
        self.step = 0.11

    def varied(self) -> StudentLaw:
        """The same law with another rule."""
        other = copy(self)
        other.step = 0.083
        return other

    def smallest(self, n: float, t: float) -> float:
        """An s > 0 below which the integrand on the cut is negligible."""
        decay = min(48.0 / min(self.index, 8.0) + 3.0, 560.0)
        return float(math.exp(-decay) / (abs(t) + n ** max(0.5, 1.0 / self.df) * (1.0 + self.df**0.5)))

    def cut(self, s: Any) -> tuple[Any, Any]:
        """(log |phi(s + i0)|, log arg phi(s + i0)) for an array of s > 0."""
        from scipy.special import gammaln, jve, yve

        a, q = self.a, s * math.sqrt(self.df)
        log_phi = self.off(s + 0j)
        with np.errstate(all="ignore"):
            series = q < math.sqrt(a)  # J_a by its power series, where it may underflow
            x, total = 0.25 * q * q, np.ones_like(q)
            for k in range(24, 0, -1):
                total = 1.0 - total * np.where(series, x, 0.0) / (k * (a + k))
            log_j = np.where(series, a * np.log(0.5 * q) - math.lgamma(a + 1.0) + np.log(total), np.log(jve(a, q)))
            log_imaginary = -a * math.log(2.0) + math.log(math.pi) - gammaln(a) + a * np.log(q) + log_j
            ratio = log_imaginary - log_phi.real
            value = np.minimum(np.exp(ratio), 1.0)  # sin arg phi
            turned = (-yve(a, q) < 0.0) & ~series
            arc = np.arcsin(value)
            angle = np.where(ratio < -9.0, ratio + value * value / 6.0, np.log(np.where(turned, math.pi - arc, arc)))
        return log_phi.real, angle

    def off(self, s: Any) -> Any:
        """log phi(s) for an array of complex s, Im s >= 0."""
        from scipy.special import gammaln, kve

        z = -1j * np.asarray(s, dtype=complex) * math.sqrt(self.df)
        near = (np.abs(z) < max(0.3, 0.1 * self.a)) & (np.abs(s) < 0.3)
        out = np.empty(len(z), dtype=complex)
        out[near] = log1p(self._mixture(np.asarray(s)[near]))
        far = z[~near]
        with np.errstate(all="ignore"):
            out[~near] = (1.0 - self.a) * math.log(2.0) - gammaln(self.a) + self.a * np.log(far) + np.log(kve(self.a, far)) - far
        return out

    def _mixture(self, s: Any) -> Any:
        """phi(s) - 1 = E expm1(s^2/(2V)) by the trapezoidal rule in v = log |V|, arg V = -(3/8)(pi - 2 arg s)(1 - tanh(v - log |s|))."""
        if not len(s):
            return np.zeros(0, dtype=complex)
        a, step = self.a, self.step / max(1.0, math.sqrt(self.a) / 3.0)
        # below, expm1 is -1 and V^a has vanished, relative to phi - 1 or to 1e-26 (n phi is what matters)
        low = max(2.0 * float(np.min(np.log(np.abs(s)))) - REACH / a, -60.0 / a) - 3.0
        v = np.arange(low, math.log(1.0 + (REACH + 10.0) / a + 8.0 / math.sqrt(a)) + 1.0, step)
        out = np.empty(len(s), dtype=complex)
        const = a * math.log(a) - math.lgamma(a)
        for i in range(0, len(s), BLOCK):
            block = s[i : i + BLOCK, None]
            bend = np.tanh(v - np.log(np.abs(block)))
            lean = 0.375 * np.maximum(np.pi - 2.0 * np.angle(block), 0.0)
            path = v - 1j * lean * (1.0 - bend)
            big = np.exp(path)
            with np.errstate(under="ignore"):
                values = np.exp(a * path - a * big + const) * expm1(0.5 * block * block / big)
            out[i : i + BLOCK] = np.sum(values * (1.0 + 1j * lean * (1.0 - bend * bend)), axis=1) * step
        return out


class InverseGammaLaw:
    """1/G, G a gamma variable of shape ``a``: Student's transform at sqrt(2s/a), which maps the upper half-plane to its first quadrant."""

    one_sided = True

    def __init__(self, a: float) -> None:
        self.name, self.a, self.index, self.student = f"invgamma({a:g})", a, a, StudentLaw(2.0 * a)

    def varied(self) -> InverseGammaLaw:
        """The same law with another rule."""
        other = copy(self)
        other.student = self.student.varied()
        return other

    def smallest(self, n: float, t: float) -> float:
        """An s > 0 below which the integrand on the cut is negligible."""
        decay = min(48.0 / min(self.a, 8.0) + 3.0, 560.0)
        return float(math.exp(-decay) / (abs(t) + n ** max(1.0, 1.0 / self.a) * (1.0 + 1.0 / self.a)))

    def cut(self, s: Any) -> tuple[Any, Any]:
        """(log |phi(s + i0)|, log arg phi(s + i0)) for an array of s > 0."""
        return self.student.cut(np.sqrt(2.0 * s / self.a))

    def off(self, s: Any) -> Any:
        """log phi(s) for an array of complex s, Im s >= 0."""
        return self.student.off(np.sqrt(2.0 * np.asarray(s, dtype=complex) / self.a))


@cache
def _rule(nodes: int) -> tuple[Any, Any]:
    return np.polynomial.legendre.leggauss(nodes)
