r"""The slow, obvious evaluation of a tail or density to any number of digits (mpmath): the check on every other method.

    P(A >= alpha) = (1/2 pi i) int exp(K(s) - s alpha) ds/s,   p(alpha) = (1/2 pi i) int exp(K(s) - s alpha) ds,
    K(s) = N log M(kappa s^2),   kappa = c^2 sigma_a^2/(2N),   M(theta) = E exp(theta g^2),        (docs/theory.md)

over any path from -i oo to +i oo that passes the pole s = 0 on its right.  The path here is the hyperbola

    s(t) = s_0 (cosh t + (i/q) sinh t),   t real,   0 < q < 1,

through the saddle s_0.  On it Re theta = kappa s_0^2 (1 - (1/q^2 - 1) sinh^2 t) <= kappa s_0^2, so M exists wherever it does
at the saddle, and |M(theta)| <= M(Re theta), which falls as t grows.  Shifting t by i delta gives a hyperbola again.  So both
errors of a trapezoid sum over t have bounds that need M at real arguments only: the part cut off beyond t = T, and the
aliasing, at most (integral of |integrand| on the shifted path)/(exp(2 pi delta/h) - 1) for either sign of delta.  T and h are
chosen from these bounds, and the step of the sum behind M from its like, not from the agreement of two sums: with strong
cancellation the integrand turns many times within one step and sums at h and h/2 may agree on a wrong number.

No sectors, no asymptotics, no compiled loops.  Two sums that share neither contour nodes nor overlap nodes are compared,
their rounding is bounded term by term, and the working precision is raised until the cancellation cannot hurt.

Derived in docs/theory.md; one neuron in ldt.tails.multiprecision_neuron.  Valid for any N >= 1 and level > 0.  The price is
about (contour nodes) x (overlap nodes) x 15 microseconds; both grow with the cancellation, which is exp(-log P - I) for the
Chernoff value I (36 nats at N = 12, d = 400, level 1).  This file shares no code with the fast methods.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ldt.errors import ConvergenceError, ModelError
from ldt.results import Cost
from ldt.tails.multiprecision_neuron import LN10, Grid, Neuron, log_sum, make_grid, reach_of, tilted

BEND = 0.6  # q: near 1 the path bends early and is short, near 0 it stays on the vertical line; any 0 < q < 1 is right.
MAX_NODES = 1 << 18
MAX_LOST = 2000  # decimal digits of cancellation


def tail_mp(model: Any, level: Any, *, dps: int = 20, quantity: str = "tail") -> tuple[Any, Any, int]:
    """log P(A >= level) or log p(level) in nats, to ``dps`` digits after the point.

    Parameters
    ----------
    model : AlignmentSum
        Its numbers are taken as the doubles they are; a named convention of c is the double ``model.prefactor``.
    level : float, str or mpf
        Greater than 0; a string keeps all its digits.
    dps : int
        The answer's absolute error is at most 10^-dps nats.  1 to 1000.
    quantity : {"tail", "density"}

    Returns
    -------
    logp : mpf
    error : mpf
        Absolute error of ``logp``: the difference of two sums that share neither contour nodes nor overlap nodes, plus
        the bounds of cut, aliasing and rounding.
    nodes : int
        Contour nodes evaluated, failed attempts included.

    Raises
    ------
    ModelError
        Level, dps or quantity outside what is allowed.
    MethodError
        A user's callable, or tanh with the full overlap: not available to arbitrary precision.
    ConvergenceError
        More than 2^18 contour nodes, 2^15 overlap nodes or 2000 digits of cancellation: the level is out of reach.

    Examples
    --------
    The sum of C products of Gaussians is a variance-gamma variable; for C = 2 it is Laplace, here with scale 1/2.

    >>> from ldt.models.alignment import AlignmentSum
    >>> laplace = AlignmentSum(width=2, dim=2, activation="linear", target=1)
    >>> logp, error, nodes = tail_mp(laplace, 3)
    >>> abs(logp - (-6 - math.log(2))) < 1e-14 and error <= 1e-20
    True
    """
    import mpmath

    if quantity not in ("tail", "density"):
        raise ModelError(f"quantity: must be 'tail' or 'density', got {quantity!r}")
    if isinstance(dps, bool) or not isinstance(dps, int) or not 1 <= dps <= 1000:
        raise ModelError(f"dps: must be an integer from 1 to 1000, got {dps!r}")
    ctx = mpmath.MPContext()  # our own: the user's mpmath.mp keeps its precision
    ctx.dps = dps + 30
    try:
        alpha = ctx.mpf(level if isinstance(level, str) else getattr(level, "_mpf_", None) or float(level))
    except (TypeError, ValueError):
        raise ModelError(f"level: must be a number greater than 0, got {level!r}") from None
    if not ctx.isfinite(alpha) or alpha <= 0:
        raise ModelError(f"level: must be a finite number greater than 0, got {level!r}")
    fast = Neuron(model, mpmath.fp)
    goal = _Goal(model, alpha, _saddle(model, fast, float(alpha)), dps, quantity == "tail")
    lost, refine, seen, neuron = 10, 1, 0, None
    size = int(math.log10(model.width) + max(0.0, math.log10(goal.saddle * float(alpha))))
    while lost <= MAX_LOST and refine <= 64:
        digits = dps + 12 + lost + size
        if neuron is None or neuron.ctx.dps != digits:
            ctx = mpmath.MPContext()
            ctx.dps = digits
            neuron = Neuron(model, ctx)
        attempt = _Attempt(neuron, fast, goal, dps + 3 + lost, refine)
        try:
            logp, error = attempt.run()
        except _CancelsError as short:
            lost = max(2 * lost, lost + 3 + short.digits)
            seen += attempt.seen
        except _CoarseError:
            refine *= 2
            seen += attempt.seen
        else:
            return mpmath.mp.make_mpf(logp._mpf_), mpmath.mp.make_mpf(error._mpf_), seen + attempt.seen
    raise ConvergenceError(f"mpmath: the contour sum cancels by more than {MAX_LOST} digits at this level; use method='exact'")


@dataclass(frozen=True)
class _Goal:
    """What is asked: the level, the saddle to go through, digits, tail or density."""

    model: Any
    alpha: Any
    saddle: float
    dps: int
    tail: bool


class _CancelsError(Exception):
    """The terms cancel by more digits than were allowed for."""

    def __init__(self, shortfall: Any) -> None:
        self.digits = max(0, int(math.log10(float(shortfall)))) if shortfall < 1e300 else 300


class _CoarseError(Exception):
    """The two sums differ by more than was asked: the step of the sums over one neuron is too long."""


# -- the contour -------------------------------------------------------------------------------------------------------------


def _scale(model: Any, ctx: Any) -> Any:
    """kappa = c^2 sigma_a^2/(2N)."""
    return ctx.mpf(model.prefactor) ** 2 * ctx.mpf(model.readout_variance) / (2 * ctx.mpf(model.width))


def _saddle(model: Any, fast: Neuron, alpha: float) -> float:
    """s_0 > 0 with K'(s_0) = alpha, to a few digits: any s_0 in the range of the tilt is right, a good one is cheap."""
    kappa, n = float(_scale(model, fast.ctx)), float(model.width)

    def slope(s: float) -> float:
        """K'(s) = 2 kappa s N d log M/d theta."""
        theta = kappa * s * s
        return 2.0 * kappa * s * n * tilted(fast, theta)[1]

    end = math.sqrt(fast.theta_max / kappa)
    s = alpha / (2.0 * n * kappa * fast.sup) if math.isfinite(fast.sup) else end / 1024.0
    while slope(s) > alpha:
        s /= 8.0
    low = s
    for _ in range(2000):
        if slope(s) >= alpha or s >= end * (1.0 - 1e-9):
            break
        low, s = s, min(2.0 * s, (s + end) / 2.0)
    for _ in range(30):
        middle = math.sqrt(low * s)
        low, s = (middle, s) if slope(middle) < alpha else (low, middle)
    return s


class _Attempt:
    """One evaluation at fixed working digits and depth; raises _CancelsError or _CoarseError when they do not do.

    ``depth`` decimal digits below the integrand's top are the limit of each part of the error: cut, t step, z step.
    """

    def __init__(self, neuron: Neuron, fast: Neuron, goal: _Goal, depth: int, refine: int) -> None:
        self.ctx = ctx = neuron.ctx
        self.fast, self.limit = fast, depth * LN10
        self.alpha, self.s0, self.n = ctx.mpf(goal.alpha), ctx.mpf(goal.saddle), goal.model.width
        self.tol, self.tail, self.seen = ctx.mpf(10) ** (-goal.dps), goal.tail, 0
        self.kappa = _scale(goal.model, ctx)
        self.theta0 = self.kappa * self.s0**2
        log_m0 = tilted(fast, float(self.theta0))[0]
        self.base = self.n * ctx.mpf(log_m0) - self.s0 * self.alpha
        if not self.tail:
            self.base += ctx.log(self.s0)
        # Terms of M below eps M(theta_0) are rounding.
        self.floor, self.m0 = float(ctx.log(ctx.eps)) + log_m0, ctx.exp(log_m0)
        self.t_end = self.find_end()
        step = self.overlap_step() / refine
        self.grids = [make_grid(neuron, fast, step, offset, self.theta0, self.floor) for offset in (0.0, 0.5)]

    def path(self, t: Any, tilt: float = 0.0) -> tuple[Any, Any]:
        """(s, ds/dt) at t + i tilt: again a hyperbola A cosh t + i B sinh t."""
        ctx = self.ctx
        a = self.s0 * (ctx.cos(tilt) - ctx.sin(tilt) / BEND)
        b = self.s0 * (ctx.sin(tilt) + ctx.cos(tilt) / BEND)
        ch, sh = ctx.cosh(t), ctx.sinh(t)
        return ctx.mpc(a * ch, b * sh), ctx.mpc(a * sh, b * ch)

    def term(self, t: Any, grid: Grid) -> tuple[Any, Any]:
        """(integrand with respect to t, its rounding error), both over exp(base)."""
        ctx = self.ctx
        s, ds = self.path(t)
        theta = self.kappa * s * s
        m = grid.moment(theta, self.floor)
        log_m = ctx.log(m)
        value = ctx.exp(self.n * log_m - s * self.alpha - self.base) * (ds / s if self.tail else ds)
        # M is off by eps M(theta_0) for every node left out and by the rounding of theta g^2; the exponent by its own parts.
        loss = self.n * (self.m0 / abs(m) * (grid.scanned + 10 + abs(theta) * grid.top) + abs(log_m))
        self.seen += 1
        return ctx.im(value), abs(value) * ctx.eps * (loss + abs(s) * self.alpha + abs(self.base) + 10)

    def log_bound(self, s: Any) -> float:
        """log of M(Re theta)^N |exp(-s alpha)| over exp(base), to a few digits."""
        m = tilted(self.fast, float(self.ctx.re(self.kappa * s * s)))[0]
        return float(self.n * self.ctx.mpf(m) - self.ctx.re(s) * self.alpha - self.base)

    def log_cut(self, t: Any) -> float:
        r"""log of a bound of int_t^oo |integrand| dt', by |M(theta)| <= M(Re theta), which falls in t, with

        |s'/s| <= 1/q, |s'| <= s_0 (1 + 1/q^2)^(1/2) cosh t and int_t^oo exp(-x cosh) dt' <= exp(-x cosh t)/(x sinh t).
        """
        size = 1 / BEND if self.tail else self.s0 * math.hypot(1, 1 / BEND) * self.ctx.cosh(t)
        return self.log_bound(self.path(t)[0]) + float(self.ctx.log(size / (self.s0 * self.alpha * self.ctx.sinh(t))))

    def find_end(self) -> Any:
        """T with the cut below the limit."""
        low, high = self.ctx.zero, self.ctx.mpf(1) / 1024
        while self.log_cut(high) > -self.limit:
            low, high = high, high * 2
        for _ in range(6):
            middle = (low + high) / 2
            low, high = (low, middle) if self.log_cut(middle) <= -self.limit else (middle, high)
        return high

    def log_shifted(self, tilt: float) -> float:
        """log of a bound of int |integrand(t + i tilt)| dt over all t; inf where the bound does not hold.

        On the hyperbola (A, B), 0 < A <= B: Re theta <= kappa A^2, |s'/s| <= B/A, |s'| <= (A^2 + B^2)^(1/2) cosh t, and with
        x = A alpha the integrals of exp(-x cosh t) and cosh t exp(-x cosh t) are 2 K_0 and 2 K_1(x), at most
        (2 pi/x)^(1/2) exp(-x) (1 + 1/x) (without the bracket for K_0).
        """
        s, ds = self.path(self.ctx.zero, tilt)
        a, b = float(s.real), float(ds.imag)
        if not 0 < a <= b or float(self.kappa) * a * a >= self.fast.theta_max:
            return math.inf
        x = a * float(self.alpha)
        size = b / a if self.tail else math.hypot(a, b) * (1.0 + 1.0 / x)
        return self.log_bound(s) + math.log(size) + 0.5 * math.log(2.0 * math.pi / x)

    def contour_step(self) -> float:
        """h with the aliasing error of a trapezoid sum, the shifted integrals over exp(2 pi tilt/h) - 1, below the limit."""
        steps = []
        for sign in (1.0, -1.0):
            tilts = [sign * 0.6 * 0.85**i for i in range(120)]
            need = ((abs(tilt), self.log_shifted(tilt) + self.limit + 1.0) for tilt in tilts)
            steps.append(max(2.0 * math.pi * tilt / max(log, 1.0) for tilt, log in need))
        if not min(steps) > 0.0:
            raise ConvergenceError("level: its saddle is too close to the end of the range of the tilt; use method='exact'")
        return min(steps)

    def overlap_step(self) -> float:
        """z step with the same kind of bound for M: the integral over the line z + i eta over exp(2 pi eta/step) - 1.

        Taken at 13 points of the path and, of the eta inside the strip where the integrand is analytic, with the best.
        """
        fast, fp, steps = self.fast, self.fast.ctx, []
        if fast.activation == "linear":
            return 0.5
        reach = reach_of(fast, float(self.theta0), self.floor)
        z_step = max(0.25, reach / 2000.0)
        # Evenly spaced z, and closer and closer ones near 0, where large |theta| makes the integrand narrow.
        right = [z_step * 0.7 ** (20 - i) for i in range(20)] + [z_step * i for i in range(1, int(reach / z_step) + 2)]
        zs = [-z for z in reversed(right)] + [0.0, *right]
        cells = [math.log(b - a) for a, b in zip(zs, zs[2:], strict=False)]
        etas = [min(0.95 * fast.strip, 30.0) * 0.75**i for i in range(28)]
        lines = [[fast.point(complex(z, eta), reach) for z in zs[1:-1]] for eta in etas]
        for i in range(13):
            s, ds = self.path(self.t_end * i / 12)
            theta = complex(self.kappa * s * s)
            log_m = tilted(fast, theta.real)[0]
            size = float(abs(ds / s if self.tail else ds) * self.t_end * self.n)
            weight = self.log_bound(s) - log_m + math.log(size)
            for tilt in (theta, theta.conjugate()):
                best = 0.0
                for eta, line in zip(reversed(etas), reversed(lines), strict=True):
                    if fast.leaves(tilt, line):
                        break
                    values = [
                        fp.re(log_p + fast.log_kernel(tilt * gg)) + cell
                        for cell, (log_p, gg) in zip(cells, line, strict=True)
                    ]
                    log = log_sum(fp, values) + weight + self.limit + 2.0
                    best = max(best, 2.0 * math.pi * eta / max(log, 1.0))
                steps.append(best)
        # Rounded down to few binary digits, so that every z = (j + 1/2) step is exact.
        mantissa, exponent = math.frexp(min(0.5, min(steps)))
        return math.ldexp(math.floor(32.0 * mantissa) / 32.0, exponent)

    def run(self) -> tuple[Any, Any]:
        """(log p, its error)."""
        ctx = self.ctx
        h = self.contour_step()
        count = int(self.t_end / h) + 1
        if 2 * count > MAX_NODES:
            raise ConvergenceError(f"mpmath: more than {MAX_NODES} contour nodes needed at this level; use method='exact'")
        h = self.t_end / count
        missed = 3 * ctx.exp(-self.limit)
        sums = []
        for grid, offset in zip(self.grids, (ctx.zero, ctx.mpf(1) / 2), strict=True):
            total, noise = ctx.zero, ctx.zero
            for j in range(count + 1 if not offset else count):
                value, loss = self.term((j + offset) * h, grid)
                half = 1 if j or offset else ctx.mpf(1) / 2
                total, noise = total + half * value, noise + loss
            if max(missed, h * noise) > self.tol / 8 * abs(h * total):
                raise _CancelsError(max(missed, h * noise) / (self.tol * abs(h * total) + ctx.mpf(10) ** -10000))
            sums.append((h * total, h * noise))
        (one, noise_one), (two, noise_two) = sums
        mean = (one + two) / 2
        error = (abs(one - two) + missed + noise_one + noise_two) / abs(mean)
        if error > self.tol or mean < 0:
            raise _CoarseError
        return ctx.log(mean / ctx.pi) + self.base, error / (1 - error)


def run(model: Any, level: float, *, density: bool, side: str, dps: int = 20) -> dict[str, Any]:
    """The method 'mpmath' at level > 0: a dict of TailResult fields."""
    if type(dps) is not int or not 3 <= dps <= 1000:
        raise ModelError(f"dps: must be an integer from 3 to 1000, got {dps!r}")
    logp, error, nodes = tail_mp(model, level, dps=dps, quantity="density" if density else "tail")
    # The float carries 16 digits; the multi-precision number itself is the detail.
    rounding = 2.0**-53 * abs(float(logp))
    return {
        "logp": float(logp), "error": float(error) + rounding, "error_kind": "estimate",
        "detail": {"logp": logp, "error": error, "dps": dps}, "cost": Cost(nodes=nodes),
    }  # fmt: skip
