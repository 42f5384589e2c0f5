r"""Rigorous enclosures of log P(A >= alpha) and log p(alpha) in ball arithmetic: truncation, discretisation and rounding are bounded.

    P(A >= alpha) = (1/2 pi i) int f(t) dt,   f(t) = M(kappa s^2)^N exp(-s alpha) s'(t)/s,   s(t) = s_0 (cosh t + (i/q) sinh t)

(the density: without 1/s).  Shifting t by i delta gives the hyperbola A cosh t + i B sinh t, A = s_0 (cos delta - sin delta/q),
B = s_0 (sin delta + cos delta/q).  While 0 < A <= B, Re s^2 <= A^2, |M(theta)| <= M(Re theta) and |s'/s| <= B/A, so that

    int |f(t + i delta)| dt <= M(kappa A^2)^N (B/A) 2 K_0(A alpha)            (the density: (A^2 + B^2)^(1/2) 2 K_1(A alpha)),
    2 K_0(x) <= (2 pi/x)^(1/2) exp(-x),   2 K_1(x) <= (2 pi/x)^(1/2) exp(-x) (1 + 3/(8x))             (DLMF 10.40.2, 10.40(iii)),

which is what the lemma of ldt.numerics.balls needs for both signs of delta.  Beyond t = T = Jh the terms are at most
M(Re theta(T))^N (1/q) exp(-alpha s_0 cosh t), which falls, and h sum_(j > J) is at most the integral from T,
exp(-x cosh T)/(x sinh T), x = alpha s_0.  Everything but the choice of s_0, T, h is rigorous, whatever is chosen; M is enclosed by
ldt.tails.certified_neuron.  Derived in docs/certified.md.  Valid for erf and linear activations, both overlaps, every N >= 1, level > 0.
"""

from __future__ import annotations

import math
from typing import Any

from ldt.errors import ConvergenceError, MethodError, ModelError
from ldt.numerics.balls import LOG2_10, Enclosure, aliasing, as_floats, digits_of, disc, flint, parts, precision, within
from ldt.results import Cost
from ldt.tails.certified_neuron import COARSE, neuron_of

LN10 = math.log(10.0)
BEND = 0.6
MAX_NODES = 1 << 17
MAX_DIGITS = 200
ATTEMPTS = 4


def run(model: Any, level: float, *, density: bool, side: str, digits: int = 12) -> dict[str, Any]:
    """The method 'certified' at level > 0: a dict of TailResult fields."""
    check_digits(digits)
    if level == 0.0:
        raise MethodError("level: 'certified' gives no density at 0; use method='exact'")
    log, fields = enclose(model, level, density=density, digits=digits)
    return answer(log, digits, fields)


def check_digits(digits: Any) -> None:
    """ModelError unless ``digits`` is an integer in range."""
    if type(digits) is not int or not 1 <= digits <= MAX_DIGITS:
        raise ModelError(f"digits: must be an integer from 1 to {MAX_DIGITS}, got {digits!r}")


def answer(log: Any, digits: int, fields: dict[str, Any]) -> dict[str, Any]:
    """TailResult fields of the ball ``log``."""
    logp, error = as_floats(log)
    settled = digits_of(log)
    detail = Enclosure(log.str(max(settled, digits) + len(str(int(abs(logp)))) + 5), settled, **fields)
    return {"logp": logp, "error": error, "error_kind": "bound", "detail": detail, "cost": Cost(nodes=fields["nodes"])}


def enclose(model: Any, level: float, *, density: bool = False, digits: int = 12) -> tuple[Any, dict[str, Any]]:
    """(ball of log P(A >= level) or log p(level), fields of its Enclosure), its radius at most 10^-digits.

    ConvergenceError where that takes more nodes or digits than allowed; MethodError without an enclosure of the neuron.
    """
    from ldt.tails.rate import rate_at

    flint()
    neuron = neuron_of(model)
    rates = rate_at(model, level)
    lost = (rates.nonconvex - rates.convex) / LN10 + 4.0
    for _ in range(ATTEMPTS):
        guard = 40 + math.log2(model.width) + math.log2(2.0 + rates.tilt * level)
        bits = int(LOG2_10 * (digits + lost) + guard)
        with precision(bits):
            log, fields = _Attempt(model, neuron, level, rates.tilt, density, (digits + lost) * LN10).run()
            if log.is_finite() and digits_of(log) >= digits:
                return log, {"bits": bits, **fields}
            lost += max(2.0, digits - digits_of(log) + 2.0) if log.is_finite() else max(10.0, lost)
    raise ConvergenceError(f"level: {digits} digits were not certified at level {level:g}; ask for fewer digits or use method='exact'")


class _Attempt:
    """One evaluation at the working precision; ``limit`` nats below the integrand's top is where each part of the error is aimed."""

    def __init__(self, model: Any, neuron: Any, level: float, saddle: float, density: bool, limit: float) -> None:
        arb = flint().arb
        self.neuron, self.n, self.density, self.limit = neuron, model.width, density, limit
        self.alpha, self.s0, self.q = arb(level), arb(saddle), arb(BEND)
        self.kappa = arb(model.prefactor) ** 2 * arb(model.readout_variance) / (2 * model.width)
        self.peak = self.height(self.s0)

    def path(self, t: Any) -> tuple[Any, Any]:
        """(s, ds/dt)."""
        ch, sh = t.cosh(), t.sinh()
        acb = flint().acb
        return acb(self.s0 * ch, self.s0 / self.q * sh), acb(self.s0 * sh, self.s0 / self.q * ch)

    def hyperbola(self, delta: float) -> tuple[Any, Any]:
        """(A, B) of the path shifted by i delta."""
        arb = flint().arb
        sine, cosine = arb(delta).sin(), arb(delta).cos()
        return self.s0 * (cosine - sine / self.q), self.s0 * (sine + cosine / self.q)

    # -- choices, in floats ------------------------------------------------------------------------------------------------

    def height(self, s: Any) -> float:
        """log of M(Re theta)^N |exp(-s alpha)|, roughly."""
        theta = self.kappa * s * s
        return float(self.n * self.neuron.rough(float(theta.real)) - float((s * self.alpha).real))

    def shifted(self, delta: float) -> float:
        """log of the bound of int |f(t + i delta)| dt over the peak, roughly; inf where there is none."""
        a, b = self.hyperbola(delta)
        if not (a > 0 and a <= b and self.kappa * a * a < self.neuron.theta_max):
            return math.inf
        return self.height(a) - self.peak + float(self.size(a, b).log())

    def size(self, a: Any, b: Any) -> Any:
        """The bound of int |f| on the hyperbola (A, B) without M^N exp(-A alpha)."""
        x = a * self.alpha
        kernel = (2 * flint().arb.pi() / x).sqrt()
        return kernel * ((a * a + b * b).sqrt() * (1 + 3 / (8 * x)) if self.density else b / a)

    def chosen(self) -> tuple[Any, int, float, float]:
        """(h, J, delta above, delta below)."""
        arb = flint().arb
        low, high = 0.0, 1.0 / 1024.0
        while self.height(self.path(arb(high))[0]) - self.peak > -self.limit - 3.0:
            low, high = high, 2.0 * high
        for _ in range(8):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if self.height(self.path(arb(middle))[0]) - self.peak < -self.limit - 3.0 else (middle, high)
        steps, deltas = [], []
        for sign in (1.0, -1.0):
            found = []
            for i in range(60):
                delta = sign * 0.6 * 0.85**i
                need = self.shifted(delta) + self.limit + 2.0
                found.append((2.0 * math.pi * abs(delta) / max(need, 1.0), delta))
            steps.append(max(found)[0])
            deltas.append(max(found)[1])
        h = min(steps)
        if not h * MAX_NODES > high:
            raise ConvergenceError(f"level: more than {MAX_NODES} nodes on the contour; use method='exact' at this level")
        return arb(h), int(high / h) + 1, deltas[0], -deltas[1]

    # -- the sum and its bounds ------------------------------------------------------------------------------------------

    def power(self, theta: Any) -> tuple[Any, Any, Any]:
        """(M^N of the trapezoidal sum, enclosure of M^N with its cut, with its discretisation as well)."""
        m, cut, discretised = self.neuron.moment(theta)
        return m, m + disc(cut), m + disc(cut + discretised)

    def bound(self, theta: Any) -> Any:
        """An upper bound of M(theta)^N at real theta."""
        return self.power(flint().acb(theta))[2].real ** self.n

    def run(self) -> tuple[Any, dict[str, Any]]:
        """(ball of log P or log p, fields)."""
        arb = flint().arb
        with precision(COARSE):
            h, count, above, below = self.chosen()
        end = h * count
        probes = []
        with precision(COARSE):
            for i in range(9):
                s, ds = self.path(end * i / 8)
                theta = self.kappa * s * s
                weight = self.height(s) - self.neuron.rough(float(theta.real)) - self.peak + math.log(self.n * max(1.0, float(end)))
                probes.append((theta, weight))
            # where only the bound of M^N is taken, M must be known to 1/N
            theta = self.kappa * self.hyperbola(-below)[0] ** 2
            probes.append((theta, math.log(self.n) + 1.0 - self.limit - self.neuron.rough(float(theta))))
        self.neuron.prepare(probes, self.limit + 2.0)
        total, rounding, cut_inner = arb(0), arb(0), arb(0)
        for j in range(count + 1):
            s, ds = self.path(j * h)
            rest = (-s * self.alpha).exp() * (ds if self.density else ds / s) * (h / 2 if j == 0 else h)
            bare, with_cut, whole = self.power(self.kappa * s * s)
            term = (whole**self.n * rest).imag
            rounding += arb((bare**self.n * rest).imag.rad())
            cut_inner += arb((with_cut**self.n * rest).imag.rad())
            total += term
        inner = arb(total.rad())
        x = self.alpha * self.s0
        s, _ = self.path(end)
        size = (1 / self.q if not self.density else self.s0 * (1 + self.q**-2).sqrt() * end.cosh()) / (x * end.sinh())
        if self.density and not x * end.cosh() > 1:
            raise ConvergenceError("level: the contour ends too early; use method='exact'")
        cut = self.bound((self.kappa * s * s).real) * (-x * end.cosh()).exp() * size
        outer = arb(0)
        for delta, distance in ((above, above), (-below, below)):
            a, b = self.hyperbola(delta)
            if not (a > 0 and a <= b and self.kappa * a * a < self.neuron.theta_max):
                raise ConvergenceError("level: its saddle is too close to the end of the range of the tilt; use method='exact'")
            outer += self.bound(self.kappa * a * a) * (-a * self.alpha).exp() * self.size(a, b) * aliasing(arb(distance), h) / 2
        value = (total + within(cut) + within(outer)) / arb.pi()
        fields = {"nodes": count + 1, "inner": self.neuron.inner}
        shares = parts(total, cut + cut_inner - rounding, outer + inner - cut_inner, rounding)
        fields |= dict(zip(("cut", "discretised", "rounding"), shares, strict=True))
        return value.log() if value > 0 else arb("nan"), fields
