"""Variational bounds: the inequality against the exact tails, and every ingredient against a twin written out slowly.

Twins used here share no code with ldt.patterns: the permuted law as a sum over all choices of its specialised neurons, closed
forms for the linear overlap, quadratures of the definitions.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from ldt.errors import MethodError, ModelError
from ldt.models.alignment import AlignmentSum
from ldt.patterns import averages, bounds, trials
from ldt.patterns.bounds import best_bound, variational_bound
from ldt.patterns.two_layer import pattern_costs

REFERENCE = Path(__file__).parent.parent / "data" / "reference"
OVERLAPS = ("concentrated", "full")


def exact_rows() -> list[tuple[str, int, int, float, float]]:
    rows = []
    for overlap in OVERLAPS:
        lines = (REFERENCE / f"two_layer_{overlap}.csv").read_text().splitlines()
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            rows.append((overlap, int(row["N"]), int(row["d"]), float(row["alpha"]), float(row["neg_log_p"])))
    return rows


ROWS = exact_rows()


def g_squared(w: Any, rho: Any) -> Any:
    """The erf, He_3 overlap squared, from its formula."""
    return w**6 / (1 + 2 * w * w + 2 * rho) ** 3


@pytest.mark.parametrize(("overlap", "width", "dim", "level", "exact"), ROWS)
@pytest.mark.parametrize("pattern", ["gp", "gfl", "specialization"])
def test_every_bound_holds(
    overlap: str, width: int, dim: int, level: float, exact: float, pattern: str
) -> None:
    """The inequality, for the best law of each pattern: deterministic value, and fresh samples with 4 errors."""
    model = AlignmentSum(width, dim, overlap=overlap)
    result = best_bound(model, level, pattern, samples=600, rng=20)
    assert result.transform >= exact
    assert result.bound + 4 * result.error >= exact
    if pattern == "specialization":
        assert result.status == "ok"
        assert result.transform - exact < 0.01 * exact + 1.2
        assert abs(result.bound - result.transform) < 5 * result.error + 0.02


@given(
    row=st.sampled_from([r for r in ROWS if r[1] <= 50]),
    share=st.floats(0, 1),
    mu=st.floats(0.5, 4.0),
    v=st.floats(1e-3, 0.3),
    r=st.floats(0.05, 2.0),
    cut=st.floats(0.3, 0.95),
    permutations=st.booleans(),
)
def test_bound_holds_for_any_law(
    row: tuple[str, int, int, float, float],
    share: float,
    mu: float,
    v: float,
    r: float,
    cut: float,
    permutations: bool,
) -> None:
    overlap, width, dim, level, exact = row
    given_ = {
        "M": 1 + int(share * (width - 1)),
        "mu": mu,
        "v": v,
        "r": r,
        "cut": cut * mu,
        "permutations": permutations,
    }
    model = AlignmentSum(width, dim, overlap=overlap)
    result = variational_bound(model, level, "specialization", parameters=given_, method="transform")
    assert result.bound >= exact - result.error
    stretched = variational_bound(model, level, "gfl", parameters={"D": 1 + 30 * share}, method="transform")
    assert stretched.bound >= exact - (stretched.error if math.isfinite(stretched.error) else 0.0)


def naive_bound(
    model: AlignmentSum, level: float, m: int, mu: float, v: float, r: float, cut: float, rows: int
) -> tuple[float, float]:
    """The bound of the permuted law by plain rejection sampling and a density that sums over all choices of m neurons."""
    random, n, d = np.random.default_rng(5), model.width, model.dim
    prior, sd = stats.norm(0, d**-0.5), math.sqrt(v)
    outer = stats.norm(mu, sd).sf(cut) + stats.norm(mu, sd).cdf(-cut)
    inner = prior.cdf(cut) - prior.cdf(-cut)
    values = []
    for _ in range(rows):
        chosen = random.permutation(n)[:m]
        w, rho = np.empty(n), random.chisquare(d - 1, n) / d
        for i in range(n):
            special_one = i in chosen
            while True:
                w[i] = (
                    random.choice([-1, 1]) * random.normal(mu, sd)
                    if special_one
                    else random.normal(0, d**-0.5)
                )
                if (abs(w[i]) > cut) == special_one:
                    break
            rho[i] *= r if special_one else 1.0
        one = np.where(
            np.abs(w) > cut,
            (stats.norm.pdf(w, mu, sd) + stats.norm.pdf(w, -mu, sd)) / 2 / outer / prior.pdf(w),
            0.0,
        )
        if model.overlap == "full":
            law, scale = stats.gamma((d - 1) / 2), 2 / d
            one *= law.pdf(rho / (r * scale)) / r / law.pdf(rho / scale)
        rest = np.where(np.abs(w) < cut, 1 / inner, 0.0)
        ways = [
            math.prod(float(one[i]) if i in way else float(rest[i]) for i in range(n))
            for way in itertools.combinations(range(n), m)
        ]
        total = float(np.sum(g_squared(w, rho if model.overlap == "full" else 1.0)))
        values.append(math.log(sum(ways) / len(ways)) - special.log_ndtr(-level * math.sqrt(n / total)))
    return float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(rows)


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_bound_against_the_law_written_out(overlap: str) -> None:
    model, law = AlignmentSum(4, 6, overlap=overlap), {"M": 2, "mu": 1.4, "v": 0.05, "r": 0.5, "cut": 0.9}
    mean, error = naive_bound(model, 1.0, 2, 1.4, 0.05, 0.5, 0.9, 1500)
    sampled = variational_bound(model, 1.0, "specialization", parameters=law, samples=20_000, rng=3)
    exact = variational_bound(model, 1.0, "specialization", parameters=law, method="transform")
    assert abs(sampled.bound - mean) < 4 * math.hypot(error, sampled.error)
    assert abs(exact.bound - sampled.bound) < 4 * sampled.error + 0.01  # Mills gives away 2/z^4


@pytest.mark.parametrize("width", [3, 8, 200])
def test_transform_in_closed_form(width: int) -> None:
    """Linear overlap: G is D s^2 chi^2_N, so E 1/G and E ln G are known and E ln(1 + G/b) is one quadrature."""
    dim, level, inflation = 12, 2.0, 1.7
    model = AlignmentSum(width, dim, activation="linear", target=1)
    s2, b = inflation / dim, width * level**2
    law = stats.chi2(width)
    extra = integrate.quad(
        lambda y: law.pdf(y) * math.log1p(s2 * y / b), 0, law.isf(1e-16), epsabs=1e-13, limit=400
    )[0]
    truth = b / 2 / (s2 * (width - 2)) + 0.5 * math.log(2 * math.pi * b) + extra
    truth -= 0.5 * (math.log(2 * s2) + special.digamma(width / 2))
    value, error = bounds.mills_loss(trials.TrialLaw(model, inflation=inflation), level)
    assert value == pytest.approx(truth, rel=1e-10)
    assert abs(value - truth) <= error + 1e-11 * truth


def test_transform_of_one_neuron() -> None:
    """N = M = 1: the average of Mills' bound is one integral over w."""
    model = AlignmentSum(1, 5)
    law = trials.TrialLaw(model, specialised=1, mu=1.9, v=0.05, cut=1.2)
    accepted = stats.norm.sf((1.2 - 1.9) / 0.05**0.5)

    def integrand(w: float) -> float:
        z2 = 1.0 / g_squared(w, 1.0)
        loss = z2 / 2 + 0.5 * math.log(2 * math.pi) + math.log1p(z2) - 0.5 * math.log(z2)
        return float(stats.norm.pdf(w, 1.9, 0.05**0.5) * loss / accepted)

    truth = integrate.quad(integrand, 1.2, 6.0, points=[1.9], epsabs=1e-12)[0]
    assert bounds.mills_loss(law, 1.0)[0] == pytest.approx(truth, rel=1e-9)
    ratio = integrate.quad(
        lambda w: (
            (stats.norm.pdf(w, 1.9, 0.05**0.5) / accepted)
            * math.log(stats.norm.pdf(w, 1.9, 0.05**0.5) / 2 / accepted / stats.norm.pdf(w, 0, 0.2**0.5))
        ),
        1.2,
        4.0,
        epsabs=1e-12,
    )[0]
    assert law.divergence() == pytest.approx(ratio, rel=1e-9)


def test_gfl_is_tight_where_it_is_exact() -> None:
    """Linear CNN: the bound lies above the exact tail, by a small share of what GP gives away."""
    width, dim, level = 20, 20, 1.0
    model = AlignmentSum(width, dim, activation="linear", target=1)
    law = stats.chi2(width)
    exact = -math.log(
        integrate.quad(
            lambda y: law.pdf(y) * stats.norm.sf(level * math.sqrt(width * dim / y)), 0, 400, epsabs=0
        )[0]
    )
    gp, gfl = (variational_bound(model, level, p, method="transform").bound for p in ("gp", "gfl"))
    assert exact < gfl < exact + 1.5 < gp
    best = best_bound(model, level, "gfl", samples=4000, rng=1)
    assert exact < best.transform <= gfl + 1e-9
    assert abs(best.bound - best.transform) < 4 * best.error + 0.02


def test_standard_errors_are_honest() -> None:
    """z-scores of independent sampled bounds about the exact expectation, where a chi^2 quadrature gives it."""
    model, width, dim = AlignmentSum(30, 10, activation="linear", target=1), 30, 10
    law = stats.chi2(width)
    loss = integrate.quad(
        lambda y: -law.pdf(y) * special.log_ndtr(-math.sqrt(width * dim / (1.5 * y))),
        0,
        law.isf(1e-17),
        epsabs=1e-12,
    )[0]
    truth = width * (0.5 - math.log(1.5)) / 2 + loss
    z = []
    for seed in range(40):
        result = variational_bound(model, 1.0, "gfl", parameters={"D": 1.5}, samples=300, rng=seed)
        z.append((result.bound - truth) / result.error)
    assert abs(np.mean(z)) < 4 / math.sqrt(40)
    assert 0.7 < np.std(z) < 1.35


def test_infinite_means_and_variances_are_reported() -> None:
    """E 1/V needs N > 2m neurons, its variance N > 4m, a trusted error N > 8m; m = 3 and m = 1."""
    for width, status, finite in [
        (6, "failed", False),
        (7, "warning", True),
        (12, "warning", True),
        (13, "warning", True),
    ]:
        result = variational_bound(AlignmentSum(width, 5), 1.0, "gp", samples=50, rng=1)
        assert (result.status, math.isfinite(result.bound)) == (status, finite), width
        assert math.isfinite(result.error) == (width > 12) and result.advice
        deterministic = variational_bound(AlignmentSum(width, 5), 1.0, "gp", method="transform")
        assert math.isfinite(deterministic.bound) == finite
        assert deterministic.status == ("ok" if finite else "failed")
    assert variational_bound(AlignmentSum(60, 5), 1.0, "gfl", samples=500, rng=1).status == "ok"
    linear = AlignmentSum(2, 5, activation="linear", target=1)
    assert variational_bound(linear, 1.0, "gp", rng=1).status == "failed"
    orders = {3: AlignmentSum(9, 9), 1: linear, 5: AlignmentSum(9, 9, target=5, overlap="full")}
    assert all(averages.vanishing_order(model) == order for order, model in orders.items())
    assert averages.vanishing_order(AlignmentSum(9, 9, target={1: 1.0, 3: 2.0}, c="raw")) == 1


def test_gp_bound_at_any_width() -> None:
    """Where V is self-averaging the bound is -log Phi(-a/sqrt E g^2) and a little more."""
    for width, slack in [(10**6, 1e-2), (10**12, 1e-7)]:
        model = AlignmentSum(width, 4)
        square = (
            2 * integrate.quad(lambda w: stats.norm.pdf(w, 0, 0.5) * g_squared(w, 1.0), 0, 6, epsabs=1e-16)[0]
        )
        limit = -float(special.log_ndtr(-(square**-0.5)))
        bound = variational_bound(model, 1.0, "gp", method="transform").bound
        assert -1e-9 <= bound / limit - 1 < slack
    sampled = variational_bound(AlignmentSum(10**6, 4), 1.0, "gp", samples=8, rng=2)
    assert abs(sampled.bound - sampled.transform) < 5 * sampled.error + 0.01


def test_sampling_is_reproducible_and_bounded() -> None:
    model = AlignmentSum(10**6, 20, overlap="full")
    tracemalloc.start()
    one = variational_bound(model, 1.0, "gp", samples=3, rng=7)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
    two = variational_bound(model, 1.0, "gp", samples=3, rng=7)
    assert (one.bound, one.error, one.seed) == (two.bound, two.error, 7)
    other = variational_bound(AlignmentSum(10**3, 20), 1.0, "gp", samples=9, rng=np.random.default_rng(1))
    again = variational_bound(AlignmentSum(10**3, 20), 1.0, "gp", samples=9, rng=other.seed)
    assert other.bound == again.bound


def test_bad_arguments_name_themselves() -> None:
    model = AlignmentSum(20, 20)
    cases: list[tuple[str, dict[str, Any]]] = [
        ("pattern", {"pattern": "lazy"}),
        ("parameters", {"pattern": "gp", "parameters": {"D": 2.0}}),
        ("D", {"pattern": "gfl", "parameters": {"D": -1.0}}),
        ("M", {"pattern": "specialization", "parameters": {"M": 21}}),
        ("M", {"pattern": "specialization", "parameters": {"M": 1.5}}),
        ("mu", {"pattern": "specialization", "parameters": {"mu": math.nan, "cut": 1.0}}),
        ("cut", {"pattern": "specialization", "parameters": {"cut": 0.0}}),
        ("cut", {"pattern": "specialization", "parameters": {"cut": 50.0}}),
        ("cut", {"pattern": "specialization", "parameters": {"cut": 1e-4}}),
        ("samples", {"pattern": "gp", "samples": 1}),
        ("samples", {"pattern": "gp", "samples": math.nan}),
        ("method", {"pattern": "gp", "method": "guess"}),
        ("rng", {"pattern": "gp", "rng": -1}),
    ]
    for word, arguments in cases:
        with pytest.raises(ModelError, match=word):
            variational_bound(model, 1.0, **arguments)
    with pytest.raises(ModelError, match="level"):
        variational_bound(model, 0.0, "gp")
    with pytest.raises(MethodError, match="draws"):
        variational_bound(replace(model, width=10**9), 1.0, "gp")


def test_results_are_plain_records() -> None:
    model = AlignmentSum(8, 8, overlap="full")
    for record in (
        pattern_costs(model, 1.0),
        best_bound(model, 1.0, "specialization", rng=1, samples=100),
        variational_bound(AlignmentSum(3, 3), 1.0, "gp", rng=1),
    ):
        json.dumps(record.to_dict(), allow_nan=False)
