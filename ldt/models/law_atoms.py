r"""Discrete laws: finitely many atoms anywhere (data, rv_discrete), and laws on the integers known by their probabilities.

    K(s) - s m = log sum_i p_i exp(s (x_i - m)),   m = E X,

summed from the largest term.  A lattice is found by comparing gaps as fractions (``common_lattice``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import special

from ldt.errors import ModelError, NoTiltError
from ldt.models.laws import INF, Constant, Law, Range, _summed

EPS = 2.0**-52
#: Largest denominator in the ratio of two gaps that still counts as commensurate.
DENOMINATOR = 10**6


def common_span(gaps: Iterable[float], scale: float = 0.0) -> float | None:
    """The largest span of which all ``gaps`` > 0 are integer multiples, each within rounding of numbers of size ``scale``; or None.

    >>> round(common_span([0.2, 0.3]), 12), common_span([1.0, math.sqrt(2.0)])
    (0.1, None)
    """
    known = sorted({float(g) for g in gaps if g > 0.0}, reverse=True)
    if not known:
        return None
    unit = known[0]
    ratios = []
    for g in known:
        r = g / unit
        fraction = Fraction(r).limit_denominator(DENOMINATOR)
        slack = 8.0 * EPS * (r + (scale / unit))
        if abs(r - float(fraction)) > slack or fraction == 0:
            return None
        ratios.append(fraction)
    denominator = math.lcm(*(q.denominator for q in ratios))
    if denominator > 10 * DENOMINATOR:
        return None
    common = math.gcd(*(int(q * denominator) for q in ratios))
    return unit * common / denominator


class _Discrete(Law):
    """What laws given by values and probabilities share; ``_window(s)`` gives those that matter at tilt s."""

    discrete = True

    def _window(self, s: float) -> tuple[Any, Any]:
        raise NotImplementedError

    def centred(self, s: Any) -> Any:
        s = np.atleast_1d(np.asarray(s))
        out = np.empty(s.shape, dtype=complex if np.iscomplexobj(s) else float)
        flat, where = s.ravel(), out.ravel()
        for real in np.unique(np.real(flat)) if len(flat) else ():
            chosen = np.flatnonzero(np.real(flat) == real)
            values, logp = self._window(float(real))
            y = values - self.centre
            for part in np.array_split(chosen, max(1, len(chosen) * len(y) // 2_000_000)):
                z = flat[part, None] * y[None, :]
                if np.max(np.abs(z), initial=0.0) < 0.5:
                    where[part] = special.log1p((special.expm1(z) - z) @ np.exp(logp))
                else:
                    top = np.max(np.real(z) + logp, axis=1, keepdims=True)
                    where[part] = top[:, 0] + np.log(np.sum(np.exp(z + logp - top), axis=1))
        return where.reshape(s.shape)

    def cumulants(self, s: float) -> tuple[float, float, float, float, float]:
        values, logp = self._window(s)
        w = special.softmax(logp + s * (values - self.centre))
        m = float(w @ values)
        y = values - m
        m2, m3, m4 = (float(w @ y**k) for k in (2, 3, 4))
        return float(self.centred(np.array([s]))[0]), m, m2, m3, m4 - 3.0 * m2 * m2

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return self._draw(0.0, size, random)

    def _draw(self, s: float, size: Any, random: np.random.Generator) -> Any:
        values, logp = self._window(s)
        total = np.cumsum(special.softmax(logp + s * (values - self.centre)))
        return values[np.minimum(np.searchsorted(total, random.random(size) * total[-1], side="right"), len(values) - 1)]

    def tilted_sum_rvs(self, s: float, n: int, size: int, random: np.random.Generator) -> tuple[Any, Any]:
        return _summed(lambda shape: self._draw(s, shape, random), n, size), np.zeros(size)


class Atoms(_Discrete):
    """P(X = values[i]) = probabilities[i]; ``of`` makes one, merging equal values and dropping those of probability 0."""

    def __init__(self, values: Any, probabilities: Any, name: str = "") -> None:
        self.values, self.p = values, probabilities
        self.logp = np.log(probabilities)
        self.mean = float(math.fsum(values * probabilities))
        self.var = float(math.fsum((values - self.mean) ** 2 * probabilities))
        self.support = (float(values[0]), float(values[-1]))
        self.name = name or f"{len(values)} atoms"
        span = common_span(np.diff(values), float(np.max(np.abs(values)))) if len(values) < 100_000 else None
        if span is not None and np.all(np.abs((values - values[0]) / span - np.rint((values - values[0]) / span)) < 1e-6):
            self.lattice = (span, float(values[0]))

    @classmethod
    def of(cls, values: Any, probabilities: Any, name: str = "") -> Law:
        x, p = np.asarray(values, dtype=float).ravel(), np.asarray(probabilities, dtype=float).ravel()
        if not np.all(np.isfinite(x)) or not np.all(p >= 0.0) or not abs(float(p.sum()) - 1.0) < 1e-9:
            raise ModelError("law: atoms must be finite with probabilities that add up to 1")
        atoms, where = np.unique(x[p > 0.0], return_inverse=True)
        weights = np.bincount(where, p[p > 0.0])
        if len(atoms) == 1:
            return Constant(float(atoms[0]))
        return cls(atoms, weights / math.fsum(weights), name)

    def _window(self, s: float) -> tuple[Any, Any]:
        return self.values, self.logp

    def radius(self, s: float) -> float:
        return 1.0 / (self.support[1] - self.support[0])

    def logpdf(self, x: Any) -> Any:
        x = np.asarray(x, dtype=float)
        i = np.clip(np.searchsorted(self.values, x), 0, len(self.values) - 1)
        return np.where(self.values[i] == x, self.logp[i], -INF)

    def logsf(self, x: Any) -> Any:
        above = np.append(np.logaddexp.accumulate(self.logp[::-1])[::-1], -INF)
        return above[np.searchsorted(self.values, np.asarray(x, dtype=float), side="right")]


class IntegerLaw(_Discrete):
    """A SciPy law on the integers, by its probabilities; the sum at tilt s runs until what is left is below e^-45 of it."""

    lattice = (1.0, 0.0)

    def __init__(self, dist: Any, shapes: tuple[float, ...], support: Range, ends: Range) -> None:
        self.dist, self.support, self.tilt_range = dist, support, ends
        self.shapes: tuple[Any, ...] = tuple(int(v) if v.is_integer() else v for v in shapes)  # SciPy's draws want integers
        self.name = str(dist.name)
        self.mean, self.var = (float(v) for v in dist.stats(*shapes, moments="mv"))
        self._kept: dict[float, tuple[Any, Any]] = {}

    def _window(self, s: float) -> tuple[Any, Any]:
        if s in self._kept:
            return self._kept[s]
        if not (self.tilt_range[0] < s < self.tilt_range[1] or s == 0.0):
            raise NoTiltError(f"law: E exp(sX) of {self.name} is infinite at s = {s:g}")
        lo, hi = self.support
        centre = self.mean if math.isfinite(self.mean) else (lo if math.isfinite(lo) else 0.0)
        half = 64.0 if not math.isfinite(self.var) else 64.0 + 8.0 * math.sqrt(self.var)
        while True:
            a, b = max(lo, math.floor(centre - half)), min(hi, math.ceil(centre + half))
            k = np.arange(a, b + 1.0)
            with np.errstate(divide="ignore"):
                logp = np.asarray(self.dist.logpmf(k, *self.shapes))
            t = logp + s * (k - self.centre)
            top = float(np.max(t))
            edge = max(t[0] if a > lo else -INF, t[-1] if b < hi else -INF)
            if edge < top - 50.0 or (s == 0.0 and half > 1e6):
                break
            if half > 4e6:
                raise NoTiltError(f"law: the sum of E exp(sX) of {self.name} at s = {s:g} is too long")
            half *= 2.0
        keep = t > top - 80.0
        if len(self._kept) > 8:
            self._kept.pop(next(iter(self._kept)))
        self._kept[s] = (k[keep], logp[keep])
        return self._kept[s]

    def radius(self, s: float) -> float:
        return min(0.5 * min(s - self.tilt_range[0], self.tilt_range[1] - s), 0.5)

    def logpdf(self, x: Any) -> Any:
        return self.dist.logpmf(x, *self.shapes)

    def logsf(self, x: Any) -> Any:
        return self.dist.logsf(x, *self.shapes)

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        return np.asarray(self.dist.rvs(*self.shapes, size=size, random_state=random), dtype=float)
