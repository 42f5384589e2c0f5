r"""One term X of a sum with a heavy upper tail, in standard units: what sampling and the cut need.

    name            SciPy law                    G(x) = P(X > x)              on
    lomax(c)        lomax, pareto, genpareto     (1 + x)^-c                   [0, inf)
    weibull(c < 1)  weibull_min, weibull_max     exp(-x^c)                    [0, inf)
    lognorm(s)      lognorm, gibrat              Phi(-log x/s)                [0, inf)
    levy            levy, levy_l                 erf(1/sqrt(2x))              [0, inf)
    burr(c <= 1, d) burr12, fisk                 (1 + x^c)^-d                 [0, inf)
    invgamma(a)     invgamma                     Bessel functions on the cut  [0, inf)
    t(df)           t, cauchy                    Bessel functions on the cut  the line
    cube            --                           Phi(-x^(1/3))                the line

Any other frozen SciPy law becomes a term with SciPy's own functions and no transform (``law`` is None): sampling and the big jump
apply to it, the cut does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from scipy import special

from ldt.models.heavy import InverseGammaLaw, PositiveLaw, StudentLaw
from ldt.numerics.complexes import expm1, log1p
from ldt.numerics.special import log_ndtr_array

Log = Callable[[Any], Any]


@dataclass(frozen=True)
class Term:
    """A standardised heavy-tailed variable: real, vectorised functions; ``isf`` maps log q to the x with P(X > x) = q.

    ``support``: the lower end; ``mean`` (inf where it is infinite) and ``var``; ``law``: its transform on the cut, or None; ``recipe``: the
    arguments of ``made``.
    """

    name: str
    log_sf: Log
    log_pdf: Log
    isf: Log
    rvs: Callable[[Any, np.random.Generator], Any]
    support: float
    mean: float
    var: float
    law: Any = None
    recipe: tuple[Any, ...] = ()

    def __reduce__(self) -> Any:
        """Shipped to other processes as what it is made with."""
        return made, self.recipe

    @property
    def symmetric(self) -> bool:
        """Whether X and -X have one law."""
        return self.support == -math.inf and self.law is not None

    def hazard(self, x: float) -> float:
        """Density over survivor function at one x."""
        at = np.array([float(x)])
        return math.exp(float(self.log_pdf(at)[0]) - float(self.log_sf(at)[0]))


def _uniforms(isf: Log) -> Callable[[Any, np.random.Generator], Any]:
    return lambda size, random: isf(np.log1p(-random.random(size)))


def lomax(c: float) -> Term:
    """G = (1 + x)^-c."""
    law = PositiveLaw(f"lomax({c:g})", lambda x: -c * _log1p(x), lambda x: np.log(-_expm1(-c * _log1p(x))), c)
    mean = 1.0 / (c - 1.0) if c > 1.0 else math.inf
    var = c / ((c - 1.0) ** 2 * (c - 2.0)) if c > 2.0 else math.inf
    return _positive(law, lambda x: math.log(c) - (c + 1.0) * np.log1p(x), lambda q: np.expm1(-q / c), mean, var)


def weibull(c: float) -> Term:
    """G = exp(-x^c), 0 < c < 1."""
    law = PositiveLaw(f"weibull({c:g})", lambda x: -(x**c), lambda x: np.log(-_expm1(-(x**c))), math.inf)
    mean = math.gamma(1.0 + 1.0 / c)
    return _positive(
        law, lambda x: math.log(c) + (c - 1.0) * np.log(x) - x**c, lambda q: (-q) ** (1.0 / c), mean, math.gamma(1.0 + 2.0 / c) - mean**2
    )


def lognorm(s: float) -> Term:
    """log X ~ N(0, s^2)."""
    law = PositiveLaw(
        f"lognorm({s:g})", lambda x: special.log_ndtr(-np.log(x) / s), lambda x: special.log_ndtr(np.log(x) / s), math.inf, min(1.0, s)
    )
    w = math.exp(min(s * s, 700.0))
    return _positive(
        law, lambda x: -0.5 * (np.log(x) / s) ** 2 - np.log(x) - math.log(s * math.sqrt(2.0 * math.pi)),
        lambda q: np.exp(-s * special.ndtri_exp(q)), math.sqrt(w), (w - 1.0) * w,
    )  # fmt: skip


def levy() -> Term:
    """1/Z^2, Z standard normal: stable with index 1/2."""

    def log_cdf(x: Any) -> Any:
        root = np.sqrt(0.5 / x)
        return -0.5 / x + np.log(special.wofz(1j * root) if np.iscomplexobj(x) else special.erfcx(root))

    def log_sf(x: Any) -> Any:
        return np.log(special.erf(np.sqrt(0.5) / np.sqrt(x)))

    law = PositiveLaw("levy", log_sf, log_cdf, 0.5)
    return _positive(
        law, lambda x: -0.5 / x - 1.5 * np.log(x) - 0.5 * math.log(2.0 * math.pi),
        lambda q: 0.5 / special.erfinv(np.exp(q)) ** 2, math.inf, math.inf,
    )  # fmt: skip


def burr(c: float, d: float) -> Term:
    """G = (1 + x^c)^-d, c <= 1: no singularity for arg x < pi."""
    law = PositiveLaw(f"burr12({c:g}, {d:g})", lambda x: -d * _log1p(x**c), lambda x: np.log(-_expm1(-d * _log1p(x**c))), c * d)

    def moment(k: float) -> float:
        return d * special.beta(d - k / c, 1.0 + k / c) if c * d > k else math.inf

    mean = float(moment(1.0))
    var = float(moment(2.0)) - mean**2 if c * d > 2.0 else math.inf
    return _positive(
        law, lambda x: math.log(c * d) + (c - 1.0) * np.log(x) - (d + 1.0) * np.log1p(x**c),
        lambda q: np.expm1(-q / d) ** (1.0 / c), mean, var,
    )  # fmt: skip


def inverse_gamma(a: float) -> Term:
    """1/G, G a gamma variable of shape a: G(x) = P(a, 1/x), the incomplete gamma function."""
    const = math.lgamma(a + 1.0)

    def log_small(u: Any) -> Any:
        """log P(a, u) by its series, where it would underflow (u below a)."""
        total = np.ones_like(u)
        for k in range(60, 0, -1):
            total = 1.0 + total * u / (a + k)
        return a * np.log(u) - u - const + np.log(total)

    def log_sf(x: Any) -> Any:
        x = np.asarray(x, dtype=float)
        u = 1.0 / np.where(x > 0.0, np.maximum(x, 1e-300), 1.0)
        with np.errstate(divide="ignore"):
            p = special.gammainc(a, u)
            return np.where(x > 0.0, np.where(p > 1e-250, np.log(p), log_small(np.minimum(u, a))), 0.0)

    def log_pdf(x: Any) -> Any:
        x = np.asarray(x, dtype=float)
        y = np.where(x > 0.0, np.maximum(x, 1e-300), 1.0)
        return np.where(x > 0.0, -(a + 1.0) * np.log(y) - 1.0 / y - math.lgamma(a), -math.inf)

    def isf(q: Any) -> Any:
        q = np.asarray(q, dtype=float)
        far = np.exp((q + const) / a)  # P = u^a e^(-u a/(a+1))/Gamma(a + 1) to first order in u
        for _ in range(8):
            far = np.exp((q + const) / a + far / (a + 1.0))
        return 1.0 / np.where(q > -500.0, special.gammaincinv(a, np.exp(np.maximum(q, -500.0))), far)

    mean = 1.0 / (a - 1.0) if a > 1.0 else math.inf
    var = 1.0 / ((a - 1.0) ** 2 * (a - 2.0)) if a > 2.0 else math.inf
    return Term(
        f"invgamma({a:g})", log_sf, log_pdf, isf, lambda size, random: 1.0 / random.standard_gamma(a, size), 0.0, mean, var,
        InverseGammaLaw(a) if a <= 100.0 else None,
    )  # fmt: skip


def student(df: float) -> Term:
    """Student's t."""
    from scipy import stats

    frozen = stats.t(df)
    const = math.lgamma(0.5 * (df + 1.0)) - math.lgamma(0.5 * df) - 0.5 * math.log(df * math.pi)
    return Term(
        f"t({df:g})", lambda x: _log_sf_t(np.asarray(x, dtype=float), df, const), lambda x: const - 0.5 * (df + 1.0) * _log_square(x, df),
        lambda q: _isf_t(np.asarray(q, dtype=float), df, const, frozen), lambda size, random: random.standard_t(df, size), -math.inf,
        0.0 if df > 1.0 else math.nan, df / (df - 2.0) if df > 2.0 else math.inf, StudentLaw(df) if df <= 200.0 else None,
    )  # fmt: skip


def _log_square(x: Any, df: float) -> Any:
    """log(1 + x^2/df) without overflow."""
    y = np.abs(np.asarray(x, dtype=float)) / math.sqrt(df)
    return np.where(y < 1e8, np.log1p(np.minimum(y, 1e8) ** 2), 2.0 * np.log(np.maximum(y, 1.0)))


def _log_sf_t(x: Any, df: float, const: float) -> Any:
    """log P(T > x); beyond where the beta function underflows, its leading power with one correction."""
    with np.errstate(all="ignore"):
        half = 0.5 * special.betainc(0.5 * df, 0.5, 1.0 / (1.0 + np.minimum(np.abs(x), 1e150) ** 2 / df))
        r = df / np.maximum(np.abs(x), 1e-300) ** 2
        far = const + 0.5 * (df + 1.0) * math.log(df) - df * np.log(np.abs(x)) - math.log(df)
        far = far + np.log1p(-0.5 * (df + 1.0) * df / (df + 2.0) * r)
        return np.where(x < 0.0, np.log1p(-half), np.where((half > 1e-290) & (np.abs(x) < 1e140), np.log(half), far))


def _isf_t(q: Any, df: float, const: float, frozen: Any) -> Any:
    far = np.exp((const + 0.5 * (df + 1.0) * math.log(df) - math.log(df) - q) / df)
    return np.where(q > -600.0, frozen.isf(np.exp(np.maximum(q, -600.0))), far)


def cube() -> Term:
    """a^3, a standard normal."""
    from ldt.models.cubic import CubeLaw

    def log_pdf(x: Any) -> Any:
        a = np.cbrt(x)
        with np.errstate(divide="ignore"):
            return -0.5 * a * a - 2.0 * np.log(np.abs(a)) - math.log(3.0 * math.sqrt(2.0 * math.pi))

    return Term(
        "cube", lambda x: log_ndtr_array(-np.cbrt(np.asarray(x, dtype=float))), log_pdf, lambda q: -(special.ndtri_exp(q) ** 3),
        lambda size, random: random.standard_normal(size) ** 3, -math.inf, 0.0, 15.0, CubeLaw(),
    )  # fmt: skip


def _positive(law: PositiveLaw, log_pdf: Log, isf: Log, mean: float, var: float) -> Term:
    def log_sf(x: Any) -> Any:
        x = np.asarray(x, dtype=float)
        with np.errstate(divide="ignore"):
            return np.where(x > 0.0, law.log_sf(np.maximum(x, 1e-300)), 0.0)

    def density(x: Any) -> Any:
        x = np.asarray(x, dtype=float)
        with np.errstate(divide="ignore"):
            return np.where(x > 0.0, log_pdf(np.maximum(x, 1e-300)), -math.inf)

    return Term(law.name, log_sf, density, isf, _uniforms(isf), 0.0, mean, var, law)


def _log1p(x: Any) -> Any:
    return log1p(x) if np.iscomplexobj(x) else np.log1p(x)


def _expm1(x: Any) -> Any:
    return expm1(x) if np.iscomplexobj(x) else np.expm1(x)


#: SciPy's name -> (recipe of the term, shift, factor, sign) from the shapes: X = sign (shift + factor Y), Y the term.
TABLE: dict[str, Callable[..., tuple[tuple[Any, ...], float, float, float]]] = {
    "lomax": lambda c: (("lomax", c), 0.0, 1.0, 1.0),
    "pareto": lambda b: (("lomax", b), 1.0, 1.0, 1.0),
    "genpareto": lambda c: (("lomax", 1.0 / c), 0.0, 1.0 / c, 1.0),
    "weibull_min": lambda c: (("weibull", c), 0.0, 1.0, 1.0),
    "weibull_max": lambda c: (("weibull", c), 0.0, 1.0, -1.0),
    "lognorm": lambda s: (("lognorm", s), 0.0, 1.0, 1.0),
    "gibrat": lambda: (("lognorm", 1.0), 0.0, 1.0, 1.0),
    "levy": lambda: (("levy",), 0.0, 1.0, 1.0),
    "levy_l": lambda: (("levy",), 0.0, 1.0, -1.0),
    "burr12": lambda c, d: (("burr", c, d), 0.0, 1.0, 1.0),
    "fisk": lambda c: (("burr", c, 1.0), 0.0, 1.0, 1.0),
    "invgamma": lambda a: (("inverse_gamma", a), 0.0, 1.0, 1.0),
    "t": lambda df: (("student", df), 0.0, 1.0, 1.0),
    "cauchy": lambda: (("student", 1.0), 0.0, 1.0, 1.0),
}
#: Where a law of the table is not what the cut needs: a tilt exists, or a pole comes in the way.
LIMITS: dict[str, Callable[..., bool]] = {
    "weibull_min": lambda c: c < 1.0,
    "weibull_max": lambda c: c < 1.0,
    "genpareto": lambda c: c > 0.0,
    "burr12": lambda c, d: c <= 1.0,
    "fisk": lambda c: c <= 1.0,
}


@cache
def made(kind: str, *args: Any) -> Term:
    """The term of a recipe."""
    makers: dict[str, Callable[..., Term]] = {
        "lomax": lomax, "weibull": weibull, "lognorm": lognorm, "levy": levy, "burr": burr, "student": student, "cube": cube,
        "inverse_gamma": inverse_gamma, "other": other,
    }  # fmt: skip
    return replace(makers[kind](*args), recipe=(kind, *args))


def term_of(dist: Any, shapes: tuple[float, ...], upper: bool) -> tuple[Term, float, float, float]:
    """(term, shift, factor, sign) of a SciPy law in standard units with a heavy tail: X = sign (shift + factor Y).  Outside the table the
    term is made of SciPy's own functions, turned over if it is the lower tail that is asked for (``upper`` False)."""
    allowed = LIMITS.get(dist.name)
    if dist.name in TABLE and (allowed is None or allowed(*shapes)):
        recipe, shift, factor, sign = TABLE[dist.name](*shapes)
        return made(*recipe), shift, factor, sign
    return made("other", dist, shapes, upper), 0.0, 1.0, 1.0 if upper else -1.0


def other(dist: Any, shapes: tuple[float, ...], upper: bool) -> Term:
    """X of any SciPy law, or -X, by SciPy's own functions: no transform."""
    ends = [float(v) for v in dist.support(*shapes)]
    mean, var = (float(v) for v in dist.stats(*shapes, moments="mv"))
    name = f"{dist.name}({', '.join(f'{v:g}' for v in shapes)})"
    if upper:
        return Term(
            name, lambda x: dist.logsf(x, *shapes), lambda x: dist.logpdf(x, *shapes), lambda q: dist.isf(np.exp(q), *shapes),
            lambda size, random: dist.rvs(*shapes, size=size, random_state=random), ends[0], mean, var,
        )  # fmt: skip
    return Term(
        f"-{name}", lambda x: dist.logcdf(-x, *shapes), lambda x: dist.logpdf(-x, *shapes), lambda q: -dist.ppf(np.exp(q), *shapes),
        lambda size, random: -dist.rvs(*shapes, size=size, random_state=random), -ends[1], -mean, var,
    )  # fmt: skip
