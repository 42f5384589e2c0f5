"""The command line from outside: the contract, exit codes, one line for what is wrong, whole files or none."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import ldt
from ldt.cli.main import COMMANDS, commands
from ldt.reference import TWO_LAYER, linear_log_tail

ROOT = Path(__file__).parents[1]
TALK = str(ROOT / "data" / "models" / "talk.toml")
CNN = str(ROOT / "data" / "models" / "linear_cnn.toml")
SMALL = ["--width", "5", "--dim", "5"]
KNOWN = {(r.width, r.dim, r.overlap): r for r in TWO_LAYER}
CONTRACT = ("logp", "error", "error_kind", "method", "status", "seed")


def run(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(commands, list(args), input=stdin, prog_name="ldt-rate")


def outside(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The same in another process, as a shell would start it."""
    return subprocess.run([sys.executable, "-m", "ldt.cli.main", *args], capture_output=True, text=True, cwd=ROOT, **options)


def strict(text: str) -> dict[str, Any]:
    """One JSON object without NaN or Infinity."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    found = json.loads(text, parse_constant=refuse)
    assert isinstance(found, dict)
    return found


def refused(result: Result, *words: str, code: int = 2) -> None:
    """Nothing on standard output, one line on standard error with ``words``, the exit code, no traceback."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("ldt-rate")
    for word in words:
        assert word in lines[0]


# -- the contract ------------------------------------------------------------------------------------------------------------


def test_contract_by_options() -> None:
    line = "tail --width 50 --dim 50 --level 1 --overlap concentrated --method exact --json"
    done = outside(*line.split())
    assert done.returncode == 0, done.stderr
    found = strict(done.stdout)
    assert done.stdout.count("\n") == 1
    assert set(CONTRACT) <= set(found)
    row = KNOWN[50, 50, "concentrated"]
    assert abs(-found["logp"] - row.neg_log_p) <= min(found["error"] + row.error, 1e-10 * row.neg_log_p)
    assert (found["method"], found["status"], found["seed"]) == ("exact", "ok", None)
    assert found["error"] > 0.0


def test_contract_by_model_file() -> None:
    done = outside("tail", TALK, "--level", "1", "--json")
    assert done.returncode == 0, done.stderr
    found = strict(done.stdout)
    assert set(CONTRACT) <= set(found)
    assert abs(-found["logp"] - KNOWN[50, 50, "concentrated"].neg_log_p) < 1e-7
    assert found["model"]["c"] == "talk"


def test_model_from_standard_input() -> None:
    result = run("tail", "-", "--level", "1", "--json", stdin=Path(TALK).read_text())
    assert result.exit_code == 0
    assert strict(result.stdout)["model"]["width"] == 50


def test_options_override_the_file() -> None:
    line = ["--width", "10", "--dim", "1e1", "--overlap", "full", "--method", "exact", "--json"]
    found = strict(run("tail", TALK, "--level", "1", *line).stdout)
    row = KNOWN[10, 10, "full"]
    assert abs(-found["logp"] - row.neg_log_p) <= found["error"] + row.error


def test_every_model_option_reaches_the_model() -> None:
    line = (
        "--width 7 --dim 4 --readout-variance 2 --weight-variance 0.5 --c 1.5 --target 1:1,3:0.1 --activation tanh"
        " --overlap concentrated --level 1 --json"
    )
    model = strict(run("plan", *line.split()).stdout)["model"]
    expected = ldt.AlignmentSum(7, 4, 2, 0.5, 1.5, {1: 1.0, 3: 0.1}, "tanh", "concentrated")
    assert model == expected.to_dict()


@pytest.mark.parametrize("level", ["1", "-1", "0", "1e-3"])
@pytest.mark.parametrize("extra", [[], ["--density"], ["--side", "lower"]])
def test_json_is_strict_everywhere(level: str, extra: list[str]) -> None:
    result = run("tail", *SMALL, "--level", level, *extra, "--json")
    assert result.exit_code in (0, 3), result.output
    found = strict(result.stdout)
    assert math.isfinite(found["logp"]) and found["error"] > 0.0


def test_a_failed_answer_is_null_and_exit_4() -> None:
    result = run("tail", TALK, "--level", "1", "--method", "montecarlo", "--samples", "1000", "--seed", "5", "--json")
    assert result.exit_code == 4
    found = strict(result.stdout)
    assert (found["logp"], found["status"], found["seed"]) == (None, "failed", 5)
    assert "failed" in result.stderr


def test_a_doubtful_answer_is_exit_3() -> None:
    line = ["--level", "0.1", "--method", "saddlepoint", "--form", "classical"]
    result = run("tail", TALK, *line, "--json")
    assert result.exit_code == 3
    assert strict(result.stdout)["status"] == "warning"
    text = run("tail", TALK, *line)
    assert text.exit_code == 3
    assert "warning" in text.stdout


def test_a_method_that_does_not_apply_is_exit_4() -> None:
    line = ["--level", "1", "--c", "raw", "--activation", "tanh", "--overlap", "full", "--method", "mpmath"]
    refused(run("tail", *SMALL, *line), "tanh", code=4)


def test_seed_repeats_and_cost_is_said_first() -> None:
    line = ["tail", *SMALL, "--level", "1", "--method", "importance", "--samples", "2000", "--seed", "11", "--json"]
    first, second = run(*line), run(*line)
    a, b = strict(first.stdout), strict(second.stdout)
    assert a["logp"] == b["logp"] and a["seed"] == 11 and a["error_kind"] == "stderr"
    assert "2000 samples of 5 neurons" in first.stderr
    assert run(*line, "-q").stderr == ""
    assert abs(-a["logp"] - KNOWN[5, 5, "concentrated"].neg_log_p) < 6 * a["error"]


def test_sampling_too_wide_a_network_is_refused_in_one_line() -> None:
    refused(run("tail", "--width", "1e12", "--dim", "10", "--level", "1", "--method", "montecarlo"), "1e+12")


# -- what people read --------------------------------------------------------------------------------------------------------


def test_text_says_everything() -> None:
    text = run("tail", TALK, "--level", "1").stdout
    for words in ("-log P(A >= 1)", "442.409210", "nats", "log10 P", "c = 1 (talk)", "specialised", "method", "exact", "status"):
        assert words in text


def test_mpmath_prints_the_digits_asked_for() -> None:
    line = "tail --width 2 --dim 2 --activation linear --target 1 --level 3 --method mpmath --dps 30"
    text = run(*line.split()).stdout
    assert "  6.693147180559945309417232121458 nats" in text  # 6 + log 2: the law is Laplace


def test_csv_reads_back_exactly() -> None:
    line = ["tail", *SMALL, "--level", "1", "--method", "exact"]
    (row,) = csv.DictReader(io.StringIO(run(*line, "--csv").stdout))
    assert float(row["logp"]) == strict(run(*line, "--json").stdout)["logp"]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert "--json" in result.stdout


def test_help_version_and_nothing() -> None:
    assert all(name in run("--help").stdout for name in COMMANDS)
    assert run("--version").stdout == f"ldt-rate {ldt.__version__}\n"
    result = run()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage" in result.stderr


# -- bad input ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("tail --width 0 --dim 5 --level 1", ("width", "0", "from 1")),
        ("tail --width 2.5 --dim 5 --level 1", ("width", "2.5", "integer")),
        ("tail --width many --dim 5 --level 1", ("width", "'many'", "integer")),
        ("tail --width 5 --dim 0 --level 1", ("dim", "0")),
        ("tail --width 5 --level 1", ("dim", "missing")),
        ("tail --level 1", ("width", "missing")),
        ("tail --width 5 --dim 5", ("--level",)),
        ("tail --width 5 --dim 5 --level nan", ("level", "nan", "finite")),
        ("tail --width 5 --dim 5 --level inf", ("level", "inf", "finite")),
        ("tail --width 5 --dim 5 --level -inf --method exact", ("level", "inf", "finite")),
        ("tail --width 5 --dim 5 --level high", ("level", "'high'", "finite")),
        ("tail --width 5 --dim 5 --level 1 --readout-variance -1", ("readout_variance", "-1", "positive")),
        ("tail --width 5 --dim 5 --level 1 --weight-variance nan", ("weight_variance", "nan", "positive")),
        ("tail --width 5 --dim 1 --overlap full --level 1", ("dim", "full", "2")),
        ("tail --width 5 --dim 5 --level 1 --overlap ful", ("overlap", "'ful'", "concentrated, full")),
        ("tail --width 5 --dim 5 --level 1 --c -2", ("c", "-2", "positive")),
        ("tail --width 5 --dim 5 --level 1 --c paper", ("c", "'paper'", "talk, raw, ratio, orthonormal")),
        ("tail --width 5 --dim 5 --level 1 --target 3:x", ("target", "'x'")),
        ("tail --width 5 --dim 5 --level 1 --target 3:1,3:2", ("target", "once")),
        ("tail --width 5 --dim 5 --level 1 --target 4", ("target", "no overlap")),
        ("tail --width 5 --dim 5 --level 1 --activation sigmoid", ("activation", "'sigmoid'", "erf, relu, tanh, linear")),
        ("tail --width 5 --dim 5 --level 1 --method magic", ("method", "'magic'", "importance")),
        ("tail --width 5 --dim 5 --level 1 --side left", ("side", "'left'", "upper")),
        ("tail --width 5 --dim 5 --level 1 --method mpmath --dps 2", ("dps", "2")),
        ("tail --width 5 --dim 5 --level 1 --method exact --dps 20", ("--dps", "exact")),
        ("tail --width 5 --dim 5 --level 1 --samples 20", ("--samples", "exact", "auto")),
        ("tail --width 5 --dim 5 --level 1 --method importance --samples few", ("samples", "'few'")),
        ("tail --width 5 --dim 5 --level 1 --method importance --seed -1", ("seed", "-1", "non-negative")),
        ("tail --width 5 --dim 5 --level 1 --method importance --target-error 0", ("target_error", "0")),
        ("tail --width 5 --dim 5 --level 1 --method importance --workers 0", ("workers", "0")),
        ("tail --width 5 --dim 5 --level 1 --target 31", ("target", "0 to 30")),
        ("tail --width 5 --dim 5 --level 1 --method saddlepoint --form new", ("form", "'new'", "sectors")),
        ("tail --width 5 --dim 5 --level 1 --json --csv", ("--json", "--csv")),
        ("tail --width 5 --dim 5 --level 1 --no-such", ("--no-such",)),
        ("tail no/such.toml --level 1", ("no/such.toml", "cannot be read")),
        ("tial", ("'tial'", "'tail'")),
        ("curve --width 5 --dim 5 --from 0 --to 1 --log", ("from", "greater than 0")),
        ("curve --width 5 --dim 5 --from a --to 1", ("from", "'a'")),
        ("curve --width 5 --dim 5 --from 0 --to 1 --points 0", ("points", "0")),
        ("curve --width 5 --dim 5 --from 0 --to 1 --plot x.gif", ("plot", "x.gif", ".png")),
        ("patterns --width 5 --dim 5 --level 0", ("level", "0")),
        ("sample --width 5 --dim 5 --level 1 --size 0", ("size", "0")),
        ("sample --width 5 --dim 5 --level 1 -o x.txt", ("x.txt", ".csv", ".npz")),
        ("plan --width 5 --dim 5 --level nan", ("level", "nan")),
    ],
)
def test_bad_input_is_one_line_and_exit_2(line: str, words: tuple[str, ...]) -> None:
    refused(run(*line.split()), *words)


def test_typo_in_a_model_file() -> None:
    done = outside("tail", "-", "--level", "1", input=Path(TALK).read_text().replace("width", "widht", 1))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "'widht'" in done.stderr and "'width'" in done.stderr


# -- files -------------------------------------------------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_output_file(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    result = run("tail", *SMALL, "--level", "1", "--method", "exact", "-o", str(path))
    assert (result.exit_code, result.stdout) == (0, "")
    assert strict(path.read_text())["method"] == "exact"  # the form is that of the name
    assert list(contents(tmp_path)) == ["answer.json"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_unwritable_output_is_known_before_anything_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("computed before the output was checked")

    monkeypatch.setattr(ldt, "tail", never)
    missing = str(tmp_path / "none" / "x.json")
    for path in (missing, str(tmp_path), ""):
        result = run("tail", *SMALL, "--level", "1", "--method", "exact", "-o", path)
        if path:
            refused(result, "-o", "cannot write")
    refused(run("curve", *SMALL, "--from", "1", "--to", "2", "--plot", missing.replace("json", "png")), "--plot", "cannot write")
    assert contents(tmp_path) == {}


def test_unwritable_existing_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text("old")
    path.chmod(0o444)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write anything")
    refused(run("tail", *SMALL, "--level", "1", "-o", str(path)), "cannot write")
    assert contents(tmp_path) == {"old.json": b"old"}


@pytest.mark.parametrize("error", [ldt.ConvergenceError("no answer"), KeyboardInterrupt()])
def test_what_fails_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(ldt, "tail", fail)
    path = tmp_path / "old.json"
    path.write_text("old")
    result = run("tail", *SMALL, "--level", "1", "--method", "exact", "-o", str(path))
    assert result.exit_code == (130 if isinstance(error, KeyboardInterrupt) else 4)
    assert contents(tmp_path) == {"old.json": b"old"}


def test_symbolic_link_is_kept(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    assert run("plan", *SMALL, "--level", "1", "-o", str(tmp_path / "link.json")).exit_code == 0
    assert (tmp_path / "link.json").is_symlink()
    assert strict((tmp_path / "real.json").read_text())["method"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk_is_one_line() -> None:
    line = ["plan", *SMALL, "--level", "1"]
    result = run(*line, "-o", "/dev/full")
    refused(result, "/dev/full", "No space")
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "ldt.cli.main", *line]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "stdout" in done.stderr and "Traceback" not in done.stderr


def test_reader_that_goes_away_ends_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    line = [sys.executable, "-m", "ldt.cli.main", "plan", *SMALL, "--level", "1"]
    done = subprocess.run(line, stdout=write, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


# -- the other commands ------------------------------------------------------------------------------------------------------


def test_curve() -> None:
    result = run("curve", CNN, "--from", "-1", "--to", "1", "--points", "5", "--json")
    assert result.exit_code == 0, result.output
    found = strict(result.stdout)["curve"]
    assert [row["level"] for row in found] == [-1.0, -0.5, 0.0, 0.5, 1.0]
    model = ldt.AlignmentSum.from_file(CNN)
    for row in found[3:]:
        known = float(linear_log_tail(model, row["level"]))
        assert abs(row["logp"] - known) <= row["error"] + 1e-13
        assert row["rate"] <= -known  # Chernoff
    for below, above in zip(found[:2], found[:2:-1], strict=True):  # P(A >= -x) = 1 - P(A >= x), and the density is even
        assert math.exp(below["logp"]) + math.exp(above["logp"]) == pytest.approx(1.0, abs=1e-13)
        assert below["log_density"] == pytest.approx(above["log_density"], abs=1e-10)
    rows = list(csv.DictReader(io.StringIO(run("curve", CNN, "--from", "-1", "--to", "1", "--points", "5", "--csv").stdout)))
    assert [float(r["logp"]) for r in rows] == [row["logp"] for row in found]


def test_curve_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "curve.png"
    result = run("curve", CNN, "--from", "0.1", "--to", "1", "--points", "3", "--log", "--plot", str(path))
    assert result.exit_code == 0, result.output
    assert path.read_bytes().startswith(b"\x89PNG")


def test_patterns() -> None:
    found = strict(run("patterns", TALK, "--level", "1", "--json").stdout)
    cost = {p["name"]: p["cost"] for p in found["patterns"]}
    assert found["winner"] == "specialization" == min(cost, key=lambda name: cost[name])
    assert cost["specialization"] == pytest.approx(9 * 50)  # 9 a sqrt(N d), M = 3 exactly
    assert found["exponents"]["exponents"] == {"gp": "3", "gfl": "3/2", "specialization": "1", "one neuron (d + N)": "1"}
    text = run("patterns", TALK, "--level", "1").stdout
    assert "winner" in text and "442.409" in text


def test_pattern_bounds_lie_above_the_exact_value() -> None:
    line = ["--level", "1", "--bounds", "--samples", "2000", "--seed", "1", "--json"]
    result = run("patterns", "--width", "20", "--dim", "20", *line)
    assert result.exit_code in (0, 3), result.output
    for bound in strict(result.stdout)["bounds"].values():
        assert bound["bound"] + 5 * bound["error"] > KNOWN[20, 20, "concentrated"].neg_log_p


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_sample(tmp_path: Path, suffix: str) -> None:
    import numpy as np

    path = tmp_path / f"draws{suffix}"
    result = run("sample", "--width", "8", "--dim", "5", "--level", "1", "--size", "6", "--seed", "2", "-o", str(path), "--json")
    assert result.exit_code == 0, result.output
    summary = strict(result.stdout)
    model = ldt.AlignmentSum(8, 5)
    if suffix == ".csv":
        table = np.loadtxt(path, delimiter=",", skiprows=1)
        assert path.read_text().startswith("draw,neuron,a,w,rho\n")
        a, w = table[:, 2].reshape(6, 8), table[:, 3].reshape(6, 8)
    else:
        with np.load(path) as file:
            a, w = file["a"], file["w"]
    total = np.sum(a * model.unit_overlap(w), axis=1)
    assert total.min() >= 1.0 - 1e-12
    assert total.min() == pytest.approx(summary["A_least"])
    assert sum(summary["specialised"].values()) == 6


def test_plan_lists_candidates() -> None:
    found = strict(run("plan", TALK, "--level", "1", "--json").stdout)
    assert found["method"] in {c["method"] for c in found["candidates"]}
    assert found["reason"]
    assert found["method"] in run("plan", TALK, "--level", "1").stdout


def test_doctor_passes_here(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("doctor", "--json")
    assert result.exit_code == 0, result.output
    found = strict(result.stdout)
    assert found["passed"] and len(found["checks"]) >= 6
    assert found["versions"]["ldt"] == ldt.__version__


def test_doctor_says_why_a_check_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*args: Any, **options: Any) -> Any:
        raise ldt.ConvergenceError("sums do not decay")

    monkeypatch.setattr(ldt, "tail", none)
    result = run("doctor")
    assert result.exit_code == 3
    assert "sums do not decay" in result.stdout


def test_doctor_sees_a_wrong_number(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ldt.tail

    def wrong(*args: Any, **options: Any) -> Any:
        from dataclasses import replace

        result = right(*args, **options)
        return replace(result, logp=result.logp + 1e-6) if options["method"] == "exact" else result

    monkeypatch.setattr(ldt, "tail", wrong)
    result = run("doctor")
    assert result.exit_code == 3
    assert "WRONG" in result.stdout
