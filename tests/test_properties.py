"""Laws that hold for every model and level: symmetry, monotonicity, convexity, scaling.  hypothesis looks for the exception."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import ldt

WIDTHS = st.integers(2, 40) | st.floats(2.0, 12.0).map(lambda e: int(10**e))
KINDS = [
    {"target": 3, "overlap": "concentrated"},
    {"target": 3, "overlap": "full"},
    {"target": {1: 0.3, 3: 1.0}, "overlap": "concentrated", "c": "raw"},
    {"target": 1, "activation": "linear"},
    {"target": {1: 1.0, 2: 0.5}, "activation": "relu", "c": "raw"},
]


@st.composite
def models(draw: st.DrawFn, kinds: int = len(KINDS)) -> ldt.AlignmentSum:
    return ldt.AlignmentSum(draw(WIDTHS), draw(st.integers(2, 60)), **KINDS[draw(st.integers(0, kinds - 1))])


def levels(low: float, high: float) -> st.SearchStrategy[float]:
    """In standard deviations of A."""
    return st.floats(math.log(low), math.log(high)).map(math.exp)


def at(model: ldt.AlignmentSum, spreads: float) -> float:
    return spreads * math.sqrt(model.variance)


@given(models(), levels(0.01, 30.0))
def test_symmetry(model: ldt.AlignmentSum, spreads: float) -> None:
    x = at(model, spreads)
    up, down = ldt.tail(model, x, method="exact"), ldt.tail(model, -x, method="exact")
    assert abs(np.logaddexp(up.logp, down.logp)) <= 1e-15 + down.error
    assert ldt.tail(model, -x, method="exact", side="lower").logp == up.logp
    assert ldt.logpdf(model, x, method="exact").logp == ldt.logpdf(model, -x, method="exact").logp


@given(models(), levels(0.01, 30.0), st.floats(1e-4, 1.0))
def test_monotonicity(model: ldt.AlignmentSum, spreads: float, more: float) -> None:
    near, far = (ldt.tail(model, at(model, k), method="exact") for k in (spreads, spreads * (1.0 + more)))
    assert far.logp < near.logp + near.error + far.error
    assert near.logp < math.log(0.5)


@given(models(), levels(0.05, 30.0), st.floats(0.05, 1.0))
def test_cgf_is_even_and_convex(model: ldt.AlignmentSum, spreads: float, more: float) -> None:
    s = spreads / math.sqrt(model.variance)
    ends = (s, s * (1.0 + more))
    assume(ends[1] < 0.9 * math.sqrt(model.neuron.theta_max / model.variance_scale))
    try:
        low, high = model.cgf(ends[0]), model.cgf(ends[1])
    except ldt.NoTiltError:
        assume(False)
    assert model.cgf(0.0) == 0.0 and model.cgf(-s) == low
    assert model.cgf(0.5 * (ends[0] + ends[1])) <= 0.5 * (low + high) * (1 + 1e-12)
    _, first, second = model.cgf_derivatives(s, 2)
    assert second > 0.0 and 0.0 < low <= s * first * (1 + 1e-12)  # K(0) = 0 and convex
    step = 1e-4 * s
    difference = (model.cgf(s + step) - model.cgf(s - step)) / (2.0 * step)
    assert difference == pytest.approx(first, rel=1e-4, abs=1e-9 * abs(low) / step)


@given(models(), levels(0.05, 30.0), st.floats(-3.0, 3.0).map(math.exp))
@settings(max_examples=25)
def test_scaling_in_c(model: ldt.AlignmentSum, spreads: float, factor: float) -> None:
    """The law of A/c does not depend on c, nor that of A/sigma_a on sigma_a (theory section 2)."""
    x = at(model, spreads)
    scaled = replace(model, c=factor * model.prefactor)
    wider = replace(model, readout_variance=factor**2 * model.readout_variance)
    for other in (scaled, wider):
        for ask, shift in ((ldt.tail, 0.0), (ldt.logpdf, math.log(factor))):
            one, two = ask(model, x, method="exact"), ask(other, factor * x, method="exact")
            # An ulp of c moves the answer by the tilt's share of it.
            ulp = 1e-15 * (1.0 + abs(one.logp))
            assert abs(one.logp - two.logp - shift) <= one.error + two.error + 4.0 * ulp


@given(models(4), levels(0.3, 30.0), st.floats(0.05, 1.0))
@settings(max_examples=25)
def test_rate_is_convex_and_bounds_the_tail(model: ldt.AlignmentSum, spreads: float, more: float) -> None:
    low, high = at(model, spreads), at(model, spreads * (1.0 + more))
    ends = [ldt.rate(model, x) for x in (low, high)]
    middle = ldt.rate(model, 0.5 * (low + high))
    assert 0.0 < ends[0].convex < ends[1].convex
    assert middle.convex <= 0.5 * (ends[0].convex + ends[1].convex) * (1 + 1e-10)
    assert ends[0].convex <= low * ends[0].tilt * (1 + 1e-12)  # I(0) = 0, I' = tilt
    assert middle.tilt == pytest.approx((ends[1].convex - ends[0].convex) / (high - low), rel=1.0)
    assert ldt.logsf(model, low) <= -ends[0].convex * (1 - 1e-12)
    assert ends[0].nonconvex >= ends[0].convex - math.log(700.0)


@given(st.integers(2, 30), st.integers(2, 40), levels(0.3, 10.0))
@settings(max_examples=25)
def test_a_neuron_more_is_not_lighter_per_neuron(width: int, dim: int, spreads: float) -> None:
    """Excess kurtosis falls as 1/N at fixed dimension."""
    small, large = ldt.AlignmentSum(width, dim), ldt.AlignmentSum(2 * width, dim)
    assert large.kurtosis == pytest.approx(0.5 * small.kurtosis, rel=1e-12)
    assert large.variance == pytest.approx(small.variance, rel=1e-12)


@given(levels(0.01, 100.0), st.integers(2, 12))
def test_a_sum_of_laplace_variables(spreads: float, exponent: int) -> None:
    """Linear activation, two neurons: A is Laplace, P = exp(-alpha/b)/2 with b = c sigma_a sigma_w/sqrt(N d)."""
    model = ldt.AlignmentSum(2, exponent**2, activation="linear", target=1)
    b = 1.0 / math.sqrt(2.0 * exponent**2)
    result = ldt.tail(model, spreads * b, method="exact")
    assert abs(result.logp - (math.log(0.5) - spreads)) <= result.error
