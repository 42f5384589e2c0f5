"""Sums without a tilt: the cut against closed forms, characteristic functions in mpmath, convolutions and draws."""

from __future__ import annotations

import csv
import functools
import math
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

import ldt
from ldt.models.cubic import CubeLaw
from ldt.models.heavy_terms import lomax, student
from ldt.tails.heavy_exact import heavy_value
from ldt.tails.transition import Z_C, leading

REFERENCE = Path(__file__).parent.parent / "data" / "reference" / "cubic_sum.csv"


def exact(model: Any, level: float, side: str = "upper") -> ldt.TailResult:
    return ldt.tail(model, level, method="exact", side=side)


def close(result: ldt.TailResult, truth: float, most: float = 1e-10) -> None:
    """The truth within the stated error, and the stated error small."""
    assert result.status == "ok"
    assert abs(result.logp - truth) <= result.error + 1e-15 * abs(truth), (result, truth)
    assert result.error <= most


# -- the twin: characteristic functions on the real axis, in mpmath -------------------------------------------------------------


def cube_cf(k: Any) -> Any:
    root = mp.cbrt(3 * k)
    return mp.sqrt(2 * mp.pi) / root * mp.exp(1 / (108 * k * k)) * mp.airyai(1 / (12 * k * root))


def by_frequencies(cf: Any, n: int, t: Any, period: Any, digits: int) -> float:
    """log P(S > t) = log[1/2 - (h/pi) sum_k sin(k t) cf(k)^n/k], midpoint rule of step h = 2 pi/period; aliases: P(S > period - t)."""
    with mp.workdps(digits):
        h = 2 * mp.pi / mp.mpf(period)
        total, j = mp.mpf(0), 0
        while True:
            k = (j + mp.mpf(1) / 2) * h
            value = cf(k) ** n
            total += mp.sin(k * t) / k * value * h
            j += 1
            if abs(value) < mp.mpf(10) ** (-digits):
                return float(mp.log(mp.mpf(1) / 2 - total / mp.pi))


@pytest.mark.nojit
@pytest.mark.parametrize("s", [0.03, 0.05, 0.15, 0.3, 2.0])
def test_cube_transform_on_the_cut(s: float) -> None:
    with mp.workdps(30):
        turn = mp.expjpi(mp.mpf(1) / 5)
        up = mp.quad(lambda r: mp.exp(s * (r * turn) ** 3 - (r * turn) ** 2 / 2) * turn, [0, 2, 5, 10, 20, 40])
        down = mp.quad(lambda r: mp.exp(-s * r**3 - r * r / 2), [0, 1, 5, 20])
        truth = mp.log((up + down) / mp.sqrt(2 * mp.pi))
    size, angle = CubeLaw().cut(np.array([s]))
    assert abs(size[0] - float(truth.real)) < 4e-15
    assert abs(angle[0] - float(mp.log(truth.imag))) < 1e-13 * max(1.0, abs(angle[0]))


@pytest.mark.nojit
@pytest.mark.parametrize("s", [0.015 + 0.012j, 0.0199 + 0.001j, 0.021j, 0.1 + 0.15j, 0.15 + 0.15j, 3.0 + 4.0j])
def test_cube_transform_above_the_cut(s: complex) -> None:
    with mp.workdps(30):
        turn = mp.expjpi(mp.mpf(1) / 5 - mp.mpf(1) / 10 * (abs(s.real) < s.imag))
        up = mp.quad(lambda r: mp.exp(s * (r * turn) ** 3 - (r * turn) ** 2 / 2) * turn, [0, 1, 2, 5, 10, 20, 40])
        down = mp.quad(lambda r: mp.exp(-s * r**3 - r**2 / 2), [0, 1, 2, 5, 10, 20, 40])
        truth = complex(mp.log((up + down) / mp.sqrt(2 * mp.pi)))
    found = complex(CubeLaw().off(np.array([s]))[0])
    # relative accuracy where n = 10^6 meets it; absolute where |phi|^n has vanished for such n
    assert abs(found - truth) < (2e-18 if abs(s) < 0.02 else 5e-16) + 4e-16 * abs(truth)


@pytest.mark.nojit
def test_cubes_against_the_reference_table() -> None:
    lines = [line for line in REFERENCE.read_text().splitlines() if not line.startswith("#")]
    for row in csv.DictReader(lines):
        digits = len(row["p"].partition("e")[0]) - 1  # the last row has 12 digits only
        r = exact(ldt.CubicSum(int(row["N"])), float(row["x"]))
        assert abs(r.logp - math.log(float(row["p"]))) <= r.error + 10.0 ** (1 - digits)
        assert r.error < 1e-10


@pytest.mark.nojit
@pytest.mark.parametrize("a", [1e-3, 0.25, 1.0, 6.0, 37.0, 150.0, 1e4])
def test_one_cube(a: float) -> None:
    truth = float(stats.norm.logsf(a))
    close(exact(ldt.CubicSum(1), a**3 / math.sqrt(15.0)), truth, 1e-10 * max(1.0, abs(truth)))


#: (N, x, period in standard deviations, digits): many small, the transition, one large.
CUBES = [(100, 0.3, 200, 25), (1000, 8.0, 200, 40), (10**4, 10.0, 200, 50),
         pytest.param(10**4, 16.0, 400, 90, marks=pytest.mark.slow),
         (10**5, 10.0, 160, 50), (10**6, 0.25, 60, 30), (10**6, 12.0, 150, 60)]  # fmt: skip


@pytest.mark.nojit
@pytest.mark.parametrize(("n", "x", "period", "digits"), CUBES)
def test_cubes_against_frequencies(n: int, x: float, period: int, digits: int) -> None:
    with mp.workdps(digits):
        unit = mp.sqrt(15 * mp.mpf(n))
        truth = by_frequencies(cube_cf, n, x * unit, period * unit, digits)
    close(exact(ldt.CubicSum(n), x), truth)


@pytest.mark.nojit
@pytest.mark.parametrize("n", [1, 2, 7, 30, 1000, 10**6])
def test_cubes_keep_their_digits_down_to_1e_300(n: int) -> None:
    high = 8.0
    while exact(ldt.CubicSum(n), high).logp > -700.0:
        high *= 3.0
    for x in np.geomspace(0.05, high, 5):
        r = exact(ldt.CubicSum(n), float(x))
        assert r.status == "ok" and r.error < 1e-10


@pytest.mark.nojit
@pytest.mark.parametrize("x", [0.4, 3.0, 40.0])
def test_two_cubes_by_convolution(x: float) -> None:
    t = mp.mpf(x) * mp.sqrt(30)
    top = mp.cbrt(t)

    def other(a: Any) -> Any:
        rest = t - a**3
        return mp.npdf(a) * mp.ncdf(-mp.sign(rest) * mp.cbrt(abs(rest)))

    with mp.workdps(25):
        near = [top * (1 + s * mp.mpf(10) ** (-k)) for k in range(1, 20) for s in (-1, 1)]
        value = mp.quad(other, sorted([mp.mpf(-14), mp.mpf(-3), mp.mpf(0), top, top + 3, top + 12, *near]))
    close(exact(ldt.CubicSum(2), x), float(mp.log(value)), 1e-12)


@pytest.mark.nojit
def test_cubes_density_sides_and_the_origin() -> None:
    model = ldt.CubicSum(20)
    assert ldt.tail(model, 0.0).logp == -math.log(2.0)
    assert exact(model, -2.0).logp == pytest.approx(math.log1p(-math.exp(exact(model, 2.0).logp)), abs=1e-14)
    h = 1e-3
    slope = (math.exp(exact(model, 2.0 - h).logp) - math.exp(exact(model, 2.0 + h).logp)) / (2 * h)
    assert math.exp(ldt.logpdf(model, 2.0).logp) == pytest.approx(slope, rel=1e-5)
    nodes, weights = np.polynomial.legendre.leggauss(14)
    whole = float(weights @ np.exp(ldt.logpdf(model, 1.0 + nodes).logp))
    assert whole == pytest.approx(0.5 - math.exp(exact(model, 2.0).logp), abs=1e-8)
    assert ldt.logpdf(model, 0.0).error < 1e-10
    with pytest.raises(ldt.MethodError, match="infinite at 0"):
        ldt.logpdf(ldt.CubicSum(3), 0.0)


@pytest.mark.nojit
def test_what_needs_a_tilt_is_refused_with_a_reason() -> None:
    for model in (ldt.CubicSum(10), ldt.IidSum(stats.pareto(2.0), 5)):
        for method in ("saddlepoint", "importance"):
            with pytest.raises(ldt.NoTiltError, match=r"infinite.*method='exact'"):
                ldt.tail(model, 30.0, method=method)
        for ask in (ldt.rate, ldt.tilted):
            with pytest.raises(ldt.NoTiltError, match="infinite"):
                ask(model, 30.0)
        assert ldt.plan(model, 30.0).method == "exact"


# -- general laws --------------------------------------------------------------------------------------------------------------


@pytest.mark.nojit
@pytest.mark.parametrize("n", [2, 10**6])
@pytest.mark.parametrize("x", [0.05, 1.0, 40.0, 1e80])
def test_levy_sums(n: int, x: float) -> None:
    """S/n^2 is a Levy variable: infinite mean."""
    model = ldt.IidSum(stats.levy(), n)
    close(exact(model, x * n * n), float(stats.levy.logsf(x)))
    if x < 1e3:
        close(exact(model, x * n * n, "lower"), float(stats.levy.logcdf(x)))
    if x in (0.05, 40.0):
        close(ldt.logpdf(model, x * n * n, method="exact"), float(stats.levy.logpdf(x)) - 2.0 * math.log(n))


@pytest.mark.nojit
@pytest.mark.parametrize("n", [3, 10**6])
@pytest.mark.parametrize("x", [-3.0, 0.01, 1e3, 1e90])
def test_cauchy_sums(n: int, x: float) -> None:
    """S/n is a Cauchy variable: no mean."""
    model = ldt.IidSum(stats.cauchy(), n)
    close(exact(model, x * n), float(stats.cauchy.logsf(x)))
    close(exact(model, x * n, "lower"), float(stats.cauchy.logcdf(x)))
    close(ldt.logpdf(model, x * n, method="exact"), float(stats.cauchy.logpdf(x)) - math.log(n))


@pytest.mark.nojit
@pytest.mark.parametrize(("n", "x"), [(10, 0.1), (100, 10.0), (100, 100.0), (1000, 200.0), (10**6, 3000.0)])
def test_student_3_sums(n: int, x: float) -> None:
    """The characteristic function is (1 + a) exp(-a), a = sqrt(3) k."""
    with mp.workdps(40):
        end = mp.sqrt(600 / mp.mpf(n)) + 60 / mp.mpf(n)
        root = mp.sqrt(3)
        value = mp.quad(lambda k: mp.sin(k * x) / k * ((1 + root * k) * mp.exp(-root * k)) ** n, [end * i / 60 for i in range(61)])
        truth = float(mp.log(mp.mpf(1) / 2 - value / mp.pi))
    close(exact(ldt.IidSum(stats.t(3.0), n), x), truth)


SINGLE = [stats.lomax(0.4), stats.lomax(2.5, loc=-1.0, scale=3.0), stats.pareto(1.0), stats.genpareto(0.5, scale=0.1),
          stats.weibull_min(0.5), stats.weibull_min(0.9, scale=2.0), stats.lognorm(0.6), stats.lognorm(1.0, scale=5.0), stats.lognorm(3.0),
          stats.burr12(0.8, 3.0),
          stats.fisk(0.9), stats.t(2.5), stats.t(30.0)]  # fmt: skip


@pytest.mark.nojit
@pytest.mark.parametrize("law", SINGLE, ids=lambda law: f"{law.dist.name}{law.args}")
def test_one_term(law: Any) -> None:
    """The cut itself, which one term alone does not need."""
    model = ldt.IidSum(law, 1).heavy()
    c, d = (*law.args, 1.0)[:2]

    def check(truth: float, x: float, **what: Any) -> None:
        value = heavy_value(model, x, **{"density": False, "side": "upper", **what})
        assert abs(value.logp - truth) <= value.error + 1e-15 * abs(truth) and value.error < 1e-9

    for p in (0.4, 1e-40):
        x = float(law.isf(p)) if law.dist.name != "fisk" else math.expm1(-math.log(p)) ** (1.0 / c)
        check(-d * math.log1p(x**c) if law.dist.name in ("fisk", "burr12") else float(law.logsf(x)), x)  # SciPy's own loses digits
    x = float(law.isf(1e-3))
    check(float(law.logpdf(x)), x, density=True)
    x = float(law.ppf(0.02))
    check(float(law.logcdf(x)), x, side="lower")


def two_terms(log_sf: Any, log_pdf: Any, t: float) -> float:
    """log P(X + Y > t) for X, Y >= 0 by direct convolution: G(t) + int_0^t f(x) G(t - x) dx, split where either varies."""
    with mp.workdps(30):
        steps = [mp.mpf(t) * mp.mpf(10) ** (-k) for k in range(1, 5)]
        points = sorted([mp.mpf(0), *steps, mp.mpf(t) / 2, *(t - h for h in steps[:3]), mp.mpf(t)])
        value = mp.exp(log_sf(mp.mpf(t))) + mp.quad(lambda x: mp.exp(log_pdf(x) + log_sf(t - x)), points)
        return float(mp.log(value))


@pytest.mark.nojit
@pytest.mark.parametrize("t", [0.7, 12.0, 900.0])
def test_two_terms_by_convolution(t: float) -> None:
    cases = [
        (stats.lomax(1.5), lambda x: -1.5 * mp.log1p(x), lambda x: mp.log(1.5) - 2.5 * mp.log1p(x)),
        (stats.weibull_min(0.5), lambda x: -mp.sqrt(x), lambda x: -mp.sqrt(x) - mp.log(2 * mp.sqrt(x))),
        (stats.lognorm(1.0), lambda x: mp.log(mp.erfc(mp.log(x) / mp.sqrt(2)) / 2) if x > 0 else mp.mpf(0),
         lambda x: -mp.log(x) ** 2 / 2 - mp.log(x) - mp.log(2 * mp.pi) / 2),
    ]  # fmt: skip
    for law, log_sf, log_pdf in cases:
        close(exact(ldt.IidSum(law, 2), t), two_terms(log_sf, log_pdf, t))


@pytest.mark.nojit
def test_the_jump_of_lomax_is_its_closed_form() -> None:
    """Im phi(s + i0) = pi s^c e^-s/Gamma(c), from the incomplete gamma function."""
    for c in (0.4, 1.5, 6.0):
        s = np.geomspace(1e-6, 2.0, 9)
        size, angle = lomax(c).law.cut(s)
        found = np.exp(size) * np.sin(np.exp(angle))
        assert found == pytest.approx(math.pi * s**c * np.exp(-s) / math.gamma(c), rel=1e-12)


@pytest.mark.nojit
def test_student_transform_joins() -> None:
    """The mixture and the Bessel function agree where they meet, on and off the cut."""
    for df in (0.7, 2.0, 5.0, 40.0):
        law = student(df).law
        edge = max(0.3, 0.05 * df) / math.sqrt(df)
        for turn in (1.0 + 0.0j, np.exp(0.6j), np.exp(1.1j)):
            s = min(edge, 0.3) * turn * np.array([1.0 - 1e-13, 1.0 + 1e-13])
            a, b = law.off(s)  # of either, any branch of the logarithm
            assert abs(np.exp(a - b) - 1.0) < 1e-13


@pytest.mark.parametrize(
    ("law", "n", "x"),
    [(stats.lognorm(1.0), 10**6, 1.657e6), (stats.weibull_min(0.5), 10**5, 2.1e5), (stats.lomax(3.0), 10**6, 5.1e5),
     (stats.pareto(1.2), 10**4, 3e5)],
    ids=["lognorm", "weibull", "lomax", "pareto"],
)
def test_a_million_terms(law: Any, n: int, x: float) -> None:
    """Small reported errors, the tails on both sides summing to 1, and the order of the jump or of the normal law."""
    upper, lower = exact(ldt.IidSum(law, n), x), exact(ldt.IidSum(law, n), x, "lower")
    assert upper.status == "ok" and upper.error < 1e-10
    assert math.exp(upper.logp) + math.exp(lower.logp) == pytest.approx(1.0, abs=1e-12)
    jump = ldt.tail(ldt.IidSum(law, n), x, method="bigjump")
    normal = -math.inf
    if math.isfinite(law.var()):
        z = (x - n * law.mean()) / (law.std() * math.sqrt(n))
        skew, excess = (float(m) for m in law.stats(moments="sk"))
        # Cramer's series about the normal law, as far as the moments exist.
        series = z**3 * skew / (6.0 * math.sqrt(n)) + z**4 * (excess - 3.0 * skew**2) / (24.0 * n)
        normal = stats.norm.logsf(z) + (series if math.isfinite(series) else 0.0)
    assert upper.logp == pytest.approx(np.logaddexp(normal, jump.logp), abs=0.5)


@pytest.mark.nojit
def test_supports_signs_and_refusals() -> None:
    pareto = ldt.IidSum(stats.pareto(2.0), 3)
    assert exact(pareto, 2.0).logp == 0.0 and exact(pareto, 2.0, "lower").logp == -math.inf
    mirrored = ldt.IidSum(stats.levy_l(), 4)
    close(exact(mirrored, -50.0, "lower"), float(stats.levy.logsf(50.0 / 16.0)))
    close(exact(mirrored, -50.0), float(stats.levy.logcdf(50.0 / 16.0)))
    with pytest.raises(ldt.MethodError, match="has a tilt"):
        ldt.tail(ldt.IidSum(stats.norm(), 3), 5.0, method="bigjump")
    with pytest.raises(ldt.ModelError, match="n: "):
        ldt.CubicSum(0)
    other = ldt.IidSum(stats.betaprime(2.0, 1.5), 3)
    with pytest.raises(ldt.NoTiltError, match="conditional"):
        ldt.tail(other, 1e9, method="exact")
    near, drawn = ldt.tail(other, 20.0, method="exact"), ldt.tail(other, 20.0, method="conditional", rng=1)  # the light side's complement
    assert near.error < 1e-8 and abs(near.logp - drawn.logp) < 4.5 * drawn.error
    assert (ldt.plan(other, 100.0).method, ldt.plan(other, 1e5).method) == ("exact", "conditional")
    with pytest.raises(ldt.MethodError, match="large jumps"):
        ldt.tail(pareto, 5.0, method="conditional", side="lower")


# -- sampling, asymptotes, conditional draws -------------------------------------------------------------------------------------

GRID: list[tuple[Any, float]] = [
    *((ldt.CubicSum(n), x) for n in (2, 10, 100) for x in (3.0, 8.0, 40.0)),
    (ldt.CubicSum(1000), 5.0), (ldt.CubicSum(1000), 40.0),
    *((ldt.IidSum(stats.pareto(1.5), n), x) for n in (2, 30) for x in (200.0, 1e5)),
    (ldt.IidSum(stats.lognorm(1.0), 5), 400.0), (ldt.IidSum(stats.lognorm(1.0), 100), 5000.0),
    (ldt.IidSum(stats.weibull_min(0.5), 20), 400.0), (ldt.IidSum(stats.t(3.0), 50), 100.0), (ldt.IidSum(stats.lomax(0.6), 10), 1e5),
]  # fmt: skip


@functools.cache
def truth_of(i: int) -> float:
    """The exact value of one point of the grid, once."""
    return float(exact(*GRID[i]).logp)


def test_asmussen_kroese_is_right_or_says_that_it_may_not_be() -> None:
    trusted = 0
    for i, (model, x) in enumerate(GRID):
        truth = truth_of(i)
        r = ldt.tail(model, x, method="conditional", samples=10_000 if model.n < 500 else 1_000, rng=100 + i)
        if r.status == "ok":
            trusted += 1
            assert abs(r.logp - truth) <= 4.5 * r.error, (model, x, r, truth)
        else:
            assert r.advice and r.detail.reasons
    assert trusted >= 5
    for n, x in ((100, 8.0), (1000, 5.0)):  # the failures that are known
        assert ldt.tail(ldt.CubicSum(n), x, method="conditional", samples=1_000, rng=1).status == "warning"


@pytest.mark.nojit
def test_big_jump_states_its_error() -> None:
    small = 0
    for i, (model, x) in enumerate(GRID):
        r = ldt.tail(model, x, method="bigjump")
        assert abs(r.logp - truth_of(i)) <= r.error, (model, x, r)
        assert (r.status == "warning") == (r.error > 0.5)
        small += r.error < 0.1
    assert small >= 4


@pytest.mark.nojit
def test_plain_sampling_agrees() -> None:
    for model, x in ((ldt.CubicSum(30), 2.0), (ldt.IidSum(stats.t(2.5), 7), -3.0), (ldt.IidSum(stats.weibull_max(0.5), 4), -20.0)):
        for side in ("upper", "lower"):
            r = ldt.tail(model, x, method="montecarlo", samples=40_000, rng=5, side=side)
            assert r.detail.hits is not None
            assert abs(r.logp - exact(model, x, side).logp) <= 4.0 * r.error
            again = ldt.tail(model, x, method="montecarlo", samples=40_000, rng=5, side=side, workers=2)
            assert again.logp == r.logp


@pytest.mark.nojit
def test_the_transition_at_leading_order() -> None:
    at = leading(Z_C)
    assert abs(Z_C - 1.72668) < 5e-6
    assert at.one == pytest.approx(at.many, abs=1e-12) and at.one_share == pytest.approx(0.5, abs=1e-12)
    assert leading(Z_C - 1e-9).share == 0.0 and leading(Z_C + 1e-9).share > 0.5 - 1e-6
    z = np.linspace(0.3, 4.0, 12)  # against brute force
    y = np.linspace(0.0, 1.0, 400_001)
    for value in z:
        brute = np.min(0.5 * (value * (1 - y)) ** 2 + 0.5 * 15.0 ** (1 / 3) * (value * y) ** (2 / 3))
        assert leading(float(value)).rate == pytest.approx(brute, abs=1e-6)
    for z_one in (1.0, 3.0):  # -log P/sqrt(N) tends to the rate
        gaps = [abs(-exact(ldt.CubicSum(n), z_one * n**0.25).logp / math.sqrt(n) - leading(z_one).rate) for n in (10**4, 10**8)]
        assert gaps[1] < 0.05 * leading(z_one).rate and gaps[1] < gaps[0]
    assert ldt.tail(ldt.CubicSum(100), 6.0, method="transition").status == "warning"


#: (model, level): rejection, and the weighted draws below, at and above the transition and for other laws.
GIVEN = [(ldt.CubicSum(10), 3.0, True), (ldt.CubicSum(100), 5.0, False), (ldt.CubicSum(100), 8.0, False),
         (ldt.IidSum(stats.pareto(1.5), 10), 1e3, True), (ldt.IidSum(stats.lognorm(1.0), 50), 400.0, False),
         (ldt.IidSum(stats.weibull_min(0.5), 100), 800.0, False), (ldt.IidSum(stats.t(3.0), 30), 100.0, False)]  # fmt: skip


@pytest.mark.parametrize(("model", "x", "is_exact"), GIVEN, ids=lambda v: getattr(v, "name", None))
def test_draws_given_the_event(model: Any, x: float, is_exact: bool) -> None:
    """The law of S given the event is that of the exact tail: P(S >= y | S >= x) at two y; and log P from the weights."""
    s = ldt.sample_given(model, x, 2000, rng=11)
    assert s.x.shape == (2000, model.n) and s.exact == is_exact
    scale = math.sqrt(15.0 * model.n) if isinstance(model, ldt.CubicSum) else 1.0
    assert s.x.sum(axis=1) / scale == pytest.approx(s.S, rel=1e-9, abs=1e-9)
    assert np.all(s.S[s.weights > 0.0] >= x * (1.0 - 1e-12))
    base = exact(model, x).logp
    if not s.exact:
        assert abs(s.log_p - base) < 4.5 * s.log_p_error
    order = np.argsort(s.S)
    for part in (0.3, 0.8):  # levels at which these shares of the draws lie below
        y = float(s.S[order][np.searchsorted(np.cumsum(s.weights[order]), part)])
        share = math.exp(exact(model, y).logp - base)
        found = float(np.sum(s.weights[y <= s.S]))
        assert abs(found - share) < 5.0 * math.sqrt(share * (1.0 - share) / s.effective) + 1e-12


def test_the_largest_share_jumps() -> None:
    """Below the transition no term stands out; above it one has half or more."""
    shares = [ldt.sample_given(ldt.CubicSum(300), z * 300**0.25, 500, rng=4).largest_share for z in (0.9, 2.6)]
    assert shares[0] < 0.25 and shares[1] > 0.5


def test_densities_by_sampling() -> None:
    """One term integrated out, by every sampler, against the exact density."""
    for model, x, methods in (
        (ldt.IidSum(stats.pareto(2.5), 10), 60.0, ("conditional",)),
        (ldt.IidSum(stats.weibull_max(0.5), 4), -40.0, ("conditional", "montecarlo")),
        (ldt.CubicSum(30), 2.0, ("montecarlo",)),
        (ldt.IidSum(stats.gamma(2.0), 20), 80.0, ("importance",)),
        (ldt.WeightedSum([stats.uniform(), stats.logistic()], [3.0, -1.0], counts=[4, 2]), 15.0, ("importance",)),
        (ldt.IidSum(stats.binom(5, 0.3), 20), 60.0, ("importance",)),
    ):
        known = ldt.logpdf(model, x, method="exact")
        for method in methods:
            r = ldt.logpdf(model, x, method=method, samples=20_000, rng=3)
            assert r.error < 0.2 and abs(r.logp - known.logp) < 4.5 * r.error, (model, method, r, known)
    with pytest.raises(ldt.MethodError, match="density"):
        ldt.logpdf(ldt.IidSum(ldt.CgfLaw(lambda s: 0.5 * s * s, tilt_range=(-np.inf, np.inf)), 3), 4.0, method="importance")


def test_processes_give_the_same_bytes() -> None:
    """Blocks of every sampler can be shipped, and do not depend on who draws them."""
    from concurrent.futures import ProcessPoolExecutor

    asks = [
        (ldt.CubicSum(20), 3.0, "conditional"), (ldt.CubicSum(20), 1.0, "montecarlo"),
        (ldt.IidSum(stats.pareto(2.0), 8), 60.0, "conditional"),
        (ldt.IidSum(stats.betaprime(2.0, 2.5), 6), 8.0, "conditional"), (ldt.IidSum(stats.lognorm(1.0), 8), 20.0, "montecarlo"),
        (ldt.IidSum(stats.beta(2.0, 3.0), 8), 5.0, "importance"),
    ]  # fmt: skip
    with ProcessPoolExecutor(2) as pool:
        for model, x, method in asks:
            here = ldt.tail(model, x, method=method, samples=20_000, rng=9)
            there = ldt.tail(model, x, method=method, samples=20_000, rng=9, workers=pool.map)
            assert (here.logp, here.error) == (there.logp, there.error)


@pytest.mark.nojit
def test_quantiles_of_heavy_sums() -> None:
    """Cauchy and Levy sums are stable: S/n and S/n^2 have the law of one term."""
    for law, n, power, p in ((stats.cauchy(), 4, 1, 1e-100), (stats.levy(), 7, 2, 1e-8)):
        assert ldt.IidSum(law, n).isf(p) == pytest.approx(law.isf(p) * n**power, rel=1e-12)
