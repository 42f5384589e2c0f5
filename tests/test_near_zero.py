"""Densities and tails of few neurons at and next to level 0, against closed forms and real integrals."""

from __future__ import annotations

import math
import warnings
from typing import Any

import mpmath
import numpy as np
import pytest

import ldt
from ldt.errors import MethodError
from ldt.models.hermite import homogeneous_averages


def relu(width: int, dim: int, target: Any, overlap: str = "full") -> ldt.AlignmentSum:
    return ldt.AlignmentSum(width, dim, c="raw", activation="relu", target=target, overlap=overlap)


def inverted(model: ldt.AlignmentSum, x: float) -> float:
    """log p(x) of a full relu overlap g = |w| h(t), t = cos phi: (1/pi) int cos(yx) M(-kappa y^2)^N dy, and, as length and direction are
    independent, M(theta) = E_t (1 - 2 theta sigma_w^2 h(t)^2/d)^(-d/2)."""
    d, kappa = model.dim, model.variance_scale
    degrees, constants = model.closed_form
    nodes, weights = np.polynomial.legendre.leggauss(400)
    phi = 0.5 * math.pi * nodes
    p = weights * np.cos(phi) ** (d - 2)
    h = sum(y * np.sin(phi) ** k for k, y in zip(degrees, constants, strict=True))
    y = np.exp(np.arange(-30.0, 12.0, 0.01)) / math.sqrt(2.0 * kappa)
    m = (1.0 + (2.0 * kappa / d) * np.multiply.outer(y * y, h * h)) ** (-0.5 * d) @ (p / p.sum())
    return math.log(float(np.sum(0.01 * y * np.cos(y * x) * m**model.width)) / math.pi)


@pytest.mark.parametrize("dim", [3, 9])
def test_density_at_zero_where_the_overlap_vanishes_with_the_weights_alone(dim: int) -> None:
    """relu and He_0: g = |w|/sqrt(2 pi), so that one neuron has p(0) = E 1/|w| = sqrt(d/2) Gamma((d - 1)/2)/Gamma(d/2)."""
    found = ldt.logpdf(relu(1, dim, {0: 1.0}), 0.0)
    known = 0.5 * math.log(0.5 * dim) + math.lgamma(0.5 * (dim - 1)) - math.lgamma(0.5 * dim)
    assert abs(found.logp - known) <= found.error + 1e-15
    assert found.error < 1e-9


def test_density_at_zero_of_a_two_dimensional_overlap() -> None:
    """relu and He_2 in three dimensions: g = |w| t^2/sqrt(2 pi), t uniform, and M(theta) = 2F1(3/2, 1/4; 5/4; theta/(3 pi))."""
    model = relu(4, 3, {2: 1.0})

    def term(u: Any) -> Any:
        return mpmath.exp(u) * mpmath.hyp2f1(1.5, 0.25, 1.25, -model.variance_scale * mpmath.exp(2 * u) / (3 * mpmath.pi)) ** 4

    known = float(mpmath.log(mpmath.quad(term, mpmath.linspace(-40, 50, 91)) / mpmath.pi))
    found = ldt.logpdf(model, 0.0)
    assert abs(found.logp - known) <= found.error < 1e-9


def test_density_of_a_two_dimensional_overlap_near_zero() -> None:
    """The contour goes on to where |w| is small, and the nodes with it (before: 3e-6 off, with an error of 9e-9)."""
    model = relu(2, 5, {0: 0.3, 2: 1.0})
    x = 0.01 * math.sqrt(model.variance)
    found = ldt.logpdf(model, x)
    assert abs(found.logp - inverted(model, x)) <= found.error + 1e-12
    assert found.error < 1e-10


@pytest.mark.parametrize(
    "model",
    [ldt.AlignmentSum(2, 5, c="raw", target={1: 1.0, 3: 1.0}), relu(2, 3, {0: 0.3, 2: 1.0}, "concentrated"),
     relu(3, 3, {0: -0.3, 2: 1.0}, "concentrated")],
)  # fmt: skip
def test_density_at_zero_continues_the_one_beside_it(model: ldt.AlignmentSum) -> None:
    """Overlaps with a simple zero, at 0 or elsewhere, or none (before: NaN, M being taken from 1 - its complement where it is 1e-20)."""
    at, beside = ldt.logpdf(model, 0.0), ldt.logpdf(model, 1e-9 * math.sqrt(model.variance), method="exact")
    assert at.error < 1e-5
    assert at.status == ("ok" if at.error < 1e-8 else "warning")
    assert abs(at.logp - beside.logp) <= at.error + beside.error + 2e-9


def test_one_neuron_with_a_zero_elsewhere_has_an_infinite_density_at_zero() -> None:
    with pytest.raises(MethodError, match=r"infinite at 0 for N = 1 .* as w\^1 "):
        ldt.logpdf(relu(1, 3, {0: -0.3, 2: 1.0}, "concentrated"), 0.0)


@pytest.mark.parametrize(("width", "target"), [(1, 3), (1, 7), (2, 3), (3, 3), (4, 3), (6, 7)])
def test_saddle_point_next_to_zero_of_few_neurons(width: int, target: int) -> None:
    """1/2 - P falls and p grows by powers of the level that no expansion knows of; the error does."""
    model = ldt.AlignmentSum(width, 5, c="raw", target=target)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for spreads in (1e-60, 1e-20, 1e-6, 1e-3, 0.03):
            for ask in (ldt.tail, ldt.logpdf):
                x = spreads * math.sqrt(model.variance)
                rough = ask(model, x, method="saddlepoint")
                if rough.status == "failed" or (width, spreads) == (4, 1e-60):  # there 'exact' refuses
                    continue
                known = ask(model, x, method="exact")
                assert abs(rough.logp - known.logp) <= rough.error + known.error
        assert math.isfinite(ldt.logpdf(ldt.AlignmentSum(1, 1, c="raw"), 1e-300, method="saddlepoint").logp)


def test_averages_of_relu_are_exact() -> None:
    """b_k = (-1)^(k/2 - 1) (k - 3)!!/sqrt(2 pi), also beside degrees without overlap (before: no convergence beside He_29)."""
    for k in range(2, 31, 2):
        known = mpmath.mpf(-1) ** (k // 2 - 1) * mpmath.fac2(k - 3) / mpmath.sqrt(2 * mpmath.pi)
        assert homogeneous_averages("relu", (k,))[0] == pytest.approx(float(known), rel=5e-16)
    assert homogeneous_averages("relu", (0, 1, 3, 29)) == (1.0 / math.sqrt(2.0 * math.pi), 0.5, 0.0, 0.0)
    assert ldt.tail(relu(5, 5, {2: 1.0, 29: 0.1}, "concentrated"), 1.0).logp == ldt.tail(relu(5, 5, {2: 1.0}, "concentrated"), 1.0).logp


def test_polynomials_that_cancel_far_out() -> None:
    """He_2 + He_4 of relu: g = |w| cos^2 sin^2/sqrt(2 pi), bounded, so that every tilt exists (before: ZeroDivisionError)."""
    model, near = (relu(5, 5, {2: 1.0, 4: y}, "concentrated") for y in (1.0, 1.0 + 1e-12))
    assert model.neuron.theta_max == math.inf
    assert ldt.tail(model, 1.0).logp == pytest.approx(ldt.tail(near, 1.0).logp, rel=1e-10)
