"""The models: overlaps from their definition, cumulants, moments, draws, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import twins
from mpmath import mp
from scipy import special, stats

import ldt
from ldt.numerics.random import generator


def erf_copy(x: Any) -> Any:
    return special.erf(x)


def relu_copy(x: Any) -> Any:
    return np.maximum(x, 0.0)


def linear_copy(x: Any) -> Any:
    return 1.0 * np.asarray(x)


def softplus(x: Any) -> Any:
    return np.logaddexp(0.0, x)


POINTS = [(0.0, 0.5), (0.3, 1.0), (-0.8, 0.2), (2.0, 1.3), (-3.5, 0.05), (1e-3, 1.0), (0.7, 0.0)]
OVERLAPS: list[tuple[Any, dict[int, float]]] = [
    ("erf", {1: 1.0}), ("erf", {3: 1.0}), ("erf", {5: -0.5}), ("erf", {1: 1.0, 3: 0.2, 7: 0.01}), ("erf", {2: 1.0, 3: 1.0}),
    ("relu", {0: 1.0}), ("relu", {1: 1.0}), ("relu", {2: 1.0}), ("relu", {4: 0.3}), ("relu", {1: 1.0, 2: -0.5, 6: 0.01}),
    ("tanh", {1: 1.0}), ("tanh", {3: 1.0}), ("tanh", {1: 0.5, 5: 0.1}),
    ("linear", {1: 2.0}), ("linear", {1: 1.0, 3: 1.0}),
    (erf_copy, {3: 1.0}), (relu_copy, {2: 1.0}), (linear_copy, {1: 1.0}), (softplus, {0: 1.0, 1: 1.0, 2: 0.5}),
]  # fmt: skip
NAMED = {"erf": special.erf, "relu": relu_copy, "tanh": np.tanh, "linear": linear_copy}


@pytest.mark.parametrize(("activation", "target"), OVERLAPS, ids=lambda x: x if isinstance(x, str) else getattr(x, "__name__", str(x)))
def test_overlap_from_its_definition(activation: Any, target: dict[int, float]) -> None:
    """|<phi(w.x), y>| = |c| |g| with c = 'raw', the left side a double integral over x."""
    model = ldt.AlignmentSum(3, 4, c="raw", target=target, activation=activation, overlap="full")
    phi = NAMED[activation] if isinstance(activation, str) else activation
    for w, rho in POINTS:
        direct = twins.definition_overlap(phi, target, w, math.sqrt(rho), kink="relu" in str(activation))
        found = model.prefactor * float(model.unit_overlap(w, rho))
        assert abs(abs(found) - abs(direct)) < 3e-11 * (1 + abs(direct)), (w, rho)


@pytest.mark.parametrize(
    ("copy", "name", "target"),
    [(erf_copy, "erf", 3), (erf_copy, "erf", {1: 1.0, 3: 0.4}), (relu_copy, "relu", 2), (linear_copy, "linear", 1)],
)
def test_computed_overlap_against_closed_form(copy: Any, name: str, target: Any) -> None:
    computed = ldt.AlignmentSum(3, 4, c="raw", target=target, activation=copy)
    closed = ldt.AlignmentSum(3, 4, c="raw", target=target, activation=name)
    w = np.linspace(-6.0, 6.0, 241)
    difference = np.abs(computed.prefactor * computed.unit_overlap(w)) - np.abs(closed.prefactor * closed.unit_overlap(w))
    assert np.max(np.abs(difference)) < 1e-11
    level = 2.0 * math.sqrt(closed.variance)
    one, two = (ldt.tail(m, level, method="exact") for m in (computed, closed))
    assert one.logp == pytest.approx(two.logp, abs=1e-9)


@pytest.mark.nojit
def test_unit_overlap_is_the_talks() -> None:
    w = np.linspace(-5.0, 5.0, 41)
    rho = np.linspace(0.0, 3.0, 41)
    np.testing.assert_allclose(ldt.AlignmentSum(5, 5).unit_overlap(w), w**3 / (3 + 2 * w**2) ** 1.5, rtol=1e-14)
    full = ldt.AlignmentSum(5, 5, overlap="full").unit_overlap(w, rho)
    np.testing.assert_allclose(full, w**3 / (1 + 2 * w**2 + 2 * rho) ** 1.5, rtol=1e-14)
    np.testing.assert_allclose(ldt.AlignmentSum(5, 5, weight_variance=2.0).unit_overlap(w), w**3 / (5 + 2 * w**2) ** 1.5, rtol=1e-14)
    assert ldt.AlignmentSum(5, 5).unit_overlap(0.3, 99.0) == ldt.AlignmentSum(5, 5).unit_overlap(0.3)


@pytest.mark.nojit
def test_conventions_of_c() -> None:
    c = {name: ldt.AlignmentSum(5, 5, c=name).prefactor for name in ("talk", "raw", "ratio", "orthonormal")}
    assert c["talk"] == 1.0
    assert c["raw"] == pytest.approx(4 / math.sqrt(math.pi), rel=1e-15)
    assert c["ratio"] == pytest.approx(0.3761263890, abs=5e-11)
    assert c["orthonormal"] == pytest.approx(0.9213177319, abs=5e-11)
    assert ldt.AlignmentSum(5, 5, c=2.5).prefactor == 2.5
    for name, value in c.items():
        model = ldt.AlignmentSum(5, 5, c=name)
        assert name in model.name and f"{value:.10g}" in model.name
        assert model.to_dict()["c"] == name and model.to_dict()["prefactor"] == value


# -- cumulants -----------------------------------------------------------------------------------------------------------------


@pytest.mark.nojit
@pytest.mark.parametrize(
    ("n", "d", "s"),
    [
        (20, 100, 150.0),
        *(pytest.param(*p, marks=pytest.mark.slow) for p in [(5, 5, 20.0), (50, 50, 120.0), (10**6, 12, 50.0), (5, 5, 0.01)]),
    ],
)
def test_cgf_derivatives(n: int, d: int, s: float) -> None:
    model = ldt.AlignmentSum(n, d)
    twin = twins.Twin(n, d, twins.erf_power(3))
    with mp.workdps(40):
        truth = [twins.free_cgf(twin, mp.mpf(s))]
        truth += [mp.diff(lambda t: twins.free_cgf(twin, t), mp.mpf(s), order) for order in range(1, 5)]
    found = model.cgf_derivatives(s, 4)
    assert model.cgf(s) == found[0]
    for order, (value, expected) in enumerate(zip(found, truth, strict=True)):
        scale = abs(float(expected)) + 1e-3 * abs(float(truth[2])) * s ** (2 - order)
        assert abs(value - float(expected)) < 1e-9 * scale, order


def test_cgf_shapes_and_evenness() -> None:
    model = ldt.AlignmentSum(20, 20)
    s = np.array([[-30.0, 0.0, 30.0], [1e-8, 5.0, -5.0]])
    k0, k1, k2 = model.cgf_derivatives(s)
    assert k0.shape == k1.shape == k2.shape == s.shape
    assert k0[0, 0] == k0[0, 2] and k0[1, 1] == k0[1, 2] and k1[0, 0] == -k1[0, 2] and k0[0, 1] == k1[0, 1] == 0.0
    assert k2[0, 1] == pytest.approx(model.variance, rel=1e-12)
    assert isinstance(model.cgf(1.0), float)


@pytest.mark.parametrize("overlap", ["concentrated", "full"])
def test_linear_cgf_is_closed(overlap: str) -> None:
    model = ldt.AlignmentSum(10, 4, activation="linear", target=1, overlap=overlap)
    edge = math.sqrt(40.0)
    for s in (0.01, 1.0, 3.0, 0.9 * edge):
        assert model.cgf(s) == pytest.approx(-5 * math.log1p(-(s * s) / 40.0), rel=1e-12)
    with pytest.raises(ldt.NoTiltError, match="s"):
        model.cgf(1.0001 * edge)


def test_moments() -> None:
    """Variance and kurtosis from E g^2, E g^4 by mpmath."""
    for n, d, ra, rw in ((5, 5, 1.0, 1.0), (50, 20, 0.5, 2.0)):
        model = ldt.AlignmentSum(n, d, readout_variance=ra, weight_variance=rw, c="raw")
        with mp.workdps(25):
            sd = mp.sqrt(mp.mpf(rw) / d)
            g2 = lambda z: ((z * sd) ** 2 / (1 + 2 * rw + 2 * (z * sd) ** 2)) ** 3 * 16 / mp.pi  # noqa: B023, E731
            m1, m2 = (mp.quad(lambda z: 2 * mp.npdf(z) * g2(z) ** p, [0, 1, 2, 4, 8, 16]) for p in (1, 2))  # noqa: B023
        assert model.mean == 0.0
        assert model.variance == pytest.approx(float(ra * m1), rel=1e-12)
        assert model.kurtosis == pytest.approx(float(3 * (m2 / m1**2 - 1) / n), rel=1e-11)


DRAWN = {
    "erf": ldt.AlignmentSum(10, 4, c="raw"),
    "erf-full": ldt.AlignmentSum(10, 4, overlap="full", target=1),
    "relu-full": ldt.AlignmentSum(7, 3, c="raw", activation="relu", target={1: 1.0, 2: 1.0}, overlap="full"),
    "tanh": ldt.AlignmentSum(7, 3, c="raw", activation="tanh", target=1),
    "linear": ldt.AlignmentSum(3, 3, activation="linear", target=1, readout_variance=2.0, weight_variance=0.5),
}


@pytest.mark.parametrize("name", DRAWN)
def test_draws_have_the_moments(name: str) -> None:
    model = DRAWN[name]
    x = model.rvs(200_000, rng=1)
    assert x.shape == (200_000,)
    spread = model.variance * math.sqrt((model.kurtosis + 2.0) / len(x))
    assert abs(x.mean()) < 4.5 * math.sqrt(model.variance / len(x))
    assert abs(np.mean(x * x) - model.variance) < 6.0 * spread


@pytest.mark.parametrize("name", DRAWN)
def test_draws_have_the_tails(name: str) -> None:
    model = DRAWN[name]
    x = model.rvs(40_000, rng=2)
    for spreads in (0.3, 1.0, 2.5):
        level = spreads * math.sqrt(model.variance)
        p = math.exp(ldt.logsf(model, level))
        assert abs(np.mean(x >= level) - p) < 4.5 * math.sqrt(p / len(x))


def test_draws_are_reproducible() -> None:
    model = DRAWN["erf-full"]
    np.testing.assert_array_equal(model.rvs(50, rng=3), model.rvs(50, rng=3))
    assert not np.array_equal(model.rvs(50, rng=3), model.rvs(50, rng=4))
    random = generator(3)
    assert not np.array_equal(model.rvs(5, rng=random), model.rvs(5, rng=random))


@pytest.mark.parametrize("target", [{3: 1.0}, {1: 1.0, 3: 0.5}])
def test_draws_against_the_whole_network(target: dict[int, float]) -> None:
    """All N d weights drawn, the average over x by Gauss-Hermite: Kolmogorov-Smirnov against ``rvs`` of the full overlap."""
    simulated = twins.network_alignment(special.erf, target, 6, 4, 3000, np.random.default_rng(8))
    model = ldt.AlignmentSum(6, 4, c="raw", target=target, overlap="full")
    assert stats.ks_2samp(simulated, model.rvs(30_000, rng=9)).pvalue > 1e-4
    other = ldt.AlignmentSum(6, 4, c="raw", target=target)  # and the concentrated form is another law
    assert stats.ks_2samp(simulated, other.rvs(30_000, rng=9)).pvalue < 1e-3 or len(target) > 1


# -- refusals -----------------------------------------------------------------------------------------------------------------------

NAN, INF = math.nan, math.inf
BAD_MODELS: list[tuple[str, dict[str, Any]]] = [
    *(("width", {"width": v}) for v in (0, -3, 1.5, "20", True, None, NAN, INF, 10**12 + 1, [3], 2 + 0j)),
    *(("dim", {"dim": v}) for v in (0, -1, 2.5, "3", False, None, NAN, INF, 10**6 + 1)),
    ("dim", {"dim": 1, "overlap": "full"}),
    *(("readout_variance", {"readout_variance": v}) for v in (0.0, -1.0, NAN, INF, "1", None, True, 1e200, 1j)),
    *(("weight_variance", {"weight_variance": v}) for v in (0.0, -1.0, NAN, -INF, "x", None, 1e-200)),
    *(("c", {"c": v}) for v in (0.0, -1.0, NAN, INF, "paper", None, True, [1.0])),
    *(("target", {"target": v}) for v in ({}, {3: 0.0}, {3: NAN}, {3: INF}, {3: "a"}, {3: None}, [3], "He_3", None, True)),
    *(("target", {"target": v}) for v in (-1, 3.5, 31, {-1: 1.0}, {1.5: 1.0}, {"3": 1.0})),
    *(("target", {"target": v}) for v in (2, 0, {2: 1.0, 4: 1.0})),  # erf is odd
    ("target", {"activation": "linear", "target": 3}),
    ("target", {"activation": "relu", "target": 3, "c": "raw"}),
    ("target", {"activation": np.tanh, "target": 2, "c": "raw"}),
    *(("activation", {"activation": v}) for v in ("gelu", "Erf", None, 3, b"erf", ["erf"])),
    *(("overlap", {"overlap": v}) for v in ("Full", "", None, 1, ["full"])),
    ("c", {"activation": "relu", "target": 2}),
    ("c", {"target": {1: 1.0, 3: 1.0}}),
]


@pytest.mark.parametrize(("name", "fields"), BAD_MODELS, ids=lambda x: str(x))
def test_bad_models(name: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as error:
        ldt.AlignmentSum(**{"width": 5, "dim": 5, **fields})
    assert str(error.value).startswith(name)
    assert "\n" not in str(error.value)


BAD_CALLABLES: list[Any] = [
    lambda x: x * math.nan,
    lambda x: np.where(np.abs(x) > 3.0, np.nan, x),
    lambda x: np.where(x > 1.0, np.inf, x),
    lambda x: np.sqrt(x),
    lambda x: 1.0,
    lambda x: x[:1],
    lambda x: "a",
    lambda x: x + 1j,
    lambda x: np.exp(np.asarray(x) ** 2),
]


@pytest.mark.parametrize("index", range(len(BAD_CALLABLES)))
def test_bad_callables(index: int) -> None:
    with pytest.raises(ValueError, match="activation") as error:
        model = ldt.AlignmentSum(5, 5, activation=BAD_CALLABLES[index], c="raw")
        ldt.tail(model, 0.5)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("degree", [3, 5])
def test_callable_without_an_overlap(degree: int) -> None:
    """softplus(x) = x/2 + an even function: orthogonal to He_3, He_5, ..., so that only rounding is computed."""
    with pytest.raises(ldt.ModelError, match="softplus has no overlap"):
        ldt.AlignmentSum(5, 5, activation=softplus, target=degree, c="raw")


MODEL = ldt.AlignmentSum(5, 5)
TAKE_A_LEVEL = (ldt.logpdf, ldt.logsf, ldt.logcdf, ldt.rate, ldt.plan, ldt.tilted, ldt.sample_given, ldt.compare)
BAD_LEVELS = (NAN, INF, -INF, "1.0", "one", None, True, np.True_, 1j, {}, object(), b"1")
BAD_ARRAYS = ([1.0, NAN], [INF], ["a"], ["1"], [True, False], [[1.0], [1.0, 2.0]], [None], [1j])
BAD_PRECISION = (0.0, -1.0, 1.0, NAN, "a", None, True)
BAD_CALLS: list[tuple[str, Any]] = [
    *(("level", lambda v=v: ldt.tail(MODEL, v)) for v in (*BAD_LEVELS, *BAD_ARRAYS)),
    *(("level", lambda f=f: f(MODEL, NAN)) for f in TAKE_A_LEVEL),
    *(("level", lambda f=f: f(MODEL, "1")) for f in (ldt.rate, ldt.plan, ldt.tilted, ldt.sample_given)),
    ("level", lambda: ldt.tilted(MODEL, 0.0)),
    *(("method", lambda v=v: ldt.tail(MODEL, 1.0, method=v)) for v in ("Exact", "", None, 3, ["exact"])),
    ("method", lambda: ldt.compare(MODEL, 1.0, methods=("exact", "magic"))),
    *(("side", lambda v=v: ldt.tail(MODEL, 1.0, side=v)) for v in ("left", None, 1, ["upper"])),
    *(("form", lambda v=v: ldt.tail(MODEL, 1.0, method="saddlepoint", form=v)) for v in ("Classical", None, ["sectors"])),
    ("samples", lambda: ldt.tail(MODEL, 1.0, method="exact", samples=10)),
    ("banana", lambda: ldt.tail(MODEL, 1.0, banana=1)),
    ("banana", lambda: ldt.logpdf(MODEL, 1.0, banana=1)),
    ("rng", lambda: ldt.tail(MODEL, 1.0, method="saddlepoint", rng=1)),
    *(("dps", lambda v=v: ldt.tail(MODEL, 1.0, method="mpmath", dps=v)) for v in (0, -5, 2.5, "20", None, True, 10**9)),
    *(
        (name, lambda name=name, v=v, m=m: ldt.tail(MODEL, 0.1, method=m, **{name: v}))
        for m in ("importance", "montecarlo")
        for name, values in {
            "samples": (0, -1, 1.5, "10", True, NAN, 1),
            "rng": (-1, 1.5, "seed", True, object(), [1]),
            "workers": (0, -2, 1.5, "2", True, None, 10**6),
        }.items()
        for v in values
    ),
    *(("target_error", lambda v=v: ldt.tail(MODEL, 0.1, method="importance", target_error=v)) for v in BAD_PRECISION if v is not None),
    *(("size", lambda v=v: ldt.sample_given(MODEL, 1.0, v)) for v in (0, -1, 1.5, "3", True, 10**9)),
    *(("size", lambda v=v: ldt.tilted(MODEL, 1.0).rvs(v)) for v in (0, -1, 1.5, "3", True, 10**9)),
    *(("size", lambda v=v: MODEL.rvs(v)) for v in (0, -1, 1.5, "3", True)),
    *(("rng", lambda v=v: ldt.sample_given(MODEL, 1.0, 1, rng=v)) for v in (-1, 1.5, "seed")),
    *(("s", lambda v=v: MODEL.cgf(v)) for v in (NAN, INF, "a", None, 1j)),
    *(("order", lambda v=v: MODEL.cgf_derivatives(1.0, v)) for v in (-1, 5, 1.5, "a", None)),
    ("rho", lambda: ldt.AlignmentSum(5, 5, overlap="full").unit_overlap(1.0)),
    ("model", lambda: ldt.tail("model", 1.0)),
    ("model", lambda: ldt.tail(None, 1.0)),
    ("model", lambda: ldt.rate(5, 1.0)),
]


@pytest.mark.parametrize("index", range(len(BAD_CALLS)), ids=lambda i: f"{i}-{BAD_CALLS[i][0]}")
def test_bad_calls(index: int) -> None:
    name, call = BAD_CALLS[index]
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value).startswith(name)
    assert "\n" not in str(error.value)


def test_no_tilt_is_said_so() -> None:
    """An overlap that grows like w^3 has no exponential moment: exact refuses and names a method that works."""
    model = ldt.AlignmentSum(4, 3, c="raw", target=3, activation=lambda x: np.asarray(x) ** 3)
    for method in ("exact", "saddlepoint", "importance"):
        with pytest.raises(ldt.NoTiltError, match="montecarlo"):
            ldt.tail(model, 0.5, method=method)
    plan = ldt.plan(model, 0.5)
    assert plan.method == "montecarlo"
    assert ldt.tail(model, 0.5, rng=1).method == "montecarlo"


def test_infinite_density_is_refused() -> None:
    for width in (1, 2, 3):
        with pytest.raises(ldt.MethodError, match="infinite"):
            ldt.logpdf(ldt.AlignmentSum(width, 5), 0.0)
    assert ldt.logpdf(ldt.AlignmentSum(4, 5), 0.0).logp > 0.0


def test_models_are_values() -> None:
    one, two = ldt.AlignmentSum(5, 5, target=3), ldt.AlignmentSum(5, 5, target={3: 1})
    assert one == two and hash(one) == hash(two)
    with pytest.raises(AttributeError):
        one.width = 6  # type: ignore[misc]
