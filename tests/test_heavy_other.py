"""Sums of heavy-tailed laws whose transform is not known on its cut, or whose mean is not finite: integrals, SciPy, sampling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

import ldt
from ldt.errors import ConvergenceError, MethodError, NoTiltError

INFINITE = [stats.halfcauchy(), stats.alpha(1.0), stats.kappa3(1.0), stats.invweibull(0.5), stats.foldcauchy(1.0)]


def convolved(law: Any, x: float) -> float:
    """P(X + X' >= x) of two terms on [0, inf), from SciPy's functions and one adaptive integral."""
    inside = integrate.quad(lambda y: law.pdf(y) * law.sf(x - y), 0.0, x, epsabs=0.0, epsrel=1e-11, limit=500)[0]
    return float(inside + law.sf(x))


@pytest.mark.parametrize("law", [*INFINITE, stats.invweibull(1.5), stats.burr12(2.0, 1.5)], ids=lambda law: law.dist.name)
def test_both_tails_of_two_terms(law: Any) -> None:
    """The light tail by its tilt, the heavy one as its complement; infinite means and SciPy's negative variance included."""
    model = ldt.IidSum(law, 2)
    for x in (0.8, 3.0, 20.0):
        p = convolved(law, x)
        upper, lower = (ldt.tail(model, x, side=side, method="exact") for side in ("upper", "lower"))
        assert abs(upper.logp - math.log(p)) < 1e-9 and upper.error < 1e-10 and upper.status == "ok"
        assert abs(lower.logp - math.log1p(-p)) < 1e-9 * max(1.0, 1.0 / (1.0 - p))
    assert ldt.plan(model, 3.0).method == "exact"
    if law.dist.name == "halfcauchy":
        assert model.cdf(model.ppf(0.3)) == pytest.approx(0.3, rel=1e-12)


@pytest.mark.parametrize("law", INFINITE[:2], ids=lambda law: law.dist.name)
def test_laplace_transform_without_a_mean(law: Any) -> None:
    known = integrate.quad(lambda y: math.exp(-y) * law.pdf(y), 0.0, 50.0, epsabs=0.0, epsrel=1e-12, limit=500)[0]
    assert float(ldt.IidSum(law, 3).cgf(-1.0)) == pytest.approx(3.0 * math.log(known), rel=1e-9)
    compound = ldt.CompoundSum(stats.poisson(2.0), law)
    assert float(compound.cgf(-1.0)) == pytest.approx(2.0 * (known - 1.0), rel=1e-9)
    drawn = law.rvs((200_000, 3), random_state=np.random.default_rng(1)).sum(axis=1)
    p = float(np.mean(drawn <= 2.5))
    assert abs(ldt.IidSum(law, 3).cdf(2.5) - p) < 4.0 * math.sqrt(p / len(drawn))


def test_auto_knows_the_sides() -> None:
    """The light side and what is not small go to 'exact', the far heavy side to sampling; so do mirrored laws and densities."""
    model = ldt.IidSum(stats.betaprime(2.0, 3.0), 10)
    mirrored = ldt.WeightedSum(stats.betaprime(2.0, 3.0), -1.0, counts=10)
    for x in (3.0, 20.0, 1e4):
        far = x == 1e4
        upper, lower = (ldt.tail(model, x, side=side) for side in ("upper", "lower"))
        assert (upper.method, lower.method) == ("conditional" if far else "exact", "exact")
        assert (lower.p + upper.p) == pytest.approx(1.0, abs=1e-12)
        assert ldt.plan(model, x, side="lower").method == "exact"
        assert ldt.tail(mirrored, -x, side="upper").logp == pytest.approx(lower.logp, rel=1e-9)
        assert ldt.tail(mirrored, -x, side="lower").method == upper.method
        assert ldt.logpdf(model, x).method == upper.method == ldt.logpdf(mirrored, -x).method
    with pytest.raises(ldt.ModelError, match="side"):
        ldt.plan(model, 3.0, side="left")


def test_density_towards_the_heavy_side() -> None:
    """No saddle exists there; the line serves while the density is not small, and the stated error grows as it should."""
    model = ldt.WeightedSum([stats.betaprime(2.0, 3.0), stats.norm()], [1.0, 1.0])
    for x, most in ((1.0, 1e-12), (50.0, 1e-7), (1e4, 0.1)):
        lo, hi = max(0.0, x - 12.0), x + 12.0
        known = integrate.quad(lambda y, x=x: stats.betaprime(2.0, 3.0).pdf(y) * stats.norm.pdf(x - y), lo, hi, epsabs=0.0, epsrel=1e-12)[0]
        found = ldt.logpdf(model, x, method="exact")
        assert abs(found.logp - math.log(known)) <= found.error + 1e-11 and found.error < most
    with pytest.raises((ConvergenceError, NoTiltError), match=r"montecarlo|conditional"):
        ldt.logpdf(ldt.IidSum(stats.nct(3.0, 1.0), 3), 1e6, method="exact")


@pytest.mark.parametrize("a", [0.8, 2.5, 20.0])
def test_inverse_gamma_on_the_cut(a: float) -> None:
    """Two terms by one integral, one by SciPy, and at a = 1/2 the stable law: Levy variables twice as large."""
    law = stats.invgamma(a)
    model = ldt.IidSum(law, 2)
    for x in (1.5, 20.0):
        known = convolved(law, x)
        found = ldt.tail(model, x)
        assert found.method == "exact" and abs(found.logp - math.log(known)) < 1e-10 and found.error < 1e-12
    far = ldt.tail(model, 1e60)  # P(X > x) -> x^-a/Gamma(a + 1), one of two
    assert far.logp == pytest.approx(math.log(2.0) - a * math.log(1e60) - math.lgamma(a + 1.0), rel=1e-12)
    below = ldt.tail(model, 0.4 / a, side="lower")
    known = integrate.quad(lambda y: law.pdf(y) * law.cdf(0.4 / a - y), 0.0, 0.4 / a, epsabs=0.0, epsrel=1e-11)[0]
    assert abs(below.logp - math.log(known)) < 1e-9 and below.error < 1e-11
    twice = ldt.WeightedSum(stats.levy(), 2.0, counts=7)
    for x in (30.0, 1e8):
        assert ldt.tail(ldt.IidSum(stats.invgamma(0.5), 7), x).logp == pytest.approx(ldt.tail(twice, x).logp, rel=1e-12)
    mixed = ldt.WeightedSum([law, stats.norm()], [1.0, 1.0])
    known = integrate.quad(lambda y: law.pdf(y) * stats.norm.sf(50.0 - y), 0.0, 70.0, points=[50.0], epsabs=0.0, epsrel=1e-11, limit=300)[0]
    assert ldt.tail(mixed, 50.0).logp == pytest.approx(math.log(known + law.sf(70.0)), abs=1e-9)


def test_infinite_means_of_both_signs() -> None:
    """X - X' of Levy terms: symmetric, and as P(X >= X' + x) by one integral; its mean does not exist."""
    model = ldt.WeightedSum(stats.levy(), [1.0, -1.0])
    assert math.isnan(model.mean())
    known = integrate.quad(lambda u: stats.levy.sf(stats.levy.ppf(u) + 3.0), 0.0, 1.0, epsabs=0.0, epsrel=1e-9)[0]
    found = ldt.tail(model, 3.0)
    assert found.method == "exact" and abs(found.logp - math.log(known)) < 1e-7
    assert ldt.tail(model, -3.0, side="lower").logp == pytest.approx(found.logp, rel=1e-11)


@pytest.mark.parametrize("a", [1.5, 2.5])
def test_heavy_lattice(a: float) -> None:
    """Zeta terms, mean or variance infinite: probabilities by convolution, quantiles, and a refusal in words far out."""
    model = ldt.IidSum(stats.zipf(a), 2)
    p = stats.zipf(a).pmf(np.arange(1, 61))
    known = float(np.sum(np.convolve(p, p)[:59]))  # P(S <= 60)
    assert model.cdf(60) == pytest.approx(known, rel=1e-11)
    k = model.ppf(0.4)
    assert float(np.sum(np.convolve(p, p)[: int(k) - 1])) >= 0.4 > float(np.sum(np.convolve(p, p)[: int(k) - 2]))
    with pytest.raises(MethodError, match="montecarlo"):
        ldt.tail(model, 50_000)


def test_saddle_point_above_one_fails() -> None:
    """Beyond the bulk of a law without a mean the expansion exceeds 1: no number is given."""
    found = ldt.tail(ldt.IidSum(stats.halfcauchy(), 3), 40.0, side="lower", method="saddlepoint")
    assert found.status == "failed" and math.isnan(found.logp) and "exact" in found.advice


def test_conditional_names_its_reason() -> None:
    """A skewed estimate is not told as one draw that carries it."""
    found = ldt.tail(ldt.IidSum(stats.f(4, 3), 10), 1e4, method="conditional", rng=1)
    assert found.status == "warning" and "skewed" in found.advice and "largest has" not in found.advice


def test_what_the_cut_cannot_resolve_is_refused() -> None:
    """No NaN with a warning: a lognormal law too narrow for the turned path ends in words."""
    from ldt.tails.heavy_exact import _value

    for logp, error in ((math.nan, math.inf), (-3.0, 0.4)):
        with pytest.raises(ConvergenceError, match="conditional"):
            _value((logp, error, 1, None))


@pytest.mark.parametrize(("c", "n", "level"), [(0.99, 5, 10.0), (0.99, 1000, 1100.0)])
def test_weibull_laws_next_to_the_exponential(c: float, n: int, level: float) -> None:
    """The jump is lost in rounding (exponents of -1e26): refused, or right to the error (before: IndexError)."""
    try:
        found = ldt.tail(ldt.IidSum(stats.weibull_min(c), n), level, method="exact")
    except ConvergenceError:
        return
    nearly = ldt.tail(ldt.IidSum(stats.gamma(1.0), n), level, method="exact")
    assert abs(found.logp - nearly.logp) < found.error + 60.0 * (1.0 - c)
