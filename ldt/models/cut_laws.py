r"""Sums of several laws, or of a random number of them, on the cut of their moment generating function (ldt.tails.cut.CutLaw).

phi_S = prod_j phi_j(w_j s)^(n_j) is analytic in the upper half-plane if every factor is, with boundary values on s > 0

    log |phi_S| = sum_j n_j log |phi_j|,      arg phi_S = sum_j n_j arg phi_j,

and the second sum, of positive numbers, carries its logarithm.  Factors:

* heavy-tailed terms with w > 0, through their own cut; with w < 0 phi(w s) = conj phi(w conj s), real on s > 0;
* laws whose cgf is analytic off the real axis (``continuation`` 'cut'): real for s below the end of their tilts, infinite from there on,
  which the path does not reach because the valley of |phi_S| e^(-st) lies before it;
* a random number N of terms: phi = G_N(phi_X), with phi_X - 1 = a + ib and b carried as a logarithm,
  Poisson exp(lam (a + ib)), binomial (1 + p (a + ib))^m, negative binomial (1 - (q/p)(a + ib))^-r.
"""

from __future__ import annotations

import math
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from ldt.models.laws import Affine, Law
from ldt.models.sums import CompoundLaw
from ldt.numerics.complexes import expm1, log1p

if TYPE_CHECKING:
    from ldt.models.sums import Sum

NONE = -math.inf


class HeavyFactor:
    """phi of weight * (a standard heavy term), weight of either sign."""

    def __init__(self, law: Any, weight: float) -> None:
        self.law, self.weight = law, weight

    def varied(self) -> HeavyFactor:
        return HeavyFactor(self.law.varied(), self.weight)

    def cut(self, s: Any) -> tuple[Any, Any]:
        """(log |phi(s + i0)|, log arg)."""
        if self.weight > 0.0 or not self.law.one_sided:
            found: tuple[Any, Any] = self.law.cut(abs(self.weight) * s)
            return found
        return self.law.off(self.weight * s + 0j).real, np.full(s.shape, NONE)

    def off(self, s: Any) -> Any:
        if self.weight > 0.0 or not self.law.one_sided:
            return self.law.off(abs(self.weight) * s)
        return np.conj(self.law.off(self.weight * np.conj(s)))

    def smallest(self, n: float, t: float) -> float:
        if self.weight < 0.0 and self.law.one_sided:
            return 1.0 / abs(self.weight)
        return float(self.law.smallest(n, t / abs(self.weight)) / abs(self.weight))


class LightFactor:
    """phi of a law with a tilt, times e^(-s shift) left out."""

    def __init__(self, law: Law) -> None:
        self.law = law

    def varied(self) -> LightFactor:
        return self

    def cut(self, s: Any) -> tuple[Any, Any]:
        inside = s < self.law.tilt_range[1]
        with np.errstate(all="ignore"):
            value = np.real(self.law.cgf(np.where(inside, s, 0.0)))
        return np.where(inside, value, np.inf), np.full(s.shape, NONE)

    def off(self, s: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.asarray(self.law.cgf(s), dtype=complex)

    def smallest(self, n: float, t: float) -> float:
        return 1e-3 / (abs(n * self.law.mean) + math.sqrt(n * self.law.var))


class CompoundFactor:
    """phi of a random number of terms."""

    def __init__(self, number: Law, claim: Product) -> None:
        self.number, self.claim = number, claim

    def varied(self) -> CompoundFactor:
        return CompoundFactor(self.number, self.claim.varied())

    def cut(self, s: Any) -> tuple[Any, Any]:
        size, angle = self.claim.cut(s)
        turn = np.exp(np.minimum(angle, 1.2))
        shift = expm1(size + 1j * turn)
        log_b = size + np.where(angle < -9.0, angle - turn * turn / 6.0, np.log(np.maximum(np.sin(turn), 1e-300)))
        return self._number(shift, log_b)

    def off(self, s: Any) -> Any:
        shift = expm1(self.claim.off(s))
        kind, scale, power = self._kind()
        return scale * shift if kind == "poisson" else power * log1p(scale * shift)

    def _number(self, shift: Any, log_b: Any) -> tuple[Any, Any]:
        kind, scale, power = self._kind()
        if kind == "poisson":
            return scale * shift.real, math.log(scale) + log_b
        base = 1.0 + scale * shift.real  # power log(base + i scale b)
        side = log_b + math.log(abs(scale))
        ratio = np.exp(np.minimum(side, 300.0)) / np.where(base > 0.0, base, 1.0)
        with np.errstate(all="ignore"):
            small = side - np.log(base)
            angle = np.where(small < -9.0, small - np.exp(2.0 * small) / 3.0, np.log(np.arctan(ratio)))
            size = power * (np.log(base) + 0.5 * np.log1p(ratio * ratio))
        beyond = ~(base > 0.0)  # past the pole of the negative binomial
        return np.where(beyond, np.inf, size), math.log(abs(power)) + np.where(beyond, 0.0, angle)

    def _kind(self) -> tuple[str, float, float]:
        number: Any = self.number
        name = type(number).__name__
        if name == "Poisson":
            return "poisson", number.lam, 1.0
        if name == "Binomial":
            return "power", number.p, float(number.n)
        return "power", -number.q / number.p, -float(number.r)

    def smallest(self, n: float, t: float) -> float:
        return self.claim.smallest(n * max(self.number.mean, 1.0), t)


class Product:
    """phi of a sum of independent factors, each with its count, as a law of which there is one copy."""

    one_sided = False

    def __init__(self, factors: list[tuple[Any, int]]) -> None:
        self.factors = factors

    def varied(self) -> Product:
        other = copy(self)
        other.factors = [(f.varied(), n) for f, n in self.factors]
        return other

    def cut(self, s: Any) -> tuple[Any, Any]:
        found = [(n, *f.cut(s)) for f, n in self.factors]
        with np.errstate(all="ignore"):  # logarithms of 0
            angle = np.logaddexp.reduce([math.log(n) + a for n, _, a in found])
        return sum(n * size for n, size, _ in found), angle

    def off(self, s: Any) -> Any:
        s = np.asarray(s, dtype=complex)
        return sum(n * f.off(s) for f, n in self.factors)

    def smallest(self, n: float, t: float) -> float:
        return min(float(f.smallest(n * count, t)) for f, count in self.factors)


def cut_law(model: Sum, mirrored: bool = False) -> Product | None:
    """The transform of S - its constant (of -S if ``mirrored``), or None where that of one of its parts is not known off the real axis."""
    return _product(list(model.parts), -1.0 if mirrored else 1.0)


def shift_of(model: Sum) -> float:
    """What ``cut_law`` leaves out of S: S = shift + the sum of its factors."""
    return model._constant + math.fsum(n * _shift(law) for law, n in model.parts)


def centre(model: Sum) -> float:
    """Where the bulk of S is: the mean, with medians in place of means that do not exist."""
    return model._constant + math.fsum(n * _middle(law) for law, n in model.parts)


def _middle(law: Law) -> float:
    if math.isfinite(law.mean):
        return law.mean
    if isinstance(law, Affine):
        return law.shift + law.weight * _middle(law.base)
    if isinstance(law, CompoundLaw):
        return float(law.number.mean * _middle(law.claim))
    known: Any = law
    return float(known.dist.median(*known.shapes)) if hasattr(known, "dist") else 0.0


def _shift(law: Law) -> float:
    base, weight, loc = (law.base, law.weight, law.shift) if isinstance(law, Affine) else (law, 1.0, 0.0)
    term = _term(base)
    if term is None:
        return loc
    _, shift, _, sign = term
    return loc + weight * float(sign * shift)


def _term(base: Law) -> Any:
    from ldt.models.heavy_terms import term_of
    from ldt.models.law_quadrature import DensityLaw

    if not isinstance(base, DensityLaw) or base.tail_class == "light":
        return None
    found = term_of(base.dist, base.shapes, not base.light("upper"))
    return None if found[0].law is None else found


def _product(parts: list[tuple[Law, int]], weight: float) -> Product | None:
    factors = [(_factor(law, weight), n) for law, n in parts]
    return None if any(f is None for f, _ in factors) else Product(factors)


def _factor(law: Law, outer: float) -> Any:
    base, weight = (law.base, outer * law.weight) if isinstance(law, Affine) else (law, outer)
    if isinstance(base, CompoundLaw):
        if type(base.number).__name__ not in ("Poisson", "Binomial", "NegativeBinomial") or _shift(base.claim) != 0.0:
            return None
        claim = _product([(base.claim, 1)], weight)
        return None if claim is None else CompoundFactor(base.number, claim)
    term = _term(base)
    if term is not None:
        return HeavyFactor(term[0].law, weight * term[3] * term[2])
    if base.continuation == "cut" and base.tail_class == "light" and not base.discrete:
        return LightFactor(base if weight == 1.0 else Affine(base, weight))
    return None
