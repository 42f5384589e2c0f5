"""Renormalization: every elimination against brute force on few modes, flows against sampling, exponents against theory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

import ldt
from ldt.lazy import Kernel, real_inputs
from ldt.rg import (
    Action,
    dressed_ridge,
    effective_ridge,
    eliminate,
    eliminate_by_quadrature,
    empirical_modes,
    fourier,
    fourier_spectrum,
    gaussian_loss,
    learning_curve,
    local_exact,
    local_flow,
    one_loop,
    power_law,
    predicted_exponent,
    reduced,
    regress,
    sample,
    scalar_ridge,
    scaling_intervals,
    universality,
)

# -- u = 0 -------------------------------------------------------------------------------------------------------------------


@pytest.mark.nojit
def test_regression_is_the_gaussian_posterior() -> None:
    """In weight space, which shares nothing with the kernel form: (Phi'Phi/s^2 + 1/lambda) f = Phi'y/s^2; then eliminate a block."""
    rng = np.random.default_rng(1)
    phi, lam, y = rng.standard_normal((7, 12)), power_law(0.4, 12), rng.standard_normal(7)
    precision = phi.T @ phi / 0.3 + np.diag(1.0 / lam)
    f = np.linalg.solve(precision, phi.T @ y / 0.3)
    assert np.allclose(regress(phi, lam, 0.3, y), f, rtol=1e-10)
    a, b, c = precision[:4, :4], precision[:4, 4:], precision[4:, 4:]  # integrating out modes 5 .. 12: the Schur complement
    left = a - b @ np.linalg.solve(c, b.T)
    right = phi[:, :4].T @ y / 0.3 - b @ np.linalg.solve(c, phi[:, 4:].T @ y / 0.3)
    noise = 0.3 * np.eye(7) + (phi[:, 4:] * lam[4:]) @ phi[:, 4:].T
    assert np.allclose(regress(phi[:, :4], lam[:4], noise, y), np.linalg.solve(left, right), rtol=1e-10)


def test_elimination_on_power_law_data() -> None:
    rng = np.random.default_rng(2)
    lam = power_law(0.3, 3000)
    phi = rng.standard_normal((60, 3000))
    y = phi @ (np.sqrt(lam) * rng.standard_normal(3000))
    rows = [eliminate(phi, lam, 0.1, y, c) for c in (100, 300, 900)]
    for row in rows:
        assert row.exact_error < 1e-11
        assert row.scalar_error <= row.scalar_bound
        assert row.scalar_error < 0.5 * row.bare_error
    assert rows[0].scalar_error > rows[1].scalar_error > rows[2].scalar_error
    assert rows[2].delta < 0.3 and rows[2].scalar_bound < 0.3


def test_elimination_on_a_real_kernel() -> None:
    pytest.importorskip("sklearn")
    x = real_inputs("breast_cancer", 6)[:400]
    lam, features = empirical_modes(Kernel("laplace")(x))
    assert np.allclose(features.T @ features / len(x), np.eye(len(lam)), atol=1e-9)
    assert np.allclose((features * lam) @ features.T, Kernel("laplace")(x), atol=1e-7)
    train = np.random.default_rng(3).choice(len(x), 60, replace=False)
    for cutoff in (60, 150):
        row = eliminate(features[train], lam, 0.1, np.sin(3.0 * x[train, 0]), cutoff)
        assert row.exact_error < 1e-8
        assert row.scalar_error <= row.scalar_bound
        assert row.scalar_error < 0.5 * row.bare_error


@pytest.mark.nojit
def test_dressed_ridge_keeps_kappa_at_every_cutoff() -> None:
    lam = power_law(0.6, 500)
    kappa = effective_ridge(lam, 0.02, 80)
    assert kappa == pytest.approx(0.02 + (lam * kappa / (kappa + 80 * lam)).sum(), rel=1e-12)
    for cutoff in (3, 50, 400):
        assert effective_ridge(lam[:cutoff], dressed_ridge(lam, 0.02, 80, cutoff), 80) == pytest.approx(kappa, rel=1e-11)
        assert dressed_ridge(lam, 0.02, 80, cutoff) < scalar_ridge(lam, 0.02, cutoff)


# -- white modes on finite data: the heat flow --------------------------------------------------------------------------------


@pytest.mark.nojit
def test_local_elimination_against_direct_integration() -> None:
    r, u, c = 1.3, 0.4, 0.6

    def potential(g: float) -> float:
        f = lambda h: math.exp(-0.5 * (r * (g + h) ** 2 + u * (g + h) ** 4 + h * h / c))  # noqa: E731
        return -2.0 * math.log(quad(f, -12.0, 12.0, epsabs=0.0, epsrel=1e-13)[0])

    exact = local_exact(r, u, c)
    v = [potential(0.1 * i) - potential(0.0) for i in range(7)]
    fit = np.linalg.solve([[(0.1 * i) ** (2 * n) for n in range(1, 7)] for i in range(1, 7)], v[1:])
    assert exact.r == pytest.approx(fit[0], rel=1e-7)
    assert exact.u == pytest.approx(fit[1], rel=1e-4)
    second = quad(lambda g: g * g * math.exp(-0.5 * potential(g)), -12, 12)[0] / quad(lambda g: math.exp(-0.5 * potential(g)), -12, 12)[0]
    assert exact.variance == pytest.approx(second, rel=1e-8)


@pytest.mark.nojit
def test_local_flow_is_first_order_exact_and_gaussian_at_u_0() -> None:
    assert local_flow(2.0, 0.0, 0.7) == pytest.approx([1.0 / (0.5 + 0.7), 0.0], rel=1e-9)
    assert local_exact(2.0, 0.0, 0.7).variance == pytest.approx(1.2, rel=1e-12)
    off = []
    for u in (0.004, 0.002):
        exact, flow = local_exact(2.0, u, 0.7), local_flow(2.0, u, 0.7)
        off.append((abs(exact.r - flow[0]), abs(exact.u - flow[1])))
    assert off[0][0] / off[1][0] == pytest.approx(4.0, rel=0.1)
    assert off[0][1] / off[1][1] == pytest.approx(4.0, rel=0.1)
    exact, long = local_exact(2.0, 0.1, 0.7), local_flow(2.0, 0.1, 0.7, 14)
    assert long[:2] == pytest.approx([exact.r, exact.u], rel=1e-5)


@pytest.mark.nojit
def test_local_u_is_irrelevant() -> None:
    """Cumulants add: kurtosis falls as c^-2, the ridge is variance + c; r, u start from their bare values."""
    start, far, farther = (local_exact(1.0, 0.5, c) for c in (1e-7, 50.0, 100.0))
    assert (start.r, start.u) == pytest.approx((1.0, 0.5), rel=1e-4)
    assert far.kurtosis / farther.kurtosis == pytest.approx(4.0, rel=0.05)
    assert farther.variance - far.variance == pytest.approx(50.0)


# -- the continuum ------------------------------------------------------------------------------------------------------------


@pytest.mark.nojit
def test_quadrature_elimination_against_direct_integration() -> None:
    """One Fourier pair, S'(g) for constant g by a two-dimensional sum, its Taylor coefficients by interpolation."""
    action = Action.of(fourier_spectrum(0.5, 3), 1.0, 0.3)
    t = np.linspace(-4.5, 4.5, 241)
    a, b = np.meshgrid(t, t)
    prior = (a**2 + b**2) * (1.0 / action.spectrum[1] + action.r)
    basis = fourier(3, 5)

    def effective(g: float) -> float:
        field = [g + a * row[1] + b * row[2] for row in basis]
        quartic = sum(v**4 for v in field) / len(field)
        return action.r * g * g - 2.0 * math.log(np.exp(-0.5 * (prior + action.u * quartic)).sum())

    s = [effective(0.15 * i) - effective(0.0) for i in range(7)]
    fit = np.linalg.solve([[(0.15 * i) ** (2 * n) for n in range(1, 7)] for i in range(1, 7)], s[1:])
    assert eliminate_by_quadrature(action, 1) == pytest.approx(fit[:2], rel=1e-5)


@pytest.mark.nojit
@pytest.mark.parametrize(("modes", "order"), [(3, 3), (5, 2)])
def test_one_loop_flow_against_exact_elimination(modes: int, order: int) -> None:
    """What one loop leaves out is of order u^2 in r (u^3 for a single pair, which has no sunset) and u^3 in u: halving u shows it."""
    off = []
    for u in (0.002, 0.001):
        action = Action.of(fourier_spectrum(0.5, modes), 1.0, u)
        r, v = eliminate_by_quadrature(action, 1)
        flow = one_loop(action, 1)
        off.append((abs(r - flow.r[-1]), abs(v - flow.u[-1]), abs(r - action.r)))
    assert off[0][0] / off[1][0] == pytest.approx(2.0**order, rel=0.1)
    assert off[0][1] / off[1][1] == pytest.approx(8.0, rel=0.1)
    assert off[1][0] < 0.01 * off[1][2]


def test_sampler_against_exact_answers() -> None:
    y = np.array([0.4, -0.3, 0.2, 0.0, 0.1])
    lam = fourier_spectrum(0.5, 5)
    free = sample(Action.of(lam, 3.0, 0.0, y), chains=64, steps=150, rng=1)
    exact = (y / (1 + 3 * lam)) ** 2 + lam / (1 + 3 * lam)
    assert np.abs((free.square - exact) / free.square_error).max() < 4.0
    assert abs(free.loss - gaussian_loss(lam, y, 3.0)) < 4.0 * free.loss_error
    one = sample(Action.of([0.8], 1.0, 2.0, [0.5]), chains=128, steps=150, rng=2)  # one constant mode: a one-dimensional integral
    weight = lambda f: math.exp(-0.5 * (f * f / 0.8 + (f - 0.5) ** 2 + 2.0 * (f - 0.5) ** 4))  # noqa: E731
    norm = quad(weight, -6, 6)[0]
    mean, square = quad(lambda f: f * weight(f), -6, 6)[0] / norm, quad(lambda f: (f - 0.5) ** 2 * weight(f), -6, 6)[0] / norm
    assert abs(one.mean[0] - mean) < 4.0 * one.mean_error[0]
    assert abs(one.square[0] - square) < 4.0 * one.square_error[0]
    again = sample(Action.of([0.8], 1.0, 2.0, [0.5]), chains=128, steps=150, rng=2, workers=2)
    assert again.loss == one.loss


def test_small_action_before_and_after_elimination() -> None:
    """21 modes sampled; the 3 lowest sampled again with the couplings that flowed there, and with the bare ones."""
    y = np.zeros(21)
    y[:3] = 0.4, 0.3, -0.2
    action = Action.of(fourier_spectrum(0.5, 21), 2.0, 0.3, y)
    full = sample(action, chains=256, steps=150, rng=1)
    flowed, bare = (sample(reduced(action, 3, which), chains=256, steps=150, rng=2) for which in (True, False))
    total = [float(s.square[:3].sum()) for s in (full, flowed, bare)]
    noise = math.hypot(*(float(np.linalg.norm(s.square_error[:3])) for s in (full, flowed)))
    assert abs(total[1] - total[0]) < 3.0 * noise + 0.03 * total[0]  # one loop: order u^2
    assert total[2] - total[0] > 10.0 * noise
    assert abs(total[2] - total[0]) > 4.0 * abs(total[1] - total[0])


@pytest.mark.nojit
def test_high_target_modes_enter_r_to_first_order() -> None:
    """A constant kept mode and one pair with a target: the mean of 6u int h^2, exactly."""
    y = np.array([0.0, 0.7, -0.2])
    lam = fourier_spectrum(0.5, 3)
    flow = one_loop(Action.of(lam, 1.0, 1e-6, y), 1)
    expected = 6.0 * (lam[1:] / (1 + lam[1:]) + (y[1:] / (1 + lam[1:])) ** 2).sum()
    assert (flow.r[-1] - 1.0) / 1e-6 == pytest.approx(expected, rel=1e-4)


@pytest.mark.nojit
def test_scaling_intervals_and_relevance() -> None:
    a = 0.5
    flow = one_loop(Action.of(power_law(a, 50_000), 100.0, 0.1))
    assert flow.status == "ok"
    rows = {row.quantity: row for row in scaling_intervals(flow, a)}
    for name, predicted in (("r scaled", 1.5), ("u scaled", 2.0), ("loop, above k*", 2.0), ("loop, below k*", -1.0)):
        assert rows[name].predicted == predicted
        assert rows[name].measured == pytest.approx(predicted, abs=0.06)
    k = 100.0 ** (1 / 1.5)
    assert rows["loop, below k*"].high < k < rows["loop, above k*"].low
    peaks = []
    for p in (1e2, 1e4):  # the peak of the loop falls as P^(-a/(1+a))
        found = one_loop(Action.of(power_law(a, 50_000), p, 1e-3 * p))
        peaks.append(found.loop.max())
    assert math.log(peaks[0] / peaks[1]) / math.log(100.0) == pytest.approx(a / (1 + a), abs=0.02)
    assert one_loop(Action.of(power_law(a, 100), 1.0, 5.0)).status == "warning"


# -- learning curves ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("a", "b", "ridge", "predicted"), [(1.0, 1.0, 1.0, 0.5), (1.0, 1.0, 0.0, 1.0), (1.0, 6.0, 1.0, 2.0)])
def test_learning_curves_at_u_0(a: float, b: float, ridge: float, predicted: float) -> None:
    curve = learning_curve(a, b, ridge, (32, 64, 128), modes=1000, repeats=8, rng=1)
    assert curve.predicted == predicted
    z = (np.array(curve.measured) - curve.theory) / curve.error
    assert np.abs(z).max() < 5.0
    assert abs(curve.exponent - curve.theory_exponent) < 4.0 * curve.exponent_error
    assert abs(curve.theory_exponent - predicted) < 0.15  # finite P: the local exponents drift towards it


def test_u_does_not_change_the_exponent() -> None:
    result = universality(2.0, 3.0, 1.0, 0.1, (16, 64, 256), modes=21, chains=64, steps=120, rng=1)
    assert result.predicted == predicted_exponent(2.0, 3.0, "continuum") == pytest.approx(2 / 3)
    measured, gaussian, loop = (np.array(v) for v in (result.measured, result.gaussian, result.one_loop))
    shift = 1.0 - measured / gaussian  # what u changes: it shrinks as P grows ...
    assert shift[0] > 2.0 * shift[2] > 0.0
    assert np.abs(measured / loop - 1.0).max() < 0.02  # ... and one loop knows it
    last = abs(result.local["measured"][-1] - result.local["gaussian"][-1])
    assert last < 0.02 + 3.0 * result.local_error[-1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: power_law(-2.0, 5), "exponent"),
        (lambda: scalar_ridge([1.0, -1.0], 0.1, 1), "spectrum"),
        (lambda: scalar_ridge([1.0], 0.1, 5), "cutoff"),
        (lambda: effective_ridge([1.0], 0.0, 5), "ridge"),
        (lambda: eliminate(np.ones((2, 3)), [1.0, 1.0], 0.1, [1.0, 1.0], 1), "features"),
        (lambda: Action.of([1.0], 0.0, 0.1), "r: "),
        (lambda: Action.of([1.0], 1.0, -0.1), "u: "),
        (lambda: Action.of([1.0], 1.0, 0.1, [1.0, 2.0]), "target"),
        (lambda: one_loop(Action.of([1.0], 1.0, 0.1), 3), "down_to"),
        (lambda: eliminate_by_quadrature(Action.of(power_law(1.0, 9), 1.0, 0.1), 1), "kept"),
        (lambda: sample(Action.of([1.0], 1.0, 0.1), chains=10), "chains"),
        (lambda: local_exact(1.0, -1.0, 0.1), "u: "),
        (lambda: predicted_exponent(1.0, 1.0, "lazy"), "regime"),
    ],
)
def test_bad_input_names_the_argument(call: object, words: str) -> None:
    with pytest.raises(ldt.ModelError, match=words):
        call()  # type: ignore[operator]
