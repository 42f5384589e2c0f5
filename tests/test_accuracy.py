"""Accuracy of the exact method (and of mpmath) against truths that it had no part in."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import twins
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp
from problems import KNOWN_LIMITS, PROBLEMS, Problem, problems, reference_rows
from scipy import integrate, special

import ldt

ROWS = reference_rows()


def close(found: float, truth: float, relative: float = 1e-10) -> bool:
    """Within ``relative`` times max(1, |log P|)."""
    return abs(found - truth) <= relative * max(1.0, abs(truth))


def ids(row: tuple[int, int, float, float, str]) -> str:
    return f"{row[0]}-{row[1]}-{row[2]:g}-{row[4]}"


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_reference_tables(row: tuple[int, int, float, float, str]) -> None:
    n, d, level, truth, overlap = row
    result = ldt.tail(ldt.AlignmentSum(n, d, overlap=overlap), level, method="exact")
    assert close(result.logp, truth)
    assert result.status == "ok"


@pytest.mark.parametrize("row", [r for r in ROWS if r[4] == "full" or r[0] * r[1] in (25, 10_000)], ids=ids)
def test_reference_tables_against_the_twin(row: tuple[int, int, float, float, str]) -> None:
    n, d, level, logp, overlap = row
    truth, _ = twins.tail(twins.Twin(n, d, twins.erf_power(3), full=overlap == "full", one_coordinate=True), level)
    assert close(float(truth), logp, 5e-12)


def limited(p: Problem) -> object:
    return pytest.param(p, id=p.id, marks=[pytest.mark.xfail(reason=KNOWN_LIMITS[p.id], strict=True)] if p.id in KNOWN_LIMITS else [])


@pytest.mark.parametrize("problem", [limited(p) for p in PROBLEMS])
def test_exact(problem: Problem) -> None:
    result = problem.ask("exact")
    assert close(result.logp, problem.log)
    assert result.status == "ok"


@pytest.mark.parametrize("problem", [p for p in PROBLEMS if p.width >= 10**5 and p.overlap != "full" and p.log > -1e4], ids=lambda p: p.id)
def test_exact_at_huge_width(problem: Problem) -> None:
    assert close(problem.ask("exact").logp, problem.log)


QUICK = [p for p in PROBLEMS if not p.slow]


@pytest.mark.parametrize("problem", QUICK[::6], ids=lambda p: p.id)
def test_truths(problem: Problem) -> None:
    truth, _ = twins.tail(problem.twin, problem.level, density=problem.density)
    assert abs(truth - mp.mpf(problem.truth)) <= 1e-13 * max(1.0, abs(problem.log))


@pytest.mark.slow
@pytest.mark.parametrize("problem", [p for p in PROBLEMS if p not in QUICK[::6]], ids=lambda p: p.id)
def test_all_truths(problem: Problem) -> None:
    test_truths(problem)


MP = [p for p in problems("rare", but="small") if p.activation in ("erf", "linear") and p.width < 10**4 and not p.slow and p.log > -500]


@pytest.mark.parametrize("problem", MP[::7], ids=lambda p: p.id)
def test_mpmath(problem: Problem) -> None:
    result = problem.ask("mpmath", dps=14)
    assert abs(result.detail["logp"] - mp.mpf(problem.truth)) <= 1e-13


@pytest.mark.slow
@pytest.mark.parametrize("problem", [p for p in MP if p not in MP[::7]], ids=lambda p: p.id)
def test_mpmath_more(problem: Problem) -> None:
    test_mpmath(problem)


# -- closed forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dim", "level"), [(5, 1.0), (5, 1e-3), (1, 0.1), (2, 4.0), (1000, 1.0), (40, 30.0)])
def test_one_neuron(dim: int, level: float) -> None:
    model = ldt.AlignmentSum(1, dim)
    assert close(ldt.tail(model, level, method="exact").logp, float(twins.one_neuron(dim, level)))


def two_neurons(model: ldt.AlignmentSum, level: float) -> float:
    """log E Phi(-level/sqrt V) over two weights, by the trapezoidal rule in log |w| (concentrated overlap of one parity)."""
    u, step = np.linspace(math.log(1e-15), math.log(14.0), 1600, retstep=True)
    sd = math.sqrt(model.weight_variance / model.dim)
    share = 2.0 * model.variance_scale * np.asarray(model.unit_overlap(np.exp(u) * sd)) ** 2
    mass = math.sqrt(2.0 / math.pi) * step * np.exp(u - 0.5 * np.exp(2.0 * u))
    rows = (np.sum(m * mass * special.ndtr(-level / np.sqrt(v + share + 1e-300))) for m, v in zip(mass, share, strict=True))
    return math.log(math.fsum(rows))


@pytest.mark.parametrize(("activation", "degree"), [("erf", 3), ("erf", 5), ("tanh", 5)])
def test_two_neurons_with_small_weights(activation: str, degree: int) -> None:
    """At d = 731393 the overlaps span many decades, and the contour of the first cut runs out to |theta| = 1e31."""
    model = ldt.AlignmentSum(2, 731393, activation=activation, target=degree, c="ratio")
    for deviations in (0.1, 3.0, 8.0):
        level = deviations * math.sqrt(model.variance)
        found = ldt.tail(model, level, method="exact")
        assert abs(found.logp - two_neurons(model, level)) < found.error + 2e-12, deviations


@pytest.mark.parametrize("degree", [2, 4])
def test_two_neurons_whose_saddle_lies_at_the_end_of_the_tilts(degree: int) -> None:
    """relu and an even He_k at large d: the whole law's saddle is within exp(-d/3) of the largest tilt."""
    model = ldt.AlignmentSum(2, 50_000, activation="relu", target=degree, c="ratio")
    sd = math.sqrt(model.variance)
    for deviations in (0.5, 3.0, 12.0):
        found = ldt.tail(model, deviations * sd, method="exact")
        assert abs(found.logp - two_neurons(model, deviations * sd)) < found.error + 2e-12, deviations
    # The rates: no saddle, so the supremum is at the end of the tilts, s_max; one neuron beyond counts as one.
    found_rate = ldt.rate(model, 3.0 * sd)
    s_max = math.sqrt(model.neuron.theta_max / model.variance_scale)
    assert found_rate.tilt == s_max and 0.0 < found_rate.convex < 3.0 * sd * s_max < found_rate.nonconvex + 1.0
    with pytest.raises(ldt.NoTiltError, match="form='sectors'"):
        ldt.tail(model, 3.0 * sd, method="saddlepoint", form="classical")


@pytest.mark.parametrize(("width", "degree"), [(3, 3), (20, 3), (3, 5)])
def test_one_neuron_of_a_few_carries_the_event(width: int, degree: int) -> None:
    """At d = 731393 and level 1.24 the others' share of the variance is 1e-13 or less: P = N P(one neuron alone)."""
    model = ldt.AlignmentSum(width, 731393, target=degree, c="ratio")
    found = ldt.tail(model, 1.24, method="exact")
    w = np.linspace(0.05, 2.0, 400_001)
    v = 2.0 * model.variance_scale * np.asarray(model.unit_overlap(w)) ** 2
    logs = special.log_ndtr(-1.24 / np.sqrt(v)) - 0.5 * 731393 * w * w + 0.5 * math.log(731393 / (2.0 * math.pi))
    alone = special.logsumexp(logs) + math.log(2.0 * (w[1] - w[0]) * width)
    assert abs(found.logp - alone) < found.error + 1e-7


def test_the_inner_quadrature_follows_the_contour() -> None:
    """Where the inner nodes are too few for the phases far out on a contour, the outer panels are halved for ever at a window's edge."""
    model = ldt.AlignmentSum(200, 200, activation="tanh", overlap="full", c="ratio")
    exact, sampled = (ldt.tail(model, 0.5, method=m, **o) for m, o in (("exact", {}), ("importance", {"rng": 1})))
    assert exact.status == "ok" and abs(exact.logp - sampled.logp) < 4.0 * sampled.error


@pytest.mark.parametrize(("dim", "level"), [(5, 1.0), (1, 0.1), (200, 0.3)])
def test_one_neuron_density(dim: int, level: float) -> None:
    model = ldt.AlignmentSum(1, dim)
    assert close(ldt.logpdf(model, level, method="exact").logp, float(twins.one_neuron(dim, level, density=True)))


LINEAR = [(1, 5, 1.0), (2, 2, 3.0), (4, 4, 3.0), (7, 9, 1.0), (100, 100, 0.5), (1000, 10, 2.0), (10**9, 10**5, 0.3), (31, 10**6, 1.0)]


def test_one_neuron_density_all_but_at_zero() -> None:
    """There g = w^3/3^(3/2), so that p(x) = E|a|^(-1/3) (d/(2 pi))^(1/2) x^(-2/3)/3^(1/2), E|a|^(-1/3) = 2^(-1/6) Gamma(1/3)/sqrt(pi)."""
    r = ldt.logpdf(ldt.AlignmentSum(1, 10), 1e-40, method="exact")
    truth = math.log(2.0 ** (-1 / 6) * math.gamma(1 / 3) / math.sqrt(math.pi) * math.sqrt(10 / (6 * math.pi))) + 80 / 3 * math.log(10.0)
    assert abs(r.logp - truth) <= r.error + 1e-13 * truth < 1e-8


def test_a_contour_with_a_singularity_of_small_weight() -> None:
    """The nodes beyond the cut end abruptly: 1e-6 of the integrand is of another scale, which the doubled step alone does not tell.
    The truth is certified by ball arithmetic."""
    r = ldt.logpdf(ldt.AlignmentSum(100, 100), 0.3, method="exact")
    assert abs(r.logp + 262.65079242249055) <= r.error < 5e-10
    assert abs(r.logp + 262.65079242249055) < 1e-11


@pytest.mark.parametrize(("channels", "size", "level"), LINEAR)
@pytest.mark.parametrize("overlap", ["concentrated", "full"])
def test_linear_cnn_is_variance_gamma(channels: int, size: int, level: float, overlap: str) -> None:
    patches = 13
    model = ldt.AlignmentSum(channels, size, readout_variance=1 / patches, activation="linear", target=1, overlap=overlap)
    truth = twins.variance_gamma(channels, 1 / math.sqrt(patches * channels * size), level)
    assert close(ldt.tail(model, level, method="exact").logp, float(truth))


def test_truth_at_a_thousand_million_neurons() -> None:
    result = ldt.tail(ldt.AlignmentSum(10**9, 10), 1.0, method="exact")
    assert abs(result.logp + 2455.1962695128) < 5e-11


@pytest.mark.parametrize("width", [10**9, 10**10, 10**12])
def test_the_lazy_limit_is_gaussian(width: int) -> None:
    """At fixed level and N to infinity A is N(0, sigma_a^2 c^2 E g^2): E g^2 by an independent quadrature."""
    with mp.workdps(30):
        second = mp.quad(lambda z: 2 * mp.npdf(z) * (z * z / 10 / (3 + 2 * z * z / 10)) ** 3, [0, 1, 2, 4, 8, 16])
        gauss = mp.log(mp.erfc(mp.mpf("0.01") / mp.sqrt(2 * second)) / 2)
    found = ldt.tail(ldt.AlignmentSum(width, 10), 0.01, method="exact").logp
    assert abs(found - float(gauss)) < 1e5 / width


# -- the density ---------------------------------------------------------------------------------------------------------------


DENSITY = [(5, 5, 0.1, "concentrated"), (50, 50, 0.1, "concentrated"), (20, 100, 1.0, "full"), (10**9, 10, 1.0, "concentrated")]


@pytest.mark.parametrize(("n", "d", "level", "overlap"), DENSITY)
def test_density_is_the_derivative_of_the_tail(n: int, d: int, level: float, overlap: str) -> None:
    model = ldt.AlignmentSum(n, d, overlap=overlap)
    density = ldt.logpdf(model, level, method="exact").logp
    middle = ldt.logsf(model, level)
    step = 0.02 / math.exp(density - middle)  # the tail falls by 2 %
    below, above, low, high = (math.exp(ldt.logsf(model, level + k * step) - middle) for k in (-1, 1, -2, 2))
    slope = (8 * (below - above) - (low - high)) / (12 * step)
    assert abs(math.log(slope) - (density - middle)) < 1e-6


@pytest.mark.parametrize(("n", "d", "level", "overlap"), DENSITY[:3])
def test_density_integrates_to_the_tail(n: int, d: int, level: float, overlap: str) -> None:
    model = ldt.AlignmentSum(n, d, overlap=overlap)
    middle = ldt.logsf(model, level)
    decay = math.exp(middle - ldt.logpdf(model, level, method="exact").logp)
    x, weights = np.polynomial.legendre.leggauss(12)
    for low, high in ((level, level + decay), (level + decay, level + 4 * decay)):
        points = 0.5 * (low + high) + 0.5 * (high - low) * x
        logs = ldt.logpdf(model, points, method="exact").logp
        mass = 0.5 * (high - low) * float(np.sum(weights * np.exp(logs - middle)))
        difference = math.exp(ldt.logsf(model, low) - middle) - math.exp(ldt.logsf(model, high) - middle)
        assert abs(mass - difference) < 1e-9


@pytest.mark.parametrize("width", [8, 50, 10**6])
def test_density_at_zero(width: int) -> None:
    """p(0) = (1/pi) int M(-kappa y^2)^N dy, by nested quadratures."""
    kappa = mp.mpf(1) / (2 * width)
    x, weights = np.polynomial.legendre.leggauss(40)
    edges = np.array([0.0, *np.geomspace(1e-6, 1.0, 13), 2.0, 4.0, 8.0, 12.0])
    half, middle = 0.5 * np.diff(edges)[:, None], 0.5 * (edges[1:] + edges[:-1])[:, None]
    z = (middle + half * x).ravel()
    mass = (half * weights).ravel() * np.exp(-0.5 * z * z) * 2 / math.sqrt(2 * math.pi)
    gg = (z * z / 10 / (3 + 2 * z * z / 10)) ** 3

    def integrand(u: float) -> float:
        y = math.exp(float(u))
        return y * math.exp(width * math.log1p(float(np.sum(mass * np.expm1(-float(kappa) * y * y * gg)))))

    spread = -0.5 * math.log(2 * float(kappa) * width * float(np.sum(mass * gg)))
    with mp.workdps(15):
        value = mp.quad(integrand, [spread + x for x in range(-36, 24, 3)])
    found = ldt.logpdf(ldt.AlignmentSum(width, 10), 0.0, method="exact")
    assert abs(found.logp - math.log(float(value) / math.pi)) < 1e-8


# -- an unbounded overlap, whose whole law has its saddle within exp(-d/3) of the end of the tilts -------------------------------


@pytest.mark.parametrize(
    ("width", "dim", "spreads"),
    [
        (4, 77, 3.6), (20, 200, 2.0), (20, 200, 6.0), (200, 50, 12.0),
        *(pytest.param(*row, marks=pytest.mark.slow) for row in [(20, 200, 30.0), (2, 40, 1.0), (2, 40, 20.0), (3, 1000, 10.0)]),
    ],
)  # fmt: skip
def test_unbounded_overlap_against_the_twin(width: int, dim: int, spreads: float) -> None:
    model = ldt.AlignmentSum(width, dim, activation="relu", target=2, c="raw")
    level = spreads * math.sqrt(model.variance)
    truth, gap = twins.tail(twins.Twin(width, dim, twins.relu_raw({2: 1.0})), level, goal=1e-13)
    result = ldt.tail(model, level, method="exact")
    assert close(result.logp, float(truth))
    assert abs(truth - mp.mpf(result.logp)) <= result.error + gap


@pytest.mark.parametrize("dim", [15, 60, 300])
@pytest.mark.parametrize("spreads", [0.3, 3.0, 50.0])
def test_one_neuron_with_an_unbounded_overlap(dim: int, spreads: float) -> None:
    """N = 1: P = E Phi(-alpha/g), g = w^2/sqrt(2 pi (1 + w^2)), one real integral."""
    model = ldt.AlignmentSum(1, dim, activation="relu", target=2, c="raw")
    level = spreads * math.sqrt(model.variance)

    def integrand(z: float) -> float:
        ratio = level * math.sqrt(2.0 * math.pi * (1.0 + z * z / dim)) * dim / (z * z)
        return 2.0 * math.exp(-0.5 * z * z + special.log_ndtr(-ratio)) / math.sqrt(2.0 * math.pi)

    pieces = itertools.pairwise([1e-3, 1, 2, 4, 6, 8, 10, 13, 20, 40])
    value = sum(integrate.quad(integrand, lo, hi, epsabs=0.0, epsrel=1e-13, limit=200)[0] for lo, hi in pieces)
    result = ldt.tail(model, level, method="exact")
    assert abs(math.log(value) - result.logp) <= result.error
    assert result.error <= 1e-10 * max(1.0, abs(result.logp))


# -- anywhere ------------------------------------------------------------------------------------------------------------------


def check_against_twin(width: int, dim: int, spreads: float, overlap: str, power: int) -> None:
    """Exact against the twin at ``spreads`` standard deviations."""
    model = ldt.AlignmentSum(width, dim, target=power, overlap=overlap)
    level = spreads * math.sqrt(model.variance)
    twin = twins.Twin(width, dim, twins.erf_power(power), full=overlap == "full", one_coordinate=True)
    truth, gap = twins.tail(twin, level, goal=1e-13)
    result = ldt.tail(model, level, method="exact")
    assert close(result.logp, float(truth))
    assert abs(truth - mp.mpf(result.logp)) <= result.error + gap


@given(
    st.integers(4, 30) | st.floats(1.5, 12.0).map(lambda e: int(10**e)),
    st.integers(2, 40),
    st.floats(math.log(0.5), math.log(100.0)).map(math.exp),
    st.sampled_from(["concentrated", "concentrated", "full"]),
    st.sampled_from([1, 3, 3, 5]),
)
@settings(max_examples=12)
def test_random_against_the_twin(width: int, dim: int, spreads: float, overlap: str, power: int) -> None:
    assume(overlap == "concentrated" or dim > 2)
    check_against_twin(width, dim, spreads, overlap, power)


@pytest.mark.slow
@given(
    st.integers(1, 30) | st.floats(1.5, 12.0).map(lambda e: int(10**e)),
    st.integers(2, 1000),
    st.floats(math.log(0.1), math.log(1000.0)).map(math.exp),
    st.sampled_from(["concentrated", "full"]),
    st.sampled_from([1, 3, 5]),
)
@settings(max_examples=60)
def test_more_random_against_the_twin(width: int, dim: int, spreads: float, overlap: str, power: int) -> None:
    check_against_twin(width, dim, spreads, overlap, power)
