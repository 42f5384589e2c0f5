r"""Sums of independent terms: S = sum_j (X_j1 + ... + X_jn_j), X_j. with law j.

    K_S(s) = sum_j n_j K_j(s)                                                       (independence)
    S = X_1 + ... + X_N, N random:   K_S(s) = K_N(K_X(s))                           (Wald's identity for generating functions)

``Sum`` is what the methods see: parts (law, count), with their weights already inside the laws (``Affine``).  It adds what adds: means,
supports, growths, spans; and says which parts are lattices.  ``CompoundLaw`` is the law of a sum of a random number of terms; it has
an atom where N = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ldt.errors import ModelError, NoTiltError
from ldt.models.law_atoms import common_span
from ldt.models.laws import INF, Affine, Constant, Law, Range

if TYPE_CHECKING:
    from ldt.models.heavy_sum import HeavySum

Part = tuple[Law, int]
EPS = 2.0**-52


@dataclass(frozen=True)
class Frame:
    """K_S(s) - s x as ``cgf(s) - s excess``; ``scale`` its value at s0 (products and sums exact), ``size`` that of its terms."""

    cgf: Any
    excess: float
    scale: float
    size: float


def _scaled_cgf(base: Law, weight: float) -> Any:
    return lambda s: base.cgf(weight * s)


class Sum:
    """A sum of independent parts (law, count)."""

    kind = "sum"
    symmetric = False

    def __init__(self, parts: list[Part], name: str) -> None:
        self.parts: tuple[Part, ...] = tuple((law, n) for law, n in parts if law.var != 0.0)
        constants = [(law, n) for law, n in parts if law.var == 0.0]
        self.name = name
        self._constant = math.fsum(n * law.mean for law, n in constants)
        self._centre = sum((Fraction(n) * Fraction(law.centre) for law, n in self.parts), Fraction(self._constant))
        means = [self._constant, *(n * law.mean for law, n in self.parts)]
        self._mean = math.nan if INF in means and -INF in means else math.fsum(means)
        self._var = math.fsum(n * law.var for law, n in self.parts)
        lows = [n * law.support[0] for law, n in self.parts]
        highs = [n * law.support[1] for law, n in self.parts]
        self.support: Range = (math.fsum([self._constant, *lows]), math.fsum([self._constant, *highs]))
        self.tilt_range: Range = (
            max((law.tilt_range[0] for law, _ in self.parts), default=-INF),
            min((law.tilt_range[1] for law, _ in self.parts), default=INF),
        )
        self.drift = math.fsum([self._constant, *(n * law.drift for law, n in self.parts)])
        self.gaussian = math.fsum(n * law.gaussian for law, n in self.parts)
        self.lattice = self._find_lattice()

    @property
    def degenerate(self) -> bool:
        """Whether S is a constant."""
        return not self.parts

    @property
    def discrete(self) -> bool:
        """Whether every part is discrete."""
        return all(law.discrete for law, _ in self.parts)

    @property
    def continuation(self) -> str:
        """'cut' if K_S is analytic off the real axis (Law), else 'strip'."""
        return "cut" if all(law.continuation == "cut" for law, _ in self.parts) else "strip"

    @property
    def atom(self) -> tuple[float, float] | None:
        """(value, log probability) of the one value with positive probability of a sum of laws with one atom each; or None."""
        atoms = [(law.atom, n) for law, n in self.parts]
        if not atoms or any(a is None for a, _ in atoms):
            return None
        return (
            math.fsum([self._constant, *(n * a[0] for a, n in atoms if a)]),
            math.fsum(n * a[1] for a, n in atoms if a),
        )

    def light(self, side: str = "upper") -> bool:
        """Whether E exp(sS) is finite for some s > 0 (upper) or s < 0 (lower)."""
        return self.tilt_range[1] > 0.0 if side == "upper" else self.tilt_range[0] < 0.0

    def _find_lattice(self) -> Range | None:
        if not self.parts or not self.discrete or any(law.lattice is None for law, _ in self.parts):
            return None
        known = [(law.lattice, n) for law, n in self.parts if law.lattice is not None]
        span = common_span((lattice[0] for lattice, _ in known), 0.0)
        if span is None:
            return None
        return span, math.fsum([self._constant, *(n * lattice[1] for lattice, n in known)])

    def excess(self, x: float) -> float:
        """x - E S with one rounding; without what has no finite mean."""
        return float(Fraction(x) - self._centre)

    def centred(self, s: Any) -> Any:
        """K_S(s) - s E S (without what has no finite mean) of an array of real or complex s."""
        s = np.atleast_1d(np.asarray(s))
        total = np.zeros(s.shape, dtype=complex if np.iscomplexobj(s) else float)
        for law, n in self.parts:
            total = total + n * law.centred(s)
        return total

    def frame(self, s0: float, x: float) -> Frame:
        """K_S(s) - s x near s0, split so that little cancels: each law about its mean for small tilts, about its shift for large ones."""
        terms: list[tuple[int, Any]] = []
        pivot = Fraction(self._constant)
        scale = Fraction(0)
        size = 0.0
        here = np.array([float(s0)])
        for law, n in self.parts:
            base, weight, shift = (law.base, law.weight, law.shift) if isinstance(law, Affine) else (law, 1.0, 0.0)
            if abs(s0 * weight * base.centre) < 0.3 or type(base).cgf is Law.cgf:
                own, about = law.centred, Fraction(law.centre)
            else:
                own, about = _scaled_cgf(base, weight), Fraction(shift)
            value = float(np.real(np.atleast_1d(own(here))[0]))
            terms.append((n, own))
            pivot += n * about
            scale += n * Fraction(value)
            size += n * abs(value)
        excess = Fraction(x) - pivot
        scale -= Fraction(float(s0)) * excess

        def cgf(s: Any) -> Any:
            total = 0.0 * s
            for n, own in terms:
                total = total + n * own(s)
            return total

        return Frame(cgf, float(excess), float(scale), size + abs(s0 * float(excess)))

    def cumulants(self, s: float) -> tuple[float, float, float, float, float]:
        """K - s E S and the first four derivatives of K at real s."""
        found = [(n, law.cumulants(s)) for law, n in self.parts]
        k0, k1, k2, k3, k4 = (math.fsum(n * k[i] for n, k in found) for i in range(5))
        return k0, k1 + self._constant, k2, k3, k4

    def heavy(self, side: str = "upper") -> HeavySum | None:
        """The sum as n terms of one heavy-tailed law (ldt.models.heavy_sum), or None."""
        from ldt.models.heavy_sum import heavy_sum

        return heavy_sum(self, side)

    def check_light(self, side: str) -> None:
        """NoTiltError, with the reason and what to use, where E exp(sS) is infinite for every s of the needed sign."""
        if self.light(side):
            return
        heavy = sorted({law.name for law, _ in self.parts if not law.light(side)})
        sign = ">" if side == "upper" else "<"
        from ldt.models.cut_laws import cut_law

        one = self.heavy(side)
        use = "'montecarlo'" if one is None else "'conditional' or 'bigjump'"
        if cut_law(self) is not None:
            use = f"'exact' (the transform on its cut), {use}"
        raise NoTiltError(
            f"law: E exp(sX) of {', '.join(heavy[:3])} is infinite for every s {sign} 0 (heavy {side} tail): there is no tilt and no "
            f"saddle point; use method={use}"
        )

    def rebuilt(self, parts: list[Part]) -> Sum:
        """The sum of other parts with the same constant."""
        return Sum([*parts, (Constant(self._constant), 1)], self.name)

    def caution(self, level: float) -> str:
        """Why the model is not to be trusted at this level; '' where it is."""
        return ""

    def draw(self, size: int, random: np.random.Generator) -> Any:
        """``size`` independent draws of S."""
        total = np.full(size, self._constant)
        for law, n in self.parts:
            total += law.sum_rvs(n, size, random)
        return total

    def draw_tilted(self, s: float, size: int, random: np.random.Generator) -> tuple[Any, Any]:
        """(draws of S, log weights): sums under a proposal near the law tilted by s, and log(tilted/proposal)."""
        total, logs = np.full(size, self._constant), np.zeros(size)
        for law, n in self.parts:
            sums, weights = law.tilted_sum_rvs(s, n, size, random)
            total += sums
            logs += weights
        return total, logs

    def to_dict(self) -> dict[str, Any]:
        """Strict JSON types: the name, the number of terms and the parts."""
        parts = [{"law": law.name, "count": n} for law, n in self.parts[:100]]
        return {"kind": self.kind, "name": self.name, "terms": sum(n for _, n in self.parts), "parts": parts, "shift": self._constant}


class CompoundLaw(Law):
    """X_1 + ... + X_N, N independent of the X_i with a law on 0, 1, 2, ..."""

    def __init__(self, number: Law, claim: Law) -> None:
        if not number.discrete or number.support[0] < 0.0 or (number.lattice is not None and number.lattice[1] % 1.0 != 0.0):
            raise ModelError(f"number: must be a law on 0, 1, 2, ..., got {number.name}")
        self.number, self.claim = number, claim
        self.name = f"compound({number.name}, {claim.name})"
        self.mean = number.mean * claim.mean
        self.var = number.mean * claim.var + number.var * claim.mean**2
        a, b = claim.support
        most = number.support[1]
        least = number.support[0]
        corners = [0.0 if k == 0.0 or e == 0.0 else k * e for k in (least, most) for e in (a, b)]
        self.support = (min(corners), max(corners))
        self.atom = self._atom()
        self.discrete = claim.discrete
        if claim.lattice is not None:
            span = common_span([claim.lattice[0], *([abs(claim.lattice[1])] if claim.lattice[1] else [])])
            self.lattice = None if span is None else (span, 0.0)
        # K_N(K_X) is analytic off the cuts of K_X if K_N(log z) is entire in z.
        entire = type(number).__name__ in ("Poisson", "Binomial", "Constant")
        single = type(number).__name__ == "NegativeBinomial" and getattr(getattr(claim, "base", claim), "a", INF) <= 2.0
        bounded = claim.gaussian == 0.0 and claim.drift == 0.0
        if claim.continuation == "cut" and bounded and (entire or single) and claim.support[0] >= 0.0:
            self.continuation = "cut"
        self.tilt_range = (self._end(-1.0), self._end(1.0))

    def _atom(self) -> Range | None:
        """S = 0 where N = 0 or, if claims are 0 with probability p, all N are: probability E p^N = exp(K_N(log p)), p^0 = 1."""
        if self.claim.discrete:
            return None
        if self.claim.atom is None:
            log_none = float(self.number.logpdf(0.0)) if self.number.support[0] == 0.0 else -INF
            return None if log_none == -INF else (0.0, log_none)
        value, log_p = self.claim.atom
        if value != 0.0:
            raise ModelError(f"claim: {self.claim.name} is {value:g} with positive probability; a compound claim may be so at 0 only")
        return 0.0, float(self.number.cgf(np.array([log_p]))[0])

    def _end(self, sign: float) -> float:
        """Where K_X(s) reaches the end of the number's tilt range, or the claim's own end."""
        from scipy.optimize import brentq

        limit = self.number.tilt_range[1]
        end = self.claim.tilt_range[1] if sign > 0.0 else self.claim.tilt_range[0]
        if end == 0.0 or limit == INF or (self.claim.support[0] >= 0.0 and sign < 0.0) or (self.claim.support[1] <= 0.0 and sign > 0.0):
            return end

        def above(s: float) -> float:
            with np.errstate(all="ignore"):
                value = float(np.real(self.claim.cgf(np.array([s]))[0]))
            return (value if math.isfinite(value) else 1e300) - limit

        s = sign * 1e-3 / max(abs(self.claim.mean), math.sqrt(self.claim.var), 1e-300)
        for _ in range(200):
            if abs(s) >= abs(end):
                s = end * (1.0 - 1e-12)
                return float(brentq(above, 0.0, s, xtol=1e-300, rtol=1e-15)) if above(s) > 0.0 else end
            if above(s) > 0.0:
                return float(brentq(above, 0.0, s, xtol=1e-300, rtol=1e-15))
            s *= 2.0
        return math.copysign(INF, sign)

    @property
    def centre(self) -> float:
        return self.number.centre * self.claim.centre

    def centred(self, s: Any) -> Any:
        s = np.asarray(s)
        inner = self.claim.centred(s)
        return self.number.centred(inner + s * self.claim.centre) + self.number.centre * inner

    def cgf(self, s: Any) -> Any:
        return self.number.cgf(self.claim.cgf(np.asarray(s)))

    def cumulants(self, s: float) -> tuple[float, float, float, float, float]:
        """By the chain rule (Faa di Bruno)."""
        _, g1, g2, g3, g4 = self.claim.cumulants(s)
        _, f1, f2, f3, f4 = self.number.cumulants(float(np.real(self.claim.cgf(np.array([s]))[0])))
        return (
            float(np.real(self.centred(np.array([s]))[0])),
            f1 * g1,
            f2 * g1**2 + f1 * g2,
            f3 * g1**3 + 3.0 * f2 * g1 * g2 + f1 * g3,
            f4 * g1**4 + 6.0 * f3 * g1**2 * g2 + 3.0 * f2 * g2**2 + 4.0 * f2 * g1 * g3 + f1 * g4,
        )

    def rvs(self, size: Any, random: np.random.Generator) -> Any:
        numbers = self.number.rvs(size, random)
        return _random_sums(self.claim, numbers, random)

    def sum_rvs(self, n: int, size: int, random: np.random.Generator) -> Any:
        return _random_sums(self.claim, self.number.sum_rvs(n, size, random), random)

    def tilted_sum_rvs(self, s: float, n: int, size: int, random: np.random.Generator) -> tuple[Any, Any]:
        """Again compound: the number tilted by K_X(s), the claims by s."""
        inner = float(np.real(self.claim.cgf(np.array([s]))[0]))
        numbers, logs = self.number.tilted_sum_rvs(inner, n, size, random)
        sums, logs = np.zeros(size), np.array(logs)
        counts = np.rint(numbers).astype(np.int64)
        for k in np.unique(counts[counts > 0]):
            where = np.flatnonzero(counts == k)
            drawn, extra = self.claim.tilted_sum_rvs(s, int(k), len(where), random)
            sums[where] = drawn
            logs[where] += extra
        return sums, logs


def _random_sums(claim: Law, numbers: Any, random: np.random.Generator) -> Any:
    """Sums of numbers[i] claims, for each i; equal numbers are drawn together."""
    numbers = np.asarray(numbers)
    flat = np.rint(numbers).astype(np.int64).ravel()
    out = np.zeros(flat.shape)
    for k in np.unique(flat):
        where = np.flatnonzero(flat == k)
        if k > 0:
            out[where] = claim.sum_rvs(int(k), len(where), random)
    return out.reshape(numbers.shape)


def weighted(law: Law, weight: float) -> Law:
    """weight * X."""
    if law.var == 0.0:
        return Constant(weight * law.mean)
    if weight == 0.0:
        return Constant(0.0)
    return law if weight == 1.0 else Affine(law, weight)
