"""Methods against each other over drawn laws, numbers of terms and levels; closed cgfs against the quadrature route."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import ldt
from ldt.models import law_scipy
from ldt.models.law_quadrature import DensityLaw
from ldt.models.laws import as_law

CONTINUOUS = [
    stats.gamma(0.7), stats.gamma(4.0, scale=0.1, loc=2.0), stats.norm(1.0, 3.0), stats.laplace(), stats.invgauss(0.8),
    stats.uniform(-1.0, 3.0),
    stats.exponnorm(2.0), stats.norminvgauss(2.0, 1.0), stats.ncx2(3.0, 2.0), stats.logistic(), stats.gumbel_r(), stats.gumbel_l(),
    stats.halfnorm(), stats.weibull_min(2.0), stats.skewnorm(3.0), stats.triang(0.3), stats.beta(2.0, 3.0), stats.rayleigh(),
    stats.laplace_asymmetric(1.7),
]  # fmt: skip
LATTICE = [
    stats.poisson(0.4), stats.poisson(3.0, loc=0.5), stats.binom(6, 0.2), stats.bernoulli(0.6), stats.nbinom(1.5, 0.4), stats.geom(0.3),
    stats.skellam(1.0, 2.0), stats.hypergeom(20, 7, 12), stats.randint(-2, 5),
    stats.rv_discrete(values=([0.1, 0.35, 0.7], [0.2, 0.3, 0.5])),
]  # fmt: skip
CLOSED = [
    stats.gamma(2.5), stats.gamma(0.7), stats.norm(), stats.laplace(), stats.invgauss(1.3), stats.norminvgauss(2.0, 0.5),
    stats.exponnorm(1.5), stats.uniform(), stats.logistic(), stats.gumbel_r(), stats.ncx2(3.0, 2.0), stats.laplace_asymmetric(1.7),
]  # fmt: skip

laws = st.sampled_from(CONTINUOUS + LATTICE)


def level_of(model: ldt.IidSum, z: float) -> float:
    low, high = model.support
    x = model.mean() + z * model.std()
    return float(min(max(x, low + 0.02 * model.std()), high - 0.02 * model.std()))


@pytest.mark.nojit
@settings(max_examples=40)
@given(law=laws, n=st.integers(1, 60), z=st.floats(-4.0, 6.0), side=st.sampled_from(["upper", "lower"]))
def test_saddle_point_is_within_its_error(law: Any, n: int, z: float, side: str) -> None:
    model = ldt.IidSum(law, n)
    x = level_of(model, z)
    exact = ldt.tail(model, x, method="exact", side=side)
    saddle = ldt.tail(model, x, method="saddlepoint", side=side)
    assert exact.error < 1e-6
    if saddle.status != "failed":
        assert abs(saddle.logp - exact.logp) <= saddle.error + exact.error


@settings(max_examples=40)
@given(law=laws, n=st.integers(1, 40), z=st.floats(-3.0, 6.0), side=st.sampled_from(["upper", "lower"]), seed=st.integers(0, 10**6))
def test_sampling_is_within_its_error(law: Any, n: int, z: float, side: str, seed: int) -> None:
    """Five standard errors: one in 3.5 million for a normal estimate."""
    model = ldt.IidSum(law, n)
    x = level_of(model, z)
    exact = ldt.tail(model, x, method="exact", side=side)
    drawn = ldt.tail(model, x, method="importance", side=side, samples=4000, rng=seed)
    if drawn.status == "ok":
        assert abs(drawn.logp - exact.logp) < 5.0 * drawn.error + exact.error
    if exact.logp > -3.0:
        plain = ldt.tail(model, x, method="montecarlo", side=side, samples=4000, rng=seed)
        assert abs(plain.logp - exact.logp) < 5.5 * max(plain.error, 2e-3)


@settings(max_examples=12)
@given(law=laws, n=st.integers(1, 40), z=st.floats(-3.0, 5.0))
def test_both_sides_add_up(law: Any, n: int, z: float) -> None:
    """cdf + sf = 1, and quantiles find their way back."""
    model = ldt.IidSum(law, n)
    x = level_of(model, z)
    assert float(model.cdf(x)) + float(model.sf(x)) == pytest.approx(1.0, abs=1e-9)
    q = float(model.cdf(x))
    if 1e-12 < q < 1.0 - 1e-9:
        back = float(model.ppf(q))
        assert float(model.cdf(back)) == pytest.approx(q, rel=1e-10)
        if model.lattice is not None:
            assert float(model.cdf(back - 0.5 * model.lattice[0])) < q


@pytest.mark.nojit
@pytest.mark.parametrize("frozen", CLOSED, ids=lambda f: f.dist.name)
def test_closed_cgf_against_quadrature(frozen: Any) -> None:
    """On the real axis and along a line, and the derivatives."""
    shapes, _, _ = frozen.dist._parse_args(*frozen.args, **frozen.kwds)
    closed = law_scipy.CLOSED[frozen.dist.name](*shapes)
    measured = DensityLaw(frozen.dist, tuple(shapes), closed.support, closed.tilt_range)
    low, high = closed.tilt_range
    for s in (0.0, 0.3 * min(high, 3.0), max(-2.0, 0.5 * low)):
        line = s + 1j * np.array([0.0, 1e-3, 0.1, 1.0, 7.0, 40.0])
        here = np.array([s])
        a, b = (np.exp(law.centred(line) - law.centred(here)[0]) for law in (closed, measured))
        assert np.max(np.abs(a - b)) < 2e-14
        assert abs(complex(closed.centred(here)[0] - measured.centred(here)[0])) < 1e-13
        assert np.allclose(closed.cumulants(s), measured.cumulants(s), rtol=1e-10, atol=1e-11)
        h = 1e-5
        slope = float(np.real(closed.cgf(np.array([s + h]))[0] - closed.cgf(np.array([s - h]))[0])) / (2.0 * h)
        assert closed.cumulants(s)[1] == pytest.approx(slope, abs=1e-7 * (1.0 + closed.var))


BENT = [stats.gamma(2.5), stats.laplace(), stats.invgauss(1.3), stats.ncx2(3.0, 2.0)]


@pytest.mark.parametrize("frozen", BENT, ids=lambda f: f.dist.name)
def test_bent_path_against_straight_path(frozen: Any) -> None:
    """The same cgf, once continued around its cuts and once inside its strip only."""
    law = as_law(frozen)
    model = ldt.IidSum(law, 7)
    plain = ldt.IidSum(ldt.CgfLaw(law.cgf, tilt_range=law.tilt_range, support=law.support), 7)
    for z in (-1.0, 0.0, 2.0, 20.0):
        x = model.mean() + z * model.std()
        a, b = ldt.tail(model, x), ldt.tail(plain, x)
        assert (a.detail.path, b.detail.path) == ("bent", "straight")
        assert abs(a.logp - b.logp) <= a.error + b.error
        assert abs(a.logp - b.logp) < 1e-10
        p, q = ldt.logpdf(model, x), ldt.logpdf(plain, x)
        assert abs(p.logp - q.logp) <= p.error + q.error


def test_density_is_the_slope_of_the_tail() -> None:
    for law, n, x in ((stats.gamma(2.0), 5, 14.0), (stats.halfnorm(), 4, 5.0), (stats.uniform(), 80, 44.0)):
        model, h = ldt.IidSum(law, n), 1e-4
        slope = (float(model.cdf(x + h)) - float(model.cdf(x - h))) / (2.0 * h)
        assert float(model.pdf(x)) == pytest.approx(slope, rel=1e-6)


def test_sampling_does_not_depend_on_workers() -> None:
    model = ldt.IidSum(stats.halfnorm(), 8)
    results = [ldt.tail(model, 12.0, method="importance", samples=30_000, rng=5, workers=w).logp for w in (1, 3)]
    assert results[0] == results[1]
    shipped = pickle.loads(pickle.dumps(ldt.IidSum(stats.gamma(2.0, scale=3.0), 8)))
    assert ldt.tail(shipped, 90.0).logp == ldt.tail(ldt.IidSum(stats.gamma(2.0, scale=3.0), 8), 90.0).logp


def test_sampling_until_an_error_is_reached() -> None:
    seen: list[int] = []
    model = ldt.IidSum(stats.gamma(2.0), 10)
    result = ldt.tail(model, 45.0, method="importance", target_error=0.004, rng=1, progress=lambda done, *_: seen.append(done))
    assert result.error <= 0.004
    assert seen == sorted(seen)
    assert seen[-1] == result.cost.samples
    assert abs(result.logp - ldt.tail(model, 45.0).logp) < 5.0 * result.error
