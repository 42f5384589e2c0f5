r"""Rigorous enclosures of one neuron's transform, M(theta) = E exp(theta g^2), in ball arithmetic (for ldt.tails.certified).

With a = d/sigma_w^2 and z the standardised coordinate, M(theta) = int p(z) exp(theta g^2(z)) dz is taken by the trapezoidal rule:

* g^2 = u^2 Q(u^2)^2 with u^2 = z^2/(a c + 2 z^2), c = 1 + 2 sigma_w^2 (concentrated) or 1 (full), Q the polynomial of the erf overlap;
* p(z) = phi(z) r(z^2), r = 1 (concentrated) or r(y) = E sqrt(1 + 2 rho) exp(-y rho) = (a/4)^(n/2) U(n/2, (n+3)/2, a/4 + y/2),
  n = d - 1, U Tricomi's function (full); r falls with Re y, and |r(y)| <= r(Re y).

*Cut.*  u^2 < 1/2, so g^2 <= G; beyond z = Z = Jh the sum is at most r(0) exp(G max(Re theta, 0)) times the normal mass beyond Z.
*Discretisation.*  The lemma of ldt.numerics.balls on the line Im z = eta, where the modulus is bounded interval by interval,

    |p(z + i eta)| <= phi(z) exp(eta^2/2) r(z^2 - eta^2),     Re theta g^2 <= its largest value over the ball of g^2 of the interval.

Linear overlaps need neither: M = (1 - theta/theta_max)^(-1/2).  Derived in docs/certified.md.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from ldt.errors import ConvergenceError, MethodError
from ldt.numerics.balls import aliasing, disc, flint, precision

#: Precision of bounds, which need no digits.
COARSE = 64
MAX_INNER = 1 << 15


def neuron_of(model: Any) -> Any:
    """The enclosure of the model's neuron; MethodError where there is none."""
    if model.activation == "linear":
        return LinearNeuron(model)
    if model.activation == "erf":
        return ErfNeuron(model)
    raise MethodError(f"activation: 'certified' knows erf and linear, not {model.activation_name}; use method='exact' or 'mpmath'")


class LinearNeuron:
    """g = y_1 w_1: everything in closed form."""

    inner = 0

    def __init__(self, model: Any) -> None:
        arb = flint().arb
        with precision(4096):  # more than any number of digits needs
            slope = arb(dict(model.target)[1])
            self.theta_max = arb(model.dim) / arb(model.weight_variance) / (2 * slope * slope)

    def rough(self, theta: float) -> float:
        """log M at a real theta, for choices."""
        x = theta / float(self.theta_max)
        return -0.5 * math.log1p(-x) if x < 1.0 else math.inf

    def prepare(self, probes: list[tuple[Any, float]], limit: float) -> None:
        """Nothing to prepare."""

    def moment(self, theta: Any) -> tuple[Any, Any, Any]:
        """(M(theta), bound of its cut, bound of its discretisation)."""
        zero = flint().arb(0)
        return (1 - theta / self.theta_max) ** flint().acb(-0.5), zero, zero


class ErfNeuron:
    """g a polynomial in u: a trapezoidal sum with its bounds."""

    theta_max = math.inf

    def __init__(self, model: Any) -> None:
        arb = flint().arb
        self.model, self.full, self.n = model, model.overlap == "full", model.dim - 1
        with precision(COARSE):
            self.d_effective = float(self.a)
            self.spread = self.r(arb(0))
            self.top = sum((abs(v) * arb(0.5) ** (arb(k) / 2) for k, v in self.polynomial()), arb(0)) ** 2
            self.strip = math.sqrt(self.d_effective * float(self.c) / 2.0)
        self.width = min(0.25, self.strip / 4.0)
        self._coarse: list[tuple[float, float]] = []
        self.rows: list[tuple[Any, Any]] = []

    @property
    def a(self) -> Any:
        """d/sigma_w^2 at the working precision."""
        return flint().arb(self.model.dim) / flint().arb(self.model.weight_variance)

    @property
    def c(self) -> Any:
        """u^2 = z^2/(a c + 2 z^2)."""
        return flint().arb(1) if self.full else 1 + 2 * flint().arb(self.model.weight_variance)

    def polynomial(self) -> list[tuple[int, Any]]:
        """(k, coefficient of u^k) of the unit overlap, odd k; one He_k alone is u^k itself."""
        arb, terms = flint().arb, [(k, y) for k, y in self.model.target if k % 2]
        if len(self.model.target) == 1:
            return [(terms[0][0], arb(1))]
        return [(k, arb(y) * 2 / arb.pi().sqrt() * (-1) ** (k // 2) * arb(k - 1).fac() / arb(k // 2).fac()) for k, y in terms]

    def g2(self, square: Any, polynomial: list[tuple[int, Any]]) -> Any:
        """g^2 at z^2 = ``square`` (a real or complex ball)."""
        # 1/2 - (c a/2)/(c a + 2 z^2): z^2 once only, so that the ball of an interval is not wider than it must be
        ac = self.a * self.c
        return self._g2_of((1 - ac / (ac + 2 * square)) / 2, polynomial)

    @staticmethod
    def _g2_of(u2: Any, polynomial: list[tuple[int, Any]]) -> Any:
        """u^2 Q(u^2)^2."""
        q = sum((v * math.prod([u2] * (k // 2)) for k, v in polynomial), 0 * u2)  # u2 ** 1 is NaN for a ball around 0
        return u2 * q * q

    def r(self, y: Any) -> Any:
        """The factor of the normal density at y = z^2 (real)."""
        arb = flint().arb
        if not self.full:
            return arb(1)
        n, a, ctx = arb(self.n), self.a, flint().ctx
        bits = ctx.prec
        for _ in range(6):  # Tricomi's function loses digits for large n: give it more
            value = (a / 4) ** (n / 2) * (a / 4 + y / 2).hypgeom_u(n / 2, (n + 3) / 2)
            if value.rel_accuracy_bits() > bits - 24 or not y.is_exact():
                break
            ctx.prec *= 2
        ctx.prec = bits
        if not value.is_finite():
            raise ConvergenceError("overlap: the density of one neuron could not be enclosed; use method='exact'")
        return +value

    def rough(self, theta: float) -> float:
        """log M at a real theta in floats, for choices only."""
        reach = math.sqrt(2.0 * (max(theta, 0.0) * float(self.top) + 45.0))
        count = int(reach / self.width) + 1
        if count > MAX_INNER:
            raise ConvergenceError(f"level: more than {MAX_INNER} nodes over one neuron's weights; use method='exact'")
        if len(self._coarse) < count:
            with precision(COARSE):
                for j in range(len(self._coarse), count):
                    z = flint().arb(j * self.width)
                    p = self.r(z * z).log() - z * z / 2 - (2 * flint().arb.pi()).log() / 2
                    self._coarse.append((float(p), float(self.g2(z * z, self.polynomial()))))
        logs = [p + theta * g for p, g in self._coarse[:count]]
        best = max(logs)
        return best + math.log(self.width * (2.0 * math.fsum(math.exp(x - best) for x in logs) - math.exp(logs[0] - best)))

    # -- the line Im z = eta ---------------------------------------------------------------------------------------------

    def line(self, eta: float, reach: float) -> list[tuple[Any, Any]]:
        """(bound of int |p| over an interval of Re z > 0, ball of g^2 there); the last interval is unbounded."""
        arb, acb = flint().arb, flint().acb
        polynomial, lift, below = self.polynomial(), (arb(eta) ** 2 / 2).exp(), arb(eta) ** 2
        width = max(self.width, reach / 400.0)
        edges = [k * width for k in range(int(1.2 * reach / width) + 2)]
        while edges[-1] < 4.0 * reach:  # out to where the normal density beats every g^2
            edges.append(1.05 * edges[-1])
        tails = [(arb(x) / arb(2).sqrt()).erfc() / 2 for x in edges]
        out = []
        for k, (x, y) in enumerate(itertools.pairwise(edges)):
            z = acb(arb(0.5 * (x + y), 0.5 * (y - x) * (1.0 + 2.0**-40)), arb(eta))
            mass = (tails[k] - tails[k + 1]) * lift * self.r(arb(x) ** 2 - below)
            out.append((mass.abs_upper(), self.g2(z * z, polynomial)))
        end, ac = arb(edges[-1]) ** 2 - below, self.a * self.c
        far = disc(ac / (ac + 2 * end))  # |a c/(a c + 2 z^2)| from there on
        return [*out, ((tails[-1] * lift * self.r(end)).abs_upper(), self._g2_of((1 - far) / 2, polynomial))]

    @staticmethod
    def line_bound(line: list[tuple[Any, Any]], theta: Any) -> Any:
        """A bound of int |p exp(theta g^2)| over the whole line (z and -z have conjugate g^2)."""
        re, im = theta.real, theta.imag
        total = flint().arb(0)
        for mass, ball in line:
            along, across = re * ball.real, im * ball.imag
            total += mass * ((along - across).exp().abs_upper() + (along + across).exp().abs_upper())
        return total

    def prepare(self, probes: list[tuple[Any, float]], limit: float) -> None:
        """Choose cut, line and step for the contour through the ``probes``, (theta, log of what an error of M there is multiplied with);
        the bounds themselves are taken wherever M is."""
        arb, acb = flint().arb, flint().acb
        tops = [max(float(theta.real), 0.0) * float(self.top) + weight for theta, weight in probes]
        reach = math.sqrt(2.0 * (max(*tops, 0.0) + limit))
        best: tuple[float, float, list[tuple[Any, Any]]] = (0.0, 0.0, [])
        with precision(COARSE):
            for i in range(12):
                eta = 0.9 * self.strip * 0.7**i
                if eta > 0.5 * reach:
                    continue
                line = self.line(eta, reach)
                needs = [float(self.line_bound(line, acb(theta)).log()) + weight + limit for theta, weight in probes]
                step = 2.0 * math.pi * eta / max(1.0, *needs) if all(map(math.isfinite, needs)) else 0.0
                if step > best[0]:
                    best = (step, eta, line)
        step, self.eta, self.on_line = best
        if not step * MAX_INNER > reach:
            raise ConvergenceError(f"level: more than {MAX_INNER} nodes over one neuron's weights; use method='exact'")
        self.step = arb(math.ldexp(math.floor(math.ldexp(step, 12)), -12)) if step > 2.0**-9 else arb(step)
        self.inner = int(reach / float(self.step)) + 1
        polynomial, norm = self.polynomial(), 2 * self.step / (2 * arb.pi()).sqrt()
        self.rows = []
        for j in range(self.inner):
            square = (j * self.step) ** 2
            weight = norm * (-square / 2).exp() * self.r(square)
            self.rows.append((weight if j else weight / 2, self.g2(square, polynomial)))
        end = (self.inner - 1) * self.step
        with precision(COARSE):
            self.beyond = self.spread * (end / arb(2).sqrt()).erfc()
            self.factor = 2 * aliasing(arb(self.eta), self.step)

    def moment(self, theta: Any) -> tuple[Any, Any, Any]:
        """(the trapezoidal sum at theta, bound of its cut, bound of its discretisation)."""
        total = flint().acb(0)
        for weight, gg in self.rows:
            total += weight * (theta * gg).exp()
        ctx = flint().ctx
        bits, ctx.prec = ctx.prec, COARSE
        real = theta.real.upper()
        cut = self.beyond * (real * self.top if real > 0 else 0 * real).exp()
        discretised = self.factor * self.line_bound(self.on_line, theta)
        ctx.prec = bits
        return total, cut, discretised
