"""Lazy limit: closed kernels against random wide networks, eigenvalues against closed forms, the bound against brute force."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from scipy.special import erf, ive

import ldt
from ldt.lazy import (
    Kernel,
    component,
    components,
    degeneracy,
    fit_kernel_spectrum,
    fit_zipf,
    gaussian_cost,
    gaussian_eigenvalues,
    lazy_cost,
    learnability,
    overlap_bound,
    posterior_log_probability,
    real_inputs,
    samples_needed,
    zonal,
)
from ldt.lazy.spectra import rbf_gaussian_eigenvalue
from ldt.rg import power_law

PHI = {"erf": erf, "relu": lambda x: np.maximum(x, 0.0)}


def points(n: int = 4, d: int = 3) -> np.ndarray:
    return np.random.default_rng(5).standard_normal((n, d))


def random_networks(kernel: Kernel, x: np.ndarray, width: int, networks: int, seed: int) -> np.ndarray:
    """f f' averaged over the readout, of random finite networks: (networks, n, n)."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(networks):
        h = x.T
        for _ in range(kernel.depth):
            w = rng.standard_normal((width, len(h))) * math.sqrt(kernel.weight_variance / len(h))
            h = PHI[kernel.kind](w @ h + math.sqrt(kernel.bias_variance) * rng.standard_normal((width, 1)))
        found.append(kernel.readout_variance * h.T @ h / width)
    return np.array(found)


@pytest.mark.parametrize("kind", ["erf", "relu"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_kernels_are_averages_over_wide_networks(kind: str, depth: int) -> None:
    kernel = Kernel(kind, depth, weight_variance=1.5, readout_variance=0.7, bias_variance=0.3)
    x = points()
    drawn = random_networks(kernel, x, 800, 50, 10 * depth)
    error = drawn.std(0, ddof=1) / math.sqrt(len(drawn))
    # one layer is unbiased at any width; deeper ones are off by O(1/width), a fraction of a standard error here
    assert np.abs((drawn.mean(0) - kernel(x)) / error).max() < 4.0
    assert error.max() < 0.03 * kernel(x).max()


@pytest.mark.nojit
@pytest.mark.parametrize("kind", ["erf", "relu"])
def test_one_layer_against_quadrature(kind: str) -> None:
    """E phi(u) phi(v) in polar form: for relu in closed trigonometric integrals, for erf by a two-dimensional rule."""
    x = np.array([[1.0, 0.5, 0.2], [0.3, 1.2, -0.4]])
    s = x @ x.T / 3
    value = Kernel(kind)(x)[0, 1]
    root = np.linalg.cholesky(s)
    angle = 2.0 * math.pi * (np.arange(4000) + 0.5) / 4000
    u, v = root @ np.stack([np.cos(angle), np.sin(angle)])
    if kind == "relu":  # E r^2 = 2
        assert 2.0 * np.mean(np.maximum(u, 0) * np.maximum(v, 0)) == pytest.approx(value, rel=1e-5)
    else:
        t, w = np.polynomial.laguerre.laggauss(40)
        r = np.sqrt(2.0 * t)[:, None]
        assert float(w @ (erf(r * u) * erf(r * v)).mean(1)) == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize("kind", ["erf", "relu"])
def test_infinite_depth_keeps_kernels_positive(kind: str) -> None:
    gram = Kernel(kind, 20, weight_variance=2.0)(points(20, 5))
    assert np.linalg.eigvalsh(gram)[0] > -1e-12 * gram.max()


@pytest.mark.nojit
@pytest.mark.parametrize("dim", [3, 10, 100])
def test_sphere_eigenvalues_against_closed_forms(dim: int) -> None:
    for k in range(5):
        c = component(Kernel("rbf", length=0.8), dim, k)  # exp(-z) exp(z t), z = 1/l^2: a Bessel function
        z, nu = 1.0 / 0.64, 0.5 * dim - 1.0
        exact = math.exp(math.lgamma(0.5 * dim) + nu * math.log(2.0 / z)) * ive(k + nu, z)
        assert abs(c.value - exact) <= c.error + 1e-13 * exact
    for k in (1, 3, 5):  # erf: the series of arcsin(2t/3), and E[t^j P_k] in closed form
        c = component(Kernel("erf"), dim, k)
        exact = sum(_arcsin(j, mp.mpf(2) / 3) * _power_moment(j, k, dim) for j in range(k, k + 160, 2)) * 2 / mp.pi
        assert abs(c.value - exact) <= c.error
        assert c.error < 1e-7 * c.value


def _arcsin(j: int, z: mp.mpf) -> mp.mpf:
    m = (j - 1) // 2
    return mp.binomial(2 * m, m) / 4**m / j * z**j


def _power_moment(j: int, k: int, d: int) -> mp.mpf:
    m = (j - k) // 2
    return mp.factorial(j) * mp.gamma(mp.mpf(d) / 2) / (mp.mpf(2) ** j * mp.factorial(m) * mp.gamma(k + m + mp.mpf(d) / 2))


@pytest.mark.nojit
def test_trace_and_parity() -> None:
    for kind, depth in (("erf", 2), ("relu", 3), ("laplace", 1)):
        kernel = Kernel(kind, depth, bias_variance=0.2 if depth > 1 else 0.0)
        parts = components(kernel, 3, range(51))
        assert sum(c.value * c.degeneracy for c in parts) == pytest.approx(float(kernel.of_products(1.0, 1.0, 1.0)), rel=0.03)
        least = sum((c.value - c.error) * c.degeneracy for c in parts)
        assert least < float(kernel.of_products(1.0, 1.0, 1.0))
    assert degeneracy(10, 3) == 210
    odd = component(Kernel("relu"), 10, 3)
    assert not odd.resolved
    cost = lazy_cost(odd)
    assert cost.status == "failed" and math.isnan(cost.tail) and "parity" in cost.advice
    assert component(Kernel("relu", bias_variance=0.5), 10, 3).resolved


@pytest.mark.parametrize("dim", [2, 5, 20])
@pytest.mark.parametrize("degree", [1, 3])
def test_gaussian_variance_of_erf_is_the_alignment_sums(dim: int, degree: int) -> None:
    c = component(Kernel("erf"), dim, degree, "gaussian")
    other = ldt.AlignmentSum(7, dim, target=degree, overlap="full", c="orthonormal").variance
    assert abs(c.value - other) <= c.error + 1e-11 * other


@pytest.mark.parametrize("dim", [2, 5, 50])
def test_gaussian_variance_of_relu_in_closed_form(dim: int) -> None:
    c = component(Kernel("relu"), dim, 2, "gaussian")  # E[t^4] E[q^2]/(4 pi)
    assert abs(c.value - 3.0 / (dim * (dim + 2)) / (4.0 * math.pi)) <= c.error


def test_gaussian_eigenvalues_of_rbf_are_mehlers() -> None:
    for dim in (2, 6, 40):
        for degree in (0, 1, 3):
            values, error = gaussian_eigenvalues(Kernel("rbf", length=0.7), dim, degree, 3)
            exact = [rbf_gaussian_eigenvalue(0.7, dim, degree + 2 * m) for m in range(3)]
            assert np.abs(values - exact).max() <= error + 1e-14


def test_laplace_on_gaussian_measure_states_its_error() -> None:
    """Against plain sampling of the double average."""
    c = component(Kernel("laplace"), 3, 1, "gaussian")
    rng = np.random.default_rng(1)
    x, z = rng.standard_normal((2, 400_000, 3))
    drawn = x[:, 0] * z[:, 0] * np.exp(-np.linalg.norm(x - z, axis=1) / math.sqrt(3))
    assert abs(c.value - drawn.mean()) < 4.0 * drawn.std() / math.sqrt(len(drawn)) + c.error
    assert c.error < 1e-3 * c.value


@pytest.mark.nojit
@pytest.mark.parametrize("variance", [1e-12, 1e-4, 0.3, 5.0])
def test_cost_against_mpmath(variance: float) -> None:
    with mp.workdps(40):
        s = mp.sqrt(mp.mpf(variance))
        density = -mp.log(mp.npdf(1, 0, s))
        tail = -mp.log(mp.erfc(1 / (s * mp.sqrt(2))) / 2)
        found = gaussian_cost(variance)
        assert abs(found[0] - density) <= 1e-14 * abs(density) + 1e-15
        assert abs(found[1] - tail) <= 1e-14 * tail


@pytest.mark.nojit
def test_bounds_hold_on_any_data_and_are_reached() -> None:
    """Random kernels K = lambda phi phi' + anything positive, random labels."""
    rng = np.random.default_rng(2)
    for _ in range(200):
        p, lam, ridge = int(rng.integers(1, 12)), 10.0 ** rng.uniform(-3, 1), 10.0 ** rng.uniform(-2, 1)
        phi, y = rng.standard_normal(p), rng.standard_normal(p)
        rest = rng.standard_normal((p, int(rng.integers(0, 8)))) * rng.uniform(0, 2)
        gram = lam * np.outer(phi, phi) + rest @ rest.T
        inverse = np.linalg.inv(gram + ridge * np.eye(p))
        m, labels, smallest = float((phi**2).mean()), float((y**2).mean()), max(float(np.linalg.eigvalsh(gram)[0]), 0.0)
        assert abs(lam * phi @ inverse @ y) <= overlap_bound(lam, ridge, p, m, labels, smallest) * (1 + 1e-9)
        assert 0.0 <= lam * phi @ inverse @ phi <= overlap_bound(lam, ridge, p, m, None, smallest) * (1 + 1e-9)
        assert overlap_bound(lam, ridge, p, m, labels) <= lam * p / ridge * math.sqrt(m * labels) * (1 + 1e-12)
        alone = lam * phi @ np.linalg.inv(lam * np.outer(phi, phi) + ridge * np.eye(p)) @ phi
        assert alone == pytest.approx(overlap_bound(lam, ridge, p, m), rel=1e-6)
        needed = samples_needed(lam, ridge, 0.3, m)
        assert overlap_bound(lam, ridge, needed, m) == pytest.approx(0.3)
    assert posterior_log_probability(1e-3, 1.0, 10, 0.5) < -100.0
    assert posterior_log_probability(1e-3, 1.0, 10**6, 0.5) == 0.0


def test_posterior_bound_against_the_posterior() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((30, 4))
    x *= 2.0 / np.linalg.norm(x, axis=1)[:, None]
    kernel, ridge = Kernel("rbf"), 0.5
    c = component(kernel, 4, 2)
    phi = zonal(4, 2, x)
    weights = c.value * np.linalg.solve(kernel(x) + ridge * np.eye(30), phi)
    mean, variance = float(weights @ phi), c.value * (1.0 - float(weights @ phi))
    for level in (0.6, 0.9):
        exact = -gaussian_cost(variance, level - mean)[1]
        assert exact <= posterior_log_probability(c.value, ridge, 30, level, float((phi**2).mean()))


def test_cross_measure_projection_by_brute_force() -> None:
    """f_t by sampling the sphere, against lambda phi(X)'(K + s^2)^-1 y."""
    rng = np.random.default_rng(4)

    def sphere(n: int) -> np.ndarray:
        x = rng.standard_normal((n, 4))
        return x * (2.0 / np.linalg.norm(x, axis=1))[:, None]

    x = sphere(40) + np.array([1.0, 0.5, 0.0, 0.0])  # a training measure that is not uniform
    x *= 2.0 / np.linalg.norm(x, axis=1)[:, None]
    kernel, fresh = Kernel("relu", bias_variance=0.5), sphere(100_000)
    for k in (1, 2, 3):
        phi = zonal(4, k, x)
        weights = np.linalg.solve(kernel(x) + 0.05 * np.eye(40), phi)
        exact = component(kernel, 4, k).value * float(phi @ weights)
        drawn = (kernel(fresh, x) @ weights) * zonal(4, k, fresh)
        assert abs(drawn.mean() - exact) < 4.0 * drawn.std() / math.sqrt(len(drawn))


@pytest.mark.parametrize("data", ["digits", "wine"])
def test_real_data_stay_below_the_bound(data: str) -> None:
    pytest.importorskip("sklearn")
    result = learnability(Kernel("erf"), data, (1, 3, 5), samples=(8, 32, 88), repeats=3, rng=1)
    assert result.status == "ok" and result.inputs == {"digits": 1797, "wine": 178}[data]
    for curve in result.curves:
        assert curve.violations == 0 and 0.0 < curve.worst_ratio <= 1.0
        assert all(f < b < a for f, b, a in zip(curve.measured, curve.bound, curve.any_measure, strict=True))
    learned = [c.measured[-1] for c in result.curves]
    assert learned[0] > 0.9 > 0.5 > learned[1] > 10 * learned[2]  # 88 inputs teach degree 1, not 3 or 5, as `needed` says
    assert result.curves[0].needed < 88 < result.curves[1].needed < result.curves[2].needed
    assert result == learnability(Kernel("erf"), data, (1, 3, 5), samples=(8, 32, 88), repeats=3, rng=1)


def test_real_inputs_lie_on_the_sphere() -> None:
    pytest.importorskip("sklearn")
    x = real_inputs("diabetes", 8)
    assert x.shape == (442, 8)
    assert np.allclose((x * x).sum(1), 8.0)


def test_zipf_fit_covers_the_truth() -> None:
    pytest.importorskip("powerlaw")
    for z in (0.8, 1.5):
        fit = fit_zipf(power_law(z - 1.0, 600))
        assert abs(fit.exponent - z) < fit.error
        assert fit.rank_slope == pytest.approx(z, abs=1e-9)
    scores = []
    for seed in range(12):  # independent draws, for which the library's error is meant
        values = np.random.default_rng(seed).random(800) ** -1.2
        fit = fit_zipf(values, 800)
        scores.append((fit.exponent - 1.2) / fit.likelihood_error)
    assert 0.4 < float(np.std(scores)) < 1.8 and abs(float(np.mean(scores))) < 1.3


def test_spectrum_of_a_real_kernel_has_an_uncertainty() -> None:
    pytest.importorskip("powerlaw")
    pytest.importorskip("sklearn")
    fit = fit_kernel_spectrum(Kernel("laplace"), real_inputs("wine"), halves=3, rng=1)
    assert 0.3 < fit.exponent < 3.0 and fit.count <= 44
    assert fit.error >= max(fit.likelihood_error, fit.data_error) > 0.0
    assert abs(fit.rank_slope - fit.exponent) < 4.0 * fit.error


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Kernel("cosine"), "kind"),
        (lambda: Kernel("rbf", 2), "depth"),
        (lambda: Kernel("erf", weight_variance=-1.0), "weight_variance"),
        (lambda: Kernel("laplace", bias_variance=1.0), "bias_variance"),
        (lambda: component(Kernel(), 1, 1), "dim"),
        (lambda: component(Kernel(), 5, -1), "degree"),
        (lambda: component(Kernel(), 5, 1, "cube"), "measure"),
        (lambda: lazy_cost(component(Kernel(), 5, 1), -1.0), "level"),
        (lambda: samples_needed(1.0, 1.0, 1.0), "level"),
        (lambda: learnability(Kernel(), "iris"), "data"),
        (lambda: learnability(Kernel(), np.ones((5, 3)) * 2), "data"),
        (lambda: learnability(Kernel("relu"), "wine", (3,)), "degrees"),
        (lambda: fit_zipf([1.0, 2.0]), "values"),
    ],
)
def test_bad_input_names_the_argument(call: object, words: str) -> None:
    with pytest.raises(ldt.ModelError, match=words):
        call()  # type: ignore[operator]
