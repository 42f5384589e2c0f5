"""Certified enclosures against truths that they had no part in: closed forms, the slow twins, published digits."""

from __future__ import annotations

import csv
import itertools
import json
import math
import threading
from pathlib import Path
from typing import Any

import pytest
import twins
from mpmath import mp
from problems import reference_rows
from scipy import stats

import ldt

flint = pytest.importorskip("flint")
ROOT = Path(__file__).parents[1]


def holds(result: ldt.TailResult, truth: Any, slack: float = 0.0) -> bool:
    """Whether the ball (and the float with its error) covers ``truth``, an mpf known to ``slack``."""
    saved = flint.ctx.prec
    flint.ctx.prec = 400
    try:
        exact = flint.arb(mp.nstr(truth, 70))
        inside = flint.arb(result.detail.ball).overlaps(exact + flint.arb(0, slack))
        return bool(inside and abs(flint.arb(result.logp) - exact) < flint.arb(result.error) + 1.01 * slack + 1e-30)
    finally:
        flint.ctx.prec = saved


@pytest.mark.parametrize("row", [r for r in reference_rows() if r[0] <= 50], ids=lambda r: f"{r[0]}-{r[1]}-{r[4]}")
def test_reference_tables(row: tuple[int, int, float, float, str]) -> None:
    n, d, level, truth, overlap = row
    result = ldt.tail(ldt.AlignmentSum(n, d, overlap=overlap), level, method="certified")
    assert result.error_kind == "bound" and result.detail.digits >= 12
    assert abs(result.logp - truth) <= 1.1e-12 * abs(truth)


@pytest.mark.parametrize("digits", [12, 40])
@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize("level", [0.05, 1.0, 30.0])
def test_laplace(level: float, density: bool, digits: int) -> None:
    model = ldt.AlignmentSum(width=2, dim=2, activation="linear", target=1)  # Laplace of scale 1/2
    ask = ldt.logpdf if density else ldt.tail
    result = ask(model, level, method="certified", digits=digits)
    with mp.workdps(60):
        assert holds(result, -2 * mp.mpf(level) - (0 if density else mp.log(2)))
    assert result.detail.digits >= digits


@pytest.mark.parametrize("case", [
    ({"width": 3, "dim": 4}, 0.2, twins.Twin(3, 4, twins.erf_power(3))),
    ({"width": 6, "dim": 3, "overlap": "full"}, 0.4, twins.Twin(6, 3, twins.erf_power(3), full=True, one_coordinate=True)),
    ({"width": 8, "dim": 30, "target": 5}, 0.3, twins.Twin(8, 30, twins.erf_power(5))),
    ({"width": 4, "dim": 6, "target": {1: 1.0, 3: -0.25}, "c": 1.0}, 1.5, twins.Twin(4, 6, twins.erf_raw({1: 1.0, 3: -0.25}))),
    ({"width": 6, "dim": 4, "c": 1.0}, 0.2, twins.Twin(6, 4, twins.erf_power(3))),
    ({"width": 5, "dim": 7, "readout_variance": 2.5, "weight_variance": 0.5}, 0.5, None),
], ids=["he3", "full", "he5", "sum", "narrow", "variances"])  # fmt: skip
def test_twins(case: tuple[dict[str, object], float, twins.Twin | None]) -> None:
    fields, level, twin = case
    model = ldt.AlignmentSum(**fields)
    if twin is None:  # an overlap of its own: u^3 with |w_perp|^2 = 1/2
        twin = twins.Twin(5, 7, lambda w, rho: (w / (1 + 2 * (w * w + rho)).sqrt()) ** 3, readout=2.5, weight=0.5)
    truth, error = twins.tail(twin, level)
    result = ldt.tail(model, level, method="certified", digits=15)
    assert holds(result, truth, max(float(error), 2.0**-51 * abs(float(truth))))  # the twin's value is a double


def test_many_digits_of_mpmath() -> None:
    model = ldt.AlignmentSum(5, 5)
    slow = ldt.tail(model, 1.0, method="mpmath", dps=25)
    result = ldt.tail(model, 1.0, method="certified", digits=30)
    assert result.detail.digits >= 30
    assert holds(result, slow.detail["logp"], 1e-25)


@pytest.mark.parametrize("n, x", [(1, 0.01), (1, 2.0), (1, 40.0)])
def test_one_cube(n: int, x: float) -> None:
    result = ldt.tail(ldt.CubicSum(n), x, method="certified")
    with mp.workdps(40):
        assert holds(result, mp.log(mp.ncdf(-mp.cbrt(mp.mpf(x) * mp.sqrt(15)))))
    density = ldt.logpdf(ldt.CubicSum(n), x, method="certified")
    with mp.workdps(40):
        t = mp.mpf(x) * mp.sqrt(15)
        assert holds(density, mp.log(mp.npdf(mp.cbrt(t)) * mp.sqrt(15) / (3 * mp.cbrt(t) ** 2)))


def test_what_is_left_of_the_cut_near_zero() -> None:
    """B = f exp(-xi) Bi <= 1 + 0.2215/xi for xi >= 15, as docs/certified.md has it: in ball arithmetic at points of two decades."""
    flint = pytest.importorskip("flint")
    for i in range(47):
        xi = flint.arb(15) * (flint.arb(i) / 10).exp()
        y = (xi * 3 / 2) ** (flint.arb(2) / 3)
        assert flint.arb.pi().sqrt() * y.sqrt().sqrt() * (-xi).exp() * y.airy_bi() < 1 + flint.arb("0.2215") / xi


def test_cubes_of_the_reference_table() -> None:
    with open(ROOT / "data/reference/cubic_sum.csv") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    for row in rows:
        if int(row["N"]) > 100:  # 6 s
            continue
        result = ldt.tail(ldt.CubicSum(int(row["N"])), float(row["x"]), method="certified")
        with mp.workdps(40):
            assert holds(result, mp.log(mp.mpf(row["p"])), 10.0 ** (2 - len(row["p"].split("e")[0])))
        assert result.detail.digits >= 12


def test_levels_below_zero() -> None:
    model = ldt.AlignmentSum(20, 20)
    upper, lower = ldt.tail(model, 0.02, method="certified"), ldt.tail(model, -0.02, method="certified")
    assert lower.error_kind == "bound" and lower.detail.digits >= 12
    assert abs(math.exp(upper.logp) + math.exp(lower.logp) - 1.0) < 1e-15
    far = ldt.tail(model, -1.0, method="certified")  # 1 - P, P = exp(-173): kept
    assert -far.logp == pytest.approx(math.exp(-173.317221196939), rel=1e-12) and far.error < 1e-85
    assert holds(far, mp.log1p(-mp.exp(mp.mpf("-173.3172211969389864"))), 1e-90)


def test_same_from_threads_and_the_users_precision_stays() -> None:
    saved, flint.ctx.prec = flint.ctx.prec, 77
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(ldt.tail(ldt.AlignmentSum(5, 5), 1.0, method="certified").detail.ball))
               for _ in range(4)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept, flint.ctx.prec = flint.ctx.prec, saved
    assert len(found) == 4 and len(set(found)) == 1 and kept == 77


# -- sums ------------------------------------------------------------------------------------------------------------------------


def covers(result: ldt.TailResult, log: Any, digits: int) -> bool:
    """Whether the ball has so many digits, and it and the float with its error cover ``log``, a ball of flint's."""
    ball = flint.arb(result.detail.ball)
    near = abs(flint.arb(result.logp) - log) <= flint.arb(result.error) + log.rad()
    return bool(result.error_kind == "bound" and result.detail.digits >= digits and ball.overlaps(log) and near)


@pytest.fixture
def precise() -> Any:
    saved, flint.ctx.prec = flint.ctx.prec, 1200
    yield flint.arb
    flint.ctx.prec = saved


def fractions(weights: list[float], x: float) -> tuple[Any, Any]:
    """(P(S >= x), density) of sum_j w_j E_j, E_j exponential, by partial fractions."""
    arb = flint.arb
    tail, density = arb(0), arb(0)
    for mine in weights:
        part = (-arb(x) / mine).exp() * math.prod((arb(mine) / (arb(mine) - v) for v in weights if v != mine), start=arb(1))
        tail, density = tail + part, density + part / mine
    return tail, density


@pytest.mark.parametrize("spreads", [-1.3, -0.5, 0.0, 0.7, 6.0, 60.0])
@pytest.mark.parametrize("weights", [[6.0, 3.0, 1.0], [1.0, 1.0 + 2.0**-20], [1e-8, 1.0], [0.3 * 1.7**j for j in range(9)]], ids=len)
def test_sums_of_exponentials(weights: list[float], spreads: float, precise: Any) -> None:
    model = ldt.WeightedSum.chi2([0.5 * w for w in weights], 2.0)
    x = float(model.mean() + spreads * model.std())
    if x <= 0.0:
        x = 0.01 * float(model.mean())
    tail, density = fractions(weights, x)
    assert covers(ldt.tail(model, x, method="certified", digits=30), tail.log(), 30)
    assert covers(ldt.tail(model, x, method="certified", side="lower", digits=30), (1 - tail).log(), 30)
    assert covers(ldt.logpdf(model, x, method="certified", digits=30), density.log(), 30)


@pytest.mark.parametrize("level", [100.0, 300.0])
def test_chi_squares_of_the_peers(level: float, precise: Any) -> None:
    model = ldt.WeightedSum.chi2([6, 3, 1], 2.0)
    assert covers(ldt.tail(model, level, method="certified", digits=30), fractions([12.0, 6.0, 2.0], level)[0].log(), 30)


@pytest.mark.parametrize("dof", [1.0, 0.6, 5.0, [1.0 + j % 3 for j in range(20)]], ids=["1", "0.6", "5", "mixed"])
@pytest.mark.parametrize("level", [20.0, 3.0, 0.4])
def test_chi_squares_by_quadrature(level: float, dof: Any, precise: Any) -> None:
    """FLINT's adaptive rule along a broken line right of 0: another path, another rule, another bound."""
    arb, acb = flint.arb, flint.acb
    flint.ctx.prec = 200
    weights = [1.0 / j**2 for j in range(1, 21)]
    several = dof if isinstance(dof, list) else [dof] * 20

    def integrand(t: Any, _: bool) -> Any:
        s = arb("0.3") + t
        value = (-s * arb(level)).exp() / s
        for w, k in zip(weights, several, strict=True):
            value *= (1 - 2 * arb(w) * s) ** (-arb(k) / 2)
        return value

    goal, far = arb(10) ** -45, 1 + 150 / level
    corners = [acb(0), acb(0, 2), acb(far, far)]
    total = sum((acb.integral(integrand, a, b, abs_tol=goal, rel_tol=goal) for a, b in itertools.pairwise(corners)), acb(0))
    tail = total.imag / arb.pi() + arb(0, 1e-45)  # beyond the last corner it is below exp(-150)
    model = ldt.WeightedSum.chi2(weights, dof)
    assert covers(ldt.tail(model, level, method="certified", digits=30), tail.log(), 30)
    assert covers(ldt.tail(model, level, method="certified", side="lower", digits=30), (1 - tail).log(), 30)


@pytest.mark.parametrize("level", [1e-3, 300.0, 600.0, 800.0, 1500.0, 1e6])
def test_gamma_sums(level: float) -> None:
    model = ldt.IidSum(stats.gamma(2, scale=3), 100)
    upper, lower = (ldt.tail(model, level, method="certified", side=side, digits=30) for side in ("upper", "lower"))
    density = ldt.logpdf(model, level, method="certified", digits=30)
    with mp.workdps(120):
        y = mp.mpf(level) / 3
        p = mp.gammainc(200, y, mp.inf, regularized=True)
        assert holds(upper, mp.log(p), 1e-60) and upper.detail.digits >= 30
        assert holds(lower, mp.log1p(-p) if p < 0.5 else mp.log(mp.gammainc(200, 0, y, regularized=True)), 1e-60)
        assert holds(density, 199 * mp.log(y) - y - mp.loggamma(200) - mp.log(3), 1e-60) and density.detail.digits >= 30


@pytest.mark.parametrize("spreads", [-6.0, -0.01, 0.3, 8.0])
@pytest.mark.parametrize("n", [20_000, 10**12])
def test_gamma_sums_too_large_for_the_series(n: int, spreads: float, precise: Any) -> None:
    """Shapes above MAX_SHAPE go along the contour; there, the incomplete gamma function where it still can, or the exact method."""
    model = ldt.IidSum(stats.gamma(0.75, scale=0.5), n)
    level = float(model.mean() + spreads * model.std())
    found = ldt.tail(model, level, method="certified", digits=25)
    if n < 10**6:
        value = (arb_of(level) / 0.5).gamma_upper(arb_of(0.75 * n), 1)
        assert covers(found, value.log(), 25)
    exact = ldt.tail(model, level, method="exact")
    assert abs(exact.logp - found.logp) <= exact.error + found.error and found.detail.digits >= 25


def test_a_largest_weight_that_carries_little() -> None:
    """Near the mean the bound needs a steeper hyperbola there."""
    model = ldt.WeightedSum.chi2([1.0, 0.57324255, 0.56552378, 0.1259844], [0.031127945, 3.56149439, 0.02232397, 0.46744135])
    level = 1.24 * float(model.mean())
    proved, fast = (ldt.tail(model, level, method=method) for method in ("certified", "exact"))
    assert abs(proved.logp - fast.logp) <= proved.error + fast.error and fast.error < 1e-11


def arb_of(number: float) -> Any:
    """A double as a ball."""
    return flint.arb(number)


def test_other_sums_of_gammas_and_normals() -> None:
    """Named laws, shifts, joined scales and normals against SciPy and mpmath."""
    shifted = ldt.WeightedSum([stats.expon(loc=1.0), stats.chi2(3)], [2.0, 1.0], counts=[4, 2])  # scales 2: gamma(4 + 3), from 8 on
    found = ldt.tail(shifted, 30.0, method="certified", digits=20)
    with mp.workdps(60):
        assert holds(found, mp.log(mp.gammainc(7, 11, mp.inf, regularized=True)))
    normal = ldt.IidSum(stats.norm(0.5, 2.0), 9)
    for level in (-40.0, 3.0, 4.5, 90.0):
        with mp.workdps(120):
            z = (mp.mpf(level) - 4.5) / 6
            assert holds(ldt.tail(normal, level, method="certified", digits=30), mp.log(mp.erfc(z / mp.sqrt(2)) / 2))
            assert holds(ldt.tail(normal, level, method="certified", side="lower", digits=30), mp.log(mp.erfc(-z / mp.sqrt(2)) / 2))
            assert holds(ldt.logpdf(normal, level, method="certified", digits=30), mp.log(mp.npdf(z)) - mp.log(6))
    several = ldt.WeightedSum([stats.gamma(0.3), stats.gamma(2.5), stats.expon()], [1.0, 0.2, 4.0], counts=[5, 3, 2])
    for level in (0.3, 9.0, 80.0):
        for ask, side in ((ldt.tail, {}), (ldt.tail, {"side": "lower"}), (ldt.logpdf, {})):
            proved, fast = (ask(several, level, method=m, **side) for m in ("certified", "exact"))
            assert abs(proved.logp - fast.logp) <= proved.error + fast.error and fast.error < 1e-11


def test_levels_outside_and_far_outside() -> None:
    gammas, chis = ldt.IidSum(stats.gamma(2, loc=1.0), 3), ldt.WeightedSum.chi2([2.0, 1.0], 1.0)
    assert ldt.tail(gammas, 3.0, method="certified").logp == 0.0
    assert ldt.tail(chis, -1.0, method="certified", side="lower").logp == -math.inf
    with pytest.raises(ldt.MethodError, match="end of the support"):
        ldt.logpdf(chis, 0.0, method="certified")
    assert ldt.logpdf(chis, -0.5, method="certified").logp == -math.inf
    far = ldt.tail(chis, 1e30, method="certified")  # 1 - Phi and a factor
    assert far.logp == pytest.approx(-2.5e29, rel=1e-15) and far.detail.digits >= 12
    near = ldt.tail(chis, 1e-30, method="certified", side="lower", digits=20)  # x/(2 (w_1 w_2)^(1/2)) to first order
    with mp.workdps(60):
        assert holds(near, mp.log(mp.mpf(1e-30) / (2 * mp.sqrt(2))), 1e-29)
    with pytest.raises(ldt.ConvergenceError, match="double precision"):
        ldt.tail(ldt.IidSum(stats.gamma(0.37, scale=1e-100), 20000), 1e300, method="certified")
    with pytest.raises(ldt.ConvergenceError, match="level"):
        ldt.tail(ldt.WeightedSum.chi2([1e-140, 1.0], 1.0), 1e-135, method="certified")


@pytest.mark.parametrize("model, level, options, word", [
    (ldt.AlignmentSum(5, 5, activation="relu", target=2, c="raw"), 1.0, {}, "activation"),
    (ldt.AlignmentSum(5, 5), 1.0, {"digits": 0}, "digits"),
    (ldt.AlignmentSum(5, 5), 1.0, {"digits": 2.5}, "digits"),
    (ldt.CubicSum(5000), 1.0, {}, "2000"),
    (ldt.IidSum(stats.levy(), 3), 1e3, {}, "of sums 'certified' knows gamma laws"),
    (ldt.WeightedSum.chi2([1.0, -1.0], 1.0), 3.0, {}, "positive weights"),
    (ldt.WeightedSum.chi2([1.0, 2.0], 1.0, [0.0, 0.5]), 3.0, {}, "positive weights"),
    (ldt.WeightedSum.chi2([1.0, 2.0], 1.0, sigma=1.0), 3.0, {}, "exact"),
    (ldt.WeightedSum.chi2([1.0, 2.0], 1.0), 3.0, {"digits": 201}, "digits"),
])  # fmt: skip
def test_refused(model: object, level: float, options: dict[str, object], word: str) -> None:
    with pytest.raises((ldt.ModelError, ldt.MethodError), match=word):
        ldt.tail(model, level, method="certified", **options)


def test_density_at_zero_is_refused() -> None:
    with pytest.raises(ldt.MethodError, match="level"):
        ldt.logpdf(ldt.AlignmentSum(5, 5), 0.0, method="certified")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "flint", None)
    with pytest.raises(ldt.MethodError, match=r"ldt\[certified\]"):
        ldt.tail(ldt.AlignmentSum(5, 5), 1.0, method="certified")


def test_command_line() -> None:
    from click.testing import CliRunner

    from ldt.cli.main import commands

    run = CliRunner().invoke(commands, ["tail", "--width", "5", "--dim", "5", "--level", "1", "--certify", "--json"])
    assert run.exit_code == 0
    answer = json.loads(run.stdout)
    assert answer["error_kind"] == "bound" and answer["method"] == "certified" and answer["detail"]["ball"].startswith("[-43.6777294418")
    text = CliRunner().invoke(commands, ["tail", "--width", "5", "--dim", "5", "--level", "1", "--certify"])
    assert "enclosure" in text.stdout and "+/-" in text.stdout
    clash = CliRunner().invoke(commands, ["tail", "--width", "5", "--dim", "5", "--level", "1", "--certify", "--method", "exact"])
    assert clash.exit_code == 2


def test_many_digits_of_a_linear_sum() -> None:
    """The end of its tilts, d/(2 sigma_w^2), is no short binary number: it must not limit the digits."""
    model = ldt.AlignmentSum(10, 10, weight_variance=0.3, activation="linear", target=1)
    assert ldt.tail(model, 1.0, method="certified", digits=100).detail.digits >= 100


def test_command_line_of_sums() -> None:
    from click.testing import CliRunner

    from ldt.cli.main import commands

    ask = ["sum", "--law", "gamma(2, scale=3)", "--n", "100", "--x", "800", "--certify", "--digits", "30"]
    run = CliRunner().invoke(commands, [*ask, "--json"])
    assert run.exit_code == 0
    answer = json.loads(run.stdout)
    assert answer["error_kind"] == "bound" and answer["detail"]["ball"].startswith("[-11.65366083424005629755559366774")
    assert "+/-" in CliRunner().invoke(commands, ask).stdout
    for more in (["--method", "exact"], ["--samples", "10"]):
        assert CliRunner().invoke(commands, [*ask, *more]).exit_code == 2
    refused = CliRunner().invoke(commands, ["sum", "--law", "laplace", "--n", "3", "--x", "8", "--certify"])
    assert refused.exit_code != 0 and "knows gamma laws" in refused.output
    cubes = CliRunner().invoke(commands, ["sum", "--law", "cubes", "--n", "3", "--x", "2", "--certify", "--json"])
    assert json.loads(cubes.stdout)["error_kind"] == "bound"


def test_plan_names_it() -> None:
    def note(model: Any) -> Any:
        return next(c for c in ldt.plan(model, 3.0).candidates if c["method"] == "certified")

    assert note(ldt.WeightedSum.chi2([1.0, 2.0], 1.0))["seconds"] is not None and "proved" in note(ldt.IidSum(stats.norm(), 2))["note"]
    assert note(ldt.IidSum(stats.laplace(), 2))["seconds"] is None
