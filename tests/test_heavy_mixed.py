"""Sums of several laws, or of a random number of terms, with heavy tails: stable laws, integrals in mpmath, mixtures, sampling."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import pytest
from scipy import stats

import ldt


def close(result: ldt.TailResult, truth: float, most: float = 1e-11) -> None:
    assert result.status == "ok" and result.method == "exact"
    assert abs(result.logp - truth) <= result.error + 1e-14 * abs(truth), (result, truth)
    assert result.error <= most


@pytest.mark.nojit
@pytest.mark.parametrize("x", [3.0, 1e40])
def test_stable_laws_with_weights(x: float) -> None:
    """sum w_j X_j of Levy terms is (sum sqrt w_j)^2 X, of Cauchy terms sum |w_j| X; weights from 1e-12 to 1e12 too."""
    levy = ldt.WeightedSum(stats.levy(), [1.0, 4.0, 9.0])
    close(ldt.tail(levy, 36.0 * x), float(stats.levy.logsf(x)))
    close(ldt.tail(levy, 36.0 / min(x, 100.0), side="lower"), float(stats.levy.logcdf(1.0 / min(x, 100.0))))
    wide = ldt.WeightedSum(stats.levy(), [1e12, 1e-12])
    close(ldt.tail(wide, (1e6 + 1e-6) ** 2 * x), float(stats.levy.logsf(x)))
    cauchy = ldt.WeightedSum(stats.cauchy(), [1.0, -4.0, 2.0], shift=5.0)
    close(ldt.tail(cauchy, 7.0 * x + 5.0), float(stats.cauchy.logsf(x)))
    close(ldt.tail(cauchy, -7.0 * x + 5.0, side="lower"), float(stats.cauchy.logsf(x)))
    if x < 1e3:
        close(ldt.logpdf(cauchy, 7.0 * x + 5.0, method="exact"), float(stats.cauchy.logpdf(x)) - math.log(7.0))
        close(ldt.logpdf(levy, 36.0 * x, method="exact"), float(stats.levy.logpdf(x)) - math.log(36.0))


@pytest.mark.nojit
def test_heavy_and_light_terms_by_convolution() -> None:
    x = mp.mpf(200)
    with mp.workdps(30):
        both = mp.quad(lambda y: mp.exp(-y / 3) / 3 * (x - y) ** mp.mpf(-2.5), [0, 10, 50, 100, 150, 199])
        pareto_exponential = mp.exp(-(x - 1) / 3) + both
        points = [0, 1, 10, 100, 1000, 10**4, 10**6, 10**9, mp.inf]
        difference = mp.quad(lambda y: mp.mpf(1.5) / 3 * (1 + y / 3) ** mp.mpf(-2.5) * (x + y) ** mp.mpf(-2.5), points)
        half = mp.mpf(1) / 2

        def student(y: Any) -> Any:
            return mp.betainc(mp.mpf(3) / 2, half, 0, 3 / (3 + y * y), regularized=True) / 2

        normal = mp.quad(lambda y: mp.npdf(y / 2) / 2 * student(30 - y), [-30, -10, 0, 5, 10, 15, 20, 25, 29])
    close(ldt.tail(ldt.WeightedSum([stats.pareto(2.5), stats.expon()], [1.0, 3.0]), 200.0), float(mp.log(pareto_exponential)))
    close(ldt.tail(ldt.WeightedSum([stats.pareto(2.5), stats.lomax(1.5)], [1.0, -3.0]), 200.0), float(mp.log(difference)))
    close(ldt.tail(ldt.WeightedSum(stats.t(3.0), sigma=2.0), 30.0), float(mp.log(normal)))


@pytest.mark.nojit
def test_both_sides_add_up() -> None:
    """P(S >= x) + P(S <= x) = 1 with each side by a path of its own, left and right of the mean, and the slope is the density."""
    model = ldt.WeightedSum([stats.pareto(2.5), stats.lognorm(1.0), stats.laplace()], [1.0, -1.0, 0.5], counts=[3, 2, 4])
    for x in (-8.0, 1.0, 9.0):
        h = 1e-4
        upper, lower, density = ldt.tail(model, x), ldt.tail(model, x, side="lower"), ldt.logpdf(model, x, method="exact")
        assert upper.p + lower.p == pytest.approx(1.0, abs=1e-12)
        slope = (ldt.tail(model, x + h, side="lower").p - ldt.tail(model, x - h, side="lower").p) / (2.0 * h)
        assert density.p == pytest.approx(slope, rel=1e-6)
        drawn = ldt.tail(model, x, method="montecarlo", samples=40_000, rng=3)
        assert abs(drawn.logp - upper.logp) < 4.0 * drawn.error


@pytest.mark.nojit
def test_compound_sums_of_heavy_claims() -> None:
    """Mixtures over the number of claims, with the Levy law's own sums; and their atom at 0."""
    for number in (stats.poisson(3.0), stats.nbinom(2.0, 0.4), stats.binom(5, 0.4)):
        model = ldt.CompoundSum(number, stats.levy())
        for x in (50.0, 1e30) if number.dist.name == "nbinom" else (1e6,):
            known = sum(float(number.pmf(k)) * float(stats.levy.sf(x / k**2)) for k in range(1, 120))
            close(ldt.tail(model, x), math.log(known))
        below = math.fsum([float(number.pmf(0)), *(float(number.pmf(k)) * float(stats.levy.cdf(0.3 / k**2)) for k in range(1, 40))])
        close(ldt.tail(model, 0.3, side="lower"), math.log(below))
        assert ldt.tail(model, 0.0, side="lower").logp == pytest.approx(float(number.logpmf(0)), abs=1e-13)
        assert ldt.tail(model, 0.0).logp == 0.0 and ldt.tail(model, -1.0, side="lower").logp == -math.inf
    assert ldt.CompoundSum(stats.poisson(3.0), stats.lomax(2.5)).isf(1e-9) > 1e3


@pytest.mark.nojit
def test_what_has_no_transform_is_refused_by_name() -> None:
    model = ldt.WeightedSum([stats.pareto(2.0), stats.uniform()])
    with pytest.raises(ldt.NoTiltError, match=r"heavy upper tail.*montecarlo"):
        ldt.tail(model, 1e9, method="exact")
    with pytest.raises(ldt.MethodError, match="equal terms"):
        ldt.tail(model, 1e9, method="conditional")


@pytest.mark.nojit
def test_heavy_tails_on_a_lattice() -> None:
    """By the complement of the light side while that carries; further out refused, and not tried for hours."""
    model = ldt.IidSum(stats.zipf(2.5), 2)
    known = 1.0 - sum(float(stats.zipf(2.5).pmf(i) * stats.zipf(2.5).cdf(9 - i)) for i in range(1, 9))
    assert ldt.tail(model, 10.0).logp == pytest.approx(math.log(known), abs=1e-10)
    with pytest.raises(ldt.MethodError, match="montecarlo"):
        ldt.tail(model, 1e4, method="exact")
