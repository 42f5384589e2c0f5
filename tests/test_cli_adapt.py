"""``ldt-rate adapt`` and the pictures of kernel adaptation: answers, forms, exit codes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import ldt
from ldt import plots
from ldt.adaptation import GrokkingModel, grokking_phases, kernel_adaptation
from ldt.cli.adapt import samples_of
from ldt.cli.main import commands

MODEL = str(Path(__file__).parents[1] / "data" / "models" / "adapt_talk.toml")


def run(*args: str) -> Result:
    return CliRunner().invoke(commands, ["adapt", *args], prog_name="ldt-rate")


def test_adapt_says_what_the_library_says() -> None:
    result = run(MODEL, "--ridge", "1", "--samples", "300,600", "--branches", "3", "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    model = ldt.AlignmentSum(40, 40, c="orthonormal", label="talk, adapted")
    assert [a["alpha"] for a in record["whole"]] == [kernel_adaptation(model, samples=p).alpha for p in (300, 600)]
    assert record["threshold"] == record["transitions"][0]["samples"]
    assert [b["state"][1] for b in record["branches"]].count("stable") == 1


def test_adapt_in_words_in_csv_and_as_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    result = run(MODEL, "--samples", "300..600", "--points", "3", "--branches", "3", "--plot", str(picture))
    assert result.exit_code == 0, result.stderr
    assert "P*" in result.stdout and "spinodals k = 1" in result.stdout
    assert picture.read_bytes()[1:4] == b"PNG"
    rows = list(csv.DictReader(io.StringIO(run(MODEL, "--samples", "300", "--branches", "0", "--csv").stdout)))
    assert float(rows[0]["alpha"]) > 0.0 and rows[0]["status"] == "ok"


def test_what_is_cut_off_is_a_warning() -> None:
    result = run(MODEL, "--samples", "1600", "--degree", "5", "--branches", "0")
    assert result.exit_code == 3 and "raise degree" in result.stdout
    assert run(MODEL, "--samples", "8000", "--branches", "2").exit_code == 3


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["--samples", "40...90"], "samples"),
        (["--samples", "90..40"], "samples"),
        (["--samples", "-5"], "samples"),
        (["--samples", "20,10"], "ascend"),
        (["--ridge", "none"], "ridge"),
        (["--degree", "2"], "degree"),
        (["--branches", "x"], "branches"),
        (["--plot", "a.txt"], "plot"),
    ],
)
def test_bad_input_is_one_line(line: list[str], words: str) -> None:
    result = run(MODEL, *line)
    assert result.exit_code == 2
    assert words in result.stderr and result.stderr.count("\n") == 1


def test_ranges_of_samples() -> None:
    assert samples_of("40..4000", 5)[::2] == [40.0, 400.0, 4000.0]
    with pytest.raises(ldt.ModelError, match="samples"):
        samples_of("a", 3)


def test_pictures_show_what_the_results_say() -> None:
    model = ldt.AlignmentSum(30, 20, c="orthonormal", target={1: 1.0, 3: 0.1})
    found = kernel_adaptation(model, samples=500.0, degree=5)
    _, ax = plots.figure_of()
    assert len(plots.plot_kernel_change(found, ax).patches) == 2 * len(found.components)
    _, ax = plots.figure_of()
    assert plots.plot_neuron_density(found, ax).get_yscale() == "log"
    _, ax = plots.figure_of()
    few = [kernel_adaptation(model, samples=p) for p in (10.0, 100.0)]
    assert [line.get_label() for line in plots.plot_effective_action(few, ax).lines[:2]] == ["P = 10", "P = 100"]
    rows = grokking_phases((-0.5, -0.3), GrokkingModel())
    _, ax = plots.figure_of()
    assert list(plots.plot_grokking(rows, ax).lines[1].get_ydata()) == [r.u for r in rows]
