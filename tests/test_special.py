"""Special functions against mpmath with 60 digits, compiled and as plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ldt.numerics import special

EPS = np.finfo(float).eps
ULPS = 8.0
SUBNORMAL = 1e-323  # two steps of the smallest doubles, which have no relative accuracy


def both(name: str) -> list[Callable[..., Any]]:
    """The compiled function and its plain Python twin."""
    function = getattr(special, name)
    return [function, getattr(function, "py_func", function)]


def mp_log_ndtr(x: float) -> mpmath.mpf:
    x = mpmath.mpf(x)
    if x > 0:
        return mpmath.log1p(-mpmath.erfc(x / mpmath.sqrt(2)) / 2)
    return mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2)


def mp_erfcx(x: float) -> mpmath.mpf:
    x = mpmath.mpf(x)
    return mpmath.exp(x * x) * mpmath.erfc(x)


def mp_log1mexp(x: float) -> mpmath.mpf:
    x = mpmath.mpf(x)
    return mpmath.log1p(-mpmath.exp(-x)) if x > 1 else mpmath.log(-mpmath.expm1(-x))


REFERENCE: dict[str, Callable[[float], mpmath.mpf]] = {
    "log_ndtr": mp_log_ndtr,
    "erfcx": mp_erfcx,
    "log1mexp": mp_log1mexp,
}
RANGES = {
    "log_ndtr": [(-1e8, -30.0), (-30.0, -1.0), (-1.0, 0.0), (0.0, 1.0), (1.0, 8.0), (8.0, 37.0)],
    "erfcx": [(-26.62, -5.0), (-5.0, 0.0), (0.0, 2.0), (2.0, 11.99), (11.99, 13.0), (13.0, 1e3), (1e3, 1e10)],
    "log1mexp": [(1e-300, 1e-10), (1e-10, 0.1), (0.1, 0.69), (0.69, 0.7), (0.7, 30.0), (30.0, 700.0)],
}


def points(low: float, high: float, count: int) -> list[float]:
    """Uniform, and uniform in the logarithm where the range spans decades."""
    rng = np.random.default_rng(0)
    x = rng.uniform(low, high, count)
    if low * high > 0.0 and abs(math.log10(high / low)) > 1.0:
        x[::2] = np.sign(low) * np.exp(rng.uniform(*sorted(np.log(np.abs([low, high]))), x[::2].size))
    return [low, high, *x.tolist()]


@pytest.mark.nojit
@pytest.mark.parametrize(("name", "low", "high"), [(n, *r) for n, ranges in RANGES.items() for r in ranges])
def test_relative_accuracy(name: str, low: float, high: float) -> None:
    with mpmath.workdps(60):
        for x in points(low, high, 60):
            truth = REFERENCE[name](x)
            for function in both(name):
                error = abs(mpmath.mpf(function(x)) - truth)
                assert error <= ULPS * EPS * abs(truth), (x, truth)


@pytest.mark.nojit
@given(
    st.floats(-700.0, 700.0) | st.floats(-1e-3, 1e-3),
    st.floats(-100.0, 100.0) | st.floats(-1e-3, 1e-3),
)
def test_complex_functions_relative_to_the_modulus(x: float, y: float) -> None:
    assume((x, y) != (-1.0, 0.0))
    y += 0.0  # mpmath has no negative zero to choose the side of the branch cut
    with mpmath.workdps(60):
        z = mpmath.mpc(x, y)
        for name, truth in (("cexpm1", mpmath.expm1(z)), ("clog1p", mpmath.log1p(z))):
            for function in both(name):
                got = mpmath.mpc(*function(x, y))
                assert abs(got - truth) <= ULPS * EPS * abs(truth) + SUBNORMAL, (name, x, y)


@pytest.mark.nojit
@given(st.floats(-1e8, 1e8), st.floats(0.0, 1e3) | st.floats(1e-12, 1e-3))
def test_sums_and_differences_of_exponentials(a: float, gap: float) -> None:
    """To a few ulp of the larger of a and the correction; the exact gap is that of the rounded arguments."""
    b = a - gap
    with mpmath.workdps(60):
        total = mpmath.log1p(mpmath.exp(mpmath.mpf(b) - a))
        for function in both("log_add_exp"):
            for value in (function(a, b), function(b, a)):
                assert abs(mpmath.mpf(value) - a - total) <= ULPS * EPS * (abs(a) + 1.0)
        for function in both("log_sum_exp"):
            value = function(np.array([b, a, -math.inf]))
            assert abs(mpmath.mpf(value) - a - total) <= ULPS * EPS * (abs(a) + 1.0)
        if a > b:
            difference = mp_log1mexp(mpmath.mpf(a) - b)
            for function in both("log_diff_exp"):
                value = function(a, b)
                error = abs(mpmath.mpf(value) - a - difference)
                assert error <= ULPS * EPS * (abs(a) + abs(difference)) + SUBNORMAL


@pytest.mark.nojit
@given(st.floats(-40.0, 37.0), st.floats(1e-6, 1.0))
def test_log_ndtr_rises_and_its_two_sides_add_to_one(x: float, step: float) -> None:
    assert special.log_ndtr(x) <= special.log_ndtr(x + step)
    assert special.log_add_exp(special.log_ndtr(x), special.log_ndtr(-x)) == pytest.approx(0.0, abs=4 * EPS)


@pytest.mark.nojit
def test_limits_are_returned_alike_with_and_without_numba() -> None:
    inf, nan = math.inf, math.nan
    table = {
        "log_ndtr": {inf: -0.0, -inf: -inf, -1e160: -inf, 45.0: -0.0},
        "erfcx": {inf: 0.0, -inf: inf, -27.0: inf, 1e300: 1.0 / (math.sqrt(math.pi) * 1e300)},
        "log1mexp": {0.0: -inf, inf: 0.0, 1e4: 0.0, -1.0: nan},
    }
    for name, rows in table.items():
        for function in both(name):
            assert math.isnan(function(nan))
            for x, expected in rows.items():
                assert function(x) == pytest.approx(expected, rel=1e-15, abs=0.0, nan_ok=True), (name, x)
    for function in both("log_add_exp"):
        assert (function(-inf, 3.0), function(3.0, -inf), function(inf, 3.0)) == (3.0, 3.0, inf)
        assert function(-inf, -inf) == -inf
        assert math.isnan(function(nan, 0.0)) and math.isnan(function(0.0, nan))
    for function in both("log_diff_exp"):
        assert (function(2.0, -inf), function(2.0, 2.0), function(-inf, -inf)) == (2.0, -inf, -inf)
        assert math.isnan(function(1.0, 2.0))
    for function in both("log_sum_exp"):
        assert function(np.array([])) == function(np.array([-inf, -inf])) == -inf
        assert function(np.array([1.0, inf])) == inf
        assert math.isnan(function(np.array([nan, 1.0])))
    for function in both("cexpm1"):
        assert function(800.0, 0.0) == (inf, 0.0)
        assert function(800.0, 2.0) == (-inf, inf)
    for function in both("clog1p"):
        assert function(-1.0, 0.0) == (-inf, 0.0)


@pytest.mark.nojit
def test_array_form_keeps_shape_and_equals_the_scalar() -> None:
    x = np.linspace(-40.0, 40.0, 24).reshape(2, 3, 4)
    for view in (x, x[:, ::2], x.T, x[0, 0, :0]):
        got = special.log_ndtr_array(view)
        assert got.shape == view.shape
        assert got.tolist() == np.vectorize(special.log_ndtr, otypes=[float])(view).tolist()


@pytest.mark.nojit
@pytest.mark.parametrize("logp", [-1e-9, -0.3, -0.7, -5.0, -442.4092, -740.0, -5000.0])
def test_the_complement_and_its_error(logp: float) -> None:
    """log(1 - P) against 60 digits, its error that of P at both ends, however close to 0 or to 1 P is."""
    with mpmath.workdps(60):
        truth = mpmath.log1p(-mpmath.exp(mpmath.mpf(logp)))
        found, error = special.log_complement(logp, 1e-10)
        moved = mpmath.exp(mpmath.mpf(logp)) * mpmath.mpf(1e-10) / (1 - mpmath.exp(mpmath.mpf(logp)))
        assert abs(found - truth) <= error
        assert moved <= error * (1 + 1e-10) and error <= 1.01 * moved + 4.5e-16 * abs(truth) + 1e-323


def test_fast_erf() -> None:
    """Against mpmath, at random points and beyond the end of the fit."""
    from ldt.numerics.fast_erf import erf_all, fast_erf

    x = np.concatenate([np.random.default_rng(1).normal(0, 3, 300), (np.arange(400) - 200) / 34, [0.0, 5.9, -6.0, 5.89, 9.0, -1e300, 1e-9]])
    found = np.array([fast_erf(v) for v in x])
    exact = np.array([float(mpmath.erf(v)) for v in x])
    assert np.max(np.abs(found - exact)) < 4e-14
    assert np.all(np.abs(found - exact) <= 4e-13 * np.abs(exact))
    assert np.array_equal(erf_all(x[None, :])[0], found)
