"""Gauss rules of discrete measures against the measures themselves, and the piecewise table against its series."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ldt.models import hermite
from ldt.numerics.compression import gauss_rules


@pytest.mark.parametrize("parts", [1, 16])
def test_moments_are_kept(parts: int) -> None:
    """The first 2n - 1 moments, of weights that span 200 nats too."""
    random = np.random.default_rng(5)
    x, lw = random.uniform(0.0, 3.0, (7, 400)), -200.0 * random.uniform(size=(7, 400))
    weights, points = gauss_rules(lw, x, 9, parts)
    assert weights.shape == (7, 9 * parts) and points.min() >= 0.0
    for k in range(18):
        want, got = (np.sum(np.exp(a) * b**k, axis=1) for a, b in ((lw, x), (weights, points)))
        assert np.allclose(got, want, rtol=3e-13, atol=0.0), k


def test_few_points_need_few_nodes() -> None:
    """A measure of three points is its own rule; what is left of the weights is none."""
    lw, x = np.full((1, 40), -np.inf), np.linspace(0.0, 1.0, 40)[None]
    lw[0, [3, 17, 30]] = [-1.0, -500.0, -2.0]
    weights, points = gauss_rules(lw, x, 5)
    for theta in (0.0, 7.0):
        got = np.logaddexp.reduce((weights + theta * points)[0])
        assert abs(got - np.logaddexp.reduce((lw + theta * x)[0])) < 1e-14
    empty, _ = gauss_rules(np.full((1, 40), -np.inf), x, 5, 4)
    assert np.all(empty == -np.inf)


def test_table_in_pieces() -> None:
    """b_3 of sin is -q^3 exp(-q^2/2), a table of 256 Chebyshev terms: within the error that it states."""
    table = hermite.hermite_table(np.sin, (3,))
    q = np.concatenate([[0.0], np.geomspace(1e-8, 900.0, 5000)])
    assert np.max(np.abs(table(q)[0] + q**3 * np.exp(-0.5 * q * q)) / (1.0 + q)) < table.error < 1e-12
    assert math.isfinite(table.error)
