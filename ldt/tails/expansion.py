r"""The expansions of a tail and a density at one saddle point, compiled.

With K'(s) = alpha, r = sqrt(2(s alpha - K)), u = s sqrt(K''), l_j = K^(j)/K''^(j/2):

    P(A >= alpha) ~ Phi(-r) + phi(r) (1/u - 1/r)                                  (Lugannani & Rice 1980, eq. 10)
    p(alpha)      ~ exp(K - s alpha)/sqrt(2 pi K'')                               (Daniels 1954, eq. 2.6)

The next order multiplies the density by 1 + (l_4/8 - 5 l_3^2/24) and adds to the tail
phi(r) [(l_4/8 - 5 l_3^2/24)/u - l_3/(2 u^2) - 1/u^3 + 1/r^3]                     (Daniels 1987, eqs. 2.7, 4.7).
"""

from __future__ import annotations

import math

from ldt.numerics.compiled import compiled
from ldt.numerics.special import log_ndtr

LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)
Cumulants = tuple[float, float, float, float, float]


@compiled
def tail_or_density(s: float, cumulants: Cumulants, level: float, density: bool) -> tuple[float, float]:
    """(log value, size of the next order relative to it) at the saddle s > 0; (nan, inf) where the expansion has no meaning."""
    value, following, parts, u = expansion(s, cumulants, level, density, 0.0)
    return value, parts if density else max(following, parts * min(1.0, math.sqrt(u)))


@compiled
def expansion(s: float, cumulants: Cumulants, level: float, density: bool, span: float) -> tuple[float, float, float, float]:
    """(log value, |next order| relative to it, |l_4|/8 + 5 l_3^2/24, u) at the saddle s >= 0; nan and inf where it fails.

    ``span`` > 0 is the law's lattice: the kernel 1/s becomes g(s) = span/(1 - exp(-span s)) (first continuity correction, Daniels
    1987, eq. 6.3), u = sqrt(K'')/g, and the density the probability of one point.  The next order, for any kernel,
    is phi(r) {[(l_4/8 - 5 l_3^2/24) g + l_3 g'/(2 sqrt K'') - g''/(2 K'')]/sqrt K'' + 1/r^3}.
    """
    k0, _, k2, k3, k4 = cumulants
    if not k2 > 0.0:  # at the end of the support
        return math.nan, math.inf, math.inf, 0.0
    root = math.sqrt(k2)
    l3, l4 = k3 / k2**1.5, k4 / k2**2
    edge, parts = l4 / 8.0 - 5.0 * l3 * l3 / 24.0, abs(l4) / 8.0 + 5.0 * l3 * l3 / 24.0
    if density:
        unit = math.log(span) if span > 0.0 else 0.0
        return k0 - s * level - LOG_SQRT_2PI - 0.5 * math.log(k2) + unit, abs(edge), parts, s * root
    half = s * level - k0
    if half < 0.0 or s < 0.0:
        return math.nan, math.inf, math.inf, 0.0
    r, v = math.sqrt(2.0 * half), s * root
    mills = math.exp(log_ndtr(-r) + half + LOG_SQRT_2PI)
    h = span * s
    if h == 0.0:
        extra, first, second = 0.5 * span, -1.0, 2.0  # extra = g - 1/s; g' s^2, g'' s^3
    else:
        e = math.exp(-h)
        d = -math.expm1(-h)
        extra = span * (0.5 + h / 12.0) if h < 1e-4 else span / d - 1.0 / s
        first, second = -e * (h / d) ** 2, e * (1.0 + e) * (h / d) ** 3
    # Both differences cancel as s -> 0: 1/v - 1/r = -l_3/6 + v (l_4 - l_3^2)/24 + ...
    near = r < 0.02
    base = mills + (-l3 / 6.0 + v * (l4 - l3 * l3) / 24.0 if near else 1.0 / v - 1.0 / r) + extra / root
    if base <= 0.0:
        return math.nan, math.inf, math.inf, v
    if near:
        following = 0.0
    else:
        g = 1.0 + s * extra
        following = (edge * g + 0.5 * l3 * first / v - 0.5 * second / v**2) / v + 1.0 / r**3
    return math.log(base) - half - LOG_SQRT_2PI, abs(following) / base, parts, v
