"""Numbers that make no sense, given to the Python functions: one line that names the argument, never a number made of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from scipy import stats

import ldt
from ldt import lazy, rg

BAD = [math.nan, math.inf, -math.inf, -1, "1", True, [1.0], 10**400]
MODEL = ldt.AlignmentSum(5, 5, c="orthonormal")
QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "variance": lambda v: lazy.gaussian_cost(v),
    "samples": lambda v: lazy.overlap_bound(1e-3, 1.0, v),
    "ridge": lambda v: lazy.overlap_bound(1e-3, v, 10),
    "labels": lambda v: lazy.overlap_bound(1e-3, 1.0, 10, labels=v),
    "feature": lambda v: lazy.overlap_bound(1e-3, 1.0, 10, feature=v),
    "level": lambda v: lazy.samples_needed(1e-3, 1.0, v),
    "samples, posterior": lambda v: lazy.posterior_log_probability(1e-3, 1.0, v, 0.5),
    "samples, dressed ridge": lambda v: rg.effective_ridge([1.0, 0.5], 0.5, v),
    "samples, theory": lambda v: rg.equivalent_error([1.0, 0.5], [1.0, 1.0], 0.5, v),
    "samples, learning curve": lambda v: rg.learning_curve(1.0, 1.0, 0.5, samples=(v, 8), modes=20, repeats=2, rng=1),
    "repeats": lambda v: rg.learning_curve(1.0, 1.0, 0.5, samples=(4, 8), modes=20, repeats=v, rng=1),
    "c": lambda v: rg.local_exact(1.0, 0.1, v),
    "v": lambda v: rg.universality(v=v, samples=(8, 16), modes=5, chains=4, steps=4, rng=1),
    "samples, adaptation": lambda v: ldt.kernel_adaptation(MODEL, samples=v),
    "level, P*": lambda v: ldt.sample_complexity(MODEL, v, ridge=0.1),
    "ridge, P*": lambda v: ldt.sample_complexity(10.0, ridge=v, discrepancy=1.0),
    "n": lambda v: ldt.IidSum(stats.expon(), v),
    "n, data": lambda v: ldt.EmpiricalSum([1.0, 2.0], v),
    "sigma": lambda v: ldt.WeightedSum(stats.expon(), sigma=v),
    "cov": lambda v: ldt.WeightedSum.quadratic_form([[1.0]], cov=v),
    "size": lambda v: ldt.IidSum(stats.expon(), 3).rvs(v),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_bad_number_is_named(name: str) -> None:
    word = name.split(",")[0]
    for value in BAD:
        with pytest.raises(ldt.ModelError, match=f"^{word}:") as told:
            QUESTIONS[name](value)
        assert len(str(told.value)) < 200


def test_asymmetric_covariance_is_refused() -> None:
    with pytest.raises(ldt.ModelError, match="symmetric"):
        ldt.WeightedSum.quadratic_form([[1.0, 0.0], [0.0, 1.0]], cov=[[1.0, 0.9], [0.0, 1.0]])


def test_cgf_of_no_number() -> None:
    model = ldt.IidSum(stats.expon(), 3)
    assert math.isnan(model.cgf(math.nan)) and model.cgf(2.0) == math.inf
    with pytest.raises(ldt.ModelError, match=r"^s:"):
        model.cgf("1")


def test_quantile_at_the_last_lattice_point() -> None:
    """cdf at the point below the largest is one less the largest's own probability, and ppf finds its way back."""
    model = ldt.IidSum(stats.bernoulli(0.6), 10)
    q = float(model.cdf(9.098))
    assert q == pytest.approx(1.0 - 0.6**10, rel=1e-15) and model.ppf(q) == 9.0
    assert float(model.sf(0)) == pytest.approx(1.0 - 0.4**10, rel=1e-15)
