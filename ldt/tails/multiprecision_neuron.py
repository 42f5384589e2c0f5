r"""One neuron's overlap to any number of digits, for ldt.tails.multiprecision.

M(theta) = E exp(theta g^2) is a trapezoid sum over one coordinate z, with a = d/sigma_w^2:

* concentrated: w_1 = z/sqrt a, z ~ N(0,1), |w|^2 = w_1^2 + sigma_w^2.  By the Hermite identity
  <phi(w.x), He_k> = (w_1/|w|)^k E[phi(|w| z) He_k(z)] = w_1^k E[phi^(k)(|w| z)]; for erf this is C_k u^k with
  u = w_1/sqrt(1 + 2|w|^2), C_k = (2/sqrt pi) (-1)^m (2m)!/m! for k = 2m + 1 and 0 for even k; for relu it is
  b_k |w| (w_1/|w|)^k, b_0 = 1/sqrt(2 pi), b_1 = 1/2, b_k = He_(k-2)(0)/sqrt(2 pi); for tanh the average is a sum, too.
* full, erf: u depends on (w_1, rho) only through tau = w_1/sqrt(1 + 2 rho), u = tau/sqrt(1 + 2 tau^2).  Given rho, tau is
  N(0, 1/(a (1 + 2 rho))).  Its density is the integral over rho of these normals; in closed form, with n = d - 1,
  sqrt(a/2 pi) (a/4)^(n/2) exp(-a tau^2/2) U(n/2, (n + 3)/2, a (1 + 2 tau^2)/4), U being Tricomi's function.
  Here the integral is summed (mpmath's U fails for d of some thousands); z = tau sqrt a.
* full, relu: g = |w| h(t), t = w_1/|w|; length and direction are independent and the length integrates to a power:
  M(theta) = E_t (1 - 2 theta h(t)^2/a)^(-d/2), density of t proportional to (1 - t^2)^((d - 3)/2), t = tanh(z/sqrt d).
* linear: g = y_1 w_1 and M(theta) = (1 - 2 theta y_1^2/a)^(-1/2) in both forms.

Derived in docs/theory.md.  Valid for d >= 1 (full: d >= 2); a user's callable and the full overlap of tanh are refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ldt.errors import ConvergenceError, MethodError

LN10 = math.log(10.0)
OVERLAP_NODES = 1 << 15  # kept, of at most SCAN_NODES tried in doubles
SCAN_NODES = 1 << 19


class Neuron:
    """g^2 and the density of its one coordinate z, in the arithmetic of the mpmath context ``ctx``.

    ``sup`` is a bound of g^2 (inf where there is none), ``theta_max`` the end of the range where M(theta) is finite.
    """

    def __init__(self, model: Any, ctx: Any) -> None:
        self.ctx, self.d = ctx, model.dim
        self.terms = tuple((int(k), ctx.mpf(y)) for k, y in model.target)
        self.variance = ctx.mpf(model.weight_variance)
        self.a = ctx.mpf(model.dim) / self.variance
        self.activation, self.full = model.activation, model.overlap == "full"
        if self.activation not in ("erf", "relu", "tanh", "linear"):
            raise MethodError("activation: mpmath cannot evaluate a user's callable to many digits; use method='exact'")
        if self.activation == "tanh" and self.full:
            raise MethodError("overlap: mpmath has tanh in the concentrated form only; use method='exact' or 'importance'")
        self.constants = {k: y * self._constant(k) for k, y in self.terms}
        if self.activation == "erf" and len(self.terms) == 1:
            self.constants = dict.fromkeys(self.constants, ctx.one)  # the unit overlap u^k
        self.constants = {k: v for k, v in self.constants.items() if v}
        self.even = len({k % 2 for k in self.constants}) == 1
        self.sup, self.theta_max = ctx.inf, ctx.inf
        if self.activation == "erf":
            self.sup = sum(abs(v) * ctx.mpf(2) ** (-ctx.mpf(k) / 2) for k, v in self.constants.items()) ** 2
        elif self.activation == "tanh":  # Cauchy-Schwarz, |tanh| < 1 and E He_k^2 = k!
            self.sup = sum(y * y * ctx.factorial(k) for k, y in self.terms)
        else:
            cosines = (-1, 1) if not self.full else [ctx.mpf(i) / 500 for i in range(-500, 501)]
            steepest = max(self._shape(ctx.mpf(t)) ** 2 for t in cosines)
            self.theta_max = self.a / (2 * steepest) if steepest else ctx.inf
            self.theta_max *= ctx.mpf(1) if not self.full or len(self.terms) == 1 else ctx.mpf("0.9999")
        self.half = ctx.mpf(1) / 2
        # |Im z| below which the density and g are analytic: |w|^2 = 0, 1 + 2|w|^2 = 0 or, for the direction, cosh = 0.
        if self.activation == "erf":
            self.strip = math.sqrt(float(self.a) * (0.5 if self.full else 0.5 + float(self.variance)))
        else:
            self.strip = math.sqrt(self.d) * (math.pi / 2.0 if self.full else 1.0)
        self._points: dict[float | complex, tuple[Any, Any]] = {}
        self._rho: list[tuple[Any, Any]] = []
        self._rho_reach = -1.0

    def _constant(self, k: int) -> Any:
        """E[phi(r z) He_k(z)] up to its dependence on r = |w|: C_k for erf, b_k for relu and linear, 1 for tanh (odd k)."""
        ctx, m = self.ctx, k // 2
        if self.activation == "erf":
            return k % 2 * 2 / ctx.sqrt(ctx.pi) * (-1) ** m * ctx.factorial(2 * m) / ctx.factorial(m)
        if self.activation == "linear":
            return ctx.mpf(k == 1)
        if self.activation == "tanh":
            return ctx.mpf(k % 2)
        if k < 2:
            return ctx.mpf(1) / 2 if k else 1 / ctx.sqrt(2 * ctx.pi)
        return (1 - k % 2) * hermite(k - 2, ctx.zero) / ctx.sqrt(2 * ctx.pi)

    def _shape(self, cosine: Any) -> Any:
        """h(t) of the homogeneous activations: g = |w| h(w_1/|w|)."""
        return sum(v * cosine**k for k, v in self.constants.items())

    def log_kernel(self, x: Any) -> Any:
        """Log of the average of exp(theta g^2) over what is not in z, as a function of x = theta g^2."""
        if self.activation == "relu" and self.full:
            return -self.ctx.log(1 - 2 * x / self.a) * self.d / 2
        return x

    def leaves(self, theta: Any, line: list[tuple[Any, Any]]) -> bool:
        """Whether the kernel of the points of this line leaves the half plane where it is analytic."""
        return self.activation == "relu" and self.full and any((theta * gg).real >= 0.45 * self.a for _, gg in line)

    def kernel_rate(self, x: Any) -> Any:
        """Derivative of log_kernel."""
        return self.d / (self.a - 2 * x) if self.activation == "relu" and self.full else self.ctx.one

    def point(self, z: float | complex, reach: float) -> tuple[Any, Any]:
        """(log density of z, g^2 at z), kept for later calls; ``reach`` is the largest |z| that will be asked for."""
        if z not in self._points:
            self._points[z] = self._point(self.ctx.convert(z), reach)
        return self._points[z]

    def _point(self, z: Any, reach: float) -> tuple[Any, Any]:
        ctx = self.ctx
        if self.activation == "relu" and self.full:
            x = z / ctx.sqrt(self.d)
            norm = ctx.loggamma(self.half) + ctx.loggamma(self.half * (self.d - 1)) - ctx.loggamma(self.half * self.d)
            return (1 - self.d) * ctx.log(ctx.cosh(x)) - norm - ctx.log(self.d) / 2, self._shape(ctx.tanh(x)) ** 2
        w = z / ctx.sqrt(self.a)
        normal = -z * z / 2 - ctx.log(2 * ctx.pi) / 2
        if self.full:
            mixture = log_sum(ctx, [log_p - z * z * rho for rho, log_p in self._rho_nodes(reach)])
            return normal + mixture, self._shape(w / ctx.sqrt(1 + 2 * w * w)) ** 2
        length = ctx.sqrt(w * w + self.variance)
        if self.activation == "erf":
            return normal, self._shape(w / ctx.sqrt(1 + 2 * length**2)) ** 2
        if self.activation == "relu":
            return normal, (length * self._shape(w / length)) ** 2
        averages = self._tanh_averages(length)
        return normal, sum(v * (w / length) ** k * averages[k] for k, v in self.constants.items()) ** 2

    def _rho_nodes(self, reach: float) -> list[tuple[Any, Any]]:
        """Nodes rho_i and log weights log(p_i sqrt(1 + 2 rho_i)) of rho = (2/a) y, y ~ Gamma(m), m = (d-1)/2.

        With y = m exp(x - exp(-x)) a trapezoid sum over x, which dies double-exponentially on the left; it is halved
        until E sqrt(1 + 2 rho) exp(-z^2 rho) stands at five z up to ``reach``.
        """
        if self._rho_reach >= reach:
            return self._rho
        ctx, m = self.ctx, self.half * (self.d - 1)
        probes = [ctx.mpf(reach * i) / 4 for i in range(5)]
        drop = ctx.log(ctx.eps) - 7

        def node(x: Any) -> tuple[Any, Any]:
            y = m * ctx.exp(x - ctx.exp(-x))
            rho = 2 * y / self.a
            log_p = m * ctx.log(y) - y - ctx.loggamma(m) + ctx.log(1 + ctx.exp(-x)) + ctx.log(1 + 2 * rho) / 2
            return rho, log_p

        def sweep(start: Any, step: Any) -> list[tuple[Any, Any]]:
            """Nodes start + j step, outwards until nothing is added at the first and the last probe."""
            out = []
            for first, move in ((start, step), (start - step, -step)):
                x, tops = first, [-ctx.inf, -ctx.inf]
                while True:
                    rho, log_p = node(x)
                    values = [log_p, log_p - probes[-1] ** 2 * rho]
                    tops = [max(t, v) for t, v in zip(tops, values, strict=True)]
                    out.append((rho, log_p))
                    if all(v < t + drop for t, v in zip(tops, values, strict=True)):
                        break
                    x += move
            return out

        def sums(nodes: list[tuple[Any, Any]]) -> list[Any]:
            return [log_sum(ctx, [log_p - z * z * rho for rho, log_p in nodes]) for z in probes]

        start, step = ctx.mpf("0.5671432904"), 1 / ctx.sqrt(m + 4)  # x = exp(-x) where y = m
        nodes = sweep(start, step)
        while True:
            between = sweep(start + step / 2, step)
            gaps = [abs(p - q) for p, q in zip(sums(nodes), sums(between), strict=True)]
            nodes, step = nodes + between, step / 2
            if max(gaps) <= ctx.eps * 1000 * (1 + m + probes[-1] ** 2):
                break
            if len(nodes) > OVERLAP_NODES:
                raise ConvergenceError("overlap: the average over |w_perp|^2 needs too many nodes; ask for fewer digits")
        self._rho, self._rho_reach = [(rho, log_p + ctx.log(step)) for rho, log_p in nodes], reach
        return self._rho

    def _tanh_averages(self, r: Any) -> dict[int, Any]:
        """E[tanh(r z) He_k(z)] for the target's odd k: trapezoid over z, halved until two sums agree."""
        ctx = self.ctx
        end = int(math.sqrt(2 * LN10 * ctx.dps)) + 6
        parts: list[dict[int, Any]] = []
        step, offset = ctx.mpf(1) / 4, ctx.zero
        while True:
            total = dict.fromkeys(self.constants, ctx.zero)
            z = offset
            while z < end:
                weight = ctx.exp(-z * z / 2) * ctx.tanh(r * z)  # odd times odd: twice the sum over z > 0
                for k in total:
                    total[k] += weight * hermite(k, z)
                z += step
            parts.append({k: 2 * step * v / ctx.sqrt(2 * ctx.pi) for k, v in total.items()})
            if len(parts) > 1:
                old, new = parts[-2], parts[-1]
                mean = {k: (old[k] + new[k]) / 2 for k in total}
                if all(abs(old[k] - new[k]) <= ctx.eps * 1000 * ctx.factorial(k) for k in total):
                    return mean
                parts = [mean]
                step /= 2
            offset = step / 2


def log_sum(ctx: Any, logs: list[Any]) -> Any:
    """log sum_j exp(logs_j)."""
    top = max(ctx.re(x) for x in logs)
    return top + ctx.log(ctx.fsum(ctx.exp(x - top) for x in logs))


def hermite(k: int, z: Any) -> Any:
    """He_k(z), probabilists' convention."""
    a, b = 1 + 0 * z, z
    for n in range(1, k + 1):
        a, b = b, z * b - n * a
    return a


# -- trapezoid grids over z --------------------------------------------------------------------------------------------------


@dataclass
class Grid:
    """One trapezoid sum over z: logarithms of its weights p_j, values g_j^2, and both as floats."""

    neuron: Neuron
    scanned: int
    rows: list[tuple[Any, Any, float, float]] = field(default_factory=list)

    @cached_property
    def top(self) -> float:
        """The largest g_j^2."""
        return max((g for _, _, _, g in self.rows), default=0.0)

    def moment(self, theta: Any, floor: float) -> Any:
        """M(theta) = sum_j p_j kernel(theta g_j^2), leaving out terms whose modulus is below exp(floor)."""
        ctx, kernel = self.neuron.ctx, self.neuron.log_kernel
        if self.neuron.activation == "linear":
            return 1 / ctx.sqrt(1 - theta / self.neuron.theta_max)
        real = float(ctx.re(theta))
        if self.neuron.activation == "relu" and self.neuron.full:
            return ctx.fdot((p, ctx.exp(kernel(theta * gg))) for p, gg, _, _ in self.rows)
        return ctx.fdot((p, ctx.exp(theta * gg)) for p, gg, log_p, g in self.rows if log_p + real * g > floor)


def make_grid(neuron: Neuron, fast: Neuron, step: float, offset: float, theta: Any, floor: float) -> Grid:
    """Nodes z = (j + offset) step with every term that exceeds exp(floor) at tilt 0 or at tilt ``theta``.

    ``fast`` is the same neuron in doubles: it decides which nodes are worth the digits.
    """
    ctx, tilt = neuron.ctx, float(theta)
    if neuron.activation == "linear":
        return Grid(neuron, 0)
    reach = reach_of(fast, tilt, floor)
    count = int(min(reach / step + 1.0, SCAN_NODES))
    grid = Grid(neuron, 2 * count)
    for j in range(0 if neuron.even else -count, count):
        z = (j + offset) * step
        log_p, g = fast.point(z, reach)
        if max(log_p, log_p + fast.log_kernel(tilt * g)) < floor - 5.0:
            continue
        log_p, gg = neuron.point(z, reach)
        factor = step * (2 if neuron.even and z else 1)
        grid.rows.append((ctx.exp(log_p) * factor, gg, float(log_p) + math.log(factor), float(gg)))
        if len(grid.rows) > OVERLAP_NODES:
            break
    if count == SCAN_NODES or len(grid.rows) > OVERLAP_NODES:
        raise ConvergenceError(
            f"overlap: more than {OVERLAP_NODES} nodes over one neuron's weights; use method='exact' at this level"
        )
    return grid


def reach_of(fast: Neuron, theta: float, floor: float) -> float:
    """|z| beyond which density(z) kernel(theta g^2) stays below exp(floor).

    With g^2 <= sup the density's Gaussian bound decides; otherwise the integrand is scanned out to four times as far.
    """
    if math.isfinite(fast.sup):
        return math.sqrt(2.0 * (max(theta, 0.0) * fast.sup - floor + 5.0))
    reach = max(math.sqrt(-2.0 * floor), 1.0 if fast.full else 10.0 * math.sqrt(fast.a))
    while True:
        scan = [reach * (1.0 + 3.0 * i / 40.0) * sign for i in range(41) for sign in ((1.0,) if fast.even else (1.0, -1.0))]
        points = (fast.point(z, reach) for z in scan)
        if all(log_p + fast.log_kernel(theta * gg) < floor - 5.0 for log_p, gg in points):
            return reach
        reach *= 1.3


def tilted(fast: Neuron, theta: float) -> tuple[float, float]:
    """(log M, d log M/d theta) at real theta in doubles, to a few digits: for scales only."""
    if fast.activation == "linear":
        return -0.5 * math.log1p(-theta / fast.theta_max), 0.5 / (fast.theta_max - theta)
    step = 0.125
    reach = reach_of(fast, theta, -40.0)
    if not reach < step * SCAN_NODES:
        raise ConvergenceError(f"overlap: more than {SCAN_NODES} nodes over one neuron's weights; use method='exact' at this level")
    count = int(reach / step) + 1
    points = [fast.point(j * step, reach) for j in range(1 - count, count)]
    logs = [log_p + fast.log_kernel(theta * g) for log_p, g in points]
    top = max(logs)
    weights = [math.exp(x - top) for x in logs]
    rate = math.fsum(w * g * fast.kernel_rate(theta * g) for w, (_, g) in zip(weights, points, strict=True))
    return top + math.log(step * math.fsum(weights)), rate / math.fsum(weights)
