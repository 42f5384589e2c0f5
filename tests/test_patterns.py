"""Pattern costs and exponents against closed forms, brute force and a linear program.

Twins used here share no code with ldt.patterns: quadratures of the definitions, dense grids, stationarity by mpmath.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, special, stats

from ldt.errors import ModelError
from ldt.models.alignment import AlignmentSum
from ldt.patterns import exponents, two_layer
from ldt.patterns.two_layer import pattern_costs
from ldt.tails.exact import exact as exact_tail

OVERLAPS = ("concentrated", "full")
ONE = "one neuron (d + N)"


def g_squared(w: Any, rho: Any) -> Any:
    """The erf, He_3 overlap squared, from its formula."""
    return w**6 / (1 + 2 * w * w + 2 * rho) ** 3


def mean_square(dim: int, overlap: str, inflation: float = 1.0) -> float:
    """E g^2 by adaptive quadrature of the definition, in z = w_1/sd and r = |w_perp|, on the scale sd^6."""
    sd = math.sqrt(inflation / dim)

    def over_w(rho: float) -> float:
        def integrand(z: float) -> float:
            return (
                2
                * math.exp(-z * z / 2)
                / math.sqrt(2 * math.pi)
                * z**6
                / (1 + 2 * (sd * z) ** 2 + 2 * rho) ** 3
            )

        parts = [
            integrate.quad(integrand, *ends, epsabs=1e-15, epsrel=1e-13)[0]
            for ends in ((0, 2), (2, 6), (6, 14))
        ]
        return float(sum(parts))

    if overlap == "concentrated":
        return sd**6 * over_w(1.0)
    law = stats.gamma((dim - 1) / 2, scale=2 / dim)
    parts = [
        integrate.quad(lambda r: 2 * r * law.pdf(r * r) * over_w(r * r), *ends, epsabs=1e-13, epsrel=1e-12)[0]
        for ends in ((0, 1), (1, 2), (2, 7))
    ]
    return sd**6 * float(sum(parts))


# -- GP and GFL --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dim", "overlap"),
    [(1, "concentrated"), (10, "concentrated"), (10**6, "concentrated"), (2, "full"), (10, "full")],
)
def test_gp_is_the_average_over_the_prior(dim: int, overlap: str) -> None:
    cost = pattern_costs(AlignmentSum(10**12, dim, overlap=overlap), 1.0)["gp"].cost
    assert cost == pytest.approx(0.5 / mean_square(dim, overlap), rel=1e-11)


def test_gp_theory_numbers() -> None:
    """Theory: 2450.07 at d = 10, 1.0286e6 at d = 100, 0.9 d^3 for large d."""
    cost = {d: pattern_costs(AlignmentSum(10**12, d), 1.0)["gp"].cost for d in (10, 100, 10**6)}
    assert round(cost[10], 2) == 2450.07
    assert cost[100] == pytest.approx(1.0286e6, rel=1e-4)
    assert cost[10**6] == pytest.approx(0.9e18, rel=1e-4)


@pytest.mark.parametrize(
    ("width", "dim", "overlap"), [(100, 100, "concentrated"), (1, 5, "concentrated"), (20, 4, "full")]
)
def test_gfl_is_the_minimum_over_the_stretch(width: int, dim: int, overlap: str) -> None:
    row = pattern_costs(AlignmentSum(width, dim, overlap=overlap), 1.0)["gfl"]

    def cost(inflation: float) -> float:
        return width * (inflation - 1 - math.log(inflation)) / 2 + 0.5 / mean_square(dim, overlap, inflation)

    best = float(row.parameters["D"])
    assert row.cost == pytest.approx(cost(best), rel=1e-9)
    for other in (0.5, 0.9, 0.99, 1.01, 1.1, 2.0):
        assert cost(max(1.0, other * best)) > row.cost * (1 + 1e-9)


def test_gfl_asymptotics() -> None:
    """(2/3) 5.4^(1/4) (N d)^(3/4) = 1.016 (N d)^(3/4) at a = 1, approached slowly and from above."""
    constant = 2 / 3 * 5.4**0.25
    assert round(constant, 3) == 1.016
    ratios = [
        pattern_costs(AlignmentSum(d, d), 1.0)["gfl"].cost / (constant * float(d) ** 1.5)
        for d in (10**3, 10**4, 10**5, 10**6)
    ]
    assert all(a > b > 1 for a, b in itertools.pairwise(ratios))
    assert ratios[-1] == pytest.approx(1.0, abs=2e-3)


def test_stretch_energy_near_one() -> None:
    for excess in (1e-9, 1e-5, 9e-3, 1.1e-2, 3.0, 1e9):
        with mpmath.workdps(40):
            x = mpmath.mpf(1.0 + excess)
            truth = float((x - 1 - mpmath.log(x)) / 2)
        assert two_layer.stretch_energy(1.0 + excess) == pytest.approx(truth, rel=1e-13)


# -- specialization ----------------------------------------------------------------------------------------


def test_specialization_theory_numbers_concentrated() -> None:
    """9 a sqrt(N d), w = sqrt 3, M* = 3 a sqrt(N/d); for M = 1, N = d: u = 3 + 3 sqrt 2, cost d (u/2 + u^3/54)."""
    table = pattern_costs(AlignmentSum(10**8, 10**4), 0.7)
    relaxed = table["specialization"].continuous
    assert relaxed is not None
    assert relaxed["cost"] == pytest.approx(9 * 0.7 * 1e6, rel=1e-12)
    assert relaxed["w"] == pytest.approx(math.sqrt(3), rel=1e-6)
    assert relaxed["M"] == pytest.approx(3 * 0.7 * 1e2, rel=1e-6)
    assert table["specialization"].parameters["M"] == 210
    one = pattern_costs(AlignmentSum(300, 300), 1.0)[ONE]
    u = 3 + 3 * math.sqrt(2)
    assert one.cost == pytest.approx(300 * (u / 2 + u**3 / 54), rel=1e-12)
    assert (round(one.cost / 300, 3), round(float(one.parameters["w"]), 3)) == (10.657, 2.691)


def test_specialization_theory_numbers_full() -> None:
    """min over (u, rho) of sqrt((u + rho - 1 - ln rho)(1 + 2u + 2 rho)^3/u^3) = 7.39518 at u = 2.1606, rho = 0.2603."""

    def value(u: Any, rho: Any) -> Any:
        return (u + rho - 1 - mpmath.log(rho)) * (1 + 2 * u + 2 * rho) ** 3 / u**3

    u, rho = mpmath.findroot(
        [lambda u, r: mpmath.diff(value, (u, r), (1, 0)), lambda u, r: mpmath.diff(value, (u, r), (0, 1))],
        (2.0, 0.3),
    )
    constant = float(mpmath.sqrt(value(u, rho)))
    assert (round(constant, 5), round(float(u), 4), round(float(rho), 4)) == (7.39518, 2.1606, 0.2603)
    relaxed = pattern_costs(AlignmentSum(10**6, 10**6, overlap="full"), 1.0)["specialization"].continuous
    assert relaxed is not None
    assert relaxed["cost"] == pytest.approx(constant * 1e6, rel=2e-6)  # (d-1)/2 for d/2
    assert relaxed["w"] ** 2 == pytest.approx(float(u), rel=1e-5)
    assert relaxed["rho"] == pytest.approx(float(rho), rel=1e-5)
    assert relaxed["M"] == pytest.approx(2.6728, rel=2e-5)


@given(
    width=st.integers(1, 40),
    dim=st.integers(2, 60),
    level=st.floats(0.05, 5.0),
    overlap=st.sampled_from(OVERLAPS),
    variance=st.sampled_from([0.3, 1.0, 4.0]),
)
def test_specialization_against_a_grid(
    width: int, dim: int, level: float, overlap: str, variance: float
) -> None:
    """No (M, w, rho) of a dense grid is cheaper, and the cost is what the formula gives at the optimum."""
    model = AlignmentSum(width, dim, overlap=overlap, weight_variance=variance)
    row = pattern_costs(model, level)["specialization"]
    typical = variance if overlap == "concentrated" else variance * (dim - 1) / dim

    def cost(m: Any, w: Any, rho: Any) -> Any:
        r = rho / typical
        perp = 0.0 if overlap == "concentrated" else (dim - 1) / 2 * (r - 1 - np.log(r))
        energy = dim * w * w / (2 * variance) + perp
        return m * energy + width * level**2 / (2 * m * g_squared(w, rho))

    p = row.parameters
    assert row.cost == pytest.approx(float(cost(p["M"], p["w"], p.get("rho", typical))), rel=1e-12)
    m = np.arange(1, width + 1)[:, None, None]
    w = np.geomspace(0.02, 60, 240)[None, :, None]
    r = np.ones(1) if overlap == "concentrated" else np.geomspace(1e-3, 2, 60)
    assert row.cost <= float(np.min(cost(m, w, r[None, None, :] * typical))) * (1 + 1e-12)
    continuous = row.continuous
    assert continuous is not None and continuous["cost"] <= row.cost * (1 + 1e-12)


@given(level=st.floats(1e-3, 1e3), c=st.floats(0.1, 10.0), readout=st.floats(0.1, 10.0))
def test_costs_depend_on_the_reduced_level_only(level: float, c: float, readout: float) -> None:
    here = pattern_costs(AlignmentSum(30, 20, c=c, readout_variance=readout), level)
    there = pattern_costs(AlignmentSum(30, 20), level / (c * math.sqrt(readout)))
    for one, two in zip(here.patterns, there.patterns, strict=True):
        assert one.cost == pytest.approx(two.cost, rel=1e-10)


def test_log_multiplicity() -> None:
    for width, count in [(50, 3), (10**12, 40_000), (10**9, 1), (10**6, 999_999), (7, 7)]:
        with mpmath.workdps(40):
            truth = float(mpmath.log(mpmath.binomial(width, count)))
        assert two_layer.log_choices(width, count) == pytest.approx(truth, rel=1e-9, abs=1e-12)
    row = pattern_costs(AlignmentSum(100, 100), 1.0)["specialization"]
    assert row.log_multiplicity == pytest.approx(math.log(math.comb(100, 3) * 8), rel=1e-12)


@pytest.mark.parametrize("overlap", ["concentrated", "full"])
@pytest.mark.parametrize(("size", "nats"), [(5, 4.4), (20, 9.1), (50, 12.0)])
def test_counting_the_minima_finds_the_exact_value(overlap: str, size: int, nats: float) -> None:
    """8 C(N, 3) minima at N = d: with them the first-order reliability method is off by 1.5 nats at most, without by their logarithm."""
    model = AlignmentSum(size, size, overlap=overlap)
    row = pattern_costs(model, 1.0)["specialization"]
    assert row.parameters["M"] == 3 and row.log_multiplicity == pytest.approx(nats, abs=0.05)
    exact = -exact_tail(model, 1.0)[0]
    assert row.with_multiplicity is not None and row.cost > exact
    assert abs(row.with_multiplicity - exact) < 1.5
    assert 0.0 < row.with_multiplicity + row.log_multiplicity - exact < nats + 1.5


def test_linear_overlap() -> None:
    """Closed forms, GFL = Chernoff's rate of the variance-gamma law, and the general code finds the same."""
    width, dim, level = 30, 40, 0.8
    model = AlignmentSum(width, dim, activation="linear", target=1, weight_variance=2.0)
    table = pattern_costs(model, level)
    tau = 2.0 / (width * dim)
    rate = optimize.minimize_scalar(
        lambda s: -(s * level + width / 2 * math.log1p(-s * s * tau)),
        bounds=(0, tau**-0.5 * (1 - 1e-12)),
        method="bounded",
        options={"xatol": 1e-12},
    )
    assert table["gfl"].cost == pytest.approx(-rate.fun, rel=1e-9)
    assert table["gp"].cost == pytest.approx(level**2 * dim / 4, rel=1e-12)
    assert table["specialization"].cost == pytest.approx(level * math.sqrt(width * dim / 2), rel=1e-12)
    assert table.winner == "gfl"
    gp, gfl = two_layer._gp_gfl(model, level)
    assert (gp.cost, gfl.cost) == pytest.approx((table["gp"].cost, table["gfl"].cost), rel=1e-10)
    assert gfl.parameters["D"] == pytest.approx(table["gfl"].parameters["D"], rel=1e-6)
    assert two_layer._specialised(model, level)[0].cost == pytest.approx(
        table["specialization"].cost, rel=1e-10
    )


def test_winner_and_ties() -> None:
    table = pattern_costs(AlignmentSum(10**9, 10), 1.0)
    assert (table.winner, table.ties) == (
        "gp",
        ("gfl",),
    )  # GFL is GP with D - 1 ~ 1e-5, and cheaper by as much
    assert table["gfl"].cost < table["gp"].cost
    assert pattern_costs(AlignmentSum(50, 50), 1.0).winner == "specialization"
    assert pattern_costs(AlignmentSum(10**12, 10**6, overlap="full"), 1.0).winner == "specialization"
    with pytest.raises(KeyError):
        table["lazy"]


def test_other_activations() -> None:
    """A callable erf (its overlap tabulated) costs what the closed form does; one-sided overlaps choose their sign."""
    callable_erf = AlignmentSum(50, 50, activation=special.erf, c="raw", overlap="full")
    one, two = (
        pattern_costs(callable_erf, 1.0),
        pattern_costs(AlignmentSum(50, 50, c="raw", overlap="full"), 1.0),
    )
    for a, b in zip(one.patterns, two.patterns, strict=True):
        assert a.cost == pytest.approx(b.cost, rel=1e-8)
    one_sided = pattern_costs(AlignmentSum(20, 20, activation="relu", target={1: 1.0, 2: -0.5}, c="raw"), 1.0)
    row = one_sided["specialization"]
    assert row.parameters["sign"] == -1.0  # w_1/2 - 0.5 b_2 w_1^2/|w| is larger in size at w_1 < 0
    assert row.log_multiplicity == pytest.approx(math.log(math.comb(20, int(row.parameters["M"]))))


class Silent:
    """A model whose overlap is identically zero."""

    width, dim, readout_variance, weight_variance, prefactor = 10, 10, 1.0, 1.0, 1.0
    overlap, activation, target = "concentrated", "silent", 3

    def unit_overlap(self, w: Any, rho: Any = None) -> Any:
        return np.zeros_like(np.asarray(w, dtype=float))


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(ModelError, match="identically zero"):
        pattern_costs(Silent(), 1.0)  # type: ignore[arg-type]
    for level in (0.0, -1.0, math.nan, math.inf, "high", None):
        with pytest.raises(ModelError, match="level"):
            pattern_costs(AlignmentSum(5, 5), level)  # type: ignore[arg-type]


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("level", [1e-6, 1e-2, 1e2, 1e6])
@pytest.mark.parametrize(("width", "dim"), [(1, 2), (10**12, 2), (1, 10**6), (10**12, 10**6)])
def test_corners_have_finite_ordered_costs(width: int, dim: int, level: float, overlap: str) -> None:
    table = pattern_costs(AlignmentSum(width, dim, overlap=overlap), level)
    cost = {row.name: row.cost for row in table.patterns}
    assert all(math.isfinite(v) and v > 0 for v in cost.values())
    assert cost["gfl"] <= cost["gp"] and cost["specialization"] <= cost[ONE] * (1 + 1e-12)
    assert 1 <= table["specialization"].parameters["M"] <= width and table["gfl"].parameters["D"] >= 1


# -- exponents ---------------------------------------------------------------------------------------------


def linear_program(terms: list[tuple[Fraction, list[Fraction]]], limits: list[tuple[Any, Any]]) -> float:
    """min over x of the largest of c + a.x, by scipy's linear programming."""
    rows = [[float(v) for v in a] + [-1.0] for _, a in terms]
    found = optimize.linprog(
        [0.0] * len(limits) + [1.0],
        A_ub=rows,
        b_ub=[-float(c) for c, _ in terms],
        bounds=[*limits, (None, None)],
    )
    assert found.status == 0
    return float(found.fun)


@given(m=st.integers(1, 9), p=st.fractions(0, 25, max_denominator=12))
def test_exponents_solve_the_posynomial(m: int, p: Fraction) -> None:
    table = exponents.exponents(m, p)
    one, zero = Fraction(1), Fraction(0)
    gfl = linear_program([(p, [one]), (m * one, [-m * one])], [(0, None)])
    assert float(table["gfl"]) == pytest.approx(min(gfl, m), abs=1e-9)
    energy, demand = (
        (one, [one, 2 * one]),
        (p, [-one, -2 * m * one]),
    )  # M d w^2 and N/(M w^2m) in (ln M, ln w)/ln d
    assert float(table["specialization"]) == pytest.approx(
        linear_program([energy, demand], [(0, float(p)), (None, 0)]), abs=1e-9
    )
    assert float(table[ONE]) == pytest.approx(linear_program([energy, demand], [(0, 0), (None, 0)]), abs=1e-9)
    fixed = exponents.exponents(m, p, fixed_weight=True)
    assert fixed[ONE] == max(1, p)
    assert float(fixed["specialization"]) == pytest.approx(
        linear_program([energy, demand], [(0, float(p)), (0, 0)]), abs=1e-9
    )
    powers = exponents.optimal_powers(m, p)
    assert (
        max(one + powers["M"] + 2 * powers["w"], p - powers["M"] - 2 * m * powers["w"])
        == table["specialization"]
    )
    if p <= m:
        assert max(p + powers["D"], m * (1 - powers["D"])) == table["gfl"]
    winner, ties = exponents.winner(m, p)
    boundary = exponents.phase_boundary(m)
    assert winner == ("gp" if p >= boundary else "specialization")
    assert ("specialization" in ties) == (p == boundary)
    assert zero <= powers["D"]


def test_exponents_of_the_talk() -> None:
    assert exponents.exponents(3, 1) == {"gp": 3, "gfl": Fraction(3, 2), "specialization": 1, ONE: 1}
    assert exponents.exponents(3, 0.1)["gfl"] == Fraction(33, 40)
    assert exponents.winner(3, 0) == ("specialization", ("gfl",))
    for m, p in [(0, 1), (2.5, 1), (3, -1), (3, "x"), (3, math.nan), (True, 1), (3, None)]:
        with pytest.raises(ModelError):
            exponents.exponents(m, p)  # type: ignore[arg-type]


@pytest.mark.parametrize("m", [1, 3, 5])
@pytest.mark.parametrize("p", [Fraction(0), Fraction(1, 2), Fraction(1), Fraction(3, 2), Fraction(2)])
def test_costs_approach_their_exponents(m: int, p: Fraction) -> None:
    """Local slopes of the minimised costs, d = 10^2 to 10^4 and 10^4 to 10^6: near their exponents, and nearing them."""
    tables = [
        pattern_costs(AlignmentSum(round(d ** float(p)), d, target=m), 1.0) for d in (10**2, 10**4, 10**6)
    ]
    for name, exponent in exponents.exponents(m, p).items():
        early, late = (
            abs(math.log(high[name].cost / low[name].cost) / math.log(100) - float(exponent))
            for low, high in itertools.pairwise(tables)
        )
        assert late < max(0.75 * early, 0.03) and late < 0.13, (name, early, late)
