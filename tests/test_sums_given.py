"""Draws of the terms of a sum given its tail: against closed forms, brute-force rejection and the exact tail."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import ldt

#: p-values of fixed-seed tests: below this they say that the law is wrong.
LEAST = 1e-4


def fits(x: Any, law: Any) -> None:
    assert stats.kstest(x, law.cdf).pvalue > LEAST


@pytest.mark.nojit
@pytest.mark.parametrize(("n", "x"), [(1, 40.0), (5, 100.0), (20, 700.0)])
def test_exponential_terms_are_dirichlet(n: int, x: float) -> None:
    """Given S >= x, X/S is Dirichlet(1, ..., 1) and independent of S, which is gamma(n) cut at x; P down to e^-600."""
    given = ldt.sample_given(ldt.IidSum(stats.expon(), n), x, 4000, rng=1)
    assert given.exact and given.x.shape == (4000, n) and np.all(given.weights == 1.0 / 4000)
    np.testing.assert_allclose(given.x.sum(axis=1), given.S, rtol=1e-13)
    base = stats.gamma(float(n)).logsf(x)
    assert stats.kstest(np.exp(stats.gamma(float(n)).logsf(given.S) - base), "uniform").pvalue > LEAST
    if n > 1:
        share = given.x / given.S[:, None]
        fits(share[:, 0], stats.beta(1.0, n - 1.0))
        fits(share[:, -1], stats.beta(1.0, n - 1.0))
        assert abs(stats.spearmanr(share[:, 0], given.S).statistic) < 0.06


@pytest.mark.nojit
def test_gaussian_terms() -> None:
    """X_i - S/n is normal with variance 1 - 1/n whatever S; weights and the lower side."""
    given = ldt.sample_given(ldt.IidSum(stats.norm(), 8), -60.0, 4000, side="lower", rng=2)
    assert given.exact and np.all(given.S <= -60.0)
    fits((given.x[:, 0] - given.S / 8.0) / math.sqrt(7.0 / 8.0), stats.norm())
    mixed = ldt.WeightedSum(stats.norm(), [1.0, -2.0], sigma=2.0, shift=1.0)  # X_1 given S: mean (S - 1)/9, variance 8/9
    given = ldt.sample_given(mixed, 31.0, 4000, rng=3)
    assert given.x.shape == (4000, 3)
    np.testing.assert_allclose(given.x.sum(axis=1) + 1.0, given.S, rtol=1e-12)
    fits((given.x[:, 0] - (given.S - 1.0) / 9.0) / math.sqrt(8.0 / 9.0), stats.norm())


@pytest.mark.nojit
def test_binomial_terms_are_hypergeometric() -> None:
    """Lattices, and the point at the end of the support."""
    given = ldt.sample_given(ldt.IidSum(stats.binom(10, 0.1), 4), 30.0, 4000, rng=4)
    assert given.exact and given.S.min() == 30.0
    chosen = given.x[given.S == 30.0, 0]
    law = stats.hypergeom(40, 10, 30)
    counts = np.array([np.sum(chosen == k) for k in range(6, 10)])
    expected = len(chosen) * law.pmf(np.arange(6, 10))
    assert float(np.sum((counts - expected) ** 2 / expected)) < stats.chi2(4).isf(LEAST)
    corner = ldt.sample_given(ldt.IidSum(stats.binom(10, 0.1), 4), 40.0, 5, rng=5)
    assert np.all(corner.x == 10.0)
    with pytest.raises(ldt.ModelError, match="probability 0"):
        ldt.sample_given(ldt.IidSum(stats.binom(10, 0.1), 4), 41.0)


#: Moderate events: named tilts, histograms (weighted), two-sided weights, compounds, data, mixtures, the heavy side and the light one.
MODERATE: list[tuple[Any, float, str, bool]] = [
    (ldt.IidSum(stats.uniform(), 6), 4.5, "upper", True),
    (ldt.IidSum(stats.logistic(), 4), -7.0, "lower", True),
    (ldt.IidSum(stats.beta(2.0, 3.0), 5), 3.0, "upper", False),
    (ldt.WeightedSum([stats.expon(), stats.laplace()], [1.0, -2.0]), 5.0, "upper", True),
    (ldt.CompoundSum(stats.poisson(3.0), stats.expon()), 8.0, "upper", True),
    (ldt.WeightedSum([stats.poisson(2.0), stats.norm()]), 6.0, "upper", True),
    (ldt.EmpiricalSum([0.0, 1.0, 1.5, 4.0], 5), 13.0, "upper", True),
    (ldt.IidSum(stats.pareto(2.5), 4), 12.0, "upper", True),
    (ldt.IidSum(stats.invgamma(3.0), 4), 5.0, "upper", True),
    (ldt.IidSum(stats.lognorm(1.0), 3), 1.5, "lower", False),
    (ldt.IidSum(stats.weibull_max(0.6), 3), -15.0, "lower", True),
    (ldt.WeightedSum([stats.pareto(2.0), stats.norm()]), 7.0, "upper", True),
]  # fmt: skip


@pytest.mark.nojit
@pytest.mark.parametrize(("model", "x", "side", "exact"), MODERATE, ids=lambda v: getattr(v, "name", v))
def test_against_brute_force(model: Any, x: float, side: str, exact: bool) -> None:
    """The first and the largest term and S, against plain draws of the terms that happen to be in the event."""
    random = np.random.default_rng(7)
    size = 60_000
    terms = np.concatenate([law.rvs(size * n, random).reshape(size, n) for law, n in model.parts], axis=1)
    total = terms.sum(axis=1) + model._constant
    inside = total >= x - 1e-9 if side == "upper" else total <= x
    assert inside.sum() > 300
    given = ldt.sample_given(model, x, 6000, side=side, rng=8)
    assert given.exact == exact and (exact or given.effective > 5000)
    assert np.all(given.S >= x - 1e-9) if side == "upper" else np.all(given.S <= x)
    columns = [0, terms.shape[1] - 1] if "binary" not in model.name else [0]
    pairs = [(terms[inside][:, c], given.x[:, c]) for c in columns]
    pairs += [(terms[inside].max(axis=1), given.x.max(axis=1)), (total[inside], given.S)]
    for brute, drawn in pairs:
        mean = float(given.weights @ drawn)
        second = float(given.weights @ drawn**2)
        spread = math.sqrt(float(np.var(brute)) / len(brute) + max(second - mean * mean, 0.0) / given.effective)
        assert abs(float(np.mean(brute)) - mean) < 4.5 * spread + 1e-12  # all equal: rounding alone
        middle = float(np.median(brute))
        share, other = float(np.mean(brute <= middle)), float(given.weights @ (drawn <= middle))
        assert abs(share - other) < 4.5 * math.sqrt(0.25 / len(brute) + 0.25 / given.effective)


@pytest.mark.nojit
def test_rare_events_of_laws_known_by_their_density() -> None:
    """Weighted draws of a beta sum at P = e^-38: S given the event by the exact tail."""
    model = ldt.IidSum(stats.beta(2.0, 3.0), 60)
    given = ldt.sample_given(model, 38.0, 2000, rng=9)
    base = ldt.tail(model, 38.0).logp
    assert not given.exact and given.effective > 1900 and base < -30.0
    for y in (38.05, 38.2):
        share = math.exp(ldt.tail(model, y).logp - base)
        assert abs(float(np.sum(given.weights[given.S >= y])) - share) < 5.0 * math.sqrt(share * (1.0 - share) / given.effective)


@pytest.mark.nojit
def test_what_cannot_be_drawn_is_refused() -> None:
    mixed = ldt.WeightedSum([stats.pareto(2.0), stats.norm()])
    with pytest.raises(ldt.ConvergenceError, match="no tilt exists"):
        ldt.sample_given(mixed, 1e9, 10, rng=1)
    with pytest.raises(ldt.ModelError, match="size"):
        ldt.sample_given(ldt.IidSum(stats.norm(), 10**6), 1e4, 1000)
    with pytest.raises(ldt.ModelError, match="side"):
        ldt.sample_given(ldt.IidSum(stats.norm(), 3), 1.0, side="both")
