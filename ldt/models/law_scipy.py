r"""From a frozen scipy.stats law to a Law: closed form where there is one, else quadrature on its density or a sum over its atoms.

The side of a tail is classified by the local decay rate r(x) = -(log p(2x) - log p(x))/x of the density: it tends to 0 for laws
without a tilt (Pareto, lognormal, Student t), to the end of the tilt range for exponential tails, to infinity for lighter ones.
What is known exactly stands in ``ENDS``; the rest is measured from the density at x = 2^k, with the verdict from the trend.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ldt.errors import ModelError
from ldt.models import law_families as f
from ldt.models.laws import INF, Affine, Constant, Law

#: Closed forms: name -> law in standard units from the shape parameters (SciPy's conventions).
CLOSED: dict[str, Callable[..., Law]] = {
    "norm": f.Normal,
    "gamma": f.Gamma,
    "erlang": f.Gamma,
    "expon": lambda: f.Gamma(1.0),
    "chi2": lambda df: Affine(f.Gamma(0.5 * df), 2.0),
    "ncx2": f.NoncentralChi2,
    "laplace": lambda: f.AsymmetricLaplace(1.0, 1.0, "laplace"),
    "laplace_asymmetric": lambda k: f.AsymmetricLaplace(1.0 / k, k),
    "invgauss": f.InverseGaussian,
    "wald": lambda: f.InverseGaussian(1.0),
    "norminvgauss": f.NormalInverseGaussian,
    "exponnorm": f.ExponentialNormal,
    "uniform": f.Uniform,
    "logistic": f.Logistic,
    "gumbel_r": f.Gumbel,
    "gumbel_l": lambda: Affine(f.Gumbel(), -1.0),
    "poisson": lambda mu: f.Poisson(mu) if mu > 0 else Constant(0.0),
    "binom": lambda n, p: _binomial(n, p),
    "bernoulli": lambda p: _binomial(1, p),
    "nbinom": lambda n, p: f.NegativeBinomial(n, p) if p < 1 else Constant(0.0),
    "geom": lambda p: Affine(f.NegativeBinomial(1.0, p), 1.0, 1.0) if p < 1 else Constant(1.0),
    "skellam": f.Skellam,
}

#: Ends of the tilt range in standard units, (lower, upper), for laws without a closed form; 0 means heavy on that side.
ENDS: dict[str, Callable[..., tuple[float, float]]] = {
    "t": lambda df: (0.0, 0.0),
    "nct": lambda df, nc: (0.0, 0.0),
    "cauchy": lambda: (0.0, 0.0),
    "skewcauchy": lambda a: (0.0, 0.0),
    "levy": lambda: (-INF, 0.0),
    "levy_l": lambda: (0.0, INF),
    "levy_stable": lambda alpha, beta: (0.0, 0.0) if alpha < 2 else (-INF, INF),
    "pareto": lambda b: (-INF, 0.0),
    "lomax": lambda c: (-INF, 0.0),
    "lognorm": lambda s: (-INF, 0.0),
    "weibull_min": lambda c: (-INF, _stretched(c)),
    "weibull_max": lambda c: (-_stretched(c), INF),
    "dweibull": lambda c: _both(_stretched(c)),
    "gennorm": lambda beta: _both(_stretched(beta)),
    "hypsecant": lambda: (-1.0, 1.0),
    "genlogistic": lambda c: (-c, 1.0),
    "moyal": lambda: (-INF, 0.5),
    "loggamma": lambda c: (-c, INF),
    "dgamma": lambda a: (-1.0, 1.0),
    "halflogistic": lambda: (-INF, 1.0),
    "f": lambda dfn, dfd: (-INF, 0.0),
    "ncf": lambda dfn, dfd, nc: (-INF, 0.0),
    "betaprime": lambda a, b: (-INF, 0.0),
    "burr": lambda c, d: (-INF, 0.0),
    "burr12": lambda c, d: (-INF, 0.0),
    "fisk": lambda c: (-INF, 0.0),
    "invgamma": lambda a: (-INF, 0.0),
    "invweibull": lambda c: (-INF, 0.0),
    "johnsonsu": lambda a, b: (0.0, 0.0),
    "zipf": lambda a: (-INF, 0.0),
    "gengamma": lambda a, c: (-INF, _stretched(c)),
    "exponweib": lambda a, c: (-INF, _stretched(c)),
    "halfgennorm": lambda beta: (-INF, _stretched(beta)),
    "genpareto": lambda c: (-INF, 0.0 if c > 0 else 1.0 if c == 0 else INF),
    "genextreme": lambda c: (-INF, 0.0) if c < 0 else (-INF, 1.0) if c == 0 else (0.0 if c > 1 else -1.0 if c == 1 else -INF, INF),
    "truncpareto": lambda b, c: (-INF, INF),
    "loglaplace": lambda c: (-INF, 0.0),
    "dlaplace": lambda a: (-a, a),
    "planck": lambda a: (-INF, a),
    "logser": lambda p: (-INF, -math.log(p)),
}  # fmt: skip


#: Changes of the decay rate at a doubling that may be rounding in SciPy's log densities (1e-8 seen at x = 2^29).
NOISE = 1e-7


def _stretched(p: float) -> float:
    """The end of the tilts of a density that falls as exp(-x^p)."""
    return INF if p > 1.0 else 1.0 if p == 1.0 else 0.0


def _both(end: float) -> tuple[float, float]:
    return -end, end


def _binomial(n: float, p: float) -> Law:
    return f.Binomial(int(n), p) if n > 0 and 0.0 < p < 1.0 else Constant(float(n) if p == 1.0 else 0.0)


def from_scipy(law: Any) -> Law:
    """The Law of a frozen scipy.stats law; ModelError for what is not one."""
    if hasattr(law, "xk") and not hasattr(law, "dist"):  # rv_discrete(values=...) is as good as frozen
        law = law()
    dist = getattr(law, "dist", None)
    if dist is None or not hasattr(dist, "_parse_args") or not hasattr(law, "args"):
        hint = "; freeze it first, for instance stats.gamma(2)" if hasattr(law, "_parse_args") else ""
        raise ModelError(f"law: must be a frozen scipy.stats law or an ldt law, got {type(law).__name__}{hint}")
    if dist.name == "vonmises":
        raise ModelError(
            "law: vonmises is a law of angles: SciPy's density repeats every 2 pi, so that over the line it is no density; for the law on"
            " [-pi, pi] use vonmises_line"
        )
    shapes, loc, scale = dist._parse_args(*law.args, **law.kwds)
    values = [*shapes, loc, scale]
    if any(np.ndim(v) for v in values):
        raise ModelError(f"law: the parameters of {dist.name} must be numbers, not arrays")
    if not hasattr(dist, "xk") and not all(math.isfinite(v) for v in values):
        raise ModelError(f"law: the parameters of {dist.name} must be finite, got {values}")
    shapes, loc, scale = tuple(float(v) for v in shapes), float(loc), float(scale)
    if not (scale > 0.0 and bool(np.all(dist._argcheck(*shapes)))):
        raise ModelError(f"law: {dist.name} does not allow the parameters {values}")
    text = ", ".join([*(f"{v:g}" for v in shapes), *([f"loc={loc:g}"] if loc else []), *([f"scale={scale:g}"] if scale != 1.0 else [])])
    name = f"{dist.name or 'rv_discrete'}({text})"
    base = _standard(dist, shapes)
    base.name = f"{dist.name or 'rv_discrete'}({', '.join(f'{v:g}' for v in shapes)})"
    base = _with_density(base, dist, shapes)
    if isinstance(base, Constant):
        return Constant(loc + scale * base.mean)
    return base if loc == 0.0 and scale == 1.0 else Affine(base, scale, loc, name)


def _standard(dist: Any, shapes: tuple[float, ...]) -> Law:
    from ldt.models.law_atoms import Atoms, IntegerLaw
    from ldt.models.law_quadrature import DensityLaw

    if hasattr(dist, "xk"):  # rv_discrete(values=(xk, pk)), any real atoms
        return Atoms.of(dist.xk, dist.pk)
    if dist.name in CLOSED:
        return CLOSED[dist.name](*shapes)
    support = (float(dist.support(*shapes)[0]), float(dist.support(*shapes)[1]))
    ends = tilt_ends(dist, shapes, support)
    if hasattr(dist, "logpmf"):
        return IntegerLaw(dist, shapes, support, ends)
    return DensityLaw(dist, shapes, support, ends)


def _with_density(base: Law, dist: Any, shapes: tuple[float, ...]) -> Law:
    """Give a closed-form law the density and the tail of SciPy."""
    inner = base.base if isinstance(base, Affine) else base
    if isinstance(inner, Constant) or type(inner).__module__ != f.__name__:
        return base
    a, b = (base.weight, base.shift) if isinstance(base, Affine) else (1.0, 0.0)
    jump = 0.0 if inner.discrete else math.log(abs(a))
    inner.logpdf = _Borrowed(dist, "logpmf" if inner.discrete else "logpdf", shapes, a, b, jump)  # type: ignore[method-assign]
    inner.logsf = _Borrowed(dist, "logsf" if a > 0.0 else "logcdf", shapes, a, b, 0.0)  # type: ignore[method-assign]
    return base


class _Borrowed:
    """A function of a SciPy law at b + a x; a class so that laws can be shipped to other processes."""

    def __init__(self, dist: Any, name: str, shapes: tuple[float, ...], a: float, b: float, jump: float) -> None:
        self.dist, self.name, self.shapes, self.a, self.b, self.jump = dist, name, shapes, a, b, jump

    def __call__(self, x: Any) -> Any:
        return getattr(self.dist, self.name)(self.b + self.a * np.asarray(x), *self.shapes) + self.jump


def tilt_ends(dist: Any, shapes: tuple[float, ...], support: tuple[float, float]) -> tuple[float, float]:
    """The open interval of real s with E exp(sX) finite, in standard units."""
    if dist.name in ENDS:
        lower, upper = ENDS[dist.name](*shapes)
    else:
        density = dist.logpmf if hasattr(dist, "logpmf") else dist.logpdf
        lower = -_measured_end(lambda x: density(-x, *shapes), dist.name) if support[0] == -INF else 0.0
        upper = _measured_end(lambda x: density(x, *shapes), dist.name) if support[1] == INF else 0.0
    return (-INF if math.isfinite(support[0]) else lower), (INF if math.isfinite(support[1]) else upper)


def _measured_end(log_density: Callable[[Any], Any], name: str) -> float:
    """lim -log p(x)/x as x -> +inf, from r(x) at doublings: 0, a number, or infinity, by the trend of the last ones.

    Of an exponential tail r(x) = r + c/x + ..., so that e = log(r(2x)/r(x)) halves at each doubling; of one that falls as exp(-x^p) it
    stays at (p - 1) log 2, however near p is to 1.
    """
    x = 2.0 ** np.arange(0, 41)
    with np.errstate(all="ignore"):
        values = np.asarray(log_density(x), dtype=float)
        good = np.isfinite(values)
        last = int(np.max(np.flatnonzero(good))) if good.any() else 0
        if last < 3:
            return INF  # the density has underflown before x = 8
        rates = -(values[1 : last + 1] - values[:last]) / x[:last]
        change = np.log(rates[1:] / rates[:-1])[-3:]
    if not (rates[-2] > 0.0 and rates[-1] > 0.0):
        raise ModelError(
            f"law: how fast the density of {name} falls far out cannot be told from its values; give a CgfLaw with its tilt_range"
        )
    if change[-1] > 0.18:
        return INF
    if change[-1] < -0.07:
        return 0.0
    size = np.maximum(np.abs(change), NOISE)
    if not np.all(size[1:] <= np.maximum(0.7 * size[:-1], NOISE)):  # also false where a rate was not positive
        return INF if change[-1] > 0.0 else 0.0
    # r(x) = r + c/x: one step of Richardson's extrapolation.
    return float(2.0 * rates[-1] - rates[-2])
