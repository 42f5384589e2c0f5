"""The main job on small grids: exponents, width laws, closed forms, z-scores, output formats."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

import ldt
from ldt.errors import ModelError
from ldt.reference import linear_log_tail
from ldt.scaling.fits import local_exponents, window_fits
from ldt.scaling.linear_cnn import linear_cnn
from ldt.scaling.run import scaling
from ldt.scaling.widths import width_law


def test_power_law_is_recovered() -> None:
    d = [3.0, 10.0, 40.0, 200.0]
    y = [7.0 * x**1.25 for x in d]
    assert all(e.exponent == pytest.approx(1.25, abs=1e-12) for e in local_exponents(d, y))
    assert window_fits(d, y)[0].exponent == pytest.approx(1.25, abs=1e-12)
    assert window_fits(d, y)[0].drift == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize(("text", "d", "width"), [("d", 7, 7), ("64*d^0.5", 100, 640), ("1000", 5, 1000), ("2*d^2", 10, 200)])
def test_width_laws(text: str, d: int, width: int) -> None:
    assert width_law(text)(d) == width


@pytest.mark.parametrize("text", ["", "d**", "__import__('os')", "d+1", "x^2", "1e400*d", "d^nan", "-d", "d;d", "d" * 5000])
def test_bad_width_laws_are_refused(text: str) -> None:
    with pytest.raises(ModelError):
        width_law(text)(10)


@pytest.mark.parametrize("size", [3, 10, 30, 100, 1000])
def test_linear_cnn_against_its_closed_form(size: int) -> None:
    model = linear_cnn(size)
    closed = float(linear_log_tail(model, 1.0))
    exact = ldt.tail(model, 1.0, method="exact")
    assert abs(exact.logp - closed) <= exact.error + 1e-15 * abs(closed)


def test_linear_cnn_closed_form_against_plain_sampling() -> None:
    """The closed form itself: A = sum of C products of Gaussians, drawn."""
    random = np.random.default_rng(5)
    c, level = 4, 0.3
    draws = np.sum(random.standard_normal((400_000, c)) / c * random.standard_normal((400_000, c)) / math.sqrt(c), axis=1)
    model = linear_cnn(c)
    assert model.width == c and model.readout_variance == 1.0 / c
    p = math.exp(linear_log_tail(model, level))
    assert abs(np.mean(draws >= level) - p) < 5.0 * math.sqrt(p / 400_000)


def test_every_method_agrees_on_a_small_run() -> None:
    found = scaling(ldt.AlignmentSum(5, 5), dims=[5, 10, 20], rng=3)
    (grid,) = found.grids
    assert found.status == "ok" and found.z_max < 5.0
    assert grid.expected == "specialization" and grid.exponent == 1.0
    assert [p.exact.value for p in grid.points] == pytest.approx([43.677729441837, 85.303145667690, 173.317221196939], rel=1e-10)


def test_gp_where_it_wins() -> None:
    found = scaling(ldt.AlignmentSum(5, 5), settings=["gp"], dims=[2, 3], width=20_000, rng=3, target_error=0.05)
    assert found.grids and all(abs(p.z) < 5.0 for g in found.grids for p in g.points if math.isfinite(p.z))


def test_command_gives_strict_json_and_csv_that_reads_back() -> None:
    from ldt.cli.main import commands as main

    arguments = ["scaling", "--width", "5", "--dim", "5", "--dims", "5,10", "--seed", "1", "-q"]
    run = CliRunner().invoke(main, [*arguments, "--json"])
    assert run.exit_code == 0, run.output
    record = json.loads(run.stdout, parse_constant=lambda x: pytest.fail(f"{x} in JSON"))
    assert record["status"] == "ok" and len(record["grids"][0]["points"]) == 2
    table = list(csv.DictReader(io.StringIO(CliRunner().invoke(main, [*arguments, "--csv"]).stdout)))
    assert float(table[1]["exact"]) == record["grids"][0]["points"][1]["exact"]["value"]
    text = CliRunner().invoke(main, arguments).stdout
    assert "local exponents of exact" in text and "z-scores" in text


@pytest.mark.parametrize("bad", [["--dims", "0"], ["--dims", "a,b"], ["--grid-width", "d+1"], ["--setting", "nothing"], ["--level", "-1"]])
def test_bad_input_is_one_line_and_exit_2(bad: list[str]) -> None:
    from ldt.cli.main import commands as main

    run = CliRunner().invoke(main, ["scaling", "--width", "5", "--dim", "5", *bad])
    assert run.exit_code == 2
    assert run.stdout == "" and len(run.stderr.strip().splitlines()) == 1
