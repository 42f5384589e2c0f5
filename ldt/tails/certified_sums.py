r"""Rigorous enclosures of log P and log p of sums with a simple transform, in ball arithmetic: gamma terms with positive weights, normals.

Terms of one scale w add up to a gamma variable, P(S >= x) = Q(k, x/w), k the sum of the shapes, and normals to a normal one: FLINT's
incomplete gamma function (from the mean on) and erfc.  Else, with M(s) = prod_j (1 - w_j s)^(-k_j) and F = 1/max_j w_j (0: lower tail),

    P(S >= x) = (1/2 pi i) int M(s) exp(-s x) ds/s,     s(t) = F - rho + rho cosh(t + i psi),     0 < psi < pi/2,

a hyperbola with the focus F that crosses the axis at v = F - rho (1 - cos psi) > 0 (v < 0: minus P(S < x); the density: without 1/s).  With
C = cosh t, b_j = (1/w_j - F)/rho + 1 >= 1, a_j = (b_j^2 - 1)^(1/2) sin psi and u = b_j cos psi - C,

    |1 - w_j s|^2 = (w_j rho)^2 (u^2 + a_j^2),     |s| >= |v|,     |s'| <= rho C,
    d/dC log|M(s)| = sum_j k_j u/(u^2 + a_j^2) <= R(psi, C_0) on C >= C_0,
    |f| <= |f_0| C exp(-z (C - C_0)),     z = x rho cos psi - R > 0,     f_0 = M exp(-s x) rho/|v| where C = C_0,

so that int |f| dt <= |f_0| exp(z) 2 K_1(z) with C_0 = 1, for the lemma of ldt.numerics.balls, and the sum beyond T is at most
|f_0| C_0/(z sinh T) with C_0 = cosh T, z C_0 > 1.  v, psi, the step and T are chosen in floats; any choice is right.  Derived in
docs/certified.md.  Valid for any number of terms; the model is the one that its doubles (weight times scale, shape, shift) say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ldt.errors import ConvergenceError, MethodError
from ldt.models.law_families import Gamma, Normal
from ldt.models.laws import Affine, Law
from ldt.models.sums import Sum
from ldt.numerics.balls import LOG2_10, aliasing, digits_of, flint, parts, precision, within
from ldt.tails.certified import ATTEMPTS, LN10, MAX_NODES, answer, check_digits
from ldt.tails.sum_exact import certain

#: Angles of the hyperbola, well above pi/4, below which R grows; the first with a bound nearby is taken.
ANGLES = (1.15, 1.35, 1.45)
#: Largest shape for the upper incomplete gamma function, whose series grow with it; the lower one takes seconds from shapes of 300 on.
MAX_SHAPE = 1e4
#: Attempts of the closed forms, which double their digits: log P itself may have hundreds before its point.
LONGER = 12
CLOSED = {"nodes": 0, "cut": -400.0, "discretised": -400.0}
#: Powers of 2 that level and weights may be apart on a contour.
RANGE = 400
KNOWN = "gamma laws (exponential, chi-square) with positive weights, and normal laws"


@dataclass(frozen=True)
class Terms:
    """``kind`` 'gamma': scales and the shapes of their sums; 'normal': standard deviations and counts; ``shift`` of the whole, exact."""

    kind: str
    scales: tuple[float, ...]
    shapes: tuple[Fraction, ...]
    shift: Fraction


def terms_of(model: Sum) -> Terms | None:
    """The sum as ``Terms``; None where it is not of that kind."""
    shift, found = Fraction(model._constant), dict[float, Fraction]()
    kinds = set()
    for law, n in model.parts:
        base, weight, own = (law.base, law.weight, law.shift) if isinstance(law, Affine) else (law, 1.0, 0.0)
        kinds.add(kind := _kind(base, weight))
        shift += n * Fraction(own)
        shape = Fraction(base.a) if isinstance(base, Gamma) else Fraction(1)
        found[abs(weight)] = found.get(abs(weight), Fraction(0)) + n * shape
    if len(kinds) != 1 or not (kind := kinds.pop()):
        return None
    scales = tuple(sorted(found, reverse=True))
    return Terms(kind, scales, tuple(found[w] for w in scales), shift)


def _kind(base: Law, weight: float) -> str:
    if type(base) is Normal:
        return "normal"
    return "gamma" if type(base) is Gamma and weight > 0.0 else ""


def run(model: Sum, level: float, *, density: bool, side: str, digits: int = 12) -> dict[str, Any]:
    """The method 'certified' of a sum: a dict of TailResult fields."""
    check_digits(digits)
    terms = terms_of(model)
    if terms is None:
        raise MethodError(f"method: of sums 'certified' knows {KNOWN}, not {model.name}; use method='exact'")
    x = Fraction(level) - terms.shift
    if terms.kind == "gamma" and x <= 0:
        if density and x == 0:
            raise MethodError(f"level: {level:g} is an end of the support, where the density may be infinite; ask inside it")
        sure = certain(int(side == "upper" and not density))
        advice = f"{sure.detail.certain} exactly: x is outside the support"
        return {"logp": sure.logp, "error": 0.0, "error_kind": "bound", "detail": sure.detail, "advice": advice}
    log, fields = enclose(terms, x, density=density, lower=side == "lower" and not density, digits=digits)
    return answer(log, digits, fields)


def enclose(terms: Terms, x: Fraction, *, density: bool = False, lower: bool = False, digits: int = 12) -> tuple[Any, dict[str, Any]]:
    """(ball of log P(S >= x), log P(S <= x) or log p(x), x counted from the shift, fields of its Enclosure), radius at most 10^-digits.

    ConvergenceError where that takes more nodes or digits than allowed.
    """
    arb = flint().arb
    unit = Fraction(terms.scales[0])
    x, scales = x / unit, [Fraction(w) / unit for w in terms.scales]
    closed = terms.kind == "normal" or (len(scales) == 1 and (density or x >= terms.shapes[0] <= MAX_SHAPE))
    shapes = sum(terms.shapes)
    lost, guard = 4.0, 48 + 2 * _bits(shapes) + max(0, _bits(x))
    for attempt in range(LONGER if closed else ATTEMPTS):
        bits = int(LOG2_10 * (digits + lost)) + guard
        with precision(bits):
            if terms.kind == "normal":
                log, fields = _normal(scales, terms.shapes, x, density, lower), CLOSED
            elif closed:
                log, fields = _gamma(terms.shapes[0], x, density, lower), CLOSED
            else:
                log, fields = _Contour(scales, terms.shapes, x, density, (digits + lost) * LN10).run(lower)
            if density:
                log -= arb(terms.scales[0]).log()
            if log.is_finite() and digits_of(log) >= digits:
                if math.isinf(float(log)):
                    raise ConvergenceError("level: the logarithm leaves the range of double precision there")
                if closed:
                    fields = fields | {"rounding": -float(digits_of(log))}
                return log, {"bits": bits, "inner": 0, **fields}
            if closed:
                lost += 2.0**attempt * 16.0
            else:
                lost += max(2.0, digits - digits_of(log) + 2.0) if log.is_finite() else max(10.0, lost)
    raise ConvergenceError(f"level: {digits} digits were not certified there; ask for fewer digits or use method='exact'")


def _ball(number: Fraction) -> Any:
    arb = flint().arb
    return arb(number.numerator) / number.denominator


def _bits(number: Fraction | int) -> int:
    """log2, roughly."""
    return number.numerator.bit_length() - number.denominator.bit_length()


def _smaller(value: Any, other: bool) -> Any:
    """log of a probability, or of one less it."""
    if not (value > 0 and value < 1):
        return flint().arb("nan")
    return (-value).log1p() if other else value.log()


def _normal(scales: list[Fraction], counts: tuple[Fraction, ...], x: Fraction, density: bool, lower: bool) -> Any:
    """The logarithm for a sum of normals."""
    arb = flint().arb
    variance = _ball(sum((n * w * w for w, n in zip(scales, counts, strict=True)), start=Fraction(0)))
    if density:
        return -(_ball(x) ** 2 / variance + (2 * arb.pi() * variance).log()) / 2
    return _smaller((abs(_ball(x)) / (2 * variance).sqrt()).erfc() / 2, lower == (x > 0))


def _gamma(shape: Fraction, x: Fraction, density: bool, lower: bool) -> Any:
    """The logarithm for a gamma variable of scale 1; its tails from the mean on."""
    k, y = _ball(shape), _ball(x)
    if density:
        return (k - 1) * y.log() - y - k.lgamma()
    return _smaller(y.gamma_upper(k, 1), lower)


class _Contour:
    """One evaluation at the working precision; ``limit`` nats below the integrand's top is where each part of the error is aimed.

    The largest scale is 1; points are told by d = F - s.
    """

    def __init__(self, scales: list[Fraction], shapes: tuple[Fraction, ...], x: Fraction, density: bool, limit: float) -> None:
        arb = flint().arb
        self.density, self.limit = density, limit
        self.lower = not density and x < sum(w * k for w, k in zip(scales, shapes, strict=True))  # the side where P is small
        self.focus = 0 if self.lower else 1
        self.x, self.scales, self.shapes = _ball(x), [_ball(w) for w in scales], [_ball(k) for k in shapes]
        self.rough = _Rough(scales, [float(k) for k in shapes], x, density, self.lower)
        self.rho = arb(self.rough.rho)
        self.gaps = [_ball(1 - self.focus * w) for w in scales]  # 1 - w F
        self.poles = [gap / w / self.rho + 1 for gap, w in zip(self.gaps, self.scales, strict=True)]

    # -- the bounds --------------------------------------------------------------------------------------------------------

    def moment(self, d: Any) -> Any:
        """M(s) exp(-s x)."""
        total = (d - self.focus) * self.x
        for gap, w, k in zip(self.gaps, self.scales, self.shapes, strict=True):
            total -= k * (gap + w * d).log()
        return total.exp()

    def fall(self, psi: Any, start: Any) -> Any:
        """z = x rho cos psi - R(psi, C_0)."""
        sine, cosine = psi.sin(), psi.cos()
        z = self.x * self.rho * cosine
        for b, k in zip(self.poles, self.shapes, strict=True):
            u = b * cosine - start
            if u < 0:
                continue
            a = (b * b - 1).sqrt() * sine
            z -= k * (u / (u * u + a * a) if u > 0 and u < a else 1 / (2 * a))
        return z

    def height(self, psi: Any, d: Any) -> Any:
        """|f_0| where s = F - d."""
        v = self.focus - self.rho * (1 - psi.cos())
        return abs(self.moment(d)) * self.rho / (1 if self.density else abs(v))

    def over_line(self, psi: Any) -> Any:
        """The bound of int |f| dt on the hyperbola of this angle; not finite where there is none."""
        arb = flint().arb
        z, d = self.fall(psi, arb(1)), self.rho * (1 - psi.cos())
        if not (psi > 0 and psi < arb.pi() / 2 and z > 0 and (self.density or self.lower or d < self.focus)):
            return arb("nan")
        return self.height(psi, d) * (2 * arb.pi() / z).sqrt() * (1 + 3 / (8 * z))

    # -- the sum -----------------------------------------------------------------------------------------------------------

    def run(self, lower: bool) -> tuple[Any, dict[str, Any]]:
        """(ball of the logarithm, fields)."""
        arb, acb = flint().arb, flint().acb
        step, count, above, below = self.rough.chosen(self.limit)
        h, psi = arb(step), arb(self.rough.angle)
        turn = acb(psi.cos(), psi.sin())
        total, d = arb(0), acb(0)
        for j in range(count + 1):
            up = (h * j).exp()
            one, other = turn * up, turn.conjugate() / up
            d = self.rho * (1 - (one + other) / 2 if j else acb(1 - psi.cos()))
            value = self.moment(d) * self.rho * (one - other) / 2
            total += (value if self.density else value / (self.focus - d)).imag * (h / 2 if j == 0 else h)
        end = h * count
        z = self.fall(psi, end.cosh())
        cut = self.height(psi, d) * end.cosh() / (z * end.sinh()) if z > 0 and z * end.cosh() > 1 else arb("nan")
        outer = sum(self.over_line(psi + delta) * aliasing(arb(abs(delta)), h) / 2 for delta in (above, -below))
        if not (cut.is_finite() and outer.is_finite()):
            return arb("nan"), {}
        value = (total + within(cut) + within(outer)) / arb.pi()
        shares = parts(total, cut, outer, arb(total.rad()))
        fields = {"nodes": count + 1} | dict(zip(("cut", "discretised", "rounding"), shares, strict=True))
        if self.density:
            return (value.log() if value > 0 else arb("nan")), fields
        return _smaller(-value if self.lower else value, lower != self.lower), fields


class _Rough:
    """The choices, in floats: nothing here needs to be right."""

    def __init__(self, scales: list[Fraction], shapes: list[float], x: Fraction, density: bool, lower: bool) -> None:
        if not -RANGE < _bits(x) < RANGE or not -RANGE < _bits(scales[-1]):
            raise ConvergenceError("level: it or a weight is too far from the largest weight for the contour; use method='exact'")
        self.k, self.x, self.density, self.lower = np.array(shapes), float(x), density, lower
        self.focus = 0 if lower else 1
        self.gaps = np.array([float(1 / w - self.focus) for w in scales])
        eta = self.distance()
        for self.angle in ANGLES:
            self.rho = eta / (1.0 - math.cos(self.angle))
            self.poles = self.gaps / self.rho + 1.0
            if self.shifted(self.angle - 0.1) < math.inf:
                break

    def distance(self) -> float:
        """F - v where K'(v) = x + 1/v (the density: x), by bisection."""
        low, high = -700.0, 700.0 if self.density or self.lower else -1e-12
        for _ in range(80):
            eta = math.exp(0.5 * (low + high))
            slope = float(np.sum(self.k / (self.gaps + eta))) - self.x
            if not self.density:
                slope -= 1.0 / (self.focus - eta)
            low, high = (math.log(eta), high) if slope > 0.0 else (low, math.log(eta))
        return math.exp(0.5 * (low + high))

    def u_and_a(self, psi: float, c: float) -> tuple[Any, Any]:
        """b cos psi - C and a, for each scale."""
        return self.poles * math.cos(psi) - c, np.sqrt(self.poles - 1.0) * np.sqrt(self.poles + 1.0) * math.sin(psi)

    def log_moment(self, psi: float, c: float) -> float:
        """log |M exp(-s x)| where cosh t = c, but for a constant."""
        return float(-self.k @ np.log(np.hypot(*self.u_and_a(psi, c)))) - self.x * self.rho * (math.cos(psi) * c - math.cos(self.angle))

    def fall(self, psi: float) -> float:
        """z at C_0 = 1."""
        u, a = self.u_and_a(psi, 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = np.where(u <= 0.0, 0.0, np.where(u < a, u / (u * u + a * a), 0.5 / a))
        return float(self.x * self.rho * math.cos(psi) - self.k @ slopes)

    def shifted(self, psi: float) -> float:
        """log of the bound of int |f| dt at this angle, over the top at the angle chosen; inf where there is none."""
        z, v = self.fall(psi), [self.focus - self.rho * (1.0 - math.cos(angle)) for angle in (psi, self.angle)]
        if not z > 0.0 or not (self.density or v[0] * v[1] > 0.0):
            return math.inf
        pole = 0.0 if self.density else math.log(v[1] / v[0])
        return self.log_moment(psi, 1.0) - self.log_moment(self.angle, 1.0) + pole + math.log((1.0 + 0.4 / z) * math.sqrt(6.3 / z))

    def chosen(self, limit: float) -> tuple[float, int, float, float]:
        """(h, J, delta above, delta below)."""
        top = self.log_moment(self.angle, 1.0)

        def ended(t: float) -> bool:
            return not self.log_moment(self.angle, math.cosh(t)) - top > -limit - 5.0

        low, high = 0.0, 2.0**-30
        while not ended(high):
            low, high = high, 2.0 * high
        for _ in range(8):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if ended(middle) else (middle, high)
        best = []
        for reach in (0.5 * math.pi - self.angle, -self.angle):
            shifts = [reach * 0.9**i for i in range(1, 200)]
            best.append(max((2.0 * math.pi * abs(s) / max(self.shifted(self.angle + s) + limit + 2.0, 1.0), abs(s)) for s in shifts))
        h = min(best)[0]
        if not h * MAX_NODES > high:
            raise ConvergenceError(f"level: more than {MAX_NODES} nodes on the contour; use method='exact' at this level")
        return h, int(high / h) + 1, best[0][1], best[1][1]
