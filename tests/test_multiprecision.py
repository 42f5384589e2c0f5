"""The multiprecision method against published digits, ball arithmetic, closed forms and N = 1 without a contour."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mpmath
import naive
import numpy as np
import pytest
from mpmath import mp

from ldt.errors import ConvergenceError, MethodError, ModelError
from ldt.tails.multiprecision import tail_mp
from ldt.tails.multiprecision_neuron import Neuron

REFERENCE = Path(__file__).parent.parent / "data" / "reference"
SLOW = {(200, 200), (1000, 1000), (20, 100), (12, 400)}


def model(width: int, dim: int, full: bool = False, **changes: Any) -> Any:
    """The attributes the method reads; by default the talk's network (unit overlap u^3, c = 1)."""
    fields: dict[str, Any] = {
        "width": width,
        "dim": dim,
        "readout_variance": 1.0,
        "weight_variance": 1.0,
        "prefactor": 1.0,
        "activation": "erf",
        "target": ((3, 1.0),),
        "overlap": "full" if full else "concentrated",
    }
    return SimpleNamespace(**{**fields, **changes})


def rows() -> list[Any]:
    out = []
    for name in ("concentrated", "full"):
        lines = (REFERENCE / f"two_layer_{name}.csv").read_text().splitlines()
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            size = int(row["N"]), int(row["d"])
            marks = [pytest.mark.slow] if size in SLOW else []
            out.append(pytest.param(row, name == "full", id=f"{name}-{row['N']}-{row['d']}-{row['alpha']}", marks=marks))
    return out


@pytest.mark.parametrize(("row", "full"), rows())
def test_reference_rows_to_the_last_digit(row: dict[str, str], full: bool) -> None:
    logp, error, _ = tail_mp(model(int(row["N"]), int(row["d"]), full), row["alpha"], dps=14)
    digits = len(row["neg_log_p"].partition(".")[2])
    assert error <= 1e-14
    assert abs(logp + mp.mpf(row["neg_log_p"])) < 2 * mp.mpf(10) ** -digits


@pytest.mark.parametrize(
    ("width", "dim", "alpha", "full", "density"),
    [
        (1, 3, "0.7", False, False),
        (3, 7, "0.31", False, True),
        (4, 2, "0.5", True, False),
        (7, 11, "1.9", True, True),
        (8, 40, "0.2", False, False),
        (30, 6, "0.01", False, False),
        (50, 50, "0.1", False, False),
        (100, 100, "1", False, False),
        (10**9, 10, "1", False, False),
    ],
)
def test_against_ball_arithmetic(width: int, dim: int, alpha: str, full: bool, density: bool) -> None:
    pytest.importorskip("flint")
    with mp.workdps(40):
        expected, radius = naive.flint_tail(width, dim, alpha, full=full, density=density, digits=20)
        logp, error, nodes = tail_mp(model(width, dim, full), alpha, dps=18, quantity="density" if density else "tail")
        assert error + radius <= 2e-18
        assert abs(logp - expected) <= error + radius + mp.mpf(10) ** -20  # the twin's quadrature in w is good to 20 digits
        assert nodes > 0


@pytest.mark.parametrize("dps", [1, 4, 30])
def test_reported_error_holds_at_any_number_of_digits(dps: int) -> None:
    pytest.importorskip("flint")
    with mp.workdps(60):
        expected, radius = naive.flint_tail(6, 12, "0.8", digits=40, order=40)
        logp, error, _ = tail_mp(model(6, 12), "0.8", dps=dps)
        assert radius < 1e-38
        assert abs(logp - expected) <= error + radius
        assert error <= mp.mpf(10) ** -dps


def cubic(w: Any) -> Any:
    return w**3 / mp.sqrt(3 + 2 * w * w) ** 3


@pytest.mark.parametrize(
    ("dim", "alpha", "density"),
    [(1, 1, False), (5, 1, True), pytest.param(5, "0.01", False, marks=pytest.mark.slow), (40, "0.3", False)],
)
def test_one_neuron(dim: int, alpha: Any, density: bool) -> None:
    with mp.workdps(25):
        expected = naive.n1_tail(alpha, cubic, dim, scale=mp.mpf(1.5), density=density)
        wide = model(1, dim, prefactor=0.75, readout_variance=4.0)
        logp, error, _ = tail_mp(wide, alpha, dps=18, quantity="density" if density else "tail")
        assert abs(logp - expected) <= error + mp.mpf(10) ** -20


def test_one_neuron_where_the_terms_cancel_by_sixty_digits() -> None:
    """Sums at h and h/2 that agree are no proof here: the integrand turns many times within a step."""
    with mp.workdps(20):
        logp, error, _ = tail_mp(model(1, 500), 1, dps=8)
        assert abs(logp - naive.n1_tail(1, cubic, 500)) <= error


ACTIVATIONS: list[tuple[str, tuple[tuple[int, float], ...], Any, Any]] = [
    # activation, target, g(w, rho) written out, the activation itself
    (
        "erf",
        ((1, 1.0), (2, 3.0), (3, -0.5)),
        lambda w, rho: (
            2 / np.pi**0.5 * w / (1 + 2 * (w * w + rho)) ** 0.5 + 2 / np.pi**0.5 * w**3 / (1 + 2 * (w * w + rho)) ** 1.5
        ),
        np.vectorize(math.erf),
    ),
    (
        "relu",
        ((1, 1.0), (2, -0.5)),
        lambda w, rho: w / 2 - 0.5 * w * w / (2 * np.pi * (w * w + rho)) ** 0.5,
        lambda x: np.maximum(x, 0),
    ),
    ("relu", ((2, 1.0),), lambda w, rho: w * w / (2 * np.pi * (w * w + rho)) ** 0.5, lambda x: np.maximum(x, 0)),
    ("linear", ((1, 2.0), (3, 1.0)), lambda w, rho: 2 * w + 0 * rho, lambda x: x),
]


@pytest.mark.parametrize(("activation", "target", "g", "_phi"), ACTIVATIONS)
@pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_other_activations_at_one_neuron(activation: str, target: Any, g: Any, _phi: Any, full: bool) -> None:
    alpha, dim = 0.75, 4
    logp, error, _ = tail_mp(model(1, dim, full, activation=activation, target=target), alpha, dps=11)
    if full:
        expected = naive.n1_tail_full(alpha, g, dim)
    else:
        expected = naive.n1_tail(alpha, lambda w: g(float(w), 1.0), dim)
    assert error <= 1e-11
    assert abs(float(logp) - expected) < 2e-11


@pytest.mark.slow
def test_tanh_at_one_neuron() -> None:
    tanh = model(1, 4, activation="tanh", target=((1, 0.5), (3, -1.0)))
    logp, _, _ = tail_mp(tanh, 0.4, dps=11)
    table = {}

    def g(w: Any) -> float:
        return sum(y * naive.hermite_overlap(np.tanh, k, float(w), 1.0) for k, y in tanh.target)

    expected = naive.n1_tail(0.4, lambda w: table.setdefault(w, g(w)), 4)
    assert abs(float(logp - expected)) < 1e-10


@pytest.mark.parametrize(
    ("activation", "k", "phi"),
    [("erf", k, np.vectorize(math.erf)) for k in (1, 3, 5, 7)]
    + [("relu", k, lambda x: np.maximum(x, 0)) for k in (0, 1, 2, 4, 6)]
    + [("tanh", k, np.tanh) for k in (1, 3)],
)
def test_overlap_is_the_integral_that_defines_it(activation: str, k: int, phi: Any) -> None:
    """Two terms in the target, so that erf is not reduced to its unit overlap; the second weighs next to nothing."""
    pair = ((k, 1.0), (k + 2, 1e-30))
    neuron = Neuron(model(1, 3, activation=activation, target=pair, weight_variance=0.8), mpmath.MPContext())
    for z in (0.4, -1.7):
        w = z * math.sqrt(0.8 / 3)
        assert float(neuron.point(z, 4.0)[1]) == pytest.approx(naive.hermite_overlap(phi, k, w, 0.8) ** 2, rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("dim", [2, 3, 5, 20, 101])
def test_full_density_is_tricomis_function(dim: int) -> None:
    ctx = mpmath.MPContext()
    ctx.dps = 30
    neuron = Neuron(model(1, dim, True, weight_variance=1.25), ctx)
    a, n = ctx.mpf(dim) / ctx.mpf(1.25), ctx.mpf(dim - 1)
    for z in (0.0, 0.5, 3.0, 9.0):
        x = a * (1 + 2 * z * z / a) / 4
        closed = -ctx.mpf(z * z) / 2 + n / 2 * ctx.log(a / 4) + ctx.log(ctx.hyperu(n / 2, (n + 3) / 2, x)) - ctx.log(2 * ctx.pi) / 2
        assert abs(neuron.point(z, 9.0)[0] - closed) < 1e-24


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("terms", "dim", "alpha"), [(2, 2, 3), (1, 3, "0.2"), (5, 4, 1), (8, 30, "2.5"), (3, 2, 400)])
def test_linear_is_variance_gamma(terms: int, dim: int, alpha: Any, full: bool) -> None:
    cnn = model(terms, dim, full, activation="linear", target=((1, -3.0),), readout_variance=0.5, weight_variance=2.0)
    with mp.workdps(30):
        b = 3 / mp.sqrt(terms * dim)
        for quantity in ("tail", "density"):
            logp, error, _ = tail_mp(cnn, alpha, dps=18, quantity=quantity)
            expected = naive.variance_gamma(alpha, terms, b, density=quantity == "density")
            assert abs(logp - expected) <= error + mp.mpf(10) ** -19


def test_density_is_the_tails_derivative() -> None:
    """A central difference of two tails, its h^2 error estimated away by Richardson's rule."""
    h = mp.mpf(10) ** -6
    with mp.workdps(40):
        slopes = []
        for step in (h, 2 * h):
            low, high = (mp.exp(tail_mp(model(3, 5), mp.mpf(1) + sign * step, dps=38)[0]) for sign in (-1, 1))
            slopes.append((low - high) / (2 * step))
        expected = mp.log((4 * slopes[0] - slopes[1]) / 3)
        logp, error, _ = tail_mp(model(3, 5), 1, dps=18, quantity="density")
        assert abs(logp - expected) <= error + mp.mpf(10) ** -18


@pytest.mark.parametrize("full", [False, True])
def test_plain_draws_of_all_weights(full: bool) -> None:
    level, size = 0.05, 20_000
    draws = naive.sample_alignment(3, 4, size, np.random.default_rng(20), full=full)
    p = float(mp.exp(tail_mp(model(3, 4, full), level, dps=6)[0]))
    hits = np.mean(np.abs(draws) >= level) / 2  # the law is symmetric
    assert abs(hits - p) < 4 * math.sqrt(p / (2 * size))


def test_level_as_text_keeps_its_digits_and_global_precision_stays() -> None:
    before = mp.dps
    text, _, _ = tail_mp(model(2, 3), "1.1", dps=20)
    double, _, _ = tail_mp(model(2, 3), 1.1, dps=20)
    exact, _, _ = tail_mp(model(2, 3), mp.mpf(1.1), dps=20)
    assert mp.dps == before
    assert double == exact
    assert 1e-19 < abs(text - double) < 1e-14


def test_tail_near_zero_is_one_half() -> None:
    """Where the contour has to be long: cheap for the linear network, refused for the others."""
    logp, error, _ = tail_mp(model(5, 5, activation="linear", target=((1, 1.0),)), 1e-12, dps=8)
    assert abs(logp + mp.log(2)) < error + 1e-8
    with pytest.raises(ConvergenceError, match="exact"):
        tail_mp(model(5, 5), 1e-12, dps=8)


@pytest.mark.parametrize("level", [0, -1.0, math.nan, math.inf, "one", None])
def test_bad_levels(level: Any) -> None:
    with pytest.raises(ModelError, match="level"):
        tail_mp(model(2, 2), level)


def test_bad_options() -> None:
    with pytest.raises(ModelError, match="dps"):
        tail_mp(model(2, 2), 1, dps=0)
    with pytest.raises(ModelError, match="quantity"):
        tail_mp(model(2, 2), 1, quantity="cdf")
    with pytest.raises(MethodError, match="exact"):
        tail_mp(model(2, 2, activation=np.tanh), 1)
    with pytest.raises(MethodError, match="tanh"):
        tail_mp(model(2, 2, True, activation="tanh"), 1)
    with pytest.raises(ConvergenceError, match="exact"):
        tail_mp(model(1, 2), 1e300)
