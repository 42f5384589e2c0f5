"""What must hold for sums: atoms, supports, the mean, n = 1, degenerate laws, weights, lattices, heavy tails, methods, the command."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from mpmath import mp, mpf
from scipy import stats

import ldt
from ldt.cli.main import commands
from ldt.errors import MethodError, ModelError, NoTiltError
from ldt.models import law_scipy
from ldt.models.law_atoms import common_span
from ldt.models.law_text import parse_law
from ldt.models.laws import Affine, as_law

SUM = ldt.IidSum(stats.gamma(2.0, scale=3.0), 100)


def run(*args: str, stdin: str | None = None) -> Any:
    return CliRunner().invoke(commands, ["sum", *args], input=stdin, prog_name="ldt-rate")


# -- supports, atoms, the mean ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "below", "above"),
    [
        (ldt.IidSum(stats.gamma(2.0), 3), -1.0, math.inf),
        (ldt.IidSum(stats.uniform(), 5), 0.0, 5.0),
        (ldt.IidSum(stats.binom(5, 0.3), 2), -1.0, 11.0),
        (ldt.IidSum(stats.beta(2.0, 2.0), 90), -0.5, 90.5),
        (ldt.WeightedSum(stats.expon(), [-1.0, -2.0]), -math.inf, 0.0),
    ],
    ids=lambda v: getattr(v, "name", v),
)
def test_outside_the_support_is_certain(model: Any, below: float, above: float) -> None:
    for x, sides in ((below, {"upper": 0.0, "lower": -math.inf}), (above, {"upper": -math.inf, "lower": 0.0})):
        for side, logp in sides.items():
            if math.isfinite(x):
                result = ldt.tail(model, x, method="exact", side=side)
                assert (result.logp, result.error, result.status, result.error_kind) == (logp, 0.0, "ok", "bound")
                assert result.detail.certain == ("P = 1" if logp == 0.0 else "P = 0")
                assert json.dumps(result.to_dict(), allow_nan=False)


def test_at_the_mean() -> None:
    """Every method at x = E S; the normal law is 1/2 exactly, Laplace by symmetry."""
    for law in (stats.norm(3.0, 2.0), stats.laplace(-1.0)):
        model = ldt.IidSum(law, 9)
        for method in ("exact", "saddlepoint"):
            result = ldt.tail(model, model.mean(), method=method)
            assert abs(result.logp + math.log(2.0)) <= result.error
    gamma = ldt.IidSum(stats.gamma(2.0), 50)
    known = stats.gamma(100.0).logsf(100.0)
    assert ldt.tail(gamma, 100.0, method="exact").logp == pytest.approx(known, abs=1e-12)
    saddle = ldt.tail(gamma, 100.0, method="saddlepoint")
    assert abs(saddle.logp - known) < min(saddle.error, 1e-4)


def test_compound_poisson_and_its_atom() -> None:
    """Exponential claims: a Poisson mixture of gamma laws; the atom at 0 on both sides of it."""
    model = ldt.CompoundSum(stats.poisson(5.0), stats.expon())
    assert (model.mean(), model.var()) == (5.0, 10.0)
    with mp.workdps(30):
        for x in (1e-9, 0.5, 5.0, 20.0, 200.0):
            terms = (mp.e**-5 * mpf(5) ** k / mp.factorial(k) * mp.gammainc(k, x, regularized=True) for k in range(1, 300))
            result = ldt.tail(model, x, method="exact")
            off = abs(float(mpf(result.logp) - mp.log(mp.fsum(terms))))
            assert off <= max(result.error, 1e-15)
            assert off < 1e-10
    assert float(model.cdf(0.0)) == pytest.approx(math.exp(-5.0), rel=1e-14)
    assert float(model.sf(0.0)) == pytest.approx(-math.expm1(-5.0), rel=1e-14)
    assert (ldt.tail(model, 0.0).logp, ldt.tail(model, -1.0).logp) == (0.0, 0.0)
    assert float(model.ppf(0.5 * math.exp(-5.0))) == 0.0
    with pytest.raises(MethodError, match="atom"):
        model.logpdf(0.0)


def test_two_sided_compound_at_its_atom() -> None:
    """Normal claims: P(S >= 0) = (1 + p_0)/2, P(S > 0) = (1 - p_0)/2, P(S <= 0) = (1 + p_0)/2."""
    model, none = ldt.CompoundSum(stats.poisson(2.0), stats.norm()), math.exp(-2.0)
    assert ldt.tail(model, 0.0).p == pytest.approx(0.5 * (1.0 + none), rel=1e-12)
    assert float(model.sf(0.0)) == pytest.approx(0.5 * (1.0 - none), rel=1e-12)
    assert float(model.cdf(0.0)) == pytest.approx(0.5 * (1.0 + none), rel=1e-12)
    x = 3.0
    known = sum(stats.poisson.pmf(k, 2.0) * stats.norm.sf(x / math.sqrt(k)) for k in range(1, 80))
    assert ldt.tail(model, x).p == pytest.approx(known, rel=1e-11)


def test_densities_that_are_infinite_at_an_end() -> None:
    """X^a near 0 and (1 - X)^(-1/2) near 1, sums of two: beta integrals (before: 1.8e-6 off with 1.6e-7 stated, and 2.3e-6 with 4.5e-7)."""
    x, low = 4.3e-6, ldt.IidSum(stats.powerlaw(0.3), 2)
    below = mp.gamma(1.3) ** 2 / mp.gamma(1.6) * mpf(x) ** 0.6
    found = ldt.tail(low, x, side="lower", method="exact")
    assert abs(found.logp - float(mp.log(below))) <= found.error < 1e-8
    gap = 2.0**-9  # P(X + X' > 2 - gap), X = 1 - Y, density of Y y^(-1/2) (1 + y/2 + 3 y^2/8 + 5 y^3/16 + ...)/pi
    series = [mpf(1), mpf(1) / 2, mpf(3) / 8, mpf(5) / 16]
    above = sum(
        series[i] * series[j] * mp.gamma(i + 0.5) * mp.gamma(j + 0.5) / mp.gamma(i + j + 2) * mpf(gap) ** (i + j + 1) / mp.pi**2
        for i in range(4) for j in range(4) if i + j < 4
    )  # fmt: skip
    found = ldt.tail(ldt.IidSum(stats.arcsine(), 2), 2.0 - gap, method="exact")
    assert abs(found.logp - float(mp.log(above))) <= found.error < 1e-5
    for law in (stats.beta(0.2, 3.0), stats.beta(3.0, 0.2)):  # both signs of the tilt agree
        total = ldt.IidSum(law, 2)
        for level in (2.0 * law.ppf(0.2), 2.0 * law.ppf(0.8)):
            up, down = ldt.tail(total, level, method="exact"), ldt.tail(total, level, side="lower", method="exact")
            assert abs(up.p + down.p - 1.0) <= up.error * up.p + down.error * down.p + 1e-14


def test_atoms_of_scaled_and_nested_compounds() -> None:
    """P(S = 0) of 2 S is that of S; with claims that are 0 with probability p it is E p^N."""
    law = parse_law("compound(poisson(1), expon)")
    doubled = ldt.WeightedSum(law, 2.0, shift=3.0)
    assert float(doubled.cdf(3.0)) == pytest.approx(math.exp(-1.0), rel=1e-14)
    assert ldt.tail(doubled, 4.0).logp == pytest.approx(ldt.tail(ldt.IidSum(law, 1), 0.5).logp, abs=1e-13)
    mirrored = ldt.WeightedSum(law, -2.0)
    assert ldt.tail(mirrored, 0.0).p == pytest.approx(math.exp(-1.0), rel=1e-14)
    assert (float(mirrored.ppf(0.9)), float(mirrored.isf(0.3))) == (0.0, 0.0)
    assert float(mirrored.ppf(0.1)) == pytest.approx(-2.0 * float(ldt.IidSum(law, 1).isf(0.1)), rel=1e-12)
    none = math.exp(-1.0) - 1.0  # log P(S = 0) of a Poisson(1) number of Poisson(1) sums
    nested = ldt.IidSum(parse_law("compound(poisson(1), compound(poisson(1), expon))"), 1)
    assert float(nested.logcdf(0.0)) == pytest.approx(none, rel=1e-14)
    assert float(nested.sf(0.0)) == pytest.approx(-math.expm1(none), rel=1e-14)
    for x in (-0.5, 0.0, 0.5):  # two-sided: symmetric about the atom
        two_sided = ldt.IidSum(parse_law("compound(poisson(1), compound(poisson(1), norm))"), 1)
        up, down = ldt.tail(two_sided, x), ldt.tail(two_sided, -x, side="lower")
        assert up.p == pytest.approx(down.p, rel=1e-12)
        assert up.error < 1e-12
    assert ldt.tail(two_sided, 0.0).p == pytest.approx(0.5 * (1.0 + math.exp(none)), rel=1e-12)
    assert [float(two_sided.isf(q)) for q in (0.3, 0.5, 0.7)] == [float(two_sided.ppf(q)) for q in (0.3, 0.5, 0.7)] == [0.0] * 3
    with pytest.raises(ModelError, match=r"claim: .* is 3 with positive probability"):
        ldt.CompoundSum(stats.poisson(1.0), Affine(law, 1.0, 3.0))


def test_other_compounds() -> None:
    """A geometric number of exponentials is exponential; binomially many Poissons by their mixture."""
    geometric = ldt.CompoundSum(stats.geom(0.3), stats.expon())
    assert ldt.tail(geometric, 10.0).logp == pytest.approx(-3.0, abs=1e-12)
    thinned = ldt.CompoundSum(stats.binom(4, 0.3), stats.poisson(2.0))
    known = sum(stats.binom.pmf(k, 4, 0.3) * stats.poisson.sf(4, 2.0 * k) for k in range(1, 5))
    assert ldt.tail(thinned, 5.0).p == pytest.approx(known, rel=1e-12)


def test_degenerate() -> None:
    model = ldt.IidSum(stats.binom(5, 1.0), 3)
    assert [ldt.tail(model, x).logp for x in (15.0, 15.1)] == [0.0, -math.inf]
    assert (float(model.sf(15.0)), float(model.cdf(15.0)), float(model.ppf(0.3))) == (0.0, 1.0, 15.0)
    assert ldt.tail(ldt.WeightedSum(stats.norm(), [0.0], shift=2.0), 2.0, side="lower").logp == 0.0
    assert ldt.tail(ldt.WeightedSum([stats.binom(3, 1.0), stats.norm()]), 3.0).logp == pytest.approx(-math.log(2.0), abs=1e-13)


# -- one term ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "x", "log_p"),
    [
        (stats.gamma(3.0), 1e5, lambda x: mp.log(mp.gammainc(3, x, regularized=True))),
        (stats.chi2(3.0), 1e5, lambda x: mp.log(mp.gammainc(mpf(3) / 2, x / 2, regularized=True))),
        (stats.halfnorm(), 140.0, lambda x: mp.log(mp.erfc(x / mp.sqrt(2)))),
        (stats.t(50.0), 1e80, lambda x: mp.log(mp.betainc(25, mpf(1) / 2, 0, 50 / (50 + x * x), regularized=True) / 2)),
        (stats.t(5.0), 1e10, lambda x: mp.log(mp.betainc(mpf(5) / 2, mpf(1) / 2, 0, 5 / (5 + x * x), regularized=True) / 2)),
        (stats.weibull_min(2.0), 120.0, lambda x: -(x**2)),
        (stats.weibull_min(0.5), 1e9, lambda x: -mp.sqrt(x)),
        (stats.poisson(3.0), 2000.0, lambda x: mp.log(mp.gammainc(2000, 0, 3, regularized=True))),
        (stats.lognorm(1.0), 1e60, lambda x: mp.log(mp.erfc(mp.log(x) / mp.sqrt(2)) / 2)),
    ],
    ids=lambda v: v.dist.name if hasattr(v, "dist") else "",
)
def test_deep_tails_of_one_term(law: Any, x: float, log_p: Any) -> None:
    """To log P = -1e4 and beyond, where SciPy's own is -inf for gamma, chi2, t, binom, poisson."""
    with mp.workdps(50):
        known = log_p(mpf(x))
        result = ldt.tail(ldt.IidSum(law, 1), x)
        off = abs(float(mpf(result.logp) - known))
        assert off <= result.error
        assert off < 1e-8


def test_deep_binomial() -> None:
    """One term, exact fractions: P(X >= 9000) of binom(10^4, 1/8)."""
    n, k = 10_000, 9_000
    total = sum(math.comb(n, j) * 7 ** (n - j) for j in range(k, n + 1))
    known = math.log(total) - n * math.log(8)
    assert ldt.tail(ldt.IidSum(stats.binom(n, 0.125), 1), float(k)).logp == pytest.approx(known, abs=1e-8)
    assert known < -1.2e4


# -- weights -----------------------------------------------------------------------------------------------------------------


def test_mixed_and_unequal_weights() -> None:
    """A Laplace term of weight 1e12 beside one of 1e-12, and against the same law in other parts: chi2(2) is an exponential."""
    model = ldt.WeightedSum(stats.laplace(), [1e12, -1e-12])
    assert ldt.tail(model, 3e12).logp == pytest.approx(-3.0 - math.log(2.0), abs=1e-12)
    one = ldt.WeightedSum.chi2([1e12, -3.0, 1e-12], 2.0)
    other = ldt.WeightedSum(stats.expon(), [2e12, -6.0, 2e-12])
    for x in (-40.0, -1e-3, 1e-3, 1.0, 1e12, 1e14):
        a, b = ldt.tail(one, x), ldt.tail(other, x)
        assert abs(a.logp - b.logp) <= a.error + b.error
    assert ldt.tail(one, -40.0, side="lower").logp == pytest.approx(-40.0 / 6.0 + math.log(6.0 / 2e12), abs=1e-9)


def test_quadratic_form() -> None:
    """Mean, variance and a tail of x'Ax + l'x + c, singular A and correlated x, against plain draws."""
    a = np.diag([1.0, 0.0, -2.0])
    mean, cov, linear = [0.0, 1.0, 1.0], np.array([[1.0, 0.5, 0.0], [0.5, 2.0, 0.0], [0.0, 0.0, 1.0]]), [0.0, 1.0, 0.0]
    model = ldt.WeightedSum.quadratic_form(a, mean, cov, linear=linear, constant=2.0)
    x = np.random.default_rng(1).multivariate_normal(mean, cov, 400_000)
    s = np.einsum("ij,jk,ik->i", x, a, x) + x @ linear + 2.0
    assert model.mean() == pytest.approx(1.0 - 2.0 * 2.0 + 1.0 + 2.0, abs=1e-12)  # sum a_ii E x_i^2 + l'E x + c
    assert model.var() == pytest.approx(float(s.var()), rel=0.02)
    p = ldt.tail(model, 5.0).p
    assert abs(float(np.mean(s >= 5.0)) - p) < 5.0 * math.sqrt(p / 400_000)


def test_gaussian_part_only() -> None:
    model = ldt.WeightedSum(stats.norm(), [1.0], sigma=3.0, shift=-1.0)
    assert ldt.tail(model, 1e3).logp == pytest.approx(stats.norm.logsf(1001.0 / math.sqrt(10.0)), abs=1e-9)


# -- lattices ------------------------------------------------------------------------------------------------------------------


def test_lattices_are_found() -> None:
    assert common_span([0.2, 0.3]) == pytest.approx(0.1)
    assert common_span([1.0, math.sqrt(2.0)]) is None
    assert as_law(stats.rv_discrete(values=([0.1, 0.35, 0.7], [0.2, 0.3, 0.5]))).lattice == pytest.approx((0.05, 0.1))
    model = ldt.WeightedSum([stats.poisson(3.0), stats.binom(5, 0.3)], [0.5, -0.25], shift=0.125)
    assert model.lattice == pytest.approx((0.25, 0.125))
    known = sum(stats.binom.pmf(k, 5, 0.3) * stats.poisson.sf(math.ceil(4 + k / 2) - 1, 3.0) for k in range(6))
    for method, tol in (("exact", 1e-11), ("saddlepoint", 0.05)):
        assert ldt.tail(model, 2.125, method=method).p == pytest.approx(known, rel=tol)
    shifted = ldt.IidSum(stats.poisson(3.0, loc=0.5), 3)
    assert ldt.tail(shifted, 14.5).p == pytest.approx(stats.poisson.sf(12, 9.0), rel=1e-12)
    assert float(shifted.sf(14.5)) == pytest.approx(stats.poisson.sf(13, 9.0), rel=1e-12)
    assert ldt.logpdf(shifted, 14.0).logp == -math.inf
    scaled = ldt.WeightedSum(stats.poisson(3.0), [0.1] * 3)
    assert ldt.tail(scaled, 0.1 * 12).p == pytest.approx(stats.poisson.sf(11, 9.0), rel=1e-12)


def test_lattice_with_a_continuous_part() -> None:
    """Conditioned on the lattice part: exact sums over it."""
    smooth = ldt.WeightedSum([stats.poisson(3.0), stats.norm()], [1.0, 0.1])
    known = sum(stats.poisson.pmf(k, 3.0) * stats.norm.sf((9.0 - k) / 0.1) for k in range(60))
    assert ldt.tail(smooth, 9.0).p == pytest.approx(known, rel=1e-10)
    rough = ldt.WeightedSum([stats.poisson(3.0), stats.expon()])
    known = sum(stats.poisson.pmf(k, 3.0) * math.exp(-max(9.0 - k, 0.0)) for k in range(60))
    result = ldt.tail(rough, 9.0)
    assert abs(result.logp - math.log(known)) <= result.error + 1e-14
    deep = ldt.tail(rough, 80.0)
    known_log = float(mp.log(mp.fsum(mp.e**-3 * mpf(3) ** k / mp.factorial(k) * mp.exp(-max(mpf(80) - k, 0)) for k in range(200))))
    assert abs(deep.logp - known_log) <= deep.error + 1e-12


def test_atoms_off_any_lattice() -> None:
    few = ldt.WeightedSum(stats.binom(3, 0.5), [1.0, math.sqrt(2.0)])
    p = [stats.binom.pmf(i, 3, 0.5) for i in range(4)]
    known = sum(p[i] * p[j] for i in range(4) for j in range(4) if i + math.sqrt(2.0) * j >= 6.0)
    assert ldt.tail(few, 6.0).p == pytest.approx(known, rel=1e-12)
    many = ldt.WeightedSum(stats.poisson(3.0), [1.0, math.sqrt(2.0)])
    with pytest.raises(MethodError, match="saddlepoint"):
        ldt.tail(many, 20.0, method="exact")


# -- heavy tails ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", [stats.pareto(3.0), stats.lognorm(1.0), stats.t(3.0), stats.weibull_min(0.5)], ids=lambda f: f.dist.name)
def test_heavy_tails_are_refused_by_reason(law: Any) -> None:
    model = ldt.IidSum(law, 10)
    assert not as_law(law).light("upper")
    with pytest.raises(NoTiltError, match=r"infinite for every s > 0.*heavy"):
        ldt.tail(model, 1000.0, method="saddlepoint")
    with pytest.raises(NoTiltError):
        ldt.tail(model, 1000.0, method="importance")


def test_measured_tail_classes() -> None:
    """Laws that are in no table."""
    assert as_law(stats.genhyperbolic(1.0, 2.0, 0.5)).tilt_range == pytest.approx((-2.5, 1.5), rel=1e-9)
    assert as_law(stats.geninvgauss(1.2, 2.0)).tilt_range[1] == pytest.approx(1.0, rel=1e-6)
    assert not as_law(stats.crystalball(2.0, 3.0)).light("lower")
    assert as_law(stats.crystalball(2.0, 3.0)).light("upper")


@pytest.mark.parametrize("p", [0.9, 0.99, 0.999, 0.9999, 1.0, 1.0001, 1.01, 1.1, 1.15])
@pytest.mark.parametrize("power", [0.0, 2.0])
def test_a_stretched_tail_is_told_from_an_exponential_one(p: float, power: float) -> None:
    """A density x^power exp(-x^p) has every tilt for p > 1 and none for p < 1, however near p is to 1."""
    due = math.inf if p > 1.0 else 1.0 if p == 1.0 else 0.0
    assert law_scipy._measured_end(lambda x: power * np.log(x) - x**p, "own") == pytest.approx(due, rel=1e-9)
    law = stats.gengamma(1.0 + power / p, p) if power else stats.exponweib(1.0, p)
    assert as_law(law).tilt_range[1] == due
    assert law_scipy.tilt_ends(stats.halfgennorm, (p,), (0.0, math.inf))[1] == due


def test_a_light_tail_that_is_exponential_to_a_logarithm() -> None:
    """Of exp(-x log x) and exp(-x/log x) the decay rate changes ever more slowly, but has no limit that is a number."""
    assert law_scipy._measured_end(lambda x: -x * np.log(x), "own") == math.inf
    assert law_scipy._measured_end(lambda x: -x / np.log1p(x), "own") == 0.0


def test_a_stretched_tail_near_an_exponential_one_is_refused() -> None:
    with pytest.raises(NoTiltError, match=r"infinite for every s > 0.*heavy"):
        ldt.tail(ldt.IidSum(stats.gengamma(1.0, 0.97), 10), 60.0, method="saddlepoint")


def test_a_law_of_angles_is_refused_as_one() -> None:
    """SciPy's vonmises has the whole line as support and a density of period 2 pi; vonmises_line is the law on [-pi, pi]."""
    with pytest.raises(ModelError, match=r"repeats every 2 pi.*vonmises_line"):
        ldt.parse_law("vonmises(2)")
    one = ldt.tail(ldt.IidSum(ldt.parse_law("vonmises_line(2)"), 1), 1.0)
    assert one.logp == pytest.approx(stats.vonmises_line(2.0).logsf(1.0), rel=1e-10)


def test_a_density_that_does_not_fall_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot be told"):
        law_scipy._measured_end(lambda x: 0.0 * x, "own")


def test_the_light_side_of_a_heavy_law() -> None:
    """P(S <= x) of lognormal terms has a tilt; n = 1 is known."""
    one = ldt.IidSum(stats.lognorm(1.0), 1)
    assert ldt.tail(one, 1e-3, side="lower").logp == pytest.approx(stats.lognorm(1.0).logcdf(1e-3), abs=1e-10)
    three = ldt.IidSum(stats.lognorm(1.0), 3)
    a = ldt.tail(three, 0.5, side="lower", method="exact")
    b = ldt.tail(three, 0.5, side="lower", method="montecarlo", samples=200_000, rng=1)
    assert abs(a.logp - b.logp) < 5.0 * b.error
    assert a.error < 1e-10


# -- methods -------------------------------------------------------------------------------------------------------------------


def test_methods_like_scipy() -> None:
    law = stats.gamma(200.0, scale=3.0)
    x = np.array([[400.0, 600.0, 900.0], [math.nan, math.inf, -5.0]])
    for name in ("sf", "cdf", "logsf", "logcdf"):
        np.testing.assert_allclose(getattr(SUM, name)(x), getattr(law, name)(x), rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(SUM.pdf(x[0]), law.pdf(x[0]), rtol=1e-9)
    assert (float(SUM.pdf(math.inf)), float(SUM.pdf(-5.0))) == (0.0, 0.0)
    q = np.array([1e-10, 0.01, 0.5, 0.99, math.nan, -0.1])
    np.testing.assert_allclose(SUM.ppf(q), law.ppf(q), rtol=1e-12)
    np.testing.assert_allclose(SUM.isf(q), law.isf(q), rtol=1e-12)
    assert float(SUM.logsf(SUM.isf(1e-200))) == pytest.approx(math.log(1e-200), rel=1e-13)
    assert (SUM.mean(), SUM.var()) == (600.0, 1800.0)
    np.testing.assert_allclose(SUM.cgf([0.0, 0.1, 0.4]), [0.0, -200.0 * math.log1p(-0.3), math.inf])
    drawn = SUM.rvs(20_000, rng=3)
    assert drawn.shape == (20_000,)
    assert abs(drawn.mean() - 600.0) < 5.0 * math.sqrt(1800.0 / 20_000)


def test_lattice_methods_like_scipy() -> None:
    model, law = ldt.IidSum(stats.binom(10, 0.3), 7), stats.binom(70, 0.3)
    k = np.arange(-1, 73)
    for name in ("sf", "cdf", "pmf"):
        np.testing.assert_allclose(getattr(model, name)(k), getattr(law, name)(k), rtol=1e-10, atol=1e-300)
    q = np.linspace(0.01, 0.99, 23)
    assert np.array_equal(model.ppf(q), law.ppf(q))
    assert np.array_equal(model.isf(q), law.isf(q))
    with pytest.raises(ModelError, match="logpmf"):
        model.logpdf(3.0)


def test_empirical_sum_states_its_range() -> None:
    data = np.random.default_rng(2).normal(size=400)
    model = ldt.EmpiricalSum(data, 25)
    low, high = model.reliable_levels
    assert low < model.mean() < high < model.support[1]
    inside, outside = (ldt.tail(model, x, method="saddlepoint") for x in (0.8 * high, 1.1 * high))
    assert (inside.status, outside.status) == ("ok", "warning")
    drawn = ldt.tail(model, 0.8 * high, method="importance", samples=40_000, rng=1)
    assert abs(drawn.logp - inside.logp) < 5.0 * drawn.error + inside.error
    whole = ldt.EmpiricalSum([1, 1, 2, 5], 6)
    table = {0: 1.0}
    for _ in range(6):
        new: dict[int, float] = {}
        for total, p in table.items():
            for value, share in ((1, 0.5), (2, 0.25), (5, 0.25)):
                new[total + value] = new.get(total + value, 0.0) + p * share
        table = new
    assert ldt.tail(whole, 15.0).p == pytest.approx(sum(p for k, p in table.items() if k >= 15), rel=1e-12)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: ldt.IidSum(stats.gamma, 3), "freeze"),
        (lambda: ldt.IidSum(stats.gamma(2.0), 0), "n:"),
        (lambda: ldt.IidSum(stats.gamma(-1.0), 1), "gamma"),
        (lambda: ldt.WeightedSum(stats.norm(), [1.0, math.nan]), "weights"),
        (lambda: ldt.WeightedSum.chi2([1.0], [0.0]), "dof"),
        (lambda: ldt.CompoundSum(stats.norm(), stats.expon()), "number"),
        (lambda: ldt.EmpiricalSum([1.0], 3), "data"),
        (lambda: ldt.parse_law("gama(2)"), "gamma"),
        (lambda: ldt.parse_law("gamma(2, 3"), "bracket"),
        (lambda: ldt.parse_law("__import__('os')"), "cannot read"),
        (lambda: ldt.parse_law("gamma(a=2, a=3)"), "twice"),
    ],
)
def test_bad_input_is_named(make: Any, word: str) -> None:
    with pytest.raises(ModelError, match=word):
        make()


# -- the command ---------------------------------------------------------------------------------------------------------------


def test_command() -> None:
    done = run("--law", "gamma(2, scale=3)", "--n", "100", "--x", "900", "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found["logp"] == pytest.approx(stats.gamma(200.0, scale=3.0).logsf(900.0), abs=1e-9)
    assert {"logp", "error", "error_kind", "method", "status", "seed"} <= set(found)
    text = run("--law", "uniform", "--n", "5", "--x", "7")
    assert text.exit_code == 0
    assert "P = 0" in text.stdout


def test_command_reads_files(tmp_path: Path) -> None:
    table = tmp_path / "terms.csv"
    table.write_text("# quadratic form\nweight,dof,ncp\n6,2,0\n3,2,0\n1,2,0\n")
    done = run("--file", str(table), "--x", "2", "--side", "lower", "--json")
    assert math.exp(json.loads(done.stdout)["logp"]) == pytest.approx(0.00645288200606587, rel=1e-13)
    text = json.dumps({"terms": [{"weight": 2, "law": "poisson(3)", "count": 4}, {"law": "norm"}], "sigma": 1.0, "shift": -1})
    done = run("--file", "-", "--x", "40", "--json", stdin=text)
    assert done.exit_code == 0
    known = sum(stats.poisson.pmf(k, 12.0) * stats.norm.sf((41.0 - 2 * k) / math.sqrt(2.0)) for k in range(120))
    assert math.exp(json.loads(done.stdout)["logp"]) == pytest.approx(known, rel=1e-9)


@pytest.mark.parametrize(
    ("args", "code", "word"),
    [
        (["--x", "1"], 2, "--law"),
        (["--law", "gamma(2)", "--n", "0", "--x", "1"], 2, "n:"),
        (["--law", "gamma(2)", "--x", "many"], 2, "x:"),
        (["--law", "__import__('os').system('ls')", "--x", "1"], 2, "cannot read"),
        (["--law", "pareto(2)", "--n", "5", "--x", "1e9", "--method", "saddlepoint"], 4, "heavy"),
        (["--file", "no_such_file.csv", "--x", "1"], 2, "no_such_file"),
        (["--law", "gamma(2)", "--x", "1", "--method", "exact", "--samples", "5"], 2, "samples"),
    ],
)
def test_command_refuses_in_one_line(args: list[str], code: int, word: str) -> None:
    done = run(*args)
    assert done.exit_code == code
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert word in lines[0]


@pytest.mark.parametrize(
    ("args", "code", "low", "high"),
    [
        (["--law", "pareto(2.5)", "--n", "10", "--x", "1e4"], 0, -20.7196, -20.7194),
        (["--law", "lognorm(1)", "--n", "10", "--x", "200", "--method", "conditional", "--seed", "1"], 0, -14.0, -11.0),
        (["--law", "weibull_min(0.5)", "--n", "20", "--x", "1000", "--method", "bigjump"], 0, -30.0, -26.0),
        (["--law", "t(3)", "--n", "5", "--x", "9", "--method", "montecarlo", "--seed", "1", "--samples", "5000"], 0, -4.6, -3.4),
        (["--law", "cubes", "--n", "1000", "--x", "8"], 0, -29.89316, -29.89315),
        (["--law", "cubes", "--n", "1000", "--x", "8", "--method", "transition"], 3, -32.1, -31.9),
        (["--law", "cubes", "--n", "1000", "--x", "8", "--density"], 0, -31.0, -27.0),
        (["--law", "pareto(2.5)", "--n", "10", "--x", "60", "--density", "--method", "conditional", "--seed", "1"], 0, -10.07, -10.03),
    ],
)  # fmt: skip
def test_command_answers_heavy_tails(args: list[str], code: int, low: float, high: float) -> None:
    done = run(*args, "--json")
    assert done.exit_code == code, done.stderr
    assert low < json.loads(done.stdout)["logp"] < high


def test_command_names_what_heavy_tails_take() -> None:
    for law in ("cubes", "lognorm(1)"):
        done = run("--law", law, "--n", "10", "--x", "1e5", "--method", "importance")
        assert done.exit_code == 4 and "infinite for every" in done.stderr and "'exact'" in done.stderr


def test_random_state_is_rng() -> None:
    a, b = SUM.rvs(3, random_state=5), SUM.rvs(3, rng=5)
    assert np.array_equal(a, b) and np.array_equal(a, SUM.rvs(size=3, random_state=5))
    assert np.array_equal(SUM.rvs(2, np.random.RandomState(1)), SUM.rvs(2, random_state=np.random.RandomState(1)))
    with pytest.raises(ModelError, match="random_state"):
        SUM.rvs(3, random_state=1, rng=2)
