"""Draws: weights given the event, tilted laws and prior draws, against exact distribution functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import ldt

GIVEN: dict[str, tuple[ldt.AlignmentSum, float]] = {
    "5-5": (ldt.AlignmentSum(5, 5), 1.0),
    "one": (ldt.AlignmentSum(1, 5), 0.3),
    "12-400": (ldt.AlignmentSum(12, 400), 1.0),
    "50-50-low": (ldt.AlignmentSum(50, 50), 0.05),
    "20-100": (ldt.AlignmentSum(20, 100), 1.0),
    "full": (ldt.AlignmentSum(20, 20, overlap="full"), 1.0),
    "lazy": (ldt.AlignmentSum(2000, 3), 0.3),
    "mixed": (ldt.AlignmentSum(12, 10, c="raw", target={1: 1.0, 3: -0.3}), 0.9),
    "relu": (ldt.AlignmentSum(10, 5, c="raw", target=2, activation="relu"), 0.7),
    "relu-full": (ldt.AlignmentSum(6, 5, c="raw", target=2, activation="relu", overlap="full"), 0.5),
    "linear": (ldt.AlignmentSum(16, 9, target=1, activation="linear"), 1.0),
}


def uniform(u: Any) -> None:
    """Kolmogorov-Smirnov at one in a thousand (the seeds are fixed)."""
    assert stats.kstest(u, "uniform").pvalue > 1e-3


def survival(model: ldt.AlignmentSum, values: Any, base: float) -> Any:
    """exp(log P(A >= value) - base), read off a spline through exact values."""
    from scipy.interpolate import CubicSpline

    values = np.asarray(values)
    grid = np.geomspace(values.min(), values.max(), 40)
    return np.exp(CubicSpline(grid, ldt.logsf(model, grid))(values) - base)


@pytest.mark.parametrize("name", [pytest.param(k, marks=[pytest.mark.slow] if k == "relu-full" else []) for k in GIVEN])
def test_draws_given_the_event(name: str) -> None:
    """P(A >= A_i)/P(A >= level) of draws given A >= level is uniform: the whole conditional law of A, exactly."""
    model, level = GIVEN[name]
    drawn = ldt.sample_given(model, level, 300, rng=5)
    assert drawn.w.shape == drawn.a.shape == drawn.rho.shape == (300, model.width)
    overlap = model.unit_overlap(drawn.w, drawn.rho)
    np.testing.assert_allclose(model.prefactor * np.sum(drawn.a * overlap, axis=1), drawn.A, rtol=1e-9, atol=1e-12)
    assert drawn.A.min() >= level
    uniform(survival(model, drawn.A, ldt.logsf(model, level)))


@pytest.mark.parametrize("name", ["5-5", "20-100", "50-50-low", "full"])
def test_number_of_specialised_neurons(name: str) -> None:
    """Its mean over exact draws is that of the exact method's law."""
    model, level = GIVEN[name]
    law = ldt.tail(model, level, method="exact").detail
    drawn = ldt.sample_given(model, level, 400, rng=6)
    x = np.abs(drawn.w / np.sqrt(1.0 + 2.0 * drawn.rho) if model.overlap == "full" else drawn.w)
    number = np.sum(x >= law.cut, axis=1)
    spread = math.sqrt(float(np.dot(law.specialised**2, law.probability)) - law.mean_specialised**2)
    assert abs(number.mean() - law.mean_specialised) < 4.5 * spread / math.sqrt(400) + 1e-3


@pytest.mark.parametrize("level", [0.02, 0.0242, 0.03, 0.04, 0.06])
def test_one_neuron_carries_a_moderate_event(level: float) -> None:
    """At N = d = 50 and these levels one neuron sits at w ~ 0.6 to 1, whatever cuts the inversion needed besides."""
    assert 0.8 < ldt.tail(ldt.AlignmentSum(50, 50), level, method="exact").detail.mean_specialised < 1.2


def test_below_a_negative_level_is_the_mirror_image() -> None:
    model, level = GIVEN["5-5"]
    up, down = ldt.sample_given(model, level, 50, rng=1), ldt.sample_given(model, -level, 50, rng=1)
    np.testing.assert_allclose(down.A, -up.A)
    assert up.seed == down.seed == 1


def test_given_nothing_but_a_sign() -> None:
    model = ldt.AlignmentSum(8, 5)
    drawn = ldt.sample_given(model, 0.0, 400, rng=2)
    assert drawn.A.min() >= 0.0
    uniform(survival(model, drawn.A, math.log(0.5)))


@pytest.mark.parametrize("name", ["5-5", "one", "full", "mixed", "relu", "linear"])
def test_prior_draws(name: str) -> None:
    """Plain draws of A against the exact distribution function: the bulk, with no tilt anywhere in the draws."""
    model = GIVEN[name][0]
    draws = model.rvs(400, rng=3)
    size = np.sort(np.abs(draws))[20:]  # near 0 the density of few neurons is singular and the spline poor
    base = ldt.logsf(model, float(size[0]))
    uniform(survival(model, size[1:], base))
    assert abs(np.mean(draws > 0.0) - 0.5) < 0.1


@pytest.mark.parametrize("name", ["5-5", "20-100", "full", "mixed", "relu", "linear"])
def test_tilted_draws_have_the_mean_asked_for(name: str) -> None:
    """K'(s) = alpha in every sector."""
    model, level = GIVEN[name]
    law = ldt.tilted(model, level)
    drawn = law.rvs(2000, rng=4)
    assert abs(drawn["A"].mean() - level) < 4.5 * drawn["A"].std() / math.sqrt(2000)
    total = model.prefactor * np.sum(drawn["a"] * model.unit_overlap(drawn["w"], drawn["rho"]), axis=1)
    np.testing.assert_allclose(total, drawn["A"])
    assert ldt.tilted(model, -level).tilt == -law.tilt


@pytest.mark.parametrize("name", ["5-5", "20-100", "full", "mixed", "relu-full"])
def test_tilted_density_is_that_of_the_draws(name: str) -> None:
    model, level = GIVEN[name]
    law = ldt.tilted(model, level)
    drawn = law.rvs(400, rng=8)
    x = (drawn["w"] / np.sqrt(1.0 + 2.0 * drawn["rho"]) if model.neuron.kind == "v" else drawn["w"]).ravel()
    reach = 1.5 * np.abs(x).max() + 8.0 * model.neuron.scale
    grid = np.linspace(-reach, reach, 20_001 if model.neuron.kind != "wr" else 1601)
    density = np.exp(law.log_density(grid))
    cdf = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(grid))])
    assert cdf[-1] == pytest.approx(1.0, abs=2e-3)
    # Neurons of one network are not independent (their numbers in the wells are), so one a network is tested.
    uniform(np.interp(x.reshape(400, -1)[:, 0], grid, cdf / cdf[-1]))


def test_bytes_do_not_depend_on_the_run() -> None:
    model, level = GIVEN["20-100"]
    one, two = (ldt.sample_given(model, level, 20, rng=9) for _ in range(2))
    assert one.w.tobytes() == two.w.tobytes() and one.a.tobytes() == two.a.tobytes()
    assert ldt.sample_given(model, level, 20, rng=10).w.tobytes() != one.w.tobytes()


def test_two_dimensional_overlap_at_d_2() -> None:
    """There |w_perp| has no density factor r^(d - 2) to vanish at 0."""
    model = ldt.AlignmentSum(4, 2, c="raw", target=3, activation="tanh", overlap="full")
    drawn = ldt.sample_given(model, 2.0, 4, rng=1)
    assert drawn.A.min() >= 2.0 and np.all(np.isfinite(drawn.w)) and np.all(drawn.rho > 0.0)
