r"""Rigorous enclosures of log P(A >= x) and log p(x) of the sum of cubes, ldt.CubicSum, in ball arithmetic.

With phi(s) = E exp(s a^3) in the upper half-plane and t = x (15 N)^(1/2) (ldt.models.cubic, ldt.tails.cut),

    P(A >= x) = (1/pi) Im int_C phi(s)^N exp(-st) ds/s,      p(x) = ((15 N)^(1/2)/pi) Im int_C phi(s)^N exp(-st) ds,

C: the cut from 0 to s_1, then a ray.  On the cut phi = B + iA, A = f exp(-xi) Ai(y), B = f exp(-xi) Bi(y), f = (pi/2)^(1/2) (3s)^(-1/3),
y = (3s)^(-4/3)/4, xi = 1/(108 s^2), and Im phi^N = (A^2 + B^2)^(N/2) sin(N arctan(A/B)), analytic while |A/B| < 1.  Both pieces are
integrated by ``acb.integral`` (adaptive Gauss-Legendre rules with rigorous errors: Petras 2002, Johansson 2018), and what is left out
is bounded:

* below s_0 on the cut, by A <= exp(-2 xi)/2 and B <= 1 + 0.2215/xi for xi > 15 (docs/certified.md): Im phi^N <= (N/2) exp(-2 xi)
  (1 + 24 s^2)^N, whose integral over ds/s is at most (N/2) (1 + 24 s_0^2)^N exp(-v)/(2v), v = 1/(54 s_0^2), for v > 30;
* beyond s_2 on the ray, by |phi(s)| <= (2 pi)^(1/2) (3|s|)^(-1/3) exp(1/(108 |s|^2)) max |Ai| over the disc |z| <= (3|s|)^(-4/3)/4, which
  falls with |s|: at most |phi|^N exp(-t Re s_2)/(|s_2| t cos psi).

s_1 and the angle psi are taken from the fast method; any choice is right.  Derived in docs/certified.md.  Valid for
N <= 2000 (the balls of phi^N need some hundred N nodes) and level > 0.
"""

from __future__ import annotations

import math
from typing import Any

from ldt.errors import ConvergenceError, MethodError
from ldt.models.cubic import CubicSum
from ldt.numerics.balls import LOG2_10, digits_of, flint, parts, precision, within
from ldt.tails.certified import answer, check_digits
from ldt.tails.cut import log_upper

ANGLE = math.radians(63.0)
MAX_TERMS = 2000
MAX_EVALUATIONS = 1_000_000
ATTEMPTS = 3


def run(model: Any, level: float, *, density: bool, side: str, digits: int = 12) -> dict[str, Any]:
    """The method 'certified' of a CubicSum at level > 0: a dict of TailResult fields."""
    check_digits(digits)
    if not isinstance(model, CubicSum):
        raise MethodError("method: of heavy sums 'certified' knows CubicSum only; use method='exact'")
    if model.n > MAX_TERMS:
        raise MethodError(f"method: 'certified' is for at most {MAX_TERMS} cubes; use method='exact'")
    if level == 0.0:
        raise MethodError("level: 'certified' gives no density at 0; use method='exact'")
    log, fields = enclose(model, level, density=density, digits=digits)
    return answer(log, digits, fields)


def enclose(model: CubicSum, level: float, *, density: bool = False, digits: int = 12) -> tuple[Any, dict[str, Any]]:
    """(ball of log P(A >= level) or log p(level), fields of its Enclosure), its radius at most 10^-digits."""
    flint()
    t = level * math.sqrt(15.0 * model.n)
    scale, _, _, detail = log_upper(model.term.law, model.n, t, density)
    extra = 0.0
    for _ in range(ATTEMPTS):
        bits = int(LOG2_10 * (digits + extra) + 64 + 1.5 * math.log2(model.n) + math.log2(2.0 + abs(scale)))
        with precision(bits):
            path = _Path(model.n, level, detail.turn, scale, density, digits + extra + 1.6)
            log, fields = path.run()
            if log.is_finite() and digits_of(log) >= digits:
                return log, {"bits": bits, **fields}
        extra += 3.0
    raise ConvergenceError(f"level: {digits} digits were not certified at level {level:g}; ask for fewer digits or use method='exact'")


class _Path:
    """The two integrals, over exp(scale), and the bounds of what they leave out."""

    def __init__(self, n: int, level: float, turn: float, scale: float, density: bool, digits: float) -> None:
        arb = flint().arb
        self.n, self.density, self.scale = n, density, arb(scale)
        self.root = (15 * arb(n)).sqrt()
        self.t = arb(level) * self.root
        self.turn, self.digits = turn, digits
        self.evaluations = 0

    def weight(self, s: Any) -> Any:
        """exp(-st - scale)/s, or without 1/s."""
        value = (-s * self.t - self.scale).exp()
        return value if self.density else value / s

    def on_cut(self, s: Any, analytic: bool) -> Any:
        """Im[phi^N] exp(-st)/s for s near the positive axis."""
        acb, arb = flint().acb, flint().arb
        self.evaluations += 1
        root = (-(3 * s).log() / 3).exp()
        y, xi = root**4 / 4, 1 / (108 * s * s)
        ai, bi = y.airy_ai(), y.airy_bi()
        ratio = ai / bi
        if analytic and not (s.real > 0 and abs(ratio) < 1):
            return acb("nan")
        size = (arb.pi() / 2).sqrt() * root * (-xi).exp() * bi
        return size**self.n * (1 + ratio * ratio) ** (arb(self.n) / 2) * (self.n * ratio.atan()).sin() * self.weight(s)

    def off_cut(self, s: Any, analytic: bool) -> Any:
        """phi^N exp(-st)/s, phi continued from the upper half-plane."""
        acb, arb = flint().acb, flint().arb
        self.evaluations += 1
        k = acb(s.imag, -s.real)
        if analytic and not (k.real > 0 or k.imag < 0 or k.imag > 0):
            return acb("nan")
        root = (-(3 * k).log() / 3).exp()
        phi = (2 * arb.pi()).sqrt() * root * (1 / (108 * k * k)).exp() * (root**4 / 4).airy_ai()
        return phi**self.n * self.weight(s)

    def start(self) -> float:
        """s_0 below which the bound says that nothing is left."""
        need = self.digits * math.log(10.0) + math.log(self.n) + abs(float(self.scale)) + 30.0
        v = 0.5 * (need + math.sqrt(need * need + 96.0 * self.n / 54.0))
        return 1.0 / math.sqrt(54.0 * v)

    def below(self, s: Any) -> Any:
        """The bound of the cut's integral from 0 to s."""
        v = 1 / (54 * s * s)
        value = self.n * (1 + 24 * s * s) ** self.n * (-v - self.scale).exp() / 2
        return value * s if self.density else value / (2 * v)

    def beyond(self, s: Any) -> Any:
        """The bound of the ray's integral from s."""
        arb, acb = flint().arb, flint().acb
        size = abs(s)
        z = (-(3 * size).log() * 4 / 3).exp() / 4
        box = acb(within(z), within(z))
        phi = (2 * arb.pi()).sqrt() * (-(3 * size).log() / 3).exp() * (1 / (108 * size * size)).exp() * box.airy_ai().abs_upper()
        value = phi**self.n * (-self.t * s.real - self.scale).exp() / (self.t * arb(ANGLE).cos())
        return value if self.density else value / size

    def run(self) -> tuple[Any, dict[str, Any]]:
        """(ball of the logarithm, fields)."""
        acb, arb = flint().acb, flint().arb
        goal = arb(10) ** arb(-self.digits)
        first = self.start()
        self.turn = max(self.turn, first)
        jump = acb(0)
        if first < self.turn:
            jump = acb.integral(self.on_cut, acb(first), acb(self.turn), rel_tol=goal, abs_tol=goal, eval_limit=MAX_EVALUATIONS)
        turn = acb(arb(ANGLE).cos(), arb(ANGLE).sin())
        length, a = max(0.5, self.turn), acb(self.turn)
        ray, left = acb(0), arb("inf")
        for _ in range(60):
            b = acb(self.turn) + length * turn
            ray += acb.integral(self.off_cut, a, b, rel_tol=goal, abs_tol=goal, eval_limit=MAX_EVALUATIONS)
            left = self.beyond(b)
            if left < goal / 4:
                break
            a, length = b, 2.0 * length
        lost = self.below(arb(first)) + left
        total = jump.real + ray.imag
        value = (total + within(lost)) / arb.pi()
        if self.density:
            value = value * self.root
        # acb.integral gives one radius for the rule and for rounding
        cut, discretised = parts(total, lost, arb(total.rad()))
        fields = {"nodes": self.evaluations, "inner": 0, "cut": cut, "discretised": discretised, "rounding": discretised}
        return (value.log() + self.scale if value > 0 else arb("nan")), fields
