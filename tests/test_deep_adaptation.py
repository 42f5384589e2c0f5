"""Adaptation of deep networks on data: finite differences, linear networks in closed form, exact integrals, the Gaussian-process limit."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import fsolve

import ldt
from ldt.adaptation import DeepNetwork, network_gradient, solve_network
from ldt.adaptation.kernel_maps import adjoint, layer_kernel

pytestmark = pytest.mark.nojit


def problem(widths: tuple[int, ...], activation: str = "erf", n: int = 6, d: int = 3, **changes: Any) -> DeepNetwork:
    random = np.random.default_rng(7)
    variances = tuple(1.0 + 0.2 * i for i in range(len(widths)))
    given = {"ridge": 0.3, "weight_variances": variances, "readout_variance": 1.5, **changes}
    return DeepNetwork(random.standard_normal((n, d)), random.standard_normal(n), widths, activation, **given)


@pytest.mark.parametrize("activation", ["erf", "relu", "linear"])
def test_layer_kernels_are_averages_and_their_adjoints_derivatives(activation: str) -> None:
    random = np.random.default_rng(2)
    root = random.standard_normal((2, 4))
    k = root @ root.T
    x, p = np.polynomial.legendre.leggauss(400)
    x, p = 9.0 * x, 9.0 * p * np.exp(-0.5 * (9.0 * x) ** 2) / math.sqrt(2 * math.pi)
    lower = np.linalg.cholesky(k)
    h1, h2 = lower[0, 0] * x[:, None] + 0.0 * x, lower[1, 0] * x[:, None] + lower[1, 1] * x[None, :]
    phi = {"erf": ldt.models.hermite.erf, "relu": ldt.models.hermite.relu, "linear": lambda v: v}[activation]
    both = float(np.sum(p[:, None] * p[None, :] * phi(h1) * phi(h2)))
    assert layer_kernel(activation, k)[0, 1] == pytest.approx(both, rel=1e-3 if activation == "relu" else 1e-9)
    root = random.standard_normal((5, 9))
    k, a, b = root @ root.T, *(m + m.T for m in random.standard_normal((2, 5, 5)))
    step = 1e-6
    change = (layer_kernel(activation, k + step * b) - layer_kernel(activation, k - step * b)) / (2 * step)
    assert np.sum(a * change) == pytest.approx(np.sum(adjoint(activation, k, a) * b), rel=1e-7)


@pytest.mark.parametrize("activation", ["erf", "relu"])
@pytest.mark.parametrize("widths", [(20,), (20, 15), (20, 15, 10), (20, 15, 12, 10)], ids=len)
def test_solutions_are_stationary_points_of_the_free_energy(activation: str, widths: tuple[int, ...]) -> None:
    """The gradient by finite differences away from the solution, and 0 at it; the equations were solved without inverses."""
    net = problem(widths, activation)
    random = np.random.default_rng(4)
    point = [np.eye(3) / 3 + 0.05, *(r @ r.T / 9 + 0.3 * np.eye(6) for r in random.standard_normal((len(widths) - 1, 6, 9)))]
    slopes = net.gradient(point[0], point[1:])
    for j, m in enumerate(point):
        b = random.standard_normal(m.shape)
        b, values = b + b.T, []
        for step in (1e-5, -1e-5):
            moved = [x + step * b if i == j else x for i, x in enumerate(point)]
            values.append(net.free_energy(moved[0], moved[1:]))
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(float(np.sum(slopes[j] * b)), rel=1e-6, abs=1e-4)
    found = solve_network(net)
    assert found.residual < 1e-10 and found.path[-1] == 1.0
    assert max(float(abs(g).max()) for g in network_gradient(found)) < 1e-7
    assert found.free_energy == pytest.approx(net.free_energy(found.weight_covariance, found.kernels), rel=1e-12)
    assert np.allclose(found.predict(net.x), found.mean, atol=1e-10)
    t = np.linalg.solve(found.readout_kernel + net.ridge * np.eye(6), net.y)
    assert np.allclose(found.readout_kernel @ t, found.mean, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_deep_linear_networks_in_closed_form(depth: int) -> None:
    """Orthogonal inputs and y along one of them: every matrix is diagonal and each direction solves scalar equations."""
    n, d, ridge, strength = 8, 3, 0.2, 2.5
    widths, variances, top = (40, 30, 25)[:depth], (1.0, 1.3, 0.8)[:depth], 1.2
    x = np.linalg.qr(np.random.default_rng(5).standard_normal((n, d)))[0] * math.sqrt(n)
    y = strength * x[:, 0] / math.sqrt(n)
    found = solve_network(DeepNetwork(x, y, widths, "linear", ridge=ridge, weight_variances=variances, readout_variance=top))

    def scalars(signal: float) -> Any:
        """(sigma, k_2, ..) of one direction: stationarity of its own free energy, layer by layer."""

        def equations(logs: Any) -> Any:
            v = np.exp(logs)
            k = np.array([n * v[0], *v[1:]])  # K_1 = X Sigma X^T
            last = top * k[-1] + ridge
            slope = [0.0] * depth
            slope[-1] = 0.5 * top * (1.0 / last - signal**2 / last**2)
            for i in range(1, depth):
                q = variances[i] * k[i - 1]
                slope[i] += 0.5 * widths[i] * (1.0 / q - 1.0 / k[i])
                slope[i - 1] += 0.5 * widths[i] * variances[i] * (1.0 / q - k[i] / q**2)
            slope[0] = slope[0] * n + 0.5 * widths[0] * (d / variances[0] - 1.0 / v[0])
            return np.array(slope) * v

        start = [variances[0] / d]
        for i in range(1, depth):
            start.append(start[-1] * variances[i] * (n if i == 1 else 1.0))
        return np.exp(fsolve(equations, np.log(start), xtol=1e-14))

    along, across = scalars(strength), scalars(0.0)
    expected = np.diag([along[0], across[0], across[0]])
    assert np.allclose(found.weight_covariance, expected, atol=1e-9)
    for i, k in enumerate(found.kernels, start=1):
        basis = x.T @ k @ x / n
        assert np.allclose(basis, np.diag([along[i], across[i], across[i]]), atol=1e-8)
    k = along[-1] * (n if depth == 1 else 1.0)
    assert np.allclose(found.mean, y * top * k / (top * k + ridge), atol=1e-9)


def test_one_datum_and_one_linear_layer_by_an_exact_integral() -> None:
    """V = chi^2_N/N; f = y E[V/(V + s^2) p(y|V)]/E[p(y|V)] exactly.

    With y^2 = N c^2 the adaptation is of order 1, the error of the equations of order 1/N.
    """
    c, ridge, errors = 0.8, 0.3, []
    for n in (50, 100, 200):

        def log_weight(v: float, n: int = n) -> float:
            return (n / 2 - 1) * math.log(v) - n * v / 2 - 0.5 * math.log(v + ridge) - n * c * c / (2 * (v + ridge))

        top = max(map(log_weight, np.linspace(0.5, 3.0, 500)))

        def integral(power: int, top: float = top, log_weight: Any = log_weight) -> float:
            def terms(x: float) -> float:
                return math.exp(log_weight(x) - top) * (x / (x + ridge)) ** power

            return float(quad(terms, 1e-3, 8.0, points=[0.8, 1.0, 1.2, 1.5, 2.0], epsrel=1e-11, limit=400)[0])

        exact = integral(1) / integral(0)
        y = c * math.sqrt(n)
        found = solve_network(DeepNetwork(np.array([[1.0]]), np.array([y]), (n,), "linear", ridge=ridge))
        errors.append(abs(float(found.mean[0]) / y - exact))
        assert errors[-1] < 0.5 * abs(exact - 1 / (1 + ridge))  # closer than the Gaussian process
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.2) and errors[1] / errors[2] == pytest.approx(2.0, abs=0.2)


def test_wide_networks_are_gaussian_processes() -> None:
    """Mean and evidence against exact regression with the arcsine kernel of two layers; the correction is of order 1/N."""
    gaps = []
    for n in (10**4, 10**5):
        net = problem((n, n))
        x = net.x
        k = layer_kernel("erf", 1.2 * layer_kernel("erf", x @ x.T / 3)) * 1.5
        factor = cho_factor(k + 0.3 * np.eye(6))
        exact = k @ cho_solve(factor, net.y)
        found = solve_network(net)
        assert np.allclose(found.gp_mean, exact, atol=1e-12)
        assert found.free_energy < found.gp_free_energy  # it is the minimum along the path
        gaps.append(float(np.linalg.norm(found.mean - exact)))
    assert gaps[0] / gaps[1] == pytest.approx(10.0, rel=0.01)


def test_no_solution_is_said() -> None:
    """A strong target on a single relu neuron a layer: the path from the Gaussian process ends, and no number is returned."""
    net = problem((1, 1), "relu", ridge=1e-4, readout_variance=0.01)
    with pytest.raises(ldt.ConvergenceError, match=r"residual .* no solution is returned"):
        solve_network(net)
    for size in (1e6, 1e200):  # numbers that overflow on the way are no solution either
        with pytest.raises(ldt.ConvergenceError, match="no solution is returned"):
            solve_network(DeepNetwork(net.x, size * net.y, (30, 30), ridge=0.1))


def test_bad_networks_are_named() -> None:
    x, y = np.ones((3, 2)), np.ones(3)
    for changes, words in (
        ({"x": np.ones(3)}, "x:"), ({"y": np.ones(2)}, "y:"), ({"widths": ()}, "widths"), ({"activation": "tanh"}, "activation"),
        ({"ridge": 0.0}, "ridge"), ({"weight_variances": (1.0,)}, "weight_variances"), ({"ridge": None}, "ridge"),
        ({"x": [["a"]]}, "x:"), ({"x": 1j * x}, "x:"), ({"widths": "30"}, "widths"), ({"widths": (0.5,)}, "widths"),
    ):  # fmt: skip
        with pytest.raises(ldt.ModelError, match=words):
            DeepNetwork(**{"x": x, "y": y, "widths": (5, 5), **changes})


def test_residuals_asked_for_are_small() -> None:
    for tolerance in (0.0, math.nan, 1e-16, 1.0):
        with pytest.raises(ldt.ModelError, match="tolerance"):
            solve_network(problem((5, 5)), tolerance=tolerance)
    assert problem(np.array([5, 5])).widths == (5.0, 5.0)  # type: ignore[arg-type]


def test_equal_inputs_are_no_special_case() -> None:
    """Two readings y1, y2 of one input say what one reading of their mean with half the ridge does; kernels are singular."""
    net = problem((20, 15))
    twice = DeepNetwork(np.vstack([net.x, net.x]), np.concatenate([net.y + 0.1, net.y - 0.1]), (20, 15), ridge=0.6,
                        weight_variances=net.weight_variances, readout_variance=1.5)  # fmt: skip
    found, once = solve_network(twice), solve_network(net)
    assert np.allclose(found.mean[:6], once.mean, atol=1e-8) and np.allclose(found.mean[:6], found.mean[6:], atol=1e-10)
    with pytest.raises(ldt.ModelError, match="singular"):
        network_gradient(found)


def test_records_are_strict_json() -> None:
    found = solve_network(problem((20, 15)))
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["network"]["samples"] == 6 and len(record["mean"]) == 6 and "one solution" in record["sought"]
