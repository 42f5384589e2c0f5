"""Exact tails of sums against closed forms evaluated by other code: ball arithmetic, mpmath, exact fractions.

Contract: relative error of P at most 1e-10 down to P = 1e-300, absolute error of log P at most 1e-8 beyond, n up to 1e6; and no error is
reported that is smaller than the true one.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from flint import arb, ctx
from mpmath import mp, mpf
from scipy import stats

import ldt
from ldt.models.law_families import VarianceGamma

pytestmark = pytest.mark.nojit
ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _precision() -> Iterator[None]:
    before = ctx.prec
    with mp.workdps(60):
        yield
    ctx.prec = before


def number(ask: Callable[[], Any]) -> mpf:
    """log of the ball that ``ask`` computes, at a precision that leaves it 100 bits."""
    for bits in (200, 400, 1000, 3000, 8000):
        ctx.prec = bits
        value = ask().log()
        if value.rel_accuracy_bits() > 100:
            return mpf(value.mid().str(60, radius=False))
    raise AssertionError("the reference is not known to enough digits")


def check(model: Any, x: float, log_p: Any, side: str = "upper") -> None:
    result = ldt.tail(model, x, method="exact", side=side)
    off = abs(float(mpf(result.logp) - mpf(log_p)))
    allowed = 1e-10 if log_p > -690 else 1e-8
    assert off <= allowed, (model, x, result)
    assert off <= result.error, (model, x, off, result)
    assert result.error <= 10.0 * allowed, (model, x, result)
    assert result.status == "ok"


def gamma_upper(a: float, x: float) -> mpf:
    return number(lambda: arb(x).gamma_upper(arb(a), regularized=1))


@pytest.mark.parametrize("shape", [0.5, 2.0, 1000.25])
@pytest.mark.parametrize("n", [1, 2, 100, 10**6])
def test_gamma(shape: float, n: int) -> None:
    a = n * shape
    for z in (0.0, 0.1, 5.0, 38.0):
        x = a + z * math.sqrt(a)
        check(ldt.IidSum(stats.gamma(shape), n), x, gamma_upper(a, x))
    check(ldt.IidSum(stats.gamma(shape, scale=3.0, loc=1.0), n), 3.0 * a + n, gamma_upper(a, a))
    if a < 1000.0:
        for fraction in (0.1, 0.9):
            x = a * fraction
            log_p = number(lambda x=x: arb(x).gamma_lower(arb(a), regularized=1))  # type: ignore[misc]
            check(ldt.IidSum(stats.gamma(shape), n), x, log_p, "lower")


def poisson_below(k: int, n: int, lam: float) -> Any:
    """P(S < k) as a ball."""
    return (arb(n) * arb(lam)).gamma_upper(arb(k), regularized=1)


@pytest.mark.parametrize("n", [1, 3, 100, 10**6])
def test_poisson(n: int) -> None:
    """P(S <= k) = Q(k + 1, n lam), the upper one by its complement with the digits to spare."""
    for lam in (0.01, 2.5):
        mean = n * lam
        for z in (0.1, 5.0):
            k = math.ceil(mean + z * math.sqrt(mean))
            log_p = number(lambda k=k, lam=lam: 1 - poisson_below(k, n, lam))  # type: ignore[misc]
            check(ldt.IidSum(stats.poisson(lam), n), float(k), log_p)
        k = int(0.95 * mean)
        log_p = number(lambda k=k, lam=lam: poisson_below(k + 1, n, lam))  # type: ignore[misc]
        check(ldt.IidSum(stats.poisson(lam), n), float(k), log_p, "lower")


@pytest.mark.parametrize("n", [1, 3, 100, 10**6])
@pytest.mark.parametrize("p", [1e-3, 0.3, 0.9])
def test_binomial(n: int, p: float) -> None:
    m = 7 * n
    for fraction in (0.0, 0.01, 0.1, 1.0):
        k = max(1, math.ceil(m * p + fraction * m * (1.0 - p)))
        log_p = number(lambda k=k: arb(p).beta_lower(arb(k), arb(m - k + 1), regularized=1))  # type: ignore[misc]
        if log_p > -1e5:
            check(ldt.IidSum(stats.binom(7, p), n), float(k), log_p)
    k = int(m * p * 0.98)
    log_p = number(lambda: (1 - arb(p)).beta_lower(arb(m - k), arb(k + 1), regularized=1))
    check(ldt.IidSum(stats.binom(7, p), n), float(k), log_p, "lower")


@pytest.mark.parametrize("n", [1, 2, 7, 50])
def test_laplace_and_variance_gamma(n: int) -> None:
    """Differences of two gamma variables of integer shape: a finite sum of positive terms."""
    for x in (0.0, 1e-9, 0.01, 1.0, 20.0, 600.0, 5000.0):
        terms = [mp.binomial(n - 1 + j, j) * mpf(2) ** -(n + j) * mp.gammainc(n - j, x, regularized=True) for j in range(n)]
        check(ldt.IidSum(stats.laplace(), n), x, mp.log(sum(terms)))
        check(ldt.IidSum(VarianceGamma(1.0, 1.0, 1.0), n), x, mp.log(sum(terms)))


@pytest.mark.parametrize("a", [0.25, 3.3])
def test_variance_gamma_of_any_shape(a: float) -> None:
    """The density (x/2)^nu K_nu(x)/(sqrt(pi) Gamma(a)), nu = a - 1/2, integrated by mpmath."""
    with mp.workdps(20):
        nu = mpf(a) - mpf(1) / 2
        for x in (0.1, 3.0, 50.0):
            cuts = [mpf(x) + d for d in (0, 0.25, 1, 3, 8, 20, 45)]
            scaled = mp.quad(lambda t, x=x: mp.exp(x) * (t / 2) ** nu * mp.besselk(nu, t), cuts)  # of order 1: quad's goal is absolute
            log_p = mp.log(scaled / (mp.sqrt(mp.pi) * mp.gamma(mpf(a)))) - x
            check(ldt.IidSum(VarianceGamma(a, 1.0, 1.0), 1), x, log_p)


@pytest.mark.parametrize("n", [1, 3, 100])
@pytest.mark.parametrize("mu", [0.2, 1.5])
def test_inverse_gaussian(n: int, mu: float) -> None:
    with mp.workdps(400):
        m, lam = n * mpf(mu), mpf(n) ** 2
        for factor in (0.2, 0.9, 1.0, 1.3, 5.0, 50.0):
            x = factor * n * mu
            r = mp.sqrt(lam / mpf(x))
            second = mp.exp(2 * lam / m) * mp.ncdf(-r * (mpf(x) / m + 1))
            check(ldt.IidSum(stats.invgauss(mu), n), x, mp.log(mp.ncdf(-r * (mpf(x) / m - 1)) - second))
            check(ldt.IidSum(stats.invgauss(mu), n), x, mp.log(mp.ncdf(r * (mpf(x) / m - 1)) + second), "lower")


def log_of(p: Fraction) -> mpf:
    """log of a fraction, to full relative precision near 1 too."""
    rest = 1 - p if 2 * p > 1 else p
    value = mpf(rest.numerator) / mpf(rest.denominator)
    return mp.log1p(-value) if 2 * p > 1 else mp.log(value)


@pytest.mark.parametrize("n", [1, 2, 3, 12, 60, 61, 150])
def test_irwin_hall(n: int) -> None:
    """Both the rational route (few terms) and the straight contour (many)."""
    for share in (0.01, 0.3, 0.49, 0.5, 0.7, 0.99):
        x = share * n
        p = Fraction(sum((-1) ** k * math.comb(n, k) * (Fraction(x) - k) ** n for k in range(n + 1) if x > k), math.factorial(n))
        for value, side in ((p, "lower"), (1 - p, "upper")):
            check(ldt.IidSum(stats.uniform(), n), x, log_of(value), side)


@pytest.mark.parametrize("weights", [[1.0, 2.0, 3.0], [1.0, 1e-3, 5.0, 7.0], [1e-12, 1.0, 1e12], [1 + 0.1 * k for k in range(40)]])
def test_hypoexponential(weights: list[float]) -> None:
    with mp.workdps(300):
        rates = [1 / mpf(w) for w in weights]
        shares = [mp.fprod(b / (b - a) for b in rates if b != a) for a in rates]
        for x in (1e-3, 0.5, 10.0, 1000.0, 1e12, 1e14):
            log_p = mp.log(sum(s * mp.exp(-a * x) for s, a in zip(shares, rates, strict=True)))
            if log_p > -1e5:
                check(ldt.WeightedSum(stats.expon(), weights), x, log_p)


def reference() -> list[dict[str, str]]:
    lines = (ROOT / "data" / "reference" / "quadratic_forms.csv").read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@pytest.mark.parametrize("row", reference(), ids=lambda r: f"{r['lambda']} at {r['q']}")
def test_quadratic_forms(row: dict[str, str]) -> None:
    """The 30-digit table, not the 'expected values' at 1e-4 that circulate (docs/theory.md)."""
    lam, dof, ncp = ([float(v) for v in row[k].split()] for k in ("lambda", "dof", "ncp"))
    model = ldt.WeightedSum.chi2(lam, dof, ncp)
    check(model, float(row["q"]), mp.log(mpf(row["cdf"])), "lower")
    if lam == [6.0, 3.0, 1.0] and dof == [2.0, 2.0, 2.0]:
        assert model.cdf(2.0) == pytest.approx(0.00645288200606587, abs=1e-15)
        assert abs(model.cdf(2.0) - 0.0064348) > 1e-5


def test_beyond_the_reach_of_other_codes() -> None:
    """chi-squares with even degrees of freedom are sums of exponentials, known where Davies' method returns 0."""
    model = ldt.WeightedSum.chi2([6.0, 3.0, 1.0], 2.0)
    with mp.workdps(60):
        rates = [1 / mpf(12), 1 / mpf(6), 1 / mpf(2)]
        for x in (300.0, 1200.0, 12000.0):
            shares = [mp.fprod(b / (b - a) for b in rates if b != a) * mp.exp(-a * x) for a in rates]
            check(model, x, mp.log(sum(shares)))
