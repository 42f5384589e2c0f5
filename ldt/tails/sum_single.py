r"""Two kinds of sums that need no contour.

One term with a density: P(X >= x) = p(x) int_0 exp(log p(x + y) - log p(x)) dy, in log space, by the double-exponential rule
y = L exp((pi/2) sinh v) (half line) or tanh-sinh (bounded), L the length over which log p falls by 1 (Takahasi & Mori 1974).

Uniform terms, S = c + sum_i a_i U_i, a_i > 0: with m terms

    P(S <= x) = 1/(m! a_1 .. a_m) sum over subsets v of (-1)^|v| (x - c - sum_v a)_+^m

(Feller, vol. 2, I.9 for equal a), evaluated in exact integer arithmetic, since doubles are fractions: no digit is lost.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from ldt.errors import ConvergenceError
from ldt.models.law_families import Uniform
from ldt.models.law_quadrature import DensityLaw
from ldt.models.laws import Affine
from ldt.models.sums import Sum
from ldt.numerics.inversion import EPS

if TYPE_CHECKING:
    from ldt.tails.sum_exact import Value

MAX_TERMS = 60
MAX_SUBSETS = 5000
_UNDERFLOW = "level: SciPy's density of {} underflows there and no closed form is known, so that the tail cannot be integrated"


def uniform(model: Sum, x: float, density: bool, side: str) -> Value | None:
    """The exact value for few uniform terms; None for other sums."""
    from ldt.tails.sum_exact import SumDetail, Value

    groups: list[tuple[Fraction, int]] = []
    shift = Fraction(model._constant)
    for law, n in model.parts:
        base = law.base if isinstance(law, Affine) else law
        if not isinstance(base, Uniform):
            return None
        a, c = (Fraction(law.weight), Fraction(law.shift)) if isinstance(law, Affine) else (Fraction(1), Fraction(0))
        shift += n * (c + (a if a < 0 else Fraction(0)))
        groups.append((abs(a), n))
    m = sum(n for _, n in groups)
    subsets = math.prod(n + 1 for _, n in groups)
    if m > MAX_TERMS or subsets > MAX_SUBSETS:
        return None
    y = Fraction(x) - shift
    whole = sum((n * a for a, n in groups), Fraction(0))
    power = m - 1 if density else m

    def below(z: Fraction) -> Fraction:
        total = Fraction(0)
        for counts in product(*(range(n + 1) for _, n in groups)):
            rest = z - sum((k * a for k, (a, _) in zip(counts, groups, strict=True)), Fraction(0))
            if rest > 0:
                ways = math.prod(math.comb(n, k) for k, (_, n) in zip(counts, groups, strict=True))
                total += (-1) ** sum(counts) * ways * rest**power
        return total / math.factorial(power) / math.prod((a**n for a, n in groups), start=Fraction(1))

    p = below(y) if density or side == "lower" else below(whole - y)
    if p > Fraction(1, 2) and not density:
        logp = math.log1p(-float(1 - p))
    else:
        logp = math.log(p.numerator) - math.log(p.denominator)
    size = math.log(max(p.numerator, 2)) + math.log(p.denominator)
    return Value(logp, EPS * (2.0 + 2.0 * size), SumDetail("rational", nodes=subsets))


def single(model: Sum, x: float, density: bool, side: str) -> Value | None:
    """One continuous term whose density SciPy gives; None for other sums."""
    from ldt.tails.sum_exact import SumDetail, Value, complement

    if len(model.parts) != 1 or model.parts[0][1] != 1:
        return None
    law = model.parts[0][0]
    base = law.base if isinstance(law, Affine) else law
    if not isinstance(base, DensityLaw):
        return None
    weight, shift = (law.weight, law.shift) if isinstance(law, Affine) else (1.0, 0.0)
    y = (x - model._constant - shift) / weight
    if density:
        log_p = float(base.logpdf(y)) - math.log(abs(weight))
        return Value(log_p, 8.0 * EPS * (1.0 + abs(log_p)) + _slope(base, y) * EPS * abs(y), SumDetail("density"))
    upper = (side == "upper") == (weight > 0.0)
    beyond = y >= float(base.dist.ppf(0.5, *base.shapes))  # the tail away from the median is the small one
    logp, error, nodes = _integral(base, y, beyond)
    value = Value(logp, error, SumDetail("tail integral", variation=error, nodes=nodes))
    return value if upper == beyond else complement(value)


def _slope(base: DensityLaw, y: float) -> float:
    h = 1e-6 * max(abs(y), 1e-6)
    a, b = (float(v) for v in base.logpdf(np.array([y - h, y + h])))
    return abs(b - a) / (2.0 * h) if math.isfinite(a) and math.isfinite(b) else 0.0


def _integral(base: DensityLaw, y: float, up: bool) -> tuple[float, float, int]:
    """(log of the tail beyond y, error, nodes), twice with another scale and step."""
    sign = 1.0 if up else -1.0
    end = base.support[1] if up else base.support[0]
    room = sign * (end - y)

    def log_density(r: Any) -> Any:
        with np.errstate(all="ignore"):
            out = np.asarray(base.logpdf(y + sign * r), dtype=float)
        return np.where(np.isnan(out) | (out == math.inf), -math.inf, out)

    if math.isfinite(room):
        length = room
    else:
        with np.errstate(over="ignore"):
            grid = max(abs(y), 1.0) * 2.0 ** np.arange(-60.0, 61.0)
        grid = grid[np.isfinite(grid)]
        values = log_density(grid)
        top = max(float(np.max(values)), float(log_density(np.array([0.0]))[0]))
        if top == -math.inf:
            raise ConvergenceError(_UNDERFLOW.format(base.name))
        far = grid[values > top - 1.0]
        length = float(far[-1]) if len(far) else float(grid[0])
    first, n1, lost = _double_exponential(log_density, length, math.isfinite(room), 1.0, 1.0 / 32.0, 64.0 * EPS * abs(y))
    second, n2, _ = _double_exponential(log_density, length, math.isfinite(room), 1.3, 1.0 / 43.0, 0.0)
    if not (math.isfinite(first) and math.isfinite(second)):
        raise ConvergenceError(_UNDERFLOW.format(base.name))
    slope = _slope(base, y)
    return first, 2.0 * abs(first - second) + 8.0 * EPS * (1.0 + abs(first)) + slope * EPS * abs(y) + lost, n1 + n2


def _double_exponential(
    log_density: Any, length: float, bounded: bool, stretch: float, step: float, blur: float
) -> tuple[float, int, float]:
    """(log integral, nodes, share of what lies within ``blur`` of the end, where doubles do not resolve the density)."""
    v = step * np.arange(-int(4.4 / step), int(4.4 / step) + 1)
    g = 0.5 * math.pi * np.sinh(v)
    if bounded:
        half = special.expit(2.0 * g)
        r = length * half
        log_weight = math.log(length * step * math.pi) + np.log(np.cosh(v)) - np.logaddexp(0.0, 2.0 * g) - np.logaddexp(0.0, -2.0 * g)
    else:
        with np.errstate(over="ignore"):
            r = stretch * length * np.exp(g)
        log_weight = np.log(step * 0.5 * math.pi * np.cosh(v)) + np.log(stretch * length) + g
    good = (r > 0.0) & np.isfinite(r)
    t = log_density(r[good]) + log_weight[good]
    total = float(np.logaddexp.reduce(t))
    close = t[r[good] > length - blur] if bounded and blur else t[:0]
    lost = float(np.exp(np.logaddexp.reduce(close) - total)) if len(close) and total > -math.inf else 0.0
    return total, len(v), lost

