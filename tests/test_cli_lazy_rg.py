"""``ldt-rate lazy`` and ``ldt-rate rg``: answers, forms, exit codes, pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ldt.cli.main import commands
from ldt.lazy import Kernel, component, lazy_cost, samples_needed
from ldt.rg import power_law, scalar_ridge

RG = ["rg", "--modes", "200", "--samples", "20", "--seed", "1"]


def run(*args: str) -> Result:
    return CliRunner().invoke(commands, list(args), prog_name="ldt-rate")


def test_lazy_says_what_the_library_says() -> None:
    result = run("lazy", "--kernel", "erf", "--dim", "12", "--degrees", "1,3", "--ridge", "0.5", "--json")
    assert result.exit_code == 0
    row = json.loads(result.stdout)["components"][1]
    part = component(Kernel("erf"), 12, 3)
    assert (row["variance"], row["tail"]) == (part.value, lazy_cost(part).tail)
    assert row["samples_needed"] == samples_needed(part.value, 0.5)
    assert "P needed" in run("lazy", "--dim", "12").stdout
    assert run("lazy", "--dim", "12", "--csv").stdout.startswith("degree,target,variance")


def test_lazy_has_no_answer_for_a_component_that_is_not_there() -> None:
    result = run("lazy", "--kernel", "relu", "--degrees", "3", "--json")
    assert result.exit_code == 4
    assert json.loads(result.stdout)["components"][0]["tail"] is None


def test_lazy_on_real_data(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    picture = tmp_path / "a.png"
    result = run("lazy", "--data", "wine", "--degrees", "1,3", "--repeats", "2", "--seed", "1", "--plot", str(picture), "--json")
    assert result.exit_code == 0, result.stderr
    assert all(c["violations"] == 0 for c in json.loads(result.stdout)["data"]["curves"])
    assert picture.read_bytes()[1:4] == b"PNG"


def test_rg_answers(tmp_path: Path) -> None:
    picture = tmp_path / "a.svg"
    result = run(*RG, "--plot", str(picture), "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    for row in record["elimination"]:
        assert row["scalar"] == pytest.approx(scalar_ridge(power_law(0.5, 200), 0.1, row["cutoff"]))
    assert record["flow"][0]["r"] == 200.0 and len(record["intervals"]) == 4
    assert "<svg" in picture.read_text()
    assert run(*RG).stdout == run(*RG).stdout
    assert run(*RG, "--coupling", "1000").exit_code == 3


def test_rg_on_a_real_kernel() -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("powerlaw")
    result = run("rg", "--data", "wine", "--kernel", "laplace", "--samples", "40", "--modes", "200", "--seed", "1", "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert record["spectrum_fit"]["error"] > 0.0
    assert max(row["exact_error"] for row in record["elimination"]) < 1e-8


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["lazy", "--kernel", "cosine"], "kind"),
        (["lazy", "--degrees", "1,x"], "degrees"),
        (["lazy", "--ridge", "-1"], "ridge"),
        (["lazy", "--data", "iris"], "digits"),
        (["lazy", "--data", "wine", "--measure", "gaussian"], "measure"),
        (["rg", "--exponent", "0"], "exponent"),
        (["rg", "--samples", "many"], "samples"),
        (["rg", "--plot", "a.txt"], "plot"),
        (["rg", "--data", "wine", "--samples", "1000"], "samples"),
    ],
)
def test_bad_input_is_one_line(line: list[str], words: str) -> None:
    result = run(*line)
    assert result.exit_code == 2
    assert words in result.stderr and result.stderr.count("\n") == 1
