"""Certified enclosures against truths that they had no part in: closed forms, the slow twins, published digits."""

from __future__ import annotations

import csv
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


@pytest.mark.parametrize("model, level, options, word", [
    (ldt.AlignmentSum(5, 5, activation="relu", target=2, c="raw"), 1.0, {}, "activation"),
    (ldt.AlignmentSum(5, 5), 1.0, {"digits": 0}, "digits"),
    (ldt.AlignmentSum(5, 5), 1.0, {"digits": 2.5}, "digits"),
    (ldt.CubicSum(5000), 1.0, {}, "2000"),
    (ldt.IidSum(stats.levy(), 3), 1e3, {}, "CubicSum|method"),
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
